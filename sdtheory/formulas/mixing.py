r"""Chains that mix labels: old ones kept, new ones drawn, several fits combined.

A round is a smoother with the entry ``s = d/(c + d)`` for each eigenvalue.
Formulas are written once, for floats and for arrays of balls.

References
----------
K. Borup and L. N. Andersen (2021), labels kept in the loop; as restated in this book.
H. Dang, P. Patil and A. Rinaldo (2026), optimal mixing; as restated in this book. Its choice
by generalised cross-validation is `sdtheory.recursion.gcv_mixing`.
"""

from __future__ import annotations

import numpy as np

from sdtheory.validation import Values


def roughness(d: Values, z: Values) -> Values:
    r"""Return the least regulariser of all functions with given values at the inputs.

    .. math:: R(v) = \frac1n v^\top G^{+} v = \frac1n \sum_{d_k > 0} \frac{z_k^2}{d_k},
              \qquad z = V v

    Parameters
    ----------
    d : array_like of shape (..., n)
        Non-negative eigenvalues.
    z : array_like of shape (..., n)
        Values in the eigenbasis. Parts where d = 0 do not count.

    Returns
    -------
    ndarray of shape (...)
    """
    positive = (d > 0).astype(bool)
    return np.mean(np.where(positive, np.square(z) / np.where(positive, d, 1), 0 * z), axis=-1)


def kept_labels(d: Values, c: Values, a: Values, rounds: Values) -> Values:
    r"""Return the filter of a chain that keeps a share of the labels in the loop.

    Each round fits the mixture ``a y + (1 - a) y_t`` with the same ridge.

    .. math:: \Lambda + \bigl((1 - a) s\bigr)^t (1 - \Lambda), \qquad
              s = \frac{d}{c + d}, \quad \Lambda = \frac{d}{c/a + d}

    Parameters
    ----------
    d : array_like
        Non-negative eigenvalues.
    c : array_like
        Positive ridge multiplier; broadcast against d.
    a : array_like
        Share of the labels, in (0, 1].
    rounds : int or array_like of int
        The number t of rounds.
    """
    limit = d / (c / a + d)
    return limit + ((1 - a) * d / (c + d)) ** rounds * (1 - limit)


def mixing_parts(d: Values, c: Values, theta2: Values, sigma2: Values) -> tuple[Values, Values]:
    r"""Return slope and curvature of the risk of a mixture of teacher and student.

    The mixture ``(1 - xi) s + xi s^2`` has the risk :math:`R + \xi\,R_1 + \xi^2 D`,

    .. math:: R_1 = \frac2n \sum_k s_k (1-s_k)
              \bigl((1-s_k)\,\theta_k^2 - s_k\,\sigma^2\bigr), \qquad
              D = \frac1n \sum_k s_k^2 (1-s_k)^2 (\theta_k^2 + \sigma^2) .

    Parameters
    ----------
    d : array_like of shape (..., n)
        Non-negative eigenvalues.
    c : array_like of shape (..., 1) or ()
        Positive ridge multiplier.
    theta2 : array_like of shape (..., n)
        Squared components of the truth in the eigenbasis.
    sigma2 : array_like of shape (..., 1) or ()
        Variance of the noise.

    Returns
    -------
    slope, curvature : ndarray of shape (...)
    """
    s, rest = d / (c + d), c / (c + d)
    moved = s * rest
    slope = 2 * np.mean(moved * (rest * theta2 - s * sigma2), axis=-1)
    return slope, np.mean(np.square(moved) * (theta2 + sigma2), axis=-1)


def fresh_labels_risk(
    d: Values, c: Values, share: Values, theta2: Values, sigma2: Values
) -> Values:
    r"""Return the stationary risk in each direction of a chain that gets some new labels.

    Each generation is fitted to the share w of new labels and 1 - w of its own
    outputs with new noise of the same variance. With ``s = d/(c + d)``:

    .. math:: \theta^2 \Bigl(\frac{1-s}{1-(1-w)s}\Bigr)^2 +
              \sigma^2 s^2\, \frac{w^2 + (1-w)^2}{1 - (1-w)^2 s^2}

    Parameters
    ----------
    d, c
        As for `kept_labels`.
    share : array_like
        Share w of new labels, in [0, 1].
    theta2, sigma2 : array_like
        Squared components of the truth, and the variance of the noise.
    """
    s, rest, own = d / (c + d), c / (c + d), 1 - share
    kept = rest + share * s
    spread = (np.square(share) + np.square(own)) / (kept * (1 + own * s))
    return theta2 * np.square(rest / kept) + sigma2 * np.square(s) * spread


