"""Cores of what becomes of the bound on the sparsity index, and of the index, as epsilon falls."""

from __future__ import annotations

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, Sign, positive, reals
from sdtheory.formulas.bounds import sparsification_bound


def _limit() -> tuple[Proof, ...]:
    t, s, kappa, d_min, d_j, d_k = positive("t s kappa d_min d_j d_k")
    bound = sparsification_bound(kappa * t, d_min, d_j, d_k, 1)
    rate = sympy.diff(t * sympy.log(t + s), s)
    mixed = sympy.diff(rate, t)
    high, where, time, condition = reals("a s t kappa")
    share = time / (time + where)
    return (
        Proof(
            r"At $r_0 - 1 = \kappa t$ the bound of one round is $\frac{t+a}{t+b}$ with $a = "
            r"\frac{d_{\min}}{\kappa d_j}$, $b = \frac{d_{\min}}{\kappa d_k}$.",
            Identity(
                bound,
                (t + d_min / (kappa * d_j)) / (t + d_min / (kappa * d_k)),
                wrong=((t + d_min / d_j) / (t + d_min / d_k),),
            ),
        ),
        Proof(
            r"$\frac{\partial}{\partial s}\, t \log(t+s) = \frac{t}{t+s}$, so that $\log b_t = t "
            r"\log\frac{t+a}{t+b} = \int_b^a \frac{t}{t+s}\, ds$.",
            Identity(rate, t / (t + s), wrong=(1 / (t + s),)),
            r"The fundamental theorem of calculus.",
        ),
        Proof(
            r"$\frac{\partial}{\partial t} \frac{t}{t+s} = \frac{s}{(t+s)^2} > 0$ for $s, t > 0$: "
            r"the integrand, and so the bound, strictly increases with $t$ for $a > b > 0$.",
            Sign(mixed, wrong=(mixed - 1 / (t + s),), strict=True),
            r"Monotonicity of the integral, and of the minimum over $k$.",
        ),
        Proof(
            r"For $0 \le s \le a \le \frac1\kappa$ and $t, \kappa > 0$: $1 - \frac{1}{1+\kappa t} "
            r"\le \frac{t}{t+s} \le 1$, so that $(1 - \frac1{r_0})(a-b) \le \log b_t \le a - b$.",
            Implication(
                given=(where >= 0, where <= high, condition * high <= 1, time > 0, condition > 0),
                claim=z3.And(share >= 1 - 1 / (1 + condition * time), share <= 1),
                wrong=(share > 1 - 1 / (1 + condition * time), share < 1),
            ),
            r"Monotonicity of the integral; the limit $r_0 \to \infty$ of both sides.",
        ),
    )


def _fixed_rounds() -> tuple[Proof, ...]:
    d_j, d_k, d_min, excess, more = reals("d_j d_k d_min e e'")
    before = sparsification_bound(excess, d_min, d_j, d_k, 1)
    after = sparsification_bound(more, d_min, d_j, d_k, 1)
    return (
        Proof(
            r"One round: $0 < e < e'$, $d_{\min} > 0$ and $0 < d_j < d_k$ give $1 < "
            r"\frac{e'+d_{\min}/d_j}{e'+d_{\min}/d_k} < \frac{e+d_{\min}/d_j}{e+d_{\min}/d_k}$, "
            r"$e = r_0 - 1$.",
            Implication(
                given=(excess > 0, excess < more, d_min > 0, d_j > 0, d_j < d_k),
                claim=z3.And(after > 1, after < before),
                wrong=(after > before,),
            ),
            r"Powers of numbers above 1 are ordered as the numbers are.",
        ),
        Proof(
            r"To nothing: it exceeds 1 by at most $\frac{d_{\min}}{e} (\frac{1}{d_j} - "
            r"\frac{1}{d_k})$.",
            Implication(
                given=(excess > 0, d_min >= 0, d_j > 0, d_j <= d_k),
                claim=before - 1 <= d_min / excess * (1 / d_j - 1 / d_k),
                wrong=(before - 1 <= d_min / (1 + excess) * (1 / d_j - 1 / d_k),),
            ),
            r"The limit $e \to \infty$ of a fixed power.",
        ),
    )


