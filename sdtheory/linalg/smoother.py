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
at once. The unit of length is the spline's own correlation length c^(1/2m), so that
the condition number of that system grows like P only. The unit of all variances is
that of a label.

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
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from sdtheory.linalg import sweeps
from sdtheory.linalg.double_double import DoubleDouble, each, empty, high, two_sum, zeros
from sdtheory.linalg.halley import MAX_EVALUATIONS, NoRootError, bracketed, halley_step
from sdtheory.linalg.sweeps import Factors
from sdtheory.validation import Array

_gbtrf, _gbtrs = get_lapack_funcs(("gbtrf", "gbtrs"))
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
        cut = np.zeros((length, *values.shape[1:], stretches))
        whole = len(values) // length
        parts = values[: whole * length].reshape(whole, length, *values.shape[1:])
        cut[..., :whole] = np.moveaxis(parts, 0, -1)
        rest = values[whole * length :]
        cut[: len(rest), ..., whole : whole + 1] = rest[..., None]
        return cut

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

    @cached_property
    def groups(self) -> tuple[NDArray[np.intp], Spline] | None:
        """First knots of groups of neighbours, and the spline through their centres."""
        first = np.arange(0, len(self.counts), max(len(self.counts) // _GROUPS, 1))
        if len(first) > len(self.counts) / 2:
            return None
        sizes = np.add.reduceat(self.counts, first)
        at = np.cumsum(self.gaps.high)
        centres = np.add.reduceat(self.counts * at[:-1], first) / sizes
        gaps = DoubleDouble(np.diff(np.concatenate([[0.0], centres, at[-1:]])))
        return first, Spline(gaps, sizes, self.n, self.order, math.isqrt(len(gaps)) // 3)

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
        # lengths in units of `unit`, f^(m) in units of unit^-m; a power of two, which is exact
        unit = 2.0 ** round(math.log2(np.clip(c ** (1 / (2 * m)), 1 / self.n, 1.0)))
        gaps = (self._gaps if precise else self._gaps.high) * (1 / unit)
        scale = DoubleDouble(unit ** (2 * m - 1)) / (DoubleDouble(float(self.n)) * c)
        scale = scale if precise else float(scale)
        # labels of zero at x = 1, where every fit is zero, fill the last stretch up
        counts = None if self.simple else self.weights[:, 0]
        factors, (A, C, J) = sweeps.factorise(gaps, counts, scale, m)
        # states and costates of one size: a power of two, too
        balance = 2.0 ** (math.frexp(scale)[1] - 1)
        joining = Banded(_joining(A, C * (1 / balance), J * balance))
        return Resolvent(self, factors, joining, balance, scale * (1 / unit**2))


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


@dataclass(frozen=True)
class Banded:
    """A banded matrix with its LU factors in floats.

    Attributes
    ----------
    matrix : ndarray or DoubleDouble of shape (2 band + 1, size)
        Row ``band + i - j`` holds entries (i, j).
    """

    matrix: Any

    @property
    def band(self) -> int:
        """Diagonals below the main one, and above."""
        return self.matrix.shape[0] // 2

    @cached_property
    def _factors(self) -> tuple[Array, NDArray[np.int32]]:
        rows = np.pad(high(self.matrix), ((self.band, 0), (0, 0)))
        lu, pivots, _ = _gbtrf(rows, self.band, self.band, overwrite_ab=True)
        return lu, pivots

    def _rough(self, right: Array) -> Array:
        return _gbtrs(self._factors[0], self.band, self.band, right, self._factors[1])[0]

    def solve(self, right: Any) -> Any:
        """Solve for columns of shape (size, q); double-doubles by corrections or elimination."""
        if not isinstance(right, DoubleDouble):
            return self._rough(right)
        band, size = self.band, len(right)
        found, last = DoubleDouble(self._rough(right.high)), math.inf
        for _ in range(_CORRECTIONS):
            rest = each(np.copy, right)
            for k in range(-band, band + 1):  # entries k below the diagonal
                rows = slice(max(k, 0), size + min(k, 0))
                columns = slice(max(-k, 0), size - max(k, 0))
                rest[rows] -= self.matrix[band + k, columns][:, None] * found[columns]
            step = self._rough(high(rest))
            if np.all(np.abs(step) <= _CORRECTED * np.abs(found.high)):
                return found + step
            change = float(np.max(np.abs(step)))
            if not change < last / 2:
                break
            found, last = found + step, change
        # sums of large terms that cancel, where elimination in order forms none
        return _eliminated(self.matrix, each(np.copy, right), band)


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
    joining : Banded
        What joins them.
    balance : float
        Unit of their costates in that system.
    bend : float or DoubleDouble
        Second derivative over the second costate.
    """

    spline: Spline
    factors: Factors
    joining: Banded
    balance: float
    bend: Any

    def sweep(self, labels: Any) -> Fit:
        """Smooth labels of shape (L, q, P), zero where they are filled up."""
        m, (length, stretches), q = self.spline.order, self.spline.shape, labels.shape[1]
        make = zeros if m == 1 else empty
        results = tuple(f(labels.shape, like=labels) for f in (empty, empty, make))
        b, eta = sweeps.forward(labels, self.factors, results[0])

        # (X_0, r_0, X_1, r_1, ...), ends included
        right = zeros((2 * m * (stretches + 1), q), like=labels)
        rows = zeros((stretches, 2 * m, q), like=labels)
        for part, first in ((b, 0), (eta * self.balance, m)):
            rows[:, first : first + m] = each(lambda a: a.transpose(2, 0, 1), part)
        right[m:-m] = -each(lambda a: a.reshape(-1, q), rows)
        ends = self.joining.solve(right)
        ends = each(lambda a: a.reshape(stretches + 1, 2 * m, q).transpose(1, 2, 0), ends)
        state = each(np.ascontiguousarray, ends[:m, :, :-1])
        costate = each(np.ascontiguousarray, ends[m:, :, 1:]) * (1 / self.balance)

        sweeps.backward(labels, (state, costate), self.factors, results)
        filled = len(self.spline.counts) - (stretches - 1) * length
        for a in results:
            a[filled:, :, -1] = 0.0
        if m == 2:
            curvature = results[2]
            curvature *= self.bend
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
    at, step : float
        Where it was evaluated last, and the relative step of mu from there.
    fit : Fit
        Cut.
    shrunk : ndarray or DoubleDouble of shape (L, q, P)
        Fit of the residual, -d fit / d log c, over that step.
    steepness, curving : float
        w^T A w and |A w|^2 over the slack, where w is the residual and A w its fit.
    error : float
        Relative error of c that rounding of the residual energy and of c leaves; not that
        of the fit.
    """

    c: float
    at: float
    step: float
    fit: Fit
    shrunk: Any
    steepness: float
    curving: float
    error: float


def solve(spline: Spline, y: Any, excess: Any, slack: Any, start: float | None) -> Root:
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
    """
    precise = isinstance(y, DoubleDouble)
    near, share = _NEARER if precise else _NEAR, float(excess / slack)
    if start is None:
        # d_max <= trace: the first step of Newton's method from mu = 0, or one before it
        start = (1 + math.sqrt(1 + share)) / share * _trace(spline)

    def evaluate(at: Array, _: Any) -> tuple[float, float, float, float]:
        nonlocal last
        last = None  # its arrays make room
        resolvent = spline.resolvent(1 / float(at[0]), precise=precise)
        fit = resolvent.sweep(y)
        shrunk = resolvent.sweep(fit.residual)
        relative = _mismatch(spline, fit, y, excess, slack)
        steepness = float(spline.inner(fit.residual, shrunk.values) / slack)
        curving = float(spline.inner(shrunk.values, shrunk.values) / slack)
        if not (steepness > 0 and math.isfinite(relative)):
            raise NoRootError
        last = resolvent, fit, shrunk, steepness, curving
        return relative, 1 + relative, steepness, curving

    last: Any = None
    found, steps = bracketed(evaluate, np.array([1 / start]), near=near, most=MAX_EVALUATIONS)
    at, step = 1 / float(found[0]), float(steps[0])
    if not abs(step) <= near:
        raise NoRootError
    resolvent, fit, shrunk, steepness, curving = last
    # the fit at (1 + step) mu, to second order where the square exceeds what the cube may be
    rise, bend, curvature = shrunk.values, shrunk.curvature, fit.curvature
    if abs(step) > near**1.5:
        again = resolvent.sweep(rise)
        rise -= step * again.values
        bend -= step * again.curvature
    _move(fit, step, rise)
    curvature += step * bend
    ulp = float(np.finfo(float).eps)
    error = (0.0 if precise else ulp * min(share, 1.0) / steepness) + 4 * ulp
    return Root(at / (1 + step), at, step, fit, rise, steepness, curving, error)


def follow(spline: Spline, y: Any, excess: Any, slack: Any, root: Root) -> tuple[float, Fit]:
    """Return how far off a known root is, relative to it, and the fit at the root of these labels.

    There is one evaluation, where `root` had its last, and a step by its derivatives. Arguments
    are as in `solve`; `shrunk` of the known root has the shape of the labels here.
    """
    fit = spline.resolvent(root.at, precise=isinstance(y, DoubleDouble)).sweep(y)
    relative = _mismatch(spline, fit, y, excess, slack)
    step = float(halley_step(relative, 1 + relative, root.steepness, root.curving))
    if not math.isfinite(step):
        raise NoRootError
    _move(fit, step, root.shrunk)
    return abs(step - root.step), fit


def _mismatch(spline: Spline, fit: Fit, y: Any, excess: Any, slack: Any) -> float:
    """Return the energy of the residual over the slack, less 1."""
    # energy - S is a sum of like terms where S - slack would cancel; see `multiplier`
    if float(excess) < float(slack):
        lost = spline.inner(fit.values, y) + spline.inner(fit.values, fit.residual)
        return float((excess - lost) / slack)
    return float(spline.inner(fit.residual, fit.residual) / slack - 1)


def _move(fit: Fit, step: float, rise: Any) -> None:
    """Move values and residual, in place, from mu to (1 + step) mu."""
    values, residual, moved = fit.values, fit.residual, step * rise
    values += moved
    residual -= moved


def guess(spline: Spline, y: Any, excess: Any, slack: Any, start: float | None) -> float | None:
    """Return where to start from: a root that takes less time, if there is one.

    For double-doubles that is the root in floats. For many floats it is the one for means of
    neighbouring labels, where what the labels of a group differ by counts as residual. Arguments
    and result are as in `solve`.
    """
    if isinstance(y, DoubleDouble):
        labels, excess, slack = high(y), float(excess), float(slack)
    elif spline.groups is None:
        return start
    else:
        first, few = spline.groups
        joined = spline.join(y)
        joined = joined if spline.simple else spline.counts[:, None] * joined
        means = np.add.reduceat(joined, first) / few.counts[:, None]
        slack = float(np.sum(few.counts[:, None] * means**2)) - excess
        spline, labels = few, few.cut(means)
    try:
        return solve(spline, labels, excess, slack, start).c if slack > 0 else start
    except NoRootError:
        return start
