"""The checked door of the formulas: every function, every argument, and what passes unchecked."""

import inspect

import numpy as np
import pytest

from sdtheory import InvalidInputError, formulas, recursion
from sdtheory.formulas import bounds, equivalent_kernel, filters, mixing, risk

D, C = np.array([0.5, 1.0, 2.0]), np.array([0.3, 0.7])
#: Arguments for which every formula has a meaning.
VALID = {
    "r_minus_1": 2.0, "r_0_minus_1": 2.0, "kappa": 4.0, "rounds": 2, "iterations": 2,
    "d_min": 0.5, "d_j": 1.0, "d_k": 2.0, "d_max": 2.0, "d": D, "c": C,
    "phi": D / 3, "theta2": D, "sigma2": 0.1, "z": -D, "s": D / 3, "a": 0.3, "share": 0.3,
    "shares": D, "target": D, "discount": 0.3, "log_F": np.log(D / 3),
    "teacher": D / 3, "student": D / 9,
}  # fmt: skip
#: Arguments that may be negative.
SIGNED = {"z", "shares", "target", "teacher", "student"}
#: Arguments that must be negative.
NEGATIVE = {"log_F"}
BAD = [-1.0, np.nan, -np.inf, 1j, "text", None, np.datetime64("2024")]
#: Of functions that broadcast c against d.
ONE_C = {
    "tikhonov", "iterated_tikhonov", "gradient_flow", "kept_labels", "mixing_parts",
    "fresh_labels_risk", "bootstrapped",
}  # fmt: skip
FORMULAS = ["gcv_mixing"] + [
    name
    for module in (bounds, filters, risk, equivalent_kernel, mixing)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and name != "match"
]
ARGUMENTS = [
    (f, a, bad)
    for f in FORMULAS
    for a in inspect.signature(getattr(formulas, f)).parameters
    for bad in ([1.0, 0.0] if a in NEGATIVE else []) + BAD[a in SIGNED | NEGATIVE :]
]


def valid(name):
    needed = inspect.signature(getattr(formulas, name)).parameters
    return {a: 0.3 if a == "c" and name in ONE_C else VALID[a] for a in needed}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_door_changes_no_digit(name):
    modules = (bounds, filters, risk, equivalent_kernel, mixing, recursion)
    (inner,) = [getattr(m, name) for m in modules if hasattr(m, name) and name in vars(m)][:1]
    given = valid(name)
    np.testing.assert_array_equal(getattr(formulas, name)(**given), inner(**given))


@pytest.mark.parametrize(("name", "argument", "bad"), ARGUMENTS)
def test_every_argument_is_checked(name, argument, bad):
    given = valid(name)
    given[argument] = np.full_like(given[argument], bad, dtype=np.asarray(bad).dtype)
    if bad is None:
        given[argument] = ["no", "numbers"]
    with pytest.raises(InvalidInputError, match=argument):
        getattr(formulas, name)(**given)


def test_a_singular_matrix_has_an_infinite_condition_number():
    assert formulas.one_round_bound(2.0, np.inf) == 0
    assert formulas.guaranteed_rounds([2.0, 3.0], np.inf).tolist() == [0, 0]
    with pytest.raises(InvalidInputError, match="kappa"):
        formulas.norm_bound(2.0, np.inf, 3)


def test_eigenvalues_in_the_wrong_order_are_refused():
    with pytest.raises(InvalidInputError, match="d_j must not exceed d_k"):
        formulas.sparsification_bound(1.0, 0.5, 2.0, 1.0, 3)
    with pytest.raises(InvalidInputError, match="d_min must not exceed d_max"):
        formulas.multiplier_bounds(2.0, [3.0, 1.0], 1.0)
    for wrong in (D[::-1], D[:1]):
        with pytest.raises(InvalidInputError, match="ascending"):
            formulas.log_near_interpolation_limits(wrong)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(InvalidInputError, match=r"phi \(3,\), theta2 \(2,\)"):
        formulas.fixed_design_risk(D / 3, D[:2], 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: formulas.norm_bound(1e300, 4.0, 2), "norm_bound leaves the range of floats"),
        (lambda: formulas.interpolating_shares([0.5, 0.5], [0.1, 0.2]), "keep apart what must"),
        (lambda: formulas.gcv_mixing([1.0, 2.0], [1.0, 1.0], [0.5, 0.5]), "whose mean .* is not 1"),
        (lambda: formulas.norm_bound(2.0, 4.0, [1, 2]), "do not fit together"),
    ],
)
def test_no_infinite_value_is_returned(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_symbols_and_balls_pass():
    sympy = pytest.importorskip("sympy")
    r, kappa = sympy.symbols("r kappa")
    assert formulas.one_round_bound(r, kappa) == bounds.one_round_bound(r, kappa)
    flint = pytest.importorskip("flint")
    ball = formulas.guaranteed_rounds(np.array([flint.arb(-2)]), np.array([flint.arb(4)]))
    assert ball[0] == flint.arb("-0.5")


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("bad", [None, [[1.0], [1.0, 2.0]]])
def test_what_is_missing_or_ragged_is_refused_in_words(name, bad):
    for argument in inspect.signature(getattr(formulas, name)).parameters:
        with pytest.raises(InvalidInputError, match=argument):
            getattr(formulas, name)(**valid(name) | {argument: bad})


def test_one_number_is_no_spectrum():
    with pytest.raises(InvalidInputError, match="at least two and ascending"):
        formulas.log_near_interpolation_limits(1.0)
