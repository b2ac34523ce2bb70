"""Certified evidence: a statement judged in ball arithmetic at one exact instance.

The margin is the registry's own formula; only the numbers differ. A verdict is
about the given floats (or fractions), which count as exact, and never about a
rounded trajectory. A sign change encloses every multiplier (see
`sdtheory.evidence.balls`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, ctx

from sdtheory.evidence.balls import (
    LIMIT_BITS,
    Ball,
    ExactArray,
    UndecidedError,
    enclosed,
    rising_precision,
)
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import Instance, Kind, Statement
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError, counted

#: An equality counts as consistent once its scaled margin is below 2^-CONSISTENT_BITS.
CONSISTENT_BITS = 200


@dataclass(frozen=True)
class Certificate:
    """A verdict and what it rests on.

    Attributes
    ----------
    statement : str
        Id of the statement.
    verdict : Verdict
        The verdict.
    bits : int
        Working precision at which it was reached.
    cases : int
        Cases (rounds, eigenvalues, ...) whose hypotheses certainly hold.
    equal : int
        Cases among them whose margin is a ball around 0.
    worst : float or None
        Smallest lower end of a margin (for an identity: minus the largest
        magnitude), rounded to a float.
    reason : str
        One sentence for a reader.
    """

    statement: str
    verdict: Verdict
    bits: int
    cases: int
    equal: int
    worst: float | None
    reason: str

    @property
    def cleared(self) -> bool:
        """Whether the instance is certainly no counterexample, up to equality."""
        return self.verdict in (Verdict.HOLDS, Verdict.CONSISTENT, Verdict.NOT_APPLICABLE)


def certify(
    statement: Statement,
    d: ExactArray,
    z: ExactArray,
    epsilon: object,
    rounds: int,
    *,
    outputs: bool = False,
    limit: int = LIMIT_BITS,
) -> Certificate:
    """Judge a statement in ball arithmetic at one instance.

    Parameters
    ----------
    statement : Statement
        From `sdtheory.statements.STATEMENTS`, or the reader's own.
    d : array_like of shape (n,)
        Eigenvalues of G; floats or fractions, taken exactly.
    z : array_like of shape (n,), or (n, q) with ``outputs=True``
        Labels in the eigenbasis, taken as exact.
    epsilon : float or Fraction
        Tolerance, taken exactly.
    rounds : int
        Rounds to run.
    outputs : bool, default=False
        Whether z has an output axis.
    limit : int, optional
        Most bits of precision to try.

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If no function is admissible in round 0.
    """

    def attempt() -> Certificate:
        # constants in a formula are floats, and may divide by zero where it does not apply
        with np.errstate(all="ignore"):
            return judge(statement, enclosed(d, z, epsilon, rounds, outputs=outputs))

    try:
        return rising_precision(attempt, limit=limit)[0]
    except UndecidedError as undecided:
        reason = f"not decided within {limit} bits: {undecided}"
        return Certificate(statement.id, Verdict.UNDECIDED, limit, 0, 0, None, reason)
    except (InvalidInputError, InfeasibleToleranceError):
        raise
    except Exception as error:
        # a margin is other people's code: one that raises must not take the rest of a run along
        reason = f"the margin is not written for balls: {type(error).__name__}: {error}"
        return Certificate(statement.id, Verdict.ERROR, limit, 0, 0, None, reason)


def rejudge(statement: Statement, instance: Instance, index: int = 0) -> Certificate:
    """Judge one instance of a batch of floats in ball arithmetic.

    Parameters
    ----------
    statement : Statement
        The statement whose float margin is in doubt.
    instance : Instance
        A batch of floats; its d, labels and epsilon are taken exactly.
    index : int, default=0
        Position in the batch.
    """
    path = instance.path
    rounds = path.c.shape[-1]
    return certify(
        statement, path.d[index], path.z[index, 0], path.epsilon[index], rounds, outputs=True
    )


def judge(statement: Statement, instance: Instance) -> Certificate:
    """Judge a statement at an instance of balls, at the working precision.

    Parameters
    ----------
    statement : Statement
        The statement.
    instance : Instance
        From `sdtheory.evidence.balls.enclose`.

    Raises
    ------
    UndecidedError
        If a comparison in the formula, or the sign of a margin, needs a higher
        precision.
    """
    false = [hypothesis.plain for hypothesis in statement.lacking(instance)]
    if false:
        return _not_applicable(statement, "hypothesis certainly false: " + "; ".join(false))
    cases = statement.cases(instance)
    margins = [Ball(m).value for case in cases for m in case.margin[case.applies]]
    strict = [case.words in statement.strict for case in cases for _ in case.margin[case.applies]]
    if not margins:
        return _not_applicable(statement, "no case meets all hypotheses")

    identity = statement.kind is Kind.IDENTITY
    tiny = arb(2) ** -CONSISTENT_BITS
    failing = [m for m in margins if m < 0 or (identity and m > 0)]
    # a strict inequality fails at equality; to so many bits that is what this is
    failing += [
        m
        for m, is_strict in zip(margins, strict, strict=True)
        if is_strict and m.abs_upper() < tiny
    ]
    unsigned = [m for m in margins if not (m == 0 if identity else m >= 0)]
    worst = max(m.abs_upper() for m in margins) if identity else min(m.lower() for m in margins)
    worst_float = -float(worst) if identity else float(worst)
    if failing:
        where = counted(len(failing), "case")
        verdict, reason = Verdict.FAILS, f"margin {failing[0].str(10)} in {where}"
    elif not unsigned:
        verdict, reason = Verdict.HOLDS, f"margin certainly {'0' if identity else '>= 0'}"
    elif max(m.abs_upper() for m in unsigned) < tiny:
        verdict = Verdict.CONSISTENT
        reason = (
            f"{len(unsigned)} of {len(margins)} margins are balls around 0, below "
            f"2^-{CONSISTENT_BITS}; equality itself is not proved"
        )
    else:
        raise UndecidedError(f"the margin {unsigned[0].str(10)} has no certain sign")
    return Certificate(
        statement.id, verdict, ctx.prec, len(margins), len(unsigned), worst_float, reason
    )


def _not_applicable(statement: Statement, reason: str) -> Certificate:
    return Certificate(statement.id, Verdict.NOT_APPLICABLE, ctx.prec, 0, 0, None, reason)
