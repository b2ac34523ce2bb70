r"""The secular equation: the multiplier c that makes the tolerance constraint active.

For eigenvalues d, labels z = V y in the eigenbasis and rho^2 = n epsilon, solve

.. math:: \sum_k \Bigl(\frac{c\,z_k}{c + d_k}\Bigr)^2 = \rho^2, \qquad c > 0 .

The left side increases with c from ||P_0 y||^2 to ||y||^2. So a root exists, and
is unique, exactly when ||P_0 y||^2 < rho^2 < ||y||^2. This is
Morozov's discrepancy principle and, in mu = 1/c, the trust-region secular
equation. The solver brackets the root by the *sign* of the residual alone; it
uses none of the bounds that this project verifies.

Three precisions work together. Halley's method in double precision comes near
the root. One more step of it, on a residual in double-double arithmetic, fixes
the last digits. Double-double cannot decide a few instances: r - 1 of the size of
rounding, or a plateau between eigenvalues very far apart. Exact rational or
800-digit arithmetic settles these one by one.

Halley's method needs, besides S(c) itself, the moments of w = c z/(c+d)

.. math:: S_j = \sum_k w_k^2 \Bigl(\frac{d_k}{c + d_k}\Bigr)^j ,\qquad
          \frac{dS}{d\log c} = 2 S_1 ,\quad \frac{dS_1}{d\log c} = 3 S_2 - S_1 ,

which need no further division.

The first two precisions use correctly rounded operations only, and sums in a fixed
order. So the bits of a root depend neither on the mathematical library nor on the
processor.

References
----------
Mobahi et al. (2020), the constrained problem; V. A. Morozov (1966);
J. J. More and D. C. Sorensen (1983); N. I. M. Gould, D. P. Robinson and
H. S. Thorne, "On solving trust-region and other regularised subproblems in
optimization", Mathematical Programming Computation 2 (2010) 21-57, on steps of
higher order.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import DoubleDouble
from sdtheory.linalg.halley import Rows, bracketed
from sdtheory.validation import Array, InvalidInputError, as_integer, as_real_array

#: Entries per block, so that its temporaries stay in the cache.
_BLOCK = 32768
MAX_EVALUATIONS = 200
MAX_CORRECTIONS = 12
#: A relative correction below this leaves an error below 2^-58; see `_corrected`.
NEAR = 2.0**-20
#: Halley's method in floats ends at a step below this: its cube is for the corrections.
HALLEY_STOP = 2.0**-7
#: Differences of energies that are relatively smaller are formed exactly.
CANCELLING = 2.0**-39
#: Above this amplification a double-double residual leaves more than 2^-56 in c: its errors are
#: below 2^-96 (of a quotient 22, of its square 85, of their sum L (L + 2) times 2^-106 more, with
#: L <= 20 levels).
UNRESOLVED = 2.0**40
#: Relative to the largest eigenvalue, or to the labels' squared size; below it intermediate
#: results would leave the float range.
SMALLEST = 2.0**-400
LARGEST_TOLERANCE = 2.0**400


@dataclass(frozen=True)
class Multiplier:
    """Roots of a batch of secular equations.

    Attributes
    ----------
    c : ndarray of shape (...)
        The root. Infinite where rho^2 >= ||y||^2: the zero function is admissible.
        NaN where rho^2 <= ||P_0 y||^2: there is no root. At equality a function is
        admissible, but no multiplier makes it the minimum.
    r : ndarray of shape (...)
        ``||y|| / rho``.
    r_minus_1 : ndarray of shape (...)
        ``r - 1``, without the cancellation of that subtraction.
    sensitivity : ndarray of shape (...)
        Relative change of c per relative change of rho: by this factor the root
        amplifies errors of the data.
    """

    c: Array
    r: Array
    r_minus_1: Array
    sensitivity: Array


def residual_energy(c: ArrayLike, d: ArrayLike, z: ArrayLike) -> Array:
    """Return sum_k (c z_k / (c + d_k))^2, the left side of the secular equation, for c > 0."""
    c = as_real_array(c, "c", ndim=tuple(range(8)))[..., None]
    if not np.all(c > 0):
        raise InvalidInputError(f"c must hold positive numbers, but holds {np.min(c):.6g}.")
    w = np.asarray(z) * (c / (c + np.asarray(d)))
    return np.sum(w * w, axis=-1)


def solve(
    d: ArrayLike,
    z: ArrayLike,
    epsilon: ArrayLike,
    *,
    n: int | None = None,
) -> Multiplier:
    """Solve the secular equation to full double precision.

    The root is within an ulp of the exact root *of the given floats*, and whether
    there is one is exact. ``sensitivity`` tells how far rounding of the data moves
    the root.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Non-negative eigenvalues of G.
    z : array_like of shape (..., n)
        Labels V y in the eigenbasis. For q outputs that share one tolerance, pass
        the q blocks side by side, repeat d, and give n.
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
        If an argument is not finite, or has a wrong sign or shape. Also if d, z,
        epsilon and the root span more magnitudes than floating point holds.
    """
    d, labels, epsilon = as_batch(d, z, epsilon)
    z = labels[..., 0]
    remedy = "It is the number of points that epsilon averages over, by default the length of z."
    points = as_integer(z.shape[-1] if n is None else n, "n", remedy=remedy)
    return roots(d.copy(), z, epsilon, points, np.full(epsilon.shape, np.nan))


def roots(d: Array, z: Array, epsilon: Array, points: int, mean: Array) -> Multiplier:
    """Solve for the arguments of `solve`, checked and broadcast to one shape.

    Parameters
    ----------
    d, z : ndarray of shape (..., n)
        `d` is overwritten.
    epsilon : ndarray of shape (...)
    points : int
    mean : ndarray of shape (...)
        Guesses for c (r - 1), a mean of the eigenvalues, such as the value of the
        previous round. If a guess is not positive and finite, the mean with the
        weights z^2 replaces it. A guess moves the root within its error only.
    """
    batch = z.shape[:-1]
    d, z, epsilon, mean = (a.reshape(-1, *a.shape[len(batch) :]) for a in (d, z, epsilon, mean))

    d[z == 0] = 0.0  # such an eigenvalue does not enter
    reachable = d > 0
    scaled_d, d_exponent = _scaled(d)
    scaled_z, z_exponent = _scaled(z)
    with np.errstate(over="ignore"):
        # a larger tolerance is as trivial as this one
        tolerance = np.minimum(np.ldexp(epsilon, -2 * z_exponent), LARGEST_TOLERANCE)
    _check_range(d, scaled_d, z, epsilon, tolerance)

    size = len(z)
    c, r, r_minus_1, condition = (np.full(size, np.nan) for _ in range(4))
    solvable = np.full(size, True)
    step = -(-size // -(-z.size // _BLOCK))
    for block in (slice(start, start + step) for start in range(0, size, step)):
        unreached = np.where(reachable[block], 0.0, scaled_z[block])
        rho2 = dd.two_prod(np.array(float(points)), tolerance[block])
        energy = dd.square(scaled_z[block]).total(axis=-1)
        excess, slack = energy - rho2, rho2
        differences = [(excess, 1)]
        if unreached.any():
            slack = rho2 - dd.square(unreached).total(axis=-1)
            differences.append((slack, -1))
        for difference, sign in differences:
            for i in (np.abs(difference.high) < CANCELLING * rho2.high).nonzero()[0]:
                row = block.start + i
                parts = z[row] if sign > 0 else z[row][~reachable[row]]
                exact = sum(
                    (Fraction(x) ** 2 for x in parts.tolist()), -points * Fraction(epsilon[row])
                )
                difference[i] = _rounded(sign * exact * Fraction(2) ** (-2 * int(z_exponent[row])))

        trivial = excess.high <= 0
        solvable[block] = here = ~trivial & (slack.high > 0)
        ratio = np.sqrt(energy.high / points) / np.sqrt(epsilon[block])
        r[block] = ratio = np.ldexp(ratio, z_exponent[block])
        r_minus_1[block] = excess.high / rho2.high / (1 + ratio)

        rows: Rows = block
        if not here.all():
            c[block][trivial] = np.inf
            if not here.any():
                continue
            rows = block.start + here.nonzero()[0]
            excess, slack, rho2 = excess[here], slack[here], rho2[here]
        spectrum = scaled_d[rows]
        reached = np.where(reachable[rows], scaled_z[rows], 0.0)
        with np.errstate(all="ignore"):
            guess = np.ldexp(mean[rows], -d_exponent[rows])
            root = _near_roots(spectrum, reached, excess.high, slack.high, guess)
            root, steepness, resolved = _corrected(
                root, spectrum, reached, excess, slack, rho2=rho2.high
            )
            c[rows] = np.ldexp(root, d_exponent[rows])
            for i in (~resolved).nonzero()[0]:
                row = block.start + i if isinstance(rows, slice) else rows[i]
                c[row] = _bisected(d[row], z[row], points, float(epsilon[row]))
                m = scaled_d[row] / np.ldexp(c[row], -d_exponent[row])
                steepness[i] = np.sum((reached[i] / (1 + m)) ** 2 * (m / (1 + m)))
            condition[rows] = rho2.high / steepness
    for i in (solvable & ~((c > 0) & (c < np.inf))).nonzero()[0][:1]:
        raise InvalidInputError(
            f"the multiplier leaves the range of floats: eigenvalues up to {d[i].max():.6g} at "
            f"r - 1 = {r_minus_1[i]:.6g}. Multiply G by a constant, which also multiplies c."
        )
    return Multiplier(
        c=c.reshape(batch),
        r=r.reshape(batch),
        r_minus_1=r_minus_1.reshape(batch),
        sensitivity=condition.reshape(batch),
    )


def as_batch(
    d: ArrayLike, z: ArrayLike, epsilon: ArrayLike, *, outputs: bool = False
) -> tuple[Array, Array, Array]:
    """Return eigenvalues, labels and tolerances of shapes (..., n), (..., n, q) and (...), checked.

    They are those of `solve`; with `outputs` z has shape (..., n, q), else q is 1.
    """
    ndim = tuple(range(1, 8))
    d = as_real_array(d, "d", ndim=ndim)
    labels = as_real_array(z, "z", ndim=(*ndim[outputs:], 8))
    labels = labels if outputs else labels[..., None]
    epsilon = as_real_array(epsilon, "epsilon", ndim=(0, *ndim))
    if np.any(d < 0):
        raise InvalidInputError(
            f"d holds a negative eigenvalue ({d.min():.6g}). G must be positive semidefinite; "
            f"Spectrum.from_gram sets eigenvalues of the size of rounding to zero."
        )
    bad = epsilon[~(epsilon > 0)]
    if bad.size:
        raise InvalidInputError(
            f"epsilon must be positive and finite, but holds {bad[0]:.6g}. It is the tolerance "
            f"on the mean squared residual."
        )
    n, q = labels.shape[-2:]
    try:
        batch = np.broadcast_shapes(d.shape[:-1], labels.shape[:-2], epsilon.shape)
    except ValueError:
        batch = None
    if batch is None or d.shape[-1] != n:
        raise InvalidInputError(
            f"d {d.shape}, z {np.shape(z)} and epsilon {epsilon.shape} do not fit together. Pass d "
            f"of shape (..., n), z of shape {'(..., n, q)' if outputs else '(..., n)'} and epsilon "
            f"of shape (...); the documentation says how to pass several outputs."
        )
    return (
        np.broadcast_to(d, (*batch, n)),
        np.broadcast_to(labels, (*batch, n, q)),
        np.broadcast_to(epsilon, batch),
    )


def _check_range(d: Array, scaled_d: Array, z: Array, epsilon: Array, tolerance: Array) -> None:
    """Refuse what would underflow."""
    for i in ((scaled_d < SMALLEST) & (d > 0)).nonzero()[0][:1]:
        smallest = d[i][d[i] > 0].min()
        raise InvalidInputError(
            f"d spans more than {-np.log10(SMALLEST):.0f} decades, from {smallest:.6g} to "
            f"{d[i].max():.6g}: its smallest positive eigenvalues would underflow against its "
            f"largest. Set them to zero, as Spectrum.from_gram does."
        )
    small = tolerance < SMALLEST
    for i in (small & np.any(z != 0, axis=-1)).nonzero()[0][:1] if small.any() else ():
        raise too_small(float(epsilon[i]), z[i])


def too_small(epsilon: float, labels: Array) -> InvalidInputError:
    """Return the error for a tolerance below `SMALLEST` of the labels' squared size."""
    return InvalidInputError(
        f"epsilon ({epsilon:.6g}) is too small against the labels (up to "
        f"{np.abs(labels).max():.6g}): below {SMALLEST:.0e} of their squared size floating point "
        f"cannot hold the residual. Choose a larger epsilon."
    )


