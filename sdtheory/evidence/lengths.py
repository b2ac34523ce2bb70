r"""Enclosures of the path length L(y), by Arb's rigorous integration.

The integral runs over pieces that double in length, so that eigenvalues of
any spread are each resolved at their own scale. The rest, beyond the end s = S of
the last piece, is at most :math:`\sum_k \sqrt{e_k}\, e^{-S/d_k}` by the triangle
inequality.

References
----------
F. Johansson, "Numerical integration in arbitrary-precision ball arithmetic",
Mathematical Software - ICMS 2018.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flint import acb, arb, ctx

#: Relative accuracy asked for, as a share of the working precision's bits.
_SHARE = 3


def enclose_length(d: Iterable[arb], energy: Iterable[arb]) -> arb:
    """Return a ball that contains L(y).

    Parameters
    ----------
    d : iterable of arb
        Eigenvalues; non-negative.
    energy : iterable of arb
        Energy of the labels in each eigendirection.

    Returns
    -------
    arb
        Infinite where energy certainly lies on a zero eigenvalue.
    """
    merged: list[tuple[arb, arb]] = []
    for k, e in zip(d, energy, strict=True):
        if e == 0:
            continue
        if k == 0:
            return arb.pos_inf()
        # equal eigenvalues, which are exact, are one direction
        if merged and merged[-1][0] == k:
            merged[-1] = (k, merged[-1][1] + e)
        else:
            merged.append((k, e))
    if len(merged) <= 1:
        return sum((e.sqrt() for _, e in merged), arb(0))
    return _integral(merged)


def _integral(parts: list[tuple[arb, arb]]) -> arb:
    # complex once and for all: with a real factor a product takes eight times as long
    rates = [(acb(-2 / k), acb(e / k**2)) for k, e in parts]

    def speed(s: acb, analytic: Any) -> acb:
        squares = acb(0)
        for b, w in rates:
            squares += w * (b * s).exp()
        return squares.sqrt(analytic=analytic)

    accuracy = arb(2) ** (-ctx.prec // _SHARE)
    smallest = min((k for k, _ in parts), key=lambda k: k.mid())
    largest = max((k for k, _ in parts), key=lambda k: k.mid())
    end = (largest * ctx.prec / 2).mid()
    total, low, high = arb(0), arb(0), (smallest / 4).mid()
    size = sum((e.sqrt() for _, e in parts), arb(0))
    while True:
        total += acb.integral(
            speed, acb(low), acb(high), rel_tol=accuracy, abs_tol=accuracy * size
        ).real
        if high >= end:
            break
        low, high = high, (2 * high).mid()
    tail = sum((e.sqrt() * (-high / k).exp() for k, e in parts), arb(0))
    return total.union(total + tail)
