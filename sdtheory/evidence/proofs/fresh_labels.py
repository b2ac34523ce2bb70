"""Cores of chains with fresh labels or noise, and of chains that are fits in disguise."""

from __future__ import annotations

import z3

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals
from sdtheory.formulas.filters import tikhonov
from sdtheory.formulas.mixing import bootstrapped, fresh_labels_risk

_ROUNDS = r"Induction over the rounds, of which this is the step."


def _stationary() -> tuple[Proof, ...]:
    d, c, w, theta, g = positive("d c w theta g")
    s, own = tikhonov(d, c), 1 - w
    bias = theta * (1 - s) / (1 - own * s)
    variance = fresh_labels_risk(d, c, w, 0, g)
    risk = fresh_labels_risk(d, c, w, theta**2, g)
    again = s**2 * (w**2 * g + own**2 * (variance + g))
    return (
        Proof(
            r"The mean: $\beta = \theta\frac{1-s}{1-(1-w)s}$ meets $\theta - \beta = s\,(w\theta + "
            r"(1-w)(\theta-\beta))$.",
            Identity(theta - bias, s * (w * theta + own * (theta - bias)), wrong=(s * theta,)),
            r"That the recursion contracts, so that it tends to its one fixed point.",
        ),
        Proof(
            r"The variance: $v = \sigma^2 s^2\frac{w^2+(1-w)^2}{1-(1-w)^2s^2}$ meets $v = s^2 "
            r"(w^2\sigma^2 + (1-w)^2(v + \sigma^2))$.",
            Identity(variance, again, wrong=(again - s**2 * own**2 * g,)),
            r"The same.",
        ),
        Proof(
            r"The risk is squared bias plus variance.",
            Identity(risk, bias**2 + variance, wrong=(bias**2 + 2 * variance,)),
            r"That bias and variance add.",
        ),
    )


def _above_half() -> tuple[Proof, ...]:
    s, w, more = reals("s w w'")
    spread = w * w + (1 - w) * (1 - w)
    spread_more = more * more + (1 - more) * (1 - more)
    given = (w < more, 2 * more <= 1)
    return (
        Proof(
            r"$w < w' \le \frac12$ gives $w'^2 + (1-w')^2 \le w^2 + (1-w)^2$.",
            Implication(given=given, claim=spread_more <= spread, wrong=(spread_more >= spread,)),
        ),
        Proof(
            r"$w \le w' \le 1$ and $0 \le s$ give $1 - (1-w)s \le 1 - (1-w')s$ and "
            r"$1 - (1-w)^2s^2 \le 1 - (1-w')^2s^2$.",
            Implication(
                given=(w <= more, more <= 1, s >= 0),
                claim=z3.And(
                    1 - (1 - w) * s <= 1 - (1 - more) * s,
                    1 - ((1 - w) * s) ** 2 <= 1 - ((1 - more) * s) ** 2,
                ),
                wrong=(1 - (1 - w) * s < 1 - (1 - more) * s,),
            ),
            r"That quotients fall when numerators fall and denominators grow.",
        ),
    )


def _golden() -> tuple[Proof, ...]:
    s, u, best, least = reals("s u u* m")
    return (
        Proof(
            r"With $s^2u^{*2} - (2+s^2)u^* + 1 = 0$ and $m\,u^* = 1 - 2u^*$: "
            r"$s^2(1-2u+2u^2) \ge m\,(1 - s^2u^2)$ for every $u$.",
            Implication(
                given=(
                    s * s * best * best - (2 + s * s) * best + 1 == 0,
                    least * best == 1 - 2 * best,
                ),
                claim=s * s * (1 - 2 * u + 2 * u * u) >= least * (1 - s * s * u * u),
                wrong=(s * s * (1 - 2 * u + 2 * u * u) > least * (1 - s * s * u * u),),
            ),
            r"Division by $1 - s^2u^2 > 0$.",
        ),
    )


def _bootstrap() -> tuple[Proof, ...]:
    d, c, gamma, power = positive("d c gamma p")
    s = tikhonov(d, c)
    limit = tikhonov(d, c) / (1 - gamma * s)
    q, after = limit * (1 - power), limit * (1 - gamma * s * power)
    return (
        Proof(
            r"$q = \frac{s}{1-\gamma s}(1-p)$ gives $s\,(1 + \gamma q) = \frac{s}{1-\gamma s} "
            r"(1 - \gamma s p)$.",
            Identity(s * (1 + gamma * q), after, wrong=(limit * (1 - gamma * power),)),
            _ROUNDS,
        ),
        Proof(
            r"$\frac{s}{1-\gamma s} = \frac{d}{c + (1-\gamma)d}$.",
            Identity(limit * (1 - gamma * s), bootstrapped(d, c, gamma, 1), wrong=(limit,)),
        ),
    )


def _descent() -> tuple[Proof, ...]:
    eta, d, a, y, f = positive("eta d a y f")
    after = f + eta * d * (a * y + (1 - a) * f - f)
    return (
        Proof(
            r"$y - \bigl(f + \eta d\,(a y + (1-a) f - f)\bigr) = (1 - \eta a d)(y - f)$.",
            Identity(y - after, (1 - eta * a * d) * (y - f), wrong=((1 - eta * d) * (y - f),)),
            _ROUNDS,
        ),
    )


def _posterior() -> tuple[Proof, ...]:
    d, gamma, noise = positive("d gamma g")
    mean, variance = tikhonov(d, gamma), d * gamma / (d + gamma)
    both = 1 / (1 / gamma + 1 / noise)
    new_mean = mean + variance / (variance + noise) * (1 - mean)
    new_variance = variance * noise / (variance + noise)
    return (
        Proof(
            r"Conditioning once more, with noise $g$, turns the mean $\frac{d}{d+\gamma}$ into "
            r"$\frac{d}{d+\gamma'}$ with $\frac1{\gamma'} = \frac1\gamma + \frac1g$.",
            Identity(new_mean, tikhonov(d, both), wrong=(tikhonov(d, gamma + noise),)),
            _ROUNDS,
        ),
        Proof(
            r"and the variance $\frac{d\gamma}{d+\gamma}$ into $\frac{d\gamma'}{d+\gamma'}$.",
            Identity(new_variance, d * both / (d + both), wrong=(d * noise / (d + noise),)),
            _ROUNDS,
        ),
    )


PROOFS = {
    "prop-fresh-stationary": _stationary(),
    "thm-fresh-half": _above_half(),
    "prop-golden": _golden(),
    "prop-bootstrapped": _bootstrap(),
    "prop-descent-in-disguise": _descent(),
    "prop-posterior-passed": _posterior(),
}
