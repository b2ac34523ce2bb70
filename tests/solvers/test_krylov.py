"""Quadrature from Lanczos against exact spectra, the dense solver, the splines and 50 digits."""

import functools
import tracemalloc

import fuzz_solvers
import numpy as np
import pytest
import scipy.sparse
from long_precision import beam, bridge, chain
from numpy.testing import assert_allclose
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.gaussian_process.kernels import RBF, Matern

from sdtheory import distill
from sdtheory.datasets import load_example
from sdtheory.kernels import BrownianBridge, SimplySupportedBeam, gram
from sdtheory.linalg import lanczos as krylov
from sdtheory.linalg.lanczos import Lanczos
from sdtheory.recursion import trajectory
from sdtheory.solvers import AccuracyError
from sdtheory.solvers.chain import Outcome
from sdtheory.solvers.krylov import _response
from sdtheory.solvers.operator import KernelOperator
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

distill_krylov = functools.partial(distill, solver="krylov")


def noisy(n, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, np.sin(6 * x) + noise * rng.standard_normal(n)


# the two rules and the enclosure


def spectra(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 30))
    d = (
        np.exp(-rng.uniform(0, 12, n)),
        rng.random(n) + 1e-3,
        1 / np.arange(1, n + 1) ** rng.uniform(1, 5),
    )[seed % 3]
    z = rng.standard_normal(n) * np.exp(rng.uniform(0, 3) * rng.standard_normal(n))
    return d, z, float(np.mean(z * z)) * np.exp(-rng.uniform(0.3, 6))


def rules(d, z):
    """Yield the quadrature after each product but the last, which is exact."""
    run = Lanczos(np.diag(d), z[:, None])
    for _ in range(len(d) - 1):
        run.extend()
        if not run.exhausted:
            yield run.quadrature()


@pytest.mark.parametrize("seed", range(12))
def test_gauss_and_radau_enclose_the_secular_function(seed):
    d, z, _ = spectra(seed)
    none = np.empty(0)
    strict = 0
    for rule in rules(d, z):
        for c in np.geomspace(1e-4, 1e2, 7) * d.max():
            exact = float(np.sum((c * z / (c + d)) ** 2))
            low, high = rule.enclose(c, none, none)
            rounding = 20 * exact * rule.rounding / c  # of the products
            assert low - rounding <= exact <= high + rounding
            strict += low < exact * (1 - 1e-9)
    assert strict > 20  # not by being exact


def test_what_the_first_round_fits_is_enclosed_without_cancellation():
    d, z, _ = spectra(2)
    closed = 0
    for rule in rules(d, z):
        for c in np.geomspace(1e3, 1e13, 6) * d.max():
            m = d / c
            exact = float(np.sum(z * z * m * (2 + m) / (1 + m) ** 2))
            low, high = rule.enclose_fit(c)
            rounding = 20 * rule.rounding / c * float(np.sum(z * z))  # of the products
            assert low - rounding <= exact <= high + rounding
            closed += high - low < 1e-11 * exact
    assert closed > 20


def test_every_round_is_enclosed_and_the_two_rules_alone_do_not():
    inside = outside_hull = closed = 0
    for seed in range(12):
        d, z, epsilon = spectra(seed)
        rho2 = len(d) * epsilon
        exact = trajectory(d, z, epsilon, 6)
        for rule in rules(d, z):
            for t, c in enumerate(exact.c):
                before = exact.c[:t]
                energy = float(np.sum((exact.z[t] * c / (c + d)) ** 2))
                low, high = rule.enclose(c, before, before)
                rounding = 20 * energy * sum(rule.rounding / exact.c[: t + 1])
                assert low - rounding <= energy <= high + rounding
                assert abs(energy / rho2 - 1) < 1e-12
                inside += 1
                closed += high < 1.01 * low
                # the naive interval: the energy by either rule
                either = [
                    float(
                        np.sum(
                            (roots[:, 0] * c / (c + nodes)) ** 2
                            * np.prod((nodes[:, None] / (before + nodes[:, None])) ** 2, axis=1)
                        )
                    )
                    for nodes, roots in (
                        (rule.nodes, rule.roots),
                        (rule.radau_nodes, rule.radau_roots),
                    )
                ]
                slack = rounding + 1e-12 * rho2
                wrong = not min(either) - slack <= energy <= max(either) + slack
                assert not (wrong and t == 0)
                outside_hull += wrong
    assert outside_hull > 0.02 * inside
    assert closed > 0.1 * inside


