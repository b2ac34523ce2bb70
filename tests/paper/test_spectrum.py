"""G = V^T diag(d) V with eigenvectors in rows, and the rank decided once."""

import mpmath
import numpy as np
import pytest

from sdtheory.datasets import load_example
from sdtheory.kernels import SimplySupportedBeam, gram
from sdtheory.spectrum import Spectrum

ULP = np.finfo(float).eps


@pytest.fixture
def matrix():
    factor = np.random.default_rng(3).standard_normal((6, 6))
    return factor @ factor.T / 6


def test_eigenvectors_are_in_the_rows(matrix):
    s = Spectrum.from_gram(matrix)
    bound = 100 * s.n * ULP * s.d[-1]
    assert np.max(np.abs(s.V.T @ np.diag(s.d) @ s.V - matrix)) <= bound
    # in columns, as LAPACK returns them, the same formula fails
    assert np.max(np.abs(s.V @ np.diag(s.d) @ s.V.T - matrix)) > bound
    for d, v in zip(s.d, s.V, strict=True):
        assert np.max(np.abs(matrix @ v - d * v)) <= bound
    assert np.max(np.abs(s.V @ s.V.T - np.eye(6))) <= 100 * s.n * ULP
    assert np.all(np.diff(s.d) >= 0)


def test_eigenvalues_agree_with_50_digits(matrix):
    with mpmath.workdps(50):
        exact = [float(e) for e in mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True)]
    s = Spectrum.from_gram(matrix)
    assert np.max(np.abs(s.d - sorted(exact))) <= s.n * ULP * s.d[-1]


def test_the_papers_example_has_rank_9_of_11():
    """The beam's kernel vanishes at both ends of [0, 1], and the inputs are k/10."""
    x = load_example().x
    s = Spectrum.from_gram(gram(SimplySupportedBeam(), x))
    vanishing = np.isin(x, (0.0, 1.0))
    assert s.rank == s.n - np.sum(vanishing) == 9
    assert np.all(s.d[:2] == 0)
    assert np.all(s.d[2:] > 0)
    assert np.isinf(s.kappa)
    inner = Spectrum.from_gram(gram(SimplySupportedBeam(), x[~vanishing]))
    assert inner.rank == inner.n == 9
    assert inner.kappa == inner.d[-1] / inner.d[0]


def test_the_rank_is_what_the_stated_tolerance_says():
    diagonal = np.diag([1e-9, 1e-6, 1e-3, 1.0])
    for tolerance, rank in ((0, 4), (1e-8, 3), (1e-5, 2), (0.5, 1)):
        s = Spectrum.from_gram(diagonal, tolerance)
        assert (s.rank, s.tolerance) == (rank, tolerance)
        assert np.array_equal(s.d > 0, np.diag(diagonal) > tolerance)
    assert Spectrum.from_gram(diagonal).tolerance == 4 * ULP


@pytest.mark.parametrize("tolerance", [None, 0, 1e-10])
def test_rounding_below_zero_is_not_indefiniteness(tolerance):
    s = Spectrum.from_gram(np.full((7, 7), 1 / 3), tolerance)
    assert np.all(s.d >= 0)
    if tolerance != 0:
        assert s.rank == 1


def test_duplicate_inputs_lower_the_rank():
    x = [0.2, 0.2, 0.2, 0.5, 0.7]
    assert Spectrum.from_gram(gram(SimplySupportedBeam(), x)).rank == 3


@pytest.mark.parametrize("exponent", [-1000, -500, 500, 1000])
def test_a_power_of_two_scales_eigenvalues_exactly(matrix, exponent):
    s, scaled = Spectrum.from_gram(matrix), Spectrum.from_gram(np.ldexp(matrix, exponent))
    assert np.array_equal(scaled.d, np.ldexp(s.d, exponent))
    assert np.array_equal(scaled.V, s.V)
    assert scaled.rank == s.rank


def test_one_point_and_the_zero_matrix():
    one = Spectrum.from_gram([[2.0]])
    assert (one.n, one.rank, one.kappa, abs(one.V[0, 0])) == (1, 1, 1.0, 1.0)
    zero = Spectrum.from_gram(np.zeros((3, 3)))
    assert zero.rank == 0
    assert np.isinf(zero.kappa)


def test_an_asymmetry_of_rounding_is_averaged(matrix):
    skewed = matrix.copy()
    skewed[0, 1] = np.nextafter(skewed[0, 1], np.inf)
    skewed[4, 2] = np.nextafter(skewed[4, 2], -np.inf)
    s, exact = Spectrum.from_gram(skewed), Spectrum.from_gram(matrix)
    assert np.max(np.abs(s.d - exact.d)) <= 10 * ULP * exact.d[-1]


def test_rotation_and_the_unreachable_residual():
    s = Spectrum.from_gram([[1.0, 1, 0], [1, 1, 0], [0, 0, 5]])
    y = np.array([3.0, 1.0, 7.0])  # the best fit of 3 and 1 at one point is 2, twice
    assert s.unreachable(y) == pytest.approx((1 + 1) / 3, rel=10 * ULP)
    both = np.stack([y, [0.0, 4.0, 0.0]], axis=1)
    assert s.unreachable(both) == pytest.approx((1 + 1 + 4 + 4) / 3, rel=10 * ULP)
    assert s.to_eigenbasis(both).shape == (3, 2)
    assert np.allclose(s.V.T @ s.to_eigenbasis(list(y)), y, rtol=0, atol=100 * ULP)
    assert Spectrum.from_gram(np.eye(3)).unreachable(y) == 0


def test_a_spectrum_known_in_closed_form_can_be_passed():
    m = np.arange(1, 4)
    V = np.sqrt(2 / 4) * np.sin(np.pi * np.outer(m, m) / 4)
    s = Spectrum(d=np.array([1.0, 2.0, 3.0]), V=V, tolerance=0.0)
    again = Spectrum.from_gram(V.T @ np.diag(s.d) @ V)
    assert np.allclose(again.d, s.d, rtol=100 * ULP)
