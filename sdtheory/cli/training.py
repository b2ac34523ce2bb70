"""Options, data, estimator and reports that several commands share."""

from __future__ import annotations

import argparse
import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdtheory import files
from sdtheory.cli import tables
from sdtheory.cli.options import DELIMITER, declare
from sdtheory.kernels import GREENS_FUNCTIONS
from sdtheory.validation import Array, InvalidInputError, as_integer

#: Kernels that depend on a distance, whose scale the columns must share.
STATIONARY = ("rbf", "laplacian")
#: Kernels without a width.
_WIDTHLESS = (*GREENS_FUNCTIONS, "linear", "cosine", "additive_chi2")
#: More rows than this must be asked for by --sample, where a matrix is stored, and where none is.
MOST_ROWS, MOST_PRODUCTS = 10_000, 1_000_000
#: Files that commands write, by option: the suffixes that tell the format; none if any will do.
_FORMATS = {"plot": (".svg", ".png", ".pdf"), "save": (".npz",), "json": ()}

_EPSILON = re.compile(r"(?P<number>.*?)[\s*]*(?P<unit>%|noise|variance|)", re.IGNORECASE)
_UNITS = {
    "": ("absolute", 1.0),
    "%": ("relative", 0.01),
    "variance": ("variance", 1.0),
    "noise": ("noise", 1.0),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the data and the model."""
    add_data_options(parser)
    model = add_kernel_options(parser)
    declare(model, ("--no-intercept", "", bool, "do not subtract the labels' mean before the fit"))
    model.add_argument(
        "--epsilon",
        default="10%",
        metavar="E",
        help="tolerance on the mean squared residual (default: %(default)s). A number is absolute; "
        "a percentage refers to the mean square of the labels that the kernel can reach. "
        "0.1variance is a share of the labels' variance; 1noise is the estimated noise variance",
    )
    model.add_argument(
        "--rounds",
        default="auto",
        metavar="T",
        help="a number, or one of auto (smallest criterion), rougher (while the fit is rougher "
        "than the estimated truth) and all (until the collapse) (default: %(default)s)",
    )
    criterion = "gcv (generalised cross-validation) or loo (leave-one-out)"
    declare(model, ("--criterion", "NAME", "gcv", criterion))
    model.add_argument(
        "--solver",
        default="auto",
        metavar="NAME",
        help="auto, eigh, krylov or spline (default: %(default)s). If --epsilon is a number or a "
        "share of the variance, auto needs no matrix for many rows",
    )


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Declare the data."""
    data = parser.add_argument_group("data")
    data.add_argument("data", type=Path, metavar="DATA", help=".csv, .tsv, .npy or .parquet file")
    data.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="COLUMN",
        help="label column; repeat it for several, which share one tolerance",
    )
    data.add_argument(
        "--inputs", nargs="+", metavar="COLUMN", help="input columns (default: all others)"
    )
    declare(
        data,
        DELIMITER,
        ("--sample", "N", int, "use N rows, drawn at random"),
        ("--seed", "S", 0, "random seed"),
    )
    data.add_argument(
        "--rescale",
        choices=("none", "unit", "standard"),
        help="unit maps each input onto [0, 1]; standard gives it mean 0 and variance 1 (default: "
        "standard for rbf and laplacian, else none)",
    )


