"""The path's length in floats against enclosures by rigorous integration."""

import numpy as np
import pytest
from flint import arb, ctx

from sdtheory.evidence.lengths import enclose_length
from sdtheory.formulas.path_length import lost_rounds, lost_rounds_between, path_length
from sdtheory.validation import InvalidInputError

#: Eigenvalues and energies: equal, close, spread, many, and with a direction that is not used.
CASES = {
    "one direction": ([2.0], [9.0]),
    "equal eigenvalues": ([2.0, 2.0], [9.0, 16.0]),
    "near": ([1.0, 1.0 + 2.0**-20], [1.0, 1.0]),
    "moderate": ([1.0, 2.0, 5.0], [4.0, 1.0, 9.0]),
    "separated": ([1.0, 1e3, 1e6], [1.0, 1.0, 1.0]),
    "many": (list(np.linspace(0.1, 3.0, 20)), list(np.linspace(1.0, 0.1, 20))),
    "kernel without energy": ([0.0, 1.0, 3.0], [0.0, 1.0, 2.0]),
}


def enclosed(d, energy):
    with ctx.workprec(192):
        return enclose_length([arb(v) for v in d], [arb(v) for v in energy])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_floats_agree_with_the_enclosure(case):
    reference = enclosed(*case)
    assert float(reference.rad()) < 1e-15 * float(reference.mid())
    assert float(path_length(*case)) == pytest.approx(float(reference.mid()), rel=2e-13)
    # a changed energy is told apart
    d, energy = case
    assert float(path_length(d, [*energy[:-1], 1.001 * energy[-1]])) != pytest.approx(
        float(reference.mid()), rel=1e-6
    )


def test_energy_in_the_kernel_has_no_length():
    assert np.isinf(path_length([0.0, 1.0], [1.0, 1.0]))
    assert not enclosed([0.0, 1.0], [1.0, 1.0]).is_finite()


def test_no_energy_has_length_zero():
    assert path_length([1.0, 2.0], [0.0, 0.0]) == 0.0


def lost_by_double_sum(d, energy):
    """S as a double integral over the two times, by the midpoint rule on a logarithmic scale."""
    h, weight = 1 / np.asarray(d), np.asarray(energy) / np.asarray(d) ** 2
    time = np.exp(np.arange(-14, 5, 0.004))
    squares = weight * np.exp(-2 * np.outer(time, h))
    speed = np.sqrt(squares.sum(axis=1))
    mean = squares @ h / speed**2
    spread = squares @ h**2 / speed**2 - mean**2
    delays = np.cumsum(time / speed) - time / speed / 2
    return 0.004**2 / 2 * np.sum(time * spread * speed * delays)


def test_lost_rounds_agree_with_the_double_integral():
    case = [1.0, 2.0, 5.0], [4.0, 1.0, 9.0]
    assert lost_rounds(*case) == pytest.approx(lost_by_double_sum(*case), rel=1e-5)
    assert lost_rounds([1.0, 2.0, 6.0], case[1]) != pytest.approx(
        lost_by_double_sum(*case), rel=1e-2
    )


def test_two_scales_far_apart_lose_half_a_log_of_two():
    assert lost_rounds([1e-12, 1.0], [1e-10, 1.0]) == pytest.approx(np.log(2) / 2, rel=1e-6)


def test_a_straight_path_loses_nothing():
    assert lost_rounds([1.0, 2.0, 2.0], [0.0, 1.0, 3.0]) == 0.0


def test_lost_rounds_refuse_energy_in_the_kernel():
    with pytest.raises(InvalidInputError, match="not positive"):
        lost_rounds([0.0, 1.0], [1.0, 1.0])


@pytest.mark.parametrize("function", [path_length, lost_rounds])
@pytest.mark.parametrize(
    ("d", "energy", "message"),
    [
        ([0.1, 1.0], [1.0, -1.0], "energy must not be negative, but holds -1"),
        ([-0.1, 1.0], [1.0, 1.0], "d must not be negative, but holds -0.1"),
        ([0.1, np.nan], [1.0, 1.0], "d holds 1 NaN"),
        ([0.1, 1.0], [1.0, np.inf], "energy holds 1 NaN or infinite"),
        ([0.1, 1.0], [1.0, 1.0, 1.0], "do not fit together"),
        (["a", "b"], [1.0, 1.0], "d must hold real numbers"),
    ],
)
def test_no_spectrum_is_refused(function, d, energy, message):
    with pytest.raises(InvalidInputError, match=message):
        function(d, energy)


@pytest.mark.parametrize(
    ("d", "message"), [([[0.1, 1.0]] * 2, "one spectrum"), ([1e-200, 1.0], "too many decades")]
)
def test_what_the_lost_rounds_cannot_be_computed_of_is_refused(d, message):
    with pytest.raises(InvalidInputError, match=message):
        lost_rounds(d, [1.0, 1.0])
    assert lost_rounds([1e-140, 1.0], [1.0, 1.0]) == pytest.approx(np.log(2) / 2, abs=1e-8)


def test_the_bend_lies_between_its_bounds():
    rng = np.random.default_rng(5)
    for n in (2, 3, 6):
        d = np.sort(rng.uniform(0.02, 1.0, n))
        energy = rng.uniform(0.1, 1.0, n)
        low, high = lost_rounds_between(d, energy)
        assert low <= lost_rounds(d, energy) <= high
        assert high < 1.2 * low + 1e-3
