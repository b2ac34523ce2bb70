"""One interface to all solvers, and the error that each reports, against 50 digits."""

import copy
import functools
import math
import pickle
import re
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.sparse
from long_precision import beam, bridge, chain
from numpy.testing import assert_allclose
from scipy.sparse.linalg import aslinearoperator
from sklearn.gaussian_process.kernels import RBF, Matern

from sdtheory import (
    AccuracyError,
    BrownianBridge,
    InfeasibleToleranceError,
    InvalidInputError,
    KernelOperator,
    PeriodicSobolev,
    SimplySupportedBeam,
    Spectrum,
    distill,
    distill_path,
    gram,
    multiplier,
    solvers,
)
from sdtheory.solvers.chain import excess_of

RNG = np.random.default_rng(3)
X = RNG.random(60)
Y = np.sin(6 * X) + 0.3 * RNG.standard_normal(60)
distill_eigh = functools.partial(distill, solver="eigh", tolerance=math.inf)
BRIDGE, BEAM, GAUSS = BrownianBridge(), SimplySupportedBeam(), RBF(0.2)


def rbf(x, y):
    return mpmath.exp(-((x - y) ** 2) / (2 * mpmath.mpf(0.3) ** 2))


def exponential(x, y):
    return mpmath.exp(-abs(x - y) / mpmath.mpf(0.5))


PAIRS = ((BRIDGE, bridge), (BEAM, beam), (RBF(0.3), rbf), (Matern(0.5, nu=0.5), exponential))


# what they start from


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [0, 1, 8191, 8192, 8193, 50_001])
def test_the_excess_has_all_its_digits_where_it_cancels(n, weighted):
    y = RNG.standard_normal((n, 1, 2))
    weights = RNG.integers(1, 9, (n, 1, 1)).astype(float) if weighted else None
    counts = np.ones_like(y) if weights is None else np.broadcast_to(weights, y.shape)
    terms = [Fraction(w) * Fraction(v) ** 2 for w, v in zip(counts.flat, y.flat, strict=True)]
    energy, points = sum(terms, Fraction(0)), 2 * n + 1
    epsilon = float(energy / points)  # to rounding
    truth = energy - points * Fraction(epsilon)
    bound = energy * (2 * n // 8192 + 20) ** 2 * Fraction(2) ** -106 + abs(truth) / 2**52
    assert abs(Fraction(excess_of(y, points, epsilon, weights)) - truth) <= bound
    if n > 1:
        in_floats = float(np.sum(counts * y * y)) - points * epsilon
        assert abs(Fraction(in_floats) - truth) > bound


# which solver


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: gram(GAUSS, X), "eigh"),
        (lambda: gram(GAUSS, X).tolist(), "eigh"),
        (lambda: Spectrum.from_gram(gram(GAUSS, X)), "eigh"),
        (lambda: KernelOperator(GAUSS, X), "eigh"),
        (lambda: KernelOperator(BRIDGE, X), "spline"),
        (lambda: KernelOperator(BEAM, X[:, None]), "spline"),
        (lambda: KernelOperator(PeriodicSobolev(), X), "eigh"),
        (lambda: scipy.sparse.csr_array(gram(BRIDGE, X)), "krylov"),
        (lambda: aslinearoperator(gram(BRIDGE, X)), "krylov"),
    ],
)
def test_the_route_follows_from_what_is_known(make, expected):
    assert distill(make(), Y, 0.2).solver == expected


def test_many_points_are_not_stored(monkeypatch):
    operator = KernelOperator(GAUSS, X)
    monkeypatch.setattr(solvers, "CROSSING", 60)
    assert distill(operator, Y, 0.2).solver == "krylov"
    # a kernel of many sizeable eigenvalues, of which few products do not settle c
    rough = KernelOperator(Matern(0.5, nu=0.5), X)
    monkeypatch.setattr(solvers, "_TRIED", 5)
    stored = distill(rough, Y, 0.07, 1)
    assert stored.solver == "eigh"
    assert [words[:23] for words in stored.fallbacks] == ["krylov: after 5 product"] * 2
    dense = distill(gram(rough.kernel, X), Y, 0.07, 1)
    assert dense.fallbacks == ()
    assert_allclose(stored.c, dense.c, rtol=1e-12)
    monkeypatch.setattr(solvers, "_STORED", 59)
    patient = distill(rough, Y, 0.07, 1)
    assert patient.solver == "krylov"
    assert_allclose(patient.c, dense.c, rtol=1e-8)


