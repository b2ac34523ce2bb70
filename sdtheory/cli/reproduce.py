"""Rebuild the book and compare it with a manifest, claim by claim.

Run the chapters anew and compare every number, figure, table and check with a manifest.

for example:
  sdtheory reproduce                            run all chapters anew, compare with _build
  sdtheory reproduce manifest.json -c rounds    one chapter, with the manifest of a published site
  sdtheory reproduce A.json --against B.json    compare two books without running anything

A claim agrees if it lies within its accuracy. A check may differ by the violation that it allows,
and a figure's data by a millionth of the largest number. Words and printed numbers are identical.

exit codes: 0 all claims agree, 1 a claim differs or a chapter failed, 2 wrong usage or input,
130 interrupted
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sdtheory.cli.options import BOOK, declare
from sdtheory.validation import counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "manifest", nargs="?", type=Path, help="default: _build/manifest.json of the book"
    )
    parser.add_argument(
        "-c", "--chapter", action="append", default=[], help="only this chapter; may be repeated"
    )
    declare(
        parser,
        ("--against", "FILE", Path, "compare with this manifest; run nothing"),
        ("--output", "DIR", Path, "keep the new runs there"),
        BOOK,
        ("--jobs", "J", 2, "chapters at a time"),
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    from tempfile import TemporaryDirectory

    from sdtheory.book import manifest
    from sdtheory.book.build import BuildError, rerun
    from sdtheory.book.notebooks import find_book
    from sdtheory.validation import InvalidInputError, as_integer

    as_integer(arguments.jobs, "--jobs")
    if arguments.against is not None and arguments.output is not None:
        raise InvalidInputError("--against runs nothing that --output could keep. Leave out one.")
    if arguments.manifest is None or arguments.against is None:
        root = find_book(arguments.book)
    else:
        root = Path()
    was = manifest.read(arguments.manifest or root / "_build" / "manifest.json")
    now = None if arguments.against is None else manifest.read(arguments.against)
    unknown = [name for name in arguments.chapter if name not in was["chapters"]]
    if unknown:
        raise InvalidInputError(
            f"chapter {unknown[0]!r} is not in the manifest. Choose from: "
            f"{', '.join(was['chapters'])}."
        )
    names = arguments.chapter or list(was["chapters"])
    if now is None:
        try:
            with TemporaryDirectory(prefix="sdtheory-") as folder:
                now = rerun(root, names, arguments.output or Path(folder), jobs=arguments.jobs)
        except BuildError as error:
            print(f"sdtheory: {error}", file=sys.stderr)
            return 1
    if arguments.chapter:
        for side in (was, now):
            side["chapters"] = {k: v for k, v in side["chapters"].items() if k in names}
    found = list(manifest.compare(was, now))
    for note in manifest.notes(was, now):
        print(f"note: {note}")
    for difference in found:
        print(difference)
    claims = [c for chapter in was["chapters"].values() for c in chapter["claims"].values()]
    varying = sum(bool(claim.get("varies")) for claim in claims)
    print(
        f"{len(claims) - varying} claims of {len(was['chapters'])} chapters compared, "
        f"{varying} vary by nature, {counted(len(found), 'difference')}."
    )
    return 1 if found else 0
