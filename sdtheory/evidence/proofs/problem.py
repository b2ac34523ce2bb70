"""Cores of the constrained problem: when the fit is zero, and when the constraint is active."""

from __future__ import annotations

from typing import Any, cast

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, reals


def _collapse() -> tuple[Proof, ...]:
    functions = z3.DeclareSort("Function")
    # Z3's declared types admit no comparison
    cost = cast("Any", z3.Function("R", functions, z3.RealSort()))
    residual = cast("Any", z3.Function("S", functions, z3.RealSort()))
    zero, f, h = cast("Any", z3.Consts("zero f h", functions))
    (tolerance,) = reals("epsilon")
    no_cheaper = z3.ForAll(h, z3.Implies(residual(h) <= tolerance, cost(f) <= cost(h)))
    return (
        Proof(
            r"For any set of functions and any $R \ge 0$ with $R(h) = 0 \iff h = 0$: a solution "
            r"$f$ is $0$ if and only if the mean squared residual $S(0)$ of zero is at most "
            r"$\varepsilon$.",
            Implication(
                given=(
                    z3.ForAll(h, cost(h) >= 0),
                    cost(zero) == 0,
                    z3.ForAll(h, z3.Implies(cost(h) == 0, h == zero)),
                    residual(f) <= tolerance,
                    no_cheaper,
                ),
                claim=(f == zero) == (residual(zero) <= tolerance),
                wrong=((f == zero) == (residual(zero) < tolerance),),
            ),
            r"$S(0) = \|y\|^2 / n$, and that a solution exists.",
        ),
    )


def _active() -> tuple[Proof, ...]:
    f, y, s = sympy.symbols("f y s", real=True)
    shrunk = (1 - s) * (f - y) ** 2 + s * y**2 - ((1 - s) * f - y) ** 2
    convexity = Proof(
        r"At each input the squared residual is convex along $(1-s) f$: $(1-s)(f-y)^2 + s\,y^2 - "
        r"((1-s) f - y)^2 = s(1-s) f^2$.",
        Identity(shrunk, s * (1 - s) * f**2, wrong=(s * f**2,)),
        r"Summing over the inputs.",
    )
    slack, energy, tolerance, cost, share = reals("S_f S_0 epsilon R s")
    cheaper = Proof(
        r"If $S(f) < \varepsilon < S(0)$ and $R(f) > 0$, then $s = (\varepsilon - S(f))/(S(0) - "
        r"S(f))$ lies in $(0,1)$, $(1-s) S(f) + s\,S(0) = \varepsilon$ and $(1-s)^2 R(f) < R(f)$: "
        r"a solution that leaves slack is not one.",
        Implication(
            given=(
                slack < tolerance,
                tolerance < energy,
                cost > 0,
                share * (energy - slack) == tolerance - slack,
            ),
            claim=z3.And(
                share > 0,
                share < 1,
                (1 - share) * slack + share * energy == tolerance,
                (1 - share) ** 2 * cost < cost,
            ),
            wrong=((1 - share) * cost > cost,),
        ),
        r"$R(sf) = s^2 R(f)$, and $R(f) > 0$ from the collapse criterion.",
    )
    return convexity, cheaper


PROOFS = {"prop-collapse": _collapse(), "prop-active": _active()}
