r"""Spectral filters: what a regularised fit does to each eigencomponent of the labels.

A filter maps an eigenvalue d of G to the share phi(d), between 0 and 1, of
that eigencomponent that the fit keeps. All filters here vanish at d = 0 and
fall from 1 to 0 as their strength c grows from 0. Each is written once, for
floats and for arrays of balls, and does not cancel where c is much larger than d.

References
----------
H. W. Engl, M. Hanke and A. Neubauer, "Regularization of Inverse Problems"
(1996), chapters 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from sdtheory.validation import Array, InvalidInputError, Values, as_number, as_real_array

#: Maps eigenvalues and a strength to filter values.
Family = Callable[[Any, Any], Any]

#: Strengths tried by `match` span this factor beyond the extreme positive eigenvalues.
_REACH = 1e12


def tikhonov(d: Values, c: Values) -> Values:
    r"""Return Tikhonov's filter, one round of the constrained problem.

    .. math:: T_c(d) = \frac{d}{c + d}

    Parameters
    ----------
    d : array_like
        Non-negative eigenvalues.
    c : array_like
        Positive strength, here the ridge multiplier; broadcast against d.
    """
    return d / (c + d)


def self_distillation(d: Values, c: Values) -> Values:
    r"""Return the filter of self-distillation, the diagonal of B_{t-1}.

    .. math:: F(d) = \prod_{i<t} \frac{d}{c_i + d}

    Parameters
    ----------
    d : array_like of shape (n,)
        Non-negative eigenvalues.
    c : array_like of shape (t,)
        Positive multiplier of each round.

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.prod(tikhonov(d, np.asarray(c)[:, None]), axis=0)


def iterated_tikhonov(d: Values, c: Values, iterations: int) -> Values:
    r"""Return the filter of iterated Tikhonov regularisation.

    Each iteration fits the residual of the previous ones with the same ridge.

    .. math:: \varphi(d) = 1 - \Bigl(\frac{c}{c + d}\Bigr)^m

    Parameters
    ----------
    d, c
        As for `tikhonov`.
    iterations : int
        The number m of fits, at least 1.
    """
    return -np.expm1(-iterations * np.log1p(d / c))


def gradient_flow(d: Values, c: Values) -> Values:
    r"""Return the filter of gradient flow from zero, stopped at time 1/c.

    .. math:: \varphi(d) = 1 - e^{-d/c}

    It is the solution of ``w' = d (z - w)``, ``w(0) = 0``, divided by z.

    Parameters
    ----------
    d, c
        As for `tikhonov`; c is one over the stopping time.
    """
    return -np.expm1(-(d / c))


def match(family: Family, d: ArrayLike, measure: Callable[[Array], float], target: float) -> float:
    """Return the strength at which a measure of the filter has a given value.

    Parameters
    ----------
    family : callable
        `tikhonov`, `gradient_flow`, or another ``family(d, c)`` that falls
        as c grows.
    d : array_like of shape (n,)
        Non-negative eigenvalues, one positive at least.
    measure : callable
        Maps filter values of shape (n,) to a number that is strictly monotone in
        them. Examples are ``np.sum`` (degrees of freedom) and the mean squared
        residual ``lambda phi: np.mean(((1 - phi) * z) ** 2)``.
    target : float
        Value wanted.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If an argument is unusable, or no strength reaches the target.
    """
    eigenvalues = as_real_array(d, "d", ndim=(1,))
    positive = eigenvalues[eigenvalues > 0]
    if np.any(eigenvalues < 0) or not positive.size:
        raise InvalidInputError(
            "d must hold non-negative eigenvalues, one of them positive. Pass the eigenvalues of "
            "a Gram matrix that is not zero."
        )
    wanted = float(as_real_array([target], "target", ndim=(1,))[0])

    def gap(log_c: float) -> float:
        return as_number(measure(family(eigenvalues, np.exp(log_c))), "measure(phi)") - wanted

    weakest, strongest = np.log(positive.min() / _REACH), np.log(positive.max() * _REACH)
    ends = gap(weakest), gap(strongest)
    if ends[0] == ends[1] or not min(ends) <= 0 <= max(ends):
        low, high = sorted(wanted + end for end in ends)
        raise InvalidInputError(
            f"target is {wanted:.6g}, but this family's measure lies between {low:.6g} and "
            f"{high:.6g} on these eigenvalues. Choose a target between, and a measure that changes."
        )
    log_c = scipy.optimize.brentq(gap, weakest, strongest, xtol=1e-14, rtol=1e-14)  # pyright: ignore[reportArgumentType]
    return float(np.exp(float(log_c)))  # pyright: ignore[reportArgumentType]
