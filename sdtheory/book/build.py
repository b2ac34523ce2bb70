"""Build the book: run every chapter through papermill, then make the pages.

The pages are made from exactly the notebooks that papermill ran. A chapter
that raises, a check that fails, a broken reference or a figure without alt text
fails the build. A build that fails or is interrupted leaves no pages.

A chapter runs again only if its code, its executed functions, its data or its
packages have changed (`sdtheory.book.cache`); ``--fresh`` runs everything.
"""

from __future__ import annotations

import argparse
import ast
import html
import json
import multiprocessing
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from filelock import FileLock, Timeout
from nbformat import NotebookNode
from tqdm import tqdm

from sdtheory.book import manifest
from sdtheory.book.cache import Cache, Surroundings, cells, installed
from sdtheory.book.display import CLAIM_METADATA, FIGURE_METADATA, data_of, offered
from sdtheory.book.formal import annotate, notes
from sdtheory.book.kernel import clean
from sdtheory.book.metadata import describe
from sdtheory.book.notebooks import (
    Chapter,
    ChapterFailedError,
    chapter_by_name,
    execute,
    find_book,
    list_chapters,
    pages_of,
)
from sdtheory.book.pages import lighten_site, mend_site
from sdtheory.evidence.fingerprint import digest
from sdtheory.evidence.formal.coq import EXPORT, Export
from sdtheory.files import replacing
from sdtheory.linalg.scheduling import end_with_parent
from sdtheory.validation import InvalidInputError, counted


class BuildError(Exception):
    """The book cannot be published; the message says why."""


#: Seconds that a cell may take, by default.
TIMEOUT = 1800.0
#: Chapters that run last: what they compute, another one computes and keeps as well.
_LAST = ("errata",)


@dataclass(frozen=True)
class Run:
    """How chapters are run.

    Attributes
    ----------
    notebooks : Path
        Folder of executed notebooks.
    kept : Path
        Folder of what may be used again.
    jobs : int
        Chapters at a time.
    timeout : float
        Seconds that a cell may take.
    """

    notebooks: Path
    kept: Path
    jobs: int = 2
    timeout: float = TIMEOUT

    @property
    def cache(self) -> Cache:
        """Runs that may be used again."""
        return Cache(self.kept / "chapters")

    @property
    def evidence(self) -> Path:
        """Folder of evidence that may be used again."""
        return self.kept / "evidence"


def run_chapter(chapter: Chapter, run: Run, record: Path, forked: bool) -> float:
    """Execute one chapter; return the seconds it took."""
    start = time.perf_counter()
    try:
        execute(
            chapter,
            run.notebooks / f"{chapter.name}.ipynb",
            timeout=run.timeout,
            record=record,
            evidence=run.evidence,
            forked=forked,
        )
    except ChapterFailedError as error:
        raise BuildError(f"{error}\nThe notebook up to that cell: {error.notebook}") from None
    return time.perf_counter() - start


def queue(chapters: Sequence[Chapter]) -> list[Chapter]:
    """Return chapters in the order in which a build starts them.

    The longest stand at the end of the book: what is short fills the gaps they leave.
    """
    order = list(reversed(chapters))
    order.sort(key=lambda chapter: chapter.name in _LAST)
    return order


