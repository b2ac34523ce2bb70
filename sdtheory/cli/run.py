"""Rerun one chapter, with other parameters.

Run one chapter, and compute its checks at the parameters that you give.

for example:
  sdtheory run --list                                 the chapters and their parameters
  sdtheory run recursion -p epsilon 0.06 -p rounds 3  one chapter, other parameters
  sdtheory run kkt -p kernel bridge --output results  choose where the result goes

The result is a notebook; open it in JupyterLab. It never enters the built book.

exit codes: 0 all checks hold, 1 a check failed or the chapter raised, 2 wrong
usage or input, 130 interrupted
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from sdtheory.cli.options import BOOK, declare
from sdtheory.validation import InvalidInputError

#: Of the repository, where the library is installed from one in editable mode.
CHECKOUT = Path(__file__).parents[2]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("chapter", nargs="?", metavar="CHAPTER", help="name of the chapter")
    parser.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="replace a parameter's default; may be repeated",
    )
    declare(
        parser,
        ("--output", "DIR", Path, "default: _build/runs"),
        BOOK,
        ("--list", "", bool, "list chapters and parameters, run nothing"),
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    from sdtheory.book import notebooks as chapters

    if arguments.list and (arguments.parameter or arguments.output):
        raise InvalidInputError("--list runs nothing. Leave out --parameter and --output.")
    try:
        root = chapters.find_book(arguments.book)
    except InvalidInputError:
        if arguments.book is not None or not (CHECKOUT / "_toc.yml").is_file():
            raise
        root = CHECKOUT
    if arguments.chapter is not None:
        chosen = [chapters.chapter_by_name(root, arguments.chapter)]
    else:
        chosen = [c for c in chapters.list_chapters(root).values() if c.executable]
    if arguments.list:
        for chapter in chosen:
            print(chapter.name)
            for p in chapter.parameters().values():
                print(f"  {f'{p.name} = {p.default!r}':<22}{p.help}".rstrip())
        return 0
    if arguments.chapter is None:
        raise InvalidInputError(
            f"no chapter is named. Choose one of: {', '.join(c.name for c in chosen)}."
        )
    (chapter,) = chosen
    given = chapter.parse([(name, value.strip()) for name, value in arguments.parameter])
    folder = arguments.output or root / "_build" / "runs"
    name = "-".join([chapter.name, *(f"{key}={value}" for key, value in sorted(given.items()))])
    # a value may hold what a file name may not
    target = folder / (re.sub(r"[^\w.=+-]", "_", name) + ".ipynb")
    try:
        chapters.execute(chapter, target, given, progress=True)
    except chapters.ChapterFailedError as error:
        print(f"sdtheory: {error}\nThe notebook up to that cell: {error.notebook}", file=sys.stderr)
        return 1
    print(
        f"Chapter {chapter.name!r} ran to its end; none of its checks failed.\n"
        f"The executed notebook: {target}"
    )
    return 0
