"""Mutants: what a change of a formula does, and how it is noticed."""

import ast
from dataclasses import replace

import numpy as np
import planted
import pytest

from sdtheory.evidence.certified import Certificate
from sdtheory.evidence.mutants import Fate, Mutation, distinct, judge_mutants, mutate
from sdtheory.evidence.report import Evidence, Report, Row, plain
from sdtheory.evidence.sampled import Tally
from sdtheory.evidence.survivors import EXPLANATIONS
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import STATEMENTS, Instance, Kind, scaled_margin

INSTANCE = Instance.of([0.5, 1.0, 2.0], [1.0, 2.0, -1.0], 0.05, 3)


def names(margin, **options):
    return {m.name for m in mutate(planted.statement(margin, **options))}


def flip(i):
    return scaled_margin(i.r[:, 1:], i.r[:, :1] ** 2)


def factors(i):
    return i.rho2 * i.d_min + 3 - i.d_max / 2


def filler(i):
    return scaled_margin(0 * i.rho2, np.sum(1 + 0 * i.energy, axis=-1))


def test_the_declared_changes_are_made():
    found = names(flip)
    sides = "i.r[:, 1:], i.r[:, :1] ** 2", "i.r[:, :1] ** 2, i.r[:, 1:]"
    assert "flip: scaled_margin({}) -> scaled_margin({})".format(*sides) in found
    assert "flip: i.r[:, 1:] -> i.r[:, :-1]" in found
    assert "flip: i.r[:, 1:] -> i.r[:, :1]" in found
    assert {f"flip: i.r[:, :1] ** 2 -> i.r[:, :1]{end}" for end in ("", " ** 3", " ** 1")} <= found
    found = names(factors)
    assert {
        "factors: i.rho2 * i.d_min -> i.rho2",
        "factors: i.rho2 * i.d_min -> i.d_min",
        "factors: i.rho2 * i.d_min + 3 -> 3",
        "factors: i.rho2 * i.d_min + 3 -> i.rho2 * i.d_min + 4",
        "factors: i.d_max / 2 -> i.d_max",
        "factors: i.d_max / 2 -> i.d_max / 1",
        "factors: i.d_min -> i.d_max",
        "factors: i.d_max -> i.d_min",
    } <= found


def test_an_identity_is_not_flipped():
    assert not any("-> scaled_margin" in name for name in names(flip, kind=Kind.IDENTITY))


def test_axes_and_constant_arrays_are_left_alone():
    assert names(filler) == {
        "filler: scaled_margin(0 * i.rho2, np.sum(1 + 0 * i.energy, axis=-1)) -> "
        "scaled_margin(np.sum(1 + 0 * i.energy, axis=-1), 0 * i.rho2)"
    }


def test_equal_changes_in_two_places_are_two_mutants():
    def margin(i):
        return scaled_margin(i.d_min, i.d_max + i.d_min)

    found = names(margin)
    assert {"margin: i.d_min -> i.d_max", "margin: i.d_min -> i.d_max (occurrence 2)"} <= found


def test_a_mutant_computes_what_its_name_says():
    for mutant in mutate(planted.statement(factors)):
        _, change = mutant.name.split(": ", 1)
        old, new = change.removesuffix(" (occurrence 2)").split(" -> ")
        text = "i.rho2 * i.d_min + 3 - i.d_max / 2"
        assert old in text
        expected = eval(
            compile(ast.parse(text.replace(old, new, 1), mode="eval"), "", "eval"), {"i": INSTANCE}
        )
        np.testing.assert_array_equal(mutant.statement.margin(INSTANCE), expected)


def test_mutants_reach_the_functions_that_a_margin_calls_and_leave_the_original():
    statement = STATEMENTS["prop-multiplier-bounds"]
    before = statement.margin(INSTANCE)["upper"]
    mutants = {m.name: m for m in mutate(statement)}
    changed = mutants["multiplier_bounds: d_max -> d_min"].statement.margin(INSTANCE)
    assert not np.array_equal(changed["upper"], before)
    np.testing.assert_array_equal(statement.margin(INSTANCE)["upper"], before)


def test_closures_are_mutated_with_what_they_close_over():
    def make(factor):
        def margin(i):
            return scaled_margin(factor * i.rho2, 2 * i.rho2)

        return margin

    mutants = {m.name: m for m in mutate(planted.statement(make(1.0)))}
    np.testing.assert_allclose(
        mutants["margin: 2 * i.rho2 -> 3 * i.rho2"].statement.margin(INSTANCE), 0.5
    )


@pytest.mark.parametrize("name", ["prop-active", "prop-multiplier-bounds", "thm-product"])
def test_every_mutant_of_a_sharp_statement_is_killed(name):
    mutation = judge_mutants(STATEMENTS[name])
    assert len(mutation.fates) >= 3
    assert mutation.killed == len(mutation.fates)


def test_a_weaker_mutant_is_implied_not_killed():
    def loose(i):
        return scaled_margin(i.r[:, 1:], i.r[:, :1] * 2)

    fates = {f.name: f for f in judge_mutants(planted.statement(loose)).fates}
    weaker = fates["loose: i.r[:, :1] * 2 -> i.r[:, :1] * 3"]
    assert weaker.implied
    assert not weaker.killed
    stronger = fates["loose: i.r[:, :1] * 2 -> i.r[:, :1] * 1"]
    assert not stronger.implied


def fates(margin, *hypotheses):
    mutation = judge_mutants(planted.statement(margin, *hypotheses))
    return {fate.name: fate.killed for fate in mutation.fates}


def test_a_tautology_is_trivial():
    def adjacent(i):
        return scaled_margin(i.B[..., :-1], i.B[..., 1:])

    assert fates(adjacent)["adjacent: i.B[..., :-1] -> i.B[..., 1:]"] == "is trivial"


