"""Estimators in scikit-learn's conventions: self-distilled kernel ridge regression.

One round at multiplier c is `sklearn.kernel_ridge.KernelRidge` with
``alpha = n c``; t rounds are t chained fits, each on the fitted values of the
one before.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import kernel_metrics, pairwise_kernels
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sdtheory.kernels import GREENS_FUNCTIONS, kernel_by_name
from sdtheory.solvers.eigh import distill_eigh
from sdtheory.spectrum import Spectrum
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_number,
    as_real_array,
)

_UNITS = ("relative", "absolute", "noise")
_CRITERIA = ("gcv", "loo")
#: Error of a kernel's own values in machine epsilons: squared distances by
#: ||x||^2 - 2 x x' + ||x'||^2 lose digits, and leave eigenvalues of that size below zero.
_KERNEL_ULPS = 100
#: Labels, kernel values and multipliers lie between the reciprocal of this and this, so that no
#: intermediate result leaves the range of floats.
_LARGEST = 1e100
#: Numbers that the fits of one chain may hold (2^26 are 512 MiB).
_LARGEST_CHAIN = 2**26
#: Ridges tried for the noise level, relative to the largest eigenvalue.
_NOISE_RIDGES = np.logspace(-14, 4, 181)


class _UnusableDataError(InvalidInputError, TypeError):
    """X or y cannot be used; also a TypeError, which scikit-learn's conventions ask for."""


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

    def __sklearn_tags__(self) -> Any:
        """Declare that a precomputed kernel is indexed on both axes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return tags


class SelfDistilledKernelRidge(MultiOutputMixin, RegressorMixin, _KernelChain):
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
    epsilon_unit : {"relative", "absolute", "noise"}, default="relative"
        What `epsilon` multiplies. "relative": the mean square of the labels that
        the kernel can reach, on top of the part that no function can fit, so
        that every epsilon in (0, 1) has a non-trivial fit, unless rounding
        hides it behind that part; directions with eigenvalues up to 100 n
        machine epsilon of the largest count as unreachable. "absolute": 1.
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
        eigenbasis. "loo" is the error of the whole chain rerun without each
        point, with the multipliers held fixed. Either counts points, not
        weights.

    Attributes
    ----------
    n_rounds_ : int
        Number T of non-trivial fits that were made. Where more were asked for,
        `predict` is the zero function.
    multipliers_ : ndarray of shape (T,)
        Ridge multiplier of each round.
    shrinkage_ : ndarray of shape (T, n)
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
        Value of the criterion by round; longer than `multipliers_` where
        ``rounds="auto"`` left the chain early.
    training_loss_ : ndarray of shape (T,)
        Mean squared distance of each round's fitted values to the labels,
        summed over outputs.

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
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
            Weights of the squared residuals; their common factor does not
            matter. An integer weight is the same as repeating the point,
            except for what counts points: `criterion` and the noise level.

        Returns
        -------
        SelfDistilledKernelRidge
        """
        multipliers = self._check_parameters()
        inputs, labels = _validated(self, X, y, multi_output=True, y_numeric=True)
        labels = _real_labels(labels)
        n = len(inputs)
        weights = _weights(sample_weight, inputs)
        used = weights > 0
        # in the coordinates sqrt(w) y the weighted problem is the unweighted one
        weights = weights[used] / np.max(weights)
        root, total = np.sqrt(weights), float(np.sum(weights))
        try:
            matrix = self._kernel_matrix(inputs, inputs)[np.ix_(used, used)]
            spectrum = self._diagonalised(root[:, None] * matrix * root / total)
        except MemoryError as error:
            raise InvalidInputError(
                f"X has {n} points: their kernel matrix and its eigenvectors need "
                f"{16 * n**2 / 2**30:.3g} GiB, more than can be had. Fit a random subset."
            ) from error
        scaled = (labels[used].T * root).T

        low = self._chain = None
        if multipliers is None:
            self.epsilon_ = self._tolerance(spectrum, scaled, total)
            multipliers, self.collapsed_, low = self._solve(spectrum, scaled, total)
        else:
            self.epsilon_, self.collapsed_ = float("nan"), False
            self._check_length(len(multipliers), scaled)

        chain = _Chain(spectrum, scaled, multipliers, total)
        loss = chain.loss()
        self.criterion_ = chain.gcv(loss) if self.criterion == "gcv" else chain.leave_one_out()
        if self.rounds == "auto" and len(multipliers):
            chosen = int(np.argmin(self.criterion_)) + 1
            # a chain that is left early has not collapsed
            self.collapsed_ = self.collapsed_ and chosen == len(multipliers)
        else:
            chosen = len(multipliers)
        self._duals = np.zeros((chosen, *labels.shape))
        for t in range(chosen):
            self._duals[t][used] = (chain.dual(t).T * root).T / total

        self.X_fit_ = np.array(inputs)
        self.eigenvalues_ = spectrum.d
        self.multipliers_ = multipliers[:chosen]
        self.shrinkage_ = chain.products[:chosen]
        self.n_rounds_ = chosen
        self.training_loss_ = loss[:chosen]
        self._finish(labels, low)
        return self

    def _finish(self, labels: Array, low: int | None) -> None:
        """Set the dual coefficients, and warn where they are zero or ill defined."""
        asked = int(self.rounds) if isinstance(self.rounds, Integral) else max(self.n_rounds_, 1)
        zero = self.n_rounds_ < asked
        self.dual_coef_ = np.zeros_like(labels) if zero else self._duals[-1]
        if zero:
            warnings.warn(
                f"the labels collapsed to zero after {self.n_rounds_} round(s): the fit is "
                f"the zero function. Choose a smaller epsilon or fewer rounds.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif low is not None and (low < asked or not isinstance(self.rounds, Integral)):
            warnings.warn(
                f"the labels are within rounding of collapse after {low} round(s): whether round "
                f"{low} is zero depends on the last digits. Move epsilon away from this value.",
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
        return _evaluated(self._rows(X), self.dual_coef_)

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
            yield _evaluated(rows, cast(Array, dual))

    def spectrum(self) -> Spectrum:
        """Return the eigendecomposition of G at the training inputs, without weights.

        Returns
        -------
        Spectrum
        """
        check_is_fitted(self)
        return self._diagonalised(self._kernel_matrix(self.X_fit_, self.X_fit_) / len(self.X_fit_))

    def _rows(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self._kernel_matrix(_validated(self, X, reset=False), self.X_fit_)

    def _kernel_matrix(self, X: Any, X_fit: Any) -> Array:
        """Return kernel values between new and training inputs."""
        name = "X" if self._precomputed() else "kernel"
        expected = (len(X), len(X_fit))
        with np.errstate(all="ignore"):  # what is not finite is reported below
            values = as_real_array(
                self._kernel_values(X, X_fit),
                f"{name}: the matrix of kernel values",
                ndim=(2,),
                remedy=f"A matrix of shape {expected} of finite numbers is needed; check the "
                f"kernel, its parameters and the scale of X.",
            )
        if values.shape != expected:
            raise InvalidInputError(
                f"{name} gives kernel values of shape {values.shape} instead of {expected}. "
                + (
                    "Pass the square matrix of the kernel between all training points."
                    if name == "X"
                    else "It must evaluate all pairs of its two arguments' rows."
                )
            )
        return values

    def _kernel_values(self, X: Any, X_fit: Any) -> Any:
        kernel = self.kernel
        if not isinstance(kernel, str):
            return kernel(X, X_fit)
        if kernel in GREENS_FUNCTIONS:
            return kernel_by_name(kernel)(X, X_fit)
        if kernel == "precomputed":
            return X
        parameters = self.kernel_params or {
            "gamma": self.gamma,
            "degree": self.degree,
            "coef0": self.coef0,
        }
        try:
            if kernel == "rbf":
                # scikit-learn expands ||x - x'||^2, which cancels far from the origin
                gamma = parameters.get("gamma")
                gamma = 1 / X.shape[1] if gamma is None else gamma
                return np.exp(-gamma * cdist(X, X_fit, "sqeuclidean"))
            # None is no value for chi2
            given = {name: value for name, value in parameters.items() if value is not None}
            return pairwise_kernels(X, X_fit, metric=kernel, filter_params=True, **given)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"kernel {kernel!r} cannot be evaluated: {error}") from error

    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _diagonalised(self, G: Array) -> Spectrum:
        name = "X" if self._precomputed() else "kernel"
        size = float(np.max(np.abs(G)))
        if size and not 1 / _LARGEST <= size <= _LARGEST:
            raise InvalidInputError(
                f"{name} gives a Gram matrix with entries up to {size:.3g}, outside of "
                f"{1 / _LARGEST:g} to {_LARGEST:g}. Multiply the kernel by a constant; with a "
                f"tolerance, the fits do not change."
            )
        try:
            return Spectrum.from_gram(G, tolerance=_KERNEL_ULPS * len(G) * np.finfo(float).eps)
        except InvalidInputError as error:
            raise InvalidInputError(f"{name} gives an unusable Gram matrix: {error}") from error

    def _check_parameters(self) -> Array | None:
        """Refuse unusable parameters; return explicit multipliers."""
        self._check_kernel()
        as_epsilon(self.epsilon)
        for name, allowed in (("epsilon_unit", _UNITS), ("criterion", _CRITERIA)):
            value = getattr(self, name)
            if not (isinstance(value, str) and value in allowed):
                raise InvalidInputError(
                    f"{name} is {value!r}. Choose one of: {', '.join(allowed)}."
                )
        count = isinstance(self.rounds, Integral) and not isinstance(self.rounds, bool)
        auto = isinstance(self.rounds, str) and self.rounds == "auto"
        if not (self.rounds is None or auto or (count and int(cast(int, self.rounds)) >= 1)):
            raise InvalidInputError(
                f'rounds must be a positive integer, "auto" or None, but is {self.rounds!r}.'
            )
        if self.c is None:
            return None
        remedy = "Give one positive number, or one for each round."
        c = as_real_array(self.c, "c", ndim=(0, 1), remedy=remedy)
        if not np.all((c >= 1 / _LARGEST) & (c <= _LARGEST)):
            raise InvalidInputError(
                f"c must hold multipliers between {1 / _LARGEST:g} and {_LARGEST:g}, but is "
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
            return float(self.epsilon) * _noise_variance(spectrum, scaled, total)
        unreachable = spectrum.unreachable(scaled) * spectrum.n / total
        reachable = float(np.sum(spectrum.to_eigenbasis(scaled)[spectrum.d > 0] ** 2) / total)
        if np.any(scaled) and not reachable:
            raise InvalidInputError(
                "kernel: no function of its space fits any part of the labels (it vanishes at the "
                "inputs, or y is orthogonal to its range), so that there is no energy of which "
                'epsilon could be a part. Choose another kernel, or epsilon_unit="absolute".'
            )
        return unreachable + float(self.epsilon) * reachable

    def _solve(
        self, spectrum: Spectrum, scaled: Array, total: float
    ) -> tuple[Array, bool, int | None]:
        """Return multipliers, whether the chain collapsed, and rounds if they are ill defined."""
        if not np.any(scaled):
            return np.zeros(0), True, None
        tolerance = self.epsilon_ * total / spectrum.n
        if not tolerance > 0:
            raise InvalidInputError(
                f"epsilon = {self.epsilon!r} is too small against the labels: the tolerance "
                f"underflows. Choose a larger one."
            )
        most = _most_rounds(scaled)
        asked = int(self.rounds) if isinstance(self.rounds, Integral) else None
        if asked is None or asked > most:
            # each round moves the labels by sqrt(n epsilon), so that they last for r_0 - 1 at least
            size = float(np.linalg.norm(scaled) / np.sqrt(spectrum.n))
            self._check_length(int(min(size / np.sqrt(tolerance), 1e18)), scaled)
        limit = None if asked is None else min(asked, most)
        try:
            chain = distill_eigh(spectrum, scaled, tolerance, limit)
        except InfeasibleToleranceError as error:
            raise InfeasibleToleranceError(
                self.epsilon_, error.smallest_feasible * spectrum.n / total
            ) from error
        if asked is not None and asked > most and not chain.collapsed:
            self._check_length(asked, scaled)
        #: read by `sdtheory explain`, which needs the chain and not a second one
        self._chain = chain
        low, high = chain.n_rounds_range
        return chain.c, chain.collapsed, low if low != high else None


class _Chain:
    """The smoothers of a chain of given multipliers, in the eigenbasis.

    Attributes
    ----------
    products : ndarray of shape (T, n)
        Diagonals of B_t.
    kept : ndarray of shape (T, n)
        Diagonals of I - B_t, a sum of positive terms.
    """

    def __init__(self, spectrum: Spectrum, y: Array, c: Array, total: float) -> None:
        self.spectrum, self.y, self.total = spectrum, y, total
        self.z = spectrum.to_eigenbasis(y)
        self.sums = c[:, None] + spectrum.d
        self.ratios, self.rest = spectrum.d / self.sums, c[:, None] / self.sums
        self.products = np.cumprod(self.ratios, axis=0)
        self.before = np.concatenate([np.ones((1, spectrum.n)), self.products])[:-1]
        self.kept = np.cumsum(self.before * self.rest, axis=0)
        self.column = (slice(None), *(None,) * (y.ndim - 1))

    def dual(self, t: int) -> Array:
        """Return alpha_t without its component in the kernel of G."""
        filters = np.where(self.spectrum.d > 0, self.before[t] / self.sums[t], 0.0)
        return self.spectrum.V.T @ (filters[self.column] * self.z)

    def loss(self) -> Array:
        """Return the mean squared distance of the fitted values to the labels, by round."""
        return np.array([np.sum((k[self.column] * self.z) ** 2) / self.total for k in self.kept])

    def gcv(self, loss: Array) -> Array:
        """Return the generalised cross-validation criterion of B_t."""
        return loss / np.mean(self.kept, axis=1) ** 2

    def leave_one_out(self) -> Array:
        r"""Return the mean squared error of the chain rerun without each point, by round.

        Leaving out point i is the same as giving it, in every round, its own
        prediction u_t for a label. With :math:`\delta_s = u_{s-1} - u_s` and
        :math:`u_{-1} = y_i` that is the triangular system

        .. math:: \sum_{s \le t} (I - A_t \cdots A_s)_{ii}\, \delta_s = ((I - B_t) y)_i,

        in which no difference of nearly equal numbers is formed for small c.
        """
        V, squares = self.spectrum.V, self.spectrum.V**2
        n = self.spectrum.n
        chained, kept = np.ones((0, n)), np.zeros((0, n))
        steps, errors = np.zeros((0, *self.y.shape)), []
        for t, (ratio, rest) in enumerate(zip(self.ratios, self.rest, strict=True)):
            # from round s on, for each s <= t
            chained = np.concatenate([chained, np.ones((1, n))])
            kept = np.concatenate([kept, np.zeros((1, n))]) + chained * rest
            chained = chained * ratio
            weights = kept @ squares
            residual = V.T @ (self.kept[t][self.column] * self.z)
            residual = residual - np.einsum("si,si...->i...", weights[:-1], steps)
            step = residual / weights[-1][self.column]
            steps = np.concatenate([steps, step[None]])
            errors.append(np.sum(np.sum(steps, axis=0) ** 2) / self.total)
        return np.array(errors)


def _most_rounds(labels: Array) -> int:
    return _LARGEST_CHAIN // (labels.size + 4 * len(labels))


def _validated(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """Return X, or X and y, as scikit-learn checks them; a failure names the argument."""
    for name, value in (("X", X), *(("y", labels) for labels in y)):
        if np.ma.is_masked(value):
            raise InvalidInputError(f"{name} has masked entries. Fill or drop them first.")
    try:
        with np.errstate(all="ignore"):  # what overflows is reported as infinite
            return validate_data(estimator, X, *y, dtype=np.float64, **options)
    except (TypeError, ValueError, OverflowError) as error:
        raise _UnusableDataError(f"{_culprit(X, options)}: {error}") from error


def _culprit(X: Any, options: dict[str, Any]) -> str:
    if options.get("reset") is False:
        return "X"
    try:
        with np.errstate(all="ignore"):
            check_array(X, dtype=cast(Any, np.float64))
    except (TypeError, ValueError, OverflowError):
        return "X"
    return "y"


def _real_labels(labels: Any) -> Array:
    y = as_real_array(labels, "y", ndim=(1, 2))
    size = float(np.max(np.abs(y)))
    if size and not 1 / _LARGEST <= size <= _LARGEST:
        raise InvalidInputError(
            f"y has entries up to {size:.3g} in size, outside of {1 / _LARGEST:g} to "
            f"{_LARGEST:g}. Divide y by a constant, and an absolute epsilon by its square."
        )
    return y


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


def _evaluated(rows: Array, dual: Array) -> Array:
    with np.errstate(all="ignore"):
        values = rows @ dual
    if not np.all(np.isfinite(values)):
        raise InvalidInputError(
            "X: the prediction overflows, as the kernel is too large there. Predict nearer to the "
            "training inputs."
        )
    return values


def _noise_variance(spectrum: Spectrum, scaled: Array, total: float) -> float:
    """Return residual energy per residual degree of freedom at the ridge of smallest GCV."""
    z = spectrum.to_eigenbasis(scaled).reshape(spectrum.n, -1)
    energy = np.sum(z**2, axis=1) / total
    d = spectrum.d / (spectrum.d[-1] or 1.0)
    kept = _NOISE_RIDGES[:, None] / (_NOISE_RIDGES[:, None] + d)
    residual, freedom = kept**2 @ energy, np.mean(kept, axis=1)
    criterion = residual / freedom**2
    best = int(np.argmin(criterion))
    flat = np.ptp(criterion) <= 1e-9 * np.max(criterion)
    if np.any(scaled) and (flat or (best == 0 and spectrum.rank == spectrum.n)):
        raise InvalidInputError(
            'epsilon_unit is "noise", but these labels do not tell the noise: generalised '
            "cross-validation is "
            + ("the same at every ridge" if flat else "smallest where nothing is left over")
            + ". Give epsilon in another unit."
        )
    return float(residual[best] / freedom[best])


class SelfDistilledKernelRidgeClassifier(ClassifierMixin, _KernelChain):
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
        X, classes = _validated(self, X, y)
        try:
            with np.errstate(all="ignore"):
                check_classification_targets(classes)
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
        X = _validated(self, X, reset=False)
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
