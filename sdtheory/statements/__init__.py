"""The registry: every statement of the paper and of this book, declared once."""

from importlib import import_module

from sdtheory.statements.instance import Instance
from sdtheory.statements.statement import (
    Case,
    Counterexample,
    Hypothesis,
    Kind,
    Statement,
    scaled_margin,
)

#: One module each, in the order of the book.
CHAPTERS = (
    "problem",
    "kkt",
    "multiplier",
    "recursion",
    "rounds",
    "sparsification",
    "near_interpolation",
    "early_stopping",
    "outputs",
    "generalisation",
    "example",
    "exact_rounds",
    "lost_rounds",
    "sharper",
    "filters",
    "risk",
    "when_a_round_helps",
    "fixed_multiplier",
    "labels_kept",
    "fresh_labels",
)

#: All statements by id, in the order of the book.
STATEMENTS: dict[str, Statement] = {}
for _chapter in CHAPTERS:
    for _statement in import_module(f"sdtheory.statements.{_chapter}").STATEMENTS:
        if _statement.id in STATEMENTS:
            raise ValueError(f"statement id {_statement.id!r} is declared twice")
        STATEMENTS[_statement.id] = _statement

__all__ = [
    "CHAPTERS",
    "STATEMENTS",
    "Case",
    "Counterexample",
    "Hypothesis",
    "Instance",
    "Kind",
    "Statement",
    "scaled_margin",
]
