"""The chain of smoothing splines: O(n) a round for two Green's functions on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.kernels import BrownianBridge, GreensFunction, SimplySupportedBeam
from sdtheory.linalg import smoother as spline
from sdtheory.linalg.halley import NoRootError
from sdtheory.linalg.smoother import Fit, Knots, Spline
from sdtheory.solvers.chain import REACHED, ULP, AccuracyError, Chain, as_tolerance, ending
from sdtheory.solvers.start import Start, excess_of
from sdtheory.validation import Array, InvalidInputError, as_epsilon, as_labels, as_real_array


@dataclass(frozen=True)
class SplineDistillation(Chain):
    """A chain of smoothing splines.

    `c_error` is an estimate, not a bound: what sweeping the points in the
    other direction, in every round, changes; and one machine epsilon in the
    residual energy.

    Attributes
    ----------
    kernel : BrownianBridge or SimplySupportedBeam
    sensitivity : ndarray of shape (T,)
        Relative change of c_t per relative change of sqrt(n epsilon), at fixed
        labels y_t.
    """

    solver: ClassVar[str] = "spline"

    kernel: BrownianBridge | SimplySupportedBeam
    sensitivity: Array
    _knots: Knots
    _curve: Spline
    _fits: tuple[Fit, ...]  # cut, of labels over 2^exponent
    _exponent: int

    @property
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data."""
        fits = [self._knots.spread(self._joined(f.values)) for f in self._fits]
        return np.stack([self._labels, *(f.reshape(self._labels.shape) for f in fits)])

    def _joined(self, cut: Array) -> Array:
        return np.ldexp(self._curve.join(cut), self._exponent)

    def _alpha(self, t: int) -> Array:
        return self._knots.spread(self._joined(self._fits[t].residual) / self.c[t])

    def predict(self, x_new: ArrayLike, t: int) -> Array:
        """Evaluate the fit of round t at new inputs, O(log n) each.

        Parameters
        ----------
        x_new : array_like of shape (m,) or (m, 1)
            In [0, 1]. For n > 1 the rows ``gram(kernel, x, x_new)``, shape
            (m, n), will do too, as in every other solver.
        t : int
            Round, from 0.

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        n = len(self._labels)
        if n > 1 and np.ndim(x_new) == 2 and np.shape(x_new)[1] == n:
            return as_real_array(x_new, "x_new", ndim=(2,)) @ self.dual(t)
        points = self.kernel._points(x_new, "x_new")
        shape = (len(points), *self._labels.shape[1:])
        if not self._known(t):
            return np.zeros(shape)
        fit = self._fits[t]
        joined = Fit(*(self._joined(a) for a in (fit.values, fit.residual, fit.curvature)))
        return spline.evaluate(self._knots.x, joined, points).reshape(shape)


def distill_spline(
    kernel: GreensFunction,
    x: ArrayLike,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    tolerance: float = REACHED,
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
    tolerance = as_tolerance(tolerance)
    start = Start.checked(labels, epsilon, rounds)
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
    return SplineDistillation(
        epsilon=epsilon,
        c=np.array(c),
        c_error=np.array(errors),
        r=np.array(r),
        outcome=outcome,
        n_rounds_range=n_rounds_range,
        kernel=kernel,
        sensitivity=np.array(conditions),
        _labels=labels,
        _knots=knots,
        _curve=curve,
        _fits=tuple(fits),
        _exponent=start.exponent,
    )


def _inaccurate(what: str, t: int, r: float, error: float) -> AccuracyError:
    found = f"has a relative error of about {error:.1g}" if np.isfinite(error) else "is lost"
    return AccuracyError(
        f"in round {t}, with r_{t} = {r:.6g}, {what} {found}, by rounding. "
        f"Pass a larger tolerance, fewer rounds or another epsilon; inputs whose distances differ "
        f"by many powers of ten cost the most digits."
    )
