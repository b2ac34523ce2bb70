"""Result files of `sdtheory nn`, and conclusions from their intervals.

This module does not need the networks' packages. Accuracies are arrays with one
row for each seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from sdtheory.validation import InvalidInputError

#: Of the files; a file of another one is not read.
FORMAT = 1
#: What is measured of every round and seed -> what it is.
MEASURES = {
    "train_original": "accuracy on the training images against their true labels",
    "train_noisy": "accuracy on the training images against the labels given to round 0",
    "test": "accuracy on the test images against their true labels",
    "validation": "accuracy on the validation images against their noisy labels",
    "loss": "loss after training, against the round's own targets",
    "size": "root mean square, over the training images, of the distance of the next round's "
    "targets from the uninformative ones",
    "epoch": "epoch whose parameters were kept, from 1",
}


def read(path: Path) -> dict[str, Any]:
    """Read a result file.

    Raises
    ------
    InvalidInputError
        If it cannot be read or is not one.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error}). Name a file that `sdtheory nn --output` wrote."
        ) from error
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise InvalidInputError(
            f"{path} is not a result file of this version of `sdtheory nn`. Run the experiment "
            f"again."
        )
    return result


def by_seed(result: dict[str, Any], measure: str) -> np.ndarray:
    """Return one measure of a chain, shape (seeds, rounds).

    Parameters
    ----------
    result : dict
        Of kind "chain".
    measure : str
        A key of `MEASURES`.
    """
    return np.array([row[measure] for row in result["rounds"]], dtype=float).T


def methods(result: dict[str, Any]) -> dict[str, tuple[list[float], np.ndarray, np.ndarray]]:
    """Return each method's settings and their accuracies, each of shape (settings, seeds).

    Parameters
    ----------
    result : dict
        Of kind "comparison".

    Returns
    -------
    dict of str to (settings, validation accuracy, test accuracy)
    """
    rows: dict[str, list[Any]] = {}
    for trial in result["trials"]:
        rows.setdefault(trial["method"], []).append(trial)
    return {
        method: (
            [row["value"] for row in trials],
            np.array([row["validation"] for row in trials]),
            np.array([row["test"] for row in trials]),
        )
        for method, trials in rows.items()
    }


def chosen(result: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each method's choice, for each seed, and its test accuracy.

    The choice is the setting of largest validation accuracy; among equals, the
    one nearest to the common training.

    Parameters
    ----------
    result : dict
        Of kind "comparison".

    Returns
    -------
    dict of str to (numbers of the settings, test accuracies), each of shape (seeds,)
    """
    found = {}
    for method, (_, validation, test) in methods(result).items():
        # argmax takes the first of equals; the common training is the last number of epochs
        best = np.argmax(validation[::-1] if method == "epochs" else validation, axis=0)
        best = len(validation) - 1 - best if method == "epochs" else best
        found[method] = best, test[best, np.arange(test.shape[1])]
    return found


def interval(values: Any, shared: float = 0.0, level: float = 0.95) -> tuple[Any, Any]:
    """Return the mean over seeds, and half of its Student interval.

    Parameters
    ----------
    values : array_like of shape (seeds, ...)
    shared : float, default=0
        Ratio of test to training images, for an interval that also covers other
        images. All seeds draw from one pool; the correction of Nadeau and Bengio
        (2003) allows for that. With 0 the interval covers other seeds on the same
        pool.
    level : float, default=0.95

    Returns
    -------
    tuple of float, or of ndarray of the shape of one seed's values
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean(axis=0)
    if n < 2:
        return mean, np.full_like(mean, np.inf)[()]
    variance = np.var(values, axis=0, ddof=1)
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt((1 / n + shared) * variance)
    return mean, half


def direction(differences: np.ndarray) -> str:
    """Return "rises" or "falls" where the interval of the mean excludes zero, else "undecided".

    Parameters
    ----------
    differences : ndarray of shape (seeds,)
    """
    mean, half = interval(differences)
    return "undecided" if not abs(mean) > half else "rises" if mean > 0 else "falls"


def course(values: np.ndarray) -> tuple[int, str]:
    """Return the round of the largest mean, and whether values rise to it and fall from it.

    Every second seed locates the round, and the others judge it. Otherwise the choice
    itself would look like a rise.

    Parameters
    ----------
    values : ndarray of shape (seeds, rounds)
    """
    locate, judge = values[::2], values[1::2]
    best = int(np.argmax(locate.mean(axis=0)))
    before = direction(judge[:, best] - judge[:, 0]) if len(judge) else "undecided"
    after = direction(judge[:, -1] - judge[:, best]) if len(judge) else "undecided"
    said = {
        ("rises", "falls"): "rises, then falls",
        ("rises", "undecided"): "rises; no fall shown",
        ("undecided", "falls"): "falls; no rise shown",
    }
    return best, said.get((before, after), "undecided")
