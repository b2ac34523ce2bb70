"""The recursion against slow independent references, and its ends.

References: 60-digit linear algebra that never diagonalises G, and chained
scikit-learn fits at the multipliers found.
"""

import functools
import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.kernel_ridge import KernelRidge

from sdtheory.datasets import load_example
from sdtheory.kernels import PeriodicSobolev, SimplySupportedBeam, gram
from sdtheory.recursion import trajectory
from sdtheory.solvers import distill
from sdtheory.solvers.chain import Outcome
from sdtheory.spectrum import Spectrum
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

ULP = np.finfo(float).eps
RNG = np.random.default_rng(11)
X = np.sort(RNG.random(8))
Y = np.sin(6 * X) + 0.3 * RNG.standard_normal(8)


distill_eigh = functools.partial(distill, solver="eigh", tolerance=math.inf)


@pytest.fixture
def example():
    data = load_example()
    return gram(SimplySupportedBeam(), data.x), data


def reference(G, y, epsilon, rounds):
    """Return multipliers, labels and duals by bisection on c and linear solves in 60 digits."""
    n, q = len(G), np.ndim(y) == 2
    with mpmath.workdps(60):
        matrix, identity = mpmath.matrix(np.asarray(G).tolist()), mpmath.eye(n)
        labels = mpmath.matrix(np.reshape(y, (n, -1)).tolist())
        rho2 = n * mpmath.mpf(epsilon)
        multipliers, rows, duals = [], [labels], []
        for _ in range(rounds):
            energy = mpmath.fsum(v**2 for v in labels)
            if energy <= rho2:
                break

            def fit(c, labels=labels):
                alpha = mpmath.matrix(n, labels.cols)
                for j in range(labels.cols):
                    alpha[:, j] = mpmath.lu_solve(c * identity + matrix, labels[:, j])
                return alpha, mpmath.fsum((c * v) ** 2 for v in alpha)

            low, high = mpmath.mpf(2) ** -60, mpmath.mpf(2) ** 60
            while high / low - 1 > mpmath.mpf(10) ** -25:
                middle = mpmath.sqrt(low * high)
                low, high = (middle, high) if fit(middle)[1] < rho2 else (low, middle)
            alpha, _ = fit(high)
            labels = matrix * alpha
            multipliers.append(high)
            duals.append(alpha)
            rows.append(labels)

        def floats(matrices):
            values = [[[float(m[i, j]) for j in range(m.cols)] for i in range(n)] for m in matrices]
            return np.array(values) if q else np.array(values)[..., 0]

        return np.array([float(c) for c in multipliers]), floats(rows), floats(duals)


def conditioned(chain):
    """Return the tolerance for a comparison: rounding times what each round's root loses."""
    loss = np.cumprod(1 + chain.trajectory.sensitivity)[-1] * chain.r[0]
    return 100 * chain.spectrum.n * ULP * loss


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kernel", [PeriodicSobolev(2.0), Matern(0.5, nu=0.5)])
def test_multipliers_labels_and_predictions_agree_with_60_digits(kernel, outputs):
    y = Y[:5] if outputs == 1 else np.stack([Y[:5], X[:5], np.ones(5)], axis=1)
    x, x_new = X[:5], np.array([0.05, 0.5, 0.93])
    G, epsilon = gram(kernel, x), 0.01 * float(np.sum(y**2)) / 5
    chain = distill_eigh(G, y, epsilon, rounds=3)
    c, rows, duals = reference(G, y, epsilon, rounds=3)
    bound = conditioned(chain)
    assert bound < 1e-9
    assert chain.c == pytest.approx(c, rel=bound)
    assert np.max(np.abs(chain.y - rows)) <= bound * np.max(np.abs(y))
    for t in range(3):
        expected = gram(kernel, x, x_new) @ duals[t]
        found = chain.predict(gram(kernel, x, x_new), t)
        assert found.shape == expected.shape
        assert np.max(np.abs(found - expected)) <= bound * np.max(np.abs(y)) * chain.spectrum.kappa
    # one round further is another function
    assert not np.allclose(chain.y[:3], rows[1:], rtol=1e-6)


