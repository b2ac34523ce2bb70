"""Cores of the paper's bounds of the norm and of the number of rounds."""

from __future__ import annotations

from typing import Any

import sympy
import z3

from sdtheory.evidence.proofs.arguments import (
    Identity,
    Implication,
    Proof,
    Sign,
    positive,
    reals,
)
from sdtheory.formulas.bounds import guaranteed_rounds, norm_bound_line, one_round_bound

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."

# r_0 = 1 + e > 1 and kappa = 1 + k > 1, or at least 1 where weak inequalities pass to the limit
_e, _k, _r = positive("e k r")
_kappa = 1 + _k
_a, _b = norm_bound_line(_e, _kappa)
_map = one_round_bound(_r - 1, _kappa)

_AT_KAPPA_1 = r"The case $\kappa = 1$, by continuity in $\kappa$."


def _one_round() -> tuple[Proof, ...]:
    c, d, d_min, d_max, r, kappa = reals("c d d_min d_max r kappa")
    return (
        Proof(
            r"Per eigenvalue: $0 < d_{\min} \le d$, $d_{\max} = \kappa d_{\min}$, $r > 1$ and $0 "
            r"< c \le \frac{d_{\max}}{r-1}$ give $r\frac{d}{c+d} \ge h(r)$.",
            Implication(
                given=(
                    d_min > 0,
                    d >= d_min,
                    d_max == kappa * d_min,
                    r > 1,
                    c > 0,
                    c <= d_max / (r - 1),
                ),
                claim=r * d / (c + d) >= one_round_bound(r - 1, kappa),
                wrong=(r * d / (c + d) >= one_round_bound(r, kappa),),
            ),
            r"Summing over the eigenvalues: $r_{t+1} \ge h(r_t)$; after the collapse $h \le 0$, "
            r"which is the next core.",
        ),
        Proof(
            r"$h(r) \le 0$ for $0 < r < 1$, where the fit is zero: with $r = \frac{1}{1+e}$, "
            r"$-h(r) \ge 0$.",
            Sign(-_map.subs(_r, 1 / (1 + _e)), wrong=(-_map.subs(_r, 1 + _e),)),
            r"The cases $r = 0$ and $r = 1$, where $h = 0$ (for $\kappa > 1$).",
        ),
    )


def _convex() -> tuple[Proof, ...]:
    start = 1 + _e
    second = sympy.diff(_map, _r, 2)
    gap = _kappa * (_kappa - 1) * (_r - start) ** 2 / ((_r - 1 + _kappa) * (_e + _kappa) ** 2)
    return (
        Proof(
            r"$h''(r) = \frac{2\kappa(\kappa-1)}{(r-1+\kappa)^3}$.",
            Identity(
                second,
                2 * _kappa * (_kappa - 1) / (_r - 1 + _kappa) ** 3,
                wrong=(2 * _kappa**2 / (_r - 1 + _kappa) ** 3,),
            ),
        ),
        Proof(
            r"$h''(r) > 0$ for $r > 0$ and $\kappa > 1$: $h$ is convex.",
            Sign(second, wrong=(second.subs(_k, -_k / (1 + _k)),), strict=True),
            _AT_KAPPA_1,
        ),
        Proof(
            r"$h'(r) > 0$ for $r > 1$ and $\kappa > 1$: $h$ is increasing.",
            Sign(
                sympy.diff(_map, _r).subs(_r, 1 + _e),
                wrong=(sympy.diff(_map, _r).subs(_r, 1 / (1 + _e)),),
                strict=True,
            ),
            _AT_KAPPA_1,
        ),
        Proof(
            r"The line has the value $a\,r_0 - b = h(r_0)$.",
            Identity(_a * start - _b, _map.subs(_r, start), wrong=(_map.subs(_r, start - 1),)),
        ),
        Proof(
            r"And the slope $a = h'(r_0)$: it is the tangent.",
            Identity(_a, sympy.diff(_map, _r).subs(_r, start), wrong=(_map.subs(_r, start),)),
        ),
        Proof(
            r"$h(r) - (a\,r - b) = "
            r"\frac{\kappa(\kappa-1)(r-r_0)^2}{(r-1+\kappa)(r_0-1+\kappa)^2}$.",
            Identity(_map - (_a * _r - _b), gap, wrong=(gap * (_r - start),)),
        ),
        Proof(
            r"That gap is non-negative for $r > 0$, $r_0 > 1$, $\kappa > 1$, with equality at $r "
            r"= r_0$ only.",
            Sign(_map - (_a * _r - _b), wrong=(_map - (_a * _r - _b) - gap * 2,)),
            _AT_KAPPA_1,
        ),
    )


