"""Inputs meant to break the estimator, the readers and the model files.

Whatever the input, the outcome is an error that names the argument, or a right
answer. Small cases are compared with a chain in 90-digit arithmetic that shares
no code with the library. ``python tests/test_fuzz.py COUNT [SEED]`` makes a
larger run, and says what came of each case.
"""

import csv
import dataclasses
import io
import math
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import hypothesis.extra.numpy as arrays
import mpmath
import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mpmath import mp
from sklearn.exceptions import ConvergenceWarning

from sdtheory import AccuracyError, Chain, InfeasibleToleranceError, InvalidInputError, estimator
from sdtheory.cli import tables
from sdtheory.estimator import (
    SelfDistilledKernelRidge,
    SelfDistilledKernelRidgeClassifier,
)
from sdtheory.model_file import load
from sdtheory.solvers import KNOWN

EPS = float(np.finfo(float).eps)
REFUSALS = (InvalidInputError, InfeasibleToleranceError, AccuracyError)
ARGUMENTS = (
    "X",
    "x",
    "x_new",
    "y",
    "sample_weight",
    "kernel",
    "gamma",
    "degree",
    "coef0",
    "kernel_params",
    "epsilon",
    "epsilon_unit",
    "c",
    "rounds",
    "criterion",
)
NAMED = re.compile(rf"\b({'|'.join(ARGUMENTS)})\b")
#: Refusals of sound input, each checked where it can be.
JUSTIFIED = (
    "too many to keep",
    "rounds must be given",
    "do not show the noise",
    "no function of its space",
    "is too small against the labels",
    "the multiplier leaves the range of floats",
)
MEAN = "is above the variance of the labels"
#: Rounds that are compared with the reference.
COMPARED = 5


# ------------------------------------------------------------------ the cases


@dataclass
class Case:
    """One call of fit and predict."""

    X: object
    y: object
    new: object
    parameters: dict
    weight: object = None
    #: whether every part of it is sound, so that a refusal needs a reason
    sound: bool = True
    classifier: bool = False
    tags: list = field(default_factory=list)

    def spoil(self, tag):
        self.sound = False
        self.tags.append(tag)


def pick(rng, *options):
    return options[int(rng.integers(len(options)))]


def make_case(seed):
    """Draw a case: sound three times out of five, otherwise with one or two things wrong."""
    rng = np.random.default_rng([20, seed])
    n = pick(rng, 1, 2, 3, 3, 4, 4, 5)
    kernel = pick(
        rng, "rbf", "rbf", "laplacian", "poly", "linear", "cosine", "sigmoid", "chi2", "beam",
        "bridge", "periodic", "precomputed", "precomputed",
    )  # fmt: skip
    p = 1 if kernel in ("beam", "bridge", "periodic") else int(rng.integers(1, 4))
    X, new = inputs(rng, n, p, kernel)
    y = labels(rng, n)
    parameters = {"kernel": kernel, **settings_of(rng, y)}
    if kernel in ("rbf", "laplacian", "poly", "sigmoid", "chi2"):
        parameters["gamma"] = pick(rng, None, 0.5, 1, 3.0, 0, 1e-5)
    if kernel == "poly":
        parameters |= {"degree": pick(rng, 1, 2, 3), "coef0": pick(rng, 0, 1, 0.5)}
    weight = pick(rng, *[None] * 5, rng.uniform(0.1, 3, n), rng.integers(0, 3, n))
    case = Case(X, y, new, parameters, weight)
    if weight is not None and not np.any(weight):
        case.spoil("zero weights")
    case.classifier = rng.random() < 0.05
    if case.classifier:
        case.y = rng.integers(0, 3, n)
        case.sound = False
    ways = (spoil_inputs, spoil_labels, spoil_parameters, spoil_weights, spoil_scales)
    # each at most once: they spoil what is sound
    for way in sorted(rng.permutation(len(ways))[: pick(rng, 0, 0, 0, 1, 1, 2)], reverse=True):
        ways[way](case, rng)
    return case


def inputs(rng, n, p, kernel):
    if kernel == "precomputed":
        d = 10.0 ** rng.uniform(pick(rng, 0, -3, -9, -18), 0, n)
        d[rng.random(n) < 0.2] = 0
        if not np.any(d):
            d[0] = 1.0
        Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
        Q = pick(rng, Q, np.eye(n))
        K = Q @ np.diag(d) @ Q.T
        return (K + K.T) / 2, K[: max(n - 1, 1)]
    if kernel in ("beam", "bridge", "periodic"):
        X = pick(rng, rng.uniform(size=(n, 1)), np.linspace(0, 1, n)[:, None])
        new = rng.uniform(size=(3, 1))
    elif kernel == "chi2":
        X, new = rng.uniform(size=(n, p)), rng.uniform(size=(3, p))
    else:
        X, new = rng.normal(size=(n, p)), rng.normal(size=(3, p))
        factor, offset = 10.0 ** pick(rng, 0, 0, 0, -2, 2), pick(rng, 0, 0, 0, 1e3)
        X, new = factor * X + offset, factor * new + offset
    if rng.random() < 0.25:
        X[rng.integers(n)] = X[rng.integers(n)]
    if rng.random() < 0.1:
        X[:] = X[0]
    return X, new


