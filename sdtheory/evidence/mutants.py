r"""Mutants: small changes of a statement's formula, each of which the evidence must notice.

A mutant is the margin with one place of its code changed: a side dropped, an
index shifted by one round, d_min for d_max. The change is made in the margin
or in a function of the library that it calls; everything else stays. If a change
goes unnoticed, the evidence does not test the statement.

A mutant is *killed* if, on one fixed sample, one of these is true:

* it raises, or its margin is not a number where the statement's is;
* it is certainly false: a float margin is negative beyond rounding, on the sample or
  in a search, and ball arithmetic confirms it;
* it is *loose*: a case of the statement comes within `ATTAINED` of equality, but the
  mutant's margin there is at least `APART` times as large;
* it is *trivial*: a case of the mutant has the margin 0 at every instance, as x <= x
  has, but the statement's case has not.

A mutant that is not killed is *implied* if its margin is nowhere on the sample
below the statement's, and somewhere above it. It claims less, so no test of truth
can tell it from a true statement. The others survive;
`sdtheory.evidence.survivors` gives the reason for each.

A function that several formulas share is one function: its mutant is one
mutant, and killed if any statement kills it (`distinct`). The kill rate leaves
out mutants that no test could kill: those implied, and survivors that are
explained to be true. Their numbers are published beside it.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from sdtheory.evidence.certified import rejudge
from sdtheory.evidence.families import chunks, drawn, far_chunks
from sdtheory.evidence.floating import Measured, measure
from sdtheory.evidence.searched import search
from sdtheory.evidence.survivors import EXPLANATIONS
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import Instance, Kind, Statement

#: A case whose smallest margin is below this is attained by the sample.
ATTAINED = 1e-6
#: Quotient of the smallest margins of mutant and statement; below `_EQUAL` is equality.
APART = 1e4
_EQUAL = 1e-12
#: Share of the mutants that must be killed.
KILL_RATE = 0.97
#: Instances of the fixed sample, those with extreme r_0 left out: beside an r_0 of 1e12 a change by
#: one round is as good as equality.
INSTANCES = 3_360
SEED = 1

_SUSPECTS = 3
#: Chains of more rounds cost too much to judge in balls.
_LONGEST = 2000
#: Instances that a search evaluates against a mutant that the sample does not kill.
BUDGET = 900
#: Annotations are not evaluated: their names may be imported for type checkers only.
_POSTPONED = import_module("__future__").annotations.compiler_flag
#: Modules whose functions are part of a formula. The definition of the margin's scale,
#: `sdtheory.statements.statement`, is the measure itself and is left alone; so is the quadrature
#: of `sdtheory.formulas.path_length`, which is tested against enclosures by Arb.
_FORMULAS = (
    "sdtheory.statements",
    "sdtheory.formulas.bounds",
    "sdtheory.formulas.filters",
    "sdtheory.formulas.mixing",
)
_MEASURE = "sdtheory.statements.statement"

#: Names that a mutant exchanges.
_EXCHANGED = (
    ("d_min", "d_max"),
    ("d_j", "d_k"),
    ("lower", "upper"),
    ("low", "high"),
    ("before", "after"),
    ("j", "k"),
)
#: Quantities of the instance with an axis of rounds, for "r_0 for r_t".
_BY_ROUND = ("r", "r_minus_1", "c", "energy", "A", "B")


@dataclass(frozen=True)
class Mutant:
    """A statement with one place of its formula changed.

    Attributes
    ----------
    name : str
        ``function: original -> changed``, for a reader.
    key : str
        ``function: operator, position``: what was done, and at which of the
        places where it can be done. The names of local variables do not
        matter. Unique within its statement.
    statement : Statement
        The changed statement.
    place : str
        Where the change is: the statement for its own margin, else the function's module.
    """

    name: str
    key: str
    statement: Statement
    place: str


@dataclass(frozen=True)
class Fate:
    """What became of a mutant.

    Attributes
    ----------
    name : str
        The mutant.
    killed : str
        How it was killed; empty where it was not.
    implied : bool
        Whether it is not killed, because it claims less than the statement.
    explanation : str
        Why a survivor may survive, from the declared table; empty where
        nothing is declared.
    true : bool
        Whether the explanation is that the mutant is a true statement.
    key, place : str
        As in `Mutant`.
    """

    name: str
    killed: str
    implied: bool
    explanation: str
    true: bool
    key: str = ""
    place: str = ""

    @property
    def noticeable(self) -> bool:
        """Whether it is killed, or no reason is known why it could not be."""
        return bool(self.killed) or not (self.implied or self.true)


@dataclass(frozen=True)
class Mutation:
    """The mutants of one statement.

    Attributes
    ----------
    fates : tuple of Fate
        One for each mutant.
    """

    fates: tuple[Fate, ...]

    @property
    def killed(self) -> int:
        """Number of mutants killed."""
        return sum(bool(fate.killed) for fate in self.fates)

    @property
    def implied(self) -> int:
        """Number of mutants that claim less than the statement."""
        return sum(fate.implied for fate in self.fates)

    @property
    def noticeable(self) -> int:
        """Number of mutants that are neither implied nor explained to be true."""
        return sum(fate.noticeable for fate in self.fates)

    @property
    def survivors(self) -> tuple[Fate, ...]:
        """Mutants that should have been noticed and were not."""
        return tuple(f for f in self.fates if not f.killed and not f.implied)

    @property
    def unexplained(self) -> tuple[Fate, ...]:
        """Survivors for which no explanation is declared."""
        return tuple(fate for fate in self.survivors if not fate.explanation)


def distinct(mutations: Mapping[str, Mutation]) -> list[tuple[str, Fate]]:
    """Return the mutants of several statements, each once, with a statement and its fate there.

    It is one that kills the mutant, where there is one, else one that should have noticed it.

    Parameters
    ----------
    mutations : mapping of str to Mutation
        By id of the statement.
    """
    found: dict[tuple[str, str], tuple[str, Fate]] = {}
    for id_, mutation in mutations.items():
        for fate in mutation.fates:
            key = (fate.place or id_, fate.key or fate.name)
            before = found.get(key, (id_, fate))[1]
            if key not in found or _telling(fate) > _telling(before):
                found[key] = id_, fate
    return list(found.values())


def _telling(fate: Fate) -> tuple[bool, bool]:
    return bool(fate.killed), fate.noticeable


def mutate(statement: Statement) -> Iterator[Mutant]:
    """Yield every mutant of a statement.

    Parameters
    ----------
    statement : Statement
        The statement; its margin, and what that calls, must have source code.
    """
    seen: Counter[str] = Counter()
    sites: Counter[str] = Counter()
    identity = statement.kind is Kind.IDENTITY
    for function in _reachable(statement.margin):
        tree = _definition(function)
        known = {*_bound(tree), *function.__globals__, *dir(Instance)}
        for operation, change, changed in _changes(tree, known, identity=identity):
            name = f"{function.__name__}: {change}"
            key = f"{function.__name__}: {operation}"
            sites[key] += 1
            key += f", {sites[key]}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" (occurrence {seen[name]})"
            body = _compiled(changed, function)
            margin = _transplanted(statement.margin, function, body, {})
            place = statement.id if function is statement.margin else function.__module__
            yield Mutant(name, key, replace(statement, margin=margin), place)


def judge_mutants(statement: Statement) -> Mutation:
    """Try to kill every mutant of a statement on the fixed sample."""
    sample = _Sample(statement)
    _check_source(statement, sample.instances[0], sample.originals[0])
    return Mutation(tuple(sample.fate(mutant) for mutant in mutate(statement)))


class _Sample:
    """The fixed sample of a statement, with its margins, shared by all its mutants.

    Batches that killed many mutants are tried first, and a mutant ends at the
    first that kills it. Long chains and large matrices are for those that
    nothing else kills.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        # few points first: there a verdict is cheap
        self.instances = sorted(
            (drawn(c) for c in chunks(SEED, INSTANCES) if c.reach is None and not c.extreme),
            key=lambda i: i.n,
        )
        self.originals = [measure(statement, instance) for instance in self.instances]
        #: whether a search, which stays near few rounds, meets the hypotheses
        self.ordinary = any(m.met.any() for m in self.originals)
        if not self.ordinary:
            self.instances, self.originals = map(list, zip(*self._far, strict=True))
        self.kills = [0] * len(self.instances)

    def fate(self, mutant: Mutant) -> Fate:
        """Try to kill a mutant."""
        measured, killed = self._tried(mutant.statement)
        killed = killed or _loose_or_trivial(measured, self.originals)
        implied = not killed and _implied(self.statement, measured, self.originals)
        if self.ordinary and not (killed or implied):
            killed = self._far_away(mutant.statement)
        if (
            self.ordinary
            and not (killed or implied)
            and search(mutant.statement, budget=BUDGET, corners=False).found
        ):
            killed = "is certainly false"
        found = None if killed or implied else EXPLANATIONS.get((self.statement.id, mutant.key))
        words, true = ("", False) if found is None else (found.words, found.true)
        return Fate(mutant.name, killed, implied, words, true, mutant.key, mutant.place)

    def _tried(self, mutant: Statement) -> tuple[list[Measured], str]:
        """Return the mutant's margins on all batches, or how one of them kills it."""
        measured: dict[int, Measured] = {}
        for k in sorted(range(len(self.kills)), key=lambda k: -self.kills[k]):
            measured[k], killed = _against(mutant, self.instances[k], self.originals[k])
            if killed:
                self.kills[k] += 1
                return [], killed
        return [measured[k] for k in range(len(self.kills))], ""

    @cached_property
    def _far(self) -> list[tuple[Instance, Measured]]:
        instances = [drawn(c) for c in far_chunks(SEED) if c.rounds <= _LONGEST]
        return [(instance, measure(self.statement, instance)) for instance in instances]

    def _far_away(self, mutant: Statement) -> str:
        """Say how a long chain or a large matrix kills a mutant, if one does."""
        found = (_against(mutant, instance, original)[1] for instance, original in self._far)
        return next(filter(None, found), "")


