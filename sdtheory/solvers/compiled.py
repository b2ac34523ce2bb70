"""The recursion in compiled loops: `sdtheory.recursion.trajectory` for batches and sweeps.

A few instances at a time, the lanes of a vector register, run through all their
rounds in the nearest cache, by the algorithm of `sdtheory.multiplier`:
bracketed steps of Halley's method, then one on a residual in double-double
arithmetic. Operations and their order are those of the vectorised path, so that
the results have the same bits. What these two cannot decide (an energy within
rounding of its bound, a plateau, magnitudes near the ends of the float range,
an infeasible tolerance) is left to the vectorised path, to its exact arithmetic
and to its errors.

Importing this module needs Numba, which the extra ``scale`` installs. The
first call compiles, in some seconds; the code is then kept on disk.

References
----------
T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM Journal
on Scientific Computing 26 (2005) 1955-1988: the product by a fused
multiply-add.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory import multiplier
from sdtheory.linalg import halley as secular
from sdtheory.recursion import Trajectory, as_batch
from sdtheory.recursion import trajectory as vectorised
from sdtheory.validation import Array, InvalidInputError, as_rounds

try:
    import numba

    from sdtheory.linalg.compiled_lanes import (
        COUNT,
        every,
        fma,
        load,
        magnitude,
        some,
        sqrt,
        store,
        where,
    )
except ImportError as error:
    raise ImportError(
        "sdtheory.solvers.compiled needs Numba, which is not installed. Install it with: "
        "pip install 'sdtheory[scale]'"
    ) from error

#: Rounds for which memory is taken at first; more where a chain outlasts them.
_ROUNDS = 32

# Numbers of the lanes, at these indices of one array: of many, each use would count references.
(
    _LIVE,  # 1: this arithmetic can still decide the instance; 0: it cannot, or there is none
    _FRESH,  # 1: in its first round
    _SINGULAR,  # 1: fresh, and with an eigenvalue of zero
    _EPSILON,
    _D_SCALE,  # powers of two
    _Z_SCALE,
    _RHO2,
    _EXCESS,  # double-doubles
    _EXCESS_LOW,
    _SLACK,
    _SLACK_LOW,
    _R,
    _RELATIVE_EXCESS,
    _C,  # of the last fit, as are the following: scaled as d
    _MEAN,  # c (r - 1)
    _CONDITION,
    _NUMBERS,  # how many
) = range(0, 17 * COUNT, COUNT)

# no fast-math flags: reassociated or contracted, a double-double is a float
_compiled = numba.njit(nogil=True, error_model="numpy")


class _Limits(NamedTuple):
    """Constants of the algorithm: arguments, as code on disk would keep those of its day."""

    near: float
    close: float
    farthest: float
    cancelling: float
    unresolved: float
    smallest: float
    largest_tolerance: float
    evaluations: int
    corrections: int
    #: Exponents of two beyond this are left to the vectorised path, which has no limit.
    exponent: int = 500


class _Given(NamedTuple):
    """Flat arguments, of shapes (m, n), (m, n, q) and (m,)."""

    d: Array
    z: Array
    epsilon: Array
    limits: _Limits


class _Lanes(NamedTuple):
    """What is under way: see `_LIVE` and those after it, and rows (-1: none) and their rounds.

    Entry k of a lane lies at k COUNT + lane in each of the four quarters of
    `flat`: eigenvalues, repeated for every output, and labels y_t, both scaled
    by powers of two; and two arrays for the terms of a sum.
    """

    flat: Array
    numbers: Array
    row: NDArray[np.int64]
    t: NDArray[np.int64]


class _Rows(NamedTuple):
    """Results, see `Trajectory`; `lasted` counts non-trivial fits, -1 where undecided."""

    c: Array
    r: Array
    excess: Array
    sensitivity: Array
    lasted: NDArray[np.int64]


class _Derived(Trajectory):
    """A trajectory that computes A, B and z from the multipliers when they are asked for.

    They are many times as large as everything else, and cost more to store
    than the multipliers to find.
    """

    _labels: Array
    _outputs: bool

    def __init__(self, labels: Array, *, outputs: bool, **fields: Array) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_labels", labels)
        object.__setattr__(self, "_outputs", outputs)

    @cached_property
    def A(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        d = self.d[..., None, :]
        return d / (self.c[..., None] + d)

    @cached_property
    def B(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        return np.multiply.accumulate(self.A, axis=-2)

    @cached_property
    def z(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        *batch, n, q = self._labels.shape
        rounds = self.c.shape[-1]
        z = np.empty((*batch, rounds + 1, n, q))
        z[..., 0, :, :] = self._labels
        for t in range(rounds):
            z[..., t + 1, :, :] = self.A[..., t, :, None] * z[..., t, :, :]
        return z if self._outputs else z[..., 0]


def trajectory(
    d: ArrayLike,
    z: ArrayLike,
    epsilon: ArrayLike,
    rounds: int,
    *,
    outputs: bool = False,
    threads: int = 1,
) -> Trajectory:
    """Run the recursion in the eigenbasis, as `sdtheory.recursion.trajectory` does.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    z : array_like of shape (..., n), or (..., n, q) with ``outputs=True``
        Rotated labels V y.
    epsilon : array_like of shape (...)
        Tolerance on the mean squared residual.
    rounds : int
        Rounds to run; it stops early when every instance has collapsed.
    outputs : bool, default=False
        Whether the last axis of z counts outputs that share the multiplier.
    threads : int, default=1
        Threads that share the instances; results do not depend on them. Some
        hundredths of a second after a call of BLAS its own threads still wait
        for work, busily: one is best then.

    Returns
    -------
    Trajectory

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If an instance has no admissible function in round 0.
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InvalidInputError(
            f"threads must be an integer of at least 1, but is {threads!r}. Leave it out for one."
        )
    rounds = as_rounds(rounds)
    d, labels, epsilon = as_batch(d, z, epsilon, outputs=outputs)
    *batch, n, q = labels.shape
    flat_d = _read_only(d).reshape(-1, n)
    flat_z = _read_only(labels).reshape(-1, n, q)
    flat_epsilon = _read_only(epsilon).reshape(-1)

    room = min(rounds, _ROUNDS)
    while True:
        rows = _run(flat_d, flat_z, flat_epsilon, room, threads)
        undecided = np.flatnonzero(rows.lasted < 0)
        length = int(rows.lasted.max(initial=0))
        rest = None
        if len(undecided):
            rest = vectorised(
                flat_d[undecided], flat_z[undecided], flat_epsilon[undecided], rounds, outputs=True
            )
            length = max(length, rest.c.shape[-1])
        if length < room or room == rounds:
            break
        room = min(rounds, 4 * room)
    if rest is not None:
        _fill(rows, undecided, rest)

    def shaped(a: Array, count: int) -> Array:
        return a[:, :count].reshape(*batch, count)

    return _Derived(
        labels,
        outputs=outputs,
        d=d,
        epsilon=epsilon,
        c=shaped(rows.c, length),
        r=shaped(rows.r, length + 1),
        r_minus_1=shaped(rows.excess, length + 1),
        sensitivity=shaped(rows.sensitivity, length),
    )


