"""Cores of the comparison with early stopping: caps, two rounds, and no matching filter."""

from __future__ import annotations

from typing import Any

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.filters import tikhonov

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."


def _one_round() -> tuple[Proof, ...]:
    c, more, d_j, d_k = reals("c c' d_j d_k")
    c_, j_, k_ = positive("c d_j d_k")

    def ratio(ridge: Any) -> Any:
        return tikhonov(d_k, ridge) / tikhonov(d_j, ridge)

    symbolic = tikhonov(k_, c_) / tikhonov(j_, c_)
    return (
        Proof(
            r"$0 < c < c'$ and $0 < d_j < d_k$ give $1 < \frac{T_c(d_k)}{T_c(d_j)} < "
            r"\frac{T_{c'}(d_k)}{T_{c'}(d_j)} < \frac{d_k}{d_j}$.",
            Implication(
                given=(c > 0, c < more, d_j > 0, d_j < d_k),
                claim=z3.And(ratio(c) > 1, ratio(c) < ratio(more), ratio(more) < d_k / d_j),
                wrong=(ratio(c) > ratio(more),),
            ),
            r"That $c$ increases with $\varepsilon$: the secular equation.",
        ),
        Proof(
            r"The limits, exactly: the ratio is $\frac{d_k}{d_j}\bigl(1 - "
            r"\frac{d_k-d_j}{c+d_k}\bigr)$, which tends to $\frac{d_k}{d_j}$ as $c \to \infty$.",
            Identity(
                symbolic,
                k_ / j_ * (1 - (k_ - j_) / (c_ + k_)),
                wrong=(k_ / j_ * (1 - (k_ - j_) / (c_ + j_)),),
            ),
            r"The limit.",
        ),
        Proof(
            r"It is also $1 + \frac{c\,(d_k-d_j)}{d_j(c+d_k)}$, which tends to $1$ as $c \to 0$.",
            Identity(
                symbolic,
                1 + c_ * (k_ - j_) / (j_ * (c_ + k_)),
                wrong=(1 + c_ * (k_ - j_) / (j_ * (c_ + j_)),),
            ),
            r"The limit.",
        ),
    )


def _flow() -> tuple[Proof, ...]:
    (x,) = positive("x")
    growth, at = reals("e^x x")
    s, j, k = positive("s d_j d_k")

    def psi(at: Any) -> Any:
        return at / (sympy.exp(at) - 1)

    log_ratio = sympy.log(1 - sympy.exp(-k * s)) - sympy.log(1 - sympy.exp(-j * s))
    slope = (psi(k * s) - psi(j * s)) / s
    return (
        Proof(
            r"The ratio's logarithm has the derivative $\frac1s (\psi(d_k s) - \psi(d_j s))$ in "
            r"$s$, with $\psi(x) = \frac{x}{e^x-1}$.",
            Identity(sympy.diff(log_ratio, s), slope, wrong=(-slope, slope * s)),
        ),
        Proof(
            r"$\psi'(x) = \frac{e^x - 1 - x e^x}{(e^x-1)^2}$.",
            Identity(
                sympy.diff(psi(x), x),
                (sympy.exp(x) - 1 - x * sympy.exp(x)) / (sympy.exp(x) - 1) ** 2,
                wrong=((sympy.exp(x) - 1 - x) / (sympy.exp(x) - 1) ** 2,),
            ),
        ),
        Proof(
            r"$\psi' < 0$ at $x > 0$: $e^{-x} > 1 - x$, that is $e^x (1 - x) < 1$, and $e^x > 1$ "
            r"give $\frac{e^x - 1 - x e^x}{(e^x-1)^2} < 0$.",
            Implication(
                given=(growth > 1, growth * (1 - at) < 1),
                claim=(growth - 1 - at * growth) / (growth - 1) ** 2 < 0,
                wrong=((growth - 1 - at) / (growth - 1) ** 2 < 0,),
            ),
            r"$e^{-x} > 1 - x$ for $x \ne 0$; the limits at $s \to 0$ and $s \to \infty$.",
        ),
    )