def _against(mutant: Statement, instance: Instance, original: Measured) -> tuple[Measured, str]:
    """Return the mutant's margins on a batch, and how the batch kills it, if it does."""
    try:
        result = measure(mutant, instance)
    except Exception as error:
        # a mutant is arbitrary code; whatever it raises gives it away
        return original, f"raises {type(error).__name__}"
    if result.margin.shape != original.margin.shape:
        return original, "has other cases"
    if np.any(result.undefined & ~original.undefined):
        return original, "is undefined"
    for index in result.suspects[:_SUSPECTS]:
        if rejudge(mutant, instance, int(index)).verdict is Verdict.FAILS:
            return result, "is certainly false"
    return result, ""


def _check_source(statement: Statement, instance: Instance, original: Measured) -> None:
    """Make sure that the source, compiled anew without a change, gives the same margins."""
    for function in _reachable(statement.margin):
        body = _compiled(_definition(function), function)
        margin = _transplanted(statement.margin, function, body, {})
        again = measure(replace(statement, margin=margin), instance)
        if not np.array_equal(again.margin, original.margin, equal_nan=True):
            raise RuntimeError(f"the source of {function.__qualname__} changed since its import")


def _implied(
    statement: Statement, measured: Sequence[Measured], originals: Sequence[Measured]
) -> bool:
    """Whether the mutant claims less: its margin is never smaller, and sometimes larger."""
    if statement.kind is Kind.IDENTITY:
        return False
    larger = False
    for new, old in zip(measured, originals, strict=True):
        gain = np.where(new.applies, new.margin - old.margin, 0.0)
        if np.any(gain < -new.threshold):
            return False
        larger |= bool(np.any(gain > new.threshold))
    return larger


