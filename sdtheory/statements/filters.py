"""The filter theorem: self-distillation against one round that shares something with it.

Statements about a single round that shares something with t rounds hold for
*every* multiplier c = m(d*), where m(d) = d (1/F(d) - 1). That single round meets
F at d*. So no equation is solved for c; the chapter applies them to the one that
matches.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sdtheory.formulas.filters import tikhonov
from sdtheory.statements.instance import Instance
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

#: Most places on a spectrum at which the two filters are made to meet.
_PLACES = 5

positive = Hypothesis(
    id="positive",
    words="$d > 0$",
    plain="d > 0",
    needed_for="in the null space of $G$ nothing is kept, and slopes are undefined",
    holds=lambda i: (i.d > 0).astype(bool)[:, None],
)

several_rounds = Hypothesis(
    id="several-rounds",
    words=r"$2 \le t \le N$",
    plain="2 <= t <= N",
    needed_for="one round is a single filter: it meets itself everywhere",
    holds=lambda i: i.alive & (i.t >= 1),
)


def _eigenvalues(i: Instance) -> Values:
    """Return d of shape (m, n), with the largest eigenvalue in place of zeros."""
    return np.where((i.d > 0).astype(bool), i.d, i.d_max[:, None])


def _inverse(i: Instance) -> Values:
    """Return 1/d of shape (m, 1, n), zero where d = 0."""
    return np.where((i.d > 0).astype(bool), 1 / _eigenvalues(i), 0)[:, None]


def _off_kernel(i: Instance, margin: Values) -> Values:
    """Blank what belongs to eigenvalues that are zero."""
    if isinstance(margin, dict):
        return {name: _off_kernel(i, part) for name, part in margin.items()}
    return np.where((i.d > 0).astype(bool)[:, None].T, margin.T, np.nan).T


def _meeting(i: Instance, place: Values) -> tuple[Values, Values]:
    """Return m and F at a place of shape (m, 1), after each round; shapes (m, T, 1)."""
    place = place[:, None]
    log_F = -np.cumsum(np.log1p(i.multipliers / place), axis=1)
    return place * np.expm1(-log_F), np.exp(log_F)


def _places(i: Instance) -> dict[str, Values]:
    """Return some of the positive eigenvalues, each of shape (m, 1), by name."""
    d = _eigenvalues(i)
    places = np.unique(np.linspace(0, i.n - 1, _PLACES).astype(int))
    return {f"meeting at eigenvalue {k}": d[:, [k]] for k in places}


def _single(i: Instance, c: Values) -> tuple[Values, Values]:
    """Return T and 1 - T."""
    d = i.d[:, None]
    return tikhonov(d, c), c / (c + d)


def _lost(i: Instance) -> Values:
    """Return 1 - F without that subtraction: 1 - A B = (1 - A) + A (1 - B)."""
    c, d = i.multipliers, i.d
    lost = [0 * d]
    for t in range(c.shape[1]):
        lost.append((c[:, t] + d * lost[-1]) / (c[:, t] + d))
    return np.stack(lost, axis=1)[:, 1:]


def _sum(values: Values) -> Values:
    return np.sum(values, axis=-1)


def _measures(i: Instance, kept: Values, lost: Values) -> dict[str, Values]:
    """Return size, minus residual, roughness, degrees of freedom: all rise with the filter."""
    e = i.energy[:, :1]
    return {
        "size": _sum(e * kept**2),
        "residual": -_sum(e * lost**2),
        "roughness": _sum(e * kept**2 * _inverse(i)),
        "degrees of freedom": _sum(kept),
    }


def _crossing(i: Instance) -> Values:
    first = np.argmax((i.d > 0).astype(bool), axis=-1)[:, None]
    F = _measures(i, i.B, _lost(i))
    weaker, stronger = (
        _measures(i, *_single(i, _meeting(i, place)[0]))
        for place in (i.d[:, -1:], np.take_along_axis(i.d, first, axis=-1))
    )
    margins = {f"{name}, weaker": scaled_margin(F[name], weaker[name]) for name in F}
    margins |= {f"{name}, stronger": scaled_margin(stronger[name], F[name]) for name in F}
    return i.while_alive(margins)


def _steepness(i: Instance) -> Values:
    c, d = i.multipliers, _eigenvalues(i)[:, None]
    log_p = -np.cumsum(np.log1p(c / d), axis=1)
    slope = np.cumsum(c / (c + d), axis=1)
    t = (i.t + 1)[:, None]
    equal = -np.expm1(log_p / t) * t
    margins = {
        "lower": scaled_margin(-np.expm1(log_p), slope),
        "upper": scaled_margin(slope, equal),
        "upper, for every t": scaled_margin(equal, -log_p),
    }
    return _off_kernel(i, i.while_alive(margins))


def _majorises(i: Instance) -> Values:
    margins = {}
    for at, place in _places(i).items():
        T = tikhonov(i.d[:, None], _meeting(i, place)[0])
        top_F, top_T = (np.cumsum(phi[..., ::-1], axis=-1) for phi in (i.B, T))
        excess = (_sum(i.B) - _sum(T))[..., None]
        # min(0, excess), which balls cannot decide where the sums agree
        sides = top_T + (excess - np.abs(excess)) / 2, top_F
        margins[at] = scaled_margin(*(np.where(i.alive[..., None], side, 1) for side in sides))
    return i.while_alive(margins)


def _variance(i: Instance) -> Values:
    margins = {}
    for at, place in _places(i).items():
        c, p = _meeting(i, place)
        T = tikhonov(i.d[:, None], c)
        squares_F, squares_T = _sum(i.B**2), _sum(T**2)
        p = p[..., 0]
        margins[at] = scaled_margin(squares_T + 2 * p * _sum(i.B), squares_F + 2 * p * _sum(T))
    return i.while_alive(margins)


def _cost(i: Instance, c: Values, kept: Values, lost: Values) -> Values:
    """Return n times residual plus c R(f)."""
    return _sum(i.energy[:, :1] * (lost**2 + c * _inverse(i) * kept**2))


def _lagrangian(i: Instance) -> Values:
    margins = {}
    for at, place in _places(i).items():
        c, _ = _meeting(i, place)
        T, T_lost = _single(i, c)
        excess = _sum(i.energy[:, :1] * (1 + c * _inverse(i)) * np.square(i.B - T))
        costs = _cost(i, c, T, T_lost) + excess, _cost(i, c, i.B, _lost(i))
        margins[at] = scaled_margin(*costs)
    return i.while_alive(margins)


def _pairs(i: Instance) -> Values:
    """Return the sum of products of two different multipliers, shape (m, T, 1)."""
    c = i.multipliers
    total = np.cumsum(c, axis=1)
    before = np.concatenate([0 * c[:, :1], total[:, :-1]], axis=1)[:, : c.shape[1]]
    return np.cumsum(c * before, axis=1)


def _distance(i: Instance, place: Values) -> Values:
    """Return n times the lower bound of the excess cost, without the pairs' sum squared."""
    u = _inverse(i)
    T = tikhonov(i.d[:, None], _meeting(i, place)[0])
    return _sum(i.energy[:, :1] * i.B**2 * T * np.square(u * (u - 1 / place[:, None])))