def test_the_singular_example_agrees_with_60_digits(example):
    """Rank 9 of 11: the reference knows nothing of a rank."""
    G, data = example
    chain = distill_eigh(G, data.y, data.epsilon, rounds=3)
    c, rows, duals = reference(G, data.y, data.epsilon, rounds=3)
    bound = conditioned(chain)
    assert bound < 1e-8
    assert chain.c == pytest.approx(c, rel=bound)
    assert np.max(np.abs(chain.y - rows)) <= bound
    rows_new = gram(SimplySupportedBeam(), data.x, [0.03, 0.55, 0.99])
    for t in range(3):
        assert np.max(np.abs(chain.predict(rows_new, t) - rows_new @ duals[t])) <= 1e-7


@pytest.mark.parametrize("kernel", [RBF(0.2), Matern(0.3, nu=1.5), PeriodicSobolev()])
def test_chained_kernel_ridge_of_scikit_learn_is_the_same_fit(kernel):
    """KernelRidge solves (K + alpha I); with K = n G that is alpha = n c."""
    n, labels, x_new = len(X), np.stack([Y, np.cos(X)], axis=1), np.linspace(0, 1, 7)
    chain = distill_eigh(gram(kernel, X), labels, 0.05, rounds=3)
    assert chain.n_rounds == 3
    for t, c in enumerate(chain.c):
        ridge = KernelRidge(kernel="precomputed", alpha=n * c)
        ridge.fit(n * gram(kernel, X), labels)
        expected = ridge.predict(n * gram(kernel, X, x_new))
        # a solve with c I + G loses 1 + d_max / c
        bound = 1000 * n * ULP * (1 + chain.spectrum.d[-1] / c) * np.max(np.abs(labels))
        assert np.max(np.abs(chain.predict(gram(kernel, X, x_new), t) - expected)) <= bound
        labels = ridge.predict(n * gram(kernel, X))
        assert np.max(np.abs(chain.y[t + 1] - labels)) <= bound
        assert np.mean(np.sum((chain.y[t + 1] - chain.y[t]) ** 2, axis=1)) == pytest.approx(0.05)
        without_n = KernelRidge(kernel="precomputed", alpha=c).fit(n * gram(kernel, X), chain.y[t])
        assert np.max(np.abs(without_n.predict(n * gram(kernel, X)) - labels)) > bound


@pytest.mark.parametrize("x", [X, np.append(X, X[:3])], ids=["distinct", "repeated"])
def test_predictions_at_training_inputs_are_the_next_labels(x):
    y = np.random.default_rng(2).standard_normal(len(x))
    chain = distill_eigh(gram(RBF(0.1), x), y, 0.4)
    assert chain.n_rounds >= 1
    for t in range(chain.n_rounds):
        fitted = chain.predict(gram(RBF(0.1), x, x), t)
        # zeroed eigenvalues are below n ulps of d_max; c divides them
        bound = 100 * len(x) * ULP * (1 + chain.spectrum.d[-1] / chain.c[t]) * np.linalg.norm(y)
        assert np.max(np.abs(fitted - chain.y[t + 1])) <= bound


