r"""The length L(y) of the path on which self-distillation flows to zero.

.. math:: L(y) = \int_0^\infty \bigl\| G^{-1} e^{-s G^{-1}} y \bigr\|\, ds
               = \int_{-\infty}^{\infty} \sqrt{\sum_k e_k\, h(e^u/d_k)^2}\; du ,
          \qquad h(x) = x e^{-x},

with e_k the energy of y in eigendirection k. The second form has one bump of
unit area per eigenvalue, at u = log d_k, however widely the eigenvalues are
spread. Below the smallest eigenvalue it decays like exp(u) only. With
u = v - exp(-v) it decays double exponentially there too, and the trapezoidal
rule in v converges geometrically with few nodes.

`lost_rounds` computes the rounds that the bend of the path costs in the limit of
short steps (eq-lost-rounds).

References
----------
H. Takahasi and M. Mori, "Double exponential formulas for numerical
integration", Publ. RIMS 9 (1974) 721-741.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from sdtheory.validation import Array, InvalidInputError, as_real_array

#: Ends of the rule beside the eigenvalues: both lose about exp(-exp(3.7)) of the length.
_LEFT, _RIGHT = 3.7, 3.8
#: Spacing of the rule: halved until two agree, or the finest is reached.
_COARSEST, _FINEST = 1 / 4, 1 / 256
_AGREEMENT = 1e-13
#: The bend is integrated from this share of d_min until shares of the squared
#: speed fall below exp(-2 _STRAIGHT).
_EARLIEST, _STRAIGHT = 1e-9, 20.0
#: Steps of the grid on which the bend is bounded, and its end, in units of the largest eigenvalue.
_TIMES, _LATEST = 120, 50
#: Rows times coarsest nodes times eigenvalues that are evaluated at once: they stay in the cache.
_BLOCK = 1 << 14
#: The same of any nodes: what a large matrix needs must fit into memory.
_MOST = 1 << 20


def path_length(d: Any, energy: Any) -> Any:
    """Return L(y) by the trapezoidal rule, or an enclosure of it for balls.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    energy : array_like of shape (..., n)
        Energy of the labels in each eigendirection; several outputs summed.

    Returns
    -------
    ndarray of shape (...)
        To about 1e-13, relative. Infinite where energy lies on a zero
        eigenvalue, where G^{-1} y does not exist.

    Raises
    ------
    InvalidInputError
        If d or energy is negative or not finite, or their shapes do not fit.
    """
    d, energy = _as_spectrum(d, energy)
    batch = d.shape[:-1]
    rows = [a.reshape(-1, d.shape[-1]) for a in (d, energy)]
    if energy.dtype == object:
        # as np.sqrt does: the elements know how
        pairs = zip(*rows, strict=True)
        lengths = np.array([type(e[0]).path_length(k, e) for k, e in pairs], dtype=object)
        return lengths.reshape(batch)
    return _lengths(*rows).reshape(batch)


def _as_spectrum(d: Any, energy: Any) -> tuple[Any, Any]:
    """Return both as arrays of one shape: floats that are not negative, or objects as they are."""
    arrays = []
    for name, value in (("d", d), ("energy", energy)):
        array = np.asarray(value)
        if array.dtype != object:
            array = as_real_array(array, name, ndim=tuple(range(1, 9)), copy=False)
            if np.any(array < 0):
                raise InvalidInputError(
                    f"{name} must not be negative, but holds {np.min(array):.6g}. Pass eigenvalues "
                    f"of G, and squares of the labels' components."
                )
        arrays.append(array)
    try:
        shaped = np.broadcast_arrays(*arrays)
    except ValueError:
        raise InvalidInputError(
            f"d {arrays[0].shape} and energy {arrays[1].shape} do not fit together. Pass one "
            f"energy for each eigenvalue."
        ) from None
    return shaped[0], shaped[1]


def _lengths(d: Array, energy: Array) -> Array:
    """Return the length of each row of (m, n); rows of similar spread share their nodes."""
    used = energy > 0
    lengths = np.where(np.any(used & (d == 0), axis=1), np.inf, 0.0)
    rows = np.flatnonzero(np.any(used, axis=1) & (lengths == 0))
    d, energy, used = d[rows], energy[rows], used[rows]
    smallest = np.min(np.where(used, d, np.inf), axis=1, keepdims=True)
    # relative to the fastest direction; a direction without energy stands still
    rates = np.where(used, smallest / np.where(used, d, 1.0), 0.0)
    spread = -np.log(np.min(np.where(used, rates, 1.0), axis=1))
    size = np.max(energy, axis=1)
    weights = energy / size[:, None]
    order, start = np.argsort(spread, kind="stable"), 0
    while start < len(order):
        nodes = (spread[order[start]] + _LEFT + _RIGHT) / _COARSEST
        part = order[start : start + max(int(_BLOCK / (nodes * d.shape[1])), 1)]
        end = float(spread[part[-1]]) + _RIGHT
        lengths[rows[part]] = _trapezoidal(rates[part], weights[part], end)
        start += len(part)
    lengths[rows] *= np.sqrt(size)
    return lengths


def _trapezoidal(rates: Array, weights: Array, end: float) -> Array:
    """Integrate the speeds of some rows, each until two spacings agree."""
    totals, lengths, left = np.zeros(len(rates)), np.full(len(rates), np.inf), np.arange(len(rates))
    spacing, start = _COARSEST, -_LEFT
    while True:
        # the points of the finer rule that the coarser one has not
        nodes = np.arange(start, end + spacing, spacing)
        for v in np.array_split(nodes, -(-nodes.size * left.size * rates.shape[1] // _MOST)):
            bend = np.exp(-v)
            x = np.exp(v - bend)[:, None] * rates[left, None]
            squares = np.einsum("mkn,mn->mk", (x * np.exp(-x)) ** 2, weights[left])
            totals[left] += np.sqrt(squares) @ (1 + bend)
        finest = spacing if start == -_LEFT else spacing / 2
        before = lengths[left]
        lengths[left] = finest * totals[left]
        left = left[np.abs(lengths[left] - before) > _AGREEMENT * lengths[left]]
        if not left.size or finest <= _FINEST:
            return lengths
        start, spacing = finest / 2 - _LEFT, finest


def lost_rounds(d: Any, energy: Any) -> float:
    r"""Return S, the rounds that the bend of the path costs in the limit of short steps.

    .. math:: S = \frac12 \int_0^\infty \operatorname{Var}_s(h)\, F(s)\, ds ,
              \qquad F' = 1 - m F , \quad F(0) = 0 ,

    with the mean m(s) and the variance of the eigenvalues h of G^{-1}. Their
    weights are the squared components of the velocity G^{-1} e^{-s G^{-1}} y.
    As the tolerance falls, L(y)/rho - N - r_N tends to S.

    Parameters
    ----------
    d : array_like of shape (n,)
        Eigenvalues of G, positive where there is energy.
    energy : array_like of shape (n,)
        Energy of the labels in each eigendirection; several outputs summed.

    Returns
    -------
    float
        To about 1e-8. Zero where the path is straight.

    Raises
    ------
    InvalidInputError
        If energy lies on a zero eigenvalue, the arrays hold several spectra, or d
        spans more than about 150 decades.

    References
    ----------
    This book, eq-lost-rounds. The differential equations are solved by LSODA
    (`scipy.integrate.solve_ivp`) on a logarithmic scale of time.
    """
    d, energy = _as_spectrum(d, energy)
    if d.ndim != 1:
        raise InvalidInputError(f"d has shape {d.shape}. Pass one spectrum, shape (n,).")
    used = energy > 0
    if np.any(d[used] <= 0):
        raise InvalidInputError(
            "energy lies on an eigenvalue d that is not positive; leave out that part of the labels"
        )
    scales, index = np.unique(d[used], return_inverse=True)
    if scales.size < 2:
        return 0.0
    # in units of the largest eigenvalue; the slowest direction last
    rates = scales[-1] / scales
    log_weights = np.log(np.bincount(index, energy[used])) + 2 * np.log(rates)
    lead = np.max(log_weights - log_weights[-1])

    def slope(log_time: float, state: Array) -> list[float]:
        time, delay = np.exp(log_time), state[0]
        share = scipy.special.softmax(log_weights - 2 * time * (rates - 1))
        mean = share @ rates
        spread = share @ (rates - mean) ** 2
        return [time * (1 - mean * delay), time * spread * delay / 2]

    first, last = _EARLIEST / rates[0], (lead / 2 + _STRAIGHT) / (rates[-2] - 1)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        solved = scipy.integrate.solve_ivp(
            slope,
            np.log([first, last]),
            [first, 0.0],
            method="LSODA",
            rtol=1e-10,
            atol=[0.0, 1e-12],
        )
    if not (solved.success and np.isfinite(solved.y[1, -1])):
        raise InvalidInputError(
            f"d spans too many decades, from {scales[0]:.6g} to {scales[-1]:.6g}, for the "
            f"differential equations. Leave out the part of the labels on the smallest."
        )
    return float(solved.y[1, -1])


def lost_rounds_between(d: Any, energy: Any) -> tuple[Any, Any]:
    """Return a lower and an upper bound of `lost_rounds`, for floats and for balls.

    m falls and F rises with time. Between two times of a grid, solutions for a
    constant m, which have a closed form, bound F from both sides.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, ascending and positive.
    energy : array_like of shape (..., n)
        Energy of the labels in each eigendirection, not zero in the last.

    Returns
    -------
    low, high : ndarray of shape (...)
        A few per cent apart.
    """
    # the unit of time is the largest eigenvalue
    kappa = d[..., -1] / d[..., 0]
    weight = energy * (d[..., -1:] / d) ** 2
    # the rates less one, and their mean, which do not cancel where eigenvalues are nearly equal
    apart = (d[..., -1:] - d) / d
    low = high = F_low = F_high = before = 0 * kappa
    apart_before = np.sum(weight * apart, axis=-1) / np.sum(weight, axis=-1)
    for k in range(_TIMES + 1):
        time = np.exp(np.log(100 * kappa) * (k / _TIMES - 1)) * _LATEST
        decayed = weight * np.exp(-2 * time[..., None] * apart)
        mean_apart = np.sum(decayed * apart, axis=-1) / np.sum(decayed, axis=-1)
        step, fall = time - before, (apart_before - mean_apart) / 4
        first, last = 1 + apart_before, 1 + mean_apart
        low = low + F_low * fall
        F_low = F_low - np.expm1(-first * step) * (1 / first - F_low)
        F_high = F_high - np.expm1(-last * step) * (1 / last - F_high)
        high = high + F_high * fall
        before, apart_before = time, mean_apart
    # after the last time F is below 1/m, and m falls to 1
    return low, high + apart_before / 4
