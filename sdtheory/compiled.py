"""The recursion in compiled loops: `sdtheory.distill.trajectory` for batches and sweeps.

A few instances at a time run through all their rounds in the nearest cache, by
the algorithm of `sdtheory.multiplier`: bracketed Newton, then a correction in
double-double arithmetic. Operations and their order are those of the
vectorised path, so that the results have the same bits. What these two cannot
decide (an energy within rounding of its bound, a plateau, magnitudes near the
ends of the float range, an infeasible tolerance) is left to the vectorised
path, to its exact arithmetic and to its errors.

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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdtheory import multiplier
from sdtheory.distill import Trajectory, as_batch
from sdtheory.distill import trajectory as vectorised
from sdtheory.validation import Array, InvalidInputError, as_rounds

try:
    import numba
    from numba.extending import intrinsic
except ImportError as error:
    raise ImportError(
        "sdtheory.compiled needs Numba, which is not installed. Install it with: "
        "pip install 'sdtheory[scale]'"
    ) from error

#: Rounds for which memory is taken at first; more where a chain outlasts them.
_ROUNDS = 32
#: Instances side by side, so that loops fill vector registers at any n. Entry k of instance
#: `lane` lies at k _LANES + lane of a flat array; sums over k end in its first _LANES entries.
_LANES = 16

# no fast-math flags: reassociated or contracted, a double-double is a float
_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


class _Limits(NamedTuple):
    """Constants of the algorithm: arguments, as code on disk would keep those of its day."""

    near: float
    close: float
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


class _Flat(NamedTuple):
    """Arrays of _LANES times n q entries, and the first for the results of a sum."""

    #: Of the instances: eigenvalues, repeated for every output; labels y_t.
    d: Array
    labels: Array
    #: Scaled by powers of two, without what does not enter.
    scaled_d: Array
    z: Array
    #: Temporary.
    spread: Array
    p: Array
    q: Array
    s: Array


class _Lanes(NamedTuple):
    """Arrays of _LANES entries: row (-1: none) and round that is under way, and its numbers.

    `live` are the lanes that this arithmetic can still decide, `busy` those that iterate.
    """

    row: NDArray[np.int64]
    t: NDArray[np.int64]
    live: NDArray[np.bool_]
    busy: NDArray[np.bool_]
    epsilon: Array
    d_scale: Array
    z_scale: Array
    energy: Array
    rho2: Array
    excess: Array
    excess_low: Array
    slack: Array
    slack_low: Array
    root: Array
    low: Array
    high: Array


class _Rows(NamedTuple):
    """Results, see `Trajectory`; `lasted` counts non-trivial fits, -1 where undecided."""

    c: Array
    r: Array
    excess: Array
    condition: Array
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
    """Run the recursion in the eigenbasis, as `sdtheory.distill.trajectory` does.

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
        Threads that share the instances; results do not depend on them.

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
        excess=shaped(rows.excess, length + 1),
        condition=shaped(rows.condition, length),
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
        condition=np.full((m, rounds), np.nan),
        lasted=np.full(m, -1, dtype=np.int64),
    )
    limits = _Limits(
        near=multiplier.NEAR,
        close=multiplier.CLOSE,
        cancelling=multiplier.CANCELLING,
        unresolved=multiplier.UNRESOLVED,
        smallest=multiplier.SMALLEST,
        largest_tolerance=multiplier.LARGEST_TOLERANCE,
        evaluations=multiplier.MAX_EVALUATIONS,
        corrections=multiplier.MAX_CORRECTIONS,
    )

    given = _Given(d, z, epsilon, limits)

    def part(start: int, stop: int) -> None:
        flat = _Flat(*np.empty((len(_Flat._fields), n * q * _LANES)))
        lanes = _Lanes(
            row=np.empty(_LANES, dtype=np.int64),
            t=np.empty(_LANES, dtype=np.int64),
            live=np.empty(_LANES, dtype=bool),
            busy=np.empty(_LANES, dtype=bool),
            **{name: np.empty(_LANES) for name in _Lanes._fields[4:]},
        )
        _loop((start, stop), given, flat, lanes, rows)

    if threads == 1:
        part(0, m)
    else:
        # several parts for each thread, as other work may take a core from one of them
        size = max(_LANES, -(-m // (8 * threads)))
        starts = range(0, m, size)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, starts, [min(start + size, m) for start in starts]))
    return rows