def _flow_step() -> tuple[Proof, ...]:
    c, d, x = positive("c d x")
    ridge, eigenvalue, d_min, kappa, r, least, y, q = reals("c d d_min kappa r_l r_i x q_i")
    gap = sympy.log(1 + x) - x / (1 + x)
    return (
        Proof(
            r"Per eigenvalue $\frac{c_i}{c_i+d} = \frac{c_i}{d} \frac{d}{c_i+d}$: the residual of "
            r"round $i$ is $\frac{c_i}{d} B_i z_0$.",
            Identity(c / (c + d), c / d * (d / (c + d)), wrong=(c / d,)),
            r"Summing over the eigenvalues.",
        ),
        Proof(
            r"$\log(1+x) < x$ for $x > 0$: the difference is $0$ at $x = 0$, and its derivative "
            r"$1 - \frac{1}{1+x}$ is positive. So $B_i \ge e^{-\tau_{i+1}/d}$.",
            Sign(sympy.diff(x - sympy.log(1 + x), x), wrong=(1 / (1 + x) - 1,), strict=True),
            r"Monotonicity from the derivative; summing over the rounds.",
        ),
        Proof(
            r"$\log(1+x) > \frac{x}{1+x}$ for $x > 0$: the difference is $0$ at $x = 0$, and its "
            r"derivative $\frac{x}{(1+x)^2}$ is positive.",
            Sign(sympy.diff(gap, x), wrong=(sympy.diff(gap, x) - 1 / (1 + x),), strict=True),
            r"Monotonicity from the derivative.",
        ),
        Proof(
            r"$x = \frac{c_l}{d}$ is at most $q_i = \frac{\kappa}{r_i-1}$: from $c_l \le "
            r"\frac{\kappa d_{\min}}{r_l-1}$, $r_l \ge r_i > 1$, $\kappa \ge 0$ and $d \ge "
            r"d_{\min} > 0$.",
            Implication(
                given=(
                    d_min > 0,
                    eigenvalue >= d_min,
                    least > 1,
                    r >= least,
                    kappa >= 0,
                    ridge <= kappa * d_min / (r - 1),
                ),
                claim=ridge / eigenvalue <= kappa / (least - 1),
                wrong=(ridge / eigenvalue < kappa / (least - 1),),
            ),
            r"The multiplier bounds, and that $r_l$ decreases.",
        ),
        Proof(
            r"And $0 \le x \le q$ gives $\frac{x}{1+x} \ge \frac{x}{1+q}$, so that $B_i \le "
            r"e^{-\tau_{i+1}/(d(1+q_i))}$.",
            Implication(
                given=(y >= 0, y <= q),
                claim=y / (1 + y) >= y / (1 + q),
                wrong=(y / (1 + y) > y / (1 + q),),
            ),
            r"Summing over the rounds.",
        ),
    )


def _index() -> tuple[Proof, ...]:
    c, u = positive("c u")
    ridge, at, q = reals("c u q")
    rate = sympy.diff(sympy.log(1 + c * u), u)
    return (
        Proof(
            r"$\frac{\partial}{\partial u} \log(1 + c u) = \frac{c}{1+cu}$, so that "
            r"$\log\frac{A[k]}{A[j]} = \int_{1/d_k}^{1/d_j} \frac{c}{1+cu}\,du$.",
            Identity(rate, c / (1 + c * u), wrong=(1 / (1 + c * u),)),
            r"The fundamental theorem of calculus.",
        ),
        Proof(
            r"For $c, u \ge 0$ and $c u \le q$ the integrand lies between $\frac{c}{1+q}$ and $c$.",
            Implication(
                given=(ridge >= 0, at >= 0, ridge * at <= q),
                claim=z3.And(
                    ridge / (1 + q) <= ridge / (1 + ridge * at), ridge / (1 + ridge * at) <= ridge
                ),
                wrong=(ridge / (1 + ridge * at) < ridge,),
            ),
            r"Monotonicity of the integral; summing over the rounds; the limit of $\tau_t$.",
        ),
    )


PROOFS = {
    "thm-near-interpolation": _limit(),
    "prop-fixed-rounds": _fixed_rounds(),
    "lem-flow-step": _flow_step(),
    "thm-index-limit": _index(),
}
