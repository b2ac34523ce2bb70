"""Cores of the number of rounds as the length of the path to zero."""

from __future__ import annotations

import sympy

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals


def _length_falls() -> tuple[Proof, ...]:
    s, c, d = positive("s c d")
    antiderivative = -sympy.exp(-s * (1 + c / d)) / (1 + c / d)
    return (
        Proof(
            r"The filter is an average of semigroups: $\int_0^\infty e^{-s} e^{-sc/d}\, ds = "
            r"\frac{d}{c+d}$, as $-e^{-s(1+c/d)}/(1+c/d)$ is an antiderivative.",
            Identity(
                sympy.diff(antiderivative, s),
                sympy.exp(-s) * sympy.exp(-s * c / d),
                wrong=(sympy.exp(-s * c / d),),
            ),
            r"Convexity of $L$ (it is a norm) and Jensen's inequality.",
        ),
        Proof(
            r"At $s = 0$ it is $-\frac{d}{c+d}$.",
            Identity(antiderivative.subs(s, 0), -d / (c + d), wrong=(d / (c + d),)),
            r"That it tends to $0$ as $s \to \infty$.",
        ),
    )


def _length_bounds() -> tuple[Proof, ...]:
    s, d = positive("s d")
    x, low, high, w, f, P, root = reals("x a b |G^-1u| |u| <G^-1u,u> s")
    return (
        Proof(
            r"Per eigenvalue $\int_0^\infty \frac1d e^{-s/d}\,ds = 1$, as $-e^{-s/d}$ is an "
            r"antiderivative: a path along one eigenvector has the length of the labels.",
            Identity(
                sympy.diff(-sympy.exp(-s / d), s),
                sympy.exp(-s / d) / d,
                wrong=(sympy.exp(-s / d),),
            ),
            r"The triangle inequality for the integrand.",
        ),
        Proof(
            r"Per eigenvalue $x = \frac1d$ between $a$ and $b$ satisfies $x^2 + ab \le (a+b)\, x$.",
            Implication(
                given=(x >= low, x <= high),
                claim=x**2 + low * high <= (low + high) * x,
                wrong=(x**2 + low * high < (low + high) * x,),
            ),
            r"Summing over the eigenvalues: $\|G^{-1}u\|^2 + ab\|u\|^2 \le (a+b)\langle G^{-1}u, "
            r"u\rangle$.",
        ),
        Proof(
            r"So $2\sqrt{ab}\, \|G^{-1}u\|\,\|u\| \le (a+b)\langle G^{-1}u,u\rangle$ "
            r"(Kantorovich).",
            Implication(
                given=(root**2 == low * high, w**2 + low * high * f**2 <= (low + high) * P),
                claim=2 * root * w * f <= (low + high) * P,
                wrong=(3 * root * w * f <= (low + high) * P,),
            ),
            r"With $b = \kappa a$; $\frac{d}{ds}\|u\| = -\langle G^{-1}u, u\rangle/\|u\|$ along "
            r"$u = e^{-sG^{-1}}y$, integrated.",
        ),
        Proof(
            r"Per eigenvalue $\int_0^\infty \frac{s}{d^2} e^{-2s/d}\,ds = \frac14$, as "
            r"$-\frac14 (1 + \frac{2s}{d}) e^{-2s/d}$ is an antiderivative.",
            Identity(
                sympy.diff(-(1 + 2 * s / d) * sympy.exp(-2 * s / d) / 4, s),
                s / d**2 * sympy.exp(-2 * s / d),
                wrong=(s / d**2 * sympy.exp(-s / d),),
            ),
            r"Cauchy-Schwarz for $\int \|\cdot\|\,ds$ between $d_{\min}/8$ and $2 d_{\max}$, where "
            r"$\int \frac{ds}{s} = \log 16\kappa$; the two ends, at most $\frac18\|y\|$ and "
            r"$e^{-2}\|y\|$.",
        ),
        Proof(
            r"Below: $\langle G^{-1}u,u\rangle^2 \le \|G^{-1}u\|^2\|u\|^2$ and $\|u\| > 0$ give "
            r"$\|G^{-1}u\| \ge \langle G^{-1}u,u\rangle/\|u\|$.",
            Implication(
                given=(w >= 0, f > 0, w**2 * f**2 >= P**2),
                claim=w >= P / f,
                wrong=(w > P / f,),
            ),
            r"Cauchy-Schwarz (a core of the equal steps), and the same integral.",
        ),
    )


