r"""All solvers of a chain of self-distillation, and `distill`, which chooses.

`sdtheory.solvers.eigh.distill_eigh` costs O(n^3) and stores n^2 numbers. Three other
solvers lead to the same chain: `distill_band` does without eigenvectors,
`distill_krylov` needs only products with G, `distill_spline` only the inputs,
where G belongs to one of two Green's functions on [0, 1]. Each says how well it
knows every multiplier, and `distill` refuses where that is not enough.
"""

from sdtheory.solvers.band import BandDistillation, distill_band
from sdtheory.solvers.chain import AccuracyError, Chain
from sdtheory.solvers.dispatch import distill
from sdtheory.solvers.krylov import KrylovDistillation, distill_krylov
from sdtheory.solvers.spline import SplineDistillation, distill_spline

__all__ = [
    "AccuracyError",
    "BandDistillation",
    "Chain",
    "KrylovDistillation",
    "SplineDistillation",
    "distill",
    "distill_band",
    "distill_krylov",
    "distill_spline",
]
