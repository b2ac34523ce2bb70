"""Companion library to "Self-Distillation Amplifies Regularization in Hilbert Space".

The paper is H. Mobahi, M. Farajtabar, P. L. Bartlett, NeurIPS 33 (2020)
3351-3361. Start with `gram`, `distill` and `Distillation.predict`.
"""

from sdtheory.kernels import BrownianBridge, PeriodicSobolev, SimplySupportedBeam, gram
from sdtheory.multiplier import Multiplier, Status
from sdtheory.recursion import Trajectory, trajectory
from sdtheory.solvers import AccuracyError, distill, distill_band, distill_krylov, distill_spline
from sdtheory.solvers.chain import Outcome
from sdtheory.solvers.eigh import Distillation, distill_eigh
from sdtheory.solvers.operator import KernelOperator
from sdtheory.spectrum import Spectrum
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

__version__ = "0.1.0"

__all__ = [
    "AccuracyError",
    "BrownianBridge",
    "Distillation",
    "InfeasibleToleranceError",
    "InvalidInputError",
    "KernelOperator",
    "Multiplier",
    "Outcome",
    "PeriodicSobolev",
    "SimplySupportedBeam",
    "Spectrum",
    "Status",
    "Trajectory",
    "distill",
    "distill_band",
    "distill_eigh",
    "distill_krylov",
    "distill_spline",
    "gram",
    "trajectory",
]
