r"""Self-distillation without an eigendecomposition of G.

`distill` costs O(n^3) and stores n^2 numbers. Two other routes lead to the
same chain: `distill_krylov` needs only products with G, `distill_spline` only
the inputs, where G belongs to one of two Green's functions on [0, 1]. Either
says how well it knows each multiplier, and refuses where that is not enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sdtheory import double_double as dd
from sdtheory import spline
from sdtheory.distill import MAX_ROUNDS, Outcome, Trajectory, trajectory
from sdtheory.kernels import BrownianBridge, GreensFunction, SimplySupportedBeam
from sdtheory.krylov import Lanczos, Quadrature
from sdtheory.multiplier import SMALLEST
from sdtheory.spline import Fit, Knots, Spline
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_labels,
    as_number,
    as_real_array,
    as_rounds,
)

_MAX_PRODUCTS = 500
_ULP = float(np.finfo(float).eps)


class AccuracyError(ArithmeticError):
    """A route cannot give a multiplier to the accuracy asked for; the message says what to do."""


@dataclass(frozen=True)
class _Start:
    """Labels and tolerance, scaled by an exact power of two, and the ends that are known."""

    labels: Array  # (n, q)
    rho2: float
    exponent: int
    excess: float  # ||y||^2 - rho^2
    r: float
    limit: int

    @classmethod
    def checked(cls, y: Array, epsilon: float, rounds: int | None) -> _Start:
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
        excess = _excess(columns, np.ones((len(columns), 1)), len(columns), scaled)
        r2 = 1 + excess / rho2
        if limit is None:
            if r2 > MAX_ROUNDS**2:
                raise InvalidInputError(
                    f"rounds must be given: at this epsilon the labels survive at least "
                    f"{np.sqrt(r2) - 1:.3g} rounds (r_0 - 1, each round moves them by "
                    f"sqrt(n epsilon)). Pass rounds, or a larger epsilon."
                )
            # ||y_{t+1}||^2 <= ||y_t||^2 - rho^2 ends every chain by then
            limit = int(r2) + 2
        return cls(columns, rho2, exponent, excess, float(np.sqrt(max(r2, 0.0))), limit)

    @property
    def epsilon(self) -> float:
        return self.rho2 / len(self.labels)

    def infeasible(self, energy: float) -> InfeasibleToleranceError:
        """Return the error for labels of which no fit reaches this energy."""
        smallest, epsilon = (
            float(np.ldexp(a / len(self.labels), 2 * self.exponent)) for a in (energy, self.rho2)
        )
        return InfeasibleToleranceError(epsilon, smallest)


def _excess(y: Array, weights: Array, n: int, epsilon: float) -> float:
    """Return sum weights y^2 - n epsilon, rounded once."""
    squares = dd.two_prod(y, y)
    if np.any(weights != 1):
        weights = np.broadcast_to(weights, y.shape)
        squares = dd.multiply(squares, dd.DoubleDouble(weights, np.zeros_like(weights)))
    energy = dd.total(dd.DoubleDouble(squares.high.ravel(), squares.low.ravel()))
    rho2 = dd.two_prod(np.array(float(n)), np.array(epsilon))
    difference = dd.add(energy, dd.negative(rho2))
    return float(difference.high + difference.low)


@dataclass(frozen=True)
class _Chain:
    """What both routes return.

    Attributes
    ----------
    epsilon : float
        Tolerance on the mean squared residual.
    c : ndarray of shape (T,)
        Multiplier of each round.
    c_error : ndarray of shape (T,)
        Relative error of c; what stands behind it, the route says.
    r : ndarray of shape (T+1,)
        ||y_t|| / sqrt(n epsilon).
    outcome : Outcome
        How the chain ended.
    n_rounds_range : tuple of int
        Smallest and largest number of non-trivial fits consistent with the
        errors; equal unless `outcome` is NEAR_COLLAPSE.
    """

    epsilon: float
    c: Array
    c_error: Array
    r: Array
    outcome: Outcome
    n_rounds_range: tuple[int, int]

    @property
    def n_rounds(self) -> int:
        """Number of non-trivial fits that were computed, T."""
        return len(self.c)

    @property
    def collapsed(self) -> bool:
        """Whether the fit after the last one computed is the zero function, to rounding."""
        return self.outcome is not Outcome.COMPLETED

    @property
    def c_interval(self) -> Array:
        """Where c lies, shape (T, 2): c (1 -+ c_error)."""
        return self.c[:, None] * (1 + self.c_error[:, None] * np.array([-1.0, 1.0]))

    def _known(self, t: int) -> bool:
        """Return whether round t was run, not whether it lies past the collapse."""
        if not isinstance(t, (int, np.integer)) or t < 0:
            raise InvalidInputError(f"t must be a round number from 0 on, but is {t!r}.")
        if t >= self.n_rounds and not self.collapsed:
            raise InvalidInputError(
                f"round t = {t} was not run: this chain has rounds 0 to {self.n_rounds - 1}. "
                f"Ask for rounds={t + 1} or more."
            )
        return bool(t < self.n_rounds)


@dataclass(frozen=True)
class KrylovDistillation(_Chain):
    """A chain from a Lanczos run.

    `c_error` is half of the width of an enclosure by Gauss and Gauss-Radau
    quadrature, proved for exact products, and an estimate of the effect of
    their rounding: condition / c times the asymmetry that the products showed,
    at least machine epsilon * d_max.

    Attributes
    ----------
    products : int
        Products of G with a block of labels.
    y_error : ndarray of shape (T+1,)
        Bound on ||y_t - its exact value||, from the residuals of (c I + G);
        labels converge with the square root of what c does.
    """

    products: int
    y_error: Array
    _labels: Array
    _basis: Array  # (n, k): Ritz vectors
    _d: Array  # (k,)
    _z: Array  # (T+1, k, q)

    @property
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data."""
        fits = [(self._basis @ z).reshape(self._labels.shape) for z in self._z[1:]]
        return np.stack([self._labels, *fits])

    def dual(self, t: int) -> Array:
        """Return alpha_t, shape (n,) or (n, q), with f_t(x) = g_x^T alpha_t.

        Parameters
        ----------
        t : int
            Round, from 0; rounds after the collapse have alpha = 0.

        Raises
        ------
        InvalidInputError
            If round t was not run.
        """
        if not self._known(t):
            return np.zeros_like(self._labels)
        d = self._d[:, None]
        alpha = np.where(d > 0, self._z[t] / (self.c[t] + d), 0.0)
        return (self._basis @ alpha).reshape(self._labels.shape)

    def predict(self, g_x: Any, t: int) -> Array:
        """Evaluate the fit of round t at new inputs.

        Parameters
        ----------
        g_x : array_like of shape (m, n), or operator
            Kernel between new and training inputs, divided by n.
        t : int
            Round, from 0.

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        rows = g_x
        if not isinstance(g_x, LinearOperator):
            rows = as_real_array(g_x, "g_x", ndim=(2,), remedy="Pass gram(kernel, x, x_new).")
        if rows.shape[1] != len(self._labels):
            raise InvalidInputError(
                f"g_x has {rows.shape[1]} columns, but there are {len(self._labels)} training "
                f"points. Pass gram(kernel, x, x_new)."
            )
        return rows @ self.dual(t)


def distill_krylov(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    tolerance: float = 1e-8,
    max_products: int = _MAX_PRODUCTS,
) -> KrylovDistillation:
    """Run self-distillation from products with G.

    One block Lanczos run from the labels serves every round. It stops when
    the quadrature encloses the multiplier of every round to the tolerance.
    The enclosures widen by up to a factor of four a round, so that this suits
    chains of some ten rounds; for long ones, and for tolerances epsilon below
    the noise, use `distill` or `distill_spline`.

    Parameters
    ----------
    gram : array_like of shape (n, n), sparse matrix or LinearOperator
        G with the paper's 1/n; `krylov.KernelOperator` never stores it.
    y : array_like of shape (n,) or (n, q)
        Labels; q outputs share one tolerance and one multiplier.
    epsilon : float
        Tolerance on the mean squared residual (summed over outputs).
    rounds : int, optional
        Number of fits. By default the chain runs until its labels collapse.
    tolerance : float, default=1e-8
        Largest relative error of a multiplier.
    max_products : int, default=500
        Products of G with a block of labels to try; each stores another n by q.

    Returns
    -------
    KrylovDistillation

    Raises
    ------
    InvalidInputError
        If an argument is unusable, or products show that G is not symmetric
        or not positive semidefinite.
    InfeasibleToleranceError
        If no function meets epsilon.
    AccuracyError
        If the enclosure of some multiplier does not close.
    """
    epsilon = as_epsilon(epsilon)
    product, n = _as_product(gram)
    labels = as_labels(y, n)
    tolerance = _as_tolerance(tolerance)
    max_products = as_rounds(max_products, "max_products")
    start = _Start.checked(labels, epsilon, rounds)
    near = abs(start.excess) <= 2 * n * _ULP * start.r * (1 + start.r) * start.rho2
    if start.excess <= 0 or near:
        none = np.empty(0)
        return KrylovDistillation(
            epsilon=epsilon,
            c=none,
            c_error=none,
            r=np.array([start.r]),
            outcome=Outcome.NEAR_COLLAPSE if near else Outcome.TRIVIAL,
            n_rounds_range=(0, int(near)),
            products=0,
            y_error=np.zeros(1),
            _labels=labels,
            _basis=np.empty((n, 0)),
            _d=none,
            _z=np.empty((1, 0, start.labels.shape[1])),
        )

    run = Lanczos(product, start.labels)
    due = 1
    while True:
        run.extend()
        last = run.exhausted or run.blocks >= max_products
        if run.blocks < due and not last:
            continue
        due = run.blocks + 1 + run.blocks // 8
        rule = run.quadrature()
        try:
            chain = _enclosed(rule, start, tolerance, exact=run.exhausted)
            break
        except _OpenError as error:
            if last or error.final:
                raise AccuracyError(
                    f"after {run.blocks} product(s) {error}. Pass a larger tolerance, fewer "
                    f"rounds, a larger epsilon or more max_products; or use distill or, in one "
                    f"dimension, distill_spline."
                ) from None

    count = len(chain.low)
    c = chain.path.c[:count]
    scale = 2.0**start.exponent
    return KrylovDistillation(
        epsilon=epsilon,
        c=c,
        c_error=np.maximum(chain.high - c, c - chain.low) / c,
        r=chain.path.r[: count + 1],
        outcome=chain.outcome,
        n_rounds_range=(count, count + (chain.outcome is Outcome.NEAR_COLLAPSE)),
        products=run.blocks,
        y_error=chain.y_error * scale,
        _labels=labels,
        _basis=run.basis @ rule.vectors,
        _d=rule.nodes,
        _z=chain.path.z[: count + 1] * scale,
    )


class _OpenError(Exception):
    """An enclosure does not close; `final` says that no more products will close it."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class _Enclosed:
    """A chain with bounds on its multipliers, and how it ends."""

    path: Trajectory
    low: Array
    high: Array
    y_error: Array
    outcome: Outcome


