"""The problems of `fuzz_solvers` at the doors: estimators, and commands on files.

Every multiplier and every fitted value is compared with ball arithmetic. A refusal is in words. A
command that refuses leaves every file as it was; one that does not writes only what it was asked
for, and whole.

``python -m tests.support.fuzz_doors COUNT [SEED]`` tries so many problems at each door.
"""

import csv
import dataclasses
import io
import json
import math
import re
import sys
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from types import SimpleNamespace

import numpy as np
from flint import arb_mat

from sdtheory import BrownianBridge, InvalidInputError, SimplySupportedBeam
from sdtheory.cli import main as command
from sdtheory.estimator import SelfDistilledKernelRidge, SelfDistilledKernelRidgeClassifier
from sdtheory.solvers import AccuracyError
from tests.support import fuzz_solvers
from tests.support.fuzz_solvers import Exact, exact, make, matern, outcome_of, rbf
from tests.support.tiny_book import chapter, write_book

ULP = float(np.finfo(float).eps)
DOORS = ("regressor", "classifier", "fit", "hostile")
#: Refusals of numbers that floats cannot hold, or that leave nothing to fit.
RANGE = (*fuzz_solvers.RANGE, "outside of", "underflows", "is the same in every row",
         "their mean alone meets it")  # fmt: skip
#: Kernels by name, and what the command needs beside the name.
NAMES = {
    BrownianBridge: ("bridge",),
    SimplySupportedBeam: ("beam",),
    rbf: ("rbf", "--gamma", "0.5"),
    matern: ("laplacian", "--gamma", "1"),
}


def posed(seed, solver):
    """Return a problem as the estimator poses it: without a solver that its inputs exclude."""
    problem = make(seed, solver)
    if problem.x is not None:
        return problem
    n = len(problem.y)
    matrix = problem.given * problem.given.dtype.type(n)
    if matrix.dtype == float:
        entries = [[exact(a) / n for a in row] for row in matrix]
        problem = dataclasses.replace(problem, G=arb_mat(entries))
    return dataclasses.replace(problem, given=matrix, solver="eigh")


def one_hot(problem):
    """Return the problem with the signs of its labels for classes."""
    columns = problem.y.reshape(len(problem.y), -1)
    classes = np.digitize(columns[:, 0], [0.0, 0.7])
    known = np.unique(classes)
    y = (classes[:, None] == known).astype(float)
    share = problem.epsilon / float(np.sum(columns * columns)) * len(columns)
    return dataclasses.replace(problem, y=y, epsilon=share), classes


def estimator(problem, kind=SelfDistilledKernelRidge):
    """Return the estimator of a problem, not fitted."""
    given = problem.kernel is not None
    return kind(
        problem.kernel if given else "precomputed",
        epsilon=problem.epsilon,
        epsilon_unit="absolute",
        rounds=problem.rounds,
        solver=problem.solver,
    )


def by_estimator(problem, classes=None):
    """Fit, and return what the model claims, with its fitted values."""
    inputs = problem.given if problem.x is None else problem.x[:, None]
    kind = SelfDistilledKernelRidge if classes is None else SelfDistilledKernelRidgeClassifier
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = estimator(problem, kind).fit(inputs, problem.y if classes is None else classes)
    model = model if classes is None else model.regressor_
    stages = list(model.staged_predict(inputs))
    said = [str(warning.message) for warning in caught]
    return answer(problem, model.multipliers_, model.c_error_, said, stages)


def answer(problem, c, c_error, said, stages=()):
    """Return a chain, with its ending as the warnings tell it."""
    low = [
        int(m[1]) for m in (re.search(r"of collapse: whether round (\d+)", s) for s in said) if m
    ]
    count = len(c)
    ending = (low[0], max(count, low[0] + 1)) if low else (count, count)
    check_warnings(problem, said, count, ending)
    return SimpleNamespace(
        c=np.array(c), c_error=np.array(c_error), n_rounds=count, n_rounds_range=ending,
        stages=stages,
    )  # fmt: skip


class WrongWarningError(Exception):
    """A warning that does not fit the numbers, or is missing."""


