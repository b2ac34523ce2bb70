"""The O(n) splines against the dense solver, sine transforms and 50 digits."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from long_precision import beam, bridge, chain
from numpy.testing import assert_allclose

from sdtheory import distill, multiplier
from sdtheory.datasets import load_example
from sdtheory.kernels import BrownianBridge, PeriodicSobolev, SimplySupportedBeam, gram
from sdtheory.linalg.smoother import Fit, Knots, Spline, evaluate, follow, solve
from sdtheory.solvers import AccuracyError, KernelOperator, spline
from sdtheory.solvers.chain import Outcome
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

KERNELS = {1: BrownianBridge(), 2: SimplySupportedBeam()}
ORDERS = pytest.mark.parametrize("order", [1, 2])


def distill_spline(kernel, x, *arguments, **options):
    return distill(KernelOperator(kernel, x), *arguments, solver="spline", **options)


def smoothed(curve, c, y):
    fit = curve.resolvent(c).sweep(curve.cut(y))
    return Fit(*(curve.join(a) for a in (fit.values, fit.residual, fit.curvature)))


def noisy(n, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, np.sin(6 * x) + noise * rng.standard_normal(n)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


class Grid:
    """k/N, k = 1..n with N = n + 1: discrete sines diagonalise G exactly (T-example)."""

    def __init__(self, n, order):
        self.x = np.arange(1, n + 1) / (n + 1)
        sine2 = np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
        N = n + 1
        self.d = {
            1: 1 / (4 * N * sine2),
            2: N / (2 * N) ** 4 * (3 - 2 * sine2) / (3 * sine2**2),
        }[order] / n

    @staticmethod
    def transform(y):
        return scipy.fft.dst(y, type=1, norm="ortho", axis=0)


# the resolvent


@ORDERS
@pytest.mark.parametrize("n", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("c", [1e4, 1.0, 1e-2, 1e-4])
def test_resolvent_is_the_dense_one(order, n, c):
    x = np.sort(noisy(n, n)[0])
    y = np.random.default_rng(n).standard_normal((n, 2))
    G = gram(KERNELS[order], x)
    alpha = np.linalg.solve(c * np.eye(n) + G, y)
    own = Spline.through(Knots.from_inputs(x), order)
    # the dense solve's error
    tolerance = 100 * np.finfo(float).eps * (1 + G.max() * n / c)
    fit = smoothed(own, c, y)
    assert relative(fit.residual, c * alpha) < tolerance
    assert relative(fit.values, G @ alpha) < 10 * tolerance
    x_new = np.linspace(0, 1, 13)
    expected = gram(KERNELS[order], x, x_new) @ alpha
    assert relative(evaluate(x, fit, x_new), expected) < 10 * tolerance

    wrong = Spline(own.gaps, own.counts, n + 1, order, own.length)
    assert relative(smoothed(wrong, c, y).values, G @ alpha) > 1e-5
    other = Spline.through(Knots.from_inputs(x), 3 - order)
    assert relative(smoothed(other, c, y).values, G @ alpha) > 1e-3


@ORDERS
@pytest.mark.parametrize("length", [2, 5, 39, 200])
def test_length_of_the_stretches_changes_rounding_only(order, length):
    x, y = noisy(100, 3)
    knots = Knots.from_inputs(x)
    chosen = Spline.through(knots, order)
    other = Spline(chosen.gaps, knots.counts, knots.n, order, length)
    for c in (1e2, 1e-3, 1e-8, 1e-20):
        fits = [smoothed(s, c, y[:, None][np.argsort(x)]) for s in (chosen, other)]
        for name in ("values", "residual"):
            assert relative(getattr(fits[0], name), getattr(fits[1], name)) < 1e-11
        mirrored = smoothed(chosen.mirrored(), c, y[:, None][np.argsort(x)][::-1])
        assert relative(mirrored.residual[::-1], fits[0].residual) < 1e-11
        assert np.any(mirrored.residual[::-1] != fits[0].residual)


@ORDERS
@pytest.mark.parametrize("c", [1e2, 1e-3, 1e-7, 1e-12, 1e-18, 1e-26])
def test_many_points_on_a_grid_against_the_sine_transform(order, c):
    n = 20_000
    grid = Grid(n, order)
    y = np.sin(6 * grid.x) + 0.3 * np.random.default_rng(1).standard_normal(n)
    z = grid.transform(y)
    w = grid.transform(c / (c + grid.d) * z)
    values = grid.transform(grid.d / (c + grid.d) * z)
    fit = smoothed(Spline.through(Knots.from_inputs(grid.x), order), c, y[:, None])
    assert relative(fit.residual[:, 0], w) < 3e-11
    assert relative(fit.values[:, 0], values) < 3e-12


def reinsch(x, y, c):
    """Return the beam's residual the textbook way: second differences, banded Cholesky."""
    n, knots = len(x), np.concatenate([[0.0], x, [1.0]])
    h = np.diff(knots)
    Q = np.stack([1 / h[:-1], -1 / h[:-1] - 1 / h[1:], 1 / h[1:]])  # rows f_{i-1}, f_i, f_{i+1}
    scale = n * c
    bands = np.zeros((3, n))
    bands[2] = (h[:-1] + h[1:]) / 3 + scale * (
        Q[1] ** 2
        + np.where(np.arange(n) > 0, Q[0] ** 2, 0)
        + np.where(np.arange(n) < n - 1, Q[2] ** 2, 0)
    )
    bands[1, 1:] = h[1:-1] / 6 + scale * (Q[1, :-1] * Q[0, 1:] + Q[2, :-1] * Q[1, 1:])
    bands[0, 2:] = scale * Q[2, :-2] * Q[0, 2:]
    padded = np.concatenate([[0.0], y, [0.0]])
    curvature = scipy.linalg.solveh_banded(bands, Q[0] * padded[:-2] + Q[1] * y + Q[2] * padded[2:])
    gamma = np.concatenate([[0.0], curvature, [0.0]])
    left = np.concatenate([Q[2], [0.0]])[:-1]
    back = Q[1] * curvature
    back[1:] += left[:-1] * curvature[:-1]
    back[:-1] += Q[0, 1:] * gamma[2:-1]
    return scale * back