def _loose_or_trivial(measured: Sequence[Measured], originals: Sequence[Measured]) -> str:
    """Compare mutant and statement case by case, over the instances of equal shape."""
    for shape in {m.margin.shape[1:] for m in measured}:
        kept, was = (
            [m for m in batch if m.margin.shape[1:] == shape] for batch in (measured, originals)
        )
        sharpest, sharpest_was = _extreme(kept, np.min, np.inf), _extreme(was, np.min, np.inf)
        apart = sharpest > APART * np.maximum(sharpest_was, _EQUAL)
        if np.any((sharpest_was < ATTAINED) & apart & np.isfinite(sharpest)):
            return "is loose"
        largest, largest_was = _extreme(kept, np.max, 0.0), _extreme(was, np.max, 0.0)
        if np.any((largest == 0) & (largest_was > 0)):
            return "is trivial"
    return ""


def _extreme(batch: Sequence[Measured], extreme: Callable[..., Any], neutral: float) -> Any:
    """Return the extreme magnitude of each case over all instances where it applies."""
    values = [np.where(m.applies, np.abs(m.margin), neutral) for m in batch]
    return extreme(np.concatenate(values), axis=0, initial=neutral)


def names(code: CodeType) -> Iterator[str]:
    """Yield the names that a function's code looks up, and that of the functions defined in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)


def _mentioned(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield names of globals that a function's code mentions, with their values."""
    for name in names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _function(value: object) -> object:
    """Return the function behind a cache, else the value itself."""
    return getattr(value, "__wrapped__", value)


