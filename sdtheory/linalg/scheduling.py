"""Who does the work: this process, several, or a Dask cluster; the results are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from sdtheory.validation import InvalidInputError

Task = Callable[[], Any]


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
    if scheduler is not None:
        yield from _on_cluster(tasks, scheduler)
    elif jobs > 1 and len(tasks) > 1:
        # a fresh interpreter for each worker: forking a process with threads may deadlock
        with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
            yield from pool.map(_call, tasks)
    else:
        yield from (task() for task in tasks)


def _call(task: Task) -> Any:
    return task()


def _on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Any]:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise InvalidInputError(
            "scheduler needs Dask, which is not installed. Install it with: "
            "pip install 'sdtheory[scale]'"
        ) from error
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"scheduler {address!r} does not answer ({error}). Start one with `dask scheduler` "
            f"and pass the address that it prints, such as tcp://HOST:8786."
        ) from error
    with client:
        for future in client.map(_call, tasks, pure=False):
            yield future.result()
