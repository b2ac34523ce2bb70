"""The chain from a band form of G, at a fraction of the eigendecomposition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sdtheory.linalg.band import (
    PART,
    BandForm,
    LeadingForm,
    NotPositiveDefiniteError,
    Root,
    is_positive_definite,
    solve,
)
from sdtheory.linalg.halley import NoRootError
from sdtheory.solvers.chain import (
    PROBES,
    ULP,
    AccuracyError,
    Chain,
    Start,
    ending,
    excess_of,
    root_mean_square,
)
from sdtheory.spectrum import backward_error
from sdtheory.validation import Array, InvalidInputError

#: Matrices with larger or smaller entries, in powers of two, are scaled.
_MODERATE = 250


@dataclass(frozen=True)
class _Fits:
    """Fits and duals in the m rows of the band form."""

    form: BandForm
    fits: Array  # (T, m, q)
    duals: Array  # (T, m, q)

    def labels(self) -> Array:
        return self._restored(self.fits)

    def dual(self, t: int) -> Array:
        return self._restored(self.duals[t : t + 1])

    def _restored(self, rows: Array) -> Array:
        if not len(rows):
            return rows
        count, n, q = rows.shape
        columns = self.form.restore(rows.transpose(1, 0, 2).reshape(n, count * q))
        return columns.reshape(len(columns), count, q).transpose(1, 0, 2)


def solve_band(matrix: Array, start: Start, *, tolerance: float) -> Chain:
    """Run self-distillation from a band form of G.

    `c_error` is an estimate to first order, for perturbations of G as large as
    the one that the reduction was measured to have made, and at least as large
    as those of an eigendecomposition, carried from round to round.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        As `sdtheory.validation.as_gram` returns it.
    start : Start
    tolerance : float
        Largest relative error of a multiplier.

    Raises
    ------
    InvalidInputError
        If the matrix is indefinite, too large or too small.
    InfeasibleToleranceError
        If no function meets epsilon.
    AccuracyError
        If rounding leaves a multiplier a larger error than the tolerance.
    """
    if start.outcome is not None:
        return start.ended("band")

    # an exact power of two keeps squares inside the float range
    size = float(max(np.max(matrix), -np.min(matrix)))
    exponent = int(np.frexp(size)[1])
    exponent = exponent if abs(exponent) > _MODERATE else 0
    if size == 0:
        raise start.infeasible(start.excess + start.rho2)
    if exponent:
        matrix = np.ldexp(matrix, -exponent)
    chain = _from_leading_rows(matrix, start, tolerance)
    if chain is None:
        chain = _Rounds(BandForm.of(matrix), matrix, start, tolerance)
        chain.check_feasible()
        chain.run()

    count = len(chain.roots)
    duals = [root.residual / root.c for root in chain.roots]
    with np.errstate(over="ignore", under="ignore"):
        c = np.ldexp([root.c for root in chain.roots], exponent)
        duals = np.ldexp(duals, start.exponent - exponent)
    if not (np.all(np.isfinite(c) & (c > 0)) and np.all(np.isfinite(duals))):
        raise InvalidInputError(
            "gram is too large or too small: a multiplier or a dual vector leaves the range of "
            "floats. Scale gram by a constant, which scales c alike and does not change the fits."
        )
    outcome, n_rounds_range = ending(count, chain.near, chain.excess)
    return Chain(
        solver="band",
        epsilon=start.tolerance,
        c=c,
        c_error=np.array(chain.errors),
        sensitivity=np.array([1 / root.steepness for root in chain.roots]),
        r=np.array(chain.r),
        outcome=outcome,
        n_rounds_range=n_rounds_range,
        _labels=start.given,
        _fits=_Fits(
            chain.form,
            np.ldexp(np.array([root.fit for root in chain.roots]), start.exponent),
            duals,
        ),
    )


class _CutTooEarlyError(ArithmeticError):
    """The rows that were left out matter; `times` says how often more than rounding."""

    def __init__(self, times: float) -> None:
        super().__init__(times)
        self.times = times


def _from_leading_rows(matrix: Array, start: Start, tolerance: float) -> _Rounds | None:
    """Run the rounds in the leading rows, where those are few and all else below rounding."""
    n, before, left = len(matrix), 0, -float(np.log(backward_error(len(matrix))))
    for form in LeadingForm.growing(matrix, start.labels):
        chain = _Rounds(form, matrix, start, tolerance)
        try:
            chain.run()
        except _CutTooEarlyError as cut:
            known, left = left, float(np.log(cut.times))
            # the rate slows from block to block: this is the least that is needed
            needed = left / (known - left) * (form.n - before) if left < known else n
            if form.n + needed > n / PART:
                return None
            before = form.n
        except AccuracyError:
            return None
        else:
            # rows that were left out may hold a negative eigenvalue
            return chain if is_positive_definite(matrix, chain.floor) else None
    return None


class _Rounds:
    r"""The rounds in the basis of the band form, with their errors to first order.

    As in `sdtheory.solvers.eigh.distill_eigh`: random rank-one perturbations
    ``g h^T`` of G, as large as those of the reduction, run through all rounds by the
    tangent. With K = c (c I + G)^{-1}, w = K y_t and S = w^T (I - K) w,

    .. math:: S\, d\log c = w^\top K\,(E w / c - dy), \qquad
              dy_{t+1} = dy + K\,(E w / c - dy) - (I - K) w\, d\log c ,

    in root mean square; of the effect on c_t, the part that G has in that same
    round is its maximum over all perturbations of this norm.
    """

    def __init__(self, form: BandForm, matrix: Array, start: Start, tolerance: float) -> None:
        self.form = form
        self._matrix = matrix
        self._labels = form.rotate(start.labels)
        self._start = start
        self._tolerance = tolerance
        n = len(start.labels)
        self._rounding = backward_error(n) * form.size
        self.roots: list[Root] = []
        self.errors: list[float] = []
        self.r: list[float] = [start.r]
        self.excess = start.excess
        #: rounds whose labels are within rounding of the tolerance
        self.near: list[int] = []

    @cached_property
    def _perturbation(self) -> float:
        """What the form leaves out of G; not asked for where too few rows are cut."""
        return max(self.form.measured(self._matrix), self._rounding)

    @cached_property
    def floor(self) -> float:
        """Size of eigenvalues that rounding makes."""
        return max(len(self._start.labels) * ULP * self.form.size, self._perturbation)

    def run(self) -> None:
        """Run to the collapse, or the last round asked for."""
        form, start = self.form, self._start
        rho2 = start.rho2
        y, n = self._labels, len(start.labels)
        m, q = y.shape
        rng = np.random.default_rng(0)
        g, h = rng.standard_normal((2, m, PROBES))
        noise = rng.standard_normal((m, PROBES, q))
        # dy_0 is by rounding; ||y_0|| itself is exact
        moved = backward_error(n) * float(np.linalg.norm(y)) * noise
        while self.excess > 0 and len(self.roots) < start.limit:
            t = len(self.roots)
            try:
                root = solve(
                    form, y, self.excess, rho2, start=self._guess(), noise=self._tolerance / 8
                )
            except (NoRootError, NotPositiveDefiniteError) as error:
                if self._within_rounding(t):
                    break
                raise self._inaccurate(t, None, np.inf) from error
            w, c, shrunk = root.residual, root.c, root.shrunk
            cut = form.passed_on(w)
            if cut > self._rounding:
                raise _CutTooEarlyError(cut / self._rounding)
            defect = float(np.hypot(form.defect(c, y, w), cut))
            perturbation = self._perturbation + (defect if c < form.size else 0.0)
            flat = (w - shrunk)[:, None]  # K w
            steepness = root.steepness * rho2
            direct = perturbation / c * g[:, :, None] * (h.T @ w)
            before = np.sum(flat * moved, axis=(0, 2)) / steepness
            here = np.sum(flat * direct, axis=(0, 2)) / steepness
            largest = float(np.linalg.norm(flat)) * np.sqrt(rho2) * perturbation / c / steepness
            carried = root_mean_square(before)
            if t == 0:  # where excess is known, only energy - S is moved
                known = (root.fit + shrunk)[:, None]
                carried = min(
                    carried, root_mean_square(np.sum(known * moved, axis=(0, 2)) / steepness)
                )
            error = float(carried + largest + root.error + ULP)
            if c >= form.size:  # the fit is a product, whose error is relative
                error += defect / c
            if not error <= self._tolerance:
                if self._within_rounding(t):
                    break
                raise self._inaccurate(t, c, error)
            self.roots.append(root)
            self.errors.append(error)
            change = (direct - moved).reshape(m, -1)
            moved = moved + root.shifted.residual(change).reshape(moved.shape)
            moved -= shrunk[:, None] * (here - before)[:, None]
            moved += ULP * (np.abs(y) + np.abs(w))[:, None] * noise
            y = np.asfortranarray(root.fit)
            self.excess = excess_of(y, n, start.epsilon)
            r = float(np.sqrt(max(1 + self.excess / rho2, 0.0)))
            self.r.append(r)
            radial = root_mean_square(np.sum(y[:, None] * moved, axis=(0, 2)) / rho2)
            if abs(self.excess) <= (1 + r) * rho2 * (radial / max(r, ULP) + ULP * r):
                self.near.append(t + 1)

    def _guess(self) -> float | None:
        """Return where to look for the next multiplier.

        c (r - 1) stays where all eigenvalues agree, c where r is large: a power of r - 1
        lies between, and is that of the round before.
        """
        c, r = [root.c for root in self.roots[-2:]], np.array(self.r[-3:]) - 1
        if not c or r[-1] <= 0:
            return None
        power = 0.5
        if len(c) > 1:
            power = np.clip(np.log(c[1] / c[0]) / np.log(r[0] / r[1]), 0, 1)
        return float(c[-1] * (r[-2] / r[-1]) ** power)

    def _within_rounding(self, t: int) -> bool:
        return t in self.near and abs(self.excess) <= self._tolerance * self._start.rho2

    def check_feasible(self) -> None:
        """Refuse an indefinite G, and labels whose part in its numerical kernel is too large.

        With h the size of rounding, at least n machine epsilon d_max, an
        eigenvalue above 30 h adds to ||w||^2 at c = 1e3 h at most 17 times what
        it adds on the way to 1e5 h. What then is left belongs to eigenvalues up
        to 30 h; rounding moves ||w||^2 by up to 2 ||E|| / c of it.
        """
        form, rho2, floor = self.form, self._start.rho2, self.floor
        y = self._labels
        try:
            shifted = form.shifted(floor)
        except NotPositiveDefiniteError:
            raise InvalidInputError(
                f"gram is indefinite: its smallest eigenvalue is about "
                f"{form.smallest_eigenvalue(floor) / form.size:.3g} times its largest (rounding "
                f"would explain {-floor / form.size:.3g}). A kernel's Gram matrix is positive "
                f"semidefinite; check the kernel, or add a multiple of the identity."
            ) from None
        energy = float(np.sum(shifted.residual(y) ** 2))
        if energy < rho2:
            return
        lower, upper = (
            float(np.sum(form.shifted(at * floor).residual(y) ** 2)) for at in (1e3, 1e5)
        )
        rounding = 2 * self._perturbation / (1e3 * floor) * lower
        if lower - 17 * (upper - lower) - 18 * rounding >= rho2:
            raise self._start.infeasible(lower)

    def _inaccurate(self, t: int, c: float | None, error: float) -> AccuracyError:
        size = self.form.size
        if c is None:
            found = (
                f"c_{t} is lost in rounding: c I + G is not positive definite, to rounding, or "
                f"too ill conditioned where ||c (c I + G)^-1 y_{t}|| falls to sqrt(n epsilon)"
            )
        else:
            found = (
                f"c_{t}, at {c / size:.3g} times the largest eigenvalue, has a relative error of "
                f"up to {error:.1g}, by rounding"
            )
        hint = "; epsilon may be infeasible" if t == 0 else ""
        return AccuracyError(
            f"{found}, with r_{t} = {self.r[t]:.6g}{hint}. Pass a larger tolerance, fewer rounds "
            f"or a larger epsilon, or use distill_eigh."
        )
