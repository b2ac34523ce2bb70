"""False and empty statements, which the evidence must expose."""

import numpy as np

from sdtheory.statements import Hypothesis, Kind, Statement, scaled_margin
from sdtheory.statements.problem import non_trivial

never = Hypothesis("never", "$0 = 1$", "0 = 1", "nothing", lambda i: i.d_min < 0)


def statement(margin, *hypotheses, kind=Kind.INEQUALITY):
    return Statement(
        id="planted",
        chapter="none",
        slogan="Planted.",
        tex="0 = 1",
        source="this test",
        margin=margin,
        kind=kind,
        hypotheses=hypotheses,
    )


def flipped(i):
    """r_0 - t >= r_t: the lower bound on r_t, flipped."""
    return scaled_margin(i.r[:, 1:] + i.t + 1, i.r[:, :1])


def d_min_for_d_max(i):
    """c (r - 1) <= d_min instead of d_max."""
    return scaled_margin(i.r_minus_1[:, :-1] * np.where(i.alive, i.c, 1), i.d_min[:, None])


def off_by_one(i):
    """r_t >= r_0 - (t - 1) instead of r_0 - t."""
    return scaled_margin(i.r[:, :1], i.r[:, 1:] + i.t)


def rounds(i):
    """r_t^2 <= r_0^2 - t, which is true and needs its hypothesis."""
    return scaled_margin(i.r[:, 1:] ** 2 + i.t + 1, i.r[:, :1] ** 2)


def energy(i):
    """The constraint is active, which needs its hypothesis."""
    return scaled_margin(np.sum(i.residual**2, axis=(-2, -1)), i.rho2[:, None])


def hidden(i):
    """False only near kappa = e^3, r_0 = 1 + e: too small a place for a sample to hit."""
    kappa = np.log(i.d_max / np.where((i.d_min > 0).astype(bool), i.d_min, i.d_max / 2))
    r_minus_1 = np.log(np.where((i.r_minus_1[:, 0] > 0).astype(bool), i.r_minus_1[:, 0], 1))
    return scaled_margin(0 * kappa + 1e-4, (kappa - 3) ** 2 + (r_minus_1 - 1) ** 2)


#: Planted by name, with the hypotheses they keep.
FALSE = {
    "flipped inequality": statement(flipped, non_trivial),
    "d_min for d_max": statement(d_min_for_d_max, non_trivial),
    "t off by one": statement(off_by_one, non_trivial),
    "missing hypothesis": statement(energy, kind=Kind.IDENTITY),
}
HIDDEN = statement(hidden)
TRUE = statement(rounds, non_trivial)
EMPTY = statement(rounds, non_trivial, never)
UNDEFINED = statement(lambda i: scaled_margin(i.c, i.c + 1))
