"""Show which statements apply to your data, and by which margin.

The command prints a summary. With --all it adds one line for each statement of the registry
(`sdtheory verify --list`): verdict, worst scaled margin (0 is tight) and the claim in words. If
your data do not meet a hypothesis, the line shows that hypothesis. The chain runs to its collapse,
or for --rounds. From more than 1000 rows it draws 1000 at random; --sample changes this number.

for example:
  sdtheory explain DATA.csv --target y
  sdtheory explain DATA.csv --target y --kernel beam --rescale unit --epsilon 5% --all
  sdtheory explain DATA.csv --target y --sample 100 --json -

exit codes: 0 done, 1 a statement fails here, 2 wrong usage or input, 130 interrupted
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from sdtheory.cli import training
from sdtheory.cli.options import declare
from sdtheory.validation import InvalidInputError, counted

#: Rows that are drawn of more: the statements need eigenvectors, and take seconds here.
_SAMPLE = 1000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    training.add_options(parser)
    parser.set_defaults(rounds="all", sample=_SAMPLE)
    declare(parser, ("--all", "", bool, "show every statement, not only a summary"))
    training.add_outputs(parser, json="write a report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    from sdtheory.evidence import check

    training.check_outputs(arguments)
    if arguments.solver not in ("auto", "eigh"):
        raise InvalidInputError(
            f"--solver is {arguments.solver!r}, but the statements need the eigenvectors that only "
            f"eigh computes. Leave --solver out."
        )
    settings = training.settings(arguments) | {"solver": "eigh"}
    data = training.load(arguments)
    model = training.estimator(settings)
    chain, notes = training.run(model, data)
    found = check(chain, rounds=model.n_rounds_ or None)
    words = _summary(found, arguments.rounds, data) + (f"\n\n{found}" if arguments.all else "")
    training.report(arguments.json, _numbers(found) | {"notes": notes}, words)
    return int(not found.good)


def _summary(check: Any, asked: str, data: Any) -> str:
    """Return the regime, what applies, and the tightest and the loosest statement here."""
    i = check.instance
    n, rank, rounds = i.n, int((i.d[0] > 0).sum()), int(i.alive[0].sum())
    rows = [row for row in check.rows if not row.statement.refuted]
    applying = sorted((row for row in rows if row.applies), key=lambda row: row.margin)
    failing = [row.statement.id for row in applying if "hold" not in str(row.verdict).lower()]
    lacking = Counter(words for row in rows for words in row.lacking)
    how = "run to its collapse" if asked == "all" else f"with --rounds {asked}"
    drawn = "" if data.rows == n else f"; rows drawn from {data.rows} (--sample, --seed)"
    matrix = f"G has rank {rank} and condition number {float(i.kappa[0]):.4g}"
    lines = [
        *training.headed(data.described, matrix + drawn),
        f"The labels are r_0 = {float(i.r[0, 0]):.6g} times as long as the tolerance allows. "
        f"The chain has {counted(rounds, 'non-trivial fit')}, {how}.",
        f"{len(applying)} of {len(rows)} statements apply here, and "
        + (
            f"{len(failing)} do not hold: {', '.join(failing)}." if failing else "all of them hold."
        ),
    ]
    strict = [row for row in applying if row.margin > 0]
    for name, row in (("Tightest", strict[0]), ("Loosest", strict[-1])) if strict else ():
        lines.append(
            f"{name}: {row.statement.id}, scaled margin {row.margin:.2g}"
            + (f" ({row.where})" if row.where else "")
            + f": {row.statement.slogan}"
        )
    lines += [
        f"Hypothesis not met, for {counted(count, 'statement')}: {words}."
        for words, count in lacking.most_common(3)
    ]
    return "\n".join([*lines, "--all shows every statement."])


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
