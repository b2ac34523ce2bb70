"""The number of rounds: the length of the path to zero, measured in steps of rho."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import path_length_factor
from sdtheory.formulas.path_length import path_length
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, scaled_margin

#: Values of alpha at which the path's integral is cut.
_CUTS = (0.5, 0.125, 0.03125)
#: Eigenvalues of the grid on which long paths are reached.
_GRID = 6
#: Values of q - 1 at which the lower bound of the number of rounds is tested.
_THRESHOLDS = (0.5, 2.0, 10.0, 100.0)


def _reachable_share(i: Instance) -> Values:
    null = (i.d == 0)[:, None]
    return np.sum(np.where(null, i.energy[:, :-1], 0.0), axis=-1)


reachable = Hypothesis(
    id="reachable",
    words=r"the labels of round $t$ have no part in the null space of $G$ (true from round 1 on)",
    plain="the labels of round t have no part in the null space of G (true from round 1 on)",
    needed_for=r"$G^{-1}$, and so the length as defined, does not exist on the null space of $G$",
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
    factor = path_length_factor(finite_kappa(i))
    return {
        "lower": scaled_margin(norm, length),
        "upper, by directions": scaled_margin(length, triangle),
        "upper, by K": scaled_margin(length, factor * norm),
    }


def finite_kappa(i: Instance) -> Values:
    """Return kappa, shape (m, 1); 1 where G is singular, as there the hypothesis fails."""
    return np.where(i.d_min > 0, i.kappa, 1 + 0 * i.d_max)[:, None]


def _falls_at_most(i: Instance) -> Values:
    lengths = i.length
    return scaled_margin(
        lengths[:, :-1],
        lengths[:, 1:] + path_length_factor(finite_kappa(i)) * np.sqrt(i.rho2)[:, None],
    )


def _falls_slowly(i: Instance) -> Values:
    kappa, r_minus_1 = finite_kappa(i), np.where(i.alive, i.r_minus_1[:, :-1], 1)
    rho, c = np.sqrt(i.rho2)[:, None], i.multipliers[..., 0]
    d_min = np.where(i.d_min > 0, i.d_min, i.d_max)[:, None]
    by_c, by_r = 1 + c / (2 * d_min), 1 + kappa / (2 * r_minus_1)
    margins = {
        "by c": scaled_margin(i.length[:, :-1], i.length[:, 1:] + rho * by_c),
        "by r": scaled_margin(by_c, by_r),
    }
    return i.while_alive(margins)


def _rounds_lower(i: Instance) -> Values:
    length = i.start_length[:, None] / np.sqrt(i.rho2)[:, None]
    kappa = finite_kappa(i)
    K = path_length_factor(kappa)
    count = np.sum(i.alive, axis=-1)[:, None]

    def by_threshold(r_minus_1: Values) -> Values:
        loss = 2 * r_minus_1 + kappa
        left = K * (1 + r_minus_1) * 2 * r_minus_1
        return scaled_margin(length * 2 * r_minus_1, count * loss + left)

    margins = {("eq-rounds-lower", "by K"): scaled_margin(length, K * (count + 1))}
    for r_minus_1 in _THRESHOLDS:
        margins["eq-rounds-lower", f"q = {1 + r_minus_1:g}"] = by_threshold(r_minus_1)
    # N rho lies between these two, whose quotient tends to 1 as r_0 grows
    margins["eq-rounds-limit", "from below, q = 1 + sqrt(r_0)"] = by_threshold(np.sqrt(i.r[:, :1]))
    margins["eq-rounds-limit", "from above"] = scaled_margin(count, length)
    return margins


def _longest_path(i: Instance) -> Values:
    norm = np.sqrt(np.sum(i.energy[:, 0], axis=-1))
    length = i.start_length
    kappa = finite_kappa(i)[:, 0]
    log_kappa = np.log(kappa)
    margins = {}
    for alpha in _CUTS:
        for beta in (1, 2, 4):
            factor = (
                alpha + np.exp(-beta * log_kappa**0) + np.sqrt(log_kappa + np.log(beta / alpha)) / 2
            )
            margins[f"upper, alpha = {alpha:g}, beta = {beta}"] = scaled_margin(
                length, factor * norm
            )
    # energies uniform in log d, on a grid: as long as the lower side, up to where it is too coarse
    log_kappa = np.where((log_kappa < 10).astype(bool), log_kappa, 10 + 0 * log_kappa)
    grid = np.exp(-log_kappa[:, None] * np.arange(_GRID)[::-1] / (_GRID - 1))
    reached = path_length(grid, 0 * grid + 1) * np.sqrt(log_kappa / _GRID)
    margins["lower, reached"] = scaled_margin(log_kappa / 2 - 0.6, reached)
    return margins


def _singular(i: Instance) -> Values:
    null = (i.d == 0)[:, None]
    energy = i.energy[:, :1]
    unreachable = np.sum(np.where(null, energy, 0.0), axis=-1)
    moving = np.sqrt(np.sum(np.where(null, 0.0, energy), axis=-1))
    after = np.sqrt(np.sum(i.energy[:, 1:2], axis=-1))
    return scaled_margin(moving, after + np.sqrt(i.rho2[:, None] - unreachable))


collapsed = Hypothesis(
    id="collapsed",
    words="the chain was run to its collapse",
    plain="the chain was run to its collapse",
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
        hypotheses=(nonsingular,),
        equations=("eq-length-bounds",),
        attained=r"all label energy on one eigenvalue; $\kappa = 1$",
    ),
    Statement(
        id="prop-length-falls-at-most",
        chapter="exact_rounds",
        slogan="A round shortens the path by at most rho times a function of kappa.",
        tex=r"L(y_t) - L(y_{t+1}) \le K \rho",
        source=THIS_BOOK,
        margin=_falls_at_most,
        hypotheses=(nonsingular,),
        rests_on=("prop-active", "thm-recursion", "prop-length-bounds"),
        equations=("eq-length-falls-at-most",),
        attained=r"all label energy on one eigenvalue and $\kappa = 1$",
    ),
    Statement(
        id="prop-length-falls-slowly",
        chapter="exact_rounds",
        slogan="Far from the collapse a round shortens the path by hardly more than rho.",
        tex=r"L(y_t) - L(y_{t+1}) \le \rho \Bigl(1 + \frac{c_t}{2\,d_{\min}}\Bigr) \le "
        r"\rho \Bigl(1 + \frac{\kappa}{2\,(r_t - 1)}\Bigr)",
        source=THIS_BOOK,
        margin=_falls_slowly,
        hypotheses=(non_trivial, nonsingular),
        rests_on=("prop-active", "thm-recursion", "prop-multiplier-bounds"),
        equations=("eq-length-falls-slowly",),
        attained=r"$r_t \to \infty$",
    ),
    Statement(
        id="thm-rounds-limit",
        chapter="exact_rounds",
        slogan="Rounds times rho is the length of the path, in the limit of small tolerance.",
        tex=r"N \ge \frac{L(y_0)}{K\rho} - 1, \qquad "
        r"N \ge \Bigl(\frac{L(y_0)}{\rho} - K q\Bigr) \Big/ "
        r"\Bigl(1 + \frac{\kappa}{2\,(q - 1)}\Bigr) \text{ for every } q > 1, \qquad "
        r"\lim_{\varepsilon \to 0} N\rho = L(y_0)",
        source=THIS_BOOK,
        margin=_rounds_lower,
        hypotheses=(nonsingular, collapsed),
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
        id="prop-longest-path",
        chapter="exact_rounds",
        slogan="The longest path is half the root of log kappa times the labels, nearly.",
        tex=r"\sup_{\kappa(G) = \kappa} \frac{L(y)}{\|y\|} = \tfrac12 \sqrt{\log\kappa} + o(1), "
        r"\qquad \frac{L(y)}{\|y\|} \le \alpha + e^{-\beta} + "
        r"\tfrac12 \sqrt{\log(\kappa \beta/\alpha)} \quad (0 < \alpha \le \beta,\ \beta \ge 1)",
        source=THIS_BOOK,
        margin=_longest_path,
        hypotheses=(nonsingular,),
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
