"""Sampled evidence: margins over instances of the declared families.

Tallies of chunks merge in the order of the chunks, so that the result does
not depend on who computed them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sdtheory.evidence.certified import Certificate, rejudge
from sdtheory.evidence.families import ROUNDS, Chunk, drawn
from sdtheory.evidence.floating import Measured, measure
from sdtheory.evidence.verdict import Verdict
from sdtheory.evidence.witness import Witness
from sdtheory.statements import Instance, Statement

#: Fewer instances than this share meet the hypotheses, in ordinary chunks and in those that go
#: far alike: the check is vacuous.
VACUOUS_SHARE = 0.01
#: Suspects of a chunk that are judged in balls; a suspect left over is reported.
JUDGED_PER_CHUNK = 8
#: Instances within rounding of a violation that are kept, to be judged in balls.
DOUBTFUL = 2
#: A float margin below minus this that balls acquit was not rounding.
UNSTABLE = 1e-6
#: Doubtful instances have at most so many points, so that a judgement is cheap.
_SMALL = 5


@dataclass(frozen=True)
class Coverage:
    """What the instances that met the hypotheses reached.

    Attributes
    ----------
    rounds, n : int
        Most non-trivial rounds, most points.
    outputs : frozenset of int
        Numbers of outputs.
    r_minus_1, kappa : (float, float)
        Smallest and largest r_0 - 1 > 0, and finite condition number.
    singular : bool
        Whether a singular G was among them.
    """

    rounds: int = 0
    n: int = 0
    outputs: frozenset[int] = frozenset()
    r_minus_1: tuple[float, float] = (np.inf, 0.0)
    kappa: tuple[float, float] = (np.inf, 1.0)
    singular: bool = False

    @classmethod
    def of(cls, instance: Instance, met: NDArray[np.bool_]) -> Coverage:
        """Return the coverage of the instances of a batch that met the hypotheses."""
        if not met.any():
            return cls()
        start, kappa = instance.r_minus_1[met, 0], instance.kappa[met]
        start, finite = start[start > 0], kappa[np.isfinite(kappa)]
        return cls(
            rounds=int(instance.alive[met].sum(axis=1).max()),
            n=instance.n,
            outputs=frozenset([instance.path.z.shape[-1]]),
            r_minus_1=(float(start.min(initial=np.inf)), float(start.max(initial=0.0))),
            kappa=(float(finite.min(initial=np.inf)), float(finite.max(initial=1.0))),
            singular=bool(np.isinf(kappa).any()),
        )

    def merge(self, other: Coverage) -> Coverage:
        """Return the coverage of both."""
        return Coverage(
            rounds=max(self.rounds, other.rounds),
            n=max(self.n, other.n),
            outputs=self.outputs | other.outputs,
            r_minus_1=_hull(self.r_minus_1, other.r_minus_1),
            kappa=_hull(self.kappa, other.kappa),
            singular=self.singular or other.singular,
        )

    def __str__(self) -> str:
        if not self.n:
            return "nothing"
        outputs = ", ".join(map(str, sorted(self.outputs)))
        words = [f"rounds up to {self.rounds}", f"n up to {self.n}", f"q in {{{outputs}}}"]
        if self.r_minus_1[1]:
            words.append("r_0 - 1 from {:.0e} to {:.0e}".format(*self.r_minus_1))
        if np.isfinite(self.kappa[0]):
            words.append(f"kappa up to {self.kappa[1]:.0e}")
        return ", ".join(words) + (" and singular" if self.singular else "")


def _hull(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


@dataclass(frozen=True)
class Tally:
    """The result of a sample for one statement.

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
    unstable : int
        Cleared suspects whose float margin was far below rounding.
    ordinary, ordinary_met : int
        As `instances` and `met`, of the ordinary chunks alone.
    coverage : Coverage
        What the instances that met the hypotheses reached.
    doubtful : tuple of (float, Witness)
        Instances within rounding of a violation, worst first, each with its
        margin as a share of what rounding explains.
    equations : frozenset of str
        Labels of the equations that an applicable case is about.
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
    unstable: int = 0
    ordinary: int = 0
    ordinary_met: int = 0
    coverage: Coverage = Coverage()
    doubtful: tuple[tuple[float, Witness], ...] = ()
    equations: frozenset[str] = frozenset()

    @property
    def vacuous(self) -> bool:
        """Whether under 1 % of the instances met the hypotheses, ordinary ones and others."""
        far, far_met = self.instances - self.ordinary, self.met - self.ordinary_met
        shares = ((self.ordinary, self.ordinary_met), (far, far_met))
        return not any(met and met >= VACUOUS_SHARE * drawn for drawn, met in shares)

    @property
    def _rank(self) -> tuple[bool, bool, float]:
        return (not self.failures, not self.undefined, self.worst)

    def merge(self, other: Tally) -> Tally:
        """Return the tally of both samples."""
        first = self if self._rank <= other._rank and self.witness else other
        return Tally(
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS},
            worst=min(self.worst, other.worst),
            tightest=min(self.tightest, other.tightest),
            witness=first.witness,
            error=self.error or other.error,
            coverage=self.coverage.merge(other.coverage),
            doubtful=tuple(sorted(self.doubtful + other.doubtful, key=_share)[:DOUBTFUL]),
            equations=self.equations | other.equations,
        )


