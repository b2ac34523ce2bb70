"""Margins of a statement over a batch, in floating point.

A negative float is never a verdict. Down to `threshold` it is what rounding
explains; below it the instance is a *suspect*, to be judged in ball
arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdtheory.statements import Instance, Kind, Statement
from sdtheory.validation import Array


def threshold(instance: Instance) -> float:
    """Return the relative violation that rounding explains: 100 n machine epsilon.

    A margin is scaled to at most 1 and made of sums over n terms, each a few
    operations away from a multiplier that is right to a few ulps. The factor
    only decides what is looked at twice, not what fails.
    """
    return 100 * instance.n * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Measured:
    """A statement's margins over a batch.

    Attributes
    ----------
    margin : ndarray of shape (m, ...)
        Negative where violated; for an identity minus its magnitude.
    applies : ndarray of bool of the same shape
        Whether the hypotheses hold.
    threshold : float
        Violations up to it are rounding.
    """

    margin: Array
    applies: NDArray[np.bool_]
    threshold: float

    @property
    def met(self) -> NDArray[np.bool_]:
        """Whether each instance has a case to which the statement applies, shape (m,)."""
        return np.any(self._per_instance(self.applies), axis=1)

    @property
    def undefined(self) -> NDArray[np.bool_]:
        """Whether each instance has an applicable case whose margin is not a number."""
        return np.any(self._per_instance(self.applies & np.isnan(self.margin)), axis=1)

    @property
    def worst(self) -> Array:
        """Smallest applicable margin of each instance, infinite where there is none, (m,)."""
        usable = np.where(self.applies & ~np.isnan(self.margin), self.margin, np.inf)
        return self._per_instance(usable).min(axis=1, initial=np.inf)

    @property
    def tightest(self) -> float:
        """Smallest magnitude of an applicable margin."""
        values = np.abs(self.margin[self.applies])
        return float(np.nanmin(values, initial=np.inf)) if values.size else float("inf")

    @property
    def suspects(self) -> NDArray[np.int_]:
        """Indices of instances with a margin below -threshold, worst first."""
        worst = self.worst
        found = np.flatnonzero(worst < -self.threshold)
        return found[np.argsort(worst[found], kind="stable")]

    def _per_instance(self, values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(len(values), math.prod(values.shape[1:]))


def measure(statement: Statement, instance: Instance) -> Measured:
    """Evaluate a statement over a batch of floats.

    Parameters
    ----------
    statement : Statement
        The statement.
    instance : Instance
        The batch.

    Returns
    -------
    Measured
    """
    with np.errstate(all="ignore"):
        margin = np.asarray(statement.margin(instance), dtype=float)
        applies = statement.applies(instance, margin)
    if statement.kind is Kind.IDENTITY:
        margin = 0.0 - np.abs(margin)  # no negative zero, which a table would show
    return Measured(margin, applies, threshold(instance))
