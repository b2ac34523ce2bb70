"""Sweeps through all stretches of a spline at once, row by row of arrays (L, ..., P).

They are the parts of `sdtheory.linalg.smoother`; its docstring explains what these compute.
Arrays hold floats or, for twice the precision, are `sdtheory.linalg.double_double.DoubleDouble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sdtheory.linalg.double_double import high, where, zeros


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
    gaps: Any
    precision: Any
    response: Any
    covariance: Any
    ratio: Any
    gain: Any


def factorise(factors: Factors) -> tuple[Any, Any, Any]:
    """Filter the covariances from left to right; return A, C and J, shape (m, m, P).

    All but the unit, gaps and precision of `factors` is overwritten.
    """
    m, stretches = factors.response.shape[1:]
    A, C, J = (zeros((m, m, stretches), like=factors.gaps) for _ in range(3))
    A[range(m), range(m)] = 1.0
    for h, p, response, covariance, ratio, gain in zip(*factors[1:], strict=True):
        if m == 2:
            A[0] += h * A[1]
            C[0] += h * C[1]
            C[:, 0] += h * C[:, 1]
            half = h * h / 2
            C[0, 0] += half * h * 2 / 3
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
            C[1, 1] -= covariance[1] * covariance[1] * gain
        C[0] *= ratio
        C[1:, 0] = C[0, 1:]
    return A, C, J


def forward(labels: Any, factors: Factors, predicted: Any) -> tuple[Any, Any]:
    """Filter labels of shape (L, q, P) from left to right; return b and eta, shape (m, q, P).

    The predictions, of the shape of the labels, are overwritten.
    """
    _, q, stretches = labels.shape
    m = factors.response.shape[1]
    b, eta = (zeros((m, q, stretches), like=labels) for _ in range(2))
    for i, (y, gain) in enumerate(zip(labels, factors.gain, strict=True)):
        if m == 2:
            b[0] += factors.gaps[i] * b[1]
        predicted[i] = b[0]
        weighted = gain * (y - b[0])
        eta += factors.response[i][:, None] * weighted
        b += factors.covariance[i][:, None] * weighted
    return b, eta


def backward(labels: Any, ends: tuple[Any, Any], factors: Factors, results: Sequence[Any]) -> None:
    """Smooth from right to left.

    Parameters
    ----------
    labels : ndarray of shape (L, q, P)
    ends : tuple of ndarray of shape (m, q, P)
        First state and last costate of each stretch; the costate is overwritten.
    factors : Factors
    results : sequence of ndarray of shape (L, q, P)
        Values, which hold the predictions at first, residual and curvature, overwritten; no
        curvature for m = 1.
    """
    (state, costate), (values, residual, curvature) = ends, results
    m = len(state)
    unit2 = factors.unit * factors.unit
    for i in reversed(range(len(labels))):
        y, response, covariance = labels[i], factors.response[i], factors.covariance[i]
        mean = values[i]
        for j in range(m):
            mean = mean + response[j] * state[j]
        future = covariance[0] * costate[0]
        for j in range(1, m):
            future += covariance[j] * costate[j]
        w = factors.ratio[i] * (y - mean - future)
        jump = factors.precision[i] * w
        # the fit as a difference, where the terms of its sum are no smaller than the label: these
        # suffer from steep slopes between labels that are nearly interpolated
        steep = np.abs(high(mean)) + np.abs(high(future)) >= np.abs(high(y))
        values[i] = where(steep, y - w, mean + future + covariance[0] * jump)
        residual[i] = w
        costate[0] += jump
        if m == 2:
            curvature[i] = costate[1] / unit2
            costate[1] += factors.gaps[i] * costate[0]
