"""Cores of the number of rounds as the length of the path to zero."""

from __future__ import annotations

import sympy
import z3

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
    s, r, kappa, drop, used = reals("s r kappa q used")
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
            r"While $r_t \ge s > 1$ and $\kappa \ge 0$, $1 + \frac{\kappa}{2(r_t-1)} \le 1 + "
            r"\frac{\kappa}{2(s-1)}$.",
            Implication(
                given=(kappa >= 0, s > 1, r >= s),
                claim=1 + kappa / (2 * (r - 1)) <= 1 + kappa / (2 * (s - 1)),
                wrong=(1 + kappa / (2 * (r - 1)) < 1 + kappa / (2 * (s - 1)),),
            ),
            r"The bound of $L(y_t) - L(y_{t+1})$ per round.",
        ),
        Proof(
            r"$m \le N$ rounds that use up at most $\rho\bigl(1 + "
            r"\frac{\kappa}{2(s-1)}\bigr) = "
            r"\rho q > 0$ each, with $K s \rho$ left: $N \ge (\frac{L(y_0)}{\rho} - K s)/q$.",
            Implication(
                given=(
                    rho > 0,
                    drop > 0,
                    used <= count * rho * drop,
                    start - used <= factor * s * rho,
                ),
                claim=count >= (start / rho - factor * s) / drop,
                wrong=(count > (start / rho - factor * s) / drop,),
            ),
            r"$L(y_m) \le K\|y_m\| < K s\rho$ at the first $m$ with $r_m < s$; the limit, with $s "
            r"= \rho^{-1/2}$.",
        ),
    )


def _lost_rounds() -> tuple[Proof, ...]:
    h, k, a, b, s = positive("h k a b s")
    first, second = a * sympy.exp(-2 * s * h), b * sympy.exp(-2 * s * k)
    norm = sympy.sqrt(first + second)
    mean = (first * h + second * k) / (first + second)
    variance = (first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second)
    square = (first * h**2 + second * k**2) / norm
    return (
        Proof(
            r"For two eigenvalues, $-\frac{d}{ds}\bigl(m\|b\|\bigr) - \frac{\langle b, H^2 "
            r"b\rangle}{\|b\|} = \operatorname{Var}_s(h)\, \|b\|$: the loss of a round is the "
            r"integral of the right side, times $\frac{c^2}{2}$.",
            Identity(
                -sympy.diff(mean * norm, s) - square, variance * norm, wrong=(2 * variance * norm,)
            ),
            r"The same for more eigenvalues, the error terms, the Riemann sum, and what is left at "
            r"the collapse.",
        ),
    )


def _quarter() -> tuple[Proof, ...]:
    variance, F, m, fall = reals("Var F m -m'")
    s, h, k, a, b = positive("s h k a b")
    first, second = a * sympy.exp(-2 * s * h), b * sympy.exp(-2 * s * k)
    mean = (first * h + second * k) / (first + second)
    return (
        Proof(
            r"For two eigenvalues, $m' = -2\operatorname{Var}_s(h)$.",
            Identity(
                sympy.diff(mean, s),
                -2 * (first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second),
                wrong=(-(first * (h - mean) ** 2 + second * (k - mean) ** 2) / (first + second),),
            ),
            r"The same for more eigenvalues.",
        ),
        Proof(
            r"$F \le \frac1m$ and $-m' = 2\operatorname{Var}$ give $\frac12 \operatorname{Var} F "
            r"\le \frac{-m'}{4m}$.",
            Implication(
                given=(m > 0, variance >= 0, F * m <= 1, fall == 2 * variance),
                claim=variance * F / 2 <= fall / (4 * m),
                wrong=(variance * F / 2 <= fall / (8 * m),),
            ),
            r"$F \le \frac1m$, the integral of $\frac{-m'}{m}$, and that the quarter is sharp.",
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
            r"Cauchy-Schwarz between $\tau d_{\min}$ and $s d_{\max}$, and the two ends.",
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
            r"The choice of $\tau$ and $s$, and that they make both ends vanish.",
        ),
    )


