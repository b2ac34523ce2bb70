"""The chain of smoothing splines: O(n) a round for two Green's functions on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.kernels import BrownianBridge, GreensFunction, SimplySupportedBeam
from sdtheory.linalg import double_double as dd
from sdtheory.linalg import smoother as spline
from sdtheory.linalg.double_double import Doubled, high
from sdtheory.linalg.halley import NoRootError
from sdtheory.linalg.smoother import Fit, Knots, Root, Spline
from sdtheory.solvers.chain import REACHED, ULP, AccuracyError, Chain, as_tolerance, ending
from sdtheory.solvers.start import Start, excess_of
from sdtheory.validation import Array, InvalidInputError, as_epsilon, as_labels, as_real_array

#: Knots up to which the chain has double-doubles; beyond, these take seconds.
_DOUBLED = 20_000
#: Largest distance of a chain in floats from the one in double-doubles that tells its digits.
_SAMPLE = 1e-3
#: How often larger an error may be than its distance from one of like size: for one number, which
#: may agree by accident, and for the fields of many knots, which do not.
_APART, _FIELDS = 128.0, 4.0


@dataclass(frozen=True)
class SplineDistillation(Chain):
    """A chain of smoothing splines.

    `c_error` is an estimate, not a bound. A second chain sweeps the points in
    the other direction, from a start of its own. Up to 20,000 distinct inputs
    the chain has double-double arithmetic and the second one floats: what lies
    between them is the error in floats, and 2^-30 of it is claimed, which leaves
    a factor of 2^18. Where floats lose all digits both have double-doubles, and
    128 times what lies between them is claimed. For more inputs both have floats,
    and 4 times the distance of the two fits, in the worst direction, is claimed.
    Machine epsilon of the result is included.

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
    # as Start has it, but not rounded
    scaled = min(float(np.ldexp(epsilon, -2 * start.exponent)), start.epsilon * 2)
    given = curve, knots, start, scaled, tolerance
    precise = len(knots.x) <= _DOUBLED
    with np.errstate(all="ignore"):  # what leaves the range of floats has no root
        try:
            chain = _Rounds(*given, precise=precise, double=True).run()
        except _LostError:
            chain = _Rounds(*given, precise=True, double=False).run()

    outcome, n_rounds_range = ending(len(chain.fits), chain.near, chain.excess)
    return SplineDistillation(
        epsilon=epsilon,
        c=np.array(chain.c),
        c_error=np.array(chain.errors),
        r=np.array(chain.r),
        outcome=outcome,
        n_rounds_range=n_rounds_range,
        kernel=kernel,
        sensitivity=np.array(chain.conditions),
        _labels=labels,
        _knots=knots,
        _curve=curve,
        _fits=tuple(chain.fits),
        _exponent=start.exponent,
    )


class _LostError(ArithmeticError):
    """The chain in floats says nothing about the errors of the other."""


class _Side:
    """One of two chains over the same knots, in floats or in double-doubles."""

    def __init__(self, curve: Spline, means: Doubled, excess: Doubled, *, precise: bool) -> None:
        self.curve = curve
        self.precise = precise
        self.labels = curve.cut(means if precise else means.high)
        self.excess = excess if precise else float(excess)

    def solve(self, slack: Doubled, first: float | None) -> Root:
        """Return the multiplier, sought from `first` on."""
        return spline.solve(
            self.curve, self.labels, self.excess, slack if self.precise else float(slack), first
        )

    def advance(self, fit: Fit, n: int, epsilon: float) -> None:
        """Take the fit for labels."""
        self.labels = fit.values
        if self.precise:
            rho2 = Doubled(*dd.two_prod(np.array(float(n)), np.array(epsilon)))
            self.excess = self.curve.inner(self.labels, self.labels) - rho2
        else:
            weights = None if self.curve.simple else self.curve.weights
            self.excess = excess_of(self.labels, n, epsilon, weights)


