"""The equivalent kernel, and a trace bound for the fits of all rounds."""

from __future__ import annotations

import itertools

import numpy as np

from sdtheory.formulas.equivalent_kernel import equivalent_eigenvalues
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Kind, Statement, Values, scaled_margin

EQUIVALENT_KERNEL = "Mobahi et al. (2020), the equivalent kernel; as restated here"
TRACE_BOUND = "Bartlett and Mendelson (2002), kernel classes; constants as proved in this book"

#: Expectations over random signs and samples are taken exactly, on this many points at most:
#: those of the largest eigenvalues.
_SIGN_POINTS = 6
_SAMPLE_POINTS = 4


def _equivalent(i: Instance) -> Values:
    d_plus = equivalent_eigenvalues(i.d, i.multipliers[..., 0])
    ridge = d_plus / (i.multipliers[:, :1] + d_plus)
    c, d = i.multipliers[..., None], i.d[:, None, :, None]
    own = d * i.path.z[:, :-1] / (c + d)
    return {
        ("eq-equivalent-eigenvalues", "labels"): scaled_margin(
            ridge[..., None] * i.path.z[:, :1], i.path.z[:, 1:]
        ),
        ("eq-equivalent-fit", "fitted values"): scaled_margin(
            ridge[..., None] * i.path.z[:, :1], own
        ),
    }


def _shrinks(i: Instance) -> Values:
    c = i.multipliers[..., 0]
    d, d_plus, total = i.d[:, None], equivalent_eigenvalues(i.d, c), np.cumsum(c, axis=1)
    previous = np.concatenate([d, d_plus[:, :-1]], axis=1)
    decreasing = scaled_margin(d_plus, previous)
    by_sum = scaled_margin(d_plus * total[..., None], c[:, :1, None] * d)
    by_count = scaled_margin((i.t + 1) * c[:, :1], total)[..., None]
    ordered = scaled_margin(d_plus[..., :-1] * d[..., 1:], d_plus[..., 1:] * d[..., :-1])
    return {
        "by round": decreasing,
        "by the sum": by_sum,
        "by the count": by_count,
        "small ones most": ordered,
    }


def _balls(i: Instance) -> Values:
    d, d_plus = i.d[:, None], equivalent_eigenvalues(i.d, i.multipliers[..., 0])
    counts = (d_plus > 0).astype(bool)

    def squared_norm(energy: Values, eigenvalues: Values) -> Values:
        return np.sum(np.where(counts, energy / np.where(counts, eigenvalues, 1), 0), axis=-1)

    own = squared_norm(i.energy[:, 1:], d)
    before = squared_norm(i.energy[:, :-1], d)
    inside = scaled_margin(own, squared_norm(i.energy[:, 1:], d_plus))
    return {"smaller ball": scaled_margin(own, before), "ball inside": inside}


def _norms(eigenvalues: Values, combinations: Values) -> Values:
    """Return sqrt(a^T G a) for the rows a of a table, for one fixed orthogonal V.

    V is the reflection I - (2/k) 1 1^T; k V a is formed in integers, so that
    nothing is rounded where the eigenvalues are balls.
    """
    k = combinations.shape[-1]
    rotated = k * combinations - 2 * np.sum(combinations, axis=-1, keepdims=True)
    return np.sqrt(np.sum(eigenvalues[..., None, :] * rotated**2, axis=-1)) / k


def _mean(values: Values) -> Values:
    return np.sum(values, axis=-1) / values.shape[-1]


def _signs(k: int) -> Values:
    """All signs up to an overall one, shape (2^(k-1), k)."""
    return np.array([(1, *rest) for rest in itertools.product((-1, 1), repeat=k - 1)])


def _rademacher(i: Instance) -> Values:
    k = min(i.n, _SIGN_POINTS)
    equivalent = equivalent_eigenvalues(i.d, i.multipliers[..., 0])
    eigenvalues = np.concatenate([i.d[:, None], equivalent], axis=1)[..., -k:]
    trace = np.sum(eigenvalues, axis=-1)
    mean = _mean(_norms(eigenvalues, _signs(k)))
    return {
        "upper": scaled_margin(mean, np.sqrt(trace)),
        "lower": scaled_margin(np.sqrt(trace / 2), mean),
    }