def _read_only(a: Array) -> Array:
    """Return a contiguous view of one type, whatever may be written: each type compiles anew."""
    view = np.ascontiguousarray(a).view()
    view.flags.writeable = False
    return view


def _run(d: Array, z: Array, epsilon: Array, rounds: int, threads: int) -> _Rows:
    """Run the loops over all rows, in memory for some rounds."""
    m, n, q = z.shape
    rows = _Rows(
        c=np.full((m, rounds), np.inf),
        r=np.zeros((m, rounds + 1)),
        excess=np.full((m, rounds + 1), -1.0),
        sensitivity=np.full((m, rounds), np.nan),
        lasted=np.full(m, -1, dtype=np.int64),
    )
    limits = _Limits(
        near=multiplier.NEAR,
        close=multiplier.HALLEY_STOP,
        farthest=secular.FARTHEST,
        cancelling=multiplier.CANCELLING,
        unresolved=multiplier.UNRESOLVED,
        smallest=multiplier.SMALLEST,
        largest_tolerance=multiplier.LARGEST_TOLERANCE,
        evaluations=multiplier.MAX_EVALUATIONS,
        corrections=multiplier.MAX_CORRECTIONS,
    )

    given = _Given(d, z, epsilon, limits)

    def part(start: int, stop: int) -> None:
        lanes = _Lanes(
            flat=np.ones(4 * n * q * COUNT),
            numbers=np.zeros(_NUMBERS),
            row=np.full(COUNT, stop),
            t=np.zeros(COUNT, dtype=np.int64),
        )
        _loop((start, stop), given, lanes, rows)

    if threads == 1:
        part(0, m)
    else:
        # several parts for each thread, as other work may take a core from one of them
        size = max(COUNT, -(-m // (8 * threads)))
        starts = range(0, m, size)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, starts, [min(start + size, m) for start in starts]))
    return rows


