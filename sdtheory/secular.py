"""Newton's method on one secular equation, for routes to which each evaluation is dear.

The steps of `sdtheory.multiplier`, which takes them for a batch: Newton on
1/||w|| in mu = 1/c from below the root, Newton in log-log from above, and the
geometric middle where a step leaves the bracket.
"""

from __future__ import annotations

import math

#: Evaluations after which the iteration counts as lost.
MAX_EVALUATIONS = 100


class NoRootError(ArithmeticError):
    """Newton's method did not settle; the secular equation is lost in rounding."""


def newton_step(relative: float, steepness: float) -> float:
    """Return the step of Newton's method, relative to mu = 1/c.

    Parameters
    ----------
    relative : float
        ``S / target - 1``, with the residual energy S that is to meet a target.
    steepness : float
        Half of dS / dlog c, in units of the target.

    Returns
    -------
    float
        -1, which leaves every bracket, where the residual has vanished.
    """
    if relative > 0:
        return relative / (1 + math.sqrt(1 + relative)) * (1 + relative) / steepness
    if relative > -1:
        return math.expm1(0.5 * math.log1p(relative) * (1 + relative) / steepness)
    return -1.0


def middle(low: float, high: float) -> float:
    """Return a point strictly between, geometrically; 16 times further where one end is open."""
    top = 256 * low if math.isinf(high) else high
    return math.sqrt(low) * math.sqrt(top) if low > 0 else top / 16
