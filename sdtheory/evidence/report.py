"""A report: for each statement every kind of evidence, kept apart.

There is no score. The one word that a row carries is computed from its
evidence, by `Row.verdict`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdtheory.evidence.certified import Certificate
from sdtheory.evidence.controls import Control
from sdtheory.evidence.mutants import KILL_RATE, Fate, Mutation, distinct
from sdtheory.evidence.points import Certified
from sdtheory.evidence.sampled import Tally
from sdtheory.evidence.searched import Searched
from sdtheory.evidence.verdict import Verdict
from sdtheory.evidence.witness import Witness
from sdtheory.files import replacing
from sdtheory.statements import STATEMENTS, Statement
from sdtheory.validation import InvalidInputError, counted

if TYPE_CHECKING:
    from sdtheory.evidence.formal import Formal
    from sdtheory.evidence.proofs import ProofResult

FORMAT = 2

#: Columns of the table of statements, in a terminal and on the page.
HEADERS = (
    "statement",
    "verdict",
    "sampled",
    "searched",
    "certified",
    "proved",
    "machine-checked",
    "mutants",
    "controls",
)


@dataclass(frozen=True)
class Evidence:
    """What was found about one statement; a kind that was not asked for is None.

    Attributes
    ----------
    sampled : Tally or None
        None for a refuted claim.
    doubts : tuple of Certificate
        Judgements of the sampled instances nearest to a violation, within rounding.
    idle : tuple of str
        Cases of the margin that cannot fail.
    assumed : tuple of str
        Hypotheses that are the margin itself.
    controls : tuple of Control
        One for each hypothesis.
    searched : Searched or None
        As `sampled`.
    refuted : Certificate or None
        Judgement at the counterexample of a refuted claim.
    certified : Certified or None
        At the declared points.
    proved : ProofResult or None
        Algebraic cores of its proof, where any is declared.
    formal : Formal or None
        The theorem of Coq that is the statement, where there is one.
    mutation : Mutation or None
        The fates of its mutants.
    """

    sampled: Tally | None = None
    doubts: tuple[Certificate, ...] = ()
    idle: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    controls: tuple[Control, ...] = ()
    searched: Searched | None = None
    refuted: Certificate | None = None
    certified: Certified | None = None
    proved: ProofResult | None = None
    formal: Formal | None = None
    mutation: Mutation | None = None


@dataclass(frozen=True)
class Row:
    """A statement and its evidence.

    Attributes
    ----------
    statement : Statement
        The statement.
    evidence : Evidence
        What was found.
    """

    statement: Statement
    evidence: Evidence

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict that the evidence gives."""
        e = self.evidence
        if self.statement.refuted:
            fails = e.refuted is not None and e.refuted.verdict is Verdict.FAILS
            return Verdict.REFUTED if fails else Verdict.NOT_REFUTED
        sampled, searched = e.sampled or Tally(), e.searched
        judged = {certificate.verdict for certificate in e.doubts}
        certified = Counter({} if e.certified is None else e.certified.verdicts)
        reasons = {h.id: h.uncontrolled for h in self.statement.hypotheses}
        grounds = {
            Verdict.FAILS: (
                sampled.failures
                or (searched is not None and searched.found)
                or Verdict.FAILS in judged
                or certified[Verdict.FAILS.value]
                or (e.proved is not None and not e.proved.proved)
                or (e.formal is not None and not e.formal.good)
            ),
            Verdict.ERROR: (
                sampled.error or Verdict.ERROR in judged or certified[Verdict.ERROR.value]
            ),
            Verdict.UNDEFINED: sampled.undefined,
            Verdict.VACUOUS: sampled.vacuous,
            Verdict.UNSTABLE: sampled.unstable,
            Verdict.UNDECIDED: (
                sampled.unjudged
                or (searched is not None and searched.unjudged)
                or Verdict.UNDECIDED in judged
            ),
            Verdict.CANNOT_FAIL: e.idle or e.assumed,
            Verdict.UNBOUND: self.unbound,
            Verdict.NO_CONTROL: any(not (c.found or reasons[c.hypothesis]) for c in e.controls),
            Verdict.NO_MUTANT_KILLED: e.mutation is not None and not e.mutation.killed,
        }
        return next((verdict for verdict, ground in grounds.items() if ground), Verdict.HOLDS)

    @property
    def unbound(self) -> tuple[str, ...]:
        """Equations that the statement declares and no applicable case is about."""
        sampled = self.evidence.sampled
        if sampled is None or not sampled.met:
            return ()
        return tuple(e for e in self.statement.equations if e not in sampled.equations)

    def witnesses(self) -> Iterator[tuple[str, Witness]]:
        """Yield the instances worth rerunning, each with what it is."""
        e = self.evidence
        if e.sampled is not None and e.sampled.witness is not None:
            yield "worst sampled", e.sampled.witness
        if e.searched is not None and e.searched.witness is not None:
            yield "worst found by search", e.searched.witness

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            self.statement.id,
            str(self.verdict),
            self._sampled_words(),
            self._searched_words(),
            self._certified_words(),
            self._proved_words(),
            self._formal_words(),
            self._mutation_words(),
            "; ".join(f"{c.hypothesis}: {c}" for c in self.evidence.controls),
        )

    def _sampled_words(self) -> str:
        s = self.evidence.sampled
        if s is None:
            return "-"
        if s.error:
            return s.error
        words = f"{s.met}/{s.instances} met, worst {s.worst:.1e}, tightness {s.tightest:.1e}"
        words += f"; {s.coverage}"
        if self.statement.refuted:
            words += f"; fails at {s.suspects} in floats"
        elif s.suspects:
            words += f"; {s.suspects} suspects: {s.cleared} cleared"
            words += f", {s.failures} FAIL" if s.failures else ""
            words += f", {s.unjudged} unjudged" if s.unjudged else ""
        return words + (f"; {s.undefined} UNDEFINED" if s.undefined else "")

    def _searched_words(self) -> str:
        s = self.evidence.searched
        if s is None:
            return "-"
        words = f"best {s.best:.1e} of {s.evaluations}"
        words += f", {s.unjudged} unjudged" if s.unjudged else ""
        return words + (" CERTAINLY FAILS" if s.found else "")

    def _certified_words(self) -> str:
        e = self.evidence
        if e.refuted is not None:
            return f"counterexample: {e.refuted.verdict.value}"
        parts = []
        if e.certified is not None:
            parts.append(", ".join(f"{n} {v}" for v, n in e.certified.verdicts.items()))
        return "; ".join(parts) or "-"

    def _proved_words(self) -> str:
        p = self.evidence.proved
        if p is None:
            return "-"
        return f"{p.extent.value}, {counted(p.cores, 'core')}" if p.proved else f"FAILS: {p.reason}"

    def _formal_words(self) -> str:
        f = self.evidence.formal
        if f is None:
            return "-"
        return f"{f.file}: {f.theorem}" if f.good else f"FAILS: {f.reason}"

    def _mutation_words(self) -> str:
        m = self.evidence.mutation
        return "-" if m is None else f"{m.killed}/{m.noticeable} of {len(m.fates)}"


