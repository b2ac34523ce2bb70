"""The Gram matrix's eigendecomposition, with its rank decided once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from sdtheory.linalg.blas import times
from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_gram,
    as_labels,
    as_number,
    as_real_array,
    counted,
    machine_epsilon,
)

#: Entries of V V^T - I up to about this size are taken for rounding.
_ORTHOGONAL = 1e-8


def backward_error(n: int, ulp: float = float(np.finfo(float).eps)) -> float:
    """Return an estimate of the relative backward error of an eigendecomposition.

    `ulp` is the machine epsilon of the entries, where that is larger than that of floats.

    LAPACK guarantees a multiple of machine epsilon that grows slowly with n. On
    Gram matrices, also of clustered inputs, we measured multiples of at most 7, 10
    and 15 at n = 3, 100 and 300. The estimate is larger, because the Gram matrix
    may itself be rounded.
    """
    return (8 + np.sqrt(n)) * ulp


@dataclass(frozen=True)
class Spectrum:
    """G = V^T diag(d) V, eigenvalues ascending, eigenvectors in the *rows* of V.

    Attributes
    ----------
    d : ndarray of shape (n,)
        Eigenvalues, ascending; zero where rounding cannot tell them from zero.
    V : ndarray of shape (n, n)
        Orthogonal; row k is the eigenvector of ``d[k]``.
    tolerance : float
        Eigenvalues up to ``tolerance * d_max`` in size were set to zero.
    error : float, default=0.0
        Estimate of ``||G - V^T diag(d) V||`` without the rank decision; 0 if
        d and V are exact.
    """

    d: Array
    V: Array
    tolerance: float
    error: float = 0.0

    @classmethod
    def from_gram(cls, gram: ArrayLike, tolerance: float | None = None) -> Spectrum:
        """Diagonalise a Gram matrix.

        Parameters
        ----------
        gram : array_like of shape (n, n)
            Symmetric, positive semidefinite; carries the paper's 1/n.
        tolerance : float, optional
            Eigenvalues up to this share of the largest become zero. Default: n
            machine epsilon of gram's dtype, the error of a backward stable solver.

        Returns
        -------
        Spectrum

        Raises
        ------
        InvalidInputError
            If the matrix is not square, symmetric, finite and positive
            semidefinite.
        """
        matrix, ulp = as_gram(gram, copy=False), machine_epsilon(gram)
        if tolerance is None:
            return cls.of(matrix, ulp)
        tolerance = as_number(tolerance, "tolerance")
        if not 0 <= tolerance < 1:
            raise InvalidInputError(
                f"tolerance must lie in [0, 1), but is {tolerance!r}. It is relative to the "
                f"largest eigenvalue."
            )
        return cls.of(matrix, ulp, tolerance)

    @classmethod
    def of(cls, matrix: Array, ulp: float, tolerance: float | None = None) -> Spectrum:
        """Do what `from_gram` does with a checked matrix, whose entries have this precision."""
        n = len(matrix)
        rounding = n * ulp
        tolerance = rounding if tolerance is None else tolerance
        # an exact power of two keeps the squares in the eigensolver inside the float range
        exponent = int(np.clip(np.frexp(max(np.max(matrix), -np.min(matrix)))[1], -1000, 1000))
        scaled = matrix * 2.0**-exponent  # a copy
        scaled = scaled if scaled.flags.f_contiguous else scaled.T  # in LAPACK's order
        d, eigenvectors = scipy.linalg.eigh(
            scaled, driver="evd", overwrite_a=True, check_finite=False
        )
        size = float(np.max(np.abs(d)))
        accepted = max(tolerance, rounding) * size
        if d[0] < -accepted:
            raise InvalidInputError(
                f"gram is indefinite: its smallest eigenvalue is {np.ldexp(d[0], exponent):.6g} "
                f"(largest {np.ldexp(d[-1], exponent):.6g}, rounding would explain "
                f"{np.ldexp(accepted, exponent):.3g}). A kernel's Gram matrix is positive "
                f"semidefinite; check the kernel, or add a multiple of the identity."
            )
        if exponent + np.frexp(size)[1] > np.finfo(float).maxexp:
            raise InvalidInputError(
                "gram is too large: its largest eigenvalue overflows. Divide the kernel by a "
                "constant; the multipliers c are divided with it, and the fits do not change."
            )
        d = np.where(d > tolerance * size, d, 0.0)
        error = float(np.ldexp(backward_error(n, ulp) * size, exponent))
        return cls(np.ldexp(d, exponent), np.ascontiguousarray(eigenvectors.T), tolerance, error)

    def __post_init__(self) -> None:
        for name, ndim in (("d", 1), ("V", 2)):
            values = as_real_array(getattr(self, name), name, ndim=(ndim,), copy=False)
            object.__setattr__(self, name, values)
        n = len(self.d)
        if self.V.shape != (n, n):
            raise InvalidInputError(
                f"d and V must have shapes (n,) and (n, n), but have {self.d.shape} and "
                f"{self.V.shape}. Use Spectrum.from_gram for a Gram matrix."
            )
        if not (self.d[0] >= 0 and np.all(np.diff(self.d) >= 0)):
            raise InvalidInputError(
                "d must hold non-negative eigenvalues in ascending order. Sort them, and "
                "the rows of V with them."
            )
        # in O(n^2): an entry of V V^T - I that is off by much moves each of eight random vectors
        probes = np.random.default_rng(0).standard_normal((n, 8))
        moved = times(self.V, times(self.V.T, probes)) - probes
        if not np.max(np.abs(moved)) <= _ORTHOGONAL * np.sqrt(n):
            raise InvalidInputError(
                "V must be orthogonal, with the eigenvector of d[k] in row k. Normalise the "
                "eigenvectors, and orthogonalise those of equal eigenvalues."
            )

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.d)

    @property
    def rank(self) -> int:
        """Number of non-zero eigenvalues."""
        return int(np.count_nonzero(self.d))

    @property
    def kappa(self) -> float:
        """Condition number d_max / d_min, infinite when G is singular."""
        return float(self.d[-1] / self.d[0]) if self.d[0] > 0 else float("inf")

    def to_eigenbasis(self, y: ArrayLike) -> Array:
        """Return z = V y for labels of shape (n,) or (n, q)."""
        return times(self.V, as_labels(y, self.n))

    def from_eigenbasis(self, z: ArrayLike) -> Array:
        """Return y = V^T z for z of shape (n,) or (n, q)."""
        rows = as_real_array(z, "z", ndim=(1, 2), copy=False)
        if len(rows) != self.n:
            raise InvalidInputError(
                f"z has {counted(len(rows), 'row')}, but there are {self.n} eigenvalues. Pass one "
                f"for each."
            )
        return times(self.V.T, rows)

    def unreachable(self, y: ArrayLike) -> float:
        """Return ||P_0 y||^2 / n, the mean squared residual that no fit can beat."""
        z0 = self.to_eigenbasis(y)[self.d == 0]
        return float(np.sum(z0 * z0) / self.n)
