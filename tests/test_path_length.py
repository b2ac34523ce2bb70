"""The path's length in floats against enclosures by rigorous integration."""

import numpy as np
import pytest
from flint import arb, ctx

from sdtheory.evidence.lengths import enclose_length
from sdtheory.path_length import path_length

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
