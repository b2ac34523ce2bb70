"""Isolates the kernels that run chapters, so that no machine changes the book.

Profiles, kernel specifications, style files, variables for Python and its
libraries, and the language of the machine are the reader's, and stay outside.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

#: Makes two runs alike: no date of today in figures, one order of sets of strings, one order of
#: sums. A single thread also keeps chapters that run side by side out of each other's way.
ENVIRONMENT = {
    "SOURCE_DATE_EPOCH": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    # PyArrow, which pandas loads where it is installed, starts a thread
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
#: Beginnings of the names of variables that change what Python and the libraries compute or show.
_FOREIGN = (
    *("PYTHON", "IPYTHON", "JUPYTER", "JPY_", "MPL", "MATPLOTLIB", "COVERAGE_"),
    *("NUMBA_", "JAX_", "XLA_", "NPY_", "NUMPY_", "SCIPY_", "SKLEARN_", "SCIKIT_LEARN_"),
    *("OMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "GOTO_"),
    *("LC_", "LANG", "TZ", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SOURCE_DATE_EPOCH"),
)
#: What BLAS is told of the processor, not of the reader's wishes; digits at rounding depend on it.
PROCESSOR = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
#: Passed on: places, which decide nothing, and the processor.
_HARMLESS = {"NUMBA_CACHE_DIR", "MPLCONFIGDIR", *PROCESSOR}

RECORDER = Path(__file__).with_name("recorder.py")
#: Tells the recorder where to write.
RECORD = "SDTHEORY_RECORD"
#: Folder of evidence that chapters may use again, in a build that uses a cache.
EVIDENCE = "SDTHEORY_EVIDENCE"


@contextmanager
def isolated(
    folder: Path, *, record: Path | None = None, evidence: Path | None = None
) -> Iterator[None]:
    """Give kernels that start inside the block this interpreter, and no settings of the reader.

    Parameters
    ----------
    folder : Path
        Existing folder for what Jupyter and IPython keep; may be removed afterwards.
    record : Path, optional
        Where the kernel writes what it depended on.
    evidence : Path, optional
        Folder of evidence that the chapter may use again.

    Notes
    -----
    The variables of this process change until the block ends.
    """
    specification = folder / "share" / "kernels" / "python3"
    specification.mkdir(parents=True)
    # its warning about TCP on the local machine would go to every reader
    quiet = "--IPKernelApp.log_level=CRITICAL"
    command = [sys.executable, str(RECORDER), "-f", "{connection_file}", quiet]
    (specification / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}),
        encoding="utf-8",
    )
    before, passed = dict(os.environ), clean()
    os.environ.clear()
    os.environ.update(passed | ENVIRONMENT)
    os.environ.update(
        IPYTHONDIR=str(folder / "ipython"),
        JUPYTER_PATH=str(folder / "share"),
        JUPYTER_CONFIG_DIR=str(folder / "config"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        JUPYTER_NO_CONFIG="1",
    )
    for name, path in ((RECORD, record), (EVIDENCE, evidence)):
        if path is not None:
            os.environ[name] = str(path)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def clean() -> dict[str, str]:
    """Return the variables of this process that change no result."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _HARMLESS or not name.startswith((*_FOREIGN, "SDTHEORY_"))
    }


class Forked(psutil.Process):
    """A kernel that another process started, as jupyter_client treats one that it started."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """Return None while the process runs."""
        with suppress(psutil.NoSuchProcess):
            if self.is_running() and self.status() != psutil.STATUS_ZOMBIE:
                return None
        return 0

    def wait(self, timeout: float | None = None) -> int:
        """Do nothing: jupyter_client waits after the end, and the server leaves no zombie."""
        return 0

    def send_signal(self, sig: int) -> None:
        """Send a signal, if the process still runs."""
        with suppress(psutil.NoSuchProcess):
            super().send_signal(sig)


def fork(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked | None:
    """Start a kernel in this folder, from a process that loaded the large packages before.

    Parameters
    ----------
    arguments : sequence of str
        The kernel's, without the interpreter and the script.
    environment : mapping of str to str
    log : Path
        Existing file for what the kernel prints outside of its cells.

    Returns
    -------
    Forked or None
        None where this is not possible: start the kernel by itself.
    """
    # elsewhere a fork is not possible, or not safe after libraries of the system are loaded
    if sys.platform != "linux":
        return None
    folder = os.getcwd()
    server = _server(folder)
    request = [list(arguments), dict(environment), folder, str(log)]
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request).encode() + b"\n")
        return Forked(int(server.stdout.readline()))
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None  # one of the two is gone


@cache
def _server(folder: str) -> subprocess.Popen[bytes]:
    """Start the process that forks kernels. It ends when this one does."""
    server = subprocess.Popen(
        [sys.executable, str(RECORDER), "--serve"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,  # style files of chapters lie there
        start_new_session=True,
    )
    # else the time that kernels take would not count as time of the build
    atexit.register(server.communicate)
    return server
