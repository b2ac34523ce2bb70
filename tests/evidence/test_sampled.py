"""Sampled and searched evidence, controls: what is false or empty is found out."""

from dataclasses import replace
from functools import reduce

import numpy as np
import planted
import pytest

from sdtheory.evidence.controls import control, without
from sdtheory.evidence.families import (
    LABELS,
    LONGER,
    OUTPUTS,
    SIZES,
    SPECTRA,
    Chunk,
    chunks,
    far_chunks,
)
from sdtheory.evidence.floating import measure
from sdtheory.evidence.sampled import Tally, merged, sample_chunk
from sdtheory.evidence.searched import BUDGET, CORNER_BUDGET, search
from sdtheory.evidence.witness import Witness
from sdtheory.statements import Instance, scaled_margin
from sdtheory.validation import InvalidInputError

SMALL = 1_400
#: (1e20 + x) - 1e20 - x is zero, but in floats it is wrong by far more than the threshold.
NOISY = planted.statement(lambda i: ((1e20 + i.r[:, 0]) - 1e20 - i.r[:, 0]) / i.r[:, 0])


def tally(statement, instances=SMALL, seed=0):
    parts = (sample_chunk([statement], chunk) for chunk in chunks(seed, instances))
    return reduce(merged, parts)[0]


def test_a_sample_has_all_families_sizes_and_extremes():
    drawn = [(chunk, chunk.draw()) for chunk in chunks(0, 13_440) if chunk.reach is None]
    origins = {chunk.origin(k) for chunk, _ in drawn for k in range(chunk.size)}
    assert len(origins) == len(SPECTRA) * len(LABELS)
    assert {i.n for _, i in drawn} == set(SIZES) >= {1, 2, 50}
    assert {i.path.z.shape[-1] for _, i in drawn} == set(OUTPUTS) == {1, 2, 3, 7}
    r_0 = np.concatenate([i.r[:, 0] for _, i in drawn])
    r_minus_1 = np.concatenate([i.r_minus_1[:, 0] for _, i in drawn])
    kappa = np.concatenate([i.kappa for _, i in drawn])
    assert r_0.min() < 1
    assert 0 < r_minus_1[r_minus_1 > 0].min() < 1e-13
    assert r_0.max() > 1e10
    assert np.isinf(kappa).any()
    assert (kappa == 1).any()
    assert ((kappa > 1) & (kappa < 1 + 1e-9)).any()
    assert (np.abs(kappa / 1e12 - 1) < 1e-9).any()
    # all rounds that were run, and collapses within them
    alive = np.concatenate([i.alive.sum(axis=1) for _, i in drawn])
    assert set(alive) >= set(range(LONGER + 1))


def test_some_chunks_go_far():
    far = [(chunk, chunk.draw()) for chunk in far_chunks(0)]
    assert max(i.n for _, i in far) == 1000
    assert max(int(i.alive.sum(axis=1).max()) for _, i in far) > 3000
    # long chains are run to their collapse
    ended = [bool((i.r[:, -1] <= 1).all()) for chunk, i in far if chunk.rounds > 50]
    assert sum(ended) >= 4
    assert not [chunk for chunk in chunks(0, 280) if chunk.reach is not None]


def test_what_was_covered_is_computed_from_what_was_drawn():
    covered = tally(planted.TRUE).coverage
    assert covered.n == 1000
    assert covered.rounds > 3000
    assert covered.outputs == {1, 2, 3, 7}
    assert covered.singular
    assert str(covered).startswith(
        f"rounds up to {covered.rounds}, n up to 1000, q in {{1, 2, 3, 7}}"
    )
    assert str(tally(planted.EMPTY, 280).coverage) == "nothing"


def test_a_chunk_depends_on_seed_and_number_only():
    first, again, other = (Chunk(s, 3, 40).draw().path for s in (0, 0, 1))
    np.testing.assert_array_equal(first.z, again.z)
    assert not np.array_equal(first.z, other.z)
    assert sum(c.size for c in chunks(0, 1_003) if c.reach is None) == 1_003


def test_merging_does_not_depend_on_the_grouping():
    parts = [sample_chunk([planted.TRUE], c) for c in chunks(0, SMALL)]
    left = reduce(merged, parts)
    right = merged(reduce(merged, parts[:5]), reduce(merged, parts[5:]))
    assert left == right == [tally(planted.TRUE)]


def test_a_true_statement_passes_with_its_numbers():
    found = tally(planted.TRUE)
    assert found.failures == found.unjudged == found.undefined == 0
    assert not found.vacuous
    assert found.ordinary == SMALL
    assert 0.9 * SMALL < found.ordinary_met <= SMALL
    assert found.cases > found.met
    assert 0 < found.tightest < 1e-6


