"""Why a mutant may survive: declared explanations.

`TRUE` says, with a reason, that a mutant is itself a true statement, so that
no test of truth can kill it; such mutants do not count in the kill rate, as
equivalent mutants never do. `OPEN` says why nothing in the budget kills the
others; they count as survivors.

An entry is for all mutants of a statement whose name begins as given.
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
_REFLECTION = "_norms: k * combinations - 2 * np.sum(combinations, axis=-1, keepdims=True)"
_OTHER_TRIAL = "another trial of the same claim, which holds for all of them"
_GUARD = "the guard decides what stands in where G is singular, which a hypothesis excludes"
_STAND_IN = "decides what stands in for a zero eigenvalue, whose entries are blanked"
_SCALE = "multiplies both sides of the inequality"
_OTHER_SIGNAL = "another signal; the claim is for all of them"
_OTHER_NOISE = "another noise level; the claim is for all of them"
_OTHER_LABELS = "other labels; the claim is for all of them"
_OTHER_TRUTH = "another truth; the claim is for all of them"
_EQUALITY = "two inequalities state one equality; each is the other, turned round"
_NOT_SHARP = (
    "claims more, and nothing in the budget contradicts it: the error term of the statement is "
    "not sharp"
)

#: Statement -> reason -> beginnings of the names of mutants.
TRUE: dict[str, dict[str, tuple[str, ...]]] = {
    "prop-morozov": {
        _OTHER_TRIAL: ("_discrepancy: c / 2 -> c / 3",),
        "with the next round's labels the same ridge leaves a shorter residual: both truths are "
        "still within the tolerance": ("_discrepancy: i.path.z[:, :-1] -> i.path.z[:, 1:]",),
    },
    "prop-step": {_EQUALITY: ("_step: slack(step, rho)", "_step: slack(rho, step)")},
    "lem-one-round": {
        "says h(r) <= r, which is plain": ("_one_round: i.r_minus_1[:, :-1] -> i.r_minus_1[:, 1:]",)
    },
    "lem-one-round-convex": {
        "the line touches at r_0: there the inequality is an equality": (
            "_convex: slack(at_start + b, a * r_0)",
        )
    },
    "prop-norm-bound": {
        "r_{t+1} >= r_t - 1 >= a r_t - 1 because a <= 1 (prop-step)": (
            "_iterated: b * np.cumsum(powers, axis=-1) -> np.cumsum(powers, axis=-1)",
        ),
        "bounds r_t by u_t/a, which is at most max(r_0 - t, 0) as 0 < a <= 1 and a <= b; u_t "
        "itself is pinned in tests/test_bounds.py": (
            "_iterated: a ** i.t -> a ** (i.t + -1)",
            "_iterated: i.t -> i.t - 1",
        ),
    },
    "cor-step-dominates": {
        "half or a third of the larger of two margins: the sign is the same": (
            "_dominated: (steps + vacuous + np.abs(steps - vacuous)) / 2 -> ",
        ),
        "non-negative wherever the larger of the two margins is": (
            "_dominated: steps + vacuous -> vacuous",
            "_dominated: steps + vacuous -> steps",
        ),
        "a u_t and u_t/a start between r_0 - kappa and r_0 - 1 and fall by between 1 and kappa a "
        "round, as u_t does; u_t itself is pinned in tests/test_bounds.py": (
            "_iterated: a ** i.t -> a ** (i.t + ",
            "_iterated: i.t -> i.t ",
        ),
        "a^t r_0 - (1 + ... + a^(t-1)) falls by 1 + (1 - a) times itself a round, which is between "
        "1 and kappa; u_t itself is pinned in tests/test_bounds.py": (
            "_iterated: b * np.cumsum(powers, axis=-1) -> np.cumsum(powers, axis=-1)",
        ),
    },
    "prop-rounds-bound": {
        "is cor-rounds-any-kernel, the sharper bound": (
            "_rounds: kappa * (t + 1) -> t + 1",
            "guaranteed_rounds: r_0_minus_1 / kappa -> r_0_minus_1",
        )
    },
    "thm-near-interpolation": {_OTHER_TRIAL: ("_bound_grows: i.t -> i.t",)},
    "prop-fixed-rounds": {
        _OTHER_TRIAL: (
            "_fixed_rounds: i.t + 1 -> i.t + 2",
            "_fixed_rounds: i.t -> i.t + 1",
            "first_r_minus_1: i.r_minus_1[:, :1] -> i.r_minus_1[:,",
        )
    },
    "prop-early-stopping": {_OTHER_TRIAL: ("_one_round: 2 * c -> 3 * c",)},
    "prop-flow-stopping": {_OTHER_TRIAL: ("_flow: 2 * c -> 3 * c",)},
    "thm-index-limit": {
        "log(1 + x) <= x gives the bound above for it too, and below it claims less; the ratio "
        "itself is pinned by lem-ratio": ("log_ratios: c + d_k -> d_k",)
    },
    "prop-multiplier-lower": {_SCALE: ("_multiplier_lower: i.d_min -> i.d_max",)},
    "prop-smoother": {
        _SCALE: ("_smoother: i.d_min -> i.d_max",),
        "then the cost is the squared norm, which falls too, and the quotients are 1": (
            "_smoother: i.d_min[:, None, None] / i.d[:, None] -> i.d_min[:, None, None]",
        ),
    },
    "thm-no-filter": {_STAND_IN: ("_matching: i.d_max -> i.d_min",)},
    "thm-crossing": {
        "another measure that rises with the filter; the proof is for all of them": (
            "_measures: ",
            "_inverse: ",
        ),
        _STAND_IN: ("_eigenvalues: i.d_max -> i.d_min",),
    },
    "prop-steepness": {_STAND_IN: ("_eigenvalues: i.d_max -> i.d_min",)},
    "prop-duality": {_STAND_IN: ("_eigenvalues: i.d_max -> i.d_min",)},
    "prop-lagrangian": {"another multiplier c; the claim is for all of them": ("_meeting: ",)},
    "prop-equal-norm": {_OTHER_LABELS: ("_equal_norm: i.energy[",)},
    "prop-equal-residual": {_OTHER_LABELS: ("_equal_residual: i.energy[",)},
    "prop-risk": {_OTHER_SIGNAL: ("_energy: ",), _OTHER_NOISE: ("_noise: ",)},
    "prop-oracle": {_OTHER_NOISE: ("_noise: ",)},
    "thm-one-more-round": {_OTHER_SIGNAL: ("_energy: ",), _OTHER_NOISE: ("_noise: ",)},
    "thm-one-round-suffices": {
        "another signal with theta^2/d non-increasing": ("_rough_signal: ", "_energy: "),
        _OTHER_NOISE: ("_suffices: np.sum(c, axis=-1, keepdims=True) * _total(i) -> ",),
    },
    "thm-second-round-helps": {
        "another signal with theta^2/d non-decreasing": ("_second_helps: _total(i) *", "_energy: "),
        _OTHER_NOISE: ("_second_helps: _multipliers(i) * _total(i) -> ",),
        "another positive weight; the inequality holds at every eigenvalue": (
            "_second_helps: ratio * d",
            "_second_helps: (theta2 + sigma2) * ",
            "_second_helps: theta2 + sigma2",
            "_second_helps: c / (c + d)",
            "_second_helps: c + d",
            "_second_helps: weight * side",
        ),
    },
    "prop-single-floor": {
        _OTHER_SIGNAL: ("_energy: ",),
        _OTHER_NOISE: ("_noise: ",),
        "the least risk is a summand on both sides": ("_least: ",),
        "another filter that does not rise with c; the claim is for all of them": ("tikhonov: ",),
    },
    "prop-round-balance": {_OTHER_TRUTH: ("_truths: ",)},
    "prop-round-projects": {_OTHER_TRUTH: ("_truths: ",)},
    "thm-rougher": {_OTHER_TRUTH: ("_truths: ",)},
    "cor-rougher-rounds": {_OTHER_TRUTH: ("_truths: ",)},
    "thm-optimal-mixing": {_OTHER_NOISE: ("_signal_and_noise: ",)},
    "thm-mixing-reaches": {
        "other targets; the claim is for all of them": ("_reaches: ",),
        _OTHER_NOISE: ("_signal_and_noise: ",),
    },
    "prop-best-share": {
        "another target; the claim is for all of them": ("_best_share: 2 *",),
        _OTHER_LABELS: ("_best_share: i.path.z",),
    },
    "thm-renewed-plan": {
        "another start of at least 2 sqrt(T); the claim is for all of them": (
            "_renewed_plan: 2 * np.sqrt(",
        )
    },
    "prop-fresh-stationary": {
        _OTHER_NOISE: ("_stationary: np.sum(",),
        _OTHER_SIGNAL: ("_stationary: i.energy[",),
    },
    "thm-fresh-half": {
        _OTHER_NOISE: ("_above_half: np.sum(",),
        _OTHER_SIGNAL: ("_above_half: i.energy[",),
    },
    "prop-golden": {_EQUALITY: ("_golden: slack(",)},
    "prop-descent-in-disguise": {
        "another step size; the claim is for all of them": ("_descent: i.d[:, None] / i.d_max",),
        "the same number without its shape": ("_descent: 1 + 0 * d * labels -> 1",),
    },
    "prop-posterior-passed": {_OTHER_NOISE: ("_posterior: c * round_ -> c",)},
    "prop-outputs-rotation": {
        _OTHER_ROTATION: (
            "_reflected: z.shape[-1] * z - 2 * np.sum(z, axis=-1, keepdims=True) -> z.shape",
        )
    },
    "prop-one-price": {_OTHER_TRIAL: ("_one_price: c * np.resize(factors, q) -> ",)},
    "thm-rademacher": {
        _OTHER_ROTATION: (_REFLECTION + " -> k * combinations",),
        "then the mean is sqrt(tr G) times that of |1 - 2 s/k| over the sums s of these signs, "
        "which is between 3/4 and 1 for all k <= 6": ("_norms: k * combinations -> k",),
    },
    "thm-risk-bound": {
        _EQUALITY: ("_symmetrised: slack(",),
        _OTHER_ROTATION: (_REFLECTION + " -> k * combinations",),
    },
    "prop-length-bounds": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "prop-length-falls-at-most": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "prop-length-falls-slowly": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "thm-rounds-limit": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "prop-loss-of-a-round": {
        _GUARD: ("_finite_kappa: i.d_min -> i.d_max", "_loss_of_a_round: i.d_max -> i.d_min")
    },
    "thm-bounded-loss": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
}

OPEN: dict[str, dict[str, tuple[str, ...]]] = {
    "prop-length-bounds": {
        "K is not sharp in its constants; only its growth with kappa is": ("path_length_factor: ",)
    },
    "prop-length-falls-slowly": {_NOT_SHARP: ("_falls_slowly: ",)},
    "thm-rounds-limit": {_NOT_SHARP: ("_rounds_lower: ",)},
    "prop-loss-of-a-round": {_NOT_SHARP: ("_loss_of_a_round: ",)},
    "thm-bounded-loss": {_NOT_SHARP: ("_bounded_loss: ", "path_length_factor: ")},
}


def explain(statement: str, mutant: str) -> Explanation | None:
    """Return the declared explanation of a survivor, or None.

    Parameters
    ----------
    statement : str
        Id of the statement.
    mutant : str
        Name of the mutant.

    Returns
    -------
    Explanation or None
    """
    for table, true in ((TRUE, True), (OPEN, False)):
        for words, beginnings in table.get(statement, {}).items():
            if mutant.startswith(beginnings):
                return Explanation(words, true)
    return None
