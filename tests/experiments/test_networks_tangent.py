import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdtheory import Spectrum, distill
from sdtheory.formulas.filters import gradient_flow, match, tikhonov
from sdtheory.validation import InvalidInputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Imported when a test runs: JAX takes seconds to load, and collection does not need it."""
    global jax, jnp, ravel_pytree, tangent  # noqa: PLW0603
    pytest.importorskip("jax", reason="needs the extra nn")
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    from sdtheory.experiments.networks import tangent


EPSILON = 0.1


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(9, 3))
    return x, np.sign(x[:, 0]) + 0.5 * rng.normal(size=9), rng.normal(size=(4, 3))


def jacobian(network, x):
    """Return the Jacobian at the initial parameters, by plain differentiation."""
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(network)
        return np.asarray(jax.jit(jax.jacrev(lambda theta: unravel(theta)(jnp.asarray(x))))(flat))


@pytest.mark.parametrize(("depth", "scale"), [(1, 1.0), (3, 0.3)])
def test_kernel_is_the_contracted_jacobian(problem, depth, scale):
    x, _, x_new = problem
    network = tangent.make_network(3, 7, depth, 0, scale=scale)
    J, J_new = jacobian(network, x), jacobian(network, x_new)
    found = tangent.tangent_kernel(network, x)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, J @ J.T, rtol=1e-12, atol=1e-13 * np.max(found))
    cross = tangent.tangent_kernel(network, x, x_new)
    np.testing.assert_allclose(cross, J_new @ J.T, rtol=1e-12, atol=1e-12 * np.max(found))
    # control: another network's Jacobian
    other = jacobian(tangent.make_network(3, 7, depth, 1, scale=scale), x)
    assert np.max(np.abs(found - other @ other.T)) > 0.01 * np.max(found)


def test_layers_inputs_and_outputs_have_the_scale_of_the_parametrisation():
    x = np.ones((1, 5))
    with jax.enable_x64(True):
        values = [float(tangent.make_network(5, 400, 2, seed)(x)[0]) for seed in range(200)]
    rng = np.random.default_rng(0)
    # the variance of the limiting Gaussian process, by the recursion over layers
    variance = tangent.WEIGHT**2 + tangent.BIAS**2
    for _ in range(2):
        h = np.tanh(np.sqrt(variance) * rng.normal(size=200_000))
        variance = tangent.WEIGHT**2 * np.mean(h**2) + tangent.BIAS**2
    # the sample variance of 200 normals has relative standard deviation 0.1
    assert abs(np.var(values) / variance - 1) < 0.4


def test_linearised_network_is_the_papers_problem(problem):
    x, y, x_new = problem
    n = len(y)
    network = tangent.make_network(3, 6, 2, 0)
    J = jacobian(network, x)
    chain = distill(J @ J.T / n, y, EPSILON)
    c = chain.c[0]
    # ridge regression on the parameters, with no kernel in sight
    s = np.linalg.solve(J.T @ J / n + c * np.eye(J.shape[1]), J.T @ y / n)
    np.testing.assert_allclose(tangent.linear_shift(network, x, chain.dual(0) / n), s, rtol=1e-9)
    np.testing.assert_allclose(tangent.linear_values(network, s, x), chain.y[1], rtol=1e-9)
    assert np.mean((J @ s - y) ** 2) == pytest.approx(EPSILON, rel=1e-10)
    cross = tangent.tangent_kernel(network, x, x_new) / n
    np.testing.assert_allclose(
        tangent.linear_values(network, s, x_new), chain.predict(cross, 0), rtol=1e-9
    )
    rows, c_chain, norms = tangent.kernel_chain(chain.spectrum, y, EPSILON, "penalised", 1.0)
    np.testing.assert_allclose(rows, chain.y, atol=1e-12)
    np.testing.assert_allclose(c_chain, chain.c, rtol=1e-12)
    assert norms[0] == pytest.approx(np.linalg.norm(s), rel=1e-9)
    # no other change that meets the tolerance is shorter
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = s + 0.3 * np.linalg.norm(s) * rng.normal(size=s.size) / np.sqrt(s.size)
        residual = J @ other - y
        keep = np.sqrt(n * EPSILON) / np.linalg.norm(residual)
        admissible = other + np.linalg.pinv(J) @ ((min(keep, 1.0) - 1) * residual)
        assert np.mean((J @ admissible - y) ** 2) <= EPSILON * (1 + 1e-9)
        assert np.linalg.norm(admissible) > np.linalg.norm(s)


def test_gradient_descent_on_the_linearised_network_is_its_filter(problem):
    x, y, _ = problem
    n = len(y)
    J = jacobian(tangent.make_network(3, 6, 1, 0), x)
    spectrum = Spectrum.from_gram(J @ J.T / n)
    z = spectrum.to_eigenbasis(y)
    rate = 0.7 / spectrum.d[-1]
    phi, c = tangent.stopped_filter(spectrum.d, z, EPSILON, rate)
    s, steps = np.zeros(J.shape[1]), 1 / (c * rate)
    for share in [*[1.0] * int(steps), steps % 1]:
        s = s - share * rate * J.T @ (J @ s - y) / n
    np.testing.assert_allclose(spectrum.V @ J @ s, phi * z, rtol=1e-9, atol=1e-12)
    assert np.mean((J @ s - y) ** 2) == pytest.approx(EPSILON, rel=1e-9)
    # small steps are gradient flow, and not Tikhonov's filter at the same residual
    slow, _ = tangent.stopped_filter(spectrum.d, z, EPSILON, 0.01 / spectrum.d[-1])

    def residual(filtered):
        return float(np.mean(((1 - filtered) * z) ** 2))

    flow, ridge = (
        family(spectrum.d, match(family, spectrum.d, residual, EPSILON))
        for family in (gradient_flow, tikhonov)
    )
    assert np.max(np.abs(slow - flow)) < 0.01
    assert np.max(np.abs(slow - ridge)) > 0.05


@pytest.mark.parametrize(("width", "depth"), [(64, 1), (300, 2)])
def test_penalised_fit_is_stationary(problem, width, depth):
    x, y, _ = problem
    network = tangent.make_network(3, width, depth, 0)
    fit = tangent.penalised_fit(network, x, y, EPSILON)
    assert fit.defect < 1e-4
    assert np.mean((fit.values - y) ** 2) == pytest.approx(EPSILON, rel=1e-4)
    np.testing.assert_allclose(
        tangent.network_values(network, fit.shift, x), fit.values, rtol=1e-10, atol=1e-12
    )

    def slope(c):
        """Gradient of the penalised loss by plain differentiation, over that of the penalty."""
        with jax.enable_x64(True):
            flat, unravel = ravel_pytree(network)
            start = network(jnp.asarray(x))

            def loss(s):
                f = unravel(flat + s)(jnp.asarray(x)) - start
                return jnp.mean((f - y) ** 2) + c * jnp.sum(s**2)

            gradient = np.asarray(jax.jit(jax.grad(loss))(jnp.asarray(fit.shift)))
        return np.linalg.norm(gradient) / np.linalg.norm(2 * c * fit.shift)

    assert slope(fit.c) < 1e-3
    assert slope(1.1 * fit.c) > 0.05  # control


def test_stopped_fit_descends_the_gradient(problem):
    x, y, _ = problem
    network = tangent.make_network(3, 40, 1, 0)
    rate = 0.5 / np.linalg.eigvalsh(tangent.tangent_kernel(network, x) / len(y))[-1]
    fit = tangent.stopped_fit(network, x, y, EPSILON, rate)
    assert np.mean((fit.values - y) ** 2) == pytest.approx(EPSILON, rel=1e-9)
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(network)
        start = network(jnp.asarray(x))

        def half_loss(s):
            return jnp.mean((unravel(flat + s)(jnp.asarray(x)) - start - y) ** 2) / 2

        s, steps, slope = jnp.zeros_like(flat), 1 / (fit.c * rate), jax.jit(jax.grad(half_loss))
        for share in [*[1.0] * int(steps), steps % 1]:
            s = s - share * rate * slope(s)
    np.testing.assert_allclose(fit.shift, s, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("number", range(2))
def test_wide_networks_follow_their_kernel(problem, number):
    methods = tangent.METHODS
    assert len(methods) == 2
    x, y, x_new = problem
    case = tangent.Problem(x, y, y, x_new, np.ones(4))
    gaps = []
    for width in (64, 4096):
        found = [
            tangent.compare(case, tangent.make_network(3, width, 1, seed), EPSILON, methods[number])
            for seed in range(3)
        ]
        gaps.append(np.mean([one["gap"][0] for one in found]))
        assert all(one["rounds_network"] == len(one["gap"]) for one in found)
        assert all(max(one["defect"]) < tangent.STATIONARY for one in found)
        assert min(one["gap_unrelated"][0] for one in found) > 0.1
    assert gaps[1] < 0.2 * gaps[0]


def test_zero_is_the_fit_where_the_tolerance_allows_it(problem):
    x, y, _ = problem
    network = tangent.make_network(3, 8, 1, 0)
    large = 2 * float(np.mean(y**2))
    for fit in (
        tangent.penalised_fit(network, x, y, large),
        tangent.stopped_fit(network, x, y, large, 0.1),
    ):
        assert not np.any(fit.shift)
        assert not np.any(fit.values)
        assert fit.defect == 0
        assert np.isinf(fit.c)


def test_double_precision_does_not_leak(problem):
    x, y, _ = problem
    tangent.penalised_fit(tangent.make_network(3, 8, 1, 0), x, y, EPSILON)
    assert jnp.ones(1).dtype == jnp.float32


def test_groups_and_retained_shares():
    groups = tangent.dyadic_groups(11)
    assert [list(range(11))[g] for g in groups] == [[10], [9], [7, 8], [3, 4, 5, 6], [0, 1, 2]]
    V = np.linalg.qr(np.random.default_rng(0).normal(size=(11, 11)))[0]
    y = np.arange(1.0, 12.0)
    B = np.repeat([0.1, 0.4, 0.6, 0.8, 0.9], [3, 4, 2, 1, 1])
    found = tangent.retained(V, V.T @ (B * (V @ y)), y)
    np.testing.assert_allclose(found, [0.9, 0.8, 0.6, 0.4, 0.1], rtol=1e-12)


def test_problems():
    one = tangent.digits_problem(0, train=40, test=30, noise=0.25)
    assert one.x.shape == (40, 64)
    assert set(one.y) == {-1.0, 1.0}
    np.testing.assert_allclose(np.mean(one.x**2, axis=1), 1, rtol=1e-12)
    assert 0 < np.mean(one.y != one.clean) < 0.5
    assert tangent.example_problem().x.shape == (11, 1)


def test_a_sweep_goes_on_where_it_was(tmp_path):
    units = [tangent.Unit("example", "penalised", 1, 64, 1.0, seed) for seed in range(3)]
    path, whole = tmp_path / "part.json", tmp_path / "whole.json"
    tangent.sweep(units[:2], path, progress=False)
    assert json.loads(path.read_text())["planned"] == 2
    kept = path.read_text().splitlines()[3:5]
    tangent.sweep(units, path, progress=False)
    tangent.sweep(units, whole, progress=False)
    assert path.read_text() == whole.read_text()
    assert [line.rstrip(",") for line in kept] == [
        line.rstrip(",") for line in path.read_text().splitlines()[3:5]
    ]
    assert list(json.loads(path.read_text())["units"]) == [str(unit) for unit in units]
    assert json.loads(path.read_text())["planned"] == 3
    assert [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name] == []


def test_a_sweep_refuses_a_file_that_is_not_its_own(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"configuration": {}, "units": {}}')
    with pytest.raises(InvalidInputError, match="another configuration"):
        tangent.sweep([], path, progress=False)
    path.write_text("[]")
    with pytest.raises(InvalidInputError, match="not a result file"):
        tangent.sweep([], path, progress=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tangent.make_network(3, 0, 1, 0), "width = 0"),
        (
            lambda: tangent.penalised_fit(tangent.make_network(1, 2, 1, 0), [1.0], [2.0], 0),
            "epsilon",
        ),
        (
            lambda: tangent.stopped_fit(
                tangent.make_network(1, 2, 1, 0), [1.0], [[2.0, 1.0]], 0.1, 0.1
            ),
            "one label",
        ),
        (
            lambda: tangent.compare(
                tangent.example_problem(), tangent.make_network(1, 2, 1, 0), 0.1, "magic"
            ),
            "method is 'magic'",
        ),
        (
            lambda: tangent.run_unit(tangent.Unit("moons", "stopped", 1, 2, 1.0, 0)),
            "data is 'moons'",
        ),
        (
            lambda: tangent.stopped_filter(np.array([1e-9, 1.0]), np.ones(2), 0.1, 0.01),
            "not met within",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_cells_are_chosen_by_configuration():
    names = ("data", "method", "depth", "scale", "width")
    kinds = [("digits", "penalised", 1, 1.0, w) for w in (128, 64, 64)]
    kinds += [("digits", "penalised", 2, 1.0, 64), ("digits", "stopped", 1, 1.0, 64)]
    cells = [
        dict(zip(names, kind, strict=True)) | {"gap": [k, 2 * k, 3 * k]}
        for k, kind in enumerate(kinds)
    ]
    found = tangent.by_width(cells)
    assert list(found) == [64, 128]
    np.testing.assert_array_equal(tangent.by_seed(found[64], "gap", 2), [[1, 2], [2, 4]])
    assert [cell["gap"][0] for cell in tangent.by_width(cells, method="stopped")[64]] == [4]


def test_the_committed_results_are_the_sweeps():
    path = Path(__file__).parent.parent.parent / "book" / "results" / "tangent_width.json"
    units = json.loads(path.read_text(encoding="utf-8"))["units"]
    assert list(units) == [str(unit) for unit in tangent.committed_units()]
    unit = tangent.Unit("example", "penalised", 1, 64, 1.0, 0)
    kept, found = units[str(unit)], tangent.run_unit(unit)
    # the solver's precision and the file's digits; another library may round otherwise
    np.testing.assert_allclose(found["gap"][:3], kept["gap"][:3], rtol=1e-2)
    np.testing.assert_allclose(found["c_kernel"], kept["c_kernel"], rtol=1e-4)
    other = units[str(replace(unit, seed=1))]
    assert abs(found["gap"][0] / other["gap"][0] - 1) > 0.05
