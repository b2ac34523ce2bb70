"""Products in SciPy's BLAS.

NumPy has a BLAS of its own. Threads of each spin for some milliseconds after a
product. So alternating calls of the two, on the same cores, take up to a hundred
times as long. Code beside SciPy's decompositions therefore multiplies by these.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from scipy.linalg import get_blas_funcs

from sdtheory.validation import Array

_dgemm, _dgemv, _dsymm, _dsymv = (
    cast(Any, f) for f in get_blas_funcs(("gemm", "gemv", "symm", "symv"), dtype=np.dtype(float))
)


def times(a: Array, b: Array) -> Array:
    """Return a @ b for a of shape (m, k) and b of shape (k,) or (k, p).

    Only columns of b, and an `a` that is contiguous in neither order, are copied.
    """
    if 0 in a.shape or 0 in b.shape:
        return np.zeros((len(a), *b.shape[1:]))
    left, transposed = (a, 0) if a.flags.f_contiguous else (a.T, 1)
    if b[0].size == 1:
        return _dgemv(1.0, left, b.ravel(), trans=transposed).reshape(-1, *b.shape[1:])
    return _dgemm(1.0, left, b, trans_a=transposed)


def symmetric_times(a: Array, b: Array) -> Array:
    """Return a @ b for a symmetric `a` of shape (n, n), of which one triangle is read."""
    left = a if a.flags.f_contiguous else a.T
    if b.shape[1] == 1:
        return _dsymv(1.0, left, b[:, 0])[:, None]
    return _dsymm(1.0, left, b)
