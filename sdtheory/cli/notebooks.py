"""Write the chapters as plain notebooks.

Write every chapter as a notebook that is not executed. Notebooks that are already there are kept,
because they may hold your work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sdtheory.cli.options import BOOK, declare


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    declare(
        parser,
        ("--output", "DIR", Path, "default: notebooks"),
        BOOK,
        ("--force", "", bool, "replace notebooks already there"),
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    import nbformat

    from sdtheory.book import notebooks as chapters
    from sdtheory.files import replacing

    root = chapters.find_book(arguments.book)
    folder = arguments.output or root / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        f"{chapter.name}.ipynb": nbformat.writes(chapter.notebook())
        for chapter in chapters.list_chapters(root).values()
        if chapter.executable
    }
    # the notebooks draw in the book's style
    wanted["matplotlibrc"] = (root / "book" / "matplotlibrc").read_text(encoding="utf-8")
    for name, text in wanted.items():
        target = folder / name
        if target.exists() and not arguments.force:
            print(f"kept   {target} (already there; --force replaces it)")
            continue
        with replacing(target) as partial:
            partial.write_text(text, encoding="utf-8")
        print(f"wrote  {target}")
    return 0