def run_chapters(chapters: list[Chapter], run: Run, now: Surroundings) -> None:
    """Bring the chapters' notebooks up to date, several at a time, and print what each took.

    A chapter that fails does not stop the others, so that one build reports
    all of them.

    Raises
    ------
    BuildError
        If any chapter failed.
    """
    stale = [chapter for chapter in chapters if run.cache.changes(chapter, now) != []]
    for chapter in chapters:
        if chapter not in stale:
            print(f"  {chapter.name:<20} unchanged")
    context = multiprocessing.get_context("spawn")
    failures = []
    with (
        TemporaryDirectory(prefix="sdtheory-") as records,
        ProcessPoolExecutor(run.jobs, mp_context=context, initializer=end_with_parent) as pool,
        tqdm(total=len(stale), desc="chapters", unit="chapter", disable=None) as bar,
    ):
        futures = {
            pool.submit(
                run_chapter,
                chapter,
                run,
                Path(records) / f"{chapter.name}.json",
                len(stale) > run.jobs,  # else each process runs one chapter
            ): (chapter, chapter.notebook())
            for chapter in queue(stale)
        }
        try:
            for future in as_completed(futures):
                chapter, source = futures[future]
                try:
                    seconds = future.result()
                    keep(chapter, source, run, Path(records) / f"{chapter.name}.json", now)
                    bar.write(f"  {chapter.name:<20}{seconds:7.1f} s")
                except BuildError as error:
                    bar.write(f"  {chapter.name:<20} FAILED")
                    failures.append(str(error))
                except BrokenProcessPool:
                    raise BuildError(
                        "A process that ran a chapter was killed, probably for lack of memory. "
                        "Try --jobs 1."
                    ) from None
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # kernels end by themselves when the process that started them is gone
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    if failures:
        raise BuildError("\n\n".join(failures))


def keep(chapter: Chapter, source: NotebookNode, run: Run, record: Path, now: Surroundings) -> None:
    """Keep the run of a chapter in the cache, if all that it depended on was recorded.

    Raises
    ------
    BuildError
        If the chapter or the library was edited meanwhile.
    """
    executed = nbformat.read(run.notebooks / f"{chapter.name}.ipynb", as_version=4)
    if cells(executed) != cells(source) or not now.holds():
        raise BuildError(f"{chapter.name} or the library was edited while it ran. Build again.")
    if record.exists():
        found = now.dependencies(json.loads(record.read_text(encoding="utf-8")))
    else:
        # the kernel was killed after its last cell
        found = {"unknown": "the kernel left no record"}
    run.cache.store(chapter, source, executed, found)


def publishable(notebook: NotebookNode, name: str) -> list[str]:
    """Prepare an executed notebook for its page; return what forbids publishing it.

    Figures get the caption, label and alt text that their code computed. Figures
    and tables name the cell that made them. Metadata that changes from run to run
    is removed.
    """
    problems = []
    parameters = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    given = ", ".join(_assignments("\n".join(parameters)))
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        where = f"{name}, code cell {cell.execution_count}"
        if "injected-parameters" in cell.metadata.get("tags", []):
            problems.append(f"{where} replaces the parameters. The book shows their defaults.")
        figures, tables = [], 0
        files = {id(output): file for output, file in offered(cell, name)}
        for output in cell.outputs:
            file = files.get(id(output), "")
            claim = output.get("metadata", {}).pop(CLAIM_METADATA, {})
            if claim.get("kind") == "table":
                tables += 1
                made = f" {_made_by(cell.execution_count, given, file)}</caption>"
                output.data["text/html"] = output.data["text/html"].replace("</caption>", made, 1)
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"{where} wrote to stderr: {output.text.strip()}")
            if not any(mime.startswith("image/") for mime in output.get("data", {})):
                continue
            if FIGURE_METADATA in output.metadata:
                figures.append(output.metadata.pop(FIGURE_METADATA) | {"file": file})
            else:
                problems.append(
                    f"{where} shows an image without alt text. "
                    f"Show it with sdtheory.book.display.figure."
                )
        if len(figures) > 1 or (figures and tables):
            # MyST-NB gives the label and the caption to every output of the cell
            problems.append(
                f"{where} shows {counted(len(figures), 'figure')} and {counted(tables, 'table')}. "
                "Show one figure in a cell, and a table in another."
            )
        for figure in figures[:1]:
            cell.metadata["mystnb"] = {
                "figure": {
                    "name": figure["label"],
                    "caption": (
                        f"{figure['caption']} "
                        f"{_made_by(cell.execution_count, given, figure['file'])}"
                    ),
                },
                "image": {"alt": figure["alt"]},
            }
    return problems


