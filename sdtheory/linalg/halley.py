"""Bracketed roots of the secular equation, for the eigenbasis and for splines.

The method is Halley's, on 1/||w|| in mu = 1/c. The sign of ||w||^2 - rho^2 alone
maintains the bracket; a step that leaves it is replaced by the geometric middle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory.validation import Array

#: Which equations of a batch: a slice for all.
Rows = slice | NDArray[np.intp]

#: Evaluation budget for solvers with expensive evaluations.
MAX_EVALUATIONS = 100
#: A step goes at most this many times as far as Newton's; see `halley_step`.
FARTHEST = 32.0


class NoRootError(ArithmeticError):
    """The iteration did not settle; the secular equation is lost in rounding."""


def bracketed(
    evaluate: Callable[[Array, Rows], Sequence[ArrayLike]],
    mu: Array,
    *,
    near: float,
    most: int,
) -> tuple[Array, Array]:
    """Iterate until a step, or the bracket, is small against mu.

    Parameters
    ----------
    evaluate : callable
        Maps values of mu, and which of the equations they belong to, to the
        arguments of `halley_step`.
    mu : ndarray of shape (equations,)
        Where to start.
    near : float
        Largest relative step, or width of a bracket, at which an equation ends.
    most : int
        Evaluations to make at most.

    Returns
    -------
    mu : ndarray of shape (equations,)
        Where each equation was evaluated last.
    step : ndarray of shape (equations,)
        Relative step from there; larger than `near`, or NaN, where only the
        bracket is small or the evaluations were spent.
    """
    mu, step = mu.copy(), np.full_like(mu, np.nan)
    low, high = np.zeros_like(mu), np.full_like(mu, np.inf)
    active: Rows = slice(None)
    while True:
        most -= 1
        at = mu[active]
        e, *sums = evaluate(at, active)
        e = np.asarray(e, dtype=float)
        lo = low[active] = np.where(e > 0, at, low[active])
        hi = high[active] = np.where(e < 0, at, high[active])
        step[active] = halley_step(e, *sums)
        change = step[active]  # of the shape of mu, where `evaluate` returns numbers
        left = ~((np.abs(change) <= near) | (hi - lo <= near * at))
        if most == 0 or not left.any():
            return mu, step
        active = np.arange(len(mu))[active][left]
        at, lo, hi = at[left], lo[left], hi[left]
        following = at + at * change[left]
        outside = ~((following > lo) & (following < hi))
        following[outside] = middle(lo[outside], hi[outside])
        mu[active] = np.where(np.isfinite(following), following, at)


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
    """Return the geometric middle, or a point 16 times further where one end is open."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    bounded = np.where(np.isinf(high), 256 * low, high)
    return np.where(low > 0, np.sqrt(low) * np.sqrt(bounded), bounded / 16)
