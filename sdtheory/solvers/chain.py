"""What every solver returns, and the error of one that cannot give its digits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NoReturn

import numpy as np

from sdtheory.validation import Array, InvalidInputError, as_number

#: More rounds than this must be asked for by number.
MAX_ROUNDS = 100_000
#: Random perturbations by which the sensitivity of a chain is estimated.
PROBES = 16

#: Machine epsilon.
ULP = float(np.finfo(float).eps)
#: Largest relative error of a multiplier by default: for solvers that work until they reach it, and
#: for those that can only say what rounding left.
REACHED, KNOWN = 1e-8, 1e-3


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


#: What only a chain with eigenvectors has.
_EIGENBASIS = {"A", "B", "z", "spectrum", "trajectory", "unreachable"}


@dataclass(frozen=True)
class Chain(ABC):
    """What a solver without eigenvectors returns.

    `sdtheory.solvers.eigh.Distillation`, of the solver with eigenvectors, has all of
    this too.

    Attributes
    ----------
    epsilon : float
        Tolerance on the mean squared residual.
    c : ndarray of shape (T,)
        Multiplier of each round.
    c_error : ndarray of shape (T,)
        Relative error of c; what stands behind it, the solver says.
    r : ndarray of shape (T+1,)
        ||y_t|| / sqrt(n epsilon).
    outcome : Outcome
        How the chain ended.
    n_rounds_range : tuple of int
        Smallest and largest number of non-trivial fits consistent with the
        errors; equal unless `outcome` is NEAR_COLLAPSE.
    """

    solver: ClassVar[str]

    epsilon: float
    c: Array
    c_error: Array
    r: Array
    outcome: Outcome
    n_rounds_range: tuple[int, int]
    _labels: Array

    @property
    @abstractmethod
    def y(self) -> Array:
        """Labels fed to each round, shape (T+1, n) or (T+1, n, q); row 0 is the data."""

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
        return self._alpha(t).reshape(self._labels.shape)

    @abstractmethod
    def _alpha(self, t: int) -> Array:
        """Return alpha_t of a round that was run, with n q entries."""

    @abstractmethod
    def predict(self, g_x: Any, /, t: int) -> Array:
        """Evaluate the fit of round t, from the rows ``gram(kernel, x, x_new)``."""

    def __getattr__(self, name: str) -> NoReturn:
        if name in _EIGENBASIS:
            raise AttributeError(
                f"{name} needs the eigenvectors of G, which {self.solver!r} does not compute. "
                f'Call distill(..., solver="eigh").'
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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
        """The interval c (1 -+ c_error), shape (T, 2); c lies there as far as `c_error` holds."""
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


def as_tolerance(tolerance: Any) -> float:
    """Return the largest relative error of a multiplier.

    Raises
    ------
    InvalidInputError
        If it is no number between 4 machine epsilons and 1.
    """
    value = as_number(tolerance, "tolerance")
    if not 4 * ULP <= value < 1:
        raise InvalidInputError(
            f"tolerance must lie between {4 * ULP:.1g} and 1, but is {value!r}. It is the largest "
            f"relative error of a multiplier."
        )
    return value


def ending(count: int, near: Sequence[int], excess: float) -> tuple[Outcome, tuple[int, int]]:
    """Return how a chain of `count` fits ended, and the range of its number of rounds.

    Parameters
    ----------
    count : int
        Non-trivial fits that were computed.
    near : sequence of int
        Rounds whose labels are within rounding of the tolerance.
    excess : float
        Positive if the last labels are beyond the tolerance.
    """
    if near:
        outcome = Outcome.NEAR_COLLAPSE
    elif excess > 0:
        outcome = Outcome.COMPLETED
    else:
        outcome = Outcome.COLLAPSED if count else Outcome.TRIVIAL
    return outcome, (min([count, *near]), max([count, *(t + 1 for t in near)]))


def most_rounds(r_0: float) -> int:
    """Return a number of rounds by which the labels have collapsed, if it need not be asked for.

    Raises
    ------
    InvalidInputError
        If that may take more than MAX_ROUNDS.
    """
    if r_0 > MAX_ROUNDS:
        raise InvalidInputError(
            f"rounds must be given: at this epsilon the labels survive at least "
            f"{r_0 - 1:.3g} rounds (r_0 - 1, each round moves them by sqrt(n epsilon)). "
            f"Pass rounds, or a larger epsilon."
        )
    # ||y_{t+1}||^2 <= ||y_t||^2 - rho^2 ends every chain by then
    return int(r_0**2) + 2


def root_mean_square(a: Array) -> float:
    """Return the root of the mean square of all entries."""
    return float(np.sqrt(np.mean(a * a)))
