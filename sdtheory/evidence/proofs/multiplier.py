"""Cores of the multiplier's bounds, of Newton's iteration and of the discrepancy principle."""

from __future__ import annotations

import sympy
import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.bounds import multiplier_bounds

_OVER_EIGENVALUES = r"Summing over the eigenvalues, $z = Vy$."


def cauchy_schwarz() -> tuple[Proof, ...]:
    r"""Return cores of $P^2 \le F W$ for $F = \sum f^2$, $W = \sum w^2$, $P = \sum f w$."""
    f, w, F, P = sympy.symbols("f w F P", real=True)
    energy_f, energy_w, inner = reals("F W P")
    return (
        Proof(
            r"Term by term $(F w - P f)^2 = F^2 w^2 - 2 F P\, f w + P^2 f^2$; these add up to "
            r"$F^2 W - 2 F P^2 + P^2 F$ with $F = \sum f^2$, $W = \sum w^2$, $P = \sum f w$.",
            Identity(
                (F * w - P * f) ** 2,
                F**2 * w**2 - 2 * F * P * f * w + P**2 * f**2,
                wrong=(F**2 * w**2 + P**2 * f**2,),
            ),
            r"Summing over the eigenvalues.",
        ),
        Proof(
            r"Cauchy-Schwarz from that sum: $F > 0$ and $F^2 W - 2 F P^2 + P^2 F \ge 0$ give $P^2 "
            r"\le F W$.",
            Implication(
                given=(
                    energy_f > 0,
                    energy_f**2 * energy_w - 2 * energy_f * inner**2 + inner**2 * energy_f >= 0,
                ),
                claim=energy_f * energy_w >= inner**2,
                wrong=(energy_f * energy_w >= 2 * inner**2,),
            ),
            r"The case $F = 0$, where every $f$, and so $P$, is $0$.",
        ),
    )


def _bounds() -> tuple[Proof, ...]:
    c, d, d_min, d_max, r, z = reals("c d d_min d_max r z")
    term = (c * z / (c + d)) ** 2
    lower, upper = multiplier_bounds(d_min, d_max, r - 1)
    return (
        Proof(
            r"Per eigenvalue: $c > 0$ and $0 \le d_{\min} \le d \le d_{\max}$ give "
            r"$(\frac{c}{c+d_{\max}})^2 z^2 \le (\frac{c}{c+d})^2 z^2 \le "
            r"(\frac{c}{c+d_{\min}})^2 z^2$.",
            Implication(
                given=(c > 0, d_min >= 0, d_min <= d, d <= d_max),
                claim=z3.And(
                    (c * z / (c + d_max)) ** 2 <= term, term <= (c * z / (c + d_min)) ** 2
                ),
                wrong=(term <= (c * z / (c + d_max)) ** 2,),
            ),
            r"Summing over the eigenvalues and taking roots: $\frac{c}{c+d_{\max}} \|y\| \le \rho "
            r"\le \frac{c}{c+d_{\min}} \|y\|$.",
        ),
        Proof(
            r"Divided by $\rho$: $\frac{c}{c+d_{\max}} r \le 1 \le \frac{c}{c+d_{\min}} r$ with "
            r"$r > 1$ gives $\frac{d_{\min}}{r-1} \le c \le \frac{d_{\max}}{r-1}$.",
            Implication(
                given=(
                    c > 0,
                    r > 1,
                    d_min >= 0,
                    d_max >= 0,
                    c / (c + d_max) * r <= 1,
                    c / (c + d_min) * r >= 1,
                ),
                claim=z3.And(lower <= c, c <= upper),
                wrong=(lower < c, c < upper, c <= lower),
            ),
            r"That the constraint is active, and the equality cases.",
        ),
    )


