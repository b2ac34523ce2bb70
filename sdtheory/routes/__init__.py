r"""Self-distillation without an eigendecomposition of G.

`distill` costs O(n^3) and stores n^2 numbers. Two other routes lead to the
same chain: `distill_krylov` needs only products with G, `distill_spline` only
the inputs, where G belongs to one of two Green's functions on [0, 1]. Either
says how well it knows each multiplier, and refuses where that is not enough.
"""

from sdtheory.routes.chain import AccuracyError
from sdtheory.routes.krylov import KrylovDistillation, distill_krylov
from sdtheory.routes.spline import SplineDistillation, distill_spline

__all__ = [
    "AccuracyError",
    "KrylovDistillation",
    "SplineDistillation",
    "distill_krylov",
    "distill_spline",
]