def _scaled(a: Array) -> tuple[Array, NDArray[np.int_]]:
    """Scale rows into [-1, 1] by exact powers of two."""
    exponent = np.frexp(np.maximum.reduce(np.abs(a), axis=-1))[1]
    return np.ldexp(a, -exponent[:, None]), exponent


def _rounded(a: Fraction) -> DoubleDouble:
    """Return a number as a double-double, with its sign even where it underflows."""
    high = float(a)
    if high == 0 and a != 0:
        return DoubleDouble(5e-324 if a > 0 else -5e-324)
    return DoubleDouble(high, float(a - Fraction(high)))


def _evaluated(
    mu: Array, d: Array, z: Array, excess: Array, slack: Array
) -> tuple[Array, Array, Array, Array]:
    """Return S/slack - 1 and S, S1, S2, where S(c) is the reachable residual energy.

    Where the target is more than half of the energy, S - slack is formed as
    excess - (energy - S), whose second term is a sum of positive terms: no
    digits are lost as r -> 1.
    """
    m = mu[:, None] * d
    kept = 1 / (1 + m)
    shrinkage = m * kept
    w = z * kept
    w2 = w * w
    first = w2 * shrinkage
    s, s1, s2 = _sum(w2), _sum(first), _sum(first * shrinkage)
    lost = _sum(z * shrinkage * (z + w))
    return np.where(excess < slack, excess - lost, s - slack) / slack, s, s1, s2


