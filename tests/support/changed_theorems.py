"""Small changes of the theorems that Coq has proved, and of the definitions that they use.

`sdtheory.evidence.formal.compared` must notice each: what it compares is then the theorem.
"""

import math
import warnings
from dataclasses import replace
from functools import cached_property

import numpy as np
import scipy

from sdtheory.evidence.formal.compared import UNKNOWN, Tied
from sdtheory.evidence.formal.instances import SEQUENCES
from sdtheory.evidence.formal.terms import (
    PRIMITIVES,
    Apply,
    Bind,
    Fix,
    Match,
    Name,
    World,
    holds,
    read,
    spine,
    written,
)
from sdtheory.formulas.path_length import path_length

QUIET = np.errstate(all="ignore")
#: Points at which changed definitions are tried, for each hypothesis and for each claim.
SOME, MANY = 8, 30
#: Definitions that speak of all functions, and what stands for them where terms are evaluated.
GIVEN = {
    "minimiser": "the fit, which the theorem fit_is_minimiser says is the minimiser",
    "is_length": "the library's length, compared with the integral of the speed",
    "length_factor": "the registry's K, compared with the factor",
}
SWAPPED = {
    "Rplus": "Rminus",
    "Rminus": "Rplus",
    "Rmult": "Rdiv",
    "Rdiv": "Rmult",
    "Rmax": "Rmin",
    "sqrt": "Rabs",
    "d_min": "d_max",
    "d_max": "d_min",
    "j": "k",
    "k": "j",
    "dj": "dk",
    "dk": "dj",
    "z": "z'",
    "z'": "z",
    "O": "S O",
}
TURNED = ("Rle", "Rlt")


def mutants(term, variables):
    """Yield a term with one small change each, that uses no variable but the given ones."""
    if isinstance(term, Name):
        swapped = SWAPPED.get(term.id)
        if swapped is not None and (swapped in variables or swapped.split()[0] in PRIMITIVES):
            yield read(swapped)
        if term.id == "xH":
            yield read("xO xH")
        if term.id == "t" and "t" in variables:
            yield read("S t")
    elif isinstance(term, Apply):
        head, arguments = spine(term)
        if isinstance(head, Name) and head.id in TURNED and len(arguments) == 2:
            yield Apply(Apply(head, arguments[1]), arguments[0])
        if head == Name("eq") and len(arguments) == 3:
            # the kind of an equality is no part of the formula
            yield from (
                Apply(Apply(Apply(head, arguments[0]), a), b)
                for a, b in (
                    *((m, arguments[2]) for m in mutants(arguments[1], variables)),
                    *((arguments[1], m) for m in mutants(arguments[2], variables)),
                )
            )
            return
        for changed in mutants(term.function, variables):
            yield Apply(changed, term.argument)
        for changed in mutants(term.argument, variables):
            yield Apply(term.function, changed)
    elif isinstance(term, Bind):
        inner = variables | {term.variable}
        if term.word == "forall" and term.variable == "_":
            for changed in mutants(term.kind, variables):
                yield replace(term, kind=changed)
        for changed in mutants(term.body, inner):
            yield replace(term, body=changed)
    elif isinstance(term, Fix):
        for changed in mutants(term.body, variables):
            yield Fix(term.name, changed)
    else:
        for changed in mutants(term.value, variables):
            yield Match(changed, term.cases)
        for index, (pattern, body) in enumerate(term.cases):
            for changed in mutants(body, variables | set(pattern[1:])):
                cases = list(term.cases)
                cases[index] = (pattern, changed)
                yield Match(term.value, tuple(cases))


def names(term):
    """Return the names that a term uses and does not bind."""
    if isinstance(term, Name):
        return {term.id}
    if isinstance(term, Apply):
        return names(term.function) | names(term.argument)
    if isinstance(term, Bind):
        return names(term.kind) | (names(term.body) - {term.variable})
    if isinstance(term, Fix):
        return names(term.body) - {term.name}
    found = names(term.value)
    for pattern, body in term.cases:
        found |= names(body) - set(pattern[1:])
    return found