def _assignments(source: str) -> Iterator[str]:
    """Yield the assignments of a cell as they are written, without parentheses and comments."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign):
            value = " ".join((ast.get_source_segment(source, statement.value) or "").split())
            yield f"{ast.unparse(statement.targets[0])} = {value}"


#: Where the site keeps the data of figures and tables.
DATA = "data"


def _made_by(cell: int, parameters: str, file: str) -> str:
    words = f"Made by code cell {cell}" + (f" with {parameters}" if parameters else "")
    link = f' <a href="../{DATA}/{file}" download>Data</a>'
    return f'<small class="made-by">{html.escape(words)}.{link}</small>'


def offer_data(chapters: list[Chapter], run: Run, folder: Path) -> None:
    """Write the data of all figures and tables into a folder, one file each."""
    folder.mkdir(exist_ok=True)
    for chapter in chapters:
        notebook = run.cache.notebook(chapter)
        for cell in notebook.cells if notebook is not None else ():
            if cell.cell_type == "code":
                for output, name in offered(cell, chapter.name):
                    (folder / name).write_text(data_of(output), encoding="utf-8", newline="")


class _Images(HTMLParser):
    """Collects the sources of images that have no alt text, or only their file's name."""

    def __init__(self) -> None:
        super().__init__()
        self.without_alt: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            source, alt = (dict(attrs).get(key) or "" for key in ("src", "alt"))
            if not alt.strip() or Path(alt).name == Path(source).name:
                self.without_alt.append(source)


def images_without_alt(page: Path) -> list[str]:
    """Return the images of a page that have no alt text, or only their file's name."""
    parser = _Images()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.without_alt


def make_stage(root: Path, chapters: list[Chapter], run: Run, stage: Path) -> None:
    """Lay out what Sphinx reads: configuration, text pages and executed notebooks.

    A file that is there already with the same content keeps its time, by which
    Sphinx knows what changed.
    """
    problems, executed = [], {}
    for chapter in (chapter for chapter in chapters if chapter.executable):
        notebook = run.cache.notebook(chapter)
        if notebook is None:
            raise BuildError(f"{chapter.name} was edited while the others ran. Build again.")
        problems += publishable(notebook, chapter.name)
        nbformat.write(notebook, run.notebooks / f"{chapter.name}.ipynb")
        executed[chapter.name] = notebook
    if problems:
        raise BuildError("\n".join(problems))
    lay_out(stage, staged(root, chapters, executed))


def staged(
    root: Path, chapters: list[Chapter], executed: Mapping[str, NotebookNode]
) -> dict[str, bytes]:
    """Return what Sphinx reads, by its place in the stage.

    Parameters
    ----------
    root : Path
    chapters : list of Chapter
        All pages.
    executed : mapping of str to NotebookNode
        The publishable notebooks, by the chapter's name.
    """
    wanted = dict(plain_files(root, chapters))
    # a book without proofs in Coq, as those of the tests, has no such lines
    checked = root / "formal" / EXPORT
    lines = notes(Export.read(checked)) if checked.is_file() else {}
    for chapter in chapters:
        name = f"{chapter.path.parent.name}/{chapter.path.name}"
        if chapter.name not in executed:
            text = annotate(chapter.path.read_text(encoding="utf-8"), lines)
            wanted[name] = text.encode()
            continue
        notebook = executed[chapter.name]
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = annotate(cell.source, lines)
        wanted[name.removesuffix(".md") + ".ipynb"] = nbformat.writes(notebook).encode()
    return wanted


def plain_files(root: Path, chapters: list[Chapter]) -> Iterator[tuple[str, bytes]]:
    """Yield what the pages need besides the chapters, by its place in the stage."""
    folder = chapters[0].path.parent
    for name in ("_config.yml", "_toc.yml"):
        yield name, (root / name).read_bytes()
    folders = [folder / "assets", folder / "explorables"]
    for path in [*folder.glob("*.bib"), *(p for place in folders for p in place.rglob("*"))]:
        if path.is_file():
            yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def lay_out(stage: Path, wanted: Mapping[str, bytes]) -> None:
    """Make a folder hold exactly these files; write only those that differ."""
    for path in [p for p in stage.rglob("*") if p.is_file()]:
        if path.relative_to(stage).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = stage / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"\S*/(\w+)\.ipynb:(\d+):")


