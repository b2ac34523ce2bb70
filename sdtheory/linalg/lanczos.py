r"""Gauss quadrature from a Lanczos run: the recursion from a few products with G.

Everything about a trajectory is a quadratic form y^T f(G) y in the labels.
Block Lanczos from the labels, with full reorthogonalisation, compresses G to
a small matrix T, whose eigenvalues and weights are the nodes and weights of
the Gauss rule for those forms; one more row, chosen so that T is singular,
gives the Gauss-Radau rule with a node at 0. Where the derivatives of F
alternate in sign on x >= 0, the two enclose the form:

.. math:: F_{\text{Gauss}} \le y^\top F(G)\,y \le F_{\text{Radau}} .

That covers the first secular equation, F = h^2 with h(x) = c / (c + x), for
every c. Later rounds multiply by (1 - h_i)^2, which does not alternate, but is
a difference p_1 - p_2 of sums of products of the h, which do; as p_1 + p_2
replaces every minus by a plus,

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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike
from scipy.linalg import get_lapack_funcs

from sdtheory.linalg.blas import times
from sdtheory.validation import Array, InvalidInputError

(_syevd,) = (cast(Any, f) for f in get_lapack_funcs(("syevd",), dtype=np.dtype(float)))

#: Machine epsilons, times the norm of G, up to which Ritz values are zero.
_ROUNDING = 16
#: Q^T G Q further from symmetric than this, relative to the norm of G, is no rounding; nor are
#: asymmetries in lower precision, and negative eigenvalues, beyond so many machine epsilons.
_ASYMMETRY, _ULPS = 1e-10, 64
#: Random vectors that tell the norm of G.
_PROBES = 3


class Lanczos:
    """Orthonormal basis of the block Krylov space of labels, one block at a time.

    Parameters
    ----------
    product : callable
        Maps (n, p) to G times it.
    y : ndarray of shape (n, q)
        Labels, not all zero.
    ulp : float, optional
        Machine epsilon of the products, where that is not of floats.

    Attributes
    ----------
    norm : float
        Estimate of the Frobenius norm of G, known after the first product. It
        sees all entries, also where the labels do not reach.
    T : ndarray of shape (k, k)
        ``Q^T G Q``.
    blocks : int
        Products with a block of at most q columns so far.
    skew : float
        By how much Q^T G Q was found not to be symmetric: the rounding of the
        products.
    """

    def __init__(
        self,
        product: Callable[[Array], Array],
        y: Array,
        ulp: float = float(np.finfo(float).eps),
    ) -> None:
        self._product = product
        self._ulp = ulp
        self.norm = 0.0
        self._next, self._coupling = _orthonormal(y, np.empty((len(y), 0)), 0.0)
        self._labels = self._coupling
        n, width = self._next.shape
        self._storage = np.empty((n, 8 * width), order="F")
        self._size = 0
        self._last = 0
        self.T = np.zeros((0, 0))
        self.blocks = 0
        self.skew = 0.0
        self._rule: Quadrature | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the space is invariant, to rounding: the quadrature is exact."""
        return self.blocks > 0 and self._next.shape[1] == 0

    @property
    def basis(self) -> Array:
        """Q, shape (n, k)."""
        return self._storage[:, : self._size]

    def extend(self) -> None:
        """Take one more product.

        Raises
        ------
        InvalidInputError
            If the product is not finite or shows that G is not symmetric.
        """
        self._rule = None
        block = self._next
        start, stop = self._size, self._size + block.shape[1]
        if stop > self._storage.shape[1]:
            grown = np.empty((len(block), 2 * stop), order="F")
            grown[:, :start] = self.basis
            self._storage = grown
        self._storage[:, start:stop] = block
        self._size, self._last = stop, block.shape[1]

        given = block
        if start == 0:  # a few random vectors go through the first product
            probes = np.random.default_rng(0).standard_normal((len(block), _PROBES))
            given = np.concatenate([block, probes], axis=1)
        rest = np.array(self._product(given), dtype=float).reshape(given.shape)
        if start == 0:
            with np.errstate(over="ignore", invalid="ignore"):
                self.norm = float(scipy.linalg.norm(rest[:, -_PROBES:], check_finite=False))
            self.norm /= float(np.sqrt(_PROBES))
            rest = rest[:, :-_PROBES]
        inner = times(self.basis.T, rest)
        if not np.all(np.isfinite(inner)):  # of which each entry is a sum over a column
            raise InvalidInputError(
                "gram times a vector holds NaN or infinite values, or overflows. Check the "
                "product, or the kernel and its parameters."
            )
        rest -= times(self.basis, inner)
        again = times(self.basis.T, rest)
        rest -= times(self.basis, again)
        inner += again

        T = np.zeros((stop, stop))
        T[:start, :start] = self.T
        T[:, start:] = inner
        T[start:, :] = T[:, start:].T
        own = inner[start:]
        expected = np.zeros((start, block.shape[1]))
        if start:
            expected[start - self._coupling.shape[1] :] = self._coupling.T
        size = self.norm = max(self.norm, float(np.max(np.abs(T))))
        skew = max(_largest(inner[:start] - expected), _largest(own - own.T))
        if skew > max(_ASYMMETRY, _ULPS * self._ulp) * size:
            raise InvalidInputError(
                f"gram is not symmetric: inner products u^T G v and v^T G u differ by {skew:.3g} "
                f"(largest {size:.3g}). A Gram matrix is symmetric; check the product, and that "
                f"its dtype is that in which it is computed."
            )
        self.skew = max(self.skew, skew)
        T[start:, start:] = (own + own.T) / 2
        self.T = T
        self.blocks += 1
        self._next, self._coupling = _orthonormal(rest, self.basis, _ROUNDING * self._ulp * size)
        self.skew = max(self.skew, _largest(rest - times(self._next, self._coupling)))

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
        theta, U = _eigh(self.T)
        size = max(self.norm, float(np.max(np.abs(theta))))
        accepted = max(len(self._storage), _ULPS) * self._ulp * size
        zero = _ROUNDING * self._ulp * size
        if theta[0] < -accepted:
            raise InvalidInputError(
                f"gram is indefinite: it has an eigenvalue of at most {theta[0]:.6g} (largest "
                f"{theta[-1]:.6g}, rounding would explain {accepted:.3g}). A kernel's Gram matrix "
                f"is positive semidefinite; check the kernel, or add a multiple of the identity."
            )
        # the block that makes T's Schur complement vanish
        tail = self._coupling @ U[self._size - self._last :]
        corner = (tail / np.maximum(theta, zero)) @ tail.T
        width = len(corner)
        T = np.zeros((self._size + width,) * 2)
        T[: self._size, : self._size] = self.T
        T[self._size :, self._size - self._last : self._size] = self._coupling
        T[: self._size, self._size :] = T[self._size :, : self._size].T
        T[self._size :, self._size :] = (corner + corner.T) / 2
        nodes, V = _eigh(T)
        nodes[:width] = 0.0
        return Quadrature(
            rounding=max(self.skew, (8 + np.sqrt(len(theta))) * self._ulp * size),
            nodes=np.where(theta > zero, theta, 0.0),
            roots=U[: len(self._labels)].T @ self._labels,
            vectors=U,
            tail=tail,
            radau_nodes=np.maximum(nodes, 0.0),
            radau_roots=V[: len(self._labels)].T @ self._labels,
        )


