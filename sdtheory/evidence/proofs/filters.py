"""Cores of the filter theorem: monotone measures, steepness, excess cost, equal size, duality."""

from __future__ import annotations

import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, Sign, positive, reals
from sdtheory.formulas.filters import tikhonov

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."
_SIGNS = (
    r"That $F - T$ has the sign of $d - d^*$ (no-filter theorem), and that both filters increase; "
    r"the sum."
)


def _crossing() -> tuple[Proof, ...]:
    F, T = reals("F T")
    return (
        Proof(
            r"$0 \le F \le T \le 1$ gives $F^2 \le T^2$ and $(1-F)^2 \ge (1-T)^2$: every measure "
            r"is monotone in every direction.",
            Implication(
                given=(F >= 0, F <= T, T <= 1),
                claim=z3.And(F * F <= T * T, (1 - F) * (1 - F) >= (1 - T) * (1 - T)),
                wrong=(F * F < T * T,),
            ),
            r"That $F \le T$ for the single round that meets $F$ at $d_{\max}$ (no-filter "
            r"theorem), and the sum over the directions.",
        ),
    )


def _steepness() -> tuple[Proof, ...]:
    a, p, slope = reals("a p s")
    c, b, d = positive("c b d")
    two = c / (c + d) + b / (b + d)
    arithmetic = two * two / 4
    geometric = c / (c + d) * b / (b + d)
    return (
        Proof(
            r"Left: if $1 - p \le s$ after some rounds, then $1 - ap \le s + (1 - a)$ after one "
            r"more, $a, p \le 1$.",
            Implication(
                given=(a <= 1, p <= 1, 1 - p <= slope),
                claim=1 - a * p <= slope + 1 - a,
                wrong=(1 - a * p < slope + 1 - a,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"Middle, for two rounds: the squared mean of $1 - a_i$ is at least their product, "
            r"with equality for equal multipliers.",
            Sign(arithmetic - geometric, wrong=(geometric - arithmetic,)),
            r"More than two rounds: the inequality of the means; and the right inequality, "
            r"$1 - q \le -\log q$.",
        ),
    )


def _variance() -> tuple[Proof, ...]:
    F, T, p = positive("F T p")
    left = F**2 - T**2 - 2 * p * (F - T)
    return (
        Proof(
            r"Per direction the two sides differ by $(F - T)(F + T - 2p^*)$.",
            Identity(left, (F - T) * (F + T - 2 * p), wrong=((F - T) * (F + T - p),)),
            _SIGNS,
        ),
    )


def _lagrangian() -> tuple[Proof, ...]:
    c, d, phi = positive("c d varphi")
    T = tikhonov(d, c)

    def cost(kept: object) -> object:
        return (1 - kept) ** 2 + c / d * kept**2  # pyright: ignore[reportOperatorIssue]

    excess = (1 + c / d) * (phi - T) ** 2
    return (
        Proof(
            r"Per direction $(1-\varphi)^2 + \frac cd \varphi^2$ exceeds its value at $T_c$ by "
            r"$(1 + \frac cd)(\varphi - T_c)^2$.",
            Identity(cost(phi) - cost(T), excess, wrong=(c / d * (phi - T) ** 2,)),  # pyright: ignore[reportOperatorIssue]
            r"The sum over the directions; those with $d = 0$ contribute nothing.",
        ),
    )


def _off_front() -> tuple[Proof, ...]:
    a, b, d, s = positive("a b d s")
    F = tikhonov(d, a) * tikhonov(d, b)
    c = a + b + a * b / s
    T = tikhonov(d, c)
    excess = (1 + c / d) * (F - T) ** 2
    bound = (a * b) ** 2 * F**2 * T / d**2 * (1 / d - 1 / s) ** 2
    return (
        Proof(
            r"For two rounds, with $c = m(d^*) = c_0 + c_1 + c_0 c_1/d^*$, the excess cost of a "
            r"direction *is* the bound.",
            Identity(excess, bound, wrong=(2 * bound, bound * d)),
            r"More than two rounds: there $|m(d^*) - m(d)|$ is at least what it is in the bound "
            r"(no-filter theorem).",
        ),
    )


def _equal_norm() -> tuple[Proof, ...]:
    F, T, d, s = positive("F T d s")
    left = (F**2 - T**2) / s - (F**2 - T**2) / d
    return (
        Proof(
            r"Per direction the two sides differ by $(\frac{1}{d^*} - \frac1d)(F-T)(F+T)$.",
            Identity(left, (1 / s - 1 / d) * (F - T) * (F + T), wrong=((1 / s - 1 / d) * (F - T),)),
            _SIGNS,
        ),
    )


def _equal_residual() -> tuple[Proof, ...]:
    F, T, p = positive("F T p")
    odds = p / (1 - p)
    left = F**2 - T**2 - odds * ((1 - T) ** 2 - (1 - F) ** 2)
    right = (F - T) * (F + T - 2 * p) / (1 - p)
    return (
        Proof(
            r"Per direction the two sides differ by $(F-T)(F+T-2p^*)/(1-p^*)$.",
            Identity(left, right, wrong=((F - T) * (F + T - 2 * p),)),
            _SIGNS,
        ),
    )


def _duality() -> tuple[Proof, ...]:
    c, d = positive("c d")
    return (
        Proof(
            r"One round: $\frac{d}{c+d} = \frac{1/c}{1/c + 1/d}$.",
            Identity(tikhonov(d, c), (1 / c) / (1 / c + 1 / d), wrong=((1 / d) / (1 / c + 1 / d),)),
            r"The product over the rounds.",
        ),
    )


def _qualification() -> tuple[Proof, ...]:
    c, d, s = positive("c d s")
    gap = tikhonov(d, s + c) - tikhonov(d, s) * tikhonov(d, c)
    F, ridge, total, x = reals("F c s d")
    return (
        Proof(
            r"Left: $F \le \frac{d}{s+d}$ stays true, as $\frac{d}{s+d}\frac{d}{c+d} \le "
            r"\frac{d}{s+c+d}$.",
            Sign(gap, wrong=(-gap,), strict=True),
            _OVER_ROUNDS,
        ),
        Proof(
            r"Right: $d\,(1 - F) \le s$ stays true for $F' = \frac{d}{c+d} F$, $F \le 1$: "
            r"$d\,(1 - F') \le s + c$.",
            Implication(
                given=(ridge > 0, x > 0, F <= 1, x * (1 - F) <= total),
                claim=x * (1 - x / (ridge + x) * F) <= total + ridge,
                wrong=(x * (1 - x / (ridge + x) * F) <= total,),
            ),
            _OVER_ROUNDS,
        ),
    )


PROOFS = {
    "thm-crossing": _crossing(),
    "prop-steepness": _steepness(),
    "cor-variance": _variance(),
    "prop-lagrangian": _lagrangian(),
    "thm-off-front": _off_front(),
    "prop-equal-norm": _equal_norm(),
    "prop-equal-residual": _equal_residual(),
    "prop-duality": _duality(),
    "prop-qualification": _qualification(),
}
