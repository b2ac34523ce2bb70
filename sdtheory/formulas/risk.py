r"""Risk of a spectral filter at fixed inputs, in the eigenbasis of G.

The labels are ``y = f_0(x) + noise`` with uncorrelated noise of variance
sigma^2. With ``theta = V f_0(x)`` a *fixed* filter phi has the risk

.. math:: \frac1n \mathbb{E}\,\|\hat f(x) - f_0(x)\|^2
          = \frac1n \sum_k (1 - \varphi_k)^2 \theta_k^2 + \varphi_k^2 \sigma^2 .

The multipliers of self-distillation depend on the labels, so that its filter
is not fixed: the chapter on risk measures the difference. Formulas are written
once, for floats and for arrays of balls.

References
----------
G. Wahba, "Spline Models for Observational Data" (1990), chapter 4.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from sdtheory.validation import Values


def fixed_design_risk(phi: Values, theta2: Values, sigma2: Values) -> Values:
    """Return the mean squared error of a fixed filter at the inputs.

    Parameters
    ----------
    phi : array_like of shape (..., n)
        Filter values.
    theta2 : array_like of shape (..., n)
        Squared components of the truth in the eigenbasis.
    sigma2 : array_like of shape (..., 1) or ()
        Variance of the noise.

    Returns
    -------
    ndarray of shape (...)
    """
    return np.mean(np.square(1 - phi) * theta2 + np.square(phi) * sigma2, axis=-1)


def wiener(theta2: Values, sigma2: Values) -> Values:
    r"""Return the filter of least risk, which knows truth and noise.

    .. math:: w_k = \frac{\theta_k^2}{\theta_k^2 + \sigma^2}

    Parameters
    ----------
    theta2, sigma2
        As for `fixed_design_risk`, with positive sigma2.
    """
    return theta2 / (theta2 + sigma2)


def ridge_between(d: Values, c: Values, theta2: Values, sigma2: Values) -> Values:
    r"""Return the multiplier of a single round between several rounds and Wiener's filter.

    .. math:: \max_k \min\{m(d_k), \mu_k\}, \qquad m(d) = d \Bigl(\frac{1}{F(d)} - 1\Bigr), \quad
              \mu_k = \frac{\sigma^2 d_k}{\theta_k^2}

    If mu does not decrease with d, the filter of this round lies between F and w
    at every eigenvalue. So its risk is no larger than that of F.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Positive eigenvalues.
    c : array_like of shape (..., t)
        Multipliers of the rounds.
    theta2, sigma2
        As for `fixed_design_risk`, with positive sigma2.

    Returns
    -------
    ndarray of shape (...)
    """
    log_F = -np.sum(np.log1p(np.asarray(c)[..., :, None] / d[..., None, :]), axis=-2)
    return ridge_between_log(d, log_F, theta2, sigma2)


def ridge_between_log(d: Values, log_F: Values, theta2: Values, sigma2: Values) -> Values:
    """Return what `ridge_between` does, from the logarithm of the filter F of several rounds.

    Parameters
    ----------
    d, theta2, sigma2
        See `ridge_between`.
    log_F : array_like of shape (..., n)
        Logarithm of the filter.
    """
    one_over_m, one_over_mu = 1 / (d * np.expm1(-log_F)), theta2 / (d * sigma2)
    # maximum and minimum by absolute values, which balls need not decide
    larger = (one_over_m + one_over_mu + np.abs(one_over_m - one_over_mu)) / 2
    smallest = reduce(lambda a, b: (a + b - np.abs(a - b)) / 2, np.moveaxis(larger, -1, 0))
    return 1 / smallest
