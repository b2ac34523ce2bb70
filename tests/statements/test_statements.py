"""The registry is sound, and every statement's evidence is as it should be."""

import re

import pytest

from sdtheory.evidence import verify
from sdtheory.evidence.certified import certify
from sdtheory.evidence.families import chunks
from sdtheory.evidence.floating import measure
from sdtheory.evidence.points import points
from sdtheory.statements import STATEMENTS, Instance

INSTANCES = 2_240
BUDGET = 300


@pytest.fixture(scope="module")
def rows():
    report = verify(instances=INSTANCES, budget=BUDGET)
    return {row.statement.id: row for row in report.rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", STATEMENTS)
def test_the_evidence_is_as_it_should_be(name, rows):
    row = rows[name]
    assert row.verdict.good, row.cells()


@pytest.mark.slow
@pytest.mark.parametrize("name", [s.id for s in STATEMENTS.values() if s.hypotheses])
def test_every_hypothesis_has_a_control(name, rows):
    statement = STATEMENTS[name]
    if not statement.refuted:
        controls = [c.hypothesis for c in rows[name].evidence.controls]
        assert controls == [h.id for h in statement.hypotheses]


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=lambda s: s.id)
def test_a_statement_is_declared_completely(statement):
    assert re.fullmatch(r"(thm|prop|cor|lem|claim)(-[a-z0-9]+)+", statement.id)
    assert statement.slogan.endswith(".")
    assert statement.tex
    assert statement.source
    ids = [h.id for h in statement.hypotheses]
    assert len(ids) == len(set(ids))
    assert all(
        h.words and h.plain and "$" not in h.plain and h.needed_for for h in statement.hypotheses
    )
    for other in (*statement.rests_on, *statement.repaired_by):
        assert other in STATEMENTS
        assert other != statement.id
    assert statement.refuted == bool(statement.repaired_by)


def test_no_statement_rests_on_itself():
    done = set()

    def visit(name, path):
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in STATEMENTS[name].rests_on:
                visit(other, (*path, name))
            done.add(name)

    for name in STATEMENTS:
        visit(name, ())


def test_nothing_true_rests_on_a_refuted_claim():
    for statement in STATEMENTS.values():
        if not statement.refuted:
            assert not any(STATEMENTS[other].refuted for other in statement.rests_on)


@pytest.fixture(scope="module")
def drawn():
    return [(chunk.size, chunk.draw()) for chunk in chunks(5, 56)]


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=lambda s: s.id)
def test_a_margin_has_the_batch_as_its_leading_axis(statement, drawn):
    for size, instance in drawn:
        measured = measure(statement, instance)
        assert measured.margin.shape[0] == size
        assert measured.applies.shape == measured.margin.shape


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=lambda s: s.id)
def test_a_margin_is_written_for_balls_and_equal_eigenvalues(statement):
    point = next(p for p in points() if "stepped" in p.words and "5/2" in p.words)
    certificate = certify(statement, point.d, point.z, point.epsilon, point.rounds)
    assert "not written" not in certificate.reason
    # a refuted claim may fail here; a strict one is not decided at equality
    assert certificate.cleared or statement.refuted, certificate


@pytest.mark.parametrize("d", [[1.0], [1.0, 2.0]], ids=["one", "two"])
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=lambda s: s.id)
def test_a_margin_is_defined_where_every_chain_collapses_at_once(statement, d):
    instance = Instance.of([d], [[0.1] * len(d)], [1.0], 8)
    assert not instance.alive.any()
    assert len(measure(statement, instance).margin) == 1
