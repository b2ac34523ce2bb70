"""Instances at which a theorem of Coq and a formula of the registry are compared.

*Chains* are real ones. *Off the chain*, labels, multipliers and tolerance are
drawn independently, without the recursion. There a claim fails about as often as
it holds, so equal signs mean equal formulas. With ``follow`` the labels follow
from the multipliers, but the multipliers do not follow from the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdtheory.evidence.formal.terms import Bind, Name, Term
from sdtheory.formulas.bounds import path_length_factor
from sdtheory.recursion import Trajectory
from sdtheory.statements import Instance

Array = NDArray[np.float64]

#: Rounds that are drawn off the chain, and run on it: chains have collapsed by then.
ROUNDS, LONG = 3, 8
#: Largest r_0 of a chain: with fewer than r_0^2 rounds, it ends within LONG.
_LARGEST_START = 2.6


@dataclass(frozen=True)
class Case:
    """Which round and which eigenvalues a claim is about.

    Attributes
    ----------
    n : int
        Number of eigenvalues.
    T : int
        Number of rounds that were run.
    t, j : int
        Round, and eigenvalue (or another choice that a tie makes).
    """

    n: int
    T: int
    t: int = 0
    j: int = 0

    @property
    def k(self) -> int:
        """The neighbour of j."""
        return self.j + 1


@dataclass(frozen=True)
class Drawn:
    """One instance, in the variables of a theorem."""

    instance: Instance
    index: int = 0
    given: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def d(self) -> Array:
        """Eigenvalues."""
        return self.instance.path.d[self.index]

    @cached_property
    def z(self) -> Array:
        """Labels in the eigenbasis, by round."""
        return self.instance.path.z[self.index, :, :, 0]

    @cached_property
    def c(self) -> Array:
        """Multipliers; infinite where there is no round left."""
        c = self.instance.path.c[self.index]
        return np.append(c, [np.inf, np.inf])

    @cached_property
    def r(self) -> Array:
        """Norms of the labels over rho."""
        return self.instance.path.r[self.index]

    @cached_property
    def rho(self) -> float:
        """The radius."""
        return float(np.sqrt(self.instance.path.epsilon[self.index] * len(self.d)))

    @cached_property
    def rounds(self) -> int:
        """Number of non-trivial rounds."""
        return int(np.sum(self.c < np.inf))

    @cached_property
    def length(self) -> Array:
        """Path lengths, by round."""
        return self.instance.length[self.index]

    @cached_property
    def factor(self) -> float:
        """The registry's K, a factor by which a length exceeds its norm at most."""
        return float(path_length_factor(self.d[-1] / self.d[0]))

    def labels(self, t: int) -> Callable[[int], float]:
        """Return the labels of a round; zeros after a chain has ended."""
        if t >= len(self.z):
            return lambda k: 0.0
        return self.z[t].tolist().__getitem__

    def residual(self, t: int) -> Array:
        """Return the residual at the multiplier; off the chain the labels do not move by it."""
        c = self.c[t]
        return self.z[t] * (c / (c + self.d) if np.isfinite(c) else 1.0)

    def fitted(self, t: int) -> Callable[[int], float]:
        """Return the fitted values at the multiplier; off the chain no next labels."""
        c, row = self.c[t], self.z[t]
        if not np.isfinite(c):
            return lambda k: 0.0
        return lambda k: float(self.d[k] / (c + self.d[k]) * row[k])


@cache
def _orthogonal(n: int) -> Array:
    """Return eigenvectors in rows: a reflection, with no entry zero for n > 1."""
    u = np.arange(1.0, n + 1)
    return np.eye(n) - 2 * np.outer(u, u) / (u @ u)


_REAL, _SEQUENCE = Name("R"), Bind("forall", "_", Name("nat"), Name("R"))
#: The kind of the labels of a chain.
SEQUENCES = Bind("forall", "_", Name("nat"), _SEQUENCE)


def _in_data(row: Array) -> Callable[[int], float]:
    """Return the coordinates in the data of what is given in the eigenbasis."""
    return (_orthogonal(len(row)).T @ row).tolist().__getitem__


def _eigenvectors(n: int) -> Callable[[int], Callable[[int], float]]:
    return [row.__getitem__ for row in _orthogonal(n).tolist()].__getitem__


def _length(drawn: Drawn, t: int) -> float:
    known = np.all(drawn.d > 0) and t < len(drawn.z)
    return float(drawn.length[t]) if known else np.inf


def _later(drawn: Drawn, t: int) -> Array:
    return drawn.z[t] if t < len(drawn.z) else np.zeros_like(drawn.d)


def _eigenvalue(drawn: Drawn, k: int) -> float:
    return float(drawn.d[k % len(drawn.d)])


