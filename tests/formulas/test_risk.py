"""Risk of filters at fixed inputs, against brute force and exact arithmetic."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdtheory.evidence.points import certify_points, certify_refutation
from sdtheory.evidence.verdict import Verdict
from sdtheory.formulas.filters import self_distillation, tikhonov
from sdtheory.formulas.risk import fixed_design_risk, ridge_between, wiener
from sdtheory.statements import STATEMENTS

EPS = np.finfo(float).eps
D = np.array([0.01, 0.1, 0.4, 1.0])
THETA = np.array([0.1, -0.5, 2.0, 1.0])

ridges = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5)
steps = st.lists(st.floats(1e-3, 1.0), min_size=4, max_size=4)


def test_the_risk_is_the_mean_over_all_signs_of_the_noise():
    sigma, phi = 0.7, tikhonov(D, 0.2)
    errors = [
        np.mean((phi * (THETA + sigma * np.array(signs)) - THETA) ** 2)
        for signs in product((-1, 1), repeat=len(D))
    ]
    risk = fixed_design_risk(phi, THETA**2, sigma**2)
    assert np.mean(errors) == pytest.approx(risk, rel=20 * EPS)
    assert np.mean(errors) != pytest.approx(fixed_design_risk(phi, THETA**2, 0.0), rel=1e-3)


def test_the_risk_of_orthogonal_rotations_agrees_in_the_original_basis():
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    smoother = V.T @ np.diag(tikhonov(D, 0.2)) @ V
    truth = V.T @ THETA
    bias = smoother @ truth - truth
    expected = (bias @ bias + 0.49 * np.trace(smoother @ smoother.T)) / 4
    found = fixed_design_risk(tikhonov(D, 0.2), THETA**2, 0.49)
    assert found == pytest.approx(expected, rel=1000 * EPS)


@given(change=st.lists(st.floats(-0.5, 0.5), min_size=4, max_size=4))
def test_no_filter_has_less_risk_than_wieners(change):
    w = wiener(THETA**2, 0.3)
    least = fixed_design_risk(w, THETA**2, 0.3)
    assert fixed_design_risk(w + np.array(change), THETA**2, 0.3) >= least * (1 - 10 * EPS)


@given(c=ridges, falls=steps, noise=st.floats(1e-3, 1e3))
def test_the_single_round_lies_between_several_and_wieners_filter(c, falls, noise):
    theta2 = D * np.cumsum(falls)[::-1]
    F, w = self_distillation(D, np.array(c)), wiener(theta2, noise)
    single = tikhonov(D, ridge_between(D, np.array(c), theta2, noise))
    low, high = np.minimum(F, w), np.maximum(F, w)
    assert np.all(single >= low * (1 - 1e-12))
    assert np.all(single <= high * (1 + 1e-12))


def test_for_smooth_signals_it_does_not():
    c, theta2 = np.array([0.3, 0.5, 1.0]), D**3
    F, w = self_distillation(D, c), wiener(theta2, 0.05)
    single = tikhonov(D, ridge_between(D, c, theta2, 0.05))
    assert np.any((single < np.minimum(F, w)) | (single > np.maximum(F, w)))


@settings(max_examples=30)
@given(rises=steps, noise=st.floats(1e-2, 1e2))
def test_a_weak_second_round_improves_the_best_single_one_for_smooth_signals(rises, noise):
    theta2 = D * np.cumsum(rises)
    log_c = np.linspace(-12, 12, 4001)
    for _ in range(6):  # zoom in on the minimum
        risks = fixed_design_risk(tikhonov(D, np.exp(log_c)[:, None]), theta2, noise)
        k = int(np.clip(np.argmin(risks), 1, len(log_c) - 2))
        log_c = np.linspace(log_c[k - 1], log_c[k + 1], 401)
    single = tikhonov(D, np.exp(log_c[200]))
    w = wiener(theta2, noise)
    slope = np.sum((theta2 + noise) * (single - w) * (1 - single))
    assert slope > 0


def test_one_round_is_the_oracle_where_the_signal_is_as_the_kernel_expects():
    np.testing.assert_allclose(tikhonov(D, 0.3 / 2.0), wiener(2.0 * D, 0.3), rtol=4 * EPS)


@pytest.mark.parametrize("name", [s.id for s in STATEMENTS.values() if s.chapter == "risk"])
def test_the_statements_hold_at_exact_points_and_the_refuted_one_fails(name):
    statement = STATEMENTS[name]
    if statement.counterexample is not None:
        assert certify_refutation(statement, statement.counterexample).verdict is Verdict.FAILS
        return
    certified = certify_points(statement)
    assert not certified.fails
    assert certified.decided > 50
    assert not certified.reasons


def test_rounds_in_one_eigendirection_are_one_round_with_another_tolerance():
    # all label energy at one eigenvalue: n epsilon = 1 and labels of length 3
    d, left = Fraction(2), Fraction(3)
    c = []
    while left > 1:
        c.append(d / (left - 1))
        left -= 1
    assert c == [1, 2]
    assert (d / (1 + d)) * (d / (2 + d)) == d / (4 + d)