def test_the_attributes_are_those_of_the_definitions(example):
    G, data = example
    chain = distill_eigh(G, data.y, data.epsilon)
    d, V = chain.spectrum.d, chain.spectrum.V
    n = len(data.y)
    for t, c in enumerate(chain.c):
        assert np.allclose(chain.A[t], d / (c + d), rtol=4 * ULP, atol=0)
        assert np.allclose(chain.B[t], np.prod(chain.A[: t + 1], axis=0), rtol=100 * ULP, atol=0)
        assert np.allclose(chain.z[t], V @ chain.y[t], rtol=0, atol=100 * n * ULP)
        assert np.linalg.norm(chain.y[t + 1] - chain.y[t]) == pytest.approx(
            np.sqrt(n * data.epsilon), rel=100 * n * ULP
        )
    assert np.array_equal(chain.y[0], data.y)
    assert chain.r == pytest.approx(
        np.linalg.norm(chain.y, axis=1) / np.sqrt(n * data.epsilon), rel=100 * n * ULP
    )
    assert np.max(np.abs(chain.trajectory.r_minus_1 - (chain.r - 1))) <= 10 * ULP * chain.r[0]
    assert len(chain.y) == len(chain.z) == len(chain.r) == chain.n_rounds + 1
    assert chain.epsilon == data.epsilon
    assert chain.outcome is Outcome.COLLAPSED
    assert chain.r[-1] <= 1 < chain.r[-2]
    assert chain.n_rounds_range == (chain.n_rounds, chain.n_rounds)


def test_the_kernel_of_G_is_left_after_the_first_round(example):
    G, data = example
    chain = distill_eigh(G, data.y, data.epsilon)
    null = chain.spectrum.d == 0
    assert np.sum(null) == 2
    assert np.all(chain.A[:, null] == 0)
    assert np.all(chain.B[:, null] == 0)
    assert np.all(chain.z[1:, null] == 0)
    assert np.any(chain.z[0, null] != 0)
    # f vanishes at both ends, so their labels are what no fit reaches
    assert chain.unreachable == pytest.approx(
        (data.y[0] ** 2 + data.y[-1] ** 2) / 11, rel=100 * ULP
    )
    assert np.max(np.abs(chain.y[1:, [0, -1]])) <= 100 * ULP


# --- repeated inputs, infeasible tolerances -----------------------------------------------------


def test_repeated_inputs_with_conflicting_labels_are_fitted_together():
    """The fit equals that of the averages under the tolerance that the conflict leaves."""
    x, y, epsilon = [0.2, 0.2, 0.6, 0.6], np.array([1.0, 2.0, -1.0, -2.0]), 0.5
    chain = distill_eigh(gram(RBF(0.3), x), y, epsilon, rounds=2)
    assert chain.spectrum.rank == 2
    assert chain.unreachable == pytest.approx(0.25, rel=100 * ULP)
    for t in (1, 2):
        assert np.allclose(chain.y[t][[0, 2]], chain.y[t][[1, 3]], rtol=0, atol=100 * ULP)
    # with n doubled, each average counts twice: the same mean, and the same c
    averages = distill_eigh(gram(RBF(0.3), x[::2]), [1.5, -1.5], epsilon - 0.25, rounds=1)
    assert chain.c[0] == pytest.approx(averages.c[0], rel=100 * ULP)
    assert chain.y[1][::2] == pytest.approx(averages.y[1], rel=100 * ULP)


def test_an_infeasible_tolerance_says_the_smallest_feasible_one(example):
    G, data = example
    with pytest.raises(InfeasibleToleranceError, match="Choose epsilon above") as caught:
        distill_eigh(G, data.y, 1e-4)
    smallest = caught.value.smallest_feasible
    assert smallest == pytest.approx((data.y[0] ** 2 + data.y[-1] ** 2) / 11, rel=100 * ULP)
    assert f"{smallest:.6g}" in str(caught.value)
    assert distill_eigh(G, data.y, smallest * (1 + 1e-9), rounds=1).n_rounds == 1
    with pytest.raises(InfeasibleToleranceError):
        distill_eigh(G, data.y, smallest * (1 - 1e-9))
    assert caught.value.epsilon == 1e-4


def test_outputs_share_what_is_infeasible():
    with pytest.raises(InfeasibleToleranceError) as caught:
        distill_eigh(np.diag([0.0, 1.0]), [[3.0, 4.0], [1.0, 1.0]], 1.0)
    assert caught.value.smallest_feasible == 25 / 2


