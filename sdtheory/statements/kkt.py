"""The KKT system, the closed form and the multiplier's existence."""

from __future__ import annotations

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import PAPER_SETTING, non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Hypothesis,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

PROPOSITION_1 = "Mobahi et al. (2020), Prop. 1; as restated here"


def _stationarity(i: Instance) -> Values:
    c = i.multipliers[..., 0][..., None, None]
    d = i.d[:, None, :, None]
    return scaled_margin((c + d) * i.path.z[:, 1:], d * i.path.z[:, :-1])


def _decomposition(i: Instance) -> Values:
    # at the data points the closed form is G (c I + G)^{-1} y; after the collapse c is infinite
    c = i.multipliers[..., 0][..., None, None]
    d = np.where(i.alive[..., None], i.d[:, None], 0)[..., None]
    fitted = scaled_margin((c + d) * i.path.z[:, 1:], d * i.path.z[:, :-1])
    return {
        ("eq-closed-form", "residual is c times the coefficients"): scaled_margin(
            i.path.z[:, 1:] + i.residual, i.path.z[:, :-1]
        ),
        ("eq-fitted", "fitted values"): fitted,
    }


def _unreachable(i: Instance) -> Values:
    return np.sum(np.where((i.d == 0)[:, None], i.energy[:, :-1], 0), axis=-1)


#: Speaks of the labels and the tolerance only, not of the multiplier.
reachable_tolerance = Hypothesis(
    id="reachable-tolerance",
    words=r"$\|P_0 y_t\|^2 < n\varepsilon < \|y_t\|^2$",
    plain="the tolerance lies between the labels' unreachable part and the labels",
    needed_for="beyond the labels the constraint has no price: the fit is zero",
    holds=lambda i: (
        (_unreachable(i) < i.rho2[:, None]) & (i.rho2[:, None] < np.sum(i.energy[:, :-1], axis=-1))
    ),
)


def _dual_feasible(i: Instance) -> Values:
    c = np.where((i.c < np.inf).astype(bool), i.c, 1)
    # c lies between what the largest and the smallest eigenvalue would need; its size, on the scale
    # of d_max/(r - 1), is the margin; an infinite c violates the claim
    share = c * i.r_minus_1[:, :-1] / (c * i.r_minus_1[:, :-1] + i.d_max[:, None])
    return np.where((i.c < np.inf).astype(bool), share, -1.0)


def _minimum(i: Instance) -> Values:
    # h has the residual of f with the parts in two neighbouring eigendirections exchanged:
    # as long, so that h is admissible too
    f, w = i.path.z[:, 1:], i.residual
    d_j, d_k = i.d[:, None, :-1], i.d[:, None, 1:]
    change = w[:, :, :-1] - w[:, :, 1:]
    # <f, h - f> over the two eigendirections, multiplied by both eigenvalues
    inner_j = np.sum(f[:, :, :-1] * change, axis=-1) * d_k
    inner_k = np.sum(f[:, :, 1:] * change, axis=-1) * d_j
    return scaled_margin(inner_k, inner_j)


def _energy(i: Instance) -> Values:
    c = i.multipliers
    d = i.d[:, None]
    closed_form = i.energy[:, :-1] * d / (c + d) ** 2
    return scaled_margin(closed_form * d, i.energy[:, 1:])


def _unique_root(i: Instance) -> Values:
    c = i.multipliers
    d, rho2 = i.d[:, None], i.rho2[:, None]

    def residual_energy(factor: float) -> Values:
        return np.sum(i.energy[:, :-1] * (factor * c / (factor * c + d)) ** 2, axis=-1)

    below = scaled_margin(residual_energy(0.5), rho2)
    above = scaled_margin(rho2, residual_energy(2.0))
    return {"half the root": below, "twice the root": above}


STATEMENTS = (
    Statement(
        id="prop-stationarity",
        chapter="kkt",
        slogan="The fit's functional derivative balances the residuals at the data.",
        tex=r"c_t f_t + g_x^\top \bigl(f_t(x_k)\bigr)_k = g_x^\top y_t, \qquad c_t = 1/\lambda_t",
        source=PAPER_SETTING,
        margin=_stationarity,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        equations=("eq-stationarity",),
    ),
    Statement(
        id="thm-closed-form",
        chapter="kkt",
        slogan="The fit is kernel ridge regression; the constraint chooses the multiplier.",
        tex=r"f_t(x) = g_x^\top (c_t I + G)^{-1} y_t",
        source=PROPOSITION_1,
        margin=_decomposition,
        kind=Kind.IDENTITY,
        rests_on=("prop-stationarity",),
        equations=("eq-closed-form", "eq-fitted"),
    ),
    Statement(
        id="prop-energy",
        chapter="kkt",
        slogan="The fit's cost is a quadratic form in the labels.",
        tex=r"R(f_t) = \tfrac1n y_t^\top (c_t I + G)^{-1} G (c_t I + G)^{-1} y_t",
        source=PROPOSITION_1,
        margin=_energy,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("thm-closed-form",),
        equations=("eq-energy",),
    ),
    Statement(
        id="prop-minimum",
        chapter="kkt",
        slogan="No admissible function costs less; the others cost more by their squared distance.",
        tex=r"\langle f_t, h - f_t\rangle \ge 0, \quad\text{so}\quad "
        r"R(h) \ge R(f_t) + R(h - f_t), \qquad h \text{ admissible}",
        source=THIS_BOOK,
        margin=_minimum,
        rests_on=("prop-stationarity",),
        equations=("eq-minimum",),
    ),
    Statement(
        id="prop-secular",
        chapter="kkt",
        slogan="Exactly one multiplier makes the constraint active.",
        tex=r"\frac1n\sum_k \Bigl(\frac{c\,z_k}{c+d_k}\Bigr)^2 = \varepsilon "
        r"\text{ has one root } c > 0 \iff \|P_0 y\|^2 < n\varepsilon < \|y\|^2",
        source=PAPER_SETTING,
        margin=_unique_root,
        hypotheses=(non_trivial,),
        equations=("eq-secular",),
        strict=("half the root", "twice the root"),
    ),
    Statement(
        id="prop-dual-feasible",
        chapter="kkt",
        slogan="The price of the constraint is neither zero nor infinite.",
        tex=r"\|P_0 y_t\|^2 < n\varepsilon < \|y_t\|^2 \implies 0 < c_t = 1/\lambda_t < \infty",
        source=PAPER_SETTING,
        margin=_dual_feasible,
        hypotheses=(reachable_tolerance,),
        rests_on=("thm-closed-form", "prop-secular", "prop-minimum"),
        equations=("eq-dual-feasible",),
        strict=("",),
    ),
)
