"""When one more round lowers the risk, for filters that do not depend on the labels.

Signals are made from the instance. Its energies are the squares of the signal's
components, or the increments of theta^2/d where a statement needs a monotone
quotient. The noise has the size of the signal, or the size at which the
multipliers matter.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np

from sdtheory.formulas.filters import tikhonov
from sdtheory.formulas.risk import fixed_design_risk, ridge_between_log, wiener
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

#: Multiples of a multiplier at which statements about every single round are tested.
_STRENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0)
#: Single rounds are bounded on a grid from 2^-k to 2^k times the sum of the multipliers.
_OCTAVES = 4
#: Most places on a spectrum at which a statement is tested.
_PLACES = 5
#: Least theta^2/d of a smooth signal, as a share of the energy.
_BASE = 2.0**-4


def _energy(i: Instance) -> Values:
    return i.energy[:, :1]


def _total(i: Instance) -> Values:
    return np.sum(_energy(i), axis=-1, keepdims=True)


def _noise(i: Instance) -> Values:
    return _total(i) / i.n


def _eigenvalues(i: Instance) -> Values:
    """Return d of shape (m, 1, n), with the largest eigenvalue in place of zeros."""
    return np.where((i.d > 0).astype(bool), i.d, i.d_max[:, None])[:, None]


def _two_point_noise(i: Instance) -> Values:
    theta, phi = i.path.z[:, :1], i.B[..., None]
    sigma2 = _noise(i)[..., None]
    sigma = np.sqrt(sigma2)
    errors = (phi * (theta + sign * sigma) - theta for sign in (1, -1))
    mean = sum(np.square(error) for error in errors) / 2
    formula = np.square((1 - phi) * theta) + np.square(phi) * sigma2
    return scaled_margin(*(np.sum(a, axis=(-2, -1)) for a in (mean, formula)))


def _excess(phi: Values, theta2: Values, sigma2: Values) -> Values:
    """Return n times what a filter's risk exceeds Wiener's by."""
    away = phi - wiener(theta2, sigma2)
    return np.sum((theta2 + sigma2) * np.square(away), axis=-1)


def _above_and_below(phi: Values, theta2: Values, sigma2: Values) -> tuple[Values, Values]:
    """Return the parts of the excess where the filter is above Wiener's, and below it."""
    away = phi - wiener(theta2, sigma2)
    above, below = ((np.abs(away) + sign * away) / 2 for sign in (1, -1))
    weight = theta2 + sigma2
    return np.sum(weight * np.square(above), axis=-1), np.sum(weight * np.square(below), axis=-1)


def _least(theta2: Values, sigma2: Values) -> Values:
    """Return n times the risk of Wiener's filter."""
    return np.sum(theta2 * sigma2 / (theta2 + sigma2), axis=-1)


def _oracle(i: Instance) -> Values:
    theta2, sigma2 = _energy(i), _noise(i)
    least = np.sum(theta2 * wiener(sigma2, theta2), axis=-1)
    return scaled_margin(
        i.n * fixed_design_risk(i.B, theta2, sigma2), least + _excess(i.B, theta2, sigma2)
    )


def _one_more(i: Instance) -> Values:
    theta2, sigma2 = _energy(i), _noise(i)
    before = np.concatenate([1 + 0 * i.B[:, :1], i.B[:, :-1]], axis=1)[:, : i.B.shape[1]]
    c = i.multipliers
    removed = c / (c + i.d[:, None]) * before
    old, new = (i.n * fixed_design_risk(phi, theta2, sigma2) for phi in (before, i.B))
    noise = np.sum((theta2 + sigma2) * removed * (before + i.B), axis=-1)
    margin = scaled_margin(new + noise, old + 2 * np.sum(theta2 * removed, axis=-1))
    # each direction lowers the risk, or not, by the sign of its own difference; without a signal
    # the filters count in units of the old one, whose square may be too small for a float
    bare = (theta2 == 0).astype(bool) & (before != 0).astype(bool)
    old_phi, new_phi = np.where(bare, 1, before), np.where(bare, tikhonov(i.d[:, None], c), i.B)
    removed = c / (c + i.d[:, None]) * old_phi
    risks = [np.square(1 - phi) * theta2 + np.square(phi) * sigma2 for phi in (old_phi, new_phi)]
    gained = (theta2 + sigma2) * removed * (old_phi + new_phi)
    return i.while_alive(
        {
            "all directions": margin,
            "each direction": scaled_margin(risks[1] + gained, risks[0] + 2 * theta2 * removed),
        },
    )


def _several(i: Instance) -> tuple[Values, Values]:
    """Return log F of t rounds, shape (m, T, n), and the sum of their multipliers, (m, T, 1)."""
    c = i.multipliers
    return -np.cumsum(np.log1p(c / _eigenvalues(i)), axis=1), np.cumsum(c, axis=1)


