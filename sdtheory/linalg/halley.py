"""Steps towards the root of a secular equation, shared by all solvers.

Halley's method on 1/||w|| in mu = 1/c, and the geometric middle where a step
leaves the bracket that the sign of ||w||^2 - rho^2 maintains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.validation import Array

#: Evaluations after which the iteration of a solver, to which each is dear, counts as lost.
MAX_EVALUATIONS = 100
#: A step goes at most this many times as far as Newton's; see `halley_step`.
FARTHEST = 32.0


class NoRootError(ArithmeticError):
    """The iteration did not settle; the secular equation is lost in rounding."""


def halley_step(e: ArrayLike, s: ArrayLike, s1: ArrayLike, s2: ArrayLike) -> Array:
    """Return the relative change of mu = 1/c by Halley's method for 1/||w||.

    That is a concave and increasing function of mu, linear where all
    eigenvalues are equal. Newton's step on it,
    ``(1 - 1/sqrt(1 + e)) sqrt(1 + e) S/S1``, stays below the root, often far
    below; Halley's has another denominator, which may vanish.

    Parameters
    ----------
    e : array_like of shape (...)
        ``S / target - 1``, with the residual energy S = ||w||^2 that is to meet
        a target.
    s, s1, s2 : array_like of shape (...)
        S, and the sums over w^2 of the first two powers of d/(c+d), all in
        units of the target or none.

    Returns
    -------
    ndarray of shape (...)
        -inf or NaN, which are in no bracket, where the residual has vanished.
    """
    e, s, s1, s2 = (np.asarray(a, dtype=float) for a in (e, s, s1, s2))
    with np.errstate(all="ignore"):
        newton = (1 + np.sqrt(np.where(e > -1, 1 + e, 0.0))) * s1 * s1
        halley, least = newton + 1.5 * e * (s1 * s1 - s * s2), newton / FARTHEST
        return np.where(s > 0, e * s * s1, -np.inf) / np.where(halley > least, halley, least)


def middle(low: ArrayLike, high: ArrayLike) -> Array:
    """Return a point strictly between, geometrically; 16 times further where one end is open."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    bounded = np.where(np.isinf(high), 256 * low, high)
    return np.where(low > 0, np.sqrt(low) * np.sqrt(bounded), bounded / 16)
