"""Chains, their result files, and the command."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdtheory.cli import main
from sdtheory.validation import InvalidInputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Imported when a test runs: JAX takes seconds to load, and collection does not need it."""
    global stats, ledger, experiments, chain, comparison, TINY  # noqa: PLW0603
    from scipy import stats
    from tiny_networks import TINY

    from sdtheory.book import ledger
    from sdtheory.experiments import results as experiments
    from sdtheory.experiments.networks import chain, comparison


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("chain") / "result.json"
    return chain.run(TINY, path, command="typed", quiet=True), path


def test_the_file_says_what_was_run_and_measured(finished):
    result, path = finished
    assert experiments.read(path) == json.loads(path.read_text()) == result
    assert result["finished"]
    assert result["command"] == "typed"
    assert result["experiment"]["seeds"] == [0, 1]
    assert result["versions"]["jax"]
    assert [set(row) for row in result["rounds"]] == [set(experiments.MEASURES)] * 3
    for measure in ("train_original", "train_noisy", "test", "validation"):
        values = experiments.by_seed(result, measure)
        assert values.shape == (2, 3)
        assert np.all((values > 0) & (values <= 1))
    assert not list(path.parent.glob("*.npz"))
    assert not list(path.parent.glob(".*"))


KILLED = """
import sys, time
from pathlib import Path
from sdtheory.experiments.networks import chain
sys.path.insert(0, {support!r})
from tiny_networks import TINY
write = chain.write
def slow(path, result):
    write(path, result)
    print(len(result["rounds"]), flush=True)
    time.sleep(600)
chain.write = slow
chain.run(TINY, Path({path!r}), command="typed", quiet=True)
"""


def test_a_killed_run_goes_on_and_gives_the_same_file_bit_for_bit(finished, tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    code = KILLED.format(support=str(Path(__file__).parents[1] / "support"), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "1"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not experiments.read(path)["finished"]
    assert len(experiments.read(path)["rounds"]) == 1
    with pytest.raises(InvalidInputError, match="Pass --resume"):
        chain.run(TINY, path, quiet=True)
    other = replace(TINY, label_noise=0.1)
    with pytest.raises(InvalidInputError, match=r"another experiment: label_noise: 0.3 then, 0.1"):
        chain.run(other, path, resume=True, quiet=True)
    rounds = []
    train = chain.train
    monkeypatch.setattr(
        chain, "train", lambda *a, **k: rounds.append(k["round_"]) or train(*a, **k)
    )
    chain.run(TINY, path, resume=True, quiet=True)
    assert path.read_bytes() == finished[1].read_bytes()
    assert set(rounds) == {1, 2}
    trained = len(rounds)
    # a finished run is not run again
    chain.run(TINY, path, resume=True, command="typed", quiet=True)
    assert len(rounds) == trained
    # control: another seed is noticed
    changed = chain.run(replace(TINY, seeds=(0, 2)), quiet=True)
    assert changed["rounds"] != finished[0]["rounds"]


def test_cross_entropy_distils_probabilities():
    softer = replace(TINY, settings=replace(TINY.settings, loss="cross-entropy"), rounds=2)
    result = chain.run(softer, quiet=True)
    # probabilities lie nearer to the uniform ones than one-hot labels do
    assert np.all(experiments.by_seed(result, "size") < np.sqrt(0.9))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"data": "mnist"}, "data is 'mnist'"),
        ({"rounds": 0}, "rounds must be"),
        ({"seeds": ()}, "seeds must be"),
        ({"seeds": (1, 1)}, "seeds must be"),
        ({"label_noise": 1.5}, "label_noise must be"),
        ({"stack": 0}, "stack must be"),
        ({"settings": "lenet"}, "arch is 'lenet'"),
    ],
)
def test_experiments_that_cannot_be_run_are_refused(wrong, says):
    if "settings" in wrong:
        wrong = {"settings": replace(TINY.settings, arch=wrong["settings"])}
    with pytest.raises(InvalidInputError, match=says):
        replace(TINY, **wrong)


def test_a_file_of_another_kind_is_refused(tmp_path):
    for text in ("{}", "[]", "nothing"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InvalidInputError, match=r"x\.json"):
            experiments.read(tmp_path / "x.json")
    (tmp_path / "y.json.state.npz").write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        chain.run(TINY, tmp_path / "y.json", resume=True, quiet=True)


def test_the_comparison_tries_as_many_settings_for_each_and_chooses_on_validation():
    result = comparison.compare(TINY, 3, quiet=True)
    found = experiments.methods(result)
    assert [len(values) for values, _, _ in found.values()] == [3, 3, 3]
    common = [found["rounds"], found["epochs"], found["weight decay"]]
    starts = [method[2][where] for method, where in zip(common, (0, -1, 0), strict=True)]
    assert np.array_equal(starts[0], starts[1])
    assert np.array_equal(starts[0], starts[2])
    for method, (best, test) in experiments.chosen(result).items():
        _, validation, tested = found[method]
        seeds = np.arange(2)
        assert np.array_equal(validation[best, seeds], validation.max(axis=0))
        assert np.array_equal(test, tested[best, seeds])
    with pytest.raises(InvalidInputError, match="validation = 0"):
        comparison.compare(replace(TINY, validation=0), 3, quiet=True)
    with pytest.raises(InvalidInputError, match="count must be"):
        comparison.compare(TINY, 4, quiet=True)


