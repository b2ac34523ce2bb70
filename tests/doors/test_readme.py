"""What README.md shows runs on an ordinary table, and prints what it shows."""

import doctest
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sdtheory import SimplySupportedBeam, distill, gram
from sdtheory.cli import _parser, main
from sdtheory.datasets import load_example

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in BLOCKS
    for line in block.splitlines()
    if line.startswith(".venv/bin/sdtheory ")
]
#: They need a built book, or run a chapter or all statements: minutes. Others test them.
LONG = ("run", "reproduce", "verify --replay", "verify --formal", "nn")


def is_long(command):
    return command == ["verify"] or " ".join(command).startswith(LONG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (made,) = re.findall(r"^\.venv/bin/python -c '([^']*)'", README, re.MULTILINE)
    subprocess.run([sys.executable, "-c", made], cwd=folder, check=True)
    (folder / "NEW.csv").write_text("x\n1.5\n2.5\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_understood(command):
    words = command[: command.index(">")] if ">" in command else command
    assert _parser().parse_args(words).command == words[0]


@pytest.mark.slow
def test_the_commands_run_in_their_order_and_print_what_is_shown(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    short = [command for command in COMMANDS if not is_long(command)]
    assert {command[0] for command in short} == {"trial", "explain", "verify", "fit", "predict"}
    printed = ""
    for command in short:
        words = command[: command.index(">")] if ">" in command else command
        assert main(words) == 0, words
        printed += capsys.readouterr().out
    (shown,) = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(shown.splitlines()) == 4
    for line in shown.splitlines():
        assert any(alike(line, other) for other in printed.splitlines()), line


def alike(line, other):
    """Whether two lines have the same words, and numbers within 2 %, or a tenth of a unit."""
    number = r"[-+]?\d+(?:\.\d+)?"
    if re.sub(number, "#", line) != re.sub(number, "#", other):
        return False
    pairs = zip(re.findall(number, line), re.findall(number, other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=0.02, abs_tol=0.1) for a, b in pairs)


def test_lines_are_compared_by_words_and_numbers():
    assert alike("gain +0.2 % of 20", "gain +0.25 % of 20")
    assert not alike("gain +0.2 % of 20", "gain +0.2 % of 25")
    assert not alike("gain +0.2 %", "loss +0.2 %")


def test_the_session_in_python_is_true():
    assert doctest.testfile(str(ROOT / "README.md"), module_relative=False).attempted > 4


def test_the_picture_is_of_the_chain_and_there_for_light_and_dark():
    data = load_example()
    rounds = distill(gram(SimplySupportedBeam(), data.x), data.y, data.epsilon).n_rounds
    assert f"the fits of {rounds} rounds" in README
    assert f"Eleven points, {rounds} rounds, then zero." in README
    for name in ("light", "dark"):
        assert f".github/rounds-{name}.svg" in README
        assert (ROOT / ".github" / f"rounds-{name}.svg").stat().st_size < 100_000


def test_the_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) > 4
    assert [target for target in targets if not (ROOT / target).exists()] == []
