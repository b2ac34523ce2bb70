"""Evaluates every statement at your own instance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.evidence.certified import Certificate, rejudge
from sdtheory.evidence.collecting import as_statements
from sdtheory.evidence.floating import measure
from sdtheory.evidence.report import aligned
from sdtheory.evidence.verdict import Verdict
from sdtheory.solvers import distill
from sdtheory.spectrum import Spectrum
from sdtheory.statements import Instance, Statement
from sdtheory.validation import InvalidInputError, counted


@dataclass(frozen=True)
class CheckRow:
    """One statement, evaluated at one instance.

    Attributes
    ----------
    statement : Statement
        The statement.
    lacking : tuple of str
        Hypotheses, without TeX, that hold in no case of this instance.
    cases : int
        Cases to which the statement applies.
    margin : float or None
        Worst scaled margin; None where no case applies.
    where : str
        The case that gives it, in words.
    certificate : Certificate or None
        Judgement in ball arithmetic, where the margin is negative beyond rounding.
    """

    statement: Statement
    lacking: tuple[str, ...]
    cases: int
    margin: float | None
    where: str
    certificate: Certificate | None

    @property
    def applies(self) -> bool:
        """Whether all hypotheses are met in some case of the instance."""
        return self.margin is not None

    @property
    def verdict(self) -> Verdict:
        """The outcome; a refuted claim that fails here is REFUTED, and passes."""
        if self.margin is None:
            return Verdict.NOT_APPLICABLE
        if self.certificate is None or self.certificate.cleared:
            return Verdict.HOLDS
        if self.certificate.verdict is Verdict.FAILS and self.statement.refuted:
            return Verdict.REFUTED
        return self.certificate.verdict


@dataclass(frozen=True)
class Check:
    """All statements at one instance; `str` shows the table.

    Attributes
    ----------
    instance : Instance
        The recursion, as a batch of one.
    rows : tuple of CheckRow
        One for each statement.
    """

    instance: Instance
    rows: tuple[CheckRow, ...]

    @property
    def good(self) -> bool:
        """Whether no statement fails, refuted claims aside."""
        return all(row.verdict.good for row in self.rows)

    def __str__(self) -> str:
        i = self.instance
        title = (
            f"n = {i.n}, rank {int(np.sum(i.d[0] > 0))}, kappa = {float(i.kappa[0]):.4g}, "
            f"r_0 = {float(i.r[0, 0]):.6g}, "
            f"{counted(int(i.alive[0].sum()), 'non-trivial round')} of {i.c.shape[1]}"
        )
        head = ("statement", "verdict", "worst margin", "where", "what it says, or why it does not")
        cells = [
            (
                row.statement.id,
                str(row.verdict),
                "" if row.margin is None else f"{row.margin:.2e}",
                row.where,
                row.statement.slogan
                if row.applies
                else "hypothesis not met: " + ("; ".join(row.lacking) or "a case at this size"),
            )
            for row in self.rows
        ]
        return f"{title}\n\n{aligned([head, *cells])}"


def check(
    chain: Any = None,
    *,
    gram: ArrayLike | Spectrum | None = None,
    y: ArrayLike | None = None,
    epsilon: float | None = None,
    rounds: int | None = None,
    statements: Sequence[Statement] | None = None,
) -> Check:
    """Evaluate every statement at your own instance.

    Parameters
    ----------
    chain : chain of the solver with eigenvectors, optional
        A computed chain, which is not run again. Without it, pass `gram`, `y` and
        `epsilon`.
    gram : array_like of shape (n, n) or Spectrum
        G with the paper's 1/n, as `sdtheory.kernels.gram` returns it.
    y : array_like of shape (n,) or (n, q)
        Labels.
    epsilon : float
        Tolerance on the mean squared residual.
    rounds : int, optional
        Rounds to run, until the labels collapse by default; or rounds to take of the
        chain, all by default.
    statements : sequence of Statement, optional
        Those of the registry by default.

    Returns
    -------
    Check

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets the tolerance.
    """
    if chain is None:
        if gram is None or y is None or epsilon is None:
            raise InvalidInputError(
                "check needs a chain, or gram, y and epsilon. Pass the chain, or these three."
            )
        chain = distill(gram, y, epsilon, rounds, solver="eigh", tolerance=math.inf)
    elif not (gram is None and y is None and epsilon is None):
        raise InvalidInputError(
            "check got a chain as well as gram, y or epsilon. Pass the chain alone."
        )
    chosen = as_statements(statements)
    instance = Instance.of_chain(chain, rounds)
    return Check(instance, tuple(_check_row(s, instance) for s in chosen))


def _check_row(statement: Statement, instance: Instance) -> CheckRow:
    measured = measure(statement, instance)
    with np.errstate(all="ignore"):
        lacking = tuple(h.plain for h in statement.lacking(instance))
    cases = int(measured.applies.sum())
    if not cases:
        return CheckRow(statement, lacking, 0, None, "", None)
    worst = float(np.where(measured.applies, measured.margin, np.inf).min())
    return CheckRow(
        statement,
        lacking,
        cases,
        worst,
        measured.place(0, instance),
        None if worst >= -measured.threshold else rejudge(statement, instance),
    )
