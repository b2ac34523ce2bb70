"""One interface to all solvers: the choice among them, and the refusal of lost digits."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.kernels import gram as gram_matrix
from sdtheory.solvers.band import distill_band
from sdtheory.solvers.chain import KNOWN, REACHED, AccuracyError, Chain, as_tolerance
from sdtheory.solvers.eigh import Distillation, distill_eigh
from sdtheory.solvers.krylov import MAX_PRODUCTS, distill_krylov
from sdtheory.solvers.operator import KernelOperator
from sdtheory.solvers.spline import distill_spline
from sdtheory.spectrum import Spectrum
from sdtheory.validation import InvalidInputError

Solver = Literal["auto", "eigh", "band", "krylov", "spline"]
#: Points up to which the matrix is stored at once; above, products, with the kernel evaluated anew
#: in each, are tried before. Suite "choice" of the benchmarks measures both from n = 250 on.
_CROSSING = 1500
#: Points up to which the matrix is stored where products do not settle the multipliers;
#: an eigendecomposition holds three matrices of this size, 600 MB.
_STORED = 5000
#: Products that "auto" tries before, which cost up to about one eigendecomposition.
_TRIED = 50
#: Points from which "auto" takes the band form for a matrix. It costs less than solver "eigh" from
#: smaller n on (suite "dense" of the benchmarks), but only eigenvectors give A, B and z.
_REDUCED = 1000
SOLVERS: tuple[Solver, ...] = ("auto", "eigh", "band", "krylov", "spline")


@overload
def distill(
    gram: Spectrum,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    solver: Solver = "auto",
    tolerance: float | None = None,
) -> Distillation: ...
@overload
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    solver: Literal["eigh"],
    tolerance: float | None = None,
) -> Distillation: ...
@overload
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    solver: Solver = "auto",
    tolerance: float | None = None,
) -> Distillation | Chain: ...
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    solver: Solver = "auto",
    tolerance: float | None = None,
) -> Distillation | Chain:
    """Run self-distillation on labels y, by the cheapest solver that keeps the digits.

    What is passed as `gram` says which solvers there are:

    * a matrix: "eigh" up to some size, from there on "band" and, where that
      loses digits, "eigh"; or "krylov";
    * a `Spectrum`: "eigh", which it shares between calls;
    * a sparse matrix or LinearOperator: "krylov", the default; a sparse matrix
      may also take "eigh" or "band", which store all of it;
    * ``KernelOperator(kernel, x)``: "spline" for `BrownianBridge` and
      `SimplySupportedBeam`; for other kernels as for a matrix up to n = 1500,
      then "krylov", and up to n = 5000 as for a matrix where that does not reach
      the tolerance. Each of these may be asked for.

    A matrix does not default to "krylov", although that is cheaper from some
    size on: it knows c to the tolerance, but the labels only to its square root.

    Parameters
    ----------
    gram : array_like of shape (n, n), Spectrum, sparse matrix or LinearOperator
        G with the paper's 1/n, as `sdtheory.kernels.gram` returns it.
    y : array_like of shape (n,) or (n, q)
        Labels; q outputs share one tolerance and one multiplier.
    epsilon : float
        Tolerance on the mean squared residual (summed over outputs).
    rounds : int, optional
        Number of fits. By default the chain runs until its labels collapse.
    solver : {"auto", "eigh", "band", "krylov", "spline"}, default="auto"
        How to compute; "auto" chooses as above.
    tolerance : float, optional
        Largest relative error of a multiplier, `c_error`. By default 1e-8 for
        "krylov" and "spline", which work until they reach it, and 1e-3 for
        "eigh" and "band", whose errors come from the rounding of gram alone
        and are estimated for the worst case.

    Returns
    -------
    Distillation or Chain
        With the attributes epsilon, c, c_error, c_interval, r, y, outcome,
        n_rounds, n_rounds_range, collapsed and solver, and the methods dual and
        predict, whatever the solver; A, B, z, spectrum and trajectory only by
        solver "eigh".

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets epsilon; carries the smallest feasible one.
    AccuracyError
        If a multiplier is not known to the tolerance.
    """
    known = KNOWN if tolerance is None else as_tolerance(tolerance)
    reached = REACHED if tolerance is None else known

    def run(name: str, max_products: int) -> Distillation | Chain:
        if name == "spline":
            return distill_spline(gram.kernel, gram.x, y, epsilon, rounds, tolerance=reached)
        if name == "krylov":
            return distill_krylov(
                gram, y, epsilon, rounds, tolerance=reached, max_products=max_products
            )
        if name == "band":
            return distill_band(_stored(gram), y, epsilon, rounds, tolerance=known)
        chain = distill_eigh(_stored(gram), y, epsilon, rounds)
        _refuse_lost_digits(chain, known)
        return chain

    *cheaper, last = _chosen(gram, solver)
    for name in cheaper:
        try:
            return run(name, _TRIED)
        except AccuracyError:
            continue
    return run(last, MAX_PRODUCTS)


def _stored(gram: Any) -> Any:
    """Return gram with all its entries."""
    if isinstance(gram, KernelOperator):
        return gram_matrix(gram.kernel, gram.x)
    return gram.toarray() if scipy.sparse.issparse(gram) else gram


def _chosen(gram: Any, solver: str) -> list[str]:
    """Return the solvers to try, in this order, or say why there is none of that name."""
    if solver not in SOLVERS:
        raise InvalidInputError(
            f"solver must be one of {', '.join(map(repr, SOLVERS))}, but is {solver!r}. Leave it "
            f"out to let the kind and size of gram decide."
        )
    default, others, kind = _possible(gram)
    if solver == "auto":
        return default
    if solver not in default + others:
        needed = {
            "eigh": "the matrix itself",
            "band": "the matrix itself",
            "krylov": "a matrix, or products with it,",
            "spline": "KernelOperator(kernel, x), with BrownianBridge() or SimplySupportedBeam() "
            "and one column of inputs,",
        }
        raise InvalidInputError(
            f"solver={solver!r} cannot start from gram, which is {kind}. Pass {needed[solver]} for "
            f"it, or leave solver out."
        )
    return [solver]


def _possible(gram: Any) -> tuple[list[str], list[str], str]:
    """Return the solvers to try by default, the other possible ones, and what gram is."""
    if isinstance(gram, Spectrum):
        return ["eigh"], [], "a Spectrum"
    if isinstance(gram, KernelOperator):
        kind, n = f"a KernelOperator of {gram.kernel!r}", len(gram.x)
        if isinstance(gram.kernel, BrownianBridge | SimplySupportedBeam) and gram.x.shape[1] == 1:
            return ["spline"], ["eigh", "band", "krylov"], kind
        if n <= _CROSSING:
            return *_of_matrix(n), kind
        return ["krylov", "band", "eigh"] if n <= _STORED else ["krylov"], ["eigh", "band"], kind
    if scipy.sparse.issparse(gram):
        return ["krylov"], ["eigh", "band"], "a sparse matrix"
    if isinstance(gram, LinearOperator):
        return ["krylov"], [], "a LinearOperator"
    shape = getattr(gram, "shape", ())
    return *_of_matrix(shape[0] if len(shape) == 2 else 0), "a matrix"


def _of_matrix(n: int) -> tuple[list[str], list[str]]:
    """Return the solvers to try by default, and the other possible ones, for a stored matrix."""
    if n >= _REDUCED:
        return ["band", "eigh"], ["krylov"]
    return ["eigh"], ["band", "krylov"]


def _refuse_lost_digits(chain: Distillation, tolerance: float) -> None:
    # a round whose labels are within rounding of the tolerance has no multiplier, and says so
    sure = min(chain.n_rounds_range[0], chain.n_rounds)
    lost = np.flatnonzero(chain.c_error[:sure] > tolerance)
    if len(lost):
        t = int(lost[0])
        error = chain.c_error[t]
        found = f"about {error:.1g}" if np.isfinite(error) else "more than a tenth"
        raise AccuracyError(
            f"c_{t}, near {chain.c[t]:.3g} with eigenvalues up to {chain.spectrum.d[-1]:.3g}, has "
            f"a relative error of {found}, by the rounding of gram and of its eigenvalues. Pass a "
            f"larger tolerance, fewer rounds or a larger epsilon; for BrownianBridge() and "
            f"SimplySupportedBeam() pass KernelOperator(kernel, x) as gram, which keeps the digits."
        )
