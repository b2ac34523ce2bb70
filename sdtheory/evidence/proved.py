"""Proved evidence: algebraic cores of proofs, settled for all reals.

A core is an exactly stated step of a proof: of the proof on the page, or of a
shorter one for the machine. `Proof.missing` lists what it leaves to the reader:
sums over eigenvalues, induction over rounds, limits. "Proved" refers to the
cores, never to more.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from time import perf_counter

from sdtheory.evidence.proofs import Extent, ProofResult, extent
from sdtheory.evidence.proofs.arguments import Proof, ProofFailedError
from sdtheory.statements import CHAPTERS
from sdtheory.validation import InvalidInputError, counted

__all__ = ["PROOFS", "Extent", "Proof", "ProofFailedError", "ProofResult", "prove"]

#: The cores of every statement that has one, by the statement's id.
PROOFS: dict[str, tuple[Proof, ...]] = {}
for _chapter in CHAPTERS:
    _module = import_module(f"sdtheory.evidence.proofs.{_chapter}")
    for _statement, _proofs in _module.PROOFS.items():
        if _statement in PROOFS:
            raise ValueError(f"statement {_statement!r} has its cores declared twice")
        PROOFS[_statement] = _proofs


def prove(statement: str, proofs: Mapping[str, tuple[Proof, ...]] = PROOFS) -> ProofResult:
    """Run the cores of a statement and their controls.

    Parameters
    ----------
    statement : str
        Id of a statement that has a core.
    proofs : mapping of str to tuple of Proof, optional
        Where to find the cores.

    Raises
    ------
    InvalidInputError
        If no core is declared for the statement.
    """
    if not proofs.get(statement):
        raise InvalidInputError(
            f"statement {statement!r} has no algebraic core. Those that have one are "
            f"{', '.join(proofs)}."
        )
    start = perf_counter()
    cores = proofs[statement]
    controls = 0
    reason = ""
    for number, proof in enumerate(cores, start=1):
        controls += len(list(proof.argument.controls()))
        try:
            proof.run()
        except ProofFailedError as error:
            reason = f"core {number} of {len(cores)} ({proof.method}): {error}"
            break
    methods = ", ".join(dict.fromkeys(proof.method for proof in cores))
    proved = counted(len(cores), "core")
    return ProofResult(
        statement=statement,
        proved=not reason,
        cores=len(cores),
        controls=controls,
        seconds=perf_counter() - start,
        extent=extent(statement),
        reason=reason or f"{proved} proved, {controls} controls caught ({methods})",
    )
