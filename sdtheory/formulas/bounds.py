r"""Closed-form bounds of the paper, as pure functions.

Each is written once in arithmetic that NumPy applies to floats and to arrays
of balls alike. Where a bound depends on ``r = ||y|| / sqrt(n epsilon)`` only
through ``r - 1``, it takes that ``r_minus_1``: near 1 the subtraction would lose
its digits.
"""

from __future__ import annotations

import numpy as np

from sdtheory.validation import Values


def multiplier_bounds(d_min: Values, d_max: Values, r_minus_1: Values) -> tuple[Values, Values]:
    r"""Return lower and upper bound of the multiplier.

    .. math:: \frac{d_{\min}}{r - 1} \le c \le \frac{d_{\max}}{r - 1}

    Parameters
    ----------
    d_min, d_max : array_like
        Extreme eigenvalues of G.
    r_minus_1 : array_like
        ``r - 1``, positive.

    References
    ----------
    Mobahi et al. (2020), Prop. 2; as restated here.
    """
    return d_min / r_minus_1, d_max / r_minus_1


def one_round_bound(r_minus_1: Values, kappa: Values) -> Values:
    r"""Return the lower bound of r_{t+1}, given r_t.

    .. math:: h(r) = \frac{r\,(r - 1)}{r - 1 + \kappa}

    Parameters
    ----------
    r_minus_1 : array_like
        ``r_t - 1``.
    kappa : array_like
        Condition number of G; the bound is 0 where it is infinite.

    References
    ----------
    Mobahi et al. (2020), the step before Prop. 3; as restated here.
    """
    return (1 + r_minus_1) * r_minus_1 / (r_minus_1 + kappa)


def norm_bound_line(r_0_minus_1: Values, kappa: Values) -> tuple[Values, Values]:
    r"""Return slope a and offset b of the line that bounds one round from below.

    .. math:: r_{t+1} \ge a\,r_t - b, \qquad
              a = \frac{(r_0-1)^2 + \kappa(2r_0-1)}{(r_0-1+\kappa)^2}, \quad
              b = \frac{r_0^2\,\kappa}{(r_0-1+\kappa)^2},

    the tangent at :math:`r_0` of the convex map
    :math:`r \mapsto r(r-1)/(r-1+\kappa)`.

    Parameters
    ----------
    r_0_minus_1 : array_like
        ``r_0 - 1``, positive.
    kappa : array_like
        Condition number of G, finite.

    References
    ----------
    Mobahi et al. (2020), Prop. 3; as restated here.
    """
    denominator = (r_0_minus_1 + kappa) ** 2
    a = (r_0_minus_1**2 + kappa * (2 * r_0_minus_1 + 1)) / denominator
    b = (1 + r_0_minus_1) ** 2 * kappa / denominator
    return a, b


def norm_bound(r_0_minus_1: Values, kappa: Values, rounds: int) -> Values:
    r"""Return the lower bounds of r_1, ..., r_rounds along a new last axis.

    .. math:: r_t \ge a^t r_0 - b\,\frac{a^t - 1}{a - 1},

    evaluated as t steps of the line, which also holds at a = 1 (that is,
    kappa = 1). A step is taken as ``a (r - 1) - (b - a)``, since a and b
    nearly cancel as r_0 approaches 1. It bounds r_t for every t; once the
    labels are zero it is not positive.

    Parameters
    ----------
    r_0_minus_1, kappa : array_like of shape (...)
        As in `norm_bound_line`.
    rounds : int
        Number of rounds.

    Returns
    -------
    ndarray of shape (..., rounds)

    References
    ----------
    Mobahi et al. (2020), Prop. 3; as restated here.
    """
    a, _ = norm_bound_line(r_0_minus_1, kappa)
    difference = (kappa - 1) * (r_0_minus_1 / (r_0_minus_1 + kappa)) ** 2
    bounds, r_minus_1 = [], r_0_minus_1
    for _ in range(rounds):
        bounds.append(a * r_minus_1 - difference)
        r_minus_1 = bounds[-1] - 1
    return np.stack(bounds, axis=-1)


def guaranteed_rounds(r_0_minus_1: Values, kappa: Values) -> Values:
    r"""Return the paper's guarantee (r_0 - 1)/kappa of non-trivial rounds.

    The number N of non-trivial fits, the first one included, is at least this
    number, hence at least its ceiling; 0 where kappa is infinite.

    References
    ----------
    Mobahi et al. (2020), Prop. 4; as restated here.
    """
    return r_0_minus_1 / kappa


def sparsification_bound(
    r_0_minus_1: Values, d_min: Values, d_j: Values, d_k: Values, rounds: Values
) -> Values:
    r"""Return the lower bound of B[k]/B[j] after a number of rounds.

    .. math:: \frac{B_{t-1}[k]}{B_{t-1}[j]} \ge
              \left(\frac{r_0 - 1 + d_{\min}/d_j}{r_0 - 1 + d_{\min}/d_k}\right)^t,
              \qquad d_k > d_j

    Parameters
    ----------
    r_0_minus_1 : array_like
        ``r_0 - 1``, positive.
    d_min, d_j, d_k : array_like
        The smallest eigenvalue and two others, positive.
    rounds : int or array_like of int
        The number t of rounds.

    References
    ----------
    Mobahi et al. (2020), Thm 5; as restated here.
    """
    return ((r_0_minus_1 + d_min / d_j) / (r_0_minus_1 + d_min / d_k)) ** rounds


def log_sparsification_bound(
    r_0_minus_1: Values, d_min: Values, d_j: Values, d_k: Values, rounds: Values
) -> Values:
    r"""Return the logarithm of `sparsification_bound`, without cancellation or overflow.

    .. math:: t \log\Bigl(1 + \frac{d_{\min}\,(d_k - d_j)}
              {d_j\,\bigl((r_0 - 1)\,d_k + d_{\min}\bigr)}\Bigr)
    """
    return rounds * np.log1p(d_min * (d_k - d_j) / (d_j * (r_0_minus_1 * d_k + d_min)))


def log_near_interpolation_limits(d: Values) -> Values:
    r"""Return the logarithms, as epsilon falls to 0, of the bounds on ratios of neighbours in B.

    .. math:: \frac{d_{\min}}{\kappa} \Bigl(\frac1{d_k} - \frac1{d_{k+1}}\Bigr)

    The smallest is that of the bound on the sparsity index.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Positive eigenvalues, ascending.

    Returns
    -------
    ndarray of shape (..., n-1)

    References
    ----------
    Mobahi et al. (2020), Thm 6; as restated here.
    """
    low, high = d[..., :-1], d[..., 1:]
    return (d[..., :1] / d[..., -1:]) * (d[..., :1] / low) * ((high - low) / high)


def path_length_factor(kappa: Values) -> Values:
    r"""Return K with ||y|| <= L(y) <= K ||y|| for the path length L.

    .. math:: K = \min\Bigl\{ \frac{1 + \kappa}{2\sqrt\kappa},\;
              \tfrac18 + e^{-2} + \tfrac12 \sqrt{\log(16\kappa)} \Bigr\}

    Parameters
    ----------
    kappa : array_like
        Condition number of G, finite and at least 1.

    References
    ----------
    This book, prop-length-bounds.
    """
    kantorovich = (1 + kappa) / (2 * np.sqrt(kappa))
    logarithmic = np.exp(0 * kappa - 2) + np.sqrt(np.log(16 * kappa)) / 2 + 0.125
    return np.where((kantorovich < logarithmic).astype(bool), kantorovich, logarithmic)
