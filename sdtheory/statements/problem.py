"""The constrained problem: when the fit is zero, and when the constraint is active."""

from __future__ import annotations

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.statement import Hypothesis, Kind, Statement, Values, scaled_margin

PAPER_SETTING = "Mobahi et al. (2020), the regularised problem; as restated here"

non_trivial = Hypothesis(
    id="non-trivial",
    words=r"round $t$ has a non-trivial fit, $\|y_t\|^2 > n\varepsilon$",
    plain="round t has a non-trivial fit (the labels exceed the tolerance)",
    needed_for="after the collapse the fit is zero and no finite multiplier exists",
    holds=lambda i: i.alive,
)


def _collapse(i: Instance) -> Values:
    rounds = i.c.shape[-1]
    label_energy = np.sum(i.energy[:, :rounds], axis=-1)
    fit_energy = np.sum(i.energy[:, 1:], axis=-1)
    beyond = scaled_margin(i.rho2[:, None], label_energy)
    return np.where((fit_energy > 0).astype(bool), beyond, -beyond)


def _active(i: Instance) -> Values:
    return scaled_margin(np.sum(i.residual**2, axis=(-2, -1)), i.rho2[:, None])


STATEMENTS = (
    Statement(
        id="prop-collapse",
        chapter="problem",
        slogan="The fit is zero exactly when zero already meets the tolerance.",
        tex=r"f_t = 0 \iff \|y_t\|^2 \le n\varepsilon",
        source=PAPER_SETTING,
        margin=_collapse,
        equations=("eq-collapse",),
    ),
    Statement(
        id="prop-active",
        chapter="problem",
        slogan="Otherwise the fit uses up the whole tolerance.",
        tex=r"\|y_t\|^2 > n\varepsilon \implies "
        r"\frac1n \sum_k \bigl(f_t(x_k) - y_{t,k}\bigr)^2 = \varepsilon",
        source=PAPER_SETTING,
        margin=_active,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("prop-collapse",),
        equations=("eq-active",),
    ),
)
