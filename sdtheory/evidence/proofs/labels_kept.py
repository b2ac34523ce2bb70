"""Cores of the chain that keeps labels in its loop, and of the best mixture."""

from __future__ import annotations

from typing import Any

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.filters import tikhonov

_ROUNDS = r"Induction over the rounds, of which this is the step."
_SUM = r"The sum over the directions."


def _closed() -> tuple[Proof, ...]:
    d, c, a, power = positive("d c a p")
    s, limit = tikhonov(d, c), tikhonov(d, c / a)
    phi = limit + power * (1 - limit)
    after = limit + power * (1 - a) * s * (1 - limit)
    return (
        Proof(
            r"$\varphi = \Lambda + p\,(1 - \Lambda)$ gives $s\,(a + (1-a)\varphi) = \Lambda + "
            r"p\,(1-a)\,s\,(1 - \Lambda)$.",
            Identity(
                s * (a + (1 - a) * phi),
                after,
                wrong=(limit + power * s * (1 - limit), after - limit),
            ),
            _ROUNDS + r" The start is $p = 1$, $\varphi = 1$.",
        ),
    )


def _limit() -> tuple[Proof, ...]:
    s, top, a, limit, power, bound = reals("s s_max a Lambda p q")
    return (
        Proof(
            r"$0 \le p \le q$ and $\Lambda \le 1$ give $\Lambda \le \Lambda + p\,(1-\Lambda) \le "
            r"\Lambda + q\,(1-\Lambda)$.",
            Implication(
                given=(power >= 0, power <= bound, limit <= 1),
                claim=z3.And(
                    limit + power * (1 - limit) >= limit,
                    limit + power * (1 - limit) <= limit + bound * (1 - limit),
                ),
                wrong=(limit + power * (1 - limit) < limit + bound * (1 - limit),),
            ),
            r"That powers keep the order of their bases.",
        ),
        Proof(
            r"$0 \le a \le 1$ and $0 \le s \le s_{\max}$ give $0 \le (1-a)s \le (1-a)s_{\max}$.",
            Implication(
                given=(a <= 1, s >= 0, s <= top),
                claim=z3.And((1 - a) * s >= 0, (1 - a) * s <= (1 - a) * top),
                wrong=((1 - a) * s < (1 - a) * top,),
            ),
        ),
    )


def _overshoot() -> tuple[Proof, ...]:
    d, c, a, power = positive("d c a p")
    limit = tikhonov(d, c / a)
    quotient = (limit + power * (1 - limit)) / limit
    return (
        Proof(
            r"$\frac{\Lambda + p\,(1-\Lambda)}{\Lambda} = 1 + p\,\frac{c}{a d}$.",
            Identity(quotient, 1 + power * c / (a * d), wrong=(1 + power * c / d,)),
            r"Two directions, with $p = ((1-a)s)^t$; the ones cancel.",
        ),
    )


def _best_share() -> tuple[Proof, ...]:
    size, inner, rest, a = positive("U I T a")
    best = inner / size

    def error(share: Any) -> Any:
        return rest - 2 * share * inner + share**2 * size

    return (
        Proof(
            r"With $U = \|u-v\|^2$, $I = (\theta-v)^\top(u-v)$, $T = \|\theta-v\|^2$ and "
            r"$a^* = I/U$: $T - 2aI + a^2U = (T - 2a^*I + a^{*2}U) + (a-a^*)^2 U$.",
            Identity(
                error(a),
                error(best) + (a - best) ** 2 * size,
                wrong=(error(best) + (a - best) ** 2, error(best)),
            ),
            r"Expanding the squared norm.",
        ),
    )


def _tangent() -> tuple[Proof, ...]:
    d, c = positive("d c")
    s = tikhonov(d, c)
    return (
        Proof(
            r"$s^2 - s = c\,\frac{\partial s}{\partial c}$ for $s = \frac{d}{c+d}$.",
            Identity(s**2 - s, c * sympy.diff(s, c), wrong=(sympy.diff(s, c),)),
            r"That $S$ is diagonal in the eigenbasis.",
        ),
    )


def _mixing() -> tuple[Proof, ...]:
    d, c, x, noise, xi, slope, curvature = positive("d c x g xi R_1 D")
    s = tikhonov(d, c)

    def risk(phi: Any) -> Any:
        return (1 - phi) ** 2 * x + phi**2 * noise

    moved = s * (1 - s)
    right = risk(s) + xi * c * sympy.diff(risk(s), c) + xi**2 * moved**2 * (x + noise)
    best = -slope / (2 * curvature)
    return (
        Proof(
            r"Per direction, with $x = \theta^2$ and $g = \sigma^2$, the mixture $(1-\xi)s + "
            r"\xi s^2$ has the risk $R + \xi\,c\,\frac{\partial R}{\partial c} + "
            r"\xi^2 s^2(1-s)^2(x+g)$.",
            Identity(
                risk((1 - xi) * s + xi * s**2), right, wrong=(right - xi**2 * moved**2 * noise,)
            ),
            _SUM,
        ),
        Proof(
            r"At $\xi^* = -\frac{R_1}{2D}$ the change $\xi R_1 + \xi^2 D$ is $-\frac{R_1^2}{4D}$.",
            Identity(
                best * slope + best**2 * curvature,
                -(slope**2) / (4 * curvature),
                wrong=(-(slope**2) / (2 * curvature),),
            ),
            r"That a quadratic with $D > 0$ is least where its derivative vanishes.",
        ),
    )


