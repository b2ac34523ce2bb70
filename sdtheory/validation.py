"""Input checks: every failure names the argument, what was wrong and what to do.

Nothing here computes a result. Each check returns its argument as a
``float64`` array or raises before any work is done.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: Floats, arrays of floats, or arrays of what has their operations: balls and symbols.
Values = Any

#: From here on, a float does not hold every integer.
EXACT = 2.0**53
#: Labels up to this size, over sqrt(n q), have a sum of squares that does not overflow.
_LARGEST_LABEL = 2.0**511
#: Rows and columns of a tile that the cache holds twice.
_TILE = 256


class InvalidInputError(ValueError):
    """An argument cannot be used; the message says which, why and what to do."""


class InfeasibleToleranceError(ValueError):
    """No function meets the constraint at this tolerance.

    Attributes
    ----------
    smallest_feasible : float
        The mean squared residual that no function in the space can beat,
        ``||P_0 y||^2 / n``; every larger ``epsilon`` is feasible.
    rank_decision : bool
        Whether this rests on eigenvalues that rounding cannot tell from zero, and
        that count as zero. A smaller epsilon may then be feasible.
    """

    def __init__(
        self, epsilon: float, smallest_feasible: float, rank_decision: bool = False
    ) -> None:
        self.epsilon = epsilon
        self.smallest_feasible = smallest_feasible
        self.rank_decision = rank_decision
        decided = (
            " This is a rank decision: eigenvalues of gram that rounding cannot tell from zero "
            "count as zero. If inputs are distinct but close, a smaller epsilon may be feasible. "
            "For the bridge and the beam, pass distill KernelOperator(kernel, x) as gram, or an "
            'estimator solver="spline" and an absolute epsilon, which needs no such decision.'
        )
        super().__init__(
            f"epsilon = {epsilon:.6g} is infeasible: no function in this space can fit a part of "
            f"the labels (repeated inputs, or points where the kernel vanishes). This part alone "
            f"leaves a mean squared residual of {smallest_feasible:.6g}. Choose epsilon above "
            f"{smallest_feasible:.6g}."
            f"{decided if rank_decision else ''}"
        )

    def __reduce__(self) -> tuple[type[InfeasibleToleranceError], tuple[float, float, bool]]:
        # so that it crosses process borders: the default passes the message alone
        return type(self), (self.epsilon, self.smallest_feasible, self.rank_decision)


def counted(count: int, noun: str) -> str:
    """Return a count and its noun, such as "1 round" or "3 rounds"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def machine_epsilon(value: Any) -> float:
    """Return the machine epsilon of a value's dtype, at least that of double precision."""
    dtype = np.dtype(getattr(value, "dtype", None) or np.asarray(value).dtype)
    double = float(np.finfo(float).eps)
    return max(double, float(np.finfo(dtype).eps)) if dtype.kind == "f" else double


