"""Estimators in scikit-learn's conventions: self-distilled kernel ridge regression.

One round at multiplier c is `sklearn.kernel_ridge.KernelRidge` with
``alpha = n c``; t rounds are t chained fits, each on the fitted values of the
one before.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sdtheory.distill import Distillation, distill
from sdtheory.kernels import GREENS_FUNCTIONS, kernel_by_name
from sdtheory.spectrum import Spectrum
from sdtheory.validation import Array, InvalidInputError

_UNITS = ("energy", "absolute", "noise")
_CRITERIA = ("gcv", "loo")
#: Error of a kernel's own values in machine epsilons: squared distances by
#: ||x||^2 - 2 x x' + ||x'||^2 lose digits, and leave eigenvalues of that size below zero.
_KERNEL_ULPS = 100
#: Ridges tried for the noise level, over this range around the mean eigenvalue.
_NOISE_RIDGES = np.logspace(-10, 4, 141)


class SelfDistilledKernelRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Kernel ridge regression, distilled into itself.

    Round t minimises the RKHS norm of f subject to
    ``mean((f(x_k) - y_t[k])^2) <= epsilon``; its fitted values are the labels
    of round t + 1. All outputs share one tolerance and one multiplier a round.

    Parameters
    ----------
    kernel : str, callable, GreensFunction or scikit-learn kernel, default="rbf"
        A name known to `sklearn.metrics.pairwise.pairwise_kernels`; one of
        "beam", "bridge", "periodic" (Green's functions on [0, 1]);
        "precomputed"; or an object that maps (m, p) and (n, p) inputs to the
        (m, n) matrix of kernel values.
    gamma, degree, coef0, kernel_params
        As in `sklearn.kernel_ridge.KernelRidge`.
    epsilon : float, default=0.1
        Tolerance on the mean squared residual, in units of `epsilon_unit`.
    epsilon_unit : {"energy", "absolute", "noise"}, default="energy"
        What `epsilon` multiplies. "energy": the mean square of the labels that
        the kernel can reach, on top of the part that no function can fit, so
        that every epsilon in (0, 1) has a non-trivial fit. "absolute": 1.
        "noise": the noise variance, estimated by the ridge of smallest
        generalised cross-validation (epsilon = 1 is then Morozov's principle).
    c : float or sequence of float, optional
        Multipliers to use instead of a tolerance: one for every round, or one
        each.
    rounds : int, "auto" or None, default=1
        Number of fits. "auto" takes the round of smallest `criterion`; None
        the last one before the labels collapse to zero.
    criterion : {"gcv", "loo"}, default="gcv"
        Generalised cross-validation or leave-one-out, in closed form in the
        eigenbasis, with the multipliers held fixed.

    Attributes
    ----------
    n_rounds_ : int
        Number of non-trivial fits that `predict` has behind it.
    multipliers_ : ndarray of shape (n_rounds_,)
        Ridge multiplier of each round.
    shrinkage_ : ndarray of shape (n_rounds_, n)
        Diagonals of B_t; eigenvalues ascending.
    eigenvalues_ : ndarray of shape (n,)
        Eigenvalues of G, ascending.
    dual_coef_ : ndarray of shape (n,) or (n, q)
        ``predict(X) = K(X, X_fit_) @ dual_coef_``.
    X_fit_ : ndarray of shape (n, p)
        Training inputs; with a precomputed kernel the training matrix.
    epsilon_ : float
        Tolerance on the mean squared residual; NaN where `c` is given.
    collapsed_ : bool
        Whether the fit is the zero function, or the next one would be.
    criterion_ : ndarray of shape (rounds tried,)
        Value of the criterion by round, where ``rounds="auto"``.
    training_loss_ : ndarray of shape (n_rounds_,)
        Mean squared distance of each round's fitted values to the labels.

    Raises
    ------
    InvalidInputError
        If a parameter is unusable.
    InfeasibleToleranceError
        If no function meets the tolerance.

    References
    ----------
    Mobahi et al. (2020), Prop. 1 and the recursion; as restated here.

    Examples
    --------
    >>> from sdtheory.datasets import load_example
    >>> from sdtheory.estimator import SelfDistilledKernelRidge
    >>> data = load_example()
    >>> model = SelfDistilledKernelRidge("beam", epsilon=0.045, epsilon_unit="absolute", rounds=3)
    >>> model.fit(data.x[:, None], data.y).n_rounds_
    3
    """

    def __init__(
        self,
        kernel: Any = "rbf",
        *,
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        epsilon: float = 0.1,
        epsilon_unit: str = "energy",
        c: float | Sequence[float] | None = None,
        rounds: int | str | None = 1,
        criterion: str = "gcv",
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

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SelfDistilledKernelRidge:
        """Fit the chain.

        Parameters
        ----------
        X : array_like of shape (n, p), or (n, n) with a precomputed kernel
            Training inputs, or the kernel between them (without the 1/n).
        y : array_like of shape (n,) or (n, q)
            Labels.
        sample_weight : array_like of shape (n,), optional
            Weights of the squared residuals; an integer weight is the same as
            repeating the point.

        Returns
        -------
        SelfDistilledKernelRidge
        """
        multipliers = self._check_parameters()
        X, labels = validate_data(
            self, cast(Any, X), cast(Any, y), multi_output=True, y_numeric=True, dtype=np.float64
        )
        labels = np.asarray(labels, dtype=float)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weights > 0
        if not np.any(used):
            raise InvalidInputError("sample_weight is zero for every point. Give some weight.")
        matrix = self._kernel_matrix(X, X)
        # in the coordinates sqrt(w) y the weighted problem is the unweighted one
        root, total = np.sqrt(weights[used]), float(np.sum(weights[used]))
        G = root[:, None] * matrix[np.ix_(used, used)] * root / total
        scaled = (labels[used].T * root).T
        spectrum = Spectrum.from_gram(G, tolerance=_KERNEL_ULPS * len(G) * np.finfo(float).eps)

        if multipliers is None:
            self.epsilon_ = self._tolerance(spectrum, scaled, total)
            multipliers, self.collapsed_ = self._solve(spectrum, scaled, total)
        else:
            self.epsilon_, self.collapsed_ = float("nan"), False

        column = (slice(None), *(None,) * (scaled.ndim - 1))
        z = spectrum.rotate(scaled)
        d = spectrum.d
        ratios = d / (multipliers[:, None] + d)
        products = np.cumprod(ratios, axis=0)
        loss = [float(np.sum(((1 - product)[column] * z) ** 2) / total) for product in products]
        if self.rounds == "auto" and len(products):
            self.criterion_ = self._criterion(spectrum, z, products, loss)
            chosen = int(np.argmin(self.criterion_)) + 1
            # a chain that is left early has not collapsed
            self.collapsed_ = self.collapsed_ and chosen == len(products)
            multipliers, products, loss = multipliers[:chosen], products[:chosen], loss[:chosen]

        before = np.concatenate([np.ones((1, len(d))), products])[:-1]
        filters = np.where(d > 0, before / (multipliers[:, None] + d), 0.0)
        self._duals = np.zeros((len(filters), *labels.shape))
        for t, row in enumerate(filters):
            alpha = spectrum.V.T @ (row[column] * z)
            self._duals[t][used] = (alpha.T * root).T / total

        self.X_fit_ = X
        self.eigenvalues_ = d
        self.multipliers_ = multipliers
        self.shrinkage_ = products
        self.n_rounds_ = len(multipliers)
        self.training_loss_ = np.array(loss)
        asked = self.rounds if isinstance(self.rounds, Integral) else self.n_rounds_
        if self.n_rounds_ < cast(int, asked) or not self.n_rounds_:
            warnings.warn(
                f"the labels collapsed to zero after {self.n_rounds_} of the rounds: the fit is "
                f"the zero function. Choose a smaller epsilon or fewer rounds.",
                ConvergenceWarning,
                stacklevel=2,
            )
            self.dual_coef_ = np.zeros_like(labels)
        else:
            self.dual_coef_ = self._duals[-1]
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the last fit.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Returns
        -------
        ndarray of shape (m,) or (m, q)
        """
        return self._rows(X) @ self.dual_coef_

    def staged_predict(self, X: ArrayLike) -> Iterator[Array]:
        """Evaluate the fit of every round, from the first on.

        Parameters
        ----------
        X : array_like of shape (m, p), or (m, n) with a precomputed kernel

        Yields
        ------
        ndarray of shape (m,) or (m, q)
        """
        rows = self._rows(X)
        for dual in self._duals:
            yield rows @ dual

    def __sklearn_tags__(self) -> Any:
        """Declare that a precomputed kernel is indexed on both axes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return tags

    def _rows(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        X = validate_data(self, cast(Any, X), reset=False, dtype=np.float64)
        return self._kernel_matrix(X, self.X_fit_)

    def _kernel_matrix(self, X: Any, X_fit: Any) -> Array:
        """Return kernel values between new and training inputs."""
        kernel = self.kernel
        if isinstance(kernel, str) and kernel in GREENS_FUNCTIONS:
            kernel = kernel_by_name(kernel)
        if not isinstance(kernel, str):
            return np.asarray(kernel(X, X_fit), dtype=float)
        if kernel == "precomputed":
            return np.asarray(X)
        parameters = self.kernel_params or {
            "gamma": self.gamma,
            "degree": self.degree,
            "coef0": self.coef0,
        }
        return pairwise_kernels(X, X_fit, metric=kernel, filter_params=True, **parameters)

    def _check_parameters(self) -> Array | None:
        """Refuse unusable parameters; return explicit multipliers."""
        if not (isinstance(self.epsilon, Real) and 0 < float(self.epsilon) < np.inf):
            raise InvalidInputError(
                f"epsilon must be positive and finite, but is {self.epsilon!r}. It is the "
                f"tolerance on the mean squared residual, in units of epsilon_unit."
            )
        if self.epsilon_unit not in _UNITS:
            raise InvalidInputError(
                f"epsilon_unit is {self.epsilon_unit!r}. Choose one of: {', '.join(_UNITS)}."
            )
        if self.criterion not in _CRITERIA:
            raise InvalidInputError(
                f"criterion is {self.criterion!r}. Choose one of: {', '.join(_CRITERIA)}."
            )
        count = isinstance(self.rounds, Integral) and not isinstance(self.rounds, bool)
        if not (self.rounds is None or self.rounds == "auto" or (count and self.rounds >= 1)):  # pyright: ignore[reportOperatorIssue]
            raise InvalidInputError(
                f'rounds must be a positive integer, "auto" or None, but is {self.rounds!r}.'
            )
        if self.c is None:
            return None
        c = np.asarray(self.c, dtype=float)
        if c.ndim > 1 or c.size == 0 or not np.all((c > 0) & np.isfinite(c)):
            raise InvalidInputError(
                f"c must hold positive finite multipliers, but is {self.c!r}. Give one number, or "
                f"one for each round."
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
        return np.full(cast(int, self.rounds), float(c))

    def _tolerance(self, spectrum: Spectrum, scaled: Array, total: float) -> float:
        if self.epsilon_unit == "energy":
            unreachable = spectrum.unreachable(scaled) * spectrum.n / total
            energy = float(np.sum(scaled**2) / total)
            return unreachable + self.epsilon * (energy - unreachable)
        if self.epsilon_unit == "noise":
            return self.epsilon * _noise_variance(spectrum, scaled, total)
        return float(self.epsilon)

    def _solve(self, spectrum: Spectrum, scaled: Array, total: float) -> tuple[Array, bool]:
        """Return the multipliers of the chain and whether it collapsed."""
        if not np.any(scaled):
            return np.zeros(0), True
        rounds = cast(int, self.rounds) if isinstance(self.rounds, Integral) else None
        chain: Distillation = distill(
            spectrum, scaled, self.epsilon_ * total / spectrum.n, rounds=rounds
        )
        return chain.c, chain.collapsed

    def _criterion(self, spectrum: Spectrum, z: Array, products: Array, loss: list[float]) -> Array:
        if self.criterion == "gcv":
            return np.array(loss) / np.mean(1 - products, axis=1) ** 2
        column = (slice(None), *(None,) * (z.ndim - 1))
        values = []
        for product in products:
            residual = spectrum.V.T @ ((1 - product)[column] * z)
            leverage = product @ spectrum.V**2
            values.append(float(np.mean((residual / (1 - leverage)[column]) ** 2)))
        return np.array(values)


def _noise_variance(spectrum: Spectrum, scaled: Array, total: float) -> float:
    """Return residual energy per residual degree of freedom at the ridge of smallest GCV."""
    z = spectrum.rotate(scaled).reshape(spectrum.n, -1)
    energy = np.sum(z**2, axis=1) / total
    d = spectrum.d
    kept = _NOISE_RIDGES[:, None] / (_NOISE_RIDGES[:, None] + d / np.mean(d))
    residual, freedom = kept**2 @ energy, np.mean(kept, axis=1)
    best = int(np.argmin(residual / freedom**2))
    return float(residual[best] / freedom[best])


class SelfDistilledKernelRidgeClassifier(ClassifierMixin, BaseEstimator):
    """Classification by self-distilled kernel ridge regression on one-hot labels.

    Parameters
    ----------
    kernel, gamma, degree, coef0, kernel_params, epsilon, epsilon_unit, c, rounds, criterion
        As in `SelfDistilledKernelRidge`.

    Attributes
    ----------
    classes_ : ndarray of shape (q,)
        Class labels.
    regressor_ : SelfDistilledKernelRidge
        The regression on the one-hot labels.
    """

    def __init__(
        self,
        kernel: Any = "rbf",
        *,
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        epsilon: float = 0.1,
        epsilon_unit: str = "energy",
        c: float | Sequence[float] | None = None,
        rounds: int | str | None = 1,
        criterion: str = "gcv",
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
        X, classes = validate_data(self, cast(Any, X), cast(Any, y), dtype=np.float64)
        check_classification_targets(classes)
        self.classes_ = np.unique(classes)
        if len(self.classes_) < 2:
            raise ValueError(
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
        X = validate_data(self, cast(Any, X), reset=False, dtype=np.float64)
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

    def __sklearn_tags__(self) -> Any:
        """Declare that a precomputed kernel is indexed on both axes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return tags