def _is_formula(value: object) -> bool:
    value = _function(value)
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    function = isinstance(value, FunctionType | ModuleType)
    return function and name != _MEASURE and name.startswith(_FORMULAS)


def _reachable(function: FunctionType) -> list[FunctionType]:
    """Return the functions that make up a formula, the margin first."""
    found, pending = [], [function]
    while pending:
        current = pending.pop(0)
        if current not in found:
            found.append(current)
            callees = [_function(v) for _, v in _mentioned(current) if _is_formula(v)]
            pending += [f for f in callees if isinstance(f, FunctionType)]
    return found


def _transplanted(
    function: FunctionType,
    changed: FunctionType,
    body: FunctionType,
    done: dict[FunctionType, FunctionType],
) -> FunctionType:
    """Return a copy of a function that calls, at any depth, `body` in the place of `changed`."""
    if function in done:
        return done[function]
    source = body if function is changed else function
    namespace = dict(function.__globals__)
    copied = FunctionType(
        source.__code__, namespace, function.__name__, source.__defaults__, source.__closure__
    )
    copied.__kwdefaults__ = source.__kwdefaults__
    done[function] = copied
    for name, value in _mentioned(function):
        callee = _function(value)
        if isinstance(callee, FunctionType) and _is_formula(callee):
            copy_ = _transplanted(callee, changed, body, done)
            namespace[name] = copy_ if callee is value else lru_cache(copy_)
    return copied


def _definition(function: FunctionType) -> ast.FunctionDef:
    body = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    definition = body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"{function.__qualname__} must be a function with a name, to be mutated")
    definition.decorator_list = []
    return definition


def _bound(definition: ast.FunctionDef) -> Iterator[str]:
    """Yield the names that a definition binds; which are locals of its code varies with Python."""
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _compiled(definition: ast.FunctionDef, function: FunctionType) -> FunctionType:
    """Compile a changed definition with the globals and the closure of the original."""
    names = function.__code__.co_freevars
    maker = ast.parse(f"def make({', '.join(names)}):\n    return {definition.name}").body[0]
    assert isinstance(maker, ast.FunctionDef)
    maker.body.insert(0, definition)
    module = ast.fix_missing_locations(ast.Module([maker], []))
    with warnings.catch_warnings():
        # the compiler warns of mutants that cannot work, such as a number with an index
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(module, "<mutant>", "exec", flags=_POSTPONED, dont_inherit=True)
    scope: dict[str, Any] = {}
    exec(code, function.__globals__, scope)
    return scope["make"](*(cell.cell_contents for cell in function.__closure__ or ()))


def _changes(
    definition: ast.FunctionDef, known: set[str], *, identity: bool
) -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Yield every change of a definition: the operation, its description, the result."""
    for node in _expressions(definition):
        for operation, changed in _variants(node, known, identity=identity):
            name = f"{ast.unparse(node)} -> {ast.unparse(changed)}"
            yield operation, name, _replaced(definition, node, changed)


def _replaced(tree: Any, node: ast.AST, changed: ast.AST) -> Any:
    """Return a tree with one node replaced; it shares with the old one what lies beside it."""
    if tree is node:
        return changed
    if isinstance(tree, list):
        parts = [_replaced(part, node, changed) for part in tree]
        return parts if any(a is not b for a, b in zip(parts, tree, strict=True)) else tree
    if not isinstance(tree, ast.AST):
        return tree
    for name, value in ast.iter_fields(tree):
        part = _replaced(value, node, changed)
        if part is not value:
            again = copy.copy(tree)
            setattr(again, name, part)
            return again
    return tree


def _expressions(definition: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield the expressions of a body that are arithmetic: no axes, no constant arrays."""
    pending: list[ast.AST] = list(definition.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.keyword) or _is_filler(node):
            continue
        if isinstance(node, ast.expr):
            yield node
        pending += ast.iter_child_nodes(node)


