"""The chain from products with G: Gauss quadrature from Lanczos' method."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.linalg.blas import times
from sdtheory.linalg.lanczos import Lanczos, Quadrature
from sdtheory.solvers.chain import ULP, AccuracyError, Chain, Fits, Outcome, Start
from sdtheory.validation import Array, InfeasibleToleranceError, counted

MAX_PRODUCTS = 500
#: Above this, an effect of rounding to second order says nothing.
_LOST = 0.1


@dataclass(frozen=True)
class _Fits(Fits):
    """Fits in the bases of the Ritz vectors, ``bases[j] @ vectors[j]`` for output j."""

    bases: tuple[Array, ...]  # (n, k_j), shared by all chains of one run
    vectors: tuple[Array, ...]  # (k_j, k_j)
    d: Array  # (k,), one output after the other
    z: Array  # (T+1, k, q), of which output j has its own rows
    c: Array

    def labels(self) -> Array:
        return np.array([self._back(z) for z in self.z[1:]])

    def dual(self, t: int) -> Array:
        d = self.d[:, None]
        return self._back(np.where(d > 0, self.z[t] / (self.c[t] + d), 0.0))

    def _back(self, z: Array) -> Array:
        rows = np.split(z, np.cumsum([len(U) for U in self.vectors])[:-1])
        outputs = zip(self.bases, self.vectors, rows, strict=True)
        found = [times(Q, times(U, own[:, j])) for j, (Q, U, own) in enumerate(outputs)]
        return np.stack(found, axis=1)


def solve(
    run: Lanczos,
    start: Start,
    *,
    tolerance: float,
    max_products: int = MAX_PRODUCTS,
    labels: float = math.inf,
) -> Chain:
    """Run self-distillation from products with G.

    One run of Lanczos' method from the labels of each output serves every round and
    every epsilon: it continues where the last chain stopped. It stops when the
    quadrature encloses the multiplier of every round to the tolerance. The enclosures
    widen by up to a factor of four in each round, so this solver suits chains of some
    ten rounds. For longer ones, and for epsilon below the noise, use another solver.

    `c_error` has two parts. Half of the width of an enclosure by Gauss and Gauss-Radau
    quadrature is a bound for exact products. The effect of their rounding is an
    estimate, to first order, for the worst direction. It moves G by the asymmetry of
    the products, and at least by some machine epsilons times its Frobenius norm.
    `y_error` comes from the residuals of (c I + G).

    Parameters
    ----------
    run : Lanczos
        From ``start.labels``.
    start : Start
    tolerance, max_products
        As in `sdtheory.distill`.
    labels : float, default=inf
        Largest ||y_t - its exact value|| / ||y||, rounding aside.

    Raises
    ------
    InvalidInputError, InfeasibleToleranceError, AccuracyError
        As `sdtheory.distill`.
    """
    due = 3  # fewer hardly ever settle a chain
    before, missing = 0, math.inf
    while True:
        last = run.exhausted or run.blocks >= max_products
        if run.blocks < due and not last:
            run.extend()
            continue
        rule = run.quadrature()
        try:
            return _enclosed(run, rule, start, tolerance, labels)
        except _OpenError as error:
            if last or error.final:
                raise AccuracyError(
                    f"after {counted(run.blocks, 'product')} {error}. "
                    f"{_answered(run, rule, start, tolerance)}Choose a larger epsilon or fewer "
                    f"rounds, or pass distill a larger tolerance or more max_products. Or use "
                    f'solver="eigh" or, in one dimension, solver="spline".'
                ) from None
            # half of the way that is left at this rate, which grows from product to product
            gained = (missing - error.missing) / (run.blocks - before)
            ahead = error.missing / gained / 2 if 0 < gained < math.inf else 0.0
            before, missing = run.blocks, error.missing
            due = run.blocks + max(1 + run.blocks // 8, int(min(ahead, run.blocks)))


def ended(start: Start) -> Chain:
    """Return the chain without rounds, of labels within the tolerance or within rounding of it."""
    none = np.empty(0)
    return Chain(
        solver="krylov",
        epsilon=start.tolerance,
        c=none,
        c_error=none,
        sensitivity=none,
        r=np.array([start.r]),
        outcome=Outcome.NEAR_COLLAPSE if start.near else Outcome.TRIVIAL,
        n_rounds_range=(0, int(start.near)),
        _labels=start.given,
        _fits=Fits(),
        products=0,
        y_error=np.zeros(1),
    )


def _answered(run: Lanczos, rule: Quadrature, start: Start, tolerance: float) -> str:
    """Return in words the smallest epsilon whose first multiplier the basis at hand settles."""
    energy = start.rho2 + start.excess

    def settled(rho2: float) -> bool:
        excess, r = energy - rho2, math.sqrt(energy / rho2)
        try:
            _enclosed(run, rule, replace(start, limit=1, rho2=rho2, excess=excess, r=r), tolerance)
        except (_OpenError, InfeasibleToleranceError):
            return False
        return True

    low, high = start.rho2, energy / 2
    if low >= high or settled(low) or not settled(high):
        return ""
    while high > 1.001 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if settled(middle) else (middle, high)
    # half a percent more, so that three digits of it are answered
    smallest = float(np.ldexp(1.005 * high / len(start.labels), 2 * start.exponent))
    return (
        f"At epsilon = {start.tolerance:.3g} the fit nearly interpolates the labels. These "
        f"products settle it from about epsilon = {smallest:.3g} on. "
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


def _enclosed(
    run: Lanczos, rule: Quadrature, start: Start, tolerance: float, labels: float = math.inf
) -> Chain:
    """Enclose every multiplier, or raise for the first round that does not close.

    The multipliers themselves come from plain floats: the enclosures prove them.
    """
    rho2, d = start.rho2, rule.nodes[:, None]
    unreachable = float(np.sum(rule.roots[rule.nodes == 0] ** 2))
    if unreachable >= rho2:
        if run.exhausted:
            raise start.infeasible(unreachable, rank_decision=bool(rule.rounding))
        raise _OpenError("the labels' part in the null space of gram is not known well enough")
    c, low, high = np.empty(0), np.empty(0), np.empty(0)
    r, z, y_error = [start.r], [rule.roots], [0.0]
    excess, cut = start.excess, 0.0  # of ||y_t||^2 over rho^2

    def found(outcome: Outcome) -> Chain:
        rows, scale = np.array(z), 2.0**start.exponent
        kept = c[:, None] / (c[:, None] + rule.nodes)
        energies = np.sum(rows[:-1] ** 2, axis=2) * kept**2
        return Chain(
            solver="krylov",
            epsilon=start.tolerance,
            c=c,
            c_error=np.maximum(high - c, c - low) / c,
            sensitivity=rho2 / np.sum(energies * (1 - kept), axis=1),
            r=np.array(r),
            outcome=outcome,
            n_rounds_range=(len(c), len(c) + (outcome is Outcome.NEAR_COLLAPSE)),
            _labels=start.given,
            _fits=_Fits(run.bases, rule.vectors, rule.nodes, rows * scale, c),
            products=run.blocks,
            y_error=np.array(y_error) * scale,
        )

    while excess > 0 and len(c) < start.limit:
        t = len(c)
        root, condition = _newton(rule.nodes, np.sum(z[t] ** 2, axis=1), rho2, excess)
        rounding = condition * _response(d, z[t], np.append(c, root), rule.rounding)
        target = (excess if t == 0 else math.inf), rho2
        try:
            ends = _around(rule, (root, condition, rounding), (low, high), target, tolerance)
        except _OpenError:
            if t > 0 and r[-1] - 1 <= tolerance:
                return found(Outcome.NEAR_COLLAPSE)
            raise
        c, low, high = np.append(c, root), np.append(low, ends[0]), np.append(high, ends[1])
        residual = rule.tail @ (z[t] / (root + d))
        cut += float(np.linalg.norm(residual)) / float(np.sqrt(rho2)) / start.r
        if cut > labels:
            raise _OpenError(
                f"y_{t + 1} is not known to {labels:.1g}", missing=math.log(cut / labels)
            )
        moved = float(np.sqrt(rho2)) * (high[t] / low[t] - 1)
        y_error.append(y_error[-1] + float(np.linalg.norm(residual)) + moved)
        z.append(z[t] * (d / (root + d)))
        r.append(float(np.linalg.norm(z[-1])) / float(np.sqrt(rho2)))
        excess = (r[-1] - 1) * (r[-1] + 1) * rho2
    if excess > 0:
        return found(Outcome.COMPLETED)
    energy = float(rule.enclose(np.inf, low, high)[1])
    if energy > rho2 * (1 + tolerance):
        raise _OpenError(f"it is not settled whether the labels collapse at round {len(low)}")
    return found(Outcome.NEAR_COLLAPSE if energy > rho2 else Outcome.COLLAPSED)


def _newton(d: Array, energies: Array, rho2: float, excess: float) -> tuple[float, float]:
    """Return the root of a secular equation and its condition.

    Newton's method in 1/c on 1 / ||residual||, which is concave and nearly
    linear: from 0 the steps stay below the root. `excess`, the labels' energy
    beyond rho^2, is known without the cancellation of that subtraction.
    """
    inverse, energy, slope, beyond = 0.0, float(np.sum(energies)), float(energies @ d), excess
    while True:
        # sqrt(energy / rho^2) - 1
        ratio = beyond / rho2 / (1 + float(np.sqrt(energy / rho2)))
        step = energy * ratio / slope
        if not step > 1e-9 * inverse:  # converges quadratically
            return 1 / (inverse + step), energy / (inverse * slope)
        inverse += step
        m = inverse * d
        s = 1 / (1 + m)
        parts = energies * s * s
        energy, slope = float(np.sum(parts)), float(parts @ (s * d))
        beyond = excess - float(energies @ (m * s * (1 + s))) if excess < rho2 else energy - rho2


def _response(d: Array, z: Array, c: Array, size: float) -> float:
    """Return by how much a perturbation of G of this size may move half the residual energy.

    With R_t = c_t (c_t I + G)^{-1}, A_t = I - R_t and w_t = R_t y_t, of norm rho, a change E moves
    y_{s+1} by R_s E w_s / c_s at fixed multipliers, whose own changes the enclosures have; and
    w_t^T w_t / 2 by w_t^T R_t times E w_t / c_t, or times A_{t-1} ... A_{s+1} R_s E w_s / c_s. To
    second order w_t moves by ||E|| rho times the sum of 1 / c_s at most, in all directions.
    """
    # a multiplier that underflows moves without limit
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gradient = (c[-1] / (c[-1] + d)) ** 2 * z
        rho = float(np.linalg.norm(c[-1] / (c[-1] + d) * z))
        total = float(np.linalg.norm(gradient)) / c[-1]
        for earlier in c[-2::-1]:
            kept = earlier / (earlier + d)
            total += float(np.linalg.norm(kept * gradient)) / earlier
            gradient = gradient - kept * gradient
        moved = float(size * total / rho + 2 * (size * np.sum(1 / c)) ** 2)
    return moved if moved < math.inf else math.inf


def _around(
    rule: Quadrature,
    root: tuple[float, float, float],
    earlier: tuple[Array, Array],
    target: tuple[float, float],
    tolerance: float,
) -> tuple[float, float]:
    """Return an interval for the root near c, by the signs of the two bounds at its ends.

    It is widened by the rounding of products, and no wider than the tolerance. The target
    is the labels' excess, where it is known without cancellation, and rho^2.
    """
    (c, condition, rounding), (excess, rho2), t = root, target, len(earlier[0])
    if rounding > min(tolerance, _LOST):
        # the first c only falls from here on: Gauss's rule bounds it from above
        raise _OpenError(
            f"rounding alone leaves c_{t}, near {c:.3g} with eigenvalues up to "
            f"{rule.nodes[-1]:.3g}, a relative error of {rounding:.1g}, if epsilon is "
            f"feasible at all",
            final=t == 0 and rounding > 16 * min(tolerance, _LOST),
        )

    def above(c: ArrayLike) -> tuple[Array, Array]:
        """Return bounds on the residual energy beyond rho^2."""
        if excess < rho2:
            low, high = rule.enclose_fit(c)
            return excess - high, excess - low
        low, high = rule.enclose(c, *earlier)
        return low - rho2, high - rho2

    low, high = above(c)
    # half of the interval, to first order
    expected = condition * float(max(high, -low)) / (2 * rho2)
    left = tolerance - rounding
    width = np.full(2, max(4 * ULP, min(1.1 * expected, left)))
    while expected <= 2 * left and np.all(width <= max(left, 4 * ULP)):
        ends = c * (1 + np.array([-1.0, 1.0]) * width)
        low, high = above(ends)
        short = ~np.array([high[0] < 0, low[1] > 0])
        if not np.any(short):
            return float(ends[0]) * (1 - rounding), float(ends[1]) * (1 + rounding)
        width[short] *= 2
    missing = math.log(expected / left) if left > 0 and 0 < expected < math.inf else math.inf
    raise _OpenError(f"c_{t}, near {c:.3g}, is not enclosed to {tolerance:.1g}", missing=missing)
