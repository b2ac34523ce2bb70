"""What the bend costs: rounds lost at every tolerance, and their limit."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import path_length_factor
from sdtheory.formulas.path_length import lost_rounds_between
from sdtheory.statements.exact_rounds import collapsed, finite_kappa
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, scaled_margin

#: How near the limit rounds lost have to be, in rounds, where steps are small.
_NEAR_THE_LIMIT = 0.1


def _bounded_loss(i: Instance) -> Values:
    rho, d_max = np.sqrt(i.rho2)[:, None], i.d_max[:, None]
    count = np.sum(i.alive, axis=-1)[:, None]
    d = np.where(i.d > 0, i.d, d_max)
    weight = i.energy[:, 0] * (d[:, :1] / d) ** 2
    # m_0 d_max, the mean of the eigenvalues of G^{-1} at the start against the smallest
    mean = np.sum(weight * (d_max / d), axis=-1) / np.sum(weight, axis=-1)
    bend = 2 * np.log(mean)[:, None]
    start, left = i.start_length[:, None], i.end_length[:, None]
    kappa = finite_kappa(i)
    most = path_length_factor(kappa) * rho
    bounded = "eq-bounded-loss"
    return {
        ("eq-bend-of-the-path", ""): scaled_margin(start, left + rho * (count + bend)),
        (bounded, "lower"): scaled_margin(count * rho, start),
        (bounded, "upper"): scaled_margin(start, most + rho * (count + bend)),
        (bounded, "upper, by kappa"): scaled_margin(mean[:, None], kappa),
    }


def _lost_rounds(i: Instance) -> Values:
    count = np.sum(i.alive, axis=-1)
    after = np.concatenate([i.alive, np.zeros_like(i.alive[:, :1])], axis=-1)
    first_trivial = after != np.concatenate([np.ones_like(i.alive[:, :1]), i.alive], axis=-1)
    left = np.sum(np.where(first_trivial, i.r, 0 * i.r), axis=-1)
    lost = i.start_length / np.sqrt(i.rho2) - count - left
    low, high = lost_rounds_between(i.d, i.energy[:, 0])
    near = _NEAR_THE_LIMIT
    return {
        ("eq-lost-rounds", "from below"): scaled_margin(low, lost + near),
        ("eq-lost-rounds", "from above"): scaled_margin(lost, high + near),
        ("eq-bend", "grid of times"): scaled_margin(low, high),
    }


def _quarter(i: Instance) -> Values:
    d_max = i.d_max[:, None]
    weight = i.energy[:, 0] * (d_max / i.d) ** 2
    # m_0 d_max - 1, which does not cancel where eigenvalues are nearly equal
    apart = np.sum(weight * ((d_max - i.d) / i.d), axis=-1) / np.sum(weight, axis=-1)
    low, _ = lost_rounds_between(i.d, i.energy[:, 0])
    return {
        "upper": scaled_margin(4 * low, np.log1p(apart)),
        "upper, by kappa": scaled_margin(apart, (i.d_max - i.d_min) / i.d_min),
    }


small_steps = Hypothesis(
    id="small-steps",
    words=r"$r_0 \ge 200$, $\kappa \le 20$ and at least a hundredth of the labels' energy on "
    r"$d_{\max}$: there the limit is near",
    plain="r_0 >= 200, kappa <= 20 and 1 % of the labels' energy on d_max",
    needed_for="the limit describes small steps only",
    holds=lambda i: (
        (i.r[:, 0] >= 200)
        & (i.kappa <= 20)
        & (100 * i.energy[:, 0, -1] >= np.sum(i.energy[:, 0], axis=-1))
    ),
)

last_direction = Hypothesis(
    id="last-direction",
    words=r"the labels have a part on $d_{\max}$",
    plain="the labels have a part on d_max",
    needed_for="the sums over times are in units of the last direction's eigenvalue",
    holds=lambda i: (i.energy[:, 0, -1] > 0).astype(bool),
)

STATEMENTS = (
    Statement(
        id="thm-bounded-loss",
        chapter="lost_rounds",
        slogan="At every tolerance, the path's bend costs at most K + 2 log kappa rounds.",
        tex=r"\frac{L(y_0) - L(y_N)}{\rho} \le N + 2 \log(m_0 d_{\max}), \qquad "
        r"0 \le \frac{L(y_0)}{\rho} - N \le K + 2 \log(m_0 d_{\max}) \le K + 2 \log \kappa, "
        r"\qquad m_0 = \frac{y_0^\top G^{-3} y_0}{y_0^\top G^{-2} y_0}, \quad y_0 \ne 0",
        source=THIS_BOOK,
        margin=_bounded_loss,
        hypotheses=(nonsingular, collapsed),
        rests_on=("prop-active", "thm-recursion", "thm-length-falls", "prop-length-bounds"),
        equations=("eq-bend-of-the-path", "eq-bounded-loss"),
        attained=r"all label energy on $d_{\max}$ (the first bound)",
    ),
    Statement(
        id="thm-lost-rounds",
        chapter="lost_rounds",
        slogan="In the limit of small tolerance, the labels and G fix the number of lost rounds.",
        tex=r"\frac{L(y_0)}{\rho} - N - r_N \to S(y_0) = \frac12 \int_0^\infty "
        r"\operatorname{Var}_s(h)\, F(s)\, ds, \qquad "
        r"F(s) = \int_0^s \frac{\|v(s)\|}{\|v(u)\|}\, du, \quad v(s) = G^{-1} e^{-sG^{-1}} y_0",
        source=THIS_BOOK,
        margin=_lost_rounds,
        hypotheses=(collapsed, small_steps),
        rests_on=("thm-length-falls", "thm-bounded-loss", "prop-multiplier-bounds"),
        equations=("eq-bend", "eq-lost-rounds"),
    ),
    Statement(
        id="prop-quarter",
        chapter="lost_rounds",
        slogan="The limit is at most a quarter of log kappa, and the quarter is sharp.",
        tex=r"S(y_0) \le \tfrac14 \log(m_0 d_{\max}) \le \tfrac14 \log\kappa, \qquad "
        r"\sup S = \bigl(\tfrac14 + o(1)\bigr) \log\kappa \quad (\kappa \to \infty)",
        source=THIS_BOOK,
        margin=_quarter,
        hypotheses=(nonsingular, last_direction),
        rests_on=("thm-lost-rounds",),
        equations=("eq-quarter",),
    ),
)