def labels(rng, n):
    q = pick(rng, None, None, None, 1, 2)
    y = rng.normal(size=n if q is None else (n, q))
    kind = pick(rng, "as is", "as is", "as is", "constant", "zero", "integers", "one")
    if kind == "constant":
        y[:] = 1.5
    elif kind == "zero":
        y[:] = 0
    elif kind == "integers":
        y = np.round(2 * y)
    elif kind == "one":
        y[:] = 0
        y[0] = 1
    return y * 10.0 ** pick(rng, 0, 0, 0, -20, 20)


def settings_of(rng, y):
    energy = float(np.sum(y**2) / len(y))
    unit = pick(rng, "relative", "relative", "absolute", "absolute", "noise")
    if unit == "absolute":
        share = pick(rng, 0.01, 0.1, 0.3, 0.9, 1.0, 1 + EPS, 1 - EPS, 2.0, 0.25, 1 / 9)
        epsilon = share * energy or 1.0
    else:
        epsilon = pick(
            rng, 0.1, 0.3, 0.01, 0.9, 1.0, 1 - EPS, 1 + EPS, 1.5, 1e-6, 1e-12, 1e-30, 2**-53
        )
    c = pick(rng, *[None] * 6, 0.1, [0.1, 0.2, 0.05], 1e-12, 1e6)
    rounds = pick(rng, 1, 1, 2, 3, "auto", None)
    if c is not None:
        rounds = 3 if isinstance(c, list) else pick(rng, 1, 2, 3)
    return {
        "epsilon": epsilon,
        "epsilon_unit": unit,
        "c": c,
        "rounds": rounds,
        "criterion": pick(rng, "gcv", "loo"),
    }


def spoil_inputs(case, rng):
    X = np.array(case.X)
    kind = pick(
        rng, "nan", "inf", "1d", "3d", "0d", "empty", "no columns", "text", "number text",
        "object", "none", "complex", "ragged", "sparse", "masked", "float32", "int", "bool",
        "fortran", "longdouble", "date", "huge int", "list", "string", "asymmetric", "indefinite",
        "not square", "new shape", "new nan",
    )  # fmt: skip
    case.spoil(f"X {kind}")
    if kind in ("nan", "inf"):
        X[tuple(rng.integers(s) for s in X.shape)] = np.nan if kind == "nan" else -np.inf
    spoiled = {
        "1d": lambda: X[:, 0],
        "3d": lambda: X[..., None],
        "0d": lambda: 1.0,
        "empty": lambda: X[:0],
        "no columns": lambda: X[:, :0],
        "text": lambda: [*X.astype(str).tolist()[:-1], ["a"] * X.shape[1]],
        "number text": lambda: X.astype(str),
        "object": lambda: np.array([[object()] * X.shape[1]] * len(X), dtype=object),
        "none": lambda: None,
        "complex": lambda: X + 1j,
        "ragged": lambda: [*X.tolist(), [1.0] * (X.shape[1] + 1)],
        "sparse": lambda: scipy.sparse.csr_matrix(X),
        "masked": lambda: np.ma.masked_array(X, np.eye(*X.shape) > 0),
        "float32": lambda: X.astype(np.float32),
        "int": lambda: np.round(X).astype(int),
        "bool": lambda: X > 0,
        "fortran": lambda: np.asfortranarray(X),
        "longdouble": lambda: X.astype(np.longdouble) * np.longdouble("1e400"),
        "date": lambda: np.full(X.shape, np.datetime64("2020-01-01")),
        "huge int": lambda: np.full(X.shape, 10**400, dtype=object),
        "list": X.tolist,
        "string": lambda: "data",
        "asymmetric": lambda: X + np.triu(np.ones(X.shape), 1),
        "indefinite": lambda: -X,
        "not square": lambda: np.hstack([X, X[:, :1]]),
    }
    if kind in spoiled:
        case.X = spoiled[kind]()
    elif kind == "new shape":
        case.new = pick(rng, np.ones((2, 7)), np.ones(3), 1.0, [], "text", None)
    elif kind == "new nan":
        case.new = np.full(np.shape(case.new), np.nan)
    else:
        case.X = X


