"""Arguments that a machine settles for all reals: implications, identities, signs, matrices.

Each argument proves its claim or raises `ProofFailedError`. It lists *controls*:
the same argument with a hypothesis dropped or the claim changed. They must fail
with a counterexample, which exposes an argument that would prove anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice, product
from typing import Any, ClassVar, Protocol

import sympy
import z3

#: Milliseconds for one query; beyond it Z3 answers "unknown", which proves nothing.
TIMEOUT = 20_000

#: Values tried for each symbol in the search for a counterexample, and points at most.
_TRIED = tuple(sympy.Rational(*q) for q in ((1, 2), (3, 1), (1, 7), (5, 2), (40, 1), (1, 50)))
_POINTS = 2000

#: Rewriting steps after which a matrix identity is given up.
_REWRITINGS = 50


class ProofFailedError(Exception):
    """An argument does not go through.

    Attributes
    ----------
    counterexample : str
        An exact point at which the claim is false or has no value. Empty if none
        was found; the claim is then not proved, but perhaps true.
    """

    def __init__(self, reason: str, counterexample: str = "") -> None:
        self.counterexample = counterexample
        super().__init__(f"{reason}: {counterexample}" if counterexample else reason)


class Argument(Protocol):
    """A claim and a way to settle it."""

    #: Name of the method, for a reader.
    method: ClassVar[str]

    def prove(self) -> None:
        """Return if the claim is proved, else raise ProofFailedError."""
        ...

    def controls(self) -> Iterator[tuple[str, Argument]]:
        """Yield changed arguments, described in words, which must fail."""
        ...


def reals(names: str) -> tuple[Any, ...]:
    """Return Z3's real unknowns; its declared types admit no arithmetic."""
    return tuple(z3.Reals(names))


def positive(names: str) -> tuple[Any, ...]:
    """Return SymPy symbols that stand for positive reals."""
    return tuple(sympy.symbols(names.split(), positive=True))


@dataclass(frozen=True)
class Implication:
    """Hypotheses imply a claim, for all reals (or for all elements of a sort).

    Z3 finds the hypotheses together with the negated claim unsatisfiable. It finds
    the hypotheses alone satisfiable, so the implication is not vacuous. It also shows
    that under them no denominator vanishes, because Z3 gives x/0 an arbitrary value.
    If any single hypothesis is dropped, there must be a counterexample.

    Attributes
    ----------
    given : tuple of z3.BoolRef
        Hypotheses.
    claim : z3.BoolRef
        The claim.
    wrong : tuple of z3.BoolRef
        Changed claims, false at some point that meets the hypotheses.
    """

    given: tuple[Any, ...]
    claim: Any
    wrong: tuple[Any, ...] = ()

    method: ClassVar[str] = "Z3 unsat"

    def __str__(self) -> str:
        given = ", ".join(_line(hypothesis) for hypothesis in self.given)
        return f"{given} => {_line(self.claim)}"

    def prove(self) -> None:
        """Return if the claim is proved, else raise ProofFailedError."""
        if _model(*self.given) is None:
            raise ProofFailedError("the hypotheses contradict each other: vacuous")
        zero = [denominator == 0 for denominator in _denominators(*self.given, self.claim)]
        defined = z3.Not(z3.Or(zero))
        if (model := _model(*self.given, defined, z3.Not(self.claim))) is not None:
            raise ProofFailedError(f"{_line(self.claim)} is false", model)
        if zero and (model := _model(*self.given, z3.Or(zero))) is not None:
            raise ProofFailedError("a denominator vanishes", model)

    def controls(self) -> Iterator[tuple[str, Argument]]:
        """Yield the implication without each hypothesis, then with each changed claim."""
        for k, hypothesis in enumerate(self.given):
            rest = (*self.given[:k], *self.given[k + 1 :])
            yield f"without the hypothesis {_line(hypothesis)}", replace(self, given=rest)
        for claim in self.wrong:
            yield f"with the claim {_line(claim)}", replace(self, claim=claim)


def _line(expression: Any) -> str:
    return " ".join(str(expression).split())


def _model(*constraints: Any) -> str | None:
    """Return a point that meets the constraints, or None where there certainly is none."""
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT)
    solver.add(*constraints)
    answer = solver.check()
    if answer == z3.unsat:
        return None
    if answer == z3.unknown:
        raise ProofFailedError(f"Z3 gave up: {solver.reason_unknown()}")
    model = solver.model()
    if any(z3.is_false(model.eval(constraint, True)) for constraint in constraints):
        raise ProofFailedError(f"Z3 gave a model that is none: {model}")
    # auxiliary functions for division by zero are no part of the point
    point = sorted(f"{name} = {model[name]}" for name in model.decls() if name.arity() == 0)
    return ", ".join(point) or str(model)


