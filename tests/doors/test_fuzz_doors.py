"""Fuzzed problems at the doors: estimators and commands, with controls."""

import pytest

from sdtheory.estimator import SelfDistilledKernelRidge
from tests.support import fuzz_doors
from tests.support.fuzz_solvers import FAMILIES

WRONG = ("wrong", "blamed", "traceback")


@pytest.mark.parametrize("door", ["regressor", "classifier", "fit"])
def test_fuzzed_problems_are_right_or_refused_in_words(door):
    found = []
    tally = fuzz_doors.run(range(3 * len(FAMILIES)), (door,), report=found.append)[door]
    assert not found
    assert not any(tally[kind] for kind in WRONG)
    assert tally["answered"] > 8


def test_refused_commands_leave_every_file_and_others_write_one():
    found = []
    tally = fuzz_doors.run(range(40), ("hostile",), report=found.append)["hostile"]
    assert not found
    assert tally["refused"] > 10
    assert tally["written"] > 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [("_chain", " is off by 1e-07, claimed"), ("_evaluated", "round 0 is off by")],
)
def test_a_planted_wrong_digit_is_found(monkeypatch, name, reason):
    right = getattr(SelfDistilledKernelRidge, name)

    def slightly_more(self, *arguments):
        result = right(self, *arguments)
        if name == "_evaluated":
            return (stage * (1 + 1e-7) for stage in result)
        result.c[:] *= 1 + 1e-7
        return result

    monkeypatch.setattr(SelfDistilledKernelRidge, name, slightly_more)
    found = []
    fuzz_doors.run(range(22), ("regressor",), report=found.append)
    assert sum(reason in report for report in found) > 2


def test_a_planted_missing_warning_is_found(monkeypatch):
    right = SelfDistilledKernelRidge._warn

    def silent(words, *kind):
        if "the constant mean" not in words:
            right(words, *kind)

    monkeypatch.setattr(SelfDistilledKernelRidge, "_warn", staticmethod(silent))
    found = []
    fuzz_doors.run(range(40), ("regressor",), report=found.append)
    assert any("WrongWarningError" in report for report in found)


@pytest.mark.parametrize(
    ("says", "reason"), [("error: " + 40 * "x", "refused, but changed"), ("Traceback", "Traceback")]
)
def test_a_planted_lost_file_and_a_traceback_are_found(monkeypatch, says, reason):
    right = fuzz_doors.said_by

    def losing(*arguments):
        if "--save" in arguments:
            return right(*arguments)
        if "x" in says:
            next(a for a in arguments if str(a).endswith(("data.csv", "tiny"))).with_name(
                "kept.json"
            ).write_text("lost")
        return 2, "", says

    monkeypatch.setattr(fuzz_doors, "said_by", losing)
    outcome, why = fuzz_doors.trial("hostile", 0, "eigh")
    assert outcome == "wrong"
    assert reason in why