def add_kernel_options(parser: argparse.ArgumentParser) -> Any:
    """Declare the kernel; return the group of options."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--kernel",
        default="rbf",
        metavar="NAME",
        help="beam, bridge or periodic (Green's functions on [0, 1]), or the name of a kernel of "
        "scikit-learn (default: %(default)s)",
    )
    declare(
        model,
        ("--gamma", "G", float, "for rbf, laplacian, poly and sigmoid"),
        ("--degree", "D", 3.0, "for poly"),
        ("--coef0", "B", 1.0, "for poly and sigmoid"),
    )
    return model


def add_outputs(parser: argparse.ArgumentParser, **purposes: str) -> None:
    """Declare files to write, each by its option and what it is for."""
    output = parser.add_argument_group("output")
    for name, purpose in purposes.items():
        kinds = f" ({', '.join(_FORMATS[name])})" if _FORMATS[name] else "; - prints it instead"
        declare(output, (f"--{name}", "FILE", Path, purpose + kinds))


@dataclass(frozen=True)
class Training:
    """Data as the estimator sees them: rescaled inputs (n, p), and labels (n,) or (n, q).

    Of the `rows` in the file, n may be a sample. `described` is what reports tell of the data.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    x: Array
    y: Array
    shift: Array
    scale: Array
    rows: int
    described: dict[str, Any]


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the estimator."""
    unit, epsilon = _epsilon(arguments.epsilon)
    same = ("kernel", "gamma", "degree", "coef0", "criterion", "solver")
    return {name: getattr(arguments, name) for name in same} | {
        "epsilon": epsilon,
        "epsilon_unit": unit,
        "rounds": _rounds(arguments.rounds),
        "fit_intercept": not arguments.no_intercept,
    }


def estimator(parameters: dict[str, Any]) -> Any:
    """Return the estimator, not fitted; call it late, as scikit-learn takes seconds to load."""
    from sdtheory.estimator import SelfDistilledKernelRidge

    return SelfDistilledKernelRidge(**parameters)


def load(arguments: argparse.Namespace, most_rows: int = MOST_ROWS) -> Training:
    """Read the data and rescale them."""
    as_integer(1 if arguments.sample is None else arguments.sample, "--sample")
    as_integer(arguments.seed, "--seed", least=0)
    if arguments.gamma is not None and arguments.kernel in _WIDTHLESS:
        raise InvalidInputError(
            f"--gamma has no effect on the kernel {arguments.kernel!r}. Leave it out."
        )
    targets = tuple(dict.fromkeys(arguments.target))
    inputs: tuple[str, ...] = ()

    def choose(columns: tuple[str, ...], index: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal inputs
        tables.match(targets, columns, "--target")
        others = [name for name in columns if name not in targets]
        given = arguments.inputs or [name for name in others if name not in index]
        if len(given) < len(others) and not arguments.inputs:
            print(
                f"sdtheory: note: the column {index[0]!r} of {arguments.data} is the index of the "
                f"rows that pandas wrote, and is left out. Name it with --inputs to use it.",
                file=sys.stderr,
            )
        inputs = tuple(dict.fromkeys(given))
        tables.match(inputs, columns, "--inputs")
        both = [name for name in inputs if name in targets]
        if both or not inputs:
            raise InvalidInputError(
                f"--inputs: {both[0]!r} is the target. Leave it out."
                if both
                else f"{arguments.data} has no column beside the target. Add one for the inputs."
            )
        return inputs + targets

    table = tables.read(
        arguments.data,
        choose,
        delimiter=arguments.delimiter,
        most_rows=None if arguments.sample else most_rows,
    )
    x, y = table[:, : len(inputs)], table[:, len(inputs) :].copy()
    rows_given = len(x)
    if arguments.sample is not None and arguments.sample < len(x):
        rows = np.random.default_rng(arguments.seed).choice(len(x), arguments.sample, replace=False)
        x, y = x[np.sort(rows)], y[np.sort(rows)]
    same = [name for name, spread in zip(targets, np.ptp(y, axis=0), strict=True) if not spread]
    if same:
        raise InvalidInputError(
            f"--target: {same[0]!r} is the same in every row. Name a column that varies."
        )
    rescaled = arguments.rescale or ("standard" if arguments.kernel in STATIONARY else "none")
    if (
        arguments.kernel in GREENS_FUNCTIONS
        and rescaled == "none"
        and not 0 <= x.min() <= x.max() <= 1
    ):
        raise InvalidInputError(
            f"the inputs span [{x.min():.17g}, {x.max():.17g}], but the kernel "
            f"{arguments.kernel!r} lives on [0, 1]. Pass --rescale unit."
        )
    shift, scale = _scaling(x, rescaled)
    described = {
        "data": str(arguments.data),
        "rows": len(x),
        "inputs": inputs,
        "targets": targets,
        "kernel": arguments.kernel,
        "rescaled": rescaled,
    }
    x, y = (x - shift) / scale, y[:, 0] if y.shape[1] == 1 else y
    return Training(inputs, targets, x, y, shift, scale, rows_given, described)


def headed(described: dict[str, Any], more: str) -> list[str]:
    """Return the lines of a report that tell of its data and kernel, and more of the fit."""
    onto = {"none": "", "unit": "onto [0, 1]", "standard": "to mean 0 and variance 1"}
    rescaled = onto[described["rescaled"]]
    return [
        f"{described['data']}: {described['rows']} rows; inputs: {', '.join(described['inputs'])}; "
        f"target: {', '.join(described['targets'])}",
        f"kernel {described['kernel']}; {more}",
        *([f"inputs rescaled {rescaled} (--rescale none keeps them)"] if rescaled else []),
    ]


def run(model: Any, training: Training) -> tuple[Any, list[str]]:
    """Fit the estimator; return the chain that it ran, and its warnings.

    It refuses a tolerance that the mean of the labels meets, which takes no fit.
    """
    with warnings.catch_warnings(record=True) as caught, progress(f"fit, {len(training.x)} rows"):
        warnings.simplefilter("always")
        chain = model._fit(training.x, training.y)
    variance = float(np.sum(np.var(training.y, axis=0)))
    if model.epsilon_ >= variance:
        raise InvalidInputError(
            f"--epsilon: the tolerance {model.epsilon_:.6g} is not below the variance of the "
            f"labels, {variance:.6g}: their mean alone meets it. Pass a smaller tolerance."
        )
    return chain, [str(warning.message) for warning in caught]


@contextmanager
def progress(work: str) -> Iterator[None]:
    """Count the steps that the library logs of some work, on a terminal."""
    from tqdm import tqdm

    logger = logging.getLogger("sdtheory")
    with tqdm(unit=" steps", desc=work, disable=None, leave=False) as bar:

        class Count(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                bar.update()

        handler, level = Count(), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)


def check_outputs(arguments: argparse.Namespace, **more: Sequence[str]) -> None:
    """Refuse, before any work, files that cannot be written or that would replace another one.

    `more` are suffixes of options that `add_outputs` does not know.
    """
    formats = {name: known for name, known in _FORMATS.items() if name in arguments} | more
    for name, known in formats.items():
        path = getattr(arguments, name)
        if path is not None and known and path.suffix.lower() not in known:
            raise InvalidInputError(
                f"--{name} {path}: the suffix {path.suffix!r} does not tell the format. Choose one "
                f"of: {', '.join(known)}."
            )
    inputs = {name.upper(): getattr(arguments, name, None) for name in ("data", "model")}
    files.check_outputs(
        {f"--{name}": getattr(arguments, name) for name in formats},
        {name: path for name, path in inputs.items() if isinstance(path, Path)},
    )


def report(path: Path | None, numbers: Any, words: str) -> Any:
    """Print words and notes, and write numbers as a JSON file; print them alone if it is called -.

    Return the stream for what else there is to say.
    """
    text = json.dumps(numbers, indent=1, allow_nan=False)
    if str(path) == "-":
        print(text)
        return sys.stderr
    print(words)
    if path is not None:
        with files.replacing(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
        print(f"wrote {path}")
    for note in numbers.get("notes", ()):
        print(f"sdtheory: note: {note}", file=sys.stderr)
    return sys.stdout


def write_plot(path: Path | None, draw: Callable[[], Any], stream: Any = None) -> None:
    """Write the figure that a function returns, in the format of the suffix, if there is a path."""
    if path is None:
        return
    image = io.BytesIO()
    try:
        draw().savefig(image, format=path.suffix[1:].lower())
    except InvalidInputError:
        raise
    except Exception as error:  # Matplotlib obeys the reader's settings, and may call TeX
        raise InvalidInputError(
            f"--plot {path}: drawing failed ({error}). All other files are written. Check your "
            f"Matplotlib settings (matplotlibrc), or leave --plot out."
        ) from error
    with files.replacing(path) as partial:
        partial.write_bytes(image.getvalue())
    print(f"wrote {path}", file=stream)


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
            f"--epsilon is {text!r}. Pass a number (0.045), a percentage (10%), a share of the "
            f"labels' variance (0.1variance) or a multiple of the noise variance (noise, 2noise)."
        ) from None


def _rounds(text: str) -> int | str | None:
    if text in ("auto", "rougher", "all"):
        return None if text == "all" else text
    try:
        return int(text)
    except ValueError:
        raise InvalidInputError(
            f"--rounds is {text!r}. Pass a number, auto, rougher or all."
        ) from None


def _scaling(x: Array, how: str) -> tuple[Array, Array]:
    if how == "unit":
        shift, scale = x.min(axis=0), np.ptp(x, axis=0)
    elif how == "standard":
        shift, scale = x.mean(axis=0), x.std(axis=0)
    else:
        return np.zeros(x.shape[1]), np.ones(x.shape[1])
    return shift, np.where(scale > 0, scale, 1.0)
