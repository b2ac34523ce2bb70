r"""The secular equation after a reduction to band form, without eigenvectors.

Householder reflections, applied in blocks, make a symmetric G banded,

.. math:: Q^\top G\,Q = B, \qquad B_{jk} = 0 \text{ where } |j - k| > b,

in 4/3 n^3 floating-point operations, all of them products of matrices. The
secular equation is the same for B and Q^T y, and a Cholesky factor of c I + B
costs O(n b^2). An eigendecomposition goes on to a tridiagonal matrix, half of
it in products of a matrix and a vector, and then has to find the eigenvectors.

Only the lower triangle is stored, in square tiles, each of them contiguous:
that is what lets BLAS work in place. All products go through the BLAS that
SciPy brings; NumPy brings another one, and the threads of the two in turn cost
several times the work.

References
----------
C. H. Bischof, B. Lang, X. Sun, *A framework for symmetric band reduction*,
ACM Trans. Math. Softw. 26 (2000), for the reduction; R. Schreiber and
C. Van Loan (1989) for Q = I - V T V^T; G. H. Golub and R. Underwood, *The block
Lanczos method for computing eigenvalues* (1977), for its leading rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from sdtheory.linalg.blas import times
from sdtheory.linalg.halley import MAX_EVALUATIONS, NoRootError, halley_step, middle
from sdtheory.validation import Array

_DOUBLE = np.dtype(float)
_dgemm, _dsbmv = (cast(Any, f) for f in get_blas_funcs(("gemm", "sbmv"), dtype=_DOUBLE))
_dgeqrf, _dtrtri, _dpbtrf, _dpbtrs, _dpotrf = (
    cast(Any, f)
    for f in get_lapack_funcs(("geqrf", "trtri", "pbtrf", "pbtrs", "potrf"), dtype=_DOUBLE)
)

#: Half-bandwidth up to and above `_SMALL` points: measured, with the secular equation that follows.
_WIDTHS = (32, 96)
_SMALL = 1500
#: The same for the leading rows alone, and the part of all columns that they may be: up to there
#: 2 n^2 m + 4 n m^2 operations, for products and orthogonality, are 0.56 of a whole reduction's.
_LEADING_WIDTHS = (32, 64)
PART = 4
#: A correction of unit vectors below this moves their products by its square, which is rounding.
_ONCE = 2.0**-27
#: Rows and columns of a tile.
_TILE = 288
#: Columns that are reflected one by one; wider panels go in blocks of as many.
_COLUMNS = 16
#: Random vectors that measure the backward error, and the factor that they may miss.
_PROBES, _MISSED = 8, 3.0
_TINY = float(np.finfo(float).tiny)
_POWERS = 12
#: A relative step below this is taken to first order: its square is rounding.
_NEAR = 2.0**-27


class NotPositiveDefiniteError(ArithmeticError):
    """c I + B has no Cholesky factor: an eigenvalue of G is below -c, to rounding."""


@dataclass(frozen=True)
class Reflector:
    """The orthogonal matrix I - V T V^T, on all rows from `start` on."""

    start: int
    V: Array  # (m, k)
    T: Array  # (k, k)

    def apply(self, columns: Array, *, transposed: bool) -> None:
        """Multiply columns of shape (n, p) in place, by the matrix or its transpose."""
        below = columns[self.start :]
        inner = _dgemm(1.0, self.V, below, trans_a=1)
        inner = _dgemm(1.0, self.T, inner, trans_a=int(transposed))
        below -= _dgemm(1.0, self.V, inner)


@dataclass(frozen=True)
class BandForm:
    """G = Q B Q^T with B banded.

    Attributes
    ----------
    band : ndarray of shape (b + 1, n)
        Diagonals of B, ``band[i - j, j] = B[i, j]`` for i >= j.
    size : float
        Largest eigenvalue in size; found by power iteration, a few per cent
        too small where several are close.
    """

    band: Array
    size: float
    _reflectors: tuple[Reflector, ...]

    @classmethod
    def of(cls, gram: Array, width: int | None = None) -> BandForm:
        """Reduce a symmetric matrix.

        Parameters
        ----------
        gram : ndarray of shape (n, n)
            Symmetric, contiguous, not changed. The reduction stores another
            n^2 / 2 numbers.
        width : int, optional
            Half-bandwidth b; by default what was measured to be fastest.
        """
        n = len(gram)
        width = (_WIDTHS[0] if n <= _SMALL else _WIDTHS[1]) if width is None else width
        columns = gram if gram.flags.f_contiguous else gram.T
        band, reflectors = _reduced(columns, width)
        return cls(band, _size(band), reflectors)

    def measured(self, gram: Array) -> float:
        """Return an estimate from above of ``||Q^T G Q - B||``.

        Three times what two steps of power iteration show, which cost two
        products with the matrix that was reduced.
        """
        columns = gram if gram.flags.f_contiguous else gram.T
        probes = np.random.default_rng(0).standard_normal((self.n, _PROBES))
        v, error = np.asfortranarray(probes), 0.0
        for _ in range(2):  # power iteration with E = Q^T G Q - B
            v /= np.maximum(np.linalg.norm(v, axis=0), _TINY)
            v = self.rotate(_dgemm(1.0, columns, self.restore(v))) - self.product(v)
            error = _MISSED * float(np.max(np.linalg.norm(v, axis=0)))
        return error

    @property
    def n(self) -> int:
        """Number of columns of B."""
        return self.band.shape[1]

    def rotate(self, columns: Array) -> Array:
        """Return Q^T times columns of shape (n, p)."""
        rotated = np.array(columns, order="F")
        for reflector in self._reflectors:
            reflector.apply(rotated, transposed=True)
        return rotated

    def restore(self, columns: Array) -> Array:
        """Return Q times columns of shape (n, p)."""
        restored = np.array(columns, order="F")
        for reflector in reversed(self._reflectors):
            reflector.apply(restored, transposed=False)
        return restored

    def product(self, columns: Array) -> Array:
        """Return B times columns of shape (n, p)."""
        result = np.empty(columns.shape, order="F")
        for k, column in enumerate(columns.T):
            result[:, k] = _dsbmv(len(self.band) - 1, 1.0, self.band, column, lower=1)
        return result

    def shifted(self, c: float) -> Shifted:
        """Factorise c I + B.

        Raises
        ------
        NotPositiveDefiniteError
            If it is not positive definite, to rounding.
        """
        band = self.band.copy(order="F")
        band[0] += c
        factor, info = _dpbtrf(band, lower=1, overwrite_ab=1)
        if info != 0:
            raise NotPositiveDefiniteError
        return Shifted(self, c, factor)

    def defect(self, c: float, columns: Array, residual: Array) -> float:
        """Return ||F|| for the smallest F with c (c I + B + F)^{-1} columns = residual."""
        u = residual / c
        length = float(np.linalg.norm(u))
        missing = float(np.linalg.norm(columns - residual - self.product(u)))
        return missing / length if length > 0 else 0.0

    def passed_on(self, residual: Array) -> float:
        """Return ||F w|| / ||w|| for the residual w, with F what the band form leaves out of G."""
        return 0.0

    def smallest_eigenvalue(self, c: float) -> float:
        """Return the smallest eigenvalue, to some per cent, where it is below -c < 0."""
        low, high = c, c
        while True:
            high *= 2
            try:
                self.shifted(high)
                break
            except NotPositiveDefiniteError:
                low = high
        while high > 1.05 * low:
            middle = math.sqrt(low * high)
            try:
                self.shifted(middle)
                high = middle
            except NotPositiveDefiniteError:
                low = middle
        return -high


@dataclass(frozen=True)
class LeadingForm(BandForm):
    r"""The first m columns of a band form that starts from the labels.

    With Q of shape (n, m) and N the b columns that would follow,

    .. math:: G\,Q = Q\,B + N\,C\,E^\top,

    where E picks the last b rows. What is solved with B solves the equation
    with G up to C times those rows, which fall off from block to block.

    Attributes
    ----------
    band : ndarray of shape (b + 1, m)
    """

    _basis: Array  # (n, m)
    _coupling: Array  # (b, b)
    _following: Array  # (n, b): N

    @classmethod
    def growing(cls, gram: Array, labels: Array, width: int | None = None) -> Iterator[LeadingForm]:
        """Yield the forms of two, four, ... blocks, up to a part of all columns.

        Parameters
        ----------
        gram : ndarray of shape (n, n)
            Symmetric, contiguous, not changed.
        labels : ndarray of shape (n, q)
        width : int, optional
            Half-bandwidth b.
        """
        n, q = labels.shape
        if width is None:
            width = _LEADING_WIDTHS[0] if n <= _SMALL else _LEADING_WIDTHS[1]
        width = max(width, q)
        columns = gram if gram.flags.f_contiguous else gram.T
        most = min(n // PART, n - width) // width // 2 * 2
        if most < 2:
            return
        basis = np.empty((n, (most + 1) * width), order="F")
        band = np.zeros((width + 1, most * width), order="F")
        # the other columns make it find the largest eigenvalues while the labels' part is small
        others = np.random.default_rng(0).standard_normal((n, width - q))
        basis[:, :width] = _orthonormal(np.concatenate([labels, others], axis=1))[0]
        for count in range(1, most + 1):
            at, end = (count - 1) * width, count * width
            Q = basis[:, :end]
            image = _dgemm(1.0, columns, Q[:, at:])
            inner = times(Q.T, image)
            _store(band, at, inner[at:], 0)
            following, coupling = _orthonormal(image - times(Q, inner))
            while True:  # at length one: rounding leads back into Q where G leads nowhere new
                inner = times(Q.T, following)
                following -= times(Q, inner)
                if np.max(np.abs(inner)) <= _ONCE:
                    break
                following, again = _orthonormal(following)
                coupling = times(again, coupling)
            basis[:, end : end + width] = following
            if count % 2 == 0:
                leading = band[:, :end]
                N = basis[:, end : end + width]
                yield cls(leading, _size(leading), (), Q, coupling, N)
            if count < most:
                _store(band, at, coupling, width)

    def rotate(self, columns: Array) -> Array:
        """Return Q^T times columns of shape (n, p)."""
        return times(self._basis.T, columns)

    def restore(self, columns: Array) -> Array:
        """Return Q times columns of shape (m, p)."""
        return times(self._basis, columns)

    def passed_on(self, residual: Array) -> float:
        """Return ||C E^T w|| / ||w||: how far w misses the rows that were left out."""
        last = residual[len(residual) - len(self._coupling) :]
        length = float(np.linalg.norm(residual))
        return float(np.linalg.norm(times(self._coupling, last))) / length if length > 0 else 0.0

    def measured(self, gram: Array) -> float:
        """Return an estimate from above of ||G Q - Q B - N C E^T|| + ||B|| ||Q^T Q - I||."""
        columns, b = gram if gram.flags.f_contiguous else gram.T, len(self._coupling)
        v, error = np.random.default_rng(0).standard_normal((self.n, _PROBES)), 0.0
        for _ in range(2):
            v = v / np.maximum(np.linalg.norm(v, axis=0), _TINY)
            restored = self.restore(v)
            missing = _dgemm(1.0, columns, restored) - self.restore(self.product(v))
            missing -= times(self._following, times(self._coupling, v[-b:]))
            skewed = self.rotate(restored) - v
            sizes = np.linalg.norm(missing, axis=0) + self.size * np.linalg.norm(skewed, axis=0)
            error = _MISSED * float(np.max(sizes))
            v = self.rotate(missing) + self.size * skewed
        return error


def is_positive_definite(gram: Array, shift: float) -> bool:
    """Return whether gram + shift I has a Cholesky factor, to rounding.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        Symmetric, contiguous.
    shift : float
    """
    shifted = np.array(gram if gram.flags.f_contiguous else gram.T, order="F")
    shifted[np.diag_indices_from(shifted)] += shift
    _, info = _dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
    return info == 0


def _orthonormal(block: Array) -> tuple[Array, Array]:
    """Return Q and R with block = Q R; orthonormal columns even where R is singular."""
    k = block.shape[1]
    packed = np.array(block, order="F")
    factors = _factorised(packed)
    R = np.asfortranarray(np.triu(packed[:k]))
    V, T = _compact(packed, factors)
    Q = _dgemm(-1.0, V, _dgemm(1.0, T, np.asfortranarray(V[:k].T)))
    Q[range(k), range(k)] += 1.0
    return Q, R


def _size(band: Array) -> float:
    v, size = np.random.default_rng(0).standard_normal(band.shape[1]), 0.0
    for _ in range(_POWERS):
        v = _dsbmv(len(band) - 1, 1.0, band, v / max(float(np.linalg.norm(v)), _TINY), lower=1)
        size = float(np.linalg.norm(v))
    return size


@dataclass(frozen=True)
class Shifted:
    """The Cholesky factor of c I + B."""

    form: BandForm
    c: float
    _factor: Array

    def residual(self, columns: Array) -> Array:
        """Return c (c I + B)^{-1} times columns of shape (n, p)."""
        solution, _ = _dpbtrs(self._factor, columns, lower=1)
        return self.c * solution

    def fit(self, columns: Array, residual: Array) -> Array:
        """Return B (c I + B)^{-1} times columns, from their residual.

        The difference has an error of machine epsilon times the columns, the
        product of that times ||B||/c: each is taken where it is the better.
        """
        if self.c < self.form.size:
            return columns - residual
        return self.form.product(residual) / self.c


@dataclass(frozen=True)
class Root:
    """A multiplier and what the next round needs of it.

    Attributes
    ----------
    c : float
    residual, fit : ndarray of shape (n, q)
        ``w = c (c I + B)^{-1} y`` and ``B (c I + B)^{-1} y``.
    shrunk : ndarray of shape (n, q)
        ``B (c I + B)^{-1} w``, which is ``dw / dlog c``.
    steepness : float
        ``w^T shrunk / rho^2``: half of the relative change of ``||w||^2`` per
        relative change of c.
    shifted : Shifted
        The factor next to c.
    error : float
        Relative error of c that the iteration leaves, besides rounding.
    evaluations : int
    """

    c: float
    residual: Array
    fit: Array
    shrunk: Array
    steepness: float
    shifted: Shifted
    error: float
    evaluations: int


def solve(
    form: BandForm,
    y: Array,
    excess: float,
    rho2: float,
    *,
    start: float | None,
    noise: float = 0.0,
) -> Root:
    """Solve the secular equation ||w||^2 = rho^2 in c.

    As in `sdtheory.multiplier`: Halley's method on 1/||w|| in mu = 1/c, and the
    geometric middle where a step leaves the bracket, which the sign of the
    residual alone maintains.

    Parameters
    ----------
    form : BandForm
    y : ndarray of shape (n, q)
        Labels, rotated.
    excess : float
        ||y||^2 - rho^2, positive.
    rho2 : float
    start : float, optional
        First c to try.
    noise : float, optional
        Steps up to this size, relative to c, may end the iteration where they
        no longer shrink: what is left is rounding.

    Raises
    ------
    NotPositiveDefiniteError
        If c I + B stops being positive definite before c is small enough.
    NoRootError
        If the iteration does not settle.
    """
    if start is None:
        # the first step of Newton's method from mu = 0
        mean = float(np.sum(y * form.product(y))) / (excess + rho2)
        mu = excess / rho2 / (1 + math.sqrt(1 + excess / rho2)) / mean if mean > 0 else math.inf
        if not 0 < mu < math.inf:
            mu = 1 / form.size
    else:
        mu = 1 / start

    low, high = 0.0, math.inf
    before = math.inf
    for evaluations in range(1, MAX_EVALUATIONS + 1):
        try:
            shifted = form.shifted(1 / mu)
        except NotPositiveDefiniteError:
            high = mu
            if high < 1.01 * low:
                raise
            mu = float(middle(low, high))
            continue
        w = shifted.residual(y)
        fit = shifted.fit(y, w)
        shrunk = shifted.fit(w, shifted.residual(w))
        if excess < rho2:
            # energy - S is a sum of like terms where S - rho^2 would cancel; see `multiplier`
            relative = (excess - float(np.sum(fit * (y + w)))) / rho2
        else:
            relative = float(np.sum(w * w)) / rho2 - 1
        steepness = float(np.sum(w * shrunk)) / rho2
        curving = float(np.sum(shrunk * shrunk)) / rho2
        if not (steepness > 0 and math.isfinite(relative)):
            break
        low, high = (max(low, mu), high) if relative > 0 else (low, min(high, mu))
        step = float(halley_step(relative, 1 + relative, steepness, curving))
        stalled = before / 2 < abs(step) <= noise
        before = abs(step)
        if abs(step) <= _NEAR or stalled:
            # dw / dlog mu = -shrunk: to first order, which leaves step^2
            rounding = 2 * float(np.finfo(float).eps) * min(excess / rho2, 1.0)
            return Root(
                c=1 / (mu * (1 + step)),
                residual=w - step * shrunk,
                fit=fit + step * shrunk,
                shrunk=shrunk,
                steepness=steepness,
                shifted=shifted,
                error=rounding / steepness + (abs(step) if stalled else step * step),
                evaluations=evaluations,
            )
        following = mu * (1 + step)
        if not low < following < high:
            following = float(middle(low, high))
        if following == mu:
            break
        mu = following
    raise NoRootError


def _reduced(columns: Array, width: int) -> tuple[Array, tuple[Reflector, ...]]:
    """Return the band and the reflectors, in the order in which G was multiplied by them."""
    n = len(columns)
    tile = max(_TILE // width, 1) * width
    edges = [*range(0, n, tile), n]
    pieces = [slice(a, b) for a, b in pairwise(edges)]
    # tiles[j][i]: rows of piece j + i, columns of piece j; what is left of them, once j is first
    tiles = [
        [np.array(columns[rows, cols], order="F") for rows in pieces[j:]]
        for j, cols in enumerate(pieces)
    ]
    band = np.zeros((width + 1, n), order="F")
    reflectors = []
    at = 0
    while True:
        first = tiles[0]
        k = min(width, len(first[0]))
        _store(band, at, first[0][:k, :k], 0)
        if at + k == n:
            return band, tuple(reflectors)
        panel = np.asfortranarray(np.concatenate([first[0][k:], *first[1:]])[:, :k])
        tau = _factorised(panel)
        _store(band, at, panel, k)
        V, T = _compact(panel[:, : len(tau)], tau)
        at += k
        reflectors.append(Reflector(at, V, T))
        if k < len(first[0]):
            tiles[0] = [np.asfortranarray(first[0][k:, k:]), *(a[:, k:] for a in first[1:])]
        else:
            tiles.pop(0)
        _conjugate(tiles, V, T)


def _store(band: Array, at: int, block: Array, offset: int) -> None:
    """Copy the lower (offset 0), or, `offset` rows below the diagonal, the upper triangle."""
    for j in range(block.shape[1]):
        if offset == 0:
            band[: len(block) - j, at + j] = block[j:, j]
        else:
            rows = min(j + 1, len(block))
            band[offset - j : offset - j + rows, at + j] = block[:rows, j]


def _factorised(panel: Array) -> Array:
    """Replace the panel by its R and reflectors, as LAPACK stores them; return their factors.

    LAPACK's own routine works column by column, in products of a matrix and a
    vector, up to 128 columns.
    """
    size = min(panel.shape)
    factors = np.empty(size)
    for start in range(0, size, _COLUMNS):
        stop = min(start + _COLUMNS, size)
        packed, factors[start:stop], _, _ = _dgeqrf(
            np.array(panel[start:, start:stop], order="F"), overwrite_a=1
        )
        panel[start:, start:stop] = packed
        if stop < panel.shape[1]:
            V, T = _compact(packed, factors[start:stop])
            rest = np.asfortranarray(panel[start:, stop:])
            inner = _dgemm(1.0, T, _dgemm(1.0, V, rest, trans_a=1), trans_a=1)
            panel[start:, stop:] = _dgemm(-1.0, V, inner, 1.0, rest, overwrite_c=1)
    return factors


def _compact(packed: Array, factors: Array) -> tuple[Array, Array]:
    """Return V and T of I - V T V^T for reflectors as LAPACK stores them; V overwrites them."""
    k = len(factors)
    V = packed
    V[:k] = np.tril(V[:k], -1)
    V[range(k), range(k)] = 1.0
    none = factors == 0
    V[:, none] = 0.0
    # T^{-1} + T^{-T} = V^T V
    inverse = np.triu(_dgemm(1.0, V, V, trans_a=1), 1)
    inverse[range(k), range(k)] = 1 / np.where(none, 1.0, factors)
    T, _ = _dtrtri(np.asfortranarray(inverse), overwrite_c=1)
    return V, T


def _conjugate(tiles: list[list[Array]], V: Array, T: Array) -> None:
    """Overwrite A by Q^T A Q = A - V X^T - X V^T, where A V T = X + V T^T (V^T A V) T / 2."""
    k = V.shape[1]
    ends = np.cumsum([len(a) for a in tiles[0]])
    pieces = [slice(end - len(a), end) for a, end in zip(tiles[0], ends.tolist(), strict=True)]
    Vs = [np.asfortranarray(V[rows]) for rows in pieces]
    products = [np.zeros_like(v) for v in Vs]
    for j, column in enumerate(tiles):
        for i, a in enumerate(column, j):
            _dgemm(1.0, a, Vs[j], 1.0, products[i], overwrite_c=1)
            if i > j:
                _dgemm(1.0, a, Vs[i], 1.0, products[j], trans_a=1, overwrite_c=1)
    Y = _dgemm(1.0, np.asfortranarray(np.concatenate(products)), T)
    inner = _dgemm(-0.5, T, _dgemm(1.0, V, Y, trans_a=1), trans_a=1)
    X = _dgemm(1.0, V, inner, 1.0, Y, overwrite_c=1)
    left = [np.empty((len(v), 2 * k), order="F") for v in Vs]
    right = [np.empty_like(a) for a in left]
    for rows, v, a, b in zip(pieces, Vs, left, right, strict=True):
        a[:, :k], a[:, k:] = v, X[rows]
        b[:, :k], b[:, k:] = X[rows], v
    for j, column in enumerate(tiles):
        for i, a in enumerate(column, j):
            _dgemm(-1.0, left[i], right[j], 1.0, a, trans_b=1, overwrite_c=1)
