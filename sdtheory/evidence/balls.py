r"""Ball arithmetic: numbers known to lie in an interval, and the recursion on them.

A `Ball` wraps a python-flint ``arb``. NumPy object arrays of balls go through
the same formulas as floats do: ``np.sqrt`` and its like call the element's
method. A comparison whose outcome is not certain raises `UndecidedError`, where
floats would decide by rounding. So a margin never takes a branch on a guess, and
`rising_precision` tries again with more bits.

`enclose` runs the recursion. The multiplier of each round is enclosed by a
*sign change*: the left side of the secular equation,

.. math:: S(c) = \sum_k e_k \Bigl(\frac{c}{c + d_k}\Bigr)^2,

is certainly below rho^2 at the lower end of the ball and certainly above it
at the upper end. S is continuous and increasing, so the one root is inside,
wherever the candidate came from.

References
----------
F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval
arithmetic", IEEE Trans. Computers 66 (2017) 1281-1292.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from flint import arb, ctx, fmpq
from numpy.typing import ArrayLike

from sdtheory.evidence.lengths import enclose_length
from sdtheory.multiplier import as_batch
from sdtheory.recursion import Trajectory
from sdtheory.statements.instance import Instance
from sdtheory.validation import (
    InfeasibleToleranceError,
    InvalidInputError,
    as_integer,
)

#: Bits of the first attempt, and the most that are tried before giving up.
START_BITS = 128
LIMIT_BITS = 4096

_MAX_NEWTON_STEPS = 1000
#: The candidate interval starts this many bits above the working precision ...
_GUARD_BITS = 12
#: ... and widens by this many bits at a time until both signs are certain.
_WIDEN_BITS = 4

#: Numbers taken exactly.
ExactArray = ArrayLike | Sequence[Fraction]

Result = TypeVar("Result")


class UndecidedError(ArithmeticError):
    """Balls overlap, so that a comparison has no certain outcome at this precision."""


#: How numbers become an arb, by type. To ask for classes one by one takes longer than an operation.
_EXACT: dict[type, Callable[[Any], arb]] = {
    int: arb,
    float: arb,
    bool: lambda value: arb(int(value)),
    np.bool_: lambda value: arb(int(value)),
    np.int64: lambda value: arb(int(value)),
    np.float64: lambda value: arb(float(value)),
    arb: lambda value: value,
}


def _as_arb(value: Any) -> Any:
    """Return the exact number as an arb, or NotImplemented where it is none."""
    exact = _EXACT.get(type(value))
    if exact is not None:
        return exact(value)
    if isinstance(value, Ball):
        return value.value
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    if isinstance(value, (int, np.integer)):
        return arb(int(value))
    return arb(float(value)) if isinstance(value, (float, np.floating)) else NotImplemented


_new = object.__new__


def _ball(value: arb) -> Ball:
    """Return a ball of what is an arb already."""
    made = _new(Ball)
    made.value = value
    return made


def _operator(operation: Callable[[arb, arb], arb]) -> Callable[[Ball, Any], Ball]:
    def method(self: Ball, other: Any) -> Ball:
        operand: Any = other.value if type(other) is Ball else _as_arb(other)
        if operand is NotImplemented:
            return operand
        # as `_ball`, without the call
        made = _new(Ball)
        made.value = operation(self.value, operand)
        return made

    return method


def _comparison(
    holds: Callable[[arb, arb], bool], fails: Callable[[arb, arb], bool], sign: str
) -> Callable[[Ball, Any], bool]:
    def method(self: Ball, other: Any) -> bool:
        operand: Any = other.value if type(other) is Ball else _as_arb(other)
        if operand is NotImplemented:
            return operand
        if holds(self.value, operand):
            return True
        if fails(self.value, operand):
            return False
        raise UndecidedError(
            f"{self.value.str(10)} {sign} {operand.str(10)} is undecided at {ctx.prec} bits"
        )

    return method


class Ball:
    """A real number, known to lie in an interval.

    Parameters
    ----------
    value : arb, float, int, Fraction or Ball
        Floats and integers are taken exactly; a fraction is enclosed at the
        working precision.

    Notes
    -----
    There is no conversion to float and no truth value: either would let a
    formula leave ball arithmetic unnoticed.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        exact = _as_arb(value)
        if exact is NotImplemented:
            raise InvalidInputError(
                f"{value!r} is not an exact real number. Pass a float, an int or a Fraction."
            )
        self.value: arb = exact

    def __repr__(self) -> str:
        return f"Ball({self.value.str(20)})"

    def __bool__(self) -> bool:
        raise TypeError("a ball has no truth value; compare it with a number")

    __add__ = __radd__ = _operator(operator.add)
    __sub__ = _operator(operator.sub)
    __rsub__ = _operator(lambda left, right: right - left)
    __mul__ = __rmul__ = _operator(operator.mul)
    __truediv__ = _operator(operator.truediv)
    __rtruediv__ = _operator(lambda left, right: right / left)
    __pow__ = _operator(operator.pow)
    __rpow__ = _operator(lambda left, right: right**left)

    __gt__ = _comparison(arb.__gt__, arb.__le__, ">")
    __ge__ = _comparison(arb.__ge__, arb.__lt__, ">=")
    __lt__ = _comparison(arb.__lt__, arb.__ge__, "<")
    __le__ = _comparison(arb.__le__, arb.__gt__, "<=")
    __eq__ = _comparison(arb.__eq__, arb.__ne__, "==")  # type: ignore[assignment]
    __ne__ = _comparison(arb.__ne__, arb.__eq__, "!=")  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Ball:
        return _ball(-self.value)

    def __pos__(self) -> Ball:
        return self

    def __abs__(self) -> Ball:
        return _ball(abs(self.value))

    def sqrt(self) -> Ball:
        """Return the square root."""
        return _ball(self.value.sqrt())

    def exp(self) -> Ball:
        """Return the exponential."""
        return _ball(self.value.exp())

    def expm1(self) -> Ball:
        """Return exp(x) - 1."""
        return _ball(self.value.expm1())

    def log(self) -> Ball:
        """Return the natural logarithm."""
        return _ball(self.value.log())

    def log1p(self) -> Ball:
        """Return log(1 + x)."""
        return _ball(self.value.log1p())

    @staticmethod
    def path_length(d: Iterable[Any], energy: Iterable[Any]) -> Ball:
        """Return L(y); called by `sdtheory.formulas.path_length.path_length`."""
        return Ball(enclose_length(*([_as_arb(v) for v in a] for a in (d, energy))))