def spoil_labels(case, rng):
    y = np.array(case.y, dtype=float)
    kind = pick(
        rng, "nan", "inf", "short", "long", "text", "number text", "object", "none", "complex",
        "3d", "0d", "ragged", "masked", "no outputs", "bool", "date", "huge int", "huge", "tiny",
    )  # fmt: skip
    case.spoil(f"y {kind}")
    if kind in ("nan", "inf"):
        y.flat[rng.integers(y.size)] = np.nan if kind == "nan" else np.inf
    case.y = {
        "short": lambda: y[:-1],
        "long": lambda: np.concatenate([y, y]),
        "text": lambda: np.full(y.shape, "a"),
        "number text": lambda: y.astype(str),
        "object": lambda: np.array([object()] * len(y), dtype=object),
        "none": lambda: None,
        "complex": lambda: y + 1j,
        "3d": lambda: y.reshape(len(y), 1, -1),
        "0d": lambda: 1.0,
        "ragged": lambda: [[1.0]] * (len(y) - 1) + [[1.0, 2.0]],
        "masked": lambda: np.ma.masked_array(y, y == y.flat[0]),
        "no outputs": lambda: np.empty((len(y), 0)),
        "bool": lambda: y > 0,
        "date": lambda: np.full(len(y), np.datetime64("2020-01-01")),
        "huge int": lambda: [10**400] * len(y),
        "huge": lambda: y * 10.0 ** rng.uniform(90, 307),
        "tiny": lambda: y * 10.0 ** rng.uniform(-330, -90),
    }.get(kind, lambda: y)()


def spoil_parameters(case, rng):
    odd = (
        0, -1, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1e308, "0.1", None, True, 1j,
        [1.0, 2.0], np.ones(2), np.array(0.5), 10**400, object(), {}, np.float32(0.5),
        1e-300, 1e300,
    )  # fmt: skip
    name = pick(
        rng, "epsilon", "epsilon_unit", "c", "rounds", "criterion", "gamma", "degree", "coef0",
        "kernel_params", "kernel",
    )  # fmt: skip
    value = odd[int(rng.integers(len(odd)))]
    if name == "rounds" and rng.random() < 0.5:
        value = pick(rng, 10**12, "many", 2.0, np.int64(2), 7)
    if name == "kernel":
        value = pick(
            rng, "nope", "RBF", None, 3, dict, lambda a, b: a, lambda a, b: 1.0,
            lambda a, b: np.full((len(a), len(b)), np.nan), lambda a, b: np.zeros((len(a), len(b))),
            lambda a, b: [["a"] * len(b)] * len(a), lambda a, b: None,
            lambda a, b: np.ones((len(a), len(b))) * 1j, "additive_chi2", "polynomial",
        )  # fmt: skip
    case.parameters[name] = value
    case.spoil(f"{name} = {type(value).__name__}")


def spoil_weights(case, rng):
    n = np.shape(case.X)[0] if np.ndim(case.X) else 1
    w = rng.uniform(0.1, 2, n)
    kind = pick(
        rng, "nan", "inf", "negative", "zero", "short", "text", "object", "2d", "scalar", "huge",
        "tiny", "spread", "masked", "number text", "complex",
    )  # fmt: skip
    case.spoil(f"weight {kind}")
    if kind in ("nan", "inf", "negative") and n:
        w[0] = {"nan": np.nan, "inf": np.inf, "negative": -1.0}[kind]
    case.weight = {
        "zero": lambda: 0 * w,
        "short": lambda: w[:-1],
        "text": lambda: ["a"] * n,
        "object": lambda: [object()] * n,
        "2d": lambda: w[:, None],
        "scalar": lambda: 2.0,
        "huge": lambda: w * 1e307,
        "tiny": lambda: w * 1e-310,
        "spread": lambda: 10.0 ** rng.uniform(-320, 300, n),
        "masked": lambda: np.ma.masked_array(w, w > 1),
        "number text": lambda: w.astype(str),
        "complex": lambda: w + 1j,
    }.get(kind, lambda: w)()


def spoil_scales(case, rng):
    """Scale the inputs of a kernel that is homogeneous, or shift those of one that is not."""
    case.spoil("scale")
    if isinstance(case.X, np.ndarray) and case.X.dtype.kind == "f":
        factor = 10.0 ** rng.uniform(-320, 308)
        with np.errstate(over="ignore"):
            case.X = case.X * factor
            if isinstance(case.new, np.ndarray):
                case.new = case.new * factor


# ------------------------------------------------------------------ the reference


class OutOfScopeError(Exception):
    """The reference has no formula for this case."""


