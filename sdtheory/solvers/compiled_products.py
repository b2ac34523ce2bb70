"""Products with radial kernels in compiled tiles, on all cores.

A tile is some rows against some columns, small enough for the nearest cache;
its kernel values are used for both triangles and dropped.

Importing this module needs Numba, which the extra ``scale`` installs. The
first call compiles, in some seconds; the code is then kept on disk.
"""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from sdtheory.solvers.operator import N_PARTS, Parts
from sdtheory.validation import Array

_ROWS, _COLUMNS = 16, 512
_KINDS = {"RBF": 0, "Matern1/2": 1, "Matern3/2": 2, "Matern5/2": 3}


@dataclass(frozen=True)
class Fused(Parts):
    """Products with variance * profile(|x - x'|) / n; x comes divided by the length scale.

    Attributes
    ----------
    kind : str
        As in `sdtheory.solvers.operator.Radial`.
    variance : float
    """

    kind: str
    variance: float

    def part(self, V: Array, k: int) -> Array:
        """Return what part k of `N_PARTS` adds to n G V, shape (n, p)."""
        columns = np.ascontiguousarray(V.T, dtype=float)
        # of the diagonal, once
        sums = columns.copy() if k == 0 else np.zeros_like(columns)
        points = np.ascontiguousarray(self.x.T)
        _add_tiles((k, N_PARTS), points, _KINDS[self.kind], columns, sums)
        return self.variance * sums.T

    def __call__(self, V: Array) -> Array:
        """Multiply V of shape (n, p) by G, on all cores."""
        with ThreadPoolExecutor(min(os.cpu_count() or 1, N_PARTS)) as pool:
            return self.added(pool.map(functools.partial(self.part, V), range(N_PARTS)))


# sums may be reordered, nothing else: NaN and infinity keep their meaning
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def _add_tiles(part, points, kind, V, sums):
    """Add what the off-diagonal entries in the rows of a part, one of so many, give."""
    first, parts = part
    features, n = points.shape
    values = np.empty(_COLUMNS)
    for top in range(first * _ROWS, n, parts * _ROWS):
        for left in range(top, n, _COLUMNS):
            end = min(left + _COLUMNS, n)
            for i in range(top, min(top + _ROWS, n)):
                start = max(left, i + 1)
                count = end - start
                if count <= 0:
                    continue
                values[:count] = 0.0
                for f in range(features):
                    at, row = points[f, i], points[f, start:end]
                    for j in range(count):
                        values[j] += (row[j] - at) * (row[j] - at)
                _profile(kind, values[:count])
                for q in range(len(V)):
                    own, others, out = V[q, i], V[q, start:end], sums[q, start:end]
                    inner = 0.0
                    for j in range(count):
                        inner += values[j] * others[j]
                    for j in range(count):
                        out[j] += values[j] * own
                    sums[q, i] += inner


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _profile(kind, values):
    """Replace squared distances by kernel values."""
    if kind == 0:
        for j in range(len(values)):
            values[j] = math.exp(-0.5 * values[j])
    elif kind == 1:
        for j in range(len(values)):
            values[j] = math.exp(-math.sqrt(values[j]))
    elif kind == 2:
        for j in range(len(values)):
            distance = math.sqrt(3 * values[j])
            values[j] = (1 + distance) * math.exp(-distance)
    else:
        for j in range(len(values)):
            distance = math.sqrt(5 * values[j])
            values[j] = (1 + distance + distance * distance / 3) * math.exp(-distance)
