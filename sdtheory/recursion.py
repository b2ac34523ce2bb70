r"""The self-distillation recursion in the eigenbasis, for one instance or a batch.

Round t fits the labels y_t under the tolerance, with multiplier c_t, and its
fitted values are the next labels:

.. math:: y_{t+1} = V^\top A_t V y_t, \qquad A_t = D (c_t I + D)^{-1},
          \qquad B_t = A_t \cdots A_0 .
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sdtheory import multiplier
from sdtheory.multiplier import Status, check_signs
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_real_array,
    as_rounds,
)


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
    r_minus_1 : ndarray of shape (..., T+1)
        ``r - 1``, without the cancellation of that subtraction.
    sensitivity : ndarray of shape (..., T)
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
    r_minus_1: Array
    sensitivity: Array

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
    checked = as_batch(d, z, epsilon, outputs=outputs)
    check_signs(checked[0], checked[2])
    path = run(*checked, rounds)
    return path if outputs else replace(path, z=path.z[..., 0])


def run(d: Array, labels: Array, epsilon: Array, rounds: int) -> Trajectory:
    """Run the recursion for arguments that were checked: those of `trajectory`, with outputs."""
    *batch, n, q = labels.shape
    repeated = np.broadcast_to(d[..., None], labels.shape).reshape(*batch, n * q)

    c, a, b, sensitivity, z_rows, r, r_minus_1 = [], [], [], [], [labels], [], []
    shrinkage = np.ones_like(d)
    mean = np.full(batch, np.nan)
    for t in range(rounds + 1):
        flat = labels.reshape(*batch, n * q)
        root = multiplier.roots(repeated.copy(), flat, epsilon, n, mean.ravel())
        if t == 0 and np.any(root.status == Status.INFEASIBLE):
            _raise_infeasible(d, labels, epsilon, root.status == Status.INFEASIBLE)
        r.append(root.r)
        r_minus_1.append(root.r_minus_1)
        if t == rounds or np.all(root.status == Status.TRIVIAL):
            break
        mean = np.where(root.status == Status.SOLVED, root.c, np.nan) * root.r_minus_1
        ratio = d / (root.c[..., None] + d)
        shrinkage = shrinkage * ratio
        labels = ratio[..., None] * labels
        for column, value in zip(
            (c, a, b, sensitivity, z_rows),
            (root.c, ratio, shrinkage, root.sensitivity, labels),
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
        z=stacked(z_rows, n, q),
        r=stacked(r),
        r_minus_1=stacked(r_minus_1),
        sensitivity=stacked(sensitivity),
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
