"""Terms of Coq: read as Coq prints them, given a meaning in floats, and changed.

A theorem is read from what Coq prints under ``Set Printing All``: prefix
applications and binders only. Nothing about it is typed again in Python. Only
names of Coq's own library have a meaning here (`PRIMITIVES`); every definition
of the development is read as Coq prints it too, and evaluated.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from sdtheory.formulas.path_length import path_length

_TOKEN = re.compile(r"=>|:=|[(){}|,:@]|[A-Za-z_][\w.']*|\d+")
_STOP = frozenset((")", ",", ":", ":=", "=>", "|", "with", "return", "end", "{", "}", "in"))

#: A quantifier over natural numbers is evaluated up to this number. Instances are smaller.
LARGEST = 8
#: Relative rounding that an equality is allowed, and an inequality that is not strict.
ROUNDING = 1e-9


class _Meant:
    """A term, with what it means once it has been found out."""

    @cached_property
    def meaning(self) -> Meaning:
        """What gives the value of the term in a world, under values of its variables."""
        return _meaning(self)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Name(_Meant):
    """A variable, a definition, or a name of Coq's library."""

    id: str


@dataclass(frozen=True)
class Apply(_Meant):
    """A function applied to one argument."""

    function: Term
    argument: Term


@dataclass(frozen=True)
class Bind(_Meant):
    """``fun x : kind => body``, or ``forall x : kind, body``; an implication binds ``_``."""

    word: str
    variable: str
    kind: Term
    body: Term


@dataclass(frozen=True)
class Fix(_Meant):
    """A function that calls itself."""

    name: str
    body: Term


@dataclass(frozen=True)
class Match(_Meant):
    """A choice between constructors."""

    value: Term
    cases: tuple[tuple[tuple[str, ...], Term], ...]


Term = Name | Apply | Bind | Fix | Match


class _Reader:
    """Recursive descent over the tokens of one term."""

    def __init__(self, text: str) -> None:
        # the module in which Coq defines a name is left out
        self.tokens = [token.rsplit(".", 1)[-1] for token in _TOKEN.findall(text)]
        self.at = 0

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, expected: str | None = None) -> str:
        if self.at == len(self.tokens):
            raise ValueError(f"the term ends early, after {' '.join(self.tokens[-5:])!r}")
        token = self.tokens[self.at]
        if expected is not None and token != expected:
            near = " ".join(self.tokens[max(self.at - 5, 0) : self.at + 5])
            raise ValueError(f"{token!r} where {expected!r} should be, near {near!r}")
        self.at += 1
        return token

    def binders(self, stop: str) -> list[tuple[str, Term]]:
        found = []
        while self.peek() != stop:
            bracket = self.peek() == "("
            if bracket:
                self.take("(")
            names = []
            while self.peek() != ":":
                names.append(self.take())
            self.take(":")
            kind = self.term()
            if bracket:
                self.take(")")
            found += [(name, kind) for name in names]
            if not bracket:
                break
        return found

    def term(self) -> Term:
        head = self.peek()
        if head in ("forall", "fun"):
            word = self.take()
            stop = "," if word == "forall" else "=>"
            binders = self.binders(stop)
            self.take(stop)
            return _bound(word, binders, self.term())
        if head == "fix":
            self.take()
            name = self.take()
            binders = self.binders("{")
            while self.take() != "}":
                pass
            self.take(":")
            self.term()
            self.take(":=")
            return Fix(name, _bound("fun", binders, self.term()))
        if head == "match":
            return self.match()
        found = self.atom()
        while self.peek() is not None and self.peek() not in _STOP:
            argument = self.match() if self.peek() == "match" else self.atom()
            found = Apply(found, argument)
        return found

    def match(self) -> Term:
        self.take("match")
        value = self.term()
        self.take("return")
        self.term()
        self.take("with")
        cases = []
        while self.peek() == "|":
            self.take("|")
            pattern = []
            while self.peek() != "=>":
                pattern.append(self.take())
            self.take("=>")
            cases.append((tuple(pattern), self.term()))
        self.take("end")
        return Match(value, tuple(cases))

    def atom(self) -> Term:
        if self.peek() == "(":
            self.take("(")
            found = self.term()
            self.take(")")
            return found
        if self.peek() == "@":
            self.take("@")
        return Name(self.take())


def _bound(word: str, binders: list[tuple[str, Term]], body: Term) -> Term:
    for name, kind in reversed(binders):
        body = Bind(word, name, kind, body)
    return body


def read(text: str) -> Term:
    """Return the term that Coq has printed."""
    return _Reader(text).term()


def read_theorem(printed: str) -> Term:
    """Return the statement in what ``Check`` prints: a name, a colon and a term."""
    return read(printed.split(":", 1)[1])


