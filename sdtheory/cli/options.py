"""Options of commands, one row each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Rows that several commands declare.
BOOK = ("--book", "DIR", Path, "folder that holds _toc.yml")
DELIMITER = ("--delimiter", "C", str, "default: comma; tab in .tsv")


def declare(parser: Any, *options: tuple[str, str, Any, str]) -> None:
    """Declare options, each by its name, what stands for its value, its default, and its help.

    In place of the default there may be a type: ``bool`` for a switch, another one if there is no
    default. The help shows the default.
    """
    for name, metavar, default, words in options:
        if default is bool:
            parser.add_argument(name, action="store_true", help=words)
        elif isinstance(default, type):
            parser.add_argument(name, type=default, metavar=metavar, help=words)
        else:
            shown = {"metavar": metavar, "help": f"{words} (default: %(default)s)"}
            parser.add_argument(name, type=type(default), default=default, **shown)
