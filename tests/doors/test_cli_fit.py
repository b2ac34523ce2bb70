"""``sdtheory fit``, ``predict`` and ``explain``: results, errors, exit codes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest

import sdtheory as sd
from sdtheory import SimplySupportedBeam, distill, gram
from sdtheory.cli import tables
from sdtheory.cli.trial import MOST_ROWS
from sdtheory.datasets import load_example
from sdtheory.estimator import SelfDistilledKernelRidge
from sdtheory.solvers import eigh
from sdtheory.spectrum import Spectrum
from sdtheory.statements import Instance

EXAMPLE = load_example()
BEAM = ["--target", "y", "--kernel", "beam", "--epsilon", "0.045", "--no-intercept"]


def write_csv(path, columns, rows, delimiter=","):
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, delimiter=delimiter).writerows([columns, *rows])
    return path


@pytest.fixture
def example(tmp_path):
    return write_csv(tmp_path / "data.csv", ["x", "y"], zip(EXAMPLE.x, EXAMPLE.y, strict=True))


def refused(sdtheory, *arguments):
    """Run a command that must fail on its input; return what it says."""
    code, out, err = sdtheory(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sdtheory: error: ")
    return err


@pytest.mark.parametrize("command", ["fit", "predict", "explain"])
def test_help_has_examples_and_exit_codes(sdtheory, command):
    code, out, err = sdtheory(command, "--help")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert f"for example: sdtheory {command} " in words
    assert "exit codes: 0 done, " in words
    assert "2 wrong usage or input, 130 interrupted" in words


@pytest.mark.parametrize("rounds", ["2", "all", "auto"])
def test_fit_reports_the_chain_of_the_library(sdtheory, example, rounds):
    code, out, err = sdtheory("fit", example, *BEAM, "--rounds", rounds, "--json", "-")
    assert (code, err) == (0, "")
    found = json.loads(out)
    chain = distill(gram(SimplySupportedBeam(), EXAMPLE.x), EXAMPLE.y, 0.045)
    kept = found["rounds fitted"]
    assert kept == {"2": 2, "all": chain.n_rounds}.get(rounds, kept)
    assert found["collapsed"] == (rounds == "all")
    tried = len(found["rounds"])
    np.testing.assert_allclose([r["multiplier"] for r in found["rounds"]], chain.c[:tried])
    loss = np.mean((chain.y[1 : tried + 1] - EXAMPLE.y) ** 2, axis=1)
    np.testing.assert_allclose([r["loss"] for r in found["rounds"]], loss)
    traces = [r["trace"] for r in found["rounds"][:kept]]
    np.testing.assert_allclose(traces, chain.B[:kept].sum(axis=1))
    errors = [r["error of multiplier"] for r in found["rounds"][:kept]]
    np.testing.assert_array_equal(errors, chain.c_error[:kept])
    assert (found["rows"], found["rank"], found["inputs"]) == (11, 9, ["x"])
    if rounds == "auto":
        assert kept == np.argmin([r["gcv"] for r in found["rounds"]]) + 1 < chain.n_rounds
        assert tried == chain.n_rounds


def test_fit_says_in_words_what_the_numbers_say(sdtheory, example, tmp_path):
    code, out, err = sdtheory("fit", example, *BEAM, "--json", tmp_path / "out.json")
    assert (code, err) == (0, "")
    numbers = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    kept, tried = numbers["rounds fitted"], len(numbers["rounds"])
    assert f"gcv is smallest after round {kept - 1}, of {tried} tried at this one tolerance." in out
    table = [line.split() for line in out.splitlines() if line[:5].strip().isdigit()]
    assert [int(row[0]) for row in table] == list(range(tried))
    assert [row[-1] for row in table if len(row) > 4] == ["kept"]
    assert table[kept - 1][-1] == "kept"
    for row, expected in zip(table, numbers["rounds"], strict=True):
        assert float(row[1]) == pytest.approx(expected["multiplier"], rel=1e-4)
    assert "rank 9 of 11" in out
    _, out, _ = sdtheory("fit", example, *BEAM, "--rounds", "all")
    assert "The next round, 4, would be the zero function." in out


def test_a_multiplier_that_rounding_hides_is_written_and_read_back(sdtheory, tmp_path):
    data, model = tmp_path / "data.csv", tmp_path / "model.npz"
    data.write_text("x,y\n0.08,-1\n0.23,1\n0.13,-1\n0.25,1\n", encoding="utf-8")
    near = "--kernel", "bridge", "--no-intercept", "--epsilon", repr(1 - 33 * 2.0**-53)
    code, out, err = sdtheory("fit", data, "--target", "y", *near, "--rounds", "4", "--json", "-")
    assert code == 0, err
    row = json.loads(out)["rounds"][0]
    assert (row["error of multiplier"], row["multiplier"] > 1e12) == (None, True)
    code, out, err = sdtheory("fit", data, "--target", "y", *near, "--rounds", "1", "--save", model)
    assert (code, "Rounding hides the multiplier of round 0." in out) == (0, True), err
    code, out, err = sdtheory("predict", model, data)
    assert (code, err, len(out.splitlines())) == (0, "", 5)


def test_a_fit_that_is_zero_is_said(sdtheory, example):
    code, out, err = sdtheory("fit", example, *BEAM, "--rounds", "50")
    assert code == 0
    assert "The fit is the zero function." in out
    assert "note: the labels collapsed to zero before round 4" in err


def test_the_noise_can_be_the_unit(sdtheory, tmp_path):
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 40)
    y = 5 + np.sin(6 * x) + 0.3 * rng.normal(size=40)
    path = write_csv(tmp_path / "data.csv", ["x", "y"], zip(x, y, strict=True))
    found = {}
    for epsilon in ("noise", "2noise", "2 * noise", "10%", "0.1"):
        _, out, _ = sdtheory("fit", path, "--target", "y", "--rescale", "none", "--gamma", "20",
                             "--epsilon", epsilon, "--rounds", "1", "--json", "-")  # fmt: skip
        found[epsilon] = json.loads(out)["epsilon"]
    model = SelfDistilledKernelRidge(gamma=20, epsilon=1, epsilon_unit="noise", fit_intercept=True)
    assert found["noise"] == model.fit(x[:, None], y).epsilon_
    assert found["2noise"] == found["2 * noise"] == 2 * found["noise"]
    model.set_params(epsilon=0.1, epsilon_unit="relative")
    assert found["10%"] == model.fit(x[:, None], y).epsilon_
    assert found["0.1"] == 0.1


def test_a_saved_model_predicts_what_the_estimator_predicts(sdtheory, example, tmp_path):
    model, out_file = tmp_path / "model.npz", tmp_path / "predictions.csv"
    code, out, _ = sdtheory("fit", example, *BEAM, "--rounds", "3", "--save", model)
    assert code == 0
    assert f"wrote {model}" in out
    estimator = SelfDistilledKernelRidge("beam", epsilon=0.045, epsilon_unit="absolute", rounds=3)
    estimator.fit(EXAMPLE.x[:, None], EXAMPLE.y)
    grid = np.linspace(0, 1, 23)[:, None]
    # other columns, and another order
    new = write_csv(tmp_path / "new.csv", ["note", "x"], [("a", float(v)) for v in grid[:, 0]])

    code, out, err = sdtheory("predict", model, new)
    assert (code, err) == (0, "")
    head, *rows = csv.reader(out.splitlines())
    assert head == ["y"]
    np.testing.assert_array_equal(np.array(rows, dtype=float)[:, 0], estimator.predict(grid))

    code, out, _ = sdtheory("predict", model, new, "--every-round", "--output", out_file)
    assert (code, out) == (0, f"wrote {out_file}\n")
    head, *rows = csv.reader(out_file.read_text(encoding="utf-8").splitlines())
    assert head == ["y round 0", "y round 1", "y round 2"]
    stages = np.column_stack(list(estimator.staged_predict(grid)))
    np.testing.assert_array_equal(np.array(rows, dtype=float), stages)


def test_rescaling_and_centring_travel_with_the_model(sdtheory, tmp_path):
    rng = np.random.default_rng(1)
    x = rng.uniform(-5, 40, size=(30, 2))
    y = np.column_stack([100 + x[:, 0], x[:, 1] ** 2])
    rows = np.column_stack([x, y])
    data = write_csv(tmp_path / "data.csv", ["a", "b", "u", "v"], rows)
    model = tmp_path / "model.npz"
    options = ["--target", "u", "--target", "v"]
    code, said, err = sdtheory("fit", data, *options, "--epsilon", "1%", "--save", model)
    assert (code, err) == (0, "")
    assert "inputs rescaled to mean 0 and variance 1 (--rescale none keeps them)" in said
    assert "labels' mean subtracted" in said
    _, out, _ = sdtheory("predict", model, data)
    head, *cells = csv.reader(out.splitlines())
    assert head == ["u", "v"]
    estimator = SelfDistilledKernelRidge(epsilon=0.01, rounds="auto")
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = estimator.fit(scaled, y - y.mean(axis=0)).predict(scaled) + y.mean(axis=0)
    np.testing.assert_allclose(np.array(cells, dtype=float), expected, rtol=1e-10)


def test_the_unit_interval_and_constant_columns(sdtheory, tmp_path):
    rows = [(k * 3.0 - 7, 4.0, np.sin(k)) for k in range(9)]
    data = write_csv(tmp_path / "data.csv", ["x", "same", "y"], rows)
    options = ["--target", "y", "--kernel", "beam", "--epsilon", "20%"]
    outside = refused(sdtheory, "fit", data, *options, "--inputs", "x")
    assert "the inputs span [-7, 17], but the kernel 'beam' lives on [0, 1]" in outside
    assert "Pass --rescale unit." in outside
    code, _, _ = sdtheory("fit", data, *options, "--inputs", "x", "--rescale", "unit")
    assert code == 0
    for how in ("unit", "standard"):
        code, _, err = sdtheory("fit", data, "--target", "y", "--rescale", how)
        assert (code, err) == (0, "")


def test_a_tolerance_that_the_mean_meets_is_refused_with_both_numbers(sdtheory, tmp_path):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, 60))
    y = np.sin(x) + 2 + 0.3 * rng.normal(size=60)
    data = write_csv(tmp_path / "data.csv", ["x", "y"], zip(x, y, strict=True))
    err = refused(sdtheory, "fit", data, "--target", "y", "--no-intercept")
    assert "the tolerance 0.6" in err
    assert f"is not below the variance of the labels, {np.var(y):.6g}" in err
    code, out, _ = sdtheory("fit", data, "--target", "y", "--save", tmp_path / "m.npz")
    assert code == 0
    _, out, _ = sdtheory("predict", tmp_path / "m.npz", data)
    found = np.array(out.split()[1:], dtype=float)
    assert np.var(y - found) < 0.5 * np.var(y)


@pytest.mark.parametrize("n", [60, 250])  # by eigenvectors and by products
def test_a_tolerance_above_the_variance_is_refused_by_every_solver(sdtheory, tmp_path, n):
    x = np.random.default_rng(0).standard_normal((n, 2))
    data = write_csv(tmp_path / "data.csv", ["a", "b", "y"], np.c_[x, x.sum(axis=1)])
    assert "is not below the variance" in refused(
        sdtheory, "fit", data, "--target", "y", "--epsilon", "9"
    )


def test_many_rows_need_no_matrix(sdtheory, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=10_200)
    y = np.sin(6 * x) + 0.3 * rng.normal(size=10_200)
    data = write_csv(tmp_path / "data.csv", ["x", "y"], zip(x, y, strict=True))
    options = ["--target", "y", "--kernel", "beam", "--rounds", "2", "--epsilon", "0.09"]
    code, out, err = sdtheory("fit", data, *options, "--save", tmp_path / "m.npz", "--json", "-")
    assert code == 0, err
    found = json.loads(out)
    assert (found["solver"], found["rows"]) == ("spline", 10_200)
    assert found["rounds"][0]["loss"] == pytest.approx(0.09, rel=1e-6)
    err = refused(sdtheory, "fit", data, *options, "--solver", "eigh")
    assert "has 10200 rows, but --solver eigh needs the eigenvectors" in err
    err = refused(sdtheory, "fit", data, *options[:4])
    assert "--epsilon 10% needs" in err
    assert "such as 0.1variance" in err
    options[-1] = f"{float(0.09 / np.var(y))!r} variance"
    _, out, _ = sdtheory("fit", data, *options, "--json", "-")
    assert json.loads(out)["rounds"][0]["multiplier"] == pytest.approx(
        found["rounds"][0]["multiplier"]
    )
    options[options.index("2")] = "auto"
    code, out, err = sdtheory("fit", data, *options)
    assert (code, err) == (0, "")
    assert "tried at this one tolerance" in out
    assert "gcv is estimated from random probes, with a standard error of up to" in out
    assert "does not work with" in refused(
        sdtheory, "fit", data, *options[:4], "--sample", "50", "--solver", "krylov"
    )


def test_a_numpy_file_has_numbered_columns(sdtheory, tmp_path):
    path = tmp_path / "data.npy"
    np.save(path, np.column_stack([EXAMPLE.x, EXAMPLE.y]).astype(np.float32))
    options = ["--target", "1", "--kernel", "beam", "--epsilon", "0.045", "--rounds", "2"]
    code, out, _ = sdtheory("fit", path, *options, "--json", "-")
    assert code == 0
    assert json.loads(out)["inputs"] == ["0"]
    assert "no column 'y'. Columns: 0, 1." in refused(sdtheory, "fit", path, "--target", "y")


def test_a_column_may_be_called_by_a_negative_number(sdtheory, tmp_path):
    path = tmp_path / "lags.csv"
    path.write_text("y,-1,-2\n1,0.1,0.2\n2,0.3,0.1\n3,0.5,0.9\n", encoding="utf-8")
    code, out, _ = sdtheory("fit", path, "--target", "y", "--inputs", "-1", "-2", "--json", "-")
    assert (code, json.loads(out)["inputs"]) == (0, ["-1", "-2"])
    code, out, _ = sdtheory("fit", path, "--target", "-1", "--json", "-")
    assert (code, json.loads(out)["targets"]) == (0, ["-1"])


def test_a_relative_tolerance_is_refused_where_only_rounding_is_reached(sdtheory, tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("x,y\n" + "0.5,1\n0.5,2\n0.5,4\n" * 3, encoding="utf-8")
    words = "kernel: no function of its space fits any part of the labels"
    assert words in refused(sdtheory, "fit", path, "--target", "y")


def test_a_sample_is_drawn_by_its_seed(sdtheory, tmp_path):
    rng = np.random.default_rng(0)
    data = write_csv(tmp_path / "data.csv", ["x", "y"], rng.normal(size=(200, 2)))

    def fit(seed):
        options = ["--target", "y", "--sample", "20", "--seed", seed, "--json", "-"]
        return json.loads(sdtheory("fit", data, *options)[1])

    assert fit(1)["rows"] == 20
    assert fit(1) == fit(1) != fit(2)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_plot_is_of_the_format_of_its_suffix(sdtheory, example, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    code, out, _ = sdtheory("fit", example, *BEAM, "--plot", path)
    assert code == 0
    assert f"wrote {path}" in out
    start = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)


def test_a_pickle_is_neither_written_nor_read(sdtheory, example, tmp_path):
    path = tmp_path / "model.joblib"
    assert "Choose one of: .npz" in refused(sdtheory, "fit", example, *BEAM, "--save", path)
    joblib.dump(Mine(), path)
    assert "is not a model file" in refused(sdtheory, "predict", path, example)


class Mine:
    """A pickle that runs code."""

    def __reduce__(self):
        return os.abort, ()


def test_explain_shows_verdicts_and_margins(sdtheory, example, tmp_path):
    pytest.importorskip("flint")
    report = tmp_path / "out.json"
    code, out, err = sdtheory("explain", example, *BEAM, "--all", "--json", report)
    assert (code, err) == (0, "")
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["good"]
    rows = {row["id"]: row for row in found["statements"]}
    assert rows["prop-step"]["verdict"] == "holds"
    assert rows["prop-step"]["worst margin"] >= -1e-12
    # the example's Gram matrix is singular, and the paper's bound on the rounds divides by d_min
    lacking = [row for row in found["statements"] if not row["applies"]]
    assert lacking
    assert all(row["worst margin"] is None for row in lacking)
    for name, row in rows.items():
        (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert row["verdict"] in line
    assert "kappa = inf" in out


def test_explain_opens_with_a_summary_of_the_whole_chain(sdtheory, example):
    pytest.importorskip("flint")
    code, out, err = sdtheory("explain", example, *BEAM)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) <= 10
    assert "11 rows; inputs: x; target: y" in lines[0]
    assert lines[1] == "kernel beam; G has rank 9 and condition number inf"
    assert "The chain has 4 non-trivial fits, run to its collapse." in lines[2]
    assert "all of them hold." in lines[3]
    assert lines[4].startswith("Tightest: ")
    assert lines[5].startswith("Loosest: ")
    _, out, _ = sdtheory("explain", example, *BEAM, "--rounds", "2")
    assert "The chain has 2 non-trivial fits, with --rounds 2." in out


def test_explain_tells_what_the_fit_warned_of(sdtheory, example):
    pytest.importorskip("flint")
    asked = ("explain", example, *BEAM, "--rounds", "9")
    _, _, err = sdtheory(*asked)
    assert err.startswith("sdtheory: note: the labels collapsed to zero before round 4")
    _, out, err = sdtheory(*asked, "--json", "-")
    assert err == ""
    assert json.loads(out)["notes"][0].startswith("the labels collapsed")


def test_explain_draws_a_sample_of_many_rows_and_says_so(sdtheory, example, monkeypatch):
    pytest.importorskip("flint")
    monkeypatch.setattr("sdtheory.cli.explain._SAMPLE", 9)
    _, out, _ = sdtheory("explain", example, "--target", "y", "--inputs", "x")
    assert ": 9 rows; " in out
    assert "; rows drawn from 11 (--sample, --seed)\n" in out
    assert "inputs rescaled to mean 0 and variance 1" in out
    _, out, _ = sdtheory("explain", example, "--target", "y", "--inputs", "x", "--sample", "10")
    assert ": 10 rows; " in out
    assert "; rows drawn from 11 " in out


def test_explain_has_eigenvectors_at_any_tolerance_and_size(sdtheory, tmp_path):
    pytest.importorskip("flint")
    x = np.random.default_rng(0).standard_normal((210, 2))
    data = write_csv(tmp_path / "data.csv", ["a", "b", "y"], np.c_[x, x.sum(axis=1)])
    options = ["--target", "y", "--epsilon", "0.5", "--rounds", "1"]
    code, out, err = sdtheory("explain", data, *options)
    assert (code, err) == (0, "")
    assert ": 210 rows; " in out
    err = refused(sdtheory, "explain", data, *options, "--solver", "krylov")
    assert "Leave --solver out" in err


def test_what_was_tried_before_is_said(sdtheory, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((210, 2))
    data = write_csv(tmp_path / "data.csv", ["a", "b", "y"], np.c_[x, x.sum(axis=1)])
    options = ["--target", "y", "--epsilon", "0.05", "--rounds", "1"]
    _, out, _ = sdtheory("fit", data, *options)
    assert "tried before" not in out
    monkeypatch.setattr("sdtheory.solvers._TRIED", 3)
    _, out, _ = sdtheory("fit", data, *options)
    assert "tried before: krylov: after 3 products" in out


def test_explain_makes_one_eigendecomposition_and_one_recursion(sdtheory, example, monkeypatch):
    pytest.importorskip("flint")
    counts = {"eigendecompositions": 0, "recursions": 0}

    def counted(function, name):
        def wrapper(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return wrapper

    monkeypatch.setattr(Spectrum, "of", staticmethod(counted(Spectrum.of, "eigendecompositions")))
    monkeypatch.setattr(eigh, "run", counted(eigh.run, "recursions"))
    monkeypatch.setattr(Instance, "of", counted(Instance.of, "recursions"))
    assert sdtheory("explain", example, *BEAM)[0] == 0
    assert counts == {"eigendecompositions": 1, "recursions": 1}


def test_explain_is_exit_code_1_where_a_statement_fails(sdtheory, example, monkeypatch):
    checking = pytest.importorskip("sdtheory.evidence.checking")
    monkeypatch.setattr(checking.Check, "good", property(lambda _: False))
    assert sdtheory("explain", example, *BEAM)[0] == 1


def test_explain_without_its_extra_says_what_to_install(sdtheory, example, monkeypatch):
    if evidence := vars(sd).get("evidence"):  # else the new module would stay in its place
        monkeypatch.setattr(sd, "evidence", evidence)
    for name in [name for name in sys.modules if name.startswith(("sdtheory.evidence", "flint"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flint", None)
    err = refused(sdtheory, "explain", example, *BEAM)
    assert "pip install" in err


TEXT = {
    "empty": ("", "is empty"),
    "blank first line": ("\nx,y\n1,2\n", "starts with an empty line"),
    "no rows": ("x,y\n", "has no rows of data"),
    "no header": ("1,2\n3,4\n", "the first line holds numbers (1, 2). Put a line above it"),
    "semicolons": ("x;y\n1;2\n", "Pass --delimiter ';'"),
    "tabs": ("x\ty\n1\t2\n", "Pass --delimiter '\\t'"),
    "missing column": ("x,Y1\n1,2\n", "no column 'y'. Columns: x, Y1."),
    "near match": ("x,yy\n1,2\n", "no column 'y'. Did you mean 'yy'?"),
    "two of a name": ("x,y,y\n1,2,3\n", "2 columns are called 'y'"),
    "only the target": ("y\n1\n", "has no column beside the target"),
    "text": ("x,y\n1,2\n3,high\n", "line 3, column 'y': 'high' is not a number"),
    "decimal comma": (
        'x,y\n1,"2,5"\n',
        "line 2, column 'y': '2,5' is not a number. Write decimals",
    ),
    "split decimal comma": ("x,y\n1,5,2\n", "line 2: 3 cells, but the header has 2"),
    "empty cell": ("x,y\n1,2\n,2\n", "line 3, column 'x': the cell is empty"),
    "NaN": ("x,y\n1,2\n2,NaN\n", "line 3, column 'y': 'NaN' is not finite"),
    "infinite": ("x,y\n1e999,2\n", "line 2, column 'x': '1e999' is not finite"),
    "underscore": ("x,y\n1_000,2\n", "line 2, column 'x': '1_000' is not a number"),
    "short row": ("x,y\n1,2\n3\n", "line 3: 1 cell, but the header has 2"),
    "long row": ("x,y\n1,2\n3,4,5\n", "line 3: 3 cells, but the header has 2"),
    "open quote": ('x,y\n1,"2\n3,4\n', "unexpected end of data"),
    "quote inside": ('x,y\n1,"2"3\n', "Check the quotes and the delimiter"),
    "latin 1": ("x,y\n1,2\n3,\u00e4\n".encode("latin1"), "is not UTF-8 (byte 0xe4)"),
    "utf 16": ("x,y\n1,2\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
    "constant labels": ("x,y\n0,2\n1,2\n", "--target: 'y' is the same in every row"),
}


@pytest.mark.parametrize("command", ["fit", "explain"])
@pytest.mark.parametrize("case", TEXT)
def test_unusable_tables_are_located(sdtheory, tmp_path, case, command):
    text, message = TEXT[case]
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    err = refused(sdtheory, command, path, "--target", "y", "--kernel", "beam")
    assert message in err
    assert str(path) in err or "--target" in err or "kernel" in err


def test_a_sound_table_is_read_whatever_its_dress(tmp_path):
    def choose(columns, _):
        tables.match(("y", "x"), columns, "--inputs")
        return "y", "x"

    expected = [[2.0, 1.0], [4e-3, -3.0]]
    for name, text, delimiter in (
        ("a.csv", "x,y\n1,2\n-3,4e-3\n", None),
        ("b.csv", "\ufeffx, y\r\n1, 2\r\n\r\n-3 ,+0.004\r\n", None),
        ("c.tsv", "x\tnote\ty\n1\tword\t2\n-3\t\t.4e-2\n", None),
        ("d.txt", '"x";"y"\n"1";"2"\n-3;0.004', ";"),
    ):
        (tmp_path / name).write_bytes(text.encode())
        table = tables.read(tmp_path / name, choose, delimiter=delimiter)
        np.testing.assert_array_equal(table, expected)


def test_digits_survive(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 2)) * 10.0 ** np.arange(-25, 25)[:, None]
    path = write_csv(tmp_path / "data.csv", ["x", "y"], values.tolist())
    np.testing.assert_array_equal(tables.read(path, lambda names, _: names), values)


WRONG = {
    "no file": (["nowhere.csv", *BEAM], "nowhere.csv cannot be read (No such file"),
    "a folder": ([".", *BEAM], "the suffix '' does not tell the format"),
    "suffix": (["data.xlsx", *BEAM], "the suffix '.xlsx' does not tell the format"),
    "parquet": (["data.parquet", *BEAM], "data.parquet"),
    "epsilon": (["DATA", "--target", "y", "--epsilon", "small"], "--epsilon is 'small'"),
    "epsilon empty": (["DATA", "--target", "y", "--epsilon", "%"], "--epsilon is '%'"),
    "epsilon negative": (["DATA", "--target", "y", "--epsilon=-1"], "epsilon must be positive"),
    "epsilon zero": (["DATA", "--target", "y", "--epsilon", "0"], "epsilon must be positive"),
    "epsilon NaN": (["DATA", "--target", "y", "--epsilon", "nan"], "epsilon must be one finite"),
    "epsilon infeasible": (
        ["DATA", "--target", "y", "--kernel", "beam", "--epsilon", "1e-9"],
        "epsilon = 1e-09 is infeasible",
    ),
    "rounds": (
        ["DATA", *BEAM, "--rounds", "some"],
        "--rounds is 'some'. Pass a number, auto, rougher or",
    ),
    "rounds zero": (["DATA", *BEAM, "--rounds", "0"], "rounds must be a positive integer"),
    "kernel": (["DATA", "--target", "y", "--kernel", "spline"], "kernel 'spline' is unknown"),
    "gamma": (["DATA", "--target", "y", "--gamma=-1"], "gamma must not be negative"),
    "gamma without use": (
        ["DATA", "--target", "y", "--kernel", "linear", "--gamma", "1"],
        "--gamma has no effect on the kernel 'linear'. Leave it out.",
    ),
    "sample": (["DATA", *BEAM, "--sample", "0"], "--sample must be an integer of at least 1"),
    "seed": (
        ["DATA", *BEAM, "--sample", "5", "--seed=-1"],
        "--seed must be an integer of at least 0",
    ),
    "delimiter": (["DATA", *BEAM, "--delimiter", "ab"], "--delimiter must be one character"),
    "inputs": (["DATA", *BEAM, "--inputs", "z"], "--inputs: there is no column 'z'"),
    "target as input": (["DATA", *BEAM, "--inputs", "y"], "--inputs: 'y' is the target"),
}


@pytest.mark.parametrize("command", ["fit", "explain"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_named(sdtheory, example, monkeypatch, case, command):
    tmp_path = example.parent
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.parquet").write_bytes(b"PAR1 no more")
    arguments, message = WRONG[case]
    arguments = [example if a == "DATA" else a for a in arguments]
    assert message in refused(sdtheory, command, *arguments)


OUTPUTS = {
    "plot suffix": (["--plot", "out.gif"], "--plot out.gif: the suffix '.gif'"),
    "save suffix": (["--save", "model.pkl"], "--save model.pkl: the suffix '.pkl'"),
    "no folder": (["--save", "no/model.npz"], "--save no/model.npz: there is no folder no"),
    "a folder": (["--json", "."], "--json .: is a folder"),
    "the data": (["--json", "data.csv"], "--json data.csv is also DATA"),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_are_checked_before_any_work(sdtheory, example, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    before = example.read_bytes()
    options, message = OUTPUTS[case]
    assert message in refused(sdtheory, "fit", example, *BEAM, *options)
    assert example.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_files_that_may_not_be_touched(sdtheory, example, tmp_path):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("the superuser may read and write everything")
    example.chmod(0)
    assert "cannot be read (Permission denied)" in refused(sdtheory, "fit", example, *BEAM)
    example.chmod(0o600)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, _, err = sdtheory("fit", example, *BEAM, "--save", locked / "model.npz")
    assert code == 2
    assert "cannot be written (Permission denied)" in err


def test_arrays_that_are_no_tables(sdtheory, tmp_path):
    path = tmp_path / "data.npy"
    for values in (np.ones(3), np.ones((2, 2)) * 1j, np.array([["a", "b"]])):
        np.save(path, values)
        assert "must hold a two-dimensional array" in refused(
            sdtheory, "fit", path, "--target", "1"
        )
    np.save(path, np.array([[1.0, np.nan]]))
    assert "row 0, column '1': nan is not finite" in refused(sdtheory, "fit", path, "--target", "1")
    np.save(path, np.empty((0, 2)))
    assert "has no rows" in refused(sdtheory, "fit", path, "--target", "1")
    np.save(path, np.array([[{}, 1]], dtype=object), allow_pickle=True)
    assert "is not an NPY file of numbers" in refused(sdtheory, "fit", path, "--target", "1")
    path.write_bytes(b"no array")
    assert "is not an NPY file of numbers" in refused(sdtheory, "fit", path, "--target", "1")


def test_parquet_names_what_to_install(sdtheory, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "data.parquet"
    path.write_bytes(b"")
    assert "pip install pyarrow" in refused(sdtheory, "fit", path, "--target", "y")


def test_parquet_is_read(sdtheory, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({"x": EXAMPLE.x, "y": EXAMPLE.y}), path)
    code, out, _ = sdtheory("fit", path, *BEAM, "--rounds", "2", "--json", "-")
    assert code == 0
    assert json.loads(out)["rows"] == 11


def test_too_many_rows_are_refused_as_soon_as_they_are_met(sdtheory, tmp_path):
    path = tmp_path / "data.csv"
    # the line behind the limit is never looked at
    rows = "1,2\n" * (MOST_ROWS + 1) + "not a number\n"
    path.write_text("x,y\n" + rows, encoding="utf-8")
    err = refused(sdtheory, "trial", path, "--target", "y")
    assert f"has more than {MOST_ROWS} rows" in err
    assert "--sample" in err
    array = tmp_path / "data.npy"
    np.save(array, np.ones((MOST_ROWS + 1, 2)))
    assert "has more than" in refused(sdtheory, "trial", array, "--target", "1")


def test_predict_names_what_is_wrong(sdtheory, example, tmp_path):
    model = tmp_path / "model.npz"
    sdtheory("fit", example, *BEAM, "--save", model)
    other = write_csv(tmp_path / "other.csv", ["z"], [[0.5]])
    assert "no column 'x'" in refused(sdtheory, "predict", model, other)
    outside = write_csv(tmp_path / "outside.csv", ["x"], [[1.5]])
    assert "spans [1.5, 1.5]" in refused(sdtheory, "predict", model, outside)
    assert "cannot be read" in refused(sdtheory, "predict", tmp_path / "no.npz", example)
    assert "not a model file" in refused(sdtheory, "predict", example, example)
    model.write_bytes(model.read_bytes()[:-100])
    assert "damaged" in refused(sdtheory, "predict", model, example)
    assert "--output" in refused(
        sdtheory, "predict", model, example, "--output", tmp_path / "no" / "file.csv"
    )


def test_a_prediction_that_fails_leaves_no_file(sdtheory, example, tmp_path, monkeypatch):
    model = tmp_path / "model.npz"
    sdtheory("fit", example, *BEAM, "--save", model)
    monkeypatch.setattr("sdtheory.estimator._BATCH", 4)
    new = write_csv(tmp_path / "new.csv", ["x"], [[0.5]] * 9 + [[1.5]])
    target = tmp_path / "out.csv"
    refused(sdtheory, "predict", model, new)
    refused(sdtheory, "predict", model, new, "--output", target)
    assert not target.exists()
    assert not list(tmp_path.glob(".*"))
    target.write_text("old", encoding="utf-8")
    refused(sdtheory, "predict", model, new, "--output", target)
    assert target.read_text(encoding="utf-8") == "old"


def test_an_interrupt_is_130_and_leaves_nothing(sdtheory, example, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", interrupted)
    code, _, err = sdtheory("fit", example, *BEAM, "--plot", tmp_path / "out.svg")
    assert code == 130
    assert "interrupted" in err
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process are POSIX")
def test_a_real_interrupt_while_reading(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "0.5,2\n" * 2_000_000, encoding="utf-8")
    script = (
        # a shell that runs the tests in the background has them ignore the signal
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from sdtheory.cli import main, fit, training; from sdtheory import estimator\n"
        "print('ready', flush=True); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["fit", path, "--target", "y", "--sample", "10", "--save", tmp_path / "model.npz"]
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert err == "sdtheory: interrupted\n"
    assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process are POSIX")
@pytest.mark.parametrize(
    "module", ["sdtheory.validation", "sdtheory.solvers.chain", "sdtheory.cli"]
)
@pytest.mark.parametrize("door", ["module", "script"])
def test_a_real_interrupt_while_the_command_loads(module, door):
    # interrupted when the module starts to load, also inside of a class that is being made
    how = {
        "module": "import runpy; runpy.run_module('sdtheory', run_name='__main__')",
        "script": "from sdtheory.__main__ import main; sys.exit(main())",
    }[door]
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Loads:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.meta_path.insert(0, Loads()); sys.argv[1:] = ['--version']; {how}\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "sdtheory: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a shell are POSIX")
def test_a_reader_that_has_enough_is_no_error(sdtheory, example, tmp_path):
    model = tmp_path / "model.npz"
    sdtheory("fit", example, *BEAM, "--save", model)
    new = write_csv(tmp_path / "new.csv", ["x"], [[0.5]] * 50_000)
    command = f"'{sys.executable}' -m sdtheory predict '{model}' '{new}' | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("y\n", "")


def test_fit_mixes_labels_into_later_rounds(sdtheory, example):
    options = [*BEAM, "--rounds", "3", "--mixing", "0.25,0.5"]
    code, out, err = sdtheory("fit", example, *options, "--json", "-")
    assert (code, err) == (0, "")
    found = json.loads(out)["rounds"]
    matrix = gram(SimplySupportedBeam(), EXAMPLE.x)
    chain = distill(matrix, EXAMPLE.y, 0.045, 3, mixing=[0.25, 0.5])
    np.testing.assert_allclose([row["multiplier"] for row in found], chain.c)
    assert [row.get("share of labels") for row in found] == [None, 0.25, 0.5]
    code, out, _ = sdtheory("fit", example, *options)
    assert code == 0
    assert "Share of the labels by round: 0.25, 0.5." in out


def test_fit_takes_multipliers_and_chooses_the_share(sdtheory, example):
    options = ["--c", "1e-5", "--mixing", "optimal", "--rounds", "2", "--json", "-"]
    code, out, err = sdtheory("fit", example, *BEAM, *options)
    assert (code, err) == (0, "")
    found = json.loads(out)
    matrix = gram(SimplySupportedBeam(), EXAMPLE.x)
    chain = distill(matrix, EXAMPLE.y, c=1e-5, rounds=2, mixing="optimal")
    assert found["rounds"][1]["share of labels"] == pytest.approx(chain.mixing[0])
    assert found["epsilon"] is None


@pytest.mark.parametrize(("bound", "kept"), [("779.27", 2), ("1e6", 1), ("100", 3)])
def test_fit_stops_where_the_fit_is_no_longer_rougher(sdtheory, example, bound, kept):
    options = [*BEAM, "--rounds", "rougher", "--roughness", bound]
    code, out, err = sdtheory("fit", example, *options)
    assert (code, err) == (0, "")
    rough = kept - (bound == "1e6")
    assert f"squared norm of at least {float(bound):.5g}: {rough} of 4." in out
    assert f"Rounds kept: {kept}." in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mixing", "half"], "--mixing is 'half'"),
        (["--roughness", "1"], "--roughness has no effect with --rounds auto. Leave it out"),
        (["--c", "0.1,", "--rounds", "2"], "--c is '0.1,'"),
        (["--mixing", "optimal", "--rounds", "2"], "Pass c instead of epsilon"),
        (["--mixing", "0.5"], "need not collapse"),
    ],
)
def test_fit_refuses_what_cannot_enter_later_rounds(sdtheory, example, options, words):
    assert words in refused(sdtheory, "fit", example, *BEAM, *options)
