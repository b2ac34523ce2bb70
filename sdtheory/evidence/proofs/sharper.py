"""Cores of the sharper bounds: multiplier, monotone quantities, sparsification in every round."""

from __future__ import annotations

import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, Sign, positive, reals
from sdtheory.formulas.bounds import sparsification_bound

_OVER_ROUNDS = r"Induction over the rounds, of which this is the step."
_MEAN = r"Taking the mean with the weights $z_k^2/\|y\|^2$, in which the linear term vanishes."


def _multiplier_lower() -> tuple[Proof, ...]:
    c, x, m = positive("c x m")
    tangent = (c * m / (1 + c * m)) ** 2 + c**2 * (x**2 - m**2) / (1 + c * m) ** 3
    gap = tangent - (c * x / (1 + c * x)) ** 2
    ridge, mean, r, d_min = reals("c m r d_min")
    return (
        Proof(
            r"Jensen's tangent: with $x = \frac1d$ and any $m > 0$, $(\frac{c}{c+d})^2 = "
            r"(\frac{cx}{1+cx})^2 \le (\frac{cm}{1+cm})^2 + \frac{c^2 (x^2 - m^2)}{(1+cm)^3}$.",
            Sign(gap, wrong=(gap - 3 * c**4 * (x - m) ** 2 / (1 + c * m) ** 4,)),
            _MEAN + r" Here $m = \|G^{-1}y\|/\|y\|$, and $\frac1r \le \frac{cm}{1+cm}$ follows.",
        ),
        Proof(
            r"$\frac1r \le \frac{cm}{1+cm}$ with $r, c, m > 0$ and $m d_{\min} \le 1$ gives "
            r"$c(r-1) \ge \frac1m \ge d_{\min}$.",
            Implication(
                given=(
                    r > 0,
                    ridge > 0,
                    mean > 0,
                    1 / r <= ridge * mean / (1 + ridge * mean),
                    mean * d_min <= 1,
                ),
                claim=z3.And(ridge * (r - 1) >= 1 / mean, 1 / mean >= d_min),
                wrong=(ridge * (r - 1) > 1 / mean,),
            ),
            r"$\|G^{-1}y\| \le \|y\|/d_{\min}$, per eigenvalue.",
        ),
    )


def _multiplier_upper() -> tuple[Proof, ...]:
    x, m = positive("x m")
    gap = (1 + x) ** -2 - ((1 + m) ** -2 - 2 * (x - m) * (1 + m) ** -3)
    ridge, mean, r, rayleigh, d_max = reals("c m r mean_d d_max")
    return (
        Proof(
            r"Jensen's tangent: with $x = \frac{d}{c}$ and any $m > 0$, $(\frac{c}{c+d})^2 = "
            r"(1+x)^{-2} \ge (1+m)^{-2} - 2 (1+m)^{-3} (x - m)$.",
            Sign(gap, wrong=(gap - 3 * (x - m) ** 2 / (1 + m) ** 4,)),
            _MEAN + r" Here $m = y^\top G y/(c\|y\|^2)$, and $\frac1r \ge \frac{1}{1+m}$ follows.",
        ),
        Proof(
            r"$\frac1r \ge \frac{1}{1+m}$ with $r, c > 0$, $m \ge 0$ and $c\,m \le d_{\max}$ "
            r"gives $c(r-1) \le c\,m \le d_{\max}$.",
            Implication(
                given=(
                    r > 0,
                    ridge > 0,
                    mean >= 0,
                    1 / r >= 1 / (1 + mean),
                    ridge * mean == rayleigh,
                    rayleigh <= d_max,
                ),
                claim=z3.And(ridge * (r - 1) <= rayleigh, ridge * (r - 1) <= d_max),
                wrong=(ridge * (r - 1) < rayleigh,),
            ),
            r"$y^\top G y \le d_{\max}\|y\|^2$, per eigenvalue.",
        ),
    )


def _multiplier_grows() -> tuple[Proof, ...]:
    c, d, z = reals("c d z")
    now = (c * z / (c + d)) ** 2
    after = (c * (d * z / (c + d)) / (c + d)) ** 2
    now_c, after_c, low, high, rho2 = reals("c_t c_(t+1) S(c_t) S(c_(t+1)) rho2")
    return (
        Proof(
            r"Per eigenvalue: $c > 0$, $d \ge 0$, $z \ne 0$ give $(\frac{c}{c+d} A z)^2 < "
            r"(\frac{c}{c+d} z)^2$: with the old multiplier the residual of the new labels is "
            r"shorter.",
            Implication(given=(c > 0, d >= 0, z != 0), claim=after < now, wrong=(after * 2 < now,)),
            r"Summing over the eigenvalues: $S_{t+1}(c_t) < \rho^2$.",
        ),
        Proof(
            r"So $S_{t+1}(c_t) < \rho^2 = S_{t+1}(c_{t+1})$ with an increasing $S_{t+1}$ gives "
            r"$c_{t+1} > c_t$.",
            Implication(
                given=(low < rho2, high == rho2, z3.Implies(after_c <= now_c, high <= low)),
                claim=after_c > now_c,
                wrong=(after_c < now_c,),
            ),
            r"That $S_{t+1}$ increases (the secular equation).",
        ),
    )


