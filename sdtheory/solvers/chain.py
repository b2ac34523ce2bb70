"""The common input and the common result of all solvers.

`Start` holds labels, tolerance and rounds, checked and scaled once. `Chain` is the
result. Each solver gives it an object that keeps the fits, from which `Chain`
computes duals, labels and predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import DoubleDouble
from sdtheory.multiplier import LARGEST_TOLERANCE, SMALLEST, too_small
from sdtheory.recursion import Trajectory
from sdtheory.spectrum import Spectrum
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_labels,
    as_rounds,
    as_rows,
    check_columns,
    counted,
)

#: Longer chains need an explicit `rounds`.
MAX_ROUNDS = 100_000
#: Machine epsilon.
ULP = float(np.finfo(float).eps)
#: Numbers that are squared at a time: temporaries stay in the cache.
_BLOCK = 1 << 13


class Outcome(Enum):
    """How a distillation ended."""

    #: the zero function already meets the tolerance: no non-trivial fit exists
    TRIVIAL = "trivial"
    #: the labels fell within the tolerance of zero: the next fit is zero
    COLLAPSED = "collapsed"
    #: the requested rounds were run and the labels have not collapsed
    COMPLETED = "completed"
    #: r is within rounding of 1 at some round: the count of rounds is ill defined
    NEAR_COLLAPSE = "within rounding of collapse"


class AccuracyError(ArithmeticError):
    """A solver cannot give a multiplier to the accuracy asked for; the message says what to do."""


class Fits:
    """How a solver keeps the fits of a chain of T rounds; here none."""

    def labels(self) -> Array:
        """Return y_1, ..., y_T, shape (T, n, q)."""
        return np.empty(0)

    def dual(self, t: int) -> Array:
        """Return alpha_t, shape (n, q), for t < T."""
        raise IndexError(t)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain of self-distillation for one data set, by whatever solver.

    Attributes
    ----------
    solver : {"eigh", "krylov", "spline"}
        The solver that made it.
    epsilon : float
        Tolerance on the mean squared residual; NaN, like `sensitivity` and `r`, where
        the multipliers were given.
    c : ndarray of shape (T,)
        Multiplier of each round.
    c_error : ndarray of shape (T,)
        Relative error of c; infinite where unknown. For "eigh" it is an estimate
        for the worst rounding of G, to first order. For "krylov" it is an
        enclosure, plus an estimate of the rounding of products. For "spline" it
        is an estimate.
    sensitivity : ndarray of shape (T,)
        Relative change of c_t per relative change of sqrt(n epsilon), at fixed
        labels y_t.
    r : ndarray of shape (T+1,)
        ||y_t|| / sqrt(n epsilon).
    outcome : Outcome
        How the chain ended.
    n_rounds_range : tuple of int
        Smallest and largest number of non-trivial fits that the errors allow;
        equal unless `outcome` is NEAR_COLLAPSE. For a chain that was cut off
        (`COMPLETED`), the number of rounds that were run.
    products : int or None
        Products of G with a block of labels, by solver "krylov" only.
    y_error : ndarray of shape (T+1,) or None
        Bound on ||y_t - its exact value||, by solver "krylov" only: about the
        square root of the error of c.
    fallbacks : tuple of str
        Solvers that were tried before `solver`, and why each failed.
    """

    solver: str
    epsilon: float
    c: Array
    c_error: Array
    sensitivity: Array
    r: Array
    outcome: Outcome
    n_rounds_range: tuple[int, int]
    _labels: Array = field(repr=False)
    _fits: Fits = field(repr=False)
    _eigenbasis: tuple[Spectrum, Trajectory] | None = field(default=None, repr=False)
    #: evaluates round t at new inputs, zero past the collapse; of a solver that knows the inputs
    _curve: Callable[[ArrayLike, int], Array] | None = field(default=None, repr=False)
    products: int | None = None
    y_error: Array | None = None
    fallbacks: tuple[str, ...] = ()

    @cached_property
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data.

        Row t + 1 is the fit of round t, or its mixture with the labels.
        """
        fits = self._fits.labels().reshape(-1, *self._labels.shape)
        return np.concatenate([self._labels[None], fits])

    @property
    def mixing(self) -> Array | None:
        """Share of the labels in each of y_1, ..., y_T, shape (T,); None for a plain chain."""
        return None if self._eigenbasis is None else self._eigenbasis[1].shares

    @property
    def n_rounds(self) -> int:
        """Number of non-trivial fits that were computed, T."""
        return len(self.c)

    @property
    def collapsed(self) -> bool:
        """Whether the fit after the last one computed is the zero function, to rounding."""
        return bool(self.r[-1] <= 1) or self.n_rounds_range[1] > self.n_rounds

    @property
    def c_interval(self) -> Array:
        """The interval c (1 -+ c_error), shape (T, 2).

        It is not a proof that the exact c lies there: all or a part of `c_error` is an estimate.
        """
        return self.c[:, None] * (1 + self.c_error[:, None] * np.array([-1.0, 1.0]))

    @property
    def spectrum(self) -> Spectrum:
        """Eigendecomposition of G, with the rank decision; by solver "eigh" only."""
        return self._in_eigenbasis("spectrum")[0]

    @property
    def trajectory(self) -> Trajectory:
        """The recursion in the eigenbasis; by solver "eigh" only."""
        return self._in_eigenbasis("trajectory")[1]

    @property
    def A(self) -> Array:
        """Diagonals of A_t, shape (T, n); by solver "eigh" only."""
        return self._in_eigenbasis("A")[1].A

    @property
    def B(self) -> Array:
        """Diagonals of B_t, shape (T, n); by solver "eigh" only."""
        return self._in_eigenbasis("B")[1].B

    @property
    def z(self) -> Array:
        """Labels V y_t in the eigenbasis, (T+1, n) or (T+1, n, q); by solver "eigh" only."""
        return self._in_eigenbasis("z")[1].z

    @property
    def unreachable(self) -> float:
        """Mean squared residual that no fit can beat; by solver "eigh" only."""
        return self._in_eigenbasis("unreachable")[0].unreachable(self._labels)

    def dual(self, t: int) -> Array:
        """Return alpha_t, shape (n,) or (n, q), with f_t(x) = g_x^T alpha_t.

        ``alpha_t = (c_t I + G)^{-1} y_t``. A part in the null space of G, which
        contributes to no f_t(x), is left out where the solver knows that space.

        Parameters
        ----------
        t : int
            Round, from 0; rounds after the collapse have alpha = 0.

        Raises
        ------
        InvalidInputError
            If round t was not run.
        """
        if not self._was_run(t):
            return np.zeros_like(self._labels)
        return self._fits.dual(t).reshape(self._labels.shape)

    def predict(self, g_x: Any, /, t: int) -> Array:
        """Evaluate the fit of round t at new inputs.

        Parameters
        ----------
        g_x : array_like of shape (m, n), or LinearOperator
            Kernel between new and training inputs, divided by n:
            ``gram(kernel, x, x_new)``. Solver "spline" also takes the new
            inputs themselves, shape (m,) or (m, 1), at O(log n) each. With one
            training point, shape (m, 1) holds the kernel.
        t : int
            Round, from 0.

        Returns
        -------
        ndarray of shape (m,) or (m, q)

        Raises
        ------
        InvalidInputError
            If g_x has another number of columns or round t was not run.
        """
        n = len(self._labels)
        rows = np.ndim(g_x) == 2 and np.shape(g_x)[1] == n
        if self._curve is not None and not rows:
            self._was_run(t)
            return self._curve(g_x, t).reshape(-1, *self._labels.shape[1:])
        if isinstance(g_x, LinearOperator):
            check_columns(g_x.shape[1], n)
            return np.asarray(g_x @ self.dual(t))
        return as_rows(g_x, n) @ self.dual(t)

    def __str__(self) -> str:
        low, high = self.n_rounds_range
        rounds = f"{low} to {high} non-trivial rounds"
        if low == high:
            rounds = counted(low, "non-trivial round")
        error = float(np.max(self.c_error, initial=0.0))
        doubt = f"; relative error of c up to {error:.0e}" if error > 1e-8 else ""
        size = f"{len(self._labels)} points"
        size += f", rank {self.spectrum.rank}" if self._eigenbasis else f", solver {self.solver!r}"
        tolerance = f"epsilon = {self.epsilon:.6g}" if self.epsilon > 0 else "given multipliers"
        return f"{size}, {tolerance}: {rounds}, {self.outcome.value}{doubt}"

    def _in_eigenbasis(self, name: str) -> tuple[Spectrum, Trajectory]:
        if self._eigenbasis is None:
            raise AttributeError(
                f"{name} needs the eigenvectors of G, which {self.solver!r} does not compute. "
                f'Call distill(..., solver="eigh").'
            )
        return self._eigenbasis

    def _was_run(self, t: int) -> bool:
        """Return whether round t was run; False says that it lies past the collapse."""
        if isinstance(t, bool) or not isinstance(t, (int, np.integer)) or t < 0:
            raise InvalidInputError(f"t must be a round number from 0 on, but is {t!r}.")
        if t >= self.n_rounds and not self.collapsed:
            raise InvalidInputError(
                f"round t = {t} was not run: this chain has rounds 0 to {self.n_rounds - 1}. "
                f"Call distill with rounds={t + 1} or more."
            )
        if t > self.n_rounds and self.mixing is not None:
            raise InvalidInputError(
                f"round t = {t} was not run: this chain ends with round {self.n_rounds}, whose fit "
                f"is zero. The labels in its mixture may bring later fits back. Call distill with "
                f"a smaller epsilon or a larger mixing."
            )
        return bool(t < self.n_rounds)


@dataclass(frozen=True)
class Start:
    """Labels, tolerance and rounds, checked; scaled by an exact power of two.

    Attributes
    ----------
    given : ndarray of shape (n,) or (n, q)
        Labels as they came.
    tolerance : float
        Tolerance on the mean squared residual as it came.
    limit : int
        Rounds to run at most.
    labels : ndarray of shape (n, q)
        ``given / 2^exponent``.
    exponent : int
    rho2 : float
        n epsilon for the scaled labels.
    excess : float
        ``||labels||^2 - rho2``, without the cancellation of that subtraction.
    r : float
        ``||y|| / sqrt(n epsilon)``.
    """

    given: Array
    tolerance: float
    limit: int
    labels: Array
    exponent: int
    rho2: float
    excess: float
    r: float

    @classmethod
    def checked(cls, y: ArrayLike, n: int, epsilon: Any, rounds: Any) -> Start:
        """Check and scale what `distill` takes, for n points."""
        tolerance = as_epsilon(epsilon)
        labels = as_labels(y, n)
        limit = None if rounds is None else as_rounds(rounds)
        columns = labels if labels.ndim == 2 else labels[:, None]
        exponent = int(np.frexp(np.max(np.abs(columns)))[1])
        columns = np.ldexp(columns, -exponent)
        # a larger tolerance is as trivial as the cap
        with np.errstate(over="ignore"):
            scaled = min(float(np.ldexp(tolerance, -2 * exponent)), LARGEST_TOLERANCE)
        if np.any(labels != 0) and scaled < SMALLEST:
            raise too_small(tolerance, labels)
        rho2 = n * scaled
        excess = excess_of(columns, n, scaled)
        r = float(np.sqrt(max(1 + excess / rho2, 0.0)))
        limit = most_rounds(r) if limit is None else limit
        return cls(labels, tolerance, limit, columns, exponent, rho2, excess, r)

    @property
    def epsilon(self) -> float:
        """Tolerance for the scaled labels."""
        return self.rho2 / len(self.labels)

    @property
    def near(self) -> bool:
        """Whether the labels are within rounding of the tolerance."""
        rounding = 2 * len(self.labels) * ULP * self.r * (1 + self.r)
        return abs(self.excess) <= rounding * self.rho2

    def infeasible(self, energy: float, *, rank_decision: bool = False) -> InfeasibleToleranceError:
        """Return the error for labels with this energy out of reach."""
        smallest = float(np.ldexp(energy / len(self.labels), 2 * self.exponent))
        return InfeasibleToleranceError(self.tolerance, smallest, rank_decision)


def ending(count: int, near: Sequence[int], excess: float) -> tuple[Outcome, tuple[int, int]]:
    """Return how a chain of `count` fits ended, and the range of its number of rounds.

    In the rounds `near` the labels are within rounding of the tolerance; in the end they exceed it
    by `excess`.
    """
    if near:
        outcome = Outcome.NEAR_COLLAPSE
    elif excess > 0:
        outcome = Outcome.COMPLETED
    else:
        outcome = Outcome.COLLAPSED if count else Outcome.TRIVIAL
    return outcome, (min([count, *near]), max([count, *(t + 1 for t in near)]))


def most_rounds(r_0: float) -> int:
    """Return a number of rounds after which the labels have collapsed, or refuse a large one."""
    if r_0 > MAX_ROUNDS:
        raise InvalidInputError(
            f"rounds must be given: at this epsilon the chain has at least {r_0 - 1:.3g} rounds "
            f"(r_0 - 1). Pass rounds, or a larger epsilon."
        )
    # ||y_{t+1}||^2 <= ||y_t||^2 - rho^2 ends every chain by then
    return int(r_0**2) + 2


def excess_of(y: Array, n: int, epsilon: float, weights: Array | None = None) -> float:
    """Return sum weights y^2 - n epsilon; without weights each is 1.

    The sum is taken in double-double arithmetic: first down columns of N = y.size /
    8192 terms, then across them. Its relative error is below (N + 20)^2 2^-106.
    """
    flat = y.ravel()
    counts = None if weights is None else np.broadcast_to(weights, y.shape).ravel()

    def squares(first: int, last: int) -> DoubleDouble:
        found = dd.square(flat[first:last])
        return found if counts is None else found * counts[first:last]

    whole = len(flat) // _BLOCK * _BLOCK
    rest = squares(whole, len(flat))
    energy = rest.total()
    if whole:
        columns = squares(0, _BLOCK)
        for first in range(_BLOCK, whole, _BLOCK):
            terms = squares(first, first + _BLOCK)
            sums = dd.two_sum(columns.high, terms.high)
            columns = DoubleDouble(sums.high, columns.low + (sums.low + terms.low))
        energy = columns.total() + energy
    return float(energy - dd.two_prod(np.array(float(n)), np.array(epsilon)))
