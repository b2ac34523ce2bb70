"""Cores of the equivalent kernel and of the trace bound."""

from __future__ import annotations

from typing import Any

import z3

from sdtheory.evidence.proofs.arguments import (
    Identity,
    Implication,
    Proof,
    positive,
    reals,
)

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."


def _equivalent() -> tuple[Proof, ...]:
    c, c_0, d, P, gamma, z = positive("c_t c_0 d P gamma z")
    plus = c_0 / (P - 1)
    weight = plus / d**2 - 1 / d
    row = gamma + weight * d * gamma
    previous = positive("d_plus")[0]
    return (
        Proof(
            r"One factor: $1/(1 + \frac{c_t}{d}) = \frac{d}{c_t+d}$, so that $1/P = B_t$ with $P "
            r"= \prod_{i \le t}(1 + c_i/d)$.",
            Identity(1 / (1 + c / d), d / (c + d), wrong=(c / (c + d),)),
            _OVER_ROUNDS,
        ),
        Proof(
            r"Ridge regression with $d^+ = \frac{c_0}{P-1}$ and ridge $c_0$ has the filter "
            r"$\frac{d^+}{c_0+d^+} = \frac1P$.",
            Identity(plus / (c_0 + plus), 1 / P, wrong=(1 / (P - 1),)),
            r"Nothing more; $P > 1$.",
        ),
        Proof(
            r"On the data the kernel $g^+ = g + n\,g_x^\top V^\top (D^{-1}D^+D^{-1} - D^{-1}) V "
            r"g_{x'}$ has the eigenvalues $d + d^2 (\frac{d^+}{d^2} - \frac1d) = d^+$.",
            Identity(d + d**2 * weight, plus, wrong=(d - d**2 * weight,)),
            r"That $V g_{x_k}$ is the column of $D V$.",
        ),
        Proof(
            r"Anywhere: a component $\gamma$ of $V g_x$ becomes $\gamma^+ = \gamma "
            r"\frac{d^+}{d}$, and $\gamma^+ \frac{1}{c_0+d^+} z = \gamma \frac1d \frac1P z$, the "
            r"fit of all rounds.",
            Identity(row * z / (c_0 + plus), gamma * z / (d * P), wrong=(gamma * z / P,)),
            r"Summing over the eigenvalues; components with $d = 0$ vanish.",
        ),
        Proof(
            r"The recursion $d^+_t = \frac{d\,d^+}{d + c_t + (c_t/c_0) d^+}$, $d^+ = d^+_{t-1}$, "
            r"multiplies out to the product: $1 + \frac{c_0}{d^+_t} = (1 + \frac{c_0}{d^+})(1 + "
            r"\frac{c_t}{d})$.",
            Identity(
                1 + c_0 / (d * previous / (d + c + c / c_0 * previous)),
                (1 + c_0 / previous) * (1 + c / d),
                wrong=((1 + c_0 / previous) * (1 + c_0 / d),),
            ),
            _OVER_ROUNDS,
        ),
    )