def test_many_tolerances_share_their_products(monkeypatch):
    multiplied = []
    monkeypatch.setattr(
        KernelOperator, "_matmat", lambda self, V: multiplied.append(V.shape) or self._product(V)
    )
    epsilons = [0.12, 0.4, 0.15, 0.2]
    operator = KernelOperator(GAUSS, X)
    path = distill_path(operator, Y, epsilons, 3, solver="krylov")
    shared = len(multiplied)
    for epsilon, own in zip(epsilons, path, strict=True):
        alone = distill(operator, Y, epsilon, 3, solver="krylov")
        assert own.epsilon == epsilon
        assert own.n_rounds == alone.n_rounds > 0
        assert_allclose(own.c, alone.c, rtol=1e-8)
        assert_allclose(own.y, alone.y, atol=1e-4)
        for t in range(own.n_rounds):
            assert_allclose(own.dual(t) * own.c[t], alone.dual(t) * own.c[t], atol=1e-3)
    # the smallest tolerance takes as many products as all of them
    assert shared == max(own.products for own in path) < len(multiplied) - shared


def test_many_tolerances_share_an_eigendecomposition(monkeypatch):
    made = []
    of = Spectrum.of
    monkeypatch.setattr(Spectrum, "of", lambda *given: made.append(1) or of(*given))
    G = gram(GAUSS, X)
    path = distill_path(G, Y, [0.2, 0.3, 5.0], 2)
    assert len(made) == 1
    for epsilon, own in zip((0.2, 0.3, 5.0), path, strict=True):
        assert np.array_equal(own.c, distill(G, Y, epsilon, 2).c)
    assert path[0].n_rounds > path[2].n_rounds == 0
    with pytest.raises(InvalidInputError, match="epsilons"):
        distill_path(G, Y, 0.2)
    with pytest.raises(InfeasibleToleranceError):
        distill_path(np.zeros((60, 60)), Y, [0.1, 0.2])


def test_a_tolerance_below_the_noise_names_the_smallest_one_that_is_answered():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3))
    y = np.sin(x[:, 0]) + 0.3 * rng.standard_normal(400)
    operator = KernelOperator(RBF(2.0), x)
    with pytest.raises(AccuracyError, match="nearly interpolates") as refused:
        distill(operator, y, 0.03, 1, solver="krylov")
    found = re.search(r"settle it from about epsilon = ([\d.e-]+) on\. ", str(refused.value))
    smallest = float(found[1])
    assert 0.03 < smallest < 0.09
    assert distill(operator, y, smallest, 1, solver="krylov").n_rounds == 1
    # the control: it is the smallest one
    with pytest.raises(AccuracyError):
        distill(operator, y, 0.97 * smallest, 1, solver="krylov")


def test_a_large_matrix_is_multiplied_until_its_labels_are_known(monkeypatch):
    G = gram(GAUSS, X)
    exact = distill(G, Y, 0.15, 3)
    assert exact.solver == "eigh"
    monkeypatch.setattr(solvers, "_REDUCED", 60)
    own = distill(G, Y, 0.15, 3)
    assert own.solver == "krylov"
    assert np.max(np.linalg.norm(own.y - exact.y, axis=1)) <= 1e-8 * np.linalg.norm(Y)
    # the control: where "krylov" is asked for, it stops at the multipliers
    asked = distill(G, Y, 0.15, 3, solver="krylov", tolerance=1e-3)
    assert np.max(np.linalg.norm(asked.y - exact.y, axis=1)) > 1e-8 * np.linalg.norm(Y)
    assert asked.products < own.products
    assert distill(G, Y, 0.15, 3, tolerance=math.inf).solver == "eigh"


