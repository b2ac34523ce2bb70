"""The tie between a theorem of Coq and a formula of the registry, evaluated.

There are two comparisons, none of them in Coq.

* *Off the chain*, and on both sides of the margin's zeros, every claim of the
  theorem has the margin's sign. So the two are the same formula.
* *On chains* the hypotheses of the theorem hold wherever the registry's do, so the
  theorem covers the statement's cases, and all its claims hold.

A test holds that both notice every change of a theorem and of its definitions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from sdtheory.evidence.formal.coq import Export
from sdtheory.evidence.formal.instances import (
    ROUNDS,
    Array,
    Case,
    Drawn,
    chains,
    given,
)
from sdtheory.evidence.formal.terms import (
    Compared,
    Joined,
    Name,
    NotEvaluableError,
    Term,
    World,
    holds,
    parts,
    read_definition,
    read_theorem,
    written,
)
from sdtheory.evidence.formal.ties import Index, Tie, theorem_of
from sdtheory.statements import Instance, Statement

#: Instances off the chain, pairs of them between which zeros are looked for, and chains.
OFF, PAIRS, CHAINS = 24, 16, 8
_SIZES = (2, 3)
#: Formulas are evaluated where they have no value, too.
_QUIET = np.errstate(all="ignore")
#: Margins nearer to zero than this have no sign.
_ZERO = 1e-11
#: Rounding of a claim's two sides.
_NOISE = 1e-14
#: Margins that are nearer than this have the same value.
_APART = 1e-8
#: What the registry may apply to both sides of an inequality before it scales them.
_SCALES: tuple[Callable[[float], float], ...] = (float, math.log, lambda x: x * x)
#: Halvings of the way between two instances: the two sides of a zero are this near.
_HALVINGS = 26
_SEED = 20_200_213
#: What evaluating a changed term may raise: it has no value, or divides, or reads too far.
UNKNOWN = (NotEvaluableError, ArithmeticError, ValueError, TypeError, LookupError)


@dataclass(frozen=True)
class Point:
    """A claim at an instance, and what it must be there.

    Attributes
    ----------
    number : int
        Which claim of the theorem.
    env : mapping
        Values of the theorem's variables.
    world : World
        Where it is evaluated.
    sign : int or None
        Sign of the registry's margin; None where the claim must hold.
    zero : bool
        Whether the point is beside a zero of the margin.
    value : float or None
        The margin, where the claim's two sides have its value too.
    scale : callable
        What is applied to both sides before they are compared in value.
    said : object
        Value of the theorem's own claim, where it has been evaluated.
    """

    number: int
    env: Mapping[str, Any]
    world: World
    sign: int | None
    zero: bool = False
    value: float | None = None
    scale: Callable[[float], float] = float
    said: Any = None

    @_QUIET
    def agrees(self, claim: Term) -> bool:
        """Return whether a claim is what it must be."""
        try:
            return self.fits(self.world.value(claim, self.env))
        except UNKNOWN:
            return False

    @_QUIET
    def fits(self, value: Any) -> bool:
        """Return whether the value of a claim is what it must be."""
        try:
            if self.sign is None:
                return holds(value)
            same = _sign(_scaled(value), _NOISE) == self.sign
            return same and (self.value is None or self.apart(value) < _APART)
        except UNKNOWN:
            return False

    def apart(self, claim: Any) -> float:
        """Return how far a claim's scaled difference is from the registry's margin."""
        if self.value is None or not isinstance(claim, Compared):
            return math.inf
        try:
            sides = self.scale(claim.a), self.scale(claim.b)
        except ValueError:  # the logarithm of a negative number
            return math.inf
        return abs(Compared(claim.sign, *sides).scaled - self.value)


def _sign(margin: float, zero: float = _ZERO) -> int:
    return 0 if not abs(margin) > zero else 1 if margin > 0 else -1


def _scaled(claim: Any) -> float:
    """Return a margin of a claim: non-negative where it holds, of an equality its difference."""
    if isinstance(claim, Compared):
        return claim.scaled
    if isinstance(claim, Joined) and claim.word == "iff":
        # "both or neither", as the registry multiplies margins
        left, right = (part() for part in claim.parts)
        first = left.scaled if isinstance(left, Compared) else 1.0 if holds(left) else -1.0
        return first * _scaled(right)
    raise NotEvaluableError("neither an inequality nor an equivalence")


@dataclass(frozen=True)
class Comparison:
    """The result of comparing a theorem with its statement.

    Attributes
    ----------
    statement, theorem : str
        Names.
    tied : int
        Claims of the theorem that stand in the margin.
    claims : int
        Claims of the theorem.
    signs, against : int
        Signs compared off the chain, and how many of them were negative.
    values : int
        Of the signs, how many are equal in value too.
    zeros : int
        Sides of zeros of the margin.
    met, held : int
        Cases of chains in which the statement's hypotheses hold, and claims that were
        evaluated there.
    disagreements : tuple of str
        The differences; empty if the theorem is the statement's.
    """

    statement: str
    theorem: str
    tied: int
    claims: int
    signs: int
    against: int
    values: int
    zeros: int
    met: int
    held: int
    disagreements: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing differs and something was compared."""
        return not self.disagreements and self.met > 0 and self.held > 0

    @property
    def words(self) -> str:
        """Return the comparison in a sentence."""
        if self.disagreements:
            return f"DIFFERS: {self.disagreements[0]}"
        found = f"hypotheses met in {self.met} cases of chains, {self.held} claims hold there"
        if not self.signs:
            return found
        return (
            f"{self.tied} of {self.claims} claims have the margin's sign in {self.signs} cases off "
            f"the chain ({self.against} negative, {self.values} equal in value too) and on "
            f"{self.zeros} sides of zeros; {found}"
        )


