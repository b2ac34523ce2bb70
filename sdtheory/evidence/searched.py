r"""Searched evidence: an optimiser tries to make a statement's margin negative.

The unknowns are the logarithms of the gaps between neighbouring log
eigenvalues, of the label energies and of r_0 - 1. Differential evolution, with
a whole generation as one batch, first explores few eigenvalues globally. Then it
starts again from a cloud around the worst sampled instance, of any size. Where
the statement compares numbers, a last search goes to the corners of these
comparisons (`sdtheory.evidence.corners`), whatever the margin is on the way.
Ball arithmetic judges every margin that is negative beyond rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, differential_evolution

from sdtheory.evidence.certified import Certificate, rejudge
from sdtheory.evidence.corners import corners as corners_of
from sdtheory.evidence.corners import distances
from sdtheory.evidence.families import ROUNDS
from sdtheory.evidence.floating import Measured, measure
from sdtheory.evidence.verdict import Verdict
from sdtheory.evidence.witness import Witness
from sdtheory.statements import Instance, Statement
from sdtheory.validation import Array

#: Instances that a search evaluates, by default.
BUDGET = 3000
#: Instances that a search for the corners of comparisons evaluates, where there are any.
CORNER_BUDGET = 2400
#: Numbers of eigenvalues that are explored globally.
SIZES = (2, 3)

_POPULATION = 60
#: Ranges of the coordinates: natural logarithms of gaps, energies and r_0 - 1.
_GAP, _ENERGY, _EXCESS = (-12.0, 2.0), (-14.0, 0.0), (-9.0, 9.0)
#: Largest logarithm of a condition number; of many eigenvalues the gaps add up to more than a
#: multiplier can be solved for.
_SPAN = 250.0
#: Width of the cloud around a sampled instance, in the same coordinates.
_CLOUD = 1.0
#: The objective where no case meets the hypotheses; margins are at most 1.
_INAPPLICABLE = 2.0
#: Suspects that a search has judged, at most.
_JUDGED = 20


@dataclass(frozen=True)
class Searched:
    """What the optimiser found.

    Attributes
    ----------
    evaluations : int
        Instances evaluated.
    seconds : float
        Budget in seconds, or 0 where the budget was a number of evaluations.
    best : float
        Smallest margin found, in floats; infinite where the hypotheses were
        never met.
    unjudged : int
        Margins negative beyond rounding that ball arithmetic did not decide,
        or was not asked about.
    failure : Certificate or None
        The certain violation that ended the search.
    witness : Witness or None
        The instance that gave it.
    """

    evaluations: int
    seconds: float
    best: float
    unjudged: int
    failure: Certificate | None
    witness: Witness | None

    @property
    def found(self) -> bool:
        """Whether it found a certain violation."""
        return self.failure is not None


@dataclass(frozen=True)
class _Space:
    """Coordinates of instances with some zeros held fixed; the smallest eigenvalue is 1.

    Attributes
    ----------
    kernel : int
        Number of zero eigenvalues.
    gaps, energies : tuple of bool
        Which gaps and which energies are not zero.
    """

    kernel: int
    gaps: tuple[bool, ...]
    energies: tuple[bool, ...]

    @classmethod
    def full(cls, n: int) -> _Space:
        """Return the space of n positive eigenvalues and energies."""
        return cls(0, (True,) * (n - 1), (True,) * n)

    @property
    def bounds(self) -> Array:
        """Ranges of the coordinates, shape (dimensions, 2)."""
        return np.array([_GAP] * sum(self.gaps) + [_ENERGY] * sum(self.energies) + [_EXCESS])

    def decode(self, x: Array) -> tuple[Array, Array, Array]:
        """Return d and z of shape (m, n) and epsilon of shape (m,) from x of shape (m, p)."""
        m, split = len(x), sum(self.gaps)
        steps = np.zeros((m, 1 + len(self.gaps)))
        steps[:, 1:][:, list(self.gaps)] = np.exp(x[:, :split])
        total = np.sum(steps, axis=1, keepdims=True)
        steps *= np.minimum(1, _SPAN / np.where(total > 0, total, 1))
        d = np.concatenate([np.zeros((m, self.kernel)), np.exp(np.cumsum(steps, axis=1))], axis=1)
        energy = np.zeros_like(d)
        energy[:, list(self.energies)] = np.exp(x[:, split:-1])
        r2 = (1 + np.exp(x[:, -1])) ** 2
        # unreachable energy is at most 0.9 of rho^2
        reached = np.sum(energy[:, self.kernel :], axis=1)
        lost = np.sum(energy[:, : self.kernel], axis=1)
        factor = np.minimum(1, 0.9 * reached / r2 / np.where(lost > 0, lost, 1))
        energy[:, : self.kernel] *= factor[:, None]
        return d, np.sqrt(energy), np.sum(energy, axis=1) / (d.shape[1] * r2)


def _coordinates(witness: Witness) -> tuple[_Space, Array]:
    """Return the space of a witness and its point there."""
    d, z, epsilon = witness.arrays()
    energy = np.sum(z**2, axis=1)
    energy = energy / energy.max(initial=1e-300)
    kernel = int(np.sum(d == 0))
    steps = np.diff(np.log(d[kernel:]))
    space = _Space(kernel, tuple((steps > 0).tolist()), tuple((energy > 0).tolist()))
    r_minus_1 = np.sqrt(np.sum(z**2) / (len(d) * epsilon)) - 1
    return space, np.log([*steps[steps > 0], *energy[energy > 0], max(r_minus_1, 1e-12)])


def _instance(space: _Space, x: Array) -> Instance:
    """Return the instances at rows of x, with the values that were computed from them.

    All searches of one seed start from the same generation, and those against similar mutants
    go on alike.
    """
    return _kept(space, x.tobytes(), x.shape)


@lru_cache(maxsize=128)
def _kept(space: _Space, x: bytes, shape: tuple[int, int]) -> Instance:
    return Instance.of(*space.decode(np.frombuffer(x).reshape(shape)), ROUNDS)


class _Objective:
    """Counts evaluations and remembers the worst instance."""

    def __init__(self, statement: Statement, budget: int, deadline: float) -> None:
        self.statement = statement
        self.budget = budget
        self.deadline = deadline
        self.evaluations = 0
        self.best = float("inf")
        self.witness: Witness | None = None
        self.failure: Certificate | None = None
        self.unjudged = 0
        self.judged = 0
        #: which of the comparisons are corners; None before the first are seen
        self.sites: NDArray[np.bool_] | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the budget is spent, or a certain violation was found."""
        spent = self.evaluations >= self.budget + CORNER_BUDGET or perf_counter() > self.deadline
        return self.failure is not None or spent

    def __call__(self, space: _Space, x: Array) -> Array:
        """Return the worst margin at each row of x."""
        instance = _instance(space, x)
        return self._margins(instance, measure(self.statement, instance))

    def to_corner(self, space: _Space, x: Array) -> Array:
        """Return the distance from the corners at each row of x; margins are looked at as well."""
        instance = _instance(space, x)
        measured, apart = distances(self.statement, instance)
        self._margins(instance, measured)
        if self.sites is None:
            self.sites = corners_of(apart)
        if not self.sites.any() or len(self.sites) != apart.shape[1]:
            return np.ones(len(x))
        return np.max(apart[:, self.sites], axis=1)

    def _margins(self, instance: Instance, measured: Measured) -> Array:
        worst = measured.worst.copy()
        self.evaluations += len(worst)
        for index in measured.suspects:
            self._judge(instance, int(index), worst)
        index = int(np.argmin(worst))
        if worst[index] < self.best and self.failure is None:
            self.best = float(worst[index])
            self.witness = Witness.of(instance, index, "found by search")
        return np.minimum(worst, _INAPPLICABLE)

    def _judge(self, instance: Instance, index: int, worst: Array) -> None:
        """Judge a suspect in balls; where it is acquitted its margin counts as zero."""
        if self.failure is not None:
            return
        if self.judged == _JUDGED:
            self.unjudged += 1
            return
        self.judged += 1
        certificate = rejudge(self.statement, instance, index)
        if certificate.verdict is Verdict.FAILS:
            self.failure = certificate
            self.best = float(worst[index])
            self.witness = Witness.of(instance, index, "found by search")
        elif certificate.cleared:
            worst[index] = 0.0
        else:
            self.unjudged += 1


