"""What the estimators judge rounds by, from the eigendecomposition that the chain comes with.

Weighted points are in the coordinates sqrt(w) y, with weights of mean 1, in which the weighted
problem is the unweighted one.
"""

from __future__ import annotations

import numpy as np

from sdtheory.formulas import mixing
from sdtheory.solvers import Chain
from sdtheory.spectrum import Spectrum
from sdtheory.validation import Array, InvalidInputError

#: Share of the largest eigenvalue up to which a direction counts as out of reach.
_REACHED_FROM = 1e-10
#: Ridges tried for the noise level, relative to the largest eigenvalue.
_NOISE_RIDGES = np.logspace(-14, 4, 181)


def split_energy(spectrum: Spectrum, y: Array) -> tuple[float, float]:
    """Return the mean square of labels (n[, q]) that the kernel cannot reach, and the rest.

    A rest of the size of rounding is zero.
    """
    energy = spectrum.to_eigenbasis(y).reshape(spectrum.n, -1) ** 2 / spectrum.n
    reached = spectrum.d > _REACHED_FROM * spectrum.d[-1]
    lost, rest = float(np.sum(energy[~reached])), float(np.sum(energy[reached]))
    rounding = (spectrum.n * np.finfo(float).eps) ** 2
    return (lost, rest) if rest > rounding * lost else (lost + rest, 0.0)


def roughness(chain: Chain) -> Array:
    """Return the squared norm of each fit in the kernel's space, summed over outputs."""
    fits = chain.B * np.atleast_2d(chain.z[0].T)[:, None]
    return np.sum(mixing.roughness(chain.spectrum.d, fits), axis=0)


def residuals(chain: Chain) -> Array:
    """Return the diagonals of I - B_t, shape (T, n), as sums of positive terms."""
    rows, left = [], np.zeros(chain.spectrum.n)
    for c, ratio, share in zip(chain.c, chain.A, _shares(chain), strict=True):
        left = c / (c + chain.spectrum.d) + (1 - share) * ratio * left
        rows.append(left)
    return np.reshape(rows, chain.A.shape)


def along(filters: Array, z: Array) -> Array:
    """Return filters of shape (n,) times z of shape (n,) or (n, q)."""
    return (filters * z.T).T


def _shares(chain: Chain) -> Array:
    """Return the share of the labels in each round, shape (T,); zero for the first."""
    if chain.mixing is None:
        return np.zeros(chain.n_rounds)
    return np.concatenate([[0.0], chain.mixing])[: chain.n_rounds]


def leave_one_out(chain: Chain, lost: Array) -> Array:
    r"""Return the mean squared error of the chain rerun without each point, by round.

    Leaving out point i is the same as giving it, in every round, its own
    prediction u_t for a label. With :math:`\delta_s = u_{s-1} - u_s` and
    :math:`u_{-1} = y_i` that is the triangular system

    .. math:: \sum_{s \le t} (I - A_t \cdots A_s)_{ii}\, \delta_s = ((I - B_t) y)_i,

    in which no difference of nearly equal numbers is formed for small c. Where
    labels are mixed in with shares a, term s has the factor
    :math:`(1 - a_{s+1}) \cdots (1 - a_t)`, also in :math:`y_i - u_t`, their sum.
    """
    spectrum, z = chain.spectrum, chain.z[0]
    squares, n = spectrum.V**2, spectrum.n
    chained, kept = np.ones((0, n)), np.zeros((0, n))
    steps, errors, passed = np.zeros((0, *z.shape)), [], np.ones(0)
    for c, ratio, left, share in zip(chain.c, chain.A, lost, _shares(chain), strict=True):
        passed = np.append((1 - share) * passed, 1.0)
        # from round s on, for each s <= t
        chained = np.concatenate([chained, np.ones((1, n))])
        kept = np.concatenate([kept, np.zeros((1, n))]) + chained * (c / (c + spectrum.d))
        chained = chained * ratio
        weights = passed[:, None] * (kept @ squares)
        residual = spectrum.V.T @ along(left, z)
        residual = residual - np.einsum("si,si...->i...", weights[:-1], steps)
        step = (residual.T / weights[-1]).T
        steps = np.concatenate([steps, step[None]])
        errors.append(np.sum(np.tensordot(passed, steps, 1) ** 2) / n)
    return np.array(errors)


def gcv_ridge(spectrum: Spectrum, y: Array, asked: str, remedy: str) -> tuple[float, float]:
    """Return the multiplier of smallest GCV, and its residual energy per residual freedom.

    Labels that do not show the noise are refused, in words of what `asked` for it and a `remedy`.
    """
    energy = np.sum(spectrum.to_eigenbasis(y).reshape(spectrum.n, -1) ** 2, axis=1) / spectrum.n
    largest = spectrum.d[-1] or 1.0
    kept = _NOISE_RIDGES[:, None] / (_NOISE_RIDGES[:, None] + spectrum.d / largest)
    residual, freedom = kept**2 @ energy, np.mean(kept, axis=1)
    criterion = residual / freedom**2
    best = int(np.argmin(criterion))
    flat = np.ptp(criterion) <= 1e-9 * np.max(criterion)
    if np.any(y) and (flat or (best == 0 and spectrum.rank == spectrum.n)):
        raise InvalidInputError(
            f"{asked}, but these labels do not show the noise: generalised cross-validation is "
            + ("the same at every multiplier" if flat else "smallest at exact interpolation")
            + f". {remedy}"
        )
    return float(_NOISE_RIDGES[best] * largest), float(residual[best] / freedom[best])