def _singular() -> tuple[Proof, ...]:
    moving, after, step, kernel, rho, root = reals("|P+y_0| |y_1| |P+y_0-y_1| |P0y_0| rho s")
    return (
        Proof(
            r"$\|P_+y_0\| \le \|y_1\| + \|P_+y_0 - y_1\|$ and $\|P_+y_0 - y_1\|^2 + \|P_0y_0\|^2 "
            r"= \rho^2$ give $\|y_1\| \ge \|P_+y_0\| - s$ with $s = \sqrt{\rho^2 - \|P_0y_0\|^2}$.",
            Implication(
                given=(
                    moving <= after + step,
                    step**2 + kernel**2 == rho**2,
                    root >= 0,
                    root**2 == rho**2 - kernel**2,
                ),
                claim=after >= moving - root,
                wrong=(after > moving - root,),
            ),
            r"Pythagoras for the residual, $P_0 y_1 = 0$, and the triangle inequality.",
        ),
    )


def _falls_at_most() -> tuple[Proof, ...]:
    before, after, step, rho, factor = reals("L(y_t) L(y_(t+1)) L(y_t-y_(t+1)) rho K")
    return (
        Proof(
            r"$L(y_t) \le L(y_{t+1}) + L(y_t - y_{t+1})$ and $L(y_t - y_{t+1}) \le K\rho$ give "
            r"$L(y_t) - L(y_{t+1}) \le K\rho$.",
            Implication(
                given=(before <= after + step, step <= factor * rho),
                claim=before - after <= factor * rho,
                wrong=(before - after < factor * rho,),
            ),
            r"That $L$ is a norm, with $L(y) \le K\|y\|$, and that the step has length $\rho$.",
        ),
    )


def _falls_slowly() -> tuple[Proof, ...]:
    c, d, norm, longer, inner, square = reals("c d_min |b| |b+cHb| <b,Hb> |Hb|^2")
    kappa, r, top = reals("kappa r_t d_max")
    return (
        Proof(
            r"$\|b + cHb\|^2 = \|b\|^2 + 2c\langle b, Hb\rangle + c^2\|Hb\|^2$ and $\|Hb\|^2 \le "
            r"\frac{1}{d_{\min}} \langle b, Hb\rangle$ give $\|b + cHb\| - \|b\| \le c\bigl(1 + "
            r"\frac{c}{2d_{\min}}\bigr) \frac{\langle b, Hb\rangle}{\|b\|}$.",
            Implication(
                given=(
                    d > 0,
                    square * d <= inner,
                    longer**2 == norm**2 + 2 * c * inner + c**2 * square,
                ),
                claim=(longer - norm) * norm * 2 * d <= c * (2 * d + c) * inner,
                wrong=((longer - norm) * norm <= c * inner,),
            ),
            r"That $\frac{\langle b, Hb\rangle}{\|b\|} = -\frac{d}{ds}\|b\|$ integrates to "
            r"$\|Hy_{t+1}\| = \rho/c$.",
        ),
        Proof(
            r"$c_t \le \frac{d_{\max}}{r_t - 1}$ gives $\frac{c_t}{2d_{\min}} \le "
            r"\frac{\kappa}{2(r_t - 1)}$.",
            Implication(
                given=(d > 0, r > 1, top == kappa * d, c <= top / (r - 1)),
                claim=c / (2 * d) <= kappa / (2 * (r - 1)),
                wrong=(c / (2 * d) < kappa / (2 * (r - 1)),),
            ),
            r"The bound of the multiplier (a core of its own).",
        ),
    )


