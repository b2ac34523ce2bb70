r"""Products with G = k(x, x) / n that need not store G.

`of` chooses sums, O(n), for two Green's functions on a line. For all other kernels it
stores the matrix of few points, and has tiles for more. A fixed number of tiles is kept
from product to product.

The sums integrate instead of evaluating the kernel. With point loads v_k / n
at the x_k, the bridge's product solves

.. math:: -b'' = \tfrac1n \sum_k v_k\, \delta_{x_k}, \qquad b(0) = b(1) = 0,

so that b' falls by v_k / n at x_k; and the beam's solves -f'' = b with the
same conditions, where b is linear between points.
"""

from __future__ import annotations

import functools
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from operator import call
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from sdtheory.kernels import (
    BrownianBridge,
    Kernel,
    SimplySupportedBeam,
    check_callable,
    evaluated,
)
from sdtheory.linalg import scheduling
from sdtheory.linalg.blas import symmetric_times
from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_gram,
    as_inputs,
    as_real_array,
    machine_epsilon,
)

_LOGGER = logging.getLogger(__name__)
#: Rows and columns of a tile: it and its temporaries stay in the cache.
_TILE = 256
#: Parts that tiles are dealt to, for workers.
N_PARTS = 16
#: Kernel values that one operator keeps between products (2^26 are 512 MiB): all of one triangle
#: up to n = 11000, a part of it beyond.
_KEPT = 2**26
#: Points from which there are tiles, which threads share; the matrix of fewer takes 32 MB.
_THREADED = 2000
#: Least 1^T G 1 / n for which sums are taken, by order; on a uniform grid it is 1/12 and 1/120.
#: Their error is of the size of rounding against the kernel's largest value, not against ||G||.
_LEAST = {1: 1e-3, 2: 1e-4}
_UNIFORM = {1: 1 / 12, 2: 1 / 120}
#: Kernels with an equation on a line.
_LINES = BrownianBridge | SimplySupportedBeam
#: Maps V of shape (n, p) to G V.
Product = Callable[[Array], Array]


def of(kernel: Kernel, x: Any, scheduler: str | None = None) -> Product:
    """Return the product with k(x, x) / n, for checked arguments of `KernelOperator`."""
    if isinstance(kernel, _LINES):
        sums = Sums.through(kernel._points(x, "x"), 1 if isinstance(kernel, BrownianBridge) else 2)
        if sums.size >= _LEAST[sums.order]:
            return sums
    if scheduler is None and x.shape[0] < _THREADED:
        matrix = as_gram(evaluated(kernel, x, x) / x.shape[0], copy=False)
        return functools.partial(symmetric_times, matrix)
    return Tiles(x, kernel, scheduler)


