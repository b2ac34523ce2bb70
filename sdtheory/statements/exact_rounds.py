"""How many rounds, really: the length of the path to zero, measured in steps of rho."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import path_length_factor
from sdtheory.formulas.path_length import lost_rounds_between, path_length
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import regular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, scaled_margin

#: How near the limit rounds lost have to be, in rounds, where steps are small.
_NEAR_THE_LIMIT = 0.1
#: Values of tau at which the path's integral is cut.
_CUTS = (0.5, 0.125, 0.03125)
#: Eigenvalues of the grid on which long paths are reached.
_GRID = 6
#: Values of s - 1 at which the lower bound of the number of rounds is tested.
_THRESHOLDS = (0.5, 2.0, 10.0, 100.0)


def _reachable_share(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    return np.sum(np.where(kernel, i.energy[:, :-1], 0.0), axis=-1)


reachable = Hypothesis(
    id="reachable",
    words=r"the labels of round $t$ have no part in $\ker G$ (true from round 1 on)",
    plain="the labels of round t have no part in the null space of G (true from round 1 on)",
    needed_for=r"$G^{-1}$, and so the length as defined, does not exist on $\ker G$",
    holds=lambda i: {
        ("eq-length-falls", "round"): (_reachable_share(i) == 0).astype(bool),
        ("eq-rounds-upper", "number of rounds"): (_reachable_share(i)[:, :1] == 0).astype(bool),
    },
)


def _length_falls(i: Instance) -> Values:
    lengths, rho = i.length, np.sqrt(i.rho2)[:, None]
    # round t is non-trivial: there are at least t + 1 of them
    return {
        ("eq-length-falls", "round"): scaled_margin(lengths[:, 1:] + rho, lengths[:, :-1]),
        ("eq-rounds-upper", "number of rounds"): scaled_margin((i.t + 1) * rho, lengths[:, :1]),
    }


def _length_bounds(i: Instance) -> Values:
    energy = i.energy[:, :1]
    norm = np.sqrt(np.sum(energy, axis=-1))
    length = i.start_length[:, None]
    triangle = np.sum(np.sqrt(energy), axis=-1)
    factor = path_length_factor(_finite_kappa(i))
    return {
        "lower": scaled_margin(norm, length),
        "upper, by directions": scaled_margin(length, triangle),
        "upper, by K": scaled_margin(length, factor * norm),
    }


def _finite_kappa(i: Instance) -> Values:
    """Return kappa, shape (m, 1); 1 where G is singular and `regular` is what fails."""
    return np.where(i.d_min > 0, i.kappa, 1 + 0 * i.d_max)[:, None]


def _falls_at_most(i: Instance) -> Values:
    lengths = i.length
    return scaled_margin(
        lengths[:, :-1],
        lengths[:, 1:] + path_length_factor(_finite_kappa(i)) * np.sqrt(i.rho2)[:, None],
    )


def _falls_slowly(i: Instance) -> Values:
    kappa, r_minus_1 = _finite_kappa(i), np.where(i.alive, i.r_minus_1[:, :-1], 1)
    rho, c = np.sqrt(i.rho2)[:, None], np.where(i.alive, i.c, 1)
    d_min = np.where(i.d_min > 0, i.d_min, i.d_max)[:, None]
    by_c, by_r = 1 + c / (2 * d_min), 1 + kappa / (2 * r_minus_1)
    margins = {
        "by c": scaled_margin(i.length[:, :-1], i.length[:, 1:] + rho * by_c),
        "by r": scaled_margin(by_c, by_r),
    }
    return {name: np.where(i.alive, margin, np.nan) for name, margin in margins.items()}


def _rounds_lower(i: Instance) -> Values:
    length = i.start_length[:, None] / np.sqrt(i.rho2)[:, None]
    kappa = _finite_kappa(i)
    K = path_length_factor(kappa)
    count = np.sum(i.alive, axis=-1)[:, None]

    def by_threshold(r_minus_1: Values) -> Values:
        loss = 2 * r_minus_1 + kappa
        left = K * (1 + r_minus_1) * 2 * r_minus_1
        return scaled_margin(length * 2 * r_minus_1, count * loss + left)

    margins = {("eq-rounds-lower", "by K"): scaled_margin(length, K * (count + 1))}
    for r_minus_1 in _THRESHOLDS:
        margins["eq-rounds-lower", f"s = {1 + r_minus_1:g}"] = by_threshold(r_minus_1)
    # N rho lies between these two, whose quotient tends to 1 as r_0 grows
    margins["eq-rounds-limit", "from below, s = 1 + sqrt(r_0)"] = by_threshold(np.sqrt(i.r[:, :1]))
    margins["eq-rounds-limit", "from above"] = scaled_margin(count, length)
    return margins


def _bounded_loss(i: Instance) -> Values:
    rho, d_max = np.sqrt(i.rho2)[:, None], i.d_max[:, None]
    count = np.sum(i.alive, axis=-1)[:, None]
    d = np.where(i.d > 0, i.d, d_max)
    weight = i.energy[:, 0] * (d[:, :1] / d) ** 2
    # m_0 d_max, the mean of the eigenvalues of G^{-1} at the start against the smallest
    mean = np.sum(weight * (d_max / d), axis=-1) / np.sum(weight, axis=-1)
    bend = 2 * np.log(mean)[:, None]
    start, left = i.start_length[:, None], i.end_length[:, None]
    kappa = _finite_kappa(i)
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


def _longest_path(i: Instance) -> Values:
    norm = np.sqrt(np.sum(i.energy[:, 0], axis=-1))
    length = i.start_length
    kappa = _finite_kappa(i)[:, 0]
    log_kappa = np.log(kappa)
    margins = {}
    for tau in _CUTS:
        for s in (1, 2, 4):
            factor = tau + np.exp(-s * log_kappa**0) + np.sqrt(log_kappa + np.log(s / tau)) / 2
            margins[f"upper, tau = {tau:g}, s = {s}"] = scaled_margin(length, factor * norm)
    # energies uniform in log d, on a grid: as long as the lower side, up to where it is too coarse
    log_kappa = np.where((log_kappa < 10).astype(bool), log_kappa, 10 + 0 * log_kappa)
    grid = np.exp(-log_kappa[:, None] * np.arange(_GRID)[::-1] / (_GRID - 1))
    reached = path_length(grid, 0 * grid + 1) * np.sqrt(log_kappa / _GRID)
    margins["lower, reached"] = scaled_margin(log_kappa / 2 - 0.6, reached)
    return margins


def _singular(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    energy = i.energy[:, :1]
    unreachable = np.sum(np.where(kernel, energy, 0.0), axis=-1)
    moving = np.sqrt(np.sum(np.where(kernel, 0.0, energy), axis=-1))
    after = np.sqrt(np.sum(i.energy[:, 1:2], axis=-1))
    return scaled_margin(moving, after + np.sqrt(i.rho2[:, None] - unreachable))


collapsed = Hypothesis(
    id="collapsed",
    words="the chain was run to its collapse",
    plain="the chain was run to its collapse",
    needed_for="a chain cut off early has fewer rounds than it would have had",
    holds=lambda i: (i.r[:, -1] <= 1).astype(bool),
)

small_steps = Hypothesis(
    id="small-steps",
    words=r"$r_0 \ge 200$, $\kappa \le 20$ and at least a hundredth of the labels' energy on "
    r"$d_{\max}$: there the limit is near",
    plain="r_0 >= 200, kappa <= 20 and 1 % of the labels' energy on d_max",
    needed_for="a limit says nothing of steps that are not small",
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
        tex=r"L(y_t) - L(y_{t+1}) \le \rho \Bigl(1 + \frac{c_t}{2\,d_{\min}}\Bigr) \le "
        r"\rho \Bigl(1 + \frac{\kappa}{2\,(r_t - 1)}\Bigr)",
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
        id="thm-lost-rounds",
        chapter="exact_rounds",
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
        chapter="exact_rounds",
        slogan="The limit is at most a quarter of log kappa, and the quarter is sharp.",
        tex=r"S(y_0) \le \tfrac14 \log(m_0 d_{\max}) \le \tfrac14 \log\kappa, \qquad "
        r"\sup S = \bigl(\tfrac14 + o(1)\bigr) \log\kappa \quad (\kappa \to \infty)",
        source=THIS_BOOK,
        margin=_quarter,
        hypotheses=(regular, last_direction),
        rests_on=("thm-lost-rounds",),
        equations=("eq-quarter",),
    ),
    Statement(
        id="prop-longest-path",
        chapter="exact_rounds",
        slogan="The longest path is half the root of log kappa times the labels, nearly.",
        tex=r"\sup_{\kappa(G) = \kappa} \frac{L(y)}{\|y\|} = \tfrac12 \sqrt{\log\kappa} + o(1), "
        r"\qquad \frac{L(y)}{\|y\|} \le \tau + e^{-s} + "
        r"\tfrac12 \sqrt{\log(\kappa s/\tau)} \quad (0 < \tau \le s,\ s \ge 1)",
        source=THIS_BOOK,
        margin=_longest_path,
        hypotheses=(regular,),
        rests_on=("prop-length-bounds",),
        equations=("eq-longest-path",),
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
