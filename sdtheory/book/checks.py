"""A chapter's closing table: its claims, checked at its own parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.book.display import table
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import STATEMENTS, Instance, Kind, Statement
from sdtheory.validation import InvalidInputError, counted


class CheckFailedError(AssertionError):
    """A check of the chapter does not hold at its parameters."""


@dataclass(frozen=True)
class ChapterCheck:
    """One row of the table.

    Attributes
    ----------
    name : str
        The claim.
    how : str
        How it is checked.
    defect : float or None
        Largest violation found; None where nothing applies.
    tolerance : float
        Largest violation that rounding, or the stated method, explains.
    because : str
        Reason for the tolerance.
    control : float or None
        The same defect with the claim deliberately broken.
    otherwise : str
        What to say where the check does not apply.
    equation : str
        Label of the numbered equation that it checks, if any.
    """

    name: str
    how: str
    defect: float | None
    tolerance: float
    because: str
    control: float | None
    otherwise: str = ""
    equation: str = ""

    @property
    def verdict(self) -> Verdict:
        """The outcome: the claim must pass, and its control must fail."""
        if self.defect is None:
            return Verdict.NOT_APPLICABLE
        if not self.defect <= self.tolerance:
            return Verdict.FAILS
        caught = self.control is None or self.control > self.tolerance
        return Verdict.HOLDS if caught else Verdict.CONTROL_NOT_CAUGHT

    def claim(self) -> dict[str, str | float | None]:
        """Return the row for the manifest; its accuracy is the violation allowed."""
        numbers = {
            "violation": self.defect,
            "allowed": self.tolerance,
            "if broken": self.control,
        }
        finite = {k: v if v is not None and np.isfinite(v) else None for k, v in numbers.items()}
        return {"kind": "check", "name": self.name, "verdict": self.verdict.value, **finite}

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells: claim, verdict, violation, allowed, if broken, how."""
        if self.defect is None:
            return self.name, str(self.verdict), "", "", "", self.otherwise
        return (
            self.name,
            str(self.verdict),
            f"{abs(max(self.defect, 0.0)):.1e}",
            f"{self.tolerance:.1e}",
            "see ledger" if self.control is None else f"{self.control:.1e}",
            f"{self.how}. {self.because[0].upper()}{self.because[1:]}.",
        )


class Checks:
    """Collects a chapter's checks; `report` shows them and raises if one fails.

    The statements that the registry declares for the chapter are evaluated
    first, at the chapter's instance. Their controls are in the ledger; a
    check that only the chapter makes carries its own.

    Parameters
    ----------
    chapter : str
        Name of the chapter in the registry.
    instance : Instance or int
        The chapter's instance, at the reader's parameters. A chapter that
        declares no statements gives its number of points instead.

    Raises
    ------
    InvalidInputError
        If an instance is given, but no statement of the registry belongs to
        the chapter, or the other way round.
    """

    def __init__(self, chapter: str, instance: Instance | int) -> None:
        statements = [s for s in STATEMENTS.values() if s.chapter == chapter and not s.refuted]
        self.rows: list[ChapterCheck] = []
        if isinstance(instance, int):
            if statements:
                raise InvalidInputError(
                    f"chapter {chapter!r} has {counted(len(statements), 'statement')} in the "
                    f"registry. Pass the instance at which to evaluate them."
                )
            self.unit = 100 * instance * float(np.finfo(float).eps)
            return
        if not statements:
            known = ", ".join(dict.fromkeys(s.chapter for s in STATEMENTS.values()))
            raise InvalidInputError(
                f"chapter {chapter!r} has no statements in the registry. Known chapters: {known}."
            )
        self.unit = 100 * instance.n * float(np.finfo(float).eps)
        self.rows = [self._evaluate(s, instance) for s in statements]

    def _evaluate(self, statement: Statement, instance: Instance) -> ChapterCheck:
        # where a hypothesis fails, a margin may divide by zero
        with np.errstate(all="ignore"):
            cases = statement.cases(instance)
        fails = [hypothesis.words for hypothesis in statement.lacking(instance)]
        values = np.concatenate([np.ravel(case.margin[case.applies]) for case in cases])
        violation = np.abs(values) if statement.kind is Kind.IDENTITY else -values
        seen = counted(values.size, "case")
        return ChapterCheck(
            name=statement.claim,
            how=f"Worst of {seen}: margin {values.min():.2g}" if values.size else "",
            defect=float(violation.max()) if values.size else None,
            tolerance=self.unit,
            because="rounding: 100 n machine epsilon, relative",
            control=None,
            otherwise="; ".join(fails) or "no case at these parameters",
        )

    def add(
        self,
        name: str,
        found: ArrayLike,
        expected: ArrayLike,
        *,
        wrong: ArrayLike,
        how: str,
        tolerance: float | None = None,
        because: str = "rounding: 100 n machine epsilon, relative",
        applies: bool = True,
        otherwise: str = "",
        equation: str = "",
    ) -> None:
        """Add a comparison of two computations of one quantity, and its control.

        The defect is ``max |found - expected| / max |expected|``.

        Parameters
        ----------
        name : str
            What is claimed.
        found, expected : array_like
            The quantity, computed in two ways.
        wrong : array_like
            What `found` would be if the claim were broken; it must be caught.
        how : str
            How `expected` was computed.
        tolerance : float, optional
            Largest defect allowed; 100 n machine epsilon by default.
        because : str, optional
            Reason for the tolerance.
        applies : bool, default=True
            Whether the claim applies at the chapter's parameters.
        otherwise : str, optional
            Why it does not apply, for the table.
        equation : str, optional
            Label of the chapter's equation that this checks, where no
            statement of the registry does.
        """
        scale = np.max(np.abs(expected), initial=0.0) or 1.0

        def defect(value: ArrayLike) -> float:
            difference = np.abs(np.asarray(value, dtype=float) - np.asarray(expected, dtype=float))
            return float(np.max(difference, initial=0.0) / scale)

        self.rows.append(
            ChapterCheck(
                name=name,
                how=how,
                defect=defect(found) if applies else None,
                tolerance=self.unit if tolerance is None else tolerance,
                because=because,
                control=defect(wrong) if applies else None,
                otherwise=otherwise,
                equation=equation,
            )
        )

    def report(self) -> None:
        """Show the table.

        Raises
        ------
        CheckFailedError
            If a check fails or a control is not caught; the table is shown
            first.
        """
        table(
            headers=(
                "Claim",
                "Verdict",
                "Violation",
                "Allowed",
                "If broken",
                "How, and why this tolerance",
            ),
            rows=[row.cells() for row in self.rows],
            caption="Checks of this chapter, computed at the parameters above",
            checks=[row.claim() for row in self.rows],
            folds=True,
        )
        failed = [row for row in self.rows if not row.verdict.good]
        if failed:
            lines = "\n".join(
                f"  {row.verdict.value}: {row.name}: violation {row.defect:.3g}, "
                f"allowed {row.tolerance:.3g}"
                + ("" if row.control is None else f", with the claim broken {row.control:.3g}")
                for row in failed
            )
            raise CheckFailedError(
                f"{counted(len(failed), 'check')} of this chapter failed:\n{lines}"
            )