def test_a_sharp_bound_is_false_or_loose_one_round_away():
    def step(i):
        # r_0 <= r_t + t, with equality at kappa = 1
        return scaled_margin(i.r[:, :1], i.r[:, 1:] + (i.t + 1))

    found = fates(step, planted.non_trivial)
    assert found["step: i.t -> i.t + 1"] == "is loose"
    assert found["step: i.t -> i.t - 1"] == "is certainly false"


def test_a_mutant_that_raises_or_is_undefined_is_killed():
    def quotient(i):
        return scaled_margin(i.rho2 / (1 + i.d_min * 0 + 0 * i.d_max), i.rho2 / 1)

    found = fates(quotient)
    assert found["quotient: i.rho2 / 1 -> i.rho2 / 0"] in ("is undefined", "is certainly false")


def test_a_survivor_without_explanation_is_counted():
    def idle(i):
        return scaled_margin(i.rho2, i.rho2 + i.rho2 * 1e-300)

    mutation = judge_mutants(planted.statement(idle))
    assert mutation.unexplained
    assert plain(mutation)["fates"]


def test_explanations_belong_to_mutants_of_the_registry():
    explained = {}
    for (id_, key), explanation in EXPLANATIONS.items():
        assert explanation.words
        explained.setdefault(id_, set()).add(key)
    for id_, keys in explained.items():
        assert keys <= {mutant.key for mutant in mutate(STATEMENTS[id_])}, id_


def test_renaming_a_local_variable_changes_no_key():
    def margin(i):
        start, after = i.r[:, :1], i.r[:, 1:]
        return scaled_margin(after**2 + i.t, start * 2)

    first = margin

    def margin(i):
        one, two = i.r[:, :1], i.r[:, 1:]
        return scaled_margin(two**2 + i.t, one * 2)

    before, now = ([m.key for m in mutate(planted.statement(f))] for f in (first, margin))
    assert before == now
    assert "margin: sides exchanged, 1" in now
    assert len(set(now)) == len(now)


def test_a_true_survivor_does_not_count_and_an_open_one_does():
    killed = Fate("a", "is loose", False, "", False)
    implied = Fate("b", "", True, "", False)
    true = Fate("c", "", False, "a reason", True)
    left = Fate("d", "", False, "a reason", False)
    mutation = Mutation((killed, implied, true, left))
    assert (mutation.killed, mutation.implied, mutation.noticeable) == (1, 1, 2)
    assert mutation.survivors == (true, left)
    assert mutation.unexplained == ()
    assert Mutation((replace(left, explanation=""),)).unexplained


def test_a_shared_function_is_changed_once_and_killed_by_any_statement():
    def fate(killed, place, **fields):
        return Fate(
            "f: a -> b",
            killed,
            **{"implied": False, "true": False, **fields},
            explanation="",
            place=place,
        )

    killed, missed, implied = (
        fate("is loose", "shared"),
        fate("", "shared"),
        fate("", "shared", implied=True),
    )
    assert distinct({"x": Mutation((missed,)), "y": Mutation((killed,))}) == [("y", killed)]
    assert distinct({"x": Mutation((implied,)), "y": Mutation((missed,))}) == [("y", missed)]
    # the margin of a statement is its own, whatever its name
    own = {name: Mutation((fate("", name),)) for name in ("x", "y")}
    assert [name for name, _ in distinct(own)] == ["x", "y"]


def test_mutants_say_where_they_are():
    places = {m.name.split(":")[0]: m.place for m in mutate(STATEMENTS["prop-multiplier-bounds"])}
    assert places["_bounds"] == "prop-multiplier-bounds"
    assert places["multiplier_bounds"] == "sdtheory.formulas.bounds"


def test_a_survivor_needs_a_reason_where_another_statement_kills_it_too():
    killed = Fate("f: a -> b", "is loose", False, "", False, place="shared")
    rows = [
        Row(STATEMENTS[name], Evidence(mutation=Mutation((fate,))))
        for name, fate in (
            ("prop-step", killed),
            ("prop-active", replace(killed, killed="")),
        )
    ]
    report = Report(tuple(rows), {}, {})
    assert report.kill_rate == 1
    assert [id_ for id_, _ in report.unexplained] == ["prop-active"]
    assert "NOT EXPLAINED: prop-active: f: a -> b" in str(report)
    assert Report(tuple(rows[:1]), {}, {}).unexplained == ()


def test_explained_survivors_fail_the_registry_where_they_are_many_and_no_statement_alone():
    killed = Fate("a", "is loose", False, "", False)
    lives = Fate("b", "", False, "a reason", False)
    fails = Certificate("", Verdict.FAILS, 53, 1, 0, -1.0, "")
    rows = tuple(
        Row(s, Evidence(Tally(9, 9, 9, equations=frozenset(s.equations)), refuted=fails))
        for s in STATEMENTS.values()
    )

    def report(rows, *fates):
        first = replace(rows[0], evidence=replace(rows[0].evidence, mutation=Mutation(fates)))
        return Report((first, *rows[1:]), {}, {})

    assert report(rows[:1], killed, lives).good
    assert not report(rows[:1], killed, replace(lives, explanation="")).good
    many = [replace(killed, name=str(k)) for k in range(40)]
    assert report(rows, *many, lives).good
    assert not report(rows, killed, lives).good


def test_names_of_a_comprehension_are_exchanged_whatever_python_makes_of_it():
    # from Python 3.12 on they are locals of the function
    found = {mutant.name for mutant in mutate(STATEMENTS["thm-fresh-half"])}
    assert found >= {"_above_half: after -> before", "_above_half: before -> after"}
