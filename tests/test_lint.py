"""The style of all files and the types of the library."""

import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_left_to_mend():
    done = subprocess.run(
        ["make", "lint"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
