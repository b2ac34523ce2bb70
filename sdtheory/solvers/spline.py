"""The chain of smoothing splines: O(n) a round for two Green's functions on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.linalg import double_double as dd
from sdtheory.linalg import smoother as spline
from sdtheory.linalg.double_double import DoubleDouble, high
from sdtheory.linalg.halley import NoRootError
from sdtheory.linalg.smoother import Fit, Knots, Root, Spline
from sdtheory.solvers.chain import ULP, AccuracyError, Chain, Fits, Start, ending, excess_of
from sdtheory.validation import Array

#: Knots from which floats, tried first, take a tenth of the time; and knots up to which there are
#: double-doubles, which take seconds beyond.
_MANY, _DOUBLED = 1000, 20_000
#: Largest distance of a chain in floats from the one in double-doubles that tells its digits.
_SAMPLE = 1e-3
#: Distance from the tolerance, relative to it, beyond which rounding does not decide.
_CLOSE = 1e-3
#: How often larger an error may be than its distance from one of like size: for one number, which
#: may agree by accident, and for the fields of many knots, which hardly do (5 times was seen).
_APART, _FIELDS = 128.0, 32.0


@dataclass(frozen=True)
class _Fits(Fits):
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

    `c_error` is an estimate, not a bound. It compares the chain with a second one,
    which sweeps the points in the other direction and fits its own labels.

    * From 1000 distinct inputs on both use floats; `c_error` is 32 times the distance
      of the two fits, in the worst direction.
    * For fewer inputs, and up to 20,000 if floats miss the tolerance, the chain uses
      double-double arithmetic, and the second one floats. Their distance is the error
      in floats; `c_error` is 2^-30 of it, which leaves a factor of 2^18.
    * If floats lose all digits there, both use double-doubles; `c_error` is 128 times
      their distance.

    `c_error` includes the machine epsilon of the result.

    Parameters
    ----------
    kernel : BrownianBridge or SimplySupportedBeam
    x : array_like of shape (n,) or (n, 1)
        Training inputs in [0, 1], in any order. If some are repeated, or lie at 0
        or 1, no function can fit a part of the labels.
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
    # as Start has it, but not rounded
    scaled = min(float(np.ldexp(start.tolerance, -2 * start.exponent)), start.epsilon * 2)
    given = curve, knots, start, scaled, tolerance
    with np.errstate(all="ignore"):  # what leaves the range of floats has no root
        chain = _run(given, len(knots.x))
    outcome, n_rounds_range = ending(len(chain.fits), chain.near, chain.excess)
    c, q = np.array(chain.c), start.labels.shape[1]
    kept = _Fits(kernel, knots, curve, tuple(chain.fits), c, start.exponent, q)
    return Chain(
        solver="spline",
        epsilon=start.tolerance,
        c=c,
        c_error=np.array(chain.errors),
        sensitivity=np.array(chain.conditions),
        r=np.array(chain.r),
        outcome=outcome,
        n_rounds_range=n_rounds_range,
        _labels=start.given,
        _fits=kept,
        _curve=kept.curve,
    )


def _run(given: Any, count: int) -> _Rounds:
    """Run the chain of so many knots in the cheapest arithmetic that keeps the digits."""
    if count >= _MANY:
        try:
            return _Rounds(*given, precise=False, double=True).run()
        except AccuracyError:
            if count > _DOUBLED:
                raise
    try:
        return _Rounds(*given, precise=True, double=True).run()
    except _LostError:
        return _Rounds(*given, precise=True, double=False).run()


class _LostError(ArithmeticError):
    """The chain in floats says nothing about the errors of the other."""


class _Side:
    """One of two chains over the same knots, in floats or in double-doubles."""

    def __init__(
        self, curve: Spline, means: DoubleDouble, excess: DoubleDouble, *, precise: bool
    ) -> None:
        self.curve = curve
        self.precise = precise
        self.labels = curve.cut(means if precise else means.high)
        self.excess = excess if precise else float(excess)

    def advance(self, fit: Fit, n: int, epsilon: float) -> None:
        """Take the fit for labels."""
        self.labels, rho2 = fit.values, dd.two_prod(np.array(float(n)), np.array(epsilon))
        if self.precise:
            self.excess = self.curve.inner(self.labels, self.labels) - rho2
            return
        self.excess = self.curve.inner(self.labels, self.labels) - float(rho2)
        if self.excess < float(rho2):  # the difference may cancel
            weights = None if self.curve.simple else self.curve.weights
            self.excess = excess_of(self.labels, n, epsilon, weights)


class _Rounds:
    """The rounds, run twice; the second chain sweeps in the other direction, in other stretches.

    It has labels of its own. Its roots lie within rounding of the first chain's: it evaluates once
    where that one did last, and takes the step from there by the same derivatives.

    To first order the error of a chain is the unit roundoff times a factor that the problem
    decides. With `precise` the chain that is returned has double-doubles, 2^-101. If the other has
    floats (`double`), 2^-53, the two differ by the error in floats; 2^-30 of that distance leaves a
    factor of 2^18 for what is special to one sample. If not, they differ by errors of one size.
    """

    def __init__(
        self,
        curve: Spline,
        knots: Knots,
        start: Start,
        epsilon: float,
        tolerance: float,
        *,
        precise: bool,
        double: bool,
    ) -> None:
        means = knots.average(start.labels)
        rho2 = dd.two_prod(np.array(float(knots.n)), np.array(epsilon))
        energy = dd.square(start.labels).total()
        # what the labels of one input differ by, and labels at 0 and 1
        rest = DoubleDouble(np.zeros((1, 1)))
        if len(knots.x) < knots.n:
            rest = start.labels - knots.spread(means)
        self._missed = (rest * rest).total()
        self._rho2, self._epsilon = rho2, epsilon
        self._start, self._tolerance = start, tolerance
        self._main = _Side(curve, means, energy - rho2, precise=precise)
        turned = means[::-1]
        self._other = _Side(curve.mirrored(), turned, energy - rho2, precise=not double)
        self._share = 2.0**-30 if precise and double else _APART
        self.fits: list[Fit] = []
        self.c: list[float] = []
        self.errors: list[float] = []
        self.conditions: list[float] = []
        self.r = [start.r]
        #: rounds whose labels are within rounding of the tolerance
        self.near: list[int] = []

    @property
    def excess(self) -> float:
        """||y||^2 - rho^2 of the last labels."""
        return float(self._main.excess)

    @property
    def _lost(self) -> bool:
        """Whether the other chain, in floats, is too far off to be a sample."""
        return self._main.precise and not self._other.precise

    def run(self) -> _Rounds:
        """Run to the collapse, or the last round asked for."""
        start, main, other, tolerance = self._start, self._main, self._other, self._tolerance
        rho2, unit = float(self._rho2), sum(main.curve.shape) * ULP
        while True:
            t, r = len(self.fits), self.r[-1]
            apart = abs(float(main.excess - other.excess))
            if self._lost and apart > _SAMPLE * (self.excess + rho2):
                raise _LostError
            apart *= self._share
            # only labels so near may be within rounding of the tolerance
            slope = self._slope() if abs(self.excess) <= _CLOSE * rho2 else r
            doubt = unit * (r + abs(slope - r)) * (1 + r) * rho2
            if abs(self.excess) <= doubt + 2 * apart:
                self.near.append(t)
            # unknown labels at the end of a chain have no multiplier that shows it
            lost = apart / (self.excess + rho2) if self.excess + rho2 > 0 else 0.0
            if lost > tolerance:
                raise _inaccurate(f"||y_{t}||^2", t, r, lost)
            if self.excess <= 0 or t == start.limit:
                return self
            slack = self._rho2 - (self._missed if t == 0 else 0.0)
            if float(slack) <= 0:
                raise start.infeasible(float(self._missed))
            try:
                root, fit, error = self._solved(slack)
            except NoRootError:
                if self._lost:
                    raise _LostError from None
                root, fit, error = None, None, np.inf
            if root is None or fit is None or not error <= tolerance:
                if t in self.near and abs(self.excess) <= tolerance * rho2:
                    return self
                raise _inaccurate(f"c_{t}", t, r, error)
            self.fits.append(
                Fit(*map(high, (root.fit.values, root.fit.residual, root.fit.curvature)))
            )
            self.c.append(root.c)
            self.errors.append(error)
            self.conditions.append(rho2 / root.steepness / float(slack))
            main.advance(root.fit, len(start.labels), self._epsilon)
            other.advance(fit, len(start.labels), self._epsilon)
            self.r.append(float(np.sqrt(max(1 + self.excess / rho2, 0.0))))

    def _solved(self, slack: DoubleDouble) -> tuple[Root, Fit, float]:
        """Return the root, the other chain's fit at its own root, and the error of the first."""
        main, other = self._main, self._other
        given = main.curve, main.labels, main.excess, slack if main.precise else float(slack)
        root = spline.solve(*given, spline.guess(*given, self.c[-1] if self.c else None))
        given = other.curve, other.labels, other.excess, slack if other.precise else float(slack)
        apart, fit = spline.follow(*given, replace(root, shrunk=self._turned(root.shrunk)))
        if main.precise:
            if self._lost and apart > _SAMPLE:
                raise _LostError
            return root, fit, root.error + self._share * apart
        field = "values" if self.excess < float(slack) else "residual"
        moved = self._turned(getattr(root.fit, field)) - getattr(fit, field)
        # |w^T dw| / S <= ||w|| ||dw|| / S
        distance = float(np.sqrt(other.curve.inner(moved, moved) / float(slack))) / root.steepness
        return root, fit, root.error + _FIELDS * max(distance, apart)

    def _turned(self, field: Any) -> Any:
        """Return a field of the first chain as the other one has it."""
        joined = dd.each(self._main.curve.join, field)[::-1]
        return self._other.curve.cut(joined if self._other.precise else high(joined))

    def _slope(self) -> float:
        """Return d r / d log rho of the last labels."""
        curve, rho2 = self._main.curve, float(self._rho2)
        tangent = np.zeros(self._main.labels.shape)  # dy_t / dlog rho
        for fit, c, condition in zip(self.fits, self.c, self.conditions, strict=True):
            at, w = curve.resolvent(c), fit.residual
            flat = at.sweep(tangent).values  # A tangent
            through = curve.inner(w, tangent - flat)
            tangent = flat - at.sweep(w).values * ((1 - through / rho2) * condition)
        return float(curve.inner(high(self._main.labels), tangent)) / rho2 / self.r[-1]


def _inaccurate(what: str, t: int, r: float, error: float) -> AccuracyError:
    found = f"has a relative error of about {error:.1g}" if np.isfinite(error) else "is lost"
    return AccuracyError(
        f"in round {t}, with r_{t} = {r:.6g}, {what} {found}, by rounding. "
        f"Choose fewer rounds or another epsilon, or pass distill a larger tolerance. Inputs whose "
        f"distances differ by many powers of ten lose the most digits."
    )