def _fill(rows: _Rows, where: NDArray[np.int_], path: Trajectory) -> None:
    """Write what the vectorised path found; past its last round the fit is zero."""
    count = path.c.shape[-1]
    for name in ("c", "condition"):
        getattr(rows, name)[where, :count] = getattr(path, name)
    for name in ("r", "excess"):
        getattr(rows, name)[where, : count + 1] = getattr(path, name)
    for array, value in zip(rows, (np.inf, 0, -1, np.nan), strict=False):
        array[where, count + (array.shape[1] > rows.c.shape[1]) :] = value


def _generate_fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return numba.float64(numba.float64, numba.float64, numba.float64), generate


#: a * b + c, rounded once.
_fma: Any = intrinsic(_generate_fma)


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
    return p, _fma(a, b, -p)


@_compiled
def _add(a, a_low, b, b_low):
    s, e = _two_sum(a, b)
    t, f = _two_sum(a_low, b_low)
    s, e = _fast_two_sum(s, e + t)
    return _fast_two_sum(s, e + f)


@_compiled
def _multiply(a, a_low, b, b_low):
    p, e = _two_prod(a, b)
    return _fast_two_sum(p, e + (a * b_low + a_low * b))


@_compiled
def _divide(a, a_low, b, b_low):
    q = a / b
    p, e = _two_prod(q, b)
    remainder = (a - p) - e + a_low - q * b_low
    return _fast_two_sum(q, remainder / b)


@_compiled
def _spread(values, a):
    """Repeat the values of the lanes along a."""
    for k in range(0, len(a), _LANES):
        for lane in range(_LANES):
            a[k + lane] = values[lane]


@_compiled
def _sum(a):
    """Sum in the order of `multiplier._sum`; overwrites its argument."""
    size = len(a) // _LANES
    while size > 1:
        shift = size // 2 * _LANES
        for k in range(shift):
            a[k] += a[k + shift]
        if size % 2:
            for k in range(shift, shift + _LANES):
                a[k] = a[k + shift]
        size -= size // 2


@_compiled
def _total(high, low):
    """Sum double-doubles in the order of `double_double.total`; overwrites its arguments."""
    size = len(high) // _LANES
    while size > 1:
        shift = size // 2 * _LANES
        for k in range(shift):
            high[k], low[k] = _add(high[k], low[k], high[k + shift], low[k + shift])
        if size % 2:
            for k in range(shift, shift + _LANES):
                high[k], low[k] = high[k + shift], low[k + shift]
        size -= size // 2


@_compiled
def _exponent(a):
    """Return the e of `math.frexp` for a >= 0; of a subnormal, some number below -1000."""
    return (np.float64(a).view(np.int64) >> 52) - 1022 if a > 0 else 0


@_compiled
def _power(e):
    """Return 2^e for abs(e) < 1000."""
    return np.int64((e + 1023) << 52).view(np.float64)


