"""Who does the work: this process, several, or a Dask cluster; the results are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
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
    if scheduler is None and min(jobs, len(tasks)) <= 1:
        yield from (task() for task in tasks)
        return
    # imported here: the library must load where there are no processes
    joblib = import_module("joblib")
    calls = (joblib.delayed(_call)(task) for task in tasks)
    if scheduler is None:
        yield from joblib.Parallel(min(jobs, len(tasks)), return_as="generator")(calls)
        return
    with _client(scheduler) as client, joblib.parallel_config("dask", client=client):
        yield from joblib.Parallel(return_as="generator")(calls)


def _call(task: Task) -> Any:
    return task()


def _client(address: str) -> Any:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise InvalidInputError(
            "scheduler needs Dask, which is not installed. Install it with: "
            "pip install 'sdtheory[scale]'"
        ) from error
    try:
        return distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"scheduler {address!r} does not answer ({error}). Start one with `dask scheduler` "
            f"and pass the address that it prints, such as tcp://HOST:8786."
        ) from error
