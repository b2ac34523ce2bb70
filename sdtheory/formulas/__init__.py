"""The formulas of the theory, with checked arguments.

The modules of this package hold each formula once, in arithmetic that works for
floats, for arrays of balls and for SymPy's symbols. The margins of the statements
call those, also outside of the hypotheses. You call the functions here, which have
the same names and refuse an argument for which the formula has no meaning. Balls
and symbols are not checked.

>>> from sdtheory.formulas import one_round_bound
>>> one_round_bound(r_minus_1=2.0, kappa=4.0)
1.0
>>> one_round_bound(r_minus_1=2.0, kappa=0.5)
Traceback (most recent call last):
sdtheory.validation.InvalidInputError: kappa must hold numbers of at least 1, but holds 0.5 ...

`sdtheory.formulas.path_length` and `sdtheory.formulas.equivalent_kernel.EquivalentKernel` check
their arguments themselves.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from sdtheory import recursion
from sdtheory.formulas import bounds, equivalent_kernel, filters, mixing, risk
from sdtheory.validation import InvalidInputError, as_integer, as_real_array

_Formula = TypeVar("_Formula", bound=Callable[..., Any])


class _Domain(NamedTuple):
    words: str
    holds: Callable[[Any], Any]
    infinite: bool = False


_POSITIVE = _Domain("positive numbers", lambda v: v > 0)
_NEGATIVE = _Domain("negative numbers", lambda v: v < 0)
_NOT_NEGATIVE = _Domain("numbers that are not negative", lambda v: v >= 0)
_FINITE_KAPPA = _Domain("numbers of at least 1", lambda v: v >= 1)
_ASCENDING = _Domain(
    "positive numbers, at least two and ascending on the last axis",
    lambda v: (
        v.ndim > 0 and (v > 0) & (np.diff(v, axis=-1, prepend=v[..., :1]) >= 0) & (v.shape[-1] > 1)
    ),
)
_REAL = _Domain("finite numbers", np.isfinite)
_UNIT = _Domain("numbers from 0 to 1", lambda v: (v >= 0) & (v <= 1))
_SHARE = _Domain("numbers in (0, 1]", lambda v: (v > 0) & (v <= 1))
_BELOW_ONE = _Domain("numbers in [0, 1)", lambda v: (v >= 0) & (v < 1))
_FILTER = _Domain(
    "numbers whose mean over the last axis is not 1",
    lambda v: np.broadcast_to(v.ndim > 0 and np.mean(v, axis=-1, keepdims=True) != 1, v.shape),
)
_INSIDE = _Domain("numbers in (0, 1)", lambda v: (v > 0) & (v < 1))
#: Domain of each argument, by its name in every formula, if it is not the positive numbers.
_DOMAINS = {
    # infinite where G is singular: the bounds say what they are then
    "kappa": _Domain("numbers of at least 1", lambda v: v >= 1, infinite=True),
    **dict.fromkeys(("d", "d_min", "d_max", "phi", "theta2", "sigma2"), _NOT_NEGATIVE),
}
_COUNTS = {"rounds", "iterations"}
_ORDERED = (("d_min", "d_max"), ("d_min", "d_j"), ("d_j", "d_k"))


def _checked(name: str, value: Any, domain: _Domain) -> Any:
    """Return an argument as floats, or unchanged if it holds balls or symbols."""
    try:
        given = np.asarray(value)
    except ValueError:  # ragged, which is refused in words
        return as_real_array(value, name, ndim=())
    if given.dtype == object and not any(v is None for v in given.flat):
        return value
    if name in _COUNTS:
        counts = [as_integer(v, name) for v in given.flat]
        return np.reshape(counts, given.shape) if given.ndim else counts[0]
    infinite = np.isposinf(given) if domain.infinite and given.dtype.kind == "f" else None
    finite = given if infinite is None else np.where(infinite, 1.0, given)
    numbers = as_real_array(finite, name, ndim=tuple(range(8)))
    outside = ~domain.holds(numbers) if numbers.ndim else not domain.holds(numbers)
    if np.any(outside):
        raise InvalidInputError(
            f"{name} must hold {domain.words}, but holds {numbers[outside].flat[0]:.6g}. The "
            f"formula has no meaning there."
        )
    return (numbers if infinite is None else np.where(infinite, np.inf, numbers))[()]


def _door(formula: _Formula, **domains: _Domain) -> _Formula:
    """Return a formula that checks its arguments."""
    signature = inspect.signature(formula)

    @functools.wraps(formula)
    def checked(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        given = bound.arguments
        for name, value in given.items():
            given[name] = _checked(name, value, domains.get(name, _DOMAINS.get(name, _POSITIVE)))
        try:
            for low, high in _ORDERED:
                if low in given and high in given and _exceeds(given[low], given[high]):
                    raise InvalidInputError(f"{low} must not exceed {high}. Exchange them.")
            with np.errstate(all="ignore"):  # refused below
                value = formula(*bound.args, **bound.kwargs)
        except (ValueError, IndexError, TypeError) as error:
            if isinstance(error, InvalidInputError):
                raise
            shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in given.items())
            raise InvalidInputError(
                f"the shapes {shapes} do not fit together ({error}). See the documentation of "
                f"{formula.__name__}."
            ) from error
        for part in value if isinstance(value, tuple) else (value,):
            array = np.asarray(part)
            if array.dtype != object and not np.all(np.isfinite(array)):
                raise InvalidInputError(
                    f"{formula.__name__} leaves the range of floats, or divides by zero, at these "
                    f"arguments. Scale them, and keep apart what must differ."
                )
        return value

    return cast(_Formula, checked)


def _exceeds(low: Any, high: Any) -> bool:
    objects = object in (np.asarray(low).dtype, np.asarray(high).dtype)
    return not objects and bool(np.any(low > high))


multiplier_bounds = _door(bounds.multiplier_bounds)
one_round_bound = _door(bounds.one_round_bound)
norm_bound_line = _door(bounds.norm_bound_line, kappa=_FINITE_KAPPA)
norm_bound = _door(bounds.norm_bound, kappa=_FINITE_KAPPA)
guaranteed_rounds = _door(bounds.guaranteed_rounds)
sparsification_bound = _door(bounds.sparsification_bound)
log_sparsification_bound = _door(bounds.log_sparsification_bound)
log_near_interpolation_limits = _door(bounds.log_near_interpolation_limits, d=_ASCENDING)
path_length_factor = _door(bounds.path_length_factor, kappa=_FINITE_KAPPA)
tikhonov = _door(filters.tikhonov)
self_distillation = _door(filters.self_distillation)
iterated_tikhonov = _door(filters.iterated_tikhonov)
gradient_flow = _door(filters.gradient_flow)
match = filters.match
fixed_design_risk = _door(risk.fixed_design_risk)
wiener = _door(risk.wiener, sigma2=_POSITIVE)
ridge_between = _door(risk.ridge_between, d=_POSITIVE, sigma2=_POSITIVE)
ridge_between_log = _door(risk.ridge_between_log, d=_POSITIVE, log_F=_NEGATIVE, sigma2=_POSITIVE)
roughness = _door(mixing.roughness, z=_REAL)
kept_labels = _door(mixing.kept_labels, a=_SHARE)
mixing_parts = _door(mixing.mixing_parts)
gcv_mixing = _door(recursion.gcv_mixing, z=_REAL, teacher=_FILTER, student=_FILTER)
fresh_labels_risk = _door(mixing.fresh_labels_risk, share=_UNIT)
best_fresh_own = _door(mixing.best_fresh_own, s=_UNIT)
bootstrapped = _door(mixing.bootstrapped, discount=_BELOW_ONE)
interpolating_shares = _door(mixing.interpolating_shares, s=_INSIDE, target=_REAL)
mixed_chain = _door(mixing.mixed_chain, s=_UNIT, shares=_REAL)
equivalent_eigenvalues = _door(equivalent_kernel.equivalent_eigenvalues)
