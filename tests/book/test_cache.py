"""A chapter runs again exactly when something that it depended on changed."""

import json
import shutil
import subprocess
import sys

import nbformat
import pytest
from tiny_book import REPOSITORY, chapter, write_book

from sdtheory.book.cache import Surroundings
from sdtheory.evidence import fingerprint

PAGES = {
    "formula": chapter(
        "Formula",
        "from sdtheory.formulas.bounds import path_length_factor\nprint(path_length_factor(4.0))",
        text="Some words.",
    ),
    "kernel": chapter(
        "Kernel",
        "import sdtheory.formulas.bounds\nfrom sdtheory import BrownianBridge, gram\n"
        "print(gram(BrownianBridge(), [0.2, 0.5]))",
    ),
    "data": chapter("Data", "from pathlib import Path\nprint(Path('data.txt').read_text())"),
    "parallel": chapter(
        "Parallel",
        "from functools import partial\nfrom math import sqrt\n"
        "from sdtheory.linalg.scheduling import run\n"
        "print(list(run([partial(sqrt, 4.0), partial(sqrt, 9.0)], jobs=2)))",
    ),
}
#: Runs the chapters that changed, and says which; makes no pages.
SCRIPT = """
import sys
from pathlib import Path
from sdtheory.book.build import Run, run_chapters
from sdtheory.book.cache import Surroundings
from sdtheory.book.notebooks import list_chapters
import nbformat
if __name__ == "__main__":
    root, output = map(Path, sys.argv[1:])
    run = Run(output / "notebooks", output / "cache")
    chapters = list(list_chapters(root).values())
    run_chapters(chapters, run, Surroundings(root))
    (output / "merged").mkdir(exist_ok=True)
    for chapter in chapters:
        nbformat.write(run.cache.notebook(chapter), output / "merged" / f"{chapter.name}.ipynb")
"""