def read_definition(printed: str) -> Term:
    """Return the body in what ``Print`` prints of a definition or of a record.

    A record becomes the conjunction of its fields.
    """
    text = printed.strip()
    if not text.startswith(("Variant ", "Record ", "Inductive ")):
        return read(text.split("=", 1)[1])
    head, body = text.split(":=", 1)
    parameters = _Reader(head.split(None, 2)[2].rsplit(":", 1)[0] + ":=").binders(":=")
    term = read(body.split(":", 1)[1].rstrip("."))
    fields: list[Term] = []
    while isinstance(term, Bind) and term.word == "forall":
        fields.append(term.kind)
        term = term.body
    both = fields[-1]
    for other in reversed(fields[:-1]):
        both = Apply(Apply(Name("and"), other), both)
    return _bound("fun", parameters, both)


# ---- propositions ------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """``a <= b``, ``a < b`` or ``a = b``, of numbers."""

    sign: str
    a: Any
    b: Any

    @property
    def scaled(self) -> float:
        """``(b - a) / (|a| + |b|)``, as the registry's margins are scaled."""
        size = abs(self.a) + abs(self.b)
        return float((self.b - self.a) / size) if size else 0.0

    def holds(self) -> bool:
        """Whether it holds, up to rounding where it is not strict."""
        gap = self.scaled
        # instances are of the order of 1
        equal = abs(gap) < ROUNDING or abs(self.b - self.a) < ROUNDING**1.5
        return {"<=": gap >= 0 or equal, "<": gap > 0, "=": equal}[self.sign]


@dataclass(frozen=True)
class Joined:
    """``and``, ``or``, ``iff`` or ``not`` of propositions, evaluated when asked."""

    word: str
    parts: tuple[Callable[[], Any], ...]

    def holds(self) -> bool:
        """Whether it holds."""
        if self.word == "and":
            return all(holds(part()) for part in self.parts)
        if self.word == "or":
            return any(holds(part()) for part in self.parts)
        if self.word == "not":
            return not holds(self.parts[0]())
        if self.word == "->":
            return not holds(self.parts[0]()) or holds(self.parts[1]())
        return holds(self.parts[0]()) == holds(self.parts[1]())


class NotEvaluableError(ValueError):
    """A proposition quantifies over all reals or functions, so it has no value at a point."""


def holds(proposition: Any) -> bool:
    """Return whether a proposition holds."""
    return bool(proposition) if isinstance(proposition, bool) else proposition.holds()


# ---- meaning -----------------------------------------------------------------------


def _curried(count: int, function: Callable[..., Any]) -> Callable[..., Any]:
    def collect(arguments: tuple[Any, ...]) -> Any:
        if len(arguments) == count:
            return function(*arguments)
        return lambda x: collect((*arguments, x))

    return collect(())


def _divided(a: float, b: float) -> float:
    # as in Coq, where 1/0 is 0
    return a / b if b else 0.0 * a


def _root(a: float) -> float:
    return math.sqrt(a) if a > 0 else 0.0


def _compared(sign: str) -> Callable[[Any, Any], Compared]:
    return lambda a, b: Compared(sign, a, b)


def _decided(yes: bool) -> tuple[str, None]:
    return ("left" if yes else "right", None)


def _equal(_: Any, a: Any, b: Any) -> Any:
    return Compared("=", a, b)


def _is_length(n: int, d: Any, a: Any, length: float) -> Compared:
    rows = [d(k) for k in range(n)], [a(k) ** 2 for k in range(n)]
    return Compared("=", float(path_length(*rows)), length)


