r"""Certified evidence over a parameter box: an inequality proved for every instance in it.

Two eigenvalues and one round have, up to scale and to the signs of the
eigenvectors, three parameters: kappa = d_max/d_min, the share of the label
energy in the upper eigendirection, and c/d_min. Given c, the tolerance is
*explicit*,

.. math:: n\varepsilon = \sum_k \Bigl(\frac{c\,z_k}{c+d_k}\Bigr)^2,

so that every statement's own margin is a closed formula in the parameters.
On a box, every operation is enclosed by its natural extension and by its
mean-value form ``f(m) + f'(X)(X - m)``; boxes without a certain sign are halved. Later rounds
have an implicit multiplier, more eigenvalues more parameters: those are
certified at points only.

References
----------
R. E. Moore, R. B. Kearfott, M. J. Cloud, "Introduction to Interval Analysis"
(2009), sections 6.4 and 10.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from flint import arb, ctx

from sdtheory.evidence.balls import Ball, UndecidedError
from sdtheory.evidence.certified import Verdict
from sdtheory.recursion import Trajectory
from sdtheory.statements import Instance, Kind, Statement
from sdtheory.validation import InvalidInputError

_BITS = 64
DEFAULT_BOXES = 1000

#: Lower and upper end in each parameter.
Sides = list[tuple[arb, arb]]
#: Name, lower end, upper end, of log kappa, the share and log c.
Ranges = tuple[tuple[str, float, float], ...]
RANGES: Ranges = (("log kappa", 0.5, 1.0), ("share", 0.375, 0.625), ("log c", 0.0, 1.0))
#: Where r_0 is large, for statements whose hypotheses exclude the box above.
FAR_RANGES: Ranges = (*RANGES[:2], ("log c", -3.0, -2.0))


def _intersection(x: arb, y: arb) -> arb:
    """Return the intersection of two enclosures of one quantity, either of which may be void."""
    if x.is_nan() or y.is_nan():
        return y if x.is_nan() else x
    return x.intersection(y)


def _endpoints(x: arb) -> tuple[arb, ...]:
    return (x,) if x.is_exact() else (x.lower(), x.upper())


def _range(operation: Callable[..., arb], *arguments: arb) -> arb:
    """Return the range of an operation that is monotone in each argument.

    It is attained at endpoints; the operation on the balls themselves would
    reach far beyond it when they are wide.
    """
    return reduce(arb.union, (operation(*a) for a in product(*map(_endpoints, arguments))))


def _quotient(x: arb, y: arb) -> arb:
    return arb.nan() if y.contains(0) else _range(operator.truediv, x, y)


#: Range over two balls, and partial derivatives.
_SUM = (partial(_range, operator.add), lambda x, y: (1, 1))
_DIFFERENCE = (partial(_range, operator.sub), lambda x, y: (1, -1))
_PRODUCT = (partial(_range, operator.mul), lambda x, y: (y, x))
_QUOTIENT = (_quotient, lambda x, y: (1 / y, -_quotient(x, y) / y))


def _operator(
    rule: tuple[Callable[[arb, arb], arb], Callable[[arb, arb], tuple[Any, Any]]],
    *,
    swapped: bool = False,
) -> Callable[[Slope, Any], Slope]:
    operation, partials = rule

    def method(self: Slope, other: Any) -> Slope:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if not isinstance(other, Slope):
            constant = Ball(other).value
            other = Slope(constant, constant, tuple(0 * g for g in self.gradient), self.offsets)
        x, y = (other, self) if swapped else (self, other)
        by_x, by_y = partials(x.value, y.value)
        gradient = tuple(by_x * g + by_y * h for g, h in zip(x.gradient, y.gradient, strict=True))
        natural = operation(x.value, y.value)
        return Slope(operation(x.centre, y.centre), natural, gradient, self.offsets)

    return method


def _comparison(holds: Callable[[Any, Any], bool]) -> Callable[[Slope, Any], bool]:
    def method(self: Slope, other: Any) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return holds(Ball(self.value), Ball(other.value if isinstance(other, Slope) else other))

    return method


class Slope:
    """A function of the parameters on a box, in centred form.

    Every operation keeps the intersection of its natural extension with its
    mean-value form, so that a parameter that occurs twice is not paid for
    twice.

    Parameters
    ----------
    centre : arb
        Encloses the function at the centre of the box.
    natural : arb
        Encloses it on the box.
    gradient : tuple of arb
        Enclose its partial derivatives on the box.
    offsets : tuple of arb
        The box minus its centre.
    """

    __slots__ = ("centre", "gradient", "offsets", "value")

    def __init__(
        self, centre: arb, natural: arb, gradient: tuple[arb, ...], offsets: tuple[arb, ...]
    ) -> None:
        mean_value = sum((g * h for g, h in zip(gradient, offsets, strict=True)), centre)
        self.centre = centre
        self.value = _intersection(natural, mean_value)
        self.gradient = gradient
        self.offsets = offsets

    def __bool__(self) -> bool:
        raise TypeError("a function on a box has no truth value; compare it with a number")

    __add__ = __radd__ = _operator(_SUM)
    __sub__ = _operator(_DIFFERENCE)
    __rsub__ = _operator(_DIFFERENCE, swapped=True)
    __mul__ = __rmul__ = _operator(_PRODUCT)
    __truediv__ = _operator(_QUOTIENT)
    __rtruediv__ = _operator(_QUOTIENT, swapped=True)

    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __eq__ = _comparison(operator.eq)  # type: ignore[assignment]
    __ne__ = _comparison(operator.ne)  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __pow__(self, exponent: int) -> Slope:
        k = int(exponent)
        even = k % 2 == 0

        def power(x: arb) -> arb:
            ends = _range(lambda a: a**k, x)
            return ends.union(arb(0)) if even and x.contains(0) else ends

        return self._chain(power, lambda x: k * _range(lambda a: a ** (k - 1), x))

    def __neg__(self) -> Slope:
        return self._chain(operator.neg, lambda _: arb(-1))

    def __abs__(self) -> Slope:
        if self.value >= 0:
            return self
        if self.value <= 0:
            return -self
        return self._chain(lambda x: abs(x).union(arb(0)), lambda _: arb(0, 1))

    def sqrt(self) -> Slope:
        """Return the square root."""
        return self._chain(partial(_range, arb.sqrt), lambda x: _range(arb.rsqrt, x) / 2)

    def exp(self) -> Slope:
        """Return the exponential."""
        return self._chain(partial(_range, arb.exp), partial(_range, arb.exp))

    def expm1(self) -> Slope:
        """Return exp(x) - 1."""
        return self._chain(partial(_range, arb.expm1), partial(_range, arb.exp))

    def log(self) -> Slope:
        """Return the natural logarithm."""
        return self._chain(partial(_range, arb.log), lambda x: _quotient(arb(1), x))

    def log1p(self) -> Slope:
        """Return log(1 + x)."""
        return self._chain(partial(_range, arb.log1p), lambda x: _quotient(arb(1), 1 + x))

    def _chain(self, f: Callable[[arb], arb], derivative: Callable[[arb], arb]) -> Slope:
        slope = derivative(self.value)
        gradient = tuple(slope * g for g in self.gradient)
        return Slope(f(self.centre), f(self.value), gradient, self.offsets)


@dataclass(frozen=True)
class BoxProof:
    """How much of a parameter box a statement is proved on.

    A statement has cases (rounds, pairs of eigenvalues, two bounds); shares
    are of the box's volume, in the coordinates of `ranges`, averaged over the
    cases, and exact: boxes are halved.

    Attributes
    ----------
    statement : str
        Id of the statement.
    ranges : tuple of (name, low, high)
        The box.
    verdict : Verdict
        HOLDS when no part is left open, FAILS when some part certainly
        violates the statement, NOT_APPLICABLE when a hypothesis is false
        everywhere, else UNDECIDED.
    proved, excluded, open : float
        Shares where the margin is certainly >= 0, where a hypothesis is
        certainly false, and where the budget ended.
    cases, whole : int
        Cases, and those that are settled on the whole box.
    boxes : int
        Boxes examined.
    reason : str
        One sentence for a reader.
    seconds : float
        Time taken.
    """

    statement: str
    ranges: Ranges
    verdict: Verdict
    proved: float
    excluded: float
    open: float
    cases: int
    whole: int
    boxes: int
    reason: str
    seconds: float


def prove_on_box(
    statement: Statement, ranges: Ranges = RANGES, *, boxes: int = DEFAULT_BOXES
) -> BoxProof:
    """Prove an inequality for two eigenvalues and one round, over a box of parameters.

    Parameters
    ----------
    statement : Statement
        An inequality; in floats or balls an identity cannot be proved.
    ranges : tuple of (name, low, high), optional
        Ranges of log kappa (positive), of the share of the label energy in
        the upper eigendirection (inside (0, 1)) and of log(c/d_min).
    boxes : int, optional
        Budget: most boxes to examine.

    Returns
    -------
    BoxProof

    Raises
    ------
    InvalidInputError
        If the statement is an identity.
    """
    if statement.kind is Kind.IDENTITY:
        raise InvalidInputError(
            f"statement {statement.id!r} is an identity, and balls around 0 do not prove "
            f"equality over a box. Use certify at a point, or its algebraic proof."
        )
    start = perf_counter()
    with ctx.workprec(_BITS):
        search = _Search(statement, [(arb(low), arb(high)) for _, low, high in ranges])
        reason = search.run(boxes)
    proved, excluded, left = search.shares()
    if search.fails:
        verdict, reason = Verdict.FAILS, "a box certainly violates the statement"
    elif left:
        verdict = Verdict.UNDECIDED
    elif proved:
        verdict, reason = Verdict.HOLDS, "margin certainly >= 0 wherever the hypotheses hold"
    else:
        verdict, reason = Verdict.NOT_APPLICABLE, "a hypothesis is false in the whole box"
    return BoxProof(
        statement.id,
        ranges,
        verdict,
        proved,
        excluded,
        left,
        search.cases,
        search.whole(),
        search.examined,
        reason,
        perf_counter() - start,
    )


class _Search:
    """Halves boxes, breadth first, until each case has a certain sign on each."""

    def __init__(self, statement: Statement, sides: Sides) -> None:
        self.statement = statement
        #: boxes to examine: sides, share of the volume, open cases (None: not known yet)
        self.pending: deque[tuple[Sides, float, Any]] = deque([(sides, 1.0, None)])
        self.cases = 0
        self.examined = 0
        self.fails = False
        #: share of the volume of each case; sums of powers of two are exact
        self.proved: Any = np.zeros(1)
        self.excluded: Any = np.zeros(1)

    def run(self, budget: int) -> str:
        """Examine boxes; return why the last undecided one was."""
        reason = ""
        while self.pending and self.examined < budget and not self.fails:
            sides, share, open_cases = self.pending.popleft()
            self.examined += 1
            try:
                open_cases, why = self._examine(sides, share, open_cases)
            except (AttributeError, TypeError) as error:
                self.pending.append((sides, share, open_cases))
                return f"the margin is not written for functions on a box: {error}"
            reason = why or reason
            if open_cases is None or np.any(open_cases):
                self.pending += [(half, share / 2, open_cases) for half in _halves(sides)]
        return reason

    def _examine(self, sides: Sides, share: float, open_cases: Any) -> tuple[Any, str]:
        """Settle what can be settled on a box; return the cases left open, and why."""
        try:
            margins, applies = _margins(self.statement, sides)
        except UndecidedError as undecided:
            return open_cases, str(undecided)
        if not margins:
            self.excluded = self.excluded + share * (1 if open_cases is None else open_cases)
            return np.zeros(1, dtype=bool), ""
        if open_cases is None:
            open_cases = np.ones(len(margins), dtype=bool)
        self.cases = len(margins)
        self.proved, self.excluded = (
            a + np.zeros(self.cases) for a in (self.proved, self.excluded)
        )
        left, reason = open_cases.copy(), ""
        for k in np.flatnonzero(open_cases):
            if applies[k] and margins[k] < 0:
                self.fails = True
            elif not applies[k]:
                self.excluded[k] += share
            elif margins[k] >= 0:
                self.proved[k] += share
            else:
                reason = f"margin {margins[k].str(5)} on a box"
                continue
            left[k] = False
        return left, reason

    def shares(self) -> tuple[float, float, float]:
        """Return the shares proved, excluded and open."""
        left = sum(
            share * (1.0 if cases is None else float(np.mean(cases)))
            for _, share, cases in self.pending
        )
        return float(np.mean(self.proved)), float(np.mean(self.excluded)), left

    def whole(self) -> int:
        """Return how many cases are settled on the whole box."""
        if any(cases is None for _, _, cases in self.pending):
            return 0
        left = [cases for _, _, cases in self.pending]
        return self.cases - int(np.sum(np.any(left, axis=0))) if left else self.cases


def _halves(sides: Sides) -> list[Sides]:
    widest = max(range(len(sides)), key=lambda k: float(sides[k][1] - sides[k][0]))
    low, high = sides[widest]
    middle = ((low + high) / 2).mid()
    lower, upper = list(sides), list(sides)
    lower[widest], upper[widest] = (low, middle), (middle, high)
    return [lower, upper]


def _margins(statement: Statement, sides: Sides) -> tuple[list[arb], list[bool]]:
    """Return the margins on a box and whether each applies; raise UndecidedError if unknown."""
    centre = [((low + high) / 2).mid() for low, high in sides]
    box = [low.union(high) for low, high in sides]
    offsets = tuple(x - m for x, m in zip(box, centre, strict=True))
    parameters = [
        Slope(m, x, tuple(arb(int(j == k)) for k in range(len(box))), offsets)
        for j, (m, x) in enumerate(zip(centre, box, strict=True))
    ]
    instance = _two_eigenvalues(parameters)
    if any(not np.any(h.holds(instance)) for h in statement.hypotheses):
        return [], []
    margins = np.asarray(statement.margin(instance), dtype=object)
    applies = statement.applies(instance, margins).ravel().tolist()
    return [m.value if isinstance(m, Slope) else Ball(m).value for m in margins.ravel()], applies


def _two_eigenvalues(parameters: list[Any]) -> Instance:
    """Return the instance d = (1, kappa), ||z|| = 1, one round with multiplier c."""
    log_kappa, share, log_c = parameters
    kappa, c = log_kappa.exp(), log_c.exp()
    one = 0 * kappa + 1
    d = np.array([one, kappa], dtype=object)
    z = np.array([(1 - share).sqrt(), share.sqrt()], dtype=object)
    ratio = d / (c + d)
    after = ratio * z
    rho2 = np.sum((z * (c / (c + d))) ** 2)
    r = np.array([(1 / rho2).sqrt(), (np.sum(after**2) / rho2).sqrt()], dtype=object)
    labels = np.array([z, after], dtype=object)
    return Instance(
        Trajectory(
            d=d[None],
            epsilon=np.array([rho2 / 2], dtype=object),
            c=np.array([[c]], dtype=object),
            A=ratio[None, None],
            B=ratio[None, None],
            z=labels[None, ..., None],
            r=r[None],
            r_minus_1=r[None] - 1,
            sensitivity=np.full((1, 1), np.nan),
        )
    )
