"""An instance is the same, whether it runs the recursion or takes a chain's rounds."""

import dataclasses
import functools
import math

import numpy as np
import pytest

from sdtheory import InvalidInputError, distill, trajectory
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


@pytest.mark.parametrize("rounds", [0, -1, 1.5])
def test_rounds_of_a_chain_are_a_positive_integer(rounds):
    with pytest.raises(InvalidInputError, match="rounds must be an integer of at least 1"):
        Instance.of_chain(distill_eigh(G, np.arange(1.0, 7.0), 0.05), rounds)


def test_rounds_that_a_chain_did_not_run_are_refused():
    y = np.arange(1.0, 7.0)
    with pytest.raises(InvalidInputError, match="rounds is 3, but the chain has 2 and its labels"):
        Instance.of_chain(distill_eigh(G, y, 0.05, 2), 3)
    # a chain that has collapsed has no more
    whole = distill_eigh(G, y, 0.05)
    assert Instance.of_chain(whole, len(whole.c) + 5).c.shape == (1, len(whole.c))


def test_what_is_not_one_ascending_chain_is_refused():
    with pytest.raises(InvalidInputError, match=r"is a Chain: trajectory needs the eigenvectors"):
        Instance.of_chain(distill(G, np.arange(1.0, 7.0), 0.05, 1, solver="krylov"))
    with pytest.raises(InvalidInputError, match="is a str: "):
        Instance.of_chain("chain")
    with pytest.raises(InvalidInputError, match="ascending eigenvalues"):
        Instance.of_chain(trajectory([2.0, 1.0], [1.0, 1.0], 0.1, 1))
    with pytest.raises(InvalidInputError, match="of one data set"):
        Instance.of_chain(trajectory([[1.0, 2.0]], [1.0, 1.0], 0.1, 1))


def test_an_instance_of_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInputError, match="do not fit together"):
        Instance.of([1.0, 2.0], [1.0, 2.0, 3.0], 0.1, 1)
    with pytest.raises(InvalidInputError, match="one batch"):
        Instance.of([[[1.0, 2.0]]], [1.0, 2.0], 0.1, 1)
    with pytest.raises(InvalidInputError, match="d must hold real numbers"):
        Instance.of(["1", "2"], [1.0, 2.0], 0.1, 1)