def _rounds_limit() -> tuple[Proof, ...]:
    start, end, rho, factor, count = reals("L(y_0) L(y_N) rho K N")
    q, r, kappa, drop, used = reals("q r kappa theta used")
    return (
        Proof(
            r"$N$ rounds that each use up at most $K\rho$, and $L(y_N) \le K\rho$ at the "
            r"collapse: $N \ge \frac{L(y_0)}{K\rho} - 1$.",
            Implication(
                given=(
                    rho > 0,
                    factor > 0,
                    start - end <= count * factor * rho,
                    end <= factor * rho,
                ),
                claim=count >= start / (factor * rho) - 1,
                wrong=(count > start / (factor * rho) - 1,),
            ),
            r"Adding up the rounds; $r_N \le 1$ and $L(y) \le K\|y\|$.",
        ),
        Proof(
            r"While $r_t \ge q > 1$ and $\kappa \ge 0$, $1 + \frac{\kappa}{2(r_t-1)} \le 1 + "
            r"\frac{\kappa}{2(q-1)}$.",
            Implication(
                given=(kappa >= 0, q > 1, r >= q),
                claim=1 + kappa / (2 * (r - 1)) <= 1 + kappa / (2 * (q - 1)),
                wrong=(1 + kappa / (2 * (r - 1)) < 1 + kappa / (2 * (q - 1)),),
            ),
            r"The bound of $L(y_t) - L(y_{t+1})$ per round.",
        ),
        Proof(
            r"$m \le N$ rounds that use up at most $\rho\bigl(1 + "
            r"\frac{\kappa}{2(q-1)}\bigr) = \rho\theta > 0$ each, with $K q \rho$ left: "
            r"$N \ge (\frac{L(y_0)}{\rho} - K q)/\theta$.",
            Implication(
                given=(
                    rho > 0,
                    drop > 0,
                    used <= count * rho * drop,
                    start - used <= factor * q * rho,
                ),
                claim=count >= (start / rho - factor * q) / drop,
                wrong=(count > (start / rho - factor * q) / drop,),
            ),
            r"$L(y_m) \le K\|y_m\| < K q\rho$ at the first $m$ with $r_m < q$; the limit, with $q "
            r"= \rho^{-1/2}$.",
        ),
    )


def _longest_path() -> tuple[Proof, ...]:
    share, root = reals("P s")
    x, s, d = positive("x s d")
    return (
        Proof(
            r"The budget: $\int_0^\infty \frac{s}{d^2} e^{-2s/d}\,ds = \frac14$, as $-\frac14 (1 + "
            r"\frac{2s}{d}) e^{-2s/d}$ is an antiderivative.",
            Identity(
                sympy.diff(-(1 + 2 * s / d) * sympy.exp(-2 * s / d) / 4, s),
                s / d**2 * sympy.exp(-2 * s / d),
                wrong=(s / d**2 * sympy.exp(-s / d),),
            ),
            r"Cauchy-Schwarz between $\alpha d_{\min}$ and $\beta d_{\max}$, and the two ends.",
        ),
        Proof(
            r"$\int x e^{-x} dx = -(1 + x) e^{-x}$.",
            Identity(
                sympy.diff(-(1 + x) * sympy.exp(-x), x), x * sympy.exp(-x), wrong=(sympy.exp(-x),)
            ),
            r"The limit of the speeds on finer and finer grids.",
        ),
        Proof(
            r"$\sqrt P \ge P$ for $0 \le P \le 1$.",
            Implication(
                given=(share <= 1, root >= 0, root**2 == share),
                claim=root >= share,
                wrong=(root > share,),
            ),
            r"The choice of $\alpha$ and $\beta$, and that they make both ends vanish.",
        ),
    )


PROOFS = {
    "thm-length-falls": _length_falls(),
    "prop-length-bounds": _length_bounds(),
    "prop-length-falls-at-most": _falls_at_most(),
    "prop-length-falls-slowly": _falls_slowly(),
    "thm-rounds-limit": _rounds_limit(),
    "prop-singular-first-step": _singular(),
    "prop-longest-path": _longest_path(),
}
