"""Cores of the paper's example: the Green's function of f'''' and its spectrum on a grid."""

from __future__ import annotations

import sympy

from sdtheory.evidence.proofs.arguments import Identity, Proof, positive

_FOURTH_DIFFERENCE = {-2: 1, -1: -4, 0: 6, 1: -4, 2: 1}


def _below(x: sympy.Expr, at: sympy.Expr) -> sympy.Expr:
    """Return g(x, at) for x <= at."""
    return x * (1 - at) * (1 - x**2 - (1 - at) ** 2) / 6


def _above(x: sympy.Expr, at: sympy.Expr) -> sympy.Expr:
    """Return g(x, at) for x >= at."""
    return _below(at, x)


def _green() -> tuple[Proof, ...]:
    x, at, h = positive("x x' h")
    below, jump = _below(x, at), (x - at) ** 3 / 6
    around = [
        sum(weight * (max(offset + k, 0) * h) ** 3 / 6 for k, weight in _FOURTH_DIFFERENCE.items())
        for offset in range(-2, 3)
    ]
    # one generating polynomial compares all five offsets at once
    expected = [0, h**3 / 6, 4 * h**3 / 6, h**3 / 6, 0]
    return (
        Proof(
            r"Its two branches differ by $\frac16 (x-x')^3$: $g$, $g'$ and $g''$ are continuous "
            r"at $x'$, $g'''$ jumps by 1, and $g'''' = 0$ elsewhere, as both are cubic.",
            Identity(_above(x, at) - below, jump, wrong=(-jump, 2 * jump)),
            r"That this is what $g'''' = \delta_{x'}$ means.",
        ),
        Proof(
            r"It is the formula with $\max((x-x')^3, 0)$: $g(x,x') = -\frac16 x(1-x')(x^2 - 2x' + "
            r"x'^2)$ for $x \le x'$.",
            Identity(
                below,
                -x * (1 - at) * (x**2 - 2 * at + at**2) / 6,
                wrong=(-x * (1 - at) * (x**2 + at**2) / 6,),
            ),
        ),
        Proof(
            r"The left branch is odd in $x$: $g$ and $g''$ vanish at $x = 0$.",
            Identity(_below(-x, at), -below, wrong=(below,)),
        ),
        Proof(
            r"The right branch is the left one seen from the other end, by $x \mapsto 1-x$, $x' "
            r"\mapsto 1-x'$: $g$ and $g''$ vanish at $x = 1$ too.",
            Identity(_above(1 - x, 1 - at), below, wrong=(_below(x, 1 - at),)),
        ),
        Proof(
            r"The fourth difference of $\frac16 \max(x-x_k, 0)^3$ around $x_k$ is "
            r"$\frac{h^3}{6}(0, 1, 4, 1, 0)$.",
            Identity(
                sympy.Add(*(value * x**k for k, value in enumerate(around))),
                sympy.Add(*(value * x**k for k, value in enumerate(expected))),
                wrong=(sympy.Add(*(value * x**k for k, value in enumerate(expected[::-1][1:]))),),
            ),
            r"Fourth differences of cubics vanish: the next core.",
        ),
        Proof(
            r"The fourth difference of the left branch, a cubic, vanishes at every $x$ and step "
            r"$h$.",
            Identity(
                sum(weight * _below(x + k * h, at) for k, weight in _FOURTH_DIFFERENCE.items()),
                sympy.Integer(0),
                wrong=(h**4,),
            ),
        ),
    )


def _spectrum() -> tuple[Proof, ...]:
    theta, phase = sympy.symbols("theta phi", real=True)
    t, s, m, n = positive("t s m n")
    sine = sympy.sin(phase)
    # the circle's rational points, cos(theta) = (1 - t^2)/(1 + t^2)
    circle = {
        sympy.sin(theta): 2 * t / (1 + t**2),
        sympy.cos(theta): (1 - t**2) / (1 + t**2),
        sine: s,
    }

    def rational(expression: sympy.Expr) -> sympy.Expr:
        return sympy.expand_trig(expression).subs(circle)

    difference = sympy.sin(phase + 2 * theta) - 2 * sine + sympy.sin(phase - 2 * theta)
    tau = 4 * s**2
    return (
        Proof(
            r"Discrete sines are eigenvectors of the second difference: $\sin(\phi + 2\theta) - "
            r"2\sin\phi + \sin(\phi - 2\theta) = -\tau \sin\phi$ with $\tau = 4\sin^2\theta$.",
            Identity(
                rational(difference),
                rational(-4 * sympy.sin(theta) ** 2 * sine),
                wrong=(rational(-2 * sympy.sin(theta) ** 2 * sine),),
            ),
            r"The points $\theta = \pm\frac\pi2$, where $t$ is infinite, by continuity.",
        ),
        Proof(
            r"So $d\,\tau^2 = \frac{h^3}{6n}(6 - \tau)$ with $h = \frac1m$ is the formula $d = "
            r"\frac{m}{n(2m)^4} \frac{3 - 2 s^2}{3 s^4}$, $s = \sin\theta$.",
            Identity(
                (6 - tau) / (6 * n * m**3 * tau**2),
                m / (n * (2 * m) ** 4) * (3 - 2 * s**2) / (3 * s**4),
                wrong=(m / (n * (2 * m) ** 4) * (3 - 4 * s**2) / (3 * s**4),),
            ),
            r"That a vector with the fourth difference $\frac{h^3}{6n}(1,4,1)$ of the sines, zero "
            r"with its second difference at both ends, is unique.",
        ),
    )


def _ends() -> tuple[Proof, ...]:
    c, d, z = positive("c d z")
    residual, fitted = c * z / (c + d), d * z / (c + d)
    return (
        Proof(
            r"Where $d = 0$ the residual $\frac{c z}{c+d}$ is $z$, whatever $c$.",
            Identity(residual.subs(d, 0), z, wrong=(z / 2,)),
            r"Moving these terms of the secular equation to its right side.",
        ),
        Proof(
            r"Where $d = 0$ the fitted $\frac{d z}{c+d}$ is $0$.",
            Identity(fitted.subs(d, 0), sympy.Integer(0), wrong=(z,)),
        ),
    )


PROOFS = {
    "prop-example-green": _green(),
    "thm-example-spectrum": _spectrum(),
    "prop-example-ends": _ends(),
}
