"""The band form against the matrix itself, and its chain against the dense solver and 50 digits."""

import functools
import math

import numpy as np
import pytest
from long_precision import beam, bridge, chain
from numpy.testing import assert_allclose
from sklearn.gaussian_process.kernels import RBF, Matern

from sdtheory import solvers
from sdtheory.datasets import load_example
from sdtheory.kernels import BrownianBridge, SimplySupportedBeam, gram
from sdtheory.linalg import band
from sdtheory.linalg.band import BandForm, LeadingForm, NotPositiveDefiniteError
from sdtheory.recursion import trajectory
from sdtheory.solvers import AccuracyError, distill
from sdtheory.solvers import band as solver
from sdtheory.solvers.chain import Outcome
from sdtheory.spectrum import backward_error
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

ULP = float(np.finfo(float).eps)
distill_eigh = functools.partial(distill, solver="eigh", tolerance=math.inf)
distill_band = functools.partial(distill, solver="band")


def noisy(n, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, np.sin(6 * x) + noise * rng.standard_normal(n)


def symmetric(n, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, n))
    return a @ a.T / n


def full(form):
    b, n = form.band.shape[0] - 1, form.n
    matrix = np.zeros((n, n))
    for k in range(min(b, n - 1) + 1):
        i = np.arange(n - k)
        matrix[i + k, i] = matrix[i, i + k] = form.band[k, : n - k]
    return matrix


# the reduction


@pytest.mark.parametrize(
    ("n", "width"), [(1, 4), (3, 4), (4, 4), (5, 4), (9, 1), (40, 32), (61, 4), (64, 8), (97, 24)]
)
def test_reduction_is_orthogonal_and_banded(n, width, monkeypatch):
    monkeypatch.setattr(band, "_TILE", 16)
    G = symmetric(n)
    form = BandForm.of(G, width)
    assert form.band.shape == (width + 1, n)
    Q = form.restore(np.eye(n))
    assert_allclose(form.rotate(np.eye(n)), Q.T, rtol=0, atol=50 * n * ULP)
    assert_allclose(Q.T @ Q, np.eye(n), rtol=0, atol=50 * n * ULP)
    assert_allclose(Q @ full(form) @ Q.T, G, rtol=0, atol=50 * n * ULP * np.linalg.norm(G, 2))
    columns = np.random.default_rng(1).standard_normal((n, 3))
    assert_allclose(form.product(columns), full(form) @ columns, atol=1e-12)
    assert np.array_equal(G, symmetric(n))
    if n > width + 1:
        outside = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) > width
        assert np.max(np.abs(G[outside])) > 1e-3  # it was not banded


