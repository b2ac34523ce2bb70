"""Tests whether a margin can fail at all, on corrupted instances.

The arrays of drawn instances are distorted, each by itself. Then they no longer
belong together: multipliers solve no equation, and labels follow from no round.
There the margin of a meaningful claim must become negative (of an identity:
not zero), in each of its cases where its hypotheses hold. A constant, an infinite
margin, an absolute value, and a hypothesis that is the margin itself never do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sdtheory.evidence.families import Chunk, drawn
from sdtheory.evidence.mutants import mutate
from sdtheory.recursion import Trajectory
from sdtheory.statements import Instance, Kind, Statement

#: An identity must be broken by more than this, an inequality violated by more than its tenth.
_BROKEN = 1e-6
_SEED, _SIZE, _TRIALS = 7, 66, 24
#: Chunks whose instances are distorted, by number: two, three, one and five points.
_NUMBERS = (0, 1, 2, 3)


@lru_cache(maxsize=1)
def distorted() -> tuple[Instance, ...]:
    """Return the distorted instances."""
    rng = np.random.default_rng(_SEED)
    found = []
    for trial in range(_TRIALS):
        path = drawn(Chunk(_SEED, _NUMBERS[trial % len(_NUMBERS)], _SIZE)).path
        strength = (0.1, 1.0, 3.0)[trial % 3]
        changed = {}
        for name in ("d", "epsilon", "c", "A", "B", "z", "r", "r_minus_1", "sensitivity"):
            changed[name] = values = getattr(path, name)
            # some arrays are left as they are, so that single relations break too
            if rng.random() < 0.3:
                continue
            factor = np.exp(strength * rng.standard_normal(values.shape))
            if name not in ("d", "epsilon") and trial % 4 == 3:
                factor *= rng.choice([-1.0, 1.0], values.shape)
            changed[name] = values * factor
        found.append(Instance(Trajectory(**changed)))
    return tuple(found)


def idle(statement: Statement) -> tuple[str, ...]:
    """Return the names of a margin's cases that never fail.

    An algebraic claim also holds on distorted instances; it must fail when its
    formula is changed.
    """
    left: dict[str, bool] = {}
    for instance in distorted():
        for name, failed in _failing(statement, instance):
            left[name] = left.get(name, True) and not failed
        if not any(left.values()):
            return ()
    pending = {name for name, never in left.items() if never}
    samples = [drawn(Chunk(_SEED, number, _SIZE)) for number in _NUMBERS]
    try:
        for mutant in mutate(statement):
            for instance in samples:
                with suppress(Exception):
                    failing = _failing(mutant.statement, instance)
                    pending -= {name for name, failed in failing if failed}
            if not pending:
                break
    except (OSError, TypeError, SyntaxError):
        # without source code of its own a margin has no mutants
        pass
    return tuple(name for name in left if name in pending)


def assumed(statement: Statement) -> tuple[str, ...]:
    """Return the hypotheses that hold exactly where the margin is not negative, by id."""
    same = {hypothesis.id: True for hypothesis in statement.hypotheses}
    both = dict.fromkeys(same, False)
    for instance in distorted():
        with np.errstate(all="ignore"):
            for hypothesis in statement.hypotheses:
                for case in replace(statement, hypotheses=(hypothesis,)).cases(instance):
                    margin = np.asarray(case.margin, dtype=float)
                    finite = np.isfinite(margin)
                    holds, true = case.applies[finite], margin[finite] >= 0
                    same[hypothesis.id] &= bool(np.array_equal(holds, true))
                    both[hypothesis.id] |= bool(np.any(true) and not np.all(true))
    return tuple(name for name, is_same in same.items() if is_same and both[name])


def _failing(statement: Statement, instance: Instance) -> list[tuple[str, bool]]:
    """Return for each case whether it is violated somewhere that its hypotheses hold."""
    identity = statement.kind is Kind.IDENTITY
    with np.errstate(all="ignore"):
        cases = statement.cases(instance)
    found = []
    for case in cases:
        values = np.asarray(case.margin, dtype=float)[case.applies]
        values = values[np.isfinite(values)]
        broken = np.abs(values) > _BROKEN if identity else values < -_BROKEN / 10
        found.append((case.words or case.equation or "margin", bool(np.any(broken))))
    return found
