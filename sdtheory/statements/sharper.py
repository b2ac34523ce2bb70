"""Sharper bounds: multiplier, monotone quantities, sparsification without a limit on t."""

from __future__ import annotations

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, scaled_margin

next_non_trivial = Hypothesis(
    id="next-non-trivial",
    words=r"round $t + 1$ is non-trivial too",
    plain="round t + 1 is non-trivial too",
    needed_for="after the collapse there is no multiplier to compare with",
    holds=lambda i: i.alive[:, 1:],
)


def _multiplier_lower(i: Instance) -> Values:
    energy = i.energy[:, :-1]
    c = i.multipliers[..., 0]
    d_min = i.d_min[:, None]
    # ||G^{-1} y|| times d_min, whose terms stay within the float range
    pulled = np.sqrt(np.sum(energy * (d_min[..., None] / i.d[:, None]) ** 2, axis=-1))
    return scaled_margin(d_min * np.sqrt(np.sum(energy, axis=-1)), c * i.r_minus_1[:, :-1] * pulled)


def _multiplier_upper(i: Instance) -> Values:
    energy = i.energy[:, :-1]
    c = i.multipliers[..., 0]
    total = np.sum(energy, axis=-1)
    margin = scaled_margin(c * i.r_minus_1[:, :-1] * total, np.sum(energy * i.d[:, None], axis=-1))
    return i.while_alive(margin)


def _multiplier_grows(i: Instance) -> Values:
    c = i.multipliers[..., 0]
    return scaled_margin(c[:, :-1], c[:, 1:])


def _smoother(i: Instance) -> Values:
    weight = i.d_min[:, None, None] / i.d[:, None]
    cost = np.sum(i.energy * weight, axis=-1)
    size = np.sum(i.energy, axis=-1)
    costs = scaled_margin(cost[:, 1:], cost[:, :-1])
    # the Rayleigh quotient of G^{-1}, multiplied out
    quotients = scaled_margin(cost[:, 1:] * size[:, :-1], cost[:, :-1] * size[:, 1:])
    return {"cost": costs, "quotient": i.while_alive(quotients)}


def _removed(i: Instance) -> Values:
    """Return 1 - B_t without that subtraction: 1 - A_t B = (1 - A_t) + A_t (1 - B)."""
    c = i.multipliers
    share = np.where(i.alive[..., None], c / (c + i.d[:, None]), 1)
    removed = np.zeros_like(share)
    for t in i.t:
        previous = removed[:, t - 1] if t else 0 * share[:, 0]
        removed[:, t] = share[:, t] + i.A[:, t] * previous
    return removed


def _leaves_data(i: Instance) -> Values:
    removed = _removed(i)
    distance = np.sqrt(np.sum(removed**2 * i.energy[:, :1], axis=-1))
    previous = np.concatenate([0 * distance[:, :1], distance[:, :-1]], axis=-1)
    steps = (i.t + 1) * np.sqrt(i.rho2)[:, None]
    return {"lower": scaled_margin(previous, distance), "upper": scaled_margin(distance, steps)}


def _log_ratio_of_round(c: Values, d_j: Values, d_k: Values) -> Values:
    """Return log((1 + c/d_j)/(1 + c/d_k)), without cancellation."""
    return np.log1p(c * (d_k - d_j) / (d_j * (c + d_k)))


def _sparsify(i: Instance) -> Values:
    alive = i.alive
    c = i.multipliers
    d_j, d_k = i.d[:, None, :-1], i.d[:, None, 1:]
    ratio = np.cumsum(_log_ratio_of_round(c, d_j, d_k), axis=1)
    count = (i.t + 1)[:, None]
    # q_i = sqrt(r_0^2 - i) - 1, with r_0^2 - 1 formed from r_0 - 1; positive while alive
    squared = i.r_minus_1[:, :1] * (2 + i.r_minus_1[:, :1]) - i.t
    one = 1 + 0 * squared
    squared = np.where(alive, squared, one)
    q = (squared / (np.sqrt(1 + squared) + 1))[..., None]
    d_min = i.d_min[:, None, None]
    round_by_round = np.cumsum(_log_ratio_of_round(d_min / q, d_j, d_k), axis=1)
    first_round = count * _log_ratio_of_round(c[:, :1], d_j, d_k)
    apart = (d_k - d_j) / d_j
    exponential = np.cumsum(c, axis=1) / d_k * apart
    cap = count * np.log1p(apart)
    pairs = {
        "lower, round by round": (round_by_round, ratio),
        "lower, from the first round": (first_round, ratio),
        "upper, exponential": (ratio, exponential),
        "upper, cap": (ratio, cap),
    }
    return i.while_alive({name: scaled_margin(*pair) for name, pair in pairs.items()})


