"""Time, CPU time, peak memory and error of contenders, interleaved."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.plan import Group
from benchmarks.problems import PROBLEMS, Array

_MEBIBYTE = 2**20
#: Requests above this go back to the system when freed, so that peaks are not hidden by old ones.
_MMAP_THRESHOLD = 4 * _MEBIBYTE
_UNIT = 1 if sys.platform == "darwin" else 1024


def judged(contender: Contender, c: Array | None, problem: Any) -> dict[str, Any]:
    """Return the largest relative error of the multipliers, or what is wrong with them."""
    if c is None or contender.kind == "limit":
        return {}
    reference = problem.reference
    if reference is None:
        return {}
    if not np.array_equal(np.isfinite(c), np.isfinite(reference)):
        return {"wrong": "it ends a chain at another round"}
    alive = np.isfinite(reference)
    error = float(np.max(np.abs(c[alive] / reference[alive] - 1), initial=0.0))
    if contender.kind == "differs":
        return {"difference": error}
    return {"error": error, "reference": problem.source}


def timed(name: str, problem: Any) -> tuple[dict[str, float], Array | None, dict[str, Any]]:
    """Run one contender once."""
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    c, details = CONTENDERS[name].run(problem)
    stop, used = time.perf_counter(), time.process_time() - cpu
    return {"start": start, "wall": stop - start, "cpu": used}, c, details


def measure(group: Group, bar: tqdm) -> list[dict[str, Any]]:
    """Measure a group's contenders in turn.

    Parameters
    ----------
    group : Group
    bar : tqdm
        Advanced by one for each sample.

    Returns
    -------
    list of dict
        One record for each contender.
    """
    build = PROBLEMS[group.problem]
    records: dict[str, dict[str, Any]] = {}
    for name in group.repeats:
        contender = CONTENDERS[name]
        records[name] = {
            "suite": group.suite,
            "problem": group.problem,
            "n": group.n,
            "contender": name,
            "label": contender.label,
            "kind": contender.kind,
            "process": "child" if group.child else "shared",
            "samples": [],
        }
    if group.child:
        for name, repeats in group.repeats.items():
            bar.set_postfix_str(f"{name}, n = {group.n}")
            for _ in range(repeats):
                _in_child(records[name], group)
                bar.update()
        return list(records.values())

    running = {}
    for name, repeats in group.repeats.items():
        if CONTENDERS[name].missing:
            records[name]["refused"] = f"{CONTENDERS[name].needs} is not installed"
            bar.update(repeats)
        else:
            running[name] = repeats
    problem = build(group.n)
    for name in running:
        contender = CONTENDERS[name]
        with suppress(ArithmeticError):
            contender.run(build(min(contender.warm, group.n)))
    _prepare(problem, running)
    most = max(running.values(), default=0)
    for turn in range(most):
        # back and forth, so that a drift of the machine does not favour one
        for name, repeats in sorted(running.items(), reverse=bool(turn % 2)):
            if (turn + 1) * repeats // most == turn * repeats // most:
                continue
            bar.set_postfix_str(f"{name}, n = {group.n}")
            record = records[name]
            bar.update()
            if "refused" in record:
                continue
            try:
                sample, c, details = timed(name, problem)
            except ArithmeticError as refusal:
                record["refused"] = str(refusal)
                continue
            record["samples"].append(sample)
            record |= details | judged(CONTENDERS[name], c, problem)
    return list(records.values())


def _prepare(problem: Any, names: Iterable[str]) -> None:
    """Build the matrix where a contender starts from it, so that none is charged for it."""
    if any(CONTENDERS[name].matrix for name in names):
        problem.gram  # noqa: B018 - cached


def _in_child(record: dict[str, Any], group: Group) -> None:
    """Measure one sample, with its peak memory, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = os.environ.get("MALLOC_MMAP_THRESHOLD_")
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(_MMAP_THRESHOLD)
    process = context.Process(
        target=_child, args=(theirs, record["contender"], group.problem, group.n), daemon=True
    )
    try:
        process.start()
        theirs.close()
        answer: dict[str, Any] = ours.recv()
    except EOFError:
        answer = {"refused": "its process was killed, most often for want of memory"}
    finally:
        process.join()
        if before is None:
            del os.environ["MALLOC_MMAP_THRESHOLD_"]
        else:
            os.environ["MALLOC_MMAP_THRESHOLD_"] = before
    if "sample" in answer:
        sample = answer.pop("sample")
        record["samples"].append(sample)
        for key in ("memory", "peak"):
            record[key] = max(record.get(key, 0), sample[key])
    record |= answer


def _peak() -> int:
    """Return the largest resident size of this process in bytes."""
    with suppress(OSError):
        # on Linux ru_maxrss begins at the size of the process that started this one
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _child(connection: Connection, name: str, problem_name: str, n: int) -> None:
    contender, build = CONTENDERS[name], PROBLEMS[problem_name]
    if contender.missing:
        connection.send({"refused": f"{contender.needs} is not installed"})
        return
    with suppress(ArithmeticError):
        contender.run(build(min(contender.warm, n)))
    problem = build(n)
    _prepare(problem, [name])
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc: what is free goes back to the system
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # Linux: forget the peak so far
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    baseline = _peak()
    try:
        sample, c, details = timed(name, problem)
    except ArithmeticError as refusal:
        connection.send({"refused": str(refusal)})
        return
    sample["memory"], sample["peak"] = _peak() - baseline, _peak()
    connection.send({"sample": sample} | details | judged(contender, c, problem))
