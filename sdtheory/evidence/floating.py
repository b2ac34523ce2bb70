"""Margins of a statement over a batch, in floating point.

A negative float is never a verdict. Rounding explains it down to `threshold`.
Below, the instance is a *suspect*, which ball arithmetic judges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdtheory.statements import Case, Instance, Kind, Statement
from sdtheory.validation import Array


def threshold(instance: Instance) -> float:
    """Return the relative violation that rounding explains: 100 machine epsilon per term.

    A margin is scaled to at most 1. It has sums over n eigenvalues and products over
    T rounds. Each term is a few operations away from a multiplier that is right to a
    few ulps. The factor decides which margins are judged again, not which fail.
    """
    terms = max(instance.n, instance.c.shape[-1] / 5)
    return 100 * terms * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Measured:
    """A statement's margins over a batch.

    Attributes
    ----------
    margin : ndarray of shape (m, p)
        All entries of all cases; negative where violated, for an identity
        minus its magnitude.
    applies : ndarray of bool of the same shape
        Whether the hypotheses hold.
    threshold : float
        Violations up to it are rounding.
    cases : list of Case
        The same, by name.
    """

    margin: Array
    applies: NDArray[np.bool_]
    threshold: float
    cases: list[Case]

    @property
    def met(self) -> NDArray[np.bool_]:
        """Whether each instance has a case to which the statement applies, shape (m,)."""
        return np.any(self.applies, axis=1)

    @cached_property
    def undefined(self) -> NDArray[np.bool_]:
        """Whether each instance has an applicable case whose margin is not a finite number."""
        return np.any(self.applies & ~np.isfinite(self.margin), axis=1)

    @cached_property
    def worst(self) -> Array:
        """Smallest applicable margin of each instance, infinite where there is none, (m,)."""
        usable = np.where(self.applies & ~np.isnan(self.margin), self.margin, np.inf)
        return usable.min(axis=1, initial=np.inf)

    @property
    def tightest(self) -> float:
        """Smallest magnitude of an applicable margin."""
        values = np.abs(self.margin[self.applies])
        return float(np.nanmin(values, initial=np.inf)) if values.size else float("inf")

    @cached_property
    def suspects(self) -> NDArray[np.int_]:
        """Indices of instances with a margin below -threshold, worst first."""
        worst = self.worst
        found = np.flatnonzero(worst < -self.threshold)
        return found[np.argsort(worst[found], kind="stable")]

    def tightest_strict(self, statement: Statement) -> Array:
        """Smallest applicable margin of each instance among the strict cases, shape (m,)."""
        smallest = np.full(len(self.margin), np.inf)
        for case in self.cases:
            if case.words in statement.strict:
                values = np.where(case.applies, np.asarray(case.margin, dtype=float), np.inf)
                smallest = np.fmin(
                    smallest, values.reshape(len(smallest), -1).min(1, initial=np.inf)
                )
        return smallest

    def worst_round(self, index: int, instance: Instance) -> int | None:
        """Return the round of an instance's worst case; None where its case has no rounds."""
        rounds, lowest, found = instance.c.shape[-1], np.inf, None
        for case in self.cases:
            values = np.where(case.applies[index], np.asarray(case.margin[index], float), np.inf)
            if values.size and np.nanmin(values) < lowest:
                lowest = float(np.nanmin(values))
                at = np.unravel_index(int(np.nanargmin(values)), values.shape)
                found = int(at[0]) if at and values.shape[0] == rounds else None
        return found

    def place(self, index: int, instance: Instance) -> str:
        """Return the case that gives the worst margin of an instance, in words."""
        usable = np.where(self.applies[index], self.margin[index], np.inf)
        at = int(np.argmin(usable))
        for case in self.cases:
            shape = case.margin.shape[1:]
            size = math.prod(shape)
            if at < size:
                return case.place(tuple(int(k) for k in np.unravel_index(at, shape)), instance)
            at -= size
        return ""


def measure(statement: Statement, instance: Instance) -> Measured:
    """Evaluate a statement over a batch of floats."""
    with np.errstate(all="ignore"):
        cases = statement.cases(instance)
    margin = _rows([case.margin for case in cases], len(instance.d), float)
    applies = _rows([case.applies for case in cases], len(instance.d), bool)
    if statement.kind is Kind.IDENTITY:
        margin = 0.0 - np.abs(margin)  # no negative zero, which a table would show
    return Measured(margin, applies, threshold(instance), cases)


def _rows(parts: list[Any], m: int, kind: type) -> Any:
    """Return the entries of all cases side by side, shape (m, p)."""
    rows = [np.asarray(part, dtype=kind).reshape(m, -1) for part in parts]
    if len(rows) == 1:
        return rows[0]
    return np.concatenate(rows, axis=1) if rows else np.zeros((m, 0), dtype=kind)
