"""The paper's bounds: exact, true, tight where they say so, and false when broken."""

from fractions import Fraction as Q
from itertools import product

import mpmath
import numpy as np
import pytest

from sdtheory import trajectory
from sdtheory.evidence.certified import Verdict, certify
from sdtheory.evidence.floating import measure
from sdtheory.formulas import bounds
from sdtheory.statements import STATEMENTS, Instance, rounds

EXCESSES = (Q(1, 10**12), Q(1, 1000), Q(1, 2), Q(1), Q(7, 3), Q(10**6))
KAPPAS = (Q(1), Q(10**12 + 1, 10**12), Q(3, 2), Q(40), Q(10**12))
GRID = list(product(EXCESSES, KAPPAS))
ROUNDS = 6
#: A handful of operations on floats.
ULPS = 20 * float(np.finfo(float).eps)


def exact_line(r_minus_1, kappa):
    """Slope and offset of the tangent of r (r - 1) / (r - 1 + kappa), by differentiation."""
    r, s = 1 + r_minus_1, r_minus_1 + kappa
    slope = ((2 * r - 1) * s - r * (r - 1)) / s**2
    return slope, slope * r - r * (r - 1) / s


def exact_iterates(r_minus_1, kappa, rounds=ROUNDS):
    a, b = exact_line(r_minus_1, kappa)
    u = [1 + r_minus_1]
    for _ in range(rounds):
        u.append(a * u[-1] - b)
    return u


def relative(found, exact):
    return abs(Q(float(found)) / exact - 1)


@pytest.mark.parametrize(("r_minus_1", "kappa"), GRID)
def test_one_round_and_its_tangent_in_exact_arithmetic(r_minus_1, kappa):
    e, k = float(r_minus_1), float(kappa)
    r_minus_1, kappa = Q(e), Q(k)
    h = (1 + r_minus_1) * r_minus_1 / (r_minus_1 + kappa)
    assert relative(bounds.one_round_bound(e, k), h) < ULPS
    for found, exact in zip(
        bounds.norm_bound_line(e, k), exact_line(r_minus_1, kappa), strict=True
    ):
        assert relative(found, exact) < ULPS


@pytest.mark.parametrize(("r_minus_1", "kappa"), GRID)
def test_norm_bound_is_the_closed_form(r_minus_1, kappa):
    e, k = float(r_minus_1), float(kappa)
    found = bounds.norm_bound(e, k, ROUNDS)
    a, b = exact_line(Q(e), Q(k))
    size = 1 + Q(e) + b * ROUNDS
    for t, value in enumerate(found, start=1):
        # (a^t - 1)/(a - 1), which a = 1 leaves to its limit t
        geometric = (a**t - 1) / (a - 1) if a != 1 else Q(t)
        assert abs(Q(float(value)) - (a**t * (1 + Q(e)) - b * geometric)) < ULPS * ROUNDS * size
    # the first step does not lose digits as r_0 -> 1
    assert relative(found[0], (1 + Q(e)) * Q(e) / (Q(e) + Q(k))) < ULPS


def test_an_offset_left_out_is_noticed():
    a, _ = exact_line(Q(2), Q(3))
    assert abs(Q(float(bounds.norm_bound(2.0, 3.0, 2)[1])) - a**2 * 3) > Q(1, 10)


def test_bounds_broadcast_over_batches():
    assert bounds.norm_bound(np.ones((4, 3)), np.full((4, 3), 2.0), 5).shape == (4, 3, 5)
    assert np.shape(bounds.one_round_bound(np.ones(3), np.inf)) == (3,)
    assert np.all(bounds.one_round_bound(np.ones(3), np.inf) == 0)


@pytest.mark.parametrize(("r_minus_1", "kappa"), GRID)
def test_each_bound_is_weaker_than_the_next(r_minus_1, kappa):
    """r_0 - kappa t <= u_t <= max(r_0 - t, 0), in exact arithmetic; strict unless kappa = 1."""
    for t, u in enumerate(exact_iterates(r_minus_1, kappa, 12)):
        r_0 = 1 + r_minus_1
        assert r_0 - kappa * t <= u <= max(r_0 - t, 0)
        if t and u > 0:
            assert (u < r_0 - t) == (kappa > 1)


def chain_with_equal_eigenvalues(r_0):
    """Exact r_t for kappa = 1: the secular equation c r / (c + 1) = 1 gives c = 1 / (r - 1)."""
    r = [r_0]
    while r[-1] > 1:
        c = 1 / (r[-1] - 1)
        r.append(r[-1] / (c + 1))
    return r


