r"""Gauss quadrature from a Lanczos run: the recursion from a few products with G.

Everything about a trajectory is a quadratic form y^T f(G) y in the labels.
Lanczos' method from the labels, with full reorthogonalisation, compresses G to
a small matrix. The eigenvalues and weights of this matrix T are the nodes and
weights of the Gauss rule for those forms. One more row, chosen so that T is singular, gives the
Gauss-Radau rule with a node at 0. Several outputs take one run each, and the sum
of their rules, because the rules of one block run do not enclose. Where the
derivatives of F alternate in sign on x >= 0, the two rules enclose the form:

.. math:: F_{\text{Gauss}} \le y^\top F(G)\,y \le F_{\text{Radau}} .

That covers the first secular equation, F = h^2 with h(x) = c / (c + x), for
every c. Later rounds multiply by (1 - h_i)^2, which does not alternate. But it is
a difference p_1 - p_2 of sums of products of the h, and these alternate. As
p_1 + p_2 replaces every minus by a plus,

.. math:: \Bigl| y^\top f(G)\,y - \tfrac12 (f_{\text{Gauss}} + f_{\text{Radau}}) \Bigr|
          \le \tfrac12 (F_{\text{Radau}} - F_{\text{Gauss}}), \qquad
          f = h^2 \prod_i (1 - h_i)^2, \quad F = h^2 \prod_i (1 + h_i)^2 ,

which `Quadrature.enclose` evaluates. As f decreases in every earlier c_i, an
interval for c_t follows from those of c_0, ..., c_{t-1}, end by end.

References
----------
G. H. Golub and G. Meurant, *Matrices, Moments and Quadrature with
Applications*, Princeton 2010, chapters 6 and 7, for the two rules; the
enclosure of later rounds is this book's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from scipy.sparse.linalg import aslinearoperator

from sdtheory.linalg.blas import symmetric_times, times
from sdtheory.validation import Array, InvalidInputError

(_syevd,) = (cast(Any, f) for f in get_lapack_funcs(("syevd",), dtype=np.dtype(float)))
(_nrm2,) = (cast(Any, f) for f in get_blas_funcs(("nrm2",), dtype=np.dtype(float)))

#: Machine epsilons, times the norm of G, up to which Ritz values are zero.
_ROUNDING = 16
#: Q^T G Q further from symmetric than this, relative to the norm of G, is no rounding; nor are
#: asymmetries in lower precision, and negative eigenvalues, beyond so many machine epsilons.
_ASYMMETRY, _ULPS = 1e-10, 64
#: Random vectors that tell the norm of G.
_PROBES = 3


class Lanczos:
    """Orthonormal basis of the Krylov space of each output's labels, one product at a time.

    Parameters
    ----------
    gram : ndarray of shape (n, n), sparse matrix or LinearOperator
        A matrix as `sdtheory.validation.as_gram` returns it.
    y : ndarray of shape (n, q)
        Labels, not all zero.
    ulp : float, optional
        Machine epsilon of the products, where that is not of floats.

    Attributes
    ----------
    norm : float
        Estimate of the Frobenius norm of G, known after the first product. It
        sees all entries, also where the labels do not reach.
    blocks : int
        Products with a block of at most q columns so far.
    skew : float
        By how much Q^T G Q was found not to be symmetric: the rounding of the
        products.
    dropped : float
        Norm of the largest part of a product that was taken for rounding.
    """

    def __init__(self, gram: Any, y: Array, ulp: float = float(np.finfo(float).eps)) -> None:
        stored = isinstance(gram, np.ndarray)
        self._product = (
            functools.partial(symmetric_times, gram) if stored else aslinearoperator(gram).matmat
        )
        self._ulp = ulp
        self._columns = [_Column(labels) for labels in y.T]
        self.norm = 0.0
        self.blocks = 0
        self.skew = 0.0
        self.dropped = 0.0
        self._rule: Quadrature | None = None

    @property
    def bases(self) -> tuple[Array, ...]:
        """Q of each output, shape (n, k)."""
        return tuple(column.basis for column in self._columns)

    @property
    def exhausted(self) -> bool:
        """Whether the spaces are invariant, to rounding: the quadrature is exact."""
        return all(column.exhausted for column in self._columns)

    def extend(self) -> None:
        """Take one more product.

        Raises
        ------
        InvalidInputError
            If the product is not finite or shows that G is not symmetric.
        """
        self._rule = None
        active = [column for column in self._columns if not column.exhausted]
        given = np.stack([column.following for column in active], axis=1)
        if self.blocks == 0:  # a few random vectors go through the first product
            probes = np.random.default_rng(0).standard_normal((len(given), _PROBES))
            given = np.concatenate([given, probes], axis=1)
        found = np.array(self._product(given), dtype=float, order="F").reshape(given.shape)
        if self.blocks == 0:
            with np.errstate(over="ignore", invalid="ignore"):
                self.norm = float(scipy.linalg.norm(found[:, -_PROBES:], check_finite=False))
            self.norm /= float(np.sqrt(_PROBES))
        self.blocks += 1
        for column, rest in zip(active, found.T, strict=False):
            inner, skew = column.take(rest)
            if not np.all(np.isfinite(inner)):  # of which each entry is a sum over a column
                raise InvalidInputError(
                    "gram times a vector holds NaN or infinite values, or overflows. Check the "
                    "product, or the kernel and its parameters."
                )
            size = self.norm = max(self.norm, float(np.max(np.abs(inner))))
            if skew > max(_ASYMMETRY, _ULPS * self._ulp) * size:
                raise InvalidInputError(
                    f"gram is not symmetric: inner products u^T G v and v^T G u differ by "
                    f"{skew:.3g} (largest {size:.3g}). A Gram matrix is symmetric; check the "
                    f"product, and that its dtype is that in which it is computed."
                )
            lost = column.turn(rest, _ROUNDING * self._ulp * size)
            self.skew, self.dropped = max(self.skew, skew), max(self.dropped, lost)

    def quadrature(self) -> Quadrature:
        """Return both rules, computed once after a product.

        Raises
        ------
        InvalidInputError
            If G is indefinite beyond rounding.
        """
        if self._rule is None:
            self._rule = self._rules()
        return self._rule

    def _rules(self) -> Quadrature:
        own = [_eigh(column.T) for column in self._columns]
        largest = max(float(np.max(np.abs(theta), initial=0.0)) for theta, _ in own)
        lowest = min(float(np.min(theta, initial=0.0)) for theta, _ in own)
        most = max(len(theta) for theta, _ in own)
        size = max(self.norm, largest)
        accepted = max(most, _ULPS) * self._ulp * size
        zero = _ROUNDING * self._ulp * size
        if lowest < -accepted:
            raise InvalidInputError(
                f"gram is indefinite: it has an eigenvalue of at most {lowest:.6g} (largest "
                f"{largest:.6g}, rounding would explain {accepted:.3g}). A kernel's Gram matrix "
                f"is positive semidefinite; check the kernel, or add a multiple of the identity."
            )
        pairs = list(zip(self._columns, own, strict=True))
        radau = [column.radau(theta, U, zero) for column, (theta, U) in pairs]

        def blocks(rows: list[Array]) -> Array:  # of an output that is zero, none
            if len(rows) == 1:  # in a fraction of the time
                return rows[0].reshape(1, -1)
            return np.asarray(scipy.linalg.block_diag(*(row.reshape(1, -1) for row in rows)))

        thetas = np.concatenate([theta for theta, _ in own])
        taken = self.dropped + float(np.max(np.abs(thetas), where=thetas <= zero, initial=0.0))
        return Quadrature(
            rounding=max(self.skew, (8 + np.sqrt(most)) * self._ulp * size) + taken,
            nodes=np.where(thetas > zero, thetas, 0.0),
            roots=blocks([c.size * U[:1] for c, (_, U) in pairs]).T,
            tail=blocks([c.coupling * U[-1:] for c, (_, U) in pairs]),
            radau_nodes=np.concatenate([np.maximum(nodes, 0.0) for nodes, _ in radau]),
            radau_roots=blocks([row for _, row in radau]).T,
            vectors=tuple(U for _, U in own),
        )


class _Column:
    """The run of one output: a basis Q and T = Q^T G Q."""

    def __init__(self, labels: Array) -> None:
        self.size = float(_nrm2(labels))
        self.following = labels / (self.size or 1.0)
        self.coupling = self.size
        self.T = np.zeros((0, 0))
        self._storage = np.empty((len(labels), 8), order="F")

    @property
    def exhausted(self) -> bool:
        return self.coupling == 0

    @property
    def basis(self) -> Array:
        """Q, shape (n, k)."""
        return self._storage[:, : len(self.T)]

    def take(self, rest: Array) -> tuple[Array, float]:
        """Add the vector with this product, which becomes orthogonal; return Q^T G q and skew."""
        k = len(self.T)
        if k == self._storage.shape[1]:
            grown = np.empty((len(rest), 2 * k), order="F")
            grown[:, :k] = self._storage
            self._storage = grown
        self._storage[:, k] = self.following
        basis = self._storage[:, : k + 1]
        inner = times(basis.T, rest)
        rest -= times(basis, inner)
        again = times(basis.T, rest)
        rest -= times(basis, again)
        inner += again
        expected = np.zeros(k)
        expected[-1:] = self.coupling
        T = np.zeros((k + 1, k + 1))
        T[:k, :k] = self.T
        T[k] = T[:, k] = inner
        self.T = T
        return inner, float(np.max(np.abs(inner[:k] - expected), initial=0.0))

    def turn(self, rest: Array, tolerance: float) -> float:
        """Turn to the next vector, if there is one; return what was dropped.

        A vector of the size of rounding, once normalised, need not be orthogonal to the basis any
        more: what falls to half on being projected again is rounding, and dropped.
        """
        length = float(_nrm2(rest))
        if length > tolerance:
            following = rest / length
            following -= times(self.basis, times(self.basis.T, following))
            kept = float(_nrm2(following))
            if kept > 1 / 2:
                self.following = following / kept
                self.coupling = float(self.following @ rest)
                return float(_nrm2(rest - self.coupling * self.following))
        self.coupling = 0.0
        return length

    def radau(self, theta: Array, U: Array, zero: float) -> tuple[Array, Array]:
        """Return nodes and roots of the rule with a node at 0."""
        if self.exhausted:
            return theta, self.size * U[:1]
        k = len(theta)
        T = np.zeros((k + 1, k + 1))
        T[:k, :k] = self.T
        T[k, k - 1] = T[k - 1, k] = self.coupling
        # the corner that makes T's Schur complement vanish
        tail = self.coupling * U[-1]
        T[k, k] = np.sum(tail * tail / np.maximum(theta, zero))
        nodes, V = _eigh(T)
        nodes[0] = 0.0
        return nodes, self.size * V[:1]


@dataclass(frozen=True)
class Quadrature:
    """The Gauss rule of a Lanczos run, and the Gauss-Radau rule with a node at 0.

    Attributes
    ----------
    nodes : ndarray of shape (k,)
        Ritz values; exactly zero where they are of the size of rounding.
    roots : ndarray of shape (k, q)
        Square roots of the weights: the labels in T's eigenbasis. Each output has
        its own rows; the others are zero in its column.
    vectors : tuple of ndarray
        Eigenvectors of T, in columns, for each output.
    tail : ndarray of shape (q, k)
        What couples each eigenvector to the next vector: the residual of
        (c I + G) a = y at a = Q U zeta has norm ``|tail @ zeta|``.
    radau_nodes, radau_roots : ndarray of shape (k + p,), (k + p, q)
        With a node more for each of p outputs whose space is not invariant.
    rounding : float
        Estimate of the error of the products, in the norm of matrices. It is the asymmetry
        that they showed or, if larger, the backward error of an eigendecomposition of this
        size. The part that was taken for zero is added.
    """

    nodes: Array
    roots: Array
    vectors: tuple[Array, ...]
    tail: Array
    radau_nodes: Array
    radau_roots: Array
    rounding: float

    def enclose(self, c: ArrayLike, low: Array, high: Array) -> tuple[Array, Array]:
        """Return bounds on the residual energy of a round at c.

        Parameters
        ----------
        c : array_like of shape (...)
            Multipliers of this round; infinite for the energy of its labels.
        low, high : ndarray of shape (t,)
            Bounds on the multipliers of the rounds before.

        Returns
        -------
        tuple of ndarray of shape (...)
            Rounding of these sums and of the eigenvectors is included, that of the
            products is not.
        """
        nodes, energies = self._both
        kept = 1 / (1 + nodes / np.asarray(c, dtype=float)[..., None])
        weights = energies * kept * kept
        # both ends of the earlier rounds: the module's f and F decrease and increase in them
        x = nodes[:, None, None]
        shrinkage = x / (np.stack([high, low]) + x)
        shares = np.stack([shrinkage.prod(axis=-1), (2 - shrinkage).prod(axis=-1)]) ** 2
        count = len(self.nodes)
        gauss = weights[..., :count] @ shares[:, :count]
        radau = weights[..., count:] @ shares[:, count:]
        (f, plus), (f_radau, plus_radau) = gauss, radau
        ulps = 2 * len(low) + 8 + len(self.radau_nodes)
        gap = (
            np.maximum(plus_radau - plus, 0.0) / 2 + ulps * float(np.finfo(float).eps) * plus_radau
        )
        middle = (f + f_radau) / 2
        return (middle - gap)[..., 0], (middle + gap)[..., 1]

    def enclose_fit(self, c: ArrayLike) -> tuple[Array, Array]:
        """Return bounds on ||y||^2 - ||w||^2 of the first round at c, without cancellation.

        Parameters
        ----------
        c : array_like of shape (...)

        Returns
        -------
        tuple of ndarray of shape (...)
            As `enclose`: 1 - h^2 has the derivatives of -h^2, so that the rules change sides.
        """
        nodes, energies = self._both
        ratio = nodes / np.asarray(c, dtype=float)[..., None]
        lost = energies * (ratio / (1 + ratio)) * (1 + 1 / (1 + ratio))
        count = len(self.nodes)
        rounding = (8 + len(self.radau_nodes)) * float(np.finfo(float).eps)
        radau, gauss = np.sum(lost[..., count:], axis=-1), np.sum(lost[..., :count], axis=-1)
        return np.minimum(radau, gauss) * (1 - rounding), gauss * (1 + rounding)

    @cached_property
    def _both(self) -> tuple[Array, Array]:
        """Nodes of the two rules, one after the other, and their weights."""
        roots = np.concatenate([self.roots, self.radau_roots])
        return np.concatenate([self.nodes, self.radau_nodes]), np.sum(roots * roots, axis=1)


def _eigh(a: Array) -> tuple[Array, Array]:
    """Return what `scipy.linalg.eigh` does, which takes longer to prepare than to solve."""
    values, vectors, failed = _syevd(a)
    if failed:
        raise scipy.linalg.LinAlgError("the eigenvalues of a projected Gram matrix do not converge")
    return values, vectors