def search(
    statement: Statement,
    *,
    seed: int = 0,
    budget: int = BUDGET,
    seconds: float | None = None,
    start: Witness | None = None,
    corners: bool = True,
) -> Searched:
    """Try to violate a statement.

    Parameters
    ----------
    statement : Statement
        The statement.
    seed : int, optional
        Seed of the optimiser.
    budget : int, optional
        Instances to evaluate.
    seconds : float, optional
        Budget in seconds instead; the result then depends on the machine.
    start : Witness, optional
        Worst instance sampled, to descend from.
    corners : bool, default=True
        Whether to go to the corners of comparisons as well.
    """
    timed = seconds is not None
    deadline = perf_counter() + seconds if timed else float("inf")
    objective = _Objective(statement, 2**62 if timed else budget, deadline)
    spaces: list[tuple[_Space, Array | None]] = [(_Space.full(n), None) for n in SIZES]
    if start is not None:
        spaces.append(_coordinates(start))
    share = budget // (len(spaces) + 1)
    for attempt in range(2**31):
        for k, (space, x) in enumerate(spaces):
            rng = np.random.default_rng((seed, attempt, k))
            _evolve(objective, space, rng, share, x=x)
        if corners and not objective.exhausted:
            rng = np.random.default_rng((seed, attempt, len(spaces)))
            space = _Space.full(2)
            first = space.bounds[:, 0] + np.ptp(space.bounds, axis=1) * rng.random(
                (4 * _POPULATION, len(space.bounds))
            )
            objective.to_corner(space, first)
            if objective.sites is not None and objective.sites.any():
                _evolve(objective, space, rng, CORNER_BUDGET, to_corner=True)
        if objective.exhausted or not timed:
            break
    return Searched(
        objective.evaluations,
        seconds or 0.0,
        objective.best,
        objective.unjudged,
        objective.failure,
        objective.witness,
    )


def _evolve(
    objective: _Objective,
    space: _Space,
    rng: np.random.Generator,
    share: int,
    *,
    x: Array | None = None,
    to_corner: bool = False,
) -> None:
    """Run differential evolution, from a cloud around x where there is one."""
    goal = objective.to_corner if to_corner else objective

    def stop(intermediate_result: OptimizeResult) -> bool:
        return objective.exhausted

    if objective.exhausted:
        return
    bounds = space.bounds
    cloud: Any = "latinhypercube"
    if x is not None:
        bounds = np.stack([np.minimum(bounds[:, 0], x), np.maximum(bounds[:, 1], x)], axis=1)
        cloud = x + _CLOUD * rng.standard_normal((_POPULATION, len(x)))
        cloud[0] = x
        cloud = np.clip(cloud, bounds[:, 0], bounds[:, 1])
    differential_evolution(
        lambda rows: goal(space, rows.T),
        bounds,
        init=cloud,
        maxiter=max(share // _POPULATION - 1, 1),
        popsize=-(-_POPULATION // len(bounds)),
        tol=0,
        rng=rng,
        polish=False,
        updating="deferred",
        vectorized=True,
        callback=stop,
    )
