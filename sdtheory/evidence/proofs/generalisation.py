"""Cores of the equivalent kernel and of the trace bound."""

from __future__ import annotations

from typing import Any

import z3

from sdtheory.evidence.proofs.arguments import (
    Identity,
    Implication,
    Proof,
    Sign,
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
            r"Nothing more.",
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
    s, u = positive("s u")
    mean, second, root = reals("E(X) E(X^2) E(sqrt(X))")
    m, scale = reals("m u")
    gap = s**4 - 3 * u**2 * s**2 + 2 * u**3 * s
    return (
        Proof(
            r"Above: $2 m s \le s^2 + m^2$ for the mean $m$ of $s = \sqrt X$ gives $m^2 \le "
            r"\mathbb{E} X$, in the mean over the signs.",
            Implication(given=(2 * m * root <= mean + m**2, m == root), claim=root**2 <= mean),
            r"Taking means; $\mathbb{E}\,\sigma_j\sigma_k = 0$ for $j \ne k$, so that "
            r"$\mathbb{E}\,\sigma^\top G \sigma = \operatorname{tr} G$.",
        ),
        Proof(
            r"Below, for each sign vector: $s^4 - 3u^2 s^2 + 2u^3 s = s(s-u)^2(s+2u)$.",
            Identity(gap, s * (s - u) ** 2 * (s + 2 * u), wrong=(s * (s - u) ** 2 * (s + u),)),
            r"Nothing more.",
        ),
        Proof(
            r"So $s \ge \frac{3u^2s^2 - s^4}{2u^3}$ for all $s, u > 0$.",
            Sign(
                s - (3 * u**2 * s**2 - s**4) / (2 * u**3),
                wrong=(s - (4 * u**2 * s**2 - s**4) / (2 * u**3),),
            ),
            r"The case $s = 0$.",
        ),
        Proof(
            r"In the mean, with $u^2 = 3\,\mathbb{E}X$ and $\mathbb{E}X^2 \le 3 (\mathbb{E}X)^2$: "
            r"$(\mathbb{E}\sqrt X)^2 \ge \frac13 \mathbb{E}X$.",
            Implication(
                given=(
                    scale**2 == 3 * mean,
                    second <= 3 * mean**2,
                    2 * scale**3 * root >= 3 * scale**2 * mean - second,
                ),
                claim=root**2 >= mean / 3,
                wrong=(root**2 > mean / 3,),
            ),
            r"$\mathbb{E}(\sigma^\top G \sigma)^2 \le 3(\operatorname{tr} G)^2$ for positive "
            r"semidefinite $G$; the supremum over the ball is "
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