def _rough_signal(i: Instance) -> Values:
    """Return theta^2 with theta^2/d non-increasing: sums of the energies from d upwards."""
    return _eigenvalues(i) * np.cumsum(_energy(i)[..., ::-1], axis=-1)[..., ::-1]


def _suffices(i: Instance) -> Values:
    d, (log_F, total) = _eigenvalues(i), _several(i)
    zero = (i.d == 0).astype(bool)[:, None]
    theta2, sigma2 = _rough_signal(i), total * _total(i)
    # in the null space of G the largest eigenvalue stands in, with its own signal
    theta2 = np.where(zero, theta2[..., -1:], theta2)
    T = tikhonov(d, ridge_between_log(d, log_F, theta2, sigma2)[..., None])
    kept = [np.where(zero, 0, phi) for phi in (T, np.exp(log_F))]
    theta2 = np.where(zero, 0, theta2)
    return i.while_alive(scaled_margin(*(fixed_design_risk(phi, theta2, sigma2) for phi in kept)))


def _second_helps(i: Instance) -> Values:
    # in the null space of G the largest eigenvalue stands in, and has no weight
    zero = (i.d == 0).astype(bool)[:, None]
    d, ratio = _eigenvalues(i), _total(i) * _BASE + np.cumsum(_energy(i), axis=-1)
    ratio = np.where(zero, ratio[..., -1:], ratio)
    sigma2 = i.multipliers * _total(i)
    mu, theta2 = sigma2 / ratio, ratio * d
    place = np.unique(np.linspace(0, i.n - 1, _PLACES).astype(int))
    margins = {}
    for k in place:
        c, d_place = mu[..., k : k + 1], d[..., k : k + 1]
        T, w, T_place = tikhonov(d, c), d / (mu + d), tikhonov(d_place, c)
        weight = np.where(zero, 0, (theta2 + sigma2) * (c / (c + d)))
        sides = T * T + T_place * w, T_place * T + T * w
        sums = (np.sum(weight * side, axis=-1) for side in sides)
        margins[f"meeting at eigenvalue {k}"] = scaled_margin(*sums)
    return i.while_alive(margins)


def _single_floor(i: Instance) -> Values:
    theta2, sigma2, d, c = _energy(i), _noise(i), i.d[:, None], i.multipliers
    first, last = (
        _above_and_below(tikhonov(d, c * f), theta2, sigma2)
        for f in (_STRENGTHS[0], _STRENGTHS[-1])
    )
    least = _least(theta2, sigma2)
    margins = {}
    for factor in _STRENGTHS:
        excess = _excess(tikhonov(d, c * factor), theta2, sigma2)
        bounds = {"both squares": last[0] + first[1], "first": last[0], "second": first[1]}
        for name, bound in bounds.items():
            margins[f"{name}, at {factor:g} c"] = scaled_margin(least + bound, least + excess)
    return i.while_alive(margins)


def _any_signal(i: Instance) -> Values:
    s = np.cumsum(i.multipliers, axis=1)
    d = i.d[:, None]
    theta2, sigma2 = np.square(d), 2 * np.square(s)
    grid = [s * 2.0 ** (j / 16) for j in range(-_OCTAVES * 16, _OCTAVES * 16 + 1)]
    parts = [_above_and_below(tikhonov(d, c), theta2, sigma2) for c in grid]
    # every c is below the first, between two neighbours, or above the last
    between = [upper[0] + lower[1] for lower, upper in pairwise(parts)]
    bounds = [parts[0][0], *between, parts[-1][1]]
    floor = reduce(lambda a, b: (a + b - np.abs(a - b)) / 2, bounds)
    least = _least(theta2, sigma2)
    return scaled_margin(least + floor, least + _excess(i.B, theta2, sigma2))


