"""Everything that is timed, by name: a function from a problem to multipliers and details."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import scipy.linalg
from scipy.linalg import get_blas_funcs

from benchmarks import baselines
from benchmarks.problems import GAMMA, ROUNDS, Array, Problem, beam
from sdtheory import Spectrum, distill, distill_path, trajectory
from sdtheory.cli import main
from sdtheory.estimator import SelfDistilledKernelRidge
from sdtheory.solvers.operator import KernelOperator

#: Multipliers, or None where there are none to judge, and what else is worth keeping.
Outcome = tuple[Array | None, dict[str, Any]]


@dataclass(frozen=True)
class Contender:
    """One way to do a job.

    Attributes
    ----------
    label : str
        For tables and legends.
    run : callable
        From a problem to multipliers and details.
    kind : {"solver", "baseline", "limit", "differs"}
        A limit has no multipliers; one that differs solves a neighbouring
        problem, so that its multipliers are not those of the reference.
    needs : str
        Module of an extra that it imports, or nothing.
    warm : int
        Size of the problem that makes it compile, import and allocate before
        anything is measured.
    matrix : bool
        Whether it starts from the matrix G, which is built before.
    """

    label: str
    run: Callable[[Any], Outcome]
    kind: str = "solver"
    needs: str = ""
    warm: int = 64
    matrix: bool = False

    @property
    def missing(self) -> bool:
        """Whether it cannot run here, for want of its extra."""
        return bool(self.needs) and importlib.util.find_spec(self.needs) is None


def bare_eigh(problem: Problem) -> Outcome:
    """Diagonalise G and do nothing with it: the unit of cost of the dense solvers."""
    scipy.linalg.eigh(problem.gram, driver="evd")
    return None, {}


@cache
def _unit() -> Array:
    return beam(2000).gram


def bare_eigh_2000(_: Problem) -> Outcome:
    """Diagonalise G at n = 2000, whatever the problem: the unit for other sizes."""
    scipy.linalg.eigh(_unit(), driver="evd")
    return None, {}


def stored(solver: Any) -> Callable[[Problem], Outcome]:
    """Run one trajectory from the matrix G."""

    def run(problem: Problem) -> Outcome:
        return _known(distill(problem.gram, problem.y, problem.epsilon, ROUNDS, solver=solver))

    return run


def points(solver: Any) -> Callable[[Problem], Outcome]:
    """Run one trajectory from kernel and points."""

    def run(problem: Problem) -> Outcome:
        operator = KernelOperator(problem.kernel, problem.x)
        return _known(distill(operator, problem.y, problem.epsilon, ROUNDS, solver=solver))

    return run


def _known(chain: Any) -> Outcome:
    details = {"solver": chain.solver, "claimed": float(chain.c_error.max())}
    if chain.products is not None:
        details["products"] = chain.products
    return chain.c, details


def sweep(problem: Problem) -> Outcome:
    """Run all pairs of labels and tolerance from one eigendecomposition."""
    spectrum = Spectrum.from_gram(problem.gram)
    z = spectrum.to_eigenbasis(problem.y.reshape(-1, problem.n).T).T.reshape(problem.y.shape)
    c = trajectory(spectrum.d, z, problem.epsilon, ROUNDS).c
    return c, {"pairs": int(c.size // ROUNDS)}


def estimator(problem: Problem) -> Outcome:
    """Fit the estimator, from points: the tolerance found, and every round."""
    model = SelfDistilledKernelRidge(
        gamma=GAMMA, epsilon=problem.epsilon, epsilon_unit="absolute", rounds=ROUNDS
    )
    model.fit(problem.x, problem.y)
    return model.multipliers_, {"solver": model.solver_, "claimed": float(model.c_error_.max())}


def path(problem: Problem) -> Outcome:
    """Run fifty tolerances, of which the smallest is the problem's, from one basis."""
    operator = KernelOperator(problem.kernel, problem.x)
    epsilons = problem.epsilon * np.geomspace(1, 10, 50)
    return _known(distill_path(operator, problem.y, epsilons, ROUNDS)[0])


