"""Cores of the recursion, of the equal steps and of the order of the filters."""

from __future__ import annotations

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
from sdtheory.evidence.proofs.multiplier import cauchy_schwarz

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."


def _recursion() -> tuple[Proof, ...]:
    (c,) = positive("c")
    V, Vt, D, E = sympy.symbols("V V^T D E", commutative=False)
    rotation = sympy.Matrix([[3, 4], [-4, 3]]) / 5
    diagonal = sympy.diag(1, 7)
    model = {
        c: sympy.Integer(2),
        V: rotation,
        Vt: rotation.T,
        D: diagonal,
        E: (diagonal + 2 * sympy.eye(2)).inv(),
    }
    orthogonal, inverse = (V * Vt, sympy.Integer(1)), (D * E, 1 - c * E)
    relations = (orthogonal, (Vt * V, sympy.Integer(1)), inverse)
    (d,) = positive("d")
    return (
        Proof(
            r"For matrices of any size: with $V V^\top = V^\top V = I$ and $E = (cI + D)^{-1}$, "
            r"$(cI + V^\top D V)\, V^\top E V = I$.",
            MatrixIdentity(
                (c + Vt * D * V) * Vt * E * V, sympy.Integer(1), relations, model, wrong=(c,)
            ),
            r"The spectral theorem, $G = V^\top D V$.",
        ),
        Proof(
            r"For matrices of any size: $V^\top D V\, V^\top E V = V^\top (D E) V$, so "
            r"$G(cI+G)^{-1} = V^\top A V$ with $A = D(cI+D)^{-1}$.",
            MatrixIdentity(
                Vt * D * V * Vt * E * V, Vt * D * E * V, relations, model, wrong=(Vt * E * D * Vt,)
            ),
        ),
        Proof(
            r"Per eigenvalue the residual's factor is $1 - \frac{d}{c+d} = \frac{c}{c+d}$.",
            Identity(1 - d / (c + d), c / (c + d), wrong=(d / (c + d),)),
        ),
    )


