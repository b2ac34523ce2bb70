"""The illustrative example: the beam's Green's function on an equispaced grid."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sdtheory.kernels import SimplySupportedBeam
from sdtheory.statements.instance import Instance
from sdtheory.statements.problem import non_trivial
from sdtheory.statements.statement import THIS_BOOK, Kind, Statement, Values, scaled_margin

EXAMPLE = "Mobahi et al. (2020), the illustrative example; as restated here"
GRID_SPECTRUM = "this book; the basis is that of Demmler and Reinsch (1975)"

#: Grids are checked with as many interior points as an instance has, up to this many.
_LARGEST_GRID = 24
#: 2 cos(2 theta) at which discrete sines are rational; at 0, 1 and -1 the angle divides pi.
_TWICE_COSINES = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(3, 2))


@lru_cache
def _kernel(p: int) -> NDArray[np.object_]:
    """Return g on the grid k/(p+1), k = 0, ..., p+1, in exact fractions."""
    x = np.array([Fraction(k, p + 1) for k in range(p + 2)], dtype=object)
    pair = x[:, None], x[None, :]
    return SimplySupportedBeam().branch(np.minimum(*pair), np.maximum(*pair))


@lru_cache
def _green_margins(p: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = Fraction(1, p + 1)
    x = np.array([k * step for k in range(p + 2)], dtype=object)
    g = _kernel(p)
    row, column = x[:, None], x[None, :]
    kink = np.maximum(row - column, 0) ** 3
    cubic = row * (1 - column) * (row**2 - 2 * column + column**2)
    forms = scaled_margin(kink, 6 * g + cubic)
    # fourth differences, where odd reflection continues g beyond the ends
    beyond = np.concatenate([-g[1:2], g, -g[-2:-1]])
    raised = beyond[:-4] + 6 * beyond[2:-2] + beyond[4:]
    bspline = sum(w * np.eye(p + 2, k=k, dtype=int)[1:-1] for w, k in ((1, -1), (4, 0), (1, 1)))
    loaded = 4 * (beyond[1:-3] + beyond[3:-1]) + step**3 * bspline / Fraction(6)
    # a load at an end point deflects nothing
    inner = slice(1, -1)
    differences = scaled_margin(raised[:, inner], loaded[:, inner])
    return forms.astype(float), differences.astype(float)


@lru_cache
def _spectrum_margin(p: int) -> NDArray[np.float64]:
    step = Fraction(1, p + 1)
    x = np.array([k * step for k in range(p + 2)], dtype=object)
    margins = []
    for twice_cosine in _TWICE_COSINES:
        sines = [Fraction(0), Fraction(1)]
        for _ in range(p):
            sines.append(twice_cosine * sines[-1] - sines[-2])
        load = np.array(sines, dtype=object)
        tau = 2 - twice_cosine  # 4 sin^2 theta
        gain = step**3 * (6 - tau) / (6 * tau**2)
        deflection = _kernel(p) @ load
        # vanishes at the angles for which the last sine does
        end = load[-1] * (step * (x**3 - x) / (6 * tau) - gain * x)
        margins.append(scaled_margin(deflection, gain * load + end))
    return np.concatenate(margins).astype(float)


def _constant(i: Instance, margin: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.broadcast_to(margin, (len(i.d), *margin.shape))


def _green(i: Instance) -> Values:
    forms, differences = _green_margins(min(i.n, _LARGEST_GRID))
    return {
        ("eq-example-green", "two forms"): _constant(i, forms),
        ("eq-example-differences", "fourth differences"): _constant(i, differences),
    }


def _spectrum(i: Instance) -> Values:
    return _constant(i, _spectrum_margin(min(i.n, _LARGEST_GRID)))


def _ends(i: Instance) -> Values:
    reachable, energy = (i.d > 0).astype(bool)[:, None], i.energy[:, :-1]
    c = i.multipliers
    residual = np.where(reachable, energy * (c / (c + i.d[:, None])) ** 2, 0)
    unreachable = np.sum(np.where(reachable, 0, energy), axis=-1)
    later = np.sum(np.where(reachable, 0, i.energy[:, 1:]), axis=-1)
    tolerance = scaled_margin(np.sum(residual, axis=-1) + unreachable, i.rho2[:, None])
    return {"tolerance": tolerance, "gone after round 0": scaled_margin(later, 0 * later)}


STATEMENTS = (
    Statement(
        id="prop-example-green",
        chapter="example",
        slogan="A unit load on a beam bends it into two cubics that meet smoothly.",
        tex=r"g(x, x') = \tfrac16 x(1-x')\bigl(1 - x^2 - (1-x')^2\bigr), \quad x \le x'; "
        r"\qquad \Delta^4 g(\cdot, x_k) = \tfrac{h^3}{6}\,(1, 4, 1) \text{ around } x_k",
        source=EXAMPLE,
        margin=_green,
        kind=Kind.IDENTITY,
        equations=("eq-example-green", "eq-example-differences"),
    ),
    Statement(
        id="thm-example-spectrum",
        chapter="example",
        slogan="On an equispaced grid the beam's eigenvectors are discrete sines.",
        tex=r"d_j = \frac{m}{n (2m)^4}\, \frac{3 - 2\sin^2\theta_j}{3 \sin^4\theta_j}, \qquad "
        r"\theta_j = \frac{j\pi}{2m}, \quad j = 1, \dots, m - 1",
        source=GRID_SPECTRUM,
        margin=_spectrum,
        kind=Kind.IDENTITY,
        rests_on=("prop-example-green",),
        equations=("eq-example-spectrum",),
    ),
    Statement(
        id="prop-example-ends",
        chapter="example",
        slogan="Labels that no fit can reach use up tolerance once, and are gone after round 0.",
        tex=r"\sum_{d_k > 0} \Bigl( \frac{c_0 z_k}{c_0 + d_k} \Bigr)^2 = "
        r"n\varepsilon - \|P_0 y_0\|^2, \qquad P_0 y_t = 0 \quad (t \ge 1)",
        source=THIS_BOOK,
        margin=_ends,
        kind=Kind.IDENTITY,
        hypotheses=(non_trivial,),
        rests_on=("prop-secular", "thm-recursion"),
        equations=("eq-example-ends",),
    ),
)
