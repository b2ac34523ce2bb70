"""One interface to all routes: the choice among them, and the refusal of lost digits."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from sdtheory.distill import Distillation, distill_eigh
from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.kernels import gram as gram_matrix
from sdtheory.krylov import KernelOperator
from sdtheory.routes.chain import AccuracyError, Chain, as_tolerance
from sdtheory.routes.krylov import distill_krylov
from sdtheory.routes.spline import distill_spline
from sdtheory.spectrum import Spectrum
from sdtheory.validation import InvalidInputError

Route = Literal["auto", "eigh", "krylov", "spline"]
#: Points up to which a kernel's matrix is stored.
_STORED = 2000
ROUTES: tuple[Route, ...] = ("auto", "eigh", "krylov", "spline")


@overload
def distill(
    gram: Spectrum,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    route: Route = "auto",
    tolerance: float = 1e-8,
) -> Distillation: ...
@overload
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    route: Literal["eigh"],
    tolerance: float = 1e-8,
) -> Distillation: ...
@overload
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    route: Route = "auto",
    tolerance: float = 1e-8,
) -> Distillation | Chain: ...
def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    *,
    route: Route = "auto",
    tolerance: float = 1e-8,
) -> Distillation | Chain:
    """Run self-distillation on labels y, by the cheapest route that keeps the digits.

    What is passed as `gram` says which routes there are:

    * a matrix: "eigh", the default, or "krylov";
    * a `Spectrum`: "eigh", which it shares between calls;
    * a sparse matrix or LinearOperator: "krylov", the default; a sparse matrix
      may also take "eigh", which stores all of it;
    * ``KernelOperator(kernel, x)``: "spline" for `BrownianBridge` and
      `SimplySupportedBeam`; for other kernels "eigh" on the stored matrix while
      n is small, else "krylov"; each of the three may be asked for.

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
    route : {"auto", "eigh", "krylov", "spline"}, default="auto"
        How to compute; "auto" chooses as above.
    tolerance : float, default=1e-8
        Largest relative error of a multiplier, `c_error`.

    Returns
    -------
    Distillation or Chain
        With the attributes epsilon, c, c_error, c_interval, r, y, outcome,
        n_rounds, n_rounds_range, collapsed and route, and the methods dual and
        predict, whatever the route; A, B, z, spectrum and trajectory only by
        route "eigh".

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets epsilon; carries the smallest feasible one.
    AccuracyError
        If a multiplier is not known to the tolerance.
    """
    tolerance = as_tolerance(tolerance)
    chosen = _chosen(gram, route)
    if chosen == "spline":
        return distill_spline(gram.kernel, gram.x, y, epsilon, rounds, tolerance=tolerance)
    if chosen == "krylov":
        return distill_krylov(gram, y, epsilon, rounds, tolerance=tolerance)
    if isinstance(gram, KernelOperator):
        gram = gram_matrix(gram.kernel, gram.x)
    elif scipy.sparse.issparse(gram):
        gram = gram.toarray()
    chain = distill_eigh(gram, y, epsilon, rounds)
    _refuse_lost_digits(chain, tolerance)
    return chain


def _chosen(gram: Any, route: str) -> str:
    """Return the route for this argument, or say why there is none of that name."""
    if route not in ROUTES:
        raise InvalidInputError(
            f"route must be one of {', '.join(map(repr, ROUTES))}, but is {route!r}. Leave it out "
            f"to let the size and kind of gram decide."
        )
    if isinstance(gram, Spectrum):
        possible, kind, remedy = ["eigh"], "a Spectrum", "the Gram matrix"
    elif isinstance(gram, KernelOperator):
        possible, kind = ["eigh", "krylov"], f"a KernelOperator of {gram.kernel!r}"
        if len(gram.x) > _STORED:
            possible.reverse()
        remedy = "BrownianBridge() or SimplySupportedBeam(), with inputs of one column,"
        splines = BrownianBridge | SimplySupportedBeam
        if isinstance(gram.kernel, splines) and gram.x.shape[1] == 1:
            possible.insert(0, "spline")
    elif scipy.sparse.issparse(gram):
        possible, kind, remedy = ["krylov", "eigh"], "a sparse matrix", "KernelOperator(kernel, x)"
    elif isinstance(gram, LinearOperator):
        possible, kind, remedy = ["krylov"], "a LinearOperator", "the matrix itself"
        if route == "spline":
            remedy = "KernelOperator(kernel, x)"
    else:
        possible, kind, remedy = ["eigh", "krylov"], "a matrix", "KernelOperator(kernel, x)"
    if route == "auto":
        return possible[0]
    if route not in possible:
        raise InvalidInputError(
            f"route={route!r} cannot start from gram, which is {kind}. Pass {remedy} for it, or "
            f"leave route out."
        )
    return route


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