def _cap() -> tuple[Proof, ...]:
    low, high, d_j, d_k = reals("phi(d_j) phi(d_k) d_j d_k")
    c, x, m = positive("c x x^m")
    d = c * (1 - x) / x
    (at,) = positive("u")
    growth, u = reals("e^u u")
    share = (1 - sympy.exp(-at)) / at
    return (
        Proof(
            r"$\frac{\varphi(d_k)}{d_k} \le \frac{\varphi(d_j)}{d_j}$ with $d_j, d_k, "
            r"\varphi(d_j) > 0$ gives $\frac{\varphi(d_k)}{\varphi(d_j)} \le \frac{d_k}{d_j}$.",
            Implication(
                given=(d_j > 0, d_k > 0, low > 0, high / d_k <= low / d_j),
                claim=high / low <= d_k / d_j,
                wrong=(high / low < d_k / d_j,),
            ),
        ),
        Proof(
            r"Iterated Tikhonov has it: with $x = \frac{c}{c+d}$, which decreases with $d$, "
            r"$\frac{1-x^m}{d} = \frac{x}{c} \frac{1-x^m}{1-x}$.",
            Identity((1 - m) / d, x / c * (1 - m) / (1 - x), wrong=(x * (1 - m) / (1 - x),)),
            r"$\frac{1-x^m}{1-x} = 1 + x + \dots + x^{m-1}$ increases with $x$; $m = 1$ is "
            r"Tikhonov.",
        ),
        Proof(
            r"Gradient flow has it: $\frac{d}{du} \frac{1-e^{-u}}{u} = -\frac{1 - "
            r"(1+u)e^{-u}}{u^2}$.",
            Identity(
                sympy.diff(share, at),
                -(1 - (1 + at) * sympy.exp(-at)) / at**2,
                wrong=(-(1 - sympy.exp(-at)) / at**2,),
            ),
            r"$\varphi(d)/d$ is this share at $u = d s$, times $s$.",
        ),
        Proof(
            r"That derivative is at most $0$: $e^u \ge 1 + u$ and $u > 0$ give $1 - (1+u)e^{-u} "
            r"\ge 0$.",
            Implication(
                given=(u > 0, growth >= 1 + u),
                claim=1 - (1 + u) / growth >= 0,
                wrong=(1 - (1 + u) / growth > 0,),
            ),
            r"$e^u \ge 1 + u$.",
        ),
    )


def _two_rounds() -> tuple[Proof, ...]:
    c, other, d_j, d_k = reals("c c' d_j d_k")
    twice = (tikhonov(d_k, c) * tikhonov(d_k, other)) / (tikhonov(d_j, c) * tikhonov(d_j, other))
    c_, other_, j, k = positive("c c' d_j d_k")
    return (
        Proof(
            r"$d_k (c+d_j)(c'+d_j) - d_j (c+d_k)(c'+d_k) = (d_k - d_j)(c c' - d_j d_k)$.",
            Identity(
                k * (c_ + j) * (other_ + j) - j * (c_ + k) * (other_ + k),
                (k - j) * (c_ * other_ - j * k),
                wrong=((k - j) * (c_ * other_ - j**2),),
            ),
        ),
        Proof(
            r"For $c, c' > 0$ and $0 < d_j < d_k$: the ratio of two rounds exceeds "
            r"$\frac{d_k}{d_j}$ if and only if $c c' > d_j d_k$.",
            Implication(
                given=(c > 0, other > 0, d_j > 0, d_j < d_k),
                claim=(twice > d_k / d_j) == (c * other > d_j * d_k),
                wrong=((twice >= d_k / d_j) == (c * other > d_j * d_k),),
            ),
        ),
    )


