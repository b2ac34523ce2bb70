"""Certified verdicts: proved or refuted at an exact instance, never guessed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import planted
import pytest

from sdtheory.evidence.certified import certify, rejudge
from sdtheory.evidence.points import certify_points, certify_refutation, points
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import STATEMENTS, Counterexample, Instance, Kind, scaled_margin
from sdtheory.statements.problem import non_trivial

D = (Fraction(1, 2), Fraction(1), Fraction(3))
Z = (Fraction(1), Fraction(2), Fraction(-1))
EPSILON = Fraction(1, 20)


def verdict(statement, d=D, z=Z, epsilon=EPSILON, rounds=3, **options):
    return certify(statement, d, z, epsilon, rounds, **options).verdict


def test_a_true_inequality_holds_and_its_negation_fails():
    assert verdict(STATEMENTS["prop-multiplier-bounds"]) is Verdict.HOLDS
    assert verdict(planted.TRUE) is Verdict.HOLDS
    assert verdict(planted.FALSE["flipped inequality"]) is Verdict.FAILS


def test_a_true_identity_is_consistent_and_a_false_one_fails():
    assert verdict(STATEMENTS["prop-active"]) is Verdict.CONSISTENT
    wrong = replace(
        STATEMENTS["prop-active"],
        margin=lambda i: STATEMENTS["prop-active"].margin(i) + Fraction(1, 2**150),
    )
    assert verdict(wrong) is Verdict.FAILS


def test_a_violation_far_below_double_precision_is_found():
    tiny = planted.statement(
        lambda i: scaled_margin(i.rho2 * (1 + Fraction(1, 10**40)), i.rho2)[:, None], non_trivial
    )
    certificate = certify(tiny, D, Z, EPSILON, 1)
    assert certificate.verdict is Verdict.FAILS
    assert -1e-39 < certificate.worst < 0


#: r_0 - t <= r_t, with equality at kappa = 1.
ATTAINED = planted.statement(lambda i: scaled_margin(i.r[:, :1], i.r[:, 1:] + i.t + 1), non_trivial)


def test_equality_is_called_consistent_not_proved():
    certificate = certify(ATTAINED, (2, 2), (1, 1), Fraction(1, 10), 2)
    assert certificate.verdict is Verdict.CONSISTENT
    assert certificate.equal == certificate.cases == 2
    assert "not proved" in certificate.reason


def test_what_the_precision_does_not_decide_is_undecided():
    assert verdict(ATTAINED, (2, 2), (1, 1), Fraction(1, 10), limit=128) is Verdict.UNDECIDED


def test_a_false_hypothesis_is_not_applicable():
    certificate = certify(planted.EMPTY, D, Z, EPSILON, 1)
    assert certificate.verdict is Verdict.NOT_APPLICABLE
    assert "0 = 1" in certificate.reason


def test_a_margin_that_balls_cannot_evaluate_is_an_error_with_the_reason():
    certificate = certify(planted.statement(lambda i: np.arctan(i.r)), D, Z, EPSILON, 1)
    assert certificate.verdict is Verdict.ERROR
    assert "not written for balls" in certificate.reason


def test_rejudging_takes_the_floats_of_a_batch_exactly():
    rng = np.random.default_rng(0)
    d, z = rng.random((4, 3)), rng.standard_normal((4, 3, 2))
    batch = Instance.of(d, z, np.full(4, 0.01), 2, outputs=True)
    for index in range(4):
        assert rejudge(planted.TRUE, batch, index).verdict is Verdict.HOLDS
        assert rejudge(planted.FALSE["t off by one"], batch, index).verdict is Verdict.FAILS


def test_points_cover_all_families_and_are_exact():
    found = list(points())
    assert all(isinstance(v, Fraction) for p in found for v in (*p.d, *p.z, p.epsilon))
    assert {len(p.d) for p in found} >= {1, 2, 3, 4}
    assert any(p.d[0] == 0 for p in found)
    assert any(p.d[-1] / p.d[0] == 10**12 for p in found if p.d[0])


def test_a_false_statement_fails_at_some_point_with_its_place():
    certified = certify_points(planted.FALSE["d_min for d_max"])
    assert certified.fails
    assert any("spectrum" in reason for reason in certified.reasons)
    assert not certify_points(planted.TRUE).fails


def test_a_refuted_claim_fails_at_its_counterexample_and_a_true_one_does_not():
    counterexample = Counterexample(D, Z, EPSILON, 2, "planted")
    refuted = certify_refutation(planted.FALSE["t off by one"], counterexample)
    assert refuted.verdict is Verdict.FAILS
    assert certify_refutation(planted.TRUE, counterexample).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", [s.id for s in STATEMENTS.values() if s.refuted])
def test_every_counterexample_of_the_registry_refutes(name):
    statement = STATEMENTS[name]
    assert certify_refutation(statement, statement.counterexample).verdict is Verdict.FAILS


def test_kinds_are_two():
    assert {s.kind for s in STATEMENTS.values()} == set(Kind)