def exact_kernel(parameters, A, B):
    """Return kernel values between rows, in mpmath."""
    name = parameters["kernel"]
    if name == "precomputed":
        return [[mp.mpf(float(v)) for v in row] for row in A]
    p = len(A[0])
    gamma, degree = parameters.get("gamma"), parameters.get("degree", 3)
    coef0 = mp.mpf(parameters.get("coef0", 1))
    gamma = (1 if name == "chi2" else mp.mpf(1) / p) if gamma is None else mp.mpf(gamma)

    def inner(a, b):
        return mp.fsum(u * v for u, v in zip(a, b, strict=True))

    def value(a, b):
        if name == "rbf":
            return mp.exp(-gamma * mp.fsum((u - v) ** 2 for u, v in zip(a, b, strict=True)))
        if name == "laplacian":
            return mp.exp(-gamma * mp.fsum(abs(u - v) for u, v in zip(a, b, strict=True)))
        if name == "poly":
            return (gamma * inner(a, b) + coef0) ** degree
        if name == "linear":
            return inner(a, b)
        low, high = min(a[0], b[0]), max(a[0], b[0])
        if name == "beam":
            return low * (1 - high) * (2 * high - high**2 - low**2) / 6
        if name == "bridge":
            return low * (1 - high)
        if name == "periodic":
            return mp.cosh(mp.mpf(1) / 2 - (high - low)) / (2 * mp.sinh(mp.mpf(1) / 2))
        raise OutOfScopeError(name)

    A = [[mp.mpf(float(v)) for v in row] for row in A]
    B = [[mp.mpf(float(v)) for v in row] for row in B]
    return [[value(a, b) for b in B] for a in A]


@dataclass
class Reference:
    """The chain in 90 digits: how it ends, and what it predicts."""

    infeasible: bool
    reachable: object
    energy: object
    total: object
    rank: int
    collapsed: bool
    c: list
    predictions: list
    criterion: list


def root_of(d, e, rho2):
    """Return the root of sum (c/(c+d))^2 e = rho2; both sides of it are looked at."""

    def energy(c):
        return mp.fsum((c / (c + dk)) ** 2 * ek for dk, ek in zip(d, e, strict=True))

    low, high = mp.mpf(-1), mp.mpf(1)
    while energy(mp.mpf(2) ** low) > rho2:
        low *= 2
    while energy(mp.mpf(2) ** high) < rho2:
        high *= 2
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if energy(mp.mpf(2) ** middle) < rho2 else (low, middle)
    root = mpmath.findroot(
        lambda u: mp.log(energy(mp.mpf(2) ** u) / rho2),
        (low, high),
        solver="anderson",
        tol=mp.mpf(10) ** -70,
        maxsteps=400,
        verify=False,
    )
    step = mp.mpf(10) ** -30
    c = mp.mpf(2) ** root
    assert energy(c * (1 - step)) < rho2 < energy(c * (1 + step))
    return c


def reference(case, epsilon_absolute, noise=None, sign=0):
    """Run the chain; with noise, on data perturbed by 10 n machine epsilons.

    The tolerance is perturbed in the direction of sign.
    """
    X = [list(row) for row in np.asarray(case.X, dtype=float)]
    y = np.asarray(case.y, dtype=float)
    shape, y = y.shape, y.reshape(len(y), -1)
    n, q = y.shape
    weight = np.ones(n) if case.weight is None else np.asarray(case.weight, dtype=float)
    used = [k for k in range(n) if weight[k] > 0]
    m = len(used)
    w = [mp.mpf(float(weight[k])) / mp.mpf(float(weight.max())) for k in used]
    total = mp.fsum(w)
    K = exact_kernel(case.parameters, X, X)
    root = [mp.sqrt(v) for v in w]
    G = mp.matrix(m, m)
    for j in range(m):
        for k in range(m):
            G[j, k] = root[j] * K[used[j]][used[k]] * root[k] / total
    labels = mp.matrix(m, q)
    for j in range(m):
        for k in range(q):
            labels[j, k] = root[j] * mp.mpf(float(y[used[j], k]))
    epsilon = None if epsilon_absolute is None else mp.mpf(epsilon_absolute)
    if noise is not None:
        size = 10 * m * EPS
        top = max(abs(v) for v in G)
        bump = noise.normal(size=(m, m))
        bump = (bump + bump.T) / 2
        G += mp.matrix((size * bump).tolist()) * top
        labels += mp.matrix((size * noise.normal(size=(m, q))).tolist()) * max(
            abs(v) for v in labels
        )
        if epsilon is not None:
            epsilon *= 1 + mp.mpf(sign * size)
    G = (G + G.T) / 2
    d, Q = mp.eigsy(G)
    d = list(d)
    top = max(abs(v) for v in d)
    d = [v if v > 100 * m * EPS * top else mp.mpf(0) for v in d]
    z = Q.T * labels
    e = [mp.fsum(z[k, o] ** 2 for o in range(q)) for k in range(m)]
    reachable = mp.fsum(v for v, dk in zip(e, d, strict=True) if dk > 0)
    energy = mp.fsum(e)
    parameters = case.parameters
    rho2 = None if epsilon is None else epsilon * total
    ref = Reference(False, reachable, energy, total, sum(v > 0 for v in d), False, [], [], [])

    new = [list(row) for row in np.asarray(case.new, dtype=float)]
    rows = exact_kernel(parameters, new, X)
    rounds = parameters["rounds"]
    limit = COMPARED if not isinstance(rounds, (int, np.integer)) else min(rounds, COMPARED)
    B = [mp.mpf(1)] * m
    for t in range(limit + 1):
        now = [B[k] ** 2 * e[k] for k in range(m)]
        if parameters["c"] is not None:
            if t == limit:
                break
            c = mp.mpf(float(np.broadcast_to(parameters["c"], limit)[t]))
        else:
            # an exact tie, up to the rounding of these 90 digits
            if mp.fsum(now) <= rho2 * (1 + mp.mpf(10) ** -40):
                ref.collapsed = True
                break
            if t == limit:
                break
            if mp.fsum(v for v, dk in zip(now, d, strict=True) if not dk) >= rho2:
                ref.infeasible = True
                return ref
            c = root_of(d, now, rho2)
        ref.c.append(c)
        alpha = mp.matrix(m, q)
        for k in range(m):
            for o in range(q):
                alpha[k, o] = z[k, o] * B[k] / (c + d[k]) if d[k] else 0
        alpha = Q * alpha
        fit = [
            [
                mp.fsum(r[used[j]] * root[j] * alpha[j, o] for j in range(m)) / total
                for o in range(q)
            ]
            for r in rows
        ]
        ref.predictions.append(np.array(fit).reshape(len(new), *shape[1:]))
        B = [b * dk / (c + dk) for b, dk in zip(B, d, strict=True)]
    smooth = Q * mp.diag(d) * Q.T
    ref.criterion = criteria(parameters["criterion"], smooth, labels, ref.c, total)
    return ref


