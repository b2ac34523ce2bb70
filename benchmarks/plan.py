"""What is measured together, at which sizes and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """Contenders whose samples are taken in turn on one problem.

    Attributes
    ----------
    suite : str
        Name for ``--only``.
    problem : str
        Key of `problems.PROBLEMS`.
    n : int
        Points.
    repeats : dict
        Samples of each contender.
    child : bool
        Whether each sample has a process of its own, for its peak memory.
    """

    suite: str
    problem: str
    n: int
    repeats: dict[str, int]
    child: bool = False


@dataclass(frozen=True)
class Form:
    """Sizes and numbers of samples; a baseline has its own, 0 where it takes too long.

    Attributes
    ----------
    dense, cloud : tuple of (n, samples, samples of the baselines)
    choice : tuple of (n, samples)
    doors : tuple of (n, samples, samples of a fit by KernelRidge, of other fits, of brentq)
    table : int
        Points of the CSV file, 0 for none.
    sweep : tuple of (n, samples)
    products : tuple of (n, samples, samples of the lazy products)
    spline : tuple of (n, samples, samples of make_smoothing_spline, of csaps)
    unit : int
        Samples of the bare eigendecomposition beside the longest spline.
    memory : dict of contender to (problem, sizes)
    gemm, stream : (size, samples)
    """

    dense: tuple[tuple[int, int, int], ...]
    cloud: tuple[tuple[int, int, int], ...]
    choice: tuple[tuple[int, int], ...]
    doors: tuple[tuple[int, int, int, int, int], ...]
    table: int
    sweep: tuple[tuple[int, int], ...]
    products: tuple[tuple[int, int, int], ...]
    spline: tuple[tuple[int, int, int, int], ...]
    unit: int
    memory: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    gemm: tuple[int, int] = (2000, 3)
    stream: tuple[int, int] = (8192, 3)

    def groups(self) -> Iterator[Group]:
        """Yield what is to be measured, in order."""
        yield Group("limits", "beam", self.gemm[0], {"gemm": self.gemm[1]})
        yield Group("limits", "bridge", self.stream[0], {"stream": self.stream[1]})
        for problem, rows in (("beam", self.dense), ("cloud", self.cloud)):
            suite = "dense" if problem == "beam" else "cloud"
            for n, samples, slow in rows:
                solvers = dict.fromkeys(("bare eigh", "eigh", "krylov", "auto"), samples)
                yield Group(suite, problem, n, solvers | _some(slow, "kernel ridge", "cholesky"))
        for n, samples in self.choice:
            names = ("eigh points", "krylov lazy", "auto points")
            yield Group("choice", "cloud", n, dict.fromkeys(names, samples))
        for n, samples, ridge, others, brentq in self.doors:
            repeats = dict.fromkeys(("estimator", "auto points", "path"), samples)
            repeats |= _some(ridge, "KernelRidge.fit")
            repeats |= _some(others, "GaussianProcess.fit", "RidgeCV")
            repeats |= _some(brentq, "kernel ridge points")
            yield Group("doors", "people", n, repeats)
        if self.table:
            yield Group("doors", "people", self.table, {"table": 1}, child=True)
        for n, samples in self.sweep:
            yield Group("sweep", "sweep", n, dict.fromkeys(("bare eigh", "sweep"), samples))
        for n, samples, slow in self.products:
            if samples or slow:
                repeats = _some(samples, "krylov lazy") | _some(slow, "lazy products")
                yield Group("products", "beam", n, repeats)
        for n, samples, scipy, csaps in self.spline:
            repeats = {"spline": samples} | _some(scipy, "make_smoothing_spline")
            repeats |= _some(csaps, "csaps")
            if n == self.spline[-1][0]:
                repeats |= _some(self.unit, "bare eigh at 2000")
            yield Group("spline", "beam", n, repeats)
            yield Group("spline", "bridge", n, {"spline": samples})
        for contender, (problem, sizes) in self.memory.items():
            for n in sizes:
                yield Group("memory", problem, n, {contender: 1}, child=True)


def _some(samples: int, *names: str) -> dict[str, int]:
    return dict.fromkeys(names, samples) if samples else {}