def _name_place(match: re.Match[str]) -> str:
    """Say in words what MyST-NB packs into one number: 10000 * cell + line."""
    cell, line = divmod(int(match[2]), 10000)
    return f"{match[1]}, cell {cell}, line {line}:" if cell else f"{match[1]}:"


#: Jupyter Book reads what changed and writes all pages: what is on one page can show on another.
#: A second process writes; reading has to be in one, as sphinx_proof merges nothing.
_SPHINX = """
import functools
import sdtheory.book
from jupyter_book import sphinx
from sphinx.application import Sphinx
Sphinx.is_parallel_allowed = lambda self, kind: kind == "write"
sphinx.build_sphinx = functools.partial(sphinx.build_sphinx, force_all={everything}, jobs=2)
from jupyter_book.cli.main import main
main()
"""


def run_sphinx(stage: Path, target: Path, *, everything: bool = True) -> list[str]:
    """Run Jupyter Book on the stage; return its warnings.

    Parameters
    ----------
    stage, target : Path
    everything : bool, default=True
        Whether to write all pages, and not only those that changed.

    Raises
    ------
    BuildError
        If it fails.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-c", _SPHINX.format(everything=everything)),
            *("build", "-W", "--keep-going", str(stage), "--path-output", str(target)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=clean() | {"PYTHONUTF8": "1"},
    )
    if not done.returncode:
        return []
    lines = _COLOUR.sub("", done.stdout).splitlines()
    telling = [line for line in lines if "WARNING" in line or "ERROR" in line]
    if not telling:
        raise BuildError("Jupyter Book failed:\n  " + "\n  ".join(lines[-30:]))
    return [_PLACE.sub(_name_place, line) for line in telling]


def make_pages(stage: Path, folder: Path, now: Surroundings) -> Path:
    """Make the pages of a stage, using what is known of pages that did not change.

    Parameters
    ----------
    stage : Path
    folder : Path
        Holds the pages and what Sphinx knows of them.
    now : Surroundings
        Whose library the reference pages show.

    Returns
    -------
    Path
        The folder of the pages.

    Raises
    ------
    BuildError
        If Jupyter Book warns, or an image has no alt text; what was known is then forgotten.
    """
    mark, site = folder / "made.json", folder / "_build" / "html"
    files = {p.relative_to(stage).as_posix(): p for p in sorted(stage.rglob("*")) if p.is_file()}
    content = {name: digest(path.read_bytes()) for name, path in files.items()}
    chapters = {name for name in files if name.endswith((".md", ".ipynb"))}
    # these show on every page
    common = digest(
        json.dumps([sorted(chapters), {k: v for k, v in content.items() if k not in chapters}]),
        now.texts(),
        now.value("pipeline"),
        json.dumps(installed()),
    )
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known == {"common": common, "content": content} and site.is_dir():
        return site
    mark.unlink(missing_ok=True)
    if known.get("common") != common:
        remove(folder)
    remove(site)
    warnings = run_sphinx(stage, folder)
    if warnings:
        raise BuildError("Jupyter Book found problems:\n  " + "\n  ".join(warnings))
    mend_site(site, pages_of(stage))
    lighten_site(site)
    problems = [
        f"{page.name} shows {source} without alt text"
        for page in sorted(site.rglob("*.html"))
        for source in images_without_alt(page)
    ]
    if problems:
        raise BuildError("\n".join(problems))
    with replacing(mark) as partial:
        partial.write_text(json.dumps({"common": common, "content": content}), encoding="utf-8")
    return site


def remove(folder: Path) -> None:
    """Remove a folder, if it is there.

    Raises
    ------
    BuildError
        If it is a link, which leads to files that are not the build's.
    """
    if folder.is_symlink():
        raise BuildError(f"{folder} is a link. Remove it, or build elsewhere with --output.")
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Keep other builds out of a folder until the block ends.

    Raises
    ------
    BuildError
        If another build is at work there.
    """
    output.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(output / ".lock", timeout=0):
            yield
    except Timeout:
        raise BuildError(
            f"another build is at work in {output}. Wait until it ends, or pass another --output."
        ) from None