def _off_front(i: Instance) -> Values:
    margins = {}
    for at, place in _places(i).items():
        c, _ = _meeting(i, place)
        bound = np.square(_pairs(i)[..., 0]) * _distance(i, place)
        costs = _cost(i, c, *_single(i, c)), _cost(i, c, i.B, _lost(i))
        margins[at] = scaled_margin(costs[0] + bound, costs[1])
    return i.while_alive(margins)


def _always_off_front(i: Instance) -> Values:
    """Return 1 where the excess cost is positive at the single round that meets F at d_max."""
    # for that round the largest eigenvalue itself contributes exactly nothing
    others = np.where(np.arange(i.n) < i.n - 1, i.energy[:, :1], 0)
    T = tikhonov(i.d[:, None], _meeting(i, i.d[:, -1:])[0])
    excess = _sum(others * np.square(i.B - T))
    return np.where((excess > 0).astype(bool), 1.0, -1.0)


def _equal_norm(i: Instance) -> Values:
    e, u = i.energy[:, :1], _inverse(i)
    margins = {}
    for at, place in _places(i).items():
        T = tikhonov(i.d[:, None], _meeting(i, place)[0])
        rough_F, rough_T = (_sum(e * u * phi**2) for phi in (i.B, T))
        size_F, size_T = (_sum(e * phi**2) / place for phi in (i.B, T))
        margins[at] = scaled_margin(rough_F + size_T, rough_T + size_F)
    return i.while_alive(margins)