#: Operations of Coq's library, and the one definition that needs a limit: how many arguments
#: each takes, and its value.
_OPERATIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    # of integers; natural numbers are subtracted in the order of the larger first only
    "sub": (2, operator.sub),
    "add": (2, operator.add),
    "mul": (2, operator.mul),
    "div": (2, operator.floordiv),
    "modulo": (2, operator.mod),
    "Rplus": (2, operator.add),
    "Rminus": (2, operator.sub),
    "Rmult": (2, operator.mul),
    "Rdiv": (2, _divided),
    "Ropp": (1, operator.neg),
    "Rinv": (1, lambda a: _divided(1.0, a)),
    "pow": (2, operator.pow),
    "sqrt": (1, _root),
    "exp": (1, math.exp),
    "ln": (1, math.log),
    "Rabs": (1, abs),
    "Rmax": (2, max),
    "Rmin": (2, min),
    "Rle": (2, _compared("<=")),
    "Rlt": (2, _compared("<")),
    "le": (2, _compared("<=")),
    "lt": (2, _compared("<")),
    "eq": (3, _equal),
    "Req_EM_T": (2, lambda a, b: _decided(a == b)),
    "eq_dec": (2, lambda a, b: _decided(a == b)),
    "S": (1, lambda n: n + 1),
    "Zpos": (1, lambda p: p),
    "xO": (1, lambda p: 2 * p),
    "xI": (1, lambda p: 2 * p + 1),
    "IZR": (1, float),
    "INR": (1, float),
    "of_nat": (1, lambda n: n),
    "up": (1, lambda x: math.floor(x) + 1),
    "is_length": (4, _is_length),
}
#: What the names of Coq's library mean.
PRIMITIVES: dict[str, Any] = {
    **{name: _curried(count, value) for name, (count, value) in _OPERATIONS.items()},
    "O": 0,
    "Z0": 0,
    "xH": 1,
    "R": "R",
    "nat": "nat",
}
#: What numerals are made of; no variable has one of these names.
_DIGITS = ("xO", "xI", "Zpos", "IZR")
#: Connectives: their arguments are evaluated when they are needed.
_CONNECTIVES = {"and": 2, "or": 2, "iff": 2, "not": 1}


@dataclass(frozen=True)
class World:
    """Where terms are evaluated.

    Attributes
    ----------
    definitions : mapping of str to Term
        Definitions of the development.
    given : mapping of str to object
        Definitions that are given a value here, in place of their body.
    witnesses : tuple of float
        Reals among which ``exists`` looks for one.
    """

    definitions: Mapping[str, Term]
    given: Mapping[str, Any]
    witnesses: tuple[float, ...] = ()
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def value(self, term: Term, env: Mapping[str, Any]) -> Any:
        """Return the value of a term: a number, a function or a proposition."""
        return term.meaning(self, env)

    def named(self, name: str, env: Mapping[str, Any]) -> Any:
        """Return the value of a name.

        Raises
        ------
        NotEvaluableError
            If it has none here.
        """
        for where in (env, self.given, PRIMITIVES):
            if name in where:
                return where[name]
        if name not in self.definitions:
            raise NotEvaluableError(f"{name} has no meaning here")
        if name not in self._known:
            self._known[name] = self.definitions[name].meaning(self, {})
        return self._known[name]


#: Gives the value of a term in a world, under values of its variables.
Meaning = Callable[[World, Mapping[str, Any]], Any]


def _meaning(term: Term) -> Meaning:
    """Return what gives the value of a term. Its parts are looked at once, however often it is."""
    if isinstance(term, Name):
        name = term.id
        return lambda world, env: env[name] if name in env else world.named(name, env)
    if isinstance(term, Apply):
        return _connective(term) or _applied(term)
    if isinstance(term, Bind):
        if term.word == "fun":
            variable, body = term.variable, term.body.meaning
            return lambda world, env: lambda x: body(world, {**env, variable: x})
        return _forall(term)
    if isinstance(term, Fix):
        return _repeated(term)
    return _matched(term)


def _applied(term: Apply) -> Meaning:
    head, arguments = spine(term)
    function, values = head.meaning, tuple(a.meaning for a in arguments)

    first, *others = values

    def called(world: World, env: Mapping[str, Any]) -> Any:
        found = function(world, env)(first(world, env))
        for value in others:
            found = found(value(world, env))
        return found

    if not isinstance(head, Name) or head.id not in _OPERATIONS:
        return called
    name, (count, operation) = head.id, _OPERATIONS[head.id]
    if count != len(values):
        return called

    if _is_numeral(term):
        number = called(World({}, {}), {})
        return lambda world, env: number

    def computed(world: World, env: Mapping[str, Any]) -> Any:
        if name in env or name in world.given:
            return called(world, env)
        # so often that the general case, the last one, would take twice as long
        if count == 2:
            return operation(first(world, env), values[1](world, env))
        if count == 1:
            return operation(first(world, env))
        return operation(*[value(world, env) for value in values])

    return computed


def _is_numeral(term: Term) -> bool:
    while isinstance(term, Apply) and isinstance(term.function, Name):
        if term.function.id not in _DIGITS:
            return False
        term = term.argument
    return term in (Name("xH"), Name("Z0"))


