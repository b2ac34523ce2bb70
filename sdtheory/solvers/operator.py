r"""Products with G = k(x, x) / n that need not store G.

`of` chooses sums, O(n), for two Green's functions on a line, and tiles for all
other kernels. A fixed number of tiles is kept from product to product.

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
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.linalg import scheduling
from sdtheory.linalg.blas import times
from sdtheory.validation import Array, InvalidInputError, as_inputs, machine_epsilon

_LOGGER = logging.getLogger(__name__)
#: Rows and columns of a tile: its temporaries stay in the cache.
_TILE = 256
#: Parts that tiles are dealt to, for workers.
N_PARTS = 16
#: Kernel values that one operator keeps between products (2^26 are 512 MiB): all of one triangle
#: up to n = 11000, a part of it beyond.
_KEPT = 2**26
#: Points from which tiles are shared by threads.
_THREADED = 2000
#: Least 1^T G 1 / n for which sums are taken, by order; on a uniform grid it is 1/12 and 1/120.
#: Their error is of the size of rounding against the kernel's largest value, not against ||G||.
_LEAST = {1: 1e-3, 2: 1e-4}
_UNIFORM = {1: 1 / 12, 2: 1 / 120}


class Product(Protocol):
    """Maps V of shape (n, p) to G V."""

    def __call__(self, V: Array, /) -> Array:
        """Multiply."""
        ...


def of(kernel: Callable[[Any, Any], Any], x: Array, scheduler: str | None = None) -> Product:
    """Return the product with k(x, x) / n.

    Parameters
    ----------
    kernel : callable
        Symmetric; maps (m, p) and (n, p) inputs to the (m, n) matrix of
        kernel values.
    x : ndarray of shape (n, p)
    scheduler : str, optional
        Address of a Dask scheduler whose workers share the tiles.
    """
    if isinstance(kernel, BrownianBridge | SimplySupportedBeam):
        sums = Sums.through(kernel._points(x, "x"), 1 if isinstance(kernel, BrownianBridge) else 2)
        size = float(np.mean(sums(np.ones((len(x), 1)))))
        if size >= _LEAST[sums.order]:
            return sums
    return Tiles(x, kernel, scheduler)


@dataclass(frozen=True)
class Tiles:
    """Tiles of the upper triangle, each used twice in a product.

    The first ones, `_KEPT` values, are kept for the next product; the others are evaluated
    again. Tiles are grouped into parts, which are added in order. So the bits do not depend
    on the worker that computes a part.

    Attributes
    ----------
    x : ndarray of shape (n, p)
    kernel : callable
    scheduler : str, optional
        Its workers keep no tiles.
    """

    x: Array
    kernel: Callable[[Any, Any], Any]
    scheduler: str | None = None
    _kept: dict[tuple[int, int], Array] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept tiles behind: they are as cheap to evaluate as to send."""
        return vars(self) | {"_kept": {}}

    def __call__(self, V: Array) -> Array:
        """Multiply, part by part."""
        parts = [functools.partial(self.part, V, k) for k in range(N_PARTS)]
        if self.scheduler is None and len(self.x) >= _THREADED:
            found = _in_threads(parts)
        else:
            found = scheduling.run(parts, scheduler=self.scheduler)
        return functools.reduce(np.add, found) / len(self.x)

    def part(self, V: Array, k: int) -> Array:
        """Return what every `N_PARTS`-th row of tiles adds, from row k on."""
        n = len(self.x)
        product = np.zeros((n, V.shape[1]))
        pieces = [slice(i, min(i + _TILE, n)) for i in range(0, n, _TILE)]
        for i in range(k, len(pieces), N_PARTS):
            rows = pieces[i]
            for columns in pieces[i:]:
                tile = self._tile(rows, columns)
                product[rows] += times(tile, V[columns])
                if columns != rows:
                    product[columns] += times(tile.T, V[rows])
        return product

    def _tile(self, rows: slice, columns: slice) -> Array:
        place = rows.start, columns.start
        if place in self._kept:
            return self._kept[place]
        tile = self._evaluated(rows, columns)
        if self.scheduler is None and (len(self._kept) + 1) * _TILE**2 <= _KEPT:
            self._kept[place] = tile
        return tile

    def _evaluated(self, rows: slice, columns: slice) -> Array:
        expected = (rows.stop - rows.start, columns.stop - columns.start)
        tile = np.asarray(self.kernel(self.x[rows], self.x[columns]))
        if tile.dtype.kind not in "fiub":
            raise InvalidInputError(
                f"kernel returned values of dtype {tile.dtype}. It must return real numbers."
            )
        if tile.shape != expected:
            raise InvalidInputError(
                f"kernel returned shape {tile.shape} instead of {expected}. "
                f"It must evaluate all pairs of its two arguments' rows."
            )
        return tile.astype(float, copy=False)