def as_real_array(
    value: ArrayLike,
    name: str,
    *,
    ndim: tuple[int, ...],
    remedy: str | None = None,
    copy: bool = True,
) -> Array:
    """Return ``value`` as a finite, non-empty float64 array.

    Parameters
    ----------
    value : array_like
        The argument as passed.
    name : str
        The argument's name, for the message.
    ndim : tuple of int
        Allowed numbers of dimensions, ascending; consecutive if more than two.
    remedy : str, optional
        Advice for the message, instead of a general one.
    copy : bool, default=True
        Whether to copy an array that is float64 already.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    InvalidInputError
        If the value is not numeric, is complex, has a wrong number of
        dimensions, is empty, or holds NaN or infinities.
    """
    if np.ma.is_masked(value):
        raise InvalidInputError(
            f"{name} has masked entries. {remedy or 'Fill or drop them first.'}"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidInputError(
            f"{name} is ragged: its rows differ in length. {remedy or 'Pass a rectangular array.'}"
        ) from error
    try:
        if array.dtype.kind not in "biufO":
            raise TypeError
        if array.dtype.kind == "O" and not all(
            v is None or isinstance(v, Real) for v in array.flat
        ):
            # a text or a time would be converted in silence
            raise TypeError
        given = array
        with np.errstate(over="ignore"):  # an infinity is reported below
            array = array.astype(np.float64, copy=copy)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(
            f"{name} must hold real numbers that fit a float, but has dtype {array.dtype}. "
            f"{remedy or 'Convert it to floats first.'}"
        ) from error
    if np.any(rounded := inexact(given, array)):
        where = ", ".join(str(i) for i in np.argwhere(rounded)[0])
        raise InvalidInputError(
            f"{name} holds integers that do not fit a float, the first at index ({where}). "
            f"{remedy or 'Subtract a constant, or scale them.'}"
        )
    if array.ndim not in ndim:
        allowed = f"{ndim[0]} to {ndim[-1]}" if len(ndim) > 2 else " or ".join(map(str, ndim))
        raise InvalidInputError(
            f"{name} must be of dimension {allowed}, but has shape {array.shape}. "
            f"{remedy or 'Reshape it.'}"
        )
    if array.size == 0:
        raise InvalidInputError(
            f"{name} is empty (shape {array.shape}). {remedy or 'Pass at least one point.'}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(array)
    # a finite sum has finite terms, and takes half of the time; of large numbers it may overflow
    if not np.isfinite(total) and not np.all(finite := np.isfinite(array)):
        bad = np.argwhere(~finite)
        where = ", ".join(str(i) for i in bad[0])
        raise InvalidInputError(
            f"{name} holds {counted(len(bad), 'NaN or infinite value')}, the first at index "
            f"({where}). {remedy or 'Remove or impute them.'}"
        )
    return array


def inexact(given: Any, floats: Array) -> Any:
    """Return where an integer differs from its float."""
    values = np.asarray(given)
    if values.dtype.kind not in "iuO":
        return np.array(False)
    large = np.asarray(np.abs(floats) >= EXACT)
    pairs = zip(values[large].tolist(), floats[large].tolist(), strict=True)
    # as an int: an integer of NumPy is rounded before it is compared with a float
    large[large] = [isinstance(a, Integral) and int(a) != b for a, b in pairs]
    return large


def as_inputs(x: ArrayLike, name: str = "x") -> Array:
    """Return inputs as an array of shape (n, p); (n,) means p = 1."""
    array = as_real_array(x, name, ndim=(1, 2))
    return array[:, None] if array.ndim == 1 else array


def as_labels(y: ArrayLike, n: int, name: str = "y") -> Array:
    """Return labels as an array of shape (n,) or (n, q), whose squares a float can hold."""
    array = as_real_array(y, name, ndim=(1, 2))
    if array.shape[0] != n:
        raise InvalidInputError(
            f"{name} is of length {array.shape[0]}, but there are {n} points. "
            f"Pass one label (or one row of labels) for each point."
        )
    size = float(np.max(np.abs(array)))
    if size > _LARGEST_LABEL / np.sqrt(array.size):
        raise InvalidInputError(
            f"{name} is too large ({size:.3g}): the sum of its squares would overflow. Divide "
            f"{name} by a constant, and epsilon by its square. This divides the fit, too."
        )
    return array


def as_rows(g_x: ArrayLike, n: int) -> Array:
    """Return the kernel's rows between new and training inputs, shape (m, n)."""
    rows = as_real_array(g_x, "g_x", ndim=(2,), remedy="Pass gram(kernel, x, x_new).")
    check_columns(rows.shape[1], n)
    return rows


def check_columns(columns: int, n: int) -> None:
    """Refuse rows g_x without exactly one column for each training point."""
    if columns != n:
        raise InvalidInputError(
            f"g_x has {columns} columns, but there are {n} training points. Pass gram(kernel, x, "
            f"x_new)."
        )


def as_number(value: Any, name: str) -> float:
    """Return one finite real number as a float; True and False are none."""
    try:
        number = np.nan if isinstance(value, bool | np.bool_) else value
        return float(as_real_array(number, name, ndim=(0,)))
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{name} must be one finite number, but is {value!r}. Pass a float."
        ) from error


def as_epsilon(epsilon: Any, name: str = "epsilon") -> float:
    """Return the tolerance as a positive float."""
    value = as_number(epsilon, name)
    if value <= 0:
        raise InvalidInputError(
            f"{name} must be positive, but is {value!r}. It is the tolerance on the mean squared "
            f"residual; a small one nearly interpolates the labels."
        )
    return value


def as_integer(value: Any, name: str, *, least: int = 1, remedy: str = "") -> int:
    """Return an integer that is not too small as an int."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidInputError(
            f"{name} must be an integer of at least {least}, but is {value!r}. {remedy}".rstrip()
        )
    return int(value)


def as_rounds(rounds: Any) -> int:
    """Return a number of rounds as a positive int."""
    remedy = "Leave it out to run until the labels collapse to zero."
    return as_integer(rounds, "rounds", remedy=remedy)


def as_gram(gram: ArrayLike, name: str = "gram", *, copy: bool = True) -> Array:
    """Return a square, symmetric float64 matrix.

    Kernel code commonly leaves an asymmetry of the size of rounding. Up to 8 machine
    epsilon of the dtype, times the largest entry, it is averaged out; more is an error.
    The argument is never changed. Without `copy`, a matrix that is symmetric and
    contiguous in one order is returned itself.
    """
    matrix = as_real_array(gram, name, ndim=(2,), copy=copy)
    own = copy
    if not (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
        matrix, own = matrix.copy(), True
    rows, columns = matrix.shape
    if rows != columns:
        raise InvalidInputError(
            f"{name} must be square, but has shape {matrix.shape}. Pass the kernel between "
            f"all pairs of training points, divided by n."
        )
    asymmetry = 0.0
    # tile by tile and in place: a transposed pass over the whole costs as much as a fifth of an
    # eigendecomposition at n = 1000
    for i in range(0, rows, _TILE):
        for j in range(0, i + 1, _TILE):
            tiles = (slice(i, i + _TILE), slice(j, j + _TILE))
            if np.array_equal(matrix[tiles], matrix[tiles[::-1]].T):
                continue
            if not own:
                matrix, own = matrix.copy(), True
            below, above = matrix[tiles], matrix[tiles[::-1]]
            half, mirrored = below / 2, above.T / 2
            asymmetry = max(asymmetry, 2 * float(np.max(np.abs(half - mirrored))))
            below[...] = half + mirrored
            above[...] = below.T
    size = float(max(np.max(matrix), -np.min(matrix))) if asymmetry else 0.0
    if asymmetry > 8 * machine_epsilon(gram) * size:
        raise InvalidInputError(
            f"{name} is not symmetric: entries differ from their mirror images by up to "
            f"{asymmetry:.3g} (largest entry {size:.3g}). A Gram matrix is symmetric; check the "
            f"kernel, or pass (gram + gram.T) / 2 to average the two."
        )
    return matrix