@pytest.mark.parametrize("name", planted.FALSE)
def test_a_false_statement_is_certainly_false_on_a_small_sample(name):
    found = tally(planted.FALSE[name])
    assert found.failures > 0
    rerun = measure(planted.FALSE[name], found.witness.instance())
    assert rerun.worst[0] < -rerun.threshold


@pytest.mark.parametrize("name", planted.FALSE)
def test_a_false_statement_is_found_by_search_alone(name):
    found = search(planted.FALSE[name])
    assert found.found
    assert found.evaluations <= BUDGET + CORNER_BUDGET
    assert found.best < 0


def test_what_a_sample_misses_the_search_finds_within_its_default_budget():
    assert tally(planted.HIDDEN, 6_720).failures == 0
    found = search(planted.HIDDEN)
    assert found.found
    assert found.evaluations <= BUDGET + CORNER_BUDGET


def test_a_search_finds_nothing_against_a_true_statement_and_is_reproducible():
    start = tally(planted.TRUE).witness
    first, again = (search(planted.TRUE, seed=3, start=start) for _ in range(2))
    assert not first.found
    assert first.unjudged == 0
    assert first == again


def test_a_search_starts_from_an_instance_of_any_size():
    d, z = np.geomspace(1, 1e100, 1000), np.ones(1000)
    start = Witness.of(Instance.of(d, z, 0.5, 2), 0, "drawn")
    found = search(planted.TRUE, start=start, budget=400, corners=False)
    assert found.evaluations > 200
    assert not found.found


def test_a_search_by_time_stops():
    found = search(planted.TRUE, seconds=0.3)
    assert found.seconds == 0.3
    assert found.evaluations > 0


def test_an_empty_hypothesis_set_is_vacuous():
    found = tally(planted.EMPTY)
    assert found.met == 0
    assert found.vacuous
    assert not tally(planted.TRUE).vacuous


def test_an_undefined_margin_is_counted_and_kept():
    found = tally(planted.UNDEFINED)
    assert found.undefined > 0
    assert measure(planted.UNDEFINED, found.witness.instance()).undefined[0]


def test_a_margin_that_raises_is_reported_not_thrown():
    found = tally(planted.statement(lambda i: i.nothing))
    assert "AttributeError" in found.error
    assert "AttributeError" in found.merge(Tally(instances=1)).error


def test_rounding_is_acquitted_by_ball_arithmetic():
    found = tally(NOISY, 140)
    assert found.worst < -0.5
    assert found.failures == 0
    assert found.cleared > 0


def test_suspects_beyond_the_limit_are_not_passed_over():
    found = tally(NOISY, 1_400)
    assert found.unjudged > 0
    assert found.cleared + found.unjudged == found.suspects


def test_a_control_finds_the_failure_without_the_hypothesis():
    found = control(planted.TRUE, "non-trivial", chunks(0, SMALL))
    assert found.fails
    assert str(found) == "fails without it"
    rerun = measure(without(planted.TRUE, "non-trivial"), found.witness.instance())
    assert rerun.worst[0] < 0


def test_a_hypothesis_that_is_not_needed_is_reported_as_such():
    idle = replace(planted.never, holds=lambda i: i.d_min >= 0)
    statement = replace(planted.TRUE, hypotheses=(*planted.TRUE.hypotheses, idle))
    found = control(statement, "never", chunks(0, 280))
    assert not found.fails
    assert str(found) == f"none found, {found.tried} tried"


def test_a_control_tells_undefined_from_false():
    undefined = planted.statement(
        lambda i: scaled_margin(0 * i.c, np.where(i.alive, 1.0, np.nan)), *planted.TRUE.hypotheses
    )
    found = control(undefined, "non-trivial", chunks(0, 280))
    assert not found.fails
    assert found.undefined > 0
    assert "undefined without it" in str(found)


def test_a_witness_is_exact():
    instance = Chunk(0, 3, 20).draw()
    witness = Witness.of(instance, 7, "here")
    again = witness.instance()
    np.testing.assert_array_equal(again.path.d[0], instance.path.d[7])
    np.testing.assert_array_equal(again.path.z[0, 0], instance.path.z[7, 0])
    assert again.path.epsilon[0] == instance.path.epsilon[7]
    fields = {**vars(witness), "d": list(witness.d), "z": [list(row) for row in witness.z]}
    assert Witness.from_json(fields) == witness


@pytest.mark.parametrize("change", [{"d": ["zzz"]}, {"epsilon": None}, {"z": 3}])
def test_an_unreadable_witness_is_refused(change):
    witness = Witness.of(Instance.of([1.0, 2.0], [1.0, 1.0], 0.1, 1), 0, "here")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        Witness.from_json({**vars(witness), **change})
