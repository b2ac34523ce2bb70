r"""The self-distillation recursion.

Round t fits the labels y_t under the tolerance, with multiplier c_t, and its
fitted values are the next labels:

.. math:: y_{t+1} = V^\top A_t V y_t, \qquad A_t = D (c_t I + D)^{-1},
          \qquad B_t = A_t \cdots A_0 .

`trajectory` runs it in the eigenbasis, for one instance or a batch;
`distill_eigh` diagonalises a Gram matrix for it, predicts at new inputs and
estimates what rounding does to every multiplier. It reports this error and
refuses nothing; `sdtheory.distill`, which chooses among the routes, refuses.

References
----------
C. S. Kenney and A. J. Laub, Small-sample statistical condition estimates for
general matrix functions, SIAM J. Sci. Comput. 15 (1994), for the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sdtheory import multiplier
from sdtheory.multiplier import SMALLEST, Status
from sdtheory.spectrum import Spectrum, backward_error
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_labels,
    as_real_array,
    as_rounds,
    as_rows,
)

#: More rounds than this must be asked for by number.
MAX_ROUNDS = 100_000
#: Random perturbations by which the sensitivity of a chain is estimated.
PROBES = 16
#: Above this, an error to first order says nothing.
_LOST = 0.1


@dataclass(frozen=True)
class Trajectory:
    """The recursion in the eigenbasis; leading axes are a batch of instances.

    Past the collapse the fit is the zero function: c is infinite and A, B, z
    and r are zero.

    Attributes
    ----------
    d : ndarray of shape (..., n)
        Eigenvalues.
    epsilon : ndarray of shape (...)
        Tolerance.
    c : ndarray of shape (..., T)
        Ridge multiplier of each round.
    A, B : ndarray of shape (..., T, n)
        Diagonals of A_t and of B_t = A_t ... A_0.
    z : ndarray of shape (..., T+1, n) or (..., T+1, n, q)
        Rotated labels V y_t; row 0 is the data.
    r : ndarray of shape (..., T+1)
        ``||y_t|| / sqrt(n epsilon)``.
    excess : ndarray of shape (..., T+1)
        ``r - 1``, without the cancellation of that subtraction.
    condition : ndarray of shape (..., T)
        Relative change of c_t per relative change of sqrt(n epsilon), at
        fixed labels y_t.
    """

    d: Array
    epsilon: Array
    c: Array
    A: Array
    B: Array
    z: Array
    r: Array
    excess: Array
    condition: Array

    @property
    def n_rounds(self) -> Array:
        """Number of non-trivial fits among the rounds run."""
        return np.sum(np.isfinite(self.c), axis=-1)


def trajectory(
    d: ArrayLike, z: ArrayLike, epsilon: ArrayLike, rounds: int, *, outputs: bool = False
) -> Trajectory:
    """Run the recursion in the eigenbasis.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    z : array_like of shape (..., n), or (..., n, q) with ``outputs=True``
        Rotated labels V y.
    epsilon : array_like of shape (...)
        Tolerance on the mean squared residual.
    rounds : int
        Rounds to run; it stops early when every instance has collapsed.
    outputs : bool, default=False
        Whether the last axis of z counts outputs that share the multiplier.

    Returns
    -------
    Trajectory

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If an instance has no admissible function in round 0.
    """
    rounds = as_rounds(rounds)
    d, labels, epsilon = as_batch(d, z, epsilon, outputs=outputs)
    *batch, n, q = labels.shape
    repeated = np.broadcast_to(d[..., None], labels.shape).reshape(*batch, n * q)

    c, a, b, condition, z_rows, r, excess = [], [], [], [], [labels], [], []
    shrinkage = np.ones_like(d)
    mean = np.full(batch, np.nan)
    for t in range(rounds + 1):
        root = multiplier.solve(repeated, labels.reshape(*batch, n * q), epsilon, n=n, mean=mean)
        if t == 0 and np.any(root.status == Status.INFEASIBLE):
            _raise_infeasible(d, labels, epsilon, root.status == Status.INFEASIBLE)
        r.append(root.r)
        excess.append(root.excess)
        if t == rounds or np.all(root.status == Status.TRIVIAL):
            break
        mean = np.where(root.status == Status.SOLVED, root.c, np.nan) * root.excess
        ratio = d / (root.c[..., None] + d)
        shrinkage = shrinkage * ratio
        labels = ratio[..., None] * labels
        for column, value in zip(
            (c, a, b, condition, z_rows),
            (root.c, ratio, shrinkage, root.condition, labels),
            strict=True,
        ):
            column.append(value)

    def stacked(rows: list[Array], *shape: int) -> Array:
        return np.moveaxis(np.reshape(np.array(rows), (len(rows), *batch, *shape)), 0, len(batch))

    return Trajectory(
        d=d,
        epsilon=epsilon,
        c=stacked(c),
        A=stacked(a, n),
        B=stacked(b, n),
        z=stacked(z_rows, n, q) if outputs else stacked(z_rows, n, q)[..., 0],
        r=stacked(r),
        excess=stacked(excess),
        condition=stacked(condition),
    )


def as_batch(
    d: ArrayLike, z: ArrayLike, epsilon: ArrayLike, *, outputs: bool = False
) -> tuple[Array, Array, Array]:
    """Return the arguments of `trajectory` as arrays of one batch.

    Parameters
    ----------
    d, z, epsilon, outputs
        See `trajectory`.

    Returns
    -------
    d : ndarray of shape (..., n)
    z : ndarray of shape (..., n, q)
    epsilon : ndarray of shape (...)

    Raises
    ------
    InvalidInputError
        If one is not an array of finite numbers, or the shapes do not fit together.
    """
    ndim = tuple(range(1, 8))
    d = as_real_array(d, "d", ndim=ndim)
    labels = as_real_array(z, "z", ndim=(*ndim[outputs:], 8))
    labels = labels if outputs else labels[..., None]
    epsilon = as_real_array(epsilon, "epsilon", ndim=(0, *ndim))
    n, q = labels.shape[-2:]
    try:
        batch = np.broadcast_shapes(d.shape[:-1], labels.shape[:-2], epsilon.shape)
    except ValueError:
        batch = None
    if batch is None or d.shape[-1] != n:
        raise InvalidInputError(
            f"d {d.shape}, z {np.shape(z)} and epsilon {epsilon.shape} do not fit together. Pass d "
            f"of shape (..., n), z of shape (..., n), or (..., n, q) with outputs=True, and "
            f"epsilon of shape (...)."
        )
    return (
        np.broadcast_to(d, (*batch, n)),
        np.broadcast_to(labels, (*batch, n, q)),
        np.broadcast_to(epsilon, batch),
    )


def _raise_infeasible(d: Array, labels: Array, epsilon: Array, infeasible: Array) -> None:
    first = tuple(np.argwhere(infeasible)[0])
    unreachable = np.where(d[first][:, None] > 0, 0.0, labels[first])
    raise InfeasibleToleranceError(
        float(epsilon[first]), float(np.sum(unreachable**2) / d.shape[-1])
    )


class Outcome(Enum):
    """How a distillation ended."""

    #: the zero function already meets the tolerance: no non-trivial fit exists
    TRIVIAL = "trivial"
    #: the labels fell within the tolerance of zero: the next fit is zero
    COLLAPSED = "collapsed"
    #: the requested rounds were run and the labels have not collapsed
    COMPLETED = "completed"
    #: r is within rounding of 1 at some round: the count of rounds is ill defined
    NEAR_COLLAPSE = "within rounding of collapse"


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
        Estimate of the relative error of c, to first order; infinite where it
        exceeds a tenth. It takes the Gram matrix to be uncertain by
        `Spectrum.error`, in the worst direction, and the labels by rounding.
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

    route: ClassVar[str] = "eigh"

    @property
    def c(self) -> Array:
        """Multiplier of each round, shape (T,)."""
        return self.trajectory.c

    @property
    def c_interval(self) -> Array:
        """Where c lies, shape (T, 2): c (1 -+ c_error)."""
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
        return bool(self.trajectory.excess[-1] <= 0)

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
        return self.spectrum.restore(np.where(d > 0, z / (self.c[t] + d), 0.0))

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
    z = spectrum.rotate(labels)
    if limit is None:
        r_0 = float(np.linalg.norm(labels) / np.sqrt(spectrum.n)) / float(np.sqrt(epsilon))
        limit = most_rounds(r_0)
    path = trajectory(spectrum.d, z, epsilon, limit, outputs=labels.ndim == 2)
    y_rows = np.stack([labels, *(spectrum.restore(row) for row in path.z[1:])])
    c_error, r_error = _rounding(path, spectrum.error)
    near = np.flatnonzero(np.abs(path.excess) <= r_error).tolist()
    ended = ending(len(path.c), near, float(path.excess[-1]))
    return Distillation(spectrum, path, y_rows, c_error, *ended)


def ending(count: int, near: Sequence[int], excess: float) -> tuple[Outcome, tuple[int, int]]:
    """Return how a chain of `count` fits ended, and the range of its number of rounds.

    Parameters
    ----------
    count : int
        Non-trivial fits that were computed.
    near : sequence of int
        Rounds whose labels are within rounding of the tolerance.
    excess : float
        Positive if the last labels are beyond the tolerance.
    """
    if near:
        outcome = Outcome.NEAR_COLLAPSE
    elif excess > 0:
        outcome = Outcome.COMPLETED
    else:
        outcome = Outcome.COLLAPSED if count else Outcome.TRIVIAL
    return outcome, (min([count, *near]), max([count, *(t + 1 for t in near)]))


def most_rounds(r_0: float) -> int:
    """Return a number of rounds by which the labels have collapsed, if it need not be asked for.

    Raises
    ------
    InvalidInputError
        If that may take more than MAX_ROUNDS.
    """
    if r_0 > MAX_ROUNDS:
        raise InvalidInputError(
            f"rounds must be given: at this epsilon the labels survive at least "
            f"{r_0 - 1:.3g} rounds (r_0 - 1, each round moves them by sqrt(n epsilon)). "
            f"Pass rounds, or a larger epsilon."
        )
    # ||y_{t+1}||^2 <= ||y_t||^2 - rho^2 ends every chain by then
    return int(r_0**2) + 2


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
            # a mean over so few probes may fall to half of the norm
            c_error.append(2 * root_mean_square(before) + largest + ulp)
            moved = kept * moved + lost * direct - w * kept * (here - before)
            moved += 2 * ulp * columns[t + 1] * rng.standard_normal(moved.shape)
    errors = np.array(c_error)
    return np.where(errors < _LOST, errors, np.inf), np.nan_to_num(r_error, nan=np.inf)


def root_mean_square(a: Array) -> float:
    """Return the root of the mean square of all entries."""
    return float(np.sqrt(np.mean(a * a)))