STATEMENTS = (
    Statement(
        id="prop-multiplier-lower",
        chapter="sharper",
        slogan="A mean of the eigenvalues in the labels bounds the multiplier from below.",
        tex=r"c_t\,(r_t - 1) \ge \frac{\|y_t\|}{\|G^{-1} y_t\|} \ge d_{\min}",
        source=THIS_BOOK,
        margin=_multiplier_lower,
        hypotheses=(non_trivial, nonsingular),
        rests_on=("prop-newton-concave",),
        equations=("eq-multiplier-lower",),
        attained=r"all label energy on one eigenvalue; $\varepsilon \to 0$",
    ),
    Statement(
        id="prop-multiplier-upper",
        chapter="sharper",
        slogan="The labels' mean eigenvalue bounds the multiplier from above.",
        tex=r"c_t\,(r_t - 1) \le \frac{y_t^\top G\, y_t}{\|y_t\|^2} \le d_{\max}",
        source=THIS_BOOK,
        margin=_multiplier_upper,
        hypotheses=(non_trivial,),
        rests_on=("prop-newton-concave",),
        equations=("eq-multiplier-upper",),
        attained=r"all label energy on one eigenvalue; $r_t \to 1$",
    ),
    Statement(
        id="prop-multiplier-grows",
        chapter="sharper",
        slogan="Every round needs a larger multiplier than the one before.",
        tex=r"c_{t+1} > c_t",
        source=THIS_BOOK,
        margin=_multiplier_grows,
        hypotheses=(next_non_trivial,),
        rests_on=("prop-secular", "thm-recursion"),
        equations=("eq-multiplier-grows",),
        strict=("",),
    ),
    Statement(
        id="prop-smoother",
        chapter="sharper",
        slogan="Every round lowers the cost, even relative to the squared norm of the labels.",
        tex=r"y_{t+1}^\top G^{-1} y_{t+1} \le y_t^\top G^{-1} y_t, \qquad "
        r"\frac{y_{t+1}^\top G^{-1} y_{t+1}}{\|y_{t+1}\|^2} "
        r"\le \frac{y_t^\top G^{-1} y_t}{\|y_t\|^2}",
        source=THIS_BOOK,
        margin=_smoother,
        hypotheses=(non_trivial, nonsingular),
        rests_on=("thm-recursion",),
        equations=("eq-smoother",),
        attained=r"all label energy on one eigenvalue (the quotient)",
    ),
    Statement(
        id="prop-leaves-data",
        chapter="sharper",
        slogan="The fit moves away from the data in every round, by at most rho.",
        tex=r"\|y_t - y_0\| \le \|y_{t+1} - y_0\| \le (t+1)\,\rho",
        source=THIS_BOOK,
        margin=_leaves_data,
        rests_on=("prop-active", "thm-product"),
        equations=("eq-leaves-data",),
        attained=r"all label energy on one eigenvalue (the upper bound)",
    ),
    Statement(
        id="thm-sparsification-all-rounds",
        chapter="sharper",
        slogan="The spread of the diagonal is bounded on both sides in every round of the chain.",
        tex=r"\prod_{i<t} \frac{q_i + d_{\min}/d_j}{q_i + d_{\min}/d_k},\; "
        r"\Bigl(\frac{1 + c_0/d_j}{1 + c_0/d_k}\Bigr)^{t} \;\le\; "
        r"\frac{B_{t-1}[k]}{B_{t-1}[j]} \;\le\; "
        r"\Bigl(\frac{d_k}{d_j}\Bigr)^{t},\; e^{\sum_{i<t} c_i\,(1/d_j - 1/d_k)}, "
        r"\qquad q_i = \sqrt{r_0^2 - i} - 1",
        source=THIS_BOOK,
        margin=_sparsify,
        hypotheses=(non_trivial, nonsingular),
        rests_on=("prop-multiplier-bounds", "cor-rounds-any-kernel", "prop-multiplier-grows"),
        equations=("eq-sparsification-all-rounds",),
        attained=r"$t = 1$ (in $c_0$); $\varepsilon \to 0$ at fixed $\sum c_i$ (the exponential)",
    ),
)
