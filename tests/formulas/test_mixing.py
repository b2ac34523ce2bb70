"""Chains that mix labels, against loops, brute force and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import fminbound

from sdtheory.evidence.points import certify_refutation
from sdtheory.evidence.verdict import Verdict
from sdtheory.formulas.filters import tikhonov
from sdtheory.formulas.mixing import (
    best_fresh_own,
    bootstrapped,
    fresh_labels_risk,
    interpolating_shares,
    kept_labels,
    mixed_chain,
    mixing_parts,
    roughness,
)
from sdtheory.formulas.risk import fixed_design_risk
from sdtheory.recursion import gcv_mixing
from sdtheory.statements import STATEMENTS

EPS = np.finfo(float).eps
D = np.array([0.01, 0.1, 0.4, 1.0])
THETA2 = np.array([0.01, 0.25, 4.0, 1.0])

shares = st.floats(0.01, 1.0)
ridges = st.floats(1e-3, 1e3)


def brent_minimum(function, low, high):
    """Return where a function of one number is least."""
    return float(np.asarray(fminbound(function, low, high, xtol=1e-9)))


def test_roughness_is_the_least_norm_of_an_interpolant():
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    v = rng.standard_normal(4)
    G = V.T @ np.diag(D) @ V
    assert roughness(D, V @ v) == pytest.approx(v @ np.linalg.solve(G, v) / 4, rel=1e-12)


def test_roughness_leaves_out_what_the_kernel_cannot_reach():
    assert roughness(np.array([0.0, 2.0]), np.array([5.0, 4.0])) == 4.0


@given(a=shares, c=ridges, rounds=st.integers(0, 8))
def test_kept_labels_are_the_loop(a, c, rounds):
    phi, s = np.ones(4), tikhonov(D, c)
    for _ in range(rounds):
        phi = s * (a + (1 - a) * phi)
    assert kept_labels(D, c, a, rounds) == pytest.approx(phi, rel=100 * EPS)


def test_without_labels_the_loop_is_a_power():
    # a -> 0: the limit vanishes
    assert kept_labels(D, 0.3, 1e-300, 5) == pytest.approx(tikhonov(D, 0.3) ** 5, rel=1e-12)


@given(c=ridges, xi=st.floats(-3, 3))
def test_mixing_parts_make_the_risk_of_the_mixture(c, xi):
    s = tikhonov(D, c)
    slope, curvature = mixing_parts(D, c, THETA2, 0.3)
    risk = fixed_design_risk((1 - xi) * s + xi * s**2, THETA2, 0.3)
    teacher = fixed_design_risk(s, THETA2, 0.3)
    assert risk == pytest.approx(teacher + xi * slope + xi**2 * curvature, abs=1e-13 * teacher)


def test_gcv_is_the_minimum_of_its_criterion():
    rng = np.random.default_rng(1)
    z, s = rng.standard_normal(30), np.linspace(0, 0.95, 30)

    def criterion(xi):
        residuals = [(1 - f) * z / (1 - f.mean()) for f in (s, s**2)]
        return np.sum(((1 - xi) * residuals[0] + xi * residuals[1]) ** 2)

    assert gcv_mixing(z, s, s**2) == pytest.approx(brent_minimum(criterion, -20, 20), abs=1e-5)


@given(
    s=st.lists(st.integers(1, 19), min_size=1, max_size=4, unique=True),
    targets=st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_shares_interpolate_exactly_in_fractions(s, targets):
    nodes = np.array([Fraction(k, 20) for k in s], dtype=object)
    wanted = np.array([Fraction(k, 17) for k in targets[: len(s)]], dtype=object)
    try:
        free = interpolating_shares(nodes, wanted)
    except ZeroDivisionError:
        return  # a share of 1 before the last step, which the theorem excludes
    assert mixed_chain(nodes, free).tolist() == wanted.tolist()


def test_a_chain_with_fewer_steps_misses_a_target():
    nodes, wanted = np.array([0.2, 0.5, 0.7]), np.array([0.05, 0.6, 0.3])
    free = interpolating_shares(nodes[:2], wanted[:2])
    assert mixed_chain(nodes, free)[:2] == pytest.approx(wanted[:2])
    assert mixed_chain(nodes, free)[2] != pytest.approx(wanted[2], rel=1e-2)


@settings(deadline=None)
@given(c=ridges, share=st.floats(0.01, 1.0))
def test_the_stationary_risk_is_the_fixed_point(c, share):
    s, own = tikhonov(D, c), 1 - share
    mean, variance = np.zeros(4), np.zeros(4)
    theta = np.sqrt(THETA2)
    for _ in range(4000):
        mean = s * (share * theta + own * mean)
        variance = s**2 * (share**2 * 0.3 + own**2 * (variance + 0.3))
    expected = (theta - mean) ** 2 + variance
    found = fresh_labels_risk(D, c, share, THETA2, 0.3)
    assert found == pytest.approx(expected, rel=1e-8)


def test_the_best_share_of_own_outputs_minimises_and_tends_to_the_golden_one():
    for s in (0.2, 0.7, 0.999):
        best = brent_minimum(lambda own, s=s: fresh_labels_risk(s, 1 - s, 1 - own, 0.0, 1.0), 0, 1)
        assert best_fresh_own(s) == pytest.approx(best, abs=1e-5)
    assert 1 - best_fresh_own(1.0) == pytest.approx((np.sqrt(5) - 1) / 2, rel=4 * EPS)


@given(c=ridges, discount=st.floats(0, 0.99), rounds=st.integers(0, 9))
def test_bootstrapped_values_are_the_loop(c, discount, rounds):
    q, s = np.zeros(4), tikhonov(D, c)
    for _ in range(rounds):
        q = s * (1 + discount * q)
    assert bootstrapped(D, c, discount, rounds) == pytest.approx(q, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("name", ["claim-kept-sparser", "claim-fixed-is-the-paper"])
def test_the_refuted_claims_certainly_fail(name):
    statement = STATEMENTS[name]
    assert statement.counterexample is not None
    certificate = certify_refutation(statement, statement.counterexample)
    assert certificate.verdict is Verdict.FAILS
