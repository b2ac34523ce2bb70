"""Evidence is used again while nothing behind it changed, and never longer."""

from dataclasses import replace

import numpy as np
import pytest

from sdtheory.cli import main
from sdtheory.evidence import collecting
from sdtheory.evidence.cache import EvidenceCache, pieces
from sdtheory.evidence.formal import FOLDER, TIES
from sdtheory.evidence.tasks import Effort
from sdtheory.statements import STATEMENTS, Hypothesis, scaled_margin

IDS = ("prop-norm-bound", "prop-step")
EFFORT = Effort(0, 40, certify=False, mutants=False, budget=60, seconds=None)
LIMIT = 3.0


def collect(folder, statements=None, **changes):
    settings = {"instances": 40, "budget": 60} | changes
    return collecting.verify(statements or collecting.find(IDS), cache=folder, **settings)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    return folder, collect(folder)


@pytest.fixture
def examined(monkeypatch):
    """Ids of the statements whose evidence is collected."""
    found = []
    examine = collecting.examine

    def counted(reference, *rest):
        found.append(reference if isinstance(reference, str) else reference.id)
        return examine(reference, *rest)

    monkeypatch.setattr(collecting, "examine", counted)
    return found


def test_what_is_current_is_not_collected_again(kept, examined):
    folder, before = kept
    after = collect(folder)
    assert examined == []
    assert repr(after.rows) == repr(before.rows)
    assert after.circumstances["collected now"] == "0 of 2 statements"


def test_a_statement_that_is_not_kept_is_collected_alone(kept, examined):
    folder, before = kept
    file = folder / "prop-step.pickle"
    file.write_bytes(file.read_bytes()[:50])
    after = collect(folder)
    assert examined == ["prop-step"]
    assert repr(after.rows) == repr(before.rows)


@pytest.mark.parametrize("change", [{"seed": 1}, {"instances": 41}, {"budget": 61}])
def test_another_effort_is_collected(kept, examined, change, tmp_path):
    folder, _ = kept
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    collect(tmp_path, **change)
    assert examined == list(IDS)


def test_evidence_by_the_clock_is_not_kept(tmp_path, examined):
    for _ in range(2):
        collect(tmp_path, collecting.find(["prop-step"]), seconds=0.01)
    assert len(examined) == 2
    assert list(tmp_path.iterdir()) == []


def _helper(x):
    return np.abs(x)


def _margin(i):
    return _helper(i.r) - LIMIT


def _other(i):
    return _helper(i.r) + LIMIT


def test_a_key_sees_margin_hypotheses_kind_and_versions(monkeypatch):
    def key(statement, effort=EFFORT):
        return EvidenceCache(None, effort).key(statement)

    one = STATEMENTS["prop-step"]
    hypothesis = Hypothesis("h", "words", "plain", "nothing", _other)
    keys = [
        key(one),
        key(replace(one, margin=_margin)),
        key(replace(one, margin=_other)),
        key(replace(one, hypotheses=(hypothesis,))),
        key(replace(one, chapter="kkt")),
        key(one, replace(EFFORT, certify=True)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(replace(one, slogan="Other words.", tex="x")) == keys[0]
    monkeypatch.setattr("platform.python_version", lambda: "3.99")
    assert key(one) != keys[0]


def test_a_key_sees_what_coq_has_checked(monkeypatch, tmp_path):
    def keys():
        certifying = EvidenceCache(None, replace(EFFORT, certify=True))
        return [certifying.key(STATEMENTS[name]) for name in (tied, other)]

    tied, other = (next(n for n in STATEMENTS if (n in TIES) is wanted) for wanted in (True, False))
    before = keys()
    for file in FOLDER.glob("*"):
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr("sdtheory.evidence.cache.FOLDER", tmp_path)
    assert keys() == before
    with (tmp_path / "Sums.v").open("a") as proofs:
        proofs.write("(* another proof *)")
    after = keys()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_pieces_of_a_formula_reach_what_it_mentions():
    inner, outer = set(pieces(_helper)), set(pieces(_margin))
    assert inner < outer
    assert repr(LIMIT) in outer
    norm = STATEMENTS["prop-norm-bound"].margin
    assert set(pieces(scaled_margin)) < set(pieces(norm))


def test_the_command_keeps_evidence_where_it_is_told_to(tmp_path, capsys):
    command = ["verify", "prop-step", "--instances", "40", "--jobs", "1"]
    folder = ["--cache", str(tmp_path / "kept")]
    said = []
    for arguments in (command, [*command, *folder], [*command, *folder]):
        assert main(arguments) == 0
        said.append(capsys.readouterr().out)
    assert "Collected now" not in said[0]
    assert "Collected now: 1 of 1 statements." in said[1]
    assert "Collected now: 0 of 1 statements." in said[2]
    assert said[1].split("Collected")[0] == said[2].split("Collected")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cache", "{}/file"], "is a file"),
        (["--cache", "{}/none/here"], "there is no folder"),
        (["--cache", "{}/new", "--search", "1"], "cannot keep what --search finds"),
    ],
)
def test_a_cache_that_cannot_be_is_refused_before_the_work(tmp_path, capsys, arguments, message):
    (tmp_path / "file").touch()
    assert main(["verify", *(a.format(tmp_path) for a in arguments)]) == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