def _bounded_loss() -> tuple[Proof, ...]:
    c, mu, nu, g, u, x = reals("c mu nu g u x")
    before, after, here, most, step = reals("p_(t-1) p_t Phi_(t-1)(mu) Phi_t(mu) |y_t-y_(t+1)|")
    f, rho, there = reals("f rho Phi_t(nu)")
    start, end, sums, count, factor, bend = reals("L(y_0) L(y_N) sum N K log")
    low, high, v = positive("m m_0 mu")
    return (
        Proof(
            r"A step is at least $c\,p_t \ge \frac{p_{t-1} - p_t}{\nu}$ long, as $p_{t-1} = "
            r"(1 + c\nu) \Phi_t(\nu) \le (1 + c\nu)\, p_t$.",
            Implication(
                given=(
                    c > 0,
                    nu > 0,
                    before == (1 + c * nu) * there,
                    there <= after,
                    step >= c * after,
                ),
                claim=step >= (before - after) / nu,
                wrong=(step >= before / nu, step > (before - after) / nu),
            ),
            r"That $\|H y_{t+1}\| \ge \Phi_t(\mu)$ for every $\mu$, by convexity of $\log R_t$.",
        ),
        Proof(
            r"With $0 \le g \le x$ and $u \ge 0$, "
            r"$\frac{(1+g)(1+u)}{1+u+g} \bigl(1 + \frac{x}{1+u}\bigr) \le 1 + x$: one step of the "
            r"induction for $X_i \le 1 + x_i$.",
            Implication(
                given=(g >= 0, u >= 0, x >= g),
                claim=(1 + g) * (1 + u) / (1 + u + g) * (1 + x / (1 + u)) <= 1 + x,
                wrong=(
                    (1 + g) * (1 + u) / (1 + u + g) * (1 + x / (1 + u)) < 1 + x,
                    (1 + g) * (1 + x / (1 + u)) <= 1 + x,
                ),
            ),
            r"$e^{-v} \le \frac{1}{1+v}$ at $v = \frac{g}{1+u}$, and the induction.",
        ),
        Proof(
            r"$f \le \Phi_{t-1}(\mu) + \rho\mu$, $\Phi_{t-1}(\mu) = (1 + c\mu) \Phi_t(\mu)$, "
            r"$\Phi_t(\mu) \le p_t$ and $c\,\Phi_t(\mu) \le \rho$ give $f \le p_t + 2\rho\mu$.",
            Implication(
                given=(
                    mu > 0,
                    f <= here + rho * mu,
                    here == (1 + c * mu) * most,
                    most <= after,
                    c * most <= rho,
                ),
                claim=f <= after + 2 * rho * mu,
                wrong=(f <= after + rho * mu,),
            ),
            r"Nothing more.",
        ),
        Proof(
            r"$\int_m^{m_0} \frac{d\mu}{\mu^2} = \frac1m - \frac1{m_0}$.",
            Identity(
                sympy.integrate(1 / v**2, (v, low, high)),
                1 / low - 1 / high,
                wrong=(1 / low,),
            ),
            r"Exchanging the integrals over $s$ and $\mu$.",
        ),
        Proof(
            r"$L(y_0) \le \Sigma + 2\rho \log\frac{m_0}{h_1}$, $\Sigma \le N\rho + L(y_N)$ and "
            r"$L(y_N) \le K\rho$ give the bounds.",
            Implication(
                given=(
                    rho > 0,
                    start <= sums + 2 * rho * bend,
                    sums <= count * rho + end,
                    end <= factor * rho,
                ),
                claim=z3.And(
                    (start - end) / rho <= count + 2 * bend,
                    start / rho - count <= factor + 2 * bend,
                ),
                wrong=(start / rho - count <= factor + bend, start / rho - count <= 2 * bend),
            ),
            r"The prolonged chain is no longer than $L(y_N)$; $h_1 \ge \frac1{d_{\max}}$ and "
            r"$m_0 \le \frac1{d_{\min}}$.",
        ),
    )


PROOFS = {
    "thm-length-falls": _length_falls(),
    "prop-length-bounds": _length_bounds(),
    "prop-length-falls-at-most": _falls_at_most(),
    "prop-length-falls-slowly": _falls_slowly(),
    "thm-rounds-limit": _rounds_limit(),
    "thm-bounded-loss": _bounded_loss(),
    "prop-singular-first-step": _singular(),
    "thm-lost-rounds": _lost_rounds(),
    "prop-quarter": _quarter(),
    "prop-longest-path": _longest_path(),
}
