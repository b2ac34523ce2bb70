"""Algebraic cores of proofs, by statement, and how much of the claim they cover."""

from enum import Enum

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
    lost_rounds,
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


class Extent(Enum):
    """How much of a claim its cores cover; existence and strictness are part of the claim."""

    #: all of it, given the statements that it rests on
    FULL = "full claim"
    #: its decisive steps; what is left to the page is said with each core
    STEP = "step"
    #: side calculations; the claim itself is proved on the page
    AUXILIARY = "auxiliary"


_FULL = {"lem-ratio", "lem-one-round-ratio", "lem-two-rounds", "prop-example-ends"}
_AUXILIARY = {
    "prop-collapse",
    "prop-active",
    "prop-dual-feasible",
    "thm-index-limit",
    "prop-early-stopping",
    "prop-length-bounds",
    "thm-length-falls",
    "thm-lost-rounds",
    "prop-quarter",
    "prop-longest-path",
    "prop-steepness",
    "thm-off-front",
    "thm-second-round-helps",
    "thm-rademacher",
    "thm-risk-bound",
}


def extent(statement: str) -> Extent:
    """Return how much of a statement its cores cover."""
    if statement in _FULL:
        return Extent.FULL
    return Extent.AUXILIARY if statement in _AUXILIARY else Extent.STEP


__all__ = ["PROOFS", "Extent", "Proof", "ProofFailedError", "extent"]
