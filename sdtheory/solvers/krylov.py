"""The chain from products with G: Gauss quadrature from one block Lanczos run."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sdtheory.linalg.blas import symmetric_times, times
from sdtheory.linalg.lanczos import Lanczos, Quadrature
from sdtheory.solvers.chain import REACHED, ULP, AccuracyError, Chain, Outcome, as_tolerance
from sdtheory.solvers.start import Start
from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_labels,
    as_rounds,
    as_rows,
    check_columns,
)

MAX_PRODUCTS = 500


@dataclass(frozen=True)
class KrylovDistillation(Chain):
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

    solver: ClassVar[str] = "krylov"

    products: int
    y_error: Array
    _basis: Array  # (n, k): Ritz vectors
    _d: Array  # (k,)
    _z: Array  # (T+1, k, q)

    @property
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data."""
        fits = [times(self._basis, z).reshape(self._labels.shape) for z in self._z[1:]]
        return np.stack([self._labels, *fits])

    def _alpha(self, t: int) -> Array:
        d = self._d[:, None]
        return times(self._basis, np.where(d > 0, self._z[t] / (self.c[t] + d), 0.0))

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
        rows, n = g_x, len(self._labels)
        if isinstance(g_x, LinearOperator):
            check_columns(g_x.shape[1], n)
        else:
            rows = as_rows(g_x, n)
        return rows @ self.dual(t)


