"""The kernel that runs a chapter and, if asked, records what the chapter depends on.

Started as a script, so that it sees the library from its first import on; it
imports nothing of it. With ``--serve`` it loads packages once and forks a kernel
for each request.
"""

import atexit
import gc
import json
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import coverage
import psutil
from ipykernel import kernelapp
from ipykernel.ipkernel import IPythonKernel

#: What most chapters load, and what starts no thread and sets no variable when it is loaded.
PRELOADED = (
    "scipy.optimize",
    "scipy.stats",
    "matplotlib.pyplot",
    "seaborn",
)


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


class Recording:
    """Notes what this process reads, from now on, and which processes it starts."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self._children: list[str] = []
        self._installed = tuple({sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev"})
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
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
            if not path.startswith(self._installed):
                (self.files if event == "open" else self.folders).add(path)
        elif event in ("os.fork", "os.posix_spawn") or (
            event == "subprocess.Popen" and "python" in f"{arguments[0]}{arguments[1][:1]}"
        ):
            self._children.append(event)

    def start(self, target: Path) -> None:
        """Write, when this process ends, what it read and executed.

        Parameters
        ----------
        target : Path
            JSON file. Without it the run is not to be relied on.
        """
        library = os.path.realpath(Path(__file__).parent.parent)
        # every chapter depends on this file anyway
        measured = coverage.Coverage(
            data_file=None,
            config_file=False,
            include=[f"{library}/*"],
            omit=[f"{library}/book/{Path(__file__).name}"],
        )
        measured.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
        if sys.version_info >= (3, 12):  # costs next to nothing
            measured.set_option("run:core", "sysmon")

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
                "files": sorted(self.files),
                "folders": sorted(self.folders),
                "processes": parallel or bool(self._children),
            }
            partial = target.with_suffix(".partial")
            partial.write_text(json.dumps(content), encoding="utf-8")
            partial.replace(target)

        self._children.clear()  # those of the server
        atexit.register(write)
        measured.start()


def _reap(number: int, frame: object) -> None:
    """Take note of kernels that ended, and of the time that they took."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def serve() -> None:
    """Fork a kernel for each request, and return in the kernel only.

    A request is a line of JSON: the kernel's arguments, environment, folder and
    log file. The answer is its process id. The server ends with its input. Every
    chapter that is forked depends on what is loaded here.
    """
    for name in PRELOADED:
        import_module(name)
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit("A package started a thread, which a fork would lose.")
    signal.signal(signal.SIGCHLD, _reap)
    gc.freeze()  # what is loaded is not looked through again in every kernel
    server = os.getpid()
    while (line := sys.stdin.readline()) and os.fork():
        pass
    if not line:
        sys.exit()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    arguments, environment, folder, log = json.loads(line)
    # ipykernel read the variable when it was loaded
    sys.argv[1:] = [*arguments, f"--IPKernelApp.parent_handle={server}"]
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(server))
    os.chdir(folder)
    print(os.getpid(), flush=True)
    for number, path in enumerate((os.devnull, log, log)):
        opened = os.open(path, os.O_APPEND | (os.O_WRONLY if number else os.O_RDONLY))
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    # this folder is no place to import from; the library is the one that the driver uses
    sys.path.pop(0)
    sys.path.append(str(Path(__file__).resolve().parent.parent.parent))
    recording = Recording()
    if sys.argv[1:] == ["--serve"]:
        serve()
    if "SDTHEORY_RECORD" in os.environ:
        recording.start(Path(os.environ["SDTHEORY_RECORD"]))
    kernelapp.IPKernelApp.launch_instance(kernel_class=Kernel)
