"""Declared reasons why a mutant may survive.

`TRUE` lists mutants that are true statements themselves, with the reason. No test
of truth can kill them, so they do not count in the kill rate. `OPEN` gives the
reason why nothing in the budget kills the others; they count as survivors.

An entry names statements and keys of mutants. The key has the function, the operator,
and the numbers of the places where it is applied. Names of local variables do not
matter. ``f: left of *, 1, 2; t + 1, 1 | g: ...`` are three mutants of f, and some of g.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """Why a mutant survives.

    Attributes
    ----------
    words : str
        The reason.
    true : bool
        Whether the reason is that the mutant is a true statement.
    """

    words: str
    true: bool


#: Reason -> statements -> keys of mutants.
_Table = Mapping[str, Mapping[str, str]]

TRUE: _Table = {
    "another quantity that is positive exactly where c is": {
        "prop-dual-feasible": (
            "_dual_feasible: left of /, 1; left of *, 1, 2; right of *, 2; rounds :1, 2"
        ),
    },
    "with the next round's labels the same ridge leaves a shorter residual: both truths are still "
    "within the tolerance": {
        "prop-morozov": "_discrepancy: rounds 1:, 1",
    },
    "another trial of the same claim, which holds for all of them": {
        "prop-morozov": "_discrepancy: right +1, 1",
        "thm-near-interpolation": "_bound_grows: t + 1, 1; t - 1, 1",
        "prop-fixed-rounds": (
            "_fixed_rounds: right +1, 1; t + 1, 1 | first_r_minus_1: rounds :-1, 1; rounds 1:, 1"
        ),
        "prop-early-stopping": "_one_round: left +1, 1",
        "prop-flow-stopping": "_flow: left +1, 1",
        "prop-one-price": "_one_price: left of *, 5; right of *, 5",
    },
    "two inequalities state one equality; each is the other, turned round": {
        "prop-step": "_step: sides exchanged, 3, 4",
        "prop-golden": "_golden: sides exchanged, 2, 3",
    },
    "says h(r) <= r, which is plain": {
        "lem-one-round": "_one_round: rounds 1:, 1",
    },
    "the line touches at r_0: there the inequality is an equality": {
        "lem-one-round-convex": "_convex: sides exchanged, 2",
    },
    "bounds r_t by u_t/a, which is at most max(r_0 - t, 0) as 0 < a <= 1 and a <= b; u_t itself "
    "is pinned in tests/formulas/test_bounds.py": {
        "prop-norm-bound": "_iterated: right -1, 1; t - 1, 1",
    },
    "r_{t+1} >= r_t - 1 >= a r_t - 1 because a <= 1 (prop-step)": {
        "prop-norm-bound": "_iterated: right of *, 2",
    },
    "is cor-rounds-any-kernel, the sharper bound": {
        "prop-rounds-bound": "_rounds: right of *, 1 | guaranteed_rounds: left of /, 1",
    },
    "half or a third of the larger of two margins: the sign is the same": {
        "cor-step-dominates": "_dominated: right +1, 2",
    },
    "non-negative wherever the larger of the two margins is": {
        "cor-step-dominates": "_dominated: right of +, 7",
    },
    "log(1 + x) <= x gives the bound above for it too, and below it claims less; the ratio itself "
    "is pinned by lem-ratio": {
        "thm-index-limit": "log_ratios: right of +, 1",
    },
    "decides what stands in for a zero eigenvalue, whose entries are blanked": {
        "thm-no-filter": "_matching: name exchanged, 1",
        "prop-steepness prop-duality thm-crossing": "_eigenvalues: name exchanged, 1",
    },
    "the identity in place of the reflection; the claim is for every orthogonal matrix": {
        "thm-rademacher thm-risk-bound": "_norms: left of -, 1",
    },
    "the guard decides what stands in where G is singular, which a hypothesis excludes": {
        "prop-length-bounds prop-length-falls-at-most prop-length-falls-slowly thm-rounds-limit "
        "thm-bounded-loss prop-longest-path": "finite_kappa: name exchanged, 1",
    },
    "a larger mean claims less in the first case, and is a mean of numbers up to kappa in the "
    "second": {
        "prop-quarter": "_quarter: right +1, 1",
    },
    "the factor is one": {
        "prop-longest-path": "_longest_path: left of *, 4",
    },
    "multiplies both sides of the inequality": {
        "prop-multiplier-lower": "_multiplier_lower: name exchanged, 1",
        "prop-smoother": "_smoother: name exchanged, 1",
    },
    "then the cost is the squared norm, which falls too, and the quotients are 1": {
        "prop-smoother": "_smoother: left of /, 1",
    },
    "another multiplier; the claim is for all of them": {
        "prop-lagrangian": "_meeting: left of *, 1; right of *, 1; left of /, 1",
    },
    "another measure that rises with the filter; the proof is for all of them": {
        "thm-crossing": (
            "_inverse: left of /, 1; left +1, 1 | _measures: rounds :-1, 1; rounds 1:, 1; right "
            "of *, 1, 3, 4; left of *, 2; left of **, 1, 2, 3; right +1, 1, 2, 3; right -1, 1, 2, "
            "3"
        ),
    },
    "other labels; the claim is for all of them": {
        "prop-equal-norm": "_equal_norm: rounds :-1, 1; rounds 1:, 1",
        "prop-equal-residual": "_equal_residual: rounds :-1, 1; rounds 1:, 1",
        "prop-best-share": "_best_share: rounds 1:, 1",
    },
    "another signal; the claim is for all of them": {
        "prop-risk thm-one-more-round": "_energy: rounds :-1, 1; rounds 1:, 1",
        "prop-fresh-stationary": "_stationary: rounds :-1, 1; rounds 1:, 1",
        "thm-fresh-half": "_above_half: rounds :-1, 1; rounds 1:, 1",
    },
    "another noise level; the claim is for all of them": {
        "prop-risk prop-oracle thm-one-more-round": "_noise: left of /, 1",
        "thm-one-round-suffices": "_suffices: left of *, 1; right of *, 1",
        "thm-second-round-helps": "_second_helps: left of *, 1; right of *, 1",
        "thm-optimal-mixing thm-mixing-reaches": "_signal_and_noise: left of /, 1",
        "prop-fresh-stationary": "_stationary: left of /, 1",
        "thm-fresh-half": "_above_half: left of /, 1",
        "prop-posterior-passed": "_posterior: left of *, 1",
    },
    "another signal with theta^2/d non-increasing": {
        "thm-one-round-suffices": (
            "_energy: rounds :-1, 1; rounds 1:, 1 | _rough_signal: left of *, 1; right of *, 1"
        ),
    },
    "another positive weight; the inequality holds at every eigenvalue": {
        "thm-second-round-helps": (
            "_second_helps: left of *, 2, 4; right of *, 2, 4, 9; left of +, 5, 6; right of +, 5, "
            "6; left of /, 3"
        ),
    },
    "another signal with theta^2/d non-decreasing": {
        "thm-second-round-helps": (
            "_energy: rounds :-1, 1; rounds 1:, 1 | _second_helps: left of *, 3; right of *, 3"
        ),
    },
    "one filter for all strengths: its two squares add up to its excess": {
        "prop-single-floor": "tikhonov: left of /, 1",
    },
    "the least risk is a summand on both sides": {
        "prop-single-floor": "_least: left of /, 1; left of *, 1; right of *, 1; right of +, 1",
    },
    "another truth; the claim is for all of them": {
        "prop-round-balance thm-rougher cor-rougher-rounds": (
            "_truths: rounds 1:, 1; name exchanged, 5"
        ),
        "prop-round-balance prop-round-projects thm-rougher cor-rougher-rounds": (
            "_truths: left of /, 1; left of +, 1; name exchanged, 3, 6; right of *, 4"
        ),
        "prop-round-balance": (
            "_truths: name exchanged, 1; right of *, 3; left of /, 2; left of *, 4"
        ),
        "prop-round-balance cor-rougher-rounds": "_truths: right of +, 1",
    },
    "changes nothing: the labels have four axes wherever the statement needs them": {
        "prop-round-projects thm-rougher cor-rougher-rounds": "_roughness: left of *, 1",
    },
    "another smoother; the power is of whichever it is": {
        "prop-fixed-power": "tikhonov: left of /, 1; left of +, 1",
    },
    "another target; the claim is for all of them": {
        "prop-best-share": "_best_share: left of *, 2; right of *, 2; left +1, 1; left -1, 1",
        "thm-mixing-reaches": "_reaches: left of +, 1, 2; right of +, 1, 2",
    },
    "another start of at least 2 sqrt(T); the claim is for all of them": {
        "thm-renewed-plan": "_renewed_plan: left of *, 1; left +1, 1",
    },
    "another sum of terms, none of which rises with the share up to one half: the proof needs "
    "only that the quotients have such numerators and denominators": {
        "thm-fresh-half": (
            "fresh_labels_risk: left of /, 1, 2, 4; left of +, 2, 4, 5, 6; left +1, 1, 2; left of "
            "*, 2, 3, 4; right of *, 3, 5"
        ),
    },
    "multiplies the signal, which is zero in this statement": {
        "prop-golden": "fresh_labels_risk: right of +, 2; left of *, 3; left of /, 4",
    },
    "the noise has variance one in this statement": {
        "prop-golden": "fresh_labels_risk: right of *, 5",
    },
    "another step size; the claim is for all of them": {
        "prop-descent-in-disguise": "_descent: left of /, 1",
    },
    "the same number without its shape": {
        "prop-descent-in-disguise": "_descent: left of +, 1",
    },
}

OPEN: _Table = {
    "nothing in the budget contradicts it; u_t itself is pinned in tests/formulas/test_bounds.py": {
        "cor-step-dominates": (
            "_iterated: right +1, 1; right -1, 1; t + 1, 1; t - 1, 1; right of *, 2"
        ),
    },
    "claims more, and nothing in the budget contradicts it: the bound of the change is not "
    "attained": {
        "thm-risk-bound": "_symmetrised: sides exchanged, 3, 4, 5, 6; right of *, 9; left -1, 3",
    },
    "K is not sharp in its constants; only its growth with kappa is": {
        "prop-length-bounds prop-length-falls-at-most thm-rounds-limit thm-bounded-loss": (
            "path_length_factor: right +1, 3; left -1, 3"
        ),
        "thm-bounded-loss": "path_length_factor: left of *, 2",
    },
    "claims more, and nothing in the budget contradicts it: the error term of the statement is "
    "not sharp": {
        "prop-length-falls-slowly": "_falls_slowly: name exchanged, 2, 3; left +1, 3",
        "thm-rounds-limit": (
            "_rounds_lower: left of +, 1, 4; left of *, 1, 6; right of *, 4, 6, 7; right of +, 5; "
            "left +1, 3; left -1, 3"
        ),
        "thm-bounded-loss": (
            "_bounded_loss: right of *, 2, 3; left -1, 1; left of **, 1; right +1, 1; right -1, 1"
        ),
    },
    "the bounds of S are nearer to each other than the tolerance is wide": {
        "thm-lost-rounds": "_lost_rounds: name exchanged, 1, 4; left of +, 2",
    },
    "claims more, and nothing in the budget contradicts it: the quarter is approached by special "
    "labels": {
        "prop-quarter": "_quarter: left of **, 1; right -1, 1",
    },
    "claims more, and nothing in the budget contradicts it: long paths exceed the lower side": {
        "prop-longest-path": "_longest_path: left of *, 1; left of -, 1, 2; right -1, 2",
    },
}


def _keys(text: str) -> Iterator[str]:
    for part in text.split(" | "):
        function, operations = part.split(": ", 1)
        for operation in operations.split("; "):
            operator, *places = operation.split(", ")
            yield from (f"{function}: {operator}, {place}" for place in places)


#: Statement and key of the mutant -> its explanation.
EXPLANATIONS: dict[tuple[str, str], Explanation] = {}
for _table in (TRUE, OPEN):
    for _words, _entries in _table.items():
        for _statements, _text in _entries.items():
            for _mutant in ((s, key) for s in _statements.split() for key in _keys(_text)):
                if _mutant in EXPLANATIONS:
                    raise ValueError(f"mutant {_mutant} is explained twice")
                EXPLANATIONS[_mutant] = Explanation(_words, _table is TRUE)
