"""Distances to the points where a comparison in a formula changes.

A margin or a hypothesis that compares numbers (``r_0 - 1 >= kappa t``) has
corners. Near them a false claim may hide in a set too thin for a sample.
`distances` evaluates a statement on arrays that record every comparison, and
returns how far each instance is from the opposite outcome. A search then goes
where that distance is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdtheory.evidence.floating import Measured, measure
from sdtheory.recursion import Trajectory
from sdtheory.statements import Instance, Statement
from sdtheory.validation import Array

_COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
#: A comparison counts as a corner if some instance is nearer to it than this, relatively.
_NEAR = 0.99


class _Recording(np.ndarray):
    """An array that reports the comparisons made with it, and with what comes from it."""

    record: Callable[[Any, Any], None]

    def __array_finalize__(self, other: Any) -> None:
        self.record = getattr(other, "record", lambda a, b: None)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [_plain(a) for a in inputs]
        options = {k: _plain(v) if not isinstance(v, tuple) else v for k, v in options.items()}
        if "out" in options:
            options["out"] = tuple(_plain(v) for v in options["out"])
        if ufunc in _COMPARISONS and method == "__call__":
            self.record(*plain)
            return ufunc(*plain, **options)
        return self._again(getattr(ufunc, method)(*plain, **options))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self._again(function(*_plain(args), **_plain(options)))

    def _again(self, result: Any) -> Any:
        if isinstance(result, tuple):
            return tuple(map(self._again, result))
        if not isinstance(result, np.ndarray) or result.dtype == bool:
            return result
        again = result.view(_Recording)
        again.record = self.record
        return again


def _plain(value: Any) -> Any:
    if isinstance(value, _Recording):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def distances(statement: Statement, instance: Instance) -> tuple[Measured, Array]:
    """Evaluate a statement, and how far each instance is from each of its corners.

    Parameters
    ----------
    statement : Statement
        The statement.
    instance : Instance
        A batch of m instances, in floats.

    Returns
    -------
    Measured
        As from `measure`.
    ndarray of shape (m, s)
        For each comparison of numbers ``|a - b| / (|a| + |b|)``, the nearest
        over its cases; 1 where a number is zero or infinite.
    """
    m = len(instance.d)
    found: list[Array] = []

    def record(a: Any, b: Any) -> None:
        try:
            a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
        except (TypeError, ValueError):
            return
        if a.shape[:1] != (m,):
            return
        with np.errstate(all="ignore"):
            apart = np.abs(a - b) / (np.abs(a) + np.abs(b))
        far = ~np.isfinite(apart) | (a == 0) | (b == 0)
        found.append(np.where(far, 1.0, apart).reshape(m, -1).min(axis=1, initial=1.0))

    def recorded(values: Any) -> Any:
        array = np.asarray(values).view(_Recording)
        array.record = record
        return array

    path = instance.path
    # a fresh view, so that nothing computed before is reused unrecorded
    given = {f.name: getattr(path, f.name) for f in fields(Trajectory)}
    traced = Instance(Trajectory(**{k: recorded(v) for k, v in given.items() if v is not None}))
    measured = measure(statement, traced)
    return measured, np.stack(found, axis=1) if found else np.ones((m, 0))


def corners(apart: Array) -> NDArray[np.bool_]:
    """Return which comparisons are corners: near for some instances, and not for all alike."""
    near = (apart < _NEAR).any(axis=0)
    return near & (np.ptp(apart, axis=0) > 0)
