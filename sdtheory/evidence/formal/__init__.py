"""Machine-checked evidence: a theorem of Coq, for all reals and all n, tied to the registry.

The proofs stand in ``formal/``, one file for each chapter. Coq's output is
committed in ``formal/export.json``, with the hashes of the files. This package
reads it, ties each theorem to its statement (`ties`), and compares the two by
evaluation (`compared`). Where Coq is installed, `recheck` compiles everything
again, audits it and compares the output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from sdtheory.evidence.formal.compared import Comparison, Tied
from sdtheory.evidence.formal.coq import ALLOWED, FOLDER, INSTALL, REALS, Export, missing_tools
from sdtheory.evidence.formal.ties import EVERYWHERE, LEFT_OUT, TIES, Tie, theorem_of
from sdtheory.statements import Statement

__all__ = [
    "ALLOWED",
    "EVERYWHERE",
    "FOLDER",
    "INSTALL",
    "LEFT_OUT",
    "REALS",
    "TIES",
    "Comparison",
    "Export",
    "Formal",
    "Tie",
    "Tied",
    "machine_checked",
    "missing_tools",
    "theorem_of",
    "where_checked",
]


@dataclass(frozen=True)
class Formal:
    """What Coq says about a statement.

    Attributes
    ----------
    statement : str
        Id of the statement.
    theorem, file : str
        The theorem, and the file of ``formal/`` that proves it.
    scope : str
        What it covers of the statement, in words and TeX.
    axioms : tuple of str
        All that it rests on.
    printed : str
        The theorem as Coq prints it.
    compared : Comparison
        The theorem beside the registry's formula.
    changed : tuple of str
        Files that are not those that Coq has checked.
    """

    statement: str
    theorem: str
    file: str
    scope: str
    axioms: tuple[str, ...]
    printed: str = field(repr=False)
    compared: Comparison
    changed: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether Coq has checked these files, and the theorem is the statement's."""
        return not self.changed and self.compared.good and set(self.axioms) <= ALLOWED

    @property
    def reason(self) -> str:
        """Return what speaks against it, or what was compared, in a sentence."""
        if self.changed:
            return f"{', '.join(self.changed)} changed since Coq checked them: make proofs"
        foreign = set(self.axioms) - ALLOWED
        return f"rests on {', '.join(sorted(foreign))}" if foreign else self.compared.words


@cache
def _export() -> Export:
    return Export.read()


@cache
def _changed() -> tuple[str, ...]:
    return _export().changed()


def machine_checked(statement: Statement) -> Formal | None:
    """Return the theorem that is a statement, compared with it.

    Parameters
    ----------
    statement : Statement
        Of the registry, or one in its place.

    Returns
    -------
    Formal or None
        None if no theorem is tied to the statement, or the proofs are missing. They
        are in the book's repository, not in the installed package.
    """
    tie = TIES.get(statement.id)
    if tie is None or not FOLDER.is_dir():
        return None
    export = _export()
    name = theorem_of(statement.id)
    theorem = export.theorems[name]
    return Formal(
        statement=statement.id,
        theorem=name,
        file=theorem["file"],
        scope=tie.scope,
        axioms=tuple(theorem["axioms"]),
        printed=theorem["statement"],
        compared=Tied(statement, tie, export).compare(),
        changed=_changed(),
    )


def where_checked() -> str:
    """Return by which Coq the files were checked, and how to check them here."""
    version = _export().versions["coq"]
    missing = missing_tools()
    if not missing:
        return f"checked by Coq {version} for these hashes; make proofs checks them again"
    return (
        f"checked by Coq {version} for these hashes; not rechecked here: "
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed ({INSTALL})"
    )
