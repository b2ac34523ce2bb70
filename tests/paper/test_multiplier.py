"""The secular equation against committed 50-digit roots, exact rationals and bad input."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from references.make_multiplier_references import PATH, cases, reference
from scipy.optimize import brentq

from sdtheory import multiplier
from sdtheory.linalg import halley as secular
from sdtheory.multiplier import residual_energy, solve
from sdtheory.validation import InvalidInputError

REFERENCES = json.loads(PATH.read_text())
SOLVED = [case for case in REFERENCES if case["status"] == "SOLVED"]
GROUPS = list(dict.fromkeys(case["group"] for case in SOLVED))
INPUTS = ("d", "z", "epsilon", "n")

#: In ulps. Rounding of the last correction takes 1/2; what that correction leaves (2^-57) and the
#: double-double residual (2^-56) take less than 1/4 of an ulp, which is at least 2^-53.
ROOT = 0.75
#: r: four operations, of which the first two count half, being under the root, after one rounding.
RADIUS = 4
#: r - 1: two roundings of the energies, two divisions, one sum, and the error of r.
EXCESS = 5 + RADIUS
#: The reference has 12 digits; rounding, in sums of at most 20 positive terms, is far smaller.
CONDITION = 1e-11


def solved(case):
    return solve(case["d"], case["z"], case["epsilon"], n=case["n"])


def guessed(d, z, epsilon, n, mean):
    """Return roots from guesses of c (r - 1)."""
    d, labels, epsilon = multiplier.as_batch(d, z, epsilon)
    mean = np.broadcast_to(mean, epsilon.shape)
    return multiplier.roots(d.copy(), labels[..., 0], epsilon, n, mean)


def status(c):
    """Return what a multiplier says of its equation."""
    return "SOLVED" if np.isfinite(c) else "INFEASIBLE" if np.isnan(c) else "TRIVIAL"


def ulps(value, digits):
    """Return the distance of a float from a decimal number, in ulps of the latter."""
    if not math.isfinite(value):
        return math.inf
    truth = Fraction(digits)
    return float(abs(Fraction(float(value)) - truth) / Fraction(math.ulp(float(truth))))


def test_references_cover_the_stated_ranges():
    assert len(REFERENCES) > 300
    excess = [float(case["excess"]) for case in SOLVED]
    assert min(excess) < 1e-12
    assert max(excess) > 1e8
    assert min(case["epsilon"] / np.mean(np.square(case["z"])) for case in SOLVED) < 1.01e-30
    positive = [[a for a in case["d"] if a] for case in SOLVED]
    assert max(max(d) / min(d) for d in positive) > 1e16
    assert {case["status"] for case in REFERENCES} == {"SOLVED", "INFEASIBLE", "TRIVIAL"}


@pytest.mark.parametrize("case", REFERENCES[::41], ids=lambda case: case["group"])
def test_references_can_be_regenerated(case):
    again = reference({key: case[key] for key in INPUTS})
    assert {key: case[key] for key in again} == again


def test_generator_gives_the_committed_inputs():
    generated = list(cases())
    assert len(generated) == len(REFERENCES)
    for new, old in zip(generated, REFERENCES, strict=True):
        assert (new["group"], new["n"]) == (old["group"], old["n"])
        for key in ("d", "z", "epsilon"):  # up to the platform's rounding of 10.0**x
            assert new[key] == pytest.approx(old[key], rel=1e-12, abs=0)


@pytest.mark.parametrize("group", GROUPS)
def test_root_is_within_an_ulp(group):
    for case in SOLVED:
        if case["group"] == group:
            result = solved(case)
            assert ulps(result.c, case["c"]) < ROOT, case
            assert ulps(result.r, case["r"]) < RADIUS, case
            assert ulps(result.r_minus_1, case["excess"]) < EXCESS, case
            assert result.sensitivity == pytest.approx(float(case["condition"]), rel=CONDITION), (
                case
            )


def plain_root(case):
    """Return the root that a good bracketing solver finds on floats alone."""
    d, z = np.array(case["d"]), np.array(case["z"])
    target = case["n"] * case["epsilon"]

    def gap(log_c):
        return float(residual_energy(np.exp(log_c), d, z) - target)

    return math.exp(brentq(gap, -700, 700, xtol=1e-300, rtol=4 * np.finfo(float).eps))


@pytest.mark.parametrize("group", ["grid", "zero labels at both ends", "random", "plateau"])
def test_plain_floats_would_not_pass(group):
    errors = []
    for case in SOLVED:
        if case["group"] == group:
            try:
                errors.append(ulps(plain_root(case), case["c"]))
            except ValueError:  # rounding leaves no sign change
                errors.append(math.inf)
    assert np.mean(np.array(errors) > ROOT) > 0.5
    assert max(errors) > 1000


def test_status_is_exact():
    for case in REFERENCES:
        result = solved(case)
        assert status(result.c) == case["status"], case
        assert (result.r_minus_1 > 0) == (case["status"] != "TRIVIAL")


def test_status_by_comparing_floats_would_not_be_exact():
    def naive(case):
        z2 = np.square(case["z"])
        rho2 = case["n"] * case["epsilon"]
        if rho2 >= np.sum(z2):
            return "TRIVIAL"
        return "INFEASIBLE" if rho2 <= np.sum(z2[np.equal(case["d"], 0)]) else "SOLVED"

    assert any(naive(case) != case["status"] for case in REFERENCES)


def test_boundaries_belong_to_the_trivial_and_the_infeasible():
    assert status(solve([1.0, 0.5], [3.0, 4.0], 12.5).c) == "TRIVIAL"
    assert status(solve([1.0, 0.5], [3.0, 4.0], np.nextafter(12.5, 0)).c) == "SOLVED"
    assert status(solve([1.0, 0.0], [3.0, 4.0], 8.0).c) == "INFEASIBLE"
    assert status(solve([1.0, 0.0], [3.0, 4.0], np.nextafter(8.0, 9)).c) == "SOLVED"
    assert status(solve([0.0, 0.0], [3.0, 4.0], 12.5).c) == "TRIVIAL"
    assert status(solve([0.0, 0.0], [3.0, 4.0], np.nextafter(12.5, 0)).c) == "INFEASIBLE"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("UNRESOLVED", 0.0),  # every root from 800 digits
        ("MAX_EVALUATIONS", 1),  # from poor starting points
        ("CANCELLING", math.inf),  # every energy difference formed exactly
    ],
)
def test_each_precision_gives_the_same_roots(monkeypatch, setting, value):
    monkeypatch.setattr(multiplier, setting, value)
    for case in SOLVED[::3]:
        assert ulps(solved(case).c, case["c"]) < ROOT, case


def test_guesses_move_the_root_within_its_error():
    for case in SOLVED[::5]:
        alone = float(solved(case).c)
        right = alone * float(case["excess"])
        for mean in (math.nan, -1.0, 0.0, math.inf, right, 1e6 * right, 1e-6 * right):
            root = guessed(case["d"], case["z"], case["epsilon"], case["n"], mean)
            assert ulps(root.c, case["c"]) < ROOT, case
            if not 0 < mean < math.inf:
                assert root.c == alone


def test_good_guesses_save_evaluations(monkeypatch):
    calls, evaluated = [], multiplier._evaluated
    monkeypatch.setattr(multiplier, "_evaluated", lambda *a: (calls.append(1), evaluated(*a))[1])

    def evaluations(mean):
        calls.clear()
        guessed(d, z, 0.1, 20, mean)
        return len(calls)

    rng = np.random.default_rng(0)
    d, z = 10.0 ** -rng.uniform(0, 6, (200, 20)), rng.standard_normal((200, 20))
    root = solve(d, z, 0.1)
    mean = root.c * root.r_minus_1
    assert evaluations(mean) == 1 < evaluations(1.1 * mean) < evaluations(math.nan)


def test_steps_are_of_third_order():
    d, z = np.array([[1.0, 0.1, 1e-3]]), np.array([[1.0, 2.0, 0.5]])
    energy = np.sum(z**2, axis=-1)
    slack = 0.3 * energy
    root = solve(d, z, slack / 3).c
    errors, moved = 2.0 ** -np.arange(2, 10), []
    for error in errors:
        mu = (1 + error) / root
        e, *sums = multiplier._evaluated(mu, d, z, energy - slack, slack)
        moved.append(abs((1 + secular.halley_step(e, *sums)[0]) * (1 + error) - 1))
    orders = np.diff(np.log2(moved)) / np.diff(np.log2(errors))
    assert np.all(np.abs(orders - 3) < 0.5)
    assert moved[-1] < 1e-7


def test_slow_path_is_taken_where_it_is_needed_only(monkeypatch):
    calls = []

    def recorded(*_):
        calls.append(group)
        return math.nan

    monkeypatch.setattr(multiplier, "_bisected", recorded)
    # where double-double arithmetic does not even converge
    monkeypatch.setattr(multiplier, "UNRESOLVED", math.inf)
    group = "plateau"
    with pytest.raises(InvalidInputError, match="leaves the range"):
        solve([1.0, 1e-110], [1.0, 1.0], 0.5)
    monkeypatch.undo()
    monkeypatch.setattr(multiplier, "_bisected", recorded)
    for case in SOLVED:
        group = case["group"]
        if group != "plateau":
            solved(case)
    assert calls == ["plateau"]


def plateaus(rng, m, n):
    """Return instances whose rho^2 is within rounding of the energy below a wide gap."""
    d = 10.0 ** (-rng.uniform(0, 118, (m, 1)) * rng.random((m, n)))
    z = rng.standard_normal((m, n)) * 10.0 ** (-rng.uniform(0, 60, (m, 1)) * rng.random((m, n)))
    z[:, 0] = 1.0
    d[:, 0] = 1e-118
    below = np.sum(z**2 * (d < np.median(d, axis=1, keepdims=True)), axis=-1)
    return d, z, below / n


def test_lost_digits_are_noticed(monkeypatch):
    d, z, epsilon = plateaus(np.random.default_rng(0), 40, 20)
    result = solve(d, z, epsilon)
    rows = np.flatnonzero(np.isfinite(result.c) & (result.sensitivity < 1e19))
    assert len(rows) > 10
    roots = [multiplier._bisected(d[i], z[i], 20, float(epsilon[i])) for i in rows]
    assert np.all(np.abs(result.c[rows] - roots) <= np.spacing(roots))
    monkeypatch.setattr(multiplier, "UNRESOLVED", math.inf)
    unnoticed = solve(d, z, epsilon).c[rows]
    assert np.any(np.abs(unnoticed - roots) > np.spacing(roots))


def random_batch(rng, m, n):
    d = 10.0 ** -rng.uniform(0, 14, (m, n))
    d[:, 0] = np.where(rng.random(m) < 0.5, d[:, 0], 0.0)
    z = rng.standard_normal((m, n))
    z[:, 0] *= 1e-3
    return d, z, np.mean(z**2, axis=-1) * 10.0 ** rng.uniform(-8, 0.5, m)


def assert_same(a, b):
    for field in ("c", "r", "r_minus_1", "sensitivity"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_batch_and_single_instances_agree(monkeypatch, n):
    d, z, epsilon = random_batch(np.random.default_rng(n), 400, n)
    batch = solve(d, z, epsilon)
    assert {status(c) for c in batch.c} == {"SOLVED", "INFEASIBLE", "TRIVIAL"}
    for i in range(0, 400, 5):
        single = solve(d[i], z[i], epsilon[i])
        assert single.c.shape == ()
        for field in ("c", "r", "r_minus_1", "sensitivity"):
            np.testing.assert_array_equal(getattr(single, field), getattr(batch, field)[i])
    monkeypatch.setattr(multiplier, "_BLOCK", 7 * n)
    assert_same(solve(d, z, epsilon), batch)


def test_broadcasting():
    rng = np.random.default_rng(1)
    d, z = rng.random((3, 1, 5)), rng.standard_normal((4, 5))
    epsilon = 0.1 * rng.random((2, 1, 1))
    result = solve(d, z, epsilon)
    assert result.c.shape == (2, 3, 4)
    assert result.c[1, 2, 3] == solve(d[2, 0], z[3], epsilon[1, 0, 0]).c
    assert solve(d[0, 0], z[0], [0.1, 0.2]).c.shape == (2,)


def test_arguments_are_left_alone():
    d, z, epsilon = np.array([[1.0, 0.5]]), np.array([[1.0, 0.0]]), np.array([0.1])
    solve(d, z, epsilon)
    assert d.tolist() == [[1.0, 0.5]]
    assert z.tolist() == [[1.0, 0.0]]
    assert epsilon.tolist() == [0.1]


def test_outputs_count_through_their_energies():
    d = np.array([1.0, 1e-2, 1e-5])
    z = np.array([[3.0, 6.0, 5.0], [4.0, 8.0, 12.0]])
    shared = solve(np.tile(d, 2), z.ravel(), 1.7, n=3)
    assert shared.c == solve(d, [5.0, 10.0, 13.0], 1.7).c
    assert shared.c != solve(np.tile(d, 2), z.ravel(), 1.7).c  # n = 6 is another tolerance


def test_components_without_label_do_not_enter():
    d, z = [1.0, 0.3, 1e-6], [1.0, -2.0, 0.5]
    alone = solve(d, z, 0.01, n=5).c
    assert solve([*d, 1e-200, 1e200], [*z, 0.0, 0.0], 0.01, n=5).c == alone


def test_equal_eigenvalues_have_a_closed_form():
    z = np.array([3.0, 4.0, 12.0])
    # 13 c/(c+d) = 6.5 at c = d
    assert solve([0.3, 0.3, 0.3], z, 6.5**2 / 3, n=3).c == pytest.approx(0.3, rel=1e-15)


def test_residual_energy_is_the_left_side():
    d, z = np.array([1.0, 1e-3, 0.0]), np.array([1.0, 2.0, 0.1])
    c = solve(d, z, [0.05, 0.5]).c
    np.testing.assert_allclose(residual_energy(c, d, z), 3 * np.array([0.05, 0.5]), rtol=1e-15)


def test_condition_is_a_relative_derivative():
    d, z, epsilon = [1.0, 1e-4, 1e-8], [1.0, 2.0, 0.5], 0.2
    step = 1e-6
    change = np.diff(np.log(solve(d, z, epsilon * np.exp([-step, step])).c))[0] / step
    # c changes with rho = sqrt(n epsilon); the quotient's error is of the size of step^2
    assert solve(d, z, epsilon).sensitivity == pytest.approx(change, rel=1e-7)


@pytest.mark.parametrize(
    ("d", "z", "epsilon", "n", "message"),
    [
        ([1.0, -1e-20], [1.0, 1.0], 0.1, None, r"^d holds a negative eigenvalue \(-1e-20\)"),
        ([1.0, 1.0], [1.0, 1.0], 0.0, None, r"^epsilon must be positive and finite, but holds 0"),
        ([1.0], [1.0], [0.1, -2.0], None, r"^epsilon must be positive and finite, but holds -2"),
        ([1.0, np.nan], [1.0, 1.0], 0.1, None, r"^d holds 1 NaN or infinite .* index \(1\)"),
        ([1.0, 1.0], [np.inf, 1.0], 0.1, None, r"^z holds 1 NaN or infinite .* index \(0\)"),
        ([1.0, 1.0], [1.0, 1.0], np.nan, None, r"^epsilon .*holds (nan|1 NaN)"),
        ([1.0, 1.0], [1.0, 1.0], [np.inf], None, r"^epsilon holds 1 NaN or infinite"),
        ([1.0] * 3, [1.0, 1.0], 0.1, None, r"^d \(3,\), z \(2,\) and epsilon \(\) do not fit"),
        ([[1.0]] * 3, [1.0], [0.1] * 2, None, r"^d \(3, 1\), z \(1,\) and epsilon \(2,\) do not"),
        (1.0, [1.0], 0.1, None, r"^d must be of dimension 1 to 7, but has shape \(\)"),
        ([1.0], [1j], 0.1, None, r"^z must hold real numbers"),
        ([1.0], [], 0.1, None, r"^z is empty"),
        ([1.0], [1.0], 0.1, 0, r"^n must be an integer of at least 1, but is 0"),
        ([1.0], [1.0], 0.1, 1.5, r"^n must be an integer of at least 1, but is 1.5"),
        ([1.0], [1.0], 0.1, True, r"^n must be an integer of at least 1, but is True"),
        ([1.0, 1e-121], [1.0, 1.0], 0.1, None, r"^d spans more than 120 decades, from 1e-121 to 1"),
        ([5e-324, 1e-200], [1.0, 1.0], 0.1, None, r"^d spans more than 120 decades"),
        ([1.0, 1.0], [1.0, 7.0], 1e-119, None, r"^epsilon \(1e-119\) is too small .*up to 7\)"),
        ([1.0], [1e300], 1e300, None, r"^epsilon \(1e\+300\) is too small against the labels"),
        ([1e300, 1e300], [1.0, 1e-8], 0.5, None, r"^the multiplier leaves the range of floats"),
        ([1e-320], [1.0], 1e-30, None, r"^the multiplier leaves the range of floats"),
    ],
)
def test_bad_input_is_named(d, z, epsilon, n, message):
    with pytest.raises(InvalidInputError, match=message):
        solve(d, z, epsilon, n=n)


def test_range_messages_show_the_offending_row():
    with pytest.raises(InvalidInputError, match=r"from 1e-190 to 0.01"):
        solve([[1.0, 0.5], [1e-2, 1e-190]], [1.0, 1.0], 0.1)
    with pytest.raises(InvalidInputError, match=r"epsilon \(1e-200\) .*up to 2\)"):
        solve([[1.0, 0.5]] * 2, [[0.0, 0.0], [1.0, 2.0]], [1e-300, 1e-200])


@pytest.mark.parametrize(
    ("d", "z", "epsilon", "expected"),
    [
        ([1.0, 0.5], [0.0, 0.0], 5e-324, "TRIVIAL"),
        ([1.0, 0.5], [0.0, 0.0], 1e308, "TRIVIAL"),
        ([0.0, 0.0], [0.0, 0.0], 1.0, "TRIVIAL"),
        ([0.0, 0.0], [1.0, 2.0], 2.0, "INFEASIBLE"),
        ([1.0, 0.5], [5e-324, 0.0], 5e-324, "TRIVIAL"),
        ([1.0, 0.5], [1e-300, 1e-310], 1e308, "TRIVIAL"),
        ([1.0, 0.5], [1e150, 2e150], 1e300, "SOLVED"),
        ([1.0, 0.5], [1e150, 2e150], 3e300, "TRIVIAL"),
        ([1.0, 0.5], [1e200, 1e308], 1e308, None),
        ([1.0, 0.5], [1e-150, 1e-150], 1e-310, "SOLVED"),
        ([5e-324, 5e-324], [1.0, 1.0], 0.5, "SOLVED"),
        ([1.7e308, 1e300], [1.0, 1.0], 0.5, "SOLVED"),
    ],
)
def test_ends_of_the_float_range(d, z, epsilon, expected):
    if expected is None:
        with pytest.raises(InvalidInputError, match="too small"):
            solve(d, z, epsilon)
        return
    result = solve(d, z, epsilon)
    assert status(result.c) == expected
    assert np.isfinite(result.r)
    assert np.isfinite(result.r_minus_1)
    if expected == "SOLVED":
        truth = reference({"d": d, "z": z, "n": 2, "epsilon": epsilon})
        assert ulps(result.c, truth["c"]) < ROOT


def test_excess_below_the_float_range():
    # the energy exceeds n epsilon by 1e-400: only exact arithmetic sees it
    case = {"d": [1e-300, 5e-301], "z": [1.0, 1e-200], "epsilon": 0.5, "n": 2}
    result = solved(case)
    assert np.isfinite(result.c)
    assert ulps(result.c, reference(case)["c"]) < ROOT
    assert result.sensitivity == np.inf


sizes = st.floats(1e-8, 1.0)


@st.composite
def instances(draw):
    """Draw d, z and an epsilon between the unreachable energy and all of it."""
    n = draw(st.integers(1, 4))
    d = np.array([draw(sizes), *(draw(sizes | st.just(0.0)) for _ in range(n - 1))])
    z = np.array([draw(sizes), *(draw(st.floats(-1.0, 1.0)) for _ in range(n - 1))])
    fraction = draw(st.floats(1e-12, 1.0))
    epsilon = (np.sum(z[d == 0] ** 2) + fraction * np.sum(z[d > 0] ** 2)) / n
    try:
        found = solve(d, z, epsilon)
    except InvalidInputError:  # labels so close to the tolerance that c is beyond all floats
        reject()
    assume(np.isfinite(found.c) and found.r_minus_1 > 1e-150)
    return d.tolist(), z.tolist(), float(epsilon)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(instances(), st.integers(-400, 400), st.integers(-400, 400))
def test_powers_of_two_scale_exactly(instance, g_exponent, y_exponent):
    d, z, epsilon = instance
    scaled_z = np.ldexp(z, y_exponent)
    assume(np.all(np.ldexp(scaled_z, -y_exponent) == z))  # no label becomes subnormal
    result = solve(d, z, epsilon)
    scaled = solve(np.ldexp(d, g_exponent), scaled_z, np.ldexp(epsilon, 2 * y_exponent))
    assert scaled.c == np.ldexp(result.c, g_exponent)
    assert (scaled.r, scaled.r_minus_1) == (result.r, result.r_minus_1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(instances(), st.integers(1, 2**40))
def test_larger_tolerance_gives_no_smaller_multiplier(instance, steps):
    d, z, epsilon = instance
    larger = np.int64(np.float64(epsilon).view(np.int64) + steps).view(np.float64)
    result = solve(d, z, [epsilon, larger])
    assert result.c[0] <= result.c[1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(instances())
def test_neighbours_of_the_root_have_opposite_signs(instance):
    d, z, epsilon = instance
    c = float(solve(d, z, epsilon).c)

    def gap(c):
        pairs = zip(d, z, strict=True)
        terms = ((Fraction(c) * Fraction(b) / (Fraction(c) + Fraction(a))) ** 2 for a, b in pairs)
        return sum(terms) - len(z) * Fraction(epsilon)

    assert gap(math.nextafter(c, 0)) < 0 < gap(math.nextafter(c, math.inf))
