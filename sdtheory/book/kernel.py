"""Isolates the kernels that run chapters, so that no machine changes the book.

Profiles, kernel specifications, style files, variables for Python and its
libraries, and the language of the machine are the reader's, and stay outside.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
