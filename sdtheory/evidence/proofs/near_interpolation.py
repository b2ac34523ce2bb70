"""Cores of the limit, as the tolerance falls, of the bound on the sparsity index."""

from __future__ import annotations

import sympy
import z3

from sdtheory.bounds import sparsification_bound
from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, Sign, positive, reals


def _limit() -> tuple[Proof, ...]:
    t, s, kappa, d_min, d_j, d_k = positive("t s kappa d_min d_j d_k")
    bound = sparsification_bound(kappa * t, d_min, d_j, d_k, 1)
    mixed = sympy.diff(t * sympy.log(t + s), s, t)
    rate = sympy.diff(t * sympy.log(t + s), s)
    low, high, where, time = reals("b a s t")
    share = time / (time + where)
    return (
        Proof(
            r"At $r_0 - 1 = \kappa t$ the bound of one round is $\frac{t+a}{t+b}$ with "
            r"$a = \frac{d_{\min}}{\kappa d_j}$, $b = \frac{d_{\min}}{\kappa d_k}$.",
            Identity(
                bound,
                (t + d_min / (kappa * d_j)) / (t + d_min / (kappa * d_k)),
                wrong=((t + d_min / d_j) / (t + d_min / d_k),),
            ),
            r"Nothing more.",
        ),
        Proof(
            r"$\frac{\partial}{\partial s}\, t \log(t+s) = \frac{t}{t+s}$, so that "
            r"$t \log\frac{t+a}{t+b} = \int_b^a \frac{t}{t+s}\, ds$.",
            Identity(rate, t / (t + s), wrong=(1 / (t + s),)),
            r"The fundamental theorem of calculus.",
        ),
        Proof(
            r"$\frac{\partial}{\partial t} \frac{t}{t+s} = \frac{s}{(t+s)^2}$.",
            Identity(mixed, s / (t + s) ** 2, wrong=(t / (t + s) ** 2,)),
            r"Nothing more.",
        ),
        Proof(
            r"It is positive for $s, t > 0$: the integrand, and so the bound $(\frac{t+a}{t+b})^t$ "
            r"for $a > b > 0$, strictly increases with $t$.",
            Sign(mixed, wrong=(mixed - 1 / (t + s),), strict=True),
            r"Monotonicity of the integral; that $t$ grows as $\varepsilon$ falls, along those "
            r"$\varepsilon$ at which $t = (r_0-1)/\kappa$ is an integer.",
        ),
        Proof(
            r"For $0 < b \le s \le a$ and $t > 0$: $1 - \frac{a}{t} \le \frac{t}{t+s} < 1$, so "
            r"that "
            r"the integral lies between $(a-b)(1 - \frac at)$ and $a - b$.",
            Implication(
                given=(low > 0, low <= where, where <= high, time > 0),
                claim=z3.And(share >= 1 - high / time, share < 1),
                wrong=(share >= 1 - low / time, share >= 1),
            ),
            r"Monotonicity of the integral, and the limit $t \to \infty$: "
            r"$(\frac{t+a}{t+b})^t \to e^{a-b}$; that the minimum over $k$ passes to the limit.",
        ),
    )


PROOFS = {"thm-near-interpolation": _limit()}