def _equal_residual(i: Instance) -> Values:
    e = i.energy[:, :1]
    margins = {}
    for at, place in _places(i).items():
        c, _ = _meeting(i, place)
        T, T_lost = _single(i, c)
        size_F, size_T = (_sum(e * phi**2) for phi in (i.B, T))
        left_F, left_T = (_sum(e * lost**2) for lost in (_lost(i), T_lost))
        # p / (1 - p)
        odds = (place[:, None] / c)[..., 0]
        margins[at] = scaled_margin(size_T + odds * left_T, size_F + odds * left_F)
    return i.while_alive(margins)


def _duality(i: Instance) -> Values:
    c, d = i.multipliers, _eigenvalues(i)[:, None]
    c_dual, d_dual = 1 / c, 1 / d
    dual = -np.expm1(-np.cumsum(np.log1p(d_dual / c_dual), axis=1))
    return _off_kernel(i, i.while_alive(scaled_margin(_lost(i), dual)))


def _qualification(i: Instance) -> Values:
    s, d, lost = np.cumsum(i.multipliers, axis=1), i.d[:, None], _lost(i)
    margins = {"lower": scaled_margin(s, lost * (s + d)), "upper": scaled_margin(lost * d, s)}
    return _off_kernel(i, i.while_alive(margins))


_OFF_FRONT = (
    r"\frac{\|y_0 - f_{t-1}(x)\|^2}{n} \text{ equal} \implies R(f_{t-1}) > R(f_c), \qquad t \ge 2"
)