def table_fit(problem: Problem) -> Outcome:
    """Run ``sdtheory fit`` on a CSV file of these points, which is written first."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data.csv"
        table = np.column_stack([problem.x, problem.y])
        names = ",".join(["abcde"[k] for k in range(problem.x.shape[1])] + ["y"])
        np.savetxt(data, table, delimiter=",", header=names, comments="", fmt="%.17g")
        options = ["--target", "y", "--gamma", str(GAMMA), "--rescale", "none", "--no-intercept"]
        options += ["--epsilon", repr(float(problem.epsilon)), "--rounds", str(ROUNDS)]
        numbers = Path(folder) / "numbers.json"
        options += ["--save", str(Path(folder) / "model.npz"), "--json", str(numbers)]
        with redirect_stdout(StringIO()):
            code = main(["fit", str(data), *options])
        if code:
            raise ArithmeticError(f"sdtheory fit returned {code}")
        found = json.loads(numbers.read_text(encoding="utf-8"))
    c = np.array([row["multiplier"] for row in found["rounds"]])
    return c, {"solver": found["solver"]}


def gemm(problem: Problem) -> Outcome:
    """Multiply two matrices in SciPy's BLAS: the rate that bounds a reduction."""
    matrix = np.asfortranarray(problem.gram)
    (product,) = get_blas_funcs(("gemm",), (matrix,))
    product(1.0, matrix, matrix)
    return None, {"flops": 2.0 * problem.n**3}


_VECTORS: dict[int, tuple[Array, Array]] = {}


def stream(problem: Problem) -> Outcome:
    """Read two long vectors once: the rate that bounds a pass over stored numbers."""
    size = problem.n * 8192
    if size not in _VECTORS:
        _VECTORS.clear()
        _VECTORS[size] = np.ones(size), np.ones(size)
    a, b = _VECTORS[size]
    (inner,) = get_blas_funcs(("dot",), (a, b))
    inner(a, b)
    return None, {"bytes": 16.0 * size}


CONTENDERS: dict[str, Contender] = {
    "bare eigh": Contender("bare eigh", bare_eigh, "limit", matrix=True),
    "bare eigh at 2000": Contender("bare eigh at n = 2000", bare_eigh_2000, "limit"),
    "gemm": Contender("matrix product", gemm, "limit", matrix=True),
    "stream": Contender("read of two vectors", stream, "limit"),
    "eigh": Contender("eigendecomposition", stored("eigh"), matrix=True),
    "krylov": Contender("Krylov, G stored", stored("krylov"), matrix=True),
    "auto": Contender("chosen, from G", stored("auto"), matrix=True),
    "eigh points": Contender("eigendecomposition, from points", points("eigh")),
    "krylov lazy": Contender("Krylov, G never stored", points("krylov"), warm=2000),
    "spline": Contender("spline, O(n)", points("spline"), warm=100_000),
    "auto points": Contender("chosen, from points", points("auto"), warm=2000),
    "sweep": Contender("200 pairs, one eigendecomposition", sweep, matrix=True),
    "estimator": Contender("SelfDistilledKernelRidge, five rounds", estimator, warm=500),
    "path": Contender("50 tolerances, one basis", path, warm=500),
    "table": Contender("sdtheory fit, from CSV", table_fit, warm=500),
    "KernelRidge.fit": Contender("KernelRidge.fit, one alpha", baselines.kernel_ridge_fit, "limit"),
    "GaussianProcess.fit": Contender(
        "GaussianProcessRegressor.fit, one alpha", baselines.gaussian_process_fit, "limit"
    ),
    "RidgeCV": Contender("RidgeCV on 300 features", baselines.ridge_on_features, "limit"),
    "kernel ridge points": Contender(
        "KernelRidge in brentq, from points", baselines.kernel_ridge_points, "baseline"
    ),
    "kernel ridge": Contender(
        "KernelRidge in brentq", baselines.kernel_ridge, "baseline", matrix=True
    ),
    "cholesky": Contender("Cholesky in brentq", baselines.cholesky, "baseline", matrix=True),
    "lazy products": Contender(
        "KeOps and CG in brentq", baselines.lazy_products, "baseline", "pykeops"
    ),
    "make_smoothing_spline": Contender(
        "make_smoothing_spline in brentq", baselines.smoothing_spline, "differs"
    ),
    "csaps": Contender("csaps in brentq", baselines.csaps, "differs", "csaps"),
}
