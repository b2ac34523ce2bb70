r"""The length L(y) of the path on which self-distillation flows to zero.

.. math:: L(y) = \int_0^\infty \bigl\| G^{-1} e^{-s G^{-1}} y \bigr\|\, ds
               = \int_{-\infty}^{\infty} \sqrt{\sum_k e_k\, h(e^u/d_k)^2}\; du ,
          \qquad h(x) = x e^{-x},

with e_k the energy of y in eigendirection k. The second form has one bump of
unit area per eigenvalue, at u = log d_k, however widely the eigenvalues are
spread, and decays exponentially at both ends: the trapezoidal rule converges
geometrically.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sdtheory.validation import Array

#: The left end loses exp(-_LEFT) of the length, the right end x exp(-x) at x = exp(_RIGHT).
_LEFT, _RIGHT = 38.0, 3.8
#: Spacing of the rule: halved until two agree, or the finest is reached.
_COARSEST, _FINEST = 1 / 4, 1 / 256
_AGREEMENT = 1e-13
#: Nodes times eigenvalues that are evaluated at once.
_BLOCK = 1 << 20


def path_length(d: Any, energy: Any) -> Any:
    """Return L(y) by the trapezoidal rule, or an enclosure of it for balls.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    energy : array_like of shape (..., n)
        Energy of the labels in each eigendirection; several outputs summed.

    Returns
    -------
    ndarray of shape (...)
        To about 1e-13, relative. Infinite where energy lies on a zero
        eigenvalue, where G^{-1} y does not exist.
    """
    d, energy = np.broadcast_arrays(np.asarray(d), np.asarray(energy))
    batch = d.shape[:-1]
    rows = [a.reshape(-1, d.shape[-1]) for a in (d, energy)]
    if energy.dtype == object:
        # as np.sqrt does: the elements know how
        pairs = zip(*rows, strict=True)
        lengths = np.array([type(e[0]).path_length(k, e) for k, e in pairs], dtype=object)
        return lengths.reshape(batch)
    lengths = np.zeros(len(rows[0]))
    for index, (eigenvalues, energies) in enumerate(zip(*rows, strict=True)):
        lengths[index] = _length(eigenvalues, energies)
    return lengths.reshape(batch)


def _length(d: Array, energy: Array) -> float:
    used = energy > 0
    if not used.any():
        return 0.0
    if np.any(d[used] == 0):
        return float("inf")
    # equal eigenvalues are one direction
    scales, index = np.unique(np.log(d[used]), return_inverse=True)
    energies = np.bincount(index, energy[used])
    size = float(energies.max())
    low, high = scales[0] - _LEFT, scales[-1] + _RIGHT
    weights, rates = energies / size, np.exp(-scales)
    total, length, spacing, start = 0.0, np.inf, _COARSEST, low
    while True:
        # the points of the finer rule that the coarser one has not
        nodes = np.exp(np.arange(start, high + spacing, spacing))
        for part in np.array_split(nodes, -(-nodes.size * scales.size // _BLOCK)):
            x = part[:, None] * rates
            total += float(np.sum(np.sqrt((x * np.exp(-x)) ** 2 @ weights)))
        finest = spacing if start == low else spacing / 2
        before, length = length, finest * total
        if abs(length - before) <= _AGREEMENT * length or finest <= _FINEST:
            break
        start, spacing = low + finest / 2, finest
    return length * float(np.sqrt(size))
