"""One chapter and its page, in seconds; or all of the book as you write it, served on this machine.

The pages lie in ``_build/preview`` and are never published: a chapter that
has not run shows its text and its code only.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

import yaml
from livereload import Server

from sdtheory.book.build import (
    DATA,
    BuildError,
    Run,
    alone,
    interrupt,
    lay_out,
    offer_data,
    publishable,
    remove,
    run_chapters,
    run_sphinx,
    staged,
)
from sdtheory.book.cache import Surroundings
from sdtheory.book.notebooks import (
    Chapter,
    chapter_by_name,
    find_book,
    list_chapters,
    pages_of,
)
from sdtheory.book.pages import mend_site
from sdtheory.validation import InvalidInputError

#: Slow, and of no use to a writer.
_LEFT_OUT = "sphinx.ext.viewcode"


def preview(root: Path, output: Path, chosen: list[Chapter]) -> Path:
    """Run the chosen chapters where they changed, and make the pages that changed.

    Parameters
    ----------
    root : Path
        The book's folder.
    output : Path
        Folder of builds; the pages are below it, in ``preview``.
    chosen : list of Chapter
        The others show the outputs of their last run, as far as their code is still the same.

    Returns
    -------
    Path
        The folder of the pages.

    Raises
    ------
    BuildError
        If a chosen chapter fails or its page has problems; the page is made even so.
    """
    folder = output / "preview"
    run = Run(folder / "notebooks", output / "cache")
    run.notebooks.mkdir(parents=True, exist_ok=True)
    chapters = list(list_chapters(root).values())
    for chapter in chosen:
        chapter.parameters()
    failed = None
    try:
        run_chapters(chosen, run, Surroundings(root))
    except BuildError as error:
        failed = error
    problems, shown = [], {}
    for chapter in (chapter for chapter in chapters if chapter.executable):
        shown[chapter.name] = run.cache.notebook(chapter) or chapter.notebook()
        found = publishable(shown[chapter.name], chapter.name)
        problems += found if chapter in chosen else []
    wanted = staged(root, chapters, shown)
    wanted["_config.yml"] = _lighter(wanted["_config.yml"])
    lay_out(folder / "stage", wanted)
    warnings = run_sphinx(folder / "stage", folder / "made", everything=False)
    # Sphinx needs its pages as it wrote them; readers get a copy that is mended and connected
    site, partial = folder / "html", folder / "html.partial"
    remove(partial)
    shutil.copytree(folder / "made" / "_build" / "html", partial)
    mend_site(partial, pages_of(root))
    offer_data([chapter for chapter in chapters if chapter.name in shown], run, partial / DATA)
    remove(site)
    partial.rename(site)
    if failed is not None:
        raise failed
    names = tuple(chapter.name for chapter in chosen)
    problems += [w for w in warnings if w.startswith(names)]
    if problems:
        raise BuildError("\n".join(problems))
    return site


def _lighter(config: bytes) -> bytes:
    content = yaml.safe_load(config)
    for names in (
        content.get("sphinx", {}).get("extra_extensions", []),
        content.get("sphinx", {}).get("config", {}).get("extensions", []),
    ):
        if _LEFT_OUT in names:
            names.remove(_LEFT_OUT)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


class Writing:
    """Keeps the pages up to date while chapters are edited.

    Parameters
    ----------
    root, output : Path
    name : str or None
        The only chapter to run; by default those that ran before and are out
        of date, and those that are edited.
    """

    def __init__(self, root: Path, output: Path, name: str | None) -> None:
        self.root, self.output, self.name = root, output, name
        self.since = time.time()

    def chosen(self) -> list[Chapter]:
        """Return the chapters to run."""
        if self.name is not None:
            return [chapter_by_name(self.root, self.name)]
        run, now = Run(self.output, self.output / "cache"), Surroundings(self.root)
        found = []
        for chapter in list_chapters(self.root).values():
            edited = chapter.path.stat().st_mtime > self.since
            if chapter.executable and (run.cache.changes(chapter, now) or edited):
                found.append(chapter)
        return found

    def update(self) -> None:
        """Run what changed; say what is wrong and go on."""
        start = time.perf_counter()
        try:
            preview(self.root, self.output, self.chosen())
        except (BuildError, InvalidInputError, OSError) as error:
            print(error, file=sys.stderr)
        print(f"up to date after {time.perf_counter() - start:.1f} s", flush=True)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the page of one chapter.")
    parser.add_argument("chapter", nargs="?", metavar="CHAPTER", help="name of the chapter")
    parser.add_argument("--serve", action="store_true", help="watch, serve and reload")
    parser.add_argument("--port", type=int, default=8000, help="of the server (default 8000)")
    parser.add_argument("--book", type=Path, help="folder that holds _toc.yml")
    parser.add_argument("--output", type=Path, help="default: _build in that folder")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        root = find_book(arguments.book)
        output = arguments.output or root / "_build"
        with alone(output):
            if arguments.serve:
                _serve(Writing(root, output, arguments.chapter), arguments.port)
                return 0
            chapter = chapter_by_name(root, arguments.chapter or "")
            html = preview(root, output, [chapter])
    except (BuildError, InvalidInputError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    page = chapter.path.relative_to(root).with_suffix(".html")
    print(f"The page, not for publication: {html / page}")
    return 0


def _serve(writing: Writing, port: int) -> None:
    writing.update()
    server = Server()
    toc = next(iter(list_chapters(writing.root).values())).path.parent
    for path in (toc, writing.root / "_toc.yml", writing.root / "_config.yml"):
        server.watch(str(path), writing.update)
    server.watch(f"{Surroundings(writing.root).library}/**/*.py", writing.update)
    html = writing.output / "preview" / "html"
    server.serve(port=port, host="127.0.0.1", root=str(html), restart_delay=0)


if __name__ == "__main__":
    sys.exit(main())
