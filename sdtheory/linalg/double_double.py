"""Double-double arithmetic on NumPy arrays: a number is the unevaluated sum of two floats.

It has about 32 decimal digits and only the operations that the secular equation
needs. Operands must be scaled into the middle of the float range, so that nothing
over- or underflows. `two_sum`, `two_prod` and `square` are exact. The relative
error of every other operation on normalised operands is below 2^-101. For `total`
it is below L (L + 2) 2^-106 if the n terms have one sign, with L = ceil(log2 n).
Products and quotients are not normalised; a sum of them does not need that.

References
----------
T. J. Dekker, "A floating-point technique for extending the available
precision", Numerische Mathematik 18 (1971) 224-242; T. Ogita, S. M. Rump,
S. Oishi, "Accurate sum and dot product", SIAM Journal on Scientific Computing
26 (2005) 1955-1988: errors of a sum, summed on their own; M. Lange,
S. M. Rump, "Faithfully rounded floating-point computations", ACM Transactions
on Mathematical Software 46 (2020): pairs that are not normalised.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sdtheory.validation import Array

_SPLIT = 2.0**27 + 1


class DoubleDouble(NamedTuple):
    """The unevaluated sum ``high + low``, normalised where ``|low| <= ulp(high) / 2``."""

    high: Array
    low: Array


def two_sum(a: Array, b: Array) -> DoubleDouble:
    """Return a + b exactly."""
    s = a + b
    t = s - a
    return DoubleDouble(s, (a - (s - t)) + (b - t))


def _fast_two_sum(a: Array, b: Array) -> DoubleDouble:
    s = a + b
    return DoubleDouble(s, b - (s - a))


def _split(a: Array) -> tuple[Array, Array]:
    t = _SPLIT * a
    high = t - (t - a)
    return high, a - high


def two_prod(a: Array, b: Array) -> DoubleDouble:
    """Return a * b exactly."""
    p = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    error = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    return DoubleDouble(p, error)


def square(a: Array) -> DoubleDouble:
    """Return a * a exactly."""
    p = a * a
    high, low = _split(a)
    return DoubleDouble(p, ((high * high - p) + 2 * high * low) + low * low)


def add(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """Return a + b."""
    s, e = two_sum(a.high, b.high)
    t, f = two_sum(a.low, b.low)
    s, e = _fast_two_sum(s, e + t)
    return _fast_two_sum(s, e + f)


def negative(a: DoubleDouble) -> DoubleDouble:
    """Return -a."""
    return DoubleDouble(-a.high, -a.low)


def multiply(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """Return a * b."""
    p, e = two_prod(a.high, b.high)
    return DoubleDouble(p, e + (a.high * b.low + a.low * b.high))


def divide(a: DoubleDouble, b: DoubleDouble, reciprocal: Array) -> DoubleDouble:
    """Return a / b by one Newton correction of a quotient; ``reciprocal`` is 1 / b.high."""
    q = a.high * reciprocal
    p, e = two_prod(q, b.high)
    remainder = (a.high - p) - e + a.low - q * b.low
    return DoubleDouble(q, remainder * reciprocal)


def total(a: DoubleDouble) -> DoubleDouble:
    """Return the sum over the last axis: of neighbours, then of their sums, and so on.

    The errors of one level, at most 2^-53 of the sum, are added up in floats.
    After j levels they are at most j + 1 times as large. So all L levels round off
    at most ``(3 + 5 + ... + (2 L + 1)) 2^-106 = L (L + 2) 2^-106``. The bound is
    ``L (L + 18) 2^-106`` if the terms' low parts are up to nine times as large as
    normalised ones. The result is normalised.
    """
    high, low = a
    if high.shape[-1] == 0:
        zero = np.zeros(high.shape[:-1])
        return DoubleDouble(zero, zero)
    while (size := high.shape[-1]) > 1:
        even, odd = slice(0, size - 1, 2), slice(1, None, 2)
        pairs, errors = two_sum(high[..., even], high[..., odd])
        errors = (low[..., even] + low[..., odd]) + errors
        if size % 2:
            pairs = np.concatenate([pairs, high[..., -1:]], axis=-1)
            errors = np.concatenate([errors, low[..., -1:]], axis=-1)
        high, low = pairs, errors
    return _fast_two_sum(high[..., 0], low[..., 0])


class Doubled:
    """An array of double-doubles, with the operators that an array of floats has.

    Code that is written for arrays runs in twice the precision on these. Indices
    return views, and what is assigned to them is changed in place.

    Parameters
    ----------
    high, low : ndarray
        Normalised, of one shape; low is zero by default.
    """

    __slots__ = ("high", "low")
    #: so that NumPy leaves operators with an array on their left to this class
    __array_ufunc__ = None

    def __init__(self, high: Any, low: Any = None) -> None:
        self.high = np.asarray(high, dtype=float)
        self.low = np.zeros(self.high.shape) if low is None else np.asarray(low, dtype=float)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.high.shape

    def __len__(self) -> int:
        return len(self.high)

    def __float__(self) -> float:
        return float(self.high + self.low)

    def __getitem__(self, key: Any) -> Doubled:
        return Doubled(self.high[key], self.low[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        value = _doubled(value)
        self.high[key], self.low[key] = value.high, value.low

    def __neg__(self) -> Doubled:
        return Doubled(-self.high, -self.low)

    def __add__(self, other: Any) -> Doubled:
        return Doubled(*add(DoubleDouble(self.high, self.low), _pair(other)))

    def __sub__(self, other: Any) -> Doubled:
        return Doubled(*add(DoubleDouble(self.high, self.low), negative(_pair(other))))

    def __rsub__(self, other: Any) -> Doubled:
        return -self + other

    def __mul__(self, other: Any) -> Doubled:
        return Doubled(*_fast_two_sum(*multiply(DoubleDouble(self.high, self.low), _pair(other))))

    def __truediv__(self, other: Any) -> Doubled:
        divisor = _pair(other)
        found = divide(DoubleDouble(self.high, self.low), divisor, 1 / divisor.high)
        return Doubled(*_fast_two_sum(*found))

    def __rtruediv__(self, other: Any) -> Doubled:
        return _doubled(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def total(self, axis: int | None = None) -> Doubled:
        """Return the sum of all entries, or over one axis."""
        pair = (
            a.ravel() if axis is None else np.moveaxis(a, axis, -1) for a in (self.high, self.low)
        )
        return Doubled(*total(DoubleDouble(*pair)))


def _doubled(a: Any) -> Doubled:
    return a if isinstance(a, Doubled) else Doubled(a)


def _pair(a: Any) -> DoubleDouble:
    a = _doubled(a)
    return DoubleDouble(a.high, a.low)


def high(a: Any) -> Array:
    """Return an array rounded to floats."""
    return a.high if isinstance(a, Doubled) else a


def zeros(shape: tuple[int, ...], *, like: Any) -> Any:
    """Return zeros of the kind of an array."""
    return Doubled(np.zeros(shape)) if isinstance(like, Doubled) else np.zeros(shape)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose entries of two arrays of one kind."""
    if isinstance(a, Doubled):
        return Doubled(np.where(condition, a.high, b.high), np.where(condition, a.low, b.low))
    return np.where(condition, a, b)


def each(change: Any, a: Any) -> Any:
    """Return what a linear change of places, without sums, makes of an array of either kind."""
    return Doubled(change(a.high), change(a.low)) if isinstance(a, Doubled) else change(a)
