r"""The chain from the eigendecomposition of G.

`distill_eigh` diagonalises a Gram matrix, runs `sdtheory.recursion.trajectory`,
predicts at new inputs and estimates what rounding does to every multiplier. It
reports this error and refuses nothing; `sdtheory.distill`, which chooses among
the solvers, refuses.

References
----------
C. S. Kenney and A. J. Laub, Small-sample statistical condition estimates for
general matrix functions, SIAM J. Sci. Comput. 15 (1994), for the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import Doubled
from sdtheory.multiplier import SMALLEST
from sdtheory.recursion import Trajectory, trajectory
from sdtheory.solvers.chain import PROBES, ULP, Outcome, ending, most_rounds, root_mean_square
from sdtheory.spectrum import Spectrum, backward_error
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_labels,
    as_rounds,
    as_rows,
    machine_epsilon,
)

#: Above this, an error to first order says nothing.
_LOST = 0.1
#: Above this, the eigensolver's part of an error is measured, in so many products at most.
_CLOSER, _PRODUCTS = 1e-6, 64
#: Rows that are multiplied at a time.
_ROWS = 32
#: Machine epsilons of sqrt(G_ii G_jj) that the entries of a Gram matrix may be off by.
_ENTRIES = 4


@dataclass(frozen=True)
class Distillation:
    """A chain of self-distillation for one data set.

    Attributes
    ----------
    spectrum : Spectrum
        Eigendecomposition of G, with the rank decision.
    trajectory : Trajectory
        The recursion in the eigenbasis.
    y : ndarray of shape (T+1, n) or (T+1, n, q)
        Labels fed to each round; row 0 is the data.
    c_error : ndarray of shape (T,)
        Estimate of the relative error of c, to first order, not a bound; infinite
        where it exceeds a tenth. It takes the Gram matrix to be uncertain by
        `Spectrum.error`, in the worst direction, and the labels by rounding.
        Where that exceeds 1e-6 and the matrix is at hand, the eigensolver's part
        is measured by residuals in double-double arithmetic instead; the entries
        of G count as rounded independently, by 4 machine epsilon of their dtype.
    outcome : Outcome
        How the chain ended.
    n_rounds_range : tuple of int
        Smallest and largest number of non-trivial fits consistent with
        rounding; equal unless `outcome` is NEAR_COLLAPSE. When the chain was
        cut off (`COMPLETED`), the number run.
    """

    spectrum: Spectrum
    trajectory: Trajectory
    y: Array
    c_error: Array
    outcome: Outcome
    n_rounds_range: tuple[int, int]

    solver: ClassVar[str] = "eigh"

    @property
    def c(self) -> Array:
        """Multiplier of each round, shape (T,)."""
        return self.trajectory.c

    @property
    def c_interval(self) -> Array:
        """The interval c (1 -+ c_error), shape (T, 2); c lies there as far as `c_error` holds."""
        return self.c[:, None] * (1 + self.c_error[:, None] * np.array([-1.0, 1.0]))

    @property
    def A(self) -> Array:
        """Diagonals of A_t, shape (T, n)."""
        return self.trajectory.A

    @property
    def B(self) -> Array:
        """Diagonals of B_t, shape (T, n)."""
        return self.trajectory.B

    @property
    def z(self) -> Array:
        """Rotated labels V y_t, shape (T+1, n) or (T+1, n, q)."""
        return self.trajectory.z

    @property
    def r(self) -> Array:
        """||y_t|| / sqrt(n epsilon), shape (T+1,)."""
        return self.trajectory.r

    @property
    def epsilon(self) -> float:
        """Tolerance on the mean squared residual."""
        return float(self.trajectory.epsilon)

    @property
    def n_rounds(self) -> int:
        """Number of non-trivial fits that were computed, T."""
        return len(self.c)

    @property
    def collapsed(self) -> bool:
        """Whether the fit after the last one computed is the zero function."""
        return bool(self.trajectory.r_minus_1[-1] <= 0)

    @property
    def unreachable(self) -> float:
        """Mean squared residual of the label component that no fit can reach."""
        return self.spectrum.unreachable(self.y[0])

    def dual(self, t: int) -> Array:
        """Return alpha_t with f_t(x) = g_x^T alpha_t.

        ``alpha_t = (c_t I + G)^{-1} y_t``, without its component in the kernel
        of G, which contributes to no f_t(x).

        Parameters
        ----------
        t : int
            Round, from 0; rounds after the collapse have alpha = 0.

        Returns
        -------
        ndarray of shape (n,) or (n, q)

        Raises
        ------
        InvalidInputError
            If round t was not run.
        """
        if not isinstance(t, (int, np.integer)) or t < 0:
            raise InvalidInputError(f"t must be a round number from 0 on, but is {t!r}.")
        if t >= self.n_rounds:
            if self.collapsed:
                return np.zeros_like(self.y[0])
            raise InvalidInputError(
                f"round t = {t} was not run: this chain has rounds 0 to {self.n_rounds - 1}. "
                f"Call distill with rounds={t + 1} or more."
            )
        z = self.z[t]
        d = self.spectrum.d.reshape(-1, *(1,) * (z.ndim - 1))
        return self.spectrum.from_eigenbasis(np.where(d > 0, z / (self.c[t] + d), 0.0))

    def predict(self, g_x: ArrayLike, t: int) -> Array:
        """Evaluate the fit of round t at new inputs.

        Parameters
        ----------
        g_x : array_like of shape (m, n)
            Kernel between new and training inputs, divided by n:
            ``gram(kernel, x, x_new)``.
        t : int
            Round, from 0.

        Returns
        -------
        ndarray of shape (m,) or (m, q)

        Raises
        ------
        InvalidInputError
            If g_x has another number of columns or round t was not run.
        """
        return as_rows(g_x, self.spectrum.n) @ self.dual(t)

    def __str__(self) -> str:
        low, high = self.n_rounds_range
        count = str(low) if low == high else f"{low} to {high}"
        error = float(np.max(self.c_error, initial=0.0))
        doubt = f"; relative error of c up to {error:.0e}" if error > 1e-8 else ""
        return (
            f"{self.spectrum.n} points, rank {self.spectrum.rank}, epsilon = {self.epsilon:.6g}: "
            f"{count} non-trivial round(s), {self.outcome.value}{doubt}"
        )


def distill_eigh(
    gram: ArrayLike | Spectrum, y: ArrayLike, epsilon: float, rounds: int | None = None
) -> Distillation:
    """Run self-distillation from the eigendecomposition of G.

    Parameters
    ----------
    gram : array_like of shape (n, n) or Spectrum
        G with the paper's 1/n, as `sdtheory.kernels.gram` returns it. Pass a
        `Spectrum` to share one eigendecomposition between calls; one made
        from eigenvalues and eigenvectors is taken as exact data.
    y : array_like of shape (n,) or (n, q)
        Labels; q outputs share one tolerance and one multiplier.
    epsilon : float
        Tolerance on the mean squared residual (summed over outputs).
    rounds : int, optional
        Number of fits. By default the chain runs until its labels collapse.

    Returns
    -------
    Distillation

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets the tolerance; carries the smallest feasible one.
    """
    epsilon = as_epsilon(epsilon)
    limit = None if rounds is None else as_rounds(rounds)
    spectrum = gram if isinstance(gram, Spectrum) else Spectrum.from_gram(gram)
    labels = as_labels(y, spectrum.n)
    z = spectrum.to_eigenbasis(labels)
    if limit is None:
        r_0 = float(np.linalg.norm(labels) / np.sqrt(spectrum.n)) / float(np.sqrt(epsilon))
        limit = most_rounds(r_0)
    try:
        path = trajectory(spectrum.d, z, epsilon, limit, outputs=labels.ndim == 2)
    except InfeasibleToleranceError as error:
        raise InfeasibleToleranceError(
            error.epsilon, error.smallest_feasible, rank_decision=spectrum.error > 0
        ) from None
    y_rows = np.stack([labels, *(spectrum.from_eigenbasis(row) for row in path.z[1:])])
    c_error, r_error = _rounding(path, spectrum.error)
    products = len(path.c) * labels.size // spectrum.n
    if not isinstance(gram, Spectrum) and products <= _PRODUCTS and np.any(c_error > _CLOSER):
        known = _measured(path, spectrum, as_gram(gram), y_rows, machine_epsilon(gram))
        c_error = np.minimum(c_error, known)
    near = np.flatnonzero(np.abs(path.r_minus_1) <= r_error).tolist()
    ended = ending(len(path.c), near, float(path.r_minus_1[-1]))
    return Distillation(spectrum, path, y_rows, c_error, *ended)


def _measured(
    path: Trajectory, spectrum: Spectrum, matrix: Array, rows: Array, ulp: float
) -> Array:
    r"""Return errors of c by the residuals that this chain leaves in G, to first order.

    With a = alpha_t, w = c a, residual e = y_t - w - G a, labels that are off by dy_t, and R, A
    and S as in `_rounding`, all but G itself is known:

    .. math:: S\, d\log c = \tfrac12 (\rho^2 - \|w\|^2) - w^\top R\,(e + dy_t), \qquad
              dy_{t+1} = (y_t - w - y_{t+1}) + dy_t - R\,(e + dy_t) - A w\, d\log c .

    The rounding of G moves c like independent errors of its entries of `_ENTRIES` ulp in size,
    whose effect is a norm; G^(1/2) bounds what they are relative to. Where c is not well above
    the backward error, R is not known either, and neither is c.
    """
    n, d = spectrum.n, path.d
    shift = int(np.frexp(d[-1])[1])
    scale = int(np.frexp(np.sqrt(n) * np.sqrt(path.epsilon))[1])
    matrix, d, c = (np.ldexp(a, -shift) for a in (matrix, d, path.c))
    y = np.ldexp(rows, -scale).reshape(len(rows), n, -1)
    rho2 = Doubled(*dd.two_prod(np.array(float(n)), np.ldexp(path.epsilon, -2 * scale)))
    sizes = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))[:, None]
    unit = _ENTRIES * ulp
    rng = np.random.default_rng(0)
    g, h = (spectrum.V @ (sizes * a) for a in rng.standard_normal((2, n, PROBES)))
    moved, drawn = np.zeros(y[0].shape), np.zeros((PROBES, *y[0].shape))
    errors = np.full(len(c), np.inf)
    with np.errstate(all="ignore"):
        for t, at in enumerate(c):
            if not at > 2 * np.ldexp(spectrum.error, -shift) / (ulp / ULP):
                break
            kept, lost = (d / (at + d))[:, None], (at / (at + d))[:, None]
            z = np.ldexp(path.z[t].reshape(n, -1), -scale)
            w = z * lost  # in the eigenbasis
            steepness = float(np.sum(w * w * kept))
            gradient = w * lost / steepness
            a = spectrum.V.T @ (w / at)
            exact = dd.two_prod(np.array(at), a)
            energy = (Doubled(*exact) * Doubled(*exact)).total()
            short = float(rho2 - energy)
            left = dd.add(dd.DoubleDouble(y[t], np.zeros_like(a)), dd.negative(exact))
            residual = dd.add(left, dd.negative(_product(matrix, a)))
            change = spectrum.V @ (residual.high + moved)
            here = short / 2 / steepness - float(np.sum(gradient * change))
            # the same for the rounding of G: of this round, and of those before
            ways = [np.linalg.norm(sizes * (spectrum.V.T @ x)) for x in (gradient, w)]
            direct = unit / at * g.T[:, :, None] * (h.T @ w)[:, None]
            before = np.sum(gradient * drawn, axis=(1, 2), keepdims=True)
            drift = before - np.sum(gradient * direct, axis=(1, 2), keepdims=True)
            errors[t] = 2 * abs(here) + 2 * root_mean_square(before) + ULP
            errors[t] += unit / at * float(np.prod(ways))
            # to second order w moves in all directions
            second = unit / at * np.sqrt(n) * float(np.max(sizes)) ** 2
            errors[t] += float(np.sum(w * w)) / steepness * second**2
            drawn = kept * drawn + lost * direct + w * kept * drift
            left = dd.add(left, dd.negative(dd.DoubleDouble(y[t + 1], np.zeros_like(a))))
            moved = left.high + moved - spectrum.V.T @ (lost * change + kept * w * here)
    return np.where(errors < _LOST, errors, np.inf)


def _product(matrix: Array, columns: Array) -> dd.DoubleDouble:
    """Return a matrix times columns, in double-double arithmetic."""
    found = np.empty((2, *columns.shape))
    for j, column in enumerate(columns.T):
        for i in range(0, len(matrix), _ROWS):
            sums = dd.total(dd.two_prod(matrix[i : i + _ROWS], column))
            found[:, i : i + _ROWS, j] = sums
    return dd.DoubleDouble(found[0, ...], found[1, ...])


def _rounding(path: Trajectory, error: float) -> tuple[Array, Array]:
    r"""Return the relative errors of c_t and the errors of r_t, to first order.

    Rank-one perturbations E = ``error * g h^T`` of G with Gaussian g and h
    move any quantity by ``error`` times the Frobenius norm of its gradient, in
    root mean square; every round sees the same E. With w = c (c I + G)^{-1} y_t,

    .. math:: S\, d\log c = w^\top R\,(E w / c - dy), \qquad
              dy_{t+1} = A\,dy + R\,E w / c - A w\, d\log c,

    with R = c (c I + G)^{-1}, A = I - R and S = w^T A w. In the error of c_t
    the first term is its maximum over all E of norm ``error`` instead, which
    needs no probes.
    """
    n = path.d.shape[-1]
    ulp = float(np.finfo(float).eps)
    unit = backward_error(n)
    # in units of rho, so that squares stay inside the float range
    columns = path.z.reshape(*path.z.shape[:2], -1) / np.sqrt(n) / np.sqrt(path.epsilon)
    d = path.d[:, None]
    rng = np.random.default_rng(0)
    g, h = rng.standard_normal((2, PROBES, n, 1))
    # what the rank decision may have taken from an eigenvalue
    rank = np.where(d == 0, n * ulp * float(d.max()) if error > 0 else 0.0, 0.0)
    rank = rank * rng.choice([-1.0, 1.0], (PROBES, 1, 1))
    noise = rng.standard_normal((PROBES, *columns.shape[1:]))
    moved = unit * float(np.linalg.norm(columns[0])) * noise
    c_error, r_error = [], []
    with np.errstate(all="ignore"):
        for t, r in enumerate(path.r):
            radial = np.sum(columns[t] * moved, axis=(1, 2)) / max(r, SMALLEST)
            r_error.append(root_mean_square(radial) + ulp * r)
            if t == len(path.c):
                break
            c = path.c[t]
            kept, lost = d / (c + d), c / (c + d)
            w = columns[t] * lost
            steepness = np.sum(w * w * kept)
            gradient = w * lost / steepness
            direct = (error / c) * g * np.sum(h * w, axis=1, keepdims=True) + rank / c * w
            before = np.sum(gradient * moved, axis=(1, 2), keepdims=True)
            here = np.sum(gradient * direct, axis=(1, 2), keepdims=True)
            largest = np.linalg.norm(gradient) * np.linalg.norm(w) * (error / c)
            largest += np.sum(gradient * np.abs(rank[0]) / c * w)
            # to second order w moves in all directions
            largest += np.sum(w * w) / steepness * (error / c) ** 2
            # a mean over so few probes may fall to half of the norm
            c_error.append(2 * root_mean_square(before) + largest + ulp)
            moved = kept * moved + lost * direct - w * kept * (here - before)
            moved += 2 * ulp * columns[t + 1] * rng.standard_normal(moved.shape)
    errors = np.array(c_error)
    return np.where(errors < _LOST, errors, np.inf), np.nan_to_num(r_error, nan=np.inf)