def _connective(term: Apply) -> Meaning | None:
    head, arguments = spine(term)
    if not isinstance(head, Name):
        return None
    values = tuple(a.meaning for a in arguments)
    if _CONNECTIVES.get(head.id) == len(arguments):
        return lambda world, env: Joined(
            head.id, tuple(partial(value, world, env) for value in values)
        )
    if head.id == "ex" and len(arguments) == 2:
        applied = Apply(arguments[1], Name("witness")).meaning
        natural = arguments[0] == Name("nat")

        def exists(world: World, env: Mapping[str, Any]) -> bool:
            tried = range(LARGEST) if natural else world.witnesses
            return any(holds(applied(world, {**env, "witness": w})) for w in tried)

        return exists
    if head.id == "unique" and len(arguments) == 3:

        def unique(world: World, env: Mapping[str, Any]) -> bool:
            condition, value = (value(world, env) for value in values[1:])
            others = (w for w in world.witnesses if holds(condition(w)))
            return holds(condition(value)) and all(w == value for w in others)

        return unique
    return None


def _forall(term: Bind) -> Meaning:
    body, variable = term.body.meaning, term.variable
    if variable == "_":
        kind = term.kind.meaning
        return lambda world, env: Joined(
            "->", tuple(partial(value, world, env) for value in (kind, body))
        )
    if term.kind != Name("nat"):

        def refused(world: World, env: Mapping[str, Any]) -> Any:
            raise NotEvaluableError(f"for all {variable}: not a natural number")

        return refused
    return lambda world, env: Joined(
        "and",
        tuple(partial(body, world, {**env, variable: k}) for k in range(LARGEST)),
    )


def _repeated(term: Fix) -> Meaning:
    body = term.body.meaning

    def fixed(world: World, env: Mapping[str, Any]) -> Any:
        inner = dict(env)

        def again(x: Any) -> Any:
            return body(world, inner)(x)

        inner[term.name] = again
        return again

    return fixed


def _matched(term: Match) -> Meaning:
    chosen = term.value.meaning
    cases = tuple((pattern, body.meaning) for pattern, body in term.cases)

    def matched(world: World, env: Mapping[str, Any]) -> Any:
        value = chosen(world, env)
        for pattern, body in cases:
            if pattern[0] == "O" and value == 0:
                return body(world, env)
            if pattern[0] == "S" and isinstance(value, int) and value > 0:
                return body(world, {**env, pattern[1]: value - 1})
            if isinstance(value, tuple) and value[0] == pattern[0]:
                return body(world, env)
        raise NotEvaluableError(f"no case for {value!r}")

    return matched


def spine(term: Term) -> tuple[Term, list[Term]]:
    """Return the head of an application and its arguments."""
    arguments: list[Term] = []
    while isinstance(term, Apply):
        arguments.append(term.argument)
        term = term.function
    return term, arguments[::-1]


# ---- the parts of a theorem ----------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One claim of a theorem, with everything it is claimed under.

    Attributes
    ----------
    variables : tuple of (str, Term)
        What is quantified, with kinds, outermost first.
    hypotheses : tuple of Term
        What is assumed.
    claim : Term
        What is claimed: neither a conjunction nor an implication.
    """

    variables: tuple[tuple[str, Term], ...]
    hypotheses: tuple[Term, ...]
    claim: Term


def parts(theorem: Term) -> tuple[Part, ...]:
    """Split a theorem into its claims."""
    return tuple(_parts(theorem, (), ()))


def _parts(
    term: Term, variables: tuple[tuple[str, Term], ...], hypotheses: tuple[Term, ...]
) -> Iterator[Part]:
    if isinstance(term, Bind) and term.word == "forall":
        if term.variable == "_":
            yield from _parts(term.body, variables, (*hypotheses, term.kind))
        else:
            yield from _parts(term.body, (*variables, (term.variable, term.kind)), hypotheses)
        return
    head, arguments = spine(term)
    if head == Name("and") and len(arguments) == 2:
        for argument in arguments:
            yield from _parts(argument, variables, hypotheses)
        return
    if head == Name("ex") and len(arguments) == 2:
        # "there is a c": claimed of the c that an environment gives
        inner = arguments[1]
        unique, rest = spine(inner)
        inner = rest[1] if unique == Name("unique") and len(rest) == 2 else inner
        if isinstance(inner, Bind) and inner.kind == Name("R"):
            yield from _parts(inner.body, (*variables, (inner.variable, inner.kind)), hypotheses)
            return
    yield Part(variables, hypotheses, term)


def written(term: Term) -> str:
    """Return a term in the notation in which it was read, for messages."""
    if isinstance(term, Name):
        return term.id
    if isinstance(term, Apply):
        head, arguments = spine(term)
        return f"({' '.join(written(a) for a in (head, *arguments))})"
    if isinstance(term, Bind):
        return f"({term.word} {term.variable} => {written(term.body)})"
    if isinstance(term, Fix):
        return f"(fix {term.name} {written(term.body)})"
    cases = " | ".join(f"{' '.join(p)} => {written(b)}" for p, b in term.cases)
    return f"(match {written(term.value)} with {cases} end)"