def _beyond() -> tuple[Proof, ...]:
    c, other, d_min, d_j, d_k, first, last = reals("c_0 c_(t-1) d_min d_j d_k e_0 e_(t-1)")
    two, rest, cap = reals("R_two R_others q")
    return (
        Proof(
            r"$c_0 \ge \frac{d_{\min}}{r_0-1}$, $c_{t-1} \ge \frac{d_{\min}}{r_{t-1}-1}$ and "
            r"$(r_0-1)(r_{t-1}-1) < \frac{d_{\min}^2}{d_j d_k}$ give $c_0 c_{t-1} > d_j d_k$ "
            r"(with $e_i = r_i - 1 > 0$).",
            Implication(
                given=(
                    d_min > 0,
                    d_j > 0,
                    d_k > 0,
                    first > 0,
                    last > 0,
                    c >= d_min / first,
                    other >= d_min / last,
                    first * last < d_min**2 / (d_j * d_k),
                ),
                claim=c * other > d_j * d_k,
                wrong=(c * other > 2 * d_j * d_k,),
            ),
            r"The multiplier bounds, for the first and the last round.",
        ),
        Proof(
            r"The other rounds do not undo it: factors above $q = \frac{d_k}{d_j} > 0$ and at "
            r"least $1$ have a product above $q$.",
            Implication(
                given=(cap > 0, two > cap, rest >= 1),
                claim=two * rest > cap,
                wrong=(two * rest > 2 * cap,),
            ),
            r"That every round's ratio is at least 1.",
        ),
    )


def _no_filter() -> tuple[Proof, ...]:
    c, d, P = positive("c_t d P")
    u_j, u_k, ridge, total, pairs = reals("u_j u_k c_t s e")
    P_j, P_k, m_j, m_k = reals("P_j P_k m_j m_k")
    gap = u_j - u_k
    return (
        Proof(
            r"With $P = \frac{1}{F(d)} = \prod_{i<t} (1 + \frac{c_i}{d})$ and $m = d(P - 1)$, one "
            r"more round turns $m$ into $m + c_t P$.",
            Identity(d * (P * (1 + c / d) - 1), d * (P - 1) + c * P, wrong=(d * (P - 1) + c,)),
        ),
        Proof(
            r"With $u = \frac1d$, $u_j \ge u_k \ge 0$ and $P_k \ge 1$: $P_j - P_k \ge s (u_j - "
            r"u_k)$, $s = \sum_i c_i \ge 0$, stays true: $P_j(1+c_t u_j) - P_k(1+c_t u_k) \ge "
            r"(s+c_t)(u_j-u_k)$.",
            Implication(
                given=(
                    ridge >= 0,
                    u_k >= 0,
                    gap >= 0,
                    total >= 0,
                    P_k >= 1,
                    P_j - P_k >= total * gap,
                ),
                claim=P_j * (1 + ridge * u_j) - P_k * (1 + ridge * u_k) >= (total + ridge) * gap,
                wrong=(P_j * (1 + ridge * u_j) - P_k * (1 + ridge * u_k) > (total + ridge) * gap,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"So $m_j - m_k \ge e\,(u_j - u_k)$, $e = \sum_{i<l} c_i c_l$, stays true: it gains "
            r"$c_t (P_j - P_k) \ge c_t s\,(u_j - u_k)$.",
            Implication(
                given=(ridge >= 0, P_j - P_k >= total * gap, m_j - m_k >= pairs * gap),
                claim=(m_j + ridge * P_j) - (m_k + ridge * P_k) >= (pairs + ridge * total) * gap,
                wrong=((m_j + ridge * P_j) - (m_k + ridge * P_k) > (pairs + ridge * total) * gap,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"And $m \ge s$ stays true: $m_k \ge s$, $c_t \ge 0$ and $P_k \ge 1$ give $m_k + c_t "
            r"P_k \ge s + c_t$.",
            Implication(
                given=(ridge >= 0, P_k >= 1, m_k >= total),
                claim=m_k + ridge * P_k >= total + ridge,
                wrong=(m_k + ridge * P_k > total + ridge,),
            ),
            _OVER_ROUNDS,
        ),
    )


PROOFS = {
    "prop-early-stopping": _one_round(),
    "prop-flow-stopping": _flow(),
    "prop-filter-cap": _cap(),
    "lem-two-rounds": _two_rounds(),
    "thm-beyond-cap": _beyond(),
    "thm-no-filter": _no_filter(),
}
