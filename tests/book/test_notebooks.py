"""A chapter's parameters, cell ids and place; the table of contents; the book's folder."""

import socket
from pathlib import Path

import nbformat
import pytest
from tiny_book import HEADER, chapter, write_book

from sdtheory.book.notebooks import (
    Chapter,
    ChapterFailedError,
    _ports,
    chapter_by_name,
    execute,
    find_book,
    list_chapters,
)
from sdtheory.validation import InvalidInputError


def one(folder: Path, text: str) -> Chapter:
    return chapter_by_name(write_book(folder, {"one": text}), "one")


def declaring(folder: Path, *lines: str) -> Chapter:
    source = "\n".join(lines)
    cell = f"```{{code-cell}} ipython3\n:tags: [parameters]\n\n{source}\n```\n"
    return one(folder, chapter("One", parameters=cell))


def test_parameters_have_name_default_type_and_comment(tmp_path):
    found = declaring(
        tmp_path,
        "epsilon = 0.045  # tolerance",
        "shift = -2",
        'words = "ε # no comment"  # étude',
        'long = ("one "',
        '        "two")  # joined',
        "quick = True",
    ).parameters()
    assert {name: (p.default, p.help) for name, p in found.items()} == {
        "epsilon": (0.045, "tolerance"),
        "shift": (-2, ""),
        "words": ("ε # no comment", "étude"),
        "long": ("one two", "joined"),
        "quick": (True, ""),
    }
    assert type(found["quick"].default) is bool


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "epsilon = 1 / 3",
        "epsilon = [0.1]",
        "epsilon = None",
        "epsilon: float = 0.1",
        "epsilon = delta = 0.1",
        "epsilon += 1",
        "'a remark'",
    ],
)
def test_a_parameters_cell_that_does_more_is_refused_with_the_line(tmp_path, line):
    with pytest.raises(InvalidInputError) as refused:
        declaring(tmp_path, "rounds = 3", line).parameters()
    assert line in str(refused.value).replace('"', "").replace("\\", "")
    assert "may only assign" in str(refused.value)


def test_a_parameters_cell_that_is_not_python_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"chapter 'one' is not Python: .*, line 2"):
        declaring(tmp_path, "rounds = 3", "epsilon = = 1").parameters()


@pytest.mark.parametrize("count", [0, 2])
def test_a_chapter_has_exactly_one_parameters_cell(tmp_path, count):
    cell = "```{code-cell} ipython3\n:tags: [parameters]\n\nepsilon = 1\n```\n\n"
    with pytest.raises(InvalidInputError, match=f"has {count} cells tagged 'parameters'"):
        one(tmp_path, chapter("One", parameters=cell * count)).parameters()


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return one(tmp_path_factory.mktemp("sound"), chapter("One", "print(epsilon)"))


def test_texts_become_values_of_the_defaults_types(sound):
    given = [("epsilon", "1"), ("rounds", "7"), ("kernel", "3"), ("quick", "False")]
    parsed = sound.parse(given)
    assert parsed == {"epsilon": 1.0, "rounds": 7, "kernel": "3", "quick": False}
    assert [type(value) for value in parsed.values()] == [float, int, str, bool]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("delta", "1")], r"'delta' is unknown in chapter 'one'\. Known: epsilon \(default 0.045"),
        ([("rounds", "3.5")], "'rounds' is '3.5', but must be of type int, like its default 3"),
        ([("epsilon", "small")], "'epsilon' is 'small', but must be of type float"),
        ([("quick", "yes")], "'quick' is 'yes', but must be of type bool"),
        ([("rounds", "3"), ("rounds", "3")], "'rounds' is given twice"),
    ],
)
def test_wrong_parameters_are_refused(sound, given, message):
    with pytest.raises(InvalidInputError, match=message):
        sound.parse(given)


def test_cell_ids_are_stable_and_do_not_depend_on_the_text(sound):
    ids = [cell.id for cell in sound.notebook().cells]
    assert ids == [cell.id for cell in sound.notebook().cells]
    assert ids == [f"one-{number:03d}" for number in range(len(ids))]


def test_a_cell_is_located_by_file_and_line(sound):
    line = sound.path.read_text(encoding="utf-8").splitlines().index("print(epsilon)") + 1
    assert sound.locate("print(epsilon)") == f"book/one.md, line {line}"
    assert sound.locate("print(delta)") == "book/one.md, line ?"


@pytest.mark.book
def test_parameters_given_to_a_run_replace_the_defaults(sound, tmp_path):
    target = tmp_path / "new" / "one.ipynb"
    execute(sound, target, {"epsilon": 0.5})
    notebook = nbformat.read(target, as_version=4)
    said = [output.text for cell in notebook.cells for output in cell.get("outputs", [])]
    assert said == ["0.5\n"]
    assert [path.name for path in target.parent.iterdir()] == ["one.ipynb"]


