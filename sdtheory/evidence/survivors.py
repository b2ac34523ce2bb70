"""Declared reasons why a mutant may survive.

`TRUE` lists mutants that are true statements themselves, with the reason. No test
of truth can kill them, so they do not count in the kill rate. `OPEN` gives the
reason why nothing in the budget kills the others; they count as survivors.

An entry is for one mutant: the statement, and the mutant's key. The key has the
function, the operator, and the number of the place where it is applied. Names of
local variables do not matter.
"""

from __future__ import annotations

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


_OTHER_ROTATION = (
    "the identity in place of the reflection; the claim is for every orthogonal matrix"
)
_OTHER_TRIAL = "another trial of the same claim, which holds for all of them"
_GUARD = "the guard decides what stands in where G is singular, which a hypothesis excludes"
_STAND_IN = "decides what stands in for a zero eigenvalue, whose entries are blanked"
_SCALE = "multiplies both sides of the inequality"
_OTHER_NOISE = "another noise level; the claim is for all of them"
_OTHER_LABELS = "other labels; the claim is for all of them"
_OTHER_TRUTH = "another truth; the claim is for all of them"
_SAME_AXES = "changes nothing: the labels have four axes wherever the statement needs them"
_OTHER_TARGET = "another target; the claim is for all of them"
_OTHER_SIGNAL = "another signal; the claim is for all of them"
_EQUALITY = "two inequalities state one equality; each is the other, turned round"
_NOT_SHARP = (
    "claims more, and nothing in the budget contradicts it: the error term of the "
    "statement is not sharp"
)

