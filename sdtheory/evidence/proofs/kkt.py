"""Cores of the KKT system, the closed form and the secular equation."""

from __future__ import annotations

from typing import Any

import sympy
import z3

from sdtheory.evidence.proofs.arguments import (
    Identity,
    Implication,
    MatrixIdentity,
    Proof,
    Sign,
    positive,
    reals,
)

_OVER_EIGENVALUES = r"Summing over the eigenvalues, $z = Vy$."


def _resolvent() -> tuple[Any, ...]:
    """Return c, G, its resolvent Q with (cI + G) Q = I, the relation, and a model."""
    (c,) = positive("c")
    G, Q = sympy.symbols("G Q", commutative=False)
    gram = sympy.Matrix([[2, 1], [1, 3]])
    model = {c: sympy.Rational(1, 2), G: gram, Q: (gram + sympy.eye(2) / 2).inv()}
    return c, G, Q, ((G * Q, 1 - c * Q),), model


def _stationarity() -> tuple[Proof, ...]:
    cost, inner, other, f, h, y, price, s = sympy.symbols("R b R_h f h y lambda s", real=True)
    lagrangian = cost + 2 * s * inner + s**2 * other + price * (f + s * h - y) ** 2
    derivative = Proof(
        r"In any direction $h$ the Lagrangian's derivative at $f$ is $2\langle f, h\rangle + "
        r"2\lambda (f(x_k) - y_k) h(x_k)$, per input and up to the factor $1/n$.",
        Identity(
            sympy.diff(lagrangian, s).subs(s, 0),
            2 * inner + 2 * price * (f - y) * h,
            wrong=(2 * inner + 2 * price * f * h,),
        ),
        r"Summing over the inputs; $\langle f, h \rangle + \frac{\lambda}{n}\sum_k "
        r"(f(x_k)-y_k)h(x_k) = 0$ for all $h$ is an equation between functions, by the "
        r"reproducing property.",
    )
    G, v, labels = sympy.symbols("G v y", commutative=False)
    (price,) = positive("lambda")
    model = {
        price: sympy.Integer(3),
        G: sympy.Matrix([[2, 1], [1, 3]]),
        v: sympy.Matrix([[1, 4], [-2, 0]]),
        labels: sympy.Matrix([[0, 1], [1, 5]]),
    }
    values = Proof(
        r"For matrices of any size $v + \lambda G (v - y) = \lambda\,(v/\lambda + G v - G y)$: "
        r"with $c = 1/\lambda$ the values satisfy $c\,v + G v = G y$.",
        MatrixIdentity(
            v + price * G * (v - labels),
            price * (v / price + G * v - G * labels),
            relations=(),
            model=model,
            wrong=(price * (price * v + G * v - G * labels),),
        ),
        r"Nothing beyond $G_{jk} = g(x_j, x_k)/n$.",
    )
    return derivative, values


def _closed_form() -> tuple[Proof, ...]:
    c, G, Q, relations, model = _resolvent()
    g, y = sympy.symbols("g y", commutative=False)
    model = model | {g: sympy.Matrix([[1, -1], [2, 5]]), y: sympy.Matrix([[1, 4], [-2, 0]])}
    solves = Proof(
        r"For $G$ of any size, $Q = (cI + G)^{-1}$ and any row $g$: $f = g Q y$ with values $G Q "
        r"y$ satisfies $c f + g\,(G Q y) = g y$, the condition of stationarity.",
        MatrixIdentity(
            c * g * Q * y + g * G * Q * y,
            g * y,
            relations,
            model,
            wrong=(c * g * y, g * Q * y),
        ),
        r"That $cI + G$ is invertible: $G$ is positive semidefinite and $c > 0$.",
    )
    residual = Proof(
        r"For $G$ of any size the residual is $y - G Q y = c\,Q y$, so that stationarity gives "
        r"back $f = \frac1c\, g\,(y - GQy) = g Q y$.",
        MatrixIdentity(y - G * Q * y, c * Q * y, relations, model, wrong=(Q * y,)),
        r"That $(cI + G) v = G y$ has one solution only.",
    )
    eigenvalue, ridge = reals("d c")
    invertible = Proof(
        r"$c > 0$ and $d \ge 0$ give $c + d > 0$: every eigenvalue of $cI + G$ is positive.",
        Implication(given=(ridge > 0, eigenvalue >= 0), claim=ridge + eigenvalue > 0),
        r"That $G$ is positive semidefinite.",
    )
    return solves, residual, invertible


def _energy() -> tuple[Proof, ...]:
    c, d, z = positive("c d z")
    energy, fitted, residual = z**2 * d / (c + d) ** 2, d * z / (c + d), c * z / (c + d)
    return (
        Proof(
            r"Per eigenvalue the term $\frac{d}{(c+d)^2} z^2$ of $y^\top Q G Q y$ is $(z^+)^2/d$ "
            r"with the fitted $z^+ = \frac{d}{c+d} z$.",
            Identity(energy * d, fitted**2, wrong=(energy * c,)),
            r"$R(g_x^\top\alpha) = \frac1n \alpha^\top G \alpha$, the reproducing property; "
            + _OVER_EIGENVALUES,
        ),
        Proof(
            r"Per eigenvalue it is also $\frac1c$ times fitted value times residual.",
            Identity(energy, fitted * residual / c, wrong=(fitted * residual,)),
            _OVER_EIGENVALUES,
        ),
    )