def test_bounds_of_earlier_rounds_enter_by_their_ends():
    d, z, epsilon = spectra(1)
    c = trajectory(d, z, epsilon / 20, 2).c
    *_, rule = rules(d, z)
    tight = rule.enclose(c[1], c[:1], c[:1])
    wide = rule.enclose(c[1], c[:1] * 0.9, c[:1] * 1.1)
    assert wide[0] < tight[0] <= tight[1] < wide[1]


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
    dense = distill(G, y, epsilon)
    own = distill_krylov(G, y, epsilon)
    loss = 250 * np.finfo(float).eps * dense.spectrum.d[-1] / dense.c[0]
    assert own.products < 25
    assert own.n_rounds == dense.n_rounds
    assert own.outcome is dense.outcome is Outcome.COLLAPSED
    assert own.n_rounds_range == dense.n_rounds_range
    assert np.all(own.c_error <= 1e-8)
    error = np.abs(own.c / dense.c - 1)
    assert np.all(error <= own.c_error + loss)
    low, high = own.c_interval.T
    assert np.all((low < dense.c * (1 + loss)) & (dense.c < high * (1 + loss)))
    distance = [float(np.linalg.norm(a - b)) for a, b in zip(own.y, dense.y, strict=True)]
    assert np.all(distance <= own.y_error + 1e-11)
    assert_allclose(own.r, dense.r, rtol=1e-7)
    x_new = np.linspace(0, 1, 31)
    for t in range(own.n_rounds + 1):
        expected = dense.predict(gram(kernel, x, x_new), t)
        assert_allclose(own.predict(gram(kernel, x, x_new), t), expected, rtol=0, atol=1e-4)
    assert not np.allclose(own.c, distill(2 * G, y, epsilon).c, rtol=1e-3)


def test_bounds_are_not_idle():
    x, y = noisy(250, 3)
    G = gram(BrownianBridge(), x)
    exact = distill(KernelOperator(BrownianBridge(), x), y, 0.12, solver="spline")
    rough = distill_krylov(G, y, 0.12, tolerance=1e-3)
    error = np.abs(rough.c / exact.c - 1)
    assert np.max(error) > 1e-8
    assert np.all(error <= rough.c_error)
    assert np.any(error > rough.c_error / 10)
    distance = np.linalg.norm(rough.y[1:] - exact.y[1:], axis=1)
    assert np.all(distance <= rough.y_error[1:])
    assert np.any(distance > rough.y_error[1:] / 10)
    assert rough.products < distill_krylov(G, y, 0.12).products


@pytest.mark.parametrize("epsilon", [0.2, 0.12, 0.09])
def test_a_search_that_will_not_close_is_not_begun(epsilon, monkeypatch):
    x, y = noisy(250, 3)
    G = gram(BrownianBridge(), x)
    calls = []
    enclose = krylov.Quadrature.enclose

    def counted(*arguments):
        calls.append(arguments)
        return enclose(*arguments)

    monkeypatch.setattr(krylov.Quadrature, "enclose", counted)
    own = distill_krylov(G, y, epsilon)
    # one for every product, and few for every round; a search from rounding up took 25 for each
    assert own.products <= len(calls) <= own.products + 8 * own.n_rounds


@pytest.mark.parametrize(
    ("kernel", "name"), [(SimplySupportedBeam(), beam), (BrownianBridge(), bridge)]
)
def test_chain_to_fifty_digits(kernel, name):
    x = np.array([0.1, 0.35, 0.4, 0.62, 0.81, 0.97])
    y = np.stack([np.sin(6 * x), np.cos(3 * x)], axis=1)
    y += 0.2 * np.random.default_rng(5).standard_normal(y.shape)
    epsilon = 0.1 * float(np.mean(y**2))
    c, rows = chain(name, x, y, epsilon, 6)
    own = distill_krylov(gram(kernel, x), y, epsilon, 6)
    assert np.all(np.abs(own.c / c - 1) <= own.c_error)
    assert own.n_rounds == len(c) > 1
    assert np.all(np.linalg.norm(own.y - rows, axis=(1, 2)) <= own.y_error + 1e-14)


