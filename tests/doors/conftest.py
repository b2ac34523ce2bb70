import pytest

from sdtheory.cli import main


@pytest.fixture
def sdtheory(capsys, monkeypatch):
    """Run a command; return its exit code, stdout and stderr."""

    def run(*arguments, folder="."):
        monkeypatch.chdir(folder)
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse's way out
            code = left.code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run