#: Statement -> reason -> keys of mutants.
TRUE: dict[str, dict[str, tuple[str, ...]]] = {
    "prop-dual-feasible": {
        "another quantity that is positive exactly where c is": (
            "_dual_feasible: left of /, 1",
            "_dual_feasible: left of *, 1",
            "_dual_feasible: left of *, 2",
            "_dual_feasible: right of *, 2",
            "_dual_feasible: rounds :1, 2",
        ),
    },
    "prop-morozov": {
        "with the next round's labels the same ridge leaves a shorter residual: both "
        "truths are still within the tolerance": ("_discrepancy: rounds 1:, 1",),
        _OTHER_TRIAL: ("_discrepancy: right +1, 1",),
    },
    "prop-step": {
        _EQUALITY: (
            "_step: sides exchanged, 3",
            "_step: sides exchanged, 4",
        ),
    },
    "lem-one-round": {
        "says h(r) <= r, which is plain": ("_one_round: rounds 1:, 1",),
    },
    "lem-one-round-convex": {
        "the line touches at r_0: there the inequality is an equality": (
            "_convex: sides exchanged, 2",
        ),
    },
    "prop-norm-bound": {
        "bounds r_t by u_t/a, which is at most max(r_0 - t, 0) as 0 < a <= 1 and a <= b; "
        "u_t itself is pinned in tests/formulas/test_bounds.py": (
            "_iterated: right -1, 1",
            "_iterated: t - 1, 1",
        ),
        "r_{t+1} >= r_t - 1 >= a r_t - 1 because a <= 1 (prop-step)": ("_iterated: right of *, 2",),
    },
    "prop-rounds-bound": {
        "is cor-rounds-any-kernel, the sharper bound": (
            "_rounds: right of *, 1",
            "guaranteed_rounds: left of /, 1",
        ),
    },
    "cor-step-dominates": {
        "half or a third of the larger of two margins: the sign is the same": (
            "_dominated: right +1, 2",
        ),
        "non-negative wherever the larger of the two margins is": ("_dominated: right of +, 7",),
    },
    "thm-near-interpolation": {
        _OTHER_TRIAL: (
            "_bound_grows: t + 1, 1",
            "_bound_grows: t - 1, 1",
        ),
    },
    "prop-fixed-rounds": {
        _OTHER_TRIAL: (
            "_fixed_rounds: right +1, 1",
            "_fixed_rounds: t + 1, 1",
            "first_r_minus_1: rounds :-1, 1",
            "first_r_minus_1: rounds 1:, 1",
        ),
    },
    "thm-index-limit": {
        "log(1 + x) <= x gives the bound above for it too, and below it claims less; the "
        "ratio itself is pinned by lem-ratio": ("log_ratios: right of +, 1",),
    },
    "prop-early-stopping": {
        _OTHER_TRIAL: ("_one_round: left +1, 1",),
    },
    "prop-flow-stopping": {
        _OTHER_TRIAL: ("_flow: left +1, 1",),
    },
    "thm-no-filter": {
        _STAND_IN: ("_matching: name exchanged, 1",),
    },
    "prop-one-price": {
        _OTHER_TRIAL: (
            "_one_price: left of *, 5",
            "_one_price: right of *, 5",
        ),
    },
    "thm-rademacher": {
        _OTHER_ROTATION: ("_norms: left of -, 1",),
    },
    "thm-risk-bound": {
        _OTHER_ROTATION: ("_norms: left of -, 1",),
    },
    "prop-length-bounds": {
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "prop-length-falls-at-most": {
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "prop-length-falls-slowly": {
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "thm-rounds-limit": {
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "thm-bounded-loss": {
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "prop-quarter": {
        "a larger mean claims less in the first case, and is a mean of numbers up to "
        "kappa in the second": ("_quarter: right +1, 1",),
    },
    "prop-longest-path": {
        "the factor is one": ("_longest_path: left of *, 4",),
        _GUARD: ("finite_kappa: name exchanged, 1",),
    },
    "prop-multiplier-lower": {
        _SCALE: ("_multiplier_lower: name exchanged, 1",),
    },
    "prop-smoother": {
        "then the cost is the squared norm, which falls too, and the quotients are 1": (
            "_smoother: left of /, 1",
        ),
        _SCALE: ("_smoother: name exchanged, 1",),
    },
    "prop-steepness": {
        _STAND_IN: ("_eigenvalues: name exchanged, 1",),
    },
    "prop-lagrangian": {
        "another multiplier; the claim is for all of them": (
            "_meeting: left of *, 1",
            "_meeting: right of *, 1",
            "_meeting: left of /, 1",
        ),
    },
    "prop-duality": {
        _STAND_IN: ("_eigenvalues: name exchanged, 1",),
    },
    "thm-crossing": {
        _STAND_IN: ("_eigenvalues: name exchanged, 1",),
        "another measure that rises with the filter; the proof is for all of them": (
            "_inverse: left of /, 1",
            "_inverse: left +1, 1",
            "_measures: rounds :-1, 1",
            "_measures: rounds 1:, 1",
            "_measures: right of *, 1",
            "_measures: left of *, 2",
            "_measures: left of **, 1",
            "_measures: right +1, 1",
            "_measures: right -1, 1",
            "_measures: right of *, 3",
            "_measures: right of *, 4",
            "_measures: left of **, 2",
            "_measures: right +1, 2",
            "_measures: right -1, 2",
            "_measures: left of **, 3",
            "_measures: right +1, 3",
            "_measures: right -1, 3",
        ),
    },
    "prop-equal-norm": {
        _OTHER_LABELS: (
            "_equal_norm: rounds :-1, 1",
            "_equal_norm: rounds 1:, 1",
        ),
    },
    "prop-equal-residual": {
        _OTHER_LABELS: (
            "_equal_residual: rounds :-1, 1",
            "_equal_residual: rounds 1:, 1",
        ),
    },
    "prop-risk": {
        _OTHER_SIGNAL: (
            "_energy: rounds :-1, 1",
            "_energy: rounds 1:, 1",
        ),
        _OTHER_NOISE: ("_noise: left of /, 1",),
    },
    "prop-oracle": {
        _OTHER_NOISE: ("_noise: left of /, 1",),
    },
    "thm-one-more-round": {
        _OTHER_SIGNAL: (
            "_energy: rounds :-1, 1",
            "_energy: rounds 1:, 1",
        ),
        _OTHER_NOISE: ("_noise: left of /, 1",),
    },
    "thm-one-round-suffices": {
        _OTHER_NOISE: (
            "_suffices: left of *, 1",
            "_suffices: right of *, 1",
        ),
        "another signal with theta^2/d non-increasing": (
            "_energy: rounds :-1, 1",
            "_energy: rounds 1:, 1",
            "_rough_signal: left of *, 1",
            "_rough_signal: right of *, 1",
        ),
    },
    "thm-second-round-helps": {
        _OTHER_NOISE: (
            "_second_helps: left of *, 1",
            "_second_helps: right of *, 1",
        ),
        "another positive weight; the inequality holds at every eigenvalue": (
            "_second_helps: left of *, 2",
            "_second_helps: right of *, 2",
            "_second_helps: left of *, 4",
            "_second_helps: right of *, 4",
            "_second_helps: left of +, 5",
            "_second_helps: right of +, 5",
            "_second_helps: left of /, 3",
            "_second_helps: right of *, 9",
            "_second_helps: left of +, 6",
            "_second_helps: right of +, 6",
        ),
        "another signal with theta^2/d non-decreasing": (
            "_energy: rounds :-1, 1",
            "_energy: rounds 1:, 1",
            "_second_helps: left of *, 3",
            "_second_helps: right of *, 3",
        ),
    },
    "prop-single-floor": {
        "one filter for all strengths: its two squares add up to its excess": (
            "tikhonov: left of /, 1",
        ),
        "the least risk is a summand on both sides": (
            "_least: left of /, 1",
            "_least: left of *, 1",
            "_least: right of *, 1",
            "_least: right of +, 1",
        ),
    },
    "prop-round-balance": {
        _OTHER_TRUTH: (
            "_truths: rounds 1:, 1",
            "_truths: left of /, 1",
            "_truths: name exchanged, 1",
            "_truths: left of +, 1",
            "_truths: right of +, 1",
            "_truths: name exchanged, 3",
            "_truths: right of *, 3",
            "_truths: name exchanged, 5",
            "_truths: left of /, 2",
            "_truths: name exchanged, 6",
            "_truths: left of *, 4",
            "_truths: right of *, 4",
        ),
    },
    "prop-round-projects": {
        _OTHER_TRUTH: (
            "_truths: left of /, 1",
            "_truths: left of +, 1",
            "_truths: name exchanged, 3",
            "_truths: name exchanged, 6",
            "_truths: right of *, 4",
        ),
        _SAME_AXES: ("_roughness: left of *, 1",),
    },
    "thm-rougher": {
        _OTHER_TRUTH: (
            "_truths: rounds 1:, 1",
            "_truths: left of /, 1",
            "_truths: left of +, 1",
            "_truths: name exchanged, 3",
            "_truths: name exchanged, 5",
            "_truths: name exchanged, 6",
            "_truths: right of *, 4",
        ),
        _SAME_AXES: ("_roughness: left of *, 1",),
    },
    "cor-rougher-rounds": {
        _OTHER_TRUTH: (
            "_truths: rounds 1:, 1",
            "_truths: left of /, 1",
            "_truths: left of +, 1",
            "_truths: right of +, 1",
            "_truths: name exchanged, 3",
            "_truths: name exchanged, 5",
            "_truths: name exchanged, 6",
            "_truths: right of *, 4",
        ),
        _SAME_AXES: ("_roughness: left of *, 1",),
    },
    "prop-fixed-power": {
        "another smoother; the power is of whichever it is": (
            "tikhonov: left of /, 1",
            "tikhonov: left of +, 1",
        ),
    },
    "prop-best-share": {
        _OTHER_LABELS: ("_best_share: rounds 1:, 1",),
        _OTHER_TARGET: (
            "_best_share: left of *, 2",
            "_best_share: right of *, 2",
            "_best_share: left +1, 1",
            "_best_share: left -1, 1",
        ),
    },
    "thm-optimal-mixing": {
        _OTHER_NOISE: ("_signal_and_noise: left of /, 1",),
    },
    "thm-mixing-reaches": {
        _OTHER_NOISE: ("_signal_and_noise: left of /, 1",),
        _OTHER_TARGET: (
            "_reaches: left of +, 1",
            "_reaches: right of +, 1",
            "_reaches: left of +, 2",
            "_reaches: right of +, 2",
        ),
    },
    "thm-renewed-plan": {
        "another start of at least 2 sqrt(T); the claim is for all of them": (
            "_renewed_plan: left of *, 1",
            "_renewed_plan: left +1, 1",
        ),
    },
    "prop-fresh-stationary": {
        _OTHER_NOISE: ("_stationary: left of /, 1",),
        _OTHER_SIGNAL: (
            "_stationary: rounds :-1, 1",
            "_stationary: rounds 1:, 1",
        ),
    },
    "thm-fresh-half": {
        "another sum of terms, none of which rises with the share up to one half: the proof "
        "needs only that the quotients have such numerators and denominators": (
            "fresh_labels_risk: left of /, 1",
            "fresh_labels_risk: left of +, 2",
            "fresh_labels_risk: left of /, 2",
            "fresh_labels_risk: left +1, 1",
            "fresh_labels_risk: left of *, 2",
            "fresh_labels_risk: left of *, 3",
            "fresh_labels_risk: right of *, 3",
            "fresh_labels_risk: left of *, 4",
            "fresh_labels_risk: left of +, 4",
            "fresh_labels_risk: left of +, 5",
            "fresh_labels_risk: left of +, 6",
            "fresh_labels_risk: left +1, 2",
            "fresh_labels_risk: right of *, 5",
            "fresh_labels_risk: left of /, 4",
        ),
        _OTHER_NOISE: ("_above_half: left of /, 1",),
        _OTHER_SIGNAL: (
            "_above_half: rounds :-1, 1",
            "_above_half: rounds 1:, 1",
        ),
    },
    "prop-golden": {
        "multiplies the signal, which is zero in this statement": (
            "fresh_labels_risk: right of +, 2",
            "fresh_labels_risk: left of *, 3",
            "fresh_labels_risk: left of /, 4",
        ),
        "the noise has variance one in this statement": ("fresh_labels_risk: right of *, 5",),
        _EQUALITY: (
            "_golden: sides exchanged, 2",
            "_golden: sides exchanged, 3",
        ),
    },
    "prop-descent-in-disguise": {
        "another step size; the claim is for all of them": ("_descent: left of /, 1",),
        "the same number without its shape": ("_descent: left of +, 1",),
    },
    "prop-posterior-passed": {
        _OTHER_NOISE: ("_posterior: left of *, 1",),
    },
}

OPEN: dict[str, dict[str, tuple[str, ...]]] = {
    "cor-step-dominates": {
        "nothing in the budget contradicts it; u_t itself is pinned in "
        "tests/formulas/test_bounds.py": (
            "_iterated: right +1, 1",
            "_iterated: right -1, 1",
            "_iterated: t + 1, 1",
            "_iterated: t - 1, 1",
            "_iterated: right of *, 2",
        ),
    },
    "thm-risk-bound": {
        "claims more, and nothing in the budget contradicts it: the bound of the change "
        "is not attained": (
            "_symmetrised: sides exchanged, 3",
            "_symmetrised: sides exchanged, 4",
            "_symmetrised: sides exchanged, 5",
            "_symmetrised: sides exchanged, 6",
            "_symmetrised: right of *, 9",
            "_symmetrised: left -1, 3",
        ),
    },
    "prop-length-bounds": {
        "K is not sharp in its constants; only its growth with kappa is": (
            "path_length_factor: right +1, 3",
            "path_length_factor: left -1, 3",
        ),
    },
    "prop-length-falls-at-most": {
        "K is not sharp in its constants; only its growth with kappa is": (
            "path_length_factor: right +1, 3",
            "path_length_factor: left -1, 3",
        ),
    },
    "prop-length-falls-slowly": {
        _NOT_SHARP: (
            "_falls_slowly: name exchanged, 2",
            "_falls_slowly: name exchanged, 3",
            "_falls_slowly: left +1, 3",
        ),
    },
    "thm-rounds-limit": {
        _NOT_SHARP: (
            "_rounds_lower: left of +, 1",
            "_rounds_lower: left of *, 1",
            "_rounds_lower: right of *, 4",
            "_rounds_lower: left of *, 6",
            "_rounds_lower: right of *, 6",
            "_rounds_lower: right of *, 7",
            "_rounds_lower: left of +, 4",
            "_rounds_lower: right of +, 5",
            "_rounds_lower: left +1, 3",
            "_rounds_lower: left -1, 3",
        ),
        "K is not sharp in its constants; only its growth with kappa is": (
            "path_length_factor: right +1, 3",
            "path_length_factor: left -1, 3",
        ),
    },
    "thm-bounded-loss": {
        _NOT_SHARP: (
            "_bounded_loss: right of *, 2",
            "_bounded_loss: left -1, 1",
            "_bounded_loss: right of *, 3",
            "_bounded_loss: left of **, 1",
            "_bounded_loss: right +1, 1",
            "_bounded_loss: right -1, 1",
        ),
        "K is not sharp in its constants; only its growth with kappa is": (
            "path_length_factor: left of *, 2",
            "path_length_factor: right +1, 3",
            "path_length_factor: left -1, 3",
        ),
    },
    "thm-lost-rounds": {
        "the bounds of S are nearer to each other than the tolerance is wide": (
            "_lost_rounds: name exchanged, 1",
            "_lost_rounds: left of +, 2",
            "_lost_rounds: name exchanged, 4",
        ),
    },
    "prop-quarter": {
        "claims more, and nothing in the budget contradicts it: the quarter is approached"
        " by special labels": (
            "_quarter: left of **, 1",
            "_quarter: right -1, 1",
        ),
    },
    "prop-longest-path": {
        "claims more, and nothing in the budget contradicts it: long paths exceed the lower side": (
            "_longest_path: left of *, 1",
            "_longest_path: left of -, 1",
            "_longest_path: left of -, 2",
            "_longest_path: right -1, 2",
        ),
    },
}


def explain(statement: str, key: str) -> Explanation | None:
    """Return the declared explanation of a survivor, or None.

    Parameters
    ----------
    statement : str
        Id of the statement.
    key : str
        Key of the mutant.

    Returns
    -------
    Explanation or None
    """
    for table, true in ((TRUE, True), (OPEN, False)):
        for words, keys in table.get(statement, {}).items():
            if key in keys:
                return Explanation(words, true)
    return None
