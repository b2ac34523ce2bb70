"""An instance is the same, whether it runs the recursion or takes a chain's rounds."""

import dataclasses
import functools
import math

import numpy as np
import pytest

from sdtheory import distill
from sdtheory.statements import STATEMENTS, Instance

distill_eigh = functools.partial(distill, solver="eigh", tolerance=math.inf)
RNG = np.random.default_rng(3)
G = np.diag(RNG.uniform(0.1, 1.0, 6))


@pytest.mark.parametrize("y", [RNG.standard_normal(6), RNG.standard_normal((6, 2))])
def test_a_chain_gives_the_instance_that_its_data_give(y):
    chain = distill_eigh(G, y, 0.05)
    taken = Instance.of_chain(chain)
    path = chain.trajectory
    run = Instance.of(path.d, path.z[0], path.epsilon, len(path.c), outputs=y.ndim == 2)
    for field in dataclasses.fields(path):
        a, b = (getattr(i.path, field.name) for i in (taken, run))
        if field.name == "shares":
            assert a is b is None
        else:
            np.testing.assert_allclose(a, b, rtol=1e-13)
    for statement in STATEMENTS.values():
        with np.errstate(all="ignore"):
            for ours, theirs in zip(statement.cases(taken), statement.cases(run), strict=True):
                np.testing.assert_array_equal(ours.applies, theirs.applies)


def test_rounds_may_be_fewer():
    chain = distill_eigh(G, np.arange(1.0, 7.0), 0.05)
    assert chain.n_rounds > 2
    short = Instance.of_chain(chain, rounds=2)
    assert short.c.shape == (1, 2)
    assert short.r.shape == (1, 3)
    assert short.path.z.shape == (1, 3, 6, 1)
