"""A manifest names every claim; a changed digit is found, and noise within the accuracy is not."""

import copy
import json

import matplotlib.pyplot as plt
import pytest
from tiny_book import CHECK, chapter, write_book

from sdtheory.book import manifest
from sdtheory.book.build import rerun
from sdtheory.book.display import drawn
from sdtheory.cli import main

pytestmark = pytest.mark.book

CELLS = (
    """\
import matplotlib.pyplot as plt
from sdtheory.book.display import figure, glue, table
fig, axes = plt.subplots()
axes.plot([0, 1], [0, epsilon])
axes.fill_between([0, 1], [0, 2], 3)
figure(fig, label="fig-line", caption="A line.", alt="A rising line.")""",
    'glue("slope", f"{epsilon:.3f}")',
    'import time\nglue("seconds", str(time.time()), varies="seconds")',
    'table(("Name", "Value"), [("slope", "0.25")], caption="A table")',
    CHECK.replace("expected=1.0", "expected=2.0"),
    "print('printed', 5)",
    "for word in ('in', 'pieces'):\n    print(word, flush=True)",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    root = write_book(folder / "book", {"one": chapter("One", *CELLS)})
    made = rerun(root, ["one"], folder / "runs", jobs=1)
    path = folder / "manifest.json"
    path.write_text(json.dumps(made))
    return root, path


@pytest.fixture
def made(place):
    return manifest.read(place[1])


def test_every_claim_is_named_with_its_cell(made):
    one = made["chapters"]["one"]
    assert one["parameters"]["rounds"] == 3
    assert "multiplier.py roots" in one["functions"]
    cells = {name: claim["cell"] for name, claim in one["claims"].items()}
    expected = {
        "figure fig-line": 2,
        "number slope": 3,
        "number seconds": 4,
        "table A table": 5,
        "check two is one": 6,
        "text stdout": 7,
    }
    assert expected.items() <= cells.items()
    assert one["claims"]["figure fig-line"]["series"]["axes 0, line 0, y"] == [0.0, 0.045]


def test_text_that_arrives_in_pieces_is_one_claim(place, made):
    entry = place[1].parent / "runs" / "cache" / "chapters" / "one.json"
    ran = json.loads(entry.read_text(encoding="utf-8"))["notebook"]["cells"]
    pieces = [cell.get("outputs") for cell in ran if "pieces" in cell["source"]]
    assert [output["text"] for output in pieces[0]] == ["in\n", "pieces\n"]
    claims = made["chapters"]["one"]["claims"]
    assert claims["text stdout (2)"]["text"] == "in\npieces\n"
    assert "text stdout (3)" not in claims


def _series(claims, change):
    values = claims["figure fig-line"]["series"]["axes 0, line 0, y"]
    values[1] += change


TAMPERED = {
    "number": lambda c: c["number slope"].update(text="0.046"),
    "table": lambda c: c["table A table"].update(text=c["table A table"]["text"][:-1] + "6"),
    "figure": lambda c: _series(c, 1e-5),
    "verdict": lambda c: c["check two is one"].update(verdict="FAILS"),
    "violation": lambda c: c["check two is one"].update(violation=1e-3),
    "allowed": lambda c: c["check two is one"].update(allowed=1e-3),
    "text": lambda c: c["text stdout"].update(text="printed 6\n"),
    "missing": lambda c: c.pop("number slope"),
    "new": lambda c: c.update(other=c["number slope"]),
    "mark": lambda c: c["number slope"].update(varies="a lie"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_one_changed_digit_is_found(made, name):
    other = copy.deepcopy(made)
    TAMPERED[name](other["chapters"]["one"]["claims"])
    assert len(list(manifest.compare(made, other))) == 1
    assert len(list(manifest.compare(other, made))) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda c: _series(c, 1e-9),
        lambda c: c["check two is one"].update(violation=1e-15),
        lambda c: c["number seconds"].update(text="1.0"),
    ],
    ids=["figure", "check", "varies"],
)
def test_what_lies_within_the_accuracy_agrees(made, change):
    other = copy.deepcopy(made)
    change(other["chapters"]["one"]["claims"])
    assert list(manifest.compare(made, other)) == []


def test_a_rebuild_elsewhere_agrees_and_a_tampered_manifest_does_not(place, made, tmp_path, capsys):
    root, path = place
    assert main(["reproduce", str(path), "--book", str(root)]) == 0
    assert "1 vary by nature, 0 differences." in capsys.readouterr().out
    TAMPERED["number"](made["chapters"]["one"]["claims"])
    other = tmp_path / "tampered.json"
    other.write_text(json.dumps(made))
    assert main(["reproduce", str(other), "--against", str(path)]) == 1
    said = capsys.readouterr().out
    assert "one: number slope: differs by 2.2e-02, relative; was '0.046', is '0.045'" in said


def test_what_is_not_a_manifest_is_refused(tmp_path, capsys):
    path = tmp_path / "other.json"
    path.write_text("[]")
    assert main(["reproduce", str(path), "--against", str(path)]) == 2
    assert "is not a manifest of format" in capsys.readouterr().err


def test_a_comparison_has_no_runs_to_keep(tmp_path, capsys):
    path = tmp_path / "any.json"
    assert main(["reproduce", str(path), "--against", str(path), "--output", str(tmp_path)]) == 2
    assert "runs nothing that --output could keep" in capsys.readouterr().err


def test_the_data_of_a_figure_are_read_from_its_axes():
    fig, axes = plt.subplots()
    axes.plot([1, 2], [3, float("nan")])
    axes.scatter([5], [6])
    axes.bar([0], [7])
    axes.imshow([[8, 9]])
    found = drawn(fig)
    plt.close(fig)
    assert found["axes 0, line 0, y"] == [3.0, None]
    assert found["axes 0, collection 0, places"] == [5.0, 6.0]
    assert 7.0 in found["axes 0, patch 0"]
    assert found["axes 0, image 0"] == [8.0, 9.0]
