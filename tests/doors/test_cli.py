"""The command line on a tiny book: results, errors, exit codes."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from tiny_book import CHECK, chapter, write_book

PAGES = {
    "words": "# Only words\n",
    "sound": chapter("Sound", "print(epsilon, rounds, kernel)"),
    "raises": chapter("Raises", "print('before')", "1 / 0", "print('after')"),
    "check": chapter("Check", CHECK),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("book"), PAGES)


@pytest.fixture
def sdtheory(sdtheory, root):
    """Run a command inside the book."""
    return partial(sdtheory, folder=root)


def outputs(notebook: Path) -> list[str]:
    """Return what the cells of a notebook printed."""
    cells = nbformat.read(notebook, as_version=4).cells
    return [o.text for c in cells for o in c.get("outputs", []) if "text" in o]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_documents_the_exit_codes(sdtheory, arguments):
    code, out, err = sdtheory(*arguments)
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "exit codes: 0 " in words
    for meaning in ("1 a check failed or", "2 wrong usage or input", "130 interrupted"):
        assert meaning in words


def test_help_names_every_command(sdtheory):
    _, out, _ = sdtheory("--help")
    assert {"run", "notebooks"} <= set(out.split())


def test_help_loads_none_of_the_tools_that_run_a_chapter():
    script = (
        "import sys\n"
        "from sdtheory.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    print({'jupytext', 'papermill', 'nbformat'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("command", [["run", "--list"], ["notebooks"]])
def test_a_missing_tool_is_named_with_what_to_install(sdtheory, monkeypatch, command):
    monkeypatch.delitem(sys.modules, "sdtheory.book.notebooks", raising=False)
    monkeypatch.delattr("sdtheory.book.notebooks", raising=False)
    monkeypatch.setitem(sys.modules, "nbformat", None)
    monkeypatch.setitem(sys.modules, "jupytext", None)
    code, out, err = sdtheory(*command)
    assert (code, out) == (2, "")
    assert "is not installed" in err
    assert "pip install 'sdtheory[book]'" in err


def test_the_list_shows_chapters_in_order_with_parameters_and_help(sdtheory):
    code, out, err = sdtheory("run", "--list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["sound", "raises", "check"]
    assert lines[1].split() == ["epsilon", "=", "0.045", "tolerance"]
    assert "  kernel = 'beam'" in lines


def test_the_list_can_be_of_one_chapter(sdtheory):
    code, out, _ = sdtheory("run", "--list", "raises")
    assert code == 0
    assert out.startswith("raises\n")
    assert "sound" not in out


def test_a_run_with_other_parameters_says_where_its_result_is(sdtheory, root):
    code, out, _ = sdtheory("run", "sound", "-p", "epsilon", "0.02", "-p", "rounds", "3")
    target = root / "_build" / "runs" / "sound-epsilon=0.02-rounds=3.ipynb"
    assert code == 0
    assert str(target) in out
    assert outputs(target) == ["0.02 3 beam\n"]


def test_the_result_can_go_elsewhere_and_stays_there_whatever_a_value_holds(sdtheory, tmp_path):
    folder = tmp_path / "new" / "results"
    code, out, _ = sdtheory("run", "sound", "-p", "kernel", "../a b", "--output", folder)
    (target,) = folder.iterdir()
    assert code == 0
    assert str(target) in out
    assert outputs(target) == ["0.045 3 ../a b\n"]


def test_the_command_works_from_any_folder_with_book(root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sdtheory", "run", "sound", "--book", str(root), "--output", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert outputs(tmp_path / "out" / "sound.ipynb") == ["0.045 3 beam\n"]


def test_a_chapter_that_raises_is_exit_code_1_with_the_notebooks_place(sdtheory, root):
    code, out, err = sdtheory("run", "raises")
    notebook = root / "_build" / "runs" / "raises.failed.ipynb"
    assert (code, out) == (1, "")
    assert "book/raises.md, line " in err
    assert "ZeroDivisionError: division by zero" in err
    assert str(notebook) in err
    assert "before\n" in outputs(notebook)
    assert "after\n" not in outputs(notebook)
    assert not (root / "_build" / "runs" / "raises.ipynb").exists()


def test_a_check_that_fails_is_exit_code_1_and_names_the_check(sdtheory, root):
    code, _, err = sdtheory("run", "check")
    assert code == 1
    assert "FAILS: two is one" in err
    assert str(root / "_build" / "runs" / "check.failed.ipynb") in err


WRONG = {
    "unknown command": (["walk"], "invalid choice: 'walk'"),
    "no chapter": (["run"], "no chapter is named. Choose one of: sound, raises, check."),
    "only parameters": (["run", "-p", "epsilon", "1"], "no chapter is named"),
    "unknown chapter": (["run", "nope"], "'nope' is unknown. Choose one of: sound, raises, check."),
    "text page": (["run", "words"], "chapter 'words' is unknown"),
    "unknown parameter": (
        ["run", "sound", "-p", "delta", "1"],
        "Known: epsilon (default 0.045), rounds (default 3), kernel (default 'beam'), quick",
    ),
    "wrong type": (["run", "sound", "-p", "rounds", "3.5"], "must be of type int"),
    "given twice": (["run", "sound", *["-p", "rounds", "1"] * 2], "'rounds' is given twice"),
    "no value": (["run", "sound", "-p", "epsilon"], "expected 2 arguments"),
    "list of an unknown chapter": (["run", "--list", "nope"], "'nope' is unknown"),
    "list and parameters": (["run", "--list", "-p", "rounds", "1"], "--list runs nothing"),
    "list and output": (["run", "--list", "--output", "out"], "--list runs nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_exit_code_2_on_stderr_before_any_work(sdtheory, tmp_path, case):
    arguments, message = WRONG[case]
    output = tmp_path / "out"
    if arguments[:1] == ["run"] and "--list" not in arguments:
        arguments = [*arguments, "--output", output]
    code, out, err = sdtheory(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not output.exists()


@pytest.mark.parametrize("command", [["run", "sound"], ["run", "--list"], ["notebooks"]])
def test_no_book_found_says_what_to_do(sdtheory, tmp_path, command, monkeypatch):
    # as where the library is not installed from a checkout
    monkeypatch.setattr("sdtheory.cli.run.CHECKOUT", tmp_path)
    code, out, err = sdtheory(*command, folder=tmp_path)
    assert (code, out) == (2, "")
    assert "no book found" in err
    assert "--book" in err
    code, _, err = sdtheory(*command, "--book", tmp_path / "nowhere")
    assert code == 2
    assert "nowhere is not a folder" in err


@pytest.mark.parametrize("command", [["run", "sound"], ["notebooks"]])
def test_an_output_that_cannot_be_written_is_named(sdtheory, tmp_path, command):
    occupied = tmp_path / "occupied"
    occupied.write_text("a file", encoding="utf-8")
    code, _, err = sdtheory(*command, "--output", occupied)
    assert code == 2
    assert str(occupied) in err
    assert "--output" in err
    assert occupied.read_text(encoding="utf-8") == "a file"


def test_an_interrupted_command_is_exit_code_130(sdtheory, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sdtheory.book.notebooks.execute", interrupt)
    code, _, err = sdtheory("run", "sound")
    assert code == 130
    assert "interrupted" in err


def test_notebooks_are_written_unexecuted_and_work_is_kept(sdtheory, root):
    folder = root / "notebooks"
    code, out, err = sdtheory("notebooks")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "check.ipynb",
        "matplotlibrc",
        "raises.ipynb",
        "sound.ipynb",
    ]
    assert str(folder / "sound.ipynb") in out
    assert outputs(folder / "sound.ipynb") == []

    work = folder / "sound.ipynb"
    work.write_text("my work", encoding="utf-8")
    (folder / "raises.ipynb").unlink()
    _, out, _ = sdtheory("notebooks")
    assert work.read_text(encoding="utf-8") == "my work"
    assert (folder / "raises.ipynb").exists()
    kept = [line.split()[1] for line in out.splitlines() if line.startswith("kept")]
    names = ("sound.ipynb", "check.ipynb", "matplotlibrc")
    assert kept == [str(folder / name) for name in names]

    sdtheory("notebooks", "--force")
    assert outputs(work) == []


def test_the_command_is_installed_under_its_name():
    command = Path(sys.executable).parent / "sdtheory"
    if not os.access(command, os.X_OK):
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([command, "nope"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
