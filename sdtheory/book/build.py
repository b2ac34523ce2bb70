"""Build the book: run every chapter through papermill, then make the pages.

The pages are made from exactly the notebooks that papermill ran. A chapter
that raises, a check that fails, a broken reference or a figure without alt text
fails the build; a build that fails or is interrupted leaves no pages.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from sdtheory.book.display import FIGURE_METADATA
from sdtheory.book.formal import annotate, notes
from sdtheory.book.notebooks import Chapter, ChapterFailedError, execute, find_book, list_chapters
from sdtheory.evidence.formal.coq import EXPORT, Export
from sdtheory.validation import InvalidInputError


class BuildError(Exception):
    """The book cannot be published; the message says why."""


def run_chapter(chapter: Chapter, target: Path) -> float:
    """Execute one chapter; return the seconds it took."""
    start = time.perf_counter()
    try:
        execute(chapter, target)
    except ChapterFailedError as error:
        raise BuildError(f"{error}\nThe notebook up to that cell: {error.notebook}") from None
    return time.perf_counter() - start


def run_chapters(chapters: list[Chapter], folder: Path, jobs: int) -> None:
    """Execute the chapters, several at a time, and print what each took.

    A chapter that fails does not stop the others, so that one build reports
    all of them.

    Raises
    ------
    BuildError
        If any chapter failed.
    """
    context = multiprocessing.get_context("spawn")
    failures = []
    with (
        ProcessPoolExecutor(max_workers=jobs, mp_context=context) as pool,
        tqdm(total=len(chapters), desc="chapters", unit="chapter", disable=None) as bar,
    ):
        futures = {
            pool.submit(run_chapter, chapter, folder / f"{chapter.name}.ipynb"): chapter.name
            for chapter in chapters
        }
        try:
            for future in as_completed(futures):
                try:
                    bar.write(f"  {futures[future]:<20}{future.result():7.1f} s")
                except BuildError as error:
                    bar.write(f"  {futures[future]:<20} FAILED")
                    failures.append(str(error))
                except BrokenProcessPool:
                    raise BuildError(
                        "A process that ran a chapter was killed, most often for want of memory. "
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


def publishable(notebook: NotebookNode, name: str) -> list[str]:
    """Prepare an executed notebook for its page; return what forbids publishing it.

    Figures get the caption, label and alt text that their code computed;
    metadata that changes from run to run is removed.
    """
    problems = []
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        where = f"{name}, code cell {cell.execution_count}"
        if "injected-parameters" in cell.metadata.get("tags", []):
            problems.append(f"{where} replaces the parameters. The book shows their defaults.")
        figures = []
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"{where} wrote to stderr: {output.text.strip()}")
            if not any(mime.startswith("image/") for mime in output.get("data", {})):
                continue
            if FIGURE_METADATA in output.metadata:
                figures.append(output.metadata.pop(FIGURE_METADATA))
            else:
                problems.append(
                    f"{where} shows an image without alt text. "
                    f"Show it with sdtheory.book.display.figure."
                )
        if len(figures) > 1:
            problems.append(f"{where} shows {len(figures)} figures. Show one in each cell.")
        for figure in figures[:1]:
            cell.metadata["mystnb"] = {
                "figure": {"name": figure["label"], "caption": figure["caption"]},
                "image": {"alt": figure["alt"]},
            }
    return problems


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
    """Return the images of a page that say nothing to those who cannot see them."""
    parser = _Images()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.without_alt


def make_stage(root: Path, chapters: list[Chapter], notebooks: Path, stage: Path) -> None:
    """Lay out what Sphinx reads: configuration, text pages and executed notebooks."""
    problems = []
    # a book without proofs in Coq, as those of the tests, has no such lines
    checked = root / "formal" / EXPORT
    lines = notes(Export.read(checked)) if checked.is_file() else {}
    book = stage / chapters[0].path.parent.name
    book.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, stage / name)
    for path in chapters[0].path.parent.iterdir():
        if path.suffix == ".bib":
            shutil.copy(path, book / path.name)
        elif path.is_dir() and path.name == "assets":
            shutil.copytree(path, book / path.name)
    for chapter in chapters:
        if not chapter.executable:
            text = annotate(chapter.path.read_text(encoding="utf-8"), lines)
            (book / chapter.path.name).write_text(text, encoding="utf-8")
            continue
        path = notebooks / f"{chapter.name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        problems += publishable(notebook, chapter.name)
        nbformat.write(notebook, path)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = annotate(cell.source, lines)
        nbformat.write(notebook, book / path.name)
    if problems:
        raise BuildError("\n".join(problems))


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"\S*/(\w+)\.ipynb:(\d+):")


def _name_place(match: re.Match[str]) -> str:
    """Say in words what MyST-NB packs into one number: 10000 * cell + line."""
    cell, line = divmod(int(match[2]), 10000)
    return f"{match[1]}, cell {cell}, line {line}:" if cell else f"{match[1]}:"


def make_pages(stage: Path, target: Path) -> None:
    """Run Jupyter Book on the stage; any warning is an error."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()"),
            *("build", "-W", "--keep-going", "--all", str(stage), "--path-output", str(target)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = _COLOUR.sub("", done.stdout).splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-30:]
        placed = (_PLACE.sub(_name_place, line) for line in telling)
        raise BuildError("Jupyter Book found problems:\n  " + "\n  ".join(placed))
    problems = [
        f"{page.name} shows {source} without alt text"
        for page in sorted((target / "_build" / "html").rglob("*.html"))
        for source in images_without_alt(page)
    ]
    if problems:
        raise BuildError("\n".join(problems))


def build(root: Path, output: Path, jobs: int) -> Path:
    """Build the book in ``root`` into ``output/html`` and return that folder.

    Raises
    ------
    BuildError
        If the book cannot be published; ``output/html`` does not exist then.
    """
    html, stage, pages = output / "html", output / "stage", output / "pages"
    notebooks = output / "notebooks"
    for folder in (html, stage, pages, notebooks):
        shutil.rmtree(folder, ignore_errors=True)
    chapters = list(list_chapters(root).values())
    running = [chapter for chapter in chapters if chapter.executable]
    for chapter in running:
        chapter.parameters()
    started = time.perf_counter()
    run_chapters(running, notebooks, jobs)
    executed = time.perf_counter()
    print(f"{'ran the chapters':<22}{executed - started:7.1f} s")
    try:
        make_stage(root, chapters, notebooks, stage)
        make_pages(stage, pages)
        (pages / "_build" / "html").rename(html)
    finally:
        for folder in (stage, pages):
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{'made the pages':<22}{time.perf_counter() - executed:7.1f} s")
    return html


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])  # pyright: ignore[reportOptionalMemberAccess]
    parser.add_argument(
        "--book",
        type=Path,
        help="folder that holds _toc.yml (default: this folder or one above it)",
    )
    parser.add_argument("--output", type=Path, help="default: _build in that folder")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time (default 2)")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs is {arguments.jobs}. Run at least 1 chapter at a time.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        root = find_book(arguments.book)
        html = build(root, arguments.output or root / "_build", arguments.jobs)
    except (BuildError, InvalidInputError) as error:
        print(f"\nThe book was not built.\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The book was not built.", file=sys.stderr)
        return 130
    print(f"The book: {html / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