def _fill(rows: _Rows, where: NDArray[np.int_], path: Trajectory) -> None:
    """Write what the vectorised path found; past its last round the fit is zero."""
    count = path.c.shape[-1]
    for name in ("c", "sensitivity"):
        getattr(rows, name)[where, :count] = getattr(path, name)
    for name, source in (("r", "r"), ("excess", "r_minus_1")):
        getattr(rows, name)[where, : count + 1] = getattr(path, source)
    for array, value in zip(rows, (np.inf, 0, -1, np.nan), strict=False):
        array[where, count + (array.shape[1] > rows.c.shape[1]) :] = value


@_compiled
def _two_sum(a, b):
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@_compiled
def _fast_two_sum(a, b):
    s = a + b
    return s, b - (s - a)


@_compiled
def _two_prod(a, b):
    p = a * b
    return p, fma(a, b, -p)


@_compiled
def _add(a, b):
    s, e = _two_sum(a[0], b[0])
    t, f = _two_sum(a[1], b[1])
    s, e = _fast_two_sum(s, e + t)
    return _fast_two_sum(s, e + f)


@_compiled
def _negative(a):
    return -a[0], -a[1]


@_compiled
def _multiply(a, b):
    p, e = _two_prod(a[0], b[0])
    return p, e + (a[0] * b[1] + a[1] * b[0])


@_compiled
def _divide(a, b, reciprocal):
    q = a[0] * reciprocal
    return q, (fma(-q, b[0], a[0]) + a[1] - q * b[1]) * reciprocal


@_compiled
def _put(flat, at, term):
    """Write a term of a sum into the two temporary arrays."""
    quarter = len(flat) // 4
    store(flat, at + 2 * quarter, term[0])
    store(flat, at + 3 * quarter, term[1])


@_compiled
def _got(flat, at):
    quarter = len(flat) // 4
    return load(flat, at + 2 * quarter), load(flat, at + 3 * quarter)


@_compiled
def _pair(a, b):
    """Add neighbours as `double_double.total` does, each with its error."""
    s, e = _two_sum(a[0], b[0])
    return s, (a[1] + b[1]) + e