def criteria(name, G, labels, multipliers, total):
    """Return GCV by the trace, or leave-one-out by rerunning the chain without each point."""
    m, q = labels.rows, labels.cols
    values = []
    if name == "gcv":
        smoother = mp.eye(m)
        for c in multipliers:
            smoother = mp.lu_solve_matrix(c * mp.eye(m) + G, G * smoother)
            rest = (mp.eye(m) - smoother) * labels
            trace = m - mp.fsum(smoother[k, k] for k in range(m))
            values.append(mp.fsum(v**2 for v in rest) / total / (trace / m) ** 2)
        return values
    for t in range(1, len(multipliers) + 1):
        error = mp.mpf(0)
        for i in range(m):
            rest = [k for k in range(m) if k != i]
            size = len(rest)
            fitted = [mp.mpf(0)] * q
            if size:
                own = mp.matrix(size, size)
                cross = mp.matrix(1, size)
                now = mp.matrix(size, q)
                for a, j in enumerate(rest):
                    cross[0, a] = G[i, j]
                    for b, k in enumerate(rest):
                        own[a, b] = G[j, k]
                    for o in range(q):
                        now[a, o] = labels[j, o]
                for c in multipliers[:t]:
                    alpha = mp.lu_solve_matrix(c * mp.eye(size) + own, now)
                    now = own * alpha
                fitted = [(cross * alpha)[0, o] for o in range(q)]
            error += mp.fsum((labels[i, o] - fitted[o]) ** 2 for o in range(q))
        values.append(error / total)
    return values


def lu_solve_matrix(A, B):
    """Return A^-1 B, column by column."""
    solution = mp.matrix(A.rows, B.cols)
    for k in range(B.cols):
        column = mp.lu_solve(A, B[:, k])
        for j in range(A.rows):
            solution[j, k] = column[j]
    return solution


mp.lu_solve_matrix = lu_solve_matrix


# ------------------------------------------------------------------ the verdict


class WrongError(AssertionError):
    """A silent wrong answer, or an error that does not say what is wrong."""


def attempt(case):
    """Fit and predict; return the model and predictions, or the refusal, and the tolerance."""
    kind = SelfDistilledKernelRidgeClassifier if case.classifier else SelfDistilledKernelRidge
    model = kind(**case.parameters)
    try:
        model.fit(case.X, case.y, case.weight)
        last = model.predict(case.new)
        stages = [] if case.classifier else list(model.staged_predict(case.new))
    except REFUSALS as error:
        return error, getattr(model, "epsilon_", None), None
    return model, last, stages


#: Warnings that cases are known to raise; that of the mean is checked.
EXPECTED = ("A column-vector y was passed", "The number of unique classes is greater", MEAN)


