"""The driver publishes a good book, and nothing of a bad one."""

import importlib
import json
import os
import signal
import subprocess
import time

import nbformat
import psutil
import pytest
from tiny_book import CHECK, DRIVER, REPOSITORY, build, chapter, write_book

from sdtheory.book.cache import joined
from sdtheory.book.notebooks import list_chapters

pytestmark = pytest.mark.book

FIGURE = """\
import matplotlib.pyplot as plt
from sdtheory.book.display import figure, glue, table

fig, axes = plt.subplots()
axes.plot([0, 1], [0, epsilon])
figure(fig, label="fig-line", caption="A line of slope $s$.", alt="A rising straight line.")"""
GLUE = 'glue("slope", f"{epsilon:.3f}")'
TABLE = 'table(("Name", "Value"), [("slope", r"\\(s < 1\\)")], caption="A table")'


@pytest.fixture(scope="module")
def driver():
    return importlib.import_module("sdtheory.book.build")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    pages = {
        "first": chapter("The first", "print(epsilon)", text="See {numref}`fig-line`."),
        "second": chapter("The second", FIGURE, GLUE, TABLE, text="Slope {glue:text}`slope`."),
        "words": "# Only words\n\nSee {doc}`the first <first>`.\n",
    }
    root = write_book(tmp_path_factory.mktemp("good"), pages)
    done = build(root)
    assert done.returncode == 0, done.stderr
    return root, done.stdout


def page(root, name):
    return (root / "_build" / "html" / "book" / f"{name}.html").read_text(encoding="utf-8")


def images(root):
    folder = root / "_build" / "html" / "_images"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_good_book_has_all_its_pages_and_says_what_took_how_long(good):
    root, said = good
    assert {path.stem for path in (root / "_build/html/book").glob("*.html")} == {
        "first",
        "second",
        "words",
    }
    for step in ("first", "second", "ran the chapters", "made the pages"):
        assert any(line.strip().startswith(step) for line in said.splitlines())


def test_figures_are_numbered_and_referable_and_have_their_own_alt_text(good):
    root, _ = good
    assert 'alt="A rising straight line."' in page(root, "second")
    assert "A line of slope" in page(root, "second")
    assert 'href="second.html#fig-line"' in page(root, "first")
    assert "Fig. 1" in page(root, "first")


def test_numbers_in_the_text_come_from_cells(good):
    root, _ = good
    assert "Slope <span" in page(root, "second")
    assert ">0.045<" in page(root, "second")


def test_figures_and_tables_name_the_cell_that_made_them_and_its_parameters(good):
    root, _ = good
    words = "with epsilon = 0.045, rounds = 3, kernel = "
    assert f"Made by code cell 2 {words}" in page(root, "second")
    assert f"Made by code cell 4 {words}" in page(root, "second")


def test_parameters_are_named_as_they_are_written(driver):
    source = 'epsilon = (\n    0.045  # tolerance\n)\nkernel = "a # b"  # name\nrounds = 10_000'
    written = ["epsilon = 0.045", 'kernel = "a # b"', "rounds = 10_000"]
    assert list(driver._assignments(source)) == written


def test_the_errata_find_the_evidence_that_the_ledger_keeps(driver):
    chapters = [chapter for chapter in list_chapters(REPOSITORY).values() if chapter.executable]
    order = [chapter.name for chapter in driver.queue(chapters)]
    assert sorted(order) == sorted(chapter.name for chapter in chapters)
    assert order.index("ledger") < 2
    assert order[-1] == "errata"


def test_figures_and_tables_offer_their_data(good):
    root, _ = good
    data = root / "_build" / "html" / "data"
    assert 'href="../data/fig-line.csv" download' in page(root, "second")
    assert 'href="../data/second-cell-4-1.csv" download' in page(root, "second")
    figure, table = (data / name for name in ("fig-line.csv", "second-cell-4-1.csv"))
    assert figure.read_text(encoding="utf-8").splitlines() == [
        '"axes 0, line 0, x","axes 0, line 0, y"',
        "0.0,0.0",
        "1.0,0.045",
    ]
    assert table.read_text(encoding="utf-8").splitlines() == ["Name,Value", r"slope,\(s < 1\)"]


def test_pages_describe_themselves(good):
    root, _ = good
    assert '<meta property="og:title" content="The first" />' in page(root, "first")
    assert "[The first](book/first.html)" in (root / "_build/html/llms.txt").read_text("utf-8")