def _product() -> tuple[Proof, ...]:
    z, b, c, d, gamma = positive("z B c d gamma")
    V, Vt, A, B, now, start = sympy.symbols("V V^T A_t B_(t-1) y_t y_0", commutative=False)
    rotation = sympy.Matrix([[3, 4], [-4, 3]]) / 5
    labels, past = sympy.Matrix([[1, 4], [-2, 0]]), sympy.diag(1, 2) / 3
    model = {
        V: rotation,
        Vt: rotation.T,
        A: sympy.diag(1, 3) / 4,
        B: past,
        start: labels,
        now: rotation.T * past * rotation * labels,
    }
    relations = ((V * Vt, sympy.Integer(1)), (V * now, B * V * start))
    return (
        Proof(
            r"For matrices of any size: $V V^\top = I$, $V y_t = B_{t-1} V y_0$ and $y_{t+1} = "
            r"V^\top A_t V y_t$ give $V y_{t+1} = A_t B_{t-1} V y_0$.",
            MatrixIdentity(
                V * Vt * A * V * now,
                A * B * V * start,
                relations,
                model,
                wrong=(B * V * start, V * A * B * start),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"For $d > 0$ the fit's coefficient $\gamma \frac{1}{c_t+d} B_{t-1} z_0$ is $\gamma "
            r"\frac1d B_t z_0$, where $\gamma$ is a component of $V g_x$.",
            Identity(
                gamma * b * z / (c + d),
                gamma * (b * d / (c + d)) * z / d,
                wrong=(gamma * b * z / d,),
            ),
            r"For $d = 0$: that $\gamma = 0$, because the function $V g_x$ there has norm $0$.",
        ),
    )


def _step() -> tuple[Proof, ...]:
    c, d, z = positive("c d z")
    after, step = d * z / (c + d), c * z / (c + d)
    r, a, b, inner = reals("y f w P")
    return (
        Proof(
            r"Per eigenvalue $z^2 = (z^+)^2 + w^2 + 2 z^+ w$ with $z^+ = \frac{dz}{c+d}$, $w = "
            r"\frac{cz}{c+d}$.",
            Identity(z**2, after**2 + step**2 + 2 * after * step, wrong=(after**2 + step**2,)),
            r"Summing over the eigenvalues.",
        ),
        Proof(
            r"The angle is acute: each $z^+ w = \frac{c\,d}{(c+d)^2} z^2$ is non-negative.",
            Sign(after * step, wrong=(after * step - step**2,)),
            r"Summing over the eigenvalues (terms with $d = 0$ or $z = 0$ vanish).",
        ),
        *cauchy_schwarz(),
        Proof(
            r"Triangle inequality from Cauchy-Schwarz: lengths with $\|y\|^2 = \|f\|^2 + \|w\|^2 "
            r"+ 2P$ and $P^2 \le \|f\|^2\|w\|^2$ satisfy $\|y\| - \|w\| \le \|f\|$; and $P \ge 0$ "
            r"gives $\|f\|^2 \le \|y\|^2 - \|w\|^2$.",
            Implication(
                given=(a >= 0, b >= 0, r**2 == a**2 + b**2 + 2 * inner, inner**2 <= a**2 * b**2),
                claim=z3.And(r - b <= a, z3.Implies(inner >= 0, a**2 <= r**2 - b**2)),
                wrong=(r - b < a, a**2 <= r**2 - b**2),
            ),
        ),
    )


def _rounds() -> tuple[Proof, ...]:
    start, before, after, t = reals("r_0 r_t r_(t+1) t")
    count = z3.Int("N")
    first, last, final = reals("r_0 r_(N-1) r_N")
    return (
        Proof(
            r"One more round, lower: $r_t \ge r_0 - t$ and $r_{t+1} \ge r_t - 1$ give $r_{t+1} "
            r"\ge r_0 - (t+1)$.",
            Implication(
                given=(before >= start - t, after >= before - 1),
                claim=after >= start - (t + 1),
                wrong=(after >= start - t,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"One more round, upper: $r_t^2 \le r_0^2 - t$ and $r_{t+1}^2 \le r_t^2 - 1$ give "
            r"$r_{t+1}^2 \le r_0^2 - (t+1)$.",
            Implication(
                given=(before**2 <= start**2 - t, after**2 <= before**2 - 1),
                claim=after**2 <= start**2 - (t + 1),
                wrong=(after**2 <= start**2 - (t + 2),),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"The count: an integer $N$ with $r_N \le 1 < r_{N-1}$, $r_N \ge r_0 - N$ and "
            r"$r_{N-1}^2 \le r_0^2 - (N-1)$ satisfies $\lceil r_0-1\rceil \le N \le \lceil "
            r"r_0^2-1\rceil$.",
            Implication(
                given=(
                    final <= 1,
                    last > 1,
                    final >= first - count,
                    last**2 <= first**2 - (count - 1),
                ),
                # ceil(x) = -floor(-x)
                claim=z3.And(count >= -z3.ToInt(1 - first), count <= -z3.ToInt(1 - first**2)),
                wrong=(count > -z3.ToInt(1 - first), count < -z3.ToInt(1 - first**2)),
            ),
            r"That $N$, the first $t$ with $r_t \le 1$, exists: $r_t^2 \le r_0^2 - t$ ends the "
            r"chain.",
        ),
    )


def _ordered() -> tuple[Proof, ...]:
    c, d_j, d_k, b_j, b_k = reals("c d_j d_k B_j B_k")
    A_j, A_k = d_j / (c + d_j), d_k / (c + d_k)
    return (
        Proof(
            r"One round: $c > 0$ and $0 \le d_j \le d_k$ give $0 \le A[j] \le A[k] < 1$.",
            Implication(
                given=(c > 0, d_j >= 0, d_j <= d_k),
                claim=z3.And(A_j >= 0, A_j <= A_k, A_k < 1),
                wrong=(A_j < A_k, A_j > 0),
            ),
        ),
        Proof(
            r"One more round: $0 \le B_{t-1}[j] \le B_{t-1}[k] \le 1$ gives $0 \le B_t[j] \le "
            r"B_t[k] < 1$ and $B_t[k] \le B_{t-1}[k]$.",
            Implication(
                given=(c > 0, d_j >= 0, d_j <= d_k, b_j >= 0, b_j <= b_k, b_k <= 1),
                claim=z3.And(
                    A_j * b_j >= 0, A_j * b_j <= A_k * b_k, A_k * b_k < 1, A_k * b_k <= b_k
                ),
                wrong=(A_k * b_k < b_k,),
            ),
            _OVER_ROUNDS,
        ),
        Proof(
            r"For $0 < d_j < d_k$ each round multiplies $B[k]/B[j]$ by $A[k]/A[j] > 1$.",
            Implication(given=(c > 0, d_j > 0, d_j < d_k), claim=A_k / A_j > 1),
            _OVER_ROUNDS,
        ),
    )


PROOFS = {
    "thm-recursion": _recursion(),
    "thm-product": _product(),
    "prop-step": _step(),
    "cor-rounds-any-kernel": _rounds(),
    "prop-ordered": _ordered(),
}
