"""Declared families of instances, drawn in chunks.

All instances of a chunk have the same number of points and of outputs, so they
form one batch. Within it every spectrum meets every kind of labels. A chunk
depends on the seed and on its own number only. So a sample is the same for any
number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sdtheory.statements import Instance
from sdtheory.validation import Array

#: Numbers of points, in the order of the chunks. Small ones are frequent: they are where
#: few inequalities combine, and so where bounds are attained.
SIZES = (2, 3, 1, 5, 50, 2, 4, 8, 3, 20, 2, 12, 6, 35)
#: Numbers of outputs, in the order of the chunks.
OUTPUTS = (1, 2, 1, 3, 1, 1, 7, 1, 1)
#: Rounds of most chunks; every `LONGER_EVERY`-th runs more of them.
ROUNDS, LONGER, LONGER_EVERY = 5, 9, 5
#: Every so many chunks r_0 goes to its extremes.
EXTREME_EVERY = 5
#: Instances of a chunk: temporaries of shape (chunk, rounds, n) stay in a core's cache.
CHUNK = 480

Draw = Callable[[Generator, int, int], Array]


def _log_uniform(rng: Generator, low: float, high: float, *shape: int) -> Array:
    return 10.0 ** rng.uniform(np.log10(low), np.log10(high), shape)


def _clustered(rng: Generator, m: int, n: int) -> Array:
    centres = np.where(rng.random((m, n)) < 0.5, 1.0, 0.1)
    return centres * (1 + 1e-6 * rng.random((m, n)))


def _pair(rng: Generator, m: int, n: int) -> Array:
    d = rng.uniform(0.05, 1.0, (m, n))
    # one pair of equal eigenvalues, in some instances equal up to a few digits only
    apart = rng.choice([0.0, 1e-14, 1e-10, 1e-6], (m,))
    d[:, :1] = d[:, -1:] * (1 + apart[:, None])
    return d


def _ill_conditioned(rng: Generator, m: int, n: int) -> Array:
    d = _log_uniform(rng, 1e-12, 1.0, m, n)
    d[:, 0] = 1.0
    d[:, -1] = 1e-12
    return d


def _singular(rng: Generator, m: int, n: int) -> Array:
    d = _log_uniform(rng, 1e-3, 1.0, m, n)
    zeros = rng.random((m, n)) < 0.4
    zeros[:, 0] = False
    zeros[:, 1:2] = True
    return np.where(zeros, 0.0, d)


def _separated(rng: Generator, m: int, n: int) -> Array:
    # 40 decades at most: then ROUNDS factors 1 + c/d stay within the range of floats
    decades = np.minimum(rng.uniform(1.0, 2.0, (m, 1)), 40 / n)
    return np.power(10.0, -decades * np.arange(n), dtype=float)


#: Spectra by name; one positive eigenvalue at least.
SPECTRA: dict[str, Draw] = {
    "uniform": lambda rng, m, n: rng.uniform(0.05, 1.0, (m, n)),
    "polynomial decay": lambda rng, m, n: np.arange(1, n + 1) ** -rng.uniform(0.5, 6.0, (m, 1)),
    "exponential decay": lambda rng, m, n: np.exp(-rng.uniform(0.05, 1.5, (m, 1)) * np.arange(n)),
    "stepped": lambda _, m, n: 10.0 ** -(2.0 * np.floor(3 * np.arange(n) / n)) * np.ones((m, 1)),
    "clustered": _clustered,
    "kappa -> 1": lambda rng, m, n: 1 + _log_uniform(rng, 1e-12, 0.1, m, 1) * rng.random((m, n)),
    "kappa = 1": lambda rng, m, n: np.ones((m, n)) * rng.uniform(0.5, 2.0, (m, 1)),
    "one pair of equals": _pair,
    "kappa = 1e12": _ill_conditioned,
    "singular": _singular,
    "separated scales": _separated,
}


def _extremes(rng: Generator, m: int, n: int) -> Array:
    z = np.zeros((m, n))
    z[:, 0] = rng.standard_normal(m)
    z[:, -1] = rng.standard_normal(m)
    return z


#: Rotated labels by name, in the order of ascending eigenvalues.
LABELS: dict[str, Draw] = {
    "gaussian": lambda rng, m, n: rng.standard_normal((m, n)),
    "energy on the extremes": _extremes,
    "single component": lambda rng, m, n: (np.arange(n) == rng.integers(n, size=(m, 1))).astype(
        float
    ),
    "zero components": lambda rng, m, n: np.where(
        rng.random((m, n)) < 0.5, 0.0, rng.standard_normal((m, n))
    ),
    "equal energies": lambda rng, m, n: rng.choice([-1.0, 1.0], (m, n)),
    "energies over 12 decades": lambda rng, m, n: (
        rng.choice([-1.0, 1.0], (m, n)) * _log_uniform(rng, 1e-6, 1.0, m, n)
    ),
}


def _ratios(rng: Generator, m: int, *, extreme: bool) -> Array:
    """Return r_0: often small enough to collapse, sometimes below 1; at the extremes as well."""
    kind = rng.random(m)
    far = 1 + _log_uniform(rng, *((1e-15, 1e12) if extreme else (1e-9, 1e6)), m)
    collapsing = rng.uniform(1.0, ROUNDS + 1.0, m)
    below = _log_uniform(rng, 0.05, 1.0, m)
    return np.where(kind < 0.02, below, np.where(kind < 0.4, collapsing, far))


def _families(index: NDArray[np.int_]) -> tuple[Any, Any]:
    """Return the numbers of an instance's spectrum and labels: every spectrum meets all labels."""
    return index % len(SPECTRA), index // len(SPECTRA) % len(LABELS)