#: What gives a variable of a theorem its value, by name: the arguments are an instance, a case,
#: and what the theorem's t exceeds the round's number by.
Given = dict[str, Callable[[Drawn, Case, int], Any]]
_REALS: Given = {
    "rho": lambda drawn, case, _: drawn.rho,
    "d_min": lambda drawn, case, _: float(drawn.d[0]),
    "d_max": lambda drawn, case, _: float(drawn.d[-1]),
    "c": lambda drawn, case, _: float(drawn.c[case.t]),
    "c'": lambda drawn, case, _: float(drawn.c[case.t + 1]),
    "lambda": lambda drawn, case, _: 1 / float(drawn.c[case.t]),
    "L": lambda drawn, case, _: _length(drawn, case.t),
    "L'": lambda drawn, case, _: _length(drawn, case.t + 1),
    "K": lambda drawn, case, _: drawn.factor if drawn.d[0] > 0 else np.inf,
    "dj": lambda drawn, case, _: _eigenvalue(drawn, case.j),
    "dk": lambda drawn, case, _: _eigenvalue(drawn, case.k),
    "x": lambda drawn, case, _: _eigenvalue(drawn, case.j),
    "y": lambda drawn, case, _: _eigenvalue(drawn, case.k),
}
_SEQUENCES: Given = {
    "d": lambda drawn, case, _: drawn.d.tolist().__getitem__,
    "c": lambda drawn, case, _: drawn.c.tolist().__getitem__,
    "z": lambda drawn, case, _: drawn.labels(case.t),
    "y": lambda drawn, case, _: _in_data(drawn.z[case.t]),
    "z'": lambda drawn, case, _: drawn.labels(case.t + 1),
    "y'": lambda drawn, case, _: _in_data(_later(drawn, case.t + 1)),
    "f": lambda drawn, case, _: drawn.labels(case.t + 1),
    "z''": lambda drawn, case, _: drawn.labels(case.t + 2),
    "alpha": lambda drawn, case, _: _in_data(drawn.z[case.t] / (drawn.c[case.t] + drawn.d)),
    "v": lambda drawn, case, _: _in_data(
        np.array([drawn.fitted(case.t)(k) for k in range(case.n)])
    ),
}
_NATURALS: Given = {
    "n": lambda drawn, case, _: case.n,
    "N": lambda drawn, case, _: drawn.rounds,
    "t": lambda drawn, case, shift: case.t + shift,
    "j": lambda drawn, case, _: case.j,
    "k": lambda drawn, case, _: case.k,
}
_CHAINS: Given = {
    "z": lambda drawn, case, _: drawn.labels,
    "V": lambda drawn, case, _: _eigenvectors(case.n),
}
_GIVEN = {_REAL: _REALS, _SEQUENCE: _SEQUENCES, Name("nat"): _NATURALS, SEQUENCES: _CHAINS}


def given(name: str, kind: Term) -> Callable[[Drawn, Case, int], Any] | None:
    """Return what gives a variable of a theorem its value; None where nothing does."""
    return _GIVEN.get(kind, {}).get(name)


# ---- drawing -----------------------------------------------------------------------


@dataclass(frozen=True)
class Off:
    """How to draw off the chain.

    Attributes
    ----------
    follow : bool
        Whether the labels follow from the multipliers.
    alive : bool
        Whether all labels are longer than rho.
    singular : bool
        Whether the first eigenvalue is zero, with little label energy there.
    ordered : bool
        Whether the eigenvalues ascend. A formula that divides by their difference has no sign
        to compare where they do not.
    """

    follow: bool = False
    alive: bool = True
    singular: bool = False
    ordered: bool = False

    def points(self, rng: np.random.Generator, count: int, n: int) -> Array:
        """Return points of the space that `build` makes instances of."""
        return np.concatenate(
            [
                rng.uniform(-1.0, 0.6, (count, n)),
                rng.normal(size=(count, (ROUNDS + 1) * n)) * 3,
                rng.uniform(-1.5, 1.0, (count, ROUNDS)),
                rng.uniform(-1.6, -0.05 if self.alive else 0.3, (count, 1)),
            ],
            axis=1,
        )

    def build(self, points: Array, n: int) -> Instance:
        """Return the instances of points."""
        T, m = ROUNDS, len(points)
        d, z, c, share = np.split(points, np.cumsum([n, (T + 1) * n, T]), axis=1)
        d, c = 10**d, 10**c
        z = z.reshape(m, T + 1, n).copy()
        if self.ordered:
            d = np.cumsum(d, axis=-1)
        if self.singular:
            d[:, 0], z[..., 0] = 0, z[..., 0] / 20
        A = d[:, None] / (c[..., None] + d[:, None])
        if self.follow:
            for t in range(T):
                z[:, t + 1] = A[:, t] * z[:, t]
        norms = np.linalg.norm(z, axis=-1)
        rho = 10 ** share[:, 0] * np.min(norms[:, :1] if self.follow else norms, axis=-1)
        r = norms / rho[:, None]
        path = Trajectory(
            d=d,
            epsilon=rho**2 / n,
            c=c,
            A=A,
            B=np.cumprod(A, axis=1, dtype=float),
            z=z[..., None],
            r=r,
            r_minus_1=r - 1,
            sensitivity=np.ones((m, T)),
        )
        return Instance(path)


def chains(rng: np.random.Generator, count: int) -> Iterator[Instance]:
    """Yield batches of real chains: of one point, with near or equal eigenvalues, singular."""
    for n in (1, 2, 3):
        for kind in ("spread", "narrow", "equal", "singular", "one direction"):
            m = count if kind == "spread" else -(-count // 4)
            d = np.sort(10 ** rng.uniform(-1.0, 0.6, (m, n)), axis=-1)
            z = rng.normal(size=(m, n)) * 3
            if kind == "narrow":
                d = d[:, :1] * (1 + np.arange(n) / 8)
            if kind == "equal":
                d[:] = d[:, :1]
            if kind == "singular" and n > 1:
                d[:, 0] = 0
                z[:, 0] = rng.uniform(-1, 1, m)
            if kind == "one direction":
                z[:, :-1] = 0
            start = rng.uniform(0.8, _LARGEST_START, m)
            if kind == "narrow":
                # long enough for a round that is guaranteed
                start = rng.uniform(2.3, _LARGEST_START, m)
            if kind == "singular":
                # room for the part that no function reaches
                start = np.minimum(start, 0.9 * np.linalg.norm(z, axis=-1) / np.abs(z[:, 0]))
            yield Instance.of(d, z, np.sum(z**2, axis=-1) / n / start**2, LONG)
