"""How many rounds, really: the length of the path to zero, measured in steps of rho."""

from __future__ import annotations

import numpy as np

from sdtheory.path_length import path_length
from sdtheory.statements.instance import Instance
from sdtheory.statements.multiplier import regular
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Hypothesis, Statement, Values, slack


def _reachable_share(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    return np.sum(np.where(kernel, i.energy[:, :-1], 0.0), axis=-1)


reachable = Hypothesis(
    id="reachable",
    words=r"the labels of round $t$ have no part in $\ker G$ (true from round 1 on)",
    needed_for="the flow never moves a part in the kernel: the length is infinite",
    holds=lambda i: (_reachable_share(i) == 0).astype(bool),
)


def _length_falls(i: Instance) -> Values:
    lengths = path_length(i.d[:, None], i.energy)
    return slack(lengths[:, 1:] + np.sqrt(i.rho2)[:, None], lengths[:, :-1])


def _length_bounds(i: Instance) -> Values:
    energy = i.energy[:, :1]
    norm = np.sqrt(np.sum(energy, axis=-1))
    length = path_length(i.d[:, None], energy)
    triangle = np.sum(np.sqrt(energy), axis=-1)
    kappa = i.kappa[:, None]
    kantorovich = (1 + kappa) * norm
    return np.stack(
        [
            slack(norm, length),
            slack(length, triangle),
            slack(2 * np.sqrt(kappa) * length, kantorovich),
        ],
        axis=-1,
    )


def _singular(i: Instance) -> Values:
    kernel = (i.d == 0)[:, None]
    energy = i.energy[:, :1]
    unreachable = np.sum(np.where(kernel, energy, 0.0), axis=-1)
    moving = np.sqrt(np.sum(np.where(kernel, 0.0, energy), axis=-1))
    after = np.sqrt(np.sum(i.energy[:, 1:2], axis=-1))
    return slack(moving, after + np.sqrt(i.rho2[:, None] - unreachable))


def _first_round(i: Instance) -> Values:
    return i.alive[:, :1]


first_non_trivial = Hypothesis(
    id="first-non-trivial",
    words=r"$\|y_0\|^2 > n\varepsilon$",
    needed_for="without a first round there is no step whose length is known",
    holds=_first_round,
)

STATEMENTS = (
    Statement(
        id="thm-length-falls",
        chapter="exact_rounds",
        slogan="Every round uses up at least rho of the path that is left.",
        tex=r"L(y_{t+1}) + \rho \le L(y_t), \qquad "
        r"L(y) = \int_0^\infty \|G^{-1} e^{-sG^{-1}} y\|\,ds, \qquad "
        r"N \le \lfloor L(y_0)/\rho \rfloor",
        source=THIS_BOOK,
        margin=_length_falls,
        hypotheses=(non_trivial, reachable),
        rests_on=("prop-active", "thm-recursion"),
        equations=("eq-length-falls", "eq-rounds-upper"),
        attained=r"all label energy on one eigenvalue",
    ),
    Statement(
        id="prop-length-bounds",
        chapter="exact_rounds",
        slogan="The path is at least as long as the labels, and not much longer.",
        tex=r"\|y\| \le L(y) \le \min\Bigl\{ \sum_k |z_k|,\; "
        r"\frac{1 + \kappa}{2\sqrt\kappa}\, \|y\| \Bigr\}",
        source=THIS_BOOK,
        margin=_length_bounds,
        hypotheses=(regular,),
        equations=("eq-length-bounds",),
        attained=r"all label energy on one eigenvalue; $\kappa = 1$",
    ),
    Statement(
        id="prop-singular-first-step",
        chapter="exact_rounds",
        slogan="The first round drops what cannot be fitted, and moves the rest by less.",
        tex=r"\|y_1\| \ge \|P_+ y_0\| - \sqrt{\rho^2 - \|P_0 y_0\|^2}",
        source=THIS_BOOK,
        margin=_singular,
        hypotheses=(first_non_trivial,),
        rests_on=("prop-active", "thm-recursion"),
        equations=("eq-singular-first-step",),
        attained=r"all reachable label energy on one eigenvalue",
    ),
)
