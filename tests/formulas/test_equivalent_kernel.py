"""The equivalent kernel: its formula, its recursion, and the fit it gives at new inputs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from sdtheory import Spectrum, distill, gram
from sdtheory.datasets import load_diabetes, load_digits
from sdtheory.evidence.certified import Verdict, certify
from sdtheory.evidence.floating import measure
from sdtheory.formulas.equivalent_kernel import EquivalentKernel, equivalent_eigenvalues
from sdtheory.kernels import BrownianBridge, PeriodicSobolev, SimplySupportedBeam
from sdtheory.statements import Instance, example, generalisation, outputs
from sdtheory.validation import InvalidInputError

NEW = np.linspace(0, 1, 57)
STATEMENTS = [
    s for module in (outputs, generalisation, example) for s in module.STATEMENTS if not s.refuted
]
IDS = [s.id for s in STATEMENTS]


def test_eigenvalues_are_the_product_formula_in_exact_fractions():
    d = [Fraction(1, 7), Fraction(2), Fraction(10**6)]
    c = [Fraction(1, 3), Fraction(1, 2), Fraction(9, 4)]
    found = equivalent_eigenvalues(np.array(d, dtype=object), np.array(c, dtype=object))
    for t in range(len(c)):
        product = [np.prod([1 + c_i / d_k for c_i in c[: t + 1]]) for d_k in d]
        assert list(found[t]) == [c[0] / (p - 1) for p in product]


def test_no_digits_are_lost_where_the_product_is_close_to_one():
    d, c = np.array([1e9]), np.array([1e-9, 2e-9])
    exact = Fraction(c[0]) / ((1 + Fraction(c[0]) / 10**9) * (1 + Fraction(c[1]) / 10**9) - 1)
    assert equivalent_eigenvalues(d, c)[-1, 0] == pytest.approx(float(exact), rel=1e-15)
    naive = c[0] / (np.prod(1 + c / d) - 1) if np.prod(1 + c / d) > 1 else np.inf
    assert naive != pytest.approx(float(exact), rel=1e-2)


def cases():
    x = np.linspace(0, 1, 11)
    y = np.sin(2 * np.pi * x) + 0.5 * np.cos(37 * x)
    yield SimplySupportedBeam(), x, y - np.where((x == 0) | (x == 1), y, 0)
    yield BrownianBridge(), x[1:-1], y[1:-1]
    yield PeriodicSobolev(), x[:-1], np.column_stack([y, y[::-1]])[:-1]
    yield RBF(0.1), x[:, None], y


@pytest.mark.parametrize(
    ("kernel", "x", "y"), list(cases()), ids=["beam", "bridge", "periodic", "rbf"]
)
class TestRidgeRegressionWithTheEquivalentKernel:
    def fits(self, kernel, x, y, t, ridge):
        chain = distill(gram(kernel, x), y, 0.03, rounds=6)
        assert chain.n_rounds > t
        new = NEW if x.ndim == 1 else NEW[:, None]
        equivalent = EquivalentKernel(kernel, x, chain.spectrum, chain.c[: t + 1])
        ridged = gram(equivalent, x) + chain.c[ridge] * np.eye(len(x))
        found = gram(equivalent, x, new) @ np.linalg.solve(ridged, y)
        expected = chain.predict(gram(kernel, x, new), t)
        condition = 1 + chain.spectrum.d[-1] / chain.c[0]
        return found, expected, 100 * len(x) * np.finfo(float).eps * condition

    @pytest.mark.parametrize("t", [0, 1, 3])
    def test_it_gives_the_fit_of_round_t_at_new_inputs(self, kernel, x, y, t):
        found, expected, tolerance = self.fits(kernel, x, y, t, ridge=0)
        assert np.max(np.abs(found - expected)) <= tolerance * np.max(np.abs(expected))

    def test_control_another_ridge_gives_another_fit(self, kernel, x, y):
        found, expected, tolerance = self.fits(kernel, x, y, 1, ridge=1)
        assert np.max(np.abs(found - expected)) > 1e6 * tolerance * np.max(np.abs(expected))

    def test_it_is_positive_semidefinite_also_away_from_the_data(self, kernel, x, y):
        chain = distill(gram(kernel, x), y, 0.03, rounds=3)
        equivalent = EquivalentKernel(kernel, x, chain.spectrum, chain.c)
        new = NEW if x.ndim == 1 else NEW[:, None]
        smallest, *_, largest = np.linalg.eigvalsh(equivalent(new, new))
        assert smallest > -100 * len(NEW) * np.finfo(float).eps * largest
        # control: without the part that is orthogonal to the data it would not be
        grown = 2 * equivalent(new, new) - kernel(new, new)
        assert np.linalg.eigvalsh(grown)[0] < -1e-6 * largest


@pytest.mark.parametrize("c", [[], [0.1, -1.0], [0.0], [0.1, np.inf]])
def test_multipliers_that_no_round_has_are_refused(c):
    x = np.linspace(0.1, 0.9, 4)
    spectrum = Spectrum.from_gram(gram(BrownianBridge(), x))
    with pytest.raises(InvalidInputError, match=r"^c (is|holds)"):
        EquivalentKernel(BrownianBridge(), x, spectrum, c)


def test_a_spectrum_of_other_points_is_refused():
    x = np.linspace(0.1, 0.9, 4)
    spectrum = Spectrum.from_gram(gram(BrownianBridge(), x))
    with pytest.raises(InvalidInputError, match=r"x has 3 points, but the spectrum is of 4"):
        EquivalentKernel(BrownianBridge(), x[1:], spectrum, [0.1])


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(5)
    d = 10.0 ** rng.uniform(-6, 2, (200, 6))
    d[::4, :2] = 0.0
    z = rng.standard_normal((200, 6, 2))
    z[::4] *= np.where(d[::4] == 0, 0.01, 1)[..., None]
    return Instance.of(d, z, 10.0 ** rng.uniform(-2, 0, 200), rounds=5, outputs=True)


def violation(statement, instance, *, dropped=False):
    measured = measure(statement, instance)
    return np.max(-measured.margin[measured.applies != dropped])


@pytest.mark.parametrize("statement", STATEMENTS, ids=IDS)
def test_statements_hold_on_random_spectra(statement, batch):
    assert violation(statement, batch) <= 100 * batch.n * np.finfo(float).eps


@pytest.mark.parametrize("statement", [s for s in STATEMENTS if s.hypotheses], ids=lambda s: s.id)
def test_statements_fail_after_the_collapse(statement, batch):
    assert violation(statement, batch, dropped=True) > 1e-3


@pytest.mark.parametrize("statement", STATEMENTS, ids=IDS)
@pytest.mark.parametrize("singular", [False, True], ids=["regular", "singular"])
def test_statements_are_certified_at_exact_instances(statement, singular):
    d = [0 if singular else Fraction(1, 1000), Fraction(1, 10), 1, 1, 7]
    z = [[Fraction(1, 50), 0], [1, 2], [-1, 1], [3, Fraction(1, 3)], [2, 2]]
    verdict = certify(statement, d, z, Fraction(1, 9), rounds=3, outputs=True)
    assert verdict.verdict in (Verdict.HOLDS, Verdict.CONSISTENT), verdict


@pytest.mark.parametrize("statement", STATEMENTS, ids=IDS)
def test_statements_accept_a_fit_that_is_zero_from_the_start(statement):
    instance = Instance.of([0.0, 1.0, 2.0], [0.1, 0.2, 0.3], 1.0, rounds=2)
    measured = measure(statement, instance)
    assert np.all(measured.margin[measured.applies] >= 0)


def broken(instance, **changes):
    return Instance(replace(instance.path, **changes))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("thm-equivalent-kernel", lambda p: {"c": p.c * (1 + 1e-6)}),
        ("prop-equivalent-shrinks", lambda p: {"c": p.c[:, ::-1]}),
        ("prop-balls", lambda p: {"z": p.z[:, ::-1]}),
        ("thm-rademacher", lambda p: {"d": -p.d}),
        ("prop-shared-tolerance", lambda p: {"epsilon": p.epsilon * (1 + 1e-6)}),
        ("prop-outputs-rotation", lambda p: {"z": p.z * np.array([1, 1 + 1e-6])}),
        ("prop-one-price", lambda p: {"c": 2 * p.c}),
        ("prop-example-ends", lambda p: {"z": p.z[:, [0] * p.z.shape[1]]}),
    ],
)
def test_a_trajectory_that_breaks_a_statement_is_found(name, change, batch):
    statement = next(s for s in STATEMENTS if s.id == name)
    with np.errstate(all="ignore"):
        value = violation(statement, broken(batch, **change(batch.path)))
    assert not value <= 1e-8


@pytest.mark.parametrize(
    ("flaw", "statement"),
    [("branch", "prop-example-green"), ("branch", "thm-example-spectrum")],
)
def test_another_kernel_breaks_the_exact_grid_statements(flaw, statement, batch, monkeypatch):
    class Wrong(SimplySupportedBeam):
        def branch(self, x, x_prime, functions=np):
            return super().branch(x, x_prime, functions) + x * (1 - x_prime) / 10**6

    monkeypatch.setattr(example, "SimplySupportedBeam", Wrong)
    for cached in (example._kernel, example._green_margins, example._spectrum_margin):
        cached.cache_clear()
    try:
        claim = next(s for s in STATEMENTS if s.id == statement)
        assert violation(claim, batch) > 1e-8
    finally:
        for cached in (example._kernel, example._green_margins, example._spectrum_margin):
            cached.cache_clear()


def test_real_data_come_as_documented():
    digits, diabetes = load_digits(), load_diabetes()
    assert digits.x.shape == (1797, 64)
    assert digits.x.min() == 0
    assert digits.x.max() == 1
    assert digits.y.shape == (1797, 10)
    assert np.max(np.abs(digits.y.sum(axis=1))) < 1e-15
    assert np.all(np.sort(digits.y, axis=1)[:, -1] == 0.9)
    assert diabetes.x.shape == (442, 10)
    for columns in (diabetes.x, diabetes.y[:, None]):
        assert columns.mean(axis=0) == pytest.approx(np.zeros(columns.shape[1]), abs=1e-14)
        assert columns.std(axis=0) == pytest.approx(np.ones(columns.shape[1]))