def test_a_batch_reports_its_first_infeasible_instance():
    with pytest.raises(InfeasibleToleranceError) as caught:
        trajectory([0.0, 1.0], [[1.0, 9.0], [4.0, 9.0]], [2.0, 3.0], 1)
    assert (caught.value.epsilon, caught.value.smallest_feasible) == (3.0, 8.0)


def test_the_error_survives_a_process_border():
    error = pickle.loads(pickle.dumps(InfeasibleToleranceError(0.1, 0.25)))
    assert (error.epsilon, error.smallest_feasible) == (0.1, 0.25)
    assert str(error) == str(InfeasibleToleranceError(0.1, 0.25))


def test_a_gram_matrix_of_zeros_reaches_nothing():
    with pytest.raises(InfeasibleToleranceError) as caught:
        distill_eigh(np.zeros((2, 2)), [1.0, 3.0], 0.1)
    assert caught.value.smallest_feasible == 5
    assert distill_eigh(np.zeros((2, 2)), [1.0, 3.0], 6.0).outcome is Outcome.TRIVIAL


# --- how a chain ends ---------------------------------------------------------------------------


@pytest.mark.parametrize(("y", "epsilon"), [([1.0, 2.0], 3.0), ([0.0, 0.0], 1e-300)])
def test_labels_within_the_tolerance_of_zero_give_the_zero_function(y, epsilon):
    chain = distill_eigh(np.eye(2), y, epsilon)
    assert chain.outcome is Outcome.TRIVIAL
    assert chain.collapsed
    assert (chain.n_rounds, chain.n_rounds_range) == (0, (0, 0))
    assert np.array_equal(chain.predict([[1.0, 2.0]], 5), [0.0])
    assert "0 non-trivial rounds, trivial" in str(chain)


def test_a_chain_that_was_cut_off_says_so(example):
    G, data = example
    chain = distill_eigh(G, data.y, data.epsilon, rounds=2)
    assert chain.outcome is Outcome.COMPLETED
    assert not chain.collapsed
    assert chain.n_rounds == 2
    assert "2 non-trivial rounds, completed" in str(chain)
    with pytest.raises(InvalidInputError, match="Call distill with rounds=3 or more"):
        chain.dual(2)
    whole = distill_eigh(G, data.y, data.epsilon)
    assert np.array_equal(whole.c[:2], chain.c)
    assert np.array_equal(whole.dual(whole.n_rounds), np.zeros(11))
    assert np.array_equal(distill_eigh(G, data.y, data.epsilon, rounds=500).c, whole.c)


@pytest.mark.parametrize(
    ("y", "epsilon", "count"),
    [
        ([1.0, 1.0], 1.0, (0, 1)),  # r_0 = 1 exactly
        ([2.0, 2.0, 1.0], 1 / 3, (2, 3)),  # |y_t| = 3, 2, 1 and rho = 1
        ([1.0, 2.0], 0.1, (4, 5)),  # r_0 = 5
    ],
)
def test_a_collapse_within_rounding_is_reported_as_such(y, epsilon, count):
    """With kappa = 1 every round shortens the labels by rho exactly."""
    chain = distill_eigh(np.eye(len(y)), y, epsilon)
    assert chain.outcome is Outcome.NEAR_COLLAPSE
    assert chain.n_rounds_range == count
    assert f"{count[0]} to {count[1]} non-trivial rounds, within rounding" in str(chain)
    for factor, number in ((1 + 1e-12, count[0]), (1 - 1e-12, count[1])):
        beside = distill_eigh(np.eye(len(y)), y, epsilon * factor)
        assert beside.outcome in (Outcome.COLLAPSED, Outcome.TRIVIAL)
        assert beside.n_rounds_range == (number, number)


