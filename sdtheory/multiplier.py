r"""The secular equation: the multiplier c that makes the tolerance constraint active.

For eigenvalues d, rotated labels z = V y and rho^2 = n epsilon, solve

.. math:: \sum_k \Bigl(\frac{c\,z_k}{c + d_k}\Bigr)^2 = \rho^2, \qquad c > 0 .

The left side increases with c from ||P_0 y||^2 to ||y||^2, so that a root
exists, and is unique, exactly when ||P_0 y||^2 < rho^2 < ||y||^2. This is
Morozov's discrepancy principle and, in mu = 1/c, the trust-region secular
equation. The solver brackets the root by the *sign* of the residual alone; it
uses none of the bounds that this project verifies.

References
----------
Mobahi et al. (2020), the constrained problem; V. A. Morozov (1966);
J. J. More and D. C. Sorensen (1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory import double_double as dd
from sdtheory.double_double import DoubleDouble
from sdtheory.validation import Array, InvalidInputError, as_real_array

_BLOCK = 16384
_MAX_EVALUATIONS = 200
_MAX_CORRECTIONS = 12
_ULP = float(np.finfo(float).eps)
#: Relative to the largest eigenvalue, or to the labels' squared size; below it intermediate
#: results would leave the float range.
_SMALLEST = 2.0**-400
_LARGEST_TOLERANCE = 2.0**400


class Status(IntEnum):
    """What the secular equation has at the given data."""

    SOLVED = 0
    #: rho^2 >= ||y||^2: the zero function is admissible, lambda = 0, c = infinity
    TRIVIAL = 1
    #: rho^2 <= ||P_0 y||^2: no c > 0 exists (at equality a function is admissible, but no
    #: multiplier makes it the minimum: the constraint has no interior point)
    INFEASIBLE = 2


@dataclass(frozen=True)
class Multiplier:
    """Roots of a batch of secular equations.

    Attributes
    ----------
    c : ndarray of shape (...)
        The root; infinite where trivial, NaN where infeasible.
    status : ndarray of int of shape (...)
        Values of `Status`.
    r : ndarray of shape (...)
        ``||y|| / rho``.
    excess : ndarray of shape (...)
        ``r - 1``, without the cancellation of that subtraction.
    condition : ndarray of shape (...)
        Relative change of c per relative change of rho, i.e. how many digits
        of the data the root loses.
    evaluations : int
        Evaluations of the secular function that the slowest root took.
    """

    c: Array
    status: NDArray[np.int_]
    r: Array
    excess: Array
    condition: Array
    evaluations: int


def residual_energy(c: ArrayLike, d: Array, z: Array) -> Array:
    """Return sum_k (c z_k / (c + d_k))^2, the left side of the secular equation."""
    c = np.asarray(c, dtype=float)[..., None]
    w = z * (c / (c + d))
    return np.sum(w * w, axis=-1)


def solve(d: ArrayLike, z: ArrayLike, epsilon: ArrayLike, *, n: int | None = None) -> Multiplier:
    """Solve the secular equation to full double precision.

    The root is within a few ulps of the exact root *of the given floats*, at
    any condition number of G and at any r > 1: its last digits come from
    Newton corrections on a residual evaluated in double-double arithmetic.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Non-negative eigenvalues of G.
    z : array_like of shape (..., n)
        Rotated labels V y. For q outputs that share one tolerance pass the q
        blocks side by side, with d repeated, and give n.
    epsilon : array_like of shape (...)
        Tolerance on the mean squared residual, positive.
    n : int, optional
        Number of points in rho^2 = n epsilon; the last axis of z by default.

    Returns
    -------
    Multiplier

    Raises
    ------
    InvalidInputError
        If an argument is not finite, d or epsilon has a wrong sign, or the
        shapes do not broadcast.
    """
    d, z, epsilon = _checked(d, z, epsilon)
    points = z.shape[-1] if n is None else n
    batch = z.shape[:-1]
    d, z, epsilon = (a.reshape(-1, *a.shape[len(batch) :]) for a in (d, z, epsilon))

    reachable = d > 0
    d, d_exponent = _scaled(d)
    z, z_exponent = _scaled(z)
    with np.errstate(over="ignore"):
        # a larger tolerance is as trivial as this one
        tolerance = np.minimum(np.ldexp(epsilon, -2 * z_exponent), _LARGEST_TOLERANCE)
    _check_range(d, reachable, z, tolerance, epsilon)
    rho2 = dd.two_prod(np.full(len(z), float(points)), tolerance)

    energy = dd.total(dd.two_prod(z, z))
    unreachable = dd.total(dd.two_prod(*2 * (np.where(reachable, 0.0, z),)))
    excess = dd.add(energy, dd.negative(rho2))
    slack = dd.add(rho2, dd.negative(unreachable))

    status = np.full(len(z), Status.SOLVED, dtype=int)
    status[slack.high <= 0] = Status.INFEASIBLE
    status[excess.high <= 0] = Status.TRIVIAL
    solvable = status == Status.SOLVED

    c = np.where(status == Status.TRIVIAL, np.inf, np.nan)
    condition = np.full(len(z), np.nan)
    evaluations = 0
    indices = np.flatnonzero(solvable)
    # in blocks whose temporaries stay in the cache
    for block in np.array_split(indices, -(-indices.size * z.shape[-1] // _BLOCK) or 1):
        part = np.where(reachable[block], z[block], 0.0)
        root, used = _bracketed_newton(d[block], part, excess.high[block], slack.high[block])
        constant = DoubleDouble(-slack.high[block], -slack.low[block])
        root, steepness = _corrected(root, d[block], part, constant)
        c[block] = np.ldexp(root, d_exponent[block])
        condition[block] = rho2.high[block] / steepness
        evaluations = max(evaluations, used)
    r = np.ldexp(np.sqrt(energy.high / points) / np.sqrt(epsilon), z_exponent)
    return Multiplier(
        c=c.reshape(batch),
        status=status.reshape(batch),
        r=r.reshape(batch),
        excess=(excess.high / rho2.high / (1 + r)).reshape(batch),
        condition=condition.reshape(batch),
        evaluations=evaluations,
    )


def _checked(d: ArrayLike, z: ArrayLike, epsilon: ArrayLike) -> tuple[Array, Array, Array]:
    ndim = tuple(range(1, 9))
    d = as_real_array(d, "d", ndim=ndim)
    z = as_real_array(z, "z", ndim=ndim)
    epsilon = as_real_array(epsilon, "epsilon", ndim=(0, *ndim))
    if np.any(d < 0):
        raise InvalidInputError(
            f"d holds a negative eigenvalue ({d.min():.6g}). G must be positive semidefinite; "
            f"Spectrum.from_gram sets eigenvalues of the size of rounding to zero."
        )
    if np.any(epsilon <= 0):
        raise InvalidInputError(
            f"epsilon must be positive, but holds {epsilon.min():.6g}. It is the tolerance on "
            f"the mean squared residual."
        )
    try:
        shape = np.broadcast_shapes(d.shape, z.shape, (*epsilon.shape, 1))
    except ValueError:
        raise InvalidInputError(
            f"d {d.shape}, z {z.shape} and epsilon {epsilon.shape} do not fit together. "
            f"Pass d and z of shape (..., n) and epsilon of shape (...)."
        ) from None
    return (
        np.broadcast_to(d, shape).copy(),
        np.broadcast_to(z, shape).copy(),
        np.broadcast_to(epsilon, shape[:-1]).copy(),
    )


def _check_range(
    d: Array, reachable: NDArray[np.bool_], z: Array, tolerance: Array, epsilon: Array
) -> None:
    """Refuse what would underflow; d, z and tolerance are scaled."""
    if np.any((d < _SMALLEST) & reachable):
        raise InvalidInputError(
            f"d spans more than {-np.log10(_SMALLEST):.0f} decades: its smallest positive "
            f"eigenvalues would underflow against its largest. Set them to zero, as "
            f"Spectrum.from_gram does."
        )
    if np.any((tolerance < _SMALLEST) & np.any(z != 0, axis=-1)):
        raise InvalidInputError(
            f"epsilon ({epsilon.min():.6g}) is too small against the labels: below "
            f"{_SMALLEST:.0e} of their squared size floating point cannot hold the residual. "
            f"Choose a larger epsilon."
        )


def _scaled(a: Array) -> tuple[Array, NDArray[np.int_]]:
    """Scale rows into [-1, 1] by exact powers of two."""
    exponent = np.frexp(np.max(np.abs(a), axis=-1))[1]
    return np.ldexp(a, -exponent[:, None]), exponent


def _relative_excess(
    mu: Array, d: Array, z: Array, excess: Array, slack: Array
) -> tuple[Array, Array]:
    """Return S/slack - 1 and S1/S, where S(c) is the reachable residual energy.

    S1 = sum w^2 d/(c+d) is half of dS/dlog c. Where the target is more than
    half of the energy, S - slack is formed as excess - (energy - S), whose
    second term is a sum of positive terms: no digits are lost as r -> 1.
    """
    m = mu[:, None] * d
    shrinkage = m / (1 + m)
    w2 = (z / (1 + m)) ** 2
    s = np.sum(w2, axis=-1)
    s1 = np.sum(w2 * shrinkage, axis=-1)
    lost = np.sum(z * z * shrinkage * ((2 + m) / (1 + m)), axis=-1)
    relative = np.where(excess < slack, (excess - lost) / slack, s / slack - 1)
    return relative, s1 / s


def _bracketed_newton(d: Array, z: Array, excess: Array, slack: Array) -> tuple[Array, int]:
    """Return the roots c to working precision.

    Newton on 1/||w|| as a function of mu = 1/c, which is concave and
    increasing, so that it climbs to the root monotonically from below; Newton
    in log-log where the iterate lies above; bisection of the logarithm where
    either leaves the bracket.
    """
    energy = excess + slack
    mean = np.sum(z * z * d, axis=-1) / energy
    # the first step of that Newton iteration from mu = 0
    mu = excess / slack / (1 + np.sqrt(1 + excess / slack)) / mean
    low, high = np.zeros_like(mu), np.full_like(mu, np.inf)
    active = np.arange(len(mu))
    evaluations = 0
    while len(active) and evaluations < _MAX_EVALUATIONS:
        evaluations += 1
        at = mu[active]
        e, s = _relative_excess(at, d[active], z[active], excess[active], slack[active])
        low[active] = np.where(e > 0, at, low[active])
        high[active] = np.where(e < 0, at, high[active])
        lo, hi = low[active], high[active]
        gap = e / (1 + np.sqrt(np.maximum(1 + e, 0.0)))
        with np.errstate(over="ignore", under="ignore"):
            step = np.where(e > 0, at * (1 + gap / s), at * np.exp(0.5 * np.log1p(e) / s))
        outside = ~((step > lo) & (step < hi)) & (e != 0)
        step[outside] = _middle(lo[outside], hi[outside])
        done = (e == 0) | (np.abs(step - at) <= 4 * _ULP * at) | (hi - lo <= 4 * _ULP * at)
        mu[active] = np.where(done & outside, at, step)
        active = active[~done]
    return 1 / mu, evaluations


def _middle(low: Array, high: Array) -> Array:
    """Return a point strictly between, geometrically; 16 times further where one end is open."""
    bounded = np.where(np.isinf(high), 256 * low, high)
    return np.where(low > 0, np.sqrt(low) * np.sqrt(bounded), bounded / 16)


def _corrected(c: Array, d: Array, z: Array, constant: DoubleDouble) -> tuple[Array, Array]:
    """Return c after Newton corrections in log c, with S1 = dS/dlog c / 2.

    ``constant`` is the unreachable energy minus rho^2, exactly. Near the root
    the corrections converge quadratically; the last is below one ulp.
    """
    active = np.arange(len(c))
    steepness = np.empty_like(c)
    for _ in range(_MAX_CORRECTIONS):
        at = c[active][:, None]
        za, da = z[active], d[active]
        quotient = dd.divide(dd.two_prod(za, at + 0 * da), dd.two_sum(at + 0 * da, da))
        fixed = DoubleDouble(constant.high[active], constant.low[active])
        residual = dd.add(dd.total(dd.square(quotient)), fixed)
        w2 = quotient.high**2
        steepness[active] = np.sum(w2 * (da / (at + da)), axis=-1)
        delta = np.clip(-(residual.high + residual.low) / (2 * steepness[active]), -0.5, 0.5)
        c[active] += c[active] * delta
        active = active[np.abs(delta) > 0.5 * _ULP]
        if not len(active):
            return c, steepness
    raise ArithmeticError(
        f"the secular equation did not converge for {len(active)} of {len(c)} instances; "
        f"please report d, z and epsilon of the first: {d[active[0]]!r}, {z[active[0]]!r}."
    )
