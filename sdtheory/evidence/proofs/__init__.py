"""Algebraic cores of proofs, by statement."""

from sdtheory.evidence.proofs import (
    early_stopping,
    exact_rounds,
    example,
    filters,
    fixed_multiplier,
    fresh_labels,
    generalisation,
    kkt,
    labels_kept,
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
from sdtheory.evidence.proofs.arguments import Proof, ProofFailedError

#: The cores of every statement that has one, by the statement's id.
PROOFS: dict[str, tuple[Proof, ...]] = {}
for _module in (
    problem,
    kkt,
    multiplier,
    recursion,
    rounds,
    sparsification,
    near_interpolation,
    early_stopping,
    sharper,
    exact_rounds,
    filters,
    risk,
    when_a_round_helps,
    fixed_multiplier,
    labels_kept,
    fresh_labels,
    outputs,
    generalisation,
    example,
):
    for _statement, _proofs in _module.PROOFS.items():
        if _statement in PROOFS:
            raise ValueError(f"statement {_statement!r} has its cores declared twice")
        PROOFS[_statement] = _proofs

__all__ = ["PROOFS", "Proof", "ProofFailedError"]
