"""X, y and kernel values as the estimators take them: scikit-learn's checks, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, validate_data

from sdtheory.validation import Array, InvalidInputError, as_real_array, inexact

#: Kernels of `sklearn.metrics.pairwise` that take sparse inputs.
_OF_SPARSE = ("rbf", "linear", "poly", "polynomial", "sigmoid", "cosine", "laplacian")
#: Labels, kernel values and multipliers lie between the reciprocal of this and this, so that no
#: intermediate result leaves the range of floats.
LARGEST = 1e100


def takes_sparse(kernel: Any) -> bool:
    """Return whether the kernel is one of scikit-learn's that take sparse inputs."""
    return isinstance(kernel, str) and kernel in _OF_SPARSE


class UnusableDataError(InvalidInputError, TypeError):
    """X or y cannot be used; also a TypeError, which scikit-learn's conventions ask for."""


@dataclass(frozen=True)
class KernelValues:
    """The kernel of an estimator; a memory tells two of these apart by their attributes."""

    kernel: Any
    parameters: dict[str, Any]

    def __call__(self, X: Any, X_fit: Any) -> Array:
        """Return values of shape (m, n) between rows of (m, p) and (n, p) inputs, if finite."""
        name = "X" if isinstance(self.kernel, str) and self.kernel == "precomputed" else "kernel"
        expected = (X.shape[0], X_fit.shape[0])
        with np.errstate(all="ignore"):  # what is not finite is reported below
            values = as_real_array(
                self.uncast(X, X_fit),
                f"{name}: the matrix of kernel values",
                ndim=(2,),
                copy=False,
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

    def uncast(self, X: Any, X_fit: Any) -> Any:
        """Return the values as they come, in the precision in which they were computed."""
        kernel = self.kernel
        if not isinstance(kernel, str):
            return kernel(X, X_fit)
        if kernel == "precomputed":
            return X
        try:
            if kernel == "rbf" and not (scipy.sparse.issparse(X) or scipy.sparse.issparse(X_fit)):
                # scikit-learn expands ||x - x'||^2, which cancels far from the origin
                gamma = self.parameters.get("gamma")
                values = cdist(X, X_fit, "sqeuclidean")
                values *= -1 / X.shape[1] if gamma is None else -gamma
                return np.exp(values, out=values)
            # None is no value for chi2
            given = {name: value for name, value in self.parameters.items() if value is not None}
            return pairwise_kernels(X, X_fit, metric=kernel, filter_params=True, **given)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"kernel {kernel!r} cannot be evaluated: {error}") from error


def validated(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """Return X, or X and y, as `validate_data` of scikit-learn does with these options.

    What a cast to floats would change is refused; the message names X or y.
    """
    for name, value in (("X", X), *(("y", labels) for labels in y)):
        if np.ma.is_masked(value):
            raise InvalidInputError(f"{name} has masked entries. Fill or drop them first.")
        if name == "X" or options.get("y_numeric"):
            _refuse_casts(value, name)
    formats = ("csr", "csc") if takes_sparse(estimator.kernel) else False
    try:
        with np.errstate(all="ignore"):  # what overflows is reported as infinite
            return validate_data(
                estimator, X, *y, dtype=np.float64, accept_sparse=formats, **options
            )
    except (TypeError, ValueError, OverflowError) as error:
        raise UnusableDataError(f"{_culprit(X, formats, options)}: {error}") from error


def _refuse_casts(value: Any, name: str) -> None:
    """Refuse what a cast to floats would change in silence: times, and integers beyond 2^53."""
    frame = hasattr(value, "iloc") and np.ndim(value) == 2
    for part in (value.iloc[:, k] for k in range(value.shape[1])) if frame else (value,):
        try:
            array = np.asarray(part)
            kind = getattr(getattr(part, "dtype", None), "kind", array.dtype.kind)
            times = kind == "O" and any(
                isinstance(v, np.datetime64 | np.timedelta64) for v in array.flat
            )
            large = kind in "iuO" and not times and np.any(inexact(array, array.astype(float)))
        except (TypeError, ValueError, OverflowError):
            continue  # scikit-learn says what is wrong
        if times or kind in "Mm":
            raise UnusableDataError(
                f"{name} holds times. Convert them to numbers in a unit of your choice, for "
                f'example (t - t[0]) / np.timedelta64(1, "h"), and fill or drop what is missing.'
            )
        if large:
            raise UnusableDataError(
                f"{name} holds integers that do not fit a float. Subtract a constant, or scale "
                f"them."
            )


def _culprit(X: Any, formats: Any, options: dict[str, Any]) -> str:
    if options.get("reset") is False:
        return "X"
    try:
        with np.errstate(all="ignore"):
            check_array(X, accept_sparse=formats, dtype=cast(Any, np.float64))
    except (TypeError, ValueError, OverflowError):
        return "X"
    return "y"


def real_labels(labels: Any) -> Array:
    """Return labels of shape (n,) or (n, q), if floats can hold their squares."""
    y = as_real_array(labels, "y", ndim=(1, 2))
    size = float(np.max(np.abs(y)))
    if size and not 1 / LARGEST <= size <= LARGEST:
        raise InvalidInputError(
            f"y has entries up to {size:.3g} in size, outside of {1 / LARGEST:g} to "
            f"{LARGEST:g}. Divide y by a constant, and an absolute epsilon by its square."
        )
    return y


def as_weights(sample_weight: Any, X: Any) -> Array:
    """Return one weight for each row of X, with a mean of 1 among those that are not zero."""
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
    weights = weights / np.max(weights)
    return weights / np.mean(weights[weights > 0])
