"""``sdtheory explain``: which statements apply to the reader's data, and what each says there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sdtheory.cli import training
from sdtheory.validation import InvalidInputError

_EXAMPLES = """\
examples:
  sdtheory explain DATA.csv --target y --kernel beam --epsilon 0.045 --rounds all
  sdtheory explain DATA.csv --target y --sample 100 --json -

Each line: a statement of the registry (`sdtheory verify --list`), whether it holds here, its worst
scaled margin (0 is tight), and what it says; or the hypothesis that these data lack. With many rows
this takes long: pass --sample.

exit codes: 0 done, 1 a statement fails here, 2 wrong usage or input, 130 interrupted
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "explain",
        help="say which theorems apply to your data, with margins",
        description="Say which statements apply to your data, what each says there, and by which "
        "margin.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    training.add_options(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="the same as JSON; - for stdout instead"
    )
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from sdtheory.evidence import check
    except ImportError as error:
        raise InvalidInputError(str(error)) from error
    training.check_outputs(arguments, "json")
    model = training.estimator(arguments)
    data = training.load(arguments)
    training.fit(model, data)
    found = check(training.chain(model, data), rounds=model.n_rounds_ or None)
    if str(arguments.json) == "-":
        print(json.dumps(_numbers(found), indent=1, allow_nan=False))
    else:
        print(found)
    if arguments.json is not None and str(arguments.json) != "-":
        from sdtheory.files import replacing

        with replacing(arguments.json) as partial:
            text = json.dumps(_numbers(found), indent=1, allow_nan=False)
            partial.write_text(text + "\n", encoding="utf-8")
        print(f"wrote {arguments.json}")
    return int(not found.good)


def _numbers(found: Any) -> Any:
    return {
        "good": found.good,
        "statements": [
            {
                "id": row.statement.id,
                "says": row.statement.slogan,
                "verdict": row.verdict.value,
                "applies": row.applies,
                "cases": row.cases,
                "worst margin": row.margin,
                "where": row.where,
                "lacking": list(row.lacking),
            }
            for row in found.rows
        ],
    }
