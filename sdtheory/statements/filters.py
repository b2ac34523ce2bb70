"""The filter theorem: self-distillation against one round, whatever the two have in common.

Statements about the single round that shares something with t rounds are
made for *every* multiplier c = m(d*), where m(d) = d (1/F(d) - 1): the single
round that meets F at d*. No equation has to be solved for c; the chapter
says what follows at the one that matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Hypothesis,
    Kind,
    Statement,
    Values,
    slack,
)

#: Eigenvalues count as distinct from this relative distance on.
_APART = 1 + 2**-20
#: Most places on a spectrum at which the two filters are made to meet.
_PLACES = 5


@dataclass(frozen=True)
class _Meeting:
    """F after each round, and the single round T that meets it at given places.

    Shapes are (m, T, places, n); entries with d = 0 are zero in F, T and gap.

    Attributes
    ----------
    F, T : array
        The two filters.
    gap : array
        T - F, without that subtraction; exactly zero at the place itself and for one round.
    F_off, T_off : array
        1 - F and 1 - T, likewise.
    u : array
        1/d; where d = 0, that of the largest eigenvalue.
    v : array
        1 over the place.
    c, p : array
        Multiplier of T, and the common value at the place; last axis of length 1.
    """

    F: Values
    T: Values
    gap: Values
    F_off: Values
    T_off: Values
    u: Values
    v: Values
    c: Values
    p: Values


def _positive(i: Instance) -> Values:
    return (i.d > 0).astype(bool)


def _meet(i: Instance, place: Values, own: Values | None = None) -> _Meeting:
    """Return the single rounds that meet F at the given places.

    With u = 1/d, P(u) = 1/F = prod (1 + c_i u) and m = Q(u) = (P(u) - 1)/u. Both, and
    their differences between u and v, grow by terms of one sign in every round.

    Parameters
    ----------
    i : Instance
    place : array of shape (m, places)
        Positive.
    own : array of bool of shape (m, places, n), optional
        Where an eigenvalue *is* the place, so that their difference is exactly zero.
    """
    positive = _positive(i)[:, None]
    d = np.where(positive, i.d[:, None], i.d_max[:, None, None])
    place = place[..., None]
    apart = (place - d) / (place * d)
    apart = apart if own is None else np.where(own, 0, apart)
    u, v = 1 / d, 1 / place
    P_u, P_v, Q_u, Q_v, P_gap, Q_gap = 1 + 0 * u, 1 + 0 * v, 0 * u, 0 * v, 0 * apart, 0 * apart
    rows = []
    # row 0 is no round at all: it gives a chain without rounds its shapes, and is dropped
    for t in range(-1, i.c.shape[-1]):
        c = np.where(i.alive[:, t], i.c[:, t], 1)[:, None, None] if t >= 0 else 0
        Q_gap = Q_gap + c * P_gap
        Q_u, Q_v = Q_u + c * P_u, Q_v + c * P_v
        P_gap = (1 + c * u) * P_gap + c * apart * P_v
        P_u, P_v = P_u * (1 + c * u), P_v * (1 + c * v)
        F, T = 1 / P_u, 1 / (1 + Q_v * u)
        row = F, T, F * T * u * Q_gap, F * u * Q_u, T * u * Q_v
        kept = [np.where(positive, value, 0) for value in row[:3]]
        lost = [np.where(positive, value, 1) for value in row[3:]]
        rows.append((*np.broadcast_arrays(*kept, *lost), Q_v, 1 / P_v))
    columns = (np.stack(column, axis=1)[:, 1:] for column in zip(*rows, strict=True))
    F, T, gap, F_off, T_off, c, p = columns
    return _Meeting(F, T, gap, F_off, T_off, u[:, None], v[:, None], c, p)


def _meet_at_ends(i: Instance) -> _Meeting:
    """Meet at the largest and at the smallest positive eigenvalue."""
    n = i.n
    first = np.argmax(_positive(i), axis=-1)[:, None]
    index = np.concatenate([np.full_like(first, n - 1), first], axis=-1)
    own = index[..., None] == np.arange(n)
    return _meet(i, np.take_along_axis(i.d, index, axis=-1), own)


def _chosen(i: Instance) -> Values:
    return np.unique(np.linspace(0, i.n - 1, _PLACES).astype(int))


def _meet_at_eigenvalues(i: Instance) -> _Meeting:
    places = np.where(_positive(i), i.d, i.d_max[:, None])[:, _chosen(i)]
    own = np.broadcast_to(np.eye(i.n, dtype=bool)[_chosen(i)], (*places.shape, i.n))
    return _meet(i, places, own)


def _meet_between(i: Instance) -> _Meeting:
    """Meet between neighbouring eigenvalues, and beyond the largest."""
    d = np.where(_positive(i), i.d, i.d_max[:, None])
    following = np.concatenate([d[:, 1:], 3 * d[:, -1:]], axis=-1)
    return _meet(i, np.sqrt(d * following)[:, _chosen(i)])


def _weight(i: Instance) -> Values:
    return i.energy[:, :1][:, None]


def _sum(values: Values) -> Values:
    return np.sum(values, axis=-1)


def _where_defined(i: Instance, margin: Values, *, positive: bool = False) -> Values:
    """Blank what belongs to rounds after the collapse, and on request to d = 0."""
    defined = i.alive.reshape(*i.alive.shape, *(1,) * (margin.ndim - 2))
    if positive:
        own = _positive(i)[:, None]
        defined = defined & own.reshape(*own.shape, *(1,) * (margin.ndim - 3))
    return np.where(defined, margin, np.nan)


def _strictly(difference: Values, size: Values) -> Values:
    """Return difference / size where the difference is positive, else -1: no equality."""
    return np.where((difference > 0).astype(bool), difference / size, -1.0)


def _crossing(i: Instance) -> Values:
    meet, e = _meet_at_ends(i), _weight(i)
    F, T, F_off, T_off, u = meet.F, meet.T, meet.F_off, meet.T_off, meet.u
    # at the largest eigenvalue T keeps more than F, at the smallest less
    gap = meet.gap * np.array([1, -1])[:, None]
    pairs = (
        (_sum(e * gap * (F + T)), _sum(e * (F**2 + T**2))),
        (_sum(e * gap * (F_off + T_off)), _sum(e * (F_off**2 + T_off**2))),
        (_sum(e * gap * (F + T) * u), _sum(e * (F**2 + T**2) * u)),
        (_sum(gap), _sum(F + T)),
    )
    return np.stack([_strictly(*pair) for pair in pairs], axis=-1)


def _spread(i: Instance, carries: Values) -> Values:
    """Return whether two distinct positive eigenvalues are among those marked, shape (m,)."""
    marked = _positive(i) & carries
    n = i.n
    low = np.argmax(marked, axis=-1)[:, None]
    high = n - 1 - np.argmax(marked[:, ::-1], axis=-1)[:, None]
    d_low, d_high = (np.take_along_axis(i.d, k, axis=-1)[:, 0] for k in (low, high))
    return np.any(marked, axis=-1) & (d_high > d_low * _APART).astype(bool)


def _two_energies(i: Instance) -> Values:
    return _spread(i, (i.energy[:, 0] > 0).astype(bool))


several_rounds = Hypothesis(
    id="several-rounds",
    words=r"$2 \le t \le N$",
    needed_for="one round is a single filter: it meets itself everywhere",
    holds=lambda i: i.alive & (i.t >= 1),
)

two_energies = Hypothesis(
    id="two-energies",
    words="the labels have energy at two distinct positive eigenvalues",
    needed_for="with all energy in one eigenspace, t rounds are one round with another tolerance",
    holds=_two_energies,
)

spread = Hypothesis(
    id="spread",
    words="the labels have energy at two distinct positive eigenvalues (for the degrees of "
    "freedom: there are two such eigenvalues)",
    needed_for="with all energy in one eigenspace, t rounds are one round with another tolerance",
    holds=lambda i: np.stack(
        [_two_energies(i)] * 3 + [_spread(i, np.ones(i.d.shape, dtype=bool))], axis=-1
    )[:, None, None],
)

positive = Hypothesis(
    id="positive",
    words="$d > 0$",
    needed_for=r"in the kernel of $G$ nothing is kept, and slopes and reciprocals are undefined",
    holds=lambda i: _positive(i)[:, None],
)


def _rounds_of(i: Instance) -> tuple[Values, Values]:
    """Return c of shape (m, T, 1) and d of shape (m, 1, n), both positive."""
    c = np.where(i.alive, i.c, 1)[..., None]
    return c, np.where(_positive(i), i.d, i.d_max[:, None])[:, None]


def _steepness(i: Instance) -> Values:
    c, d = _rounds_of(i)
    log_p = -np.cumsum(np.log1p(c / d), axis=1)
    slope = np.cumsum(c / (c + d), axis=1)
    t = (i.t + 1)[:, None]
    equal = -np.expm1(log_p / t) * t
    chain = -np.expm1(log_p), slope, equal, -log_p
    margin = np.stack([slack(*pair) for pair in pairwise(chain)], axis=-1)
    return _where_defined(i, margin, positive=True)


def _majorises(i: Instance) -> Values:
    meet = _meet_between(i)
    top_F, top_T = (np.cumsum(phi[..., ::-1], axis=-1) for phi in (meet.F, meet.T))
    excess = -_sum(meet.gap)[..., None]
    # min(0, excess), which balls cannot decide where the sums agree
    shortfall = (excess - np.abs(excess)) / 2
    margin = slack(top_T + shortfall, top_F)
    return _where_defined(i, margin)


def _variance(i: Instance) -> Values:
    meet = _meet_between(i)
    F, T, p = meet.F, meet.T, meet.p[..., 0]
    margin = slack(_sum(T**2) + 2 * p * _sum(F), _sum(F**2) + 2 * p * _sum(T))
    return _where_defined(i, margin)


def _lagrangian(i: Instance) -> Values:
    meet, e = _meet_between(i), _weight(i)
    cost_F, cost_T = _costs(meet, e)
    margin = slack(cost_T + _sum(e * (1 + meet.c * meet.u) * np.square(meet.gap)), cost_F)
    return _where_defined(i, margin)


def _costs(meet: _Meeting, e: Values) -> tuple[Values, Values]:
    """Return n times residual plus c R(f), for F and for T."""
    penalty = meet.c * meet.u
    return (
        _sum(e * (meet.F_off**2 + penalty * meet.F**2)),
        _sum(e * (meet.T_off**2 + penalty * meet.T**2)),
    )


def _off_front(i: Instance) -> Values:
    meet, e = _meet_at_eigenvalues(i), _weight(i)
    cost_F, cost_T = _costs(meet, e)
    return _strictly(_sum(e * (1 + meet.c * meet.u) * np.square(meet.gap)), cost_F + cost_T)


def _equal_norm(i: Instance) -> Values:
    meet, e = _meet_between(i), _weight(i)
    u, v = meet.u, meet.v[..., 0]
    rough_F, rough_T = (_sum(e * u * phi**2) for phi in (meet.F, meet.T))
    norm_F, norm_T = (_sum(e * phi**2) for phi in (meet.F, meet.T))
    margin = slack(rough_F + v * norm_T, rough_T + v * norm_F)
    return _where_defined(i, margin)


def _equal_residual(i: Instance) -> Values:
    meet, e = _meet_between(i), _weight(i)
    p, p_off = meet.p[..., 0], (meet.p * meet.v * meet.c)[..., 0]
    norm_F, norm_T = (_sum(e * phi**2) for phi in (meet.F, meet.T))
    left_F, left_T = (_sum(e * lost**2) for lost in (meet.F_off, meet.T_off))
    margin = slack(p_off * norm_T + p * left_T, p_off * norm_F + p * left_F)
    return _where_defined(i, margin)


def _duality(i: Instance) -> Values:
    c, d = _rounds_of(i)
    c_dual, d_dual = 1 / c, 1 / d
    dual = -np.expm1(-np.cumsum(np.log1p(d_dual / c_dual), axis=1))
    margin = slack(_lost(c, d), dual)
    return _where_defined(i, margin, positive=True)


def _lost(c: Values, d: Values) -> Values:
    """Return 1 - F without that subtraction: 1 - A B = (1 - A) + A (1 - B)."""
    lost = [0 * d[:, 0]]
    for t in range(c.shape[1]):
        lost.append((c[:, t] + d[:, 0] * lost[-1]) / (c[:, t] + d[:, 0]))
    return np.stack(lost, axis=1)[:, 1:]


def _qualification(i: Instance) -> Values:
    c, d = _rounds_of(i)
    s, lost = np.cumsum(c, axis=1), _lost(c, d)
    margin = np.stack([slack(s, lost * (s + d)), slack(lost * d, s)], axis=-1)
    return _where_defined(i, margin, positive=True)


_OFF_FRONT = (
    r"\frac{\|y_0 - f_{t-1}(x)\|^2}{n} \text{ equal} \implies R(f_{t-1}) > R(f_c), \qquad t \ge 2"
)

STATEMENTS = (
    Statement(
        id="thm-crossing",
        chapter="filters",
        slogan="Whatever one round has in common with several, their filters cross inside.",
        tex=r"M(T_{m(d_{\max})}) > M(F) > M(T_{m(d_{\min})}), \qquad "
        r"M(F) = M(T_c) \implies m(d_{\max}) < c < m(d_{\min})",
        source=THIS_BOOK,
        margin=_crossing,
        hypotheses=(several_rounds, spread),
        rests_on=("thm-no-filter",),
        equations=("eq-crossing",),
    ),
    Statement(
        id="prop-steepness",
        chapter="filters",
        slogan="Where both keep the same share, several rounds cut off more steeply.",
        tex=r"F(d) = p: \quad 1 - p \le \frac{d \log F}{d \log d} \le t\,(1 - p^{1/t}) "
        r"\le -\log p",
        source=THIS_BOOK,
        margin=_steepness,
        hypotheses=(non_trivial, positive),
        rests_on=("thm-product",),
        equations=("eq-steepness",),
        attained=r"one round (left, middle); equal multipliers (middle); $c_i/d \to 0$ (all)",
    ),
    Statement(
        id="thm-majorises",
        chapter="filters",
        slogan="With as many degrees of freedom, several rounds concentrate them.",
        tex=r"\sum_{k > n - l} \bigl(F(d_k) - T_c(d_k)\bigr) \ge \min\Bigl\{0, "
        r"\sum_{k} \bigl(F(d_k) - T_c(d_k)\bigr)\Bigr\}, \qquad l = 1, \dots, n, \ c > 0",
        source=THIS_BOOK,
        margin=_majorises,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter",),
        equations=("eq-majorises",),
        attained=r"one round; $l = n$ with fewer degrees of freedom",
    ),
    Statement(
        id="cor-variance",
        chapter="filters",
        slogan="And so they let more noise through.",
        tex=r"\sum_k F(d_k)^2 - \sum_k T_c(d_k)^2 \ge 2p^* \Bigl(\sum_k F(d_k) - "
        r"\sum_k T_c(d_k)\Bigr), \qquad c = m(d^*), \ p^* = F(d^*)",
        source=THIS_BOOK,
        margin=_variance,
        hypotheses=(non_trivial,),
        rests_on=("thm-no-filter",),
        equations=("eq-variance",),
        attained="one round; one eigenvalue, met",
    ),
    Statement(
        id="prop-lagrangian",
        chapter="filters",
        slogan="What a filter costs more than one round is the squared distance of the two.",
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
        tex=_OFF_FRONT,
        source=THIS_BOOK,
        margin=_off_front,
        hypotheses=(several_rounds, two_energies),
        rests_on=("prop-lagrangian", "thm-no-filter"),
        equations=("eq-off-front",),
    ),
    Statement(
        id="claim-always-off-front",
        chapter="filters",
        slogan="With the same residual, one round has the smaller R(f), whatever the labels.",
        tex=_OFF_FRONT + r", \ \text{any labels}",
        source="an earlier draft of this book",
        margin=_off_front,
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
        rests_on=("thm-no-filter",),
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
        rests_on=("thm-no-filter",),
        equations=("eq-equal-residual",),
        attained=r"one round; all label energy at $d^*$",
    ),
    Statement(
        id="prop-duality",
        chapter="filters",
        slogan="What self-distillation removes is what iterated Tikhonov keeps, upside down.",
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
        slogan="At large eigenvalues it is no better than one round.",
        tex=r"\frac{s}{s + d} \le 1 - F(d) \le \frac{s}{d}, \qquad s = \sum_{i<t} c_i",
        source=THIS_BOOK,
        margin=_qualification,
        hypotheses=(non_trivial, positive),
        rests_on=("thm-product",),
        equations=("eq-qualification",),
        attained=r"one round (left); $s/d \to 0$",
    ),
)
