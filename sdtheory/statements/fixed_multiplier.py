"""A fixed multiplier: the chain that is often taken for the paper's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sdtheory.formulas.filters import tikhonov
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Counterexample,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

#: Rounds of the chain with a fixed multiplier.
_ROUNDS = 6


def _first(i: Instance) -> Values:
    """Return the first round's smoother, shape (m, n); a round that is trivial has c = 1."""
    if not i.c.shape[1]:
        return tikhonov(i.d, np.ones_like(i.d[:, :1]))
    return tikhonov(i.d, np.where(i.alive[:, :1], i.c[:, :1], 1))


def _fixed_labels(i: Instance) -> list[Values]:
    """Return the labels of a chain with the first multiplier kept, each of shape (m, n, q)."""
    labels = [i.path.z[:, 0]]
    for _ in range(_ROUNDS):
        labels.append(_first(i)[..., None] * labels[-1])
    return labels


def _power(i: Instance) -> Values:
    s, data = _first(i)[..., None], i.path.z[:, 0]
    margins = [scaled_margin(labels, s**t * data) for t, labels in enumerate(_fixed_labels(i))]
    return np.stack(margins, axis=-1)[:, None]


def _direction(i: Instance) -> Values:
    s = _first(i)
    rate = s[:, -2:][:, 0] / s[:, -1]
    first = i.energy[:, 0]
    margins = []
    for t, labels in enumerate(_fixed_labels(i)):
        energy = np.sum(np.square(labels), axis=-1)
        off, off_0 = (np.sum(e[:, :-1], axis=-1) for e in (energy, first))
        margins.append(scaled_margin(off * first[:, -1], rate ** (2 * t) * off_0 * energy[:, -1]))
    return np.stack(margins, axis=-1)[:, None]


def _below(i: Instance) -> Values:
    return scaled_margin(i.B, _first(i)[:, None] ** (i.t + 1)[:, None])


STATEMENTS = (
    Statement(
        id="prop-fixed-power",
        chapter="fixed_multiplier",
        slogan="With the multiplier held fixed, the chain is a power and never reaches zero.",
        tex=r"y_t = S^t y_0, \qquad S = G (cI + G)^{-1}, \qquad "
        r"\|y_t\|^2 = \sum_k s_k^{2t} z_k^2",
        source=THIS_BOOK,
        margin=_power,
        kind=Kind.IDENTITY,
        rests_on=("thm-recursion",),
        equations=("eq-fixed-power",),
    ),
    Statement(
        id="prop-fixed-direction",
        chapter="fixed_multiplier",
        slogan="With a fixed multiplier the direction tends to the top eigenvector.",
        tex=r"\sum_{k<n} z_{t,k}^2 \cdot z_{0,n}^2 \le "
        r"\Bigl(\frac{s_{n-1}}{s_n}\Bigr)^{2t} \sum_{k<n} z_{0,k}^2 \cdot z_{t,n}^2",
        source=THIS_BOOK,
        margin=_direction,
        rests_on=("prop-fixed-power",),
        equations=("eq-fixed-direction",),
        attained=r"all other label energy on the second eigenvalue",
    ),
    Statement(
        id="prop-fixed-above",
        chapter="fixed_multiplier",
        slogan="The paper's chain shrinks every direction at least as fast as a fixed multiplier.",
        tex=r"B_t[k] \le A_0[k]^{t+1}",
        source=THIS_BOOK,
        margin=_below,
        rests_on=("prop-multiplier-grows", "thm-product"),
        equations=("eq-fixed-above",),
        attained="$t = 0$",
    ),
    Statement(
        id="claim-fixed-is-the-paper",
        chapter="fixed_multiplier",
        slogan="The chain of the paper multiplies by the same ridge smoother in every round.",
        tex=r"B_t = \Bigl( \frac{d}{c_0 + d} \Bigr)^{t+1}",
        source="a frequent reading of the paper",
        margin=_below,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        equations=("eq-claim-fixed",),
        counterexample=Counterexample(
            d=(Fraction(1), Fraction(2)),
            z=(Fraction(1), Fraction(1)),
            epsilon=Fraction(1, 50),
            rounds=2,
            words=r"the second multiplier is larger than the first, so both entries of $B_1$ are "
            r"smaller",
        ),
        repaired_by=("prop-fixed-power", "prop-fixed-above"),
    ),
)
