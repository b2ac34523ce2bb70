"""Proofs over a parameter box: enclosures of ranges, and signs that are certain."""

import planted
import pytest
from flint import arb, ctx

from sdtheory import InvalidInputError
from sdtheory.evidence.boxes import Slope, prove_on_box
from sdtheory.evidence.certified import Verdict
from sdtheory.statements import STATEMENTS, slack

SMALL = (("log kappa", 0.5, 0.75), ("share", 0.4, 0.5), ("log c", 0.25, 0.5))


def variable(low, high):
    box = arb(low).union(arb(high))
    centre = box.mid()
    return Slope(centre, box, (arb(1),), (box - centre,))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x - x,
        lambda x: x / (1 + x),
        lambda x: 1 / x - x**3,
        lambda x: (1 - x) ** 2,
        lambda x: x.sqrt() * x.log(),
        lambda x: x.log1p() - x.expm1() + x.exp(),
        lambda x: abs(x - 1),
        lambda x: -x + 2 - 3 / (x + 1),
    ],
)
def test_a_slope_encloses_the_range(function):
    with ctx.workprec(64):
        enclosure = function(variable(0.5, 2.0)).value
        for k in range(65):
            point = function(variable(0.5 + 1.5 * k / 64, 0.5 + 1.5 * k / 64)).value
            assert enclosure.overlaps(point)


def test_the_centred_form_is_sharper_than_natural_evaluation():
    with ctx.workprec(64):
        x = variable(1.0, 1.125)
        natural = x.value * x.value - x.value
        assert (x * x - x).value.rad() < natural.rad()


def test_a_slope_has_no_truth_value():
    with pytest.raises(TypeError, match="truth value"):
        bool(variable(0, 1))


def test_a_true_inequality_is_proved_on_the_whole_box():
    proof = prove_on_box(STATEMENTS["prop-ordered"], SMALL)
    assert proof.verdict is Verdict.HOLDS
    assert proof.proved == 1
    assert proof.whole == proof.cases > 0


def test_a_true_inequality_between_multiplier_and_eigenvalue_is_proved_on_the_whole_box():
    proof = prove_on_box(STATEMENTS["prop-multiplier-bounds"], SMALL)
    assert proof.verdict is Verdict.HOLDS
    assert proof.whole == 2


@pytest.mark.parametrize("name", ["flipped inequality", "d_min for d_max", "t off by one"])
def test_a_false_inequality_fails_on_a_box(name):
    assert prove_on_box(planted.FALSE[name], SMALL).verdict is Verdict.FAILS


def test_a_hypothesis_that_is_false_everywhere_excludes_the_box():
    proof = prove_on_box(planted.EMPTY, SMALL)
    assert proof.verdict is Verdict.NOT_APPLICABLE
    assert proof.excluded == 1


def test_equality_on_the_box_stays_open_and_says_so():
    proof = prove_on_box(planted.statement(lambda i: slack(i.rho2, i.rho2)), SMALL, boxes=20)
    assert proof.verdict is Verdict.UNDECIDED
    assert proof.open == 1
    assert "on a box" in proof.reason


def test_shares_add_up():
    proof = prove_on_box(STATEMENTS["prop-secular"], boxes=60)
    assert proof.proved + proof.excluded + proof.open == pytest.approx(1, abs=1e-12)
    assert 0 < proof.boxes <= 60


def test_an_identity_is_refused():
    with pytest.raises(InvalidInputError, match="is an identity"):
        prove_on_box(STATEMENTS["prop-active"])


def test_a_margin_without_a_range_is_reported():
    proof = prove_on_box(planted.statement(lambda i: i.r[:, 1:].sum().arctan()), SMALL)
    assert proof.verdict is Verdict.UNDECIDED
    assert "not written for functions on a box" in proof.reason
