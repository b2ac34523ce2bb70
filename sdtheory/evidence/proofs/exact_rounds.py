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
    c, h, pulled, size, slope = reals("c_t 1/d_min |Hu|^2 |u| <Hu,u>")
    kappa, r, rho, fall, x = reals("kappa r_t rho L(y_t)-L(y_(t+1)) c_t/d_min")
    speed2 = size**2 + 2 * c * slope + c**2 * pulled
    return (
        Proof(
            r"$\|u + c_t H u\| \le \|u\| + c_t \bigl(1 + \frac{c_t}{2 d_{\min}}\bigr) "
            r"\frac{\langle Hu, u\rangle}{\|u\|}$, as $\|Hu\|^2 \le "
            r"\langle Hu, u\rangle/d_{\min}$: both sides squared and multiplied by $\|u\|^2$.",
            Implication(
                given=(pulled <= h * slope,),
                claim=size**2 * speed2 <= (size**2 + c * (1 + c * h / 2) * slope) ** 2,
                wrong=(size**2 * speed2 <= (size**2 + c * slope) ** 2,),
            ),
            r"$H \le 1/d_{\min}$; $\frac{d}{ds}\|u\| = -\langle Hu, u\rangle/\|u\|$ for "
            r"$u = H e^{-sH} y_{t+1}$; the integral over $s$.",
        ),
        Proof(
            r"$\rho\,(1 + \frac x2)$ with $x = \frac{c_t}{d_{\min}} \le \frac{\kappa}{r_t - 1}$ "
            r"is at most $\rho\,\bigl(1 + \frac{\kappa}{2(r_t-1)}\bigr)$.",
            Implication(
                given=(r > 1, rho >= 0, x * (r - 1) <= kappa, fall <= rho * (1 + x / 2)),
                claim=fall * 2 * (r - 1) <= rho * (2 * (r - 1) + kappa),
                wrong=(fall * 2 * (r - 1) <= rho * 2 * (r - 1),),
            ),
            r"The bound of the multiplier.",
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
            r"While $r_t \ge s > 1$ and $\kappa, K \ge 0$, $1 + \frac{(1+K)\kappa}{2(r_t-1)} \le "
            r"1 + "
            r"\frac{(1+K)\kappa}{2(s-1)}$.",
            Implication(
                given=(kappa >= 0, factor >= 0, s > 1, r >= s),
                claim=1 + (1 + factor) * kappa / (2 * (r - 1))
                <= 1 + (1 + factor) * kappa / (2 * (s - 1)),
                wrong=(
                    1 + (1 + factor) * kappa / (2 * (r - 1))
                    < 1 + (1 + factor) * kappa / (2 * (s - 1)),
                ),
            ),
            r"The bound of $L(y_t) - L(y_{t+1})$ per round.",
        ),
        Proof(
            r"$m \le N$ rounds that use up at most $\rho\bigl(1 + "
            r"\frac{(1+K)\kappa}{2(s-1)}\bigr) = "
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


def _loss_of_a_round() -> tuple[Proof, ...]:
    c, h, low = reals("c h h_1")
    before, after, rho, length, speed = reals("L(y) L(y') rho l(Hy') <Hy,Hy'>/|Hy|")
    there, rest, own, size, q, d, factor = reals("m(Hy') m(delta) m(Hy) |.| |q| d_min K")
    x, y, w = positive("c h z")
    return (
        Proof(
            r"The component of $\delta = Hy - Hy'$ is $hz - \frac{hz}{1+ch} = "
            r"\frac{ch}{1+ch} hz$.",
            Identity(
                y * w - y * w / (1 + x * y), x * y / (1 + x * y) * y * w, wrong=(x * y * y * w,)
            ),
            r"Nothing more.",
        ),
        Proof(
            r"Per eigenvalue $h \ge h_1 \ge 0$ gives $0 \le \frac{ch}{1+ch} - "
            r"\frac{ch_1}{1+ch_1} \le ch$.",
            Implication(
                given=(c >= 0, low >= 0, h >= low),
                claim=z3.And(
                    c * h / (1 + c * h) - c * low / (1 + c * low) >= 0,
                    c * h / (1 + c * h) - c * low / (1 + c * low) <= c * h,
                ),
                wrong=(
                    c * h / (1 + c * h) - c * low / (1 + c * low) <= c * h / 2,
                    c * low / (1 + c * low) - c * h / (1 + c * h) >= 0,
                ),
            ),
            r"Summing over the eigenvalues: $\|\delta - \theta Hy\| \le "
            r"\frac{c}{d_{\min}^2} \|q_t\|$.",
        ),
        Proof(
            r"$L(y) - L(y') \le c\,\ell(Hy')$, $\rho \ge c\,\frac{\langle Hy, "
            r"Hy'\rangle}{\|Hy\|}$, $m(Hy) = 0$ and $m(\delta) \le (1+K) "
            r"\frac{c}{d_{\min}^2}\|q_t\|$ add up to the bound.",
            Implication(
                given=(
                    c > 0,
                    d > 0,
                    factor >= 0,
                    before - after <= c * length,
                    rho >= c * speed,
                    there == speed - length,
                    there == own - rest,
                    own == 0,
                    rest <= (1 + factor) * size,
                    size * d**2 <= c * q,
                ),
                claim=before - after - rho <= (1 + factor) * (c / d) ** 2 * q,
                wrong=(
                    before - after - rho <= factor * (c / d) ** 2 * q,
                    before - after - rho <= (1 + factor) * (c / d) * q,
                ),
            ),
            r"The functional $\ell$ that supports $L$ at $y$, and $|m| \le (1+K)\|\cdot\|$.",
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
    "prop-loss-of-a-round": _loss_of_a_round(),
    "thm-bounded-loss": _bounded_loss(),
    "prop-singular-first-step": _singular(),
}