def test_many_points_without_storing_gram():
    # prefix sums of x_j y_j: an O(n) product for the bridge
    n = 100_000
    x, y = noisy(n, 0)
    order = np.argsort(x)
    s = x[order]

    def product(v):
        w = v.ravel()[order]
        result = np.empty(n)
        left = np.cumsum(s * w)
        right = np.cumsum(((1 - s) * w)[::-1])[::-1] - (1 - s) * w
        result[order] = ((1 - s) * left + s * right) / n
        return result

    operator = LinearOperator((n, n), matvec=product, dtype=float)
    tracemalloc.start()
    own = distill_krylov(operator, y, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    exact = distill(KernelOperator(BrownianBridge(), x), y, 0.1, solver="spline")
    assert own.products <= 25
    assert own.n_rounds == exact.n_rounds == 3
    assert np.all(np.abs(own.c / exact.c - 1) <= own.c_error + exact.c_error)
    assert peak < 100 * 8 * n


@pytest.mark.parametrize("kernel", [SimplySupportedBeam(), RBF(0.2)], ids=repr)
def test_operator_is_the_gram_matrix(kernel):
    x, y = noisy(100, 5)
    labels = np.stack([y, y**2], axis=1)
    G, operator = gram(kernel, x), KernelOperator(kernel, x)
    assert_allclose(operator @ labels, G @ labels, rtol=1e-12)
    assert_allclose(operator @ y, G @ y, rtol=1e-12)
    assert_allclose(operator.T @ y, G @ y, rtol=1e-12)
    own, stored = distill_krylov(operator, y, 0.12), distill_krylov(G, y, 0.12)
    assert_allclose(own.c, stored.c, rtol=1e-8)
    assert own.products == stored.products


def test_sparse_and_operator_are_accepted():
    G = gram(BrownianBridge(), np.linspace(0.05, 0.95, 12))
    y = np.sin(np.arange(12.0))
    expected = distill_krylov(G, y, 0.2)
    for other in (scipy.sparse.csr_array(G), aslinearoperator(G)):
        assert_allclose(distill_krylov(other, y, 0.2).c, expected.c, rtol=1e-8)


def test_outputs_that_depend_on_each_other():
    x, y = noisy(40, 6)
    G = gram(BrownianBridge(), x)
    own = distill_krylov(G, np.stack([3 * y, 0 * y, 4 * y], axis=1), 25 * 0.2)
    single = distill_krylov(G, y, 0.2)
    assert_allclose(own.c, single.c, rtol=1e-8)
    assert_allclose(own.y[1], single.y[1][:, None] * [3, 0, 4], atol=1e-3)
    dense = distill(G, y, 0.2)
    assert_allclose(own.dual(0)[:, 2], 4 * dense.dual(0), atol=20 * own.y_error[1] / own.c[0])


def test_singular_gram_and_infeasible_tolerances():
    data = load_example()  # inputs at 0 and 1, where the kernel vanishes
    G = gram(SimplySupportedBeam(), data.x)
    dense, own = distill(G, data.y, 0.045), distill_krylov(G, data.y, 0.045)
    assert_allclose(own.c, dense.c, rtol=1e-7)
    with pytest.raises(InfeasibleToleranceError) as error:
        distill_krylov(G, data.y, 0.02)
    with pytest.raises(InfeasibleToleranceError) as expected:
        distill(G, data.y, 0.02)
    assert_allclose(error.value.smallest_feasible, expected.value.smallest_feasible, rtol=1e-12)


def test_ends_of_a_chain():
    x, y = noisy(30, 7)
    G, energy = gram(BrownianBridge(), x), float(np.mean(y**2))
    trivial = distill_krylov(G, y, 2 * energy)
    assert (trivial.outcome, trivial.n_rounds, trivial.products) == (Outcome.TRIVIAL, 0, 0)
    assert np.array_equal(trivial.y, [y])
    assert np.all(trivial.dual(3) == 0)
    assert distill_krylov(G, 0 * y, 1.0).outcome is Outcome.TRIVIAL
    cut = distill_krylov(G, y, energy / 10, 1)
    assert (cut.outcome, cut.n_rounds_range) == (Outcome.COMPLETED, (1, 1))
    with pytest.raises(InvalidInputError, match="round t = 1 was not run"):
        cut.dual(1)
    with pytest.raises(InvalidInputError, match="g_x has 3 columns"):
        cut.predict(np.ones((2, 3)), 0)
    for share in (1 - 2.0**-52, 1 + 2.0**-52):
        near = distill_krylov(G, y, energy * share)
        assert (near.outcome, near.n_rounds_range) == (Outcome.NEAR_COLLAPSE, (0, 1))
    # epsilon at which round 1 is within the tolerance of collapse
    low, high = energy / 50, energy
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if distill(G, y, middle, 1).r[1] > 1 else (low, middle)
    near = distill_krylov(G, y, high)
    assert near.outcome is Outcome.NEAR_COLLAPSE
    assert near.n_rounds_range == (1, 2)


def test_scale_of_the_labels_does_not_matter():
    x, y = noisy(50, 2)
    G = gram(BrownianBridge(), x)
    base = distill_krylov(G, y, 0.1)
    for k in (-400, 300):
        other = distill_krylov(G, y * 2.0**k, 0.1 * 4.0**k)
        assert np.array_equal(other.c, base.c)
        assert np.array_equal(other.y, base.y * 2.0**k)
        assert np.array_equal(other.y_error, base.y_error * 2.0**k)


# refusals


def test_refuses_what_it_cannot_enclose():
    x, y = noisy(400, 1)
    with pytest.raises(AccuracyError, match="rounding alone leaves c_0"):
        distill_krylov(gram(RBF(0.2), x), y, 0.05)  # below the noise
    G = gram(BrownianBridge(), x)
    with pytest.raises(AccuracyError, match=r"after 5 products c_0.*not enclosed to 1e-08"):
        distill_krylov(G, y, 0.08, max_products=5)
    with pytest.raises(AccuracyError, match="pass distill a larger tolerance"):
        distill_krylov(G, y, 1e-3, max_products=60)  # too many rounds for the enclosure
    assert distill_krylov(G, y, 0.08, 1).n_rounds == 1


def test_error_of_inaccurate_products_is_counted():
    x, y = noisy(100, 1)
    G = gram(BrownianBridge(), x)
    noise = np.random.default_rng(2).standard_normal(G.shape)
    # products with errors of 1e-12: seen by their asymmetry
    spoilt = LinearOperator(G.shape, matvec=lambda v: G @ v + 1e-12 * noise @ v, dtype=float)
    exact, own = distill_krylov(G, y, 0.12), distill_krylov(spoilt, y, 0.12, tolerance=1e-6)
    assert own.c_error[0] > 10 * exact.c_error[0]
    single = G.astype(np.float32)
    rough = LinearOperator(G.shape, matvec=lambda v: single @ v.astype(np.float32), dtype=float)
    with pytest.raises(InvalidInputError, match=r"gram is not symmetric: inner products"):
        distill_krylov(rough, y, 0.12)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (-np.eye(3), "gram is indefinite"),
        (np.diag([1.0, np.nan, 1.0]), "NaN or infinite"),
        (np.triu(np.ones((3, 3))), "gram is not symmetric"),
        (np.ones((3, 2)), "gram must be a square"),
        (1j * np.eye(3), "gram must be a square, real"),
    ],
)
def test_unusable_products(matrix, message):
    with pytest.raises(InvalidInputError, match=message):
        distill_krylov(aslinearoperator(matrix), [1.0, 2.0, 3.0], 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gram": [[1.0, 2.0]]}, "gram must be square"),
        ({"gram": [[1.0, 2.0], [0.0, 1.0]]}, "gram is not symmetric"),
        ({"y": [1.0]}, "y is of length 1"),
        ({"y": [1.0, np.nan]}, "y holds 1 NaN"),
        ({"epsilon": -1.0}, "epsilon must be positive"),
        ({"epsilon": 1e-200}, "too small against the labels"),
        ({"epsilon": 1e-20}, "rounds must be given"),
        ({"rounds": 0}, "rounds must be an integer"),
        ({"tolerance": 0.0}, "tolerance must lie"),
        ({"max_products": 0}, "max_products must be an integer"),
    ],
)
def test_unusable_arguments(arguments, message):
    usable = {"gram": [[2.0, 1.0], [1.0, 2.0]], "y": [1.0, 2.0], "epsilon": 0.1}
    assert distill_krylov(**usable).n_rounds > 0
    with pytest.raises(InvalidInputError, match=message):
        distill_krylov(**(usable | arguments))


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda a, b: np.ones((len(a), 1)), r"kernel returned shape"),
        (lambda a, b: np.full((len(a), len(b)), 1j), "dtype complex128"),
        (BrownianBridge, "kernel must be callable"),
        (None, "kernel must be callable"),
    ],
)
def test_unusable_kernels(kernel, message):
    with pytest.raises(InvalidInputError, match=message):
        KernelOperator(kernel, [0.1, 0.2]) @ np.ones(2)


def test_eigenvalues_that_are_zero_have_no_smallest_tolerance():
    # seed found by the fuzzer: the products reach the eigenvalue 0 alone; warnings are errors here
    problem = fuzz_solvers.make(3084, "krylov")
    with pytest.raises(AccuracyError, match="eigenvalues up to 0") as refused:
        distill(problem.given, problem.y, problem.epsilon, problem.rounds, solver="krylov")
    assert "the smallest epsilon" not in str(refused.value)


def test_a_multiplier_that_underflows_moves_without_limit():
    d, z = np.array([[0.5], [1.0]]), np.ones((2, 1))
    assert _response(d, z, np.array([0.0]), 1e-16) == np.inf
    assert _response(d, z, np.array([0.1]), 1e-16) < 1e-14