def spoiled(env, part):
    """Yield variables of a chain made wrong: a round too many, or other labels in a round."""
    kinds = dict(part.variables)
    if "N" in env:
        yield {**env, "N": env["N"] + 1}
        if "z" in env and kinds["z"] == SEQUENCES:
            after, z = env["N"] + 1, env["z"]
            yield {**env, "z": lambda s: (lambda k: 1.0) if s == after else z(s)}
    for name in ("z'", "f"):
        if name in env:
            yield {**env, name: lambda k: 0.0}


class Changed(Tied):
    """A theorem beside its statement, and what becomes of it where it is changed."""

    @cached_property
    def used(self):
        """Definitions that the theorem uses, directly or through others."""
        found = set()
        todo = names(self.theorem) & self.definitions.keys()
        while todo:
            found |= todo
            todo = set().union(*(names(self.definitions[n]) for n in todo)) - found
            todo &= self.definitions.keys()
        return tuple(sorted(found))

    @cached_property
    def by_claim(self):
        found = {}
        for point in (*self.off, *self.zeros, *self.chained[0]):
            found.setdefault(point.number, []).append(point)
        return found

    def mutants(self):
        """Yield every change of a claim that stands in the margin, and whether it is noticed.

        A claim that must only hold at chains may be changed into a weaker one unnoticed.
        """
        for number in self.tie.entries:
            part, points = self.parts[number], self.by_claim.get(number, [])
            variables = frozenset(name for name, _ in part.variables)
            for changed in mutants(part.claim, variables):
                noticed = not all(p.agrees(changed) for p in points)
                yield f"claim {number}: {written(changed)}", noticed

    @cached_property
    @QUIET
    def assumed(self):
        """Hypotheses at some chains, at spoiled chains and off the chain; whether they hold."""
        found = []
        for points in (self.chained[0][::-1], self.off, self.zeros):
            for point in points[:: max(len(points) // SOME, 1)]:
                for env in (point.env, *spoiled(point.env, self.parts[point.number])):
                    for hypothesis in self.parts[point.number].hypotheses:
                        try:
                            truth = holds(point.world.value(hypothesis, env))
                        except UNKNOWN:
                            continue
                        found.append((point.world, env, hypothesis, truth))
        return tuple(found)

    @QUIET
    def notices(self, definitions):
        """Return whether changed definitions are noticed: by a claim, or by a hypothesis."""
        for number, points in self.by_claim.items():
            claim = self.parts[number].claim
            for p in points[:: max(len(points) // MANY, 1)]:
                world = replace(p.world, definitions=definitions)
                if not replace(p, world=world).agrees(claim):
                    return True
        for world, env, hypothesis, truth in self.assumed:
            try:
                if holds(replace(world, definitions=definitions).value(hypothesis, env)) != truth:
                    return True
            except UNKNOWN:
                return True
        return False


def changed_definitions(tieds):
    """Yield every change of a definition: its name, the change, and what decides if it is noticed.

    Left out are definitions that are not evaluated, as they speak of all functions: what stands
    for them here is `GIVEN`. Those of a length are tried by integrating the speed.
    """
    tieds = list(tieds)
    everything = tieds[0].definitions
    for name in sorted(set().union(*(tied.used for tied in tieds)) - GIVEN.keys()):
        users = [tied for tied in tieds if name in tied.used]
        for changed in mutants(everything[name], frozenset()):
            definitions = {**everything, name: changed}

            def noticed(definitions=definitions, users=users):
                if not length_agrees(definitions):
                    return True
                return any(tied.notices(definitions) for tied in users)

            yield name, written(changed), noticed


def length_agrees(definitions):
    """Return whether the integral of the speed, as defined in Coq, is the library's length."""
    d, a = (0.5, 2.0), (1.0, -3.0)
    try:
        speed = World(definitions, {}).value(Name("speed"), {})(2)(d.__getitem__)(a.__getitem__)
        with warnings.catch_warnings(action="ignore"):
            found = scipy.integrate.quad(speed, 0, math.inf)[0]
    except UNKNOWN:
        return False
    return math.isclose(found, float(path_length(d, np.square(a))), rel_tol=1e-6)
