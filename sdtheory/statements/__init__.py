"""The registry: every statement of the paper and of this book, declared once."""

from sdtheory.statements import (
    early_stopping,
    exact_rounds,
    example,
    filters,
    fixed_multiplier,
    fresh_labels,
    generalisation,
    kkt,
    labels_kept,
    lost_rounds,
    multiplier,
    near_interpolation,
    outputs,
    problem,
    recursion,
    risk,
    rounds,
    sharper,
    sparsification,
    when_a_round_helps,
)
from sdtheory.statements.instance import Instance
from sdtheory.statements.statement import (
    Case,
    Counterexample,
    Hypothesis,
    Kind,
    Statement,
    scaled_margin,
)

#: All statements by id, in the order of the book.
STATEMENTS: dict[str, Statement] = {}
for _module in (
    problem,
    kkt,
    multiplier,
    recursion,
    rounds,
    sparsification,
    near_interpolation,
    early_stopping,
    outputs,
    generalisation,
    example,
    exact_rounds,
    lost_rounds,
    sharper,
    filters,
    risk,
    when_a_round_helps,
    fixed_multiplier,
    labels_kept,
    fresh_labels,
):
    for _statement in _module.STATEMENTS:
        if _statement.id in STATEMENTS:
            raise ValueError(f"statement id {_statement.id!r} is declared twice")
        STATEMENTS[_statement.id] = _statement

__all__ = [
    "STATEMENTS",
    "Case",
    "Counterexample",
    "Hypothesis",
    "Instance",
    "Kind",
    "Statement",
    "scaled_margin",
]