def judge(case):
    """Return what came of the case; raise if it is what must never be."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, last, stages = attempt(case)
    for warning in caught:
        known = any(words in str(warning.message) for words in EXPECTED)
        if not (known or issubclass(warning.category, ConvergenceWarning)):
            raise WrongError(f"{warning.category.__name__}: {warning.message}")
    if isinstance(found, REFUSALS):
        if not NAMED.search(str(found)) or len(str(found)) < 20:
            raise WrongError(f"the message names no argument: {found}")
        if case.sound and isinstance(found, InvalidInputError):
            justify(case, str(found))
        if case.sound and isinstance(found, InfeasibleToleranceError):
            return compare_infeasible(case, found)
        if case.sound and isinstance(found, AccuracyError):
            return justify_lost(case, str(found), last)
        return "refused"
    numbers = () if case.classifier else (last, *stages, found.multipliers_)
    if not all(np.all(np.isfinite(part)) for part in numbers):
        raise WrongError("a number is not finite")
    if not case.sound or case.classifier:
        return "answered"
    check_mean(case, found, any(MEAN in str(warning.message) for warning in caught))
    try:
        return compare(case, found, last, stages)
    except OutOfScopeError:
        return "answered"


def check_mean(case, model, said):
    """Compare the warning of the labels' mean with their variance."""
    y = np.asarray(case.y, dtype=float).reshape(len(case.y), -1)
    weight = np.ones(len(y)) if case.weight is None else np.asarray(case.weight, dtype=float)
    distance = y - np.average(y, axis=0, weights=weight)
    variance = float(np.average(np.sum(distance**2, axis=1), weights=weight))
    fits = case.parameters["c"] is None and len(model.criterion_) > 0
    nearer = fits and 0 < variance < model.epsilon_
    if said != nearer and not (fits and abs(variance / model.epsilon_ - 1) < 1e-6):
        raise WrongError(f"tolerance {model.epsilon_}, variance {variance}, warning: {said}")


def justify_lost(case, message, epsilon):
    """Compare a refusal of lost digits with what rounding of the data does to the multiplier."""
    t = int(re.search(r"\bc_(\d+),", message)[1])
    try:
        refs = variants(case, epsilon)
    except OutOfScopeError:
        return "refused"
    if t >= COMPARED or any(ref.infeasible or len(ref.c) <= t for ref in refs):
        return "lost, or not there, within rounding"
    moved = max(abs(float(ref.c[t] / refs[0].c[t] - 1)) for ref in refs)
    # the worst direction moves it further than these four, in the median 100 times
    if moved < KNOWN / 300:
        raise WrongError(f"{message} But rounding of the data moves it by {moved:.1g}")
    return "lost within rounding"


def justify(case, message):
    if case.parameters["kernel"] in ("sigmoid", "poly", "precomputed") and "indefinite" in message:
        return
    if not any(words in message for words in JUSTIFIED):
        raise WrongError(f"sound input was refused: {message}")
    if "no function" in message:
        try:
            ref = reference(case, 1.0)
        except OutOfScopeError:
            return
        if ref.reachable > 1e-24 * ref.energy:
            raise WrongError(f"{message} But a function fits {ref.reachable} of {ref.energy}")


def variants(case, epsilon):
    """Return the reference, and on perturbed data."""
    rng = np.random.default_rng(0)
    perturbed = [reference(case, epsilon, rng, sign) for sign in (1, -1, 4, -4)]
    return [reference(case, epsilon), *perturbed]


def compare_infeasible(case, error):
    try:
        refs = variants(case, error.epsilon)
        # the perturbed labels may make up for the perturbed tolerance
        refs.append(reference(case, error.epsilon * (1 - 1000 * EPS)))
    except OutOfScopeError:
        return "refused"
    if not any(ref.infeasible for ref in refs):
        raise WrongError(f"{error} But the reference finds {[float(c) for c in refs[0].c]}")
    return "infeasible, as the reference says"


def compare(case, model, last, stages):
    if not np.any(np.asarray(case.y, dtype=float)):
        if np.any(last):
            raise WrongError("labels are zero, but the fit is not")
        return "compared"
    epsilon = None if case.parameters["c"] is not None else model.epsilon_
    refs = variants(case, epsilon)
    ref = refs[0]
    if case.parameters["epsilon_unit"] == "relative" and epsilon is not None:
        share = float(case.parameters["epsilon"])
        expected = [r.energy - r.reachable + share * r.reachable for r in refs]
        near("tolerance", 0, epsilon, [v / r.total for v, r in zip(expected, refs, strict=True)])
    asked = case.parameters["rounds"]
    tried = len(model.criterion_)
    lengths = {len(r.c) for r in refs}
    if any(r.infeasible for r in refs) or len({r.rank for r in refs}) > 1:
        return "undecided within rounding"
    if min(tried, COMPARED) not in lengths:
        raise WrongError(f"{tried} rounds, but the reference has {sorted(lengths)}")
    if len(lengths) > 1:
        return "undecided within rounding"
    size = COMPARED if asked == "auto" else len(stages)
    for t in range(min(len(stages), COMPARED)):
        near("multiplier", t, model.multipliers_[t], [r.c[t] for r in refs])
        rounding = 0.0
        if t < len(model.duals_):
            rows = np.abs(np.array(model.kernel_matrix(case.new, model.X_fit_)))
            rounding = 20 * len(model.X_fit_) * EPS * rows @ np.abs(model.duals_[t])
        near("prediction", t, stages[t], [r.predictions[t] for r in refs], rounding)
        near("criterion", t, model.criterion_[t], [r.criterion[t] for r in refs])
    zero = isinstance(asked, int) and tried < asked
    if not np.array_equal(last, np.zeros_like(last) if zero or not stages else stages[-1]):
        raise WrongError("predict is not the last stage")
    if asked == "auto" and 0 < tried <= min(size, COMPARED):
        best = min(ref.criterion)
        if ref.criterion[model.n_rounds_ - 1] > best * (1 + mp.mpf("1e-6")):
            raise WrongError(f"round {model.n_rounds_} is not the best: {ref.criterion}")
    return "compared"