def build(
    root: Path, output: Path, *, jobs: int = 2, timeout: float = TIMEOUT, fresh: bool = False
) -> Path:
    """Build the book in ``root`` into ``output/html`` and return that folder.

    Parameters
    ----------
    root, output : Path
    jobs : int, default=2
        Chapters at a time.
    timeout : float, optional
        Seconds that a cell may take.
    fresh : bool, default=False
        Whether to run every chapter and to make every page, whatever is known.

    Raises
    ------
    BuildError
        If the book cannot be published; ``output/html`` does not exist then.
    """
    site, cache, claims = output / "html", output / "cache", output / "manifest.json"
    run = Run(output / "notebooks", cache, jobs, timeout)
    claims.unlink(missing_ok=True)
    for folder in (site, run.notebooks, *([cache] if fresh else [])):
        remove(folder)
    chapters = list(list_chapters(root).values())
    running = [chapter for chapter in chapters if chapter.executable]
    for chapter in running:
        chapter.parameters()
    now = Surroundings(root)
    started = time.perf_counter()
    run_chapters(running, run, now)
    executed = time.perf_counter()
    print(f"{'ran the chapters':<22}{executed - started:7.1f} s")
    stage = cache / "pages" / "stage"
    run.notebooks.mkdir(exist_ok=True)
    make_stage(root, chapters, run, stage)
    pages = make_pages(stage, cache / "pages" / "made", now)
    partial = output / ".html.partial"
    remove(partial)
    shutil.copytree(pages, partial)
    offer_data(running, run, partial / DATA)
    describe(partial, root)
    text = json.dumps(manifest.make(root, running, run.cache), allow_nan=False)
    (partial / claims.name).write_text(text, encoding="utf-8")
    with replacing(claims) as written:
        written.write_text(text, encoding="utf-8")
    partial.rename(site)
    print(f"{'made the pages':<22}{time.perf_counter() - executed:7.1f} s")
    return site


def rerun(root: Path, names: list[str], output: Path, *, jobs: int) -> dict[str, Any]:
    """Run chapters anew, make no pages, and return the manifest of these runs.

    Parameters
    ----------
    root : Path
    names : list of str
        Chapters.
    output : Path
        Folder of the runs; what is known there is not used.
    jobs : int
        Chapters at a time.

    Raises
    ------
    BuildError
        If a chapter fails.
    """
    run = Run(output / "notebooks", output / "cache", jobs)
    chapters = [chapter_by_name(root, name) for name in names]
    with alone(output):
        for folder in (run.notebooks, run.kept):
            remove(folder)
        run_chapters(chapters, run, Surroundings(root))
        return manifest.make(root, chapters, run.cache)


def interrupt(number: int, frame: object) -> None:
    """Treat a signal to end as the reader's interruption."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument(
        "--book",
        type=Path,
        help="folder that holds _toc.yml (default: this folder or one above it)",
    )
    parser.add_argument("--output", type=Path, help="default: _build in that folder")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time (default 2)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        help=f"seconds that a cell may take (default {TIMEOUT:g})",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="run every chapter, also one that did not change"
    )
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs is {arguments.jobs}. Run at least 1 chapter at a time.")
    if not arguments.timeout > 0:
        parser.error(f"--timeout is {arguments.timeout:g}. Give a cell more than 0 seconds.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        root = find_book(arguments.book)
        output = arguments.output or root / "_build"
        with alone(output):
            site = build(
                root,
                output,
                jobs=arguments.jobs,
                timeout=arguments.timeout,
                fresh=arguments.fresh,
            )
    except (BuildError, InvalidInputError, OSError) as error:
        print(f"\nThe book was not built.\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The book was not built.", file=sys.stderr)
        return 130
    print(f"The book: {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