def check_warnings(problem, said, count, ending):
    """Compare the warnings with what they are about."""
    y = problem.y.reshape(len(problem.y), -1)
    variance = float(np.sum(np.var(y, axis=0)))
    mean = any("above the variance" in s for s in said)
    clear = abs(variance / problem.epsilon - 1) > 1e-6
    if clear and mean != (0 < variance < problem.epsilon and count > 0):
        raise WrongWarningError(
            f"epsilon = {problem.epsilon}, variance {variance}, {count} rounds: {said}"
        )
    zero = any("collapsed to zero" in s for s in said)
    if zero != (count < problem.rounds) and ending[0] == ending[1]:
        raise WrongWarningError(f"{count} of {problem.rounds} rounds: {said}")
    known = ("above the variance", "collapsed to zero", "of collapse: whether", "column-vector")
    other = [s for s in said if not any(words in s for words in known)]
    if other:
        raise WrongWarningError(other[0])


def wrong_fit(problem, chain):
    """Return what is wrong with the fitted values of a chain whose multipliers are right."""
    reference = Exact(problem)
    n = len(problem.y)
    G = np.array([[float(problem.G[i, j].mid()) for j in range(n)] for i in range(n)])
    single = getattr(problem.given, "dtype", None) == np.float32 or problem.family == "single"
    ulp = float(np.finfo("f4").eps) if single else ULP
    rho = float(np.sqrt(n * problem.epsilon))
    moved = 0.0
    for t in range(min(chain.n_rounds_range[0], len(chain.stages))):
        dual = float(np.linalg.norm(problem.y)) / float(chain.c[t])
        reference.advance(chain.c[t])
        # the multiplier's error; that of G; that of the product with the dual coefficients
        moved += rho * float(chain.c_error[t])
        if problem.solver == "krylov":  # which knows labels to the square root only
            moved += float(np.sqrt(chain.c_error[t])) * float(np.linalg.norm(problem.y))
        moved += 20 * n * ulp * float(np.linalg.norm(G)) / float(chain.c[t]) * rho
        allowed = moved + 20 * n * ulp * float(np.linalg.norm(G)) * dual
        true = [
            [float(reference.y[i, j].mid()) for j in range(reference.y.ncols())] for i in range(n)
        ]
        error = float(np.linalg.norm(np.reshape(chain.stages[t], (n, -1)) - np.array(true)))
        if not error <= allowed + 4 * ULP * float(np.linalg.norm(problem.y)):
            return f"round {t} is off by {error:.3g}, allowed {allowed:.3g}"
    return None


def at_door(call):
    """Return an attempt for `fuzz_solvers.judge`; a loose tolerance goes to the solver itself."""

    def attempt(problem, tolerance=None):
        if tolerance is not None:
            if problem.x is None:
                matrix = problem.given / problem.given.dtype.type(len(problem.y))
                problem = dataclasses.replace(problem, given=matrix)
            return fuzz_solvers.attempt(problem, tolerance)
        found, kind = outcome_of(lambda: call(problem))
        if kind == "blamed" and any(words in str(found) for words in RANGE):
            kind = "range"
        if kind not in ("answered", "traceback") and len(str(found)) < 20:
            kind = "traceback"
        return found, kind

    return attempt


def judge(problem, call):
    """Return what came of a problem at a door, and why if that is wrong."""
    kept = []

    def keeping(problem):
        kept.append(call(problem))
        return kept[-1]

    outcome, reason, _ = fuzz_solvers.judge(problem, at_door(keeping))
    if outcome == "answered" and (why := wrong_fit(problem, kept[0])):
        return "wrong", why
    return outcome, reason


# the commands


def said_by(*arguments):
    """Run a command in this process; return its exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = command([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse's way out
            code = left.code
    return code, out.getvalue(), err.getvalue()


def write_table(path, columns, rows):
    """Write a CSV file with all digits."""
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([columns, *([repr(float(v)) for v in row] for row in rows)])


def refusal(err):
    """Return the error that a command's message stands for."""
    if "error: " not in err or len(err) < 40 or "Traceback" in err:
        raise RuntimeError(f"no refusal in words: {err}")
    if "is infeasible" in err:
        error = fuzz_solvers.InfeasibleToleranceError(1.0, 1.0, "rank decision" in err)
    elif "a relative error of" in err or "by rounding" in err or "is not enclosed" in err:
        error = AccuracyError(err)
    else:
        error = InvalidInputError(err)
    raise error


