"""Data sets, with their provenance."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from sdtheory.validation import Array


@dataclass(frozen=True)
class DataSet:
    """Inputs and labels, and where they come from.

    Attributes
    ----------
    x : ndarray of shape (n,) or (n, p)
        Inputs.
    y : ndarray of shape (n,) or (n, q)
        Labels.
    epsilon : float
        Tolerance that the source used.
    provenance : str
        Where the numbers come from.
    """

    x: Array
    y: Array
    epsilon: float
    provenance: str


def load_example() -> DataSet:
    """Return the paper's illustrative example: 11 points and epsilon = 0.045.

    Returns
    -------
    DataSet
        Inputs k/10, k = 0, ..., 10; labels drawn once by the paper's authors
        from sin(2 pi x) + N(0, 0.5^2).
    """
    text = files("sdtheory").joinpath("data/mobahi2020_example.csv").read_text(encoding="utf-8")
    x, y = np.loadtxt(text.splitlines(), delimiter=",", skiprows=1, unpack=True)
    return DataSet(
        x=x,
        y=y,
        epsilon=0.045,
        provenance=(
            "Illustrative example of Mobahi, Farajtabar and Bartlett (2020): 11 equispaced inputs "
            "on [0, 1], labels drawn once by the authors from sin(2 pi x) plus Gaussian noise of "
            "standard deviation 0.5, tolerance 0.045."
        ),
    )