@pytest.mark.parametrize("kernel", [BRIDGE, BEAM])
@pytest.mark.parametrize("q", [1, 2])
def test_every_route_leads_to_one_chain_with_one_face(kernel, q):
    y = Y if q == 1 else np.stack([Y, np.cos(3 * X)], axis=1)
    operator, G = KernelOperator(kernel, X), gram(kernel, X)
    epsilon = 0.12
    rows = gram(kernel, X, [0.1, 0.45, 0.8])
    names = [name for name in solvers.SOLVERS if name != "auto"]
    chains = {name: distill(operator, y, epsilon, 4, solver=name) for name in names}
    first = chains["spline"]
    assert first.n_rounds > 1
    for name, own in chains.items():
        assert own.solver == name
        assert np.all(np.abs(own.c / first.c - 1) <= own.c_error + first.c_error)
        assert np.all((own.c_interval[:, 0] < own.c) & (own.c < own.c_interval[:, 1]))
        assert (own.outcome, own.n_rounds, own.n_rounds_range, own.collapsed, own.epsilon) == (
            first.outcome,
            first.n_rounds,
            first.n_rounds_range,
            first.collapsed,
            first.epsilon,
        )
        assert_allclose(own.r, first.r, rtol=1e-7)
        assert own.y.shape == first.y.shape
        assert_allclose(own.y, first.y, rtol=0, atol=1e-4)  # what solver "krylov" gives
        for t in range(own.n_rounds):
            assert own.dual(t).shape == y.shape
            assert_allclose(own.predict(rows, t), first.predict(rows, t), rtol=0, atol=1e-4)
        assert not np.allclose(own.c, distill(2 * G, y, epsilon, 4).c, rtol=1e-3)


def test_splines_predict_from_inputs_and_from_rows():
    own = distill(KernelOperator(BEAM, X), Y, 0.2)
    assert_allclose(own.predict(gram(BEAM, X, [0.2, 0.7]), 0), own.predict([0.2, 0.7], 0))


@pytest.mark.parametrize("solver", ["krylov", "spline"])
def test_what_needs_eigenvectors_says_so(solver):
    own = distill(KernelOperator(BRIDGE, X), Y, 0.2, solver=solver)
    for name in ("A", "B", "z", "spectrum", "trajectory", "unreachable"):
        with pytest.raises(AttributeError, match=rf'{name} needs .*distill\(..., solver="eigh"\)'):
            getattr(own, name)
        assert not hasattr(own, name)
        assert hasattr(distill(KernelOperator(BRIDGE, X), Y, 0.2, solver="eigh"), name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        own.nothing  # noqa: B018
    for twin in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert np.array_equal(twin.c, own.c)


@pytest.mark.parametrize(
    ("make", "solver", "message"),
    [
        (lambda: np.eye(60), "qr", "solver must be one of 'auto', 'eigh'.*but is 'qr'"),
        (lambda: np.eye(60), "spline", "gram, which is a matrix. Pass KernelOperator"),
        (lambda: KernelOperator(GAUSS, X), "spline", "KernelOperator of RBF.*BrownianBridge"),
        (lambda: Spectrum(np.ones(60), np.eye(60), 0.0), "krylov", "which is a Spectrum"),
        (lambda: aslinearoperator(np.eye(60)), "eigh", "a LinearOperator. Pass the matrix itself"),
        (lambda: scipy.sparse.eye_array(60), "spline", "gram, which is a sparse matrix"),
    ],
)
def test_a_solver_that_cannot_start_says_why(make, solver, message):
    with pytest.raises(InvalidInputError, match=message):
        distill(make(), Y, 0.2, solver=solver)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, np.nan, "1e-8"])
def test_an_unusable_tolerance(tolerance):
    with pytest.raises(InvalidInputError, match="tolerance must"):
        distill(np.eye(60), Y, 0.2, tolerance=tolerance)