def _near_roots(d: Array, z: Array, excess: Array, slack: Array, mean: Array) -> Array:
    """Return the roots c. Their errors are about the cube of `HALLEY_STOP`."""
    with np.errstate(all="ignore"):
        known = (mean > 0) & (mean < np.inf)
        if not known.all():
            mean = np.where(known, mean, _sum(z * z * d) / (excess + slack))
        # c (r - 1) = mean, where slack takes the place of rho^2
        share = excess / slack
        mu = share / (1 + np.sqrt(1 + share)) / mean

        def evaluate(at: Array, rows: Rows) -> tuple[Array, ...]:
            return _evaluated(at, d[rows], z[rows], excess[rows], slack[rows])

        mu, step = bracketed(evaluate, mu, near=HALLEY_STOP, most=MAX_EVALUATIONS)
        last = mu + mu * step
        return 1 / np.where((last > 0) & (last < np.inf), last, mu)


def _moments(c: Array, d: Array, z: Array) -> tuple[Array, Array]:
    """Return S1 and S2, the sums over w^2 of the first two powers of d/(c+d)."""
    reciprocal = 1 / (c + d)
    w = z * (c * reciprocal)
    shrinkage = d * reciprocal
    first = w * w * shrinkage
    return _sum(first), _sum(first * shrinkage)


