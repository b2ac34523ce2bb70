"""How many rounds, really: the length of the path to zero, measured in steps of rho."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import path_length_factor
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import regular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, slack

#: Values of s - 1 at which the lower bound of the number of rounds is tested.
_THRESHOLDS = (0.5, 2.0, 10.0, 100.0)


def _reachable_share(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    return np.sum(np.where(kernel, i.energy[:, :-1], 0.0), axis=-1)


reachable = Hypothesis(
    id="reachable",
    words=r"the labels of round $t$ have no part in $\ker G$ (true from round 1 on)",
    needed_for=r"$G^{-1}$, and so the length as defined, does not exist on $\ker G$",
    holds=lambda i: (_reachable_share(i) == 0).astype(bool),
)


def _length_falls(i: Instance) -> Values:
    lengths = i.length
    return slack(lengths[:, 1:] + np.sqrt(i.rho2)[:, None], lengths[:, :-1])


def _length_bounds(i: Instance) -> Values:
    energy = i.energy[:, :1]
    norm = np.sqrt(np.sum(energy, axis=-1))
    length = i.length[:, :1]
    triangle = np.sum(np.sqrt(energy), axis=-1)
    factor = path_length_factor(_finite_kappa(i))
    return np.stack(
        [slack(norm, length), slack(length, triangle), slack(length, factor * norm)], axis=-1
    )


def _finite_kappa(i: Instance) -> Values:
    """Return kappa, shape (m, 1); 1 where G is singular and `regular` is what fails."""
    return np.where(i.d_min > 0, i.kappa, 1 + 0 * i.d_max)[:, None]


def _falls_at_most(i: Instance) -> Values:
    lengths = i.length
    return slack(
        lengths[:, :-1],
        lengths[:, 1:] + path_length_factor(_finite_kappa(i)) * np.sqrt(i.rho2)[:, None],
    )


def _falls_slowly(i: Instance) -> Values:
    kappa, r_minus_1 = _finite_kappa(i), i.r_minus_1[:, :-1]
    rho = np.sqrt(i.rho2)[:, None]
    return slack(i.length[:, :-1], i.length[:, 1:] + rho * (1 + kappa / (2 * r_minus_1)))


def _rounds_lower(i: Instance) -> Values:
    length = i.length[:, :1] / np.sqrt(i.rho2)[:, None]
    K = path_length_factor(_finite_kappa(i))
    kappa = _finite_kappa(i)
    count = np.sum(i.alive, axis=-1)[:, None]
    margins = [slack(length, K * (count + 1))]
    for r_minus_1 in _THRESHOLDS:
        loss = 2 * r_minus_1 + kappa
        left = K * (1 + r_minus_1) * 2 * r_minus_1
        margins.append(slack(length * 2 * r_minus_1, count * loss + left))
    return np.concatenate(margins, axis=-1)


def _loss_of_a_round(i: Instance) -> Values:
    kappa = _finite_kappa(i)
    d_min = np.where(i.d_min > 0, i.d_min, i.d_max)[:, None]
    c = np.where(i.alive, i.c, 1)
    rho, K = np.sqrt(i.rho2)[:, None], path_length_factor(kappa)
    # 0 rho: a sum over no eigenvalues is an integer, which has no root as a ball
    rest = np.sqrt(np.sum(i.energy[:, :-1, :-1], axis=-1) + 0 * rho)
    margin = slack(i.length[:, :-1], i.length[:, 1:] + rho + (1 + K) * (c / d_min) ** 2 * rest)
    return np.where(i.alive, margin, np.nan)


def _bounded_loss(i: Instance) -> Values:
    lengths, rho, d_max = i.length, np.sqrt(i.rho2)[:, None], i.d_max[:, None]
    count = np.sum(i.alive, axis=-1)[:, None]
    d = np.where(i.d > 0, i.d, d_max)
    weight = i.energy[:, 0] * (d[:, :1] / d) ** 2
    # m_0 d_max, the mean of the eigenvalues of G^{-1} at the start against the smallest
    mean = np.sum(weight * (d_max / d), axis=-1) / np.sum(weight, axis=-1)
    bend = 2 * np.log(mean)[:, None]
    later = np.concatenate([i.alive[:, 1:], np.zeros_like(i.alive[:, :1])], axis=-1)
    ends = i.alive & ~later
    # N = 0: the labels have collapsed before the first round
    left = np.sum(np.where(ends, lengths[:, 1:], 0 * rho), axis=-1)[:, None]
    left = np.where(count > 0, left, lengths[:, :1])
    factor = path_length_factor(_finite_kappa(i))
    margins = [slack(lengths[:, :1], e + rho * (count + bend)) for e in (left, factor * rho)]
    return np.concatenate(margins, axis=-1)


def _singular(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    energy = i.energy[:, :1]
    unreachable = np.sum(np.where(kernel, energy, 0.0), axis=-1)
    moving = np.sqrt(np.sum(np.where(kernel, 0.0, energy), axis=-1))
    after = np.sqrt(np.sum(i.energy[:, 1:2], axis=-1))
    return slack(moving, after + np.sqrt(i.rho2[:, None] - unreachable))


collapsed = Hypothesis(
    id="collapsed",
    words="the chain was run to its collapse",
    needed_for="a chain cut off early has fewer rounds than it would have had",
    holds=lambda i: (i.r[:, -1] <= 1).astype(bool),
)

STATEMENTS = (
    Statement(
        id="thm-length-falls",
        chapter="exact_rounds",
        slogan="Every round uses up at least rho of the path that is left.",
        tex=r"L(y_{t+1}) + \rho \le L(y_t), \qquad "
        r"L(y) = \int_0^\infty \|G^{-1} e^{-sG^{-1}} y\|\,ds, \qquad "
        r"N \le \lfloor L(y_0)/\rho \rfloor",
        source=THIS_BOOK,
        margin=_length_falls,
        hypotheses=(non_trivial, reachable),
        rests_on=("prop-active", "thm-recursion"),
        equations=("eq-length-falls", "eq-rounds-upper"),
        attained=r"all label energy on one eigenvalue",
    ),
    Statement(
        id="prop-length-bounds",
        chapter="exact_rounds",
        slogan="The path is at least as long as the labels, and not much longer.",
        tex=r"\|y\| \le L(y) \le \min\Bigl\{ \sum_k |z_k|,\; "
        r"K \|y\| \Bigr\}, \qquad K = \min\Bigl\{ \frac{1 + \kappa}{2\sqrt\kappa},\; "
        r"\tfrac18 + e^{-2} + \tfrac12 \sqrt{\log(16 \kappa)} \Bigr\}",
        source=THIS_BOOK,
        margin=_length_bounds,
        hypotheses=(regular,),
        equations=("eq-length-bounds",),
        attained=r"all label energy on one eigenvalue; $\kappa = 1$",
    ),
    Statement(
        id="prop-length-falls-at-most",
        chapter="exact_rounds",
        slogan="And hardly more: at most rho times a factor that depends on kappa alone.",
        tex=r"L(y_t) - L(y_{t+1}) \le K \rho",
        source=THIS_BOOK,
        margin=_falls_at_most,
        hypotheses=(regular,),
        rests_on=("prop-active", "thm-recursion", "prop-length-bounds"),
        equations=("eq-length-falls-at-most",),
        attained=r"all label energy on one eigenvalue and $\kappa = 1$",
    ),
    Statement(
        id="prop-length-falls-slowly",
        chapter="exact_rounds",
        slogan="Far from the collapse the factor tends to 1.",
        tex=r"L(y_t) - L(y_{t+1}) \le \rho \Bigl(1 + \frac{\kappa}{2\,(r_t - 1)}\Bigr)",
        source=THIS_BOOK,
        margin=_falls_slowly,
        hypotheses=(non_trivial, regular),
        rests_on=("prop-active", "thm-recursion", "prop-multiplier-bounds"),
        equations=("eq-length-falls-slowly",),
        attained=r"$r_t \to \infty$",
    ),
    Statement(
        id="thm-rounds-limit",
        chapter="exact_rounds",
        slogan="Rounds times rho is the length of the path, in the limit of small tolerance.",
        tex=r"N \ge \frac{L(y_0)}{K\rho} - 1, \qquad "
        r"N \ge \Bigl(\frac{L(y_0)}{\rho} - K s\Bigr) \Big/ "
        r"\Bigl(1 + \frac{\kappa}{2\,(s - 1)}\Bigr) \text{ for every } s > 1, \qquad "
        r"\lim_{\varepsilon \to 0} N\rho = L(y_0)",
        source=THIS_BOOK,
        margin=_rounds_lower,
        hypotheses=(regular, collapsed),
        rests_on=(
            "thm-length-falls",
            "prop-length-bounds",
            "prop-length-falls-at-most",
            "prop-length-falls-slowly",
        ),
        equations=("eq-rounds-lower", "eq-rounds-limit"),
        attained=r"$\kappa = 1$ and integer $r_0$ (the first bound)",
    ),
    Statement(
        id="prop-loss-of-a-round",
        chapter="exact_rounds",
        slogan="A round wastes path only while the labels are bent away from the last direction.",
        tex=r"L(y_t) - L(y_{t+1}) - \rho \le (1 + K) \Bigl(\frac{c_t}{d_{\min}}\Bigr)^2 \|q_t\|, "
        r"\qquad q_t = y_t - (v^\top y_t)\, v, \quad G v = d_{\max} v",
        source=THIS_BOOK,
        margin=_loss_of_a_round,
        hypotheses=(non_trivial, regular),
        rests_on=("prop-active", "thm-recursion", "prop-length-bounds"),
        equations=("eq-loss-of-a-round",),
        attained=r"all label energy along $v$",
    ),
    Statement(
        id="thm-bounded-loss",
        chapter="exact_rounds",
        slogan="At every tolerance, the path's bend costs at most K + 2 log kappa rounds.",
        tex=r"\frac{L(y_0) - L(y_N)}{\rho} \le N + 2 \log(m_0 d_{\max}), \qquad "
        r"0 \le \frac{L(y_0)}{\rho} - N \le K + 2 \log(m_0 d_{\max}) \le K + 2 \log \kappa, "
        r"\qquad m_0 = \frac{y_0^\top G^{-3} y_0}{y_0^\top G^{-2} y_0}, \quad y_0 \ne 0",
        source=THIS_BOOK,
        margin=_bounded_loss,
        hypotheses=(regular, collapsed),
        rests_on=("prop-active", "thm-recursion", "thm-length-falls", "prop-length-bounds"),
        equations=("eq-bend-of-the-path", "eq-bounded-loss"),
        attained=r"all label energy on $d_{\max}$ (the first bound)",
    ),
    Statement(
        id="prop-singular-first-step",
        chapter="exact_rounds",
        slogan="The first round drops what cannot be fitted, and moves the rest by at most rho.",
        tex=r"\|y_1\| \ge \|P_+ y_0\| - \sqrt{\rho^2 - \|P_0 y_0\|^2}",
        source=THIS_BOOK,
        margin=_singular,
        rests_on=("prop-active", "thm-recursion"),
        equations=("eq-singular-first-step",),
        attained=r"all reachable label energy on one eigenvalue",
    ),
)
