"""Double-double arithmetic against exact rationals."""

from __future__ import annotations

import math
import operator
from fractions import Fraction

import numpy as np
import pytest

from sdtheory.linalg import double_double as dd
from sdtheory.linalg.double_double import DoubleDouble

ERROR = Fraction(1, 2**101)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def numbers(rng, shape, decades=12):
    return rng.uniform(-1, 1, shape) * 10.0 ** rng.uniform(-decades, decades, shape)


def doubles(rng, shape):
    high = numbers(rng, shape)
    return dd.two_sum(high, high * rng.uniform(-1, 1, shape) * 2.0**-54)


def exact(a):
    """Return the Fractions that the entries stand for."""
    high, low = np.ravel(a.high).tolist(), np.ravel(a.low).tolist()
    return [Fraction(h) + Fraction(x) for h, x in zip(high, low, strict=True)]


def worst(computed, truths):
    pairs = zip(exact(computed), truths, strict=True)
    return max(abs(value - truth) / abs(truth) for value, truth in pairs)


def plain(values):
    """Return floats as double-doubles without their low parts: the control."""
    return DoubleDouble(values)


def test_sum_and_product_of_floats_are_exact(rng):
    a, b = numbers(rng, 2000), numbers(rng, 2000)
    a[:500] = -b[:500] * (1 + 2.0**-50)  # cancellation
    for operation, truth in ((dd.two_sum, Fraction.__add__), (dd.two_prod, Fraction.__mul__)):
        truths = [
            truth(Fraction(x), Fraction(y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)
        ]
        result = operation(a, b)
        assert exact(result) == truths
        assert exact(plain(result.high)) != truths
    squares = dd.square(a)
    assert exact(squares) == [Fraction(x) ** 2 for x in a.tolist()]
    assert exact(plain(squares.high)) != exact(squares)


@pytest.mark.parametrize(
    ("operation", "truth"),
    [
        (operator.add, Fraction.__add__),
        (operator.mul, Fraction.__mul__),
        (operator.truediv, Fraction.__truediv__),
    ],
)
def test_operations_keep_101_bits(rng, operation, truth):
    a, b = doubles(rng, 2000), doubles(rng, 2000)
    truths = [truth(x, y) for x, y in zip(exact(a), exact(b), strict=True)]
    result = operation(a, b)
    assert worst(result, truths) < ERROR
    assert worst(plain(result.high), truths) > ERROR
    assert np.all(np.abs(result.low) <= np.spacing(np.abs(result.high)) / 2)


def test_addition_keeps_its_bits_under_cancellation(rng):
    a = doubles(rng, 2000)
    b = DoubleDouble(-a.high * (1 + 2.0**-40), a.low / 3)
    truths = [x + y for x, y in zip(exact(a), exact(b), strict=True)]
    assert worst(a + b, truths) < ERROR


def test_negative(rng):
    a = doubles(rng, 20)
    assert exact(-a) == [-x for x in exact(a)]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 20, 1001])
def test_total_of_positive_terms(rng, n):
    levels = math.ceil(math.log2(n))
    a = doubles(rng, (20, n))
    sign = np.sign(a.high)
    a = DoubleDouble(sign * a.high, sign * a.low)
    terms = exact(a)
    truths = [sum(terms[i : i + n]) for i in range(0, len(terms), n)]
    result = a.total(axis=-1)
    assert result.high.shape == (20,)
    error = Fraction(levels * (levels + 2), 2**106)
    assert worst(result, truths) <= error
    assert np.all(np.abs(result.low) <= np.spacing(result.high) / 2)
    if n > 1:
        assert worst(plain(np.sum(a.high, axis=-1)), truths) > error


def test_total_of_nothing_is_zero():
    empty = np.zeros((3, 0))
    assert exact(DoubleDouble(empty).total(axis=-1)) == [0, 0, 0]
