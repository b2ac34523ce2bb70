"""Cores of the risk of one more round: bias and variance, the oracle, between two filters."""

from __future__ import annotations

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.filters import tikhonov

_SUM = r"The sum over the directions."


def _risk() -> tuple[Proof, ...]:
    phi, theta, sigma = positive("varphi theta sigma")
    plus, minus = (phi * (theta + sign * sigma) - theta for sign in (1, -1))
    right = (1 - phi) ** 2 * theta**2 + phi**2 * sigma**2
    return (
        Proof(
            r"For noise $\pm\sigma$, each with probability $\frac12$, the mean squared error of a "
            r"direction is $(1-\varphi)^2\theta^2 + \varphi^2\sigma^2$.",
            Identity((plus**2 + minus**2) / 2, right, wrong=(right + phi * theta * sigma,)),
            r"Other noise: only its mean $0$ and variance $\sigma^2$ enter; and that the rotation "
            r"keeps them.",
        ),
    )


def _oracle() -> tuple[Proof, ...]:
    phi, x, s = positive("varphi x s")
    w = x / (x + s)
    left = (1 - phi) ** 2 * x + phi**2 * s
    right = x * s / (x + s) + (x + s) * (phi - w) ** 2
    return (
        Proof(
            r"With $x = \theta^2$ and $s = \sigma^2$: $(1-\varphi)^2 x + \varphi^2 s = "
            r"\frac{xs}{x+s} + (x+s)(\varphi - w)^2$.",
            Identity(left, right, wrong=(right - x * s / (x + s), right * 2)),
            _SUM,
        ),
    )


def _one_more() -> tuple[Proof, ...]:
    old, new, x, s = positive("b b' x s")
    w = x / (x + s)
    left = (x + s) * ((new - w) ** 2 - (old - w) ** 2)
    right = 2 * (x + s) * (old - new) * (w - (old + new) / 2)
    return (
        Proof(
            r"Per direction the excess over Wiener's filter changes by $2(x+s)(b-b')(w - "
            r"\frac{b+b'}{2})$.",
            Identity(left, right, wrong=(2 * (x + s) * (old - new) * (w - new),)),
            _SUM,
        ),
    )


def _suffices() -> tuple[Proof, ...]:
    F, T, w, d, c, m = reals("F T w d c m")
    return (
        Proof(
            r"A filter between $F$ and $w$ is no farther from $w$ than $F$ is.",
            Implication(
                given=(z3.Or(z3.And(w <= T, T <= F), z3.And(F <= T, w >= T)),),
                claim=(T - w) * (T - w) <= (F - w) * (F - w),
                wrong=((T - w) * (T - w) < (F - w) * (F - w),),
            ),
            r"That $T_c$ lies between, from the choice of $c$; the sum over the directions.",
        ),
        Proof(
            r"Filters are ordered inversely to their multipliers: $0 < c \le m$ gives "
            r"$\frac{d}{m+d} \le \frac{d}{c+d}$.",
            Implication(
                given=(d > 0, c > 0, c <= m),
                claim=tikhonov(d, m) <= tikhonov(d, c),
                wrong=(tikhonov(d, m) < tikhonov(d, c),),
            ),
            r"The same for $\mu$.",
        ),
    )


def _second_helps() -> tuple[Proof, ...]:
    c, d, other = positive("c d c'")
    T = tikhonov(d, c)
    both = sympy.diff(T * tikhonov(d, other), other).subs(other, 0)
    g, at, there = reals("g T T_o")
    return (
        Proof(
            r"$\frac{\partial T_c}{\partial c} = -\frac1c T_c (1 - T_c)$.",
            Identity(sympy.diff(T, c), -T * (1 - T) / c, wrong=(-T / c,)),
            r"The chain rule for the risk.",
        ),
        Proof(
            r"$\frac{\partial}{\partial c'} T_{c'} T_c = -\frac1c (1 - T_c)$ at $c' = 0$.",
            Identity(both, -(1 - T) / c, wrong=(-T * (1 - T) / c,)),
            r"The chain rule for the risk.",
        ),
        Proof(
            r"Per direction $g\,(T_c(d^\circ) - T_c(d)) \ge 0$ where both factors have the same "
            r"sign.",
            Implication(
                given=(z3.Or(z3.And(g >= 0, there >= at), z3.And(g <= 0, there <= at)),),
                claim=g * (there - at) >= 0,
                wrong=(g * (there - at) > 0,),
            ),
            r"That they have the same sign, from the order of $\mu$; the sum; and that both signs "
            r"occur at the best single round.",
        ),
    )


def _floor() -> tuple[Proof, ...]:
    a, c, b, w = reals("T_a T_c T_b w")
    return (
        Proof(
            r"$T_a \ge T_c \ge T_b$ gives $(T_c - w)^2 \ge (T_b - w)^2$ where $T_b \ge w$, and "
            r"$(T_c - w)^2 \ge (T_a - w)^2$ where $T_a \le w$.",
            Implication(
                given=(a >= c, c >= b),
                claim=z3.And(
                    z3.Implies(b >= w, (c - w) * (c - w) >= (b - w) * (b - w)),
                    z3.Implies(a <= w, (c - w) * (c - w) >= (a - w) * (a - w)),
                ),
                wrong=((c - w) * (c - w) >= (a - w) * (a - w),),
            ),
            r"The sum over the directions; elsewhere the bound has no term.",
        ),
    )


PROOFS = {
    "prop-risk": _risk(),
    "prop-oracle": _oracle(),
    "thm-one-more-round": _one_more(),
    "thm-one-round-suffices": _suffices(),
    "thm-second-round-helps": _second_helps(),
    "prop-single-floor": _floor(),
}