def by_command(problem):
    """Fit and predict by the commands; return what they claim."""
    kernel = NAMES[problem.kernel if problem.kernel in (rbf, matern) else type(problem.kernel)]
    y = problem.y.reshape(len(problem.y), -1)
    targets = [f"y{k}" for k in range(y.shape[1])]
    with TemporaryDirectory() as folder:
        data, model, numbers, fitted = (
            Path(folder) / name for name in ("data.csv", "model.npz", "out.json", "fitted.csv")
        )
        write_table(data, ["x", *targets], np.column_stack([problem.x, y]))
        code, _, err = said_by(
            "fit", data, *(a for t in targets for a in ("--target", t)), "--kernel", *kernel,
            "--epsilon", repr(problem.epsilon), "--rounds", problem.rounds, "--no-intercept",
            "--rescale", "none", "--solver", problem.solver, "--json", numbers, "--save", model,
        )  # fmt: skip
        if code == 2 and not (numbers.exists() or model.exists()):
            if "their mean alone meets it" in err:
                assert float(np.sum(np.var(y, axis=0))) <= problem.epsilon * (1 + 1e-9), err
            refusal(err)
        if code != 0:
            raise RuntimeError(f"exit code {code}: {err}")
        found = json.loads(numbers.read_text(encoding="utf-8"))
        kept = found["rounds"][: found["rounds fitted"]]
        code, _, err = said_by("predict", model, data, "--every-round", "--output", fitted)
        if code != 0:
            raise RuntimeError(f"predict: exit code {code}: {err}")
        stages = (
            np.loadtxt(fitted, delimiter=",", skiprows=1, ndmin=2) if kept else np.empty((0, 0))
        )
        stages = stages.reshape(len(y), len(kept), -1).swapaxes(0, 1) if kept else ()
        c = [row["multiplier"] for row in kept]
        errors = [
            math.inf if row["error of multiplier"] is None else row["error of multiplier"]
            for row in kept
        ]
        return answer(problem, c, errors, found["notes"], stages)


SPOILT = (
    "--epsilon=-1", "--epsilon=nan", "--epsilon=x%", "--epsilon=0", "--rounds=0", "--rounds=-3",
    "--rounds=many", "--target=z", "--kernel=nope", "--solver=nope", "--criterion=no",
    "--inputs=y", "--sample=0", "--seed=-1", "--gamma=-1", "--delimiter=ab", "--rescale=no",
    "--json=.", "--json=no/where.json", "--json=data.csv", "--json=link.csv", "--unknown",
)  # fmt: skip
CONTENTS = (
    b"", b"x,y\n", b"x,y\n1,2\n", b"x,y\n1,a\n2,3\n", b"x,y\n1,nan\n2,3\n", b"x,x\n1,2\n3,4\n",
    b"\xff\xfe", b"x,y\n1\n2,3\n", b"x,y\n2020-01-01,1\n2020-01-02,2\n", b"x,y\n1e999,1\n2,2\n",
    b"x,y\n9007199254740993,1\n2,2\n",
)  # fmt: skip


RUNS = (
    ["one"], ["one", "--list"], ["two"], [], ["one", "-p", "epsilon", "x"],
    ["one", "-p", "delta", "1"], ["one", "-p", "rounds", "1.5"], ["one", "-p", "epsilon"],
)  # fmt: skip