@dataclass(frozen=True)
class Reach:
    """Few instances that go far: many rounds, or many points.

    Attributes
    ----------
    n, outputs, rounds, size : int
        Points, outputs, rounds at most and instances.
    r_0 : (float, float)
        Range from which r_0 is drawn, evenly in its logarithm.
    lowest : float
        Eigenvalues are drawn between this and 1, evenly in their logarithm.
    apart : bool
        Whether all eigenvalues but one are 1, and the labels lie on that one
        and on one other, with equal energies.
    """

    n: int
    outputs: int
    rounds: int
    size: int
    r_0: tuple[float, float]
    lowest: float
    apart: bool = False

    @property
    def words(self) -> str:
        """What is large, in words."""
        return f"up to {self.rounds} rounds, r_0 from {self.r_0[0]:g} to {self.r_0[1]:g}"


#: Beyond the ordinary chunks: chains to their collapse, and large matrices.
REACHES = (
    Reach(n=2, outputs=1, rounds=1500, size=40, r_0=(200, 1000), lowest=0.05),
    Reach(n=2, outputs=1, rounds=3500, size=8, r_0=(1000, 2600), lowest=0.02),
    Reach(n=3, outputs=2, rounds=120, size=40, r_0=(8, 80), lowest=1e-3),
    Reach(n=1, outputs=1, rounds=10_000, size=2, r_0=(2000, 9990), lowest=0.5),
    Reach(n=150, outputs=1, rounds=3, size=6, r_0=(1.1, 100), lowest=1e-6),
    Reach(n=400, outputs=1, rounds=3, size=3, r_0=(1.1, 100), lowest=1e-3),
    Reach(n=400, outputs=1, rounds=60, size=4, r_0=(8, 40), lowest=0.3, apart=True),
    Reach(n=1000, outputs=2, rounds=2, size=2, r_0=(1.1, 30), lowest=1e-8),
)


