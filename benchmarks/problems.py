r"""What is solved: points, labels and a tolerance, with the exact multipliers where they are known.

On the grid x_k = k / (n + 1) discrete sines diagonalise G for both Green's
functions, so that a sine transform gives the exact chain at any n.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import RBF, Matern

from sdtheory import BrownianBridge, SimplySupportedBeam, distill, gram, trajectory

Array = NDArray[np.float64]

#: Fits of each chain; no chain here collapses before.
ROUNDS = 5
#: Points up to which an eigendecomposition is the reference, where no closed form is.
LARGEST_DENSE = 4000
#: Half waves of the signal: lines, which cost a natural spline nothing, hold little of its energy,
#: so that its chain lasts as long as the others.
WAVES = 5
#: Standard deviation of the noise in the labels.
NOISE = 0.1
#: Parameter of the Gaussian kernel, exp(-gamma ||x - x'||^2).
GAMMA = 0.1
#: Tolerance of one chain, in units of the noise's variance.
ABOVE = 1.1


@dataclass(frozen=True)
class Problem:
    """Labels to be distilled.

    Attributes
    ----------
    name : str
        Key of `PROBLEMS`.
    kernel : object
        Green's function, or kernel of scikit-learn.
    x : ndarray of shape (n,) or (n, p)
    y : ndarray of shape (n,), or (vectors, 1, n) for a sweep
    epsilon : float or ndarray of shape (tolerances,)
    """

    name: str
    kernel: Any
    x: Array
    y: Array
    epsilon: Any

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.x)

    @cached_property
    def gram(self) -> Array:
        """G, shape (n, n); no contender is charged for it."""
        return gram(self.kernel, self.x)

    @cached_property
    def trace(self) -> float:
        """Trace of G, an upper bound on its eigenvalues."""
        if isinstance(self.kernel, BrownianBridge | SimplySupportedBeam):
            bridge = self.x * (1 - self.x)
            diagonal = bridge if isinstance(self.kernel, BrownianBridge) else bridge**2 / 3
        else:
            diagonal = self.kernel.diag(self.x)
        return float(np.mean(diagonal))

    @cached_property
    def reference(self) -> Array | None:
        """Exact multipliers, shape (..., ROUNDS); None where nothing tells them."""
        if not isinstance(self.kernel, BrownianBridge | SimplySupportedBeam):
            if self.n > LARGEST_DENSE:
                return None
            return distill(self.gram, self.y, self.epsilon, ROUNDS, solver="eigh").c
        d = sines(self.n, 1 if isinstance(self.kernel, BrownianBridge) else 2)
        z = np.asarray(scipy.fft.dst(self.y, type=1, norm="ortho", axis=-1))
        return trajectory(d, z, self.epsilon, ROUNDS).c

    @property
    def source(self) -> str:
        """What the reference is."""
        exact = isinstance(self.kernel, BrownianBridge | SimplySupportedBeam)
        return "exact sine transform" if exact else "eigendecomposition"


def sines(n: int, order: int) -> Array:
    """Return the eigenvalues of G on the grid k / (n + 1), for f'^2 (1) or f''^2 (2).

    Source: the example of Mobahi et al. (2020), for any n.
    """
    s = np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
    steps = n + 1
    values = 1 / (4 * steps * s) if order == 1 else (3 - 2 * s) / (48 * steps**3 * s * s)
    return values / n


def _labels(n: int, signal: Array, *vectors: int) -> Array:
    noise = np.random.default_rng(n).normal(size=(*vectors, n))
    return signal + NOISE * noise


def beam(n: int) -> Problem:
    """Noisy sine on a grid, the kernel of the paper's example."""
    x = np.arange(1, n + 1) / (n + 1)
    y = _labels(n, np.sin(WAVES * np.pi * x))
    return Problem("beam", SimplySupportedBeam(), x, y, ABOVE * NOISE**2)


def bridge(n: int) -> Problem:
    """Noisy sine on a grid, Green's function of -f''."""
    x = np.arange(1, n + 1) / (n + 1)
    y = _labels(n, np.sin(WAVES * np.pi * x))
    return Problem("bridge", BrownianBridge(), x, y, ABOVE * NOISE**2)


def cloud(n: int) -> Problem:
    """Draw normal points in five dimensions, for a Matern kernel."""
    x = np.random.default_rng(n).normal(size=(n, 5))
    y = _labels(n, np.sin(x[:, 0]) + x[:, 1] / 2)
    return Problem("cloud", Matern(4.0, nu=1.5), x, y, ABOVE * NOISE**2)


def people(n: int) -> Problem:
    """Draw normal points in five dimensions, for the Gaussian kernel of scikit-learn."""
    x = np.random.default_rng(n).normal(size=(n, 5))
    y = _labels(n, np.sin(x[:, 0]) + x[:, 1] / 2)
    return Problem("people", RBF(1 / np.sqrt(2 * GAMMA)), x, y, ABOVE * NOISE**2)


def sweep(n: int) -> Problem:
    """Twenty label vectors at ten tolerances each on the grid."""
    x = np.arange(1, n + 1) / (n + 1)
    y = _labels(n, np.sin(WAVES * np.pi * x), 20, 1)
    return Problem("sweep", SimplySupportedBeam(), x, y, np.geomspace(1.2, 4, 10) * NOISE**2)


PROBLEMS = {f.__name__: f for f in (beam, bridge, cloud, people, sweep)}
