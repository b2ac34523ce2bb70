"""The recursion of self-distillation and the product B_t."""

from __future__ import annotations

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Kind, Statement, Values, slack

RECURSION = "Mobahi et al. (2020), the self-distillation recursion; as restated here"


def _recursion(i: Instance) -> Values:
    # A_t from the multiplier; a round after the collapse leaves nothing
    c = np.where(i.alive, i.c, 1)[..., None]
    share = np.where(i.alive[..., None], i.d[:, None] / (c + i.d[:, None]), 0)
    labels = slack(share[..., None] * i.path.z[:, :-1], i.path.z[:, 1:])
    return np.concatenate([labels, slack(share, i.A)[..., None]], axis=-1)


def _product(i: Instance) -> Values:
    return slack(i.B[..., None] * i.path.z[:, :1], i.path.z[:, 1:])


def _step(i: Instance) -> Values:
    rho = np.sqrt(i.rho2)[:, None]
    before, after = (np.sum(e, axis=-1) for e in (i.energy[:, :-1], i.energy[:, 1:]))
    step = np.sqrt(np.sum(i.residual**2, axis=(-2, -1)))
    triangle = slack(np.sqrt(before), np.sqrt(after) + rho)
    right_angle = slack(after + i.rho2[:, None], before)
    return np.stack([slack(step, rho), slack(rho, step), triangle, right_angle], axis=-1)


def _ordered(i: Instance) -> Values:
    adjacent = slack(i.B[..., :-1], i.B[..., 1:])
    ratio_grows = slack(i.A[..., :-1], i.A[..., 1:])
    previous = np.concatenate([1 + 0 * i.B[:, :1], i.B[:, :-1]], axis=1)
    return np.concatenate(
        [adjacent, ratio_grows, slack(i.B, previous), slack(0 * i.B, i.B)], axis=-1
    )


def _rounds(i: Instance) -> Values:
    t, start, after = i.t + 1, i.r[:, :1], i.r[:, 1:]
    return np.stack([slack(start, after + t), slack(after**2 + t, start**2)], axis=-1)


STATEMENTS = (
    Statement(
        id="thm-recursion",
        chapter="recursion",
        slogan="One round multiplies each eigencomponent of the labels by its own factor.",
        tex=r"y_{t+1} = G(c_t I + G)^{-1} y_t = V^\top A_t V y_t, \qquad A_t = D(c_t I + D)^{-1}",
        source=RECURSION,
        margin=_recursion,
        kind=Kind.IDENTITY,
        rests_on=("thm-closed-form", "prop-dual-feasible"),
        equations=("eq-recursion", "eq-A"),
    ),
    Statement(
        id="thm-product",
        chapter="recursion",
        slogan="All rounds together are one diagonal matrix.",
        tex=r"V y_{t+1} = B_t V y_0, \qquad B_t = A_t A_{t-1} \cdots A_0, \qquad "
        r"f_t(x) = g_x^\top V^\top D^+ B_t V y_0",
        source=RECURSION,
        margin=_product,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion", "thm-closed-form", "prop-dual-feasible"),
        equations=("eq-B", "eq-f-t"),
    ),
    Statement(
        id="prop-step",
        chapter="recursion",
        slogan="Every round moves the labels by the same distance, at an acute angle to zero.",
        tex=r"\|y_t - y_{t+1}\| = \rho, \qquad \|y_t\| - \rho \le \|y_{t+1}\| "
        r"\le \sqrt{\|y_t\|^2 - \rho^2}",
        source=THIS_BOOK,
        margin=_step,
        hypotheses=(non_trivial,),
        rests_on=("prop-active", "thm-recursion"),
        equations=("eq-step",),
    ),
    Statement(
        id="cor-rounds-any-kernel",
        chapter="recursion",
        slogan="The labels last for at least r_0 - 1 rounds and for fewer than r_0 squared.",
        tex=r"r_0 - t \le r_t \le \sqrt{r_0^2 - t} \quad (t \le N), \qquad "
        r"\lceil r_0 - 1 \rceil \le N \le \lceil r_0^2 - 1 \rceil",
        source=THIS_BOOK,
        margin=_rounds,
        hypotheses=(non_trivial,),
        rests_on=("prop-step",),
        equations=("eq-rounds-any-kernel",),
    ),
    Statement(
        id="prop-ordered",
        chapter="recursion",
        slogan="Directions with smaller eigenvalues shrink more, and every round shrinks further.",
        tex=r"0 \le B_t[j] \le B_t[k] < 1 \text{ for } d_j \le d_k, \qquad B_t[k] \le B_{t-1}[k], "
        r"\qquad \frac{B_t[k]}{B_t[j]} \text{ grows with } t \text{ for } 0 < d_j < d_k",
        source=THIS_BOOK,
        margin=_ordered,
        rests_on=("thm-product",),
        equations=("eq-ordered",),
    ),
)