def test_tables_have_a_caption_and_headers_with_a_scope(good):
    root, _ = good
    text = page(root, "second")
    assert "<caption>A table <small" in text
    assert '<th scope="col">Value</th>' in text
    assert '<th scope="row">slope</th>' in text
    assert r"\(s &lt; 1\)" in text


def test_the_published_notebooks_hold_nothing_that_changes_from_run_to_run(good):
    root, _ = good
    notebooks = root / "_build" / "notebooks"
    assert sorted(path.name for path in notebooks.iterdir()) == ["first.ipynb", "second.ipynb"]
    notebook = nbformat.read(notebooks / "second.ipynb", as_version=4)
    assert [cell.id for cell in notebook.cells][:2] == ["second-000", "second-001"]
    assert "papermill" not in notebook.metadata
    for cell in notebook.cells:
        assert not {"papermill", "execution"} & set(cell.metadata)


def test_a_second_build_gives_identical_figures_and_notebooks(good):
    root, _ = good
    notebooks = root / "_build" / "notebooks"
    figures = images(root)
    texts = {path.name: path.read_bytes() for path in notebooks.iterdir()}
    assert figures
    assert build(root).returncode == 0
    assert images(root) == figures
    assert {path.name: path.read_bytes() for path in notebooks.iterdir()} == texts


def fails(root):
    """Build a book in which an earlier build left pages; return what the driver says."""
    earlier = root / "_build" / "html"
    earlier.mkdir(parents=True)
    (earlier / "index.html").write_text("from an earlier build", encoding="utf-8")
    done = build(root)
    assert done.returncode == 1
    assert not earlier.exists()
    assert "Traceback" not in done.stderr
    return done.stderr


CHAPTERS_THAT_FAIL = {
    "raises": ("1 / 0", "book/raises.md, line 24 (code cell 2): ZeroDivisionError: division by"),
    "check": (CHECK, "FAILS: two is one"),
    "leaves": (
        "raise SystemExit\n```\n\n```{code-cell} ipython3\nlast = 1",
        "this cell did not run",
    ),
    "dies": ("import os\nos._exit(1)", "dies.md: the kernel died"),
    "killed": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "killed.md: the kernel died",
    ),
}


@pytest.fixture(scope="module")
def failing_chapters(tmp_path_factory):
    pages = {name: chapter(name, cell) for name, (cell, _) in CHAPTERS_THAT_FAIL.items()}
    root = write_book(tmp_path_factory.mktemp("failing"), {"sound": chapter("Sound")} | pages)
    return root, fails(root)


@pytest.mark.parametrize("name", CHAPTERS_THAT_FAIL)
def test_a_chapter_that_fails_stops_the_build_and_is_named(failing_chapters, name):
    root, said = failing_chapters
    assert CHAPTERS_THAT_FAIL[name][1] in said
    assert (root / "_build" / "notebooks" / f"{name}.failed.ipynb").exists()


def test_a_sound_chapter_among_failing_ones_is_not_blamed(failing_chapters):
    root, said = failing_chapters
    assert "sound" not in said
    assert (root / "_build" / "notebooks" / "sound.ipynb").exists()


#: Cells of one chapter, from its second on, and what is said of each.
OUTPUTS_THAT_FAIL = {
    "bare": (
        "import matplotlib.pyplot as plt\nfig, axes = plt.subplots()\nplt.show()",
        "unfit, code cell 2 shows an image without alt text",
    ),
    "stderr": (
        "import sys\nprint('careful', file=sys.stderr)",
        "unfit, code cell 3 wrote to stderr: careful",
    ),
    "two": (
        FIGURE + "\nfig, axes = plt.subplots()\nfigure(fig, label='b', caption='B.', alt='Two.')",
        "unfit, code cell 4 shows 2 figures",
    ),
    "both": (FIGURE + "\n" + TABLE, "unfit, code cell 5 shows 1 figure and 1 table"),
}


@pytest.fixture(scope="module")
def unfit_outputs(tmp_path_factory):
    unfit = chapter("Unfit", *(cell for cell, _ in OUTPUTS_THAT_FAIL.values()))
    return fails(write_book(tmp_path_factory.mktemp("outputs"), {"unfit": unfit}))


@pytest.mark.parametrize("name", OUTPUTS_THAT_FAIL)
def test_an_output_that_is_unfit_for_a_page_stops_the_build_and_is_named(unfit_outputs, name):
    assert OUTPUTS_THAT_FAIL[name][1] in unfit_outputs


def test_a_broken_reference_stops_the_build(tmp_path):
    text = "See {ref}`nowhere` and {doc}`missing`."
    said = fails(write_book(tmp_path, {"only": f"# Only\n\n{text}\n"}))
    assert "nowhere" in said
    assert "missing" in said


