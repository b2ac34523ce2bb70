"""``sdtheory run``: rerun one chapter, with other parameters."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

_EXAMPLES = """\
examples:
  sdtheory run --list                                 the chapters and their parameters
  sdtheory run recursion -p epsilon 0.06 -p rounds 3  one chapter, other parameters
  sdtheory run kkt -p kernel bridge --output results  choose where the result goes

The result is a notebook; open it in JupyterLab. It never enters the built book.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "run",
        help="rerun one chapter, with other parameters",
        description="Run one chapter through papermill; its checks are computed at the parameters "
        "that you give.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: _build/runs")
    parser.add_argument("--book", type=Path, metavar="DIR", help="folder that holds _toc.yml")
    parser.add_argument("--list", action="store_true", help="list chapters and parameters")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sdtheory import chapters

    root = chapters.find_book(arguments.book)
    if arguments.list or arguments.chapter is None:
        for chapter in chapters.list_chapters(root).values():
            if chapter.executable:
                print(chapter.name)
                for parameter in chapter.parameters().values():
                    print(
                        f"  {parameter.name + ' = ' + repr(parameter.default):<22}{parameter.help}"
                    )
        return 0
    chapter = chapters.chapter_by_name(root, arguments.chapter)
    given = chapter.parse(arguments.parameter)
    folder = arguments.output or root / "_build" / "runs"
    name = "-".join([chapter.name, *(f"{key}={value}" for key, value in sorted(given.items()))])
    target = folder / f"{name}.ipynb"
    try:
        chapters.execute(chapter, target, given, progress=True)
    except chapters.ChapterFailedError as error:
        print(f"sdtheory: {error}\nThe notebook up to that cell: {error.notebook}", file=sys.stderr)
        return 1
    print(f"All checks of chapter {chapter.name!r} hold. The executed notebook: {target}")
    return 0