def distill_krylov(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    tolerance: float = REACHED,
    max_products: int = MAX_PRODUCTS,
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
    tolerance = as_tolerance(tolerance)
    max_products = as_rounds(max_products, "max_products")
    start = Start.checked(labels, epsilon, rounds)
    if start.outcome is not None:
        none = np.empty(0)
        return KrylovDistillation(
            epsilon=epsilon,
            c=none,
            c_error=none,
            r=np.array([start.r]),
            outcome=start.outcome,
            n_rounds_range=(0, int(start.near)),
            products=0,
            y_error=np.zeros(1),
            _labels=labels,
            _basis=np.empty((n, 0)),
            _d=none,
            _z=np.empty((1, 0, start.labels.shape[1])),
        )

    run = Lanczos(product, start.labels)
    due = 3  # fewer hardly ever settle a chain
    before, missing = 0, math.inf
    while True:
        run.extend()
        last = run.exhausted or run.blocks >= max_products
        if run.blocks < due and not last:
            continue
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
            # half of the way that is left at this rate, which grows from product to product
            gained = (missing - error.missing) / (run.blocks - before)
            ahead = error.missing / gained / 2 if 0 < gained < math.inf else 0.0
            before, missing = run.blocks, error.missing
            due = run.blocks + max(1 + run.blocks // 8, int(min(ahead, run.blocks)))

    count = len(chain.low)
    c = chain.c
    scale = 2.0**start.exponent
    return KrylovDistillation(
        epsilon=epsilon,
        c=c,
        c_error=np.maximum(chain.high - c, c - chain.low) / c,
        r=chain.r,
        outcome=chain.outcome,
        n_rounds_range=(count, count + (chain.outcome is Outcome.NEAR_COLLAPSE)),
        products=run.blocks,
        y_error=chain.y_error * scale,
        _labels=labels,
        _basis=times(run.basis, rule.vectors),
        _d=rule.nodes,
        _z=chain.z * scale,
    )


class _OpenError(Exception):
    """An enclosure does not close.

    `final` says that no more products will close it, `missing` by what factor
    it is too wide, as a logarithm.
    """

    def __init__(self, reason: str, *, final: bool = False, missing: float = math.inf) -> None:
        super().__init__(reason)
        self.final = final
        self.missing = missing


@dataclass(frozen=True)
class _Enclosed:
    """A chain with bounds on its multipliers, and how it ends."""

    c: Array
    low: Array
    high: Array
    r: Array
    z: Array
    y_error: Array
    outcome: Outcome


def _enclosed(rule: Quadrature, start: Start, tolerance: float, *, exact: bool) -> _Enclosed:
    """Enclose every multiplier, or raise for the first round that does not close.

    The multipliers themselves come from plain floats: the enclosures prove them.
    """
    rho2, d = start.rho2, rule.nodes[:, None]
    unreachable = float(np.sum(rule.roots[rule.nodes == 0] ** 2))
    if unreachable >= rho2:
        if exact:
            raise start.infeasible(unreachable)
        raise _OpenError("the labels' part in the kernel of gram is not known well enough")
    c, low, high = np.empty(0), np.empty(0), np.empty(0)
    r, z, y_error = [start.r], [rule.roots], [0.0]
    excess = start.excess / rho2 / (1 + start.r)

    def ended(outcome: Outcome) -> _Enclosed:
        return _Enclosed(c, low, high, np.array(r), np.array(z), np.array(y_error), outcome)

    while excess > 0 and len(c) < start.limit:
        t = len(c)
        root, condition = _newton(rule.nodes, np.sum(z[t] ** 2, axis=1), rho2, excess)
        rounding = condition * rule.rounding / root
        ends, missing = None, math.inf
        if rounding <= tolerance:
            ends, missing = _around(
                rule, (root, condition), (low, high), rho2, tolerance - rounding
            )
        if ends is None and t > 0 and excess <= tolerance:
            return ended(Outcome.NEAR_COLLAPSE)
        if rounding > tolerance:
            # the first c only falls from here on: Gauss's rule bounds it from above
            raise _OpenError(
                f"rounding alone leaves c_{t}, near {root:.3g} with eigenvalues up to "
                f"{rule.nodes[-1]:.3g}, a relative error of {rounding:.1g}, if epsilon is "
                f"feasible at all",
                final=t == 0 and rounding > 16 * tolerance,
            )
        if ends is None:
            raise _OpenError(
                f"c_{t}, near {root:.3g}, is not enclosed to {tolerance:.1g}", missing=missing
            )
        c = np.append(c, root)
        low = np.append(low, ends[0] * (1 - rounding))
        high = np.append(high, ends[1] * (1 + rounding))
        residual = rule.tail @ (z[t] / (root + d))
        moved = float(np.sqrt(rho2)) * (high[t] / low[t] - 1)
        y_error.append(y_error[-1] + float(np.linalg.norm(residual)) + moved)
        z.append(z[t] * (d / (root + d)))
        r.append(float(np.linalg.norm(z[-1])) / float(np.sqrt(rho2)))
        excess = r[-1] - 1
    if excess > 0:
        return ended(Outcome.COMPLETED)
    energy = float(rule.enclose(np.inf, low, high)[1])
    if energy > rho2 * (1 + tolerance):
        raise _OpenError(f"it is open whether the labels collapse at round {len(low)}")
    return ended(Outcome.NEAR_COLLAPSE if energy > rho2 else Outcome.COLLAPSED)


def _newton(d: Array, weights: Array, rho2: float, excess: float) -> tuple[float, float]:
    """Return the root of a secular equation and its condition.

    Newton's method in 1/c on 1 / ||residual||, which is concave and nearly
    linear: from 0 the steps stay below the root.
    """
    energy, slope = float(np.sum(weights)), float(weights @ d)
    inverse, step = 0.0, energy * excess / slope
    while True:
        inverse += step
        s = 1 / (1 + inverse * d)
        parts = weights * s * s
        energy, slope = float(np.sum(parts)), float(parts @ (s * d))
        step = energy * (float(np.sqrt(energy / rho2)) - 1) / slope
        if not step > 1e-9 * inverse:  # converges quadratically
            return 1 / (inverse + step), energy / (inverse * slope)


def _around(
    rule: Quadrature,
    root: tuple[float, float],
    earlier: tuple[Array, Array],
    rho2: float,
    tolerance: float,
) -> tuple[tuple[float, float] | None, float]:
    """Return an interval for the root near c, by the signs of the two bounds at its ends.

    Where it is wider than the tolerance there is none, but the logarithm of the ratio.
    """
    c, condition = root
    low, high = map(float, rule.enclose(c, *earlier))
    # half of the interval, to first order
    expected = condition * max(high - rho2, rho2 - low) / (2 * rho2)
    missing = float(np.log(expected / tolerance)) if 0 < expected < math.inf else math.inf
    if not expected <= 2 * tolerance:
        return None, missing
    width = np.full(2, max(4 * ULP, min(1.1 * expected, tolerance)))
    while np.all(width <= max(tolerance, 4 * ULP)):
        ends = c * (1 + np.array([-1.0, 1.0]) * width)
        low, high = rule.enclose(ends, *earlier)
        short = ~np.array([high[0] < rho2, low[1] > rho2])
        if not np.any(short):
            return (float(ends[0]), float(ends[1])), missing
        width[short] *= 2
    return None, missing


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
    matrix = as_gram(gram, copy=False)
    return functools.partial(symmetric_times, matrix), len(matrix)
