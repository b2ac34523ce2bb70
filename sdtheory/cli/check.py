"""``sdtheory check``: what the statements say about the reader's own data."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

_EXAMPLES = """\
examples:
  sdtheory check data.csv --kernel beam --target y --epsilon 0.045
  sdtheory check data.csv --kernel periodic --target temperature --inputs hour --epsilon 0.5

The file has a header; every column that is neither the target nor left out by --inputs is an input.
Kernels are the Green's functions of the book, on [0, 1]; for any other kernel call
sdtheory.verification.check(gram=..., y=..., epsilon=...) from Python.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        help="see what the statements say about your own data",
        description="Run self-distillation on a CSV file and say, for every statement, whether its "
        "hypotheses hold there and how large its margin is.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA.csv", help="file with a header")
    parser.add_argument("--kernel", required=True, metavar="NAME", help="beam, bridge or periodic")
    parser.add_argument("--target", required=True, metavar="COL", help="column of the labels")
    parser.add_argument("--inputs", nargs="+", metavar="COL", help="columns (default: the others)")
    parser.add_argument("--epsilon", type=float, required=True, help="mean squared residual")
    parser.add_argument("--rounds", type=int, metavar="T", help="default: until the collapse")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from sdtheory import verification
    except ImportError as error:
        print(f"sdtheory: error: {error}", file=sys.stderr)
        return 2
    from sdtheory.kernels import gram, kernel_by_name

    kernel = kernel_by_name(arguments.kernel)
    x, y = _read(arguments.data, arguments.target, arguments.inputs)
    found = verification.check(
        gram=gram(kernel, x), y=y, epsilon=arguments.epsilon, rounds=arguments.rounds
    )
    print(found)
    return int(not found.good)


def _read(path: Path, target: str, inputs: list[str] | None) -> tuple[Any, Any]:
    """Return inputs of shape (n, p) and labels of shape (n,)."""
    from sdtheory.validation import InvalidInputError

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"{path} cannot be read as a CSV file ({error}).") from error
    if not rows:
        raise InvalidInputError(
            f"{path} has no rows below its header. Pass one row for each point."
        )
    columns = [name for name in rows[0] if name is not None]
    inputs = inputs or [name for name in columns if name != target]
    for name in (target, *inputs):
        if name not in columns:
            raise InvalidInputError(
                f"{path} has no column {name!r}. Its columns are {', '.join(columns)}."
            )
    if not inputs:
        raise InvalidInputError(f"{path} has no column besides the target {target!r}.")

    def number(line: int, row: dict[str, str], name: str) -> float:
        try:
            return float(row[name])
        except (TypeError, ValueError):
            raise InvalidInputError(
                f"{path}, line {line}: column {name!r} holds {row[name]!r}, which is not a number."
            ) from None

    numbered = list(enumerate(rows, start=2))
    x = [[number(line, row, name) for name in inputs] for line, row in numbered]
    return x, [number(line, row, target) for line, row in numbered]
