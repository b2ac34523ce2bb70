"""Write multiplier.json: roots of the secular equation, from mpmath.

    python tests/references/make_multiplier_references.py

It shares no code with the library. Inputs are exact floats (JSON holds their
shortest repr, which reads back to the same bits); roots come from bisection
of log c in 600 digits, on the sign of sum_k (c z_k/(c+d_k))^2 - n epsilon,
and are written with 50 digits. `condition` is a difference quotient of that
sum, not the formula of the library.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath

PATH = Path(__file__).parent / "multiplier.json"
WORKING_DIGITS = 600
DIGITS = 50

Case = dict[str, Any]


def energy(d: list[float], z: list[float], c: mpmath.mpf) -> mpmath.mpf:
    """Return sum_k (c z_k/(c+d_k))^2."""
    return mpmath.fsum((c * b / (c + a)) ** 2 for a, b in zip(d, z, strict=True) if b != 0)


def root(d: list[float], z: list[float], rho2: mpmath.mpf) -> mpmath.mpf:
    """Return c > 0 with energy rho2, which must exist, by bisection of its logarithm."""
    low, high, width = mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(1)
    while energy(d, z, 2**low) > rho2:
        low, width = low - width, 2 * width
    width = mpmath.mpf(1)
    while energy(d, z, 2**high) <= rho2:
        high, width = high + width, 2 * width
    while high - low > mpmath.mpf(10) ** (-DIGITS - 15):
        middle = (low + high) / 2
        low, high = (low, middle) if energy(d, z, 2**middle) > rho2 else (middle, high)
    return 2 ** ((low + high) / 2)


def reference(case: Case) -> Case:
    """Return what the case's floats determine: status and, with 50 digits, the rest."""
    d, z, n, epsilon = case["d"], case["z"], case["n"], case["epsilon"]
    target = n * Fraction(epsilon)
    if target >= sum(Fraction(b) ** 2 for b in z):
        return {"status": "TRIVIAL"}
    if target <= sum(Fraction(b) ** 2 for a, b in zip(d, z, strict=True) if a == 0):
        return {"status": "INFEASIBLE"}
    with mpmath.workdps(WORKING_DIGITS):
        rho2 = n * mpmath.mpf(epsilon)
        r = mpmath.sqrt(mpmath.fsum(mpmath.mpf(b) ** 2 for b in z) / rho2)
        c = root(d, z, rho2)
        # dlog c / dlog rho by a central difference of the energy; its error is the step squared
        step = mpmath.mpf(10) ** -30
        left, right = (energy(d, z, c * mpmath.exp(h)) for h in (-step, step))
        condition = 4 * step * rho2 / (right - left)
        return {
            "status": "SOLVED",
            "c": mpmath.nstr(c, DIGITS),
            "r": mpmath.nstr(r, 20),
            "excess": mpmath.nstr(r - 1, 20),
            "condition": mpmath.nstr(condition, 12),
        }


def _epsilon(z: list[float], n: int, r: float | Fraction) -> float:
    return float(sum(Fraction(b) ** 2 for b in z) / n / Fraction(r) ** 2)


def _case(group: str, d: list[float], z: list[float], epsilon: float, n: int | None = None) -> Case:
    return {"group": group, "d": d, "z": z, "epsilon": epsilon, "n": n or len(z)}