def near(what, t, found, values, rounding=0.0):
    """Compare with the reference, up to what rounding of the data makes of it."""
    exact, *others = [np.atleast_1d(np.asarray(v, dtype=object)) for v in values]
    spread = np.max([np.abs(other - exact) for other in others], axis=0).astype(float)
    scale = np.abs(exact).astype(float)
    # the spread of a column, as one entry may happen to stay where it is
    spread = np.maximum(spread, np.max(spread, initial=0.0))
    error = np.abs((np.asarray(found, dtype=object) - exact).astype(float))
    allowed = 20 * spread + 200 * EPS * scale + rounding
    if np.any(error > allowed):
        raise WrongError(
            f"{what} of round {t}: {found}, but the reference is {exact.astype(float)} "
            f"(error {error.max():.3g}, allowed {np.max(allowed):.3g})"
        )


def run(seeds, outcomes):
    with mp.workdps(90):
        for seed in seeds:
            with np.errstate(all="ignore"):
                case = make_case(seed)
            try:
                outcomes[judge(case)] += 1
            except Exception as error:
                raise AssertionError(
                    f"seed {seed}: {case.tags or 'sound'}, {case.parameters}: "
                    f"{type(error).__name__}: {error}"
                ) from error


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize("part", range(4))
def test_fuzzed_fits_are_right_or_refused_by_name(part):
    outcomes = Counter()
    run(range(40 * part, 40 * (part + 1)), outcomes)
    assert outcomes["compared"] > 5
    assert outcomes["refused"] > 10


def slightly_more(function):
    """Return the function, with a relative error of 1e-9 in its result."""

    def wrong(*arguments):
        result = function(*arguments)
        if isinstance(result, Chain):
            return dataclasses.replace(result, c=result.c * (1 + 1e-9))
        if isinstance(result, Iterator):
            return (part * (1 + 1e-9) for part in result)
        return result * (1 + 1e-9)

    return wrong


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (SelfDistilledKernelRidge, "_evaluated", "prediction of round"),
        (SelfDistilledKernelRidge, "_tolerance", "tolerance of round"),
        (SelfDistilledKernelRidge, "_chain", "multiplier of round"),
        (estimator, "leave_one_out", "criterion of round"),
        (estimator, "along", "criterion of round"),
    ],
)
def test_the_comparison_finds_a_planted_wrong_number(monkeypatch, owner, name, message):
    monkeypatch.setattr(owner, name, slightly_more(getattr(owner, name)))
    with pytest.raises(AssertionError, match=message):
        run(range(40), Counter())


def test_the_fuzzer_finds_a_planted_crash(monkeypatch):
    monkeypatch.setattr(
        "sdtheory.estimator.real_labels", lambda y: np.asarray(y, dtype=float)[..., 0]
    )
    with pytest.raises(AssertionError, match="seed "):
        run(range(40), Counter())


ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
COMMON = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@COMMON
@given(
    X=arrays.arrays(
        arrays.floating_dtypes(endianness="=") | arrays.integer_dtypes(endianness="="),
        arrays.array_shapes(max_dims=3, max_side=4),
    ),
    y=arrays.arrays(float, arrays.array_shapes(max_dims=2, max_side=4), elements=ANY),
    epsilon=ANY,
    rounds=st.none() | st.just("auto") | st.integers(-2, 5),
    unit=st.sampled_from(["relative", "absolute", "noise"]),
)
def test_arbitrary_arrays_and_tolerances(X, y, epsilon, rounds, unit):
    parameters = {"epsilon": epsilon, "rounds": rounds, "epsilon_unit": unit, "kernel": "rbf"}
    judge(Case(X, y, X, parameters | {"c": None, "criterion": "loo"}, sound=False))