class Place:
    """A book and a library of its own, both to be edited."""

    def __init__(self, folder):
        self.root = write_book(folder / "book", PAGES)
        (self.root / "book" / "data.txt").write_text("1")
        shutil.copytree(
            REPOSITORY / "sdtheory",
            folder / "sdtheory",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        self.folder, self.output = folder, folder / "output"
        (folder / "script.py").write_text(SCRIPT)

    def run(self, output=None):
        """Return the names of the chapters that ran."""
        done = subprocess.run(
            [sys.executable, "-m", "script", str(self.root), str(output or self.output)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
        assert {line[0] for line in lines} == set(PAGES)
        return {line[0] for line in lines if line[1] != "unchanged"}

    def edit(self, path, old, new):
        path = self.folder / path
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    def notebooks(self, output):
        return {p.name: p.read_bytes() for p in (output / "merged").iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("place"))
    assert place.run() == set(PAGES)
    return place


@pytest.mark.book
def test_exactly_the_chapters_run_again_whose_dependencies_changed(place):
    bounds = "sdtheory/formulas/bounds.py"
    place.edit(bounds, '"""Closed-form bounds', '"""Bounds in closed form')
    place.edit("book/book/formula.md", "Some words.", "Other words.")
    assert place.run() == set()

    text = (place.folder / bounds).read_text()
    body = text[text.index("def path_length_factor") :]
    returned = next(line for line in body.splitlines() if line.strip().startswith("return "))
    place.edit(bounds, returned, returned.replace("return ", "return 3.0 + "))
    (place.root / "book" / "data.txt").write_text("2")
    # what other processes execute is not recorded: that chapter depends on the whole library
    assert place.run() == {"formula", "data", "parallel"}

    place.edit("book/book/data.md", "print(Path", "print('x', Path")
    entries = place.output / "cache" / "chapters"
    broken = entries / "kernel.json"
    broken.write_text(broken.read_text()[:100])
    older = entries / "formula.json"
    older.write_text(older.read_text().replace('"package numpy": "', '"package numpy": "older '))
    assert place.run() == {"kernel", "data", "formula"}

    other = place.folder / "fresh"
    assert place.run(other) == set(PAGES)
    assert place.notebooks(other) == place.notebooks(place.output)
    formula = nbformat.read(other / "merged" / "formula.ipynb", as_version=4)
    assert "Other words." in formula.cells[-1].source


def test_what_python_compiled_is_no_dependency(tmp_path):
    root = write_book(tmp_path, {"one": chapter("One")})
    compiled = root / "book" / "__pycache__"
    compiled.mkdir()
    record = {"processes": False, "modules": [], "lines": {}, "files": [], "packages": []}
    folders = (root, root / "__pycache__", root / "book", compiled)
    folders[1].mkdir()
    record["folders"] = [str(folder) for folder in folders]
    found = Surroundings(root).dependencies(record)
    assert found.keys() == {"pipeline", "folder book"}
    compiled.rmdir()
    assert Surroundings(root).value("folder book") == found["folder book"]
    (root / "book" / "more.txt").touch()
    assert Surroundings(root).value("folder book") != found["folder book"]


MODULE = '''
"""Words."""
import numba
LIMIT = 3


def plain(x: int = LIMIT) -> int:
    """Words."""
    return x + 1


def other(x):
    return x


class Thing:
    """Words."""

    size: int = 2

    @property
    def half(self):
        return self.size / 2


@numba.njit
def compiled(x):
    return x + 1
'''


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('"""Words."""', '"""Other words."""', set()),
        ("return x + 1\n\n\ndef", "return x + 1  # a remark\n\n\ndef", set()),
        ("-> int", "-> float", set()),
        ("return x + 1\n\n\ndef", "return x + 2\n\n\ndef", {"plain"}),
        ("LIMIT) ->", "LIMIT + 1) ->", {"plain"}),
        ("size / 2", "size / 3", {"Thing.half"}),
        ("LIMIT = 3", "LIMIT = 4", {"frame"}),
        ("size: int = 2", "size: int = 3", {"frame"}),
        ("    @property\n", "", {"frame", "Thing.half"}),
        # no tracer sees what a compiler makes of a body
        ("return x + 1\n$", "return x + 2\n", {"frame", "compiled"}),
        ("def other(x):\n    return x\n", "", {"other"}),
        ("def other(x):", "def sum(x):", {"frame", "other", "sum"}),
    ],
)
def test_pieces_of_code_that_change(old, new, changed):
    text = MODULE
    if old.endswith("$"):
        head, _, tail = text.rpartition(old[:-1])
        after = head + new + tail
    else:
        assert old in text
        after = text.replace(old, new)
    a, b = fingerprint.parse(text), fingerprint.parse(after)
    names = set(a.functions) | set(b.functions)
    found = {name for name in names if a.functions.get(name) != b.functions.get(name)}
    assert found | ({"frame"} if a.frame != b.frame else set()) == changed
    assert (a.whole != b.whole) == bool(changed)


def test_every_version_of_python_finds_the_same_fingerprint():
    # as 3.11 and 3.13 found it; else a manifest from another Python differs in every function
    assert fingerprint.parse(MODULE).whole == "aa814c55bd358bf92ce8ff37"


def test_lines_of_a_body_tell_the_function(tmp_path):
    code = fingerprint.parse(MODULE)
    line = MODULE.splitlines().index("        return self.size / 2") + 1
    assert code.executed([line]) == ["Thing.half"]
    # an import executes the line of a definition, and nothing of its body
    assert code.executed([MODULE.splitlines().index("def other(x):") + 1]) == []


@pytest.mark.book
def test_a_cache_entry_is_one_file(place):
    for name in PAGES:
        entry = json.loads((place.output / "cache" / "chapters" / f"{name}.json").read_text())
        assert set(entry) == {"cells", "dependencies", "notebook"}