STATEMENTS = (
    Statement(
        id="thm-crossing",
        chapter="filters",
        slogan="If one round agrees with several in one of four measures, the filters cross once.",
        tex=r"M(T_{m(d_{\max})}) \ge M(F) \ge M(T_{m(d_{\min})})",
        source=THIS_BOOK,
        margin=_crossing,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter",),
        equations=("eq-crossing",),
        attained="one round; all label energy at one end of the spectrum",
    ),
    Statement(
        id="prop-steepness",
        chapter="filters",
        slogan="Where both keep the same share, the filter of several rounds is steeper.",
        tex=r"F(d) = p: \quad 1 - p \le \frac{d \log F}{d \log d} \le t\,(1 - p^{1/t}) "
        r"\le -\log p",
        source=THIS_BOOK,
        margin=_steepness,
        hypotheses=(non_trivial, positive),
        rests_on=("thm-product", "prop-multiplier-grows"),
        equations=("eq-steepness",),
        attained=r"one round (left, middle); equal multipliers (middle); $c_i/d \to 0$ (all)",
    ),
    Statement(
        id="thm-majorises",
        chapter="filters",
        slogan="At equal degrees of freedom, several rounds concentrate them on large eigenvalues.",
        tex=r"\sum_{k > n - l} \bigl(F(d_k) - T_c(d_k)\bigr) \ge \min\Bigl\{0, "
        r"\sum_{k} \bigl(F(d_k) - T_c(d_k)\bigr)\Bigr\}, \qquad l = 1, \dots, n, \ c > 0",
        source=THIS_BOOK,
        margin=_majorises,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter",),
        equations=("eq-majorises",),
        attained=r"one round with $c = c_0$; $l = n$ with at most as many degrees of freedom",
    ),
    Statement(
        id="cor-variance",
        chapter="filters",
        slogan="At equal degrees of freedom, several rounds have a larger variance.",
        tex=r"\sum_k F(d_k)^2 - \sum_k T_c(d_k)^2 \ge 2p^* \Bigl(\sum_k F(d_k) - "
        r"\sum_k T_c(d_k)\Bigr), \qquad c = m(d^*), \ p^* = F(d^*)",
        source=THIS_BOOK,
        margin=_variance,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter", "thm-crossing"),
        equations=("eq-variance",),
        attained="one round; one eigenvalue, met",
    ),
    Statement(
        id="prop-lagrangian",
        chapter="filters",
        slogan="A filter exceeds one round, in penalised cost, by their squared distance.",
        tex=r"J_c(\varphi) - J_c(T_c) = \frac1n \sum_k z_k^2 \Bigl(1 + \frac{c}{d_k}\Bigr) "
        r"\bigl(\varphi(d_k) - T_c(d_k)\bigr)^2, \qquad J_c = \text{residual} + c\,R",
        source=THIS_BOOK,
        margin=_lagrangian,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("thm-product",),
        equations=("eq-lagrangian-excess",),
    ),
    Statement(
        id="thm-off-front",
        chapter="filters",
        slogan="With the same residual, one round has the smaller R(f).",
        tex=r"J_c(F) - J_c(T_c) \ge \frac1n \Bigl(\sum_{i<l<t} c_i c_l\Bigr)^2 \sum_k z_k^2\, "
        r"\frac{F(d_k)^2\, T_c(d_k)}{d_k^2} \Bigl(\frac{1}{d_k} - \frac{1}{d^*}\Bigr)^2, "
        r"\qquad c = m(d^*)",
        source=THIS_BOOK,
        margin=_off_front,
        hypotheses=(non_trivial,),
        rests_on=("prop-lagrangian", "thm-no-filter", "thm-crossing"),
        equations=("eq-off-front",),
        attained="two rounds; one round",
    ),
    Statement(
        id="claim-always-off-front",
        chapter="filters",
        slogan="With the same residual, one round has the smaller R(f), whatever the labels.",
        tex=_OFF_FRONT + r", \ \text{any labels}",
        source="a draft of this book, not the paper",
        margin=_always_off_front,
        hypotheses=(several_rounds,),
        equations=("eq-claim-off-front",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(2)),
            z=(Fraction(0), Fraction(3)),
            epsilon=Fraction(1, 2),
            rounds=2,
            words=r"the multipliers are $1$ and $2$, and two rounds are the same function as one "
            r"with $c = 4$",
        ),
        repaired_by=("thm-off-front", "thm-crossing"),
    ),
    Statement(
        id="prop-equal-norm",
        chapter="filters",
        slogan="With the same size of the fit, several rounds are smoother.",
        tex=r"R(f_{t-1}) - R(f_c) \le \frac{1}{n\,d^*} \bigl(\|f_{t-1}(x)\|^2 - "
        r"\|f_c(x)\|^2\bigr), \qquad c = m(d^*)",
        source=THIS_BOOK,
        margin=_equal_norm,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter", "thm-crossing", "prop-lagrangian"),
        equations=("eq-equal-norm",),
        attained=r"one round; all label energy at $d^*$",
    ),
    Statement(
        id="prop-equal-residual",
        chapter="filters",
        slogan="With the same residual, several rounds are the larger fit.",
        tex=r"\|f_{t-1}(x)\|^2 - \|f_c(x)\|^2 \ge \frac{p^*}{1 - p^*} \bigl(\|y_0 - f_c(x)\|^2 - "
        r"\|y_0 - f_{t-1}(x)\|^2\bigr), \qquad c = m(d^*), \ p^* = F(d^*)",
        source=THIS_BOOK,
        margin=_equal_residual,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter", "thm-crossing"),
        equations=("eq-equal-residual",),
        attained=r"one round; all label energy at $d^*$",
    ),
    Statement(
        id="prop-duality",
        chapter="filters",
        slogan="Self-distillation removes the share that iterated Tikhonov keeps at 1/d.",
        tex=r"1 - \prod_{i<t} \frac{d}{c_i + d} = 1 - \prod_{i<t} "
        r"\frac{1/c_i}{1/c_i + 1/d}",
        source=THIS_BOOK,
        margin=_duality,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial, positive),
        rests_on=("thm-product",),
        equations=("eq-duality",),
    ),
    Statement(
        id="prop-qualification",
        chapter="filters",
        slogan="At large eigenvalues self-distillation is no better than one round.",
        tex=r"\frac{s}{s + d} \le 1 - F(d) \le \frac{s}{d}, \qquad s = \sum_{i<t} c_i",
        source=THIS_BOOK,
        margin=_qualification,
        hypotheses=(non_trivial, positive),
        rests_on=("thm-product",),
        equations=("eq-qualification",),
        attained=r"one round (left); $s/d \to 0$",
    ),
)
