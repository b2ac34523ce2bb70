"""Controls: a statement must fail somewhere once one of its hypotheses is dropped.

Margin, code and sample stay the same; only the hypothesis is gone. If nothing
fails without a hypothesis, it is not needed, or not tested.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from sdtheory.evidence.certified import rejudge
from sdtheory.evidence.families import Chunk, drawn
from sdtheory.evidence.floating import measure
from sdtheory.evidence.searched import BUDGET, search
from sdtheory.evidence.verdict import Verdict
from sdtheory.evidence.witness import Witness
from sdtheory.statements import Statement

#: Suspects of a chunk that are judged.
_JUDGED_PER_CHUNK = 2


@dataclass(frozen=True)
class Control:
    """The outcome without one hypothesis.

    Attributes
    ----------
    hypothesis : str
        Id of the hypothesis.
    tried : int
        Instances tried.
    fails : bool
        Whether the statement certainly fails at one of them.
    undefined : int
        Instances tried at which its margin is not a number.
    margin : float or None
        Float margin at the certain failure.
    witness : Witness or None
        The certain failure, else an undefined instance.
    """

    hypothesis: str
    tried: int
    fails: bool
    undefined: int
    margin: float | None
    witness: Witness | None

    @property
    def found(self) -> bool:
        """Whether the hypothesis is needed: without it the claim fails, or has no meaning."""
        return self.fails or self.undefined > 0

    def __str__(self) -> str:
        if self.fails:
            return "fails without it"
        if self.undefined:
            return f"undefined without it ({self.undefined} of {self.tried} instances)"
        return f"none found, {self.tried} tried"


def without(statement: Statement, hypothesis: str) -> Statement:
    """Return the statement with one hypothesis dropped."""
    kept = tuple(h for h in statement.hypotheses if h.id != hypothesis)
    return replace(statement, hypotheses=kept)


def control(
    statement: Statement,
    hypothesis: str,
    chunks: Iterable[Chunk],
    *,
    seed: int = 0,
    budget: int = BUDGET,
) -> Control:
    """Look for a failure without a hypothesis: in a sample, then by search.

    If the margin is not a number somewhere, the claim has no meaning without the
    hypothesis. Then there is no search.

    Parameters
    ----------
    statement : Statement
        The statement.
    hypothesis : str
        Id of the hypothesis to drop.
    chunks : iterable of Chunk
        Sample; it is left at the first certain failure.
    seed : int, optional
        Seed of the search.
    budget : int, optional
        Instances that the search evaluates.
    """
    dropped = without(statement, hypothesis)
    tried = undefined = 0
    witness = None
    for chunk in chunks:
        instance = drawn(chunk)
        measured = measure(dropped, instance)
        tried += chunk.size
        for index in measured.suspects[:_JUDGED_PER_CHUNK]:
            if rejudge(dropped, instance, index).verdict is Verdict.FAILS:
                found = Witness.of(instance, index, chunk.origin(index))
                return Control(
                    hypothesis, tried, True, undefined, float(measured.worst[index]), found
                )
        if measured.undefined.any() and witness is None:
            index = int(np.argmax(measured.undefined))
            witness = Witness.of(instance, index, chunk.origin(index))
        undefined += int(measured.undefined.sum())
    if witness is not None:
        return Control(hypothesis, tried, False, undefined, None, witness)
    searched = search(dropped, seed=seed, budget=budget)
    tried += searched.evaluations
    if searched.found:
        return Control(hypothesis, tried, True, undefined, searched.best, searched.witness)
    return Control(hypothesis, tried, False, undefined, None, None)
