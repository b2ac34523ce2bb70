"""Runs tasks in this process, in several, or on a Dask cluster, with the same results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from operator import call
from threading import Thread
from typing import Any

from sdtheory.validation import InvalidInputError

Task = Callable[[], Any]

#: Seconds in which a Dask scheduler must answer.
ANSWER_SECONDS = 10


def run(tasks: Sequence[Task], *, jobs: int = 1, scheduler: str | None = None) -> Iterator[Any]:
    """Run tasks and yield their results in the order of the tasks.

    Parameters
    ----------
    tasks : sequence of callable
        Each takes nothing. With several processes or a cluster they must be
        picklable, for instance `functools.partial` of a module's function.
    jobs : int, default=1
        Processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler; it then replaces the processes.

    Raises
    ------
    InvalidInputError
        If Dask is not installed or the scheduler does not answer.
    """
    if scheduler is None and min(jobs, len(tasks)) <= 1:
        yield from (task() for task in tasks)
        return
    # imported here: the library must load where there are no processes
    if scheduler is None:
        # a fresh interpreter for each worker: forking a process with threads may deadlock
        context = import_module("multiprocessing").get_context("spawn")
        workers = min(jobs, len(tasks))
        pools = import_module("concurrent.futures")
        with pools.ProcessPoolExecutor(workers, context, end_with_parent) as pool:
            yield from pool.map(call, tasks)
        return
    joblib = import_module("joblib")
    calls = (joblib.delayed(call)(task) for task in tasks)
    with _client(scheduler) as client, joblib.parallel_config("dask", client=client):
        yield from joblib.Parallel(return_as="generator")(calls)


def end_with_parent() -> None:
    """Let this process end when its parent is gone, even if the parent was killed.

    Otherwise a worker without work would wait for ever.
    """
    parent = import_module("multiprocessing").parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: Any) -> None:
    import_module("multiprocessing.connection").wait([sentinel])
    os._exit(1)


def _client(address: str) -> Any:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise InvalidInputError(
            "scheduler needs Dask, which is not installed. Install it with: "
            "pip install 'sdtheory[scale]'"
        ) from error
    try:
        return distributed.Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"scheduler {address!r} does not answer ({error}). Start one with `dask scheduler` "
            f"and pass the address that it prints, such as tcp://HOST:8786."
        ) from error
