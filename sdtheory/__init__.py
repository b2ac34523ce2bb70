"""Companion library to "Self-Distillation Amplifies Regularization in Hilbert Space".

The paper is H. Mobahi, M. Farajtabar, P. L. Bartlett, NeurIPS 33 (2020)
3351-3361. Start with `gram`, `distill` and `Chain.predict`.

The paper, in its order:

* `sdtheory.kernels`: the operator L, Green's functions and the Gram matrix G;
* `sdtheory.spectrum`: G = V^T D V, with the rank decided once;
* `sdtheory.multiplier`: solves the secular equation for c, at a given epsilon;
* `sdtheory.recursion`: y_{t+1} = V^T A_t V y_t, the chain in the eigenbasis.

Ways to the same chain: `sdtheory.solvers`. Its `distill` chooses one, and each
has a file. Solver "eigh" runs `recursion`; "krylov" and "spline" do without the
eigenbasis and solve the same equation in their own files. All return
`solvers.chain.Chain`. `sdtheory.linalg` holds the numerics below them.

The theory, a proposition from formula to page. Proposition 3 as the example:

* bounded in `sdtheory.formulas.bounds`: formulas, for floats and for balls;
* declared in `sdtheory.statements.rounds`: hypotheses and a margin that
  is not negative where the statement holds; one file for each chapter;
* checked in `sdtheory.evidence`: on drawn and on searched instances, certified
  in ball arithmetic, and mutated; steps of its proof for all reals in
  `evidence.proofs.rounds`, and the theorem itself in Coq, ``formal/Rounds.v``;
* tested in ``tests/formulas/test_bounds.py``; every statement of the registry
  also in ``tests/statements`` and ``tests/evidence``;
* shown in ``book/rounds.md``; its evidence in the book's ledger.

Doors: `sdtheory.estimator` (scikit-learn), `sdtheory.cli` (``sdtheory --help``),
`sdtheory.model_file`, `sdtheory.plotting`, `sdtheory.datasets`. Not the library:
`sdtheory.book` builds the book, `sdtheory.experiments` trains networks.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdtheory.kernels import BrownianBridge, PeriodicSobolev, SimplySupportedBeam, gram
    from sdtheory.recursion import Trajectory, trajectory
    from sdtheory.solvers import AccuracyError, Chain, KernelOperator, distill, distill_path
    from sdtheory.solvers.chain import Outcome
    from sdtheory.spectrum import Spectrum
    from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

__version__ = "0.1.0"

__all__ = [
    "AccuracyError",
    "BrownianBridge",
    "Chain",
    "InfeasibleToleranceError",
    "InvalidInputError",
    "KernelOperator",
    "Outcome",
    "PeriodicSobolev",
    "SimplySupportedBeam",
    "Spectrum",
    "Trajectory",
    "distill",
    "distill_path",
    "gram",
    "trajectory",
]

_MODULES = ("validation", "kernels", "spectrum", "recursion", "solvers", "solvers.chain")


def __getattr__(name: str) -> Any:
    # loaded when first used: an interrupt while NumPy loads finds the command in charge
    if name in __all__:
        for module in _MODULES:
            if hasattr(found := import_module(f"{__name__}.{module}"), name):
                globals()[name] = getattr(found, name)
                return globals()[name]
    if name in {module.partition(".")[0] for module in _MODULES}:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