def _in_threads(tasks: list[Callable[[], Array]]) -> list[Array]:
    """Run tasks in as many threads as there are cores, with one thread of BLAS in each."""
    # imported here: the library must load where there are no threads
    pools = import_module("concurrent.futures")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with pools.ThreadPoolExecutor(cores) as pool, _libraries().limit(limits=1):
        return list(pool.map(lambda task: task(), tasks))


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


def _multiplied(
    kernel: Callable[[Any, Any], Any], x: Array, X: Array, product: Callable[[], Product]
) -> Array:
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
    all cores evaluate the kernel, each in a thread.

    Parameters
    ----------
    kernel : GreensFunction, scikit-learn kernel or callable
        Symmetric; maps (m, p) and (n, p) inputs to the (m, n) matrix of
        kernel values.
    x : array_like of shape (n,) or (n, p)
        Training inputs.
    scheduler : str, optional
        Address of a Dask scheduler (extra ``scale``) whose workers share the
        tiles of every product, with the same bits.
    memory : joblib.Memory or compatible, optional
        Keeps products, so that chains from the same labels share them.

    Raises
    ------
    InvalidInputError
        If the inputs are unusable or the kernel is not callable. A product
        raises it if the kernel returns a wrong shape or type, or the scheduler
        does not answer.
    """

    def __init__(
        self,
        kernel: Callable[[Any, Any], Any],
        x: ArrayLike,
        *,
        scheduler: str | None = None,
        memory: Any = None,
    ) -> None:
        self.kernel = kernel
        self.memory = memory
        self.scheduler = scheduler
        self.x = as_inputs(x)
        if not callable(kernel) or isinstance(kernel, type):
            raise InvalidInputError(
                f"kernel must be callable as kernel(X, Y), but is {kernel!r}. Pass an instance "
                f"of a Green's function of sdtheory.kernels or of a scikit-learn kernel."
            )
        super().__init__(np.dtype(float), (len(self.x), len(self.x)))

    @cached_property
    def precision(self) -> float:
        """Machine epsilon of the kernel's values; larger where sums lose digits."""
        kernel = getattr(self.kernel, "uncast", self.kernel)  # of a wrapper that casts to double
        ulp = float(machine_epsilon(kernel(self.x[:1], self.x[:1])))
        if isinstance(self._product, Sums):
            size = float(np.mean(self._product(np.ones((len(self.x), 1)))))
            ulp *= max(1.0, _UNIFORM[self._product.order] / size)
        return ulp

    @cached_property
    def _product(self) -> Product:
        return of(self.kernel, self.x, self.scheduler)

    def _matmat(self, X: Array) -> Array:
        _LOGGER.debug("a product with the kernel of %d points", len(self.x))
        if self.memory is None:
            return self._product(X)
        return self.memory.cache(_multiplied, ignore=["product"])(
            self.kernel, self.x, X, lambda: self._product
        )

    def _matvec(self, x: Array) -> Array:
        return self._matmat(x.reshape(-1, 1))

    def _rmatvec(self, x: Array) -> Array:
        return self._matvec(x)
