"""How fast the diagonal of B_t becomes sparse: bounds on ratios of its entries.

Ratios are formed for neighbouring eigenvalues. That is all pairs: both bounds
and ratios telescope.
"""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.bounds import log_sparsification_bound
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Hypothesis,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

THEOREM_5 = "Mobahi et al. (2020), Thm 5; as restated here"

guaranteed = Hypothesis(
    id="guaranteed",
    words=r"$t \le (r_0 - 1)/\kappa$, so that $\kappa$ is finite",
    plain="t <= (r_0 - 1)/kappa, so that kappa is finite",
    needed_for=r"after the collapse there are no more rounds to sparsify",
    holds=lambda i: (i.t + 1) * i.kappa[:, None] <= i.r_minus_1[:, :1],
)


def neighbours(d: Values) -> tuple[Values, Values]:
    """Return d_j and d_k of neighbouring eigenvalues, with an axis for rounds."""
    return d[:, None, :-1], d[:, None, 1:]


def first_r_minus_1(i: Instance) -> Values:
    """Return r_0 - 1, shape (m, 1); 1 where there is no round and no bound."""
    r_minus_1 = i.r_minus_1[:, :1]
    return np.where((r_minus_1 > 0).astype(bool), r_minus_1, 1)


def log_ratios(i: Instance) -> Values:
    """Return log(A_t[k]/A_t[j]) of neighbours, shape (m, T, n-1), without cancellation.

    Zero for a round after the collapse: a round that is not there sparsifies
    nothing.
    """
    d_j, d_k = neighbours(i.d)
    c = np.where(i.alive, i.c, 0)[..., None]
    return np.log1p(c * (d_k - d_j) / (d_j * (c + d_k)))


def _ratio(i: Instance) -> Values:
    (d_j, d_k), (A_j, A_k) = neighbours(i.d), (i.A[..., :-1], i.A[..., 1:])
    c = i.multipliers
    margin = scaled_margin(A_k * d_j * (c + d_k), A_j * d_k * (c + d_j))
    return i.while_alive(margin)


def _one_round(i: Instance) -> Values:
    d_k = i.d[:, None, 1:]
    d_min, d_max = (d[:, None, None] for d in (i.d_min, i.d_max))
    alive = i.alive[..., None]
    c = np.where(alive, i.c[..., None], 1)
    r_minus_1 = np.where(alive, i.r_minus_1[:, :-1, None], 1)
    # each ratio minus one, divided by (d_k - d_j) / d_j
    lower, ratio, upper = (
        d_min / (r_minus_1 * d_k + d_min),
        c / (c + d_k),
        d_max / (r_minus_1 * d_k + d_max),
    )
    below, above = scaled_margin(lower, ratio), scaled_margin(ratio, upper)
    return i.while_alive({"lower": below, "upper": above})


def _sparsification(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    bound = log_sparsification_bound(
        first_r_minus_1(i)[..., None], i.d_min[:, None, None], d_j, d_k, (i.t + 1)[:, None]
    )
    return scaled_margin(bound, np.cumsum(log_ratios(i), axis=1))


def _cap(i: Instance) -> Values:
    d_j, d_k = neighbours(i.d)
    A_j, A_k = i.A[..., :-1], i.A[..., 1:]
    # where A_j is zero, so is the product on either side of the claim
    zero = (A_j == 0).astype(bool)
    share = np.where(zero, 1, A_k * d_j) / np.where(zero, 1, A_j * d_k)
    return {"upper": scaled_margin(np.cumprod(share, axis=1), 1), "lower": scaled_margin(A_j, A_k)}


STATEMENTS = (
    Statement(
        id="lem-ratio",
        chapter="sparsification",
        slogan="One round multiplies the ratio of two entries by a factor between 1 and d_k/d_j.",
        tex=r"\frac{A_t[k]}{A_t[j]} = \frac{1 + c_t/d_j}{1 + c_t/d_k}",
        source=THIS_BOOK,
        margin=_ratio,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("thm-recursion",),
        equations=("eq-ratio",),
    ),
    Statement(
        id="lem-one-round-ratio",
        chapter="sparsification",
        slogan="The bounds on the multiplier bound the change of a ratio in one round.",
        tex=r"\frac{r_t - 1 + d_{\min}/d_j}{r_t - 1 + d_{\min}/d_k} \le \frac{A_t[k]}{A_t[j]} \le "
        r"\frac{r_t - 1 + d_{\max}/d_j}{r_t - 1 + d_{\max}/d_k}, \qquad d_k > d_j",
        source=THEOREM_5,
        margin=_one_round,
        hypotheses=(nonsingular, non_trivial),
        rests_on=("lem-ratio", "prop-multiplier-bounds"),
        equations=("eq-one-round-ratio",),
        attained=r"labels in the eigenspace of $d_{\min}$ (left) or of $d_{\max}$ (right)",
    ),
    Statement(
        id="thm-sparsification",
        chapter="sparsification",
        slogan="Self-distillation makes the diagonal sparser at least geometrically.",
        tex=r"\frac{B_{t-1}[k]}{B_{t-1}[j]} \ge \left(\frac{r_0 - 1 + d_{\min}/d_j}"
        r"{r_0 - 1 + d_{\min}/d_k}\right)^t, \qquad d_k > d_j, \quad t \le (r_0 - 1)/\kappa",
        source=THEOREM_5,
        margin=_sparsification,
        hypotheses=(guaranteed,),
        rests_on=("lem-one-round-ratio", "prop-step", "cor-rounds-any-kernel"),
        equations=("eq-sparsification",),
        attained=r"$t = 1$ and labels in the eigenspace of $d_{\min}$",
    ),
    Statement(
        id="cor-sparsification-every-round",
        chapter="sparsification",
        slogan="The same bound holds for as long as there are rounds.",
        tex=r"\frac{B_{t-1}[k]}{B_{t-1}[j]} \ge \left(\frac{r_0 - 1 + d_{\min}/d_j}"
        r"{r_0 - 1 + d_{\min}/d_k}\right)^t, \qquad d_k > d_j, \quad t \le N",
        source=THIS_BOOK,
        margin=_sparsification,
        hypotheses=(nonsingular, non_trivial),
        rests_on=("lem-one-round-ratio", "prop-step"),
        equations=("eq-sparsification-every-round",),
        attained=r"$t = 1$ and labels in the eigenspace of $d_{\min}$",
    ),
    Statement(
        id="prop-sparsification-cap",
        chapter="sparsification",
        slogan="No round multiplies a ratio by more than the quotient of the eigenvalues.",
        tex=r"1 \le \frac{B_{t-1}[k]}{B_{t-1}[j]} \le \Bigl(\frac{d_k}{d_j}\Bigr)^t, "
        r"\qquad d_k \ge d_j > 0, \quad 1 \le t \le N",
        source=THIS_BOOK,
        margin=_cap,
        rests_on=("lem-ratio",),
        equations=("eq-sparsification-cap",),
        attained=r"$d_j = d_k$; approached as $c_i/d_k \to \infty$ in every round",
    ),
)
