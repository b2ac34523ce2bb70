"""What ``fit`` and ``explain`` share: their options, the data and the estimator."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdtheory.cli import tables
from sdtheory.validation import Array, InvalidInputError

#: More rows than this must be asked for by --sample.
MOST_ROWS = 10_000

_EPSILON = re.compile(r"(?P<number>.*?)[\s*]*(?P<unit>%|noise|)", re.IGNORECASE)
_UNITS = {"": ("absolute", 1.0), "%": ("relative", 0.01), "noise": ("noise", 1.0)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the data and the model."""
    data = parser.add_argument_group("data")
    data.add_argument("data", type=Path, metavar="DATA", help=".csv, .tsv, .npy or .parquet file")
    data.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="COLUMN",
        help="label column; several labels share one tolerance",
    )
    data.add_argument(
        "--inputs", nargs="+", metavar="COLUMN", help="input columns (default: all others)"
    )
    data.add_argument("--delimiter", metavar="C", help="default: comma, in .tsv a tab")
    data.add_argument("--sample", type=int, metavar="N", help="use N rows, drawn at random")
    data.add_argument("--seed", type=int, default=0, metavar="S", help="of that draw (default: 0)")
    data.add_argument(
        "--rescale",
        choices=("none", "unit", "standard"),
        default="none",
        help="input columns onto [0, 1], or to mean 0 and variance 1 (default: none)",
    )
    data.add_argument("--centre", action="store_true", help="subtract the labels' mean")
    model = parser.add_argument_group("model")
    model.add_argument(
        "--kernel",
        default="rbf",
        metavar="NAME",
        help="beam, bridge or periodic (Green's functions on [0, 1]), or one of scikit-learn's "
        "(default: rbf)",
    )
    model.add_argument("--gamma", type=float, help="of rbf, laplacian, poly and sigmoid")
    model.add_argument("--degree", type=float, default=3, help="of poly (default: 3)")
    model.add_argument("--coef0", type=float, default=1, help="of poly and sigmoid (default: 1)")
    model.add_argument(
        "--epsilon",
        default="10%",
        metavar="E",
        help="tolerance on the mean squared residual: a number, a percentage of what the kernel "
        "can reach of the labels' mean square, or a multiple of the estimated noise variance "
        "such as 1noise (default: 10%%)",
    )
    model.add_argument(
        "--rounds",
        default="auto",
        metavar="T",
        help="a number; auto: that of the smallest criterion; all: until the collapse "
        "(default: auto)",
    )
    model.add_argument(
        "--criterion",
        choices=("gcv", "loo"),
        default="gcv",
        help="generalised cross-validation or leave-one-out (default: gcv)",
    )