@dataclass(frozen=True)
class Report:
    """The evidence of a run.

    Attributes
    ----------
    rows : tuple of Row
        One for each statement.
    settings : mapping
        What decides the evidence: instances, seed, budgets.
    circumstances : mapping
        What does not decide it: date, versions, seconds.
    """

    rows: tuple[Row, ...]
    settings: Mapping[str, Any]
    circumstances: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether every row passed, and mutation testing, if it was done.

        Every survivor needs a written reason. Explanations must not pile up: the
        kill rate of all statements together must reach `KILL_RATE`. A few
        statements may have a lower one.
        """
        whole = STATEMENTS.keys() <= {row.statement.id for row in self.rows}
        rare = not whole or self.kill_rate is None or self.kill_rate >= KILL_RATE
        return not (self.failed or self.unexplained) and rare

    @property
    def kill_rate(self) -> float | None:
        """Share of the distinct noticeable mutants that are killed; None without mutants."""
        noticeable = [fate for _, fate in self.mutants if fate.noticeable]
        return sum(bool(f.killed) for f in noticeable) / len(noticeable) if noticeable else None

    @cached_property
    def mutants(self) -> tuple[tuple[str, Fate], ...]:
        """Every mutant once, with the statement that kills it or should have."""
        mutations = {row.statement.id: m for row in self.rows if (m := row.evidence.mutation)}
        return tuple(distinct(mutations))

    @property
    def survivors(self) -> tuple[tuple[str, Fate], ...]:
        """Statement id and fate of every mutant that no statement notices."""
        return tuple((id_, fate) for id_, fate in self.mutants if not (fate.killed or fate.implied))

    def _mutant_words(self) -> str:
        fates = [fate for _, fate in self.mutants]
        killed, implied, true = (
            sum(bool(getattr(fate, name)) for fate in fates)
            for name in ("killed", "implied", "true")
        )
        return (
            f"{killed} of {len(fates)} killed; {implied} claim less than their statement and "
            f"{true} are true, which no test can kill; of the others {self.kill_rate:.1%} "
            f"killed, {KILL_RATE:.0%} wanted of all statements together."
        )

    @property
    def unexplained(self) -> tuple[tuple[str, Fate], ...]:
        """Statement id and fate of every mutant that its own statement lets live without a reason.

        Another statement may kill it, but not when this one is verified alone.
        """
        mutations = ((row.statement.id, row.evidence.mutation) for row in self.rows)
        return tuple((id_, fate) for id_, m in mutations if m for fate in m.unexplained)

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows that did not pass."""
        return tuple(row for row in self.rows if not row.verdict.good)

    def to_json(self) -> dict[str, Any]:
        """Return the report in numbers, strings, lists and dicts."""
        return {
            "format": FORMAT,
            "settings": dict(self.settings),
            "circumstances": dict(self.circumstances),
            "good": self.good,
            "kill_rate": self.kill_rate,
            "statements": [_row_json(row) for row in self.rows],
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON, all or nothing."""
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        with replacing(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")

    def __str__(self) -> str:
        cells = [row.cells() for row in self.rows]
        if len(cells) == 1:  # a row of the table is wider than a terminal
            pairs = zip(HEADERS, cells[0], strict=True)
            lines = ["\n".join(f"{head}: {cell}" for head, cell in pairs if cell not in ("", "-"))]
        else:
            lines = [aligned([HEADERS, *cells])]
        for row in self.failed:
            e = row.evidence
            for what, names in (
                ("cannot fail", e.idle),
                ("hypothesis that is the margin", e.assumed),
                ("equation that no case is about", row.unbound),
            ):
                if names:
                    lines.append(f"\n{row.statement.id}: {what}: {'; '.join(names)}")
            lines.append(f"\n{row.verdict.value}: {row.statement.id}: {row.statement.slogan}")
            lines += [f"  {what}: {witness}" for what, witness in row.witnesses()]
            certified = row.evidence.certified
            if certified is not None:
                lines += [f"  certified: {reason}" for reason in certified.reasons[:3]]
        if self.kill_rate is not None:
            lines.append(f"\nMutants: {self._mutant_words()}")
            lines += [
                f"  survives: {id_}: {fate.name}: {fate.explanation}"
                for id_, fate in self.survivors
                if fate.explanation
            ]
            lines += [f"  NOT EXPLAINED: {id_}: {fate.name}" for id_, fate in self.unexplained]
        return "\n".join(lines)


def aligned(rows: list[tuple[str, ...]]) -> str:
    """Return rows of cells as columns of text, with a rule under the first row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    rule = "  ".join("-" * w for w in widths)
    return "\n".join(line.rstrip() for line in (lines[0], rule, *lines[1:]))


def read_witnesses(path: Path) -> list[tuple[str, str, Witness]]:
    """Return statement id, words and instance of everything worth rerunning in a report.

    Raises
    ------
    InvalidInputError
        If the file is not a report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        found = [
            (row["id"], entry["words"], entry["instance"])
            for row in report["statements"]
            for entry in row["witnesses"]
        ]
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror}). Pass a file that `sdtheory verify --json "
            f"FILE` wrote."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{path} is not a report. Pass a file that `sdtheory verify --json FILE` wrote."
        ) from error
    return [(id_, words, Witness.from_json(fields)) for id_, words, fields in found]


def _row_json(row: Row) -> dict[str, Any]:
    statement, e = row.statement, row.evidence
    declared = ("id", "chapter", "slogan", "tex", "source", "kind", "attained", "rests_on")
    return {
        **{name: plain(getattr(statement, name)) for name in (*declared, "repaired_by")},
        "hypotheses": [
            {"id": h.id, "words": h.words, "needed_for": h.needed_for} for h in statement.hypotheses
        ],
        "verdict": row.verdict.value,
        "good": row.verdict.good,
        **plain(vars(e)),
        "sampled": e.sampled and plain({**vars(e.sampled), "covered": str(e.sampled.coverage)}),
        "controls": [{**plain(c), "words": str(c)} for c in e.controls],
        "unbound": list(row.unbound),
        "vacuous": e.sampled is not None and e.sampled.vacuous,
        "witnesses": [
            {"words": words, "instance": plain(witness)} for words, witness in row.witnesses()
        ],
    }


def plain(value: Any) -> Any:
    """Return a value in what JSON can hold; a float that is not finite becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
