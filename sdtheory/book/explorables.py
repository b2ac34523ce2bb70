"""Figures that readers move with their own hands.

A chapter shows a static figure, and passes its data to an element of
``book/explorables``. In the built book the element replaces the image. In print,
in a notebook and without scripts the image stays. The elements compute the
library's formulas in the browser; a test compares the two.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from IPython.display import display
from numpy.typing import ArrayLike, NDArray

from sdtheory.spectrum import Spectrum
from sdtheory.validation import InvalidInputError, as_epsilon, as_labels, as_real_array, as_rounds

#: Elements, each defined by the script of its name in ``book/explorables``.
ELEMENTS = ("sd-chain", "sd-walk", "sd-filters", "sd-risk", "sd-kept")
#: Loaded before the element's own script.
SHARED = ("sd-core", "sd-plot")
#: Slider ends: r_0 up to this, and this share above the smallest feasible tolerance.
_MOST_R, _ABOVE = 20.0, 1e-3


def explore(element: str, figure: str, problem: dict[str, Any]) -> None:
    """Let an element take the place of a figure's image in the built book.

    Parameters
    ----------
    element : str
        One of `ELEMENTS`.
    figure : str
        Label of the figure, shown on the same page.
    problem : dict
        The element's data, from the function below of the element's name.

    Raises
    ------
    InvalidInputError
        If there is no such element, the label is blank, or the data hold a
        number that is not finite.
    """
    display(
        {
            "text/html": markup(element, figure, problem),
            "text/plain": "In the built book this figure can be moved.",
        },
        raw=True,
    )


def markup(element: str, figure: str, problem: dict[str, Any]) -> str:
    """Return the HTML that `explore` shows; its arguments are the same."""
    if element not in ELEMENTS:
        raise InvalidInputError(
            f"element is {element!r}, but there are only {', '.join(ELEMENTS)}. Choose one."
        )
    if not figure.strip():
        raise InvalidInputError("figure is blank. Pass the label of the figure.")
    try:
        data = json.dumps(problem, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    except ValueError:
        raise InvalidInputError(
            "problem holds a number that is not finite. Pass finite numbers only."
        ) from None
    scripts = "".join(
        f'<script defer src="../_static/{name}.js"></script>' for name in (*SHARED, element)
    )
    return (
        f'<link rel="stylesheet" href="../_static/explorables.css">{scripts}'
        f'<{element} figure="{figure}"><script type="application/json">{data}</script></{element}>'
    )


def chain(
    spectrum: Spectrum, x: ArrayLike, y: ArrayLike, epsilon: float, *, grid: ArrayLike, g: ArrayLike
) -> dict[str, Any]:
    """Return the data of ``sd-chain``: all rounds at a tolerance that the reader moves.

    Parameters
    ----------
    spectrum : Spectrum
        Of the Gram matrix at the inputs.
    x, y : array_like of shape (n,)
        Inputs and labels.
    epsilon : float
        Tolerance to start with.
    grid : array_like of shape (m,)
        Where the fits are drawn, ascending.
    g : array_like of shape (m, n)
        The vectors g_x at these points, as `gram` returns them.
    """
    return {
        "x": as_real_array(x, "x", ndim=(1,)).tolist(),
        "y": as_labels(y, spectrum.n).tolist(),
        "grid": as_real_array(grid, "grid", ndim=(1,)).tolist(),
        "g": as_real_array(g, "g", ndim=(2,)).tolist(),
        "V": spectrum.V.tolist(),
        **_labels(spectrum, y, epsilon),
    }


def walk(kappa: float, angles: ArrayLike, r: float) -> dict[str, Any]:
    """Return the data of ``sd-walk``: label space with two eigenvalues.

    Parameters
    ----------
    kappa : float
        Condition number to start with, at least 1.
    angles : array_like of float
        Angles of the starts that are drawn in any case, in degrees from the
        axis of the large eigenvalue; the middle one is moved.
    r : float
        Length of the labels to start with, in units of rho.

    Raises
    ------
    InvalidInputError
        If kappa is below 1, an angle is not between 0 and 90, or r is not above 1.
    """
    drawn = as_real_array(angles, "angles", ndim=(1,)).tolist()
    if not (kappa >= 1 and r > 1 and drawn and 0 <= min(drawn) <= max(drawn) <= 90):
        raise InvalidInputError(
            f"kappa is {kappa!r}, angles are {drawn} and r is {r!r}. Pass kappa of at least 1, "
            f"angles between 0 and 90, and r above 1."
        )
    return {
        "kappa": float(kappa),
        "angles": drawn,
        "angle": drawn[len(drawn) // 2],
        "r": float(r),
        "furthest": 1.2 * float(r),
    }


def filters(spectrum: Spectrum, y: ArrayLike, epsilon: float, rounds: int) -> dict[str, Any]:
    """Return the data of ``sd-filters``: several rounds against three other filters.

    Parameters
    ----------
    spectrum : Spectrum
        Of the Gram matrix.
    y : array_like of shape (n,)
        Labels.
    epsilon : float
        Tolerance to start with.
    rounds : int
        Rounds of self-distillation to start with.
    """
    return _labels(spectrum, y, epsilon) | {"rounds": as_rounds(rounds)}


def risk(d: ArrayLike, beta: float, snr: float, share: float, rounds: int) -> dict[str, Any]:
    """Return the data of ``sd-risk``: the risk by round, at expected energies.

    Parameters
    ----------
    d : array_like of shape (n,)
        Positive eigenvalues, ascending.
    beta : float
        Smoothness of the signal to start with: its energies are proportional
        to ``d^(1 + beta)``, with mean 1.
    snr : float
        One over the variance of the noise, to start with.
    share : float
        Tolerance in units of that variance, to start with.
    rounds : int
        Most rounds that are drawn.

    Raises
    ------
    InvalidInputError
        If d does not hold two or more positive eigenvalues, ascending.
    """
    return {
        "d": _ascending(d).tolist(),
        "beta": float(beta),
        "snr": float(snr),
        "share": float(share),
        "rounds": as_rounds(rounds),
    }


def kept(
    d: ArrayLike, theta2: ArrayLike, *, c: float, a: float, xi: float, snr: float, rounds: int
) -> dict[str, Any]:
    """Return the data of ``sd-kept``: labels kept in the loop, and a student mixed in.

    Parameters
    ----------
    d : array_like of shape (n,)
        Positive eigenvalues, ascending, not all equal.
    theta2 : array_like of shape (n,)
        Energies of the truth in the eigenbasis; scaled to mean 1.
    c : float
        Multiplier of every fit, to start with.
    a : float
        Share of the labels in the loop, to start with, from 0.01 to 1.
    xi : float
        Share of the student in the mixture, to start with.
    snr : float
        One over the variance of the noise, to start with.
    rounds : int
        Rounds that are drawn.

    Raises
    ------
    InvalidInputError
        If the eigenvalues are not as described, an energy is negative, or a
        start is out of its range.
    """
    eigenvalues = _ascending(d)
    energies = as_real_array(theta2, "theta2", ndim=(1,))
    if eigenvalues[0] == eigenvalues[-1]:
        raise InvalidInputError(
            "d holds equal eigenvalues only. The ratio of two shares needs two."
        )
    if energies.shape != eigenvalues.shape or np.any(energies < 0) or not np.any(energies > 0):
        raise InvalidInputError(
            f"theta2 must hold {len(eigenvalues)} energies, one for each eigenvalue, none negative "
            f"and one positive."
        )
    if not (0.01 <= a <= 1 and c > 0 and snr > 0):
        raise InvalidInputError(
            f"a is {a!r}, c is {c!r} and snr is {snr!r}. Pass a from 0.01 to 1, and c and snr "
            f"above 0."
        )
    return {
        "d": eigenvalues.tolist(),
        "theta2": (energies / np.mean(energies)).tolist(),
        "c": float(c),
        "a": float(a),
        "xi": float(xi),
        "snr": float(snr),
        "rounds": as_rounds(rounds),
    }


def _ascending(d: ArrayLike) -> NDArray[np.float64]:
    """Return eigenvalues, if there are two or more, all positive and ascending."""
    eigenvalues = as_real_array(d, "d", ndim=(1,))
    if len(eigenvalues) < 2 or eigenvalues[0] <= 0 or np.any(np.diff(eigenvalues) < 0):
        raise InvalidInputError(
            "d must hold at least two positive eigenvalues, ascending. The risk is drawn over them."
        )
    return eigenvalues


def _labels(spectrum: Spectrum, y: ArrayLike, epsilon: float) -> dict[str, Any]:
    """Return spectrum, labels in the eigenbasis, and a tolerance with the range of its slider."""
    tolerance = as_epsilon(epsilon)
    smallest = spectrum.unreachable(y)
    largest = float(np.mean(np.square(as_labels(y, spectrum.n))))
    start = max(smallest + _ABOVE * (largest - smallest), largest / _MOST_R**2)
    return {
        "d": spectrum.d.tolist(),
        "z": spectrum.to_eigenbasis(y).tolist(),
        "epsilon": tolerance,
        "smallest": smallest,
        "from": min(start, tolerance),
        "to": max(largest, tolerance),
    }
