"""Operations on lanes against NumPy's, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="needs the extra 'scale'")

from sdtheory.linalg.compiled_lanes import (  # noqa: E402
    COUNT,
    every,
    fma,
    load,
    magnitude,
    some,
    sqrt,
    store,
    where,
)


@numba.njit(error_model="numpy")
def computed(x, out):
    """Write results one after another, from an index that no register is aligned to."""
    a, b, c = load(x, 1), load(x, 1 + COUNT), load(x, 1 + 2 * COUNT)
    store(out, 0, a + b)
    store(out, COUNT, 2.0 - a * 3.0)
    store(out, 2 * COUNT, 1.0 / b - a / b)
    store(out, 3 * COUNT, -fma(a, b, c))
    store(out, 4 * COUNT, where((a < b) & ~(c <= 0.0), sqrt(magnitude(a)), every(7.0)))
    store(out, 5 * COUNT, where((a > b) | (a <= c), a, b))
    return some(a < b), some(a > every(np.inf)), some(a < 1e300)


def expected(x):
    a, b, c = x[1:].reshape(3, COUNT)
    with np.errstate(all="ignore"):
        rows = [
            a + b,
            2.0 - a * 3.0,
            1.0 / b - a / b,
            -(a * b + c),
            np.where((a < b) & ~(c <= 0.0), np.sqrt(np.abs(a)), 7.0),
            np.where((a > b) | (a <= c), a, b),
        ]
    return np.concatenate(rows), (bool(np.any(a < b)), False, bool(np.any(a < 1e300)))


@pytest.mark.parametrize("seed", range(20))
def test_operations_have_the_bits_of_numpy(seed):
    rng = np.random.default_rng(seed)
    # 20 bits each, so that a product and a sum are exact
    x = np.ldexp(rng.integers(-(2**20), 2**20, 1 + 3 * COUNT), -15).astype(float)
    out = np.empty(6 * COUNT)
    right, truths = expected(x)
    assert computed(x, out) == truths
    np.testing.assert_array_equal(out, right)


def test_exceptional_values():
    x = np.resize([1.0, np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324], 1 + 3 * COUNT)
    out = np.empty(6 * COUNT)
    right, truths = expected(x)
    assert computed(x, out) == truths
    np.testing.assert_array_equal(out, right)


def test_a_fused_product_is_rounded_once():
    x = np.full(1 + 3 * COUNT, 1 + 2.0**-52)
    x[1 + 2 * COUNT :] = -(1 + 2.0**-51)
    out = np.empty(6 * COUNT)
    computed(x, out)
    assert np.all(out[3 * COUNT : 4 * COUNT] == -(2.0**-104))
    assert (1 + 2.0**-52) * (1 + 2.0**-52) - (1 + 2.0**-51) == 0.0  # the control: twice