@_compiled
def _scale(flat, lanes, limits):
    """Scale d and z into [0, 1] and [-1, 1]; lanes out of range live no more.

    Returns whether some eigenvalue is zero.
    """
    d, z, labels = flat.scaled_d, flat.z, flat.labels
    largest_d, largest_z, smallest = lanes.root, lanes.low, lanes.high
    largest_d[:], largest_z[:], smallest[:] = 0.0, 0.0, math.inf
    singular = False
    for k in range(0, len(d), _LANES):
        for lane in range(_LANES):
            d[k + lane] = flat.d[k + lane] if labels[k + lane] != 0 else 0.0
            largest_d[lane] = max(largest_d[lane], d[k + lane])
            largest_z[lane] = max(largest_z[lane], abs(labels[k + lane]))
            positive = d[k + lane] > 0
            smallest[lane] = min(smallest[lane], d[k + lane] if positive else math.inf)
            singular |= not positive
    for lane in range(_LANES):
        d_exponent = _exponent(largest_d[lane])
        z_exponent = _exponent(largest_z[lane])
        if max(abs(d_exponent), abs(z_exponent)) > limits.exponent:
            lanes.live[lane] = False
            d_exponent = z_exponent = 0
        lanes.d_scale[lane] = _power(-d_exponent)
        lanes.z_scale[lane] = _power(-z_exponent)
        if smallest[lane] * lanes.d_scale[lane] < limits.smallest:
            lanes.live[lane] = False
    for k in range(0, len(d), _LANES):
        for lane in range(_LANES):
            d[k + lane] *= lanes.d_scale[lane]
            z[k + lane] = labels[k + lane] * lanes.z_scale[lane]
    return singular


@_compiled
def _weigh(points, flat, lanes, limits):
    """Compare the energies with rho^2; lanes that this does not decide live no more."""
    singular = _scale(flat, lanes, limits)
    d, z, p, q = flat.scaled_d, flat.z, flat.p, flat.q
    for k in range(len(d)):
        p[k], q[k] = _two_prod(z[k], z[k])
    _total(p, q)
    for lane in range(_LANES):
        tolerance = lanes.epsilon[lane] * (lanes.z_scale[lane] * lanes.z_scale[lane])
        tolerance = min(tolerance, limits.largest_tolerance)
        if tolerance < limits.smallest and p[lane] > 0:
            lanes.live[lane] = False
        rho2, rho2_low = _two_prod(points, tolerance)
        lanes.energy[lane], lanes.rho2[lane], lanes.slack_low[lane] = p[lane], rho2, rho2_low
        lanes.excess[lane], lanes.excess_low[lane] = _add(p[lane], q[lane], -rho2, -rho2_low)
    if singular:
        for k in range(len(d)):
            z_0 = z[k] if d[k] == 0 else 0.0
            p[k], q[k] = _two_prod(z_0, z_0)
            z[k] = z[k] if d[k] > 0 else 0.0
        _total(p, q)
    for lane in range(_LANES):
        rho2, rho2_low = lanes.rho2[lane], lanes.slack_low[lane]
        below, below_low = (p[lane], q[lane]) if singular else (0.0, 0.0)
        lanes.slack[lane], lanes.slack_low[lane] = _add(rho2, rho2_low, -below, -below_low)
        cancelling = limits.cancelling * rho2
        if abs(lanes.excess[lane]) < cancelling or abs(lanes.slack[lane]) < cancelling:
            lanes.live[lane] = False
        if lanes.slack[lane] <= 0 and lanes.excess[lane] > 0:
            lanes.live[lane] = False


