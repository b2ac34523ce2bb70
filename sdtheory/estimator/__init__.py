"""Estimators in scikit-learn's conventions: self-distilled kernel ridge regression.

One round at multiplier c is `sklearn.kernel_ridge.KernelRidge` with
``alpha = n c``; t rounds are t chained fits, each on the fitted values of the
one before.
"""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import kernel_metrics
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_memory

from sdtheory.estimator.criteria import (
    along,
    gcv_ridge,
    leave_one_out,
    residuals,
    roughness,
    split_energy,
)
from sdtheory.estimator.inputs import (
    LARGEST,
    KernelValues,
    as_weights,
    real_labels,
    takes_sparse,
    validated,
)
from sdtheory.kernels import GREENS_FUNCTIONS, GreensFunction, kernel_by_name
from sdtheory.solvers import (
    CROSSING,
    KNOWN,
    SOLVERS,
    Chain,
    Gram,
    KernelOperator,
    Run,
    refuse_lost_digits,
)
from sdtheory.solvers.chain import ULP
from sdtheory.solvers.trace import lost_shares
from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_number,
    as_real_array,
    machine_epsilon,
)

_LOGGER = logging.getLogger(__name__)
#: Values of parameters that are words.
_WORDS = {
    "epsilon_unit": ("relative", "absolute", "variance", "noise"),
    "criterion": ("gcv", "loo"),
    "solver": SOLVERS,
}
#: Numbers that the fits of one chain may hold (2^26 are 512 MiB).
_LARGEST_CHAIN = 2**26
#: Kernel values that `predict` holds at a time (32 MiB).
_BATCH = 2**22
#: Rounds that ``rounds="auto"`` tries.
_MOST_TRIED = 1000
#: Rounds that ``rounds="rougher"`` tries first; four times as many where all are rougher.
_TRIED_ROUNDS = 8


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
    epsilon_unit : {"relative", "variance", "absolute", "noise"}, default="relative"
        "absolute": the tolerance is `epsilon`.
        "relative": it is `epsilon` times the mean square of the labels that the
        kernel can reach, plus the mean square of the rest. Every epsilon in (0, 1)
        then has a non-trivial fit, unless rounding hides it. Directions with
        eigenvalues up to 1e-10 of the largest count as unreachable.
        "variance": it is `epsilon` times the labels' variance. One round with
        `fit_intercept` then has R^2 = 1 - epsilon on the training data; of several
        outputs, the mean weighted by their variances.
        "noise": it is `epsilon` times the noise variance, which the ridge fit of
        smallest generalised cross-validation estimates; epsilon = 1 is Morozov's
        principle.
    c : float or sequence of float, optional
        Multipliers instead of a tolerance: one for all rounds, or one each. `fit`
        warns where they are below the rounding of the kernel matrix.
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
        diagonalises the kernel matrix. The following need it: `c`, `mixing`,
        ``rounds="rougher"``, ``criterion="loo"`` with ``rounds="auto"``, and the
        units "relative" and "noise" of epsilon. Otherwise, from 200 points on,
        "auto" leaves the choice to `sdtheory.distill`, which stores at most 512 MiB
        of kernel values, unless they are precomputed.
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
        ``predict(X) = K(X, X_fit_) @ dual_coef_ + intercept_``.
    duals_ : ndarray of shape (T, n) or (T, n, q)
        The same of every round, for `staged_predict`.
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
        self.check_parameters()
        inputs, labels = validated(self, X, y, multi_output=True, y_numeric=True)
        labels, weights = real_labels(labels), as_weights(sample_weight, inputs)
        used = weights > 0
        weights, root = weights[used], np.sqrt(weights[used])
        mean = np.average(labels[used], axis=0, weights=weights)
        away = np.sum((labels[used] - mean).reshape(len(root), -1) ** 2, axis=1)
        variance = float(np.average(away, weights=weights))
        self.intercept_ = mean if self.fit_intercept else np.zeros_like(mean)[()]
        labels = labels - self.intercept_
        # in the coordinates sqrt(w) y the weighted problem is the unweighted one
        scaled = (labels[used].T * root).T
        self.roughness_bound_ = float("nan")
        with self._in_words(inputs.shape[0]):
            ulp = machine_epsilon(X) if self._precomputed() else ULP
            gram = self._gram(inputs, used, root, ulp)
            chain = self._chain(gram, scaled, variance)
            with np.errstate(all="ignore"):  # what is not finite is refused
                self._judge(chain, gram, scaled)
            self._check_judged()
        if 0 < variance < (1 - 1e-9) * self.epsilon_ and chain.n_rounds and not self.fit_intercept:
            self._warn(
                f"the tolerance {self.epsilon_:.6g} is above the variance of the labels, "
                f"{variance:.6g}: the constant mean fits them better. Pass fit_intercept=True, or "
                f"a smaller epsilon.",
                UserWarning,
            )
        chosen = chain.n_rounds
        if self.rounds == "auto" and chosen:
            chosen = int(np.argmin(self.criterion_)) + 1
            if chosen == chain.n_rounds and not chain.collapsed:
                planned = self.needs_eigenvectors() in ("c", "mixing")
                more = "Give more multipliers or shares" if planned else "Choose a larger epsilon"
                self._warn(
                    f"{self.criterion} is smallest after round {chosen - 1}, the last that "
                    f'rounds="auto" tries. {more}, or pass rounds=.'
                )
        if self.rounds == "rougher" and chosen:
            chosen = max(int(np.sum(self.roughness_ >= self.roughness_bound_)), 1)
        if chain.solver == "eigh":
            refuse_lost_digits(chain, KNOWN, chosen)
        if self.c is not None:
            smallest = float(np.min(chain.c[:chosen]))
            moved = chain.spectrum.error / (smallest + chain.spectrum.d[0])
            if moved > KNOWN:
                self._warn(
                    f"c = {smallest:.3g} is so small that rounding of the kernel matrix may move "
                    f"the residuals by a share of {min(moved, 1.0):.1g}. Choose a larger c."
                )
        self._keep(chain, chosen)
        self.duals_ = np.zeros((chosen, *labels.shape))
        for t in range(chosen):
            self.duals_[t][used] = (chain.dual(t).T * root).T / len(root)
        self.X_fit_ = inputs.copy()

        asked = int(self.rounds) if isinstance(self.rounds, Integral) else max(chosen, 1)
        self.dual_coef_ = np.zeros_like(labels) if chosen < asked else self.duals_[-1]
        low, high = chain.n_rounds_range
        if low < high and (low < asked or not isinstance(self.rounds, Integral)):
            self._warn(
                f"the labels are within rounding of collapse: whether round {low} is zero "
                f"depends on the last digits. Move epsilon away from this value."
            )
        elif chosen < asked:
            self._warn(
                f"the labels collapsed to zero before round {chosen}: the fit is the zero "
                f"function. Choose a smaller epsilon or fewer rounds."
            )
        return chain

    def _keep(self, chain: Chain, chosen: int) -> None:
        """Keep what is known of the first rounds of a chain."""
        known = chain.solver == "eigh"
        self.solver_, self.fallbacks_ = chain.solver, chain.fallbacks
        # a chain that is left early has not collapsed
        self.collapsed_ = chain.collapsed and chosen == chain.n_rounds
        self.eigenvalues_ = chain.spectrum.d if known else np.empty(0)
        self.multipliers_, self.c_error_ = chain.c[:chosen], chain.c_error[:chosen]
        self.shrinkage_ = chain.B[:chosen] if known else np.empty((chosen, 0))
        self.n_rounds_, last = chosen, max(chosen - 1, 0)
        self.mixing_ = np.zeros(last) if chain.mixing is None else chain.mixing[:last]
        self.training_loss_ = self.tried_loss_[:chosen]

    @staticmethod
    def _warn(words: str, kind: type[Warning] = ConvergenceWarning) -> None:
        warnings.warn(words, kind, stacklevel=4)

    @contextmanager
    def _in_words(self, n: int) -> Iterator[None]:
        """Say of which argument it is that a Gram matrix cannot be used, or held."""
        try:
            yield
        except InvalidInputError as error:
            if not str(error).startswith("gram "):
                raise
            raise InvalidInputError(
                f"{self._name} gives an unusable Gram matrix: {error}"
            ) from error
        except MemoryError as error:
            raise InvalidInputError(
                f"X has {n} points: their kernel matrix and its eigenvectors need "
                f"{16 * n**2 / 2**30:.3g} GiB, more than is free. Fit a random subset, or use "
                f'options without eigenvectors: epsilon_unit="variance" or "absolute", no c.'
            ) from error

    def needs_eigenvectors(self) -> str | None:
        """Return the parameter for whose sake the kernel matrix is diagonalised, if there is one.

        Returns
        -------
        str or None
        """
        unmixed = np.isscalar(self.mixing) and self.mixing == 0
        for reason, holds in (
            ("c", self.c is not None),
            ("mixing", not unmixed),
            ('rounds="rougher"', self.rounds == "rougher"),
            ('criterion="loo"', self.rounds == "auto" and self.criterion == "loo"),
            (f'epsilon_unit="{self.epsilon_unit}"', self.epsilon_unit in ("relative", "noise")),
        ):
            if holds:
                return reason
        return 'solver="eigh"' if self.solver == "eigh" else None

    def _gram(self, inputs: Any, used: Any, root: Array, ulp: float) -> Gram:
        """Return G of the weighted points, which nothing has evaluated yet."""
        memory = None if self.memory is None else check_memory(self.memory)
        if self._precomputed():
            matrix = self.kernel_matrix(inputs, inputs)[np.ix_(used, used)]
            matrix = as_gram(root[:, None] * matrix * root / len(root), copy=False)
            return Gram(matrix, len(root), ulp, memory, lenient=True)
        weights = root**2 if np.any(root != 1) else None
        points = inputs if np.all(used) else inputs[used]
        operator = KernelOperator(self.kernel_matrix, points, weights=weights, memory=memory)
        return Gram.checked(operator, lenient=True)

    def _chain(self, gram: Gram, scaled: Array, variance: float) -> Chain:
        """Return the chain, with the errors of its multipliers reported and none refused."""
        reason, solver = self.needs_eigenvectors(), self.solver
        if reason and solver not in ("auto", "eigh"):
            raise InvalidInputError(
                f"solver={solver!r} does not work with {reason}, which needs the "
                f'eigenvectors of the kernel matrix. Pass solver="eigh", or leave it out.'
            )
        if reason or (solver == "auto" and gram.n < CROSSING):
            solver = "eigh"
        run = Run(gram, scaled, solver)
        rounds = int(self.rounds) if isinstance(self.rounds, Integral) else None
        most = _LARGEST_CHAIN // (scaled.size + 4 * gram.n)
        planned = None
        if reason in ("c", "mixing"):
            self._check_length(rounds or np.size(cast(Any, self.c)), gram.n, most)
            planned = run.options(rounds, self.c, self.mixing)
        if solver == "eigh":
            size = float(np.max(np.abs(cast(Array, gram.matrix))))
            if size and not 1 / LARGEST <= size <= LARGEST:
                raise InvalidInputError(
                    f"{self._name} gives a Gram matrix with entries up to {size:.3g}, outside of "
                    f"{1 / LARGEST:g} to {LARGEST:g}. Multiply the kernel by a constant; with a "
                    f"tolerance, the fits do not change."
                )
        if planned and self.c is not None:
            self.epsilon_ = float("nan")
            return run.varied(None, planned)
        self.epsilon_ = self._tolerance(gram, scaled, variance)
        if not np.any(scaled):
            return run.chain(1.0, None)  # trivial at any tolerance
        if planned:
            chain = run.varied(self.epsilon_, planned)
            if rounds and chain.n_rounds + 1 < rounds:
                raise InvalidInputError(
                    f"rounds is {rounds}, but round {chain.n_rounds} is the zero function at this "
                    f"tolerance. The labels in its mixture may bring later fits back. Choose a "
                    f"smaller epsilon, a larger mixing, or rounds={max(chain.n_rounds, 1)}."
                )
            return chain
        if self.rounds == "rougher":
            return self._until_smoother(run, gram, scaled)
        asked = min(_MOST_TRIED, most) if self.rounds == "auto" else rounds
        if asked is None or asked > most:
            # each round moves the labels by sqrt(n epsilon), so that they last for r_0 - 1 at least
            r = float(np.linalg.norm(scaled)) / float(np.sqrt(gram.n * self.epsilon_))
            self._check_length(int(min(r, 1e18)), gram.n, most)
        chain = run.chain(
            self.epsilon_, None if asked is None else min(asked, most), refusing=False
        )
        self._check_length(chain.n_rounds if chain.collapsed else asked or 1, gram.n, most)
        return chain

    def _check_length(self, rounds: int, n: int, most: int) -> None:
        """Refuse a chain whose fits cannot be held."""
        if rounds > most:
            raise InvalidInputError(
                f"rounds: {rounds} or more rounds on {n} points are too many to keep "
                f"(at most {most}). Ask for fewer, or choose a larger epsilon."
            )

    def _tolerance(self, gram: Gram, scaled: Array, variance: float) -> float:
        epsilon = float(self.epsilon)
        if self.epsilon_unit == "variance":
            epsilon *= variance
        elif self.epsilon_unit == "noise":
            words = 'epsilon_unit is "noise"', "Give epsilon in another unit."
            epsilon *= gcv_ridge(gram.spectrum, scaled, *words)[1]
        elif self.epsilon_unit == "relative":
            unreachable, reachable = split_energy(gram.spectrum, scaled)
            if np.any(scaled) and not reachable:
                raise InvalidInputError(
                    "kernel: no function of its space fits any part of the labels. It vanishes at "
                    "the inputs, or y is orthogonal to its range, so a relative epsilon has no "
                    'meaning. Choose another kernel, or epsilon_unit="absolute".'
                )
            epsilon = unreachable + epsilon * reachable
        if np.any(scaled) and not epsilon > 0:
            raise InvalidInputError(
                f"epsilon = {self.epsilon!r} is too small against the labels: the tolerance "
                f"underflows, or they are all the same. Choose a larger one, or another unit."
            )
        return epsilon

    def _until_smoother(self, run: Run, gram: Gram, scaled: Array) -> Chain:
        """Return the chain up to a fit that is smoother than the truth, or its collapse."""
        if self.roughness is None:
            words = 'rounds is "rougher" without roughness', "Give roughness as a number."
            c = gcv_ridge(gram.spectrum, scaled, *words)[0]
            ridge = run.varied(None, run.options(1, c, 0.0))
            self.roughness_bound_ = float(roughness(ridge)[0])
        else:
            self.roughness_bound_ = float(self.roughness)
        rounds = _TRIED_ROUNDS
        while True:
            chain = run.chain(self.epsilon_, rounds, refusing=False)
            if chain.n_rounds < rounds or roughness(chain)[-1] < self.roughness_bound_:
                return chain
            rounds *= 4

    def _judge(self, chain: Chain, gram: Gram, scaled: Array) -> None:
        """Set the loss of every round, and the criterion where it is known or asked for."""
        self.tried_multipliers_ = chain.c
        if chain.solver != "eigh":
            moved = (chain.y[1:] - scaled).reshape(chain.n_rounds, scaled.size)
            self.tried_loss_ = np.sum(moved**2, axis=1) / gram.n
            self.criterion_ = self.criterion_error_ = self.roughness_ = np.empty(0)
            if self.rounds == "auto":
                shares, errors = lost_shares(gram.given, gram.precision, chain.c)
                self.criterion_ = self.tried_loss_ / shares**2
                labels = 0.0 if chain.y_error is None else chain.y_error[1:]
                self.criterion_error_ = 2 * self.criterion_ * errors / shares
                self.criterion_error_ += 2 * np.sqrt(self.tried_loss_ / gram.n) * labels / shares**2
            return
        lost = residuals(chain)
        loss = np.array([np.sum(along(k, chain.z[0]) ** 2) for k in lost]) / gram.n
        if self.criterion == "gcv":
            tried = loss / np.mean(lost, axis=1) ** 2
        else:
            tried = leave_one_out(chain, lost)
        known = chain.n_rounds
        if isinstance(self.rounds, str) and np.any(chain.c_error[1:] > KNOWN):
            known = 1 + int(np.argmax(chain.c_error[1:] > KNOWN))
        self.criterion_, self.tried_loss_ = tried[:known], loss[:known]
        self.criterion_error_ = np.zeros(known)
        self.tried_multipliers_ = chain.c[:known]
        self.roughness_ = roughness(chain)[:known]

    def _check_judged(self) -> None:
        """Refuse a chain some fit of which is too large to be judged."""
        judged = {
            "loss": self.tried_loss_,
            self.criterion: self.criterion_,
            "squared norm": self.roughness_,
        }
        for name, values in judged.items():
            for t in np.flatnonzero(~np.isfinite(values))[:1]:
                raise InvalidInputError(
                    f"mixing, kernel, y: the {name} of round {t} is {values[t]}: it leaves the "
                    f"range of floats. Shares outside of [0, 1] make the labels grow: pass smaller "
                    f"ones or fewer rounds. Otherwise multiply y or the kernel by a constant."
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
        yield from self._evaluated(X, self.duals_)

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
            _LOGGER.debug("predictions from row %d on", start)
        if not np.all(np.isfinite(values)):
            raise InvalidInputError(
                "X: the prediction overflows, because the kernel is too large there. Predict "
                "nearer to the training inputs."
            )
        yield from values

    @property
    def kernel_matrix(self) -> GreensFunction | KernelValues:
        """The kernel as a callable, from (m, p) and (n, p) inputs to kernel values (m, n)."""
        if isinstance(self.kernel, GreensFunction):
            return self.kernel
        if isinstance(self.kernel, str) and self.kernel in GREENS_FUNCTIONS:
            return kernel_by_name(self.kernel)
        own = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return KernelValues(self.kernel, self.kernel_params or own)

    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    @property
    def _name(self) -> str:
        """The argument that kernel values come from."""
        return "X" if self._precomputed() else "kernel"

    def check_parameters(self) -> None:
        """Refuse unusable parameters."""
        self._check_kernel()
        as_epsilon(self.epsilon)
        if not isinstance(self.fit_intercept, bool | np.bool_):
            raise InvalidInputError(
                f"fit_intercept must be True or False, but is {self.fit_intercept!r}."
            )
        for name, allowed in _WORDS.items():
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
        if self.rounds == "rougher" and self.needs_eigenvectors() in ("c", "mixing"):
            raise InvalidInputError(
                'rounds="rougher" is about the chain of one tolerance. Leave out c and mixing, or '
                "give the number of rounds."
            )
        if self.roughness is not None and as_number(self.roughness, "roughness") <= 0:
            raise InvalidInputError(
                f"roughness must be positive, but is {self.roughness!r}. It bounds the truth's "
                f"squared norm in the kernel's space."
            )
        if self.c is not None:
            remedy = (
                "Give one positive number, or one for each round. With zero every fit would be "
                "its own labels, wherever the kernel reaches them."
            )
            c = as_real_array(self.c, "c", ndim=(0, 1), remedy=remedy)
            if not np.all((c >= 1 / LARGEST) & (c <= LARGEST)):
                raise InvalidInputError(
                    f"c must hold multipliers between {1 / LARGEST:g} and {LARGEST:g}, but is "
                    f"{self.c!r}. {remedy}"
                )

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
