"""The compiled loops against the vectorised path, bit by bit, and against committed roots."""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_multiplier import REFERENCES, ROOT, ulps

from sdtheory.evidence import families, searched, verification
from sdtheory.evidence.families import LABELS, ROUNDS, SPECTRA, chunks
from sdtheory.recursion import trajectory as vectorised
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

compiled = pytest.importorskip("sdtheory.solvers.compiled", reason="needs the extra 'scale'")

FIELDS = ("d", "epsilon", "c", "A", "B", "z", "r", "r_minus_1", "sensitivity")


def assert_same(a, b):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), strict=True)


def batch(rng, m, n, decades=8):
    """Return spectra over some decades, some singular, with r_0 from 1.01 to 33."""
    d = 10.0 ** -rng.uniform(0, decades, (m, n))
    d[::3, 1:2] = 0.0
    z = rng.standard_normal((m, n))
    z[::3, 1:2] *= 1e-3
    return d, z, np.mean(z**2, axis=-1) / (1 + 10.0 ** rng.uniform(-2, 1.5, m)) ** 2


def one_round(module, case):
    """Run one round; blocks of outputs side by side become columns."""
    n, q = case["n"], len(case["z"]) // case["n"]
    assert case["d"] == case["d"][:n] * q or q == 0
    z = np.reshape(case["z"], (q, n)).T
    return module.trajectory(case["d"][:n], z, case["epsilon"], 1, outputs=True)


def usable(case):
    """Return whether the case is a trajectory's: as many eigenvalues as points, for each output."""
    return len(case["z"]) % case["n"] == 0


def worst_ulps(module):
    errors = []
    for case in filter(usable, REFERENCES):
        if case["status"] == "SOLVED":
            path = one_round(module, case)
            errors.append(ulps(path.c[0], case["c"]) if len(path.c) else np.inf)
    return max(errors)


def test_roots_are_within_an_ulp_of_the_references():
    assert sum(map(usable, REFERENCES)) > 350
    assert worst_ulps(compiled) < ROOT


def test_status_is_exact():
    for case in filter(usable, REFERENCES):
        if case["status"] == "INFEASIBLE":
            with pytest.raises(InfeasibleToleranceError):
                one_round(compiled, case)
        else:
            path = one_round(compiled, case)
            assert len(path.c) == (case["status"] == "SOLVED"), case
            assert (path.r_minus_1[0] > 0) == (case["status"] == "SOLVED"), case


def test_all_declared_families_have_the_bits_of_the_vectorised_path(monkeypatch):
    left = []

    def counted(*arguments, **keywords):
        left.append(len(arguments[0]))
        return vectorised(*arguments, **keywords)

    monkeypatch.setattr(compiled, "vectorised", counted)
    rows = 0
    for chunk in chunks(0, 100_800):
        path = chunk.draw().path
        given = path.d, path.z[:, 0], path.epsilon, ROUNDS
        rows += len(path.d)
        assert len(path.d) >= len(SPECTRA) * len(LABELS)
        assert_same(compiled.trajectory(*given, outputs=True), vectorised(*given, outputs=True))
    assert rows == 100_800
    assert sum(left) < 0.001 * rows


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 64, 301])
def test_any_number_of_points_and_rows(n):
    rng = np.random.default_rng(n)
    for m in (1, 7, 8, 9, 50):
        d, z, epsilon = batch(rng, m, n)
        d[:, 0] = 1.0
        assert_same(compiled.trajectory(d, z, epsilon, 4), vectorised(d, z, epsilon, 4))


def ulps_apart(found, right):
    finite = np.isfinite(right.c) & np.isfinite(found.c)
    return np.abs(found.c[finite] - right.c[finite]) / np.spacing(right.c[finite])


def changed(monkeypatch, tmp_path, old, new):
    """Return the module with one change of its source."""
    source = Path(compiled.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    path = tmp_path / "compiled_with_an_error.py"
    path.write_text(source.replace(old, new), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)  # its tuples are looked up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return p, fma(a, b, -p)", "return p, every(0.0)"),  # products without their errors
        ("fma(-q, b[0], a[0])", "(a[0] - q * b[0])"),  # a remainder that is rounded
        ("(a[1] + b[1]) + e", "a[1] + b[1]"),  # sums without their errors
    ],
)
def test_a_planted_error_in_the_correction_is_caught(monkeypatch, tmp_path, old, new):
    module = changed(monkeypatch, tmp_path, old, new)
    given = batch(np.random.default_rng(0), 400, 20)
    found, right = module.trajectory(*given, 3), vectorised(*given, 3)
    assert np.mean(ulps_apart(found, right) > 0) > 0.1
    assert np.max(ulps_apart(found, right)) > 1
    assert worst_ulps(module) > ROOT


def test_a_lost_correction_is_caught(monkeypatch):
    # limits are arguments: code kept on disk must not hold on to them
    monkeypatch.setattr(compiled.multiplier, "UNRESOLVED", np.inf)
    for name in ("NEAR", "HALLEY_STOP"):
        monkeypatch.setattr(compiled.multiplier, name, 0.25)
    given = batch(np.random.default_rng(1), 100, 20)
    lost = compiled.trajectory(*given, 2)
    monkeypatch.undo()
    right = vectorised(*given, 2)
    assert np.max(ulps_apart(lost, right)) > 1


