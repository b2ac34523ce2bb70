"""Double-double arithmetic on NumPy arrays: a number is the unevaluated sum of two floats.

It has about 32 decimal digits and only the operations that the secular equation
needs. Operands must be scaled into the middle of the float range, so that nothing
over- or underflows. `two_sum`, `two_prod` and `square` are exact. The relative
error of every other operation on normalised operands is below 2^-101. For
`DoubleDouble.total` it is below L (L + 2) 2^-106 if the n terms have one sign, with
L = ceil(log2 n).

References
----------
T. J. Dekker, "A floating-point technique for extending the available
precision", Numerische Mathematik 18 (1971) 224-242; T. Ogita, S. M. Rump,
S. Oishi, "Accurate sum and dot product", SIAM Journal on Scientific Computing
26 (2005) 1955-1988: errors of a sum, summed on their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sdtheory.validation import Array

_SPLIT = 2.0**27 + 1


class DoubleDouble:
    """An array of double-doubles, with the operators that an array of floats has.

    Code that is written for arrays runs in twice the precision on these. Indices
    return views, and what is assigned to them is changed in place.

    Parameters
    ----------
    high, low : ndarray
        Of one shape; normalised where ``|low| <= ulp(high) / 2``. Low is zero by default.
    """

    __slots__ = ("high", "low")
    #: so that NumPy leaves operators with an array on their left to this class
    __array_ufunc__ = None

    def __init__(self, high: Any, low: Any = None) -> None:
        self.high: Array = np.asarray(high, dtype=float)
        self.low: Array = np.zeros(self.high.shape) if low is None else np.asarray(low, dtype=float)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.high.shape

    def __len__(self) -> int:
        return len(self.high)

    def __float__(self) -> float:
        return float(self.high + self.low)

    def __getitem__(self, key: Any) -> DoubleDouble:
        return DoubleDouble(self.high[key], self.low[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        value = _doubled(value)
        self.high[key], self.low[key] = value.high, value.low

    def __neg__(self) -> DoubleDouble:
        return DoubleDouble(-self.high, -self.low)

    def __add__(self, other: Any) -> DoubleDouble:
        other = _doubled(other)
        s, t = two_sum(self.high, other.high), two_sum(self.low, other.low)
        u = _fast_two_sum(s.high, s.low + t.high)
        return _fast_two_sum(u.high, u.low + t.low)

    def __sub__(self, other: Any) -> DoubleDouble:
        return self + -_doubled(other)

    def __rsub__(self, other: Any) -> DoubleDouble:
        return -self + other

    def __mul__(self, other: Any) -> DoubleDouble:
        other = _doubled(other)
        p = two_prod(self.high, other.high)
        return _fast_two_sum(p.high, p.low + (self.high * other.low + self.low * other.high))

    def __truediv__(self, other: Any) -> DoubleDouble:
        # one Newton correction of a quotient in floats
        other = _doubled(other)
        reciprocal = 1 / other.high
        q = self.high * reciprocal
        p = two_prod(q, other.high)
        remainder = (self.high - p.high) - p.low + self.low - q * other.low
        return _fast_two_sum(q, remainder * reciprocal)

    def __rtruediv__(self, other: Any) -> DoubleDouble:
        return _doubled(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    # in place, as views of an array need it

    def __iadd__(self, other: Any) -> DoubleDouble:
        self[...] = self + other
        return self

    def __isub__(self, other: Any) -> DoubleDouble:
        self[...] = self - other
        return self

    def __imul__(self, other: Any) -> DoubleDouble:
        self[...] = self * other
        return self

    def total(self, axis: int | None = None) -> DoubleDouble:
        """Return the sum of all entries, or over one axis: of neighbours, then of their sums.

        The errors of one level, at most 2^-53 of the sum, are added up in floats.
        After j levels they are at most j + 1 times as much, hence all L levels
        round off at most ``(3 + 5 + ... + (2 L + 1)) 2^-106 = L (L + 2) 2^-106``.
        The result is normalised.
        """
        if axis is None:
            return DoubleDouble(self.high.ravel(), self.low.ravel()).total(axis=0)
        high, low = self.high, self.low
        if axis not in (-1, high.ndim - 1):
            high, low = (np.moveaxis(a, axis, -1) for a in (high, low))
        if high.shape[-1] == 0:
            return DoubleDouble(np.zeros(high.shape[:-1]))
        while (size := high.shape[-1]) > 1:
            even, odd = slice(0, size - 1, 2), slice(1, None, 2)
            pairs = two_sum(high[..., even], high[..., odd])
            errors = (low[..., even] + low[..., odd]) + pairs.low
            if size % 2:
                high = np.concatenate([pairs.high, high[..., -1:]], axis=-1)
                low = np.concatenate([errors, low[..., -1:]], axis=-1)
            else:
                high, low = pairs.high, errors
        return _fast_two_sum(high[..., 0], low[..., 0])


def _doubled(a: Any) -> DoubleDouble:
    return a if isinstance(a, DoubleDouble) else DoubleDouble(a)


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


def high(a: Any) -> Array:
    """Return an array rounded to floats."""
    return a.high if isinstance(a, DoubleDouble) else a


def zeros(shape: tuple[int, ...], *, like: Any) -> Any:
    """Return zeros of the kind of an array."""
    return DoubleDouble(np.zeros(shape)) if isinstance(like, DoubleDouble) else np.zeros(shape)


def empty(shape: tuple[int, ...], *, like: Any) -> Any:
    """Return an array of the kind of another, whose entries are not set."""
    whole = np.empty(shape)
    return DoubleDouble(whole, np.empty(shape)) if isinstance(like, DoubleDouble) else whole


def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose entries of two arrays of one kind."""
    if isinstance(a, DoubleDouble):
        return DoubleDouble(np.where(condition, a.high, b.high), np.where(condition, a.low, b.low))
    return np.where(condition, a, b)


def each(change: Any, a: Any) -> Any:
    """Return what a linear change of places, without sums, makes of an array of either kind."""
    if isinstance(a, DoubleDouble):
        return DoubleDouble(change(a.high), change(a.low))
    return change(a)
