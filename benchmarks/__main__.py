"""``python -m benchmarks``: measure, judge the goals, write one JSON file."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import machine
from benchmarks.forms import FORMS
from benchmarks.measure import measure
from benchmarks.plan import Form
from benchmarks.report import Report, complete
from sdtheory.files import replacing
from sdtheory.validation import InvalidInputError

ROOT = Path(__file__).parent.parent
#: What the book reads, and where other runs go by default.
RESULTS = ROOT / "book" / "results" / "benchmarks.json"
ELSEWHERE = ROOT / "_build" / "benchmarks.json"

_EPILOG = """\
examples:
  python -m benchmarks                 everything, at most ten minutes on two quiet cores
  python -m benchmarks --short         the same at small sizes, at most two minutes
  python -m benchmarks --only spline   one suite

The full form without --only writes book/results/benchmarks.json, which the chapter on scale
reads; other runs write _build/benchmarks.json unless --output says otherwise. A file that is
there is replaced when everything has been measured, and not before. Times are taken in turn, so
that ratios hold on a machine that is not quiet; absolute times do not.

exit codes: 0 measured, whether or not the goals are met, 2 wrong usage, 130 interrupted
"""


def run(form: Form, name: str, only: list[str], command: str) -> Report:
    """Measure and judge.

    Parameters
    ----------
    form : Form
    name : str
        Of the form.
    only : list of str
        Suites to run; all if empty.
    command : str
        How to repeat it.

    Returns
    -------
    dict
        What is written.
    """
    groups = [g for g in form.groups() if not only or g.suite in only]
    start, load = time.perf_counter(), os.getloadavg()[0]
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    measurements: list[dict[str, Any]] = []
    total = sum(sum(g.repeats.values()) for g in groups)
    with tqdm(total=total, desc=f"benchmarks, {name}", unit="sample", disable=None) as bar:
        for group in groups:
            measurements += measure(group, bar)
    return complete(
        {
            "command": command,
            "form": name,
            "only": only,
            "date": date,
            "seconds": time.perf_counter() - start,
            "commit": machine.commit(ROOT),
            "machine": machine.machine(),
            "load": {"before": load, "after": os.getloadavg()[0]},
            "versions": machine.versions(),
            "threads": machine.threads(),
            "measurements": measurements,
        }
    )


def write(report: Report, path: Path) -> None:
    """Write a report whole or not at all."""
    with replacing(path) as partial:
        text = json.dumps(report, indent=1, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def summary(report: Report) -> str:
    """Return the goals, and what was refused, as text."""
    verdicts = {True: "met", False: "NOT MET", None: "not measured"}
    lines = []
    for goal in report["goals"]:
        shown = "-" if goal["measured"] is None else f"{goal['measured']:.3g}"
        limit = "-" if goal["limit"] is None else f"{goal['limit']:.3g}"
        verdict = verdicts[goal["met"]]
        lines.append(f"{verdict:<13}{shown:>10} {goal['sense']} {limit:<8}{goal['what']}")
    for record in report["measurements"]:
        if "wrong" in record:
            lines.append(f"wrong: {record['contender']}, n = {record['n']}: {record['wrong']}")
        if "refused" in record:
            lines.append(f"refused: {record['contender']}, n = {record['n']}: {record['refused']}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    suites = list(dict.fromkeys(g.suite for g in FORMS["full"].groups()))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time the solvers to a trajectory against each other and against what a user "
        "would write instead, with the accuracy beside each time.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--short", action="store_true", help="small sizes, at most two minutes")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=suites,
        metavar="NAME",
        help=f"measure one suite; may be repeated: {', '.join(suites)}",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write the results")
    given = parser.parse_args(arguments)
    name = "short" if given.short else "full"
    target = given.output or (ELSEWHERE if given.short or given.only else RESULTS)
    options = [*(["--short"] if given.short else []), *(f"--only {s}" for s in given.only)]
    command = " ".join(["python -m benchmarks", *options])
    try:
        if given.output is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        elif not target.parent.is_dir():
            raise InvalidInputError(
                f"--output names a file in {target.parent}, which is not a folder. Make it first."
            )
        report = run(FORMS[name], name, given.only, command)
        write(report, target)
    except InvalidInputError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(summary(report))
    print(f"Written to {target}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