def contents(folder):
    """Return the bytes of every file in a folder, by path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hostile(seed, folder):
    """Run a command that is likely to be refused; return its exit code, or raise."""
    rng = np.random.default_rng([41, seed])
    x = rng.random(6)
    write_table(folder / "data.csv", ["x", "y"], np.column_stack([x, np.sin(6 * x)]))
    (folder / "kept.json").write_text("kept")
    (folder / "link.csv").symlink_to("data.csv")
    code, _, err = said_by(
        "fit", folder / "data.csv", "--target", "y", "--rounds", "1", "--save", folder / "m.npz"
    )
    assert code == 0, err
    name = str(
        rng.choice(["fit", "explain", "trial", "predict", "run"], p=[0.4, 0.1, 0.1, 0.3, 0.1])
    )
    spoil = str(rng.choice(["option", "data", "model", "nothing"], p=[0.5, 0.25, 0.15, 0.1]))
    output, extra = folder / "kept.json", []
    if spoil == "data":
        (folder / "data.csv").write_bytes(CONTENTS[int(rng.integers(len(CONTENTS)))])
    elif spoil == "model":
        content = bytearray((folder / "m.npz").read_bytes())
        for at in rng.integers(len(content), size=int(rng.integers(1, 5))):
            content[at] = int(rng.integers(256))
        (folder / "m.npz").write_bytes(content[: int(rng.integers(1, len(content) + 1))])
    elif spoil == "option":
        option, _, value = str(rng.choice(SPOILT)).partition("=")
        if option == "--json":
            output = folder / value
        else:
            extra = [option] if not value else [f"{option}={value}"]
            extra = [option, value] if option in ("--inputs",) else extra
    if name == "run":
        book = write_book(folder / "tiny", {"one": chapter("One", "print(epsilon)")})
        output = book / "_build" / "runs" / "one.ipynb"
        arguments = ["--book", book, *RUNS[int(rng.integers(len(RUNS)))]]
    elif name == "predict":
        if spoil == "option":
            output = Path(rng.choice([folder / "m.npz", folder / "data.csv", folder, output]))
        arguments = [folder / "m.npz", folder / "data.csv", "--output", output]
    else:
        arguments = [folder / "data.csv", "--target", "y", "--json", output]
        small = ["--rounds", "2", "--tolerances", "2", "--repeats", "1"]
        arguments += small if name == "trial" else []
        arguments += extra
    before = contents(folder)
    code, _, err = said_by(name, *arguments)
    after = contents(folder)
    changed = {path for path in after.keys() | before.keys() if after.get(path) != before.get(path)}
    call = f"{name} ({spoil}) {' '.join(map(str, arguments))}"
    if code == 2:
        assert "error: " in err, f"{call}: {err}"
        assert len(err) > 40, f"{call}: {err}"
        assert "Traceback" not in err, f"{call}: {err}"
        assert not changed, f"{call} refused, but changed {changed}"
        return "refused"
    assert code == 0, f"{call}: exit code {code}: {err}"
    if "--list" in arguments:
        assert not changed, f"{call} changed {changed}"
        return "listed"
    assert changed == {output}, f"{call} changed {changed}"
    text = output.read_text(encoding="utf-8")
    if name == "predict":
        rows = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
        assert text.endswith("\n")
        assert len(text.splitlines()) == len(rows), f"{call}: {text}"
    else:
        json.loads(text)
    return "written"


def trial(door, seed, solver):
    """Return what came of one draw at a door, and why if that is wrong."""
    if door == "hostile":
        with TemporaryDirectory() as folder:
            try:
                return hostile(seed, Path(folder)), None
            except Exception as error:
                return "wrong", f"{type(error).__name__}: {error}"
    problem = posed(seed, solver)
    if door == "classifier":
        problem, classes = one_hot(problem)
        if len(np.unique(classes)) < 2:
            return "one class", None
        return judge(problem, lambda given: by_estimator(given, classes))
    if door == "fit":
        if problem.kernel is None or isinstance(
            problem.kernel, fuzz_solvers.Single | fuzz_solvers.Times
        ):
            return "not a table", None
        return judge(problem, by_command)
    return judge(problem, by_estimator)


def run(seeds, doors=DOORS, report=print):
    """Try a problem for every seed at every door; return the tallies."""
    tally = {door: Counter() for door in doors}
    for seed in seeds:
        solver = fuzz_solvers.SOLVERS[seed // len(fuzz_solvers.FAMILIES) % 3]
        for door in doors:
            outcome, reason = trial(door, seed, solver)
            tally[door][outcome] += 1
            if reason:
                report(f"{outcome}: seed {seed}, {door}, {solver}: {reason}")
    return tally


def main():
    """Print the totals of so many problems at each door."""
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    doors = tuple(sys.argv[3].split(",")) if len(sys.argv) > 3 else DOORS
    began = perf_counter()
    tally = run(range(first, first + count), doors, lambda text: print(text, flush=True))
    print(f"{count} problems from seed {first} in {perf_counter() - began:.0f} s")
    for door, found in tally.items():
        counts = ", ".join(f"{k} {v} ({v / count:.2%})" for k, v in found.most_common())
        print(f"{door}: tried {count}, {counts}")


if __name__ == "__main__":
    main()