@dataclass(frozen=True)
class Tiles:
    """Tiles of the upper triangle, each used twice in a product.

    The first ones, `_KEPT` values, are kept for the next product; the others are evaluated
    again. Tiles are grouped into parts, which are added in order. So the bits do not depend
    on the worker that computes a part. Workers of a scheduler keep no tiles.
    """

    x: Any
    kernel: Kernel
    scheduler: str | None = None
    _kept: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept tiles behind: they are as cheap to evaluate as to send."""
        return {"x": self.x, "kernel": self.kernel, "scheduler": self.scheduler, "_kept": {}}

    @cached_property
    def _room(self) -> Array:
        """Where tiles are kept: one array, which has large pages of memory, is read faster."""
        count = -(-self.x.shape[0] // _TILE)
        kept = min(count * (count + 1) // 2, _KEPT // _TILE**2) if self.scheduler is None else 0
        return np.empty((kept, _TILE, _TILE))

    def __call__(self, V: Array) -> Array:
        """Multiply, part by part."""
        parts = [functools.partial(self.part, V, k) for k in range(N_PARTS)]
        if self.scheduler is None:
            found = _in_threads(parts)
        else:
            found = scheduling.run(parts, scheduler=self.scheduler)
        return functools.reduce(np.add, found) / len(V)

    def part(self, V: Array, k: int) -> Array:
        """Return what every `N_PARTS`-th row of tiles adds, from row k on."""
        n = len(V)
        product = np.zeros(V.shape)
        pieces = [slice(i, min(i + _TILE, n)) for i in range(0, n, _TILE)]
        for i in range(k, len(pieces), N_PARTS):
            rows = pieces[i]
            for columns in pieces[i:]:
                _multiply(self._tile(rows, columns), rows, columns, V, product)
        return product

    def _tile(self, rows: slice, columns: slice) -> Array:
        i, j = rows.start // _TILE, columns.start // _TILE
        place = j * (j + 1) // 2 + i
        if place in self._kept:
            return self._kept[place]
        tile = evaluated(self.kernel, self.x[rows], self.x[columns])
        tile = tile.astype(float, order="C", copy=False)
        if place < len(self._room):
            # in the layout of the tile, on which the bits depend
            kept = self._room[place].ravel()[: tile.size].reshape(tile.shape)
            kept[:] = tile
            self._kept[place] = tile = kept
        return tile


def _multiply(tile: Array, rows: slice, columns: slice, V: Array, product: Array) -> None:
    """Add what a tile and its mirror image contribute to a product with V."""
    # by `dot`: with a few hundred rows `@` keeps all other threads of Python waiting
    product[rows] += np.dot(tile, V[columns])
    if columns != rows:
        product[columns] += np.dot(tile.T, V[rows])


def _in_threads(tasks: list[Callable[[], Array]]) -> list[Array]:
    """Run tasks in as many threads as there are cores, with one thread of BLAS in each."""
    with one_thread():
        return list(_pool(os.getpid()).map(call, tasks))


@functools.cache
def _pool(process: int) -> Any:
    """Return the threads of this process; one that was forked has none of its parent's."""
    del process
    # imported here: the library must load where there are no threads
    pools = import_module("concurrent.futures")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return pools.ThreadPoolExecutor(cores)


def one_thread() -> Any:
    """Return a context in which the BLAS have one thread, which waits for no other."""
    return _libraries().limit(limits=1)


@functools.cache
def _libraries() -> Any:
    return import_module("threadpoolctl").ThreadpoolController()


@dataclass(frozen=True)
class Sums:
    """Two prefix sums for the bridge (order 1), four for the beam (order 2).

    Attributes
    ----------
    order : {1, 2}
    ascending : ndarray of int of shape (n,)
        Order of the inputs.
    x : ndarray of shape (n,)
        Ascending.
    gaps : ndarray of shape (n + 1, 1)
        Distances of neighbouring inputs, the ends 0 and 1 included.
    """

    order: int
    ascending: NDArray[np.intp]
    x: Array
    gaps: Array

    @classmethod
    def through(cls, x: Array, order: int) -> Sums:
        """Sort inputs of shape (n,) in [0, 1]."""
        ascending = np.argsort(x, kind="stable")
        gaps = np.diff(np.concatenate([[0.0], x[ascending], [1.0]]))
        return cls(order, ascending, x[ascending], gaps[:, None])

    @cached_property
    def size(self) -> float:
        """1^T G 1 / n."""
        return float(np.mean(self(np.ones((len(self.x), 1)))))

    def __call__(self, V: Array) -> Array:
        """Multiply by integrating the loads V / n."""
        x, h = self.x[:, None], self.gaps
        loads = V[self.ascending] / len(x)
        first = np.sum((1 - x) * loads, axis=0, keepdims=True)
        f = _prefix_sums(h * np.concatenate([first, first - _prefix_sums(loads)]))[:-1]
        if self.order == 2:
            moment = np.pad(f, ((1, 1), (0, 0)))
            left, right = moment[:-1], moment[1:]
            fall = _prefix_sums(h * (left + right) / 2)
            slope = np.concatenate([np.zeros_like(first), -fall[:-1]])
            # f with f'(0) = 0, and the line that makes f(1) = 0
            f = _prefix_sums(h * slope - h * h * (left / 3 + right / 6))
            f = f[:-1] - x * f[-1]
        product = np.empty_like(f)
        product[self.ascending] = f
        return product


def _multiplied(kernel: Kernel, x: Any, X: Array, product: Callable[[], Product]) -> Array:
    """Return k(x, x) X / n; its arguments but the last are what a memory knows it by."""
    del kernel, x
    return product()(X)


