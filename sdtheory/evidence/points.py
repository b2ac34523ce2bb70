"""Certified evidence at declared points: exact rational instances of every family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction as Q

from sdtheory.evidence.certified import Certificate, certify
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import Counterexample, Statement

ROUNDS = 3

#: Eigenvalues by family, as in `sdtheory.evidence.families`; integers, which balls hold exactly,
#: so that equal eigenvalues are known to be equal. Only their ratios matter.
SPECTRA: dict[str, tuple[Q, ...]] = {
    "one point": (Q(3),),
    "polynomial decay": (Q(4), Q(9), Q(36)),
    "exponential decay": (Q(1), Q(2), Q(4), Q(8)),
    "stepped": (Q(1), Q(1), Q(100), Q(100)),
    "clustered": (Q(10**5), Q(10**6), Q(10**6 + 1)),
    "kappa -> 1": (Q(10**9), Q(10**9 + 1)),
    "kappa = 1": (Q(2), Q(2), Q(2)),
    "kappa = 1e12": (Q(1), Q(10**12)),
    "singular": (Q(0), Q(1), Q(2)),
    "separated scales": (Q(1), Q(10**3), Q(10**6)),
}
#: Labels by name, in the order of ascending eigenvalues; cut to length.
LABELS: dict[str, tuple[Q, ...]] = {
    "equal energies": (Q(1), Q(-1), Q(1), Q(-1)),
    "unequal energies": (Q(3), Q(4), Q(-1, 2), Q(2)),
    "top component only": (Q(0), Q(0), Q(0), Q(1)),
}
#: r_0, from near 1 to large.
RATIOS = (Q(10**9 + 1, 10**9), Q(3, 2), Q(5, 2), Q(1000))


@dataclass(frozen=True)
class Point:
    """An exact instance.

    Attributes
    ----------
    d, z : tuple of Fraction
        Eigenvalues, and labels in the eigenbasis.
    epsilon : Fraction
        Tolerance.
    rounds : int
        Rounds to run.
    words : str
        Its families.
    """

    d: tuple[Q, ...]
    z: tuple[Q, ...]
    epsilon: Q
    rounds: int
    words: str


@dataclass(frozen=True)
class Certified:
    """A statement's verdicts at the points.

    Attributes
    ----------
    verdicts : dict of str to int
        How often each verdict was reached.
    bits : int
        Highest precision that was needed.
    reasons : tuple of str
        Point and reason of every failure and of every undecided verdict.
    """

    verdicts: dict[str, int]
    bits: int
    reasons: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether the statement certainly fails at a point."""
        return Verdict.FAILS.value in self.verdicts

    @property
    def decided(self) -> int:
        """Points where the statement applies and was not violated, up to equality."""
        return sum(self.verdicts.get(v.value, 0) for v in (Verdict.HOLDS, Verdict.CONSISTENT))


def points() -> Iterator[Point]:
    """Yield the declared points."""
    for spectrum, d in SPECTRA.items():
        for labels, values in LABELS.items():
            # "top component only" keeps its last entry
            z = values[-len(d) :]
            if d[0] == 0:
                z = (z[0] / 10**6, *z[1:])
            for r_0 in RATIOS:
                epsilon = sum(v * v for v in z) / (len(d) * r_0**2)
                words = f"spectrum: {spectrum}; labels: {labels}; r_0 = {r_0}"
                yield Point(d, z, epsilon, ROUNDS, words)


def certify_points(statement: Statement) -> Certified:
    """Judge a statement in ball arithmetic at every declared point."""
    verdicts: Counter[str] = Counter()
    reasons, bits = [], 0
    for point in points():
        certificate = certify(statement, point.d, point.z, point.epsilon, point.rounds)
        verdicts[certificate.verdict.value] += 1
        if certificate.verdict in (Verdict.FAILS, Verdict.UNDECIDED):
            reasons.append(f"{point.words}: {certificate.reason}")
        elif certificate.verdict is not Verdict.NOT_APPLICABLE:
            bits = max(bits, certificate.bits)
    return Certified(dict(sorted(verdicts.items())), bits, tuple(reasons))


def certify_refutation(statement: Statement, counterexample: Counterexample) -> Certificate:
    """Judge a refuted claim at its counterexample: there it must certainly fail."""
    exact = counterexample
    return certify(statement, exact.d, exact.z, exact.epsilon, exact.rounds)