def test_threads_share_the_work_only():
    given = batch(np.random.default_rng(2), 101, 6)
    alone = compiled.trajectory(*given, 5)
    for threads in (2, 3, 200):
        assert_same(compiled.trajectory(*given, 5, threads=threads), alone)


def test_diagonals_and_labels_wait_until_they_are_asked_for():
    path = compiled.trajectory(*batch(np.random.default_rng(4), 50, 7), 4)
    assert not {"A", "B", "z"} & set(vars(path))
    copy = pickle.loads(pickle.dumps(path))
    assert np.array_equal(copy.z, path.z)
    assert {"A", "z"} <= set(vars(path))


def test_broadcasting_and_single_instances():
    rng = np.random.default_rng(3)
    d, z = rng.random(5), rng.standard_normal((4, 5, 2))
    for given in ((d, z, 0.1), (d, z, 0.1 * rng.random((3, 1))), (d, z[0], 0.3), (d, z, 1e3)):
        keywords = {"outputs": True, "rounds": 3}
        assert_same(compiled.trajectory(*given, **keywords), vectorised(*given, **keywords))
    for epsilon in (0.1, 100.0):
        assert_same(
            compiled.trajectory(d, z[0, :, 0], epsilon, 3), vectorised(d, z[0, :, 0], epsilon, 3)
        )


def test_chains_outlast_the_memory_taken_at_first():
    d, z = [1.0, 0.1, 1e-3], [[3.0, 4.0, 5.0], [30.0, 40.0, 50.0], [1.0, 0.1, 0.0]]
    path = compiled.trajectory(d, z, 1e-1, 1000)
    assert compiled._ROUNDS < path.c.shape[-1] < 1000
    assert_same(path, vectorised(d, z, 1e-1, 1000))
    rounds = path.c.shape[-1]
    assert_same(compiled.trajectory(d, z, 1e-1, rounds), vectorised(d, z, 1e-1, rounds))


def test_what_floats_cannot_decide_is_left_to_exact_arithmetic():
    # r_0 = 1 within rounding, twice; magnitudes at the ends of the float range; a plateau
    d = np.array([[1.0, 0.5]] * 4 + [[1.0, 1e-110]])
    z = np.array([[3.0, 4.0], [3.0, 4.0], [1e150, 2e150], [1e-160, 1e-160], [1.0, 1.0]])
    epsilon = np.array([12.5, np.nextafter(12.5, 0), 1e300, 1e-322, 0.5])
    path = compiled.trajectory(d, z, epsilon, 3)
    assert list(path.n_rounds[:2]) == [0, 1]
    assert_same(path, vectorised(d, z, epsilon, 3))


BAD = [
    ([1.0, -1e-20], [1.0, 1.0], 0.1),
    ([1.0, 1.0], [1.0, 1.0], [0.1, 0.0]),
    ([1.0, np.nan], [1.0, 1.0], 0.1),
    ([1.0, 1.0], [[1.0, 1.0], [1.0, np.inf]], 0.1),
    ([1.0, 1.0, 1.0], [1.0, 1.0], 0.1),
    ([1.0, 1e-121], [1.0, 1.0], 0.1),
    ([1.0, 1.0], [1.0, 7.0], 1e-119),
    ([1e300, 1e300], [1.0, 1e-8], 0.5),
    ([0.0, 1.0], [[1.0, 9.0], [4.0, 9.0]], [2.0, 3.0]),
]


@pytest.mark.parametrize(("d", "z", "epsilon"), BAD)
def test_errors_are_those_of_the_vectorised_path(d, z, epsilon):
    with pytest.raises((InvalidInputError, InfeasibleToleranceError)) as expected:
        vectorised(d, z, epsilon, 2)
    with pytest.raises(type(expected.value)) as caught:
        compiled.trajectory(d, z, epsilon, 2)
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_threads_are_counted(threads):
    with pytest.raises(InvalidInputError, match="threads must be an integer of at least 1"):
        compiled.trajectory([1.0], [1.0], 0.1, 1, threads=threads)


def test_rounds_are_checked():
    with pytest.raises(InvalidInputError, match="rounds must be an integer"):
        compiled.trajectory([1.0], [1.0], 0.1, 0)


def test_without_numba_the_error_says_how_to_install_it():
    code = "import sys; sys.modules['numba'] = None; import sdtheory, sdtheory.solvers.compiled"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: sdtheory.solvers.compiled needs Numba" in done.stderr
    assert "pip install 'sdtheory[scale]'" in done.stderr


def test_reports_do_not_depend_on_who_runs_the_recursion(monkeypatch, tmp_path):
    def report(run):
        for module in (families, searched):
            monkeypatch.setattr(module, "fastest", lambda: run)
        families.drawn.cache_clear()
        statements = verification.find(["prop-step"])
        verification.verify(statements, instances=140, budget=120).write(tmp_path / "report.json")
        content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        return {key: content[key] for key in content if key != "circumstances"}

    def elsewhere(d, z, epsilon, rounds, **keywords):
        return vectorised(d, z, 0.99 * epsilon, rounds, **keywords)

    expected = report(vectorised)
    assert report(compiled.trajectory) == expected
    assert report(elsewhere) != expected
    monkeypatch.undo()
    families.drawn.cache_clear()
    assert families.fastest() is compiled.trajectory