class _Rounds:
    """The rounds, run twice; the second chain sweeps in the other direction, in other stretches.

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
        rho2 = Doubled(*dd.two_prod(np.array(float(knots.n)), np.array(epsilon)))
        energy = Doubled(*dd.square(start.labels)).total()
        rest = start.labels - knots.spread(means)
        self._missed = (rest * rest).total()
        self._rho2, self._epsilon = rho2, epsilon
        self._start, self._tolerance = start, tolerance
        self._main = _Side(curve, means, energy - rho2, precise=precise)
        turned = Doubled(means.high[::-1], means.low[::-1])
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
        curve, rho2 = main.curve, float(self._rho2)
        unit = sum(curve.shape) * ULP
        tangent = np.zeros(main.labels.shape)  # dy_t / dlog rho
        while True:
            t, r = len(self.fits), self.r[-1]
            slope = float(curve.inner(high(main.labels), tangent)) / rho2 / r if r > 0 else 0.0
            doubt = unit * (r + abs(slope - r)) * (1 + r) * rho2
            apart = abs(float(main.excess - other.excess))
            if self._lost and apart > _SAMPLE * (self.excess + rho2):
                raise _LostError
            apart *= self._share
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
                root, mirrored = self._solved(slack)
            except NoRootError:
                if self._lost:
                    raise _LostError from None
                root, mirrored = None, None
            error = np.inf
            if root is not None and mirrored is not None:
                error = self._error(root, mirrored, float(slack))
            if root is None or mirrored is None or error > tolerance:
                if t in self.near and abs(self.excess) <= tolerance * rho2:
                    return self
                raise _inaccurate(f"c_{t}", t, r, error)
            w, shrunk = high(root.fit.residual), high(root.shrunk)
            flat = tangent  # A tangent
            if t > 0:
                flat = curve.resolvent(root.c).sweep(tangent).values
            through = curve.inner(w, tangent - flat)
            tangent = flat - shrunk * ((rho2 - through) * root.sensitivity / float(slack))
            self.fits.append(
                Fit(*map(high, (root.fit.values, root.fit.residual, root.fit.curvature)))
            )
            self.c.append(root.c)
            self.errors.append(error)
            self.conditions.append(root.sensitivity * rho2 / float(slack))
            main.advance(root.fit, len(start.labels), self._epsilon)
            other.advance(mirrored.fit, len(start.labels), self._epsilon)
            self.r.append(float(np.sqrt(max(1 + self.excess / rho2, 0.0))))

    def _solved(self, slack: Doubled) -> tuple[Root, Root]:
        """Return the roots of both chains."""
        main, other = self._main, self._other
        last = self.c[-1] if self.c else None
        if other.precise:  # starts of their own, as neither is a sample of the other's error
            return main.solve(slack, last), other.solve(slack, last)
        if main.precise:
            mirrored = other.solve(slack, last)
            return main.solve(slack, mirrored.c), mirrored
        own, theirs = (
            side.solve(slack, spline.guess(side.curve, side.labels, float(slack), last))
            for side in (main, other)
        )
        return own, theirs

    def _error(self, root: Root, mirrored: Root, slack: float) -> float:
        """Return the estimated relative error of the first root."""
        apart = abs(mirrored.c / root.c - 1)
        if self._main.precise:
            if self._lost and apart > _SAMPLE:
                raise _LostError
            return root.error + self._share * apart
        # two numbers may agree by accident, two fields of many knots do not
        fit = "values" if self.excess < slack else "residual"
        left, right = (
            side.curve.join(getattr(found.fit, fit))
            for side, found in ((self._main, root), (self._other, mirrored))
        )
        moved = left - right[::-1]
        distance = float(np.sqrt(np.sum(self._main.curve.counts[:, None] * moved * moved)))
        # |w^T dw| / S <= ||w|| ||dw|| / S
        field = distance / float(np.sqrt(slack)) * root.sensitivity
        return root.error + _FIELDS * max(field, apart)


def _inaccurate(what: str, t: int, r: float, error: float) -> AccuracyError:
    found = f"has a relative error of about {error:.1g}" if np.isfinite(error) else "is lost"
    return AccuracyError(
        f"in round {t}, with r_{t} = {r:.6g}, {what} {found}, by rounding. "
        f"Pass a larger tolerance, fewer rounds or another epsilon; inputs whose distances differ "
        f"by many powers of ten cost the most digits."
    )