def test_the_textbook_way_fails_where_this_one_does_not():
    errors = {}
    for n in (50, 20_000):
        grid, c = Grid(n, 2), 1e-3
        y = np.sin(6 * grid.x) + 0.3 * np.random.default_rng(1).standard_normal(n)
        w = grid.transform(c / (c + grid.d) * grid.transform(y))
        own = smoothed(Spline.through(Knots.from_inputs(grid.x), 2), c, y[:, None])
        errors[n] = relative(reinsch(grid.x, y, c), w), relative(own.residual[:, 0], w)
    assert errors[50][0] < 1e-9  # it is the same spline
    assert errors[20_000][0] > 1e-4
    assert errors[20_000][1] < 1e-12


# the chain


CHAINS = {1: bridge, 2: beam}


@ORDERS
@pytest.mark.parametrize("x", [[0.1, 0.35, 0.4, 0.62, 0.81, 0.97], [0.0, 0.02, 0.3, 0.3, 0.6, 1.0]])
def test_chain_to_fifty_digits(order, x):
    y = np.stack([np.sin(6 * np.array(x)), np.cos(3 * np.array(x))], axis=1)
    y += 0.2 * np.random.default_rng(5).standard_normal(y.shape)
    knots = Knots.from_inputs(np.array(x))
    floor = float(np.sum((y - knots.spread(knots.average(y).high)) ** 2)) / 6
    energy = float(np.sum(y**2)) / 6
    for share in (0.3, 0.02, 1e-3):
        epsilon = floor + share * (energy - floor)
        c, rows = chain(CHAINS[order], x, y, epsilon, 4)
        found = distill_spline(KERNELS[order], x, y, epsilon, 4)
        assert_allclose(found.c, c, rtol=1e-11)
        assert_allclose(found.y, rows, rtol=0, atol=1e-11)


@ORDERS
def test_dual_is_the_residual_and_keeps_its_digits_near_collapse(order):
    x = [0.1, 0.35, 0.4, 0.62, 0.81, 0.97]
    y = np.cos(np.arange(6.0))
    for share in (0.03, 1 - 1e-7):
        epsilon = float(np.mean(y**2)) * share
        c, _ = chain(CHAINS[order], x, y[:, None], epsilon, 1)
        found = distill_spline(KERNELS[order], x, y, epsilon, 1)
        assert_allclose(found.c, c, rtol=1e-11 if share < 0.5 else 1e-9)
        assert_allclose(y - found.c[0] * found.dual(0), found.y[1], rtol=0, atol=1e-13)


