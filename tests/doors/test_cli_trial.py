"""``sdtheory trial``: scores against fits one by one, and verdicts where they are known."""

import csv
import functools
import io
import json
import re

import numpy as np
import pytest
from tqdm import tqdm

from sdtheory.cli import main, trial
from sdtheory.estimator import SelfDistilledKernelRidge


def write(path, x, y):
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([["x", "y"], *zip(x, y, strict=True)])
    return str(path)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, 40))
    return write(tmp_path / "data.csv", x, 2 + np.sin(x) + 0.3 * rng.normal(size=40))


QUICK = ["--target", "y", "--rounds", "3", "--tolerances", "4", "--repeats", "1"]


def test_the_scores_are_those_of_the_estimator(data, capsys):
    assert main(["trial", data, *QUICK, "--gamma", "20", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    x, y = np.loadtxt(data, delimiter=",", skiprows=1, unpack=True)
    x = ((x - x.mean()) / x.std())[:, None]
    assert np.shape(found["chain scores"]) == (1, 4, 3)
    assert np.shape(found["ridge scores"]) == (1, 13)
    np.testing.assert_allclose(found["ridge tolerances"][::4], found["chain tolerances"])
    np.testing.assert_allclose(
        np.array(found["ridge scores"])[0, ::4], np.array(found["chain scores"])[0, :, 0], rtol=1e-6
    )
    parts = np.array_split(np.random.default_rng(0).permutation(40), 5)
    for k, share in enumerate(found["chain tolerances"]):
        errors = []
        for test in parts:
            train = np.setdiff1d(np.arange(40), test)
            model = SelfDistilledKernelRidge(gamma=20, epsilon=share, rounds=1, fit_intercept=True)
            model.fit(x[train], y[train])
            errors.append(np.mean((model.predict(x[test]) - y[test]) ** 2))
        assert found["chain scores"][0][k][0] == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_seed_draws_all_folds(data, monkeypatch, capsys):
    folds, seeds = trial._folds, []

    def watched(n, count, seed):
        seeds.append(seed)
        return folds(n, count, seed)

    monkeypatch.setattr(trial, "_folds", watched)
    assert main(["trial", data, *QUICK, "--seed", "7"]) == 0
    assert len(seeds) > 2
    assert set(seeds) == {7}


def test_the_table_and_the_verdict_are_one_story(data, capsys, tmp_path):
    image, numbers = tmp_path / "t.svg", tmp_path / "t.json"
    assert main(["trial", data, *QUICK, "--plot", str(image), "--json", str(numbers)]) == 0
    out = capsys.readouterr().out
    found = json.loads(numbers.read_text(encoding="utf-8"))
    assert found["verdict"] in out
    assert len(found["gammas"]) == 4
    assert f"best ridge: {np.min(found['ridge scores']):.5g} at --rounds 1" in out
    assert f"best chain: {np.min(found['chain scores']):.5g} at --rounds" in out
    assert image.read_bytes().startswith(b"<?xml")
    ours = (np.array(found["outer errors"]) @ [1, -1]) / np.mean(found["outer errors"], axis=0)[0]
    assert found["gain"] == pytest.approx(np.mean(ours))
    assert found["interval"][0] < found["gain"] < found["interval"][1]


@pytest.mark.parametrize(
    ("mean", "half", "words"),
    [
        (0.05, 0.03, "Self-distil: chains gain more than 1 %. Their gain is +5.0 % of"),
        (0.02, 0.03, "Undecided whether chains gain 1 %; keep ridge."),
        (-0.01, 0.015, "Keep ridge: chains gain less than 1 %"),
        (-0.05, 0.03, "Keep ridge: chains are worse"),
    ],
)
def test_verdicts(mean, half, words):
    assert trial._verdict(mean, half).startswith(words)


def test_a_chain_that_is_better_is_found(tmp_path, monkeypatch, capsys):
    # the signal above a gap in the spectrum: there a product of filters is better
    rng = np.random.default_rng(3)
    n = 120
    signal = rng.normal(size=(n, 4))
    K = 20 * signal @ signal.T / 4 + np.eye(n)
    y = signal @ rng.normal(size=4) + 2 * rng.normal(size=n)
    monkeypatch.setattr(SelfDistilledKernelRidge, "kernel_matrix", lambda *_: K)
    path = write(tmp_path / "gap.csv", np.arange(n), y)
    assert main(["trial", path, *QUICK, "--gamma", "1", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert np.min(found["chain scores"]) < np.min(found["ridge scores"])
    assert max(found["rounds chosen"]) > 1


def test_training_rows_whose_labels_agree_are_fitted_by_their_mean(tmp_path, capsys):
    x, y = np.linspace(0, 1, 40), np.zeros(40)
    y[17] = 1
    path = write(tmp_path / "one.csv", x, y)
    assert main(["trial", path, *QUICK, "--gamma", "20", "--rescale", "none", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    errors = []
    for test in np.array_split(np.random.default_rng(0).permutation(40), 5):
        train = np.setdiff1d(np.arange(40), test)
        if 17 in test:
            errors.append(1 / 8)
        else:
            model = SelfDistilledKernelRidge(gamma=20, epsilon=0.7, fit_intercept=True)
            model.fit(x[train, None], y[train])
            errors.append(np.mean((model.predict(x[test, None]) - y[test]) ** 2))
    assert found["chain scores"][0][-1][0] == pytest.approx(np.mean(errors), rel=1e-4)


NOTHING_TO_COMPARE = {
    "one input": (0.5 * np.ones(40), 1, "rbf", "--kernel rbf: every setting predicts the mean"),
    "no deflection": (np.zeros(40), 1, "beam", "--kernel beam: every setting predicts the mean"),
    "tiny labels": (np.linspace(0, 1, 40), 1e-160, "rbf", "y has entries up to"),
}


@pytest.mark.parametrize("case", NOTHING_TO_COMPARE)
def test_a_trial_that_can_compare_nothing_is_refused(tmp_path, capsys, case):
    x, scale, kernel, message = NOTHING_TO_COMPARE[case]
    path = write(tmp_path / "data.csv", x, scale * np.random.default_rng(0).normal(size=40))
    assert main(["trial", path, *QUICK, "--kernel", kernel]) == 2
    assert message in capsys.readouterr().err


WRONG = {
    "rounds": (["--rounds", "1"], "--rounds must be an integer of at least 2"),
    "repeats": (["--repeats", "0"], "--repeats must be an integer of at least 1"),
    "kernel": (["--kernel", "splin"], "kernel 'splin' is unknown"),
    "few rows": (["--sample", "20"], "20 rows, but a trial needs at least 30"),
    "plot": (["--plot", "t.gif"], "--plot t.gif: the suffix"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_named(data, capsys, case):
    options, message = WRONG[case]
    assert main(["trial", data, "--target", "y", *options]) == 2
    assert message in capsys.readouterr().err


def test_many_rows_must_be_asked_for(tmp_path, capsys):
    rng = np.random.default_rng(0)
    n = trial.MOST_ROWS + 1
    path = write(tmp_path / "many.csv", rng.normal(size=n), rng.normal(size=n))
    assert main(["trial", path, "--target", "y"]) == 2
    assert "--sample" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("command", "step"),
    [
        (["trial", *QUICK], r"/100 \["),
        (["fit", "--target", "y", "--epsilon", "0.01%"], r"[1-9]\d* steps \["),
    ],
)
def test_a_terminal_shows_the_progress_of_a_long_search(data, monkeypatch, command, step):
    monkeypatch.setattr("sys.stderr", shown := Terminal())
    every = functools.partialmethod(tqdm.__init__, mininterval=0)
    monkeypatch.setattr(tqdm, "__init__", every)
    assert main([command[0], data, *command[1:]]) == 0
    assert re.search(step, shown.getvalue()), shown.getvalue()
