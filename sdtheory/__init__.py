"""Companion library to "Self-Distillation Amplifies Regularization in Hilbert Space".

The paper is H. Mobahi, M. Farajtabar, P. L. Bartlett, NeurIPS 33 (2020)
3351-3361. Start with `gram`, `distill` and `Chain.predict`.

The paper, in its order:

* `sdtheory.kernels`: the operator L, Green's functions and the Gram matrix G;
* `sdtheory.spectrum`: G = V^T D V, with the rank decided once;
* `sdtheory.multiplier`: solves the secular equation for c, at a given epsilon;
* `sdtheory.recursion`: y_{t+1} = V^T A_t V y_t, the chain in the eigenbasis.

`sdtheory.solvers` holds three solvers for the same chain, one file each, and
`distill`, which chooses among them. Solver "eigh" runs `recursion`; "krylov" and
"spline" solve the same equation without eigenvectors. All return
`solvers.chain.Chain`. `sdtheory.linalg` holds their numerics.

A statement goes from formula to page. For Proposition 3, ``prop-norm-bound``:

* `sdtheory.formulas.bounds` computes the bound, for floats and for balls
  (a bound that only its statement needs stands in the statement's margin);
* `sdtheory.statements.rounds` declares the hypotheses, and a margin that is
  non-negative where the statement holds. Search an id there: its ``chapter``
  names the files of the proofs and the page;
* `sdtheory.evidence` samples and searches instances, certifies exact points in
  ball arithmetic, and mutates the formula;
* `evidence.proofs.rounds` proves steps of the proof for all reals, and Coq
  proves the theorem itself in ``formal/Rounds.v``, which `evidence.formal.ties`
  compares with the margin;
* ``tests/formulas/test_bounds.py`` tests the formula; ``tests/statements`` and
  ``tests/evidence`` test every statement of the registry, without naming it;
* ``book/rounds.md`` shows it, and the book's ledger shows its evidence.

Users call `sdtheory.estimator` (scikit-learn), `sdtheory.cli` (``sdtheory --help``),
`sdtheory.model_file`, `sdtheory.plotting` and `sdtheory.datasets`. Beside the
library, `sdtheory.book` builds the book and `sdtheory.experiments` trains networks.
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