def awkward(seed):
    """Return a kernel's order, clustered inputs, labels and a tolerance."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    x = rng.random(n)
    if seed % 2:
        x[: n // 2] = x[-1] * (1 - 10 ** -rng.uniform(2, 9) * rng.random(n // 2))
    y = np.sin(5 * x)[:, None] + rng.choice([0.01, 1]) * rng.standard_normal((n, 1))
    return 1 + seed // 2 % 2, x, y, float(np.mean(y * y)) * 10 ** -rng.uniform(0.1, 5)


@pytest.mark.parametrize("seed", range(24))
def test_no_wrong_digit_passes_silently(seed):
    order, x, y, epsilon = awkward(seed)
    try:
        found = distill_spline(KERNELS[order], x, y, epsilon, 5)
    except AccuracyError:
        assert seed % 2, "only clusters may be refused"
        return
    c, _ = chain(CHAINS[order], x, y, epsilon, 5)
    assert len(c) == found.n_rounds
    assert np.all(np.abs(found.c / c - 1) <= found.c_error)
    assert np.all(found.c_error <= 1e-8)


@ORDERS
@pytest.mark.parametrize("near", [5e-324, 1e-300, 1e-16, 0.5 + 2.0**-53, 1 - 2.0**-53])
@pytest.mark.parametrize("epsilon", [0.1, 0.6, 1.0, 2.2])
def test_inputs_at_rounding_distance(order, near, epsilon):
    x, y = [near, 0.5], np.array([[1.0], [2.0]])
    try:
        found = distill_spline(KERNELS[order], x, y, epsilon, 3)
    except (AccuracyError, InfeasibleToleranceError):
        assert epsilon < 1.1  # half of the energy of either label: their mean, or one, fits
        return
    c, rows = chain(CHAINS[order], x, y, epsilon, 3)
    assert_allclose(found.c, c, rtol=1e-8)
    assert_allclose(found.y, rows, rtol=0, atol=1e-8)


def test_clusters_keep_their_digits_where_floats_lose_them(monkeypatch):
    x = [0.2, 0.2 + 1e-10, 0.2 + 2e-10, 0.7, 0.7 + 1e-8, 0.999999]
    y = np.random.default_rng(6).standard_normal((6, 1))
    epsilon = float(np.mean(y * y)) / 50
    c, _ = chain(beam, x, y, epsilon, 4)
    found = distill_spline(KERNELS[2], x, y, epsilon, 4)
    assert len(c) == found.n_rounds
    assert np.all(np.abs(found.c / c - 1) <= found.c_error)
    assert np.max(found.c_error) < 1e-13
    # the same chain in floats alone, as for many points
    monkeypatch.setattr(spline, "_MANY", 0)
    monkeypatch.setattr(spline, "_DOUBLED", 0)
    with pytest.raises(AccuracyError, match="distances differ"):
        distill_spline(KERNELS[2], x, y, epsilon, 4)
    # so that the refusal was right: floats do not know the residual at the true multiplier
    fit = smoothed(Spline.through(Knots.from_inputs(np.array(x)), 2), c[0], y)
    assert abs(np.sum(fit.residual**2) / (6 * epsilon) - 1) > 1e-8


def test_dense_route_loses_what_this_one_keeps():
    x = [0.2, 0.2001, 0.2002, 0.2003, 0.7, 0.7001, 0.7002, 0.7003]
    y = np.random.default_rng(2).standard_normal((8, 1))
    epsilon = 1e-2
    c, _ = chain(beam, x, y, epsilon, 1)
    own = distill_spline(KERNELS[2], x, y, epsilon, 1)
    dense = distill(gram(KERNELS[2], x), y, epsilon, 1, solver="eigh", tolerance=math.inf)
    assert abs(own.c[0] / c[0] - 1) < 1e-12
    assert 1e-6 < abs(dense.c[0] / c[0] - 1) < dense.c_error[0]
    with pytest.raises(AccuracyError, match="KernelOperator"):
        distill(gram(KERNELS[2], x), y, epsilon, 1, tolerance=1e-7)


@ORDERS
@pytest.mark.parametrize("q", [1, 3])
def test_chain_of_the_dense_route(order, q):
    x, _ = noisy(300, 7)
    x[40:60] = x[:20]  # repeated, and not sorted
    x[0], x[1] = 0.0, 1.0
    y = np.sin(6 * x)[:, None] + 0.3 * np.random.default_rng(8).standard_normal((300, q))
    y = y if q > 1 else y[:, 0]
    G = gram(KERNELS[order], x)
    epsilon = 0.1 * q
    dense = distill(G, y, epsilon)
    own = distill_spline(KERNELS[order], x, y, epsilon)
    # backward error of the eigendecomposition, d_max / c, and what condition makes of it
    loss = 300 * np.finfo(float).eps * dense.spectrum.d[-1] / dense.c[0]
    assert own.n_rounds == dense.n_rounds > 1
    assert own.outcome is dense.outcome is Outcome.COLLAPSED
    assert own.n_rounds_range == dense.n_rounds_range
    assert_allclose(own.c, dense.c, rtol=loss)
    assert_allclose(own.r, dense.r, rtol=loss)
    assert_allclose(own.y, dense.y, rtol=0, atol=10 * loss)
    assert_allclose(own.sensitivity, dense.trajectory.sensitivity, rtol=1e-6)
    assert np.array_equal(own.y[0], y)
    x_new = np.linspace(0, 1, 41)
    for t in range(own.n_rounds + 1):
        expected = dense.predict(gram(KERNELS[order], x, x_new), t)
        assert_allclose(own.predict(x_new, t), expected, rtol=0, atol=10 * loss)
        assert_allclose(gram(KERNELS[order], x, x_new) @ own.dual(t), expected, atol=10 * loss)
    assert not np.allclose(own.c, distill(G * 300, y, epsilon).c)  # the paper's 1/n


@ORDERS
@pytest.mark.parametrize("error", [0.0, 1e-7])
def test_second_chain_follows_to_the_root_of_its_own_labels(order, error):
    x, y = noisy(3000, 9)
    x, labels = np.sort(x), y[np.argsort(x)][:, None]
    curve = Spline.through(Knots.from_inputs(x), order)
    other, rho2 = curve.mirrored(), 3000 * 0.08
    root = solve(curve, curve.cut(labels), float(np.sum(labels**2)) - rho2, rho2, None)
    turned = replace(root, shrunk=other.cut(curve.join(root.shrunk)[::-1]))
    changed = (1 + error) * labels[::-1]
    given = other, other.cut(changed), float(np.sum(changed**2)) - rho2, rho2
    own = solve(*given, None)
    apart, fit = follow(*given, turned)
    assert (apart > 1e-10) == (error > 0)  # control: labels in error are seen, at their size
    assert_allclose(apart, abs(own.c / root.c - 1), rtol=1e-4, atol=1e-12)
    assert relative(other.join(fit.values), other.join(own.fit.values)) < 1e-11
    assert relative(other.join(fit.residual), other.join(own.fit.residual)) < 1e-11


@ORDERS
@pytest.mark.parametrize("epsilon", [0.2, 0.08, 1e-3])
def test_multipliers_of_many_points(order, epsilon):
    n = 30_000
    grid = Grid(n, order)
    y = np.sin(6 * grid.x) + 0.3 * np.random.default_rng(3).standard_normal(n)
    own = distill_spline(KERNELS[order], grid.x, y, epsilon, 3)
    z = grid.transform(y)
    for t, c in enumerate(own.c):
        exact = multiplier.solve(grid.d, z, epsilon)
        assert abs(c / exact.c - 1) < 1e-11
        # the sine transform has rounding errors of its own, amplified alike
        assert abs(c / exact.c - 1) < own.c_error[t] + 10 * exact.r * exact.sensitivity * 2.0**-52
        assert abs(own.sensitivity[t] / exact.sensitivity - 1) < 1e-5
        z = z * (grid.d / (exact.c + grid.d))
    assert own.n_rounds >= 1


@ORDERS
def test_scale_of_the_labels_does_not_matter(order):
    x, y = noisy(50, 2)
    chains = [distill_spline(KERNELS[order], x, y * 2.0**k, 0.1 * 4.0**k) for k in (-400, 0, 300)]
    for k, other in zip((-400, 300), chains[::2], strict=True):
        assert np.array_equal(other.c, chains[1].c)
        assert np.array_equal(other.y, chains[1].y * 2.0**k)


def test_the_paper_example():
    data = load_example()
    dense = distill(gram(SimplySupportedBeam(), data.x), data.y, 0.045)
    own = distill_spline(SimplySupportedBeam(), data.x, data.y, 0.045)
    assert_allclose(own.c, dense.c, rtol=1e-10)
    with pytest.raises(InfeasibleToleranceError) as error:
        distill_spline(SimplySupportedBeam(), data.x, data.y, 0.02)
    with pytest.raises(InfeasibleToleranceError) as expected:
        distill(gram(SimplySupportedBeam(), data.x), data.y, 0.02)
    assert_allclose(error.value.smallest_feasible, expected.value.smallest_feasible, rtol=1e-12)


@ORDERS
def test_the_kernel_at_one_training_point_is_not_taken_for_inputs(order):
    kernel, x, x_new = KERNELS[order], [0.5], [0.25, 0.9]
    chain = distill(KernelOperator(kernel, x), [1.0], 0.1)
    assert chain.solver == "spline"
    expected = distill(gram(kernel, x), [1.0], 0.1).predict(gram(kernel, x, x_new), 0)
    assert_allclose(chain.predict(gram(kernel, x, x_new), 0), expected, rtol=1e-12)
    assert_allclose(chain.predict(x_new, 0), expected, rtol=1e-12)


@ORDERS
def test_ends_of_a_chain(order):
    x, y = noisy(20, 4)
    energy = float(np.mean(y**2))
    kernel = KERNELS[order]
    trivial = distill_spline(kernel, x, y, 2 * energy)
    assert (trivial.outcome, trivial.n_rounds, trivial.collapsed) == (Outcome.TRIVIAL, 0, True)
    assert np.all(trivial.predict([0.5], 0) == 0)
    assert distill_spline(kernel, x, 0 * y, 1.0).outcome is Outcome.TRIVIAL
    cut = distill_spline(kernel, x, y, energy / 50, 1)
    assert (cut.outcome, cut.n_rounds, cut.n_rounds_range) == (Outcome.COMPLETED, 1, (1, 1))
    with pytest.raises(InvalidInputError, match="round t = 1 was not run"):
        cut.predict([0.5], 1)
    with pytest.raises(InvalidInputError, match="t must be a round number"):
        cut.dual(-1)
    for share in (1 - 2.0**-52, 1 + 2.0**-52):
        near = distill_spline(kernel, x, y, energy * share)
        assert near.outcome is Outcome.NEAR_COLLAPSE
        assert near.n_rounds_range == (0, 1)


@ORDERS
def test_only_ends(order):
    with pytest.raises(InfeasibleToleranceError, match=r"smallest|above"):
        distill_spline(KERNELS[order], [0.0, 1.0], [1.0, 2.0], 0.1)
    assert distill_spline(KERNELS[order], [0.0, 1.0], [1.0, 2.0], 10).outcome is Outcome.TRIVIAL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PeriodicSobolev(), [0.1], [1.0], 0.1), "solver='spline' cannot start"),
        ((BrownianBridge, [0.1], [1.0], 0.1), "kernel must be callable"),
        ((BrownianBridge(), [0.1, np.nan], [1.0, 1.0], 0.1), "x holds 1 NaN"),
        ((BrownianBridge(), [0.1, 1.1], [1.0, 1.0], 0.1), "x spans"),
        ((BrownianBridge(), [[0.1, 0.2]], [1.0], 0.1), "x has 2 columns, but BrownianBridge"),
        ((BrownianBridge(), [0.1, 0.2], [1.0], 0.1), "y is of length 1"),
        ((BrownianBridge(), [0.1, 0.2], [1.0, np.inf], 0.1), "y holds 1 NaN"),
        ((BrownianBridge(), [0.1, 0.2], [1.0, 2.0], 0.0), "epsilon must be positive"),
        ((BrownianBridge(), [0.1, 0.2], [1.0, 2.0], 1e-200), "too small against the labels"),
        ((BrownianBridge(), [0.1, 0.2], [1.0, 2.0], 1e-20), "rounds must be given"),
        ((BrownianBridge(), [0.1, 0.2], [1.0, 2.0], 0.1, 0), "rounds must be an integer"),
    ],
)
def test_unusable_arguments(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        distill_spline(*arguments)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, np.nan, -1e-8])
def test_unusable_tolerance(tolerance):
    with pytest.raises(InvalidInputError, match="tolerance must"):
        distill_spline(BrownianBridge(), [0.1], [1.0], 0.1, tolerance=tolerance)


def test_memory_grows_linearly():
    peaks = []
    for n in (10_000, 40_000):
        x, y = noisy(n, 1)
        tracemalloc.start()
        distill_spline(SimplySupportedBeam(), x, y, 0.2, 2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 5 * peaks[0]
    assert peaks[1] < 500 * 40_000  # bytes: some sixty numbers a point
