"""Cores of the chain with a fixed multiplier."""

from __future__ import annotations

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals


def _power() -> tuple[Proof, ...]:
    s, z, t = positive("s z t")
    return (
        Proof(
            r"One more round: $s \cdot s^t z = s^{t+1} z$.",
            Identity(s * s**t * z, s ** (t + 1) * z, wrong=(s ** (t + 2) * z,)),
            r"Induction over the rounds.",
        ),
    )


def _direction() -> tuple[Proof, ...]:
    s, below, rate_s, off, top, q = reals("s_k s_(n-1) s_n e_k e_n q")
    return (
        Proof(
            r"One round: $0 \le s_k \le s_{n-1}$, $s_n > 0$ and a bound $e_k \le q\,e_n$ with "
            r"$e_n, q \ge 0$ give $s_k^2 e_k \le (\frac{s_{n-1}}{s_n})^2 q \cdot s_n^2 e_n$.",
            Implication(
                given=(s >= 0, s <= below, rate_s > 0, off >= 0, off <= q * top),
                claim=s**2 * off <= (below / rate_s) ** 2 * q * (rate_s**2 * top),
                wrong=(s**2 * off < (below / rate_s) ** 2 * q * (rate_s**2 * top),),
            ),
            r"The sum over the directions and induction over the rounds.",
        ),
    )


def _above() -> tuple[Proof, ...]:
    c, first, d, B, power = reals("c_t c_0 d B p")
    return (
        Proof(
            r"One more round: $c_t \ge c_0 > 0$, $d \ge 0$ and $0 \le B \le p$ give "
            r"$\frac{d}{c_t+d} B \le \frac{d}{c_0+d} p$.",
            Implication(
                given=(first > 0, c >= first, d >= 0, B >= 0, power >= B),
                claim=d / (c + d) * B <= d / (first + d) * power,
                wrong=(d / (c + d) * B < d / (first + d) * power,),
            ),
            r"That multipliers grow; induction over the rounds.",
        ),
    )


PROOFS = {
    "prop-fixed-power": _power(),
    "prop-fixed-direction": _direction(),
    "prop-fixed-above": _above(),
}
