"""False statements of every kind are found within the default budget; what is not is listed."""

from dataclasses import replace
from functools import reduce

import planted
import pytest
from planted_more import ESCAPES, FALSE, NEUTRALISED

from sdtheory.evidence import verify
from sdtheory.evidence.collecting import INSTANCES
from sdtheory.evidence.families import chunks
from sdtheory.evidence.report import Evidence, Report, Row
from sdtheory.evidence.sampled import merged, sample_chunk
from sdtheory.evidence.verdict import Verdict


def test_there_are_many_kinds():
    assert len(FALSE) + len(NEUTRALISED) >= 40


@pytest.fixture(scope="module")
def false():
    """The rows of all false statements: of the sample alone where it finds them."""
    statements = [replace(statement, id=name) for name, statement in FALSE.items()]
    tallies = reduce(merged, (sample_chunk(statements, c) for c in chunks(0, INSTANCES)))
    rows = [Row(s, Evidence(sampled=t)) for s, t in zip(statements, tallies, strict=True)]
    missed = [row.statement for row in rows if not row.evidence.sampled.failures]
    return {row.statement.id: row for row in (*rows, *verify(missed).rows)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FALSE)
def test_a_false_statement_fails(name, false):
    assert false[name].verdict is Verdict.FAILS
    assert not Report((false[name],), {}, {}).good


@pytest.mark.parametrize("name", NEUTRALISED)
def test_a_check_that_cannot_fail_is_red(name):
    statement, expected = NEUTRALISED[name]
    report = verify([statement], instances=1_120, budget=300)
    assert report.rows[0].verdict is Verdict(expected), report
    assert not report.good


@pytest.mark.slow
@pytest.mark.parametrize("name", ESCAPES)
def test_what_escapes_is_known_to(name):
    statement, reason = ESCAPES[name]
    (row,) = verify([statement]).rows
    assert row.verdict is Verdict.HOLDS, row.cells()
    assert reason


def test_a_statement_that_raises_is_red_alone():
    raising, _ = NEUTRALISED["raises everywhere"]
    report = verify([raising, planted.TRUE], instances=280, budget=200)
    assert [row.verdict for row in report.rows] == [Verdict.ERROR, Verdict.HOLDS]


def test_no_mutant_killed_is_red():
    def margin(i):
        # nothing in it can be changed in a small way
        return i.path.sensitivity

    statement = planted.statement(margin, planted.non_trivial)
    (row,) = verify([statement], instances=280, budget=200, mutants=True).rows
    assert row.verdict is Verdict.NO_MUTANT_KILLED
