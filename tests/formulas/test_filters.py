"""Spectral filters against what they stand for, and the search for a strength."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from sdtheory import distill
from sdtheory.evidence.balls import Ball
from sdtheory.formulas.bounds import (
    log_near_interpolation_limits,
    log_sparsification_bound,
    sparsification_bound,
)
from sdtheory.formulas.filters import (
    gradient_flow,
    iterated_tikhonov,
    match,
    self_distillation,
    tikhonov,
)
from sdtheory.validation import InvalidInputError

EPS = np.finfo(float).eps
D = np.array([0.0, 1e-9, 0.25, 1.0, 4.0])
LABELS = np.array([0.0, 1.0, 2.0, 1.0, 3.0])
FAMILIES = (tikhonov, gradient_flow, lambda d, c: iterated_tikhonov(d, c, 3))

positive = st.floats(1e-6, 1e6)


def test_self_distillation_is_the_product_of_the_rounds_of_a_chain():
    chain = distill(np.diag(D), np.array([0.1, 1.0, -2.0, 3.0, 1.0]), 0.4)
    assert chain.n_rounds > 2
    found = self_distillation(D, chain.c)
    np.testing.assert_allclose(found, chain.B[-1], rtol=10 * chain.n_rounds * EPS, atol=0)
    assert not np.allclose(found, self_distillation(D, chain.c[:-1]))


def test_iterated_tikhonov_fits_the_residual_again():
    fit = np.zeros_like(D)
    for iterations in (1, 2, 3):
        fit = fit + tikhonov(D, 0.7) * (1 - fit)
        np.testing.assert_allclose(iterated_tikhonov(D, 0.7, iterations), fit, rtol=20 * EPS)


def test_gradient_flow_solves_its_equation():
    flow = solve_ivp(lambda _, w: D * (1 - w), (0, 1 / 0.7), np.zeros(5), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(gradient_flow(D, 0.7), flow.y[:, -1], rtol=1e-8)
    assert not np.allclose(gradient_flow(D, 0.8), flow.y[:, -1], rtol=1e-3)


@given(d=positive, c=positive)
def test_filters_keep_their_digits_against_balls(d, c):
    for family in FAMILIES:
        exact = family(np.array([Ball(d)], dtype=object), np.array([Ball(c)], dtype=object))[0]
        assert abs(float(exact.value.mid()) / float(family(d, c)) - 1) < 20 * EPS


@given(d=positive, c=positive)
def test_filters_lie_between_zero_and_one_and_fall_with_the_strength(d, c):
    for family in FAMILIES:
        assert 0 <= family(d, 2 * c) <= family(d, c) <= 1
        assert family(0.0, c) == 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("measure", [np.sum, lambda phi: np.mean(((1 - phi) * LABELS) ** 2)])
@pytest.mark.parametrize("c", [1e-4, 0.3, 50.0])
def test_match_finds_the_strength_back(family, measure, c):
    assert match(family, D, measure, measure(family(D, c))) == pytest.approx(c, rel=1e-9)


def test_match_names_the_range_of_what_can_be_reached():
    with pytest.raises(InvalidInputError, match=r"target is 4\.5, but .* and 4 on these"):
        match(tikhonov, D, np.sum, 4.5)


@pytest.mark.parametrize(
    ("d", "target", "message"),
    [
        ([-1.0, 2.0], 1.0, "non-negative eigenvalues"),
        ([0.0, 0.0], 1.0, "one of them positive"),
        ([1.0, np.nan], 1.0, "d holds 1 NaN"),
        ([1.0, 2.0], np.nan, "target holds 1 NaN"),
        ([[1.0, 2.0]], 1.0, "d must be of dimension 1"),
    ],
)
def test_match_refuses_what_it_cannot_use(d, target, message):
    with pytest.raises(InvalidInputError, match=message):
        match(tikhonov, d, np.sum, target)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda phi: 1.0, "a measure that changes"),
        (lambda phi: phi, r"measure\(phi\) must be one finite number"),
        (lambda phi: np.nan, r"measure\(phi\) must be one finite number"),
    ],
)
def test_match_refuses_a_measure_that_tells_no_strengths_apart(measure, message):
    with pytest.raises(InvalidInputError, match=message):
        match(tikhonov, D, measure, 1.0)


def test_the_logarithmic_bounds_are_those_of_the_paper():
    d = np.array([0.3, 0.31, 2.0])
    for excess, t in ((0.5, 3), (40.0, 7)):
        paper = sparsification_bound(excess, d[0], d[:-1], d[1:], t)
        found = log_sparsification_bound(excess, d[0], d[:-1], d[1:], t)
        np.testing.assert_allclose(np.exp(found), paper, rtol=20 * t * EPS)
    limit = np.exp(np.min(log_near_interpolation_limits(d)))
    paper = np.exp(d[0] ** 2 / d[-1] * np.min(1 / d[:-1] - 1 / d[1:]))
    assert limit == pytest.approx(paper, rel=10 * EPS)


def test_the_logarithmic_bound_keeps_its_digits_where_the_quotient_has_none():
    excess, d_j, d_k = 2.0**70, 1.0, 1.0 + EPS
    assert sparsification_bound(excess, d_j, d_j, d_k, 1) == 1
    gap = (Fraction(d_k) - 1) / (Fraction(excess) * Fraction(d_k) + 1)
    exact = arb(gap.numerator) / arb(gap.denominator)
    found = log_sparsification_bound(excess, d_j, d_j, d_k, 1)
    assert found == pytest.approx(float(exact.log1p().mid()), rel=4 * EPS)
