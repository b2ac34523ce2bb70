"""All evidence for the statements of the registry, and for the reader's own instance."""

from __future__ import annotations

import difflib
import math
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.evidence import sampled, searched
from sdtheory.evidence.cache import EvidenceCache
from sdtheory.evidence.certified import Certificate, Verdict, rejudge
from sdtheory.evidence.families import chunks
from sdtheory.evidence.floating import measure
from sdtheory.evidence.report import Report, Row, aligned, read_witnesses
from sdtheory.evidence.tasks import Effort, examine, refer, sample
from sdtheory.linalg.scheduling import Task, run
from sdtheory.solvers import distill
from sdtheory.spectrum import Spectrum
from sdtheory.statements import STATEMENTS, Instance, Statement
from sdtheory.validation import InvalidInputError

#: Instances of a sample, by default.
INSTANCES = 13_440

_PACKAGES = ("sdtheory", "numpy", "scipy", "python-flint", "sympy", "z3-solver")

#: Called with the number of tasks done and the number of all.
Progress = Callable[[int, int], None]


def find(ids: Iterable[str] = ()) -> tuple[Statement, ...]:
    """Return the statements of those ids, all where none is given.

    Raises
    ------
    InvalidInputError
        If an id is unknown; the message lists near matches and the known ones.
    """
    ids = tuple(ids)
    for unknown in (name for name in ids if name not in STATEMENTS):
        near = difflib.get_close_matches(unknown, STATEMENTS, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInputError(
            f"statement {unknown!r} is unknown.{hint} Known: {', '.join(STATEMENTS)}."
        )
    return tuple(STATEMENTS[name] for name in dict.fromkeys(ids)) or tuple(STATEMENTS.values())


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
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Collect evidence.

    Parameters
    ----------
    statements : sequence of Statement, optional
        Those of the registry by default.
    instances : int, optional
        Instances to sample.
    seed : int, optional
        Same seed, same evidence, whoever shares the work.
    certify : bool, default=False
        Whether to judge every statement at exact points, inequalities over a
        box as well, and to run the algebraic proofs.
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
    cache : Path, optional
        Folder of evidence: what is current there is not collected again. Not
        used with `seconds`, whose evidence depends on the machine.
    progress : callable, optional
        Called with the number of tasks done and the number of all.

    Returns
    -------
    Report

    Raises
    ------
    InvalidInputError
        If a number is out of range, or a statement that is not in the
        registry would have to travel to another process.
    """
    _check_numbers(instances=instances, seed=seed, budget=budget, jobs=jobs, seconds=seconds)
    statements = find() if statements is None else tuple(statements)
    travels = jobs > 1 or scheduler is not None
    effort = Effort(seed, instances, certify, mutants, budget, seconds)
    kept = None if cache is None or seconds is not None else EvidenceCache(cache, effort)
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
        least = 0 if name == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InvalidInputError(
                f"{name} must be an integer of at least {least}, but is {value!r}."
            )
    if seconds is not None and not seconds > 0:
        raise InvalidInputError(
            f"seconds must be positive, but is {seconds!r}. It is the time of the search for "
            f"each statement; leave it out to search by number of instances."
        )


@dataclass(frozen=True)
class ReplayRow:
    """One instance of a report, judged again.

    Attributes
    ----------
    statement : str
        Id of the statement.
    words : str
        What the report says of the instance.
    margin : float
        Worst float margin now.
    certificate : Certificate
        Judgement in ball arithmetic.
    """

    statement: str
    words: str
    margin: float
    certificate: Certificate


@dataclass(frozen=True)
class Replay:
    """The instances of a report, judged again; `str` shows the table."""

    rows: tuple[ReplayRow, ...]

    @property
    def good(self) -> bool:
        """Whether no instance violates its statement, refuted claims aside."""
        return all(r.certificate.cleared or STATEMENTS[r.statement].refuted for r in self.rows)

    def __str__(self) -> str:
        head = ("statement", "instance", "margin", "ball arithmetic", "reason")
        cells = [
            (
                row.statement,
                row.words,
                f"{row.margin:.1e}",
                row.certificate.verdict.value,
                row.certificate.reason,
            )
            for row in self.rows
        ]
        return aligned([head, *cells])


def replay(path: Path, ids: Iterable[str] = ()) -> Replay:
    """Judge the worst instances of a report again, in floats and in ball arithmetic.

    Parameters
    ----------
    path : Path
        File that `Report.write` wrote.
    ids : iterable of str, optional
        Statements; all of the report by default.

    Returns
    -------
    Replay

    Raises
    ------
    InvalidInputError
        If the file is not a report, or a statement is unknown.
    """
    wanted = {s.id for s in find(ids)}
    rows = []
    for name, words, witness in read_witnesses(path):
        (statement,) = find([name])
        if name in wanted:
            instance = witness.instance()
            margin = float(measure(statement, instance).worst[0])
            rows.append(ReplayRow(name, words, margin, rejudge(statement, instance)))
    return Replay(tuple(rows))


@dataclass(frozen=True)
class CheckRow:
    """What one statement says about one instance.

    Attributes
    ----------
    statement : Statement
        The statement.
    lacking : tuple of str
        Hypotheses, in words, that hold in no case of this instance.
    cases : int
        Cases to which the statement applies.
    margin : float or None
        Worst scaled margin; None where no case applies.
    where : str
        The case that gives it.
    certificate : Certificate or None
        Judgement in ball arithmetic, where the margin is negative beyond rounding.
    """

    statement: Statement
    lacking: tuple[str, ...]
    cases: int
    margin: float | None
    where: str
    certificate: Certificate | None

    @property
    def applies(self) -> bool:
        """Whether the statement says anything about the instance."""
        return self.margin is not None

    @property
    def verdict(self) -> str:
        """Return the outcome in words."""
        if self.margin is None:
            return "does not apply"
        if self.certificate is None or self.certificate.cleared:
            return "holds here" if self.statement.refuted else "holds"
        fails = self.certificate.verdict is Verdict.FAILS
        return (
            ("fails, as refuted" if self.statement.refuted else "FAILS") if fails else "undecided"
        )


@dataclass(frozen=True)
class Check:
    """All statements at one instance; `str` shows the table.

    Attributes
    ----------
    instance : Instance
        The recursion, as a batch of one.
    rows : tuple of CheckRow
        One for each statement.
    """

    instance: Instance
    rows: tuple[CheckRow, ...]

    @property
    def good(self) -> bool:
        """Whether no statement fails, refuted claims aside."""
        return not any(row.verdict in ("FAILS", "undecided") for row in self.rows)

    def __str__(self) -> str:
        i = self.instance
        title = (
            f"n = {i.n}, rank {int(np.sum(i.d[0] > 0))}, kappa = {float(i.kappa[0]):.4g}, "
            f"r_0 = {float(i.r[0, 0]):.6g}, {int(i.alive[0].sum())} non-trivial round(s) of "
            f"{i.c.shape[1]}"
        )
        head = ("statement", "verdict", "worst margin", "where", "what it says, or why it does not")
        cells = [
            (
                row.statement.id,
                row.verdict,
                "" if row.margin is None else f"{row.margin:.2e}",
                row.where,
                row.statement.slogan
                if row.applies
                else "lacks: " + ("; ".join(row.lacking) or "a case at this size"),
            )
            for row in self.rows
        ]
        return f"{title}\n\n{aligned([head, *cells])}"


def check(
    *,
    gram: ArrayLike | Spectrum,
    y: ArrayLike,
    epsilon: float,
    rounds: int | None = None,
    statements: Sequence[Statement] | None = None,
) -> Check:
    """Say what every statement says about the reader's own instance.

    Parameters
    ----------
    gram : array_like of shape (n, n) or Spectrum
        G with the paper's 1/n, as `sdtheory.kernels.gram` returns it.
    y : array_like of shape (n,) or (n, q)
        Labels.
    epsilon : float
        Tolerance on the mean squared residual.
    rounds : int, optional
        Rounds to run; until the labels collapse by default.
    statements : sequence of Statement, optional
        Those of the registry by default.

    Returns
    -------
    Check

    Raises
    ------
    InvalidInputError
        If an argument is unusable; the message names it and the remedy.
    InfeasibleToleranceError
        If no function meets the tolerance.
    """
    chain = distill(gram, y, epsilon, rounds, solver="eigh", tolerance=math.inf)
    path = chain.trajectory
    instance = Instance.of(
        path.d, path.z[0], path.epsilon, max(len(path.c), 1), outputs=path.z.ndim == 3
    )
    return Check(
        instance, tuple(_check_row(s, instance) for s in statements or STATEMENTS.values())
    )


def _check_row(statement: Statement, instance: Instance) -> CheckRow:
    measured = measure(statement, instance)
    with np.errstate(all="ignore"):
        lacking = tuple(h.words for h in statement.hypotheses if not np.any(h.holds(instance)))
    cases = int(measured.applies.sum())
    if not cases:
        return CheckRow(statement, lacking, 0, None, "", None)
    usable = np.where(measured.applies, measured.margin, np.inf)[0]
    index = np.unravel_index(np.argmin(usable), usable.shape)
    doubtful = not usable[index] >= -measured.threshold
    return CheckRow(
        statement,
        lacking,
        cases,
        float(usable[index]),
        _case(index, usable.shape, instance),
        rejudge(statement, instance) if doubtful else None,
    )


def _case(index: tuple[Any, ...], shape: tuple[int, ...], instance: Instance) -> str:
    """Return a case of a margin in words; its first axis counts rounds where the length says so."""
    if not index:
        return ""
    first, *rest = (int(k) for k in index)
    rounds = shape[0] == instance.c.shape[1]
    words = [f"round {first}" if rounds else f"case {first}"]
    return ", ".join(words + [f"case {k}" for k in rest])