def _denominators(*expressions: Any) -> list[Any]:
    """Return the divisors in expressions that are not numbers."""
    found, pending = {}, list(expressions)
    while pending:
        expression = pending.pop()
        if z3.is_app(expression) and expression.decl().kind() == z3.Z3_OP_DIV:
            divisor = expression.arg(1)
            if not z3.is_false(z3.simplify(divisor == 0)):
                found[divisor.get_id()] = divisor
        pending += expression.children()
    return list(found.values())


@dataclass(frozen=True)
class Identity:
    """Two expressions are equal as rational functions of their symbols.

    SymPy brings their difference to the normal form p/q, in which p = 0
    decides. Derivatives and the like must have been taken before. The
    identity then holds wherever no denominator vanishes.

    Attributes
    ----------
    left, right : sympy.Expr
        The two sides.
    wrong : tuple of sympy.Expr
        Changed right sides, which differ from the left somewhere.
    """

    left: Any
    right: Any
    wrong: tuple[Any, ...]

    method: ClassVar[str] = "SymPy identity"

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"

    def prove(self) -> None:
        """Return if the claim is proved, else raise ProofFailedError."""
        difference = sympy.cancel(sympy.together(self.left - self.right))
        if difference == 0:
            return
        for point in _points(difference.free_symbols):
            if difference.subs(point).is_zero is False:
                raise ProofFailedError(f"{self.left} = {self.right} is false", _text(point))
        raise ProofFailedError(f"the difference {difference} does not cancel")

    def controls(self) -> Iterator[tuple[str, Argument]]:
        """Yield the identity with each changed right side."""
        for right in self.wrong:
            yield f"with the right side {right}", replace(self, right=right)


@dataclass(frozen=True)
class Sign:
    """A rational function is non-negative (or positive) at all positive arguments.

    SymPy factors numerator and denominator; every factor is a square, or has
    coefficients of one sign only. Ranges other than x > 0 are expressed by
    substitution: x > 1 as x = 1 + u with u > 0.

    Attributes
    ----------
    expression : sympy.Expr
        In symbols that are declared positive.
    wrong : tuple of sympy.Expr
        Changed expressions, negative somewhere.
    strict : bool
        Whether "positive" is claimed. Squares of polynomials with
        coefficients of both signs may vanish and then do not count.
    """

    expression: Any
    wrong: tuple[Any, ...]
    strict: bool = False

    method: ClassVar[str] = "SymPy sign of factors"

    def __str__(self) -> str:
        return f"{self.expression} {'>' if self.strict else '>='} 0"

    def prove(self) -> None:
        """Return if the claim is proved, else raise ProofFailedError."""
        symbols = self.expression.free_symbols
        if not all(symbol.is_positive for symbol in symbols):
            raise ProofFailedError(f"not all of {symbols} are declared positive")
        if not self.expression.is_rational_function():
            raise ProofFailedError(f"{self.expression} is not a rational function")
        numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(self.expression)))
        try:
            sign = _sign(numerator, strict=self.strict) * _sign(denominator, strict=True)
            if sign > 0 or (sign == 0 and not self.strict):
                return
        except _NoSignError as error:
            reason = f"the factor {error} has no manifest sign"
        else:
            reason = f"{self.expression} has the wrong sign"
        for point in _points(symbols):
            value = self.expression.subs(point)
            if value < 0 or (value == 0 and self.strict):
                raise ProofFailedError(f"{self.expression} = {value}", _text(point))
        raise ProofFailedError(reason)

    def controls(self) -> Iterator[tuple[str, Argument]]:
        """Yield the claim about each changed expression."""
        for expression in self.wrong:
            yield f"with the expression {expression}", replace(self, expression=expression)


class _NoSignError(Exception):
    """A factor whose coefficients have both signs."""


def _sign(polynomial: Any, *, strict: bool) -> int:
    """Return the sign that a polynomial has, or may only fail to have by being 0."""
    constant, factors, *_ = sympy.factor_list(polynomial)
    signs = [int(sympy.sign(constant))]
    for factor, power in factors:
        coefficients = sympy.Poly(factor, *factor.free_symbols).coeffs()
        if all(c > 0 for c in coefficients):
            continue
        if all(c < 0 for c in coefficients):
            signs.append((-1) ** power)
        elif power % 2 or strict:
            raise _NoSignError(str(factor))
    return reduce(int.__mul__, signs)