@_compiled
def _total(flat, size):
    """Sum so many terms in the order of `double_double.total`; overwrites them."""
    while size > 1:
        for k in range(0, size // 2 * COUNT, COUNT):
            _put(flat, k, _pair(_got(flat, 2 * k), _got(flat, 2 * k + COUNT)))
        if size % 2:
            _put(flat, size // 2 * COUNT, _got(flat, (size - 1) * COUNT))
        size -= size // 2
    high, low = _got(flat, 0)
    return _fast_two_sum(high, low)


@_compiled
def _exponent(a):
    """Return the e of `math.frexp` for a >= 0; of a subnormal, some number below -1000."""
    return (np.float64(a).view(np.int64) >> 52) - 1022 if a > 0 else 0


@_compiled
def _power(e):
    """Return 2^e for abs(e) < 1000."""
    return np.int64((e + 1023) << 52).view(np.float64)


@_compiled
def _begin(i, given, flat, lanes, lane):
    """Put row i into a lane, scaled into [0, 1] and [-1, 1].

    One of a wrong sign or out of range does not live. No later round needs
    other scales, as ||y_t|| > rho.
    """
    limits, labels = given.limits, len(flat) // 4
    _, n, outputs = given.z.shape
    largest_d, largest_z, smallest, singular = 0.0, 0.0, math.inf, False
    live = given.epsilon[i] > 0
    for k in range(n):
        d = given.d[i, k]
        live &= d >= 0
        for j in range(outputs):
            z = abs(given.z[i, k, j])
            if z > 0:
                largest_z, largest_d = max(largest_z, z), max(largest_d, d)
                smallest = min(smallest, d if d > 0 else math.inf)
                singular |= d <= 0
    d_exponent, z_exponent = _exponent(largest_d), _exponent(largest_z)
    if max(abs(d_exponent), abs(z_exponent)) > limits.exponent:
        live = False
        d_exponent = z_exponent = 0
    d_scale, z_scale = _power(-d_exponent), _power(-z_exponent)
    for k in range(n):
        for j in range(outputs):
            at = (k * outputs + j) * COUNT + lane
            flat[at] = given.d[i, k] * d_scale
            flat[labels + at] = given.z[i, k, j] * z_scale
    lanes[_LIVE + lane] = live and smallest * d_scale >= limits.smallest
    lanes[_FRESH + lane], lanes[_SINGULAR + lane] = 1.0, singular
    lanes[_EPSILON + lane] = given.epsilon[i]
    lanes[_D_SCALE + lane], lanes[_Z_SCALE + lane] = d_scale, z_scale
    lanes[_MEAN + lane] = math.nan


@_compiled
def _square(flat, c, fresh, at):
    """Let labels be what they were fitted by, and return their squares."""
    d, z = load(flat, at), load(flat, len(flat) // 4 + at)
    z = where(fresh, z, z * (d / (c + d)))
    store(flat, len(flat) // 4 + at, z)
    return _two_prod(z, z)


@_compiled
def _weigh(points, flat, lanes, limits):
    """Compare the energies with rho^2; lanes that this does not decide live no more."""
    labels, size, nothing = len(flat) // 4, len(flat) // (4 * COUNT), every(0.0)
    c, fresh, live = load(lanes, _C), load(lanes, _FRESH) > 0.0, load(lanes, _LIVE) > 0.0
    for k in range(0, size // 2 * COUNT, COUNT):
        first, second = _square(flat, c, fresh, 2 * k), _square(flat, c, fresh, 2 * k + COUNT)
        _put(flat, k, _pair(first, second))
    if size % 2:
        _put(flat, size // 2 * COUNT, _square(flat, c, fresh, (size - 1) * COUNT))
    energy = _total(flat, size - size // 2)

    z_scale, largest = load(lanes, _Z_SCALE), every(limits.largest_tolerance)
    tolerance = load(lanes, _EPSILON) * (z_scale * z_scale)
    tolerance = where(tolerance < largest, tolerance, largest)
    live = live & ~((tolerance < limits.smallest) & (energy[0] > 0.0))
    slack = rho2 = _two_prod(every(points), tolerance)
    excess = _add(energy, _negative(rho2))
    if some(load(lanes, _SINGULAR) > 0.0):
        for k in range(0, size * COUNT, COUNT):
            z, reachable = load(flat, labels + k), load(flat, k) > 0.0
            unreachable = where(reachable, nothing, z)
            _put(flat, k, _two_prod(unreachable, unreachable))
            store(flat, labels + k, where(reachable, z, nothing))
        slack = _add(rho2, _negative(_total(flat, size)))
        store(lanes, _SINGULAR, nothing)
    store(lanes, _FRESH, nothing)
    cancelling = limits.cancelling * rho2[0]
    live = live & ~((magnitude(excess[0]) < cancelling) | (magnitude(slack[0]) < cancelling))
    live = live & ~((slack[0] <= 0.0) & (excess[0] > 0.0))
    r = sqrt(energy[0] / points) / sqrt(load(lanes, _EPSILON)) / z_scale
    store(lanes, _LIVE, where(live, every(1.0), nothing))
    store(lanes, _RHO2, rho2[0])
    store(lanes, _EXCESS, excess[0])
    store(lanes, _EXCESS_LOW, excess[1])
    store(lanes, _SLACK, slack[0])
    store(lanes, _SLACK_LOW, slack[1])
    store(lanes, _R, r)
    store(lanes, _RELATIVE_EXCESS, excess[0] / rho2[0] / (1 + r))


@_compiled
def _bracketed(flat, lanes, limits):
    """Return roots of the live lanes, as `multiplier._bracketed`."""
    labels, live = len(flat) // 4, load(lanes, _LIVE) > 0.0
    excess, slack, mean = load(lanes, _EXCESS), load(lanes, _SLACK), load(lanes, _MEAN)
    known = (mean > 0.0) & (mean < math.inf)
    if some(live & ~known):
        s = every(0.0)
        for k in range(0, labels, COUNT):
            z = load(flat, labels + k)
            s = s + z * z * load(flat, k)
        mean = where(known, mean, s / (excess + slack))
    near = excess < slack
    any_near = some(live & near)
    mu = excess / slack / (1 + sqrt(1 + excess / slack)) / mean
    low, high = every(0.0), every(math.inf)
    busy = live
    for _ in range(limits.evaluations):
        if not some(busy):
            break
        s, s1, s2, lost = every(0.0), every(0.0), every(0.0), every(0.0)
        for k in range(0, labels, COUNT):
            z = load(flat, labels + k)
            m = mu * load(flat, k)
            kept = 1 / (1 + m)
            shrinkage = m * kept
            w = z * kept
            w2 = w * w
            first = w2 * shrinkage
            s = s + w2
            s1 = s1 + first
            s2 = s2 + first * shrinkage
            if any_near:
                lost = lost + z * shrinkage * (z + w)
        e = where(near, excess - lost, s - slack) / slack
        low = where(busy & (e > 0.0), mu, low)
        high = where(busy & (e < 0.0), mu, high)
        change = _step(e, s, s1, s2, limits.farthest)
        step = mu + mu * change
        done = (magnitude(change) <= limits.close) | (high - low <= limits.close * mu)
        inside = (step > low) & (step < high)
        step = where(inside | done, step, _middle(low, high))
        mu = where(busy & (magnitude(step) < math.inf), step, mu)
        busy = busy & ~done
    return 1 / mu


@_compiled
def _step(e, s, s1, s2, farthest):
    """Return the relative change of mu, as `secular.halley_step`."""
    newton = (1 + sqrt(where(e > -1.0, 1 + e, every(0.0)))) * s1 * s1
    halley, least = newton + 1.5 * e * (s1 * s1 - s * s2), newton / farthest
    return e * s * s1 / where(halley > least, halley, least)


@_compiled
def _middle(low, high):
    bounded = where(high < math.inf, high, 256 * low)
    return where(low > 0.0, sqrt(low) * sqrt(bounded), bounded / 16)


@_compiled
def _term(flat, at, c, lost, any_lost):
    """Return a term of the energy, kept or lost, and of the moments S1 and S2."""
    d, z = load(flat, at), load(flat, len(flat) // 4 + at)
    bottom = _two_sum(c, d)
    reciprocal = 1 / bottom[0]
    other = ratio = _divide(_two_prod(z, where(lost, d, c)), bottom, reciprocal)
    if any_lost:
        rest = _two_sum(2 * z, -ratio[0])
        other = where(lost, rest[0], ratio[0]), where(lost, rest[1] - ratio[1], ratio[1])
    w, shrinkage = z * (c * reciprocal), d * reciprocal
    first = w * w * shrinkage
    return _multiply(ratio, other), first, first * shrinkage


@_compiled
def _fit(flat, lanes, limits):
    """Find the multipliers as `multiplier._corrected`; lanes it does not resolve live no more."""
    c = _bracketed(flat, lanes, limits)
    size, live, rho2 = len(flat) // (4 * COUNT), load(lanes, _LIVE) > 0.0, load(lanes, _RHO2)
    excess, slack = load(lanes, _EXCESS), load(lanes, _SLACK)
    nothing, half, one = every(0.0), every(0.5), every(1.0)
    lost = excess < slack
    any_lost = some(live & lost)
    target = where(lost, excess, slack)
    target_low = where(lost, load(lanes, _EXCESS_LOW), load(lanes, _SLACK_LOW))
    scale = target + where(target < limits.cancelling * rho2, nothing, rho2)
    steepness, busy = one, live
    for _ in range(limits.corrections):
        if not some(busy):
            break
        s1, s2 = nothing, nothing
        for k in range(0, size // 2 * COUNT, COUNT):
            a, a1, a2 = _term(flat, 2 * k, c, lost, any_lost)
            b, b1, b2 = _term(flat, 2 * k + COUNT, c, lost, any_lost)
            s1, s2 = s1 + a1 + b1, s2 + a2 + b2
            _put(flat, k, _pair(a, b))
        if size % 2:
            a, a1, a2 = _term(flat, (size - 1) * COUNT, c, lost, any_lost)
            s1, s2 = s1 + a1, s2 + a2
            _put(flat, size // 2 * COUNT, a)
        residual = _add(_total(flat, size - size // 2), (-target, -target_low))
        newton = where(lost, one, -one) * (residual[0] + residual[1]) / (2 * s1)
        newton = where(newton < -half, -half, where(newton > half, half, newton))
        growth = 3 * s2 - s1
        delta = newton / (1 + newton * growth / (2 * s1))
        c = where(busy, c + c * (delta + delta * delta / 2), c)
        steepness = where(busy, s1 + delta * growth, steepness)
        busy = busy & ~(magnitude(delta) <= limits.near)
    resolved = (scale < limits.unresolved * 2 * steepness) & (target > limits.smallest)
    store(lanes, _LIVE, where(live & ~busy & resolved, one, nothing))
    store(lanes, _C, c)
    store(lanes, _MEAN, c * load(lanes, _RELATIVE_EXCESS))
    store(lanes, _CONDITION, rho2 / steepness)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _loop(span, given, state, rows):
    """Run the rows of a span; a lane whose instance ends takes the next one."""
    flat, lanes, row, round_ = state
    following, stop = span
    points, rounds = float(given.d.shape[1]), rows.c.shape[1]
    while True:
        running = 0
        for lane in range(COUNT):
            if lanes[_LIVE + lane] == 0 and row[lane] >= 0:
                row[lane], round_[lane] = following if following < stop else -1, 0
                following += 1
                if row[lane] >= 0:
                    _begin(row[lane], given, flat, lanes, lane)
            running += row[lane] >= 0
        if not running:
            break
        _weigh(points, flat, lanes, given.limits)
        for lane in range(COUNT):
            if lanes[_LIVE + lane] > 0:
                i, t = row[lane], round_[lane]
                rows.r[i, t] = lanes[_R + lane]
                rows.excess[i, t] = lanes[_RELATIVE_EXCESS + lane]
                if t == rounds or lanes[_EXCESS + lane] <= 0:
                    rows.lasted[i] = t
                    lanes[_LIVE + lane] = 0.0
        _fit(flat, lanes, given.limits)
        for lane in range(COUNT):
            if lanes[_LIVE + lane] > 0:
                i, t = row[lane], round_[lane]
                c = rows.c[i, t] = lanes[_C + lane] / lanes[_D_SCALE + lane]
                rows.sensitivity[i, t] = lanes[_CONDITION + lane]
                round_[lane] += 1
                if not 0 < c < math.inf:
                    lanes[_LIVE + lane] = 0.0
