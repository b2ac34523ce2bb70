"""Cores of the rounds that the bend of the path costs."""

from __future__ import annotations

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals


def _bounded_loss() -> tuple[Proof, ...]:
    c, mu, nu, g, u, x = reals("c mu nu g u x")
    before, after, here, most, step = reals("p_(t-1) p_t Phi_(t-1)(mu) Phi_t(mu) |y_t-y_(t+1)|")
    f, rho, there = reals("f rho Phi_t(nu)")
    start, end, sums, count, factor, bend = reals("L(y_0) L(y_N) sum N K log")
    low, high, v = positive("m m_0 mu")
    return (
        Proof(
            r"A step is at least $c\,p_t \ge \frac{p_{t-1} - p_t}{\nu}$ long, as $p_{t-1} = "
            r"(1 + c\nu) \Phi_t(\nu) \le (1 + c\nu)\, p_t$.",
            Implication(
                given=(
                    c > 0,
                    nu > 0,
                    before == (1 + c * nu) * there,
                    there <= after,
                    step >= c * after,
                ),
                claim=step >= (before - after) / nu,
                wrong=(step >= before / nu, step > (before - after) / nu),
            ),
            r"That $\|H y_{t+1}\| \ge \Phi_t(\mu)$ for every $\mu$, by convexity of $\log R_t$.",
        ),
        Proof(
            r"With $0 \le g \le x$ and $u \ge 0$, "
            r"$\frac{(1+g)(1+u)}{1+u+g} \bigl(1 + \frac{x}{1+u}\bigr) \le 1 + x$: one step of the "
            r"induction for $X_i \le 1 + x_i$.",
            Implication(
                given=(g >= 0, u >= 0, x >= g),
                claim=(1 + g) * (1 + u) / (1 + u + g) * (1 + x / (1 + u)) <= 1 + x,
                wrong=(
                    (1 + g) * (1 + u) / (1 + u + g) * (1 + x / (1 + u)) < 1 + x,
                    (1 + g) * (1 + x / (1 + u)) <= 1 + x,
                ),
            ),
            r"$e^{-v} \le \frac{1}{1+v}$ at $v = \frac{g}{1+u}$, and the induction.",
        ),
        Proof(
            r"$f \le \Phi_{t-1}(\mu) + \rho\mu$, $\Phi_{t-1}(\mu) = (1 + c\mu) \Phi_t(\mu)$, "
            r"$\Phi_t(\mu) \le p_t$ and $c\,\Phi_t(\mu) \le \rho$ give $f \le p_t + 2\rho\mu$.",
            Implication(
                given=(
                    mu > 0,
                    f <= here + rho * mu,
                    here == (1 + c * mu) * most,
                    most <= after,
                    c * most <= rho,
                ),
                claim=f <= after + 2 * rho * mu,
                wrong=(f <= after + rho * mu,),
            ),
        ),
        Proof(
            r"$\int_m^{m_0} \frac{d\mu}{\mu^2} = \frac1m - \frac1{m_0}$.",
            Identity(
                sympy.integrate(1 / v**2, (v, low, high)),
                1 / low - 1 / high,
                wrong=(1 / low,),
            ),
            r"Exchanging the integrals over $s$ and $\mu$.",
        ),
        Proof(
            r"$L(y_0) \le \Sigma + 2\rho \log\frac{m_0}{h_1}$, $\Sigma \le N\rho + L(y_N)$ and "
            r"$L(y_N) \le K\rho$ give the bounds.",
            Implication(
                given=(
                    rho > 0,
                    start <= sums + 2 * rho * bend,
                    sums <= count * rho + end,
                    end <= factor * rho,
                ),
                claim=z3.And(
                    (start - end) / rho <= count + 2 * bend,
                    start / rho - count <= factor + 2 * bend,
                ),
                wrong=(start / rho - count <= factor + bend, start / rho - count <= 2 * bend),
            ),
            r"The prolonged chain is no longer than $L(y_N)$; $h_1 \ge \frac1{d_{\max}}$ and "
            r"$m_0 \le \frac1{d_{\min}}$.",
        ),
    )


def _lost_rounds() -> tuple[Proof, ...]:
    h, k, a, b, s = positive("h k a b s")
    first, second = a * sympy.exp(-2 * s * h), b * sympy.exp(-2 * s * k)
    norm = sympy.sqrt(first + second)
    mean = (first * h + second * k) / (first + second)
    variance = (first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second)
    square = (first * h**2 + second * k**2) / norm
    return (
        Proof(
            r"For two eigenvalues, $-\frac{d}{ds}\bigl(m\|b\|\bigr) - \frac{\langle b, H^2 "
            r"b\rangle}{\|b\|} = \operatorname{Var}_s(h)\, \|b\|$: the loss of a round is the "
            r"integral of the right side, times $\frac{c^2}{2}$.",
            Identity(
                -sympy.diff(mean * norm, s) - square, variance * norm, wrong=(2 * variance * norm,)
            ),
            r"The same for more eigenvalues, the error terms, the Riemann sum, and what is left at "
            r"the collapse.",
        ),
    )


def _quarter() -> tuple[Proof, ...]:
    variance, F, m, fall = reals("Var F m -m'")
    s, h, k, a, b = positive("s h k a b")
    first, second = a * sympy.exp(-2 * s * h), b * sympy.exp(-2 * s * k)
    mean = (first * h + second * k) / (first + second)
    return (
        Proof(
            r"For two eigenvalues, $m' = -2\operatorname{Var}_s(h)$.",
            Identity(
                sympy.diff(mean, s),
                -2 * (first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second),
                wrong=(-(first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second),),
            ),
            r"The same for more eigenvalues.",
        ),
        Proof(
            r"$F \le \frac1m$ and $-m' = 2\operatorname{Var}$ give $\frac12 \operatorname{Var} F "
            r"\le \frac{-m'}{4m}$.",
            Implication(
                given=(m > 0, variance >= 0, F * m <= 1, fall == 2 * variance),
                claim=variance * F / 2 <= fall / (4 * m),
                wrong=(variance * F / 2 <= fall / (8 * m),),
            ),
            r"$F \le \frac1m$, the integral of $\frac{-m'}{m}$, and that the quarter is sharp.",
        ),
    )


PROOFS = {
    "thm-bounded-loss": _bounded_loss(),
    "thm-lost-rounds": _lost_rounds(),
    "prop-quarter": _quarter(),
}
