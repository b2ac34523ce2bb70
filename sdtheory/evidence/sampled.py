"""Sampled evidence: margins over instances of the declared families.

Tallies of chunks merge in the order of the chunks, so that the result does
not depend on who computed them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from sdtheory.evidence.certified import Verdict, rejudge
from sdtheory.evidence.families import Chunk
from sdtheory.evidence.floating import measure
from sdtheory.evidence.witness import Witness
from sdtheory.statements import Instance, Statement

#: Fewer instances than this share meet the hypotheses: the check is vacuous.
VACUOUS_SHARE = 0.01
#: Suspects of a chunk that are judged in balls; a suspect left over is reported.
JUDGED_PER_CHUNK = 8


@dataclass(frozen=True)
class Tally:
    """What a sample says about one statement.

    Attributes
    ----------
    instances : int
        Instances drawn.
    met : int
        Instances with a case that meets the hypotheses.
    cases : int
        Cases (rounds, eigenvalues, ...) that do.
    undefined : int
        Instances with a margin that is not a number where it should be one.
    worst : float
        Smallest margin in floats; for an identity minus the largest magnitude.
    tightest : float
        Smallest magnitude of a margin: how near equality the sample comes.
    suspects : int
        Instances whose float margin is negative beyond rounding.
    cleared : int
        Suspects that ball arithmetic acquits.
    unjudged : int
        Suspects that it did not decide, or was not asked about.
    failures : int
        Suspects that certainly violate the statement; the search for more ends, in a chunk,
        with the first.
    witness : Witness or None
        The first instance that certainly fails, else the first undefined one,
        else the worst one.
    error : str
        What the margin raised, if it did.
    """

    instances: int = 0
    met: int = 0
    cases: int = 0
    undefined: int = 0
    worst: float = float("inf")
    tightest: float = float("inf")
    suspects: int = 0
    cleared: int = 0
    unjudged: int = 0
    failures: int = 0
    witness: Witness | None = None
    error: str = ""

    @property
    def vacuous(self) -> bool:
        """Whether under 1 % of the instances met the hypotheses."""
        return self.met == 0 or self.met < VACUOUS_SHARE * self.instances

    @property
    def _rank(self) -> tuple[bool, bool, float]:
        return (not self.failures, not self.undefined, self.worst)

    def merge(self, other: Tally) -> Tally:
        """Return the tally of both samples."""
        first = self if self._rank <= other._rank and self.witness else other
        return Tally(
            instances=self.instances + other.instances,
            met=self.met + other.met,
            cases=self.cases + other.cases,
            undefined=self.undefined + other.undefined,
            worst=min(self.worst, other.worst),
            tightest=min(self.tightest, other.tightest),
            suspects=self.suspects + other.suspects,
            cleared=self.cleared + other.cleared,
            unjudged=self.unjudged + other.unjudged,
            failures=self.failures + other.failures,
            witness=first.witness,
            error=self.error or other.error,
        )


def sample_chunk(statements: Iterable[Statement], chunk: Chunk) -> list[Tally]:
    """Evaluate statements over one chunk.

    Parameters
    ----------
    statements : iterable of Statement
        Statements.
    chunk : Chunk
        The chunk.

    Returns
    -------
    list of Tally
        In the order of the statements.
    """
    instance = chunk.draw()
    return [tally(statement, instance, chunk) for statement in statements]


def sample(statements: Iterable[Statement], chunks: Iterable[Chunk]) -> list[Tally]:
    """Evaluate statements over chunks, in this process.

    Returns
    -------
    list of Tally
        In the order of the statements.
    """
    statements = list(statements)
    return reduce(merged, (sample_chunk(statements, chunk) for chunk in chunks))


def merged(left: list[Tally], right: list[Tally]) -> list[Tally]:
    """Merge the tallies of two parts of a sample, statement by statement."""
    return [a.merge(b) for a, b in zip(left, right, strict=True)]


def tally(statement: Statement, instance: Instance, chunk: Chunk) -> Tally:
    """Evaluate one statement over the drawn instances of a chunk."""
    try:
        measured = measure(statement, instance)
    except Exception as error:
        # a margin is other people's code: one that raises must not take the rest of the run along
        return Tally(instances=chunk.size, error=f"{type(error).__name__}: {error}")
    worst, undefined, suspects = measured.worst, measured.undefined, measured.suspects
    at = int(np.argmin(worst)) if np.isfinite(worst).any() else None
    if undefined.any():
        at = int(np.argmax(undefined))
    failures = cleared = 0
    # a refuted claim is judged at its counterexample; here it only shows how often it fails
    for index in () if statement.refuted else suspects[:JUDGED_PER_CHUNK]:
        certificate = rejudge(statement, instance, index)
        cleared += certificate.cleared
        if certificate.verdict is Verdict.FAILS:
            at, failures = int(index), 1
            break
    return Tally(
        instances=len(worst),
        met=int(measured.met.sum()),
        cases=int(measured.applies.sum()),
        undefined=int(undefined.sum()),
        worst=float(worst.min(initial=np.inf)),
        tightest=measured.tightest,
        suspects=len(suspects),
        cleared=cleared,
        unjudged=len(suspects) - cleared - failures,
        failures=failures,
        witness=None if at is None else Witness.of(instance, at, chunk.origin(at)),
    )
