"""Several outputs that share one tolerance."""

from __future__ import annotations

import numpy as np

from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Kind, Statement, Values, scaled_margin

SEVERAL_OUTPUTS = "Mobahi et al. (2020), the extension to several outputs; as restated here"

#: Factors by which the ridges of neighbouring outputs are moved from the common one.
_FACTORS = ((0.5, 2.0), (2.0, 0.5))


def _shared(i: Instance) -> Values:
    c, d = i.multipliers, i.d[:, None]
    tolerance = scaled_margin(
        np.sum(i.energy[:, :-1] * (c / (c + d)) ** 2, axis=-1), i.rho2[:, None]
    )
    energies = scaled_margin(i.energy[:, :-1] * (d / (c + d)) ** 2, i.energy[:, 1:])
    return {
        ("eq-shared-secular", "tolerance"): tolerance,
        ("eq-energies", "energies"): energies,
    }


def _reflected(z: Values) -> Values:
    """Return z Q for the reflection Q = I - (2/q) 1 1^T of the q outputs, times q."""
    return z.shape[-1] * z - 2 * np.sum(z, axis=-1, keepdims=True)


def _rotation(i: Instance) -> Values:
    c, d, q = i.multipliers, i.d[:, None], i.path.z.shape[-1]
    labels = _reflected(i.path.z[:, :-1])
    residual = labels * (c / (c + d))[..., None]
    tolerance = scaled_margin(np.sum(residual * residual, axis=(-2, -1)), q**2 * i.rho2[:, None])
    fitted = labels * (d / (c + d))[..., None]
    fits = scaled_margin(np.sum(fitted * fitted, axis=-1), q**2 * i.energy[:, 1:])
    return {"tolerance": tolerance, "fits": fits}


def _one_price(i: Instance) -> Values:
    c, d, labels = i.multipliers[..., None], i.d[:, None, :, None], i.path.z[:, :-1]

    def lagrangian(ridge: Values) -> Values:
        # c (R + resid / c), where output q is fitted with its own ridge
        cost = c * d * (labels / (ridge + d)) ** 2
        return np.sum(cost + (ridge * labels / (ridge + d)) ** 2, axis=(-2, -1))

    own = np.sum(c * d * (i.path.z[:, 1:] / np.where(d > 0, d, 1)) ** 2, axis=(-2, -1))
    own = own + np.sum(i.residual**2, axis=(-2, -1))
    q = labels.shape[-1]
    return {
        f"ridges times {', '.join(f'{f:g}' for f in factors)}": scaled_margin(
            own, lagrangian(c * np.resize(factors, q))
        )
        for factors in _FACTORS
    }


STATEMENTS = (
    Statement(
        id="prop-shared-tolerance",
        chapter="outputs",
        slogan="Outputs that share a tolerance share one multiplier, set by their energies.",
        tex=r"\|P_0 y_0\|_F^2 < n\varepsilon < \|y_t\|_F^2: \quad \frac1n \sum_k "
        r"\Bigl( \frac{c_t}{c_t + d_k} \Bigr)^2 \sum_a z_{t,ka}^2 = \varepsilon, \qquad "
        r"\sum_a z_{t+1,ka}^2 = A_t[k]^2 \sum_a z_{t,ka}^2",
        source=SEVERAL_OUTPUTS,
        margin=_shared,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("prop-secular", "thm-recursion"),
        equations=("eq-shared-secular", "eq-energies"),
    ),
    Statement(
        id="prop-outputs-rotation",
        chapter="outputs",
        slogan="Rotate the outputs into each other, and the fits rotate with them.",
        tex=r"y_0 \mapsto y_0 Q,\ Q^\top Q = I \implies c_t \mapsto c_t, \quad "
        r"y_t \mapsto y_t Q, \quad f_t \mapsto f_t\, Q",
        source=THIS_BOOK,
        margin=_rotation,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("prop-shared-tolerance",),
        equations=("eq-rotation",),
    ),
    Statement(
        id="prop-one-price",
        chapter="outputs",
        slogan="To share a tolerance is to split it at one price, and no other split costs less.",
        tex=r"R(h) + \frac{1}{c_t n} \sum_k \|h(x_k) - y_{t,k}\|^2 \ge "
        r"R(f_t) + \frac{1}{c_t n} \sum_k \|f_t(x_k) - y_{t,k}\|^2 "
        r"\quad \text{for all } h \in \mathcal H^q",
        source=THIS_BOOK,
        margin=_one_price,
        hypotheses=(non_trivial,),
        rests_on=("prop-shared-tolerance", "prop-minimum"),
        equations=("eq-one-price",),
    ),
)