def _is_filler(node: ast.AST) -> bool:
    """Whether a node is ``0 * x`` or ``1 + 0 * x``, a constant in the shape of x."""
    match node:
        case ast.BinOp(ast.Constant(0), ast.Mult()) | ast.BinOp(_, ast.Mult(), ast.Constant(0)):
            return True
        case ast.BinOp(ast.Constant(), ast.Add(), other) | ast.BinOp(
            other, ast.Add(), ast.Constant()
        ):
            return _is_filler(other)
    return False


def _variants(node: ast.expr, known: set[str], *, identity: bool) -> Iterator[tuple[str, ast.expr]]:
    """Yield what may stand in the place of an expression, each with the operation's name."""
    match node:
        case ast.BinOp(left, ast.Mult() | ast.Add(), right):
            if not (_is_filler(left) or _is_filler(right)):
                sign = "*" if isinstance(node.op, ast.Mult) else "+"
                yield f"left of {sign}", left
                yield f"right of {sign}", right
            yield from _off_by_one(node)
        case ast.BinOp(left, ast.Div() | ast.Sub() | ast.Pow()):
            sign = {ast.Div: "/", ast.Sub: "-", ast.Pow: "**"}[type(node.op)]
            yield f"left of {sign}", left
            yield from _off_by_one(node)
        case ast.Call(ast.Name("scaled_margin"), [left, right]) if not identity:
            yield "sides exchanged", ast.Call(node.func, [right, left], [])
        case ast.Subscript(ast.Attribute(_, name), ast.Tuple([first, ast.Slice() as rounds])):
            for other in _other_rounds(rounds, by_round=name in _BY_ROUND):
                changed = ast.Subscript(
                    node.value, ast.Tuple([first, other], ast.Load()), ast.Load()
                )
                yield f"rounds {ast.unparse(other)}", changed
        case ast.Attribute(_, "t", ast.Load()):
            yield "t + 1", ast.BinOp(node, ast.Add(), ast.Constant(1))
            yield "t - 1", ast.BinOp(node, ast.Sub(), ast.Constant(1))
        case ast.Attribute(owner, name, ast.Load()):
            for other in _exchanged(name, known):
                yield "name exchanged", ast.Attribute(owner, other, ast.Load())
        case ast.Name(name, ast.Load()):
            for other in _exchanged(name, known):
                yield "name exchanged", ast.Name(other, ast.Load())


def _off_by_one(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    """Yield a binary operation with a constant, or an exponent, one more and one less."""
    for side in ("left", "right"):
        operand = getattr(node, side)
        for step in (1, -1):
            if isinstance(operand, ast.Constant) and isinstance(operand.value, int | float):
                changed: ast.expr = ast.Constant(operand.value + step)
            elif isinstance(node.op, ast.Pow) and side == "right":
                changed = ast.BinOp(operand, ast.Add(), ast.Constant(step))
            else:
                continue
            yield f"{side} {step:+d}", copy.deepcopy(node, {id(operand): changed})


def _other_rounds(rounds: ast.Slice, *, by_round: bool) -> Iterator[ast.Slice]:
    """Yield slices of the same length one round away, and round 0 for round t or the reverse."""
    first, all_but_last, all_but_first = (
        ast.Slice(None, ast.Constant(1)),
        ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(1))),
        ast.Slice(ast.Constant(1)),
    )
    match ast.unparse(rounds):
        case "1:":
            yield all_but_last
            yield from [first] * by_round
        case ":-1":
            yield all_but_first
            yield from [first] * by_round
        case ":1":
            yield from [all_but_last, all_but_first] * by_round


def _exchanged(name: str, known: set[str]) -> Iterator[str]:
    """Yield the names that may stand for a name, if the function knows them."""
    for pair in _EXCHANGED:
        if name in pair and known.issuperset(pair):
            yield pair[1 - pair.index(name)]
