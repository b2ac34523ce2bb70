"""The statement, declared once and used by tests, commands, the ledger and chapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
#: A part of a margin: words such as "lower", after the label of its equation
#: where the statement has several.
CaseName = str | tuple[str, str]

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
    plain : str
        The condition without TeX, for a terminal.
    needed_for : str
        What breaks without it.
    holds : callable
        Maps a batch to booleans that broadcast against the margin; to a
        mapping of them, by case, where they differ from case to case.
    uncontrolled : str
        Why no failure without it can be found, with a date; empty for a
        hypothesis whose control must find one.
    """

    id: str
    words: str
    plain: str
    needed_for: str
    holds: Callable[[Instance], Values]
    uncontrolled: str = ""


@dataclass(frozen=True)
class Case:
    """One named part of a statement's margin over a batch.

    Attributes
    ----------
    equation : str
        Label of the equation that it checks; empty where none is declared.
    words : str
        Its name; empty where the margin has one part only.
    margin : array of shape (m, ...)
        Scaled margins.
    applies : ndarray of bool, of the same shape
        Whether all hypotheses hold.
    """

    equation: str
    words: str
    margin: Values
    applies: NDArray[np.bool_]

    def place(self, index: tuple[int, ...], instance: Instance) -> str:
        """Return one entry of the margin in words; `index` is that after the batch."""
        rounds, n = instance.c.shape[-1], instance.n
        words = [self.words] if self.words else []
        for axis, (k, length) in enumerate(zip(index, self.margin.shape[1:], strict=True)):
            if length == 1:
                continue
            if axis == 0 and length == rounds:
                words.append(f"round {k}")
            elif length == n:
                words.append(f"eigenvalue {k}")
            else:
                words.append(f"eigenvalues {k}, {k + 1}" if length == n - 1 else f"place {k}")
        return ", ".join(words)


@dataclass(frozen=True)
class Counterexample:
    """An exact instance at which a refuted claim fails.

    Attributes
    ----------
    d : tuple of Fraction
        Eigenvalues of G.
    z : tuple of Fraction
        Labels in the eigenbasis.
    epsilon : Fraction
        Tolerance.
    rounds : int
        Rounds to run.
    words : str
        What goes wrong there, in a sentence.
    also_read : str
        Another reading under which the claim is true, in words and TeX.
    """

    d: tuple[Fraction, ...]
    z: tuple[Fraction, ...]
    epsilon: Fraction
    rounds: int
    words: str
    also_read: str = ""


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
        identity) where the statement holds. One array, or a mapping of case
        names to arrays. Written once, for floats and for arrays of balls:
        only arithmetic, powers, sqrt, exp, log, sums and products.
    kind : Kind
        Inequality or identity.
    hypotheses : tuple of Hypothesis
        All needed; each has a control.
    rests_on : tuple of str
        Ids of statements that its proof uses.
    equations : tuple of str
        Labels of the book's numbered equations that it checks. Where there
        are several, the margin's case names say which case checks which.
    strict : tuple of str
        Names of the cases whose inequality is strict.
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
    strict: tuple[str, ...] = ()
    attained: str = ""
    counterexample: Counterexample | None = None
    repaired_by: tuple[str, ...] = ()

    @property
    def claim(self) -> str:
        """The slogan and the formula, as tables of checks show them and links find them."""
        return f"{self.slogan} \\({self.tex}\\)"

    @property
    def refuted(self) -> bool:
        """Whether the claim is false as restated and kept for the errata."""
        return self.counterexample is not None

    def cases(self, instance: Instance) -> list[Case]:
        """Evaluate the margin and the hypotheses over a batch.

        Raises
        ------
        ValueError
            If an array has no axis for the batch, or holds truth values.
        """
        parts = self.margin(instance)
        named = parts if isinstance(parts, Mapping) else {"": parts}
        conditions = [hypothesis.holds(instance) for hypothesis in self.hypotheses]
        found = []
        for name, part in named.items():
            equation, words = name if isinstance(name, tuple) else (self._only_equation, name)
            margin = np.asarray(part)
            if margin.shape[:1] != (len(instance.d),) or margin.dtype == bool:
                raise ValueError(
                    f"the margin of {self.id!r} must be numbers with one row for each of "
                    f"{len(instance.d)} instances, but is {margin.dtype} of shape {margin.shape}"
                )
            applies = np.ones(margin.shape, dtype=bool)
            for condition in conditions:
                own = condition[name] if isinstance(condition, Mapping) else condition
                holds = np.asarray(own).astype(bool)
                applies &= holds.reshape(*holds.shape, *(1,) * (margin.ndim - holds.ndim))
            found.append(Case(equation, words, margin, applies))
        return found

    @property
    def _only_equation(self) -> str:
        return self.equations[0] if len(self.equations) == 1 else ""

    def lacking(self, instance: Instance) -> tuple[Hypothesis, ...]:
        """Return the hypotheses that hold in no case of a batch."""

        def anywhere(condition: Values) -> bool:
            parts = condition.values() if isinstance(condition, Mapping) else [condition]
            return any(bool(np.any(part)) for part in parts)

        return tuple(h for h in self.hypotheses if not anywhere(h.holds(instance)))


def scaled_margin(lhs: Values, rhs: Values) -> Values:
    """Return ``(rhs - lhs) / (|lhs| + |rhs|)``, the scaled margin of lhs <= rhs.

    Zero where both sides are zero. Its size is the tightness: 0 is equality,
    1 means that one side is negligible.
    """
    size = np.asarray(np.abs(lhs) + np.abs(rhs))
    zero = (size == 0).astype(bool)
    if not zero.any():
        return (rhs - lhs) / size
    return np.where(zero, 0.0, (rhs - lhs) / np.where(zero, 1.0, size))
