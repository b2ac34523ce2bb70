r"""What a user would write: a ready-made smoother inside `brentq` on the tolerance, once a round.

The baselines get the care that the solvers get: log c is the variable; the
bracket starts from the previous multiplier; its ends are not evaluated twice;
roots are found to 1e-8 relative, the accuracy that the Krylov solver promises;
the residual is c times the dual vector where there is one; a path stays within
SciPy, whose BLAS has threads of its own that compete with NumPy's.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from scipy.interpolate import make_smoothing_spline
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from benchmarks.problems import GAMMA, ROUNDS, Array, Problem

#: Relative accuracy of the baselines' multipliers.
XTOL = 1e-8
#: Penalty of the fits at a known one, per point; its size does not matter to their time.
ALPHA = 1e-3
#: Relative residual at which conjugate gradients stop.
CG_RTOL = 1e-9

#: Largest log of a multiplier over the trace.
_HIGHEST = 30.0

#: Maps a multiplier and labels to the residual c (c I + G)^{-1} y.
Resolvent = Callable[[float, Array], Array]


def chain(residual: Resolvent, y: Array, epsilon: float, trace: float) -> tuple[Array, int]:
    """Run the rounds with one root search each.

    Parameters
    ----------
    residual : callable
    y : ndarray of shape (n,)
    epsilon : float
    trace : float
        Of G; where the first search starts.

    Returns
    -------
    c : ndarray of shape (rounds,)
    solves : int
        Calls of `residual`.
    """
    c: list[float] = []
    solves = 0
    rho2 = len(y) * epsilon
    while len(c) < ROUNDS and float(y @ y) > rho2:
        known: dict[float, tuple[float, Array]] = {}

        def mismatch(log_c: float, y: Array = y, known: dict = known) -> float:
            if log_c not in known:
                w = residual(math.exp(log_c), y)
                known[log_c] = float(w @ w) / rho2 - 1, w
            return known[log_c][0]

        if c:
            low = math.log(c[-1])
            high = low + math.log(10)
        else:
            high = math.log(trace / (math.sqrt(float(y @ y) / rho2) - 1))
            low = high - math.log(1000)
        while mismatch(low) > 0:
            low, high = low - math.log(100), low
        while mismatch(high) < 0:
            if high > math.log(trace) + _HIGHEST:
                raise ArithmeticError(f"no multiplier meets the tolerance in round {len(c)}")
            low, high = high, high + math.log(10)
        root: Any = brentq(mismatch, low, high, xtol=XTOL)
        mismatch(root)
        solves += len(known)
        c.append(math.exp(root))
        y = y - known[root][1]
    return np.array(c), solves


def _run(problem: Problem, residual: Resolvent) -> tuple[Array, dict[str, Any]]:
    c, solves = chain(residual, problem.y, problem.epsilon, problem.trace)
    return c, {"solves": solves}


def kernel_ridge(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run scikit-learn's `KernelRidge(kernel="precomputed")` in brentq."""
    matrix = problem.gram

    def residual(c: float, y: Array) -> Array:
        ridge: Any = KernelRidge(alpha=c, kernel="precomputed")  # pyright: ignore[reportArgumentType]
        return c * ridge.fit(matrix, y).dual_coef_

    return _run(problem, residual)


def kernel_ridge_fit(problem: Problem) -> tuple[None, dict[str, Any]]:
    """Fit scikit-learn's `KernelRidge` once, from points, at an alpha that is known."""
    alpha: Any = ALPHA * problem.n
    KernelRidge(alpha=alpha, kernel="rbf", gamma=GAMMA).fit(problem.x, problem.y)
    return None, {}


def gaussian_process_fit(problem: Problem) -> tuple[None, dict[str, Any]]:
    """Fit scikit-learn's `GaussianProcessRegressor` once, at a known kernel and noise."""
    fixed: Any = None
    model = GaussianProcessRegressor(problem.kernel, alpha=ALPHA * problem.n, optimizer=fixed)
    model.fit(problem.x, problem.y)
    return None, {}


def ridge_on_features(problem: Problem) -> tuple[None, dict[str, Any]]:
    """Tune scikit-learn's `RidgeCV` on random features of the kernel, ten penalties."""
    features = Nystroem(gamma=GAMMA, n_components=min(300, problem.n), random_state=0)
    make_pipeline(features, RidgeCV(np.logspace(-6, 3, 10))).fit(problem.x, problem.y)
    return None, {}


def kernel_ridge_points(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run scikit-learn's `KernelRidge` in brentq, from points."""

    def residual(c: float, y: Array) -> Array:
        alpha: Any = problem.n * c
        ridge: Any = KernelRidge(alpha=alpha, kernel="rbf", gamma=GAMMA)
        return alpha * ridge.fit(problem.x, y).dual_coef_

    return _run(problem, residual)


def cholesky(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run SciPy's `cho_factor` and `cho_solve` in brentq."""
    # LAPACK works in columns; a symmetric matrix has both orders
    matrix = np.asfortranarray(problem.gram)
    work = np.empty_like(matrix)

    def residual(c: float, y: Array) -> Array:
        np.copyto(work, matrix)
        work[np.diag_indices_from(work)] += c
        factor = scipy.linalg.cho_factor(work, lower=True, overwrite_a=True, check_finite=False)
        return c * scipy.linalg.cho_solve(factor, y, check_finite=False)

    return _run(problem, residual)


def smoothing_spline(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run SciPy's `make_smoothing_spline` in brentq: natural cubic splines, free at both ends."""

    def residual(c: float, y: Array) -> Array:
        return y - make_smoothing_spline(problem.x, y, lam=problem.n * c)(problem.x)

    return _run(problem, residual)


def csaps(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run `csaps` in brentq: natural cubic splines, free at both ends."""
    spline = importlib.import_module("csaps").CubicSmoothingSpline

    def residual(c: float, y: Array) -> Array:
        # it minimises p sum (y - f)^2 + (1 - p) int f''^2
        return y - spline(problem.x, y, smooth=1 / (1 + problem.n * c))(problem.x)

    return _run(problem, residual)


def lazy_products(problem: Problem) -> tuple[Array, dict[str, Any]]:
    """Run KeOps' lazy kernel products in conjugate gradients in brentq."""
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    lazy = importlib.import_module("pykeops.numpy").LazyTensor
    n, points = problem.n, np.ascontiguousarray(problem.x)
    left, right = lazy(points[:, None, None]), lazy(points[None, :, None])
    distance = (left - right).abs()
    small, large = (left + right - distance) / 2, (left + right + distance) / 2
    rest = 1 - large
    kernel = small * rest * (distance * (left + right) + 2 * large * rest) / 6
    products = 0
    dual = np.zeros(n)

    def residual(c: float, y: Array) -> Array:
        nonlocal dual

        def product(v: Array) -> Array:
            nonlocal products
            products += 1
            return (kernel @ v.reshape(-1, 1)).ravel() / n + c * v.ravel()

        operator: Any = LinearOperator((n, n), matvec=product, dtype=float)  # pyright: ignore[reportCallIssue]
        dual, failed = cg(operator, y, x0=dual, rtol=CG_RTOL, maxiter=1000)
        if failed:
            raise ArithmeticError(f"conjugate gradients did not converge at c = {c:.3g}")
        return c * dual

    c, details = _run(problem, residual)
    return c, details | {"products": products}
