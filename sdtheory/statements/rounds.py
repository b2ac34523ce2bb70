"""How many rounds until the collapse: the paper's bounds, and what dominates them."""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import guaranteed_rounds, norm_bound_line, one_round_bound
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, scaled_margin

PROPOSITION_3 = "Mobahi et al. (2020), Prop. 3; as restated here"
PROPOSITION_4 = "Mobahi et al. (2020), Prop. 4; as restated here"

starts = Hypothesis(
    id="starts",
    words=r"the first fit is non-trivial, $r_0 > 1$",
    plain="the first fit is non-trivial (r_0 > 1)",
    needed_for=r"the slope of the tangent at $r_0 < 1$ may be negative, and its iterates rise",
    holds=lambda i: i.r_minus_1[:, 0] > 0,
)


def _map(r_minus_1: Values, kappa: Values) -> Values:
    """Return h, with h(0) = 0 also where kappa = 1 leaves 0/0."""
    return one_round_bound(np.where(r_minus_1 > -1, r_minus_1, 0), kappa)


def _one_round(i: Instance) -> Values:
    return scaled_margin(_map(i.r_minus_1[:, :-1], i.kappa[:, None]), i.r[:, 1:])


def _line(i: Instance) -> tuple[Values, Values]:
    with np.errstate(invalid="ignore"):  # infinity / infinity, if G is singular
        return norm_bound_line(i.r_minus_1[:, 0], i.kappa)


def _convex(i: Instance) -> Values:
    a, b = (value[:, None] for value in _line(i))
    kappa = i.kappa[:, None]
    start, r_0 = i.r_minus_1[:, :1], i.r[:, :1]
    now, r = (
        np.where(i.alive, x, y) for x, y in ((i.r_minus_1[:, :-1], start), (i.r[:, :-1], r_0))
    )
    at_start, at_now, between = (_map(e, kappa) for e in (start, now, (start + now) / 2))
    chord = scaled_margin(2 * between, at_start + at_now)
    # the line touches at r_0: with the tangent inequality there, an equality
    touching = scaled_margin(at_start + b, a * r_0) + 0 * chord
    # slopes between 1 and r > 1, as h(1) = 0
    beyond = np.where((now > 0).astype(bool), now, 1)
    rise = _map(beyond, kappa)
    flat, steep = scaled_margin(rise, beyond), scaled_margin(beyond, kappa * rise)
    return {
        ("eq-convex", "chord"): chord,
        ("eq-convex", "slope at most 1"): flat,
        ("eq-convex", "slope at least 1/kappa"): steep,
        ("eq-tangent", "below"): scaled_margin(a * r, at_now + b),
        ("eq-tangent", "touching"): touching,
    }


def _iterated(i: Instance) -> tuple[Values, Values]:
    """Return a^t r_0 and b (1 + a + ... + a^(t-1)) for t = 1, ..., T, shape (m, T)."""
    a, b = (value[:, None] for value in _line(i))
    powers = a**i.t
    return i.r[:, :1] * a * powers, b * np.cumsum(powers, axis=-1)


def _norm(i: Instance) -> Values:
    term, offset = _iterated(i)
    return scaled_margin(term, i.r[:, 1:] + offset)


def _rounds(i: Instance) -> Values:
    kappa, t = i.kappa[:, None], i.t
    promised = guaranteed_rounds(i.r_minus_1[:, :1], kappa)
    # a round whose fit is zero must come after all rounds promised
    collapse = np.where(i.alive, scaled_margin(1, i.r[:, :-1]), scaled_margin(promised, t))
    with np.errstate(invalid="ignore"):  # infinity / infinity, if G is singular
        norm = scaled_margin(i.r[:, :1], i.r[:, 1:] + kappa * (t + 1))
    return {"norm": norm, "number of rounds": collapse}


def _dominated(i: Instance) -> Values:
    term, offset = _iterated(i)
    start, t, kappa = i.r[:, :1], i.t + 1, i.kappa[:, None]
    with np.errstate(invalid="ignore"):  # infinity / infinity, if G is singular
        crude = scaled_margin(start + offset, term + kappa * t)
    # at most r_0 - t, or at most 0: the larger of two margins
    steps, vacuous = scaled_margin(term + t, start + offset), scaled_margin(term, offset)
    return {
        "line above r_0 - kappa t": crude,
        "line below the steps": (steps + vacuous + np.abs(steps - vacuous)) / 2,
    }


STATEMENTS = (
    Statement(
        id="lem-one-round",
        chapter="rounds",
        slogan="One round cannot shrink the labels by more than the condition number allows.",
        tex=r"r_{t+1} \ge h(r_t), \qquad h(r) = \frac{r(r-1)}{r-1+\kappa}",
        source="Mobahi et al. (2020), the step before Prop. 3; as restated here",
        margin=_one_round,
        rests_on=("prop-multiplier-bounds", "thm-recursion"),
        equations=("eq-one-round",),
        attained=r"while the fit is non-trivial, exactly if $\kappa = 1$",
    ),
    Statement(
        id="lem-one-round-convex",
        chapter="rounds",
        slogan="The one-round map is convex and increasing: it is never below a tangent.",
        tex=r"h(r) \ge a\,r - b, \qquad "
        r"a = \frac{(r_0-1)^2 + \kappa(2r_0-1)}{(r_0-1+\kappa)^2}, \quad "
        r"b = \frac{r_0^2\,\kappa}{(r_0-1+\kappa)^2}",
        source=PROPOSITION_3,
        margin=_convex,
        hypotheses=(nonsingular,),
        equations=("eq-convex", "eq-tangent"),
        attained=r"exactly if $\kappa = 1$ or $r = r_0$",
    ),
    Statement(
        id="prop-norm-bound",
        chapter="rounds",
        slogan="The label norm is never below the value that t tangent steps reach from r_0.",
        tex=r"r_t \ge a^t r_0 - b\,\frac{a^t - 1}{a - 1} \quad\text{for every } t \ge 0",
        source=PROPOSITION_3,
        margin=_norm,
        hypotheses=(nonsingular, starts),
        rests_on=("lem-one-round", "lem-one-round-convex"),
        equations=("eq-norm-bound",),
        attained=r"for $0 < t \le N$ exactly if $\kappa = 1$",
    ),
    Statement(
        id="prop-rounds-bound",
        chapter="rounds",
        slogan="At least (r_0 - 1)/kappa rounds are non-trivial.",
        tex=r"r_t \ge r_0 - \kappa t, \qquad N \ge \frac{r_0 - 1}{\kappa}",
        source=PROPOSITION_4,
        margin=_rounds,
        hypotheses=(nonsingular,),
        rests_on=("prop-norm-bound", "prop-collapse"),
        equations=("eq-rounds-bound",),
        attained=r"in $N$, with $r_0 > 1$: exactly if $\kappa = 1$ and $r_0$ is an integer",
    ),
    Statement(
        id="cor-step-dominates",
        chapter="rounds",
        slogan="The count by equal steps is at least as strong as the bounds with kappa.",
        tex=r"r_0 - \kappa t \;\le\; u_t \;\le\; \max(r_0 - t,\, 0) \;\le\; r_t, \qquad "
        r"u_t = a^t r_0 - b\,\frac{a^t-1}{a-1}",
        source=THIS_BOOK,
        margin=_dominated,
        hypotheses=(nonsingular, starts),
        rests_on=("prop-norm-bound", "cor-rounds-any-kernel"),
        equations=("eq-dominates",),
        attained=r"the first two, at some $t \ge 1$ with $u_t > 0$, exactly if $\kappa = 1$",
    ),
)