def cases() -> Iterator[Case]:
    """Yield the inputs; the same on every machine up to rounding in ``10.0**x``."""
    # random() is the only sequence that Python promises never to change
    uniform = random.Random(20).random

    def signed() -> float:
        return 2 * uniform() - 1

    excesses = [1e-12, 1e-6, 1e-2, 1.0, 1e2, 1e5, 1e8]
    for kappa in [1.0, 1e1, 1e4, 1e8, 1e12, 1e16]:
        for e in excesses:
            n = 5
            d = [kappa ** (-k / (n - 1)) for k in range(n)]
            z = [signed() for _ in range(n)]
            r = 1 + Fraction(e)
            yield _case("grid", d, z, _epsilon(z, n, r))
            hollow = [0.0, *z[1:-1], 0.0]
            yield _case("zero labels at both ends", d, hollow, _epsilon(hollow, n, r))
            k = int(n * uniform())
            dominant = [b if i == k else 1e-9 * b for i, b in enumerate(z)]
            yield _case("one dominant component", d, dominant, _epsilon(dominant, n, r))
    for e in excesses:
        r = 1 + Fraction(e)
        z = [signed()]
        yield _case("n = 1", [uniform()], z, _epsilon(z, 1, r))
        z = [signed() for _ in range(6)]
        yield _case("equal eigenvalues", [0.3] * 6, z, _epsilon(z, 6, r))
        yield _case("equal eigenvalues", [1e-16] * 3 + [1.0] * 3, z, _epsilon(z, 6, r))
        yield _case("two outputs", [1.0, 1e-3, 1e-6] * 2, z, _epsilon(z, 3, r), 3)
    for exponent in range(2, 31, 4):
        z = [signed() for _ in range(6)]
        d = [1.0, 1e-2, 1e-5, 1e-8, 1e-12, 1e-16]
        epsilon = float(Fraction(_epsilon(z, 6, 1)) * Fraction(10) ** -exponent)
        yield _case("small tolerance", d, z, epsilon)
        floor = sum(Fraction(b) ** 2 for b in z[4:])
        epsilon = float(floor * (1 + Fraction(10) ** -min(exponent, 14)) / 6)
        yield _case("unreachable component", [*d[:4], 0.0, 0.0], z, epsilon)
    for y_scale in [1e-150, 1.0, 1e150]:
        for g_scale in [1e-150, 1.0, 1e150]:
            for e in [1e-12, 1.0, 1e3]:
                z = [y_scale * signed() for _ in range(4)]
                d = [g_scale * a for a in (1.0, 1e-3, 1e-7, 0.0)]
                z[3] *= 1e-4
                yield _case("scaled", d, z, _epsilon(z, 4, 1 + Fraction(e)))
    # plateaus: rho^2 is the energy of the smallest eigenvalues, or differs by one rounding
    for gap in [1e-4, 1e-8, 1e-16, 1e-24, 1e-40, 1e-80, 1e-110]:
        for factor in [1 - 2.0**-53, 1.0, 1 + 2.0**-52]:
            yield _case("plateau", [1.0, 0.5, gap, gap / 3], [1.0, 2.0, 0.5, 1.0], 0.3125 * factor)
    # r - 1 below rounding: the energy differs from n epsilon by the square of a small label
    for exponent in [20, 26, 27, 33, 45, 60, 100]:
        small = 2.0**-exponent
        yield _case("r at rounding of 1", [1.0, 1e-3], [1.0, small], 0.5)
        yield _case("r at rounding of 1", [0.0, 1e-3], [1.0, 1.0], 0.5 + small / 4)
        yield _case("r at rounding of 1", [1.0, 1e-3], [1.0, small], 0.5 + small**2)
    for z in ([3.0, 4.0], [0.1, 0.7]):
        yield _case("boundary", [1.0, 0.0], z, _epsilon(z, 2, 1))
        yield _case("boundary", [1.0, 0.0], z, _epsilon(z[1:], 2, 1))
        yield _case("boundary", [1.0, 0.0], z, math.nextafter(_epsilon(z, 2, 1), 0.0))
        yield _case("boundary", [1.0, 0.0], z, math.nextafter(_epsilon(z[1:], 2, 1), 1.0))
        yield _case("boundary", [0.0, 0.0], z, math.nextafter(_epsilon(z, 2, 1), 0.0))
    for _ in range(80):
        n = 1 + int(11 * uniform())
        spread = 16 * uniform()
        d = [10.0 ** (-spread * uniform()) if uniform() > 0.1 else 0.0 for _ in range(n)]
        z = [signed() * 10.0 ** (-6 * uniform() * uniform()) for _ in range(n)]
        reach = [b for a, b in zip(d, z, strict=True) if a > 0]
        floor = sum(Fraction(b) ** 2 for b in z) - sum(Fraction(b) ** 2 for b in reach)
        fraction = Fraction(10.0 ** (-20 * uniform())) if reach else Fraction(2)
        fraction = fraction if uniform() < 0.7 else 1 - fraction
        energy = floor + fraction * sum(Fraction(b) ** 2 for b in reach)
        yield _case("random", d, z, float(max(energy, Fraction(10) ** -33) / n))
    # rho^2 within rounding of the energy below a gap: the more digits lost, the wider the gap
    for k in range(30):
        d = [10.0 ** (-4 * (k + 1) * i / 20 * (1 + uniform()) / 2) for i in range(20)]
        above = 1 + k % 10
        z = [signed() * 10.0 ** (-6 * uniform() - 3 * (i < above)) for i in range(20)]
        energy = sum(Fraction(b) ** 2 for b in z[above:])
        yield _case("partial energy", d, z, float(energy / 20))


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(case | reference(case)) for case in cases())
    PATH.write_text(f"[\n{lines}\n]\n")
