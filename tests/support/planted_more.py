"""False statements of every kind that once escaped, and ways to neutralise a check."""

from dataclasses import replace

import numpy as np
import planted
from planted import statement

from sdtheory.formulas.bounds import path_length_factor
from sdtheory.formulas.path_length import path_length
from sdtheory.statements import STATEMENTS, Hypothesis, Kind, scaled_margin
from sdtheory.statements.exact_rounds import collapsed
from sdtheory.statements.multiplier import nonsingular
from sdtheory.statements.problem import non_trivial

starts = Hypothesis("starts", "$r_0 > 1$", "r_0 > 1", "x", lambda i: i.r_minus_1[:, :1] > 0)


def c_of(i):
    return np.where(i.alive, i.c, 1)


def lower(i):
    """c (r - 1), which is at least d_min."""
    return c_of(i) * i.r_minus_1[:, :-1]


def at_least(i, factor):
    """Claim c (r - 1) >= factor d_min, true for factor 1 and nonsingular G."""
    factor = np.asarray(factor, dtype=float)
    factor = factor[:, None] if factor.ndim == 1 else factor
    return scaled_margin(factor * i.d_min[:, None] + 0 * c_of(i), lower(i))


def at_most(i, factor):
    """Claim c (r - 1) ||y||^2 <= factor y^T G y, true for factor 1."""
    e = i.energy[:, :-1]
    margin = scaled_margin(
        lower(i) * np.sum(e, axis=-1), factor * np.sum(e * i.d[:, None], axis=-1)
    )
    return np.where(i.alive, margin, np.nan)


def only_where(where, i):
    """A claim that is false exactly where a condition holds."""
    true = at_least(i, 1)
    return np.where(np.reshape(where, (len(i.d), -1)), -np.abs(true) - 0.01, true)


def kappa_of(i):
    return i.d_max / np.where(i.d_min > 0, i.d_min, i.d_max)


def outputs(i):
    return i.path.z.shape[-1]


def rounds_later(i, t):
    """Claim r_t >= r_0 - (t - 1) from round t on."""
    return scaled_margin(i.r[:, :1], i.r[:, 1:] + i.t + 1 - (i.t >= t))


def bounded_loss(i, factor, weight):
    """The theorem on the bounded loss, with another factor or another mean."""
    rho = np.sqrt(i.rho2)[:, None]
    count = np.sum(i.alive, axis=-1)[:, None]
    later = np.concatenate([i.alive[:, 1:], np.zeros_like(i.alive[:, :1])], axis=-1)
    ends = i.alive & ~later
    last = np.sum(np.where(ends[..., None], i.energy[:, 1:], 0 * rho[..., None]), axis=1)
    last = np.where(count > 0, last, i.energy[:, 0])
    start, left = (path_length(i.d, e)[:, None] for e in (i.energy[:, 0], last))
    share = weight(i)
    mean = np.sum(share * (i.d_max[:, None] / i.d), axis=-1) / np.sum(share, axis=-1)
    return scaled_margin(start, left + rho * (count + factor * np.log(mean)[:, None]))


def lower_bound_everywhere(factor, *hypotheses):
    return statement(lambda i: at_least(i, factor(i)), *(hypotheses or (non_trivial, nonsingular)))


LOSS = (nonsingular, collapsed)

