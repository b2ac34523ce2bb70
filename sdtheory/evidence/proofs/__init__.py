"""Algebraic cores of proofs, one module for each chapter; what they cover, and what came of them.

SymPy and Z3 take seconds to load; here nothing needs them.
"""

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True)
class ProofResult:
    """Outcome of all cores of a statement.

    Attributes
    ----------
    statement : str
        Id of the statement.
    proved : bool
        Whether every core is proved and every control of every core caught.
    cores : int
        Number of cores.
    controls : int
        Number of controls: changed cores that had to fail.
    seconds : float
        Time taken.
    reason : str
        One sentence for a reader; names the first core that fails.
    extent : Extent
        How much of the claim the cores cover.
    """

    statement: str
    proved: bool
    cores: int
    controls: int
    seconds: float
    reason: str
    extent: Extent = Extent.STEP
