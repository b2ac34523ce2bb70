"""Double-double arithmetic on NumPy arrays: a number is the unevaluated sum of two floats.

About 32 decimal digits, vectorised. Only what the secular equation needs.
Operands are assumed scaled into the middle of the float range, so that
nothing here over- or underflows. `two_sum` and `two_prod` are exact; the
relative error of every other operation is below 2^-102, of `total` where the
terms have one sign.

References
----------
T. J. Dekker, "A floating-point technique for extending the available
precision", Numerische Mathematik 18 (1971) 224-242.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sdtheory.validation import Array

_SPLIT = 2.0**27 + 1


class DoubleDouble(NamedTuple):
    """The unevaluated sum ``high + low`` with ``|low| <= ulp(high) / 2``."""

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
    return _fast_two_sum(p, e + (a.high * b.low + a.low * b.high))


def divide(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """Return a / b by one Newton correction of the double quotient."""
    q = a.high / b.high
    p, e = two_prod(q, b.high)
    remainder = (a.high - p) - e + a.low - q * b.low
    return _fast_two_sum(q, remainder / b.high)


def total(a: DoubleDouble) -> DoubleDouble:
    """Return the sum over the last axis, pairwise."""
    high, low = a
    while high.shape[-1] > 1:
        half = high.shape[-1] // 2
        odd = high.shape[-1] % 2
        even = add(
            DoubleDouble(high[..., :half], low[..., :half]),
            DoubleDouble(high[..., half : 2 * half], low[..., half : 2 * half]),
        )
        if odd:
            high = np.concatenate([even.high, high[..., -1:]], axis=-1)
            low = np.concatenate([even.low, low[..., -1:]], axis=-1)
        else:
            high, low = even
    if high.shape[-1] == 0:
        zero = np.zeros(high.shape[:-1])
        return DoubleDouble(zero, zero)
    return DoubleDouble(high[..., 0], low[..., 0])