def rising_precision(task: Callable[[], Result], *, limit: int = LIMIT_BITS) -> tuple[Result, int]:
    """Run a task in ball arithmetic, doubling the precision until it decides.

    Parameters
    ----------
    task : callable
        Takes nothing; raises `UndecidedError` when it needs more bits.
    limit : int
        Most bits to try.

    Returns
    -------
    result
        The task's result.
    bits : int
        The precision that it needed.

    Raises
    ------
    UndecidedError
        If the limit does not suffice; the message is that of the last attempt.
    """
    bits = min(START_BITS, limit)
    while True:
        with ctx.workprec(bits):
            try:
                return task(), bits
            except UndecidedError:
                if bits >= limit:
                    raise
        bits = min(2 * bits, limit)


def enclose(
    d: ExactArray, z: ExactArray, epsilon: object, rounds: int, *, outputs: bool = False
) -> Instance:
    """Enclose the recursion of one instance, at the working precision.

    Call it within `rising_precision`: what a task evaluates on the result must
    run at the same precision.

    Parameters
    ----------
    d : array_like of shape (n,)
        Eigenvalues in any order, non-negative; floats or fractions, exact.
    z : array_like of shape (n,), or (n, q) with ``outputs=True``
        Labels in the eigenbasis, exact.
    epsilon : float or Fraction
        Tolerance, exact.
    rounds : int
        Rounds to run. After the collapse c is infinite and A, B, z, r are 0.
    outputs : bool, default=False
        Whether z has an output axis.

    Returns
    -------
    Instance
        A batch of one, whose arrays hold balls.

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If no function is admissible in round 0.
    UndecidedError
        If the precision does not decide a collapse or a multiplier.
    """
    rounds = as_integer(rounds, "rounds")
    eigenvalues, columns, tolerance = _exact(d, z, epsilon, outputs=outputs)
    n = len(eigenvalues)
    rho2 = tolerance * n
    zero, infinite, undefined = Ball(0), Ball(arb.pos_inf()), Ball(arb.nan())

    unreachable = np.sum(np.where((eigenvalues > 0)[:, None], 0, columns) ** 2)
    if unreachable >= rho2:
        smallest = float((unreachable / n).value.mid())
        raise InfeasibleToleranceError(float(tolerance.value.mid()), smallest)

    c, ratios, products, condition, labels, r = [], [], [], [], [columns], []
    product = np.full(n, Ball(1), dtype=object)
    for t in range(rounds + 1):
        energy = np.sum(columns**2, axis=-1)
        total = np.sum(energy)
        r.append((total / rho2).sqrt())
        if t == rounds:
            break
        if total > rho2:
            root = _enclose_root(eigenvalues, energy, rho2, t)
            ratio = eigenvalues / (root + eigenvalues)
            residual = energy * (root / (root + eigenvalues)) ** 2
            condition.append(rho2 / np.sum(residual * ratio))
        else:
            root, ratio = infinite, np.full(n, zero, dtype=object)
            condition.append(undefined)
        product = ratio * product
        columns = ratio[:, None] * columns
        for rows, row in zip(
            (c, ratios, products, labels), (root, ratio, product, columns), strict=True
        ):
            rows.append(row)

    def batch(rows: list[Any]) -> Any:
        return np.array(rows, dtype=object)[None]

    return Instance(
        Trajectory(
            d=eigenvalues[None],
            epsilon=np.array([tolerance], dtype=object),
            c=batch(c),
            A=batch(ratios),
            B=batch(products),
            z=batch(labels),
            r=batch(r),
            r_minus_1=batch(r) - 1,
            sensitivity=batch(condition),
        )
    )


