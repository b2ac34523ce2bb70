"""What stands outside the library is true: the notation table, versions, the lock."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import sdtheory
from sdtheory import SimplySupportedBeam, distill, gram
from sdtheory.datasets import load_example

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chain():
    data = load_example()
    return distill(gram(SimplySupportedBeam(), data.x), data.y, data.epsilon)


def notation():
    """Yield name and shape of each row of the preface's table that names an array."""
    text = (ROOT / "book" / "preface.md").read_text(encoding="utf-8")
    for line in text[text.index("| Paper | Code |") :].splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 4:
            return
        names, shapes = (re.findall(r"`([^`]+)`", cell) for cell in cells[1:3])
        if "or" in cells[2]:
            shapes = shapes[:1]
        yield from zip(names, shapes or [""] * len(names), strict=True)


def holder(chain, name):
    return next(o for o in (chain, chain.spectrum) if hasattr(o, name))


@pytest.mark.parametrize(
    ("name", "shape"), [row for row in notation() if row[0].isidentifier() and row[0] != "x"]
)
def test_the_notation_table_matches_the_code(chain, name, shape):
    value = getattr(holder(chain, name), name)
    sizes = {"n": chain.spectrum.n, "T": chain.n_rounds}
    expected = eval(shape, {"__builtins__": {}}, sizes) if shape else ()
    assert getattr(value, "shape", ()) == expected


def test_the_notation_table_lists_the_main_names():
    names = {name for name, _ in notation()}
    assert {"n", "epsilon", "V", "d", "c", "A", "B", "y", "z", "r", "n_rounds", "kappa"} <= names


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["project"]["version"] == sdtheory.__version__ == citation["version"]


def test_the_lock_pins_and_hashes_every_dependency_and_names_no_address():
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    blocks = re.split(r"\n(?=\S)", lock)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])
    groups = [
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
    ]
    needed = {re.match(r"[\w.-]+", entry)[0] for group in groups for entry in group}
    assert needed <= pinned


def test_the_readme_names_only_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", "book/preface.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", ["README.md", "book/preface.md", "sdtheory/cli/run.py"])
def test_the_documented_runs_name_chapters_and_parameters_that_exist(page):
    from sdtheory.book.notebooks import chapter_by_name

    text = (ROOT / page).read_text(encoding="utf-8")
    runs = re.findall(r"sdtheory run ([a-z_]+)((?: -p \S+ \S+)*)", text)
    assert runs
    for name, options in runs:
        given = re.findall(r"-p (\S+) (\S+)", options)
        assert len(chapter_by_name(ROOT, name).parse(given)) == len(given)


def test_the_workflow_and_the_continuous_integration_script_agree():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["check"]["steps"]
    assert ".ci/run" in [step.get("run") for step in steps]


def test_the_commands_for_contributors_name_tests_that_exist():
    for page in ("CONTRIBUTING.md", "Makefile"):
        text = (ROOT / page).read_text(encoding="utf-8")
        named = set(re.findall(r"tests/[\w/]+(?:\.py)?", text))
        assert len(named) > 5
        assert [path for path in named if not (ROOT / path).exists()] == []


def made(folder):
    """Return what `make lint` would do in a folder."""
    done = subprocess.run(
        ["make", "--dry-run", "lint"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_change_of_settings_installs_no_package_again(tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    order = ("requirements.txt", ".venv/.ready", "pyproject.toml", ".venv/.linked")
    for time, name in enumerate(order):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert "pip install" not in made(tmp_path)
    os.utime(tmp_path / "pyproject.toml", (9, 9))
    assert "-e ." in made(tmp_path)
    assert "--require-hashes" not in made(tmp_path)
    os.utime(tmp_path / "requirements.txt", (9, 9))
    assert "--require-hashes" in made(tmp_path)


def test_git_checks_with_the_tools_of_make_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = {h["entry"].removeprefix(".venv/bin/") for r in hooks["repos"] for h in r["hooks"]}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile[makefile.index("lint: ") : makefile.index("check: ")]
    for tool in re.findall(r"\$\(BIN\)/([\w ]+?(?: --check)?)(?: \.)?\n", lint):
        assert any(entry.startswith(tool) for entry in entries), tool


def test_continuous_integration_uses_nothing_that_an_earlier_build_left():
    assert "\nmake fresh\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
