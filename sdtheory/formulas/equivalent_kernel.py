r"""The kernel whose one-round fit is what t + 1 rounds of self-distillation give.

Rounds 0 to t multiply the eigencomponents of the labels by
:math:`\prod_{i \le t} d/(c_i + d)`. Ridge regression with ridge :math:`c_0`
does the same if the eigenvalues are replaced by

.. math:: d^+ = \frac{c_0}{\prod_{i \le t} (1 + c_i/d) - 1} .
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.kernels import Kernel, gram
from sdtheory.spectrum import Spectrum
from sdtheory.validation import Array, InvalidInputError, Values, as_inputs, as_real_array, counted


def equivalent_eigenvalues(d: Values, c: Values) -> Values:
    r"""Return the eigenvalues d^+ of the equivalent Gram matrix after each round.

    They follow the recursion

    .. math:: d^+_t = \frac{d\, d^+_{t-1}}{d + c_t + (c_t/c_0)\, d^+_{t-1}},
              \qquad d^+_0 = d,

    which multiplies out to the product formula of this module, adds only
    non-negative terms, so that no digits cancel, and gives zero where d is.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    c : array_like of shape (..., T)
        Multipliers of the rounds, positive and finite.

    Returns
    -------
    ndarray of shape (..., T, n)
    """
    rows = [d[..., None, :][..., :0, :]]
    current = d
    for t in range(c.shape[-1]):
        if t:
            first, c_t = c[..., :1], c[..., t : t + 1]
            current = d * current / (d + c_t + c_t / first * current)
        rows.append(current[..., None, :])
    return np.concatenate(rows, axis=-2)


@dataclass(frozen=True)
class EquivalentKernel:
    r"""The kernel g^+ of self-distillation up to round t.

    .. math:: g^+(x, x') = g(x, x') + n\, g_x^\top V^\top
              \bigl( D^\dagger D^+ D^\dagger - D^\dagger \bigr) V g_{x'},

    where :math:`D^\dagger` holds 1/d, and 0 where d = 0. It is positive
    semidefinite, and a `Kernel`: ``gram(EquivalentKernel(...), x)`` is
    :math:`G^+ = V^\top D^+ V`.

    Parameters
    ----------
    kernel : Kernel
        The kernel g.
    x : array_like of shape (n,) or (n, p)
        Training inputs.
    spectrum : Spectrum
        Of ``gram(kernel, x)``.
    c : array_like of shape (t+1,)
        Multipliers of rounds 0 to t: ``chain.c[: t + 1]``.

    Raises
    ------
    InvalidInputError
        If c is empty, or holds a value that is not positive and finite. Also if
        the spectrum is not of as many points as x has.
    """

    kernel: Kernel
    x: ArrayLike
    spectrum: Spectrum
    c: ArrayLike

    def __post_init__(self) -> None:
        if np.any(self._multipliers() <= 0):
            raise InvalidInputError(
                "c holds a multiplier that is not positive. Pass chain.c[: t + 1] of a chain "
                "whose round t has a non-trivial fit."
            )
        points = len(as_inputs(self.x))
        if points != self.spectrum.n:
            raise InvalidInputError(
                f"x has {counted(points, 'point')}, but the spectrum is of {self.spectrum.n}. "
                f"Pass Spectrum.from_gram(gram(kernel, x))."
            )

    def _multipliers(self) -> Array:
        return as_real_array(self.c, "c", ndim=(1,))

    @property
    def d(self) -> Array:
        """Eigenvalues of the equivalent Gram matrix, shape (n,)."""
        return equivalent_eigenvalues(self.spectrum.d, self._multipliers())[-1]

    def __call__(self, x: Any, x_new: Any, /) -> Array:
        """Evaluate all pairs of inputs of shapes (m, p) and (k, p): shape (m, k)."""
        rows, columns = (gram(self.kernel, self.x, at) @ self.spectrum.V.T for at in (x, x_new))
        d = self.spectrum.d
        reachable = d > 0
        weight = np.zeros_like(d)
        weight[reachable] = (self.d[reachable] / d[reachable] - 1) / d[reachable]
        return np.asarray(self.kernel(x, x_new)) + self.spectrum.n * (rows * weight) @ columns.T