def best_fresh_own(s: Values) -> Values:
    r"""Return the share of own outputs at which the stationary variance is least.

    .. math:: u = \frac{2}{2 + s^2 + \sqrt{4 + s^4}}, \qquad
              s^2 u^2 - (2 + s^2)\,u + 1 = 0

    Parameters
    ----------
    s : array_like
        Entries of the smoother, in [0, 1]; at 1 the best share of new labels
        is (sqrt(5) - 1)/2.
    """
    return 2 / (2 + s**2 + np.sqrt(4 + s**4))


def bootstrapped(d: Values, c: Values, discount: Values, rounds: Values) -> Values:
    r"""Return the filter of values that are fitted to a reward plus their own discount.

    .. math:: q_{k+1} = s\,(1 + \gamma q_k), \quad q_0 = 0: \qquad
              q_k = \frac{d}{c + (1-\gamma) d} \bigl(1 - (\gamma s)^k\bigr)

    Parameters
    ----------
    d, c
        As for `kept_labels`.
    discount : array_like
        The discount gamma, in [0, 1).
    rounds : int or array_like of int
        The number k of rounds.
    """
    return d / (c + (1 - discount) * d) * (1 - (discount * d / (c + d)) ** rounds)


def interpolating_shares(s: Values, target: Values) -> Values:
    r"""Return the shares of the labels with which a mixed chain has a given filter.

    The chain ``phi_0 = s``, ``phi_i = s (xi_i + (1 - xi_i) phi_{i-1})`` ends in a
    polynomial of degree r + 1 whose coefficients sum to 1. It meets r targets at
    r distinct entries of s, and is found by Newton's divided differences.

    Parameters
    ----------
    s : array_like of shape (..., r)
        Distinct entries of the smoother, in (0, 1).
    target : array_like of shape (..., r)
        Wanted entries of the filter.

    Returns
    -------
    ndarray of shape (..., r)
        The shares xi_1, ..., xi_r; not finite where a share of the labels is 1
        before the last step, which no further step can undo.
    """
    nodes = [s[..., j] for j in range(s.shape[-1])]
    nodes.append(1 + 0 * nodes[0])
    # q(s) = phi(s)/s at the nodes, and q(1) = 1
    table = [target[..., j] / s[..., j] for j in range(s.shape[-1])] + [nodes[-1]]
    newton = [table[0]]
    for order in range(1, len(nodes)):
        table = [
            (table[j + 1] - table[j]) / (nodes[j + order] - nodes[j]) for j in range(len(table) - 1)
        ]
        newton.append(table[0])
    # Horner's scheme, from Newton's to the monomial basis
    coefficients = [newton[-1]]
    for node, value in zip(nodes[-2::-1], newton[-2::-1], strict=True):
        shifted = [0 * value, *coefficients]
        lowered = [*(node * b for b in coefficients), 0 * value]
        coefficients = [a - b for a, b in zip(shifted, lowered, strict=True)]
        coefficients[0] = coefficients[0] + value
    shares, left = [], 1 + 0 * nodes[0]
    for coefficient in coefficients[:-1]:
        shares.append(coefficient / left)
        left = left - coefficient
    # the last step mixes first into the polynomial
    return np.stack(shares[::-1], axis=-1)


def mixed_chain(s: Values, shares: Values) -> Values:
    r"""Return the filter after a chain that mixes the labels in with given shares.

    .. math:: \varphi_0 = s, \qquad \varphi_i = s\,\bigl(\xi_i + (1 - \xi_i)\,\varphi_{i-1}\bigr)

    Parameters
    ----------
    s : array_like of shape (..., n)
        Entries of the smoother.
    shares : array_like of shape (..., r)
        The shares xi_1, ..., xi_r of the labels.
    """
    phi = s
    for i in range(shares.shape[-1]):
        share = shares[..., i : i + 1]
        phi = s * (share + (1 - share) * phi)
    return phi
