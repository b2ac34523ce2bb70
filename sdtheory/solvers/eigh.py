r"""The chain from the eigendecomposition of G, the only one with A, B and z.

It reports the error that rounding leaves in every multiplier, and refuses
nothing; `sdtheory.distill`, which chooses among the solvers, refuses.

References
----------
C. S. Kenney and A. J. Laub, Small-sample statistical condition estimates for
general matrix functions, SIAM J. Sci. Comput. 15 (1994), for the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sdtheory.multiplier import SMALLEST
from sdtheory.recursion import Trajectory, run
from sdtheory.solvers.chain import PROBES, Chain, Outcome, Start, ending, root_mean_square
from sdtheory.spectrum import Spectrum, backward_error
from sdtheory.validation import Array

#: Above this, an error to first order says nothing.
_LOST = 0.1


@dataclass(frozen=True)
class _Fits:
    """Fits in the eigenbasis."""

    spectrum: Spectrum
    trajectory: Trajectory

    def labels(self) -> Array:
        z = self.trajectory.z
        return np.array([self.spectrum.from_eigenbasis(row) for row in z[1:]])

    def dual(self, t: int) -> Array:
        z = self.trajectory.z[t]
        d = self.spectrum.d.reshape(-1, *(1,) * (z.ndim - 1))
        return self.spectrum.from_eigenbasis(np.where(d > 0, z / (self.trajectory.c[t] + d), 0.0))


def solve(spectrum: Spectrum, start: Start) -> Chain:
    """Run the recursion in the eigenbasis of G.

    Parameters
    ----------
    spectrum : Spectrum
    start : Start

    Raises
    ------
    InvalidInputError
        If eigenvalues, epsilon or a multiplier span more than floats hold.
    InfeasibleToleranceError
        If no function meets the tolerance.
    """
    z = spectrum.to_eigenbasis(start.given)
    columns = z if z.ndim == 2 else z[:, None]
    path = run(spectrum.d, columns, np.array(start.tolerance), start.limit)
    path = path if z.ndim == 2 else replace(path, z=path.z[..., 0])
    c_error, r_error = _rounding(path, spectrum.error)
    near = np.flatnonzero(np.abs(path.r_minus_1) <= r_error).tolist()
    ended = ending(len(path.c), near, float(path.r_minus_1[-1]))
    return _chain(spectrum, path, start.given, c_error, ended)


def with_multipliers(spectrum: Spectrum, y: Array, c: Array) -> Chain:
    """Return the chain of given multipliers, which has no tolerance.

    Its epsilon, `r` and `sensitivity` are NaN.

    Parameters
    ----------
    spectrum : Spectrum
    y : ndarray of shape (n,) or (n, q)
    c : ndarray of shape (T,)
    """
    z, d, unknown = spectrum.to_eigenbasis(y), spectrum.d, np.full(len(c), np.nan)
    A = d / (c[:, None] + d)
    B = np.multiply.accumulate(A, axis=0)
    rows = [z]
    for a in A:
        rows.append((a * rows[-1].T).T)
    after = np.append(unknown, np.nan)
    path = Trajectory(d, np.array(np.nan), c, A, B, np.array(rows), after, after, unknown)
    ended = Outcome.COMPLETED, (len(c), len(c))
    return _chain(spectrum, path, y, np.zeros(len(c)), ended)


def _chain(
    spectrum: Spectrum,
    path: Trajectory,
    y: Array,
    c_error: Array,
    ended: tuple[Outcome, tuple[int, int]],
) -> Chain:
    return Chain(
        solver="eigh",
        epsilon=float(path.epsilon),
        c=path.c,
        c_error=c_error,
        sensitivity=path.sensitivity,
        r=path.r,
        outcome=ended[0],
        n_rounds_range=ended[1],
        _labels=y,
        _fits=_Fits(spectrum, path),
        _eigenbasis=(spectrum, path),
    )


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