_COUNTS = [field.name for field in fields(Tally) if field.type == "int"]


def _share(doubtful: tuple[float, Witness]) -> float:
    return doubtful[0]


def sample_chunk(statements: Iterable[Statement], chunk: Chunk) -> list[Tally]:
    """Evaluate statements over one chunk.

    Returns
    -------
    list of Tally
        In the order of the statements.
    """
    instance = drawn(chunk)
    return [tally(statement, instance, chunk) for statement in statements]


def merged(left: list[Tally], right: list[Tally]) -> list[Tally]:
    """Merge the tallies of two parts of a sample, statement by statement."""
    return [a.merge(b) for a, b in zip(left, right, strict=True)]


def tally(statement: Statement, instance: Instance, chunk: Chunk) -> Tally:
    """Evaluate one statement over the drawn instances of a chunk."""
    far = chunk.reach is not None
    try:
        measured = measure(statement, instance)
    except Exception as error:
        # a margin is other people's code: one that raises must not take the rest of the run along
        return Tally(instances=chunk.size, error=f"{type(error).__name__}: {error}")
    worst, undefined, suspects = measured.worst, measured.undefined, measured.suspects
    at = int(np.argmin(worst)) if np.isfinite(worst).any() else None
    if undefined.any():
        at = int(np.argmax(undefined))
    failures = cleared = unstable = 0
    witness = None
    # a refuted claim is judged at its counterexample; here it only shows how often it fails
    for index in () if statement.refuted else suspects[: 1 if far else JUDGED_PER_CHUNK]:
        certificate, witness = _judged(statement, measured, instance, int(index), chunk)
        cleared += certificate.cleared
        unstable += certificate.cleared and bool(worst[index] < -UNSTABLE)
        if certificate.verdict is Verdict.FAILS:
            failures = 1
            break
        witness = None
    if witness is None and at is not None:
        witness = Witness.of(instance, at, chunk.origin(at))
    met = measured.met
    return Tally(
        instances=len(worst),
        met=int(met.sum()),
        cases=int(measured.applies.sum()),
        undefined=int(undefined.sum()),
        worst=float(worst.min(initial=np.inf)),
        tightest=measured.tightest,
        suspects=len(suspects),
        cleared=cleared,
        unjudged=len(suspects) - cleared - failures,
        failures=failures,
        witness=witness,
        unstable=unstable,
        ordinary=0 if far else len(worst),
        ordinary_met=0 if far else int(met.sum()),
        coverage=Coverage.of(instance, met),
        doubtful=_doubtful(statement, measured, instance, chunk),
        equations=frozenset(case.equation for case in measured.cases if case.applies.any()),
    )


def _judged(
    statement: Statement, measured: Measured, instance: Instance, index: int, chunk: Chunk
) -> tuple[Certificate, Witness]:
    """Judge a suspect in balls.

    In a long chain, the chain that starts at the round in doubt is tried
    first: it is an instance too, and a short one.
    """
    restarted = None
    if chunk.reach is not None and chunk.rounds > ROUNDS:
        t = measured.worst_round(index, instance)
        if t is not None and t > 0:
            restarted = Instance.of(
                instance.d[index],
                instance.path.z[index, t],
                instance.path.epsilon[index],
                ROUNDS,
                outputs=True,
            )
    if restarted is not None:
        certificate = rejudge(statement, restarted)
        if certificate.verdict is Verdict.FAILS:
            words = f"{chunk.origin(index)}; restarted at a late round"
            return certificate, Witness.of(restarted, 0, words)
    certificate = rejudge(statement, instance, index)
    return certificate, Witness.of(instance, index, chunk.origin(index))


def _doubtful(
    statement: Statement, measured: Measured, instance: Instance, chunk: Chunk
) -> tuple[tuple[float, Witness], ...]:
    """Return the instances nearest to a violation, where rounding hides whether there is one."""
    if statement.refuted or chunk.reach is not None or chunk.n > _SMALL:
        return ()
    worst = np.minimum(measured.worst, measured.tightest_strict(statement))
    limit = measured.threshold if statement.strict else 0.0
    found = np.argsort(worst, kind="stable")[:DOUBTFUL]
    return tuple(
        (float(worst[k] / measured.threshold), Witness.of(instance, int(k), chunk.origin(int(k))))
        for k in found
        if worst[k] < limit
    )