@_compiled
def _newton(flat, lanes, limits):
    """Find the roots of the live lanes, as `multiplier._bracketed_newton`."""
    d, z, mu = flat.scaled_d, flat.z, lanes.root
    s, s1, lost = flat.s, flat.q, flat.p
    for k in range(len(d)):
        s1[k] = z[k] * z[k] * d[k]
    _sum(s1)
    busy, near = 0, False
    for lane in range(_LANES):
        excess, slack = lanes.excess[lane], lanes.slack[lane]
        near |= lanes.live[lane] and excess < slack
        ratio = excess / slack
        mu[lane] = ratio / (1 + math.sqrt(1 + ratio)) / (s1[lane] / (excess + slack))
        lanes.low[lane], lanes.high[lane] = 0.0, math.inf
        lanes.busy[lane] = lanes.live[lane]
        busy += lanes.busy[lane]
    for _ in range(limits.evaluations):
        if not busy:
            break
        _spread(mu, flat.spread)
        # two loops: with more arrays in one, the compiler does not vectorise it
        for k in range(len(d)):
            m = flat.spread[k] * d[k]
            kept = 1 / (1 + m)
            w = z[k] * kept
            s[k] = w * w
            s1[k] = w * w * (m * kept)
        if near:
            for k in range(len(d)):
                m = flat.spread[k] * d[k]
                kept = 1 / (1 + m)
                lost[k] = z[k] * z[k] * (m * kept) * (1 + kept)
            _sum(lost)
        _sum(s)
        _sum(s1)
        for lane in range(_LANES):
            if lanes.busy[lane]:
                excess, slack = lanes.excess[lane], lanes.slack[lane]
                e = (excess - lost[lane]) / slack if excess < slack else s[lane] / slack - 1
                at = mu[lane]
                if e > 0:
                    lanes.low[lane] = at
                if e < 0:
                    lanes.high[lane] = at
                bracket = lanes.low[lane], lanes.high[lane]
                step, done = _step(at, e, s1[lane] / s[lane], bracket, limits.close)
                mu[lane] = step if math.isfinite(step) else at
                lanes.busy[lane] = not done
                busy -= done
    for lane in range(_LANES):
        lanes.root[lane] = 1 / mu[lane]


@_compiled
def _step(at, e, s, bracket, close):
    """Return the next iterate in mu, and whether it is the last one."""
    low, high = bracket
    root = math.sqrt(max(1 + e, 0.0))
    gap = e / (1 + root)
    step = at * (1 + gap / s) if e > 0 else at / (1 - gap / (root * s))
    done = abs(step - at) <= close * at or high - low <= close * at
    if not done and not low < step < high:
        bounded = 256 * low if math.isinf(high) else high
        step = math.sqrt(low) * math.sqrt(bounded) if low > 0 else bounded / 16
    return step, done


@_compiled
def _steepness(c, d, z, s1):
    """Sum as `multiplier._steepness`."""
    for k in range(len(d)):
        m = d[k] / c[k]
        kept = 1 / (1 + m)
        w = z[k] * kept
        s1[k] = w * w * (m * kept)
    _sum(s1)


@_compiled
def _correct(flat, lanes, limits):
    """Correct the roots as `multiplier._corrected`; lanes it does not resolve live no more."""
    d, z, p, q = flat.scaled_d, flat.z, flat.p, flat.q
    busy = 0
    for lane in range(_LANES):
        lanes.low[lane] = lanes.excess[lane] < lanes.slack[lane]
        lanes.busy[lane] = lanes.live[lane]
        busy += lanes.busy[lane]
    near = flat.s
    any_near = np.any((lanes.low > 0) & lanes.live)
    for _ in range(limits.corrections):
        if not busy:
            break
        _spread(lanes.root, flat.spread)
        if any_near:
            _spread(lanes.low, near)
            for k in range(len(d)):
                c, lost = flat.spread[k], near[k] > 0
                top, top_low = _two_prod(z[k], d[k] if lost else c)
                bottom, bottom_low = _two_sum(c, d[k])
                w, w_low = _divide(top, top_low, bottom, bottom_low)
                rest, rest_low = _add(2 * z[k], 0.0, -w, -w_low)
                p[k], q[k] = _multiply(w, w_low, rest if lost else w, rest_low if lost else w_low)
        else:
            for k in range(len(d)):
                top, top_low = _two_prod(z[k], flat.spread[k])
                bottom, bottom_low = _two_sum(flat.spread[k], d[k])
                w, w_low = _divide(top, top_low, bottom, bottom_low)
                p[k], q[k] = _multiply(w, w_low, w, w_low)
        _total(p, q)
        _steepness(flat.spread, d, z, flat.s)
        for lane in range(_LANES):
            if lanes.busy[lane]:
                lost = lanes.low[lane] > 0
                target = lanes.excess[lane] if lost else lanes.slack[lane]
                target_low = lanes.excess_low[lane] if lost else lanes.slack_low[lane]
                residual, residual_low = _add(p[lane], q[lane], -target, -target_low)
                steepness = 2 * flat.s[lane]
                move = (residual + residual_low) / steepness
                delta = min(max(move if lost else -move, -0.5), 0.5)
                lanes.root[lane] += lanes.root[lane] * delta
                if abs(delta) <= limits.near:
                    lanes.busy[lane] = False
                    busy -= 1
                    exact = target < limits.cancelling * lanes.rho2[lane]
                    scale = target + (0.0 if exact else lanes.rho2[lane])
                    resolved = scale < limits.unresolved * steepness and target > limits.smallest
                    lanes.live[lane] &= resolved
    for lane in range(_LANES):
        lanes.live[lane] &= not lanes.busy[lane]


