"""Bounds of the multiplier and the equation that it solves."""

from __future__ import annotations

from sdtheory.statements.statement import Hypothesis, Statement

regular = Hypothesis(
    id="regular",
    words=r"$G$ has no kernel, $d_{\min} > 0$",
    needed_for=r"$\kappa$ is infinite, or a quotient by $d_{\min}$ has no value",
    holds=lambda i: i.d_min > 0,
)

STATEMENTS: tuple[Statement, ...] = ()
