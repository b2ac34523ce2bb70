"""The line under a proof that says by which theorem of Coq it was checked.

No chapter contains this line. A page gets it when it is made, from the label of
each statement and from Coq's output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sdtheory.evidence.formal import TIES, Export, Tie, theorem_of

_STATEMENT = re.compile(r"^`{3,}\{prf:(?!ref)\w+\}[^\n]*\n:label: (\S+)", re.MULTILINE)
_PROOF = re.compile(
    r"^(?P<fence>`{3,})\{dropdown\} Proof[^\n]*\n.*?^(?P=fence)[ \t]*$", re.M | re.S
)
_ENVIRONMENT = re.compile(r"^(?P<fence>`{3,})\{prf:.*?^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)


def notes(export: Export, ties: Mapping[str, Tie] = TIES) -> dict[str, str]:
    """Return the line under the proof of each statement, in MyST, by label.

    Parameters
    ----------
    export : Export
        What Coq has printed.
    ties : mapping of str to Tie
        What the theorem of each statement covers.
    """
    return {id_: _note(export, theorem_of(id_), tie) for id_, tie in ties.items()}


def _note(export: Export, name: str, tie: Tie) -> str:
    theorem = export.theorems[name]
    return (
        f"`````{{dropdown}} Machine-checked: formal/{theorem['file']}, {name}\n"
        f":class-container: machine-checked\n\n{tie.scope}\n\n"
        f"````text\n{theorem['statement']}\n````\n`````"
    )


def annotate(source: str, lines: Mapping[str, str]) -> str:
    """Put the line of every statement under its proof, or under it where it has none.

    Parameters
    ----------
    source : str
        A page, or a text cell of it, in MyST.
    lines : mapping of str to str
        From `notes`.
    """
    found = list(_STATEMENT.finditer(source))
    ends = [match.start() for match in found[1:]]
    for match, end in reversed(list(zip(found, [*ends, len(source)], strict=False))):
        if match[1] not in lines:
            continue
        stretch = source[match.start() : end]
        place = _PROOF.search(stretch) or _ENVIRONMENT.search(stretch)
        if place is not None:
            at = match.start() + place.end()
            source = f"{source[:at]}\n\n{lines[match[1]]}\n{source[at:]}"
    return source