@pytest.mark.book
@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["raise SystemExit", "last = 1"], "this cell did not run"),
        (["import sys\nsys.exit(0)"], "this cell ended the chapter"),
        (["last = 1\nraise SystemExit"], "this cell ended the chapter"),
    ],
)
def test_a_chapter_that_leaves_early_has_not_passed(tmp_path, cells, reason):
    target = tmp_path / "runs" / "one.ipynb"
    target.parent.mkdir()
    target.write_text("an earlier result", encoding="utf-8")
    with pytest.raises(ChapterFailedError, match=reason) as left:
        execute(one(tmp_path, chapter("One", *cells)), target)
    assert not target.exists()
    assert left.value.notebook.exists()


def test_a_run_that_cannot_start_keeps_the_last_result(sound, tmp_path, monkeypatch):
    target = tmp_path / "one.ipynb"
    target.write_text("an earlier result", encoding="utf-8")

    def refuses(*_arguments, **_options):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr("papermill.execute_notebook", refuses)
    with pytest.raises(RuntimeError, match="Kernel died"):
        execute(sound, target)
    assert target.read_text(encoding="utf-8") == "an earlier result"
    assert [path.name for path in tmp_path.iterdir()] == ["one.ipynb"]


def test_the_order_of_chapters_is_that_of_the_table_of_contents_however_deep(tmp_path):
    pages = {name: f"# {name}\n" for name in ("a", "b", "c", "d")}
    root = write_book(tmp_path, pages)
    (root / "_toc.yml").write_text(
        "root: book/d\n"
        "parts:\n"
        "  - caption: One\n"
        "    chapters:\n"
        "      - file: book/b\n"
        "        sections:\n"
        "          - file: book/a\n"
        "      - url: elsewhere\n"
        "  - chapters:\n"
        "      - file: book/c\n",
        encoding="utf-8",
    )
    assert list(list_chapters(root)) == ["d", "b", "a", "c"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("root: book/none", "_toc.yml names 'book/none', but there is no file none.md"),
        ("root: [", "_toc.yml is not YAML"),
        ("", "_toc.yml names no page"),
        ("root: book/one\nchapters:\n  - file: book/one", "names two pages 'one'"),
    ],
)
def test_a_wrong_table_of_contents_is_refused(tmp_path, contents, message):
    root = write_book(tmp_path, {"one": "# One\n"})
    (root / "_toc.yml").write_text(contents, encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message):
        list_chapters(root)


def test_a_page_without_a_kernel_is_no_chapter_to_run(tmp_path):
    pages = {"words": "# Words\n", "one": HEADER.format(title="One")}
    root = write_book(tmp_path, pages)
    assert [c.executable for c in list_chapters(root).values()] == [False, True]
    with pytest.raises(InvalidInputError, match=r"'words' is unknown\. Choose one of: one\."):
        chapter_by_name(root, "words")


def test_the_book_is_found_from_a_folder_inside_it(tmp_path):
    root = write_book(tmp_path / "deep", {"one": "# One\n"})
    assert find_book(root / "book" / "assets") == root
    with pytest.raises(InvalidInputError, match=r"no book found: .*pass its folder with --book"):
        find_book(tmp_path)
    with pytest.raises(InvalidInputError, match="nowhere is not a folder"):
        find_book(root / "nowhere")


def test_no_two_kernels_are_given_the_same_ports(monkeypatch):
    first = list(_ports().values())
    second = list(_ports().values())
    assert not set(first) & set(second)
    monkeypatch.setattr("os.getpid", lambda: 4711)
    monkeypatch.setattr("sdtheory.book.notebooks._started", iter([0, 0]))
    free = _ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free["hb_port"]))
        assert not set(_ports().values()) & set(free.values())


@pytest.mark.book
def test_a_kernel_listens_where_it_was_told(tmp_path):
    ask = "import json\nfrom ipykernel.connect import get_connection_info\n"
    ask += 'print(json.loads(get_connection_info())["hb_port"])'
    target = tmp_path / "one.ipynb"
    execute(one(tmp_path / "book", chapter("One", ask)), target)
    said = [o.text for c in nbformat.read(target, as_version=4).cells for o in c.get("outputs", [])]
    assert 20_000 <= int(said[0]) < 32_000


@pytest.mark.book
def test_what_a_kernel_says_while_it_ends_is_not_for_the_reader(tmp_path, capfd):
    cell = "import atexit, os\natexit.register(os.write, 2, b'a race\\n')"
    execute(one(tmp_path / "book", chapter("One", cell)), tmp_path / "one.ipynb")
    assert "race" not in "".join(capfd.readouterr())


@pytest.mark.book
def test_the_last_words_of_a_kernel_that_dies_are_told(tmp_path):
    cell = "import os\nos.write(2, b'no memory left\\n')\nos._exit(1)"
    with pytest.raises(ChapterFailedError, match="It said last:\nno memory left"):
        execute(one(tmp_path / "book", chapter("One", cell)), tmp_path / "one.ipynb")
