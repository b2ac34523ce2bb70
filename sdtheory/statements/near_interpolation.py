"""What becomes of the bound on the sparsity index, and of the index, as epsilon falls to 0."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sdtheory.formulas.bounds import log_near_interpolation_limits, log_sparsification_bound
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.sparsification import (
    first_r_minus_1,
    guaranteed,
    log_ratios,
    neighbours,
)
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Hypothesis,
    Statement,
    Values,
    scaled_margin,
)

THEOREM_6 = "Mobahi et al. (2020), Thm 6; as restated here"
READING = "a reading of Mobahi et al. (2020), Thm 6; as restated here"

last_guaranteed = Hypothesis(
    id="last-guaranteed",
    words=r"$t = \lfloor (r_0 - 1)/\kappa \rfloor$",
    plain="t is the integer part of (r_0 - 1)/kappa",
    needed_for="the claim is about the number of rounds that the tolerance guarantees",
    holds=lambda i: (
        ((i.t + 1) * i.kappa[:, None] <= i.r_minus_1[:, :1])
        & ((i.t + 2) * i.kappa[:, None] > i.r_minus_1[:, :1])
    ),
)


def _log_bounds(i: Instance, r_minus_1: Values, t: Values) -> Values:
    """Return the logarithm of the bound for neighbours after t rounds at that value of r_0 - 1."""
    d_j, d_k = neighbours(i.d)
    return log_sparsification_bound(
        r_minus_1[..., None], i.d_min[:, None, None], d_j, d_k, t[:, None]
    )


def _bound_grows(i: Instance) -> Values:
    t = np.arange(1, len(i.t) + 2)
    r_minus_1 = i.kappa[:, None] * t
    bound = _log_bounds(i, r_minus_1, t)
    limit = log_near_interpolation_limits(i.d)[:, None] + 0 * bound
    a, b = (i.d_min[:, None, None] / d for d in neighbours(i.d))
    s = r_minus_1[..., None]
    lowest, highest = limit * s / (s + a), limit * s / (s + b)
    return {
        ("eq-bound-grows", "in t"): scaled_margin(bound[:, :-1], bound[:, 1:]),
        ("eq-bound-limit", "upper"): scaled_margin(bound, highest),
        ("eq-bound-limit", "lower"): scaled_margin(lowest, bound),
        ("eq-bound-limit", "lower, by r_0"): scaled_margin((1 - 1 / (1 + s)) * limit, lowest),
    }


def _fixed_rounds(i: Instance) -> Values:
    t, r_minus_1 = i.t + 1, first_r_minus_1(i)
    bound = _log_bounds(i, r_minus_1, t)
    d_j, d_k = neighbours(i.d)
    d_min, s = i.d_min[:, None, None], r_minus_1[..., None]
    gaps = t[:, None] * d_min * (d_k - d_j) / (d_j * d_k)
    return {
        "falls": scaled_margin(_log_bounds(i, 2 * r_minus_1, t), bound),
        "upper": scaled_margin(bound, gaps / (s + d_min / d_k)),
        "lower": scaled_margin(gaps / (s + d_min / d_j), bound),
    }


def _least(logarithms: Values) -> Values:
    """Return the minimum over neighbours; 0 where there are none."""
    if not logarithms.shape[-1]:
        return np.zeros(logarithms.shape[:-1])
    return np.min(logarithms, axis=-1)


def _floor_grows(i: Instance) -> Values:
    t = i.t + 1
    step = i.kappa[:, None] * t
    return scaled_margin(
        *(_least(_log_bounds(i, r_minus_1, t)) for r_minus_1 in (step, first_r_minus_1(i)))
    )


def _index_below_limit(i: Instance) -> Values:
    index, limits = np.cumsum(log_ratios(i), axis=1), log_near_interpolation_limits(i.d)
    return scaled_margin(_least(index), _least(limits)[:, None])


def _index_below_own_limit(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    gap = np.min((d_k - d_j) / (d_j * d_k), axis=-1, initial=np.inf)
    index = np.min(np.cumsum(log_ratios(i), axis=1), axis=-1, initial=np.inf)
    # without a gap the index is 1
    gaps = ((gap > 0) & (gap < np.inf)).astype(bool)
    time = (np.where(gaps, index, 0) / np.where(gaps, gap, 1))[..., None]
    energy = i.energy[:, :1]
    # how far the flow gets in that time, at most the length of its path
    distance = np.sqrt(np.sum(energy * np.expm1(-time / i.d[:, None]) ** 2, axis=-1))
    return scaled_margin(distance * i.kappa[:, None], np.sqrt(np.sum(energy, axis=-1)))


def _flow(i: Instance) -> tuple[Values, Values, Values]:
    """Return c_i, tau_{i+1} = c_0 + ... + c_i and q_i = kappa/(r_i - 1), each of shape (m, T)."""
    c = i.multipliers[..., 0]
    r_minus_1 = np.where(i.alive, i.r_minus_1[:, :-1], 1)
    return c, np.cumsum(c, axis=1), i.kappa[:, None] / r_minus_1


def _flow_step(i: Instance) -> Values:
    c, tau, q = _flow(i)
    d, energy = i.d[:, None], i.energy[:, :1]
    rho = np.sqrt(i.rho2)[:, None]

    def speed(time: Values) -> Values:
        return np.sqrt(np.sum(energy * (np.exp(-time[..., None] / d) / d) ** 2, axis=-1))

    margins = {
        "lower": scaled_margin(c * speed(tau), rho),
        "upper": scaled_margin(rho, c * speed(tau / (1 + q))),
    }
    return i.while_alive(margins)


def _index_by_flow(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    _, tau, q = _flow(i)
    highest = tau[..., None] * (d_k - d_j) / (d_j * d_k)
    log_ratio = np.cumsum(log_ratios(i), axis=1)
    margins = {
        "lower": scaled_margin(highest / (1 + q)[..., None], log_ratio),
        "upper": scaled_margin(log_ratio, highest),
    }
    return i.while_alive(margins)


STATEMENTS = (
    Statement(
        id="thm-near-interpolation",
        chapter="near_interpolation",
        slogan="With a whole number of guaranteed rounds, the guaranteed index grows.",
        tex=r"b_t = \min_k \left(\frac{\kappa t + d_{\min}/d_k}{\kappa t + d_{\min}/d_{k+1}}"
        r"\right)^t \text{ increases with } t \text{ to } b_\infty = \exp\Bigl("
        r"\frac{d_{\min}}{\kappa} \min_k \bigl(\tfrac1{d_k} - \tfrac1{d_{k+1}}\bigr)\Bigr), "
        r"\quad \log b_t \ge (1 - 1/r_0) \log b_\infty",
        source=THEOREM_6,
        margin=_bound_grows,
        hypotheses=(nonsingular,),
        rests_on=("thm-sparsification",),
        equations=("eq-bound-grows", "eq-bound-limit"),
    ),
    Statement(
        id="prop-fixed-rounds",
        chapter="near_interpolation",
        slogan="For a fixed number of rounds a smaller tolerance guarantees less sparsification.",
        tex=r"\left(\frac{r_0 - 1 + d_{\min}/d_j}{r_0 - 1 + d_{\min}/d_k}\right)^t "
        r"\text{ decreases in } r_0 > 1, \text{ and its logarithm is at most } "
        r"\frac{t\,d_{\min}}{r_0 - 1 + d_{\min}/d_k} \Bigl(\frac1{d_j} - \frac1{d_k}\Bigr)",
        source=THIS_BOOK,
        margin=_fixed_rounds,
        hypotheses=(nonsingular,),
        equations=("eq-fixed-rounds",),
    ),
    Statement(
        id="claim-floor",
        chapter="near_interpolation",
        slogan="The bound after all guaranteed rounds grows whenever epsilon falls.",
        tex=r"\varepsilon' < \varepsilon \implies b(\varepsilon') \ge b(\varepsilon), \qquad "
        r"t = \lfloor (r_0 - 1)/\kappa \rfloor",
        source=READING,
        margin=_floor_grows,
        hypotheses=(last_guaranteed,),
        equations=("eq-claim-floor",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(2)),
            z=(Fraction(12, 5), Fraction(16, 5)),
            epsilon=Fraction(1, 2),
            rounds=1,
            words=r"at $r_0 = 4$ one round is guaranteed and the bound is $8/7$; at the larger "
            r"tolerance with $r_0 = 3$ one round is guaranteed, too, and the bound is $6/5$",
        ),
        repaired_by=("thm-near-interpolation", "prop-fixed-rounds"),
    ),
    Statement(
        id="claim-index-limit",
        chapter="near_interpolation",
        slogan="The sparsity index itself grows to the limit of its bound.",
        tex=r"S_{B_{t-1}} \nearrow \exp\Bigl(\frac{d_{\min}}{\kappa} \min_k \bigl(\tfrac1{d_k} - "
        r"\tfrac1{d_{k+1}}\bigr)\Bigr), \qquad t = (r_0 - 1)/\kappa",
        source=READING,
        margin=_index_below_limit,
        hypotheses=(guaranteed,),
        equations=("eq-claim-index-limit",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(2)),
            z=(Fraction(0), Fraction(3)),
            epsilon=Fraction(1, 2),
            rounds=1,
            words=r"the index is $4/3$ after the one guaranteed round, above the limit $e^{1/4}$",
        ),
        repaired_by=("thm-index-limit",),
    ),
    Statement(
        id="claim-index-grows",
        chapter="near_interpolation",
        slogan="At whole numbers of guaranteed rounds the index grows as epsilon falls.",
        tex=r"S_{B_{t-1}} \nearrow \exp\Bigl(s^* \min_k \bigl(\tfrac1{d_k} - \tfrac1{d_{k+1}}"
        r"\bigr)\Bigr), \qquad t = (r_0 - 1)/\kappa",
        source=READING,
        margin=_index_below_own_limit,
        hypotheses=(guaranteed,),
        equations=("eq-claim-index-grows",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(13), Fraction(14)),
            z=(Fraction(5), Fraction(5), Fraction(25)),
            epsilon=Fraction(1),
            rounds=1,
            words=r"$r_0 = 15$ and $\kappa = 14$: after the one guaranteed round the index is "
            r"already above its limit, to which it must fall",
        ),
        repaired_by=("thm-near-interpolation", "thm-index-limit"),
    ),
    Statement(
        id="lem-flow-step",
        chapter="near_interpolation",
        slogan="A round moves the labels about as far as the gradient flow does in time c.",
        tex=r"c_i\,\varphi(\tau_{i+1}) \le \rho \le "
        r"c_i\,\varphi\Bigl(\frac{\tau_{i+1}}{1+q_i}\Bigr), \quad "
        r"\varphi(\tau) = \|D^{-1} e^{-\tau D^{-1}} z_0\|, "
        r"\ \tau_{i+1} = c_0 + \dots + c_i, \ q_i = \frac{\kappa}{r_i - 1}",
        source=THIS_BOOK,
        margin=_flow_step,
        hypotheses=(nonsingular, non_trivial),
        rests_on=("thm-product", "prop-active", "prop-step", "prop-multiplier-bounds"),
        equations=("eq-flow-step",),
    ),
    Statement(
        id="thm-index-limit",
        chapter="near_interpolation",
        slogan="The index is the exponential of a time, and tends to at least its bound's limit.",
        tex=r"\frac{\tau_t}{1+q_{t-1}} \Bigl(\frac1{d_k} - \frac1{d_{k+1}}\Bigr) \le "
        r"\log\frac{B_{t-1}[k+1]}{B_{t-1}[k]} \le "
        r"\tau_t \Bigl(\frac1{d_k} - \frac1{d_{k+1}}\Bigr), \qquad "
        r"S_{B_{t-1}} \to \exp\Bigl(s^* \min_k \bigl(\tfrac1{d_k} - \tfrac1{d_{k+1}}\bigr)\Bigr)"
        r"\text{ along } t = (r_0 - 1)/\kappa \to \infty,\ \kappa > 1",
        source=THIS_BOOK,
        margin=_index_by_flow,
        hypotheses=(nonsingular, non_trivial),
        rests_on=("lem-ratio", "lem-flow-step", "cor-rounds-any-kernel"),
        equations=("eq-index-by-flow",),
    ),
)