STATEMENTS = (
    Statement(
        id="prop-risk",
        chapter="risk",
        slogan="The risk of a fixed filter is squared bias plus variance.",
        tex=r"\frac1n\,\mathbb{E}\,\|\hat f(x) - f_0(x)\|^2 = \frac1n \sum_k "
        r"\bigl((1 - \varphi_k)^2\,\theta_k^2 + \sigma^2 \varphi_k^2\bigr)",
        source=THIS_BOOK,
        margin=_two_point_noise,
        kind=Kind.IDENTITY,
        rests_on=("thm-product",),
        equations=("eq-risk",),
    ),
    Statement(
        id="prop-oracle",
        chapter="risk",
        slogan="Wiener's filter has the least risk; that of any other exceeds it by a weighted "
        "squared distance.",
        tex=r"n R(\varphi) = \sum_k \frac{\theta_k^2 \sigma^2}{\theta_k^2 + \sigma^2} + "
        r"\sum_k (\theta_k^2 + \sigma^2)(\varphi_k - w_k)^2, \qquad "
        r"w_k = \frac{\theta_k^2}{\theta_k^2 + \sigma^2}, \ \sigma > 0",
        source=THIS_BOOK,
        margin=_oracle,
        kind=Kind.IDENTITY,
        rests_on=("prop-risk",),
        equations=("eq-oracle",),
    ),
    Statement(
        id="thm-one-more-round",
        chapter="risk",
        slogan="A round lowers the risk in directions where the midpoint of both shares is above "
        "Wiener's.",
        tex=r"n \bigl(R(B_t) - R(B_{t-1})\bigr) = 2 \sum_k (\theta_k^2 + \sigma^2)\, "
        r"(B_{t-1}[k] - B_t[k]) \Bigl(w_k - \frac{B_{t-1}[k] + B_t[k]}{2}\Bigr), "
        r"\qquad B_{-1} = I, \ \sigma > 0",
        source=THIS_BOOK,
        margin=_one_more,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("prop-oracle", "thm-product"),
        equations=("eq-one-more-round",),
    ),
    Statement(
        id="thm-one-round-suffices",
        chapter="risk",
        slogan="Where the signal decays no faster than the spectrum, one round is enough.",
        tex=r"\frac{\theta_k^2}{d_k} \text{ non-increasing in } d_k > 0 \implies "
        r"R(T_c) \le R(F), \qquad c = \max_{d_k > 0} \min\Bigl\{ m(d_k), "
        r"\frac{\sigma^2 d_k}{\theta_k^2} \Bigr\}, \quad F = \prod_{i<t} T_{c_i}, "
        r"\ \sigma > 0",
        source=THIS_BOOK,
        margin=_suffices,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter", "prop-oracle"),
        equations=("eq-one-round-suffices",),
        attained=r"one round with $c_0 \le \max_k \mu_k$; one eigenvalue with $m \le \max_k \mu_k$",
    ),
    Statement(
        id="thm-second-round-helps",
        chapter="risk",
        slogan="Where the signal decays faster than the spectrum, a second round helps.",
        tex=r"\frac{\theta_k^2}{d_k} \text{ non-decreasing in } d_k > 0, \ "
        r"\mu_k \ge c \text{ for } d_k < d^\circ, \ \mu_k \le c \text{ for } d_k > d^\circ "
        r"\implies T_c(d^\circ) \sum_k g_k \ge \sum_k g_k\, T_c(d_k), \qquad "
        r"g_k = (\theta_k^2 + \sigma^2)\,(T_c(d_k) - w_k)\,(1 - T_c(d_k)), \ "
        r"\mu_k = \frac{\sigma^2 d_k}{\theta_k^2}, \ \sigma, c > 0",
        source=THIS_BOOK,
        margin=_second_helps,
        hypotheses=(non_trivial,),
        rests_on=("prop-oracle", "prop-risk"),
        equations=("eq-second-round",),
        attained=r"$\mu_k = c$ wherever $d_k \ne d^\circ$",
    ),
    Statement(
        id="prop-single-floor",
        chapter="risk",
        slogan="No single round has a risk below this floor.",
        tex=r"0 < a \le c \le b, \ \sigma > 0: \quad n R(T_c) \ge n R(w) + "
        r"\sum_k (\theta_k^2 + \sigma^2) \Bigl( "
        r"\bigl((T_b(d_k) - w_k)^+\bigr)^2 + \bigl((T_a(d_k) - w_k)^-\bigr)^2 \Bigr); "
        r"\quad \text{first square alone: } c \le b, \text{ second alone: } c \ge a",
        source=THIS_BOOK,
        margin=_single_floor,
        hypotheses=(non_trivial,),
        rests_on=("prop-oracle",),
        equations=("eq-single-floor",),
        attained="$a = b$",
    ),
    Statement(
        id="claim-one-round-suffices",
        chapter="risk",
        slogan="One round, with its tolerance well chosen, is as good as several for any signal.",
        tex=r"\text{for all } \theta, \sigma > 0 \text{ and some } c > 0: \quad R(T_c) \le R(F)",
        source="a theorem of this book without its hypothesis, not the paper",
        margin=_any_signal,
        hypotheses=(non_trivial, nonsingular),
        equations=("eq-claim-suffices",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(3), Fraction(9)),
            z=(Fraction(1), Fraction(3), Fraction(9)),
            epsilon=Fraction(1, 2),
            rounds=3,
            words=r"for the signal $\theta_k = d_k$ and $\sigma = \sqrt2\,(c_0 + c_1 + c_2)$ three "
            r"rounds of this chain have a smaller risk than any single round",
        ),
        repaired_by=("thm-one-round-suffices", "thm-second-round-helps"),
    ),
)
