"""The recursion of self-distillation and the product B_t."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Kind, Statement, Values, scaled_margin

RECURSION = "Mobahi et al. (2020), the self-distillation recursion; as restated here"


def _recursion(i: Instance) -> Values:
    # A_t from the multiplier; a round after the collapse leaves nothing
    c = i.multipliers
    share = np.where(i.alive[..., None], i.d[:, None] / (c + i.d[:, None]), 0)
    return {
        ("eq-recursion", "labels"): scaled_margin(
            share[..., None] * i.path.z[:, :-1], i.path.z[:, 1:]
        ),
        ("eq-A", "diagonal"): scaled_margin(share, i.A),
    }


def _product(i: Instance) -> Values:
    c = i.multipliers[..., 0][..., None, None]
    d, labels = i.d[:, None, :, None], i.B[..., None] * i.path.z[:, :1]
    before = np.concatenate([1 + 0 * i.B[:, :1], i.B[:, :-1]], axis=1)
    # f_t has the coefficients D^+ B_t V y_0, which are (c I + D)^{-1} V y_t; times d (c + d)
    coefficients = scaled_margin(labels * (c + d), d * i.path.z[:, :-1])
    return {
        ("eq-B", "labels"): scaled_margin(labels, i.path.z[:, 1:]),
        ("eq-B", "product"): scaled_margin(i.A * before, i.B),
        ("eq-f-t", "coefficients"): np.where(i.alive[..., None, None], coefficients, 0),
    }


def _step(i: Instance) -> Values:
    rho = np.sqrt(i.rho2)[:, None]
    before, after = (np.sum(e, axis=-1) for e in (i.energy[:, :-1], i.energy[:, 1:]))
    step = np.sqrt(np.sum(i.residual**2, axis=(-2, -1)))
    triangle = scaled_margin(np.sqrt(before), np.sqrt(after) + rho)
    right_angle = scaled_margin(after + i.rho2[:, None], before)
    return {
        "length": scaled_margin(step, rho),
        "length, from below": scaled_margin(rho, step),
        "triangle": triangle,
        "right angle": right_angle,
    }


def _ordered(i: Instance) -> Values:
    adjacent = scaled_margin(i.B[..., :-1], i.B[..., 1:])
    ratio_grows = scaled_margin(i.A[..., :-1], i.A[..., 1:])
    previous = np.concatenate([1 + 0 * i.B[:, :1], i.B[:, :-1]], axis=1)
    return {
        "by eigenvalue": adjacent,
        "ratio": ratio_grows,
        "by round": scaled_margin(i.B, previous),
        "not negative": scaled_margin(0 * i.B, i.B),
        "below 1": scaled_margin(i.B, 1),
    }


def _rounds(i: Instance) -> Values:
    t, start, after = i.t + 1, i.r[:, :1], i.r[:, 1:]
    squared = i.r_minus_1[:, :1] * (2 + i.r_minus_1[:, :1])
    # t < N implies t < r_0^2 - 1, and t >= N implies t >= r_0 - 1; N is an integer
    return {
        "lower": scaled_margin(start, after + t),
        "upper": scaled_margin(after**2 + t, start**2),
        "most rounds": scaled_margin(i.t, squared),
        "fewest rounds": np.where(i.alive, 1, scaled_margin(i.r_minus_1[:, :1], i.t)),
    }


#: As `non_trivial`; a round with a trivial fit counts for the number of rounds.
until_collapse = replace(
    non_trivial,
    holds=lambda i: {
        "lower": i.alive,
        "upper": i.alive,
        "most rounds": i.alive,
        "fewest rounds": np.ones_like(i.alive),
    },
)


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
        hypotheses=(until_collapse,),
        rests_on=("prop-step",),
        equations=("eq-rounds-any-kernel",),
        strict=("most rounds",),
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
        strict=("below 1",),
    ),
)