def test_either_memory_order_and_repeated_columns():
    G = symmetric(70)
    by_rows, by_columns = BandForm.of(G, 8), BandForm.of(np.asfortranarray(G), 8)
    assert np.array_equal(by_rows.band, by_columns.band)
    G[:, 5], G[5, :] = 0.0, 0.0  # a panel of deficient rank, reflections that are the identity
    G[20:, :], G[:, 20:] = 0.0, 0.0
    form = BandForm.of(G, 8)
    Q = form.restore(np.eye(70))
    assert_allclose(Q @ full(form) @ Q.T, G, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", ["random", "decaying", "clustered", "gram"])
def test_backward_error_is_estimated_from_above(kind):
    n = 150
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    G = {
        "random": symmetric(n),
        "decaying": (Q * np.exp(-np.arange(n) / 3.0)) @ Q.T,
        "clustered": (Q * np.where(np.arange(n) < 5, 1.0, 1e-9)) @ Q.T,
        "gram": gram(RBF(0.2), rng.random(n)),
    }[kind]
    G = (G + G.T) / 2
    form = BandForm.of(G)
    Q = form.restore(np.eye(n))
    actual = np.linalg.norm(Q.T @ G @ Q - full(form), 2)
    error = form.measured(G)
    assert error < 100 * actual  # and not by far
    assert actual <= max(error, backward_error(n) * form.size)
    size = np.linalg.norm(G, 2)
    assert 0.8 * size < form.size <= size * (1 + 1e-12)


def test_a_wrong_reduction_is_seen(monkeypatch):
    G = symmetric(60)
    correct = BandForm.of(G).measured(G)
    original = band._reduced

    def spoilt(*arguments):
        diagonals, reflectors = original(*arguments)
        diagonals[0, 30] += 1e-9
        return diagonals, reflectors

    monkeypatch.setattr(band, "_reduced", spoilt)
    assert correct < 1e-13
    assert 1e-9 <= BandForm.of(G).measured(G) < 1e-8
    x, y = noisy(60, 1)
    with pytest.raises(AccuracyError, match="has a relative error of up to"):
        distill_band(gram(BrownianBridge(), x), y, 0.12, tolerance=1e-8)


def test_secular_function_by_the_factor():
    G, c = symmetric(50), 0.03
    form = BandForm.of(G, 8)
    y = np.random.default_rng(2).standard_normal((50, 2))
    z = form.rotate(y)
    for at in (c, 100.0):  # the fit by difference, and by product
        w = form.shifted(at).residual(z)
        expected = at * np.linalg.solve(at * np.eye(50) + G, y)
        assert_allclose(form.restore(w), expected, rtol=1e-9)
        assert_allclose(form.restore(form.shifted(at).fit(z, w)), y - expected, rtol=1e-9)
        assert form.defect(at, z, w) < 1e-14 * (1 + at)
        assert form.defect(at * (1 + 1e-9), z, w) > 1e-11
    w = form.shifted(1e14).residual(z)
    fit = form.shifted(1e14).fit(z, w)
    assert_allclose(form.restore(fit), G @ y / 1e14, rtol=1e-9)
    assert not np.allclose(form.restore(z - w), G @ y / 1e14, rtol=1e-2, atol=0)  # lost in rounding


def test_smallest_eigenvalue_of_an_indefinite_matrix():
    G = symmetric(40) - 0.3 * np.eye(40)
    exact = np.linalg.eigvalsh(G)[0]
    form = BandForm.of(G)
    with pytest.raises(NotPositiveDefiniteError):
        form.shifted(1e-3)
    assert_allclose(form.smallest_eigenvalue(1e-3), exact, rtol=0.06)


# the chain


@pytest.mark.parametrize(
    "kernel", [BrownianBridge(), SimplySupportedBeam(), RBF(0.2), Matern(0.3, nu=1.5)], ids=repr
)
@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("epsilon", [0.2, 0.12])
def test_chain_of_the_dense_route(kernel, q, epsilon):
    x, _ = noisy(250, 3)
    y = np.sin(6 * x)[:, None] + 0.3 * np.random.default_rng(4).standard_normal((250, q))
    y, epsilon = (y, 2 * epsilon) if q > 1 else (y[:, 0], epsilon)
    G = gram(kernel, x)
    dense, own = distill_eigh(G, y, epsilon), distill_band(G, y, epsilon)
    assert own.n_rounds == dense.n_rounds > 0
    assert own.outcome is dense.outcome is Outcome.COLLAPSED
    assert own.n_rounds_range == dense.n_rounds_range
    assert np.all(own.c_error <= 1e-8)
    assert np.all(np.abs(own.c / dense.c - 1) <= own.c_error + dense.c_error)
    assert_allclose(own.sensitivity, dense.trajectory.sensitivity, rtol=1e-6)
    assert_allclose(own.r, dense.r, rtol=1e-8)
    assert own.y.shape == dense.y.shape
    assert_allclose(own.y, dense.y, rtol=0, atol=1e-9)
    x_new = np.linspace(0, 1, 31)
    for t in range(own.n_rounds + 1):
        assert_allclose(G @ own.dual(t), G @ dense.dual(t), rtol=0, atol=1e-9)
        expected = dense.predict(gram(kernel, x, x_new), t)
        assert_allclose(own.predict(gram(kernel, x, x_new), t), expected, rtol=0, atol=1e-9)
    assert not np.allclose(own.c, distill_eigh(2 * G, y, epsilon).c, rtol=1e-3)


@pytest.mark.parametrize(
    ("kernel", "name"), [(SimplySupportedBeam(), beam), (BrownianBridge(), bridge)]
)
def test_chain_to_fifty_digits(kernel, name, monkeypatch):
    x = np.array([0.1, 0.35, 0.4, 0.62, 0.81, 0.97])
    y = np.stack([np.sin(6 * x), np.cos(3 * x)], axis=1)
    y += 0.2 * np.random.default_rng(5).standard_normal(y.shape)
    epsilon = 0.1 * float(np.mean(y**2))
    c, rows = chain(name, x, y, epsilon, 6)
    monkeypatch.setattr(band, "_WIDTHS", (2, 2))
    own = distill_band(gram(kernel, x), y, epsilon, 6)
    assert own.n_rounds == len(c) > 1
    assert np.all(np.abs(own.c / c - 1) <= own.c_error)
    assert np.all(own.c_error < 1e-9)
    assert_allclose(own.y, rows, rtol=0, atol=1e-11)


def problem(seed, fewest=1, most=60):
    """Return G with its exact spectrum to rounding, labels and a tolerance."""
    rng = np.random.default_rng(seed)
    n, q = int(rng.integers(fewest, most)), int(rng.integers(1, 4))
    d = (
        np.exp(-rng.uniform(0, 30, n)),
        rng.random(n) + 1e-3,
        1 / np.arange(1, n + 1) ** rng.uniform(1, 8),
        np.where(rng.random(n) < 0.3, 0.0, rng.random(n)),
        np.repeat(10.0 ** rng.uniform(-12, 0, -(-n // 7)), 7)[:n],
        np.ones(n),
    )[seed % 6]
    d = d * 10.0 ** rng.uniform(-20, 20)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    z = rng.standard_normal((n, q)) * np.exp(rng.uniform(0, 3) * rng.standard_normal((n, q)))
    G = (Q * d) @ Q.T
    epsilon = float(np.sum(z * z)) / n * np.exp(-rng.uniform(0, 9))
    return d, z, (G + G.T) / 2, Q @ z, epsilon


def leave_more_out(monkeypatch, width=4):
    """Take leading rows of smaller problems, and more of them."""
    monkeypatch.setattr(band, "_LEADING_WIDTHS", (width, width))
    for module in (band, solver):
        monkeypatch.setattr(module, "PART", 1)


@pytest.mark.parametrize("leading", [False, True])
def test_no_wrong_digit_in_random_problems(leading, monkeypatch):
    monkeypatch.setattr(band, "_WIDTHS", (8, 8))
    if leading:
        leave_more_out(monkeypatch)
    answered = refused = infeasible = idle = partial = 0
    for seed in [*range(360), 445, 879]:
        d, z, G, y, epsilon = problem(seed, *((30, 120) if leading else ()))
        tolerance = 10.0 ** -(3 + seed % 8)
        try:
            own = distill_band(G, y, epsilon, 8, tolerance=tolerance)
        except AccuracyError:
            refused += 1
            continue
        except InfeasibleToleranceError:
            lost = d <= 30 * max(len(d) * ULP, 2 * backward_error(len(d))) * d.max()
            assert np.sum(z[lost] ** 2) > len(d) * epsilon
            infeasible += 1
            continue
        exact = trajectory(d, z, epsilon, 8, outputs=True)
        count = int(exact.n_rounds)
        low, high = own.n_rounds_range
        assert low <= count <= high, seed
        same = min(count, own.n_rounds)
        error = np.abs(own.c[:same] / exact.c[:same] - 1)
        rounded = 4 * ULP * exact.sensitivity[:same]  # the labels and the spectrum of this problem
        assert np.all(error <= own.c_error[:same] + rounded), seed
        assert np.all(own.c_error <= tolerance), seed
        answered += 1
        partial += isinstance(own._fits.form, LeadingForm)
        idle += not np.any(error > own.c_error[:same] / 1000)
    assert answered > (150 if leading else 200)
    assert refused > 20
    assert infeasible > (0 if leading else 3)
    assert partial > 60 if leading else partial == 0
    assert idle < answered / 2  # the errors are not far above what happens


# leading rows alone


@pytest.mark.parametrize("kind", ["full", "smooth", "low rank", "zero"])
def test_leading_rows_of_a_band_form(kind):
    n, q = 120, 2
    rng = np.random.default_rng(3)
    factor = rng.standard_normal((n, 9))
    x = rng.random(n)
    G = {
        "full": symmetric(n),
        "smooth": gram(RBF(0.2), x),
        "low rank": factor @ factor.T / n,
        "zero": np.zeros((n, n)),
    }[kind]
    labels = rng.standard_normal((n, q))
    count = 0
    for form in LeadingForm.growing(G, labels, 5):
        count += 2
        m = 5 * count
        assert form.n == m
        Q = form.restore(np.eye(m))
        assert_allclose(Q.T @ Q, np.eye(m), rtol=0, atol=20 * ULP)
        assert_allclose(form.restore(form.rotate(labels)), labels, rtol=0, atol=50 * ULP)
        assert_allclose(form.rotate(labels)[q:], 0, rtol=0, atol=50 * ULP)
        size, error = np.linalg.norm(G, 2), form.measured(G)
        missing = G @ Q - Q @ full(form)
        inside = np.linalg.norm(missing[:, :-5], 2)
        assert inside <= error <= 60 * ULP * size
        # what is left of the last columns is orthogonal to Q and as large as the coupling
        assert np.linalg.norm(Q.T @ missing) <= 3 * error
        w = rng.standard_normal((m, q))
        expected = np.linalg.norm(missing @ w) / np.linalg.norm(w)
        assert_allclose(form.passed_on(w), expected, rtol=1e-9, atol=3 * error)
    assert count == 6  # a quarter of all columns


@pytest.mark.parametrize("q", [1, 3])
def test_chain_from_leading_rows(q, monkeypatch):
    n = 600
    x = np.sort(np.random.default_rng(0).random(n))
    y = np.sin(np.outer(x, np.arange(3, 3 + q)))
    y += 0.3 * np.random.default_rng(1).standard_normal(y.shape)
    y = y[:, 0] if q == 1 else y
    kernel, epsilon = SimplySupportedBeam(), 0.11 * q
    G = gram(kernel, x)
    own = distill_band(G, y, epsilon, 5)
    assert isinstance(own._fits.form, LeadingForm)
    monkeypatch.setattr(solver, "_from_leading_rows", lambda *_: None)
    whole = distill_band(G, y, epsilon, 5)
    assert not isinstance(whole._fits.form, LeadingForm)
    assert own.n_rounds == whole.n_rounds > 1
    assert np.all(np.abs(own.c / whole.c - 1) <= own.c_error + whole.c_error)
    assert np.all(own.c_error <= 2 * whole.c_error)
    assert_allclose(own.y, whole.y, rtol=0, atol=1e-9)
    G_new = gram(kernel, x, np.linspace(0, 1, 31))
    for t in range(own.n_rounds):
        assert_allclose(own.predict(G_new, t), whole.predict(G_new, t), rtol=0, atol=1e-9)


def test_rows_that_matter_are_not_left_out(monkeypatch):
    n = 600
    x = np.random.default_rng(0).random(n)
    y = np.sin(6 * x) + 0.3 * np.random.default_rng(1).standard_normal(n)
    G = gram(Matern(0.05, nu=0.5), x)
    own = distill_band(G, y, 0.05, 4)
    assert own._fits.form.n == n
    # without the criterion two blocks are taken, whose multipliers are wrong beyond their error
    monkeypatch.setattr(LeadingForm, "passed_on", lambda *_: 0.0)
    wrong = distill_band(G, y, 0.05, 4)
    assert isinstance(wrong._fits.form, LeadingForm)
    assert np.any(np.abs(wrong.c / own.c - 1) > wrong.c_error + own.c_error)


def test_a_negative_eigenvalue_among_the_rows_left_out_is_seen(monkeypatch):
    n = 600
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    d = 1.0 / np.arange(1, n + 1) ** 4
    d[-1] = -1e-11
    z = np.exp(-np.arange(n) / 3.0) + 1e-3
    z[-1] = 0
    G = (Q * d) @ Q.T
    G, y = (G + G.T) / 2, Q @ z
    with pytest.raises(InvalidInputError, match=r"gram is indefinite: .* about -1"):
        distill_band(G, y, 1e-3, 4)
    monkeypatch.setattr(solver, "is_positive_definite", lambda *_: True)
    assert isinstance(distill_band(G, y, 1e-3, 4)._fits.form, LeadingForm)  # nothing else sees it


# how chains end


def test_ends_of_a_chain():
    x, y = noisy(30, 7)
    G, energy = gram(BrownianBridge(), x), float(np.mean(y**2))
    trivial = distill_band(G, y, 2 * energy)
    assert (trivial.outcome, trivial.n_rounds) == (Outcome.TRIVIAL, 0)
    assert np.array_equal(trivial.y, [y])
    assert np.all(trivial.dual(3) == 0)
    assert distill_band(G, 0 * y, 1.0).outcome is Outcome.TRIVIAL
    cut = distill_band(G, y, energy / 10, 1)
    assert (cut.outcome, cut.n_rounds_range) == (Outcome.COMPLETED, (1, 1))
    with pytest.raises(InvalidInputError, match="round t = 1 was not run"):
        cut.dual(1)
    with pytest.raises(InvalidInputError, match="g_x has 3 columns"):
        cut.predict(np.ones((2, 3)), 0)
    with pytest.raises(AttributeError, match="needs the eigenvectors"):
        _ = cut.A
    for share in (1 - 2.0**-52, 1 + 2.0**-52):
        near = distill_band(G, y, energy * share)
        assert (near.outcome, near.n_rounds_range) == (Outcome.NEAR_COLLAPSE, (0, 1))
    # epsilon at which round 1 is within rounding of collapse
    low, high = energy / 50, energy
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if distill_eigh(G, y, middle, 1).r[1] > 1 else (low, middle)
    near = distill_band(G, y, high)
    assert near.outcome is Outcome.NEAR_COLLAPSE
    assert near.n_rounds_range == (1, 2)
    for factor in (0.999, 1.001):
        assert distill_band(G, y, high * factor).outcome is Outcome.COLLAPSED


@pytest.mark.parametrize("share", [1e-4, 1e-8, 1e-11])
def test_first_multiplier_far_above_the_eigenvalues(share):
    x, y = noisy(12, 8)
    G, epsilon = gram(BrownianBridge(), x), float(np.mean(y**2)) * (1 - share)
    c, rows = chain(bridge, x, y[:, None], epsilon, 1)
    own = distill_band(G, y, epsilon, 1)
    assert own.c[0] > 100 * np.linalg.norm(G, 2)
    assert abs(own.c[0] / c[0] - 1) <= own.c_error[0] < 1e-9
    assert_allclose(own.y[1], np.ravel(rows[1]), rtol=1e-6)


def test_scale_does_not_matter():
    x, y = noisy(50, 2)
    G = gram(BrownianBridge(), x)
    base = distill_band(G, y, 0.1)
    for k in (-400, 300):
        other = distill_band(G, y * 2.0**k, 0.1 * 4.0**k)
        assert np.array_equal(other.c, base.c)
        assert np.array_equal(other.y, base.y * 2.0**k)
        other = distill_band(G * 2.0**k, y, 0.1)
        assert_allclose(other.c, base.c * 2.0**k, rtol=1e-12)
        assert_allclose(other.dual(0), base.dual(0) * 2.0**-k, rtol=1e-9)
    with pytest.raises(InvalidInputError, match="leaves the range of floats"):
        distill_band(G * 2.0**1000, y, float(np.mean(y**2)) * (1 - 1e-11), 1)


def test_several_outputs_that_depend_on_each_other():
    x, y = noisy(60, 6)
    G = gram(BrownianBridge(), x)
    own = distill_band(G, np.stack([3 * y, 0 * y, 4 * y], axis=1), 5.0)
    single = distill_band(G, y, 0.2)
    assert_allclose(own.c, single.c, rtol=1e-10)
    assert_allclose(own.y[1], single.y[1][:, None] * [3, 0, 4], atol=1e-10)
    assert np.all(own.dual(0)[:, 1] == 0)


# what it cannot do


def test_singular_gram_and_infeasible_tolerances():
    data = load_example()  # inputs at 0 and 1, where the kernel vanishes
    G = gram(SimplySupportedBeam(), data.x)
    dense, own = distill_eigh(G, data.y, 0.045), distill_band(G, data.y, 0.045)
    assert np.all(np.abs(own.c / dense.c - 1) <= own.c_error + dense.c_error)
    with pytest.raises(InfeasibleToleranceError) as expected:
        distill_eigh(G, data.y, 1e-3)
    with pytest.raises(InfeasibleToleranceError) as error:
        distill_band(G, data.y, 1e-3)
    assert_allclose(error.value.smallest_feasible, expected.value.smallest_feasible, rtol=1e-3)
    with pytest.raises(InfeasibleToleranceError):
        distill_band(np.zeros((11, 11)), data.y, 0.045)
    # next to the smallest feasible one, it does not know
    smallest = expected.value.smallest_feasible
    for factor in (1 - 1e-9, 1 + 1e-9):
        with pytest.raises((AccuracyError, InfeasibleToleranceError)):
            distill_band(G, data.y, smallest * factor)
    assert distill_band(G, data.y, smallest * 1.1, 1).n_rounds == 1


def test_labels_in_the_numerical_kernel_of_a_smooth_kernel():
    x, y = noisy(300, 1)
    G = gram(RBF(0.2), x)  # rounded, its smallest eigenvalues are negative
    assert np.linalg.eigvalsh(G)[0] < 0
    assert distill_band(G, y, 0.12).n_rounds > 0
    for epsilon in (0.05, 0.01, 1e-4):  # below the noise
        with pytest.raises((AccuracyError, InfeasibleToleranceError)) as error:
            distill_band(G, y, epsilon)
        assert "infeasible" in str(error.value)


def test_multipliers_near_machine_epsilon_are_refused():
    x, y = noisy(60, 4)
    G = gram(SimplySupportedBeam(), x)
    own = distill_band(G, y, 0.12, 1)
    size = np.linalg.norm(G, 2)
    assert own.c[0] > 1e-7 * size
    with pytest.raises(AccuracyError, match=r"c_0, at .* times the largest eigenvalue"):
        distill_band(G, y, 0.03, 1, tolerance=1e-8)
    rough = distill_band(G, y, 0.03, 1, tolerance=0.1)
    assert 1e-8 < rough.c_error[0] < 0.1
    # equal eigenvalues lose nothing, however small c is
    n = 30
    identity = distill_band(np.eye(n), np.ones(n), 1e-24, 1)
    assert_allclose(identity.c, 1 / (1e12 - 1), rtol=1e-13)


def test_indefinite_gram_is_refused():
    x, y = noisy(40, 4)
    G = gram(RBF(0.2), x)
    with pytest.raises(InvalidInputError, match=r"gram is indefinite: .* about -0.0"):
        distill_band(G - 0.01 * np.eye(40), y, 0.12)
    with pytest.raises(InvalidInputError, match="gram is indefinite"):
        distill_band(-np.eye(3), np.ones(3), 0.1)
    assert distill_band(G - ULP * np.eye(40), y, 0.12).n_rounds > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gram": [[1.0, 2.0]]}, "gram must be square"),
        ({"gram": [[1.0, 2.0], [0.0, 1.0]]}, "gram is not symmetric"),
        ({"gram": [[np.nan, 2.0], [0.0, 1.0]]}, "gram holds 1 NaN"),
        ({"y": [1.0]}, "y has 1 row"),
        ({"y": [1.0, np.nan]}, "y holds 1 NaN"),
        ({"epsilon": -1.0}, "epsilon must be positive"),
        ({"epsilon": 1e-200}, "too small against the labels"),
        ({"epsilon": 1e-20}, "rounds must be given"),
        ({"rounds": 0}, "rounds must be an integer"),
        ({"tolerance": 0.0}, "tolerance must lie"),
    ],
)
def test_unusable_arguments(arguments, message):
    usable = {"gram": [[2.0, 1.0], [1.0, 2.0]], "y": [1.0, 2.0], "epsilon": 0.1}
    assert distill_band(**usable).n_rounds > 0
    with pytest.raises(InvalidInputError, match=message):
        distill_band(**(usable | arguments))


# the choice


def test_automatic_choice_by_size_with_the_dense_route_to_fall_back_on(monkeypatch):
    x, y = noisy(80, 4)
    G = gram(SimplySupportedBeam(), x)
    assert distill(G, y, 0.12).solver == "eigh"
    forced = distill(G, y, 0.12, solver="band")
    assert forced.solver == "band"
    monkeypatch.setattr(solvers, "_REDUCED", 80)
    assert distill(G, y, 0.12).solver == "band"
    assert distill(G, y, 0.12, solver="eigh").solver == "eigh"
    monkeypatch.setattr(solver, "backward_error", lambda n: 1e-9)
    with pytest.raises(AccuracyError):
        distill(G, y, 0.12, solver="band", tolerance=1e-8)
    assert distill(G, y, 0.12, tolerance=1e-8).solver == "eigh"
    with pytest.raises(InvalidInputError, match="gram is indefinite"):
        distill(G - np.eye(80), y, 0.12)
