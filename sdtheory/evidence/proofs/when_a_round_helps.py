"""Cores of the theorem that a round helps while its fit is rougher than the truth."""

from __future__ import annotations

from sdtheory.evidence.proofs.arguments import Identity, Implication, Proof, positive, reals

_SUM = r"The sum over the directions with $d > 0$."


def _balance() -> tuple[Proof, ...]:
    c, d, z, theta = positive("c d z theta")
    new = d / (c + d) * z
    lost = (z - theta) ** 2 - (new - theta) ** 2
    right = (z - new) ** 2 + c / d * (new**2 - theta**2 + (new - theta) ** 2)
    unfit = (z - new) ** 2 + c / d * (new**2 - theta**2)
    return (
        Proof(
            r"Per direction, with $z' = \frac{d}{c+d} z$: $(z - \theta)^2 - (z' - \theta)^2 = "
            r"(z - z')^2 + \frac{c}{d} \bigl(z'^2 - \theta^2 + (z' - \theta)^2\bigr)$.",
            Identity(lost, right, wrong=(unfit, right - (z - new) ** 2)),
            _SUM + r" Where $d = 0$, both $z'$ and $\theta$ vanish and both sides are $z^2$.",
        ),
    )


def _rougher() -> tuple[Proof, ...]:
    old, new, rho2, c = reals("|y_t-theta|^2 |y_(t+1)-theta|^2 rho2 nc")
    fit, truth, apart = reals("R(y_(t+1)) R(theta) R(y_(t+1)-theta)")
    balance = old - new == rho2 + c * (fit - truth + apart)
    return (
        Proof(
            r"The balance with $c > 0$, $R(\theta) \le R(y_{t+1})$ and $R(y_{t+1} - \theta) \ge 0$ "
            r"gives $\|y_{t+1} - \theta\|^2 \le \|y_t - \theta\|^2 - \rho^2$.",
            Implication(
                given=(balance, c > 0, truth <= fit, apart >= 0),
                claim=new <= old - rho2,
                wrong=(new < old - rho2,),
            ),
            r"The balance.",
        ),
    )


def _projects() -> tuple[Proof, ...]:
    old, new, rho2, c = reals("|y_t-theta|^2 |y_(t+1)-theta|^2 rho2 nc")
    fit, truth, apart = reals("R(y_(t+1)) R(theta) R(y_(t+1)-theta)")
    balance = old - new == rho2 + c * (fit - truth + apart)
    return (
        Proof(
            r"The balance with $c > 0$, $R(\theta) \le R(y_{t+1})$, $R(y_{t+1} - \theta) \ge 0$ "
            r"and $\|y_{t+1} - \theta\|^2 \ge 0$ gives $\|y_t - \theta\|^2 \ge \rho^2$.",
            Implication(
                given=(balance, c > 0, truth <= fit, apart >= 0, new >= 0),
                claim=old >= rho2,
                wrong=(old > rho2,),
            ),
            r"The balance.",
        ),
    )


def _all_rounds() -> tuple[Proof, ...]:
    first, now, after, k, rho2 = reals("|y_0-theta|^2 |y_k-theta|^2 |y_(k+1)-theta|^2 k rho2")
    return (
        Proof(
            r"One more round: $\|y_k - \theta\|^2 \le \|y_0 - \theta\|^2 - k\rho^2$ and a gain of "
            r"$\rho^2$ give the bound for $k + 1$.",
            Implication(
                given=(now <= first - k * rho2, after <= now - rho2),
                claim=after <= first - (k + 1) * rho2,
                wrong=(after < first - (k + 1) * rho2,),
            ),
            r"Induction over the rounds; that all earlier fits are rougher.",
        ),
        Proof(
            r"As a square is not negative, $k \le \|y_0 - \theta\|^2/\rho^2$.",
            Implication(
                given=(now <= first - k * rho2, now >= 0, rho2 > 0),
                claim=k <= first / rho2,
                wrong=(k < first / rho2,),
            ),
        ),
        Proof(
            r"Per direction $\frac{(A z)^2}{d} \le \frac{z^2}{d}$ for $0 \le A \le 1$: roughness "
            r"falls from round to round.",
            _falls(),
            r"The sum over the directions, and induction over the rounds.",
        ),
    )


def _falls() -> Implication:
    A, z, d = reals("A z d")
    return Implication(
        given=(A >= 0, A <= 1, d > 0),
        claim=(A * z) ** 2 / d <= z**2 / d,
        wrong=((A * z) ** 2 / d < z**2 / d,),
    )


PROOFS = {
    "prop-round-balance": _balance(),
    "prop-round-projects": _projects(),
    "thm-rougher": _rougher(),
    "cor-rougher-rounds": _all_rounds(),
}