@_compiled
def _load(given, flat, lanes):
    """Put rows that start into their lanes; those of a wrong sign do not live."""
    d, z = given.d, given.z
    _, n, outputs = z.shape
    for lane in range(_LANES):
        i = lanes.row[lane]
        lanes.live[lane] = i >= 0
        if i < 0 or lanes.t[lane] > 0:
            continue
        lanes.epsilon[lane] = given.epsilon[i]
        live = given.epsilon[i] > 0
        for k in range(n):
            live &= d[i, k] >= 0
            for j in range(outputs):
                at = (k * outputs + j) * _LANES + lane
                flat.d[at], flat.labels[at] = d[i, k], z[i, k, j]
        lanes.live[lane] = live


@_compiled
def _advance(flat, lanes, limits, rows):
    """Fit the live lanes once more, and let the labels be what they were fitted by."""
    _newton(flat, lanes, limits)
    _correct(flat, lanes, limits)
    _spread(lanes.root, flat.spread)
    _steepness(flat.spread, flat.scaled_d, flat.z, flat.s)
    for lane in range(_LANES):
        c = lanes.root[lane] = lanes.root[lane] / lanes.d_scale[lane]
        lanes.live[lane] &= 0 < c < math.inf
        if lanes.live[lane]:
            i, t = lanes.row[lane], lanes.t[lane]
            rows.c[i, t], rows.condition[i, t] = c, lanes.rho2[lane] / flat.s[lane]
    _spread(lanes.root, flat.spread)
    for k in range(len(flat.d)):
        flat.labels[k] *= flat.d[k] / (flat.spread[k] + flat.d[k])


@_compiled
def _loop(span, given, flat, lanes, rows):
    """Run the rows of a span; a lane whose instance ends takes the next one."""
    following, stop = span
    points, rounds = float(given.d.shape[1]), rows.c.shape[1]
    flat.labels[:], flat.d[:], lanes.epsilon[:] = 1.0, 1.0, 1.0  # of lanes without a row
    for lane in range(_LANES):
        lanes.t[lane], lanes.row[lane] = 0, following if following < stop else -1
        following += 1
    while np.any(lanes.row >= 0):
        _load(given, flat, lanes)
        _weigh(points, flat, lanes, given.limits)
        for lane in range(_LANES):
            if lanes.live[lane]:
                i, t, excess = lanes.row[lane], lanes.t[lane], lanes.excess[lane]
                r = math.sqrt(lanes.energy[lane] / points) / math.sqrt(lanes.epsilon[lane])
                rows.r[i, t] = r = r / lanes.z_scale[lane]
                rows.excess[i, t] = excess / lanes.rho2[lane] / (1 + r)
                if t == rounds or excess <= 0:
                    rows.lasted[i] = t
                    lanes.live[lane] = False
        if np.any(lanes.live):
            _advance(flat, lanes, given.limits, rows)
        for lane in range(_LANES):
            lanes.t[lane] += 1
            if not lanes.live[lane] and lanes.row[lane] >= 0:
                lanes.t[lane], lanes.row[lane] = 0, following if following < stop else -1
                following += 1
