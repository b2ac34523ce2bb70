"""The pieces of work of a verification, each for one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from sdtheory.evidence import sampled
from sdtheory.evidence.certified import rejudge
from sdtheory.evidence.controls import control
from sdtheory.evidence.corrupted import assumed, idle
from sdtheory.evidence.families import REACHES, SIZES, Chunk, chunks
from sdtheory.evidence.formal import machine_checked
from sdtheory.evidence.mutants import BUDGET as MUTANT_BUDGET
from sdtheory.evidence.mutants import INSTANCES as MUTANT_INSTANCES
from sdtheory.evidence.mutants import judge_mutants
from sdtheory.evidence.points import certify_points, certify_refutation, points
from sdtheory.evidence.report import Evidence
from sdtheory.evidence.sampled import Tally
from sdtheory.evidence.searched import search
from sdtheory.statements import STATEMENTS, Statement
from sdtheory.validation import InvalidInputError

#: Instances of the sample in which controls look for a failure, at most.
CONTROL_INSTANCES = 6_720

#: A registered statement by its id, so that tasks can travel; else the statement itself.
Reference = str | Statement


@dataclass(frozen=True)
class Effort:
    """The settings that decide the evidence, besides the statements.

    Attributes
    ----------
    seed, instances : int
        Of the sample.
    certify : bool
        Whether to collect evidence that is not floating point.
    mutants : bool
        Whether to mutate the formulas.
    budget : int
        Instances that a search evaluates.
    seconds : float or None
        Seconds that it takes, instead.
    """

    seed: int
    instances: int
    certify: bool
    mutants: bool
    budget: int
    seconds: float | None

    def settings(self) -> dict[str, Any]:
        """Return the settings for the report."""
        timed = self.seconds is not None
        return {
            "seed": self.seed,
            "instances": self.instances,
            "rounds at most": max(reach.rounds for reach in REACHES),
            "largest n": max(*SIZES, *(reach.n for reach in REACHES)),
            "controls": f"{min(self.instances, CONTROL_INSTANCES)} instances, then a search",
            "search": f"{self.seconds:g} seconds" if timed else f"{self.budget} instances",
            "certify": f"{sum(1 for _ in points())} points" if self.certify else "no",
            "mutants": f"{MUTANT_INSTANCES} instances, then a search of {MUTANT_BUDGET}"
            if self.mutants
            else "no",
        }


def refer(statement: Statement, *, travels: bool) -> Reference:
    """Return the statement's id, or the statement where it is not in the registry.

    Raises
    ------
    InvalidInputError
        If an unregistered statement would have to travel to another process.
    """
    if STATEMENTS.get(statement.id) is statement:
        return statement.id
    if travels:
        raise InvalidInputError(
            f"statement {statement.id!r} is not in the registry, so that another process cannot "
            f"know it. Use jobs=1 and no scheduler."
        )
    return statement


def _resolve(reference: Reference) -> Statement:
    return STATEMENTS[reference] if isinstance(reference, str) else reference


def sample(references: Sequence[Reference], chunk: Chunk) -> list[Tally]:
    """Evaluate statements over one chunk."""
    return sampled.sample_chunk(map(_resolve, references), chunk)


def examine(reference: Reference, tally: Tally, effort: Effort) -> Evidence:
    """Collect the evidence of one statement, given its sample."""
    statement = _resolve(reference)
    try:
        return _examined(statement, tally, effort)
    except Exception as error:
        # a statement is other people's code: one that raises must not take the rest along
        return Evidence(sampled=replace(tally, error=f"{type(error).__name__}: {error}"))


def _examined(statement: Statement, tally: Tally, effort: Effort) -> Evidence:
    if statement.counterexample is not None:
        certificate = certify_refutation(statement, statement.counterexample)
        return Evidence(sampled=tally, refuted=certificate)
    if tally.error:
        return Evidence(sampled=tally)
    seed = effort.seed
    trials = list(chunks(seed, min(effort.instances, CONTROL_INSTANCES)))
    evidence = Evidence(
        sampled=tally,
        doubts=tuple(rejudge(statement, witness.instance()) for _, witness in tally.doubtful),
        idle=idle(statement),
        assumed=assumed(statement),
        controls=tuple(
            control(statement, h.id, trials, seed=seed, budget=effort.budget)
            for h in statement.hypotheses
        ),
        searched=search(
            statement,
            seed=seed,
            budget=effort.budget,
            seconds=effort.seconds,
            start=tally.witness,
        ),
    )
    if effort.certify:
        # SymPy takes seconds to import, and only this needs it
        proved = import_module("sdtheory.evidence.proved")
        evidence = replace(
            evidence,
            certified=certify_points(statement),
            proved=proved.prove(statement.id) if statement.id in proved.PROOFS else None,
            formal=machine_checked(statement),
        )
    return replace(evidence, mutation=judge_mutants(statement)) if effort.mutants else evidence