def enclosed(
    d: ExactArray, z: ExactArray, epsilon: object, rounds: int, *, outputs: bool = False
) -> Instance:
    """Return `enclose` of the same arguments, and keep the result for the next call.

    Statements without a hypothesis, and mutants, are judged at the same instances
    many times. An instance keeps the values that are computed from it.

    Parameters
    ----------
    d, z, epsilon, rounds, outputs
        As for `enclose`.

    Returns
    -------
    Instance
        Shared: not to be changed.

    Raises
    ------
    InvalidInputError, InfeasibleToleranceError, UndecidedError
        As `enclose`.
    """
    eigenvalues, labels = (np.asarray(values, dtype=object) for values in (d, z))
    rows = map(tuple, labels.tolist()) if labels.ndim == 2 else labels.tolist()
    arguments = tuple(eigenvalues.tolist()), tuple(rows), epsilon, rounds, outputs
    found = _kept(*arguments, bits=ctx.prec)
    if isinstance(found, UndecidedError):
        raise found
    return found


@lru_cache(maxsize=1024)
def _kept(
    d: ExactArray, z: ExactArray, epsilon: object, rounds: int, outputs: bool, *, bits: int
) -> Instance | UndecidedError:
    """Return what `enclose` returns at a precision, or what it raises for want of more."""
    with ctx.workprec(bits):
        try:
            return enclose(d, z, epsilon, rounds, outputs=outputs)
        except UndecidedError as error:
            return error


def _exact(
    d: ExactArray, z: ExactArray, epsilon: object, *, outputs: bool
) -> tuple[Any, Any, Ball]:
    """Check the arguments; return d ascending, z of shape (n, q) and epsilon as balls."""
    d, z = (np.asarray(values, dtype=object) for values in (d, z))
    d_float, _, _ = as_batch(d, z, np.asarray(epsilon, dtype=object), outputs=outputs)
    if d_float.ndim > 1:
        raise InvalidInputError(f"d has shape {d_float.shape}. Pass one instance, shape (n,).")
    order = np.argsort(d_float, kind="stable")
    as_balls = np.frompyfunc(Ball, 1, 1)
    columns = as_balls(z[order].reshape(len(d), -1))
    return as_balls(d[order]), columns, Ball(epsilon)


def _enclose_root(d: Any, energy: Any, rho2: Ball, t: int) -> Ball:
    """Return a ball that certainly contains the root of S(c) = rho^2."""
    weights = [(e.value, k.value) for e, k in zip(energy, d, strict=True)]

    def r_minus_1(c: arb) -> arb:
        return sum((e * (c / (c + k)) ** 2 for e, k in weights), -rho2.value)

    centre = _candidate(weights, rho2.value)
    for exponent in range(ctx.prec - _GUARD_BITS, 4, -_WIDEN_BITS):
        radius = arb(2) ** -exponent
        low, high = (centre * (1 - radius)).mid(), (centre * (1 + radius)).mid()
        if low > 0 and r_minus_1(low) < 0 and r_minus_1(high) > 0:
            return Ball(low.union(high))
    raise UndecidedError(
        f"the multiplier of round {t} is not enclosed by a sign change at {ctx.prec} bits"
    )


def _candidate(weights: list[tuple[arb, arb]], rho2: arb) -> arb:
    """Return a number near the root, by Newton on 1/||w|| in mu = 1/c; nothing rests on it."""
    exact = [(e.mid(), d.mid()) for e, d in weights]
    rho, mu = rho2.sqrt().mid(), arb(0)
    for _ in range(_MAX_NEWTON_STEPS):
        scaled = [(e / (1 + mu * d) ** 2, d / (1 + mu * d)) for e, d in exact]
        s = sum((e for e, _ in scaled), arb(0))
        slope = sum((e * d for e, d in scaled), arb(0))
        step = ((s.sqrt() / rho - 1) * s / slope).mid()
        mu = (mu + step).mid()
        if not abs(step) > abs(mu) * arb(2) ** (_GUARD_BITS - ctx.prec):
            break
    return (1 / mu).mid()