def _stacked(parts: list[Any], fill: Any) -> Any:
    """Return arrays as one with a last axis that counts them; missing axes have length 1."""
    if len(parts) == 1:
        return parts[0]
    axes = max(part.ndim for part in parts)
    parts = [part.reshape(*part.shape, *(1,) * (axes - part.ndim)) for part in parts]
    found = np.full((*np.max([part.shape for part in parts], axis=0), len(parts)), fill)
    for k, part in enumerate(parts):
        found[(*(slice(0, length) for length in part.shape), k)] = part
    return found


class Tied:
    """A theorem beside its statement.

    Parameters
    ----------
    statement : Statement
        Of the registry.
    tie : Tie
        How they are compared.
    export : Export
        What Coq has printed.
    """

    def __init__(self, statement: Statement, tie: Tie, export: Export) -> None:
        self.statement, self.tie, self.export = statement, tie, export
        #: names of the margin's cases and number of their axes, by size
        self._layout: dict[int, tuple[list[str], int]] = {}
        self.name = theorem_of(statement.id)
        if self.name not in export.theorems:
            raise ValueError(f"Coq has printed no theorem {self.name}")
        self.theorem = read_theorem(export.theorems[self.name]["term"])
        self.parts = parts(self.theorem)
        self.definitions = _definitions(export)

    # ---- points ----

    @cached_property
    def _known(self) -> list[list[tuple[str, Any]]]:
        """For each claim its variables, with what gives them their values."""
        return [[(name, given(name, kind)) for name, kind in p.variables] for p in self.parts]

    def _envs(self, drawn: Drawn, case: Case) -> Callable[[int], dict[str, Any]]:
        """Return what gives the variables of a claim, by its number, their values in a case."""
        extra = self.tie.extra(drawn, case)

        def env(number: int) -> dict[str, Any]:
            found = {}
            for name, value in self._known[number]:
                if name in extra:
                    found[name] = extra[name]
                elif value is not None:
                    found[name] = value(drawn, case, self.tie.shift)
                else:
                    raise NotEvaluableError(f"the variable {name} is given no value")
            return found

        return env

    def _world(self, drawn: Drawn, case: Case) -> World:
        c = float(drawn.c[case.t])
        found = World(self.definitions, {}, (c, 2 * c, c / 2) if np.isfinite(c) else (1.0,))

        def minimiser(n: int) -> Any:
            # that a fit is the minimiser, and the only one, is the theorem fit_is_minimiser
            return lambda d: lambda z: lambda rho: found.value(_FIT, {})(n)(d)(rho)(z)

        factor = drawn.factor if drawn.d[0] > 0 else np.inf
        known = {
            "minimiser": minimiser,
            "length_factor": lambda n: lambda d: lambda K: Compared("<=", factor, K),
        }
        return replace(found, given=known)

    def _compared(self, margin: Array, instance: Instance) -> Iterator[tuple[Point, Any]]:
        """Yield points with the margin of their entry, for a batch off the chain."""
        n = instance.n
        for index in range(len(margin)):
            drawn = Drawn(instance, index)
            for case in self.tie.cases(n, ROUNDS):
                env, world = self._envs(drawn, case), self._world(drawn, case)
                for number, entry in self.tie.entries.items():
                    value = self._entry(margin[index], self._place(entry(case), n))
                    if value is not None:
                        yield Point(number, env(number), world, None), value

    @staticmethod
    def _entry(margin: Array, index: tuple[int, ...]) -> float | None:
        if index[0] >= margin.shape[0]:  # fewer rounds, as of two that are compared
            return None
        value = float(margin[index])
        return value if np.isfinite(value) else None

    def _margin(self, instance: Instance) -> Array:
        """Return the margin as one array, whose last axis counts its cases where it has several."""
        cases = self.statement.cases(instance)
        axes = max(case.margin.ndim for case in cases) - 1
        self._layout[instance.n] = [case.words for case in cases], axes
        return _stacked([np.asarray(case.margin, dtype=float) for case in cases], np.nan)

    def _applies(self, instance: Instance) -> Array:
        """Return where all hypotheses hold, in the layout of the margin."""
        return _stacked([case.applies for case in self.statement.cases(instance)], False)

    def _place(self, index: Index, n: int) -> tuple[int, ...]:
        """Return an index of the array of all cases, for one that may begin with a case's name."""
        if not (index and isinstance(index[0], str)):
            return tuple(int(k) for k in index)
        words, axes = self._layout[n]
        inner = [int(k) for k in index[1:]]
        inner += [0] * (axes - len(inner))
        return (*inner, words.index(index[0])) if len(words) > 1 else tuple(inner)

    @cached_property
    @_QUIET
    def off(self) -> tuple[Point, ...]:
        """Points off the chain, with the margin's sign."""
        rng = np.random.default_rng(_SEED)
        found = []
        for n in _SIZES:
            instance = self.tie.off.build(self.tie.off.points(rng, OFF, n), n)
            for point, value in self._compared(self._margin(instance), instance):
                if _sign(value):
                    found.append(replace(point, sign=_sign(value), value=value))
        return tuple(p for n in self.tie.entries for p in self._valued(n, found))

    def _valued(self, number: int, points: list[Point]) -> list[Point]:
        """Return the points of a claim: with values, if on one scale all are the margin's."""
        own = [p for p in points if p.number == number]
        claim = self.parts[number].claim
        try:
            values = [p.world.value(claim, p.env) for p in own]
            own = [replace(p, said=value) for p, value in zip(own, values, strict=True)]
        except (NotEvaluableError, ArithmeticError, ValueError):
            values = []
        for scale in _SCALES:
            scaled = [replace(p, scale=scale) for p in own]
            if values and all(p.apart(v) < _APART for p, v in zip(scaled, values, strict=True)):
                return scaled
        return [replace(p, value=None) for p in own]

    @cached_property
    @_QUIET
    def zeros(self) -> tuple[Point, ...]:
        """Points on both sides of zeros of the margin, between two instances each."""
        rng = np.random.default_rng(_SEED + 1)
        return tuple(point for n in _SIZES for point in self._zeros(rng, n))

    def _zeros(self, rng: np.random.Generator, n: int) -> Iterator[Point]:
        off = self.tie.off
        left, right = off.points(rng, PAIRS, n), off.points(rng, PAIRS, n)

        def at(points: Array) -> tuple[Instance, Array]:
            instance = off.build(points, n)
            return instance, self._margin(instance)

        first, second = at(left)[1], at(right)[1]
        chosen = [
            (pair, case, number, place)
            for pair in range(PAIRS)
            for case in self.tie.cases(n, ROUNDS)
            for number, entry in self.tie.entries.items()
            for place in [self._place(entry(case), n)]
            if self._changes(first[pair], second[pair], place)
        ]
        if not chosen:
            return
        where = [(row, *c[3]) for row, c in enumerate(chosen)]
        index = tuple(np.array(where).T)
        a, b = (ends[[c[0] for c in chosen]] for ends in (left, right))
        sign = np.sign(first[tuple(np.array([(c[0], *c[3]) for c in chosen]).T)])
        for _ in range(_HALVINGS):
            middle = (a + b) / 2
            same = (np.sign(at(middle)[1][index]) == sign)[:, None]
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        for points in (a, b):
            instance, margin = at(points)
            for row, (_, case, number, place) in enumerate(chosen):
                value = self._entry(margin[row], place)
                # at a pole the sign changes too, and the margin is not small
                if value is not None and _sign(value):
                    drawn = Drawn(instance, row)
                    env = self._envs(drawn, case)(number)
                    world = self._world(drawn, case)
                    yield Point(number, env, world, _sign(value), zero=True)

    def _changes(self, first: Array, second: Array, index: tuple[int, ...]) -> bool:
        values = self._entry(first, index), self._entry(second, index)
        return None not in values and bool(np.prod(np.sign(np.array(values, dtype=float))) < 0)

    @cached_property
    @_QUIET
    def chained(self) -> tuple[tuple[Point, ...], int, tuple[str, ...]]:
        """Points on chains, the cases met there, and hypotheses that fail in one."""
        found: list[Point] = []
        missed: list[str] = []
        met = 0
        for instance in _drawn():
            margin = self._margin(instance)
            applies = self._applies(instance)
            for index in range(len(margin)):
                drawn = Drawn(instance, index)
                for case in self.tie.cases(instance.n, instance.c.shape[-1]):
                    if not self._covers(drawn, case, applies[index]):
                        continue
                    met += 1
                    points, failed = self._at_chain(drawn, case)
                    found += points
                    missed += failed
        return tuple(found), met, tuple(missed)

    def _covers(self, drawn: Drawn, case: Case, applies: Array) -> bool:
        """Whether a case is in the scope of the statement and of the theorem."""
        if self.tie.wider:
            return self.tie.only(drawn, case)
        if self.tie.non_trivial and case.t >= drawn.rounds:
            return False
        entries = [self._place(entry(case), case.n) for entry in self.tie.entries.values()]
        entries = entries or [(case.t,)]
        inside = [index for index in entries if index[0] < applies.shape[0]]
        if applies.ndim and not (inside and all(np.all(applies[index]) for index in inside)):
            return False
        return self.tie.only(drawn, case)

    def _at_chain(self, drawn: Drawn, case: Case) -> tuple[list[Point], list[str]]:
        points, missed = [], []
        world, values = self._world(drawn, case), self._envs(drawn, case)
        outer = len(self._outer)
        for number, part in enumerate(self.parts):
            try:
                env = values(number)
                failed = [h for h in part.hypotheses[:outer] if not holds(world.value(h, env))]
                if failed:
                    missed.append(f"n = {case.n}, round {case.t}: {written(failed[0])} fails")
                    continue
                if all(holds(world.value(h, env)) for h in part.hypotheses[outer:]):
                    said = holds(world.value(part.claim, env))
                    points.append(Point(number, env, world, None, said=said))
            except NotEvaluableError:
                continue
        return points, missed

    @cached_property
    def _outer(self) -> tuple[Term, ...]:
        """Hypotheses of the whole theorem: those that all of its claims share."""
        common: list[Term] = []
        for hypotheses in zip(*(part.hypotheses for part in self.parts), strict=False):
            if any(h != hypotheses[0] for h in hypotheses):
                break
            common.append(hypotheses[0])
        return tuple(common)

    # ---- verdicts ----

    def compare(self) -> Comparison:
        """Compare the theorem with the statement."""
        chained, met, missed = self.chained
        points = (*self.off, *self.zeros, *chained)
        wrong = [p for p in points if not self._agrees(p)]
        disagreements = [*missed[:3], *(self._said(p) for p in wrong[:3])]
        return Comparison(
            statement=self.statement.id,
            theorem=self.name,
            tied=len(self.tie.entries),
            claims=len(self.parts),
            signs=len(self.off),
            against=sum(p.sign == -1 for p in self.off),
            values=sum(p.value is not None for p in self.off),
            zeros=len(self.zeros),
            met=met,
            held=len(chained),
            disagreements=tuple(disagreements),
        )

    def _agrees(self, point: Point) -> bool:
        if point.said is None:
            return point.agrees(self.parts[point.number].claim)
        return point.fits(point.said)

    def _said(self, point: Point) -> str:
        claim = written(self.parts[point.number].claim)
        where = "beside a zero" if point.zero else "on a chain" if point.sign is None else "off it"
        return f"claim {point.number}, {claim}, differs {where}"


_FIT = Name("fit")


@cache
def _drawn() -> tuple[Instance, ...]:
    """Return the chains, which all theorems share with the values that were computed from them."""
    return tuple(chains(np.random.default_rng(_SEED + 2), CHAINS))


@cache
def _parsed(text: str) -> Term:
    return read_definition(text)


def _definitions(export: Export) -> dict[str, Term]:
    return {name: _parsed(text) for name, text in export.definitions.items()}
