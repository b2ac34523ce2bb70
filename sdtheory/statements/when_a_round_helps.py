"""A round helps while its fit is rougher than the truth.

Truths are made from the instance. Each is a direction in the range of G, scaled
so that its roughness is a given multiple of the new labels' roughness.
"""

from __future__ import annotations

import numpy as np

from sdtheory.formulas.mixing import roughness
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import (
    THIS_BOOK,
    Hypothesis,
    Kind,
    Statement,
    Values,
    scaled_margin,
)

#: Roughness of a truth, as multiples of that of the new labels; nearly as rough, and rougher.
_ROUGHNESS = (0.25, 1 - 2.0**-30, 4.0)
#: Roughness of each truth and whether it has a part that the kernel cannot reach, by trial.
_FACTORS = np.array([*_ROUGHNESS * 3, 0.25])
_REACHABLE = np.array([*[True] * (len(_FACTORS) - 1), False])


def _in_range(i: Instance) -> Values:
    """Say for each trial whether its truth lies in the range of G."""
    return _REACHABLE | (i.d_min > 0).astype(bool)[:, None, None]


in_range = Hypothesis(
    id="in-range",
    words=r"the truth lies in the range of $G$",
    plain="the truth lies in the range of G",
    needed_for="no fit reaches the other part, which the first round loses at once",
    holds=lambda i: _in_range(i) & np.ones((1, i.t.size, 1), dtype=bool),
)
rougher = Hypothesis(
    id="rougher",
    words=r"the new fit is at least as rough as the truth, $R(\theta) \le R(y_{t+1})$",
    plain="the new fit is at least as rough as the truth",
    needed_for="a fit that is smoother than the truth may have left it behind",
    holds=lambda i: np.broadcast_to(_FACTORS <= 1, (len(i.d), i.t.size, len(_FACTORS))),
)


def _roughness(i: Instance, z: Values) -> Values:
    """Return the roughness of labels of shape (m, ..., n, q), summed over outputs."""
    d = i.d.reshape(len(i.d), *(1,) * (z.ndim - 3), i.n)
    return sum(roughness(d, z[..., j]) for j in range(z.shape[-1]))


def _square(v: Values) -> Values:
    return np.sum(np.square(v), axis=(-2, -1))


def _truths(i: Instance) -> Values:
    """Return truths for each round, shape (m, T, trials, n, q)."""
    before, after = i.path.z[:, :-1], i.path.z[:, 1:]
    reached = (i.d > 0).astype(bool)[:, None, :, None]
    weight = (i.d / i.d_max[:, None])[:, None, :, None]
    wanted = _roughness(i, after)
    truths = []
    for direction in (after, weight * before, weight * before[:, :, ::-1]):
        found = _roughness(i, direction)
        zero = (found == 0).astype(bool)
        scale = np.sqrt(np.where(zero, 0 * found, wanted / np.where(zero, 1, found)))
        truths += [(np.sqrt(f) * scale)[..., None, None] * direction for f in _ROUGHNESS]
    # nearly the new labels, with a part that no fit reaches
    truths.append(truths[1] + np.where(reached, 0, before))
    return np.stack(truths, axis=2)


def _error(i: Instance, z: Values) -> Values:
    """Return the squared distance of labels (m, T, n, q) from each truth, (m, T, trials)."""
    return _square(z[:, :, None] - _truths(i))


def _balance(i: Instance) -> Values:
    after, truths = i.path.z[:, 1:], _truths(i)
    c = i.multipliers * i.n
    # y_t - theta from the residual: y_t itself may be far larger than both
    apart = after[:, :, None] - truths
    lost = _square(i.residual[:, :, None] + apart) + c * _roughness(i, truths)
    rough = _roughness(i, after)[..., None] + _roughness(i, apart)
    kept = _square(apart) + i.rho2[:, None, None] + c * rough
    return scaled_margin(lost, kept)


def _rougher(i: Instance) -> Values:
    gained = _error(i, i.path.z[:, 1:]) + i.rho2[:, None, None]
    return scaled_margin(gained, _error(i, i.path.z[:, :-1]))


def _all_rounds(i: Instance) -> Values:
    gained = _error(i, i.path.z[:, 1:]) + ((i.t + 1) * i.rho2[:, None])[..., None]
    return scaled_margin(gained, _error(i, 0 * i.path.z[:, :-1] + i.path.z[:, :1]))


def _nearest(i: Instance) -> Values:
    return scaled_margin(i.rho2[:, None, None], _error(i, i.path.z[:, :-1]))


STATEMENTS = (
    Statement(
        id="prop-round-balance",
        chapter="when_a_round_helps",
        slogan="The gain of a round is the tolerance plus a balance of three roughnesses.",
        tex=r"\|y_t - \theta\|^2 - \|y_{t+1} - \theta\|^2 = n\varepsilon + n c_t \bigl( "
        r"R(y_{t+1}) - R(\theta) + R(y_{t+1} - \theta) \bigr)",
        source=THIS_BOOK,
        margin=_balance,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial, in_range),
        rests_on=("thm-recursion", "prop-active"),
        equations=("eq-round-balance",),
    ),
    Statement(
        id="prop-round-projects",
        chapter="when_a_round_helps",
        slogan="A round moves the labels to the nearest point that is as smooth as its fit.",
        tex=r"R(\theta) \le R(y_{t+1}) \implies \|y_t - \theta\| \ge \|y_t - y_{t+1}\| = \rho",
        source=THIS_BOOK,
        margin=_nearest,
        hypotheses=(non_trivial, in_range, rougher),
        rests_on=("prop-round-balance",),
        equations=("eq-round-projects",),
        attained=r"$\theta = y_{t+1}$",
    ),
    Statement(
        id="thm-rougher",
        chapter="when_a_round_helps",
        slogan="A round helps while its fit is rougher than the truth.",
        tex=r"R(\theta) \le R(y_{t+1}) \implies "
        r"\|y_{t+1} - \theta\|^2 \le \|y_t - \theta\|^2 - n\varepsilon",
        source=THIS_BOOK,
        margin=_rougher,
        hypotheses=(non_trivial, in_range, rougher),
        rests_on=("prop-round-balance",),
        equations=("eq-rougher",),
        attained=r"$\theta = y_{t+1}$",
    ),
    Statement(
        id="cor-rougher-rounds",
        chapter="when_a_round_helps",
        slogan="Every round whose fit is rougher than the truth gains at least the tolerance.",
        tex=r"R(\theta) \le R(y_k) \implies \|y_k - \theta\|^2 \le \|y_0 - \theta\|^2 "
        r"- k\,n\varepsilon, \qquad k \le \frac{\|y_0 - \theta\|^2}{n\varepsilon}",
        source=THIS_BOOK,
        margin=_all_rounds,
        hypotheses=(non_trivial, in_range, rougher),
        rests_on=("thm-rougher", "thm-product"),
        equations=("eq-rougher-rounds",),
        attained=r"$k = 1$ and $\theta = y_1$",
    ),
)
