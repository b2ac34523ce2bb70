"""A batch of instances: the recursion at given eigenvalues, labels and tolerances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.formulas.path_length import path_length
from sdtheory.multiplier import as_batch
from sdtheory.recursion import Options, Trajectory, run
from sdtheory.validation import InvalidInputError, as_integer, as_rounds


@dataclass(frozen=True)
class Instance:
    """Quantities that statements speak of, for m instances with T rounds each.

    Everything is derived from a trajectory whose arrays hold floats or balls.
    Every instance carries an output axis: with q > 1 outputs the same
    statements are checked for a shared tolerance.

    Attributes
    ----------
    path : Trajectory
        d of shape (m, n) *ascending*, z of shape (m, T+1, n, q).
    """

    path: Trajectory

    @classmethod
    def of(
        cls,
        d: ArrayLike,
        z: ArrayLike,
        epsilon: ArrayLike,
        rounds: int,
        *,
        outputs: bool = False,
    ) -> Instance:
        """Run the recursion on a batch.

        Parameters
        ----------
        d : array_like of shape (m, n) or (n,)
            Eigenvalues in any order.
        z : array_like of shape (m, n) or (n,); with ``outputs`` (m, n, q) or (n, q)
            Labels in the eigenbasis.
        epsilon : array_like of shape (m,) or ()
            Tolerances.
        rounds : int
            Most rounds to run.
        outputs : bool, default=False
            Whether z has an output axis.

        Returns
        -------
        Instance

        Raises
        ------
        InvalidInputError, InfeasibleToleranceError
            As `sdtheory.trajectory`.
        """
        d, labels, epsilon = as_batch(d, z, epsilon, outputs=outputs)
        if d.ndim > 2:
            raise InvalidInputError(f"d has shape {d.shape}. Pass one batch, shape (m, n) or (n,).")
        if d.ndim == 1:
            d, labels, epsilon = d[None], labels[None], epsilon[None]
        order = np.argsort(d, axis=-1, kind="stable")
        d = np.take_along_axis(d, order, axis=-1)
        labels = np.take_along_axis(labels, order[..., None], axis=-2)
        return cls(run(d, labels, epsilon, Options(as_integer(rounds, "rounds"))))

    @classmethod
    def of_chain(cls, chain: Any, rounds: int | None = None) -> Instance:
        """Take the rounds that a chain has run, without running them again.

        Parameters
        ----------
        chain : Trajectory, or a chain of the solver with eigenvectors
            One data set, with eigenvalues in ascending order.
        rounds : int, optional
            Rounds to take; all that were run by default.

        Returns
        -------
        Instance
            A batch of one.

        Raises
        ------
        InvalidInputError
            If the chain has no eigenvectors, is a batch, has given multipliers or
            mixes labels in. Also if its labels live on after fewer rounds.
        """
        try:
            path = chain if isinstance(chain, Trajectory) else chain.trajectory
        except AttributeError as error:
            raise InvalidInputError(
                f'chain must be what distill(..., solver="eigh") returns, but is a '
                f"{type(chain).__name__}: {error}"
            ) from error
        if path.d.ndim != 1 or np.any(np.diff(path.d) < 0):
            raise InvalidInputError(
                f"chain must be of one data set, with ascending eigenvalues, but has d = {path.d}. "
                f"Take one instance of a batch, and sort d and z alike."
            )
        if path.shares is not None or np.any(path.epsilon != path.epsilon):
            raise InvalidInputError(
                "chain has given multipliers, or mixes labels in, but the statements are about the "
                "chain of one tolerance. Leave out c and mixing."
            )
        count = path.c.shape[-1]
        if rounds is not None and as_rounds(rounds) > count and path.r[-1] > 1:
            raise InvalidInputError(
                f"rounds is {rounds}, but the chain has {count} and its labels have not collapsed. "
                f"Run a longer chain, or take fewer rounds."
            )
        z = path.z if path.z.ndim == 3 else path.z[..., None]
        last = None if rounds is None else rounds + 1

        def cut(values: Any, end: int | None) -> Any:
            return values[None, :end]

        return cls(
            Trajectory(
                d=path.d[None],
                epsilon=np.asarray(path.epsilon)[None],
                c=cut(path.c, rounds),
                A=cut(path.A, rounds),
                B=cut(path.B, rounds),
                z=cut(z, last),
                r=cut(path.r, last),
                r_minus_1=cut(path.r_minus_1, last),
                sensitivity=cut(path.sensitivity, rounds),
            )
        )

    @property
    def d(self) -> Any:
        """Eigenvalues, ascending, shape (m, n)."""
        return self.path.d

    @property
    def d_min(self) -> Any:
        """Smallest eigenvalue, shape (m,)."""
        return self.path.d[..., 0]

    @property
    def d_max(self) -> Any:
        """Largest eigenvalue, shape (m,)."""
        return self.path.d[..., -1]

    @cached_property
    def kappa(self) -> Any:
        """Condition number, shape (m,); infinite where G is singular."""
        nonsingular = (self.d_min > 0).astype(bool)
        return np.where(nonsingular, self.d_max / np.where(nonsingular, self.d_min, 1.0), np.inf)

    @property
    def n(self) -> int:
        """Number of points."""
        return self.path.d.shape[-1]

    @property
    def c(self) -> Any:
        """Multipliers, shape (m, T); infinite after the collapse."""
        return self.path.c

    @cached_property
    def multipliers(self) -> Any:
        """Multipliers of shape (m, T, 1), finite: 1 after the collapse."""
        return np.where(self.alive, self.path.c, 1 + 0 * self.path.r[:, :-1])[..., None]

    @property
    def A(self) -> Any:
        """Diagonals of A_t, shape (m, T, n)."""
        return self.path.A

    @property
    def B(self) -> Any:
        """Diagonals of B_t, shape (m, T, n)."""
        return self.path.B

    @property
    def r(self) -> Any:
        """||y_t|| / rho, shape (m, T+1)."""
        return self.path.r

    @property
    def r_minus_1(self) -> Any:
        """r_t - 1, shape (m, T+1)."""
        return self.path.r_minus_1

    @cached_property
    def energy(self) -> Any:
        """Energy of y_t in each eigendirection, summed over outputs, shape (m, T+1, n)."""
        return np.sum(self.path.z**2, axis=-1)

    @cached_property
    def length(self) -> Any:
        """Path length L(y_t), shape (m, T+1); infinite with a part in the null space of G."""
        return path_length(self.path.d[:, None], self.energy)

    @cached_property
    def start_length(self) -> Any:
        """Path length of the data, L(y_0), shape (m,)."""
        return path_length(self.path.d, self.energy[:, 0])

    @cached_property
    def end_length(self) -> Any:
        """Path length of the last labels that a non-trivial fit left, shape (m,)."""
        count = np.sum(self.alive, axis=-1)
        rows = (np.arange(len(count)), count)
        return path_length(self.path.d, self.energy[rows])

    @cached_property
    def residual(self) -> Any:
        """Residuals V (y_t - f_t(x)) in the eigenbasis, shape (m, T, n, q).

        Formed as z c / (c + d), which does not cancel; z itself after the
        collapse, where the fit is zero.
        """
        c = self.multipliers
        share = np.where(self.alive[..., None], c / (c + self.path.d[:, None]), 1)
        return self.path.z[:, :-1] * share[..., None]

    @cached_property
    def rho2(self) -> Any:
        """The squared radius n epsilon, shape (m,)."""
        return self.path.epsilon * self.n

    @cached_property
    def alive(self) -> Any:
        """Whether the fit of a round is non-trivial, shape (m, T)."""
        return (self.path.c < np.inf).astype(bool)

    def while_alive(self, margin: Any) -> Any:
        """Return margins of shape (m, T, ...), or of a dict of them, NaN after the collapse."""
        if isinstance(margin, dict):
            return {name: self.while_alive(part) for name, part in margin.items()}
        return np.where(self.alive.T, margin.T, np.nan).T

    @property
    def t(self) -> Any:
        """Round numbers 0, ..., T-1, shape (T,)."""
        return np.arange(self.path.c.shape[-1])
