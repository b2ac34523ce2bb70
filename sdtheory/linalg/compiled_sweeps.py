"""The functions of `sdtheory.linalg.sweeps` in compiled loops, with the same bits.

Importing this module needs Numba, which the extra ``scale`` installs. The
first call compiles, in some seconds; the code is then kept on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from sdtheory.linalg.sweeps import Factors
from sdtheory.validation import Array

# no fast-math flags: the bits are those of NumPy's operations
_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


def _shared(work: Callable[[int, int], None], stretches: int) -> None:
    """Share the stretches, which do not depend on each other, among the cores."""
    edges = np.linspace(0, stretches, (os.cpu_count() or 1) + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


def factorise(factors: Factors) -> tuple[Array, Array, Array]:
    """Do as `sdtheory.linalg.sweeps.factorise`."""
    m, stretches = factors.response.shape[1:]
    A, C, J = np.zeros((3, m, m, stretches))
    A[range(m), range(m)] = 1.0
    loop = _factorise_bridge if m == 1 else _factorise_beam
    _shared(lambda start, stop: loop((start, stop), factors, (A, C, J)), stretches)
    return A, C, J


def forward(labels: Array, factors: Factors, predicted: Array) -> tuple[Array, Array]:
    """Do as `sdtheory.linalg.sweeps.forward`."""
    _, q, stretches = labels.shape
    m = factors.response.shape[1]
    b, eta = np.zeros((2, m, q, stretches))
    loop = _forward_bridge if m == 1 else _forward_beam
    _shared(
        lambda start, stop: loop((start, stop), (labels, predicted), factors, (b, eta)), stretches
    )
    return b, eta


def backward(
    given: tuple[Array, Array],
    ends: tuple[Array, Array],
    factors: Factors,
    results: tuple[Array, Array, Array],
) -> None:
    """Do as `sdtheory.linalg.sweeps.backward`."""
    loop = _backward_bridge if len(ends[0]) == 1 else _backward_beam
    _shared(
        lambda start, stop: loop((start, stop), given, ends, factors, results), given[0].shape[2]
    )


@_compiled
def _factorise_bridge(span, factors, ends):
    _, gaps, precision, response, covariance, ratio, gain = factors
    A, C, J = ends
    for i in range(len(gaps)):
        for p in range(*span):
            a, c = A[0, 0, p], C[0, 0, p] + gaps[i, p]
            u = 1 / (1 + precision[i, p] * c)
            g = precision[i, p] * u
            response[i, 0, p], covariance[i, 0, p] = a, c
            ratio[i, p], gain[i, p] = u, g
            J[0, 0, p] += a * (g * a)
            A[0, 0, p], C[0, 0, p] = a * u, c * u


@_compiled
def _factorise_beam(span, factors, ends):
    _, gaps, precision, response, covariance, ratio, gain = factors
    A, C, J = ends
    for i in range(len(gaps)):
        for p in range(*span):
            h = gaps[i, p]
            a0 = A[0, 0, p] + h * A[1, 0, p]
            a1 = A[0, 1, p] + h * A[1, 1, p]
            c0 = C[0, 0, p] + h * C[1, 0, p]
            c1 = C[0, 1, p] + h * C[1, 1, p]
            half = h * h / 2
            c0 = c0 + h * c1 + half * h * (2 / 3)
            c1 += half
            u = 1 / (1 + precision[i, p] * c0)
            g = precision[i, p] * u
            response[i, 0, p], response[i, 1, p] = a0, a1
            covariance[i, 0, p], covariance[i, 1, p] = c0, c1
            ratio[i, p], gain[i, p] = u, g
            w0, w1 = g * a0, g * a1
            J[0, 0, p] += a0 * w0
            J[0, 1, p] += a0 * w1
            J[1, 0, p] += a1 * w0
            J[1, 1, p] += a1 * w1
            A[1, 0, p] -= c1 * w0
            A[1, 1, p] -= c1 * w1
            A[0, 0, p], A[0, 1, p] = a0 * u, a1 * u
            C[1, 1, p] = (C[1, 1, p] + h) - c1 * c1 * g
            C[0, 0, p] = c0 * u
            C[0, 1, p] = C[1, 0, p] = c1 * u


@_compiled
def _forward_bridge(span, given, factors, ends):
    (labels, predicted), (b, eta) = given, ends
    for i in range(len(labels)):
        for j in range(labels.shape[1]):
            for p in range(*span):
                predicted[i, j, p] = b[0, j, p]
                weighted = factors.gain[i, p] * (labels[i, j, p] - b[0, j, p])
                eta[0, j, p] += factors.response[i, 0, p] * weighted
                b[0, j, p] += factors.covariance[i, 0, p] * weighted


@_compiled
def _forward_beam(span, given, factors, ends):
    (labels, predicted), (b, eta) = given, ends
    _, gaps, _, response, covariance, _, gain = factors
    for i in range(len(labels)):
        for j in range(labels.shape[1]):
            for p in range(*span):
                f = b[0, j, p] + gaps[i, p] * b[1, j, p]
                predicted[i, j, p] = f
                weighted = gain[i, p] * (labels[i, j, p] - f)
                eta[0, j, p] += response[i, 0, p] * weighted
                eta[1, j, p] += response[i, 1, p] * weighted
                b[0, j, p] = f + covariance[i, 0, p] * weighted
                b[1, j, p] += covariance[i, 1, p] * weighted


@_compiled
def _backward_bridge(span, given, ends, factors, results):
    (labels, predicted), (state, costate), (values, residual, _) = given, ends, results
    _, _, precision, response, covariance, ratio, _ = factors
    for i in range(len(labels) - 1, -1, -1):
        for j in range(labels.shape[1]):
            for p in range(*span):
                y = labels[i, j, p]
                mean = predicted[i, j, p] + response[i, 0, p] * state[0, j, p]
                future = covariance[i, 0, p] * costate[0, j, p]
                w = ratio[i, p] * (y - mean - future)
                jump = precision[i, p] * w
                sums = mean + future + covariance[i, 0, p] * jump
                residual[i, j, p] = w
                values[i, j, p] = y - w if 2 * abs(w) <= abs(y) else sums
                costate[0, j, p] += jump


@_compiled
def _backward_beam(span, given, ends, factors, results):
    (labels, predicted), (state, costate), (values, residual, curvature) = given, ends, results
    unit, gaps, precision, response, covariance, ratio, _ = factors
    unit2 = unit * unit
    for i in range(len(labels) - 1, -1, -1):
        for j in range(labels.shape[1]):
            for p in range(*span):
                y = labels[i, j, p]
                mean = predicted[i, j, p] + response[i, 0, p] * state[0, j, p]
                mean += response[i, 1, p] * state[1, j, p]
                future = covariance[i, 0, p] * costate[0, j, p]
                future += covariance[i, 1, p] * costate[1, j, p]
                w = ratio[i, p] * (y - mean - future)
                jump = precision[i, p] * w
                sums = mean + future + covariance[i, 0, p] * jump
                residual[i, j, p] = w
                values[i, j, p] = y - w if 2 * abs(w) <= abs(y) else sums
                force = costate[0, j, p] + jump
                curvature[i, j, p] = costate[1, j, p] / unit2
                costate[0, j, p] = force
                costate[1, j, p] += gaps[i, p] * force
