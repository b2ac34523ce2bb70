"""The worst instances of a written report, judged again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sdtheory.evidence.certified import Certificate, rejudge
from sdtheory.evidence.collecting import find
from sdtheory.evidence.floating import measure
from sdtheory.evidence.report import aligned, read_witnesses
from sdtheory.statements import STATEMENTS


@dataclass(frozen=True)
class ReplayRow:
    """One instance of a report, judged again.

    Attributes
    ----------
    statement : str
        Id of the statement.
    words : str
        What the report says of the instance.
    margin : float
        Worst float margin now.
    certificate : Certificate
        Judgement in ball arithmetic.
    """

    statement: str
    words: str
    margin: float
    certificate: Certificate


@dataclass(frozen=True)
class Replay:
    """The instances of a report, judged again; `str` shows the table."""

    rows: tuple[ReplayRow, ...]

    @property
    def good(self) -> bool:
        """Whether no instance violates its statement, refuted claims aside."""
        return all(r.certificate.cleared or STATEMENTS[r.statement].refuted for r in self.rows)

    def __str__(self) -> str:
        head = ("statement", "instance", "margin", "ball arithmetic", "reason")
        cells = [
            (
                row.statement,
                row.words,
                f"{row.margin:.1e}",
                str(row.certificate.verdict),
                row.certificate.reason,
            )
            for row in self.rows
        ]
        return aligned([head, *cells])


def replay(path: Path, ids: Iterable[str] = ()) -> Replay:
    """Judge the worst instances of a report again, in floats and in ball arithmetic.

    Parameters
    ----------
    path : Path
        File that `Report.write` wrote.
    ids : iterable of str, optional
        Statements; all of the report by default.

    Returns
    -------
    Replay

    Raises
    ------
    InvalidInputError
        If the file is not a report, or a statement is unknown.
    """
    wanted = {s.id for s in find(ids)}
    rows = []
    for name, words, witness in read_witnesses(path):
        (statement,) = find([name])
        if name in wanted:
            instance = witness.instance()
            margin = float(measure(statement, instance).worst[0])
            rows.append(ReplayRow(name, words, margin, rejudge(statement, instance)))
    return Replay(tuple(rows))