#: False statements, by what hides them.
FALSE = {
    "a constant off by 1 %, from above": statement(lambda i: at_most(i, 0.99), non_trivial),
    "a constant off by 1 %, from below": lower_bound_everywhere(lambda i: 1.01),
    "false at equality only": statement(
        lambda i: only_where(i.d_max == i.d_min, i), non_trivial, nonsingular
    ),
    "false for kappa > 1e6": statement(
        lambda i: scaled_margin(1e-6 * i.d_max[:, None] + 0 * c_of(i), 2 * lower(i)),
        non_trivial,
        nonsingular,
    ),
    "false for kappa > 1e11 and n <= 8": statement(
        lambda i: only_where((kappa_of(i) > 1e11) & (i.n <= 8), i), non_trivial, nonsingular
    ),
    "false for n = 1": lower_bound_everywhere(lambda i: 1.01 if i.n == 1 else 1),
    "false for n > 50": statement(
        lambda i: scaled_margin(np.sum(i.A, axis=-1), 50 + 0 * c_of(i)), non_trivial
    ),
    "false for n > 500": statement(
        lambda i: only_where(i.d[:, 0] * (i.n > 500) > 0, i), non_trivial
    ),
    "false from the fifth round on": statement(lambda i: rounds_later(i, 4), non_trivial),
    "false from the sixth round on": statement(lambda i: rounds_later(i, 5), non_trivial),
    "false from the ninth round on": statement(lambda i: rounds_later(i, 8), non_trivial),
    "false from round 100 on": statement(lambda i: rounds_later(i, 100), non_trivial),
    "false from round 1000 on": statement(lambda i: rounds_later(i, 1000), non_trivial),
    "false from round 3000 on": statement(lambda i: rounds_later(i, 3000), non_trivial),
    "false for chains of more than 900 rounds": statement(
        lambda i: only_where(np.sum(i.alive, axis=1) > 900, i), non_trivial, nonsingular
    ),
    "false for two outputs": lower_bound_everywhere(lambda i: 1.5 if outputs(i) == 2 else 1),
    "false for three outputs": lower_bound_everywhere(lambda i: 1.5 if outputs(i) == 3 else 1),
    "false for seven outputs": lower_bound_everywhere(lambda i: 1.5 if outputs(i) == 7 else 1),
    "false for r_0 - 1 < 1e-10": statement(
        lambda i: scaled_margin(1e-10 + 0 * c_of(i)[:, :1], i.r_minus_1[:, :1]), starts
    ),
    "false for r_0 - 1 < 1e-13": statement(
        lambda i: scaled_margin(1e-13 + 0 * c_of(i)[:, :1], i.r_minus_1[:, :1]), starts
    ),
    "false for r_0 > 1e7": statement(
        lambda i: scaled_margin(i.r[:, :1], 1e7 + 0 * c_of(i)[:, :1]), starts
    ),
    "false for r_0 > 1e11": statement(
        lambda i: scaled_margin(i.r[:, :1], 1e11 + 0 * c_of(i)[:, :1]), starts
    ),
    "a thin set: kappa in (1000, 1020) and r_0 in (50, 51)": statement(
        lambda i: np.where(
            ((kappa_of(i) > 1e3) & (kappa_of(i) < 1.02e3))[:, None]
            & (i.r[:, :1] > 50)
            & (i.r[:, :1] < 51),
            -0.5,
            scaled_margin(i.r[:, 1:2], i.r[:, :1]),
        ),
        starts,
    ),
    "a thin set: kappa in (30, 30.5) and r_0 in (3, 3.05)": statement(
        lambda i: np.where(
            ((kappa_of(i) > 30) & (kappa_of(i) < 30.5))[:, None]
            & (i.r[:, :1] > 3)
            & (i.r[:, :1] < 3.05),
            -0.5,
            scaled_margin(i.r[:, 1:2], i.r[:, :1]),
        ),
        starts,
    ),
    "false near kappa = e^3 and r_0 = 1 + e": planted.HIDDEN,
    "one pair of equal eigenvalues": lower_bound_everywhere(
        lambda i: np.where(np.sum(np.diff(i.d, axis=1) == 0, axis=1) == 1, 1.5, 1.0)
    ),
    "eigenvalues equal to ten digits, not equal": lower_bound_everywhere(
        lambda i: np.where(
            np.any((np.diff(i.d, axis=1) > 0) & (np.diff(i.d, axis=1) < 1e-9 * i.d[:, 1:]), axis=1),
            1.5,
            1.0,
        )
    ),
    "singular G of rank 1": statement(
        lambda i: scaled_margin(
            i.d_max[:, None] * np.where(np.sum(i.d > 0, axis=1) == 1, 1.01, 0.0)[:, None]
            + 0 * c_of(i),
            lower(i),
        ),
        non_trivial,
    ),
    "no energy on the largest eigenvalue": statement(
        lambda i: scaled_margin(
            i.d_max[:, None] * np.where(i.energy[:, :1, -1] == 0, 1.0, 0.0) + 0 * c_of(i), lower(i)
        ),
        non_trivial,
    ),
    "off by 1e-14 at equality": lower_bound_everywhere(lambda i: 1 + 1e-14),
    "off by 1e-14 at equality, from above": statement(lambda i: at_most(i, 1 - 1e-14), non_trivial),
    "an identity off by 1e-14": statement(
        lambda i: scaled_margin(
            np.sum(i.residual**2, axis=(-2, -1)), i.rho2[:, None] * (1 + 1e-14)
        ),
        non_trivial,
        kind=Kind.IDENTITY,
    ),
    "strict, and attained": replace(
        statement(lambda i: at_least(i, 1), non_trivial, nonsingular), strict=("",)
    ),
    "strict, attained from above": replace(
        statement(lambda i: at_most(i, 1), non_trivial), strict=("",)
    ),
    "bounded loss with the factor .15": statement(
        lambda i: bounded_loss(i, 0.15, lambda i: i.energy[:, 0] * (i.d[:, :1] / i.d) ** 2), *LOSS
    ),
    "bounded loss with weights z^2": statement(
        lambda i: bounded_loss(i, 2, lambda i: i.energy[:, 0]), *LOSS
    ),
    "bounded loss without the labels": statement(
        lambda i: bounded_loss(i, 2, lambda i: 0 * i.d + 1), *LOSS
    ),
    "length at most half of K": statement(
        lambda i: scaled_margin(
            path_length(i.d, i.energy[:, 0]),
            path_length_factor(kappa_of(i)) * np.sqrt(np.sum(i.energy[:, 0], axis=-1)) / 2,
        ),
        nonsingular,
    ),
    **planted.FALSE,
}

