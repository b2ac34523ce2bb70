"""The chain of smoothing splines: O(n) a round for two Green's functions on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.linalg import smoother as spline
from sdtheory.linalg.halley import NoRootError
from sdtheory.linalg.smoother import Fit, Knots, Spline
from sdtheory.solvers.chain import ULP, AccuracyError, Chain, Start, ending, excess_of
from sdtheory.validation import Array


@dataclass(frozen=True)
class _Fits:
    """Fits at the knots, cut, of labels over 2^exponent."""

    kernel: BrownianBridge | SimplySupportedBeam
    knots: Knots
    spline: Spline
    fits: tuple[Fit, ...]
    c: Array
    exponent: int
    outputs: int

    def _joined(self, cut: Array) -> Array:
        return np.ldexp(self.spline.join(cut), self.exponent)

    def labels(self) -> Array:
        return np.array([self.knots.spread(self._joined(f.values)) for f in self.fits])

    def dual(self, t: int) -> Array:
        return self.knots.spread(self._joined(self.fits[t].residual) / self.c[t])

    def curve(self, x_new: ArrayLike, t: int) -> Array:
        """Evaluate round t at inputs in [0, 1], O(log n) each."""
        points = self.kernel._points(x_new, "x_new")
        if t >= len(self.fits):  # past the collapse
            return np.zeros(len(points) * self.outputs)
        fit = self.fits[t]
        joined = Fit(*(self._joined(a) for a in (fit.values, fit.residual, fit.curvature)))
        return spline.evaluate(self.knots.x, joined, points)


def solve(
    kernel: BrownianBridge | SimplySupportedBeam, x: ArrayLike, start: Start, *, tolerance: float
) -> Chain:
    """Run self-distillation in O(n) a round, for the two splines on [0, 1].

    `c_error` is an estimate, not a bound: what sweeping the points in the
    other direction, in every round, changes; and one machine epsilon in the
    residual energy.

    Parameters
    ----------
    kernel : BrownianBridge or SimplySupportedBeam
    x : array_like of shape (n,) or (n, 1)
        Training inputs in [0, 1], in any order. Repeated ones, and those at 0
        and 1, leave a part of the labels that no function can fit.
    start : Start
    tolerance : float
        Largest relative error of a multiplier.

    Raises
    ------
    InvalidInputError
        If an input is not in [0, 1].
    InfeasibleToleranceError
        If no function meets epsilon.
    AccuracyError
        If rounding leaves a multiplier a larger error than the tolerance.
    """
    points = kernel._points(x, "x")
    knots = Knots.from_inputs(points)
    curve = Spline.through(knots, 1 if isinstance(kernel, BrownianBridge) else 2)
    means = knots.average(start.labels)
    missed = float(np.sum((start.labels - knots.spread(means)) ** 2))
    at_knots = curve.cut(means)

    rho2, excess = start.rho2, start.excess
    unit = sum(curve.shape) * ULP
    tangent = np.zeros_like(at_knots)  # dy_t / dlog rho
    # the same chain swept from the other side, which tells the error of this one
    mirror, mirrored_excess = curve.mirrored(), excess
    mirrored = mirror.cut(means[::-1])
    fits, c, errors, conditions, r = [], [], [], [], [start.r]
    near = []  # rounds whose labels are within rounding of the tolerance
    while True:
        t = len(fits)
        slope = curve.inner(at_knots, tangent) / rho2 / r[t] if r[t] > 0 else 0.0
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
        except NoRootError:
            root, other, error = None, None, np.inf
        if root is None or other is None or error > tolerance:
            if t in near and abs(excess) <= tolerance * rho2:
                break
            raise _inaccurate(f"c_{t}", t, r[t], error)
        w = root.fit.residual
        flat = root.resolvent.sweep(tangent).values if t > 0 else tangent  # A tangent
        steepness = slack / root.sensitivity
        through = curve.inner(w, tangent - flat)
        tangent = flat - root.shrunk * ((rho2 - through) / steepness)
        fits.append(root.fit)
        c.append(root.c)
        errors.append(error)
        conditions.append(root.sensitivity * rho2 / slack)
        at_knots, mirrored = root.fit.values, other.fit.values
        excess, mirrored_excess = (
            excess_of(labels, knots.n, start.epsilon, None if side.simple else side.weights)
            for side, labels in ((curve, at_knots), (mirror, mirrored))
        )
        r.append(float(np.sqrt(max(1 + excess / rho2, 0.0))))

    outcome, n_rounds_range = ending(len(fits), near, excess)
    multipliers, q = np.array(c), start.labels.shape[1]
    kept = _Fits(kernel, knots, curve, tuple(fits), multipliers, start.exponent, q)
    return Chain(
        solver="spline",
        epsilon=start.tolerance,
        c=multipliers,
        c_error=np.array(errors),
        sensitivity=np.array(conditions),
        r=np.array(r),
        outcome=outcome,
        n_rounds_range=n_rounds_range,
        _labels=start.given,
        _fits=kept,
        _curve=kept.curve,
    )


def _inaccurate(what: str, t: int, r: float, error: float) -> AccuracyError:
    found = f"has a relative error of about {error:.1g}" if np.isfinite(error) else "is lost"
    return AccuracyError(
        f"in round {t}, with r_{t} = {r:.6g}, {what} {found}, by rounding. "
        f"Pass a larger tolerance, fewer rounds or another epsilon; inputs whose distances differ "
        f"by many powers of ten cost the most digits."
    )
