"""The chain in 50 digits, from exact kernel values: no code of the library's solvers."""

import decimal
from decimal import Decimal

import mpmath


def beam(x, y):
    """Return g of the supported beam in the arithmetic of its arguments."""
    x, y = min(x, y), max(x, y)
    return x * (1 - y) * ((y - x) * (y + x) + 2 * y * (1 - y)) / 6


def bridge(x, y):
    """Return g of the Brownian bridge."""
    return min(x, y) * (1 - max(x, y))


def chain(kernel, x, columns, epsilon, rounds):
    """Return multipliers and labels, (rounds + 1, n, q) nested lists, by eigenvalues in 50 digits.

    Stops at the collapse. `x` and `columns` (n lists of q) hold floats, which are taken as exact.
    """
    with mpmath.workdps(50):
        n = len(x)
        points = [mpmath.mpf(float(a)) for a in x]
        G = mpmath.matrix(n, n)
        for i in range(n):
            for j in range(n):
                G[i, j] = kernel(points[i], points[j]) / n
        d, V = mpmath.eigsy(G)
        d = [max(a, mpmath.mpf(0)) for a in d]
        labels = mpmath.matrix([[mpmath.mpf(float(a)) for a in row] for row in columns])
        z = V.T * labels
        rho2 = n * mpmath.mpf(float(epsilon))
        power = [mpmath.fsum(z[k, j] ** 2 for j in range(z.cols)) for k in range(n)]
        factors = [mpmath.mpf(1)] * n
        found, rows = [], [labels.tolist()]
        for _ in range(rounds):
            weights = [f * f * p for f, p in zip(factors, power, strict=True)]
            if mpmath.fsum(weights) <= rho2:
                break
            c = _root([_decimal(w) for w in weights], [_decimal(a) for a in d], _decimal(rho2))
            found.append(c)
            factors = [f * a / (c + a) for f, a in zip(factors, d, strict=True)]
            scaled = mpmath.matrix(n, z.cols)
            for k in range(n):
                for j in range(z.cols):
                    scaled[k, j] = factors[k] * z[k, j]
            rows.append((V * scaled).tolist())
        return [float(c) for c in found], [[[float(a) for a in r] for r in m] for m in rows]


def _decimal(a):
    return Decimal(mpmath.nstr(a, 60))


def _root(weights, d, rho2):
    """Return the root of the secular equation, by Newton's method from a bisection in floats."""
    pairs = list(zip(weights, d, strict=True))
    floats = [(float(w), float(a)) for w, a in pairs]
    low, high = -60.0, 30.0  # powers of ten
    for _ in range(60):
        middle = (low + high) / 2
        c = 10**middle
        less = sum(w * (c / (c + a)) ** 2 for w, a in floats) < float(rho2)
        low, high = (middle, high) if less else (low, middle)
    with decimal.localcontext(prec=60):

        def energy(c):
            return sum(w * (c / (c + a)) ** 2 for w, a in pairs)

        c, step = Decimal(10**high), Decimal(1)
        for _ in range(9):
            slope = sum(2 * w * a * c / (c + a) ** 3 for w, a in pairs)
            step = (rho2 - energy(c)) / slope
            c += step
            if abs(step) < c * Decimal("1e-25"):
                break
        width = c * Decimal("1e-35")
        assert energy(c - width) < rho2 <= energy(c + width)
    return mpmath.mpf(str(c))