def test_the_edge_between_two_counts_of_rounds_is_reported(example):
    """Bisect on epsilon to the floats between which the number of rounds changes."""
    G, data = example
    spectrum = Spectrum.from_gram(G)
    low, high = data.epsilon, 2 * data.epsilon
    few = distill_eigh(spectrum, data.y, high).n_rounds
    while np.nextafter(low, high) < high:
        middle = (low + high) / 2
        many = distill_eigh(spectrum, data.y, middle).n_rounds > few
        low, high = (middle, high) if many else (low, middle)
    for edge in (low, high):
        chain = distill_eigh(spectrum, data.y, edge)
        assert chain.outcome is Outcome.NEAR_COLLAPSE
        assert chain.n_rounds_range == (few, few + 1)
    for away, count in ((low * (1 - 1e-9), few + 1), (high * (1 + 1e-9), few)):
        assert distill_eigh(spectrum, data.y, away).n_rounds_range == (count, count)


def test_one_point_is_arithmetic():
    """With n = 1 the labels fall by sqrt(epsilon) a round: 5, 4, 3, 2 and so on."""
    chain = distill_eigh([[3.0]], [5.0], 1.0, rounds=3)
    assert chain.y == pytest.approx(np.array([[5.0], [4.0], [3.0], [2.0]]), rel=10 * ULP)
    assert chain.c == pytest.approx([3 / 4, 3 / 3, 3 / 2], rel=10 * ULP)
    assert distill_eigh([[3.0]], [5.5], 1.0).n_rounds == 5


# --- scales --------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-500, 500])
def test_labels_and_tolerance_scale_together(example, exponent):
    G, data = example
    chain = distill_eigh(G, data.y, data.epsilon)
    scaled = distill_eigh(G, np.ldexp(data.y, exponent), np.ldexp(data.epsilon, 2 * exponent))
    for name in ("c", "A", "r"):
        assert np.array_equal(getattr(scaled, name), getattr(chain, name))
    assert np.array_equal(scaled.y, np.ldexp(chain.y, exponent))
    assert scaled.outcome is chain.outcome
    assert scaled.n_rounds_range == chain.n_rounds_range


@pytest.mark.parametrize("exponent", [-900, 900])
def test_multipliers_scale_with_the_gram_matrix(example, exponent):
    G, data = example
    chain, scaled = (distill_eigh(g, data.y, data.epsilon) for g in (G, np.ldexp(G, exponent)))
    assert np.array_equal(scaled.c, np.ldexp(chain.c, exponent))
    assert np.array_equal(scaled.y, chain.y)
    assert scaled.n_rounds_range == chain.n_rounds_range


@pytest.mark.parametrize("size", [1e-150, 1e-160, 1e150])
def test_powers_of_ten_need_no_rescaling(size):
    G = gram(PeriodicSobolev(), X)
    chain, scaled = (
        distill_eigh(G, Y, 0.05),
        distill_eigh(G, size * Y, max(0.05 * size * size, 5e-324)),
    )
    if size != 1e-160:  # there epsilon is the smallest float and has no digits
        assert scaled.c == pytest.approx(chain.c, rel=conditioned(chain))
    assert np.isfinite(scaled.y).all()
    assert scaled.n_rounds >= 1


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 5),
    q=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(-400, 400),
    level=st.floats(0.01, 2),
)
def test_any_chain_is_finite_and_keeps_the_constraint(n, q, seed, size, level):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, rng.integers(1, n + 1)))
    y = np.ldexp(rng.standard_normal((n, q)), size)
    epsilon = level * float(np.sum(y**2)) / n
    try:
        chain = distill_eigh(factor @ factor.T, y, epsilon, rounds=5)
    except InfeasibleToleranceError as error:
        chain = distill_eigh(factor @ factor.T, y, error.smallest_feasible * (1 + 1e-9), rounds=5)
        epsilon = chain.epsilon
        level = n * epsilon / float(np.sum(y**2))
    assert np.isfinite(chain.y).all()
    # at level 1 the last digit of epsilon decides
    assume(abs(level - 1) > 1e-12)
    assert (level >= 1) == (chain.n_rounds == 0)
    moved = np.sqrt(np.sum(np.diff(chain.y / np.ldexp(1.0, size), axis=0) ** 2, axis=(1, 2)))
    rho = np.sqrt(n * epsilon) / np.ldexp(1.0, size)
    assert moved == pytest.approx(np.full(chain.n_rounds, rho), rel=1e-10)


