"""``sdtheory notebooks``: the chapters as plain notebooks."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "notebooks",
        help="write the chapters as plain notebooks",
        description="Write every chapter as a notebook that is not executed. Notebooks that are "
        "already there are kept, because they may hold your work.",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: notebooks")
    parser.add_argument("--book", type=Path, metavar="DIR", help="folder that holds _toc.yml")
    parser.add_argument("--force", action="store_true", help="replace notebooks already there")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    import nbformat

    from sdtheory.book import notebooks as chapters

    root = chapters.find_book(arguments.book)
    folder = arguments.output or root / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in chapters.list_chapters(root).values():
        if not chapter.executable:
            continue
        target = folder / f"{chapter.name}.ipynb"
        if target.exists() and not arguments.force:
            print(f"kept   {target} (already there; --force replaces it)")
            continue
        nbformat.write(chapter.notebook(), target)
        print(f"wrote  {target}")
    # the notebooks draw in the book's style
    shutil.copy(root / "book" / "matplotlibrc", folder)
    return 0
