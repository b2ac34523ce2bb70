r"""The chain from the eigendecomposition of G, the only one with A, B and z.

It reports the error that rounding leaves in every multiplier, and accepts any
error; `sdtheory.distill` refuses large ones.

References
----------
C. S. Kenney and A. J. Laub, Small-sample statistical condition estimates for
general matrix functions, SIAM J. Sci. Comput. 15 (1994), for the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import DoubleDouble
from sdtheory.multiplier import SMALLEST
from sdtheory.recursion import Options, Trajectory, run
from sdtheory.solvers.chain import ULP, Chain, Fits, Outcome, Start, ending
from sdtheory.spectrum import Spectrum, backward_error
from sdtheory.validation import Array, InfeasibleToleranceError

#: Random perturbations by which the sensitivity of a chain is estimated.
_PROBES = 16
#: Above this, an error to first order says nothing.
_LOST = 0.1
#: Above this, the eigensolver's part of an error is measured, in so many products at most.
_CLOSER, _PRODUCTS = 1e-6, 64
#: Rows that are multiplied at a time.
_ROWS = 32
#: Machine epsilons of sqrt(G_ii G_jj) that the entries of a Gram matrix may be off by.
_ENTRIES = 4


@dataclass(frozen=True)
class _Fits(Fits):
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


def solve(
    spectrum: Spectrum,
    start: Start,
    matrix: Array | None = None,
    ulp: float = ULP,
    options: Options | None = None,
) -> Chain:
    """Run the recursion in the eigenbasis of G.

    `c_error` is an estimate to first order, not a bound; it is infinite where it
    exceeds a tenth. It assumes that G is off by `Spectrum.error`, in the worst
    direction, and that the labels are rounded. Where it exceeds 1e-6 and `matrix` is
    given, residuals in double-double arithmetic measure the eigensolver's part
    instead. Then it assumes that the entries of G are rounded independently, by 4
    machine epsilon of their dtype.

    Parameters
    ----------
    spectrum : Spectrum
    start : Start
    matrix : ndarray of shape (n, n), optional
        The matrix that was diagonalised.
    ulp : float
        Machine epsilon of its entries.
    options : Options, optional
        Labels to mix in, in the eigenbasis. The chain ends at the first fit of zero,
        even if later labels are not zero.

    Raises
    ------
    InvalidInputError, InfeasibleToleranceError
        As `sdtheory.distill`.
    """
    z, epsilon = spectrum.to_eigenbasis(start.given), np.array(start.tolerance)
    options = replace(options or Options(start.limit), ends=True)
    try:
        path = run(spectrum.d, z, epsilon, options)
    except InfeasibleToleranceError as error:
        raise InfeasibleToleranceError(
            error.epsilon, error.smallest_feasible, rank_decision=spectrum.error > 0
        ) from None
    c_error, r_error = _rounding(path, spectrum.error, fresh=options.fresh is not None)
    cheap = len(path.c) * start.labels.shape[1] <= _PRODUCTS
    plain = path.shares is None
    if matrix is not None and cheap and plain and np.any(c_error > _CLOSER):
        rows = np.stack([start.given, *_Fits(spectrum, path).labels()])
        c_error = np.minimum(c_error, _measured(path, spectrum, matrix, rows, ulp))
    near = np.flatnonzero(np.abs(path.r_minus_1) <= r_error).tolist()
    ended = ending(len(path.c), near, float(path.r_minus_1[-1]))
    return _chain(spectrum, path, start.given, c_error, ended)


def with_multipliers(spectrum: Spectrum, y: Array, options: Options) -> Chain:
    """Return the chain of the multipliers in `options`; epsilon, `r` and `sensitivity` are NaN."""
    rounds = options.rounds
    path = run(spectrum.d, spectrum.to_eigenbasis(y), np.array(np.nan), options)
    return _chain(spectrum, path, y, np.zeros(rounds), (Outcome.COMPLETED, (rounds, rounds)))


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


def _measured(
    path: Trajectory, spectrum: Spectrum, matrix: Array, rows: Array, ulp: float
) -> Array:
    r"""Return errors of c by the residuals that this chain leaves in G, to first order.

    With a = alpha_t, w = c a, residual e = y_t - w - G a, labels that are off by dy_t, and R, A
    and S as in `_rounding`, all but G itself is known:

    .. math:: S\, d\log c = \tfrac12 (\rho^2 - \|w\|^2) - w^\top R\,(e + dy_t), \qquad
              dy_{t+1} = (y_t - w - y_{t+1}) + dy_t - R\,(e + dy_t) - A w\, d\log c .

    The rounding of G moves c like independent errors of its entries of `_ENTRIES` ulp in size,
    whose effect is a norm; G^(1/2) bounds what they are relative to. Where c I + G is not well
    above the backward error, R is not known either, and neither is c.
    """
    n, d = spectrum.n, path.d
    shift = int(np.frexp(d[-1])[1])
    scale = int(np.frexp(np.sqrt(n) * np.sqrt(path.epsilon))[1])
    matrix, d, c = (np.ldexp(a, -shift) for a in (matrix, d, path.c))
    y = np.ldexp(rows, -scale).reshape(len(rows), n, -1)
    rho2 = dd.two_prod(np.array(float(n)), np.ldexp(path.epsilon, -2 * scale))
    sizes = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))[:, None]
    unit = _ENTRIES * ulp
    rng = np.random.default_rng(0)
    g, h = (spectrum.V @ (sizes * a) for a in rng.standard_normal((2, n, _PROBES)))
    moved, drawn = np.zeros(y[0].shape), np.zeros((_PROBES, *y[0].shape))
    errors = np.full(len(c), np.inf)
    with np.errstate(all="ignore"):
        for t, at in enumerate(c):
            least = float(at + d[0])  # 1 over the norm of (c I + G)^-1
            if not least > 2 * np.ldexp(spectrum.error, -shift) / (ulp / ULP):
                break
            kept, lost = (d / (at + d))[:, None], (at / (at + d))[:, None]
            z = np.ldexp(path.z[t].reshape(n, -1), -scale)
            w = z * lost  # in the eigenbasis
            steepness = float(np.sum(w * w * kept))
            gradient = w * lost / steepness
            a = spectrum.V.T @ (w / at)
            exact = dd.two_prod(np.array(at), a)
            short = float(rho2 - (exact * exact).total())
            left = y[t] - exact
            residual = left - _product(matrix, a)
            change = spectrum.V @ (residual.high + moved)
            here = short / 2 / steepness - float(np.sum(gradient * change))
            # the same for the rounding of G: of this round, and of those before
            ways = [np.linalg.norm(sizes * (spectrum.V.T @ x)) for x in (gradient, w)]
            direct = unit / at * g.T[:, :, None] * (h.T @ w)[:, None]
            before = np.sum(gradient * drawn, axis=(1, 2), keepdims=True)
            drift = before - np.sum(gradient * direct, axis=(1, 2), keepdims=True)
            errors[t] = 2 * abs(here) + 2 * _root_mean_square(before) + ULP
            errors[t] += unit / at * float(np.prod(ways))
            # to second order w moves in all directions
            second = unit / least * np.sqrt(n) * float(np.max(sizes)) ** 2
            errors[t] += 2 * float(np.sum(w * w)) / steepness * second**2
            drawn = kept * drawn + lost * direct + w * kept * drift
            left = left - y[t + 1]
            moved = left.high + moved - spectrum.V.T @ (lost * change + kept * w * here)
    return np.where(errors < _LOST, errors, np.inf)


def _product(matrix: Array, columns: Array) -> DoubleDouble:
    """Return a matrix times columns, in double-double arithmetic."""
    found = DoubleDouble(np.empty(columns.shape))
    for j, column in enumerate(columns.T):
        for i in range(0, len(matrix), _ROWS):
            found[i : i + _ROWS, j] = dd.two_prod(matrix[i : i + _ROWS], column).total(axis=-1)
    return found


def _rounding(path: Trajectory, error: float, *, fresh: bool = False) -> tuple[Array, Array]:
    r"""Return the relative errors of c_t and the errors of r_t, to first order.

    Rank-one perturbations E = ``error * g h^T`` of G with Gaussian g and h
    move any quantity by ``error`` times the Frobenius norm of its gradient, in
    root mean square; every round sees the same E. With w = c (c I + G)^{-1} y_t,

    .. math:: S\, d\log c = w^\top R\,(E w / c - dy), \qquad
              dy_{t+1} = A\,dy + R\,E w / c - A w\, d\log c,

    with R = c (c I + G)^{-1}, A = I - R and S = w^T A w; of labels that are mixed
    in, the share a of their own rounding is added to 1 - a of that. In the error of c_t
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
    g, h = rng.standard_normal((2, _PROBES, n, 1))
    # what the rank decision may have taken from an eigenvalue
    rank = np.where(d == 0, n * ulp * float(d.max()) if error > 0 else 0.0, 0.0)
    rank = rank * rng.choice([-1.0, 1.0], (_PROBES, 1, 1))
    noise = rng.standard_normal((_PROBES, *columns.shape[1:]))
    given = unit * float(np.linalg.norm(columns[0])) * noise
    moved = given
    c_error, r_error = [], []
    with np.errstate(all="ignore"):
        for t, r in enumerate(path.r):
            radial = np.sum(columns[t] * moved, axis=(1, 2)) / max(r, SMALLEST)
            r_error.append(_root_mean_square(radial) + ulp * r)
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
            # to second order w moves in all directions, by (c I + G)^-1 E w twice at most
            second = error / (c + max(float(path.d[0]) - error, 0.0))
            largest += 2 * np.sum(w * w) / steepness * second**2
            # a mean over so few probes may fall to half of the norm
            c_error.append(2 * _root_mean_square(before) + largest + ulp)
            moved = kept * moved + lost * direct - w * kept * (here - before)
            if path.shares is not None:
                a = path.shares[t]
                if fresh:
                    given = unit * np.linalg.norm(columns[t + 1]) * rng.standard_normal(moved.shape)
                moved = a * given + (1 - a) * moved
            moved += 2 * ulp * columns[t + 1] * rng.standard_normal(moved.shape)
    errors = np.array(c_error)
    return np.where(errors < _LOST, errors, np.inf), np.nan_to_num(r_error, nan=np.inf)


def _root_mean_square(a: Array) -> float:
    return float(np.sqrt(np.mean(a * a)))
