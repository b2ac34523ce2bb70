"""The benchmarks' structure and accuracy at tiny sizes; never their times."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest
from tqdm import tqdm

from benchmarks import baselines, machine, measure, report
from benchmarks.__main__ import main, run, summary
from benchmarks.contenders import CONTENDERS
from benchmarks.forms import FORMS, FULL
from benchmarks.plan import Form, Group
from benchmarks.problems import PROBLEMS, ROUNDS, Problem, sines
from sdtheory import gram
from sdtheory.kernels import BrownianBridge, SimplySupportedBeam

ROOT = Path(__file__).parent.parent
TINY = Form(
    dense=((40, 2, 1), (80, 1, 0)),
    cloud=((40, 1, 1),),
    choice=((40, 1),),
    doors=((60, 1, 1, 1, 1),),
    table=80,
    sweep=((40, 1),),
    products=((40, 1, 0), (300, 1, 0)),
    spline=((40, 1, 1, 1), (300, 1, 0, 0)),
    unit=0,
    memory={"spline": ("beam", (50_000, 100_000))},
    gemm=(50, 1),
    stream=(1, 1),
)


@pytest.fixture(scope="module")
def made():
    # memory that this process holds must not hide what its children take
    held = np.ones(20_000_000)
    report = run(TINY, "tiny", [], "python -m benchmarks")
    assert held.size
    return report


def of(made, contender, suite=None):
    return [
        r
        for r in made["measurements"]
        if r["contender"] == contender and suite in (None, r["suite"])
    ]


def test_every_contender_is_in_the_full_plan():
    planned = {name for group in FULL.groups() for name in group.repeats}
    assert planned == set(CONTENDERS)


def test_the_report_is_json_and_says_where_it_was_made(made):
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["machine"]["cores"] >= 1
    assert made["machine"]["memory"] > 2**28
    assert made["machine"]["processor"]
    assert made["versions"]["numpy"] == np.__version__
    assert {"libscipy_openblas", "libscipy_openblas64_"} & {t["library"] for t in made["threads"]}
    assert str(ROOT) not in json.dumps(made)


def test_every_planned_sample_was_taken(made):
    expected = {
        (group.suite, group.problem, group.n, name): repeats
        for group in TINY.groups()
        for name, repeats in group.repeats.items()
    }
    taken = {
        (r["suite"], r["problem"], r["n"], r["contender"]): len(r["samples"])
        for r in made["measurements"]
        if "refused" not in r
    }
    refused = [r for r in made["measurements"] if "refused" in r]
    assert all("is not installed" in r["refused"] for r in refused)
    assert taken.items() <= expected.items()
    assert len(taken) + len(refused) == len(expected)


def test_samples_of_a_group_are_taken_in_turn(made):
    starts = {
        name: [s["start"] for s in record["samples"]]
        for record in made["measurements"]
        if (record["suite"], record["n"]) == ("dense", 40)
        for name in [record["contender"]]
        if len(record["samples"]) == 2
    }
    assert len(starts) >= 3
    assert max(s[0] for s in starts.values()) < min(s[1] for s in starts.values())


def test_no_contender_is_charged_for_the_matrix(monkeypatch):
    def timed(name, problem):
        ready.append("gram" in vars(problem))
        return {"start": 0.0, "wall": 0.0, "cpu": 0.0}, None, {}

    monkeypatch.setattr(measure, "timed", timed)
    for matrix in (True, False):  # the control: a contender that does not say that it needs it
        monkeypatch.setitem(CONTENDERS, "auto", replace(CONTENDERS["auto"], matrix=matrix))
        ready = []
        measure.measure(
            Group("dense", "beam", 65, {"auto": 1, "krylov lazy": 1}), tqdm(disable=True)
        )
        assert ready == [matrix, matrix]


def test_every_contender_that_starts_from_the_matrix_says_so(monkeypatch):
    def gram(problem):
        used.append(problem.n)
        raise ArithmeticError

    monkeypatch.setattr(Problem, "gram", property(gram))
    where = {name: g.problem for g in FULL.groups() for name in g.repeats}
    for name, contender in CONTENDERS.items():
        if contender.missing or name == "bare eigh at 2000":  # which has a matrix of its own
            continue
        used = []
        with suppress(ArithmeticError):
            contender.run(PROBLEMS["people" if where[name] == "people" else "bridge"](20))
        assert bool(used) == contender.matrix, name


def test_accuracy_stands_beside_every_route_and_baseline(made):
    judged = [r for r in made["measurements"] if r["kind"] in ("solver", "baseline")]
    for record in judged:
        if "refused" in record:
            continue
        assert "wrong" not in record
        # a baseline finds each root to XTOL, and its labels carry the errors of earlier rounds on
        allowed = 1e-8 if record["kind"] == "solver" else 100 * baselines.XTOL
        assert record["error"] < allowed, record["contender"]
        # what a spline claims is an estimate, and the reference has rounding errors of its own
        assert record["error"] <= 10 * record.get("claimed", allowed) + 1e-13


def test_a_wrong_multiplier_would_be_seen(made):
    from benchmarks.measure import judged

    problem = PROBLEMS["beam"](40)
    contender = CONTENDERS["eigh"]
    c = problem.reference.copy()
    assert judged(contender, c, problem)["error"] == 0
    c[-1] *= 1 + 1e-6
    assert judged(contender, c, problem)["error"] == pytest.approx(1e-6, rel=1e-3)
    c[-1] = np.inf
    assert "wrong" in judged(contender, c, problem)


@pytest.mark.parametrize("name", ["beam", "bridge"])
def test_the_sine_transform_is_the_matrix_in_fifty_digits(name):
    problem = PROBLEMS[name](12)
    order = {"bridge": 1, "beam": 2}[name]
    kernel = {"bridge": BrownianBridge(), "beam": SimplySupportedBeam()}[name]
    assert np.allclose(np.sort(sines(12, order)), np.linalg.eigvalsh(gram(kernel, problem.x)))
    with mpmath.workdps(50):
        n, size = problem.n, mpmath.mpf(problem.n + 1)
        d = []
        for m in range(1, n + 1):
            s = mpmath.sin(m * mpmath.pi / (2 * size)) ** 2
            value = 1 / (4 * size * s) if order == 1 else (3 - 2 * s) / (48 * size**3 * s * s)
            d.append(value / n)
        z = [
            mpmath.sqrt(2 / size)
            * sum(
                mpmath.mpf(float(y)) * mpmath.sin(mpmath.pi * m * k / size)
                for k, y in enumerate(problem.y, 1)
            )
            for m in range(1, n + 1)
        ]
        rho2 = n * mpmath.mpf(float(problem.epsilon))
        for c in problem.reference:

            def mismatch(log_c, z=z):
                c = mpmath.exp(log_c)
                return sum((c * v / (c + w)) ** 2 for v, w in zip(z, d, strict=True)) - rho2

            root = mpmath.exp(
                mpmath.findroot(mismatch, mpmath.log(float(c)), tol=mpmath.mpf(10) ** -40)
            )
            assert abs(c / root - 1) < 1e-13
            z = [v * w / (root + w) for v, w in zip(z, d, strict=True)]


def test_the_spline_baselines_solve_their_own_problem():
    # natural splines: with other ends than the beam, so another multiplier; but the same tolerance
    pytest.importorskip("csaps")
    problem = PROBLEMS["beam"](200)
    first, _ = baselines.smoothing_spline(problem)
    second, _ = baselines.csaps(problem)
    assert len(first) == ROUNDS
    assert np.allclose(first, second, rtol=1e-6)
    from scipy.interpolate import make_smoothing_spline

    fit = make_smoothing_spline(problem.x, problem.y, lam=problem.n * first[0])(problem.x)
    assert np.mean((problem.y - fit) ** 2) == pytest.approx(problem.epsilon, rel=1e-6)
    assert not np.allclose(first, problem.reference, rtol=1e-3)


@pytest.mark.skipif(CONTENDERS["lazy products"].missing, reason="pykeops is not installed")
def test_the_lazy_kernel_is_the_beam(monkeypatch):
    # without its compiler: the formula alone, on NumPy arrays
    problem = PROBLEMS["beam"](30)

    class Values(np.ndarray):
        def abs(self):
            return np.abs(self)

    class Module:
        @staticmethod
        def LazyTensor(values):
            return values[..., 0].view(Values)

    monkeypatch.setattr(baselines.importlib, "import_module", lambda _: Module)
    c, details = baselines.lazy_products(problem)
    assert np.allclose(c, problem.reference, rtol=1e-6)
    assert details["products"] > details["solves"] > ROUNDS


def test_a_chain_without_multiplier_ends_with_a_message():
    y = np.ones(5)
    with pytest.raises(ArithmeticError, match="no multiplier meets the tolerance in round 0"):
        baselines.chain(lambda c, y: y * c / (c + 1e30), y, 0.5, 1.0)


def test_the_ratio_pairs_samples_that_are_near_in_time():
    def record(*walls, at):
        return {"samples": [{"start": s, "wall": w} for s, w in zip(at, walls, strict=True)]}

    # the machine is ten times slower from 5 on; the true ratio is 4
    slow, fast = record(4.0, 40.0, at=[0, 6]), record(1.0, 1.0, 1.0, 10.0, at=[1, 2, 3, 7])
    assert report.ratio(slow, fast) == (4.0, 4.0, 4.0)
    assert report.ratio(fast, slow) == (0.25, 0.25, 0.25)


def test_the_exponent_is_that_of_the_largest_sizes():
    n = np.array([10, 100, 1000, 10_000])
    assert report.exponent(n, 3.0 * n**2.0) == pytest.approx(2)
    assert report.exponent(n, np.maximum(n**2.0, 1e5)) > 1.0
    assert report.exponent([10], [1.0]) is None


@pytest.mark.parametrize(
    ("measured", "sense", "limit", "expected"),
    [
        (1.0, "<=", 1.15, True),
        (1.2, "<=", 1.15, False),
        (30.0, ">=", 25.0, True),
        (20.0, ">=", 25.0, False),
        (None, "<=", 1.0, None),
        (1.0, "<=", None, None),
    ],
)
def test_a_goal_is_met_or_not(measured, sense, limit, expected):
    assert report.met(measured, sense, limit) is expected


def test_goals_are_computed_from_the_samples(made):
    changed = json.loads(json.dumps(made))
    for record in changed["measurements"]:
        if (record["suite"], record["contender"]) in (
            ("dense", "kernel ridge"),
            ("dense", "krylov"),
        ):
            record["n"] = 2000
            factor = 20.0 if record["contender"] == "kernel ridge" else 1.0
            record["samples"] = [{"start": 0.0, "wall": factor, "cpu": factor}]
    report.complete(changed)
    (goal,) = [g for g in changed["goals"] if g["name"] == "krylov-ridge"]
    assert (goal["measured"], goal["n"], goal["met"]) == (20.0, 2000, False)
    (goal,) = [g for g in made["goals"] if g["name"] == "krylov-ridge"]
    assert (goal["measured"], goal["met"]) == (None, None)


def test_the_regret_is_against_the_best_solver(made):
    changed = json.loads(json.dumps(made))
    walls = {"eigh points": 2.0, "krylov lazy": 1.0, "auto points": 1.4}
    for record in changed["measurements"]:
        if record["suite"] == "choice":
            wall = walls[record["contender"]]
            record["samples"] = [{"start": 0.0, "wall": wall, "cpu": wall}]
    report.complete(changed)
    (row,) = [row for row in changed["regrets"] if row["suite"] == "choice"]
    assert (row["best"], row["regret"], row["chosen"]) == ("krylov lazy", 1.4, "eigh")
    (goal,) = [g for g in changed["goals"] if g["name"] == "regret-choice"]
    assert (goal["measured"], goal["met"]) == (1.4, True)
    assert {row["suite"] for row in made["regrets"]} == {"dense", "cloud", "choice"}


def test_memory_is_measured_in_a_process_of_its_own(made):
    small, large = of(made, "spline", "memory")
    assert {small["process"], large["process"]} == {"child"}
    # some tens of arrays as long as the labels, no n by n matrix
    for record in (small, large):
        assert 8 * record["n"] < record["memory"] < 8 * record["n"] * 300
    assert small["memory"] < large["memory"]


def test_a_missing_extra_is_said(monkeypatch):
    monkeypatch.setitem(CONTENDERS, "csaps", replace(CONTENDERS["csaps"], needs="no_such_module"))
    made = run(replace(TINY, spline=((40, 1, 0, 1),), memory={}), "tiny", ["spline"], "")
    assert "csaps, n = 40: no_such_module is not installed" in summary(made)


def test_the_commit_is_unknown_outside_a_repository(tmp_path):
    assert machine.commit(tmp_path) is None


def test_a_run_writes_one_file_and_keeps_the_old_one_until_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(FORMS, "short", TINY)
    target = tmp_path / "results.json"
    target.write_text("old")
    assert main(["--short", "--only", "sweep", "--output", str(target)]) == 0
    written = json.loads(target.read_text())
    assert written["command"] == "python -m benchmarks --short --only sweep"
    assert {r["suite"] for r in written["measurements"]} == {"sweep"}
    assert "not measured" in capsys.readouterr().out

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.__main__.measure", interrupted)
    before = target.read_bytes()
    assert main(["--short", "--output", str(target)]) == 130
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_wrong_usage(tmp_path, capsys):
    assert main(["--short", "--output", str(tmp_path / "none" / "x.json")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "everything"])


def test_help_names_the_suites():
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for group in FULL.groups():
        assert group.suite in shown
    assert "interrupted" in shown
