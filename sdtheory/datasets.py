"""Data sets, with their provenance."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Any

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
        Tolerance of the source, or of this book if the source has none.
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


def load_digits() -> DataSet:
    """Return scikit-learn's handwritten digits, with one-hot labels.

    Returns
    -------
    DataSet
        1797 images of 8 x 8 pixels with grey values in [0, 1]. The labels, of
        shape (1797, 10), are one-hot minus 1/10: each row sums to zero.
    """
    pixels, digits = map(np.asarray, _bundled().load_digits(return_X_y=True))
    return DataSet(
        x=pixels / 16,
        y=np.eye(10)[digits] - 0.1,
        epsilon=0.01,
        provenance=(
            "Handwritten digits bundled with scikit-learn: the test part of 'Optical Recognition "
            "of Handwritten Digits' of the UCI repository, 1797 images of 8 x 8 pixels."
        ),
    )


def load_diabetes() -> DataSet:
    """Return scikit-learn's diabetes data, standardised.

    Returns
    -------
    DataSet
        442 patients with 10 features, and the progression of the disease
        after one year; features and labels have mean 0 and variance 1.
    """
    features, progression = map(np.asarray, _bundled().load_diabetes(return_X_y=True))
    return DataSet(
        x=(features - features.mean(axis=0)) / features.std(axis=0),
        y=(progression - progression.mean()) / progression.std(),
        epsilon=0.1,
        provenance=(
            "Diabetes data bundled with scikit-learn, from Efron, Hastie, Johnstone and "
            "Tibshirani, 'Least angle regression', Annals of Statistics 32 (2004): 442 patients, "
            "10 features."
        ),
    )


def _bundled() -> Any:
    """Return scikit-learn's data sets, which the paper's example does not wait for."""
    return import_module("sklearn.datasets")
