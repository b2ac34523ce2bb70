"""Problems meant to break the solvers, judged in ball arithmetic.

Every multiplier that a solver answers is compared with Newton's method in `BITS` bits, on the
exact kernel of the float inputs. An answer is wrong where its error exceeds `c_error`. A refusal
is needless where the same call with a loose tolerance has an error below the default one.

``python -m tests.support.fuzz_solvers COUNT [SEED]`` tries so many problems on the solvers in turn.
"""

import math
import sys
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from time import perf_counter
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

from sdtheory import (
    BrownianBridge,
    InfeasibleToleranceError,
    InvalidInputError,
    KernelOperator,
    SimplySupportedBeam,
    distill,
    gram,
)
from sdtheory.solvers import AccuracyError

BITS = 1200
SOLVERS = ("eigh", "krylov", "spline")
#: Errors of this size are those of rounding the answer.
ULPS = 4 * float(np.finfo(float).eps)
#: Largest error of a multiplier that is answered by default.
DEFAULT = {"eigh": 1e-3, "krylov": 1e-8, "spline": 1e-8}
FAMILIES = (
    "spread", "duplicates", "near-duplicates", "clustered", "near-feasible", "near-collapse",
    "ends", "planted", "outputs", "single", "scales",
)  # fmt: skip
#: Refusals of numbers that floats cannot hold.
RANGE = ("too small against the labels", "leaves the range of floats", "decades", "too large")


def rbf(a, b):
    """Return the Gaussian kernel of columns."""
    return np.exp(-((a - b.T) ** 2) / 2)


def matern(a, b):
    """Return the exponential kernel of columns."""
    return np.exp(-np.abs(a - b.T))


class Single:
    """A kernel computed in single precision."""

    def __init__(self, kernel):
        self.kernel = kernel

    def __call__(self, a, b):
        return np.asarray(self.kernel(a, b)).astype(np.float32)


class Times:
    """A kernel times a power of two."""

    def __init__(self, kernel, exponent):
        self.kernel, self.exponent = kernel, exponent

    def __call__(self, a, b):
        return np.ldexp(self.kernel(a, b), self.exponent)


def exact_value(name, a, b):
    """Return the kernel of two balls."""
    if name == "rbf":
        return (-((a - b) ** 2) / 2).exp()
    if name == "matern":
        return (-abs(a - b)).exp()
    low, high = (a, b) if a < b else (b, a)
    if name == "bridge":
        return low * (1 - high)
    return low * (1 - high) * ((high - low) * (high + low) + 2 * high * (1 - high)) / 6


KERNELS = {"bridge": BrownianBridge(), "beam": SimplySupportedBeam(), "rbf": rbf, "matern": matern}


def exact(a):
    """Return a float as a ball without width."""
    return arb(fmpq(*float(a).as_integer_ratio()))


@dataclass
class Problem:
    """What is passed to `distill`, with the exact Gram matrix."""

    family: str
    solver: str
    given: Any
    y: np.ndarray
    epsilon: float
    rounds: int
    G: Any = field(repr=False)
    #: inputs and the kernel that is called with them; none where a matrix is all there is
    x: np.ndarray | None = field(default=None, repr=False)
    kernel: Any = None


def points(family, rng, n, name):
    """Draw inputs."""
    x = rng.random(n)
    if family in ("duplicates", "near-feasible") and n > 1:
        x[: rng.integers(1, n)] = x[-1]
    elif family == "near-duplicates" and n > 1:
        k = int(rng.integers(1, n))
        x[:k] = x[-1] + rng.standard_normal(k) * 10 ** -rng.uniform(2, 16)
    elif family in ("clustered", "single") and rng.random() < 0.8:
        for _ in range(int(rng.integers(1, 3))):
            members = rng.random(n) < 0.6
            x[members] = rng.random() + rng.random(members.sum()) * 10 ** -rng.uniform(1, 9)
    elif family == "ends":
        at = rng.random(n) < 0.5
        x[at] = rng.choice([0.0, 1.0], at.sum()) + rng.choice(
            [0, 1e-3, 1e-8, -1e-8, 1e-15], at.sum()
        )
    return np.clip(x, 0, 1) if name in ("bridge", "beam") else x