def _enclosed(rule: Quadrature, start: _Start, tolerance: float, *, exact: bool) -> _Enclosed:
    """Enclose every multiplier, or raise for the first round that does not close."""
    rho2, rho = start.rho2, float(np.sqrt(start.rho2))
    unreachable = float(np.sum(rule.roots[rule.nodes == 0] ** 2))
    if unreachable >= rho2:
        if exact:
            raise start.infeasible(unreachable)
        raise _OpenError("the labels' part in the kernel of gram is not known well enough")
    low, high, y_error = np.empty(0), np.empty(0), [0.0]
    rounds = 1
    while True:  # twice as many rounds each time: an early failure ends it early
        rounds = min(rounds, start.limit)
        path = trajectory(rule.nodes, rule.roots, rho2 / len(rule.nodes), rounds, outputs=True)
        for t in range(len(low), len(path.c)):
            c = float(path.c[t])
            rounding = float(path.condition[t]) * rule.rounding / c
            ends = _around(rule, c, (low, high), rho2, tolerance - rounding)
            if (
                t > 0
                and abs(path.excess[t]) <= tolerance
                and (ends is None or rounding > tolerance)
            ):
                return _Enclosed(path, low, high, np.array(y_error), Outcome.NEAR_COLLAPSE)
            if rounding > tolerance:
                # the first c only falls from here on: Gauss's rule bounds it from above
                raise _OpenError(
                    f"rounding alone leaves c_{t}, near {c:.3g} with eigenvalues up to "
                    f"{rule.nodes[-1]:.3g}, a relative error of {rounding:.1g}, if epsilon is "
                    f"feasible at all",
                    final=t == 0 and rounding > 16 * tolerance,
                )
            if ends is None:
                raise _OpenError(f"c_{t}, near {c:.3g}, is not enclosed to {tolerance:.1g}")
            low = np.append(low, ends[0] * (1 - rounding))
            high = np.append(high, ends[1] * (1 + rounding))
            residual = rule.tail @ (path.z[t] / (c + rule.nodes[:, None]))
            moved = rho * (high[t] / low[t] - 1)
            y_error.append(y_error[-1] + float(np.linalg.norm(residual)) + moved)
        outcome = Outcome.COMPLETED
        if path.excess[-1] <= 0:
            energy = rule.enclose(np.inf, low, high)[1]
            if energy > rho2 * (1 + tolerance):
                raise _OpenError(f"it is open whether the labels collapse at round {len(low)}")
            outcome = Outcome.NEAR_COLLAPSE if energy > rho2 else Outcome.COLLAPSED
        if path.excess[-1] <= 0 or rounds == start.limit:
            return _Enclosed(path, low, high, np.array(y_error), outcome)
        rounds *= 2


