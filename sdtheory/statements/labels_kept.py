"""Labels kept in the loop: the anchored chain, its limit, and the best mixture.

Every multiplier of the instance serves as a fixed ridge. Signals and noise are
made from the instance's energies, as in the chapter on risk.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from sdtheory.formulas.filters import tikhonov
from sdtheory.formulas.mixing import (
    interpolating_shares,
    kept_labels,
    mixed_chain,
    mixing_parts,
)
from sdtheory.formulas.risk import fixed_design_risk, wiener
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Hypothesis,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

BORUP = "Borup and Andersen (2021); as restated here"
DANG = "Dang, Patil and Rinaldo (2026), and Das and Sanghavi (2023); as restated here"
PAREEK = "Pareek, Du and Oh (2024); as restated here"

#: Shares of the labels, rounds, and shares of the student at which statements are tested.
_SHARES = (0.125, 0.5, 1.0)
_ROUNDS = 6
_MIXTURES = (-1.0, 0.5, 2.0)
#: Three distinct entries of a smoother.
_ENTRIES = (0.25, 0.5, 0.75)
#: Planned numbers of rounds.
_PLANS = (1, 2, 3, 8, 30)


def _smoother(i: Instance) -> Values:
    return tikhonov(i.d[:, None], i.multipliers)


def _kept(i: Instance, share: float) -> list[Values]:
    """Return the filters of the chain that keeps a share of the labels, round by round."""
    s = _smoother(i)
    filters = [1 + 0 * s]
    for _ in range(_ROUNDS):
        filters.append(s * (share + (1 - share) * filters[-1]))
    return filters


def _closed(i: Instance) -> Values:
    margins = [
        scaled_margin(phi, kept_labels(i.d[:, None], i.multipliers, share, t))
        for share in _SHARES
        for t, phi in enumerate(_kept(i, share)[1:], start=1)
    ]
    return np.stack(margins, axis=-1)


def _limit(i: Instance) -> Values:
    d_max = i.d_max[:, None, None]
    margins = []
    for share in _SHARES:
        limit = tikhonov(i.d[:, None], i.multipliers / share)
        rate = (1 - share) * tikhonov(d_max, i.multipliers)
        for t, phi in enumerate(_kept(i, share)):
            margins += [
                scaled_margin(limit, phi),
                scaled_margin(phi, limit + rate**t * (1 - limit)),
            ]
    return np.stack(margins, axis=-1)


def _overshoot(i: Instance) -> Values:
    s, c, d = _smoother(i), i.multipliers, i.d[:, None]
    margins = []
    for share in _SHARES:
        limit = tikhonov(d, c / share)
        for t, phi in enumerate(_kept(i, share)):
            part = (1 - share) ** t * c / share * s**t / d
            left = phi[..., 1:] / limit[..., 1:] + part[..., :-1]
            margins.append(scaled_margin(left, phi[..., :-1] / limit[..., :-1] + part[..., 1:]))
    return np.stack(margins, axis=-1)


def _sparser(i: Instance) -> Values:
    margins = []
    for now, after in pairwise(_kept(i, 0.25)):
        j, k = slice(None, -1), slice(1, None)
        margins.append(scaled_margin(now[..., k] * after[..., j], after[..., k] * now[..., j]))
    return np.stack(margins, axis=-1)


def _best_share(i: Instance) -> Values:
    labels, s, c = i.path.z[:, :-1], _smoother(i)[..., None], i.multipliers
    target, from_fit = 2 * labels[:, :, ::-1], s * s * labels
    # from the labels s y, less from the fit s^2 y
    away = s * (c / (c + i.d[:, None]))[..., None] * labels
    size = np.sum(np.square(away), axis=(-2, -1))
    zero = (size == 0).astype(bool)
    inner = np.sum((target - from_fit) * away, axis=(-2, -1))
    best = inner / np.where(zero, 1, size)

    def error(share: Values) -> Values:
        fit = s * (share * labels + (1 - share) * s * labels)
        return np.sum(np.square(fit - target), axis=(-2, -1))

    rest = np.sum(np.square(target - from_fit), axis=(-2, -1))
    # the squared distance of the best mixture, by Pythagoras
    margins = [
        scaled_margin(error(share) + inner * best, rest + np.square(share - best) * size)
        for share in _MIXTURES
    ]
    return np.stack(margins, axis=-1)


def _tangent(i: Instance) -> Values:
    c, d, s = i.multipliers, i.d[:, None], _smoother(i)
    return scaled_margin(s, s**2 + c * (d / (c + d) ** 2))


def _signal_and_noise(i: Instance) -> tuple[Values, Values]:
    energy = i.energy[:, :1]
    return energy, np.sum(energy, axis=-1, keepdims=True) / i.n


def _mixing(i: Instance) -> Values:
    d, c, (theta2, sigma2) = i.d[:, None], i.multipliers, _signal_and_noise(i)
    s, rest = _smoother(i), c / (c + d)
    slope, curvature = mixing_parts(d, c, theta2, sigma2)
    teacher = fixed_design_risk(s, theta2, sigma2)
    best = -slope / (2 * curvature)
    margins = []
    for share in _MIXTURES:
        # (1 - xi) s + xi s^2 without its cancellation
        mixture = fixed_design_risk(s * (1 - share * rest), theta2, sigma2)
        margins.append(scaled_margin(mixture, teacher + share * slope + share**2 * curvature))
    mixture = fixed_design_risk(s * (1 - best[..., None] * rest), theta2, sigma2)
    margins.append(scaled_margin(mixture + slope**2 / (4 * curvature), teacher))
    return np.stack(margins, axis=-1)


def _reaches(i: Instance) -> Values:
    theta2, sigma2 = _signal_and_noise(i)
    total = np.sum(theta2, axis=-1, keepdims=True)
    signal = np.concatenate([total + theta2[..., :1], total, total + theta2[..., -1:]], axis=-1)
    target = wiener(signal, sigma2)
    s = np.array(_ENTRIES) + 0 * target
    return scaled_margin(mixed_chain(s, interpolating_shares(s, target)), target)


def _renewed_step(i: Instance) -> Values:
    data, fit = i.path.z[:, :1], i.path.z[:, 1:]
    rho = np.sqrt(i.rho2)[:, None]
    left = i.r_minus_1[:, :-1] * rho
    size = np.sum(i.energy[:, :1], axis=-1)
    margins = []
    for share in _SHARES:
        mixed = np.sum(np.square((1 - share) * fit + share * data), axis=(-2, -1))
        margins.append(scaled_margin(np.square((1 - share) * left) + share**2 * size, mixed))
    return np.stack(margins, axis=-1)


def _renewed_plan(i: Instance) -> Values:
    margins = []
    for plan in _PLANS:
        r_0 = 2 * np.sqrt(plan + 0 * i.r[:, 0]) * i.r[:, 0]
        r = r_0
        for t in range(1, plan + 1):
            left = (r - 1 + np.abs(r - 1)) / 2
            r = np.sqrt(np.square((1 - t / plan) * left) + np.square(t / plan * r_0))
            early = (1 - t * (t + 1) / (2 * plan)) * r_0 - t
            margins += [
                scaled_margin(1 + 0 * r, r),
                scaled_margin(t / plan * r_0, r),
                scaled_margin(early, r),
            ]
    return np.stack(margins, axis=-1)[:, None]


STATEMENTS = (
    Statement(
        id="thm-labels-kept",
        chapter="labels_kept",
        slogan="A chain that keeps a share of the labels approaches one ridge fit geometrically.",
        tex=r"y^{(t)} = S\bigl(a y + (1-a) y^{(t-1)}\bigr) \implies y^{(t)} = \Lambda y + "
        r"\bigl((1-a) S\bigr)^t (I - \Lambda)\, y, \qquad "
        r"\Lambda = G \bigl(\tfrac{c}{a} I + G\bigr)^{-1}",
        source=BORUP,
        margin=_closed,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion",),
        equations=("eq-labels-kept",),
    ),
    Statement(
        id="cor-kept-limit",
        chapter="labels_kept",
        slogan="With labels kept, the limit is ridge regression with the larger multiplier c/a.",
        tex=r"\Lambda_k \le \varphi_t[k] \le \Lambda_k + \bigl((1-a)\,s_{\max}\bigr)^t "
        r"(1 - \Lambda_k)",
        source=BORUP,
        margin=_limit,
        rests_on=("thm-labels-kept",),
        equations=("eq-kept-limit",),
        attained=r"$a = 1$; the largest eigenvalue",
    ),
    Statement(
        id="prop-overshoot",
        chapter="labels_kept",
        slogan="Ratios pass their limit once the powers of the smoother outgrow the spectrum.",
        tex=r"\frac{\varphi_t[k]}{\Lambda_k} - \frac{\varphi_t[j]}{\Lambda_j} = "
        r"(1-a)^t\, \frac{c}{a} \Bigl( \frac{s_k^t}{d_k} - \frac{s_j^t}{d_j} \Bigr)",
        source=THIS_BOOK,
        margin=_overshoot,
        kind=Kind.IDENTITY,
        hypotheses=(nonsingular,),
        rests_on=("thm-labels-kept",),
        equations=("eq-overshoot",),
    ),
    Statement(
        id="claim-kept-sparser",
        chapter="labels_kept",
        slogan="With labels in the loop, too, every round is sparser than the one before.",
        tex=r"0 < a < 1: \quad \frac{\varphi_{t+1}[k]}{\varphi_{t+1}[j]} \ge "
        r"\frac{\varphi_t[k]}{\varphi_t[j]} \quad (d_k > d_j)",
        source="the paper's sparsification, read for a chain with labels",
        margin=_sparser,
        hypotheses=(non_trivial, nonsingular),
        equations=("eq-claim-kept-sparser",),
        counterexample=Counterexample(
            d=(Fraction(1, 10), Fraction(1)),
            z=(Fraction(1), Fraction(1)),
            epsilon=Fraction(521, 968),
            rounds=1,
            words=r"with $c = 1$ and $a = \frac14$ the ratio falls from round 3 on",
        ),
        repaired_by=("prop-overshoot",),
    ),
    Statement(
        id="prop-best-share",
        chapter="labels_kept",
        slogan="The best share of the labels is a least-squares problem in one number.",
        tex=r"\|v + a(u - v) - \theta\|^2 = \|v + a^*(u - v) - \theta\|^2 + "
        r"(a - a^*)^2\, \|u - v\|^2, \qquad a^* = \frac{(\theta - v)^\top (u - v)}{\|u - v\|^2}",
        source=BORUP,
        margin=_best_share,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion",),
        equations=("eq-best-share",),
    ),
    Statement(
        id="lem-tangent",
        chapter="labels_kept",
        slogan="Student minus teacher is the tangent of the ridge path.",
        tex=r"S^2 - S = c\, \frac{\partial S}{\partial c}",
        source=DANG,
        margin=_tangent,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion",),
        equations=("eq-tangent-identity",),
    ),
    Statement(
        id="thm-optimal-mixing",
        chapter="labels_kept",
        slogan="The best mixture with a student helps unless the multiplier is stationary.",
        tex=r"R(\xi) = R + \xi\, c R'(c) + \xi^2 D, \qquad \xi^* = -\frac{c R'(c)}{2D}, \qquad "
        r"R(\xi^*) = R - \frac{c^2 R'(c)^2}{4D}",
        source=DANG,
        margin=_mixing,
        kind=Kind.IDENTITY,
        rests_on=("lem-tangent", "prop-risk"),
        equations=("eq-optimal-mixing",),
    ),
    Statement(
        id="thm-mixing-reaches",
        chapter="labels_kept",
        slogan="As many mixed steps as distinct eigenvalues reach almost every filter.",
        tex=r"q(s_j) = \tfrac{w_j}{s_j},\ q(1) = 1,\ q_0 + \dots + q_i \ne 1\ (i < r - 1) "
        r"\implies \text{some } \xi_1, \dots, \xi_r \text{ give } "
        r"\varphi_r(s_j) = w_j\ (j \le r), \qquad "
        r"\varphi_0 = s,\ \varphi_i = s\,(\xi_i + (1-\xi_i)\,\varphi_{i-1})",
        source=PAREEK,
        margin=_reaches,
        kind=Kind.IDENTITY,
        rests_on=("prop-oracle",),
        equations=("eq-mixing-reaches",),
    ),
    Statement(
        id="prop-renewed-step",
        chapter="labels_kept",
        slogan="Kept labels and fitted labels never cancel.",
        tex=r"\bigl\|(1-a)\, y_{t+1} + a\, y_0\bigr\|^2 \ge (1-a)^2 (\|y_t\| - \rho)^2 + "
        r"a^2 \|y_0\|^2",
        source=THIS_BOOK,
        margin=_renewed_step,
        hypotheses=(non_trivial,),
        rests_on=("thm-product", "prop-step"),
        equations=("eq-renewed-step",),
    ),
    Statement(
        id="thm-renewed-plan",
        chapter="labels_kept",
        slogan="Labels that return on a plan of T rounds prevent the collapse if r_0 >= 2 sqrt(T).",
        tex=r"r_0 \ge 2\sqrt{T},\ r_t^2 \ge \bigl((1 - \tfrac tT)(r_{t-1} - 1)^+\bigr)^2 + "
        r"\bigl(\tfrac tT r_0\bigr)^2 \implies r_t > 1 \quad (0 \le t \le T)",
        source=THIS_BOOK,
        margin=_renewed_plan,
        hypotheses=(
            Hypothesis(
                id="large",
                words=r"$r_0 \ge 2\sqrt{T}$",
                plain="r_0 is at least 2 sqrt(T)",
                needed_for="the labels vanish before the plan brings them back",
                holds=lambda i: i.r[:, :1] >= 1,
            ),
        ),
        rests_on=("prop-renewed-step",),
        equations=("eq-renewed-plan",),
    ),
)
