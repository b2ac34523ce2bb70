"""A chapter's closing table raises when a claim fails or its control is not caught."""

import numpy as np
import pytest

from sdtheory.book.checks import ChapterCheck, CheckFailedError, Checks
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import STATEMENTS, Instance
from sdtheory.validation import InvalidInputError


@pytest.fixture
def instance():
    return Instance.of([0.5, 1.0, 4.0], [1.0, -2.0, 3.0], 0.1, rounds=3)


def added(instance, **changes):
    checks = Checks("recursion", instance)
    comparison = {"found": 2.0, "expected": 2.0, "wrong": 3.0, "how": "by hand"} | changes
    checks.add("two is two", **comparison)
    return checks


def test_a_true_claim_with_a_caught_control_is_reported(instance, capsys):
    added(instance).report()


def test_every_statement_of_the_chapter_has_a_row(instance):
    declared = [s for s in STATEMENTS.values() if s.chapter == "recursion"]
    assert len(Checks("recursion", instance).rows) == len(declared) > 0


def test_a_false_claim_raises_and_names_itself(instance):
    with pytest.raises(CheckFailedError, match=r"FAILS: two is two: violation 0.01"):
        added(instance, found=2.02).report()


def test_nan_is_a_failure_not_a_pass(instance):
    with pytest.raises(CheckFailedError, match=r"FAILS: two is two"):
        added(instance, found=np.nan).report()


@pytest.mark.parametrize("wrong", [2.0, np.nan])
def test_a_control_that_passes_is_a_failure(instance, wrong):
    with pytest.raises(CheckFailedError, match="CONTROL NOT CAUGHT: two is two"):
        added(instance, wrong=wrong).report()


def test_what_does_not_apply_is_said_and_does_not_fail(instance):
    checks = added(instance, found=5.0, applies=False, otherwise="no second round")
    assert checks.rows[-1].verdict is Verdict.NOT_APPLICABLE
    checks.report()


def test_statements_about_rounds_do_not_apply_to_a_trivial_fit():
    checks = Checks("kkt", Instance.of([1.0, 2.0], [0.1, 0.1], 1.0, rounds=2))
    row = next(row for row in checks.rows if "price" in row.name)
    assert row.verdict is Verdict.NOT_APPLICABLE
    checks.report()


def test_a_statement_that_fails_at_the_instance_raises(instance, monkeypatch):
    from dataclasses import replace

    statement = STATEMENTS["prop-step"]
    flipped = replace(
        statement, margin=lambda i: {k: -part for k, part in statement.margin(i).items()}
    )
    monkeypatch.setitem(STATEMENTS, "prop-step", flipped)
    with pytest.raises(CheckFailedError, match=r"FAILS: Every round moves the labels"):
        Checks("recursion", instance).report()


def test_an_unknown_chapter_lists_the_known_ones(instance):
    with pytest.raises(InvalidInputError, match=r"'nonsense' has no statements.*problem, kkt"):
        Checks("nonsense", instance)


def test_a_check_without_cases_holds_nothing_against_the_chapter():
    assert ChapterCheck("a", "b", None, 0.0, "c", None).verdict.good


def test_a_chapter_without_statements_has_its_own_checks_only(capsys):
    checks = Checks("nonsense", 11)
    assert checks.rows == []
    checks.add("one is one", found=1.0, expected=1.0, wrong=2.0, how="by hand")
    checks.report()
    checks.add("one is two", found=1.0, expected=2.0, wrong=3.0, how="by hand")
    with pytest.raises(CheckFailedError, match="one is two"):
        checks.report()
    with pytest.raises(InvalidInputError, match=r"has .* statement.* Pass the instance"):
        Checks("recursion", 11)
