"""The book and the registry name the same statements, and every equation is bound to a check."""

import re
from pathlib import Path

import pytest

from sdtheory.statements import STATEMENTS

BOOK = Path(__file__).parent.parent.parent / "book"
NAMES = {statement.chapter for statement in STATEMENTS.values()}
CHAPTERS = sorted(path for path in BOOK.glob("*.md") if path.stem in NAMES)

ENVIRONMENT = re.compile(r"`{3,}\{prf:(?!ref)\w+\}[^\n]*\n:label: (\S+)")
EQUATION = re.compile(r"`{3,}\{math\}\n:label: (\S+)")
CODE = re.compile(r"```\{code-cell\} ipython3\n(.*?)```", re.DOTALL)

#: Numbered equations that define a symbol and so claim nothing.
DEFINITIONS = {"eq-regulariser", "eq-problem", "eq-lagrangian"}


def labels(path: Path) -> set[str]:
    return set(ENVIRONMENT.findall(path.read_text(encoding="utf-8")))


def declared(chapter: str) -> set[str]:
    return {s.id for s in STATEMENTS.values() if s.chapter == chapter}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_labels_of_a_chapter_are_the_ids_of_its_statements(path):
    assert labels(path) == declared(path.stem)


def test_every_statement_has_its_chapter():
    assert {s.chapter for s in STATEMENTS.values()} == {path.stem for path in CHAPTERS}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_numbered_equation_is_bound_to_a_check(path):
    text = path.read_text(encoding="utf-8")
    bound = {e for s in STATEMENTS.values() if s.chapter == path.stem for e in s.equations}
    bound |= set(re.findall(r'equation="(\S+)"', "".join(CODE.findall(text))))
    found = set(EQUATION.findall(text))
    assert found - bound - DEFINITIONS == set()
    assert bound <= found


def test_definitions_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in CHAPTERS)
    assert set(EQUATION.findall(text)) >= DEFINITIONS


def test_statements_rest_on_statements_without_a_circle():
    settled: set[str] = set()
    while len(settled) < len(STATEMENTS):
        ready = {s.id for s in STATEMENTS.values() if set(s.rests_on) <= settled} - settled
        assert ready, f"circle among {set(STATEMENTS) - settled}"
        settled |= ready
