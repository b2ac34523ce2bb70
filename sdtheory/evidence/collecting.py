"""Evidence for statements, collected by samples, searches, ball arithmetic, proofs and mutants."""

from __future__ import annotations

import difflib
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from sdtheory.evidence import sampled, searched
from sdtheory.evidence.cache import EvidenceCache
from sdtheory.evidence.families import chunks
from sdtheory.evidence.report import Report, Row
from sdtheory.evidence.tasks import Effort, examine, refer, sample
from sdtheory.linalg.scheduling import Task, run
from sdtheory.statements import STATEMENTS, Statement
from sdtheory.validation import InvalidInputError, as_integer, as_number

#: Instances of a sample, by default.
INSTANCES = 13_440

_PACKAGES = ("sdtheory", "numpy", "scipy", "python-flint", "sympy", "z3-solver")

#: Called with the number of tasks done and the number of all.
Progress = Callable[[int, int], None]


def find(ids: str | Iterable[str] = ()) -> tuple[Statement, ...]:
    """Return the statements of those ids, or of one; all where none is given.

    Raises
    ------
    InvalidInputError
        If an id is unknown; the message lists near matches and the known ones.
    """
    ids = (ids,) if isinstance(ids, str) else tuple(map(str, ids))
    for unknown in (name for name in ids if name not in STATEMENTS):
        near = difflib.get_close_matches(unknown, STATEMENTS, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInputError(
            f"statement {unknown!r} is unknown.{hint} Known: {', '.join(STATEMENTS)}."
        )
    return tuple(STATEMENTS[name] for name in dict.fromkeys(ids)) or tuple(STATEMENTS.values())


def as_statements(statements: Sequence[Statement] | None) -> tuple[Statement, ...]:
    """Return statements, those of the registry for None.

    Raises
    ------
    InvalidInputError
        If there is none, or one of them is not a statement.
    """
    chosen = find() if statements is None else tuple(statements)
    if not chosen or not all(isinstance(s, Statement) for s in chosen):
        raise InvalidInputError(
            f"statements must hold at least one Statement, but is {statements!r}. Pass "
            f"sdtheory.evidence.find([...]) of their ids, or leave it out for all."
        )
    return chosen


def verify(
    statements: Sequence[Statement] | None = None,
    *,
    instances: int = INSTANCES,
    seed: int = 0,
    certify: bool = False,
    mutants: bool = False,
    budget: int = searched.BUDGET,
    seconds: float | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Collect evidence for statements.

    Parameters
    ----------
    statements : sequence of Statement, optional
        Those of the registry by default.
    instances : int, optional
        Instances to sample.
    seed : int, optional
        Random seed; the same seed gives the same evidence on any number of processes.
    certify : bool, default=False
        Whether to judge every statement at exact points and to run the
        algebraic proofs.
    mutants : bool, default=False
        Whether to change every formula in small ways, each of which must be noticed.
    budget : int, optional
        Instances that the search for a violation evaluates, for each statement.
    seconds : float, optional
        Seconds of search for each statement, instead of `budget`.
    jobs : int, default=1
        Processes.
    scheduler : str, optional
        Address of a Dask scheduler to use instead of processes.
    cache : str or Path, optional
        Folder that keeps evidence; current evidence is not collected again. Not used
        with `seconds`, whose evidence depends on the machine.
    progress : callable, optional
        Called with the number of tasks done and the number of all.

    Returns
    -------
    Report

    Raises
    ------
    InvalidInputError
        If a number is out of range, there is no statement, or two have one id.
        Also if another process would need one that is not in the registry.
    """
    _check_numbers(instances=instances, seed=seed, budget=budget, jobs=jobs, seconds=seconds)
    statements = as_statements(statements)
    twice = [id_ for id_, times in Counter(s.id for s in statements).items() if times > 1]
    if twice:
        raise InvalidInputError(
            f"statements has the id {twice[0]!r} more than once, and evidence is kept by id. Give "
            f"each statement once, and each its own id."
        )
    travels = jobs > 1 or scheduler is not None
    effort = Effort(seed, instances, certify, mutants, budget, seconds)
    kept = None if cache is None or seconds is not None else EvidenceCache(Path(cache), effort)
    known = {s.id: e for s in statements if kept is not None and (e := kept.find(s)) is not None}
    open_ones = [s for s in statements if s.id not in known]
    references = [refer(s, travels=travels) for s in open_ones]
    parts = list(chunks(seed, instances)) if references else []
    work = _Work(jobs, scheduler, progress, len(parts) + len(references))

    start = perf_counter()
    samples = list(work.results(partial(sample, references, part) for part in parts))
    sampling = perf_counter() - start
    tallies = reduce(sampled.merged, samples) if samples else []
    collected = work.results(
        partial(examine, reference, tally, effort)
        for reference, tally in zip(references, tallies, strict=True)
    )
    for statement, evidence in zip(open_ones, collected, strict=True):
        known[statement.id] = evidence
        if kept is not None:
            kept.store(statement, evidence)
    rows = tuple(Row(s, known[s.id]) for s in statements)
    circumstances = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(perf_counter() - start, 1),
        **({"instances per second": round(instances / sampling)} if samples else {}),
        **({"collected now": f"{len(open_ones)} of {len(rows)} statements"} if kept else {}),
        "workers": scheduler or f"{jobs} process(es)",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
    return Report(rows, effort.settings(), circumstances)


@dataclass
class _Work:
    """Runs tasks and counts them."""

    jobs: int
    scheduler: str | None
    progress: Progress | None
    total: int
    done: int = 0

    def results(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield results in the order of the tasks."""
        for result in run(list(tasks), jobs=self.jobs, scheduler=self.scheduler):
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)
            yield result


def _check_numbers(*, seconds: float | None, **integers: int) -> None:
    for name, value in integers.items():
        as_integer(value, name, least=0 if name == "seed" else 1)
    if seconds is not None and not as_number(seconds, "seconds") > 0:
        raise InvalidInputError(
            f"seconds must be positive, but is {seconds!r}. It is the time of the search for "
            f"each statement; leave it out to search by number of instances."
        )
