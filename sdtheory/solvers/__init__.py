"""Three solvers for the same chain of self-distillation, and `distill`, which chooses among them.

`distill_path` runs chains at many tolerances, and shares the work that does not depend on them.

======== ============================= ============================== ===================
solver   needs                         cost                           error of c
======== ============================= ============================== ===================
"eigh"   G, or its `Spectrum`          an eigendecomposition, 3 n^2   by the rounding of G
                                       numbers; the only one with
                                       eigenvectors: A, B and z
"krylov" products with G               ten to some hundred products   up to the tolerance
"spline" inputs on [0, 1], for the     O(n) for each round            up to the tolerance
         bridge or the beam
======== ============================= ============================== ===================

With "krylov", `Chain.c_error` is a bound for exact products, plus an estimate of their rounding.
With "eigh" and "spline" it is an estimate. The fuzzer of the tests has found no larger error.

`eigh`, `krylov` and `spline` hold one solver each, and `chain` their common input and result.
`operator` multiplies by G without storing it.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from sdtheory.kernels import BrownianBridge, SimplySupportedBeam
from sdtheory.linalg.lanczos import Lanczos
from sdtheory.recursion import Options
from sdtheory.solvers import eigh, krylov, spline
from sdtheory.solvers.chain import ULP, AccuracyError, Chain, Start
from sdtheory.solvers.operator import KernelOperator, one_thread
from sdtheory.spectrum import Spectrum
from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_gram,
    as_integer,
    as_labels,
    as_number,
    as_real_array,
    machine_epsilon,
)

Solver = Literal["auto", "eigh", "krylov", "spline"]
SOLVERS: tuple[Solver, ...] = ("auto", "eigh", "krylov", "spline")
#: Points from which "auto" tries products with a kernel first. From about here on they cost less
#: (suite "choice" of the benchmarks), but only eigenvectors give A, B and z.
CROSSING = 200
#: The same for a stored matrix, which most often is given for the sake of A, B and z.
_REDUCED = 400
#: Points up to which the matrix is stored where products do not settle the multipliers;
#: an eigendecomposition holds three matrices of this size, 600 MB.
_STORED = 5000
#: Products that "auto" tries before; so many cost less than an eigendecomposition.
_TRIED = 200
#: Largest ||y_t - its exact value|| / ||y|| of the chain of a stored matrix, rounding aside.
_LABELS = 1e-8
#: Largest relative error of a multiplier by default: for solvers that work until they reach it, and
#: for those that can only report what rounding left.
_REACHED, KNOWN = 1e-8, 1e-3
#: Error of a kernel's own values in machine epsilons: squared distances by
#: ||x||^2 - 2 x x' + ||x'||^2 lose digits, and leave eigenvalues of that size below zero.
_KERNEL_ULPS = 100


def distill(
    gram: Any,
    y: ArrayLike,
    epsilon: float | None = None,
    rounds: int | None = None,
    *,
    c: ArrayLike | None = None,
    mixing: ArrayLike | str = 0.0,
    fresh: ArrayLike | None = None,
    solver: Solver = "auto",
    tolerance: float | None = None,
    max_products: int = krylov.MAX_PRODUCTS,
) -> Chain:
    """Run self-distillation on labels y, by the cheapest solver that keeps the digits.

    The solver depends on `gram`:

    * a matrix: "eigh". From n = 400 on, "krylov" is tried first; it has 200
      products to find the multipliers, and the labels to 1e-8;
    * a `Spectrum`: "eigh", without another eigendecomposition. A spectrum that you
      make from eigenvalues and eigenvectors counts as exact;
    * a sparse matrix or LinearOperator: "krylov". For a sparse matrix you may
      choose "eigh", which stores all entries;
    * ``KernelOperator(kernel, x)``: "spline" for `BrownianBridge` and
      `SimplySupportedBeam`. For other kernels "eigh" up to n = 200, then
      "krylov". Up to n = 5000, "eigh" follows if "krylov" fails in 200 products.
      You may choose any of these.

    If you choose "krylov", or no other solver is possible, it stops when the error
    of c meets the tolerance. The labels then have about the square root of that
    error. `Chain.fallbacks` lists the solvers that were tried first, and why each
    failed.

    Parameters
    ----------
    gram : array_like of shape (n, n), Spectrum, sparse matrix or LinearOperator
        G with the paper's 1/n, as `sdtheory.kernels.gram` returns it.
    y : array_like of shape (n,) or (n, q)
        Labels; q outputs share one tolerance and one multiplier.
    epsilon : float, optional
        Tolerance on the mean squared residual (summed over outputs); required
        unless `c` is given.
    rounds : int, optional
        Number of fits. By default the chain runs until its labels collapse, or
        for as many rounds as `c` or `mixing` has numbers.
    c : float or array_like of shape (T,), optional
        Multipliers instead of a tolerance: one for all rounds, or one each.
    mixing : float, array_like of shape (T-1,) or "optimal", default=0.0
        Share of the labels that each round after the first mixes in; see
        `sdtheory.trajectory`. With kept labels the chain need not collapse, so a
        single share needs `rounds`. The chain ends at the first fit of zero.
    fresh : array_like of shape (T-1, n) or (T-1, n, q), optional
        Labels that each later round mixes in instead of y, for example new
        measurements at the same inputs.
    solver : {"auto", "eigh", "krylov", "spline"}, default="auto"
        "auto" chooses as above. `c` and `mixing` need "eigh".
    tolerance : float, optional
        Largest relative error of a multiplier, `Chain.c_error`. Default: 1e-8 for
        "krylov" and "spline", which iterate until they reach it. For "eigh" and
        for a matrix 1e-3: there the rounding of gram decides, and the error is
        estimated for the worst case. With ``math.inf`` "eigh" refuses no error.
    max_products : int, default=500
        Most products of G with a block of labels for "krylov"; each stores n by q
        numbers.

    Returns
    -------
    Chain

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets epsilon; carries the smallest feasible one.
    AccuracyError
        If a multiplier is not known to the tolerance.

    Examples
    --------
    >>> from sdtheory import distill
    >>> chain = distill([[2.0, 1.0], [1.0, 2.0]], [3.0, 1.0], epsilon=0.5)
    >>> chain.n_rounds, chain.solver
    (3, 'eigh')
    """
    varied = c is not None or fresh is not None or not (np.isscalar(mixing) and mixing == 0)
    if varied and solver not in ("auto", "eigh"):
        raise InvalidInputError(
            f"solver={solver!r} does not work with c or mixing, which need eigenvectors. Pass "
            f'solver="eigh", or leave it out.'
        )
    if not varied and epsilon is None:
        raise InvalidInputError("epsilon is missing. Pass the tolerance, or multipliers as c.")
    if (epsilon is None) == (c is None):
        raise InvalidInputError(f"epsilon is {epsilon!r} and c is {c!r}. Pass exactly one of them.")
    run = Run(Gram.checked(gram), y, "eigh" if varied else solver, tolerance, max_products)
    if varied:
        return run.varied(epsilon, run.options(rounds, c, mixing, fresh))
    return run.chain(epsilon, rounds)


def distill_path(
    gram: Any,
    y: ArrayLike,
    epsilons: ArrayLike,
    rounds: int | None = None,
    *,
    solver: Solver = "auto",
    tolerance: float | None = None,
    max_products: int = krylov.MAX_PRODUCTS,
) -> list[Chain]:
    """Run self-distillation at many tolerances, from one Krylov basis or eigendecomposition.

    Parameters
    ----------
    gram, y, rounds, solver, tolerance, max_products
        As in `distill`.
    epsilons : array_like of shape (m,)
        Tolerances on the mean squared residual, in any order.

    Returns
    -------
    list of Chain
        One for each tolerance, in the given order. Chains by solver "krylov"
        share the n numbers that each product stores.

    Raises
    ------
    InvalidInputError, InfeasibleToleranceError, AccuracyError
        As `distill` at the largest tolerance that it refuses.

    Examples
    --------
    >>> from sdtheory import distill_path
    >>> chains = distill_path([[2.0, 1.0], [1.0, 2.0]], [3.0, 1.0], [0.5, 2.0])
    >>> [chain.n_rounds for chain in chains]
    [3, 1]
    """
    wanted = as_real_array(epsilons, "epsilons", ndim=(1,))
    run = Run(Gram.checked(gram), y, solver, tolerance, max_products)
    # a basis that grows is short while it can be
    found = {at: run.chain(wanted[at], rounds) for at in np.argsort(-wanted, kind="stable")}
    return [found[at] for at in range(len(wanted))]


class Gram:
    """What was passed as gram, checked; stored and diagonalised once, where a solver needs it.

    Attributes
    ----------
    given : ndarray of shape (n, n), Spectrum, sparse matrix or LinearOperator
        A matrix as `sdtheory.validation.as_gram` returns it.
    n : int
    ulp : float
        Machine epsilon of the entries.
    memory : joblib.Memory, optional
        Where eigendecompositions are kept.
    lenient : bool
        Whether eigenvalues below zero may say that the kernel lost digits.
    """

    def __init__(
        self, given: Any, n: int, ulp: float, memory: Any = None, *, lenient: bool = False
    ) -> None:
        self.given, self.n, self.ulp, self.memory, self.lenient = given, n, ulp, memory, lenient

    @classmethod
    def checked(cls, gram: Any, *, lenient: bool = False) -> Gram:
        """Check what is passed to `distill`."""
        if isinstance(gram, Spectrum):
            return cls(gram, gram.n, ULP)
        if not (isinstance(gram, LinearOperator) or scipy.sparse.issparse(gram)):
            matrix = as_gram(gram, copy=False)
            return cls(matrix, len(matrix), machine_epsilon(gram))
        rows, columns = gram.shape
        if rows != columns or rows == 0 or np.dtype(gram.dtype).kind not in "fiub":
            raise InvalidInputError(
                f"gram must be a square, real, non-empty operator, but has shape {gram.shape} "
                f"and dtype {gram.dtype}. Pass products with G = k(x, x) / n."
            )
        if isinstance(gram, KernelOperator):
            return cls(gram, rows, gram.ulp, gram.memory, lenient=lenient)
        return cls(gram, rows, machine_epsilon(gram))

    @property
    def precision(self) -> float:
        """Machine epsilon of products."""
        return self.given.precision if isinstance(self.given, KernelOperator) else self.ulp

    @cached_property
    def matrix(self) -> Array | None:
        """All entries of G; None where they are not known, or known to have lost digits."""
        if isinstance(self.given, KernelOperator):
            return self.given.matrix()
        if scipy.sparse.issparse(self.given):
            return as_gram(self.given.toarray(), copy=False)
        return None if isinstance(self.given, Spectrum) else self.given

    @cached_property
    def spectrum(self) -> Spectrum:
        """The eigendecomposition of G."""
        if isinstance(self.given, Spectrum):
            return self.given
        of: Any = Spectrum.of if self.memory is None else self.memory.cache(_diagonalise)
        try:
            return of(self.matrix, self.ulp)
        except InvalidInputError:
            if not self.lenient:
                raise
        lost = _KERNEL_ULPS * self.n * self.ulp
        spectrum = Spectrum.of(cast(Array, self.matrix), self.ulp, lost)
        self.matrix = None
        return replace(spectrum, error=lost * float(spectrum.d[-1]))


def _diagonalise(matrix: Array, ulp: float) -> Spectrum:
    """Return `Spectrum.of`, under a name that a memory keeps."""
    return Spectrum.of(matrix, ulp)


class Run:
    """Chains from one gram and one set of labels, which share what solvers make of them.

    Arguments are those of `distill`.
    """

    def __init__(
        self,
        gram: Gram,
        y: ArrayLike,
        solver: str = "auto",
        tolerance: float | None = None,
        max_products: int = krylov.MAX_PRODUCTS,
    ) -> None:
        *self._cheaper, self._last = _chosen(gram.given, solver)
        if tolerance is None:
            self._reached, self._known = _REACHED, KNOWN
        else:
            self._reached = self._known = _as_tolerance(tolerance, self._last)
        self._max_products = as_integer(max_products, "max_products")
        self._gram, self._y = gram, y
        self._lanczos: Lanczos | None = None

    def chain(self, epsilon: Any, rounds: int | None, *, refusing: bool = True) -> Chain:
        """Return the chain by the first solver that knows it.

        Without `refusing`, "eigh" may return multipliers whose digits rounding hides.
        """
        start = Start.checked(self._y, self._gram.n, epsilon, rounds)
        fallbacks = []
        for name in self._cheaper if self._known < math.inf else ():
            try:
                return self._by(name, start, _TRIED)
            except AccuracyError as error:
                fallbacks.append(f"krylov: {error}")
            except InvalidInputError as error:
                if not self._gram.lenient:
                    raise
                fallbacks.append(f"krylov: {error}")
                break
        found = self._by(self._last, start, self._max_products)
        if found.solver == "eigh" and refusing:
            refuse_lost_digits(found, self._known)
        return replace(found, fallbacks=tuple(fallbacks))

    def options(self, rounds: Any, c: Any, mixing: Any, fresh: Any = None) -> Options:
        """Check in what a chain differs from that of one tolerance, as `distill` takes it."""
        labels = as_labels(self._y, self._gram.n)
        shape, outputs = (len(labels), labels[0].size), labels.ndim == 2
        return Options.checked(rounds, c, mixing, fresh, shape, outputs=outputs)

    def varied(self, epsilon: Any, options: Options) -> Chain:
        """Return a chain of given multipliers, or one that mixes labels in, by "eigh"."""
        gram = self._gram
        if options.fresh is not None:
            rows = [gram.spectrum.to_eigenbasis(row) for row in options.fresh]
            options = replace(options, fresh=np.array(rows))
        if options.c is not None:
            labels = as_labels(self._y, gram.n)
            return eigh.with_multipliers(gram.spectrum, labels, options)
        start = Start.checked(self._y, gram.n, epsilon, options.rounds)
        chain = eigh.solve(gram.spectrum, start, gram.matrix, gram.ulp, options)
        refuse_lost_digits(chain, self._known)
        return chain

    def _by(self, name: str, start: Start, max_products: int) -> Chain:
        gram = self._gram
        if name == "spline":
            points = gram.given
            return spline.solve(points.kernel, points.x, start, tolerance=self._reached)
        if name == "eigh":
            # in this order: a spectrum may show that the matrix has lost digits
            return eigh.solve(gram.spectrum, start, gram.matrix, gram.ulp)
        if start.near or start.excess <= 0:
            return krylov.ended(start)
        if self._lanczos is None:
            self._lanczos = Lanczos(gram.given, start.labels, gram.precision)
        exactly = {"tolerance": self._known, "labels": _LABELS}
        wanted = exactly if name == "stored" else {"tolerance": self._reached}
        # an operator has threads of its own
        with one_thread() if isinstance(gram.given, KernelOperator) else nullcontext():
            return krylov.solve(self._lanczos, start, max_products=max_products, **wanted)


def _as_tolerance(tolerance: Any, solver: str) -> float:
    """Return the largest relative error of a multiplier."""
    value = math.inf if tolerance == math.inf else as_number(tolerance, "tolerance")
    if value == math.inf and solver != "eigh":
        raise InvalidInputError(
            f"tolerance must be finite for solver {solver!r}, which iterates until it is met. "
            f'Pass a number below 1, or solver="eigh".'
        )
    if not (4 * ULP <= value < 1 or value == math.inf):
        raise InvalidInputError(
            f"tolerance must lie between {4 * ULP:.1g} and 1, but is {value!r}. It is the largest "
            f"relative error of a multiplier."
        )
    return value


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
            "krylov": "a matrix, or products with it,",
            "spline": "KernelOperator(kernel, x), with BrownianBridge() or SimplySupportedBeam(), "
            "one column of inputs and no weights,",
        }
        raise InvalidInputError(
            f"solver={solver!r} cannot start from gram, which is {kind}. Pass {needed[solver]} for "
            f"it, or leave solver out."
        )
    return [solver]


def _possible(gram: Any) -> tuple[list[str], list[str], str]:
    """Return the solvers to try by default, the other possible ones, and what gram is.

    "stored" is "krylov" for labels too, and for as many digits of c as "eigh" asks for.
    """
    if isinstance(gram, Spectrum):
        return ["eigh"], [], "a Spectrum"
    if isinstance(gram, KernelOperator):
        kind, (n, p) = f"a KernelOperator of {gram.kernel!r}", gram.x.shape
        on_a_line = isinstance(gram.kernel, BrownianBridge | SimplySupportedBeam) and p == 1
        if on_a_line and not gram.weighted:
            return ["spline"], ["eigh", "krylov"], kind
        if n < CROSSING:
            return ["eigh"], ["krylov"], kind
        # the second goes on with the products of the first, to fewer digits of c
        return ["krylov", "stored", "eigh"] if n <= _STORED else ["krylov"], ["eigh"], kind
    if scipy.sparse.issparse(gram):
        return ["krylov"], ["eigh"], "a sparse matrix"
    if isinstance(gram, LinearOperator):
        return ["krylov"], [], "a LinearOperator"
    return ["stored", "eigh"] if len(gram) >= _REDUCED else ["eigh"], ["krylov"], "a matrix"


def refuse_lost_digits(chain: Chain, tolerance: float, rounds: int | None = None) -> None:
    """Refuse a chain by "eigh" if a multiplier of the first `rounds` is not known so well."""
    # a round whose labels are within rounding of the tolerance has no multiplier, and says so
    sure = min(chain.n_rounds_range[0], chain.n_rounds if rounds is None else rounds)
    lost = np.flatnonzero(chain.c_error[:sure] > tolerance)
    if len(lost):
        t = int(lost[0])
        error = chain.c_error[t]
        found = f"about {error:.1g}" if np.isfinite(error) else "more than a tenth"
        raise AccuracyError(
            f"rounding of gram and of its eigenvalues leaves c_{t}, near {chain.c[t]:.3g} with "
            f"eigenvalues up to {chain.spectrum.d[-1]:.3g}, a relative error of {found}. "
            f"Choose a larger epsilon or fewer rounds, or pass distill a larger tolerance. For the "
            f"bridge and the beam, pass distill KernelOperator(kernel, x) as gram, or an estimator "
            f'solver="spline" and an absolute epsilon.'
        )
