r"""The secular equation: the multiplier c that makes the tolerance constraint active.

For eigenvalues d, rotated labels z = V y and rho^2 = n epsilon, solve

.. math:: \sum_k \Bigl(\frac{c\,z_k}{c + d_k}\Bigr)^2 = \rho^2, \qquad c > 0 .

The left side increases with c from ||P_0 y||^2 to ||y||^2, so that a root
exists, and is unique, exactly when ||P_0 y||^2 < rho^2 < ||y||^2. This is
Morozov's discrepancy principle and, in mu = 1/c, the trust-region secular
equation. The solver brackets the root by the *sign* of the residual alone; it
uses none of the bounds that this project verifies.

Three precisions work together. Newton's method in double precision comes near
the root; a Newton correction on a residual in double-double arithmetic fixes
the last digits; and the few instances that double-double cannot decide (r - 1
of the size of rounding, or a plateau between eigenvalues very far apart) are
settled one by one in exact rational or 800-digit arithmetic.

The first two use correctly rounded operations only, sums in an order of their
own: the bits of a root depend neither on the mathematical library nor on the
processor, and `sdtheory.compiled` finds the same.

References
----------
Mobahi et al. (2020), the constrained problem; V. A. Morozov (1966);
J. J. More and D. C. Sorensen (1983).
"""

from __future__ import annotations

import decimal
import math
import struct
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory import double_double as dd
from sdtheory.double_double import DoubleDouble
from sdtheory.validation import Array, InvalidInputError, as_real_array

