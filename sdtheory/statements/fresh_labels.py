"""Fresh labels and fresh noise: when data return, and when they do not.

Every multiplier of the instance serves as a fixed ridge; signals and noise are
made from the instance's energies.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sdtheory.formulas.filters import tikhonov
from sdtheory.formulas.mixing import best_fresh_own, bootstrapped, fresh_labels_risk
from sdtheory.statements.instance import Instance
from sdtheory.statements.statement import Kind, Statement, Values, scaled_margin

KUMAR = "Kumar et al. (2021); as restated here"
DONG = "Dong et al. (2019); as restated here"
BORUP = "Borup and Andersen (2023); as restated here"
FRESH = "this book, after He et al. (2025) and Garg et al. (2025)"

#: Shares of new labels, ascending; the last one of the first five is one half.
_SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0)
_HALF = 5
_ROUNDS = 6
_DISCOUNTS = (0.25, 0.9375)


def _smoother(i: Instance) -> Values:
    return tikhonov(i.d[:, None], i.multipliers)


def _stationary(i: Instance) -> Values:
    d, c, s, theta2 = i.d[:, None], i.multipliers, _smoother(i), i.energy[:, :1]
    sigma2 = np.sum(theta2, axis=-1, keepdims=True) / i.n
    theta = np.sqrt(theta2)
    margins = []
    for share in _SHARES:
        own = 1 - share
        bias = np.sqrt(fresh_labels_risk(d, c, share, theta2, 0 * sigma2))
        variance = fresh_labels_risk(d, c, share, 0 * theta2, sigma2)
        # one more generation changes neither
        margins.append(scaled_margin(bias, c / (c + d) * theta + own * s * bias))
        again = s**2 * (share**2 * sigma2 + own**2 * (variance + sigma2))
        margins.append(scaled_margin(variance, again))
    return np.stack(margins, axis=-1)


def _above_half(i: Instance) -> Values:
    d, c, theta2 = i.d[:, None], i.multipliers, i.energy[:, :1]
    sigma2 = np.sum(theta2, axis=-1, keepdims=True) / i.n
    risks = [fresh_labels_risk(d, c, share, theta2, sigma2) for share in _SHARES[:_HALF]]
    margins = [scaled_margin(after, before) for before, after in pairwise(risks)]
    return np.stack(margins, axis=-1)


def _golden(i: Instance) -> Values:
    d, c, s = i.d[:, None], i.multipliers, _smoother(i)
    # 1/u - 2 without its cancellation
    least = (s**2 + s**4 / (2 + np.sqrt(4 + s**4))) / 2
    margins = [scaled_margin(least, fresh_labels_risk(d, c, share, 0 * s, 1)) for share in _SHARES]
    attained = fresh_labels_risk(d, c, 1 - best_fresh_own(s), 0 * s, 1)
    margins += [scaled_margin(least, attained), scaled_margin(attained, least)]
    return np.stack(margins, axis=-1)


def _bootstrap(i: Instance) -> Values:
    s = _smoother(i)
    margins = []
    for discount in _DISCOUNTS:
        q = 0 * s
        for k in range(1, _ROUNDS + 1):
            q = s * (1 + discount * q)
            margins.append(scaled_margin(q, bootstrapped(i.d[:, None], i.multipliers, discount, k)))
    return np.stack(margins, axis=-1)


def _descent(i: Instance) -> Values:
    d, labels = i.d[:, None] / i.d_max[:, None, None], i.path.z[:, :-1, :, 0]
    fit, left = 0 * labels, 1 + 0 * d * labels
    margins = []
    for share in _SHARES[1:]:
        mixed = share * labels + (1 - share) * fit
        fit = fit + d * (mixed - fit) / 2
        left = left * (1 - share * d / 2)
        margins.append(scaled_margin(labels, fit + left * labels))
    return np.stack(margins, axis=-1)


def _posterior(i: Instance) -> Values:
    d, c = i.d[:, None], i.multipliers
    mean, variance, precision = 0 * d * c, d + 0 * c, 0 * c
    margins = []
    for round_ in range(1, _ROUNDS + 1):
        noise = c * round_
        mean = mean + variance / (variance + noise) * (1 - mean)
        variance = variance * noise / (variance + noise)
        precision = precision + 1 / noise
        margins.append(scaled_margin(mean, tikhonov(d, 1 / precision)))
    return np.stack(margins, axis=-1)


STATEMENTS = (
    Statement(
        id="prop-fresh-stationary",
        chapter="fresh_labels",
        slogan="With a share of new labels the risk converges to a closed form.",
        tex=r"\theta^2 \Bigl(\frac{1-s}{1-(1-w)s}\Bigr)^2 + "
        r"\sigma^2 s^2\, \frac{w^2 + (1-w)^2}{1 - (1-w)^2 s^2}",
        source=FRESH,
        margin=_stationary,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion", "prop-risk"),
        equations=("eq-fresh-stationary",),
    ),
    Statement(
        id="thm-fresh-half",
        chapter="fresh_labels",
        slogan="The best share of new labels exceeds one half, for every smoother.",
        tex=r"0 \le w < w' \le \tfrac12 \implies R(w') \le R(w)",
        source=FRESH,
        margin=_above_half,
        rests_on=("prop-fresh-stationary",),
        equations=("eq-fresh-half",),
        attained=r"$s \to 0$",
    ),
    Statement(
        id="prop-golden",
        chapter="fresh_labels",
        slogan="For the noise alone the best share of new labels has a closed form.",
        tex=r"s^2\, \frac{w^2 + (1-w)^2}{1 - (1-w)^2 s^2} \ge "
        r"\frac{s^2 - 2 + \sqrt{4 + s^4}}{2}, \qquad \text{equality at } "
        r"w = 1 - \frac{2}{2 + s^2 + \sqrt{4 + s^4}}",
        source=FRESH,
        margin=_golden,
        rests_on=("prop-fresh-stationary",),
        equations=("eq-golden",),
        attained="the best share of new labels",
    ),
    Statement(
        id="prop-bootstrapped",
        chapter="fresh_labels",
        slogan="Bootstrapped values tend to a multiple of a ridge fit at c/(1 - gamma).",
        tex=r"Q_{k+1} = S(r + \gamma Q_k),\ Q_0 = 0 \implies Q_k = "
        r"G \bigl(cI + (1-\gamma) G\bigr)^{-1} \bigl(I - (\gamma S)^k\bigr)\, r",
        source=KUMAR,
        margin=_bootstrap,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion",),
        equations=("eq-bootstrapped",),
    ),
    Statement(
        id="prop-descent-in-disguise",
        chapter="fresh_labels",
        slogan="One gradient step on mixed labels is a shorter gradient step on the labels.",
        tex=r"f_{t+1} = f_t + \eta G \bigl(a_t y + (1-a_t) f_t - f_t\bigr) \implies "
        r"y - f_t = \prod_{i<t} (I - \eta a_i G)\, y",
        source=DONG,
        margin=_descent,
        kind=Kind.IDENTITY,
        equations=("eq-descent",),
    ),
    Statement(
        id="prop-posterior-passed",
        chapter="fresh_labels",
        slogan="Passing on the whole predictive distribution lowers the multiplier in every round.",
        tex=r"\text{mean after } t \text{ rounds: } G(\gamma I + G)^{-1} y, \qquad "
        r"\frac1\gamma = \sum_{i<t} \frac1{\gamma_i}",
        source=BORUP,
        margin=_posterior,
        kind=Kind.IDENTITY,
        equations=("eq-posterior-passed",),
    ),
)
