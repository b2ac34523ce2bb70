"""What a command writes: whole or not at all, and never over what it does not own."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sdtheory import InvalidInputError
from sdtheory.cli import main, tables
from sdtheory.files import check_outputs, replacing

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes are POSIX")


def write(path, text):
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("x,y\n0.1,1\n0.2,2\n0.4,1\n0.5,0.5\n", encoding="utf-8")
    assert fit("--save", "m.npz") == 0
    return tmp_path


def fit(*options, data="d.csv", target="y"):
    return main(["fit", data, "--target", target, "--rounds", "1", "--epsilon", "5%", *options])


@posix
def test_a_link_is_followed_and_a_mode_kept(tmp_path):
    target, link = tmp_path / "t.csv", tmp_path / "l.csv"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o640)
    link.symlink_to("t.csv")
    with replacing(link) as partial:
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600  # nobody else reads it meanwhile
        partial.write_text("new", encoding="utf-8")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    dangling = tmp_path / "d.csv"
    dangling.symlink_to("elsewhere.csv")
    write(dangling, "text")
    assert (tmp_path / "elsewhere.csv").read_text(encoding="utf-8") == "text"


@posix
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    write(tmp_path / "new", "text")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


@posix
def test_a_pipe_and_a_device_are_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe", "text")
    reader.join(timeout=240)
    assert found == ["text"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    write(Path(os.devnull), "text")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    done = subprocess.run(
        [sys.executable, "-c",
         "from pathlib import Path; from sdtheory.files import replacing\n"
         "with replacing(Path('/dev/stdout')) as p: p.write_text('text')"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "text"


def test_names_are_unique_per_thread_and_may_be_long(tmp_path):
    path = tmp_path / ("n" * 250)
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_text("one", encoding="utf-8")
        other.write_text("other", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everything"
)
def test_a_write_protected_file_is_kept(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o400)
    with pytest.raises(InvalidInputError, match="write-protected"):
        write(path, "new")
    assert path.read_text(encoding="utf-8") == "old"


def test_outputs_are_told_apart(tmp_path):
    data = tmp_path / "data.csv"
    data.touch()
    new = tmp_path / "new.csv"
    check_outputs({"--json": new, "--save": None, "--plot": Path("-")}, {"DATA": data})
    for outputs, message in (
        ({"--json": data}, r"--json .*data.csv is also DATA"),
        ({"--json": tmp_path / "." / "data.csv"}, "is also DATA"),
        ({"--json": new, "--save": new}, "--save .*new.csv is also --json"),
        ({"--json": tmp_path}, "is a folder"),
        ({"--json": tmp_path / "no" / "a"}, "there is no folder"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            check_outputs(outputs, {"DATA": data})


def test_commands_refuse_to_write_over_their_inputs(fitted, capsys):
    before = (fitted / "m.npz").read_bytes()
    assert main(["predict", "m.npz", "d.csv", "--output", "m.npz"]) == 2
    assert "--output m.npz is also MODEL" in capsys.readouterr().err
    assert fit("--save", "o.npz", "--json", "o.npz") == 2
    assert main(["predict", "m.npz", "d.csv", "--output", "d.csv"]) == 2
    assert (fitted / "m.npz").read_bytes() == before
    assert not (fitted / "o.npz").exists()


def test_a_plot_that_fails_does_not_lose_the_model(fitted, monkeypatch, capsys):
    def fails(*_, **__):
        raise RuntimeError("no TeX")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fails)
    assert fit("--plot", "z.svg", "--save", "z.npz") == 2
    assert "drawing failed (no TeX)" in capsys.readouterr().err
    assert (fitted / "z.npz").exists()
    assert not (fitted / "z.svg").exists()


@posix
def test_sigterm_leaves_no_partial_file(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from sdtheory import cli, files\n"
        "def work(_):\n"
        "    with files.replacing(Path('out')) as p:\n"
        "        p.write_text('half'); print('half', flush=True); time.sleep(600)\n"
        "cli.fit.run = work\n"
        "sys.exit(cli.main(['fit', 'd.csv', '--target', 'y']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_full_disk_is_said_and_leaves_nothing(fitted, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sdtheory", "predict", "m.npz", "d.csv"],
            cwd=fitted, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("sdtheory: error: ")
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@posix
def test_a_closed_pipe_ends_quietly(fitted):
    command = f"'{sys.executable}' -m sdtheory verify --list | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_what_a_terminal_cannot_show_is_escaped_and_nothing_is_lost(tmp_path):
    (tmp_path / "u.csv").write_text("L\u00e4nge,y\n0.1,1\n0.2,2\n0.4,1\n", encoding="utf-8")
    run = [sys.executable, "-m", "sdtheory"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*run, "fit", "u.csv", "--target", "y", "--rounds", "1", "--save", "u.npz"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "inputs: L\\xe4nge" in done.stdout
    from sdtheory.model_file import load

    assert load(tmp_path / "u.npz").inputs == ("L\u00e4nge",)


def test_a_negative_number_is_a_value(fitted, capsys):
    assert main(["fit", "d.csv", "--target", "y", "--epsilon", "-1e-3"]) == 2
    assert "epsilon must be positive, but is -0.001" in capsys.readouterr().err
    assert main(["fit", "d.csv", "--target", "y", "--gamma", "-2E5"]) == 2
    assert "gamma must not be negative" in capsys.readouterr().err


def test_verify_refuses_a_folder_before_any_work(tmp_path, capsys):
    assert main(["verify", "prop-step", "--json", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "is a folder" in said.err


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "COMMAND" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    import sdtheory

    assert capsys.readouterr().out == f"sdtheory {sdtheory.__version__}\n"


# -- tables: indices, times, integers that do not fit --------------------------------------------


def everything(columns, index):
    return [name for name in columns if name not in index]


@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_the_index_in_a_csv_file_is_left_out_and_said(fitted, capsys, first):
    Path("i.csv").write_text(f"{first},x,y\n5,0.1,1\n3,0.2,2\n9,0.4,1\n", encoding="utf-8")
    assert fit(data="i.csv") == 0
    said = capsys.readouterr()
    assert "inputs: x;" in said.out
    assert "is the index of the rows that pandas wrote, and is left out" in said.err
    assert fit("--inputs", first, "x", data="i.csv") == 0
    assert f"inputs: {first}, x;" in capsys.readouterr().out


@pytest.mark.parametrize("name", [None, "id"])
def test_the_index_in_a_parquet_file_is_left_out_and_said(fitted, capsys, name):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"x": [0.1, 0.2, 0.4], "y": [1.0, 2.0, 1.0]}, index=[5, 3, 9])
    frame.rename_axis(name).to_parquet("i.parquet")
    assert fit(data="i.parquet") == 0
    said = capsys.readouterr()
    assert "inputs: x;" in said.out
    assert "is left out" in said.err
    frame.reset_index(drop=True).to_parquet("r.parquet")
    assert fit(data="r.parquet") == 0
    assert "index" not in capsys.readouterr().err


def test_times_and_missing_values_in_parquet_are_refused_with_their_place(tmp_path):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    when = pandas.date_range("2024", periods=3, freq="h")
    for values, message in (
        (when, "column 'a' holds timestamp"),
        (when - when[0], "column 'a' holds duration"),
        (when.date, "column 'a' holds date32"),
        (["1", "2", "3"], "column 'a' holds .*string"),
        (pandas.array([1, None, 3], dtype="Int64"), "row 1, column 'a': the value is missing"),
        ([1.0, 2.0, np.inf], "row 2, column 'a': inf is not finite"),
        ([1, 2**53 + 1, 3], "row 1, column 'a': 9007199254740993 does not fit a float"),
    ):
        pandas.DataFrame({"a": values}).to_parquet(path)
        with pytest.raises(InvalidInputError, match=message):
            tables.read(path, everything)


def test_integers_that_do_not_fit_a_float_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n9007199254740993,3\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="line 3, column 'a': a float cannot hold all"):
        tables.read(path, everything)
    # more digits than Python makes an int of
    path.write_text(f"a\n{'0' * 5000}9007199254740993\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="line 2, column 'a': a float cannot hold all"):
        tables.read(path, everything)
    path.write_text("a\n9007199254740994\n-9007199254740992\n1e300\n", encoding="utf-8")
    assert tables.read(path, everything)[:, 0].tolist() == [2.0**53 + 2, -(2.0**53), 1e300]
    array = tmp_path / "t.npy"
    np.save(array, np.array([[1, 2], [2**60 + 1, 3]]))
    with pytest.raises(InvalidInputError, match="row 1, column '0': 1152921504606846977 does not"):
        tables.read(array, everything)


def test_a_wrong_table_is_refused_before_scikit_learn_is_loaded(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n1,high\n", encoding="utf-8")
    script = (
        "import sys\n"
        "from sdtheory.cli import main\n"
        "print(main(['fit', 'd.csv', '--target', 'y']), 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "2 False\n"
    assert "line 2, column 'y'" in done.stderr