def _reaches() -> tuple[Proof, ...]:
    s, t, first, second = positive("s t w v")
    # q through (s, w/s), (t, v/t) and (1, 1), by Lagrange
    q_s, q_t = first / s, second / t

    def q(x: Any) -> Any:
        return (
            q_s * (x - t) * (x - 1) / ((s - t) * (s - 1))
            + q_t * (x - s) * (x - 1) / ((t - s) * (t - 1))
            + (x - s) * (x - t) / ((1 - s) * (1 - t))
        )

    x = sympy.Symbol("X")
    polynomial = sympy.Poly(sympy.together(q(x)), x)
    low, middle, high = (
        sympy.cancel(coefficient) for coefficient in reversed(polynomial.all_coeffs())
    )
    last = low
    before = middle / (1 - low)
    chain = s * (last + (1 - last) * s * (before + (1 - before) * s))
    return (
        Proof(
            r"Two steps: with $\xi_2 = q_0$ and $\xi_1 = \frac{q_1}{1-q_0}$, from the polynomial "
            r"$q$ through $(s, \frac ws)$, $(t, \frac vt)$, $(1, 1)$, the chain has the filter $w$ "
            r"at $s$.",
            Identity(chain, first, wrong=(second, first * s)),
            r"$r = 2$; in general $q_r = 1 - q_0 - \dots - q_{r-1}$, because $q(1) = 1$.",
        ),
        Proof(
            r"The coefficients of $q$ sum to $1$.",
            Identity(low + middle + high, sympy.Integer(1), wrong=(sympy.Integer(2),)),
            r"$r = 2$.",
        ),
    )


def _renewed_step() -> tuple[Proof, ...]:
    fit, data, a, size, rho = reals("z' z_0 a |y_t| rho")
    length = reals("|y_(t+1)|")[0]
    return (
        Proof(
            r"Per direction $z' z_0 \ge 0$ and $0 \le a \le 1$ give $((1-a)z' + a z_0)^2 \ge "
            r"(1-a)^2 z'^2 + a^2 z_0^2$.",
            Implication(
                given=(fit * data >= 0, a >= 0, a <= 1),
                claim=((1 - a) * fit + a * data) ** 2 >= (1 - a) ** 2 * fit**2 + a**2 * data**2,
                wrong=(((1 - a) * fit + a * data) ** 2 > (1 - a) ** 2 * fit**2 + a**2 * data**2,),
            ),
            _SUM + r" That labels of such a chain are the data times non-negative factors.",
        ),
        Proof(
            r"$\|y_{t+1}\| \ge \|y_t\| - \rho \ge 0$ gives $\|y_{t+1}\|^2 \ge (\|y_t\|-\rho)^2$.",
            Implication(
                given=(length >= size - rho, size >= rho),
                claim=length**2 >= (size - rho) ** 2,
                wrong=(length**2 > (size - rho) ** 2,),
            ),
            r"That a round moves the labels by $\rho$.",
        ),
    )


def _renewed_plan() -> tuple[Proof, ...]:
    start, r, before, share, q, t = reals("r_0 r_t r_(t-1) t/T q t")
    root, plan = reals("w T")
    return (
        Proof(
            r"One round: $r_t \ge (1-\frac tT)(r_{t-1}-1)$, $r_{t-1} \ge (1-q)\,r_0 - (t-1)$, "
            r"$0 \le \frac tT \le 1$ and $q, r_0, t \ge 0$ give $r_t \ge (1 - q - \frac tT)\,r_0 "
            r"- t$.",
            Implication(
                given=(
                    r >= (1 - share) * (before - 1),
                    before >= (1 - q) * start - (t - 1),
                    share >= 0,
                    share <= 1,
                    q >= 0,
                    start >= 0,
                    t >= 0,
                ),
                claim=r >= (1 - q - share) * start - t,
                wrong=(r > (1 - q - share) * start - t,),
            ),
            r"Induction over the rounds: $q = \frac{(t-1)t}{2T}$ becomes $\frac{t(t+1)}{2T}$.",
        ),
        Proof(
            r"Early: $r_0 \ge 2\sqrt T$, $T \ge 2$, $t\,r_0 \le T$ and $r_t \ge r_0 - "
            r"\frac{t+1}2 - t$ give $r_t > 1$.",
            Implication(
                given=(
                    root > 0,
                    root * root == plan,
                    plan >= 2,
                    start >= 2 * root,
                    t * start <= plan,
                    r >= start - (t + 1) / 2 - t,
                ),
                claim=r > 1,
                wrong=(r > 2,),
            ),
            r"$T = 1$, and late rounds, $t\,r_0 > T$, in words.",
        ),
    )


PROOFS = {
    "thm-labels-kept": _closed(),
    "cor-kept-limit": _limit(),
    "prop-overshoot": _overshoot(),
    "prop-best-share": _best_share(),
    "lem-tangent": _tangent(),
    "thm-optimal-mixing": _mixing(),
    "thm-mixing-reaches": _reaches(),
    "prop-renewed-step": _renewed_step(),
    "thm-renewed-plan": _renewed_plan(),
}