#: Entries per block, so that its temporaries stay in the cache.
_BLOCK = 32768
MAX_EVALUATIONS = 200
MAX_CORRECTIONS = 12
#: A relative step of Newton's method below this leaves an error below 2^-56; see `_corrected`.
NEAR = 2.0**-29
#: Newton's method in floats ends at a step below this: its square is for the corrections.
CLOSE = 2.0**-16
#: Differences of energies that are relatively smaller are formed exactly.
CANCELLING = 2.0**-42
#: Above this amplification a double-double residual, with errors of 2^-99, leaves 2^-56 in c.
UNRESOLVED = 2.0**43
#: Relative to the largest eigenvalue, or to the labels' squared size; below it intermediate
#: results would leave the float range.
SMALLEST = 2.0**-400
LARGEST_TOLERANCE = 2.0**400


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

    The root is within an ulp of the exact root *of the given floats*, and the
    status is exact, at any r and any ratio of the eigenvalues that is not
    refused. How far rounding of the data themselves moves the root is what
    ``condition`` tells.

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
        If an argument is not finite, d or epsilon has a wrong sign, the
        shapes do not broadcast, n is not a positive integer, or the
        magnitudes (within d, of epsilon against z, or of the root) span more
        than floating point holds.
    """
    d, z, epsilon = _checked(d, z, epsilon)
    points = _as_points(z.shape[-1] if n is None else n)
    batch = z.shape[:-1]
    d, z, epsilon = (a.reshape(-1, *a.shape[len(batch) :]) for a in (d, z, epsilon))

    d[z == 0] = 0.0  # such an eigenvalue does not enter
    reachable = d > 0
    scaled_d, d_exponent = _scaled(d)
    scaled_z, z_exponent = _scaled(z)
    with np.errstate(over="ignore"):
        # a larger tolerance is as trivial as this one
        tolerance = np.minimum(np.ldexp(epsilon, -2 * z_exponent), LARGEST_TOLERANCE)
    _check_range(d, scaled_d, z, epsilon, tolerance)

    size = len(z)
    c, r, relative_excess, condition = (np.full(size, np.nan) for _ in range(4))
    status = np.full(size, Status.SOLVED, dtype=int)
    evaluations = 0
    for block in np.array_split(np.arange(size), -(-z.size // _BLOCK)):
        rho2 = dd.two_prod(np.full(len(block), float(points)), tolerance[block])
        scale = (-2 * z_exponent[block]).tolist()
        energy = dd.total(_squared(scaled_z[block]))
        below = dd.total(_squared(np.where(reachable[block], 0.0, scaled_z[block])))
        excess = dd.add(energy, dd.negative(rho2))
        slack = dd.add(rho2, dd.negative(below))
        for i in np.flatnonzero(np.abs(excess.high) < CANCELLING * rho2.high):
            row = block[i]
            exact = _exact_excess(z[row], points, float(epsilon[row]))
            excess.high[i], excess.low[i] = _rounded(exact * Fraction(2) ** scale[i])
        for i in np.flatnonzero(np.abs(slack.high) < CANCELLING * rho2.high):
            row = block[i]
            exact = -_exact_excess(z[row][~reachable[row]], points, float(epsilon[row]))
            slack.high[i], slack.low[i] = _rounded(exact * Fraction(2) ** scale[i])

        kind = np.where(slack.high <= 0, Status.INFEASIBLE, Status.SOLVED)
        kind[excess.high <= 0] = Status.TRIVIAL
        status[block] = kind
        c[block[kind == Status.TRIVIAL]] = np.inf
        r[block] = np.sqrt(energy.high / points) / np.sqrt(epsilon[block])
        r[block] = np.ldexp(r[block], z_exponent[block])
        relative_excess[block] = excess.high / rho2.high / (1 + r[block])

        solvable = np.flatnonzero(kind == Status.SOLVED)
        if not len(solvable):
            continue
        rows = block[solvable]
        reached = np.where(reachable[rows], scaled_z[rows], 0.0)
        excess, slack = (DoubleDouble(a.high[solvable], a.low[solvable]) for a in (excess, slack))
        root, used = _bracketed_newton(scaled_d[rows], reached, excess.high, slack.high)
        root, resolved = _corrected(
            root, scaled_d[rows], reached, excess, slack, rho2=rho2.high[solvable]
        )
        with np.errstate(over="ignore", divide="ignore"):
            c[rows] = np.ldexp(root, d_exponent[rows])
            for i in np.flatnonzero(~resolved):
                row = rows[i]
                c[row] = _bisected(d[row], z[row], points, float(epsilon[row]))
                root[i] = np.ldexp(c[row], -d_exponent[row])
            condition[rows] = rho2.high[solvable] / _steepness(root, scaled_d[rows], reached)
        evaluations = max(evaluations, used)
    lost = np.flatnonzero((status == Status.SOLVED) & ~((c > 0) & np.isfinite(c)))
    if len(lost):
        i = lost[0]
        raise InvalidInputError(
            f"the multiplier leaves the range of floats: eigenvalues up to {d[i].max():.6g} at "
            f"r - 1 = {relative_excess[i]:.6g}. Scale G by a constant, which scales c alike."
        )
    return Multiplier(
        c=c.reshape(batch),
        status=status.reshape(batch),
        r=r.reshape(batch),
        excess=relative_excess.reshape(batch),
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
    bad = epsilon[~((epsilon > 0) & np.isfinite(epsilon))]
    if bad.size:
        raise InvalidInputError(
            f"epsilon must be positive and finite, but holds {bad[0]:.6g}. It is the tolerance "
            f"on the mean squared residual."
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
        np.broadcast_to(z, shape),
        np.broadcast_to(epsilon, shape[:-1]),
    )


def _as_points(n: object) -> int:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise InvalidInputError(
            f"n must be a positive integer, but is {n!r}. It is the number of points that "
            f"epsilon averages over; leave it out if that is the length of z."
        )
    return int(n)


def _check_range(d: Array, scaled_d: Array, z: Array, epsilon: Array, tolerance: Array) -> None:
    """Refuse what would underflow."""
    for i in np.flatnonzero(np.any((scaled_d < SMALLEST) & (d > 0), axis=-1))[:1]:
        smallest = d[i][d[i] > 0].min()
        raise InvalidInputError(
            f"d spans more than {-np.log10(SMALLEST):.0f} decades, from {smallest:.6g} to "
            f"{d[i].max():.6g}: its smallest positive eigenvalues would underflow against its "
            f"largest. Set them to zero, as Spectrum.from_gram does."
        )
    for i in np.flatnonzero((tolerance < SMALLEST) & np.any(z != 0, axis=-1))[:1]:
        raise InvalidInputError(
            f"epsilon ({epsilon[i]:.6g}) is too small against the labels (up to "
            f"{np.abs(z[i]).max():.6g}): below {SMALLEST:.0e} of their squared size floating "
            f"point cannot hold the residual. Choose a larger epsilon."
        )


def _scaled(a: Array) -> tuple[Array, NDArray[np.int_]]:
    """Scale rows into [-1, 1] by exact powers of two."""
    exponent = np.frexp(np.max(np.abs(a), axis=-1))[1]
    return np.ldexp(a, -exponent[:, None]), exponent


def _squared(a: Array) -> DoubleDouble:
    return dd.two_prod(a, a)


def _exact_excess(z: Array, points: int, epsilon: float) -> Fraction:
    return sum((Fraction(x) ** 2 for x in z.tolist()), -points * Fraction(epsilon))


def _rounded(a: Fraction) -> tuple[float, float]:
    """Return a as the two floats of a double-double, with its sign even where it underflows."""
    high = float(a)
    if high == 0 and a != 0:
        return (5e-324 if a > 0 else -5e-324), 0.0
    return high, float(a - Fraction(high))


def _relative_excess(
    mu: Array, d: Array, z: Array, excess: Array, slack: Array
) -> tuple[Array, Array]:
    """Return S/slack - 1 and S1/S, where S(c) is the reachable residual energy.

    S1 = sum w^2 d/(c+d) is half of dS/dlog c. Where the target is more than
    half of the energy, S - slack is formed as excess - (energy - S), whose
    second term is a sum of positive terms: no digits are lost as r -> 1.
    """
    m = mu[:, None] * d
    kept = 1 / (1 + m)
    shrinkage = m * kept
    w = z * kept
    w2 = w * w
    s1 = _sum(w2 * shrinkage)
    s = _sum(w2)
    lost = _sum(z * z * shrinkage * (1 + kept))
    relative = np.where(excess < slack, (excess - lost) / slack, s / slack - 1)
    return relative, s1 / s


def _bracketed_newton(d: Array, z: Array, excess: Array, slack: Array) -> tuple[Array, int]:
    """Return the roots c to about half of the working precision.

    Newton on 1/||w|| as a function of mu = 1/c, which is concave and
    increasing, so that it climbs to the root monotonically from below; Newton
    on ||w|| as a function of c where the iterate lies above, which leaves mu
    positive; bisection of the logarithm where either leaves the bracket.
    """
    with np.errstate(all="ignore"):
        energy = excess + slack
        mean = _sum(z * z * d) / energy
        # the first step of that Newton iteration from mu = 0
        mu = excess / slack / (1 + np.sqrt(1 + excess / slack)) / mean
        low, high = np.zeros_like(mu), np.full_like(mu, np.inf)
        active = np.arange(len(mu))
        evaluations = 0
        while len(active) and evaluations < MAX_EVALUATIONS:
            evaluations += 1
            at = mu[active]
            e, s = _relative_excess(at, d[active], z[active], excess[active], slack[active])
            lo = low[active] = np.where(e > 0, at, low[active])
            hi = high[active] = np.where(e < 0, at, high[active])
            root = np.sqrt(np.maximum(1 + e, 0.0))
            gap = e / (1 + root)  # ||w|| over its target, less one
            step = np.where(e > 0, at * (1 + gap / s), at / (1 - gap / (root * s)))
            done = (np.abs(step - at) <= CLOSE * at) | (hi - lo <= CLOSE * at)
            outside = ~((step > lo) & (step < hi)) & ~done
            step[outside] = _middle(lo[outside], hi[outside])
            mu[active] = np.where(np.isfinite(step), step, at)
            active = active[~done]
        return 1 / mu, evaluations


def _middle(low: Array, high: Array) -> Array:
    """Return a point strictly between, geometrically; 16 times further where one end is open."""
    bounded = np.where(np.isinf(high), 256 * low, high)
    return np.where(low > 0, np.sqrt(low) * np.sqrt(bounded), bounded / 16)


def _steepness(c: Array, d: Array, z: Array) -> Array:
    """Return S1 = sum w^2 d/(c+d), which is half of dS/dlog c."""
    m = d / c[:, None]
    kept = 1 / (1 + m)
    w = z * kept
    return _sum(w * w * (m * kept))


def _sum(a: Array) -> Array:
    """Return the sum over the last axis in the order of `double_double.total`; overwrites a.

    NumPy's own order is not documented, and `sdtheory.compiled` must know it.
    """
    while (size := a.shape[-1]) > 1:
        half = size // 2
        a[..., :half] += a[..., half : 2 * half]
        if size % 2:
            a[..., half] = a[..., -1]
        a = a[..., : half + size % 2]
    return a[..., 0]


def _corrected(
    c: Array, d: Array, z: Array, excess: DoubleDouble, slack: DoubleDouble, *, rho2: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return c to the last digit, and where double-double arithmetic could decide that digit.

    Newton in log c on S(c) = slack or, where that is more than half of the
    energy, on energy - S(c) = excess: a sum of positive terms either way. As
    ``|dlog S1 / dlog c| <= 2``, a step delta leaves an error of at most about
    2 delta^2.
    """
    with np.errstate(all="ignore"):
        near = excess.high < slack.high
        target = _choose(near, excess, slack)
        sign = np.where(near, 1.0, -1.0)
        steepness, delta = np.empty_like(c), np.empty_like(c)
        active = np.arange(len(c))
        for _ in range(MAX_CORRECTIONS):
            at = np.broadcast_to(c[active, None], (len(active), d.shape[-1]))
            za, da, lost = z[active], d[active], near[active, None]
            ratio = dd.divide(dd.two_prod(za, np.where(lost, da, at)), dd.two_sum(at, da))
            # with w = c z/(c+d): w^2, or z^2 - w^2 = (z - w)(2z - (z - w))
            rest = dd.add(DoubleDouble(2 * za, np.zeros_like(za)), dd.negative(ratio))
            energy = dd.total(dd.multiply(ratio, _choose(lost, rest, ratio)))
            aim = DoubleDouble(target.high[active], target.low[active])
            residual = dd.add(energy, dd.negative(aim))
            steepness[active] = 2 * _steepness(c[active], da, za)
            move = sign[active] * (residual.high + residual.low) / steepness[active]
            delta[active] = np.clip(move, -0.5, 0.5)
            c[active] += c[active] * delta[active]
            active = active[~(np.abs(delta[active]) <= NEAR)]
            if not len(active):
                break
        # what the errors are relative to: the target, and rho^2 unless it was formed exactly
        scale = target.high + np.where(target.high < CANCELLING * rho2, 0.0, rho2)
        resolved = (scale < UNRESOLVED * steepness) & (target.high > SMALLEST)
        return c, resolved & (np.abs(delta) <= NEAR)


