"""Estimators in scikit-learn's conventions: self-distilled kernel ridge regression.

One round at multiplier c is `sklearn.kernel_ridge.KernelRidge` with
``alpha = n c``; t rounds are t chained fits, each on the fitted values of the
one before.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, cast

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import kernel_metrics
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    check_memory,
)

from sdtheory.estimator.inputs import (
    LARGEST,
    KernelValues,
    real_labels,
    takes_sparse,
    validated,
)
from sdtheory.formulas.mixing import roughness
from sdtheory.kernels import GREENS_FUNCTIONS, GreensFunction, kernel_by_name
from sdtheory.recursion import Options, as_mixing
from sdtheory.solvers import (
    CROSSING,
    KNOWN,
    SOLVERS,
    Chain,
    KernelOperator,
    distill,
    eigh,
    refuse_lost_digits,
)
from sdtheory.solvers.chain import ULP, Start
from sdtheory.solvers.trace import lost_shares
from sdtheory.spectrum import Spectrum
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_number,
    as_real_array,
    machine_epsilon,
)

_UNITS = ("relative", "absolute", "noise")
_CRITERIA = ("gcv", "loo")
#: Error of a kernel's own values in machine epsilons: squared distances by
#: ||x||^2 - 2 x x' + ||x'||^2 lose digits, and leave eigenvalues of that size below zero.
_KERNEL_ULPS = 100
#: Share of the largest eigenvalue up to which a direction counts as out of reach.
_REACHED_FROM = 1e-10
#: Numbers that the fits of one chain may hold (2^26 are 512 MiB).
_LARGEST_CHAIN = 2**26
#: Kernel values that `predict` holds at a time (32 MiB).
_BATCH = 2**22
#: Rounds that ``rounds="auto"`` tries.
_MOST_TRIED = 1000
#: Rounds that ``rounds="rougher"`` tries first; four times as many where all are rougher.
_TRIED_ROUNDS = 8
#: Ridges tried for the noise level, relative to the largest eigenvalue.
_NOISE_RIDGES = np.logspace(-14, 4, 181)


class _KernelChain(BaseEstimator):
    """The parameters that regressor and classifier share."""

    def __init__(
        self,
        kernel: Any = "rbf",
        *,
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        epsilon: float = 0.1,
        epsilon_unit: str = "relative",
        c: float | Sequence[float] | None = None,
        rounds: int | str | None = 1,
        criterion: str = "gcv",
        fit_intercept: bool = False,
        solver: str = "auto",
        memory: Any = None,
        mixing: float | Sequence[float] | str = 0.0,
        roughness: float | None = None,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.epsilon = epsilon
        self.epsilon_unit = epsilon_unit
        self.c = c
        self.rounds = rounds
        self.criterion = criterion
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.memory = memory
        self.mixing = mixing
        self.roughness = roughness

    def __sklearn_tags__(self) -> Any:
        """Declare that a precomputed kernel is indexed on both axes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        tags.input_tags.sparse = takes_sparse(self.kernel)
        return tags


