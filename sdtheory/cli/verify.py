"""Test every statement of the registry.

Collect evidence for the statements of the paper and of this book. Sample and search instances in
floating point, judge each suspect in ball arithmetic, and run a control for every hypothesis.

for example:
  sdtheory verify                                 all statements, default budget
  sdtheory verify prop-step cor-rounds-any-kernel only these
  sdtheory verify --instances 1000000 --jobs 2    a large sample
  sdtheory verify --certify --json report.json    with ball arithmetic and proofs; keep the report
  sdtheory verify --formal                        the theorems that Coq has checked
  sdtheory verify --mutants --cache evidence      keep the evidence; next time collect what changed
  sdtheory verify --search 60                     search each statement for 60 seconds
  sdtheory verify --replay report.json            rerun the report's worst instances
  sdtheory verify --scheduler tcp://HOST:8786     on the machines of a Dask cluster

The same seed and budget give the same evidence, on any number of processes. Only --search depends
on the machine's speed. Exit code 1: some statement did not pass.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sdtheory.cli.options import declare
from sdtheory.validation import InvalidInputError

#: What is done instead of collecting evidence, and the options that it does not obey.
_INSTEAD = ("list", "formal", "replay")
_COLLECTING = (
    *("instances", "seed", "certify", "mutants", "search", "json", "cache", "jobs", "scheduler"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="statements to verify (default: all)")
    formal = "show the theorems that Coq has checked: scope, axioms, comparison with the formulas"
    declare(
        parser.add_mutually_exclusive_group(),
        ("--list", "", bool, "list the statements"),
        ("--formal", "", bool, formal),
        ("--replay", "FILE", Path, "judge the worst instances of a report again"),
    )
    search = "search for so long, for each statement (default: a fixed number of instances)"
    mutants = "also change every formula in small ways; the evidence must notice each change"
    declare(
        parser,
        ("--instances", "N", int, "number of instances to sample"),
        ("--seed", "S", 0, "random seed"),
        ("--certify", "", bool, "also judge exact points in ball arithmetic, and run the proofs"),
        ("--mutants", "", bool, mutants),
        ("--search", "SECONDS", float, search),
        ("--json", "FILE", Path, "write the report as JSON, too"),
        ("--jobs", "J", int, "processes (default: all cores)"),
        ("--scheduler", "ADDRESS", str, "use a Dask cluster instead"),
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keep the evidence of each statement in this folder, and collect only what changed "
        "(default: collect everything anew). Use a folder that nobody else can write to",
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    from sdtheory.evidence import find, replay
    from sdtheory.files import check_outputs

    statements = find(arguments.ids)
    _check_idle(arguments)
    if arguments.list:
        width = max(len(s.id) for s in statements)
        for s in statements:
            print(f"{s.id:<{width}}  {s.slogan}")
        return 0
    if arguments.formal:
        return _formal(statements)
    if arguments.replay is not None:
        again = replay(arguments.replay, arguments.ids)
        print(again)
        return int(not again.good)
    check_outputs({"--json": arguments.json}, {})
    _check_cache(arguments)
    report = _verify(arguments, statements)
    print(report)
    if arguments.json is not None:
        report.write(arguments.json)
        print(f"\nReport: {arguments.json}")
    if arguments.cache is not None:
        print(f"\nCollected now: {report.circumstances['collected now']}.")
    good = len(report.rows) - len(report.failed)
    print(f"\n{good} of {len(report.rows)} statements passed.")
    return int(not report.good)


def _check_idle(arguments: argparse.Namespace) -> None:
    """Refuse options of collecting evidence where none is collected."""
    instead = next((name for name in _INSTEAD if getattr(arguments, name)), None)
    idle = [name for name in _COLLECTING if getattr(arguments, name)]
    if instead and idle:
        raise InvalidInputError(
            f"--{idle[0]} is for collecting evidence, and --{instead} collects none. Leave out one "
            f"of them."
        )


def _check_cache(arguments: argparse.Namespace) -> None:
    folder = arguments.cache
    if folder is None:
        return
    if arguments.search is not None:
        raise InvalidInputError(
            "--cache cannot keep what --search finds, which depends on the machine's speed. Leave "
            "out one of them."
        )
    if not folder.resolve().parent.is_dir() or (folder.exists() and not folder.is_dir()):
        what = "is a file" if folder.exists() else f"there is no folder {folder.parent}"
        raise InvalidInputError(f"--cache {folder}: {what}. Name a new folder, or one of evidence.")


def _formal(statements: Any) -> int:
    from sdtheory.evidence import formal
    from sdtheory.evidence.report import aligned

    if not formal.FOLDER.is_dir():
        raise InvalidInputError(
            f"there is no folder {formal.FOLDER}. The proofs are in the repository of the book. In "
            f"a checkout, `make book` makes a .venv whose sdtheory finds them."
        )
    found = [f for f in map(formal.machine_checked, statements) if f is not None]
    rows = [
        (f.statement, f"{f.file}: {f.theorem}", str(len(f.axioms)), f.compared.words) for f in found
    ]
    print(aligned([("statement", "theorem", "axioms", "compared with the registry"), *rows]))
    scopes = [f"\n{f.statement}: {f.scope}" for f in found]
    print(*scopes, sep="")
    axioms = sorted(set().union(*(f.axioms for f in found)))
    print(f"\nAxioms: {', '.join(axioms) or 'none'}.")
    print(f"{formal.where_checked()}.")
    for f in found:
        if not f.good:
            print(f"FAILS: {f.statement}: {f.reason}", file=sys.stderr)
    good = sum(f.good for f in found)
    claims = sum(not s.refuted for s in statements)
    print(f"\n{good} of {claims} statements are machine-checked.")
    return int(good < len(found))


def _verify(arguments: argparse.Namespace, statements: Any) -> Any:
    from joblib import cpu_count
    from tqdm import tqdm

    from sdtheory.evidence import verify
    from sdtheory.evidence.collecting import INSTANCES

    with tqdm(unit="task", desc="verify", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return verify(
            statements,
            instances=INSTANCES if arguments.instances is None else arguments.instances,
            seed=arguments.seed,
            certify=arguments.certify,
            mutants=arguments.mutants,
            seconds=arguments.search,
            jobs=cpu_count() if arguments.jobs is None else arguments.jobs,
            scheduler=arguments.scheduler,
            cache=arguments.cache,
            progress=progress,
        )
