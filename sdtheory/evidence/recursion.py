"""The recursion by compiled loops where Numba is installed: the same bits, sooner."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from sdtheory.recursion import Trajectory, trajectory


@cache
def fastest() -> Callable[..., Trajectory]:
    """Return `sdtheory.solvers.compiled.trajectory`, or `sdtheory.trajectory` without Numba.

    Whatever is drawn is the same, hence no report depends on the choice.
    """
    # Numba takes seconds to import, and only the drawing of instances needs it
    try:
        return import_module("sdtheory.solvers.compiled").trajectory
    except ImportError:
        return trajectory
