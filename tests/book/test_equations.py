"""The book and the registry name the same statements, and every equation is bound to a check."""

from pathlib import Path

import numpy as np
import pytest

from sdtheory.book.ledger import DEFINITIONS
from sdtheory.book.markup import Numbered, checked_equations, numbered
from sdtheory.evidence.families import Chunk
from sdtheory.statements import STATEMENTS

BOOK = Path(__file__).parent.parent.parent / "book"
NAMES = {statement.chapter for statement in STATEMENTS.values()}
CHAPTERS = sorted(path for path in BOOK.glob("*.md") if path.stem in NAMES)


def found(path: Path) -> list[Numbered]:
    return numbered(path.read_text(encoding="utf-8"))


def labels(path: Path, *, equations: bool = False) -> set[str]:
    return {item.label for item in found(path) if item.is_equation == equations}


def declared(chapter: str) -> set[str]:
    return {s.id for s in STATEMENTS.values() if s.chapter == chapter}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_labels_of_a_chapter_are_the_ids_of_its_statements(path):
    assert labels(path) == declared(path.stem)


def test_every_statement_has_its_chapter():
    assert {s.chapter for s in STATEMENTS.values()} == {path.stem for path in CHAPTERS}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_numbered_equation_is_bound_to_a_check(path):
    bound = {e for s in STATEMENTS.values() if s.chapter == path.stem for e in s.equations}
    bound |= checked_equations(path.read_text(encoding="utf-8"))
    equations = labels(path, equations=True)
    assert equations - bound - DEFINITIONS == set()
    assert bound <= equations


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.md")), ids=lambda path: path.stem)
def test_nothing_numbered_lacks_a_label(path):
    assert [item for item in found(path) if not item.label] == []


def test_definitions_exist():
    assert set().union(*(labels(path, equations=True) for path in CHAPTERS)) >= DEFINITIONS


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=lambda s: s.id)
def test_every_declared_equation_has_a_case_that_is_about_it(statement):
    instance = Chunk(0, 0, 40).draw()
    with np.errstate(all="ignore"):
        about = {case.equation for case in statement.cases(instance)}
    assert about == set(statement.equations)


def test_statements_rest_on_statements_without_a_circle():
    settled: set[str] = set()
    while len(settled) < len(STATEMENTS):
        ready = {s.id for s in STATEMENTS.values() if set(s.rests_on) <= settled} - settled
        assert ready, f"circle among {set(STATEMENTS) - settled}"
        settled |= ready