def _sum(a: Array) -> Array:
    """Return the sum over the last axis, in an order that no processor changes."""
    return np.add.accumulate(a, axis=-1)[..., -1]


def _corrected(
    c: Array, d: Array, z: Array, excess: DoubleDouble, slack: DoubleDouble, *, rho2: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return c to the last digit, S1 there, and where double-double arithmetic could decide it.

    Halley's method in log c on S(c) = slack or, where that is more than half
    of the energy, on energy - S(c) = excess: a sum of positive terms either
    way. As the second and the third derivative of S are at most 2 and 4 times
    the first, a step delta leaves an error of at most about
    ``(1 + 4/6) delta^3``, and the exponential's ``delta^3 / 6``.
    """
    with np.errstate(all="ignore"):
        near = excess.high < slack.high
        target = dd.where(near, excess, slack)
        sign = np.where(near, 1.0, -1.0)
        steepness, delta = np.empty_like(c), np.empty_like(c)
        active: Rows = slice(None)
        for _ in range(MAX_CORRECTIONS):
            now, za, da = c[active], z[active], d[active]
            at, lost = now[:, None], near[active][:, None]
            ratio = dd.two_prod(za, np.where(lost, da, at)) / dd.two_sum(at, da)
            # with w = c z/(c+d): w^2, or z^2 - w^2 = (z - w)(2z - (z - w))
            energy = (ratio * dd.where(lost, 2 * za - ratio, ratio)).total(axis=-1)
            s1, s2 = _moments(at, da, za)
            newton = sign[active] * (energy - target[active]).high / (2 * s1)
            newton = np.minimum(np.maximum(newton, -0.5), 0.5)
            growth = 3 * s2 - s1  # of S1 in log c
            step = newton / (1 + newton * growth / (2 * s1))
            c[active] = now + now * (step + step * step / 2)
            delta[active], steepness[active] = step, s1 + step * growth
            left = ~(np.abs(step) <= NEAR)
            if not left.any():
                break
            active = np.arange(len(c))[active][left]
        # what the errors are relative to: the target, and rho^2 unless it was formed exactly
        scale = target.high + np.where(target.high < CANCELLING * rho2, 0.0, rho2)
        resolved = (scale < UNRESOLVED * 2 * steepness) & (target.high > SMALLEST)
        return c, steepness, resolved & (np.abs(delta) <= NEAR)


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

        lower, upper = 0, int(np.float64(math.inf).view(np.int64))
        while upper - lower > 1:
            middle = (lower + upper) // 2
            if above(Decimal(_float(middle))):
                upper = middle
            else:
                lower = middle
        if math.isinf(_float(upper)):
            return math.inf
        halfway = (Decimal(_float(lower)) + Decimal(_float(upper))) / 2
        return _float(lower if above(halfway) else upper)


def _float(number: int) -> float:
    """Return the float that so many positive ones are up to."""
    return float(np.int64(number).view(np.float64))