def _choose(where: NDArray[np.bool_], a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    return DoubleDouble(np.where(where, a.high, b.high), np.where(where, a.low, b.low))


def _bisected(d: Array, z: Array, points: int, epsilon: float) -> float:
    """Return the root, correctly rounded, by bisection over all positive floats.

    In 800 digits: an excess that leaves c in the range of floats is above
    1e-650 of the energy.
    """
    with decimal.localcontext(prec=800, Emin=-99999, Emax=99999):
        pairs = [(Decimal(a), Decimal(b)) for a, b in zip(d.tolist(), z.tolist(), strict=True) if b]
        rho2 = points * Decimal(epsilon)

        def above(c: Decimal) -> bool:
            return sum((c * b / (c + a)) ** 2 for a, b in pairs) > rho2

        lower, upper = 0, _ordinal(math.inf)
        while upper - lower > 1:
            middle = (lower + upper) // 2
            if above(Decimal(_from_ordinal(middle))):
                upper = middle
            else:
                lower = middle
        if math.isinf(_from_ordinal(upper)):
            return math.inf
        halfway = (Decimal(_from_ordinal(lower)) + Decimal(_from_ordinal(upper))) / 2
        return _from_ordinal(lower if above(halfway) else upper)


def _ordinal(a: float) -> int:
    """Return how many positive floats are up to a."""
    return struct.unpack("<q", struct.pack("<d", a))[0]


def _from_ordinal(a: int) -> float:
    return struct.unpack("<d", struct.pack("<q", a))[0]
