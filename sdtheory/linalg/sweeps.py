"""Sweeps through all stretches of a spline at once, row by row of arrays (L, ..., P).

They are the parts of `sdtheory.linalg.smoother`; its docstring explains what these compute.
Arrays hold floats or, for twice the precision, are `sdtheory.linalg.double_double.DoubleDouble`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from sdtheory.linalg.double_double import empty, zeros


class Factors(NamedTuple):
    """What all right sides share.

    Attributes
    ----------
    gaps : ndarray of shape (L, P)
        Distance to the knot before.
    counts : ndarray of shape (L, P) or None
        Labels at each knot; None where all are 1.
    response : ndarray of shape (L, m, P)
        Of the predicted value to the stretch's first state.
    covariance : ndarray of shape (L, m, P)
        Of the predicted value with the predicted state, over the variance of a label.
    ratio : ndarray of shape (L, P)
        Variance of the mean label over that of its difference from the prediction.
    """

    gaps: Any
    counts: Any
    response: Any
    covariance: Any
    ratio: Any

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of all knots, from left to right; they are views."""
        rows = repeat(None, len(self.gaps)) if self.counts is None else self.counts
        return zip(self.gaps, rows, *self[2:], strict=True)


def factorise(gaps: Any, counts: Any, scale: Any, m: int) -> tuple[Factors, tuple[Any, Any, Any]]:
    """Filter the covariances from left to right; return the factors, and A, C, J (m, m, P).

    Parameters
    ----------
    gaps, counts : ndarray of shape (L, P)
        As in `Factors`.
    scale : float or DoubleDouble
        Variance of f^(m) over a unit of length, over the variance of a label.
    m : {1, 2}
        Length of a state.
    """
    length, stretches = gaps.shape
    states, labels = (length, m, stretches), (length, stretches)
    factors = Factors(gaps, counts, *(empty(a, like=gaps) for a in (states, states, labels)))
    A, C, J = (zeros((m, m, stretches), like=gaps) for _ in range(3))
    A[range(m), range(m)] = 1.0
    first, filtered, last = A[0], C[0], C[-1, -1]
    for h, count, response, covariance, ratio in factors.rows():
        noise = scale * h
        response[...] = first + h * A[1] if m == 2 else first
        covariance[...] = filtered
        variance, mixed = covariance[0], covariance[-1]
        if m == 2:
            square = h * noise
            rise = square / 3
            rise += mixed
            mixed += h * last
            rise += mixed
            rise *= h
            variance += rise  # h (2 C_01 + h C_11 + scale h^2 / 3)
            mixed += square / 2
            last += noise
        else:
            variance += noise
        ratio[...] = 1 / (1 + (variance if count is None else count * variance))
        first, filtered = ratio * response, ratio * covariance
        weighted = first if count is None else count * first
        for j in range(m):
            J[j, j:] += response[j] * weighted[j:]
        if m == 2:
            A[1] -= mixed * weighted
            last -= mixed * (filtered[1] if count is None else count * filtered[1])
    A[0], C[0] = first, filtered
    C[1:, 0], J[1:, 0] = C[0, 1:], J[0, 1:]
    return factors, (A, C, J)


def forward(labels: Any, factors: Factors, predicted: Any) -> tuple[Any, Any]:
    """Filter labels of shape (L, q, P) from left to right; return b and eta, shape (m, q, P).

    The predictions, of the shape of the labels, are overwritten.
    """
    _, q, stretches = labels.shape
    m = factors.response.shape[1]
    b, eta = (zeros((m, q, stretches), like=labels) for _ in range(2))
    rows = zip(labels, predicted, factors.rows(), strict=True)
    for y, prediction, (h, count, response, covariance, ratio) in rows:
        if m == 2:
            b[0] += h * b[1]
        prediction[...] = b[0]
        weighted = y - prediction
        weighted *= ratio
        if count is not None:
            weighted *= count
        eta += response[:, None] * weighted
        b += covariance[:, None] * weighted
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
        Values, which hold the predictions at first, residual and second costate, overwritten;
        the last of them only for m = 2.
    """
    (state, costate), m = ends, len(ends[0])
    rows = [*zip(labels, *results, factors.rows(), strict=True)]
    for y, value, residual, bend, (h, count, response, covariance, ratio) in reversed(rows):
        fit = value  # in place
        for j in range(m):
            fit += response[j] * state[j]
            fit += covariance[j] * costate[j]
        residual[...] = ratio * (y - fit)
        # a mean of label and prediction, as y less the residual may cancel
        lift = covariance[0] if count is None else count * covariance[0]
        fit += lift * y
        fit *= ratio
        costate[0] += residual if count is None else count * residual
        if m == 2:
            bend[...] = costate[1]
            costate[1] += h * costate[0]
