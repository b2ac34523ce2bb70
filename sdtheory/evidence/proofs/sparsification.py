"""Cores of the sparsification theorem and of the ratios that one filter can reach."""

from __future__ import annotations

from sdtheory.bounds import sparsification_bound
from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals


def _sparsification() -> tuple[Proof, ...]:
    c, d_j, d_k, d_min, r, start = reals("c d_j d_k d_min r_t r_0")
    ratio, power, grown = reals("A[k]/A[j] q^t B[k]/B[j]")
    (factor,) = reals("q")
    c_, j_, k_ = positive("c d_j d_k")
    filters = (k_ / (c_ + k_)) / (j_ / (c_ + j_))
    return (
        Proof(
            r"One round's ratio is $\frac{A[k]}{A[j]} = \frac{1 + c/d_j}{1 + c/d_k}$.",
            Identity(
                filters, (1 + c_ / j_) / (1 + c_ / k_), wrong=((1 + c_ / k_) / (1 + c_ / j_),)
            ),
            r"Nothing more.",
        ),
        Proof(
            r"One round: $0 < d_j \le d_k$, $d_{\min} > 0$, $c \ge \frac{d_{\min}}{r_t-1}$ and "
            r"$1 < r_t \le r_0$ give $\frac{1+c/d_j}{1+c/d_k} \ge "
            r"\frac{r_0-1+d_{\min}/d_j}{r_0-1+d_{\min}/d_k}$.",
            Implication(
                given=(
                    d_j > 0,
                    d_j <= d_k,
                    d_min > 0,
                    c >= d_min / (r - 1),
                    r > 1,
                    r <= start,
                ),
                claim=(1 + c / d_j) / (1 + c / d_k)
                >= sparsification_bound(start - 1, d_min, d_j, d_k, 1),
                wrong=(
                    (1 + c / d_j) / (1 + c / d_k)
                    > sparsification_bound(start - 1, d_min, d_j, d_k, 1),
                    (1 + c / d_j) / (1 + c / d_k)
                    >= sparsification_bound(start - 1, 2 * d_min, d_j, d_k, 1),
                ),
            ),
            r"That $c_t \ge d_{\min}/(r_t-1)$ (the multiplier bounds) and $r_t \le r_0$ (equal "
            r"steps).",
        ),
        Proof(
            r"One more round: $\frac{B_{t-1}[k]}{B_{t-1}[j]} \ge q^t > 0$ and "
            r"$\frac{A_t[k]}{A_t[j]} "
            r"\ge q > 0$ give $\frac{B_t[k]}{B_t[j]} \ge q^{t+1}$.",
            Implication(
                given=(power > 0, factor > 0, grown >= power, ratio >= factor),
                claim=ratio * grown >= factor * power,
                wrong=(ratio * grown > factor * power,),
            ),
            r"Induction over the rounds, of which this is the step.",
        ),
    )


PROOFS = {"thm-sparsification": _sparsification()}