def _around(
    rule: Quadrature, c: float, earlier: tuple[Array, Array], rho2: float, tolerance: float
) -> tuple[float, float] | None:
    """Return an interval for the root near c, by the signs of the two bounds at its ends."""
    ends = []
    for sign in (-1, 1):
        width = 4 * _ULP
        while True:
            end = c * (1 + sign * width)
            bounds = rule.enclose(end, *earlier)
            if (bounds[1] < rho2) if sign < 0 else (bounds[0] > rho2):
                ends.append(end)
                break
            width *= 2
            if not width <= tolerance:
                return None
    return ends[0], ends[1]


@dataclass(frozen=True)
class SplineDistillation(_Chain):
    """A chain of smoothing splines.

    `c_error` is an estimate, not a bound: what sweeping the points in the
    other direction, in every round, changes; and one machine epsilon in the
    residual energy.

    Attributes
    ----------
    kernel : BrownianBridge or SimplySupportedBeam
    condition : ndarray of shape (T,)
        Relative change of c_t per relative change of sqrt(n epsilon), at fixed
        labels y_t.
    """

    kernel: BrownianBridge | SimplySupportedBeam
    condition: Array
    _labels: Array
    _knots: Knots
    _fits: tuple[Fit, ...]

    @property
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data."""
        fits = [self._knots.spread(f.values).reshape(self._labels.shape) for f in self._fits]
        return np.stack([self._labels, *fits])

    def dual(self, t: int) -> Array:
        """Return alpha_t, shape (n,) or (n, q), with f_t(x) = g_x^T alpha_t.

        Parameters
        ----------
        t : int
            Round, from 0; rounds after the collapse have alpha = 0.

        Raises
        ------
        InvalidInputError
            If round t was not run.
        """
        if not self._known(t):
            return np.zeros_like(self._labels)
        alpha = self._knots.spread(self._fits[t].residual / self.c[t])
        return alpha.reshape(self._labels.shape)

    def predict(self, x_new: ArrayLike, t: int) -> Array:
        """Evaluate the fit of round t at new inputs, O(log n) each.

        Parameters
        ----------
        x_new : array_like of shape (m,) or (m, 1)
            In [0, 1].
        t : int
            Round, from 0.

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        points = self.kernel._points(x_new, "x_new")
        shape = (len(points), *self._labels.shape[1:])
        if not self._known(t):
            return np.zeros(shape)
        return spline.evaluate(self._knots.x, self._fits[t], points).reshape(shape)