def make(seed, solver):
    """Draw a problem for a solver."""
    rng = np.random.default_rng([40, seed, SOLVERS.index(solver)])
    families = [f for f in FAMILIES if solver != "spline" or f not in ("planted", "single")]
    family = families[seed % len(families)]
    n = int(rng.integers(1, 8))
    q = int(rng.integers(2, 4)) if family == "outputs" or rng.random() < 0.15 else 1
    name = str(rng.choice(["bridge", "beam"] if solver == "spline" else list(KERNELS)))
    x = points(family, rng, n, name)
    smooth = np.sin(5 * x)[:, None] + rng.choice([0.0, 1e-6, 0.01, 1.0]) * rng.standard_normal(
        (n, q)
    )
    drawn = rng.choice(4)
    y = (
        smooth if drawn < 2
        else rng.standard_normal((n, q)) if drawn == 2
        else rng.integers(-1, 2, (n, q)).astype(float)
    )  # fmt: skip
    if not y.any():
        y[0] = 1.0
    energy = float(np.sum(y * y)) / n
    epsilon = energy * 10 ** -rng.uniform(0.1, rng.choice([1.5, 5, 10]))
    if family == "near-collapse":
        epsilon = energy * (1 - 10 ** -rng.uniform(1, 16))
    kernel, shift, power = KERNELS[name], 0, 0
    if family == "scales":
        shift, power = (int(k) for k in rng.integers(-498, 499, 2))
        shift = shift // 2 * (solver != "spline")
        y, epsilon = np.ldexp(y, power), math.ldexp(epsilon, 2 * power)
        if not 1e-300 < epsilon < 1e300:
            y, epsilon = np.ldexp(y, -power), math.ldexp(epsilon, -2 * power)
    if family == "near-feasible":
        same = [
            [Fraction(v) for v in y[x == at, j].tolist()] for at in np.unique(x) for j in range(q)
        ]
        floor = sum(sum((v - sum(g) / len(g)) ** 2 for v in g) for g in same) / n
        gap = Fraction(10 ** -rng.uniform(1, 15))
        epsilon = float(floor * (1 + gap)) if floor else epsilon
    if family == "single":
        kernel = Single(kernel)
    elif shift:
        kernel = Times(kernel, shift)
    ctx.prec = BITS
    if family == "planted":
        d = 10 ** rng.uniform(-rng.choice([3, 9, 19]), 0, n)
        given = np.diag(d)
        G = arb_mat([[exact(given[i, j]) for j in range(n)] for i in range(n)])
        if rng.random() < 0.3:  # in single precision: as if rounded to it
            given = given.astype(np.float32)
    else:
        at = [exact(a) for a in x]
        unit = arb(2) ** shift / n
        G = arb_mat([[exact_value(name, a, b) * unit for b in at] for a in at])
        operator = solver == "spline" or (solver == "krylov" and rng.random() < 0.5)
        stored = None if operator else gram(kernel, x)
        if family == "single" and stored is not None:
            stored = kernel(x[:, None], x[:, None]) / np.float32(n)
        given = KernelOperator(kernel, x) if operator else stored
    rounds = int(rng.integers(1, 5))
    y = y[:, 0] if q == 1 else y
    inputs = (None, None) if family == "planted" else (x, kernel)
    return Problem(family, solver, given, y, epsilon, rounds, G, *inputs)


def inner(a, b):
    """Return the sum of the products of entries."""
    return sum((u * v for u, v in zip(a.entries(), b.entries(), strict=True)), arb(0))


class Exact:
    """The chain in balls, one round after the other."""

    def __init__(self, problem):
        ctx.prec = BITS
        columns = problem.y if problem.y.ndim == 2 else problem.y[:, None]
        self.n = len(columns)
        self.G = problem.G
        self.y = arb_mat([[exact(a) for a in row] for row in columns])
        self.rho2 = self.n * exact(problem.epsilon)
        self.one = arb_mat([[arb(int(i == j)) for j in range(self.n)] for i in range(self.n)])
        self.trace = sum((self.G[i, i] for i in range(self.n)), arb(0)).mid()

    @property
    def excess(self):
        """||y_t||^2 / rho^2 - 1 as a float."""
        return float((inner(self.y, self.y) / self.rho2 - 1).mid())

    def residual(self, c, y):
        """Return c (c I + G)^{-1} y."""
        return (self.one * c + self.G).solve(y * c)

    def smallest(self):
        """Return the ratio of the energy that no fit reaches to rho^2."""
        for exponent in (-800, -500, -200):  # the first at which 1200 bits tell pivots from zero
            try:
                least = self.trace if self.trace > 0 else 1
                w = self.residual(least * arb(2) ** exponent, self.y)
                return inner(w, w) / self.rho2
            except ZeroDivisionError:
                continue
        raise RuntimeError("no reference for the smallest feasible tolerance")

    def advance(self, start):
        """Return the exact multiplier, sought from a float on, and move to its fit."""
        c = max(exact(start), self.trace * arb(2) ** -750)
        low, high = None, None
        for _ in range(400):
            w = self.residual(c, self.y)
            shrunk = w - self.residual(c, w)
            energy, slope = inner(w, w), inner(w, shrunk)
            log = (energy / self.rho2).log()
            low, high = (low, c) if log > 0 else (c, high)
            # Newton's method on 1 / ||w|| in 1 / c
            step = (energy * ((energy / self.rho2).sqrt() - 1) / slope).mid()
            if abs(step) < arb(2) ** -200:
                c = (c / (1 + step)).mid()
                self.y = self.y - self.residual(c, self.y)
                self.y = arb_mat(
                    [[self.y[i, j].mid() for j in range(self.y.ncols())] for i in range(self.n)]
                )
                return c
            following = (c / (1 + step)).mid() if step > -1 else arb(0)
            if not (
                following > 0
                and (low is None or following > low)
                and (high is None or following < high)
            ):
                following = (
                    (low * high).sqrt().mid()
                    if low is not None and high is not None
                    else c * (1000 if low is not None else arb("0.001"))
                )
            c = following.mid()
        raise RuntimeError("the reference does not converge")


