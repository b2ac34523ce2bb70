"""Evaluate a saved model on new data.

Evaluate a model that `sdtheory fit --save` wrote.

for example:
  sdtheory predict model.npz NEW.csv > predictions.csv
  sdtheory predict model.npz NEW.csv --output predictions.csv --every-round

NEW.csv needs the input columns by the names that the model was fitted with, in any order; other
columns are ignored. The predictions are in the order of its rows, with all digits.

exit codes: 0 done, 2 wrong usage or input, 130 interrupted; no file is ever half written
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sdtheory.cli import tables
from sdtheory.cli.options import declare
from sdtheory.cli.training import check_outputs
from sdtheory.validation import Array, InvalidInputError

#: Rows whose kernel values are held at a time.
_BATCH = 4096


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help=".npz file")
    parser.add_argument("data", type=Path, metavar="DATA", help=".csv, .tsv, .npy or .parquet file")
    trust = "load a .joblib model, which can run any code; only if you trust its origin"
    declare(
        parser,
        ("--delimiter", "C", str, "default: comma; tab in .tsv"),
        ("--output", "FILE", Path, "CSV file (default: stdout)"),
        ("--every-round", "", bool, "one column for each round"),
        ("--trust-pickle", "", bool, trust),
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    check_outputs(arguments, output=())
    model = _load(arguments.model, trusted=arguments.trust_pickle)

    def choose(columns: tuple[str, ...], _index: tuple[str, ...]) -> tuple[str, ...]:
        tables.match(model.inputs, columns, "DATA")
        return model.inputs

    data = tables.read(arguments.data, choose, delimiter=arguments.delimiter)
    header = list(model.targets)
    if arguments.every_round:
        rounds = range(model.estimator.n_rounds_)
        header = [f"{target} round {t}" for t in rounds for target in model.targets]
    batches = _predictions(model, data, every=arguments.every_round)
    if arguments.output is None:
        _write(sys.stdout, header, batches)
        return 0
    from sdtheory.files import replacing

    with (
        replacing(arguments.output) as partial,
        partial.open("w", encoding="utf-8", newline="") as target,
    ):
        _write(target, header, batches)
    print(f"wrote {arguments.output}")
    return 0


def _load(path: Path, *, trusted: bool) -> Any:
    from sdtheory import model_file

    if path.suffix.lower() != ".joblib":
        return model_file.load(path)
    if not trusted:
        raise InvalidInputError(
            f"{path} is a pickle, which can run any code when it is loaded. Pass --trust-pickle "
            f"if you trust its origin, or save the model as .npz."
        )
    import joblib

    try:
        model = joblib.load(path)
    except Exception as error:  # a pickle can raise anything
        raise InvalidInputError(
            f"{path} cannot be loaded ({error}). Name a file that `sdtheory fit --save` wrote."
        ) from error
    if not isinstance(model, model_file.Model):
        raise InvalidInputError(
            f"{path} holds {type(model).__name__}, which is not a model. Name a file that "
            f"`sdtheory fit --save` wrote."
        )
    return model


def _predictions(model: Any, x: Array, *, every: bool) -> list[Array]:
    """Return the predictions batch by batch: all of them, before any is written."""
    from tqdm import tqdm

    batches = []
    with tqdm(total=len(x), unit="row", desc="predict", disable=None, delay=1, leave=False) as bar:
        for start in range(0, len(x), _BATCH):
            batch = x[start : start + _BATCH]
            if every:
                values = model.staged_predict(batch)
                batches.append(np.moveaxis(values, 0, 1).reshape(len(batch), -1))
            else:
                batches.append(model.predict(batch))
            bar.update(len(batch))
    return batches


def _write(target: Any, header: list[str], batches: list[Array]) -> None:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    for batch in batches:
        writer.writerows(batch.tolist())
    target.flush()
