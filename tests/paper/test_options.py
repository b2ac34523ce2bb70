"""Given multipliers, labels kept in the loop, and fresh labels: chains run round by round."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge

from sdtheory import (
    BrownianBridge,
    InfeasibleToleranceError,
    InvalidInputError,
    Spectrum,
    distill,
    gram,
)
from sdtheory.evidence import check
from sdtheory.formulas.mixing import kept_labels
from sdtheory.recursion import gcv_mixing, trajectory
from sdtheory.solvers.chain import Outcome

RNG = np.random.default_rng(3)
X = np.sort(RNG.random(12))
Y = np.sin(6 * X) + 0.3 * RNG.standard_normal(12)
TWO = np.column_stack([Y, RNG.standard_normal(12)])
G = gram(RBF(0.2), X)
D, Z = np.array([0.1, 1.0]), np.ones(2)


@pytest.mark.parametrize("y", [Y, TWO])
@pytest.mark.parametrize("mixing", [0.25, [0.6, 0.0, 0.9]])
def test_kept_labels_are_fitted_round_by_round(y, mixing):
    chain = distill(G, y, 0.04, 4, mixing=mixing)
    shares = np.broadcast_to(mixing, 3)
    labels = y
    for t, share in enumerate([*shares, shares[-1]]):
        one = distill(G, labels, 0.04, 1)
        assert chain.c[t] == pytest.approx(one.c[0], rel=1e-9)
        assert chain.dual(t) == pytest.approx(one.dual(0), rel=1e-6, abs=1e-6)
        # the filter acts on the data
        filtered = chain.spectrum.from_eigenbasis((chain.B[t] * chain.z[0].T).T)
        assert filtered == pytest.approx(one.y[1], abs=1e-9)
        labels = share * y + (1 - share) * one.y[1]
        assert chain.y[t + 1] == pytest.approx(labels, abs=1e-9)
        assert chain.mixing[t] == share
    assert not np.allclose(chain.c[:2], distill(G, y, 0.04, 2).c, rtol=1e-3)


def test_no_share_is_the_plain_chain():
    plain, zero = distill(G, Y, 0.04), distill(G, Y, 0.04, mixing=[0, 0])
    assert plain.n_rounds == zero.n_rounds
    assert plain.mixing is zero.mixing is None


def test_with_a_given_multiplier_the_filter_is_the_closed_form():
    path = trajectory(D, Z, None, 6, c=1.0, mixing=0.25)
    closed = [kept_labels(D, 1.0, 0.25, t) for t in range(1, 7)]
    # round 0 is fitted to the labels, as after one round of the loop from the labels
    assert pytest.approx(np.array(closed), rel=1e-14) == path.B
    plain = trajectory(D, Z, None, 3, c=[1.0, 2.0, 3.0])
    assert plain.B[-1] == pytest.approx(D**3 / ((1 + D) * (2 + D) * (3 + D)), rel=1e-14)
    assert np.isnan(plain.epsilon)


def test_given_multipliers_are_chained_ridge_regressions():
    c, labels = np.array([0.01, 0.1, 0.02]), TWO
    chain = distill(G, TWO, c=c, mixing=[0.5, 0.2])
    for t, share in enumerate((0.5, 0.2, 0.2)):
        ridge = KernelRidge(alpha=c[t], kernel="precomputed").fit(G, labels)
        assert chain.predict(G, t) == pytest.approx(ridge.predict(G), abs=1e-10)
        labels = share * TWO + (1 - share) * ridge.predict(G)
    assert chain.outcome is Outcome.COMPLETED
    assert not np.any(chain.c_error)
    assert "given multipliers" in str(chain)


@pytest.mark.parametrize("y", [Y, TWO])
def test_optimal_shares_minimise_generalised_cross_validation(y):
    chain = distill(G, y, c=0.02, rounds=4, mixing="optimal")
    z, s = chain.z[0].reshape(12, -1), chain.spectrum.d / (0.02 + chain.spectrum.d)
    fed = np.ones(12)
    for t in range(3):
        student = s * chain.B[t]

        def criterion(xi, student=student):
            parts = [(1 - f)[:, None] * z / (1 - f.mean()) for f in (s, student)]
            return np.sum(((1 - xi) * parts[0] + xi * parts[1]) ** 2)

        best = minimize_scalar(criterion, (-1, 1)).x
        assert 1 - chain.mixing[t] == pytest.approx(best, rel=1e-4, abs=1e-4)
        fed = chain.mixing[t] + (1 - chain.mixing[t]) * chain.B[t]
        assert chain.B[t + 1] == pytest.approx(s * fed, rel=1e-12)


def test_where_no_share_is_better_the_student_gets_none():
    assert gcv_mixing(np.ones(3), np.full(3, 0.5), np.full(3, 0.25)) == 0
    assert gcv_mixing(np.ones(3), np.array([0.5, 0.4, 0.3]), np.array([0.25, 0.2, 0.1])) != 0


def test_fresh_labels_are_mixed_in_round_by_round():
    new = Y + RNG.standard_normal((3, 12))
    chain = distill(G, Y, 0.04, 4, mixing=0.5, fresh=new)
    labels = Y
    for t in range(4):
        assert chain.y[t] == pytest.approx(labels, abs=1e-9)
        if t < 3:
            labels = 0.5 * new[t] + 0.5 * distill(G, labels, 0.04, 1).y[1]
    assert not np.allclose(chain.y[1], distill(G, Y, 0.04, 4, mixing=0.5).y[1], rtol=1e-3)


def test_kept_labels_bring_a_fit_of_zero_back():
    # the first fit is far below the tolerance, half of the labels is above it
    d, z = np.array([1.0, 1.0]), np.array([2.1, 0.0])
    path = trajectory(d, z, 2.0, 4, mixing=[0.0, 0.99, 0.99])
    assert np.isfinite(path.c).tolist() == [True, False, True, True]
    assert path.n_rounds == 3
    chain = distill(np.diag(d), z, 2.0, 4, mixing=[0.0, 0.99, 0.99])
    assert chain.n_rounds == 1
    assert chain.outcome is Outcome.COLLAPSED
    assert not np.any(chain.predict(np.eye(2), 1))
    with pytest.raises(InvalidInputError, match="may bring later fits back"):
        chain.predict(np.eye(2), 2)


@pytest.mark.parametrize("mixing", [0.1, 0.9])
def test_errors_of_multipliers_cover_the_rounding_of_the_matrix(mixing):
    shares, unsaid = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = np.sort(rng.uniform(0.05, 0.95, 15))
        y = np.sin(6 * x) + 0.3 * rng.standard_normal(15)
        exact = gram(BrownianBridge(), x)
        known, rounded = (
            distill(matrix, y, 0.02, 5, mixing=mixing, tolerance=np.inf)
            for matrix in (exact, exact.astype(np.float32))
        )
        off = np.abs(rounded.c / known.c - 1)
        shares += (off / rounded.c_error).tolist()
        unsaid += (off / known.c_error).tolist()
    assert max(shares) <= 1
    assert max(shares) > 1e-3  # so that a claim a thousand times smaller would be seen
    # the control: the errors of the matrix in double precision do not cover it
    assert max(unsaid) > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mixing": "best"}, '"optimal", but is'),
        ({"mixing": "optimal"}, "Pass c instead of epsilon"),
        ({"mixing": 1.5}, "from 0 to 1"),
        ({"mixing": [0.1, 0.2]}, "2 number"),
        ({"mixing": np.nan}, "mixing holds"),
        ({"c": 0.1}, "Pass exactly one of them"),
        ({"epsilon": None}, "epsilon is missing"),
        ({"epsilon": None, "mixing": 0.5}, "Pass exactly one of them"),
        ({"epsilon": None, "c": -0.1}, "c must hold positive"),
        ({"epsilon": None, "c": [0.1, 0.2]}, "c has 2"),
        ({"rounds": None, "mixing": 0.5}, "rounds is missing"),
        ({"solver": "krylov", "mixing": 0.5}, "does not work with c or mixing"),
        ({"fresh": np.ones((3, 12))}, "fresh is given, but mixing"),
        ({"fresh": np.ones((2, 12)), "mixing": 0.5}, "3 sets of labels"),
        ({"epsilon": None, "c": 0.1, "mixing": -1e200}, "overflow"),
    ],
)
def test_unusable_options_are_refused(options, words):
    with pytest.raises(InvalidInputError, match=words):
        distill(G, Y, **({"epsilon": 0.04, "rounds": 4} | options))


def test_a_tolerance_below_what_the_first_round_can_meet_is_infeasible():
    with pytest.raises(InfeasibleToleranceError):
        trajectory([0.0, 1.0], [1.0, 1.0], 0.1, 3, mixing=0.5)


def test_statements_are_about_the_plain_chain():
    spectrum = Spectrum.from_gram(G)
    for options in ({"epsilon": 0.04, "mixing": 0.5}, {"c": 0.1}):
        with pytest.raises(InvalidInputError, match="the chain of one tolerance"):
            check(distill(spectrum, Y, rounds=3, **options))