UNIT = arrays.arrays(float, st.integers(2, 6), elements=st.floats(-1, 1).map(lambda v: round(v, 6)))


@COMMON
@given(y=UNIT, power=st.integers(-300, 300), seed=st.integers(0, 99), rounds=st.integers(1, 4))
def test_scale_of_labels_and_order_of_points_do_not_matter(y, power, seed, rounds):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(len(y), 2))
    if np.max(np.abs(y)) == 0:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="the tolerance .* is above the variance")
        model = SelfDistilledKernelRidge("laplacian", rounds=rounds, epsilon=0.2).fit(X, y)
        scaled = SelfDistilledKernelRidge("laplacian", rounds=rounds, epsilon=0.2)
        scaled.fit(X, np.ldexp(y, power))
        order = rng.permutation(len(y))
        other = SelfDistilledKernelRidge("laplacian", rounds=rounds, epsilon=0.2)
        other.fit(X[order], y[order])
    np.testing.assert_array_equal(scaled.predict(X), np.ldexp(model.predict(X), power))
    if model.n_rounds_ == other.n_rounds_:
        np.testing.assert_allclose(other.predict(X), model.predict(X), atol=1e-9)


def read_as(suffix, content, names=None):
    def choose(columns, _):
        if names is not None:
            names.extend(columns)
        return columns

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(content)
        try:
            return tables.read(path, choose)
        except InvalidInputError as error:
            if str(path) not in str(error):
                raise WrongError(f"the message does not name the file: {error}") from error
            return None


@COMMON
@given(st.text(alphabet='0123456789.,;-+eEnaif_"\n\r\t x\x00\u00e4\ufeff', max_size=60))
@example("x\r1\r")
@example('"x\n')
def test_arbitrary_text_is_a_finite_table_or_an_error(text):
    names = []
    table = read_as(".csv", text.encode(), names)
    if table is None:
        return
    assert np.all(np.isfinite(table))
    content = text.encode().decode("utf-8-sig")
    head, *rows = [row for row in csv.reader(io.StringIO(content, newline="")) if row]
    assert names == [name.strip() for name in head]
    np.testing.assert_array_equal(table, [[float(cell) for cell in row] for row in rows])


@COMMON
@given(st.binary(max_size=80), st.sampled_from([".csv", ".tsv", ".npy", ".parquet", ".txt"]))
def test_arbitrary_bytes_are_a_finite_table_or_an_error(content, suffix):
    table = read_as(suffix, content)
    assert table is None or np.all(np.isfinite(table))


def damaged(content, rng):
    """Return the bytes with a few changed, cut, doubled or put in."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(content) + 1))
        kind = int(rng.integers(4))
        if kind == 0 and at < len(content):
            content[at] = int(rng.integers(256))
        elif kind == 1:
            del content[at : at + int(rng.integers(1, 9))]
        elif kind == 2:
            content[at:at] = content[at : at + int(rng.integers(1, 9))]
        else:
            content[at:at] = bytes(rng.choice(list(b',;"\n\r\t\x00\xff1e-nai '), 2).tolist())
    return bytes(content)


def check_damaged_files(seeds):
    """Read damaged tables and arrays; return how many were read, and how many refused."""
    text = "x,y,z\n" + "".join(f"{k / 7!r},{k},{-k}e-3\n" for k in range(6))
    target = io.BytesIO()
    np.save(target, np.arange(8.0).reshape(4, 2))
    outcomes = Counter()
    for seed in seeds:
        rng = np.random.default_rng([30, seed])
        for suffix, content in ((".csv", text.encode()), (".npy", target.getvalue())):
            try:
                table = read_as(suffix, damaged(content, rng))
            except Exception as error:
                raise AssertionError(f"seed {seed}{suffix}: {error!r}") from error
            assert table is None or np.all(np.isfinite(table))
            outcomes["read" if table is not None else "refused"] += 1
    return outcomes


def test_damaged_files_are_read_or_refused():
    outcomes = check_damaged_files(range(100))
    assert min(outcomes["read"], outcomes["refused"]) > 10


@COMMON
@given(st.binary(max_size=100))
@example(b"PK\x05\x06" + bytes(18))
@example(b"\x93NUMPY\x01\x00")
def test_arbitrary_bytes_are_no_model(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match=re.escape(str(path))):
            load(path)


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    start, tally = perf_counter(), Counter()
    for seed in range(first, first + count):
        try:
            run([seed], tally)
        except AssertionError as error:
            tally["WRONG"] += 1
            print(error, flush=True)
    tally.update(
        {f"file {k}": v for k, v in check_damaged_files(range(first, first + count)).items()}
    )
    print(f"{count} fits from seed {first} in {perf_counter() - start:.0f} s")
    for outcome, number in tally.most_common():
        print(f"{number:>9} {outcome}")