def attempt(problem, tolerance=None):
    """Call the solver; return the chain, or the error, and the kind."""
    options = {} if tolerance is None else {"tolerance": tolerance}
    return outcome_of(
        lambda: distill(
            problem.given,
            problem.y,
            problem.epsilon,
            problem.rounds,
            solver=problem.solver,
            **options,
        )
    )


def outcome_of(call):
    """Return what is answered, or the error, and the kind."""
    try:
        with warnings.catch_warnings():
            # a number that overflowed unnoticed is a fault too
            warnings.simplefilter("error", RuntimeWarning)
            return call(), "answered"
    except AccuracyError as error:
        return error, "refused"
    except InfeasibleToleranceError as error:
        return error, "infeasible"
    except InvalidInputError as error:
        return error, "range" if any(m in str(error) for m in RANGE) else "blamed"
    except Exception as error:  # what the fuzzer is for
        return error, "traceback"


def errors_of(chain, problem):
    """Return true and claimed errors of every round, or what is wrong with the ending."""
    exact_chain, found = Exact(problem), []
    low, high = chain.n_rounds_range
    for t, (c, claimed) in enumerate(zip(chain.c, chain.c_error, strict=True)):
        if exact_chain.excess <= 0:
            return (
                found,
                None if low <= t else f"round {t} of {chain.n_rounds_range} does not exist",
            )
        true = exact_chain.advance(c)
        found.append((abs(float(true / exact(c) - 1)), float(claimed), t < low))
    if chain.n_rounds < problem.rounds and high <= chain.n_rounds and exact_chain.excess > 0:
        return found, f"no collapse after round {chain.n_rounds}: excess {exact_chain.excess:.3g}"
    return found, None


def compare(chain, problem):
    """Return true and claimed errors, and what is wrong with them."""
    found, wrong = errors_of(chain, problem)
    for t, (true, claimed, sure) in enumerate(found):
        if sure and not true <= max(claimed, ULPS):
            wrong = f"c_{t} is off by {true:.3g}, claimed {claimed:.3g}"
    return [(true, claimed) for true, claimed, _ in found], wrong


def judge(problem, attempt=attempt):
    """Return what came of a problem, why if that is wrong, and true and claimed errors."""
    answer, kind = attempt(problem)
    if kind == "answered":
        found, wrong = compare(answer, problem)
        return ("wrong" if wrong else kind), wrong, found
    if kind == "refused":
        loose, again = attempt(problem, 0.999)
        if again == "answered":
            found, wrong = compare(loose, problem)
            if wrong:
                return "wrong", f"with a loose tolerance, {wrong}", found
            if all(true < DEFAULT[problem.solver] for true, _ in found):
                return "refused needlessly", None, found
            return kind, None, found
        return kind, None, []
    if kind == "infeasible":
        if Exact(problem).smallest() < 1:
            if getattr(answer, "rank_decision", False):
                return "infeasible by rank decision", None, []
            return "wrong", "feasible", []
        return kind, None, []
    if kind in ("blamed", "traceback"):
        return kind, "".join(traceback.format_exception(answer)[-3:]), []
    return kind, None, []


def run(seeds, solvers=SOLVERS, report=print):
    """Try a problem for every seed on every solver; return the tallies, and all errors."""
    tally = {solver: Counter() for solver in solvers}
    errors = {solver: [] for solver in solvers}
    for seed in seeds:
        for solver in solvers:
            problem = make(seed, solver)
            try:
                outcome, reason, found = judge(problem)
            except Exception as error:
                raise RuntimeError(f"no reference for seed {seed}, {problem}") from error
            tally[solver][outcome] += 1
            errors[solver] += found
            if reason:
                report(f"{outcome}: seed {seed}, {problem.solver}, {problem.family}: {reason}")
    return tally, errors


def main():
    """Print the totals of so many problems."""
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    chosen = tuple(sys.argv[3].split(",")) if len(sys.argv) > 3 else SOLVERS
    began = perf_counter()
    each = -(-count // len(chosen))
    tally, errors = run(range(first, first + each), chosen, lambda text: print(text, flush=True))
    print(f"{each * len(chosen)} problems from seed {first} in {perf_counter() - began:.0f} s")
    for solver, found in tally.items():
        tried = sum(found.values())
        counts = ", ".join(f"{k} {v} ({v / tried:.2%})" for k, v in found.most_common())
        print(f"{solver}: tried {tried}, {counts}")
        true, claimed = np.array(errors[solver]).reshape(-1, 2).T
        known = (claimed > 2 * ULPS) & np.isfinite(claimed)
        if np.any(known):
            shares = true[known] / claimed[known]
            print(
                f"    the error is {np.median(shares):.2g} of c_error in the median, "
                f"{np.max(shares):.2g} at most, of {len(shares)} above rounding"
            )


if __name__ == "__main__":
    main()
