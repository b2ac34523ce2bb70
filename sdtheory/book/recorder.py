"""The kernel that runs a chapter and, if asked, records what the chapter depends on.

Started as a script, so that it sees the library from its first import on; it
imports nothing of it.
"""

import atexit
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import coverage
import psutil
from ipykernel import kernelapp
from ipykernel.ipkernel import IPythonKernel


class Kernel(IPythonKernel):
    """A kernel that ends at once."""

    def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """Kill the processes that this one started.

        Among them is Python's tracker of shared resources. It takes no notice of the
        signals to which ipykernel gives its children half a minute.
        """
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # it ended meanwhile
                child.kill()
                child.wait()
        return super().do_shutdown(restart)


def record(target: Path) -> None:
    """Write, when this process ends, what it read and executed.

    Parameters
    ----------
    target : Path
        JSON file. Without it the run is not to be relied on.
    """
    library = os.path.realpath(Path(__file__).parent.parent)
    installed = tuple({sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev"})
    measured = coverage.Coverage(data_file=None, config_file=False, include=[f"{library}/*"])
    measured.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
    files: set[str] = set()
    folders: set[str] = set()
    children: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir"):
            path, written = arguments[0] or ".", event == "open" and arguments[2]
            if written and isinstance(written, int) and written & (os.O_WRONLY | os.O_RDWR):
                return
            # what the import system reads is in the list of modules
            if "importlib" in sys._getframe(1).f_code.co_filename:
                return
            if not isinstance(path, str | bytes | os.PathLike):
                return
            path = os.path.realpath(os.fsdecode(path))
            if not path.startswith(installed):
                (files if event == "open" else folders).add(path)
        elif event in ("os.fork", "os.posix_spawn") or (
            event == "subprocess.Popen" and "python" in f"{arguments[0]}{arguments[1][:1]}"
        ):
            children.append(event)

    def write() -> None:
        measured.stop()
        data = measured.get_data()
        loaded = {
            name: os.path.realpath(file)
            for name, module in list(sys.modules.items())
            if (file := getattr(module, "__file__", None))
        }
        # how a process is started is imported when one is
        parallel = any("popen_" in name.rpartition(".")[2] for name in sys.modules)
        content = {
            "lines": {file: sorted(data.lines(file) or []) for file in data.measured_files()},
            "modules": sorted(f for f in loaded.values() if f.startswith(library + os.sep)),
            "packages": sorted({name.split(".")[0] for name in loaded}),
            "files": sorted(files),
            "folders": sorted(folders),
            "processes": parallel or bool(children),
        }
        partial = target.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(target)

    sys.addaudithook(hear)
    atexit.register(write)
    measured.start()


if __name__ == "__main__":
    # this folder is no place to import from; the library is the one that the driver uses
    sys.path.pop(0)
    sys.path.append(str(Path(__file__).resolve().parent.parent.parent))
    if "SDTHEORY_RECORD" in os.environ:
        record(Path(os.environ["SDTHEORY_RECORD"]))
    kernelapp.IPKernelApp.launch_instance(kernel_class=Kernel)
