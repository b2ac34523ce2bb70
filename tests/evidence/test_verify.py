"""`sdtheory verify`, and the functions behind it and behind `sdtheory explain`."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import planted
import pytest

from sdtheory import InfeasibleToleranceError, InvalidInputError
from sdtheory.cli import main
from sdtheory.datasets import load_example
from sdtheory.evidence import check, find, replay, verify
from sdtheory.evidence.floating import threshold
from sdtheory.evidence.verdict import Verdict
from sdtheory.kernels import BrownianBridge, gram
from sdtheory.statements import STATEMENTS, Counterexample

FEW = ("prop-step", "prop-active")
SMALL = {"instances": 280, "budget": 200}


def evidence(report):
    """The report without what does not decide it."""
    fields = report.to_json()
    del fields["circumstances"]
    return fields


def status(statement, **options):
    (row,) = verify([statement], **{**SMALL, **options}).rows
    return row.verdict


@pytest.fixture(scope="module")
def report():
    return verify(find(FEW), **SMALL)


def test_a_run_on_true_statements_is_good(report):
    assert report.good
    assert [row.verdict for row in report.rows] == [Verdict.HOLDS] * 2
    assert "prop-step" in str(report)


def test_one_statement_is_shown_line_by_line_and_several_as_a_table(report):
    one = str(replace(report, rows=report.rows[:1])).splitlines()
    assert one[:2] == [f"statement: {FEW[0]}", f"verdict: {Verdict.HOLDS}"]
    assert str(report).splitlines()[0].split()[:2] == ["statement", "verdict"]


def test_a_statement_that_only_the_search_refutes_fails():
    (row,) = verify([planted.HIDDEN], instances=280).rows
    assert row.evidence.sampled.failures == 0
    assert row.evidence.searched.found
    assert row.verdict is Verdict.FAILS


def test_empty_undefined_and_raising_statements_are_told_apart():
    assert status(planted.EMPTY) is Verdict.VACUOUS
    assert status(planted.UNDEFINED) is Verdict.UNDEFINED
    assert status(planted.statement(lambda i: i.nothing)) is Verdict.ERROR


def test_two_statements_of_one_id_are_refused():
    false = replace(planted.FALSE["t off by one"], id="prop-step")
    with pytest.raises(InvalidInputError, match="id 'prop-step' more than once"):
        verify([STATEMENTS["prop-step"], false], **SMALL)


@pytest.mark.parametrize("statements", [[], ["prop-step"], "prop-step"])
def test_statements_are_at_least_one_statement(statements):
    with pytest.raises(InvalidInputError, match="must hold at least one Statement"):
        verify(statements, **SMALL)
    with pytest.raises(InvalidInputError, match="must hold at least one Statement"):
        check(gram=np.eye(2), y=[1.0, 1.0], epsilon=0.1, statements=statements)


def test_one_id_may_stand_alone():
    assert find("prop-step") == find(["prop-step"])
    with pytest.raises(InvalidInputError, match="statement '3' is unknown"):
        find([3])


def test_a_counterexample_must_refute():
    d, z = (1, 3), (1, 1)
    counterexample = Counterexample(d, z, 0.01, 2, "planted")
    false = replace(planted.FALSE["t off by one"], counterexample=counterexample)
    assert status(false) is Verdict.REFUTED
    assert status(replace(planted.TRUE, counterexample=counterexample)) is Verdict.NOT_REFUTED


def test_certified_and_mutant_evidence_on_request():
    (row,) = verify(find(["prop-multiplier-bounds"]), certify=True, mutants=True, **SMALL).rows
    assert row.verdict is Verdict.HOLDS
    assert row.evidence.certified.decided > 100
    assert row.evidence.mutation.killed == len(row.evidence.mutation.fates)


def test_a_certified_failure_fails_the_row():
    options = {"instances": 14, "budget": 1}
    (row,) = verify([planted.FALSE["d_min for d_max"]], certify=True, **options).rows
    assert row.evidence.certified.fails
    assert row.verdict is Verdict.FAILS


def test_same_seed_same_evidence_whoever_does_the_work(report):
    assert evidence(verify(find(FEW), **SMALL)) == evidence(report)
    assert evidence(verify(find(FEW), jobs=2, **SMALL)) == evidence(report)
    assert evidence(verify(find(FEW), seed=1, **SMALL)) != evidence(report)


def test_a_cluster_gives_the_same_evidence(report):
    distributed = pytest.importorskip("distributed", reason="the extra 'scale' is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        found = verify(find(FEW), scheduler=cluster.scheduler_address, **SMALL)
    assert evidence(found) == evidence(report)


def test_without_dask_the_error_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidInputError, match=r"pip install 'sdtheory\[scale\]'"):
        verify(find(FEW), scheduler="tcp://nowhere:1", **SMALL)


def test_progress_counts_every_task():
    seen = []
    verify(find(FEW), progress=lambda done, total: seen.append((done, total)), **SMALL)
    total = seen[-1][1]
    assert seen == [(k, total) for k in range(1, total + 1)]


def test_a_report_survives_a_round_trip_through_its_file(report, tmp_path):
    path = tmp_path / "report.json"
    report.write(path)
    assert json.loads(path.read_text()) == json.loads(json.dumps(report.to_json()))
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    again = replay(path)
    assert again.good
    margins = {row.words: row.margin for row in again.rows if row.statement == "prop-step"}
    recorded = report.rows[0].evidence
    assert margins["worst sampled"] == pytest.approx(recorded.sampled.worst, abs=1e-15)
    assert margins["worst found by search"] == pytest.approx(recorded.searched.best, abs=1e-15)
    assert {row.statement for row in replay(path, ["prop-step"]).rows} == {"prop-step"}


def test_a_replay_fails_where_the_statement_does(report, tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    report.write(path)
    false = replace(planted.FALSE["flipped inequality"], id="prop-step")
    monkeypatch.setitem(STATEMENTS, "prop-step", false)
    assert not replay(path).good


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"statements": [{"id": "x"}]}'])
def test_a_file_that_is_no_report_is_refused(text, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match="is not a report"):
        replay(path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        replay(tmp_path / "nothing.json")


def test_a_report_with_half_a_round_is_refused(report, tmp_path):
    path = tmp_path / "report.json"
    fields = report.to_json()
    fields["statements"][0]["witnesses"][0]["instance"]["rounds"] = 2.5
    path.write_text(json.dumps(fields))
    with pytest.raises(InvalidInputError, match="rounds must be an integer"):
        replay(path)


def test_an_unknown_statement_is_named_with_near_matches():
    with pytest.raises(InvalidInputError, match=r"'prop-stp' is unknown. Did you mean prop-step"):
        find(["prop-stp"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instances": 0}, "instances must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"jobs": 1.5}, "jobs must be an integer"),
        ({"budget": True}, "budget must be an integer"),
        ({"seconds": 0}, "seconds must be positive"),
        ({"seconds": "long"}, "seconds must be one finite number"),
    ],
)
def test_bad_numbers_are_named_before_any_work(options, message):
    with pytest.raises(InvalidInputError, match=message):
        verify(find(FEW), **options)


def test_an_unregistered_statement_does_not_travel():
    with pytest.raises(InvalidInputError, match="not in the registry"):
        verify([planted.TRUE], jobs=2, **SMALL)


def test_a_row_turns_red_without_its_check(report):
    # a status is computed: without a sample nothing was checked
    row = report.rows[0]
    bare = replace(row, evidence=replace(row.evidence, sampled=None))
    assert not bare.verdict.good
    assert not replace(report, rows=(bare,)).good


def test_the_reader_s_own_instance():
    data = load_example()
    found = check(gram=gram(BrownianBridge(), data.x[1:-1]), y=data.y[1:-1], epsilon=0.2)
    assert found.good
    rows = {row.statement.id: row for row in found.rows}
    assert set(rows) == set(STATEMENTS)
    assert rows["prop-step"].applies
    assert rows["prop-step"].margin > -threshold(found.instance)
    assert rows["prop-step"].where in ("length", "length, from below", "triangle", "right angle")
    assert "prop-step" in str(found)


def test_the_paper_s_example_lacks_a_regular_matrix():
    data = load_example()
    found = check(gram=gram(BrownianBridge(), data.x), y=data.y, epsilon=0.05, rounds=2)
    rows = {row.statement.id: row for row in found.rows}
    assert not rows["prop-rounds-bound"].applies
    assert rows["prop-rounds-bound"].lacking
    assert found.instance.c.shape == (1, 2)


def test_a_false_statement_fails_at_the_reader_s_instance():
    found = check(
        gram=np.diag([1.0, 2.0]),
        y=[1.0, 1.0],
        epsilon=0.01,
        statements=list(planted.FALSE.values()),
    )
    assert not found.good
    assert found.rows[0].verdict is Verdict.FAILS
    assert found.rows[0].certificate is not None


def test_bad_input_of_a_check_is_named():
    with pytest.raises(InvalidInputError, match="gram"):
        check(gram=[[1.0, 2.0]], y=[1.0], epsilon=0.1)
    with pytest.raises(InvalidInputError, match="epsilon"):
        check(gram=np.eye(2), y=[1.0, 1.0], epsilon=-1)
    with pytest.raises(InfeasibleToleranceError):
        check(gram=np.diag([0.0, 1.0]), y=[1.0, 1.0], epsilon=0.1)


def test_importing_the_package_loads_no_prover():
    code = "import sys, sdtheory.evidence; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"sympy", "z3", "flint", "numba", "scipy.optimize"} & set(loaded)


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_writes_replays_and_exits_with_0(capsys, tmp_path):
    path = tmp_path / "report.json"
    small = ("--instances", "280", "--jobs", "1")
    code, out, _ = run(capsys, "verify", *FEW, *small, "--json", path)
    assert code == 0
    assert "2 of 2 statements passed" in out
    code, out, _ = run(capsys, "verify", "--replay", path)
    assert code == 0
    assert "worst sampled" in out


def test_the_command_exits_with_1_where_a_statement_fails(capsys, monkeypatch):
    false = replace(planted.FALSE["flipped inequality"], id="prop-step")
    monkeypatch.setitem(STATEMENTS, "prop-step", false)
    code, out, _ = run(capsys, "verify", "prop-step", "--instances", "280", "--jobs", "1")
    assert code == 1
    assert "FAILS" in out


def test_the_command_lists_statements(capsys):
    code, out, _ = run(capsys, "verify", "--list")
    assert code == 0
    assert all(name in out for name in STATEMENTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "nothing"), "is unknown"),
        (("verify", "prop-step", "--json", "no/such/folder/report.json"), "no folder"),
        (("verify", "prop-step", "--instances", "0"), "instances must be"),
        (("verify", "--formal", "--json", "report.json"), "--json is for collecting evidence"),
        (("verify", "--list", "--mutants"), "--mutants is for collecting evidence, and --list"),
        (("verify", "--replay", "report.json", "--certify"), "and --replay collects none"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, message, capsys):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