# --- outputs and batches --------------------------------------------------------------------------


def test_outputs_share_one_multiplier_and_may_be_rotated():
    G, both = gram(RBF(0.2), X), np.stack([Y, Y[::-1]], axis=1)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    chain, turned = distill_eigh(G, both, 0.1), distill_eigh(G, both @ turn, 0.1)
    assert turned.c == pytest.approx(chain.c, rel=conditioned(chain))
    assert np.max(np.abs(turned.y - chain.y @ turn)) <= conditioned(chain)
    alone = distill_eigh(G, Y, 0.1, rounds=1)
    assert alone.c[0] != pytest.approx(chain.c[0], rel=1e-3)
    # outputs of zeros change nothing
    padded = distill_eigh(G, np.stack([Y, 0 * Y], axis=1), 0.1)
    single = distill_eigh(G, Y, 0.1)
    assert padded.c == pytest.approx(single.c, rel=conditioned(single))
    assert padded.dual(0).shape == (8, 2)


def test_a_single_column_is_the_vector_with_its_shape():
    G = gram(RBF(0.2), X)
    column, vector = distill_eigh(G, Y[:, None], 0.1), distill_eigh(G, Y, 0.1)
    assert np.array_equal(column.c, vector.c)
    assert column.y.shape == (*vector.y.shape, 1)
    assert column.predict(G, 0).shape == (8, 1)


def test_a_batch_is_its_instances_one_by_one():
    spectrum = Spectrum.from_gram(gram(RBF(0.2), X))
    z, tolerances = spectrum.to_eigenbasis(Y), np.array([0.03, 0.1, 0.3, 9.0])
    path = trajectory(spectrum.d, z, tolerances, 40)
    counts = []
    for i, epsilon in enumerate(tolerances):
        chain = distill_eigh(spectrum, Y, epsilon, rounds=40)
        counts.append(chain.n_rounds)
        assert path.c[i, : chain.n_rounds] == pytest.approx(chain.c, rel=conditioned_or_one(chain))
        assert np.all(np.isinf(path.c[i, chain.n_rounds :]))
        assert np.all(path.A[i, chain.n_rounds :] == 0)
        assert np.all(path.z[i, chain.n_rounds + 1 :] == 0)
    assert list(path.n_rounds) == counts
    assert counts[-1] == 0 < counts[0]


def conditioned_or_one(chain):
    return conditioned(chain) if chain.n_rounds else 1.0


def test_a_spectrum_gives_what_its_matrix_gives(example):
    G, data = example
    ours, theirs = (distill_eigh(g, data.y, data.epsilon) for g in (G, Spectrum.from_gram(G)))
    assert np.array_equal(ours.y, theirs.y)


def test_arguments_are_left_alone(example):
    G, data = example
    before = G.copy(), data.y.copy()
    chain = distill_eigh(G, data.y, data.epsilon)
    chain.y[:] = 0
    assert np.array_equal(G, before[0])
    assert np.array_equal(data.y, before[1])


def test_without_a_number_of_rounds_the_chain_runs_to_its_collapse():
    """Widely separated scales outlive r_0 + 1 rounds by far."""
    chain = distill_eigh(np.diag(10.0 ** np.arange(0, 12, 3)), np.ones(4), 1e-4)
    assert chain.outcome is Outcome.COLLAPSED
    assert chain.n_rounds > chain.r[0] + 1
