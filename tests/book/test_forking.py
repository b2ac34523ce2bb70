"""A kernel that is forked from loaded packages runs a chapter like one that starts by itself."""

import json
import os
import subprocess
import sys

import nbformat
import psutil
import pytest
from tiny_book import chapter, write_book

from sdtheory.book import kernel
from sdtheory.book.cache import Surroundings
from sdtheory.book.notebooks import ChapterFailedError, chapter_by_name, execute

pytestmark = [
    pytest.mark.book,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only"),
]

PLOT = """\
from sdtheory.book.display import figure
from sdtheory.plotting import canvas
fig, axes = canvas()
axes[0, 0].plot([0, 1], [0, epsilon])
figure(fig, label="fig-line", caption="A line.", alt="A rising line.")"""
ALGEBRA = """\
import numpy as np
from scipy.linalg import eigh
print(eigh(np.cov(np.random.default_rng(0).normal(size=(9, 30))))[0].tolist())"""
PLACES = """\
import json, os, sys
print(json.dumps([
    os.getcwd(), sys.path, sorted(os.environ), sys.flags.hash_randomization,
    get_ipython().profile_dir.location.startswith(os.environ["IPYTHONDIR"]),
    os.environ["IPYTHONDIR"].startswith(os.path.dirname(os.environ["JUPYTER_PATH"])),
    os.getsid(0) == os.getpid(), os.environ["JPY_PARENT_PID"] == str(os.getppid()),
]))"""
CELLS = {
    "plain": "print(epsilon)",
    "algebra": ALGEBRA,
    "plot": PLOT,
    "places": PLACES,
    "parent": "import os\nprint(os.getppid(), os.environ['IPYTHONDIR'])",
    "dies": "import os\nos.write(2, b'no memory left\\n')\nos._exit(1)",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "import os\nopen('pid', 'w').write(str(os.getpid()))\nwhile True:\n    pass",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_book(
        tmp_path_factory.mktemp("forking"), {name: chapter(name, CELLS[name]) for name in CELLS}
    )
    yield root
    server = server_of(root)
    server.communicate(timeout=60)
    assert server.returncode == 0
    kernel._server.cache_clear()


def server_of(root):
    assert kernel._server.cache_info().currsize == 1
    return kernel._server(str(root / "book"))


def left_by(server):
    """Return the kernels that do not end, or that nobody took note of."""
    return psutil.wait_procs(psutil.Process(server.pid).children(), timeout=60)[1]


def run(root, name, target, *, forked=True, **options):
    """Run a chapter; return its outputs and its dependencies."""
    record = target / "record.json"
    execute(
        chapter_by_name(root, name), target / "x.ipynb", record=record, forked=forked, **options
    )
    cells = nbformat.read(target / "x.ipynb", as_version=4).cells
    found = Surroundings(root).dependencies(json.loads(record.read_text(encoding="utf-8")))
    return [output for cell in cells for output in cell.get("outputs", [])], found


@pytest.mark.parametrize("name", ["plain", "algebra", "plot", "places"])
def test_outputs_are_the_same_and_no_dependency_is_missed(root, tmp_path, name):
    outputs, found = run(root, name, tmp_path)
    others, expected = run(root, name, tmp_path, forked=False)
    assert outputs
    assert outputs == others
    assert found.items() >= expected.items()
    more = found.keys() - expected.keys()
    assert all(key.startswith("package ") or key == "file book/matplotlibrc" for key in more)


def test_kernels_have_one_parent_without_threads_and_folders_of_their_own(root, tmp_path):
    said = [run(root, "parent", tmp_path)[0][0].text.split() for _ in range(2)]
    server = server_of(root)
    assert [int(parent) for parent, _ in said] == [server.pid] * 2
    assert said[0][1] != said[1][1]
    assert os.listdir(f"/proc/{server.pid}/task") == [str(server.pid)]
    assert left_by(server) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dies", "the kernel died.*It said last:\nno memory left"),
        ("killed", "the kernel died"),
        ("hangs", "took more than 5 seconds"),
    ],
)
def test_a_forked_kernel_that_fails_is_noticed_and_leaves_no_process(root, tmp_path, name, reason):
    with pytest.raises(ChapterFailedError, match=f"(?s){reason}"):
        run(root, name, tmp_path, timeout=5)
    assert left_by(server_of(root)) == []


def test_a_kernel_starts_by_itself_if_the_server_is_gone(root, tmp_path, monkeypatch):
    gone = subprocess.Popen(
        [sys.executable, "-c", ""], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with gone:
        gone.wait()
        monkeypatch.setattr(kernel, "_server", lambda folder: gone)
        outputs, _ = run(root, "parent", tmp_path)
    assert int(outputs[0].text.split()[0]) == os.getpid()


def test_other_systems_do_not_fork(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel, "_server", None)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert kernel.fork([], {}, tmp_path) is None


def test_a_process_with_threads_is_not_forked():
    script = """
import threading, time
from sdtheory.book import recorder
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
recorder.PRELOADED = ()
recorder.serve()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"A package started a thread" in done.stderr
