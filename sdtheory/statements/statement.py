"""What a statement is: declared once, read by tests, the command line, the ledger and chapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdtheory.statements.instance import Instance

#: Values for a batch of instances: leading axis the batch, further axes the
#: cases of the statement (rounds, eigenvalues), in floats or in balls.
Values = Any

THIS_BOOK = "this book"


class Kind(Enum):
    """What the margin measures."""

    #: ``(rhs - lhs) / (|lhs| + |rhs|)``, to be non-negative
    INEQUALITY = "inequality"
    #: ``(rhs - lhs) / (|lhs| + |rhs|)``, to be zero
    IDENTITY = "identity"


@dataclass(frozen=True)
class Hypothesis:
    """A named predicate on instances.

    Attributes
    ----------
    id : str
        Short name, unique within its statement.
    words : str
        The condition, in words and TeX.
    needed_for : str
        What breaks without it.
    holds : callable
        Maps a batch to booleans that broadcast against the margin.
    """

    id: str
    words: str
    needed_for: str
    holds: Callable[[Instance], Values]


@dataclass(frozen=True)
class Counterexample:
    """An exact instance at which a refuted claim fails.

    Attributes
    ----------
    d : tuple of Fraction
        Eigenvalues of G.
    z : tuple of Fraction
        Rotated labels.
    epsilon : Fraction
        Tolerance.
    rounds : int
        Rounds to run.
    words : str
        What goes wrong there, in a sentence.
    """

    d: tuple[Fraction, ...]
    z: tuple[Fraction, ...]
    epsilon: Fraction
    rounds: int
    words: str


@dataclass(frozen=True)
class Statement:
    """One claim of the paper or of this book.

    Attributes
    ----------
    id : str
        Also the label of its environment in the book; never a number.
    chapter : str
        Chapter that proves it.
    slogan : str
        The claim in words.
    tex : str
        The formal statement.
    source : str
        Where it is from: a place in the paper, or "this book".
    margin : callable
        Maps a batch to scaled ``rhs - lhs``; non-negative (or zero, for an
        identity) where the statement holds. Written once, for floats and for
        arrays of balls: only arithmetic, powers, sqrt, exp, log, sums and
        products.
    kind : Kind
        Inequality or identity.
    hypotheses : tuple of Hypothesis
        All needed; each has a control.
    rests_on : tuple of str
        Ids of statements that its proof uses.
    equations : tuple of str
        Labels of the book's numbered equations that it checks.
    attained : str
        Where an inequality becomes an equality, in words and TeX; empty
        where that is unknown or never happens.
    counterexample : Counterexample or None
        For a claim that is *false* as restated: where it fails. Its evidence
        is a certified failure there, and `repaired_by` says what holds.
    repaired_by : tuple of str
        Ids of the statements that take a refuted claim's place.
    """

    id: str
    chapter: str
    slogan: str
    tex: str
    source: str
    margin: Callable[[Instance], Values]
    kind: Kind = Kind.INEQUALITY
    hypotheses: tuple[Hypothesis, ...] = ()
    rests_on: tuple[str, ...] = ()
    equations: tuple[str, ...] = ()
    attained: str = ""
    counterexample: Counterexample | None = None
    repaired_by: tuple[str, ...] = ()

    @property
    def refuted(self) -> bool:
        """Whether the claim is false as restated and kept for the errata."""
        return self.counterexample is not None

    def applies(self, instance: Instance, margin: Values) -> NDArray[np.bool_]:
        """Return, for each case of the margin, whether all hypotheses hold."""
        applies = np.ones(margin.shape, dtype=bool)
        for hypothesis in self.hypotheses:
            holds = np.asarray(hypothesis.holds(instance)).astype(bool)
            applies &= holds.reshape(*holds.shape, *(1,) * (margin.ndim - holds.ndim))
        return applies


def slack(lhs: Values, rhs: Values) -> Values:
    """Return ``(rhs - lhs) / (|lhs| + |rhs|)``, the scaled margin of lhs <= rhs.

    Zero where both sides are zero. Its size is the tightness: 0 is equality,
    1 means that one side is negligible.
    """
    size = np.asarray(np.abs(lhs) + np.abs(rhs))
    zero = (size == 0).astype(bool)
    return np.where(zero, 0.0, (rhs - lhs) / np.where(zero, 1.0, size))
