"""Verdicts on evidence, in one vocabulary for terminals and pages."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """The outcome of a check, in words; those that need attention are in capitals."""

    #: certainly true where it was judged, or not violated by any evidence
    HOLDS = "holds"
    #: no case fails, but some margins are balls around 0, of size below 2^-CONSISTENT_BITS:
    #: an identity, or the equality case of an inequality; equality itself is not proved
    CONSISTENT = "consistent"
    #: a hypothesis is false in every case
    NOT_APPLICABLE = "does not apply"
    #: the claim certainly fails at its declared counterexample
    REFUTED = "refuted"
    #: certainly false somewhere
    FAILS = "FAILS"
    #: negative in floats beyond rounding, and not decided in ball arithmetic
    UNDECIDED = "UNDECIDED"
    #: its declared counterexample does not refute it
    NOT_REFUTED = "NOT REFUTED"
    #: the margin raises an exception
    ERROR = "ERROR"
    #: hardly any instance met the hypotheses
    VACUOUS = "VACUOUS"
    #: the margin is not a finite number where the hypotheses hold
    UNDEFINED = "UNDEFINED"
    #: floats and balls disagree by more than rounding
    UNSTABLE = "UNSTABLE"
    #: the margin cannot become negative, whatever the instance
    CANNOT_FAIL = "CANNOT FAIL"
    #: an equation is declared, and no case of the margin is about it
    UNBOUND = "EQUATION NOT CHECKED"
    #: without a hypothesis nothing fails, and no reason is written down
    NO_CONTROL = "CONTROL FINDS NOTHING"
    #: the formula can be changed at will
    NO_MUTANT_KILLED = "NO MUTANT KILLED"
    #: a check of a page, with its claim broken, still passes
    CONTROL_NOT_CAUGHT = "CONTROL NOT CAUGHT"
    #: the book states it, and the registry has no such statement
    NOT_CHECKED = "NOT CHECKED"
    #: the registry states it, and no page does
    IN_NO_CHAPTER = "IN NO CHAPTER"

    @property
    def good(self) -> bool:
        """Whether nothing needs attention."""
        return self in _SIGNS

    @property
    def sign(self) -> str:
        """A sign for the verdict, for readers who cannot see its colour."""
        return _SIGNS.get(self, "\u2717")

    def __str__(self) -> str:
        return f"{self.sign} {self.value}"


_SIGNS = {
    Verdict.HOLDS: "\u2713",
    Verdict.CONSISTENT: "\u2713",
    Verdict.NOT_APPLICABLE: "\u2013",
    Verdict.REFUTED: "\u2298",
}
