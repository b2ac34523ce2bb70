"""Cores of several outputs that share one tolerance."""

from __future__ import annotations

import sympy

from sdtheory.evidence.proofs.arguments import Identity, MatrixIdentity, Proof, Sign, positive

_TWO = r"Two outputs; more by induction over the outputs."


def _shared() -> tuple[Proof, ...]:
    c, d = positive("c d")
    z, other = sympy.symbols("z z'", real=True)
    A = d / (c + d)
    return (
        Proof(
            r"Per eigenvalue the squared residuals of two outputs add up to "
            r"$\frac{c^2}{(c+d)^2}(z^2 + z'^2)$: the multiplier sees their energy only.",
            Identity(
                (z - A * z) ** 2 + (other - A * other) ** 2,
                (c / (c + d)) ** 2 * (z**2 + other**2),
                wrong=((c / (c + d)) ** 2 * (z + other) ** 2,),
            ),
            r"Summing over the eigenvalues. " + _TWO,
        ),
        Proof(
            r"And so do the squared fits: $A^2 (z^2 + z'^2)$ with $A = \frac{d}{c+d}$.",
            Identity(
                (A * z) ** 2 + (A * other) ** 2,
                A**2 * (z**2 + other**2),
                wrong=(A * (z**2 + other**2),),
            ),
            _TWO,
        ),
    )


def _rotation() -> tuple[Proof, ...]:
    Z, Zt, Q, Qt = sympy.symbols("Z Z^T Q Q^T", commutative=False)
    turn = sympy.Matrix([[3, 4], [-4, 3]]) / 5
    labels = sympy.Matrix([[1, 4], [-2, 0]])
    model = {Q: turn, Qt: turn.T, Z: labels, Zt: labels.T}
    return (
        Proof(
            r"For any number of outputs, $Q Q^\top = I$ gives $(ZQ)(ZQ)^\top = Z Z^\top$, whose "
            r"diagonal holds the energies $\sum_q z_{kq}^2$: the secular equation does not change.",
            MatrixIdentity(
                Z * Q * Qt * Zt,
                Z * Zt,
                ((Q * Qt, sympy.Integer(1)),),
                model,
                wrong=(Z * Q * Zt, Zt * Z),
            ),
            r"A square $Q$ with $Q^\top Q = I$ has $Q Q^\top = I$; the fit $V^\top A V (y_0 Q) = "
            r"(V^\top A V y_0) Q$ is associativity.",
        ),
    )


def _one_price() -> tuple[Proof, ...]:
    c, d = positive("c d")
    z, a = sympy.symbols("z alpha", real=True)
    best = z / (c + d)

    def cost(coefficient: sympy.Expr) -> sympy.Expr:
        return c * d * coefficient**2 + (z - d * coefficient) ** 2

    excess = d * (c + d) * (a - best) ** 2
    gap = d * (c + d) * positive("h")[0] ** 2
    return (
        Proof(
            r"Per output and eigenvalue $c\,d\,\alpha^2 + (z - d\alpha)^2$ exceeds its value at "
            r"$\alpha = \frac{z}{c+d}$ by $d(c+d)(\alpha - \frac{z}{c+d})^2$.",
            Identity(cost(a) - cost(best), excess, wrong=(excess / d, excess + a)),
            r"Summing over outputs and eigenvalues; what vanishes at the inputs only adds to $R$.",
        ),
        Proof(
            r"That excess, with $h$ for the distance, is positive for $c, d > 0$ and $h \ne 0$.",
            Sign(gap, wrong=(gap - 2 * d**2 * positive("h")[0] ** 2,), strict=True),
        ),
    )


PROOFS = {
    "prop-shared-tolerance": _shared(),
    "prop-outputs-rotation": _rotation(),
    "prop-one-price": _one_price(),
}