@dataclass(frozen=True)
class Chunk:
    """One batch of a sample.

    Attributes
    ----------
    seed, number : int
        Seed of the sample and position in it; negative for a reach.
    size : int
        Instances to draw.
    """

    seed: int
    number: int
    size: int

    @property
    def reach(self) -> Reach | None:
        """What a chunk with large instances draws; None for an ordinary chunk."""
        return REACHES[-1 - self.number] if self.number < 0 else None

    @property
    def n(self) -> int:
        """Number of points."""
        return SIZES[self.number % len(SIZES)] if self.reach is None else self.reach.n

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        if self.reach is not None:
            return self.reach.outputs
        return OUTPUTS[self.number % len(OUTPUTS)]

    @property
    def extreme(self) -> bool:
        """Whether r_0 - 1 goes from 1e-15 to 1e12."""
        return self.number % EXTREME_EVERY == 2

    @property
    def rounds(self) -> int:
        """Most rounds."""
        if self.reach is not None:
            return self.reach.rounds
        return LONGER if self.number % LONGER_EVERY == LONGER_EVERY - 1 else ROUNDS

    def origin(self, index: int) -> str:
        """Return the families of one instance, in words."""
        if self.reach is not None:
            return self.reach.words
        spectrum, labels = _families(np.array(index))
        return f"spectrum: {list(SPECTRA)[spectrum]}; labels: {list(LABELS)[labels]}"

    def draw(self) -> Instance:
        """Return the chunk's instances, as one batch."""
        if self.reach is not None:
            return _far(self.reach, self.seed, self.size)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.number,)))
        m, n, q = self.size, self.n, self.outputs
        spectrum, labels = _families(np.arange(m)[:, None])
        d = np.choose(spectrum, [f(rng, m, n) for f in SPECTRA.values()])
        d = np.sort(d, axis=-1)
        z = np.stack(
            [np.choose(labels, [f(rng, m, n) for f in LABELS.values()]) for _ in range(q)],
            axis=-1,
        )
        r_0 = _ratios(rng, m, extreme=self.extreme)
        z = _feasible(d, z, r_0, rng.random(m) * (rng.random(m) < 0.7))
        z *= _log_uniform(rng, 1e-3, 1e3, m)[:, None, None]
        epsilon = np.sum(z**2, axis=(-2, -1)) / (n * r_0**2)
        return Instance.of(
            d * _log_uniform(rng, 1e-6, 1e6, m)[:, None],
            z,
            epsilon,
            self.rounds,
            outputs=True,
        )


def _far(reach: Reach, seed: int, m: int) -> Instance:
    """Return instances of a reach; labels of all kinds, among them energy rising with d."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**31, *_key(reach))))
    d = np.sort(_log_uniform(rng, reach.lowest, 1.0, m, reach.n), axis=-1)
    d[:, -1] = 1.0
    power = rng.choice([0.0, 0.5, 1.0], (m, 1))[..., None]
    z = rng.standard_normal((m, reach.n, reach.outputs)) * d[..., None] ** power
    even = rng.random(m) < 0.3
    z[even] = np.sign(z[even]) * (d[even] ** power[even, 0])[..., None]
    if reach.apart:
        d[:, 1:] = 1.0
        z = np.zeros_like(z)
        z[:, [0, -1]] = 1.0
    r_0 = _log_uniform(rng, *reach.r_0, m)
    epsilon = np.sum(z**2, axis=(-2, -1)) / (reach.n * r_0**2)
    return Instance.of(d, z, epsilon, reach.rounds, outputs=True)


def _key(reach: Reach) -> tuple[int, int]:
    return reach.n, reach.rounds


@lru_cache(maxsize=48)
def drawn(chunk: Chunk) -> Instance:
    """Return `Chunk.draw`, and keep it and its computed values for the next statement."""
    return chunk.draw()


def _feasible(d: Array, z: Array, r_0: Array, share: Array) -> Array:
    """Scale the unreachable part of z to the given share (below 1) of rho^2."""
    kernel = (d == 0)[..., None]
    reachable = np.where(kernel, 0.0, z)
    reachable[np.all(reachable == 0, axis=(-2, -1)), -1] = 1.0
    rest = np.where(kernel, z, 0.0)
    wanted = np.sum(reachable**2, axis=(-2, -1)) * share / np.maximum(r_0**2 - share, share)
    present = np.sum(rest**2, axis=(-2, -1))
    factor = np.sqrt(0.99 * wanted / np.where(present > 0, present, 1.0))
    return reachable + factor[:, None, None] * rest


#: Samples of at least so many instances go far as well.
FAR_FROM = 1_000


def chunks(seed: int, instances: int) -> Iterator[Chunk]:
    """Yield the chunks of a sample.

    A small sample has smaller chunks, so it also covers all sizes. Below `FAR_FROM`
    instances it has neither long chains nor large matrices.

    Parameters
    ----------
    seed : int
        Non-negative.
    instances : int
        Instances in all, those of `far_chunks` not counted.
    """
    size = min(CHUNK, -(-instances // len(SIZES)))
    for number, start in enumerate(range(0, instances, size)):
        yield Chunk(seed, number, min(size, instances - start))
    if instances >= FAR_FROM:
        yield from far_chunks(seed)


def far_chunks(seed: int) -> Iterator[Chunk]:
    """Yield the chunks with long chains and large matrices."""
    for k, reach in enumerate(REACHES):
        yield Chunk(seed, -1 - k, reach.size)
