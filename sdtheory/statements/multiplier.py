"""Bounds of the multiplier, Newton's iteration for it, and the discrepancy principle."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import multiplier_bounds
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import Hypothesis, Statement, Values, scaled_margin

PROPOSITION_2 = "Mobahi et al. (2020), Prop. 2; as restated here"

nonsingular = Hypothesis(
    id="nonsingular",
    words=r"$G$ is nonsingular, $d_{\min} > 0$",
    plain="G is nonsingular (d_min > 0)",
    needed_for=r"$\kappa$ is infinite, or a quotient by $d_{\min}$ has no value",
    holds=lambda i: i.d_min > 0,
)

#: Points at which Newton's iteration is tested, as multiples of the root; 0 is where it starts.
_STARTS = (0.0, 0.25, 0.75, 2.0)
#: Up to this r - 1 the residual's energy is formed from it.
_NEAR = 0.7


def _alive_c(i: Instance) -> Values:
    return i.multipliers[..., 0]


def _bounds(i: Instance) -> Values:
    c = _alive_c(i)
    r_minus_1 = np.where(i.alive, i.r_minus_1[:, :-1], 1)
    lower, upper = multiplier_bounds(i.d_min[:, None], i.d_max[:, None], r_minus_1)
    return {"lower": scaled_margin(lower, c), "upper": scaled_margin(c, upper)}


def _newton(i: Instance) -> Values:
    x = i.d[:, None] / _alive_c(i)[..., None]
    energy = np.where(i.alive[..., None], i.energy[:, :-1], 1)
    rho2 = np.where(i.alive, i.rho2[:, None], 0.5)
    r_minus_1 = np.where(i.alive, i.r_minus_1[:, :-1], 1)
    near = (r_minus_1 < _NEAR).astype(bool)
    # in units of 1/c; after the collapse 1/c = 0, which is a root for no labels with r > 1
    root = np.where(i.alive, 1, 0)
    margins = {}
    for start in _STARTS:
        shrunk, ratio = energy / (1 + start * x) ** 2, x / (1 + start * x)
        s, s1, s2 = (np.sum(a, axis=-1) for a in (shrunk, shrunk * ratio, shrunk * ratio**2))
        # s / rho2 - 1; near r = 1 as a difference that does not cancel
        lost = np.sum(shrunk * start * x * (2 + start * x), axis=-1)
        above = np.where(near, r_minus_1 * (2 + r_minus_1) - lost / rho2, s / rho2 - 1)
        step = above / (1 + np.sqrt(1 + above)) * s / s1
        at = f"from {start:g}/c"
        margins["eq-newton-concave", at] = scaled_margin(s1**2, s * s2)
        margins["eq-newton-step", at] = scaled_margin(step, root - start)
    return margins


def _discrepancy(i: Instance) -> Values:
    c = _alive_c(i)[..., None, None]
    d, rho = i.d[:, None, :, None], np.sqrt(i.rho2)[:, None]
    reachable = (d > 0).astype(bool)
    labels = i.path.z[:, :-1]

    def total(values: Values) -> Values:
        return np.sum(values, axis=(-2, -1))

    # coefficients of the fit and of two truths within rho of the labels: the fit with half the
    # ridge, and the function whose residual, where functions can reach, is the fit's reversed;
    # after the collapse the fit is zero, and any ridge gives such truths
    ridge = labels / (c + d)
    half_ridge = labels / (c / 2 + d)
    reversal = np.where(reachable, 2 * c / np.where(reachable, d, 1), 0) * ridge
    alive = i.alive[..., None, None]
    fit = np.where(alive, ridge, 0)
    margins = {}
    for words, truth, from_ridge in (
        ("half the multiplier", half_ridge, half_ridge * (c / 2) / (c + d)),
        ("residual reversed", ridge + reversal, reversal),
    ):
        difference = np.where(alive, from_ridge, truth)
        cost, cost_truth, cost_difference = (total(d * a**2) for a in (fit, truth, difference))
        source = 2 * rho * np.sqrt(total(truth**2))
        margins["eq-morozov", words] = scaled_margin(cost + cost_difference, cost_truth)
        margins["eq-morozov-rate", words] = scaled_margin(cost_difference, source)
    return margins


STATEMENTS = (
    Statement(
        id="prop-multiplier-bounds",
        chapter="multiplier",
        slogan="The multiplier lies between two eigenvalues, divided by r - 1.",
        tex=r"\frac{d_{\min}}{r_t - 1} \le c_t \le \frac{d_{\max}}{r_t - 1}",
        source=PROPOSITION_2,
        margin=_bounds,
        hypotheses=(non_trivial,),
        rests_on=("prop-secular", "prop-dual-feasible"),
        equations=("eq-multiplier-bounds",),
        attained=(
            r"on the right exactly if $y_t$ lies in the eigenspace of $d_{\max}$, "
            r"on the left exactly if it lies in that of $d_{\min} > 0$"
        ),
    ),
    Statement(
        id="prop-newton-concave",
        chapter="multiplier",
        slogan="In mu = 1/c the residual has a concave reciprocal, so Newton climbs to the root.",
        tex=r"\phi(\mu) = \|(I + \mu G)^{-1} y\|^{-1} \text{ is concave and increasing}, \qquad "
        r"\mu + \frac{1/\rho - \phi(\mu)}{\phi'(\mu)} \le \mu_* = \frac1c",
        source="the trust-region problem (Mor\u00e9 and Sorensen 1983)",
        margin=_newton,
        hypotheses=(non_trivial,),
        rests_on=("prop-secular",),
        equations=("eq-newton-concave", "eq-newton-step"),
        attained=r"at $\mu \ne 1/c$ exactly if $y$ lies in one eigenspace of $G$",
    ),
    Statement(
        id="prop-morozov",
        chapter="multiplier",
        slogan="If the noise is within the tolerance, the fit is no rougher than the truth.",
        tex=r"\|y - f^\circ(x)\| \le \rho \implies R(f^*) + R(f^\circ - f^*) \le R(f^\circ); \quad "
        r"f^\circ = g_x^\top a \implies R(f^\circ - f^*) \le \tfrac{2\rho}{n}\|a\|",
        source="the discrepancy principle (Morozov 1966)",
        margin=_discrepancy,
        rests_on=("prop-minimum", "prop-collapse"),
        equations=("eq-morozov", "eq-morozov-rate"),
    ),
)