def test_among_equals_the_choice_is_the_common_training():
    def trial(method, value, validation):
        return {"method": method, "value": value, "validation": [validation], "test": [value]}

    result = {"trials": [trial("rounds", k, 0.5) for k in (1, 2, 3)]}
    result["trials"] += [trial("epochs", k, 0.5) for k in (1, 2, 3)]
    chosen = experiments.chosen(result)
    assert chosen["rounds"][1].tolist() == [1]
    assert chosen["epochs"][1].tolist() == [3]


def test_intervals_are_students():
    values = np.random.default_rng(0).normal(size=12)
    mean, half = experiments.interval(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert np.allclose([mean - half, mean + half], [low, high])
    assert np.isclose(experiments.interval(values, 1.0)[1], half * np.sqrt(13))
    assert experiments.interval(values[:1])[1] == np.inf
    columns = experiments.interval(np.stack([values, 2 * values], axis=1))
    np.testing.assert_allclose(columns, [[mean, 2 * mean], [half, 2 * half]])


def test_directions_and_courses_are_read_from_intervals():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=(20, 5))
    assert experiments.direction(noise[:, 0] + 0.1) == "rises"
    assert experiments.direction(noise[:, 0] - 0.1) == "falls"
    assert experiments.direction(noise[:, 0] - noise[:, 0].mean()) == "undecided"
    peak, line = np.array([0, 0.1, 0.2, 0.1, 0]), 0.1 * np.arange(5)
    assert experiments.course(noise + peak) == (2, "rises, then falls")
    assert experiments.course(noise + line) == (4, "rises; no fall shown")
    assert experiments.course(noise - line) == (0, "falls; no rise shown")
    assert experiments.course(noise[:1])[1] == "undecided"
    # noise alone seldom feigns a course, although its largest mean is chosen
    feigned = [experiments.course(rng.normal(size=(20, 5)))[1] != "undecided" for _ in range(200)]
    assert np.mean(feigned) < 0.2
    assert experiments.direction(np.zeros(1)) == "undecided"


def test_the_ledgers_table_is_computed_from_the_files(finished, tmp_path):
    result, _ = finished
    (tmp_path / "nn_a.json").write_text(json.dumps(result))
    (tmp_path / "nn_b.json").write_text(json.dumps(result | {"finished": False}))
    (tmp_path / "other.json").write_text("{}")
    table = ledger.experiments(tmp_path)
    assert table.count("<tr>") == 3
    assert table.count("complete") == table.count("UNFINISHED") == 1
    assert "<code>typed</code>" in table


SMALL = ["--seeds", "2", "--epochs", "3", "--train", "60", "--test", "100"]
SMALL += ["--batch", "20", "--validation", "40", "--quiet"]


@pytest.mark.parametrize("extra", [["--rounds", "2"], ["--compare", "2"]])
def test_the_command_writes_result_and_plot(tmp_path, capsys, extra):
    files = ["--output", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.svg")]
    assert main(["nn", *SMALL, *files, *extra]) == 0
    assert experiments.read(tmp_path / "a.json")["finished"]
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert "95 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--arch", "lenet"], "arch is 'lenet'"),
        (["--loss", "hinge"], "loss is 'hinge'"),
        (["--data", "mnist"], "data is 'mnist'"),
        (["--seeds", "0"], "--seeds must be"),
        (["--label-noise", "2"], "label_noise must be"),
        (["--plot", "x.txt"], "--plot x.txt"),
        (["--output", "x.txt"], "--output x.txt"),
        (["--output", "nowhere/x.json"], "no folder nowhere"),
        (["--compare", "2", "--resume"], "cannot be resumed"),
        (["--compare", "2", "--rounds", "3"], "Leave out --rounds"),
        (["--compare", "2", "--stack", "3"], "Leave out --stack"),
        (["--compare", "2"], "needs validation images"),
        (["--openml"], "the digits are in scikit-learn"),
        (["--data-folder", "."], "the digits are in scikit-learn"),
        (["--data", "cifar10", "--data-folder", "."], "cifar-10-python.tar.gz"),
        (["--arch", "resnet50"], "only 8 x 8 pixels"),
    ],
)
def test_the_command_refuses_bad_input(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert main(["nn", "--output", "a.json", "--quiet", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_its_extra_the_package_names_it(tmp_path):
    code = (
        "import sys; sys.modules['jax'] = None; "
        "from sdtheory.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "nn", "--output", str(tmp_path / "a.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'sdtheory[nn]'" in done.stderr