def distill_spline(
    kernel: GreensFunction,
    x: ArrayLike,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    tolerance: float = 1e-8,
) -> SplineDistillation:
    """Run self-distillation in O(n) a round, for the two splines on [0, 1].

    Parameters
    ----------
    kernel : BrownianBridge or SimplySupportedBeam
    x : array_like of shape (n,) or (n, 1)
        Training inputs in [0, 1], in any order. Repeated ones, and those at 0
        and 1, leave a part of the labels that no function can fit.
    y : array_like of shape (n,) or (n, q)
        Labels; q outputs share one tolerance and one multiplier.
    epsilon : float
        Tolerance on the mean squared residual (summed over outputs).
    rounds : int, optional
        Number of fits. By default the chain runs until its labels collapse.
    tolerance : float, default=1e-8
        Largest relative error of a multiplier.

    Returns
    -------
    SplineDistillation

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If no function meets epsilon.
    AccuracyError
        If rounding leaves a multiplier a larger error than the tolerance.
    """
    if not isinstance(kernel, BrownianBridge | SimplySupportedBeam):
        raise InvalidInputError(
            f"kernel must be BrownianBridge() or SimplySupportedBeam(), but is {kernel!r}. For "
            f"another kernel use distill, or distill_krylov."
        )
    epsilon = as_epsilon(epsilon)
    points = kernel._points(x, "x")
    labels = as_labels(y, len(points))
    tolerance = _as_tolerance(tolerance)
    start = _Start.checked(labels, epsilon, rounds)
    knots = Knots.from_inputs(points)
    curve = Spline.through(knots, 1 if isinstance(kernel, BrownianBridge) else 2)
    weights = knots.counts[:, None]
    at_knots = knots.average(start.labels)
    missed = float(np.sum((start.labels - knots.spread(at_knots)) ** 2))

    rho2, excess = start.rho2, start.excess
    unit = sum(curve.shape) * _ULP
    tangent = np.zeros_like(at_knots)  # dy_t / dlog rho
    # the same chain swept from the other side, which tells the error of this one
    mirror, mirrored, mirrored_excess = curve.mirrored(), at_knots[::-1], excess
    fits, c, errors, conditions, r = [], [], [], [], [start.r]
    near = []  # rounds whose labels are within rounding of the tolerance
    while True:
        t = len(fits)
        slope = float(np.sum(weights * at_knots * tangent)) / rho2 / r[t] if r[t] > 0 else 0.0
        doubt = unit * (r[t] + abs(slope - r[t])) * (1 + r[t]) * rho2
        if abs(excess) <= doubt + 2 * abs(excess - mirrored_excess):
            near.append(t)
        # unknown labels at the end of a chain have no multiplier that shows it
        lost = abs(excess - mirrored_excess) / (excess + rho2) if excess + rho2 > 0 else 0.0
        if lost > tolerance:
            raise _inaccurate(f"||y_{t}||^2", t, r[t], lost)
        if excess <= 0 or t == start.limit:
            break
        slack = rho2 - (missed if t == 0 else 0.0)
        if slack <= 0:
            raise start.infeasible(missed)
        try:
            first = spline.guess(curve, at_knots, slack, c[-1] if c else None)
            root = spline.solve(curve, at_knots, excess, slack, first)
            other = spline.solve(mirror, mirrored, mirrored_excess, slack, root.c)
            error = root.error + abs(other.c / root.c - 1)
        except spline.NoRootError:
            root, other, error = None, None, np.inf
        if root is None or other is None or error > tolerance:
            if t in near and abs(excess) <= tolerance * rho2:
                break
            raise _inaccurate(f"c_{t}", t, r[t], error)
        w = root.fit.residual
        flat = root.resolvent.fit(tangent).values  # A tangent
        steepness = slack / root.condition
        through = float(np.sum(weights * w * (tangent - flat)))
        tangent = flat - root.shrunk * ((rho2 - through) / steepness)
        fits.append(root.fit)
        c.append(root.c)
        errors.append(error)
        conditions.append(root.condition * rho2 / slack)
        at_knots, mirrored = root.fit.values, other.fit.values
        excess = _excess(at_knots, weights, knots.n, start.epsilon)
        mirrored_excess = _excess(mirrored, weights[::-1], knots.n, start.epsilon)
        r.append(float(np.sqrt(max(1 + excess / rho2, 0.0))))

    count = len(fits)
    if near:
        outcome = Outcome.NEAR_COLLAPSE
    elif excess > 0:
        outcome = Outcome.COMPLETED
    else:
        outcome = Outcome.COLLAPSED if count else Outcome.TRIVIAL
    scale = 2.0**start.exponent
    return SplineDistillation(
        epsilon=epsilon,
        c=np.array(c),
        c_error=np.array(errors),
        r=np.array(r),
        outcome=outcome,
        n_rounds_range=(min([count, *near]), max([count, *(t + 1 for t in near)])),
        kernel=kernel,
        condition=np.array(conditions),
        _labels=labels,
        _knots=knots,
        _fits=tuple(Fit(f.values * scale, f.residual * scale, f.curvature * scale) for f in fits),
    )