def _shrinks() -> tuple[Proof, ...]:
    c_0, c, d, total, rounds, factor = reals("c_0 c_t d s t P")
    Q_j, Q_k, P_j, P_k = reals("Q_j Q_k P_j P_k")
    p, x, e = positive("P x d")
    return (
        Proof(
            r"Each round lowers $d^+ = \frac{c_0}{P-1}$: for $P > 1$, $\frac{c_0}{P(1+c_t/d)-1} "
            r"\le \frac{c_0}{P-1}$.",
            Implication(
                given=(c_0 > 0, c > 0, d > 0, factor > 1),
                claim=c_0 / (factor * (1 + c / d) - 1) <= c_0 / (factor - 1),
                wrong=(c_0 / (factor * (1 + c / d) - 1) <= c_0 / factor,),
            ),
            _OVER_ROUNDS + r" In round 0, $d^+ = d$.",
        ),
        Proof(
            r"One more factor: $P \ge 1 + \frac{s}{d}$ gives $P(1+\frac{c_t}{d}) \ge 1 + \frac{s "
            r"+ c_t}{d}$.",
            Implication(
                given=(c >= 0, d > 0, total >= 0, factor >= 1 + total / d),
                claim=factor * (1 + c / d) >= 1 + (total + c) / d,
                wrong=(factor * (1 + c / d) > 1 + (total + c) / d,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"So $P \ge 1 + \frac{s}{d}$ with $s = \sum_{i \le t} c_i \ge (t+1) c_0$ gives $d^+ "
            r"\le \frac{c_0}{s} d \le \frac{d}{t+1}$.",
            Implication(
                given=(
                    c_0 > 0,
                    d > 0,
                    rounds >= 0,
                    total >= (rounds + 1) * c_0,
                    factor >= 1 + total / d,
                ),
                claim=z3.And(
                    c_0 / (factor - 1) <= c_0 / total * d, c_0 / total * d <= d / (rounds + 1)
                ),
                wrong=(
                    c_0 / (factor - 1) < c_0 / total * d,
                    c_0 / (factor - 1) <= d / (rounds + 2),
                ),
            ),
            r"That multipliers do not fall below $c_0$.",
        ),
        Proof(
            r"With $Q = d(P - 1)$, so that $\frac{d^+}{d} = \frac{c_0}{Q}$: a round turns $Q$ "
            r"into $d(P(1+\frac{c_t}{d}) - 1) = Q + c_t P$.",
            Identity(e * (p * (1 + x / e) - 1), e * (p - 1) + x * p, wrong=(e * (p - 1) + x,)),
        ),
        Proof(
            r"One more round for $d_j \le d_k$: $Q_j \ge Q_k > 0$ and $P_j \ge P_k$ give "
            r"$\frac{c_0}{Q_j + c_t P_j} \le \frac{c_0}{Q_k + c_t P_k}$.",
            Implication(
                given=(c_0 > 0, c > 0, Q_k > 0, Q_j >= Q_k, P_k > 0, P_j >= P_k),
                claim=c_0 / (Q_j + c * P_j) <= c_0 / (Q_k + c * P_k),
                wrong=(c_0 / (Q_j + c * P_j) < c_0 / (Q_k + c * P_k),),
            ),
            _OVER_ROUNDS + r" $1 + \frac{c}{d}$ decreases with $d$, and so does $P$.",
        ),
    )


def _balls() -> tuple[Proof, ...]:
    z, A, d, plus = reals("z A d d+")
    return (
        Proof(
            r"Per eigenvalue $0 \le A \le 1$ and $d > 0$ give $\frac{(A z)^2}{d} \le "
            r"\frac{z^2}{d}$.",
            Implication(
                given=(A >= 0, A <= 1, d > 0),
                claim=(A * z) ** 2 / d <= z**2 / d,
                wrong=((A * z) ** 2 / d < z**2 / d,),
            ),
            r"Summing over the eigenvalues; $R(f_{t-1})$ has the components of $y_t$.",
        ),
        Proof(
            r"Per eigenvalue $0 < d^+ \le d$ gives $\frac{z^2}{d} \le \frac{z^2}{d^+}$.",
            Implication(
                given=(plus > 0, plus <= d),
                claim=z**2 / d <= z**2 / plus,
                wrong=(z**2 / d < z**2 / plus,),
            ),
            r"Summing over the eigenvalues; functions beyond the span of the data.",
        ),
    )


def _rademacher() -> tuple[Proof, ...]:
    mean, root = reals("E(X^2) E(X)")
    n, h, flipped, size, weight = reals("n h(s) sum_h(s^k) |S| h_S")
    second, energy = reals("E(h^2) E(hNh)")
    return (
        Proof(
            r"Above: $2 m X \le X^2 + m^2$ for the mean $m$ of $X$ gives $m^2 \le "
            r"\mathbb{E} X^2$, in the mean over the signs.",
            Implication(
                given=(2 * root * root <= mean + root**2,),
                claim=root**2 <= mean,
                wrong=(root**2 < mean,),
            ),
            r"Taking means; $\mathbb{E}\,\sigma_j\sigma_k = 0$ for $j \ne k$, so that "
            r"$\mathbb{E}\,\sigma^\top G \sigma = \operatorname{tr} G$.",
        ),
        Proof(
            r"Below: $\sum_k h(\sigma^{(k)}) \ge (n-2)\, h(\sigma)$ gives "
            r"$\frac12 \sum_k (h(\sigma) - h(\sigma^{(k)})) \le h(\sigma)$.",
            Implication(
                given=(flipped >= (n - 2) * h,),
                claim=(n * h - flipped) / 2 <= h,
                wrong=((n * h - flipped) / 2 < h,),
            ),
            r"The triangle inequality for the seminorm $h(\sigma) = \sqrt{\sigma^\top G \sigma}$; "
            r"taking means: $\mathbb{E}\, h\,\mathcal N h \le \mathbb{E}\, h^2$.",
        ),
        Proof(
            r"For each set of signs with $|S| \ge 2$: $|S|\, \hat h_S^2 \ge 2 \hat h_S^2$.",
            Implication(
                given=(size >= 2,),
                claim=size * weight**2 >= 2 * weight**2,
                wrong=(size * weight**2 >= 3 * weight**2,),
            ),
            r"The expansion of $h$ in products of signs; odd $|S|$ do not occur as $h$ is even; "
            r"summing: $\mathbb{E}\, h\,\mathcal N h \ge 2(\mathbb{E}\, h^2 - m^2)$.",
        ),
        Proof(
            r"$2(\mathbb{E}\, h^2 - m^2) \le D$ and $D \le \mathbb{E}\, h^2$ with "
            r"$m = \mathbb{E}\, h$, $D = \mathbb{E}\, h\,\mathcal N h$: "
            r"$\mathbb{E}\, h^2 \le 2 m^2$.",
            Implication(
                given=(2 * (second - root**2) <= energy, energy <= second),
                claim=second <= 2 * root**2,
                wrong=(second < 2 * root**2, second <= root**2),
            ),
            r"The supremum over the ball is "
            r"$\frac{\Lambda}{n}\sqrt{n\,\sigma^\top G\sigma}$.",
        ),
    )


def _risk_bound() -> tuple[Proof, ...]:
    u, v, label, clip = reals("u v y M")
    a, n, m, s = positive("a n M s")
    exponent = -s * a + n * s**2 * (m**2 / n) ** 2 / 8

    def loss(value: Any) -> Any:
        square = (value - label) ** 2
        return z3.If(square < clip**2, square, clip**2)

    return (
        Proof(
            r"Contraction: the clipped loss $\min((u-y)^2, M^2)$, $M \ge 0$, changes by at most "
            r"$2M|u-v|$; here for $u \ge v$.",
            Implication(
                given=(clip >= 0, u >= v),
                claim=z3.And(
                    loss(u) - loss(v) <= 2 * clip * (u - v),
                    loss(v) - loss(u) <= 2 * clip * (u - v),
                ),
                wrong=(loss(u) - loss(v) <= clip * (u - v),),
            ),
            r"The comparison of suprema, one sign after the other; symmetrisation.",
        ),
        Proof(
            r"Concentration: with $b = \frac{M^2}{n}$ the exponent $-sa + \frac{n s^2 b^2}{8}$ at "
            r"$s = \frac{4a}{n b^2}$ is $-\frac{2 n a^2}{M^4}$.",
            Identity(
                exponent.subs(s, 4 * a * n / m**4),
                -2 * n * a**2 / m**4,
                wrong=(-4 * n * a**2 / m**4,),
            ),
            r"The bounded differences and Markov's inequality.",
        ),
    )


PROOFS = {
    "thm-equivalent-kernel": _equivalent(),
    "prop-equivalent-shrinks": _shrinks(),
    "prop-balls": _balls(),
    "thm-rademacher": _rademacher(),
    "thm-risk-bound": _risk_bound(),
}