def _norm_bound() -> tuple[Proof, ...]:
    slope, offset, before, after, line = reals("a b r_t r_(t+1) u_t")
    a, b, power, start = positive("a b a^t r_0")

    def closed(p: sympy.Expr) -> sympy.Expr:
        return p * start - b * (p - 1) / (a - 1)

    return (
        Proof(
            r"The slope $a$ is positive for $r_0 > 1$, $\kappa > 1$.",
            Sign(_a, wrong=(_a - 1,), strict=True),
            _AT_KAPPA_1,
        ),
        Proof(
            r"One more round: $a > 0$, $r_{t+1} \ge a\,r_t - b$ and $r_t \ge u_t$ give $r_{t+1} "
            r"\ge a\,u_t - b$.",
            Implication(
                given=(slope > 0, after >= slope * before - offset, before >= line),
                claim=after >= slope * line - offset,
                wrong=(after > slope * line - offset,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"The closed form: $u_t = a^t r_0 - b\frac{a^t-1}{a-1}$ satisfies $u_{t+1} = a\,u_t - "
            r"b$.",
            Identity(a * closed(power) - b, closed(a * power), wrong=(closed(a**2 * power),)),
            r"Induction over the rounds; for $\kappa = 1$, where $a = 1$, the quotient is $t$.",
        ),
    )


def _rounds_bound() -> tuple[Proof, ...]:
    start, before, after, t, kappa = reals("r_0 r_t r_(t+1) t kappa")
    count = z3.Int("N")
    promised = guaranteed_rounds(start - 1, kappa)
    drop = _r - _map
    return (
        Proof(
            r"One round takes at most $\kappa$: $\kappa - (r - h(r)) \ge 0$ for $r > 1$, $\kappa "
            r"> 1$.",
            Sign((_kappa - drop).subs(_r, 1 + _e), wrong=((1 - drop).subs(_r, 1 + _e),)),
            _AT_KAPPA_1,
        ),
        Proof(
            r"One more round: $r_t \ge r_0 - \kappa t$ and $r_{t+1} \ge r_t - \kappa$ give "
            r"$r_{t+1} \ge r_0 - \kappa(t+1)$.",
            Implication(
                given=(before >= start - kappa * t, after >= before - kappa),
                claim=after >= start - kappa * (t + 1),
                wrong=(after >= start - kappa * t,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"The count: an integer $N$ with $r_N \le 1$ and $r_N \ge r_0 - \kappa N$, $\kappa > "
            r"0$, is at least $\frac{r_0-1}{\kappa}$.",
            Implication(
                given=(kappa > 0, after <= 1, after >= start - kappa * count),
                claim=count >= promised,
                wrong=(count > promised,),
            ),
            r"That $N$, the first $t$ with $r_t \le 1$, exists.",
        ),
    )


def _dominates() -> tuple[Proof, ...]:
    start = 1 + _e
    slope, offset, first, line, t, kappa = reals("a b r_0 u_t t kappa")

    def positive_part(x: Any) -> Any:
        return z3.If(x > 0, x, 0)

    return (
        Proof(
            r"The slope is at most 1: $1 - a = \frac{\kappa(\kappa-1)}{(r_0-1+\kappa)^2}$.",
            Identity(
                1 - _a,
                _kappa * (_kappa - 1) / (_e + _kappa) ** 2,
                wrong=(_kappa**2 / (_e + _kappa) ** 2,),
            ),
        ),
        Proof(
            r"At $r = 1$ the line is at most $0$: $b - a = "
            r"\frac{(\kappa-1)(r_0-1)^2}{(r_0-1+\kappa)^2}$.",
            Identity(
                _b - _a,
                (_kappa - 1) * _e**2 / (_e + _kappa) ** 2,
                wrong=((_kappa - 1) * _e / (_e + _kappa) ** 2,),
            ),
        ),
        Proof(
            r"At $r_0$ it falls by 1 or more: $(r_0 - 1) - (a\,r_0 - b) = "
            r"\frac{(\kappa-1)(r_0-1)}{r_0-1+\kappa}$.",
            Identity(
                _e - (_a * start - _b),
                (_kappa - 1) * _e / (_e + _kappa),
                wrong=(_kappa * _e / (_e + _kappa),),
            ),
        ),
        Proof(
            r"One more round, upper: $a > 0$, the last two cores and $u_t \le \max(r_0 - t, 0)$ "
            r"with $t \ge 0$ give $u_{t+1} = a\,u_t - b \le \max(r_0 - (t+1), 0)$.",
            Implication(
                given=(
                    slope > 0,
                    offset >= slope,
                    slope * first - offset <= first - 1,
                    t >= 0,
                    line <= positive_part(first - t),
                ),
                claim=slope * line - offset <= positive_part(first - (t + 1)),
                wrong=(slope * line - offset <= first - (t + 1),),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"One more round, lower: $a \le 1$, $u_t \le r_0$, $a\,r_0 - b \ge r_0 - \kappa$ and "
            r"$u_t \ge r_0 - \kappa t$ give $a\,u_t - b \ge r_0 - \kappa(t+1)$.",
            Implication(
                given=(
                    slope <= 1,
                    line <= first,
                    slope * first - offset >= first - kappa,
                    line >= first - kappa * t,
                ),
                claim=slope * line - offset >= first - kappa * (t + 1),
                wrong=(slope * line - offset >= first - kappa * t,),
            ),
            _OVER_ROUNDS,
        ),
    )


PROOFS = {
    "lem-one-round": _one_round(),
    "lem-one-round-convex": _convex(),
    "prop-norm-bound": _norm_bound(),
    "prop-rounds-bound": _rounds_bound(),
    "cor-step-dominates": _dominates(),
}