def _minimum() -> tuple[Proof, ...]:
    w, other = sympy.symbols("w w'", real=True)
    square = Proof(
        r"At each input $w^2 + w'^2 - 2 w w' = (w - w')^2$.",
        Identity(w**2 + other**2 - 2 * w * other, (w - other) ** 2, wrong=((w + other) ** 2,)),
        r"Summing over the inputs gives $\|w\|^2 + \|w'\|^2 - 2 w^\top w' \ge 0$.",
    )
    W, W_other, P, radius, price = reals("W W' P rho2 lambda")
    inner, cost, cost_h, cost_difference = reals("<f,h-f> R_f R_h R(h-f)")
    gap = Proof(
        r"With $W = \|w\|^2$, $W' = \|w'\|^2$, $P = w^\top w'$: from $W + W' - 2P \ge 0$, $W = "
        r"n\varepsilon \ge W'$ and $\langle f, h-f \rangle = \lambda(W - P)$ with $\lambda > 0$ "
        r"follows $\langle f, h - f\rangle \ge 0$ and $R(h) \ge R(f) + R(h-f)$. No Cauchy-Schwarz "
        r"is needed.",
        Implication(
            given=(
                W + W_other - 2 * P >= 0,
                radius == W,
                W_other <= radius,
                price > 0,
                inner == price * (W - P),
                cost_h == cost + 2 * inner + cost_difference,
            ),
            claim=z3.And(inner >= 0, cost_h >= cost + cost_difference),
            wrong=(inner > 0, cost_h > cost + cost_difference),
        ),
        r"Stationarity in the direction $h - f$ (here with $\lambda$ for $\lambda/n$), and the "
        r"expansion of $\|f + (h-f)\|^2$.",
    )
    return square, gap


def _secular() -> tuple[Proof, ...]:
    c, d, z = positive("c d z")
    term = (c * z / (c + d)) ** 2
    slope = sympy.diff(term, c)
    low, high, gamma, delta, zeta = reals("c_1 c_2 c d z")

    def share(x):
        return (x * zeta / (x + delta)) ** 2

    return (
        Proof(
            r"Each term $(cz/(c+d))^2$ has the derivative $2 c\, d\, z^2/(c+d)^3$ in $c$.",
            Identity(slope, 2 * c * d * z**2 / (c + d) ** 3, wrong=(2 * c * z**2 / (c + d) ** 3,)),
            _OVER_EIGENVALUES,
        ),
        Proof(
            r"That derivative is positive for $c, d, z^2 > 0$.",
            Sign(slope, wrong=(slope - z**2 / c,), strict=True),
            r"Intermediate value theorem: a continuous, strictly increasing sum takes each value "
            r"between its limits once.",
        ),
        Proof(
            r"Each term with $d > 0$, $z \ne 0$ strictly increases: $0 < c_1 < c_2$ gives $(c_1 "
            r"z/(c_1+d))^2 < (c_2 z/(c_2+d))^2$.",
            Implication(
                given=(low > 0, low < high, delta > 0, zeta != 0), claim=share(low) < share(high)
            ),
            r"Summing over the eigenvalues: at most one root.",
        ),
        Proof(
            r"Its limits, with rates: $(cz/(c+d))^2 \le c^2 z^2/d^2$, and $z^2 - (cz/(c+d))^2 \le "
            r"2 d z^2/c$.",
            Implication(
                given=(gamma > 0, delta > 0),
                claim=z3.And(
                    share(gamma) <= (gamma * zeta / delta) ** 2,
                    zeta**2 - share(gamma) <= 2 * delta * zeta**2 / gamma,
                ),
                wrong=(zeta**2 - share(gamma) <= delta * zeta**2 / gamma,),
            ),
            r"Summing over the eigenvalues; a term with $d = 0$ is the constant $z^2$.",
        ),
    )


def _dual_feasible() -> tuple[Proof, ...]:
    c, d_max, r, price = reals("c d_max r lambda")
    return (
        Proof(
            r"A root with $c r \le c + d_{\max}$ at $r > 1$ has a price: $\lambda = 1/c$ "
            r"satisfies $0 < (r-1)/d_{\max} \le \lambda$, so neither $\lambda = 0$ nor $c = "
            r"\infty$.",
            Implication(
                given=(c > 0, r > 1, c * r <= c + d_max, price * c == 1),
                claim=z3.And((r - 1) / d_max > 0, (r - 1) / d_max <= price),
            ),
            r"$c\,r \le c + d_{\max}$ from the secular equation (a core of the multiplier "
            r"bounds); existence of the root, and that the four conditions make a solution.",
        ),
    )


PROOFS = {
    "prop-stationarity": _stationarity(),
    "thm-closed-form": _closed_form(),
    "prop-energy": _energy(),
    "prop-minimum": _minimum(),
    "prop-secular": _secular(),
    "prop-dual-feasible": _dual_feasible(),
}
