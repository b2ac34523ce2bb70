"""Early stopping is one filter of another family: what it can and cannot do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sdtheory.formulas.filters import gradient_flow, iterated_tikhonov, tikhonov
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.sparsification import neighbours
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Hypothesis,
    Statement,
    Values,
    scaled_margin,
)

EARLY_STOPPING = "Mobahi et al. (2020), on early stopping; as restated here"

positive_pair = Hypothesis(
    id="positive-pair",
    words=r"$d_j > 0$",
    plain="d_j > 0",
    needed_for=r"in the null space of $G$ every filter is zero, and all agree",
    holds=lambda i: {"falls": i.d[:, None, :-1] > 0, "below the sum": i.d[:, None] > 0},
)

near_collapse = Hypothesis(
    id="near-collapse",
    words=r"$t \ge 2$ and $(r_0 - 1)(r_{t-1} - 1) < d_{\min}^2/(d_j d_k)$",
    plain="t >= 2 and (r_0 - 1)(r_(t-1) - 1) < d_min^2/(d_j d_k)",
    needed_for="one round stays below the cap, and so do rounds with small multipliers",
    holds=lambda i: (
        (i.t[:, None] >= 1)
        & i.alive[..., None]
        & (
            (i.r_minus_1[:, :1] * i.r_minus_1[:, :-1])[..., None]
            * i.d[:, None, :-1]
            * i.d[:, None, 1:]
            < (i.d_min**2)[:, None, None]
        )
    ),
)


def _strength(i: Instance) -> Values:
    return i.multipliers


def _grows(weaker: Values, stronger: Values) -> Values:
    """Return the margin of phi[k]/phi[j] being larger for the stronger filter."""
    return scaled_margin(weaker[..., 1:] * stronger[..., :-1], stronger[..., 1:] * weaker[..., :-1])


def _capped(d: Values, phi: Values) -> Values:
    d_j, d_k = neighbours(d)
    return scaled_margin(phi[..., 1:] * d_j, phi[..., :-1] * d_k)


def _one_round(i: Instance) -> Values:
    c, d = _strength(i), i.d[:, None]
    residual = np.sum(i.energy[:, :-1] * (2 * c / (2 * c + d)) ** 2, axis=-1, keepdims=True)
    more = scaled_margin(i.rho2[:, None, None], residual)
    stronger = tikhonov(d, 2 * c)
    return {
        "tolerance": more,
        "ratio grows": _grows(tikhonov(d, c), stronger),
        "cap": _capped(i.d, stronger),
    }


def _one_round_falls(i: Instance) -> Values:
    c, d = _strength(i), i.d[:, None]
    return _grows(tikhonov(d, 2 * c), tikhonov(d, c))


def _flow(i: Instance) -> Values:
    c, d = _strength(i), i.d[:, None]
    weaker, stronger = gradient_flow(d, c), gradient_flow(d, 2 * c)
    return {"ratio falls with time": _grows(weaker, stronger), "cap": _capped(i.d, stronger)}


def _filter_cap(i: Instance) -> Values:
    c, d = _strength(i), i.d[:, None]
    filters = {
        "Tikhonov": tikhonov(d, c),
        "iterated Tikhonov": iterated_tikhonov(d, c, 3),
        "gradient flow": gradient_flow(d, c),
    }
    margins = {}
    for name, phi in filters.items():
        margins[f"{name}, cap"] = _capped(i.d, phi)
        margins[f"{name}, at least 0"] = scaled_margin(0 * phi, phi)
        margins[f"{name}, at most 1"] = scaled_margin(phi, 1)
    return margins


def _two_rounds(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    # each round with the one before, the first with itself: any two multipliers will do
    A_2, c_2 = (a * np.concatenate([a[:, :1], a[:, :-1]], axis=1) for a in (i.A, _strength(i)))
    beyond = scaled_margin(A_2[..., :-1] * d_k, A_2[..., 1:] * d_j)
    return np.where(i.alive[..., None], beyond * scaled_margin(d_j * d_k, c_2), np.nan)


def _beyond_cap(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    beyond = scaled_margin(i.B[..., :-1] * d_k, i.B[..., 1:] * d_j)
    # between equal eigenvalues there is nothing to compare
    return np.where((d_j < d_k).astype(bool), beyond, 1)


def _matching(i: Instance) -> Values:
    positive = (i.d > 0).astype(bool)[:, None]
    c = np.where(i.alive, i.c, 0)[..., None]
    # entries with d = 0 are given some other eigenvalue, and blanked in the end
    d = np.where(positive, i.d[:, None], i.d_max[:, None, None])
    log_F = -np.cumsum(np.log1p(c / d), axis=1)
    total = np.cumsum(c, axis=1)
    before = np.concatenate([0 * total[:, :1], total[:, :-1]], axis=1)
    pairs = np.cumsum(c * before, axis=1)
    kept = -np.expm1(log_F)
    (d_j, d_k), (log_j, log_k) = ((a[..., :-1], a[..., 1:]) for a in (d, log_F))
    # the matching multiplier is d (1/F - 1); both sides are multiplied by F(d_j)
    lower = d_k * np.exp(log_j - log_k) * kept[..., 1:]
    gap = np.exp(log_j) * pairs * (d_k - d_j) / (d_j * d_k)
    decreases = scaled_margin(lower + gap, d_j * kept[..., :-1])
    above = scaled_margin(np.exp(log_F) * total, d * kept)
    alive = i.alive[..., None]
    return {
        "falls": np.where(positive[..., :-1] & alive, decreases, np.nan),
        "below the sum": np.where(positive & alive, above, np.nan),
    }


STATEMENTS = (
    Statement(
        id="prop-early-stopping",
        chapter="early_stopping",
        slogan="One round with a larger tolerance has a sparser diagonal, up to the cap d_k/d_j.",
        tex=r"c \text{ increases with } \varepsilon, \text{ and with it } \frac{T_c(d_k)}{T_c(d_j)}"
        r" \text{ from } 1 \text{ to } \frac{d_k}{d_j}, \qquad d_k > d_j > 0",
        source=THIS_BOOK,
        margin=_one_round,
        hypotheses=(non_trivial,),
        rests_on=("prop-secular", "lem-ratio"),
        equations=("eq-early-stopping",),
    ),
    Statement(
        id="claim-early-stopping-opposite",
        chapter="early_stopping",
        slogan="Early stopping does the opposite of sparsification: with a larger tolerance one "
        "round has a less sparse diagonal.",
        tex=r"\varepsilon' > \varepsilon \implies \frac{T_{c'}(d_k)}{T_{c'}(d_j)} \le "
        r"\frac{T_c(d_k)}{T_c(d_j)}, \qquad d_k > d_j > 0",
        source=EARLY_STOPPING,
        margin=_one_round_falls,
        hypotheses=(non_trivial,),
        equations=("eq-claim-opposite",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(2)),
            z=(Fraction(2), Fraction(3)),
            epsilon=Fraction(1),
            rounds=1,
            words=r"at $\varepsilon = 1$ the multiplier is $1$ and the ratio $4/3$; at the larger "
            r"$\varepsilon' = 145/72$ they are $2$ and $3/2$",
            also_read=r"measured by $D$ itself, the sentence is true: one round never makes "
            r"the diagonal as sparse as $D$, $1 < A_0[k]/A_0[j] < d_k/d_j$, at any tolerance",
        ),
        repaired_by=("prop-early-stopping", "prop-filter-cap", "thm-beyond-cap", "thm-no-filter"),
    ),
    Statement(
        id="prop-flow-stopping",
        chapter="early_stopping",
        slogan="Stop gradient flow earlier, and its ratios grow, up to the same cap.",
        tex=r"\frac{1 - e^{-d_k s}}{1 - e^{-d_j s}} \text{ decreases with the time } s, "
        r"\text{ from } \frac{d_k}{d_j} \text{ to } 1, \qquad d_k > d_j > 0",
        source=THIS_BOOK,
        margin=_flow,
        equations=("eq-flow-stopping",),
    ),
    Statement(
        id="prop-filter-cap",
        chapter="early_stopping",
        slogan="If phi(d)/d does not increase, the ratios of the filter phi do not exceed the cap.",
        tex=r"0 < \phi \le 1, \ \frac{\phi(d)}{d} \text{ non-increasing} \implies "
        r"\frac{\phi(d_k)}{\phi(d_j)} \le \frac{d_k}{d_j}, \ d_k > d_j > 0; \quad \text{so for } "
        r"T_c, \ 1 - \Bigl(\frac{c}{c+d}\Bigr)^m \text{ and } 1 - e^{-ds}",
        source=THIS_BOOK,
        margin=_filter_cap,
        equations=("eq-filter-cap",),
    ),
    Statement(
        id="lem-two-rounds",
        chapter="early_stopping",
        slogan="Two rounds pass the cap if and only if c c' > d_j d_k.",
        tex=r"\frac{T_c(d_k)\,T_{c'}(d_k)}{T_c(d_j)\,T_{c'}(d_j)} > \frac{d_k}{d_j} \iff "
        r"c\,c' > d_j d_k, \qquad c, c' > 0, \ d_k > d_j > 0",
        source=THIS_BOOK,
        margin=_two_rounds,
        hypotheses=(non_trivial,),
        equations=("eq-two-rounds",),
    ),
    Statement(
        id="thm-beyond-cap",
        chapter="early_stopping",
        slogan="For nonsingular G, chains pass the cap once the labels almost collapse.",
        tex=r"(r_0 - 1)(r_{t-1} - 1) < \frac{d_{\min}^2}{d_j d_k} \implies "
        r"\frac{B_{t-1}[k]}{B_{t-1}[j]} > \frac{d_k}{d_j}, \qquad d_k > d_j > 0, \ 2 \le t \le N",
        source=THIS_BOOK,
        margin=_beyond_cap,
        hypotheses=(near_collapse,),
        rests_on=(
            "prop-multiplier-bounds",
            "lem-two-rounds",
            "lem-ratio",
            "thm-product",
            "prop-filter-cap",
        ),
        equations=("eq-beyond-cap",),
        strict=("",),
    ),
    Statement(
        id="thm-no-filter",
        chapter="early_stopping",
        slogan="No single round does what several do, at two positive eigenvalues at once.",
        tex=r"m(d) = d \Bigl(\frac1{F(d)} - 1\Bigr) \ge \sum_{i<t} c_i, \qquad m(d_j) - m(d_k) \ge "
        r"\sum_{i<l<t} c_i c_l \Bigl(\frac1{d_j} - \frac1{d_k}\Bigr), \qquad d_k > d_j > 0",
        source=THIS_BOOK,
        margin=_matching,
        hypotheses=(non_trivial, positive_pair),
        rests_on=("thm-product",),
        equations=("eq-no-filter",),
        attained="one round (left); at most two rounds (right)",
    ),
)