def _newton() -> tuple[Proof, ...]:
    mu, d, z, s, S_1, S_2 = positive("mu d z s S_1 S_2")
    h = sympy.Symbol("h", real=True)
    term = z**2 / (1 + mu * d) ** 2
    phi = 1 / sympy.sqrt(s**2 - 2 * S_1 * h + 3 * S_2 * h**2)
    value, slope, start, root, target = reals("phi phi' mu mu_* target")
    return (
        Proof(
            r"With $x = d/(1+\mu d)$ each term of $S(\mu) = \sum z^2/(1+\mu d)^2$ has the "
            r"derivatives $-2x$ and $6x^2$ times itself.",
            Identity(
                term * (-2 * d / (1 + mu * d)) + sympy.diff(term, mu, 2),
                sympy.diff(term, mu) + term * 6 * (d / (1 + mu * d)) ** 2,
                wrong=(sympy.diff(term, mu) + term * 3 * (d / (1 + mu * d)) ** 2,),
            ),
            _OVER_EIGENVALUES,
        ),
        Proof(
            r"So with $S = s^2$, $S' = -2 S_1$, $S'' = 6 S_2$: $\phi = S^{-1/2}$ has $\phi' = "
            r"S_1/s^3$.",
            Identity(sympy.diff(phi, h).subs(h, 0), S_1 / s**3, wrong=(S_1 / s**2,)),
            r"Nothing more: $S_1 > 0$ makes $\phi$ increasing.",
        ),
        Proof(
            r"And $\phi'' = 3 (S_1^2 - s^2 S_2)/s^5$.",
            Identity(
                sympy.diff(phi, h, 2).subs(h, 0),
                3 * (S_1**2 - s**2 * S_2) / s**5,
                wrong=(3 * (S_1**2 - S_2) / s**5,),
            ),
            r"That $S_1^2 \le S\,S_2$: the next two cores, with $f = z/(1+\mu d)$ and $w = x f$.",
        ),
        *cauchy_schwarz(),
        Proof(
            r"Newton's step does not overshoot: $\phi' > 0$ and a root $\mu_*$ below the tangent, "
            r"$\frac1\rho \le \phi + \phi' (\mu_* - \mu)$, give $\mu + (\frac1\rho - \phi)/\phi' "
            r"\le \mu_*$.",
            Implication(
                given=(slope > 0, target <= value + slope * (root - start)),
                claim=start + (target - value) / slope <= root,
                wrong=(start + (target - value) / slope < root,),
            ),
            r"A concave function lies below its tangents.",
        ),
    )


def _morozov() -> tuple[Proof, ...]:
    fit, truth, difference, inner = reals("R(f*) R(f0) R(f0-f*) <f0,f0-f*>")
    n, product, source, distance, rho = reals("n a^T(f0-f*) |a| |f0-f*| rho")
    return (
        Proof(
            r"$R(f^*) + R(\Delta) \le R(f^\circ)$ with $\Delta = f^\circ - f^*$ and the expansion "
            r"$R(f^*) = R(f^\circ) - 2\langle f^\circ, \Delta\rangle + R(\Delta)$ give $R(\Delta) "
            r"\le \langle f^\circ, \Delta \rangle$.",
            Implication(
                given=(fit + difference <= truth, fit == truth - 2 * inner + difference),
                claim=difference <= inner,
                wrong=(difference < inner, 2 * difference <= inner),
            ),
            r"The first inequality is that of the minimum, with the truth as competitor.",
        ),
        Proof(
            r"If $f^\circ = g_x^\top a$, so that $\langle f^\circ, \Delta\rangle = \frac1n a^\top "
            r"\Delta(x)$, and $\|\Delta(x)\| \le 2\rho$, then $R(\Delta) \le \frac{2\rho}{n} "
            r"\|a\|$.",
            Implication(
                given=(
                    n > 0,
                    source >= 0,
                    difference <= product / n,
                    product <= source * distance,
                    distance <= 2 * rho,
                ),
                claim=difference <= 2 * rho / n * source,
                wrong=(difference <= rho / n * source,),
            ),
            r"The reproducing property, Cauchy-Schwarz, and the triangle inequality: fit and "
            r"truth are both within $\rho$ of the labels.",
        ),
    )


PROOFS = {
    "prop-multiplier-bounds": _bounds(),
    "prop-newton-concave": _newton(),
    "prop-morozov": _morozov(),
}