def _inaccurate(what: str, t: int, r: float, error: float) -> AccuracyError:
    found = f"has a relative error of about {error:.1g}" if np.isfinite(error) else "is lost"
    return AccuracyError(
        f"in round {t}, with r_{t} = {r:.6g}, {what} {found}, by rounding. "
        f"Pass a larger tolerance, fewer rounds or another epsilon; inputs whose distances differ "
        f"by many powers of ten cost the most digits."
    )


def _as_product(gram: Any) -> tuple[Callable[[Array], Array], int]:
    if isinstance(gram, LinearOperator) or scipy.sparse.issparse(gram):
        operator = aslinearoperator(gram)
        rows, columns = operator.shape
        if rows != columns or rows == 0 or np.dtype(operator.dtype).kind not in "fiub":
            raise InvalidInputError(
                f"gram must be a square, real, non-empty operator, but has shape "
                f"{operator.shape} and dtype {operator.dtype}. Pass products with G = k(x, x) / n."
            )
        return operator.matmat, rows
    matrix = as_gram(gram)
    return matrix.__matmul__, len(matrix)


def _as_tolerance(tolerance: Any) -> float:
    value = as_number(tolerance, "tolerance")
    if not 4 * _ULP <= value < 1:
        raise InvalidInputError(
            f"tolerance must lie between {4 * _ULP:.1g} and 1, but is {value!r}. It is the largest "
            f"relative error of a multiplier."
        )
    return value
