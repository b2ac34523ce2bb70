"""Sweeps through all stretches of a spline at once, row by row of arrays (L, ..., P).

What `sdtheory.linalg.smoother` is made of; its module docstring says what these compute.
`sdtheory.linalg.compiled_sweeps` has the same functions, operation for operation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sdtheory.validation import Array


class Factors(NamedTuple):
    """What all right sides share.

    Attributes
    ----------
    unit : float
        Unit of length.
    gaps, precision : ndarray of shape (L, P)
        Distance to the knot before, and inverse variance of a label.
    response : ndarray of shape (L, m, P)
        Of the predicted value to the stretch's first state.
    covariance : ndarray of shape (L, m, P)
        Of the predicted value with the predicted state.
    ratio, gain : ndarray of shape (L, P)
        Variance of the label over that of the innovation, and times precision.
    """

    unit: float
    gaps: Array
    precision: Array
    response: Array
    covariance: Array
    ratio: Array
    gain: Array


def factorise(factors: Factors) -> tuple[Array, Array, Array]:
    """Filter the covariances from left to right; return A, C and J, shape (m, m, P).

    All but the unit, gaps and precision of `factors` is overwritten.
    """
    m, stretches = factors.response.shape[1:]
    A = np.zeros((m, m, stretches))
    A[range(m), range(m)] = 1.0
    C, J = np.zeros_like(A), np.zeros_like(A)
    for h, p, response, covariance, ratio, gain in zip(*factors[1:], strict=True):
        if m == 2:
            A[0] += h * A[1]
            C[0] += h * C[1]
            C[:, 0] += h * C[:, 1]
            half = h * h / 2
            C[0, 0] += half * h * (2 / 3)
            C[0, 1] += half
            C[1, 0] += half
        C[-1, -1] += h
        response[:], covariance[:] = A[0], C[0]
        ratio[:] = 1 / (1 + p * C[0, 0])
        gain[:] = p * ratio
        weighted = gain * A[0]
        J += response[:, None] * weighted
        A[1:] -= covariance[1:, None] * weighted
        A[0] *= ratio
        if m == 2:
            C[1, 1] -= covariance[1] ** 2 * gain
        C[0] *= ratio
        C[1:, 0] = C[0, 1:]
    return A, C, J


def forward(labels: Array, factors: Factors, predicted: Array) -> tuple[Array, Array]:
    """Filter labels of shape (L, q, P) from left to right; return b and eta, shape (m, q, P).

    The predictions, of the shape of the labels, are overwritten.
    """
    _, q, stretches = labels.shape
    m = factors.response.shape[1]
    b, eta = np.zeros((2, m, q, stretches))
    for i, (y, gain) in enumerate(zip(labels, factors.gain, strict=True)):
        if m == 2:
            b[0] += factors.gaps[i] * b[1]
        predicted[i] = b[0]
        weighted = gain * (y - b[0])
        eta += factors.response[i][:, None] * weighted
        b += factors.covariance[i][:, None] * weighted
    return b, eta


def backward(
    given: tuple[Array, Array],
    ends: tuple[Array, Array],
    factors: Factors,
    results: tuple[Array, Array, Array],
) -> None:
    """Smooth from right to left.

    Parameters
    ----------
    given : tuple of ndarray of shape (L, q, P)
        Labels and predictions.
    ends : tuple of ndarray of shape (m, q, P)
        First state and last costate of each stretch; the costate is overwritten.
    factors : Factors
    results : tuple of ndarray of shape (L, q, P)
        Values, residual and curvature, overwritten; no curvature for m = 1.
    """
    (labels, predicted), (state, costate), (values, residual, curvature) = given, ends, results
    m = len(state)
    unit2 = factors.unit * factors.unit
    for i in reversed(range(len(labels))):
        y, response, covariance = labels[i], factors.response[i], factors.covariance[i]
        mean = predicted[i]
        for j in range(m):
            mean = mean + response[j] * state[j]
        future = covariance[0] * costate[0]
        for j in range(1, m):
            future += covariance[j] * costate[j]
        w = factors.ratio[i] * (y - mean - future)
        jump = factors.precision[i] * w
        # where little is left of a label, the difference is the more accurate of the two: the
        # sums suffer from steep slopes between labels that are nearly interpolated
        close = 2 * np.abs(w) <= np.abs(y)
        values[i] = np.where(close, y - w, mean + future + covariance[0] * jump)
        residual[i] = w
        costate[0] += jump
        if m == 2:
            curvature[i] = costate[1] / unit2
            costate[1] += factors.gaps[i] * costate[0]
