"""Have Coq check the proofs anew, audit them, and show that the audit can fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sdtheory.evidence.formal import coq
from sdtheory.evidence.formal.compared import Tied
from sdtheory.evidence.formal.coq import ALLOWED, CoqError, Export
from sdtheory.evidence.formal.terms import read_definition, read_theorem
from sdtheory.evidence.formal.ties import TIES, theorem_of
from sdtheory.statements import STATEMENTS


@dataclass(frozen=True)
class Recheck:
    """What Coq says here.

    Attributes
    ----------
    export : Export
        All that it prints.
    objections : tuple of str
        What the audit found; empty if nothing.
    seconds : dict of str to float
        Wall time of compiling, of printing with axioms, and of the checker.
    """

    export: Export
    objections: tuple[str, ...]
    seconds: dict[str, float]


def recheck(folder: Path = coq.FOLDER) -> Recheck:
    """Compile the proofs from scratch, audit them, and print what they say.

    Parameters
    ----------
    folder : Path
        Holds the proofs; nothing is written there.

    Raises
    ------
    CoqError
        If Coq refuses a file.
    """
    seconds = {}
    with coq.copied(folder) as copy:
        objections = coq.forbidden(copy)
        start = time.perf_counter()
        files = coq.order(copy)
        coq.compile_files(copy, files)
        seconds["compile"] = time.perf_counter() - start
        start = time.perf_counter()
        export = coq.export(copy, map(theorem_of, TIES), files)
        seconds["print"] = time.perf_counter() - start
        start = time.perf_counter()
        coq.check(copy, files)
        seconds["checker"] = time.perf_counter() - start
    for name, theorem in export.theorems.items():
        foreign = sorted(set(theorem["axioms"]) - ALLOWED)
        if foreign:
            objections.append(f"{name} rests on {', '.join(foreign)}")
    return Recheck(export, tuple(objections), seconds)


def differences(old: Export, new: Export) -> list[str]:
    """Return where Coq's output differs from the committed export.

    Another version of Coq may lay out the same terms otherwise; then terms are compared as read.
    """
    same = old.versions == new.versions
    found = []
    for kind in ("files", "theorems", "definitions"):
        before, after = getattr(old, kind), getattr(new, kind)
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                found.append(f"{kind}: {name} is gone")
            elif name not in before:
                found.append(f"{kind}: {name} is new")
            elif before[name] != after[name] and (
                same or not _reads_alike(kind, before, after, name)
            ):
                found.append(f"{kind}: {name} is different")
    return found


def _reads_alike(kind: str, before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    if kind == "theorems":
        one, other = (read_theorem(export[name]["term"]) for export in (before, after))
        return one == other
    if kind == "definitions":
        one, other = (read_definition(export[name]) for export in (before, after))
        return one == other
    return False


@dataclass(frozen=True)
class Control:
    """A wrong change of the proofs, which must be found.

    Attributes
    ----------
    words : str
        What is wrong.
    file : str
        Where.
    change : callable
        Makes the change, in the text of the file.
    """

    words: str
    file: str
    change: Callable[[str], str]

    def found(self, folder: Path = coq.FOLDER) -> str:
        """Return how the change is found; empty if it is not."""
        with coq.copied(folder) as copy:
            path = copy / self.file
            before = path.read_text(encoding="utf-8")
            after = self.change(before)
            if after == before:
                raise CoqError(f"the control changes nothing: {self.words}")
            path.write_text(after, encoding="utf-8")
            if coq.forbidden(copy):
                return "by a forbidden word"
            files = coq.order(copy)
            compiled = files[: files.index(self.file) + 1]
            try:
                coq.compile_files(copy, compiled)
            except CoqError:
                return "does not compile"
            return self._audited(copy, compiled)

    def _audited(self, copy: Path, compiled: list[str]) -> str:
        committed = Export.read()
        chosen = {
            theorem_of(id_): id_
            for id_ in TIES
            if committed.theorems.get(theorem_of(id_), {}).get("file") == self.file
        }
        try:
            printed = coq.export(copy, chosen, compiled)
        except CoqError:
            return "the theorem is missing"
        if any(set(theorem["axioms"]) - ALLOWED for theorem in printed.theorems.values()):
            return "by the axioms"
        now = replace(committed, theorems={**committed.theorems, **printed.theorems})
        ties = (Tied(STATEMENTS[id_], TIES[id_], now).compare() for id_ in chosen.values())
        return "by the tie to the registry" if not all(tie.good for tie in ties) else ""


def _given_up(text: str) -> str:
    proof = text.index("Proof.", text.index("Theorem prop_active :"))
    return text[:proof] + "Proof. Admitted." + text[text.index("Qed.", proof) + 4 :]


def _smuggled(text: str) -> str:
    # outside a section a variable is an axiom
    at = text.index("Section Problem.")
    proof = text.index("Proof.", text.index("Theorem prop_active :"))
    end = text.index("Qed.", proof) + 4
    return (
        text[:at]
        + 'Local Set Warnings "-all".\nVariable cheat : False.\n'
        + text[at:proof]
        + "Proof. destruct cheat. Qed."
        + text[end:]
    )


#: Each must be found, or the audit shows nothing.
CONTROLS = (
    Control("a proof is given up", "Problem.v", _given_up),
    Control("an axiom is added, by another word, and used", "Problem.v", _smuggled),
    Control(
        "a statement is weakened by one more hypothesis",
        "Problem.v",
        lambda text: text.replace(
            "forall z f, 0 < rho -> rho < norm n z ->",
            "forall z f, 0 < rho -> norm n z <= 3 / 2 * rho -> rho < norm n z ->",
        ).replace("intros z f Hrho Halive Hsol.", "intros z f Hrho _ Halive Hsol."),
    ),
    Control(
        "a statement claims too much",
        "Kkt.v",
        lambda text: text.replace(
            "<-> null_energy n d z < rho^2 < energy n z).", "<-> rho^2 < energy n z)."
        ),
    ),
    Control(
        "a theorem is renamed",
        "Problem.v",
        lambda text: text.replace("Theorem prop_active :", "Theorem prop_active_too :"),
    ),
)


def found_controls(controls: Iterable[Control] = CONTROLS) -> dict[str, str]:
    """Return how each wrong change is found, in words; empty where it is not."""
    return {control.words: control.found() for control in controls}