def _prefix_sums(a: Array) -> Array:
    """Return cumulative sums over the first axis, whose error grows with its square root only."""
    n, *rest = a.shape
    length = max(math.isqrt(n), 1)
    blocks = np.zeros((-(-n // length), length, *rest))
    blocks.reshape(-1, *rest)[:n] = a
    np.cumsum(blocks, axis=1, out=blocks)
    blocks[1:] += np.cumsum(blocks[:-1, -1], axis=0)[:, None]
    return blocks.reshape(-1, *rest)[:n]


class KernelOperator(LinearOperator):
    """G = k(x, x) / n as an operator that multiplies without storing G.

    A product takes O(n) for `BrownianBridge` and `SimplySupportedBeam`, whose
    equation it integrates, and n^2 / 2 kernel evaluations for all others. Up to
    512 MiB of kernel values are kept for the next product. From 2000 points on,
    all cores share the work, each in a thread.

    Parameters
    ----------
    kernel : GreensFunction, scikit-learn kernel or callable
        Symmetric; maps (m, p) and (n, p) inputs to the (m, n) matrix of
        kernel values.
    x : array_like of shape (n,) or (n, p), or sparse matrix of shape (n, p)
        Training inputs; sparse where the kernel takes that.
    weights : array_like of shape (n,), optional
        Positive. G is ``sqrt(w_j w_k) k(x_j, x_k) / n`` then; with labels
        ``sqrt(w) y`` the residual is that of y, in a weighted mean.
    scheduler : str, optional
        Address of a Dask scheduler (extra ``scale``) whose workers share the
        tiles of every product, with the bits that threads give.
    memory : joblib.Memory or compatible, optional
        Keeps products, so that chains from the same labels share them.

    Raises
    ------
    InvalidInputError
        If inputs or weights are unusable or the kernel is not callable. A
        product raises it if the kernel returns a wrong shape or type, or the
        scheduler does not answer.
    """

    def __init__(
        self,
        kernel: Kernel,
        x: Any,
        *,
        weights: ArrayLike | None = None,
        scheduler: str | None = None,
        memory: Any = None,
    ) -> None:
        self.kernel = kernel
        self.memory = memory
        self.scheduler = scheduler
        self.x = x.tocsr() if scipy.sparse.issparse(x) else as_inputs(x)
        n = self.x.shape[0]
        check_callable(kernel)
        self.weighted, self._root = weights is not None, None
        if weights is not None:
            values = as_real_array(weights, "weights", ndim=(1,))
            if len(values) != n or not np.all(values > 0):
                raise InvalidInputError(
                    f"weights must be {n} positive numbers, one for each point, but have shape "
                    f"{values.shape} and a smallest entry of {values.min():.3g}. Leave out points "
                    f"without weight."
                )
            self._root = np.sqrt(values)
        super().__init__(np.dtype(float), (n, n))

    def matrix(self) -> Array:
        """Return all entries of G."""
        entries = evaluated(self.kernel, self.x, self.x) / self.x.shape[0]
        if self._root is not None:
            weighted = self._root[:, None] * entries * self._root
            entries = weighted.astype(entries.dtype, copy=False)  # single precision stays visible
        return as_gram(entries, copy=False)

    @cached_property
    def ulp(self) -> float:
        """Machine epsilon of the kernel's values."""
        kernel = getattr(self.kernel, "uncast", self.kernel)  # of a wrapper that casts to double
        with np.errstate(all="ignore"):  # what is not finite is reported by those who evaluate all
            value = kernel(self.x[:1], self.x[:1])
        return float(machine_epsilon(value))

    @cached_property
    def precision(self) -> float:
        """Machine epsilon of the products; larger than `ulp` where sums lose digits."""
        if not (isinstance(self.kernel, _LINES) and isinstance(self._product, Sums)):
            return self.ulp
        return self.ulp * max(1.0, _UNIFORM[self._product.order] / self._product.size)

    @cached_property
    def _product(self) -> Product:
        return of(self.kernel, self.x, self.scheduler)

    def _matmat(self, X: Array) -> Array:
        _LOGGER.debug("a product with the kernel of %d points", len(X))
        if self._root is not None:
            X = self._root[:, None] * X
        if self.memory is None:
            found = self._product(X)
        else:
            kept = self.memory.cache(_multiplied, ignore=["product"])
            found = kept(self.kernel, self.x, X, lambda: self._product)
        return found if self._root is None else self._root[:, None] * found

    def _adjoint(self) -> Any:
        return self