def test_a_sparse_matrix_may_be_stored():
    G = gram(BRIDGE, X)
    stored = distill(scipy.sparse.csr_array(G), Y, 0.2, solver="eigh")
    assert np.array_equal(stored.c, distill(G, Y, 0.2).c)


# the error of the dense solver

COUNT = 512
TOLERANCES = (1e-12, 1e-10, 1e-8, 1e-6)


def problem(seed):
    """Return a kernel, clustered inputs (every other time), labels and a tolerance."""
    rng = np.random.default_rng(seed)
    n, q = int(rng.integers(2, 8)), 1 + int(rng.random() < 0.2)
    x = rng.random(n)
    if seed % 2:
        x[: n // 2] = np.abs(x[-1] - 10 ** -rng.uniform(1, 8) * rng.random(n // 2))
    y = np.sin(5 * x)[:, None] + rng.choice([0.01, 1]) * rng.standard_normal((n, q))
    return PAIRS[seed // 2 % 4], x, y, float(np.sum(y * y)) / n * 10 ** -rng.uniform(0.05, 6)


@functools.cache
def errors():
    """Return a row (kappa, true error, c_error, c_error as if G were exact) for every c_t."""
    rows = []
    for seed in range(COUNT):
        (kernel, exact), x, y, epsilon = problem(seed)
        spectrum = Spectrum.from_gram(gram(kernel, x))
        try:
            own = distill_eigh(spectrum, y, epsilon, 3)
        except InfeasibleToleranceError:
            continue
        c, _ = chain(exact, x, y, epsilon, 3)
        low, high = own.n_rounds_range
        assert low <= len(c) <= high
        # the tolerance is a promise: what it lets pass is right to it
        for tolerance in TOLERANCES[seed % 4 :: 4]:
            try:
                passed = distill(gram(kernel, x), y, epsilon, 3, tolerance=tolerance)
            except AccuracyError:
                assert np.any(own.c_error > tolerance)
            else:
                both = min(low, len(c))
                assert np.all(np.abs(passed.c[:both] / c[:both] - 1) <= tolerance)
        bare = distill_eigh(replace(spectrum, error=0.0), y, epsilon, 3)
        for t in range(min(len(c), own.n_rounds)):
            error = abs(own.c[t] / c[t] - 1)
            rows.append((spectrum.kappa, error, own.c_error[t], bare.c_error[t]))
    return np.array(rows)


@pytest.mark.slow
def test_the_true_error_is_within_the_reported_one():
    kappa, error, reported, bare = errors().T
    assert len(error) > 1000
    assert np.all(error <= reported)
    assert np.max(error) > 1e-3  # the problems are hard enough
    assert np.sum(error > 1e-8) > 20
    assert np.max(kappa[np.isfinite(kappa)]) > 1e14
    # the control: without the error of G the report is wrong
    assert np.mean(error > bare) > 0.2
    # and it is a report, not a shrug
    assert np.mean(np.isfinite(reported)) > 0.95
    known = np.isfinite(reported) & (error > 0)
    assert np.median(reported[known] / error[known]) < 200
    assert np.max(error[known] / reported[known]) > 0.1


def test_clusters_are_refused_or_taken_by_a_better_route():
    x = [0.2, 0.2001, 0.2002, 0.2003, 0.7, 0.7001, 0.7002, 0.7003]
    y = np.random.default_rng(2).standard_normal((8, 1))
    c, _ = chain(beam, x, y, 1e-2, 3)
    with pytest.raises(AccuracyError, match="KernelOperator"):
        distill(gram(BEAM, x), y, 1e-2, 3, tolerance=1e-8)
    with pytest.raises(AccuracyError):
        distill(KernelOperator(BEAM, x), y, 1e-2, 3, solver="eigh", tolerance=1e-8)
    loose = distill(gram(BEAM, x), y, 1e-2, 3, tolerance=0.05)
    assert np.max(np.abs(loose.c / c - 1)) > 1e-8
    assert np.all(np.abs(loose.c / c - 1) <= loose.c_error)
    better = distill(KernelOperator(BEAM, x), y, 1e-2, 3)
    assert np.all(np.abs(better.c / c - 1) <= 1e-10)


def test_the_error_is_that_of_the_worst_perturbation_carried_through_all_rounds():
    """Planted perturbations of G of known norm, far above rounding, half of them adverse."""
    size, shares, without_history = 1e-9, [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 9))
        V = np.linalg.qr(rng.standard_normal((n, n)))[0]
        G = V.T @ np.diag(10 ** -rng.uniform(0, 3, n)) @ V
        y = rng.standard_normal(n)
        epsilon = float(np.mean(y * y)) * 10 ** -rng.uniform(1, 4)
        own = distill_eigh(replace(Spectrum.from_gram(G), error=size), y, epsilon, 12)
        E = rng.standard_normal((n, n))
        if seed % 2:
            w = own.c[0] * own.dual(0)
            E = np.outer(np.linalg.solve(own.c[0] * np.eye(n) + G, w), w)
        E = (E + E.T) * (size / np.linalg.norm(E + E.T, 2))
        other = distill_eigh(G + E, y, epsilon, 12)
        both = min(own.n_rounds_range[0], other.n_rounds_range[0])
        change = np.abs(other.c[:both] / own.c[:both] - 1)
        shares.extend(change / own.c_error[:both])
        alone = own.trajectory.sensitivity[:both] * size / own.c[:both]
        without_history.extend(change / alone)
    assert np.max(shares) < 1
    assert np.median(shares) > 0.2
    assert np.max(without_history) > 10  # the control: each round by itself


def test_a_spectrum_of_exact_data_has_no_error_of_an_eigendecomposition():
    d, z = np.array([1e-14, 1e-9, 1e-3, 1.0]), np.array([1.0, -0.5, 2.0, 3.0])
    given = Spectrum(d, np.eye(4), 0.0)
    assert given.error == 0
    exact = multiplier.solve(d, z, 0.3)
    own = distill(given, z, 0.3, 1)
    assert own.c[0] == exact.c
    # the same matrix, diagonalised: its smallest eigenvalues may be rounding
    diagonalised = Spectrum.from_gram(np.diag(d))
    assert own.c_error[0] < 1e-3 * distill_eigh(diagonalised, z, 0.3, 1).c_error[0]
    with pytest.raises(AccuracyError):
        distill(diagonalised, z, 0.3, 1, tolerance=1e-8)
    # with the matrix at hand, residuals show that they are not
    measured = distill(np.diag(d), z, 0.3, 1, tolerance=1e-8)
    assert abs(exact.c / measured.c[0] - 1) <= measured.c_error[0]


def test_scale_changes_no_error():
    G = gram(GAUSS, X)
    base = distill_eigh(G, Y, 0.2)
    for k in (-300, 300):
        assert np.array_equal(
            distill_eigh(G, np.ldexp(Y, k), np.ldexp(0.2, 2 * k)).c_error, base.c_error
        )
        assert np.array_equal(distill_eigh(np.ldexp(G, k), Y, 0.2).c_error, base.c_error)


def test_by_default_a_multiplier_known_to_three_digits_is_given_with_its_error():
    x = np.sort(np.random.default_rng(0).random(60))
    y = np.sin(6 * x) + 0.3 * np.random.default_rng(1).standard_normal(60)
    near = distill(gram(BEAM, x), y, float(np.mean(y * y)) * (1 - 1e-7))
    assert 1e-8 < near.c_error[0] < 1e-3
    assert "relative error of c up to" in str(near)
    assert "relative error" not in str(distill(gram(BEAM, x), y, 0.2))
    with pytest.raises(AccuracyError):
        distill(gram(BEAM, x), y, float(np.mean(y * y)) * (1 - 1e-7), tolerance=1e-8)
    with pytest.raises(AccuracyError):  # no three digits
        distill(gram(BEAM, [0.2, 0.200001, 0.7]), [1.0, -1.0, 1.0], 1e-6)
