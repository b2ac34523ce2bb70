"""Algebraic cores of proofs, one module for each chapter, and how much of a claim they cover."""

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
