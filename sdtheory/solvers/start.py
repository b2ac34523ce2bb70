"""What a solver starts from: labels and tolerance, scaled, and the ends that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import DoubleDouble
from sdtheory.multiplier import SMALLEST
from sdtheory.solvers.chain import ULP, Outcome, most_rounds
from sdtheory.validation import Array, InfeasibleToleranceError, InvalidInputError, as_rounds

#: Numbers that are squared at a time: temporaries stay in the cache.
_BLOCK = 1 << 13


@dataclass(frozen=True)
class Start:
    """Labels and tolerance, scaled by an exact power of two, and the ends that are known."""

    labels: Array  # (n, q)
    rho2: float
    exponent: int
    excess: float  # ||y||^2 - rho^2
    r: float
    limit: int

    @classmethod
    def checked(cls, y: Array, epsilon: float, rounds: int | None) -> Start:
        """Scale and check.

        Parameters
        ----------
        y : ndarray of shape (n,) or (n, q)
        epsilon : float
        rounds : int or None

        Raises
        ------
        InvalidInputError
            If rounds is no number of rounds, or must be given, or epsilon is
            too small against the labels.
        """
        limit = None if rounds is None else as_rounds(rounds)
        columns = y if y.ndim == 2 else y[:, None]
        exponent = int(np.frexp(np.max(np.abs(columns)))[1])
        columns = np.ldexp(columns, -exponent)
        # a larger tolerance is as trivial as the cap
        with np.errstate(over="ignore"):
            scaled = min(float(np.ldexp(epsilon, -2 * exponent)), 2.0**400)
        if np.any(y != 0) and scaled < SMALLEST:
            raise InvalidInputError(
                f"epsilon ({epsilon:.6g}) is too small against the labels (up to "
                f"{np.abs(y).max():.6g}): floating point cannot hold the residual. Choose a "
                f"larger epsilon."
            )
        rho2 = len(columns) * scaled
        excess = excess_of(columns, len(columns), scaled)
        r = float(np.sqrt(max(1 + excess / rho2, 0.0)))
        limit = most_rounds(r) if limit is None else limit
        return cls(columns, rho2, exponent, excess, r, limit)

    @property
    def epsilon(self) -> float:
        """Tolerance against the scaled labels."""
        return self.rho2 / len(self.labels)

    @property
    def near(self) -> bool:
        """Whether the labels are within rounding of the tolerance."""
        rounding = 2 * len(self.labels) * ULP * self.r * (1 + self.r)
        return abs(self.excess) <= rounding * self.rho2

    @property
    def outcome(self) -> Outcome | None:
        """How the chain ends before round 0, by the labels' size alone; None if it goes on."""
        if self.near:
            return Outcome.NEAR_COLLAPSE
        return Outcome.TRIVIAL if self.excess <= 0 else None

    def infeasible(self, energy: float) -> InfeasibleToleranceError:
        """Return the error for labels of which no fit reaches this energy."""
        smallest, epsilon = (
            float(np.ldexp(a / len(self.labels), 2 * self.exponent)) for a in (energy, self.rho2)
        )
        return InfeasibleToleranceError(epsilon, smallest)


def excess_of(y: Array, n: int, epsilon: float, weights: Array | None = None) -> float:
    """Return sum weights y^2 - n epsilon; without weights each is 1.

    The sum is taken in double-double arithmetic, by columns of N = y.size /
    8192 terms and then over these: its relative error is below (N + 20)^2 2^-106.
    """
    flat = y.ravel()
    counts = None if weights is None else np.broadcast_to(weights, y.shape).ravel()

    def squares(first: int, last: int) -> DoubleDouble:
        found = dd.square(flat[first:last])
        if counts is None:
            return found
        exact = counts[first:last]
        return dd.multiply(found, DoubleDouble(exact, np.zeros_like(exact)))

    whole = len(flat) // _BLOCK * _BLOCK
    high, low = squares(whole, len(flat))
    if whole:
        columns, errors = squares(0, _BLOCK)
        for first in range(_BLOCK, whole, _BLOCK):
            terms, rest = squares(first, first + _BLOCK)
            columns, lost = dd.two_sum(columns, terms)
            errors += lost + rest
        high, low = np.concatenate([columns, high]), np.concatenate([errors, low])
    energy = dd.total(DoubleDouble(high, low))
    rho2 = dd.two_prod(np.array(float(n)), np.array(epsilon))
    difference = dd.add(energy, dd.negative(rho2))
    return float(difference.high + difference.low)