UPPER = STATEMENTS["prop-multiplier-upper"]


def false_upper(i):
    return at_most(i, 1 / 1.2)


FALSE_UPPER = replace(UPPER, margin=false_upper)


def where_not_balls(i, margin, other):
    return margin(i) if i.d.dtype != object else other(i)


def raising(i):
    raise ZeroDivisionError


def absolute(i):
    return np.abs(false_upper(i))


def hypothesis(holds):
    return Hypothesis("h", "w", "w", "n", holds)


#: Ways of staying green, with what each is now.
NEUTRALISED = {
    "margin of +inf": (replace(UPPER, margin=lambda i: np.full(i.c.shape, np.inf)), "UNDEFINED"),
    "margin NaN": (replace(UPPER, margin=lambda i: np.full(i.c.shape, np.nan)), "UNDEFINED"),
    "margin NaN where it fails": (
        replace(UPPER, margin=lambda i: np.where(false_upper(i) < 0, np.nan, false_upper(i))),
        "UNDEFINED",
    ),
    "constant margin": (replace(UPPER, margin=lambda i: np.ones(i.c.shape)), "CANNOT FAIL"),
    "absolute value of a false margin": (replace(UPPER, margin=absolute), "CANNOT FAIL"),
    "square of a false margin": (
        replace(UPPER, margin=lambda i: false_upper(i) ** 2),
        "CANNOT FAIL",
    ),
    "identity of zeros": (
        replace(UPPER, margin=lambda i: np.zeros(i.c.shape), kind=Kind.IDENTITY),
        "CANNOT FAIL",
    ),
    "a case that is idle beside one that is not": (
        replace(UPPER, margin=lambda i: {"upper": UPPER.margin(i), "idle": np.ones(i.c.shape)}),
        "CANNOT FAIL",
    ),
    "boolean margin": (replace(UPPER, margin=lambda i: false_upper(i) > -9), "ERROR"),
    "hypothesis that is the margin": (
        replace(FALSE_UPPER, hypotheses=(hypothesis(lambda i: false_upper(i) >= 0),)),
        "CANNOT FAIL",
    ),
    "hypothesis that never holds": (
        replace(FALSE_UPPER, hypotheses=(hypothesis(lambda i: i.d_min < 0),)),
        "VACUOUS",
    ),
    "scalar margin": (replace(UPPER, margin=lambda i: np.float64(1.0)), "ERROR"),
    "margin of one entry": (replace(UPPER, margin=lambda i: np.ones(1)), "ERROR"),
    "no entries": (
        replace(UPPER, margin=lambda i: np.ones((len(i.d), 0)), hypotheses=()),
        "VACUOUS",
    ),
    "transposed margin": (
        replace(UPPER, margin=lambda i: false_upper(i).T, hypotheses=()),
        "ERROR",
    ),
    "worst over the batch": (
        replace(UPPER, margin=lambda i: np.max(np.nan_to_num(false_upper(i)), axis=0)),
        "ERROR",
    ),
    "raises everywhere": (replace(UPPER, margin=raising), "ERROR"),
    "raises in balls only": (
        replace(UPPER, margin=lambda i: where_not_balls(i, false_upper, raising)),
        "ERROR",
    ),
    "false in floats only": (
        replace(UPPER, margin=lambda i: where_not_balls(i, false_upper, UPPER.margin)),
        "UNSTABLE",
    ),
    "an equation that no case is about": (
        replace(UPPER, equations=(*UPPER.equations, "eq-something-else")),
        "EQUATION NOT CHECKED",
    ),
    "a hypothesis without which nothing fails": (
        replace(UPPER, hypotheses=(*UPPER.hypotheses, hypothesis(lambda i: i.d_max > 0))),
        "CONTROL FINDS NOTHING",
    ),
}

#: What no evidence here can catch, with the reason.
ESCAPES = {
    "false for n = 60 alone": (
        statement(lambda i: at_least(i, 1.5 if i.n == 60 else 1), non_trivial),
        "sizes are drawn from a list; a claim may be false at one that is not in it",
    ),
    "false for 5000 rounds or more": (
        statement(lambda i: rounds_later(i, 5000)),
        "longer chains than the longest drawn are not looked at; the row says how long they were",
    ),
    "a weaker claim than the one in words": (
        statement(lambda i: at_least(i, 0.5), non_trivial),
        "nothing compares a formula with the words beside it; mutants show how sharp it is",
    ),
}