@dataclass(frozen=True)
class Quadrature:
    """The Gauss rule of a Lanczos run, and the Gauss-Radau rule with a node at 0.

    Attributes
    ----------
    nodes : ndarray of shape (k,)
        Ritz values; exactly zero where they are of the size of rounding.
    roots : ndarray of shape (k, q)
        Square roots of the weights: the labels in the eigenbasis of T.
    vectors : ndarray of shape (k, k)
        Eigenvectors of T, in columns.
    tail : ndarray of shape (p, k)
        What couples each eigenvector to the next block: the residual of
        (c I + G) a = y at a = Q U zeta is ``-tail @ zeta``.
    radau_nodes, radau_roots : ndarray of shape (k + p,), (k + p, q)
    rounding : float
        Estimate of the error of the products, in the norm of G: what they showed, and as
        many machine epsilons as an eigendecomposition of this size leaves, times its norm.
    """

    nodes: Array
    roots: Array
    vectors: Array
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


def _orthonormal(block: Array, basis: Array, tolerance: float) -> tuple[Array, Array]:
    """Return Q, orthogonal to the basis, and B with block = Q B up to the tolerance.

    Directions of the size of rounding, once normalised, need not be orthogonal to the basis
    any more: what falls to half on being projected again is rounding, and dropped.
    """
    if block.shape[1] == 1:
        length = float(scipy.linalg.norm(block[:, 0]))
        Q = block[:, : int(length > tolerance)] / (length or 1.0)
    else:
        Q, sizes, _ = scipy.linalg.svd(block, full_matrices=False)
        Q = Q[:, sizes > max(tolerance, float(np.finfo(float).eps) * sizes[0])]
    if basis.shape[1] and Q.shape[1]:
        Q = Q - times(basis, times(basis.T, Q))
        Q = np.linalg.qr(Q[:, np.linalg.norm(Q, axis=0) > 1 / 2])[0]
    return Q, times(Q.T, block)


def _largest(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0.0))