class SelfDistilledKernelRidge(MultiOutputMixin, RegressorMixin, _KernelChain):
    r"""Kernel ridge regression, distilled into itself.

    Round t minimises the RKHS norm of f subject to
    ``mean((f(x_k) - y_t[k])^2) <= epsilon``; its fitted values are the labels
    of round t + 1. All outputs share one tolerance, and one multiplier in each round.

    Parameters
    ----------
    kernel : str, callable, GreensFunction or scikit-learn kernel, default="rbf"
        "beam", "bridge", "periodic" (Green's functions on [0, 1]), a name for
        `sklearn.metrics.pairwise.pairwise_kernels`, or "precomputed". An object
        must map (m, p) and (n, p) inputs to the (m, n) matrix of kernel values.
    gamma, degree, coef0, kernel_params
        As in `sklearn.kernel_ridge.KernelRidge`.
    epsilon : float, default=0.1
        Tolerance on the mean squared residual, in units of `epsilon_unit`.
    epsilon_unit : {"relative", "absolute", "noise"}, default="relative"
        "absolute": the tolerance is `epsilon`.
        "relative": it is `epsilon` times the mean square of the labels that the
        kernel can reach, plus the mean square of the rest. Every epsilon in (0, 1)
        then has a non-trivial fit, unless rounding hides it. Directions with
        eigenvalues up to 1e-10 of the largest count as unreachable.
        "noise": it is `epsilon` times the noise variance, which the ridge fit of
        smallest generalised cross-validation estimates; epsilon = 1 is Morozov's
        principle.
    c : float or sequence of float, optional
        Multipliers instead of a tolerance: one for all rounds, or one each.
    rounds : int, "auto", "rougher" or None, default=1
        Number of fits. "auto" keeps the round of smallest `criterion`, of the
        first thousand. None keeps the last round before the labels collapse to
        zero. "rougher" keeps the last round whose fit is at least as rough as the
        truth, by `roughness`, and at least one round. Each round up to there lowers
        the squared error at the inputs by at least epsilon.
    criterion : {"gcv", "loo"}, default="gcv"
        Generalised cross-validation or leave-one-out. Both have a closed form in
        the eigenbasis, and count points, not weights. "loo" is the error of the
        whole chain, run again without each point at fixed multipliers. Without
        eigenvectors, "gcv" estimates traces from random probes, with the standard
        error `criterion_error_`; "loo" needs eigenvectors.
    fit_intercept : bool, default=False
        Whether to subtract the (weighted) mean of the labels before the fit, and
        to add it to every prediction. `epsilon` and `criterion` then refer to the
        centred labels. Without it the fits shrink towards zero, wherever the
        labels lie.
    solver : {"auto", "eigh", "krylov", "spline"}, default="auto"
        As in `sdtheory.distill`; `solver_` is the one that was used. "eigh"
        diagonalises the kernel matrix. The following need it: weights, sparse
        inputs, a precomputed kernel, `c`, `mixing`, ``rounds="rougher"``,
        ``criterion="loo"`` with ``rounds="auto"``, and every `epsilon_unit` but
        "absolute". Otherwise, from 200 points on, "auto" leaves the choice to
        `sdtheory.distill`, which stores at most 512 MiB of kernel values.
    memory : str or joblib.Memory, optional
        Keeps eigendecompositions and products with the kernel matrix, as in
        `sklearn.pipeline.Pipeline`. Fits on the same data share them: `GridSearchCV`
        over `epsilon`, `rounds` or `criterion` computes each once for each fold.
        So does scikit-learn's `ValidationCurveDisplay` over `epsilon`.
    mixing : float, sequence of float or "optimal", default=0.0
        Share of the labels that each round after the first mixes in: one number, or
        one for each, in [0, 1]; with `c` any numbers. "optimal", which needs
        `c`, minimises generalised cross-validation in each round (`mixing_`);
        `criterion` treats these shares as given. A chain that keeps labels need not
        collapse, so the number of rounds must follow from `rounds`, `c` or here.
        For labels that are new in every round, see ``sdtheory.distill(fresh=...)``.
    roughness : float, optional
        Upper bound on the truth's squared norm in the kernel's space, for
        ``rounds="rougher"``. Default: the squared norm of the ridge fit of smallest
        generalised cross-validation. This is an estimate, so it does not guarantee
        that a round helps.

    Attributes
    ----------
    n_rounds_ : int
        Number T of non-trivial fits. If you asked for more, the fit is the zero
        function.
    multipliers_ : ndarray of shape (T,)
        Ridge multiplier of each round.
    c_error_ : ndarray of shape (T,)
        Relative error of each multiplier, as in `sdtheory.Chain`: an estimate
        for the worst rounding of the kernel matrix. `fit` refuses an error above
        1e-3. Zero if `c` is given.
    intercept_ : float or ndarray of shape (q,)
        Mean of the labels with `fit_intercept`, else zero.
    shrinkage_ : ndarray of shape (T, n)
        Diagonals of B_t; eigenvalues ascending.
    eigenvalues_ : ndarray of shape (n,)
        Eigenvalues of G, ascending. If `solver_` is not "eigh", this and
        `shrinkage_` are empty; so is `criterion_`, unless ``rounds="auto"``.
    solver_ : str
        The solver that made the chain.
    fallbacks_ : tuple of str
        Solvers that "auto" tried before `solver_`, and why each failed.
    dual_coef_ : ndarray of shape (n,) or (n, q)
        ``predict(X) = K(X, X_fit_) @ dual_coef_``.
    X_fit_ : ndarray of shape (n, p)
        Training inputs; with a precomputed kernel the training matrix.
    epsilon_ : float
        Tolerance on the mean squared residual; NaN if `c` is given.
    mixing_ : ndarray of shape (T - 1,)
        Share of the labels in each round after the first.
    roughness_ : ndarray of shape (rounds tried,)
        Squared norm of each fit in the kernel's space, summed over outputs; empty
        if `solver_` is not "eigh".
    roughness_bound_ : float
        The bound that ``rounds="rougher"`` used, else NaN.
    collapsed_ : bool
        Whether this fit, or the fit of the next round, is the zero function.
    criterion_, criterion_error_ : ndarray of shape (rounds tried,)
        Value of the criterion by round, and its standard error, which is zero
        with eigenvectors. It has more rounds than `multipliers_` if
        ``rounds="auto"`` kept an earlier round. A round whose multiplier rounding
        hides is not tried.
    tried_multipliers_, tried_loss_ : ndarray of shape (rounds tried,)
        Multiplier and training loss of every round tried.
    training_loss_ : ndarray of shape (T,)
        Mean squared distance of each round's fitted values to the labels,
        summed over outputs.

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets the tolerance.
    AccuracyError
        If rounding leaves a multiplier an error above 1e-3, as
        `sdtheory.distill` does.

    References
    ----------
    Mobahi et al. (2020), Prop. 1 and the recursion; Borup and Andersen (2021), kept
    labels; Dang, Patil and Rinaldo (2026), the optimal share; as restated here.

    Examples
    --------
    >>> from sdtheory.datasets import load_example
    >>> from sdtheory.estimator import SelfDistilledKernelRidge
    >>> data = load_example()
    >>> model = SelfDistilledKernelRidge("beam", epsilon=0.045, epsilon_unit="absolute", rounds=3)
    >>> model.fit(data.x[:, None], data.y).n_rounds_
    3
    """

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SelfDistilledKernelRidge:
        """Fit the chain.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, p), or (n, n) with a precomputed kernel
            Training inputs, or the kernel between them (without the 1/n). Sparse
            where `kernel` names one of scikit-learn's that takes it.
        y : array_like of shape (n,) or (n, q)
            Labels.
        sample_weight : array_like of shape (n,), optional
            Weights of the squared residuals; their common factor does not
            matter. An integer weight is the same as repeating the point,
            except for what counts points: `criterion` and the noise level.

        Returns
        -------
        SelfDistilledKernelRidge
        """
        self._fit(X, y, sample_weight)
        return self

    def _fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Chain:
        """Fit, and return the chain, whose eigenvectors a model does not keep."""
        multipliers = self.check_parameters()
        rounds, options = self._planned(multipliers)
        inputs, labels = validated(self, X, y, multi_output=True, y_numeric=True)
        labels = real_labels(labels)
        ulp = machine_epsilon(X) if self._precomputed() else ULP
        weights = _weights(sample_weight, inputs)
        used = weights > 0
        # in the coordinates sqrt(w) y the weighted problem is the unweighted one
        weights = weights[used] / np.max(weights)
        self.roughness_bound_ = float("nan")
        root, total = np.sqrt(weights), float(np.sum(weights))
        self.intercept_ = np.zeros(labels.shape[1:])
        if self.fit_intercept:
            self.intercept_ = weights @ labels[used] / total
        labels = labels - self.intercept_
        self.intercept_ = self.intercept_[()]
        scaled = (labels[used].T * root).T

        if self._needs_eigenbasis(inputs, weights, multipliers):
            chain = self._in_eigenbasis(inputs, scaled, (used, root, total, ulp), rounds, options)
        else:
            chain = self._by_distill(inputs, scaled)
        if multipliers is None and chain.n_rounds:
            self._warn_of_the_mean(labels[used], weights)
        chosen = chain.n_rounds
        if self.rounds == "auto" and chosen:
            chosen = int(np.argmin(self.criterion_)) + 1
            if chosen == chain.n_rounds and not chain.collapsed:
                warnings.warn(
                    f"{self.criterion} is smallest after the last of the {chosen} round(s) that "
                    f'rounds="auto" tries. Choose a larger epsilon, or pass rounds=.',
                    ConvergenceWarning,
                    stacklevel=3,
                )
        if self.rounds == "rougher" and chosen:
            chosen = max(int(np.sum(self.roughness_ >= self.roughness_bound_)), 1)
        self.solver_, self.fallbacks_ = chain.solver, chain.fallbacks
        if chain.solver == "eigh":
            refuse_lost_digits(chain, KNOWN, chosen)
        # a chain that is left early has not collapsed
        self.collapsed_ = chain.collapsed and chosen == chain.n_rounds
        self._duals = np.zeros((chosen, *labels.shape))
        for t in range(chosen):
            self._duals[t][used] = (chain.dual(t).T * root).T / total

        self.X_fit_ = inputs.copy()
        known = chain.solver == "eigh"
        self.eigenvalues_ = chain.spectrum.d if known else np.empty(0)
        self.multipliers_ = chain.c[:chosen]
        self.c_error_ = chain.c_error[:chosen]
        self.shrinkage_ = chain.B[:chosen] if known else np.empty((chosen, 0))
        self.n_rounds_ = chosen
        last = max(chosen - 1, 0)
        self.mixing_ = np.zeros(last) if chain.mixing is None else chain.mixing[:last]
        self.training_loss_ = self.tried_loss_[:chosen]
        low, high = chain.n_rounds_range
        self._finish(labels, low if low != high else None)
        return chain

    def _needs_eigenbasis(self, inputs: Any, weights: Array, multipliers: Array | None) -> bool:
        """Return whether the matrix must be diagonalised; refuse a solver that cannot do it."""
        reasons = [
            reason
            for reason, holds in (
                ("c", multipliers is not None),
                ("mixing", isinstance(self.mixing, str) or bool(np.any(self.mixing))),
                ('rounds="rougher"', self.rounds == "rougher"),
                ('criterion="loo"', self.rounds == "auto" and self.criterion == "loo"),
                (f'epsilon_unit="{self.epsilon_unit}"', self.epsilon_unit != "absolute"),
                ("sample_weight", len(weights) < inputs.shape[0] or np.ptp(weights) > 0),
                ('kernel="precomputed"', self._precomputed()),
                ("sparse X", scipy.sparse.issparse(inputs)),
            )
            if holds
        ]
        if self.solver not in ("auto", "eigh") and reasons:
            raise InvalidInputError(
                f"solver={self.solver!r} does not work with {reasons[0]}, which needs the "
                f'eigenvectors of the kernel matrix. Pass solver="eigh", or leave it out.'
            )
        few = self.solver == "auto" and inputs.shape[0] < CROSSING
        return bool(reasons) or few or self.solver == "eigh"

    def _by_distill(self, inputs: Array, labels: Array) -> Chain:
        """Return the chain of the solver asked for or chosen."""
        n = len(inputs)
        kernel = self._kernel
        if isinstance(self.kernel, GreensFunction):
            kernel = self.kernel
        elif isinstance(self.kernel, str) and self.kernel in GREENS_FUNCTIONS:
            kernel = kernel_by_name(self.kernel)
        memory = None if self.memory is None else check_memory(self.memory)
        operator = KernelOperator(kernel, inputs, memory=memory)
        asked = self._asked(labels)
        self.epsilon_ = float(self.epsilon)
        self._check_length(1 if asked is None else asked, labels)
        if np.any(labels):
            solver = cast(Any, self.solver)
            chain = distill(operator, labels, self.epsilon_, asked, solver=solver)
        else:
            chain = distill(np.eye(n), labels, 1.0)
        self._check_length(chain.n_rounds, labels)
        if chain.solver == "eigh":
            self._judge(chain, n, chain.n_rounds)
            return chain
        axes = tuple(range(1, chain.y.ndim))
        self.tried_loss_ = np.sum((chain.y[1:] - chain.y[0]) ** 2, axis=axes) / n
        self.tried_multipliers_ = chain.c
        self.criterion_ = self.criterion_error_ = self.roughness_ = np.empty(0)
        if self.rounds == "auto":
            shares, errors = lost_shares(operator, operator.precision, chain.c)
            self.criterion_ = self.tried_loss_ / shares**2
            moved = 0.0 if chain.y_error is None else chain.y_error[1:]
            self.criterion_error_ = 2 * self.criterion_ * errors / shares
            self.criterion_error_ += 2 * np.sqrt(self.tried_loss_ / n) * moved / shares**2
        return chain

    def _in_eigenbasis(
        self,
        inputs: Any,
        scaled: Array,
        weighting: tuple[Any, Array, float, float],
        rounds: int | None,
        options: Options,
    ) -> Chain:
        """Return the chain from eigenvectors; judge every round."""
        n = inputs.shape[0]
        used, root, total, ulp = weighting
        try:
            matrix = self.kernel_matrix(inputs, inputs)[np.ix_(used, used)]
            if callable(self.kernel):
                ulp = machine_epsilon(self.kernel(inputs[:1], inputs[:1]))
            spectrum, matrix = self._diagonalised(root[:, None] * matrix * root / total, ulp)
        except MemoryError as error:
            raise InvalidInputError(
                f"X has {n} points: their kernel matrix and its eigenvectors need "
                f"{16 * n**2 / 2**30:.3g} GiB, more than is free. Fit a random subset, or use "
                f'options without eigenvectors: epsilon_unit="absolute", no weights, no c.'
            ) from error
        if options.c is None or rounds is None:
            self.epsilon_ = self._tolerance(spectrum, scaled, total)
            stored = matrix, ulp
            if self.rounds == "rougher" and np.any(scaled):
                chain = self._until_smoother(spectrum, scaled, total, stored)
            else:
                chain = self._solve(spectrum, scaled, total, stored, (rounds, options))
        else:
            self.epsilon_ = float("nan")
            self._check_length(rounds, scaled)
            chain = eigh.with_multipliers(spectrum, scaled, rounds, options)
        known = chain.n_rounds
        if isinstance(self.rounds, str) and np.any(chain.c_error[1:] > KNOWN):
            known = 1 + int(np.argmax(chain.c_error[1:] > KNOWN))
        self._judge(chain, total, known)
        return chain

    def _judge(self, chain: Chain, total: float, known: int) -> None:
        """Set the criterion of the rounds whose multipliers are known, from eigenvectors."""
        lost = _lost(chain)
        loss = _loss(lost, chain.z[0], total)
        if self.criterion == "gcv":
            tried = loss / np.mean(lost, axis=1) ** 2
        else:
            tried = _leave_one_out(chain, lost, total)
        self.criterion_, self.tried_loss_ = tried[:known], loss[:known]
        self.criterion_error_ = np.zeros(known)
        self.tried_multipliers_ = chain.c[:known]
        self.roughness_ = _roughness(chain, total)[:known]

    def _warn_of_the_mean(self, labels: Array, weights: Array) -> None:
        """Warn where the labels' mean, which takes no fit, is nearer to them."""
        distance = (labels - np.average(labels, axis=0, weights=weights)).reshape(len(labels), -1)
        variance = float(np.average(np.sum(distance**2, axis=1), weights=weights))
        if 0 < variance < (1 - 1e-9) * self.epsilon_ and not self.fit_intercept:
            warnings.warn(
                f"the tolerance {self.epsilon_:.6g} is above the variance of the labels, "
                f"{variance:.6g}: the constant mean fits them better. Pass fit_intercept=True, or "
                f"a smaller epsilon.",
                UserWarning,
                stacklevel=3,
            )

    def _finish(self, labels: Array, low: int | None) -> None:
        """Set the dual coefficients, and warn where they are zero or ill defined."""
        asked = int(self.rounds) if isinstance(self.rounds, Integral) else max(self.n_rounds_, 1)
        zero = self.n_rounds_ < asked
        self.dual_coef_ = np.zeros_like(labels) if zero else self._duals[-1]
        if low is not None and (low < asked or not isinstance(self.rounds, Integral)):
            warnings.warn(
                f"the labels are within rounding of collapse after {low} round(s): whether round "
                f"{low} is zero depends on the last digits. Move epsilon away from this value.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif zero:
            warnings.warn(
                f"the labels collapsed to zero after {self.n_rounds_} round(s): the fit is "
                f"the zero function. Choose a smaller epsilon or fewer rounds.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the last fit.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        check_is_fitted(self)
        return next(self._evaluated(X, [self.dual_coef_]))

    def staged_predict(self, X: ArrayLike) -> Iterator[Array]:
        """Evaluate the fit of every round, from the first on.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Yields
        ------
        ndarray of shape (m,) or (m, q)
        """
        check_is_fitted(self)
        yield from self._evaluated(X, self._duals)

    def spectrum(self) -> Spectrum:
        """Return the eigendecomposition of G at the training inputs, without weights.

        Returns
        -------
        Spectrum
        """
        check_is_fitted(self)
        matrix = self.kernel_matrix(self.X_fit_, self.X_fit_) / self.X_fit_.shape[0]
        return self._diagonalised(matrix)[0]

    def _evaluated(self, X: ArrayLike, duals: Sequence[Array] | Array) -> Iterator[Array]:
        """Yield the fit of each of these coefficients; few rows of kernel values are held."""
        inputs = validated(self, X, reset=False)
        m = inputs.shape[0]
        values = np.empty((len(duals), m, *self.dual_coef_.shape[1:]))
        step = max(1, _BATCH // self.X_fit_.shape[0])
        for start in range(0, m, step):
            rows = self.kernel_matrix(inputs[start : start + step], self.X_fit_)
            with np.errstate(all="ignore"):
                for t, dual in enumerate(duals):
                    values[t, start : start + step] = rows @ dual + self.intercept_
        if not np.all(np.isfinite(values)):
            raise InvalidInputError(
                "X: the prediction overflows, because the kernel is too large there. Predict "
                "nearer to the training inputs."
            )
        yield from values

    def kernel_matrix(self, X: Any, X_fit: Any) -> Array:
        """Return kernel values between new and training inputs, shape (m, n).

        Parameters
        ----------
        X : ndarray of shape (m, p)
        X_fit : ndarray of shape (n, p)

        Raises
        ------
        InvalidInputError
            If they cannot be evaluated, or are not finite numbers.
        """
        return self._kernel(X, X_fit)

    @property
    def _kernel(self) -> KernelValues:
        parameters = self.kernel_params or {
            "gamma": self.gamma,
            "degree": self.degree,
            "coef0": self.coef0,
        }
        return KernelValues(self.kernel, parameters)

    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _diagonalised(self, G: Array, ulp: float = ULP) -> tuple[Spectrum, Array | None]:
        """Return the eigendecomposition, and the matrix if its digits are as good as its dtype."""
        name = "X" if self._precomputed() else "kernel"
        size = float(np.max(np.abs(G)))
        if size and not 1 / LARGEST <= size <= LARGEST:
            raise InvalidInputError(
                f"{name} gives a Gram matrix with entries up to {size:.3g}, outside of "
                f"{1 / LARGEST:g} to {LARGEST:g}. Multiply the kernel by a constant; with a "
                f"tolerance, the fits do not change."
            )
        try:
            matrix = as_gram(G)
            try:
                of: Any = Spectrum.of
                if self.memory is not None:
                    of = check_memory(self.memory).cache(_diagonalise)
                return of(matrix, ulp), matrix
            except InvalidInputError:
                # eigenvalues below zero show that the kernel itself has lost digits
                inexact = _KERNEL_ULPS * len(G) * ulp
                spectrum = Spectrum.of(matrix, ulp, inexact)
                return replace(spectrum, error=inexact * float(spectrum.d[-1])), None
        except InvalidInputError as error:
            raise InvalidInputError(f"{name} gives an unusable Gram matrix: {error}") from error

    def check_parameters(self) -> Array | None:
        """Refuse unusable parameters.

        Returns
        -------
        ndarray or None
            The multipliers, where `c` gives them.
        """
        self._check_kernel()
        as_epsilon(self.epsilon)
        if not isinstance(self.fit_intercept, bool | np.bool_):
            raise InvalidInputError(
                f"fit_intercept must be True or False, but is {self.fit_intercept!r}."
            )
        for name, allowed in (
            ("epsilon_unit", _UNITS),
            ("criterion", _CRITERIA),
            ("solver", SOLVERS),
        ):
            value = getattr(self, name)
            if not (isinstance(value, str) and value in allowed):
                raise InvalidInputError(
                    f"{name} is {value!r}. Choose one of: {', '.join(allowed)}."
                )
        count = isinstance(self.rounds, Integral) and not isinstance(self.rounds, bool)
        auto = isinstance(self.rounds, str) and self.rounds in ("auto", "rougher")
        if not (self.rounds is None or auto or (count and int(cast(int, self.rounds)) >= 1)):
            raise InvalidInputError(
                f'rounds must be a positive integer, "auto", "rougher" or None, but is '
                f"{self.rounds!r}."
            )
        if self.roughness is not None and as_number(self.roughness, "roughness") <= 0:
            raise InvalidInputError(
                f"roughness must be positive, but is {self.roughness!r}. It bounds the truth's "
                f"squared norm in the kernel's space."
            )
        if self.c is None:
            return None
        remedy = "Give one positive number, or one for each round."
        c = as_real_array(self.c, "c", ndim=(0, 1), remedy=remedy)
        if not np.all((c >= 1 / LARGEST) & (c <= LARGEST)):
            raise InvalidInputError(
                f"c must hold multipliers between {1 / LARGEST:g} and {LARGEST:g}, but is "
                f"{self.c!r}. {remedy}"
            )
        if c.ndim == 1:
            if count and len(c) != self.rounds:
                raise InvalidInputError(
                    f"c has {len(c)} multipliers for rounds = {self.rounds}. Give one for each "
                    f"round, or one number."
                )
            return c
        if not count:
            raise InvalidInputError(
                f"rounds is {self.rounds!r}, but with one fixed c the labels never collapse. Give "
                f"the number of rounds, or a sequence of multipliers."
            )
        # a view, so that a length that cannot be held is refused before it is allocated
        return np.broadcast_to(c, (min(int(cast(int, self.rounds)), 2 * _LARGEST_CHAIN),))

    def _planned(self, multipliers: Array | None) -> tuple[int | None, Options]:
        """Return the number of rounds, None if the collapse decides it, and how they differ."""
        rounds = int(self.rounds) if isinstance(self.rounds, Integral) else None
        shares: Any = self.mixing
        if not isinstance(shares, str):
            remedy = "Pass one share, or one for each round after the first."
            shares = as_real_array(shares, "mixing", ndim=(0, 1), remedy=remedy)
        if multipliers is not None:
            rounds = len(multipliers)
        elif rounds is None and np.ndim(shares) == 1:
            rounds = np.size(shares) + 1
        # to refuse what is no share before a missing number of rounds
        named = isinstance(shares, str)
        # a length that cannot be held is refused later, before it is allocated
        count = min(rounds or 1, 2 * _LARGEST_CHAIN)
        mixing = as_mixing(shares, count, fixed=multipliers is not None)
        plain = mixing is None and not named
        if self.rounds == "rougher" and not (plain and multipliers is None):
            raise InvalidInputError(
                'rounds="rougher" is about the chain of one tolerance. Leave out c and mixing, or '
                "give the number of rounds."
            )
        if not plain and rounds is None:
            raise InvalidInputError(
                f"rounds is {self.rounds!r}, but with one share of the labels they need not "
                f"collapse. Give the number of rounds, or mixing for each round after the first."
            )
        return rounds, Options(multipliers, mixing)

    def _until_smoother(
        self, spectrum: Spectrum, scaled: Array, total: float, stored: tuple[Array | None, float]
    ) -> Chain:
        """Return the chain up to a fit that is smoother than the bound, or its collapse."""
        self.roughness_bound_ = self._bound(spectrum, scaled, total)
        rounds = _TRIED_ROUNDS
        while True:
            chain = self._solve(spectrum, scaled, total, stored, (rounds, Options()))
            norms = _roughness(chain, total)
            if chain.n_rounds < rounds or norms[-1] < self.roughness_bound_:
                return chain
            rounds *= 4

    def _bound(self, spectrum: Spectrum, scaled: Array, total: float) -> float:
        """Return the bound on the truth's roughness, as given or estimated."""
        if self.roughness is not None:
            return float(self.roughness)
        words = 'rounds is "rougher" without roughness', "Give roughness as a number."
        c = _gcv_ridge(spectrum, scaled, total, *words)[0]
        fit = _along(spectrum.d / (c + spectrum.d), spectrum.to_eigenbasis(scaled))
        columns = fit.reshape(spectrum.n, -1).T
        return spectrum.n / total * float(np.sum(roughness(spectrum.d, columns)))

    def _check_kernel(self) -> None:
        known = (*sorted(GREENS_FUNCTIONS), *sorted(kernel_metrics()), "precomputed")
        if isinstance(self.kernel, str):
            if self.kernel not in known:
                near = difflib.get_close_matches(self.kernel, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise InvalidInputError(
                    f"kernel {self.kernel!r} is unknown.{hint} Choose one of: {', '.join(known)}."
                )
        elif not callable(self.kernel) or isinstance(self.kernel, type):
            raise InvalidInputError(
                f"kernel must be a name or callable as kernel(X, Y), but is {self.kernel!r}. Pass "
                f"an instance of a Green's function or of a scikit-learn kernel."
            )
        for name in ("gamma", "degree", "coef0"):
            value = getattr(self, name)
            number = 0.0 if value is None and name == "gamma" else as_number(value, name)
            if number < 0 and name != "coef0":
                raise InvalidInputError(f"{name} must not be negative, but is {value!r}.")
        if not (self.kernel_params is None or isinstance(self.kernel_params, dict)):
            raise InvalidInputError(
                f"kernel_params must be a dictionary or None, but is {self.kernel_params!r}."
            )

    def _asked(self, labels: Array) -> int | None:
        """Return the rounds to run at most, None for all until the collapse."""
        if self.rounds == "auto":
            return min(_MOST_TRIED, _most_rounds(labels))
        return int(cast(int, self.rounds)) if self.rounds is not None else None

    def _check_length(self, rounds: int, scaled: Array) -> None:
        """Refuse a chain whose fits cannot be held."""
        if rounds > _most_rounds(scaled):
            raise InvalidInputError(
                f"rounds: {rounds} or more rounds on {len(scaled)} points are too many to keep "
                f"(at most {_most_rounds(scaled)}). Ask for fewer, or choose a larger epsilon."
            )

    def _tolerance(self, spectrum: Spectrum, scaled: Array, total: float) -> float:
        if self.epsilon_unit == "absolute":
            return float(self.epsilon)
        if self.epsilon_unit == "noise":
            words = 'epsilon_unit is "noise"', "Give epsilon in another unit."
            return float(self.epsilon) * _gcv_ridge(spectrum, scaled, total, *words)[1]
        unreachable, reachable = split_energy(spectrum, scaled)
        unreachable, reachable = (e * spectrum.n / total for e in (unreachable, reachable))
        if np.any(scaled) and not reachable:
            raise InvalidInputError(
                "kernel: no function of its space fits any part of the labels. It vanishes at the "
                "inputs, or y is orthogonal to its range, so a relative epsilon has no meaning. "
                'Choose another kernel, or epsilon_unit="absolute".'
            )
        return unreachable + float(self.epsilon) * reachable

    def _solve(
        self,
        spectrum: Spectrum,
        scaled: Array,
        total: float,
        stored: tuple[Array | None, float],
        planned: tuple[int | None, Options],
    ) -> Chain:
        """Return the chain at the tolerance, with its errors reported and none refused."""
        if not np.any(scaled):
            return distill(spectrum, scaled, 1.0)  # trivial at any tolerance
        asked, options = planned
        tolerance = self.epsilon_ * total / spectrum.n
        if not tolerance > 0:
            raise InvalidInputError(
                f"epsilon = {self.epsilon!r} is too small against the labels: the tolerance "
                f"underflows. Choose a larger one."
            )
        most = _most_rounds(scaled)
        if options.mixing is not None:
            self._check_length(cast(int, asked), scaled)
        elif self.rounds == "auto":
            asked = self._asked(scaled)
        if asked is None or asked > most:
            # each round moves the labels by sqrt(n epsilon), so that they last for r_0 - 1 at least
            size = float(np.linalg.norm(scaled) / np.sqrt(spectrum.n))
            self._check_length(int(min(size / np.sqrt(tolerance), 1e18)), scaled)
        limit = None if asked is None else min(asked, most)
        try:
            start = Start.checked(scaled, spectrum.n, tolerance, limit)
            chain = eigh.solve(spectrum, start, *stored, options)
        except InfeasibleToleranceError as error:
            raise InfeasibleToleranceError(
                self.epsilon_,
                error.smallest_feasible * spectrum.n / total,
                rank_decision=error.rank_decision,
            ) from error
        if asked is not None and asked > most and not chain.collapsed:
            self._check_length(asked, scaled)
        count = isinstance(self.rounds, Integral)
        if options.mixing is not None and count and chain.n_rounds + 1 < cast(int, asked):
            raise InvalidInputError(
                f"rounds is {asked}, but round {chain.n_rounds} is the zero function at this "
                f"tolerance. The labels in its mixture may bring later fits back. Choose a smaller "
                f"epsilon, a larger mixing, or at most {max(chain.n_rounds, 1)} round(s)."
            )
        return chain


def _diagonalise(matrix: Array, ulp: float) -> Spectrum:
    """Return `Spectrum.of`, under a name that a memory keeps."""
    return Spectrum.of(matrix, ulp)


def split_energy(spectrum: Spectrum, y: Array) -> tuple[float, float]:
    """Return the mean square of the labels that is out of the kernel's reach, and the rest.

    Parameters
    ----------
    spectrum : Spectrum
    y : ndarray of shape (n,) or (n, q)
    """
    energy = spectrum.to_eigenbasis(y).reshape(spectrum.n, -1) ** 2 / spectrum.n
    reached = spectrum.d > _REACHED_FROM * spectrum.d[-1]
    return float(np.sum(energy[~reached])), float(np.sum(energy[reached]))


def _roughness(chain: Chain, total: float) -> Array:
    """Return the squared norm of each fit in the kernel's space, summed over outputs."""
    spectrum = chain.spectrum
    fits = chain.B * np.atleast_2d(chain.z[0].T)[:, None]
    return spectrum.n / total * np.sum(roughness(spectrum.d, fits), axis=0)


def _shares(chain: Chain) -> Array:
    """Return the share of the labels in each round, shape (T,); zero for the first."""
    if chain.mixing is None:
        return np.zeros(chain.n_rounds)
    return np.concatenate([[0.0], chain.mixing])[: chain.n_rounds]


def _lost(chain: Chain) -> Array:
    """Return the diagonals of I - B_t, shape (T, n), as sums of positive terms."""
    rows, left = [], np.zeros(chain.spectrum.n)
    for c, ratio, share in zip(chain.c, chain.A, _shares(chain), strict=True):
        left = c / (c + chain.spectrum.d) + (1 - share) * ratio * left
        rows.append(left)
    return np.reshape(rows, chain.A.shape)


def _along(filters: Array, z: Array) -> Array:
    """Return filters of shape (n,) times z of shape (n,) or (n, q)."""
    return (filters * z.T).T


def _loss(lost: Array, z: Array, total: float) -> Array:
    """Return the mean squared distance of the fitted values to the labels, by round."""
    return np.array([np.sum(_along(k, z) ** 2) / total for k in lost])


def _leave_one_out(chain: Chain, lost: Array, total: float) -> Array:
    r"""Return the mean squared error of the chain rerun without each point, by round.

    Leaving out point i is the same as giving it, in every round, its own
    prediction u_t for a label. With :math:`\delta_s = u_{s-1} - u_s` and
    :math:`u_{-1} = y_i` that is the triangular system

    .. math:: \sum_{s \le t} (I - A_t \cdots A_s)_{ii}\, \delta_s = ((I - B_t) y)_i,

    in which no difference of nearly equal numbers is formed for small c. Where
    labels are mixed in with shares a, term s has the factor
    :math:`(1 - a_{s+1}) \cdots (1 - a_t)`, also in :math:`y_i - u_t`, their sum.
    """
    spectrum, z = chain.spectrum, chain.z[0]
    squares, n = spectrum.V**2, spectrum.n
    chained, kept = np.ones((0, n)), np.zeros((0, n))
    steps, errors, passed = np.zeros((0, *z.shape)), [], np.ones(0)
    for c, ratio, left, share in zip(chain.c, chain.A, lost, _shares(chain), strict=True):
        passed = np.append((1 - share) * passed, 1.0)
        # from round s on, for each s <= t
        chained = np.concatenate([chained, np.ones((1, n))])
        kept = np.concatenate([kept, np.zeros((1, n))]) + chained * (c / (c + spectrum.d))
        chained = chained * ratio
        weights = passed[:, None] * (kept @ squares)
        residual = spectrum.V.T @ _along(left, z)
        residual = residual - np.einsum("si,si...->i...", weights[:-1], steps)
        step = (residual.T / weights[-1]).T
        steps = np.concatenate([steps, step[None]])
        errors.append(np.sum(np.tensordot(passed, steps, 1) ** 2) / total)
    return np.array(errors)


def _most_rounds(labels: Array) -> int:
    return _LARGEST_CHAIN // (labels.size + 4 * len(labels))


def _weights(sample_weight: Any, X: Any) -> Array:
    if np.ma.is_masked(sample_weight):
        raise InvalidInputError("sample_weight has masked entries. Fill or drop them first.")
    try:
        with np.errstate(all="ignore"):
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"sample_weight: {error}") from error
    if not np.any(weights):
        raise InvalidInputError("sample_weight is zero for every point. Give some weight.")
    return weights


def _gcv_ridge(
    spectrum: Spectrum, scaled: Array, total: float, asked: str, remedy: str
) -> tuple[float, float]:
    """Return the multiplier of smallest GCV, and its residual energy per residual freedom."""
    z = spectrum.to_eigenbasis(scaled).reshape(spectrum.n, -1)
    energy = np.sum(z**2, axis=1) / total
    largest = spectrum.d[-1] or 1.0
    kept = _NOISE_RIDGES[:, None] / (_NOISE_RIDGES[:, None] + spectrum.d / largest)
    residual, freedom = kept**2 @ energy, np.mean(kept, axis=1)
    criterion = residual / freedom**2
    best = int(np.argmin(criterion))
    flat = np.ptp(criterion) <= 1e-9 * np.max(criterion)
    if np.any(scaled) and (flat or (best == 0 and spectrum.rank == spectrum.n)):
        raise InvalidInputError(
            f"{asked}, but these labels do not show the noise: generalised cross-validation is "
            + ("the same at every multiplier" if flat else "smallest at exact interpolation")
            + f". {remedy}"
        )
    return float(_NOISE_RIDGES[best] * largest), float(residual[best] / freedom[best])


class SelfDistilledKernelRidgeClassifier(ClassifierMixin, _KernelChain):
    """Classification by self-distilled kernel ridge regression on one-hot labels.

    Parameters
    ----------
    kernel, gamma, degree, coef0, kernel_params, epsilon, epsilon_unit, c, rounds, criterion, \
    fit_intercept, solver, mixing, roughness
        As in `SelfDistilledKernelRidge`.

    Attributes
    ----------
    classes_ : ndarray of shape (q,)
        Class labels.
    regressor_ : SelfDistilledKernelRidge
        The regression on the one-hot labels.
    """

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SelfDistilledKernelRidgeClassifier:
        """Fit the chain on one-hot labels.

        Parameters
        ----------
        X : array_like of shape (n, p), or (n, n) with a precomputed kernel
        y : array_like of shape (n,)
            Class labels.
        sample_weight : array_like of shape (n,), optional

        Returns
        -------
        SelfDistilledKernelRidgeClassifier
        """
        given: Any = X
        X, classes = validated(self, X, y)
        if machine_epsilon(given) > ULP:  # what the regressor has to know
            X = cast(Any, X).astype(getattr(given, "dtype", None) or np.asarray(given).dtype)
        try:
            with np.errstate(all="ignore"):
                check_classification_targets(classes)
            if np.any(np.not_equal(classes, classes)):
                raise ValueError("labels are missing (NaN or NaT). Fill or drop them.")
            self.classes_ = np.unique(classes)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"y cannot be used as class labels: {error}") from error
        if len(self.classes_) < 2:
            raise InvalidInputError(
                f"y holds one class only ({self.classes_[0]!r}). Classification needs at least two."
            )
        one_hot = (np.asarray(classes)[:, None] == self.classes_).astype(float)
        self.regressor_ = SelfDistilledKernelRidge(**self.get_params(deep=False))
        self.regressor_.fit(X, one_hot, sample_weight)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the fitted value of every class, or the difference of two.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        values = self.regressor_.predict(X)
        return values[:, 1] - values[:, 0] if len(self.classes_) == 2 else values

    def predict(self, X: ArrayLike) -> Any:
        """Return the class of the largest fitted value.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Returns
        -------
        ndarray of shape (m,)
        """
        values = self.decision_function(X)
        index = (values > 0).astype(int) if values.ndim == 1 else np.argmax(values, axis=1)
        return self.classes_[index]
