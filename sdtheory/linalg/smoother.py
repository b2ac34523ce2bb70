r"""Smoothing splines in O(n): the resolvent (c I + G)^{-1} of two Green's functions on a line.

With R(f) = \int_0^1 f'^2 (`BrownianBridge`) or \int_0^1 f''^2
(`SimplySupportedBeam`) the fit minimises

.. math:: \frac1n \sum_k (f(x_k) - y_k)^2 + c\,R(f), \qquad f(0) = f(1) = 0,

This is a two-point boundary value problem for the state X = (f) or (f, f') and
its costate r, the adjoint variable. For the beam r holds shear force and bending
moment, r_2 = f''. Nothing here forms G, its inverse or a matrix of second
differences.

The knots are cut into P stretches, each with L knots. `sdtheory.linalg.sweeps`
sweeps all of them at once, in the arithmetic of the labels: floats or double-doubles.
A stretch is a Kalman filter *conditional on its first state*: variances start at
zero, and no diffuse prior is needed. It leaves X_end = A X + b + C r_end and
r = A^T r_end + eta - J X, where C and J are sums of positive semidefinite terms. A
banded system joins the stretches, and the adjoint sweeps back through all of them
at once. The unit of length is the spline's own correlation length c^(1/2m); in it
the condition number of that system grows like P.

References
----------
P. de Jong, "Smoothing and interpolation with the state-space model", JASA 84
(1989) 1085-1088; S. Sarkka and A. Garcia-Fernandez, "Temporal parallelization
of Bayesian smoothers", IEEE TAC 66 (2021) 299-306 (the composition rule).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from sdtheory.linalg import sweeps
from sdtheory.linalg.double_double import DoubleDouble, each, high, two_sum, zeros
from sdtheory.linalg.halley import MAX_EVALUATIONS, NoRootError, bracketed
from sdtheory.linalg.sweeps import Factors
from sdtheory.validation import Array

#: A relative step below this leaves at most five times its cube: in floats, and in double-doubles.
_NEAR, _NEARER = 2.0**-18, 2.0**-33
#: Groups of knots that a first guess is made from, where there are many more knots.
_GROUPS = 20_000
#: Most corrections of a solution in double-double arithmetic, and how small the last one is.
_CORRECTIONS, _CORRECTED = 8, 2.0**-85


@dataclass(frozen=True)
class Knots:
    """Distinct inputs inside (0, 1), with their multiplicities.

    Repeated inputs share a fitted value, so that only the mean of their labels
    enters a fit; at 0 and 1 every fit is zero.

    Attributes
    ----------
    x : ndarray of shape (k,)
        Ascending.
    counts : ndarray of shape (k,)
        How many inputs lie there.
    index : ndarray of int of shape (n,)
        Knot of each input; -1 at the ends.
    """

    x: Array
    counts: Array
    index: NDArray[np.intp]

    @classmethod
    def from_inputs(cls, x: Array) -> Knots:
        """Merge inputs of shape (n,) in [0, 1], in any order."""
        values, inverse = np.unique(x, return_inverse=True)
        inside = (values > 0) & (values < 1)
        position = np.where(inside, np.cumsum(inside) - 1, -1)
        index = position[inverse]
        counts = np.bincount(index[index >= 0], minlength=int(inside.sum()))
        return cls(values[inside], counts.astype(float), index)

    @property
    def n(self) -> int:
        """Number of inputs."""
        return len(self.index)

    def average(self, y: Array) -> DoubleDouble:
        """Return the mean label at each knot, shape (k, q), of labels (n, q).

        Its error is below 2^-100 of the largest label.
        """
        inside = self.index >= 0
        at, y = self.index[inside], y[inside]
        if len(at) == len(self.x):  # no repetition: a permutation
            means = np.empty((len(self.x), y.shape[1]))
            means[at] = y
            return DoubleDouble(means)
        sums = zeros((len(self.x), y.shape[1]), like=DoubleDouble(0.0))
        unit = 2.0 ** np.frexp(np.max(np.abs(y), initial=0.0))[1]
        for digits in (25, 50, None):  # sums of a few leading digits are exact
            part = (
                y if digits is None else np.round(y * (2.0**digits / unit)) * (unit / 2.0**digits)
            )
            y = y - part
            columns = [np.bincount(at, column, minlength=len(self.x)) for column in part.T]
            sums = sums + np.stack(columns, axis=1)
        return sums / self.counts[:, None]

    def spread(self, values: Any) -> Any:
        """Return values at the knots, (k, q), as values at the inputs, (n, q); 0 at the ends."""
        if len(values) == 0:
            return zeros((self.n, values.shape[1]), like=values)
        return each(lambda a: np.where(self.index[:, None] >= 0, a[self.index], 0.0), values)


@dataclass(frozen=True)
class Fit:
    """Fitted values at the knots, with what is left of the labels.

    Attributes
    ----------
    values : ndarray or DoubleDouble of shape (k, q), or (L, q, P) as `Spline.cut` makes it
        ``G (c I + G)^{-1} y``, not a difference of y where that would cancel.
    residual : ndarray of the same shape
        ``c (c I + G)^{-1} y``, c times the dual vector, likewise.
    curvature : ndarray of the same shape
        f'' at the knots for the beam; zeros for the bridge, which is linear
        between knots.
    """

    values: Any
    residual: Any
    curvature: Any


@dataclass(frozen=True)
class Spline:
    """The regulariser and the knots, cut into stretches that are swept at once.

    Parameters
    ----------
    gaps : DoubleDouble of shape (k + 1,)
        Distances of neighbouring knots, the ends 0 and 1 included.
    counts : ndarray of shape (k,)
        Multiplicities of the knots inside.
    n : int
        The n of G = g / n: the sum of counts and of inputs at the ends.
    order : {1, 2}
        m in R(f) = int (f^(m))^2: 1 is the bridge, 2 the beam.
    length : int
        Knots in a stretch, L.
    """

    gaps: DoubleDouble
    counts: Array
    n: int
    order: int
    length: int

    @classmethod
    def through(cls, knots: Knots, order: int) -> Spline:
        """Choose the length of the stretches from the number of knots."""
        at = np.concatenate([[0.0], knots.x, [1.0]])
        gaps = two_sum(at[1:], -at[:-1])
        length = max(2, math.isqrt(len(gaps)) // 3)
        return cls(gaps, knots.counts, knots.n, order, length)

    def mirrored(self) -> Spline:
        """Return the same spline swept from right to left in other stretches.

        Its rounding errors differ, so that a difference between the two
        estimates them.
        """
        length = self.length * 4 // 3 + 1
        return Spline(self.gaps[::-1], self.counts[::-1], self.n, self.order, length)

    @property
    def shape(self) -> tuple[int, int]:
        """(L, P): the knots, and a point without a label at x = 1, filled up to P L."""
        return self.length, -(-len(self.gaps) // self.length)

    def cut(self, values: Any) -> Any:
        """Reshape (k, ...) to (L, ..., P), padded with zeros."""
        return each(self._cut, values)

    def _cut(self, values: Array) -> Array:
        length, stretches = self.shape
        padded = np.zeros((stretches * length, *values.shape[1:]))
        padded[: len(values)] = values
        cut = padded.reshape(stretches, length, *values.shape[1:])
        return np.ascontiguousarray(np.moveaxis(np.swapaxes(cut, 0, 1), 1, -1))

    def join(self, cut: Array) -> Array:
        """Undo `cut`."""
        joined = np.swapaxes(np.moveaxis(cut, -1, 1), 0, 1)
        return joined.reshape(-1, *joined.shape[2:])[: len(self.counts)]

    @cached_property
    def weights(self) -> Array:
        """Counts, cut, for sums over labels of shape (L, q, P)."""
        return self.cut(self.counts[:, None])

    @cached_property
    def _gaps(self) -> DoubleDouble:
        return self.cut(self.gaps)

    @cached_property
    def simple(self) -> bool:
        """Whether no input is repeated."""
        return bool(np.all(self.counts == 1))

    def inner(self, a: Any, b: Any) -> Any:
        """Return the inner product of two cut arrays that counts every input."""
        if isinstance(a, DoubleDouble):
            return (a * b if self.simple else a * b * self.weights).total()
        if self.simple:
            return float(np.sum(np.einsum("iqp,iqp->p", a, b)))
        return float(np.sum(np.einsum("ip,iqp,iqp->p", self.weights[:, 0], a, b)))

    def resolvent(self, c: float, *, precise: bool = False) -> Resolvent:
        """Factorise (c I + G) for right sides to come, in floats or in double-doubles."""
        m = self.order
        length, stretches = self.shape
        # lengths in units of `unit`, f^(m) in units of unit^-m; a power of two, which is exact
        unit = 2.0 ** round(math.log2(np.clip(c ** (1 / (2 * m)), 1 / self.n, 1.0)))
        like = self._gaps if precise else self._gaps.high
        scale = DoubleDouble(unit ** (2 * m - 1)) / (DoubleDouble(float(self.n)) * c)
        factors = Factors(
            unit,
            like * (1 / unit),
            self.weights[:, 0] * (scale if precise else float(scale)),
            *(zeros((length, m, stretches), like=like) for _ in range(2)),
            *(zeros((length, stretches), like=like) for _ in range(2)),
        )
        return Resolvent(self, factors, _joining(*sweeps.factorise(factors)))


def _joining(A: Any, C: Any, J: Any) -> Any:
    """Return the banded matrix for the states and costates (X_k, r_k) where stretches meet.

    Rows: f = 0 and, for the beam, zero moment at x = 0; the two relations of
    each stretch; the same conditions at x = 1.
    """
    m, _, stretches = A.shape
    size = 2 * m * (stretches + 1)
    band = 3 * m - 1
    matrix = zeros((2 * band + 1, size), like=A)

    def put(row: int, column: int, values: Any, count: int = stretches) -> None:
        # entry (row, column) of every block, 2m apart
        matrix[band + row - column, column : column + 2 * m * count : 2 * m] = values

    for j in range(m):
        # component j of the state at an end is zero, or that of its costate is
        put(j, 0 if j == 0 else m + j, 1.0, 1)
        put(size - m + j, size - 2 * m + (0 if j == 0 else m + j), 1.0, 1)
        state, costate = m + j, 2 * m + j
        put(state, 2 * m + j, -1.0)  # X' = A X + C r' + b
        put(costate, m + j, -1.0)  # r = A^T r' - J X + eta
        for k in range(m):
            put(state, k, A[j, k])
            put(state, 3 * m + k, C[j, k])
            put(costate, k, -J[j, k])
            put(costate, 3 * m + k, A[k, j])
    return matrix


def _solve_banded(matrix: Any, right: Any, band: int) -> Any:
    """Solve a banded system; in double-doubles by corrections, or by elimination."""

    def rough(right: Array) -> Array:
        return scipy.linalg.solve_banded((band, band), high(matrix), right, check_finite=False)

    if not isinstance(matrix, DoubleDouble):
        return rough(right)
    size = right.shape[0]
    found, last = DoubleDouble(rough(right.high)), math.inf
    for _ in range(_CORRECTIONS):
        rest = each(np.copy, right)
        for k in range(-band, band + 1):  # entries k below the diagonal
            rows = slice(max(k, 0), size + min(k, 0))
            columns = slice(max(-k, 0), size - max(k, 0))
            rest[rows] -= matrix[band + k, columns][:, None] * found[columns]
        step = rough(high(rest))
        if np.all(np.abs(step) <= _CORRECTED * np.abs(found.high)):
            return found + step
        change = float(np.max(np.abs(step)))
        if not change < last / 2:
            break
        found, last = found + step, change
    # sums of large terms that cancel, where elimination in order forms none
    return _eliminated(matrix, each(np.copy, right), band)


def _eliminated(matrix: DoubleDouble, right: DoubleDouble, band: int) -> DoubleDouble:
    """Solve a banded system by elimination with pivots, as LAPACK does it in floats."""
    size = right.shape[0]
    full = zeros((size, size), like=matrix)
    for k in range(-band, band + 1):
        columns = np.arange(max(-k, 0), size - max(k, 0))
        full[columns + k, columns] = matrix[band + k, columns]
    for k in range(size):
        end, stop = min(k + band + 1, size), min(k + 2 * band + 1, size)
        pivot = k + int(np.argmax(np.abs(full.high[k:end, k])))
        for a in (full, right):
            a[[k, pivot]] = a[[pivot, k]]
        factors = full[k + 1 : end, k] / full[k, k]
        full[k + 1 : end, k:stop] -= factors[:, None] * full[k : k + 1, k:stop]
        right[k + 1 : end] -= factors[:, None] * right[k : k + 1]
    for k in reversed(range(size)):
        stop = min(k + 2 * band + 1, size)
        known = full[k, k + 1 : stop][:, None] * right[k + 1 : stop]
        right[k] = (right[k] - known.total(axis=0)) / full[k, k]
    return right


@dataclass(frozen=True)
class Resolvent:
    """(c I + G)^{-1}, factorised.

    Attributes
    ----------
    spline : Spline
    factors : Factors
        Of all stretches.
    joining : ndarray or DoubleDouble
        Banded matrix that joins them.
    """

    spline: Spline
    factors: Factors
    joining: Any

    def sweep(self, labels: Any) -> Fit:
        """Smooth labels of shape (L, q, P), zero where they are filled up."""
        m, (length, stretches), q = self.spline.order, self.spline.shape, labels.shape[1]
        results = tuple(zeros(labels.shape, like=labels) for _ in range(3))
        b, eta = sweeps.forward(labels, self.factors, results[0])

        # (X_0, r_0, X_1, r_1, ...), ends included
        right = zeros((2 * m * (stretches + 1), q), like=labels)
        rows = zeros((stretches, 2 * m, q), like=labels)
        for part, first in ((b, 0), (eta, m)):
            rows[:, first : first + m] = each(lambda a: a.transpose(2, 0, 1), part)
        right[m:-m] = -each(lambda a: a.reshape(-1, q), rows)
        ends = _solve_banded(self.joining, right, 3 * m - 1)
        ends = each(lambda a: a.reshape(stretches + 1, 2 * m, q).transpose(1, 2, 0), ends)
        state = each(np.ascontiguousarray, ends[:m, :, :-1])
        costate = each(np.ascontiguousarray, ends[m:, :, 1:])

        sweeps.backward(labels, (state, costate), self.factors, results)
        filled = len(self.spline.counts) - (stretches - 1) * length
        for a in results:
            a[filled:, :, -1] = 0.0
        return Fit(*results)


def evaluate(x: Array, fit: Fit, x_new: Array) -> Array:
    """Return the spline with these knots at new inputs in [0, 1], shape (len(x_new), q)."""
    q = fit.values.shape[1]
    knots = np.concatenate([[0.0], x, [1.0]])
    values, curvature = (np.pad(a, ((1, 1), (0, 0))) for a in (fit.values, fit.curvature))
    left = np.clip(np.searchsorted(knots, x_new, side="right") - 1, 0, len(x))
    h = (knots[left + 1] - knots[left])[:, None]
    right = (x_new - knots[left])[:, None] / h
    other = (knots[left + 1] - x_new)[:, None] / h
    line = other * values[left] + right * values[left + 1]
    bend = other * (1 - other * other) * curvature[left]
    bend += right * (1 - right * right) * curvature[left + 1]
    return (line - h * h / 6 * bend).reshape(-1, q)


def _trace(spline: Spline) -> float:
    """Return the trace of G, from g(x, x) = x (1 - x) or x^2 (1 - x)^2 / 3."""
    gaps = spline.gaps.high
    product = np.cumsum(gaps)[:-1] * np.cumsum(gaps[::-1])[-2::-1]
    diagonal = product if spline.order == 1 else product**2 / 3
    return float(diagonal @ spline.counts) / spline.n


@dataclass(frozen=True)
class Root:
    """The multiplier of one round, with the fit there.

    Attributes
    ----------
    c : float
    fit : Fit
        Cut.
    shrunk : ndarray or DoubleDouble of shape (L, q, P)
        Fit of the residual: -d fit / d log c.
    flat : ndarray of shape (L, q, P) or None
        Fit of the tangent, in floats.
    sensitivity : float
        Relative change of c per relative change of rho.
    error : float
        Relative error of c that rounding of the residual energy and of c leaves; not that
        of the fit.
    """

    c: float
    fit: Fit
    shrunk: Any
    flat: Array | None
    sensitivity: float
    error: float


def solve(
    spline: Spline,
    y: Any,
    excess: Any,
    slack: Any,
    start: float | None,
    *,
    tangent: Array | None = None,
) -> Root:
    """Solve the secular equation, each evaluation in O(n).

    The method is that of `sdtheory.linalg.halley`.

    Parameters
    ----------
    spline : Spline
    y : ndarray or DoubleDouble of shape (L, q, P)
        Labels at the knots, cut. Their kind is that of all arithmetic.
    excess : float or DoubleDouble
        ||y||^2 - rho^2, positive.
    slack : float or DoubleDouble
        rho^2 less the energy that no fit can reach, positive.
    start : float, optional
        First c to try.
    tangent : ndarray of shape (L, q, P), optional
        To be smoothed at c, too.
    """
    precise = isinstance(y, DoubleDouble)
    near, share = _NEARER if precise else _NEAR, float(excess / slack)
    if start is None:
        # d_max <= trace: the first step of Newton's method from mu = 0, or one before it
        start = (1 + math.sqrt(1 + share)) / share * _trace(spline)

    def mismatch(fit: Fit) -> float:
        # energy - S is a sum of like terms where S - slack would cancel; see `multiplier`
        if share < 1:
            lost = spline.inner(fit.values, y) + spline.inner(fit.values, fit.residual)
            return float((excess - lost) / slack)
        return float(spline.inner(fit.residual, fit.residual) / slack - 1)

    def evaluate(at: Array, _: Any) -> tuple[float, float, float, float]:
        nonlocal last
        last = None  # its arrays make room
        resolvent = spline.resolvent(1 / float(at[0]), precise=precise)
        fit = resolvent.sweep(y)
        shrunk = resolvent.sweep(fit.residual)
        relative = mismatch(fit)
        steepness = float(spline.inner(fit.residual, shrunk.values) / slack)
        curving = float(spline.inner(shrunk.values, shrunk.values) / slack)
        if not (steepness > 0 and math.isfinite(relative)):
            raise NoRootError
        last = resolvent, fit, shrunk, steepness
        return relative, 1 + relative, steepness, curving

    last: Any = None
    mu = np.array([1 / start])
    found, steps = bracketed(evaluate, mu, near=near, most=MAX_EVALUATIONS)
    c, step = 1 / float(found[0]), float(steps[0])
    if not abs(step) <= near:
        raise NoRootError
    resolvent, fit, shrunk, steepness = last
    # the fit at (1 + step) mu, to second order where the square exceeds what the cube may be
    rise, bend = shrunk.values, shrunk.curvature
    if abs(step) > near**1.5:
        again = resolvent.sweep(shrunk.values)
        rise, bend = rise - step * again.values, bend - step * again.curvature
    values, residual, curvature = fit.values, fit.residual, fit.curvature
    rise = step * rise
    values += rise
    residual -= rise
    curvature += step * bend
    flat = None
    if tangent is not None:
        flat = (spline.resolvent(c) if precise else resolvent).sweep(tangent).values
    ulp = float(np.finfo(float).eps)
    rounding = 0.0 if precise else ulp * min(share, 1.0) / steepness
    error = rounding + 4 * ulp
    return Root(
        c / (1 + step), Fit(values, residual, curvature), shrunk.values, flat, 1 / steepness, error
    )


def guess(spline: Spline, y: Array, excess: float, start: float | None) -> float | None:
    """Return where to start from: the root for means of neighbouring labels, if there are many.

    Arguments and result as in `solve`, which it saves evaluations. What the labels of a group
    differ by counts as residual.
    """
    counts = spline.counts[:, None]
    first = np.arange(0, len(counts), max(len(counts) // _GROUPS, 1))
    if len(first) > len(counts) / 2:
        return start
    sizes = np.add.reduceat(counts, first)
    means = np.add.reduceat(counts * spline.join(y), first) / sizes
    at = np.cumsum(spline.gaps.high)
    centres = np.add.reduceat(counts[:, 0] * at[:-1], first) / sizes[:, 0]
    gaps = DoubleDouble(np.diff(np.concatenate([[0.0], centres, at[-1:]])))
    few = Spline(gaps, sizes[:, 0], spline.n, spline.order, math.isqrt(len(gaps)) // 3)
    slack = float(np.sum(sizes * means**2)) - excess
    try:
        return solve(few, few.cut(means), excess, slack, start).c if slack > 0 else start
    except NoRootError:
        return start
