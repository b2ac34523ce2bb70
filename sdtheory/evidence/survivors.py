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


_OTHER_TRIAL = "another trial of the same claim, which holds for all of them"
_GUARD = "the guard decides what stands in where G is singular, which a hypothesis excludes"
_EQUALITY = "two inequalities state one equality; each is the other, turned round"
_NOT_SHARP = (
    "claims more, and nothing in the budget contradicts it: the error term of the statement is "
    "not sharp"
)

#: Statement -> reason -> beginnings of the names of mutants.
TRUE: dict[str, dict[str, tuple[str, ...]]] = {
    "prop-morozov": {_OTHER_TRIAL: ("_discrepancy: c / 2 -> c / 3",)},
    "lem-one-round": {
        "says h(r) <= r, which is plain": ("_one_round: i.excess[:, :-1] -> i.excess[:, 1:]",)
    },
    "lem-one-round-convex": {
        "the line touches at r_0: there the inequality is an equality": (
            "_convex: slack(at_start + b, a * r_0)",
        )
    },
    "prop-norm-bound": {
        "r_{t+1} >= r_t - 1 >= a r_t - 1 because a <= 1 (prop-step)": (
            "_iterated: b * np.cumsum(powers, axis=-1) -> np.cumsum(powers, axis=-1)",
        )
    },
    "prop-rounds-bound": {
        "is cor-rounds-any-kernel, the sharper bound": (
            "_rounds: kappa * (t + 1) -> t + 1",
            "guaranteed_rounds: excess_0 / kappa -> excess_0",
        )
    },
    "thm-near-interpolation": {_OTHER_TRIAL: ("_bound_grows: i.t -> i.t",)},
    "prop-fixed-rounds": {
        _OTHER_TRIAL: (
            "_fixed_rounds: i.t + 1 -> i.t + 2",
            "_fixed_rounds: i.t -> i.t + 1",
            "starting_excess: i.excess[:, :1] -> i.excess[:,",
        )
    },
    "prop-early-stopping": {_OTHER_TRIAL: ("_one_round: 2 * c -> 3 * c",)},
    "prop-flow-stopping": {_OTHER_TRIAL: ("_flow: 2 * c -> 3 * c",)},
    "thm-risk-bound": {_EQUALITY: ("_symmetrised: slack(",)},
    "prop-length-bounds": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "prop-length-falls-at-most": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "prop-length-falls-slowly": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
    "thm-rounds-limit": {_GUARD: ("_finite_kappa: i.d_min -> i.d_max",)},
}

OPEN: dict[str, dict[str, tuple[str, ...]]] = {
    "prop-norm-bound": {_NOT_SHARP: ("_iterated: ",)},
    "cor-step-dominates": {_NOT_SHARP: ("_iterated: ", "_dominated: ")},
    "prop-length-falls-slowly": {_NOT_SHARP: ("_falls_slowly: ", "path_length_factor: ")},
    "thm-rounds-limit": {_NOT_SHARP: ("_rounds_lower: ", "path_length_factor: ")},
    "prop-length-bounds": {
        "K is not sharp in its constants; only its growth with kappa is": ("path_length_factor: ",)
    },
    "prop-length-falls-at-most": {
        "K is not sharp in its constants; only its growth with kappa is": ("path_length_factor: ",)
    },
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
