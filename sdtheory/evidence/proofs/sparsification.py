"""Cores of the sparsification theorem, and of the cap on one round's ratio."""

from __future__ import annotations

import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.bounds import sparsification_bound

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."


def _ratio() -> tuple[Proof, ...]:
    c, d_j, d_k = positive("c d_j d_k")
    A_j, A_k = d_j / (c + d_j), d_k / (c + d_k)
    return (
        Proof(
            r"One round's ratio is $\frac{A[k]}{A[j]} = \frac{1 + c/d_j}{1 + c/d_k}$.",
            Identity(A_k / A_j, (1 + c / d_j) / (1 + c / d_k), wrong=(A_j / A_k, 1 + c / d_j)),
        ),
    )


def _one_round() -> tuple[Proof, ...]:
    c, d_j, d_k, d_min, d_max, r = reals("c d_j d_k d_min d_max r")
    ratio = (1 + c / d_j) / (1 + c / d_k)
    lower = sparsification_bound(r - 1, d_min, d_j, d_k, 1)
    upper = sparsification_bound(r - 1, d_max, d_j, d_k, 1)
    e, least, j, k = positive("e d_min d_j d_k")
    return (
        Proof(
            r"The multiplier's lower bound, $c \ge \frac{d_{\min}}{r-1}$ with $r > 1$, $d_{\min} "
            r"\ge 0$, and $0 < d_j \le d_k$ give $\frac{A[k]}{A[j]} \ge "
            r"\frac{r-1+d_{\min}/d_j}{r-1+d_{\min}/d_k}$.",
            Implication(
                given=(d_j > 0, d_j <= d_k, d_min >= 0, r > 1, c >= d_min / (r - 1)),
                claim=ratio >= lower,
                wrong=(
                    ratio > lower,
                    ratio >= sparsification_bound(r - 1, 2 * d_min, d_j, d_k, 1),
                ),
            ),
            r"The multiplier bounds.",
        ),
        Proof(
            r"Its upper bound, $0 \le c \le \frac{d_{\max}}{r-1}$, gives $\frac{A[k]}{A[j]} \le "
            r"\frac{r-1+d_{\max}/d_j}{r-1+d_{\max}/d_k}$.",
            Implication(
                given=(d_j > 0, d_j <= d_k, c >= 0, r > 1, c <= d_max / (r - 1)),
                claim=ratio <= upper,
                wrong=(ratio < upper,),
            ),
            r"The multiplier bounds.",
        ),
        Proof(
            r"Without cancellation: $\frac{e + d_{\min}/d_j}{e + d_{\min}/d_k} = 1 + "
            r"\frac{d_{\min}(d_k - d_j)}{d_j (e\,d_k + d_{\min})}$, as the library computes it.",
            Identity(
                sparsification_bound(e, least, j, k, 1),
                1 + least * (k - j) / (j * (e * k + least)),
                wrong=(1 + least * (k - j) / (j * (e * j + least)),),
            ),
        ),
    )


def _all_rounds() -> tuple[Proof, ...]:
    d_j, d_k, d_min, r, start = reals("d_j d_k d_min r_t r_0")
    ratio, grown, power, factor = reals("R_A R_B q^t q")
    now = sparsification_bound(r - 1, d_min, d_j, d_k, 1)
    first = sparsification_bound(start - 1, d_min, d_j, d_k, 1)
    return (
        Proof(
            r"Later rounds sparsify no less: $1 < r_t \le r_0$, $0 < d_j \le d_k$ and $d_{\min} "
            r"\ge 0$ give $\frac{r_t-1+d_{\min}/d_j}{r_t-1+d_{\min}/d_k} \ge "
            r"\frac{r_0-1+d_{\min}/d_j}{r_0-1+d_{\min}/d_k} = q$.",
            Implication(
                given=(d_j > 0, d_j <= d_k, d_min >= 0, r > 1, r <= start),
                claim=now >= first,
                wrong=(now > first, now <= first),
            ),
            r"$r_t \le r_0$, from the equal steps.",
        ),
        Proof(
            r"One more round: $\frac{B_{t-1}[k]}{B_{t-1}[j]} \ge q^t \ge 0$ and "
            r"$\frac{A_t[k]}{A_t[j]} \ge q \ge 0$ give $\frac{B_t[k]}{B_t[j]} \ge q^{t+1}$.",
            Implication(
                given=(power >= 0, factor >= 0, grown >= power, ratio >= factor),
                claim=ratio * grown >= factor * power,
                wrong=(ratio * grown > factor * power,),
            ),
            _OVER_ROUNDS,
        ),
    )


def _cap() -> tuple[Proof, ...]:
    c, d_j, d_k, grown, cap = reals("c d_j d_k R_B q^t")
    ratio = (1 + c / d_j) / (1 + c / d_k)
    return (
        Proof(
            r"$c \ge 0$ and $0 < d_j \le d_k$ give $1 \le \frac{A[k]}{A[j]} \le \frac{d_k}{d_j}$.",
            Implication(
                given=(c >= 0, d_j > 0, d_j <= d_k),
                claim=z3.And(ratio >= 1, ratio <= d_k / d_j),
                wrong=(ratio > 1, ratio < d_k / d_j),
            ),
        ),
        Proof(
            r"One more round keeps $1 \le \frac{B[k]}{B[j]} \le q^t$, $q = \frac{d_k}{d_j}$, with "
            r"one more factor $q$.",
            Implication(
                given=(c >= 0, d_j > 0, d_j <= d_k, grown >= 1, grown <= cap),
                claim=z3.And(ratio * grown >= 1, ratio * grown <= d_k / d_j * cap),
                wrong=(ratio * grown <= cap,),
            ),
            _OVER_ROUNDS,
        ),
    )


PROOFS = {
    "lem-ratio": _ratio(),
    "lem-one-round-ratio": _one_round(),
    "thm-sparsification": _all_rounds(),
    "cor-sparsification-every-round": _all_rounds(),
    "prop-sparsification-cap": _cap(),
}