def _smoother() -> tuple[Proof, ...]:
    e_j, e_k, x, w, p, q = positive("e_j e_k x_j x_k p_j p_k")
    c, d_j, d_k, z, d = reals("c d_j d_k z d")
    A_j, A_k = d_j / (c + d_j), d_k / (c + d_k)
    difference = (e_j * p * x + e_k * q * w) * (e_j + e_k) - (e_j * x + e_k * w) * (
        e_j * p + e_k * q
    )
    return (
        Proof(
            r"Per eigenvalue: $c \ge 0$ and $d > 0$ give $\frac{(Az)^2}{d} \le \frac{z^2}{d}$.",
            Implication(
                given=(c >= 0, d > 0),
                claim=(d * z / (c + d)) ** 2 / d <= z**2 / d,
                wrong=((d * z / (c + d)) ** 2 / d < z**2 / d,),
            ),
            r"Summing over the eigenvalues.",
        ),
        Proof(
            r"For two eigenvalues with energies $e_j$, $e_k$ the quotients, multiplied out, "
            r"differ by $e_j e_k (\frac1{d_j} - \frac1{d_k})(A_j^2 - A_k^2)$; here $x = \frac1d$, "
            r"$p = A^2$.",
            Identity(
                difference,
                e_j * e_k * (x - w) * (p - q),
                wrong=(e_j * e_k * (x - w) * (p + q), -e_j * e_k * (x - w) * (p - q)),
            ),
            r"$n = 2$; in general the difference is the sum of this over all pairs, as both sides "
            r"are bilinear in the energies.",
        ),
        Proof(
            r"Each such term is at most $0$: $c > 0$ and $d_j, d_k > 0$ give $(\frac1{d_j} - "
            r"\frac1{d_k})(A_j^2 - A_k^2) \le 0$.",
            Implication(
                given=(c > 0, d_j > 0, d_k > 0),
                claim=(1 / d_j - 1 / d_k) * (A_j**2 - A_k**2) <= 0,
                wrong=((1 / d_j - 1 / d_k) * (A_j**2 - A_k**2) < 0,),
            ),
            r"Summing over the pairs.",
        ),
    )


def _leaves_data() -> tuple[Proof, ...]:
    A, B, distance, after, step, rho, t = reals("A B |y_t-y_0| |y_(t+1)-y_0| step rho t")
    return (
        Proof(
            r"Per eigenvalue: $A \le 1$ and $0 \le B \le 1$ give $(1 - B)^2 \le (1 - AB)^2$.",
            Implication(
                given=(A <= 1, B >= 0, B <= 1),
                claim=(1 - B) ** 2 <= (1 - A * B) ** 2,
                wrong=((1 - B) ** 2 < (1 - A * B) ** 2,),
            ),
            r"Summing over the eigenvalues.",
        ),
        Proof(
            r"One more round: $\|y_t - y_0\| \le t\rho$ and a step of length $\rho$ give "
            r"$\|y_{t+1} - y_0\| \le (t+1)\rho$.",
            Implication(
                given=(distance <= t * rho, step <= rho, after <= distance + step),
                claim=after <= (t + 1) * rho,
                wrong=(after < (t + 1) * rho,),
            ),
            r"The triangle inequality, and induction over the rounds.",
        ),
    )


def _sparsification() -> tuple[Proof, ...]:
    c, first, d_j, d_k, d_min, r, q, squared = reals("c_i c_0 d_j d_k d_min r_i q_i r_0^2-i")
    ratio = (1 + c / d_j) / (1 + c / d_k)
    at_first = (1 + first / d_j) / (1 + first / d_k)
    return (
        Proof(
            r"With $q_i = \sqrt{r_0^2-i} - 1$: $1 < r_i$, $r_i^2 \le r_0^2 - i$, $c_i \ge "
            r"\frac{d_{\min}}{r_i-1}$, $d_{\min} \ge 0$ and $0 < d_j \le d_k$ give "
            r"$\frac{A_i[k]}{A_i[j]} \ge \frac{q_i + d_{\min}/d_j}{q_i + d_{\min}/d_k}$.",
            Implication(
                given=(
                    d_j > 0,
                    d_j <= d_k,
                    d_min >= 0,
                    r > 1,
                    q + 1 >= 0,
                    (q + 1) ** 2 == squared,
                    r**2 <= squared,
                    c >= d_min / (r - 1),
                ),
                claim=ratio >= sparsification_bound(q, d_min, d_j, d_k, 1),
                wrong=(ratio > sparsification_bound(q, d_min, d_j, d_k, 1),),
            ),
            r"The product over the rounds.",
        ),
        Proof(
            r"$c_i \ge c_0 \ge 0$ and $0 < d_j \le d_k$ give $\frac{A_i[k]}{A_i[j]} \ge "
            r"\frac{1+c_0/d_j}{1+c_0/d_k}$.",
            Implication(
                given=(d_j > 0, d_j <= d_k, first >= 0, c >= first),
                claim=ratio >= at_first,
                wrong=(ratio > at_first,),
            ),
            r"The product over the rounds; that multipliers grow.",
        ),
        Proof(
            r"$c_i \ge 0$ and $0 < d_j \le d_k$ give $\frac{A_i[k]}{A_i[j]} \le 1 + c_i "
            r"(\frac1{d_j} - \frac1{d_k})$ and $\frac{A_i[k]}{A_i[j]} \le \frac{d_k}{d_j}$.",
            Implication(
                given=(d_j > 0, d_j <= d_k, c >= 0),
                claim=z3.And(ratio <= 1 + c * (1 / d_j - 1 / d_k), ratio <= d_k / d_j),
                wrong=(ratio < 1 + c * (1 / d_j - 1 / d_k),),
            ),
            r"$1 + x \le e^x$, and the product over the rounds.",
        ),
    )


PROOFS = {
    "prop-multiplier-lower": _multiplier_lower(),
    "prop-multiplier-upper": _multiplier_upper(),
    "prop-multiplier-grows": _multiplier_grows(),
    "prop-smoother": _smoother(),
    "prop-leaves-data": _leaves_data(),
    "thm-sparsification-all-rounds": _sparsification(),
}