@dataclass(frozen=True)
class Training:
    """Data as the estimator sees them.

    Attributes
    ----------
    inputs, targets : tuple of str
        Names of the columns.
    x : ndarray of shape (n, p)
        Rescaled.
    y : ndarray of shape (n,) or (n, q)
        Centred.
    shift, scale : ndarray of shape (p,)
    centre : ndarray of shape (q,)
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    x: Array
    y: Array
    shift: Array
    scale: Array
    centre: Array


def estimator(arguments: argparse.Namespace) -> Any:
    """Return the estimator, not fitted."""
    from sdtheory.estimator import SelfDistilledKernelRidge

    unit, epsilon = _epsilon(arguments.epsilon)
    return SelfDistilledKernelRidge(
        arguments.kernel,
        gamma=arguments.gamma,
        degree=arguments.degree,
        coef0=arguments.coef0,
        epsilon=epsilon,
        epsilon_unit=unit,
        rounds=_rounds(arguments.rounds),
        criterion=arguments.criterion,
    )


def load(arguments: argparse.Namespace) -> Training:
    """Read the data and rescale them."""
    if arguments.sample is not None and arguments.sample < 1:
        raise InvalidInputError(f"--sample must be at least 1, but is {arguments.sample}.")
    if arguments.seed < 0:
        raise InvalidInputError(f"--seed must not be negative, but is {arguments.seed}.")
    targets = tuple(dict.fromkeys(arguments.target))
    inputs: tuple[str, ...] = ()

    def choose(columns: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal inputs
        tables.match(targets, columns, "--target")
        given = arguments.inputs or [name for name in columns if name not in targets]
        inputs = tuple(dict.fromkeys(given))
        tables.match(inputs, columns, "--inputs")
        both = [name for name in inputs if name in targets]
        if both or not inputs:
            raise InvalidInputError(
                f"--inputs: {both[0]!r} is the target."
                if both
                else f"{arguments.data} has no column beside the target. Add one for the inputs."
            )
        return inputs + targets

    table = tables.read(
        arguments.data,
        choose,
        delimiter=arguments.delimiter,
        most_rows=None if arguments.sample else MOST_ROWS,
    )
    x, y = table[inputs], table[targets]
    if arguments.sample is not None and arguments.sample < len(x):
        rows = np.random.default_rng(arguments.seed).choice(len(x), arguments.sample, replace=False)
        x, y = x[np.sort(rows)], y[np.sort(rows)]
    shift, scale = _scaling(x, arguments.rescale)
    centre = y.mean(axis=0) if arguments.centre else np.zeros(y.shape[1])
    labels = y - centre
    return Training(
        inputs,
        targets,
        (x - shift) / scale,
        labels[:, 0] if labels.shape[1] == 1 else labels,
        shift,
        scale,
        centre,
    )


def fit(model: Any, training: Training) -> list[str]:
    """Fit the estimator; return its warnings."""
    n = len(training.x)
    if n > 2000 and sys.stderr.isatty():
        print(f"fitting {n} points (an {n} x {n} eigendecomposition) ...", file=sys.stderr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(training.x, training.y)
    return [str(warning.message) for warning in caught]


def chain(model: Any, training: Training) -> Any:
    """Return the chain that a fitted estimator has run; zero labels have none, and get theirs."""
    from sdtheory.solvers.eigh import distill_eigh

    return model._chain or distill_eigh(model.spectrum(), training.y, model.epsilon_)


def check_outputs(arguments: argparse.Namespace, *names: str) -> None:
    """Refuse, before any work, files that cannot be written or that would replace the data."""
    for name in names:
        path = getattr(arguments, name)
        if path is None or str(path) == "-":
            continue
        option = f"--{name}"
        if path.is_dir() or not path.parent.is_dir():
            what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise InvalidInputError(
                f"{option} {path}: {what}. Name a file in a folder that exists."
            )
        data = arguments.data
        if isinstance(data, Path) and path.exists() and path.samefile(data):
            raise InvalidInputError(f"{option} {path} is the data. Name another file.")


def check_suffix(path: Path | None, option: str, known: tuple[str, ...]) -> None:
    """Refuse, before any work, a file whose suffix tells no format that the command writes."""
    if path is not None and path.suffix.lower() not in known:
        raise InvalidInputError(
            f"{option} {path}: the suffix {path.suffix!r} does not tell the format. Choose one of: "
            f"{', '.join(known)}."
        )


def _epsilon(text: str) -> tuple[str, float]:
    found = _EPSILON.fullmatch(text.strip())
    try:
        if not found:
            raise ValueError
        unit, factor = _UNITS[found["unit"].lower()]
        number = found["number"]
        return unit, factor * (1.0 if unit == "noise" and not number else float(number))
    except ValueError:
        raise InvalidInputError(
            f"--epsilon is {text!r}. Pass a number (0.045), a percentage of the labels' energy "
            f"(10%) or a multiple of the noise variance (noise, 2noise)."
        ) from None


def _rounds(text: str) -> int | str | None:
    if text in ("auto", "all"):
        return "auto" if text == "auto" else None
    try:
        return int(text)
    except ValueError:
        raise InvalidInputError(f"--rounds is {text!r}. Pass a number, auto or all.") from None


def _scaling(x: Array, how: str) -> tuple[Array, Array]:
    if how == "unit":
        shift, scale = x.min(axis=0), np.ptp(x, axis=0)
    elif how == "standard":
        shift, scale = x.mean(axis=0), x.std(axis=0)
    else:
        return np.zeros(x.shape[1]), np.ones(x.shape[1])
    return shift, np.where(scale > 0, scale, 1.0)