def _symmetrised(i: Instance) -> Values:
    # losses linear in f, samples of two among k points with replacement: the largest gap is the
    # norm of (a + b)/2 minus the mean point, and the complexity that of (a + b)/2 or (a - b)/2
    k = min(i.n, _SAMPLE_POINTS)
    eigenvalues, unit = i.d[..., -k:], np.eye(k, dtype=int)
    pairs = [(unit[a], unit[b]) for a, b in itertools.product(range(k), repeat=2)]
    gap = _norms(eigenvalues, np.array([k * (a + b) - 2 for a, b in pairs]))
    signed = np.array([k * (a + sign * b) for a, b in pairs for sign in (1, -1)])
    complexity = _norms(eigenvalues, signed)
    mean_point = _norms(eigenvalues, np.ones((1, k), dtype=int))[..., 0]
    # all norms here are 2k times those of the text; E ||gap||^2 + ||mean point||^2/2 = tr/(2k)
    second_moment = 2 * k * np.sum(eigenvalues, axis=-1)
    spread = _mean(gap * gap) + 2 * mean_point * mean_point
    squares = _mean(complexity * complexity)
    # one point exchanged for another changes the gap by at most k sqrt(2 d_max)
    change = k * np.sqrt(2 * eigenvalues[..., -1])
    deviation = (gap - _mean(gap)[..., None]) / change[..., None]
    return {
        "symmetrisation": scaled_margin(_mean(gap), 2 * _mean(complexity)),
        "trace": scaled_margin(_mean(complexity), np.sqrt(second_moment)),
        "second moment of the gap": scaled_margin(spread, second_moment),
        "second moment of the gap, from below": scaled_margin(second_moment, spread),
        "second moment of the signs": scaled_margin(squares, second_moment),
        "second moment of the signs, from below": scaled_margin(second_moment, squares),
        "deviation": scaled_margin(_mean(np.exp(deviation)), np.exp(0 * change + 1) ** 0.25),
    }


STATEMENTS = (
    Statement(
        id="thm-equivalent-kernel",
        chapter="generalisation",
        slogan="All rounds together are one ridge regression with another kernel.",
        tex=r"f_t(x) = (g^+_x)^\top (c_0 I + G^+)^{-1} y_0, \qquad "
        r"d_k^+ = \frac{c_0}{\prod_{i \le t} (1 + c_i/d_k) - 1}",
        source=EQUIVALENT_KERNEL,
        margin=_equivalent,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("thm-product",),
        equations=("eq-equivalent-eigenvalues", "eq-equivalent-fit"),
    ),
    Statement(
        id="prop-equivalent-shrinks",
        chapter="generalisation",
        slogan="Every round lowers the equivalent eigenvalues, the small ones most.",
        tex=r"d_t^+ \le d_{t-1}^+ \le d, \qquad "
        r"d_t^+ \le \frac{c_0}{\sum_{i \le t} c_i}\, d \le \frac{d}{t+1}, \qquad "
        r"0 < d_j \le d_k \implies d_j^+/d_j \le d_k^+/d_k",
        source=THIS_BOOK,
        margin=_shrinks,
        hypotheses=(non_trivial,),
        rests_on=("thm-equivalent-kernel", "prop-secular"),
        equations=("eq-equivalent-shrinks",),
        attained=r"$t = 0$",
    ),
    Statement(
        id="prop-balls",
        chapter="generalisation",
        slogan="Each fit lies in the ball of the fit before, and the new kernel's ball lies inside "
        "the old kernel's.",
        tex=r"R(f_t) \le R(f_{t-1}), \qquad R(f) \le R_t^+(f)",
        source=THIS_BOOK,
        margin=_balls,
        rests_on=("thm-product", "prop-equivalent-shrinks"),
        equations=("eq-balls",),
        attained=r"second inequality: $t = 0$",
    ),
    Statement(
        id="thm-rademacher",
        chapter="generalisation",
        slogan="The complexity of a kernel's ball is the root of the trace, up to a factor.",
        tex=r"\Lambda \sqrt{\frac{\operatorname{tr} G}{2n}} \le "
        r"\mathbb{E}_\sigma \sup_{R(f) \le \Lambda^2} \frac1n \sum_k \sigma_k f(x_k) \le "
        r"\Lambda \sqrt{\frac{\operatorname{tr} G}{n}}",
        source=TRACE_BOUND,
        margin=_rademacher,
        equations=("eq-rademacher",),
        attained=r"first inequality: $n = 2$ and $g(x_1, \cdot) = g(x_2, \cdot)$; second: "
        r"$g(x_j, x_k) = 0$ for $j \ne k$",
    ),
    Statement(
        id="thm-risk-bound",
        chapter="generalisation",
        slogan="Over a ball fixed in advance, risk exceeds training loss by at most a multiple of "
        "the ball's complexity (checked: symmetrisation and trace).",
        tex=r"\mathbb{E} \sup_f \bigl( L(f) - L_n(f) \bigr) \le "
        r"2\, \mathbb{E} \sup_f \frac1n \sum_k \sigma_k \ell_f(x_k, y_k) "
        r"\le 4 M \Lambda \sqrt{\gamma/n}",
        source=TRACE_BOUND,
        margin=_symmetrised,
        rests_on=("thm-rademacher",),
        equations=("eq-risk-bound",),
    ),
)