def _points(symbols: Any) -> Iterator[dict[Any, Any]]:
    names = sorted(symbols, key=str)
    # neighbouring symbols differ from the first point on: ties hide a difference
    shifted = [_TRIED[k % len(_TRIED) :] + _TRIED[: k % len(_TRIED)] for k in range(len(names))]
    for values in islice(product(*shifted), _POINTS):
        yield dict(zip(names, values, strict=True))


def _text(point: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items()) or "everywhere"


@dataclass(frozen=True)
class MatrixIdentity:
    """Two expressions in matrices of any size are equal, given relations between them.

    The matrices are non-commuting symbols. The relations rewrite the difference, left
    to right, until nothing changes. The result 0 proves the identity for every algebra
    in which the relations hold, and so for every size. One concrete `model` shows that
    the relations can be met, and refutes the controls.

    Attributes
    ----------
    left, right : sympy.Expr
        The two sides; scalars are commuting symbols, 1 is the identity matrix.
    relations : tuple of (sympy.Expr, sympy.Expr)
        A product of two matrices, and what it equals.
    model : mapping of sympy.Symbol to sympy.Matrix or number
        Values that satisfy the relations.
    wrong : tuple of sympy.Expr
        Changed right sides, which differ from the left in the model.
    """

    left: Any
    right: Any
    relations: tuple[tuple[Any, Any], ...]
    model: Mapping[Any, Any]
    wrong: tuple[Any, ...]

    method: ClassVar[str] = "SymPy identity of matrices"

    def __str__(self) -> str:
        relations = ", ".join(f"{product_} = {value}" for product_, value in self.relations)
        return f"{relations}{' => ' if relations else ''}{self.left} = {self.right}"

    def prove(self) -> None:
        """Return if the claim is proved, else raise ProofFailedError."""
        for product_, value in self.relations:
            if self._value(product_ - value) is not True:
                raise ProofFailedError(f"the model does not meet {product_} = {value}")
        if (value := self._value(self.left - self.right)) is not True:
            raise ProofFailedError(f"{self.left} = {self.right} is false", f"difference {value}")
        difference = sympy.expand(self.left - self.right)
        for _ in range(_REWRITINGS):
            if difference == 0:
                return
            difference = sympy.expand(difference.subs(self.relations))
        raise ProofFailedError(f"the difference {difference} does not cancel")

    def controls(self) -> Iterator[tuple[str, Argument]]:
        """Yield the identity with each changed right side."""
        for right in self.wrong:
            yield f"with the right side {right}", replace(self, right=right)

    def _value(self, expression: Any) -> Any:
        """Return True where the expression vanishes in the model, else its value."""
        size = next(m.shape[0] for m in self.model.values() if isinstance(m, sympy.MatrixBase))

        def value(node: Any) -> Any:
            if node in self.model:
                return self.model[node]
            if node.is_Add:
                return reduce(lambda a, b: _plus(a, b, size), map(value, node.args))
            if node.is_Mul:
                return reduce(lambda a, b: a * b, map(value, node.args))
            if node.is_Pow and node.exp.is_Integer:
                return value(node.base) ** int(node.exp)
            return node

        found = value(sympy.expand(expression))
        zero = found.is_zero_matrix if isinstance(found, sympy.MatrixBase) else found == 0
        return True if zero else found


def _plus(a: Any, b: Any, size: int) -> Any:
    """Return a + b, where a number stands for that multiple of the identity matrix."""
    matrices = isinstance(a, sympy.MatrixBase), isinstance(b, sympy.MatrixBase)
    if any(matrices) and not all(matrices):
        a, b = (x if m else x * sympy.eye(size) for x, m in zip((a, b), matrices, strict=True))
    return a + b


@dataclass(frozen=True)
class Proof:
    """One core of a statement's proof, settled by machine.

    Attributes
    ----------
    core : str
        What exactly is proved, in words and TeX.
    argument : Argument
        The claim as the machine sees it.
    missing : str
        What the core leaves to be shown in words.
    """

    core: str
    argument: Argument
    missing: str = "Nothing more."

    @property
    def method(self) -> str:
        """Name of the method, for a reader."""
        return self.argument.method

    @property
    def formula(self) -> str:
        """The claim exactly as the machine sees it."""
        return str(self.argument)

    def run(self) -> None:
        """Return if the core is proved and every control is caught.

        Raises
        ------
        ProofFailedError
            If the core is not proved, or a control is: then the argument does
            not distinguish true from false.
        """
        self.argument.prove()
        for words, control in self.argument.controls():
            try:
                control.prove()
            except ProofFailedError as error:
                if error.counterexample:
                    continue
                raise ProofFailedError(f"control not decided, {words}: {error}") from error
            raise ProofFailedError(f"control not caught: still proved {words}")