def test_an_image_of_the_text_without_alt_stops_the_build(tmp_path):
    logo = "assets/favicon.svg"
    text = f"```{{image}} {logo}\n```\n\n![]({logo})\n\n![a logo]({logo})"
    said = fails(write_book(tmp_path, {"only": f"# Only\n\n{text}\n"}))
    assert said.count("favicon.svg without alt text") == 2


def test_a_chapter_without_parameters_fails_before_any_chapter_runs(tmp_path):
    pages = {"first": chapter("First"), "second": chapter("Second", parameters="")}
    said = fails(write_book(tmp_path, pages))
    assert "chapter 'second' has 0 cells tagged 'parameters'" in said
    assert not (tmp_path / "_build" / "notebooks").exists()


@pytest.mark.parametrize(
    ("number", "others"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 2)],
    ids=["SIGINT", "SIGTERM-forked"],
)
def test_an_interrupted_build_leaves_no_pages_and_no_process(tmp_path, number, others):
    sleeps = (
        "import os, pathlib, time\n"
        "pathlib.Path('kernel.pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    # with more chapters than processes, kernels are forked; the last chapter runs first
    pages = {f"other{place}": chapter("Other") for place in range(others)}
    root = write_book(tmp_path, pages | {"sleeps": chapter("Sleeps", sleeps)})
    (root / "_build" / "html").mkdir(parents=True)
    running = subprocess.Popen(
        [*DRIVER, "--book", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = root / "book" / "kernel.pid"
    kernel = int(read_when_there(pid))
    running.send_signal(number)
    _, said = running.communicate(timeout=240)
    assert running.returncode == 130
    assert "Interrupted. The book was not built." in said
    assert not (root / "_build" / "html").exists()
    assert ends_within(kernel, seconds=120)


def ends_within(pid, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.2)
    return False


def starting(root, *options, **environment):
    """Start the driver on a book."""
    return subprocess.Popen(
        [*DRIVER, "--book", str(root), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def read_when_there(path, seconds=240):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return path.read_text()


WORKERS = """\
import os, pathlib, time
from functools import partial
from sdtheory.linalg.scheduling import run
pathlib.Path('kernel.pid').write_text(str(os.getpid()))
list(run([partial(time.sleep, 600)] * 2, jobs=2))"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A build at work, that is killed at the end: its folder, its process and its kernel."""
    pages = {"idle": chapter("Idle"), "busy": chapter("Busy", WORKERS)}
    root = write_book(tmp_path_factory.mktemp("busy"), pages)
    with starting(root, "--jobs", "1") as running:
        kernel = psutil.Process(int(read_when_there(root / "book" / "kernel.pid")))
        # it was forked
        assert "--serve" in kernel.cmdline()
        deadline = time.monotonic() + 240
        while len(kernel.children()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield root, running, kernel
        running.kill()


def test_a_second_build_in_the_same_folder_is_refused(busy):
    root, running, _ = busy
    done = build(root)
    assert done.returncode == 1
    assert "another build is at work" in done.stderr
    assert running.poll() is None


def test_a_killed_build_leaves_no_process(busy):
    root, running, kernel = busy
    processes = [*psutil.Process(running.pid).children(recursive=True), *kernel.children()]
    assert len(processes) > 4
    running.kill()
    _, alive = psutil.wait_procs(processes, timeout=240)
    assert alive == []
    assert not (root / "_build" / "html").exists()


def test_a_disk_that_fills_up_leaves_no_book_and_nothing_that_spoils_the_next(tmp_path):
    root = write_book(tmp_path, {"one": chapter("One", "print(epsilon)")})
    assert build(root).returncode == 0
    # at once, in a chapter, in the pages: what each leaves is what the next one finds
    for blocks in (1, 60, 600):
        cell = f"print({blocks}, 'x' * 40_000)"
        (root / "book" / "one.md").write_text(chapter("One", cell), encoding="utf-8")
        # no file may grow beyond so many blocks of 512 bytes: writing fails as on a full disk
        done = subprocess.run(
            ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *DRIVER, "--book", str(root)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 1, blocks
        assert "The book was not built." in done.stderr, blocks
        assert "Traceback" not in done.stderr, blocks
        assert not (root / "_build" / "html").exists(), blocks
        assert not (root / "_build" / "manifest.json").exists(), blocks

    assert build(root).returncode == 0
    assert f"{blocks} xxx" in page(root, "one")


def test_a_cell_that_does_not_end_is_named(tmp_path):
    root = write_book(tmp_path, {"hangs": chapter("Hangs", "while True:\n    pass")})
    with starting(root, "--timeout", "3") as running:
        _, said = running.communicate(timeout=240)
    assert running.returncode == 1
    assert "hangs.md, line 24: this cell took more than 3 seconds" in said


@pytest.mark.parametrize("name", ["html", "notebooks"])
def test_a_link_in_the_place_of_a_result_is_refused_and_kept(tmp_path, name):
    root = write_book(tmp_path / "book", {"one": chapter("One")})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").touch()
    (root / "_build").mkdir()
    (root / "_build" / name).symlink_to(elsewhere)
    done = build(root)
    assert done.returncode == 1
    assert "is a link" in done.stderr
    assert (elsewhere / "mine").exists()


#: Shows what a reader's settings change in a kernel that does not keep them out.
SETTINGS = """\
import locale, os, sys
import matplotlib as mpl
print(mpl.rcParams["lines.linewidth"], mpl.get_backend().rsplit(".")[-1])
print(sys.flags.optimize, "foreign" in globals(), locale.getlocale()[1])
print(any("elsewhere" in path for path in sys.path), os.environ.get("JAX_ENABLE_X64"))
assert __debug__"""


def test_the_readers_settings_do_not_change_the_book(driver, tmp_path):
    root = write_book(tmp_path / "book", {"one": chapter("One", SETTINGS)})
    elsewhere = tmp_path / "elsewhere"
    startup = elsewhere / "ipython" / "profile_default" / "startup"
    kernel = elsewhere / "share" / "kernels" / "python3"
    for folder in (startup, kernel):
        folder.mkdir(parents=True)
    (startup / "foreign.py").write_text("foreign = True")
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "x"}')
    (elsewhere / "matplotlibrc").write_text("lines.linewidth: 77")
    (elsewhere / "yaml.py").write_text("")
    settings = {
        "IPYTHONDIR": str(elsewhere / "ipython"),
        "JUPYTER_PATH": str(elsewhere / "share"),
        "MATPLOTLIBRC": str(elsewhere),
        "MPLBACKEND": "pdf",
        "PYTHONOPTIMIZE": "2",
        "LC_ALL": "C",
        "JAX_ENABLE_X64": "1",
    }
    with starting(root, **settings) as running:
        _, said = running.communicate(timeout=240)
    assert running.returncode == 0, said
    found = json.loads((root / "_build" / "manifest.json").read_text("utf-8"))["chapters"]["one"]
    plain = driver.rerun(root, ["one"], tmp_path / "plain", jobs=1)["chapters"]["one"]
    assert found["claims"] == plain["claims"]
    text = found["claims"]["text stdout"]["text"]
    assert "77" not in text
    assert "0 False UTF-8" in text
    assert text.endswith("False None\n")


def test_the_makefile_keeps_foreign_modules_out():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert "unexport PYTHONPATH" in makefile


def test_printed_text_is_one_piece_however_it_arrived():
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=t) for t in ("a", "b")]
    outputs.append(nbformat.v4.new_output("stream", name="stderr", text="c"))
    outputs.append(nbformat.v4.new_output("stream", name="stdout", text="d"))
    assert [o.text for o in joined(outputs)] == ["ab", "c", "d"]


def test_a_run_with_other_parameters_cannot_be_published(driver):
    cell = nbformat.v4.new_code_cell("epsilon = 1", metadata={"tags": ["injected-parameters"]})
    cell.execution_count = 2
    problems = driver.publishable(nbformat.v4.new_notebook(cells=[cell]), "kkt")
    assert problems == ["kkt, code cell 2 replaces the parameters. The book shows their defaults."]


@pytest.mark.parametrize(
    ("tag", "missing"),
    [
        ('<img src="a/b.png" alt="a tree">', []),
        ('<img src="a/b.png">', ["a/b.png"]),
        ('<img src="a/b.png" alt=" ">', ["a/b.png"]),
        ('<img src="../a/b.png" alt="../a/b.png">', ["../a/b.png"]),
    ],
)
def test_images_without_alt(driver, tmp_path, tag, missing):
    path = tmp_path / "page.html"
    path.write_text(tag, encoding="utf-8")
    assert driver.images_without_alt(path) == missing


def test_jobs_must_be_positive():
    done = subprocess.run([*DRIVER, "--jobs", "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--jobs is 0. Run at least 1 chapter at a time." in done.stderr


def test_a_folder_without_a_book_is_refused(tmp_path):
    done = subprocess.run(
        [*DRIVER, "--book", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no book found" in done.stderr