@pytest.mark.parametrize("r_0", [Q(2), Q(3), Q(9, 4), Q(21, 2), Q(11, 10)])
def test_readings_of_at_least_in_exact_arithmetic(r_0):
    r = chain_with_equal_eigenvalues(r_0)
    n_rounds, promised = len(r) - 1, r_0 - 1
    assert r == [r_0 - t for t in range(len(r))]
    assert n_rounds >= promised
    assert (n_rounds == promised) == (r_0.denominator == 1)
    # every round t <= promised is non-trivial: false exactly where r_0 is an integer
    assert (n_rounds >= promised // 1 + 1) == (r_0.denominator != 1)
    # counted after the first fit: false
    assert not n_rounds - 1 >= promised


def batch(kappa, labels, ratio, rounds=30):
    d = np.geomspace(1, kappa, np.shape(labels)[-1])
    z = np.atleast_2d(labels).astype(float)
    return Instance.of(np.tile(d, (len(z), 1)), z, np.mean(z**2, axis=1) / ratio**2, rounds)


@pytest.mark.parametrize("kappa", [1.0, 1.5, 30.0, 1e9])
def test_bounds_are_true_and_a_stronger_promise_is_not(kappa):
    rng = np.random.default_rng(3)
    instance = batch(kappa, rng.standard_normal((50, 5)), rng.uniform(1.05, 6, 50))
    n_rounds = instance.path.n_rounds
    r_minus_1 = instance.r_minus_1[:, 0]
    assert np.all(n_rounds >= bounds.guaranteed_rounds(r_minus_1, kappa))
    # without kappa the promise is still true; with one round more it is not
    assert np.all(n_rounds >= r_minus_1)
    assert not np.all(n_rounds >= r_minus_1 + 1)
    lower, upper = bounds.multiplier_bounds(1.0, kappa, r_minus_1)
    c = instance.c[:, 0]
    within = (lower * (1 - ULPS) <= c) & (c <= upper * (1 + ULPS))
    assert within.all()
    if kappa > 1:
        assert not ((upper <= c) & (c <= lower)).any()


@pytest.mark.parametrize(("labels", "which"), [([1, 0, 0], 0), ([0, 0, 1], 1)])
def test_multiplier_bounds_are_attained_in_the_extreme_eigenspaces(labels, which):
    instance = batch(16.0, labels, 3.5, rounds=1)
    attained = bounds.multiplier_bounds(1.0, 16.0, instance.r_minus_1[0, 0])
    assert instance.c[0, 0] == pytest.approx(attained[which], rel=ULPS)
    assert instance.c[0, 0] != pytest.approx(attained[1 - which], rel=0.5)


@pytest.mark.parametrize("kappa", [2.0, 1e6])
def test_labels_in_one_eigenspace_last_for_the_lower_bound_at_any_condition_number(kappa):
    for ratio in (1.5, 4.2, 7.9):
        path = batch(kappa, [0, 1, 0, 0], ratio).path
        assert path.n_rounds[0] == np.ceil(ratio - 1)


def test_norm_bound_needs_no_restriction_to_rounds_before_the_collapse():
    rng = np.random.default_rng(4)
    # one long chain keeps the batch running after the others have collapsed
    ratio = np.concatenate([rng.uniform(1.01, 3, 40), [30.0]])
    instance = batch(2.0, rng.standard_normal((41, 4)), ratio)
    dead = ~instance.alive
    assert dead.sum() > 500
    u = bounds.norm_bound(instance.r_minus_1[:, 0], instance.kappa, instance.c.shape[1])
    assert np.all(u[dead] <= ULPS)


def test_the_statement_speaks_of_the_same_sequence_as_the_library():
    """The bound leaves room for other sequences, so that its own margin would not tell."""
    instance = batch(3.0, np.ones((3, 4)), np.array([1.2, 4.0, 9.0]))
    term, offset = rounds._iterated(instance)
    expected = bounds.norm_bound(instance.r_minus_1[:, 0], instance.kappa, term.shape[1])
    np.testing.assert_allclose(term - offset, expected, rtol=0, atol=100 * ULPS)
    # off by one in t would be seen
    assert np.abs(term[:, 0] - offset[:, 0] - expected[:, 1]).min() > 0.1


def small_start():
    """A batch whose first instance has r_0 = 0.1 and kappa = 2, and whose second keeps going."""
    return batch(2.0, [[1.0, 1.0], [1.0, 1.0]], np.array([0.1, 5.0]))


@pytest.mark.parametrize("name", ["prop-norm-bound", "cor-step-dominates"])
def test_without_a_non_trivial_first_fit_the_norm_bound_fails(name):
    statement, instance = STATEMENTS[name], small_start()
    measured = measure(statement, instance)
    margin, applies = measured.margin, measured.applies
    assert not applies[0].any()
    assert applies[1].all()
    assert margin[1].min() >= -ULPS
    assert margin[0].min() < -0.01


@pytest.mark.parametrize(
    "name",
    ["lem-one-round-convex", "prop-norm-bound", "prop-rounds-bound", "cor-step-dominates"],
)
def test_for_a_singular_matrix_the_bounds_have_no_value(name):
    statement = STATEMENTS[name]
    instance = Instance.of([0.0, 1.0, 2.0], [0.1, 1.0, 1.0], 0.05, 5)
    measured = measure(statement, instance)
    assert not measured.applies.any()
    assert np.isnan(measured.margin).any()


def test_after_the_collapse_the_multiplier_has_no_bounds_and_newton_no_root():
    instance = Instance.of([[4.0, 9.0]] * 2, [[1.0, 2.0]] * 2, 2.5 / np.array([1.2, 8.0]) ** 2, 20)
    for name in ("prop-multiplier-bounds", "prop-newton-concave"):
        statement = STATEMENTS[name]
        measured = measure(statement, instance)
        margin, applies = measured.margin, measured.applies
        assert margin[applies].min() >= -ULPS
        assert margin[~applies].min() < -0.01


CHAPTERS = ("multiplier", "rounds")
CERTIFIED = [s for s in STATEMENTS.values() if s.chapter in CHAPTERS]
INSTANCES = {
    "three eigenvalues": ((Q(1, 100), Q(3, 10), Q(1)), (Q(1), Q(2), Q(-1)), Q(1, 20)),
    "kappa = 1": ((Q(1), Q(1)), (Q(3), Q(1, 2)), Q(1, 3)),
    "kappa = 1e12": ((Q(1, 10**12), Q(1)), (Q(1), Q(2)), Q(1, 20)),
    "singular": ((Q(0), Q(1, 2), Q(1)), (Q(1, 10), Q(2), Q(-1)), Q(1, 20)),
    "r_0 near 1": ((Q(1, 2), Q(1)), (Q(1), Q(1)), 1 - Q(1, 10**12)),
    "trivial": ((Q(1, 2), Q(1)), (Q(1), Q(1)), Q(2)),
}


@pytest.mark.parametrize("statement", CERTIFIED, ids=lambda s: s.id)
@pytest.mark.parametrize("name", INSTANCES)
def test_statements_run_on_balls(statement, name):
    d, z, epsilon = INSTANCES[name]
    certificate = certify(statement, d, z, epsilon, 6)
    assert certificate.cleared, certificate.reason
    if name == "three eigenvalues":
        assert certificate.verdict in (Verdict.HOLDS, Verdict.CONSISTENT)


def test_sparsification_bound_in_exact_arithmetic():
    r_minus_1, d_min, d_j, d_k = Q(5, 2), Q(1, 4), Q(1, 2), Q(3)
    exact = ((r_minus_1 + d_min / d_j) / (r_minus_1 + d_min / d_k)) ** 3
    found = bounds.sparsification_bound(2.5, 0.25, 0.5, 3.0, 3)
    assert relative(found, exact) < ULPS
    assert relative(bounds.sparsification_bound(2.5, 0.25, 3.0, 0.5, 3), exact) > Q(1, 10)


def test_near_interpolation_limit_in_many_digits():
    d = np.array([0.25, 0.5, 3.0])
    with mpmath.workdps(40):
        gap = min(mpmath.mpf(1) / 0.25 - 2, 2 - mpmath.mpf(1) / 3)
        exact = mpmath.exp(mpmath.mpf("0.0625") / 3 * gap)
    first, second = np.exp(bounds.log_near_interpolation_limits(d))
    assert second == pytest.approx(float(exact), rel=ULPS)
    assert first != pytest.approx(float(exact), rel=1e-3)


def test_the_paper_s_example_gets_no_promise_but_has_rounds():
    path = trajectory([0.0, 0.5, 1.0], [0.1, 2.0, 2.0], 0.1, rounds=30)
    assert bounds.guaranteed_rounds(path.r_minus_1[0], np.inf) == 0
    assert path.n_rounds >= np.ceil(path.r_minus_1[0]) > 1
