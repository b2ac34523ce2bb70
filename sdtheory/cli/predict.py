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

from sdtheory.cli import tables, training
from sdtheory.cli.options import DELIMITER, declare
from sdtheory.validation import Array


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help=".npz file")
    parser.add_argument("data", type=Path, metavar="DATA", help=".csv, .tsv, .npy or .parquet file")
    declare(
        parser,
        DELIMITER,
        ("--output", "FILE", Path, "CSV file (default: stdout)"),
        ("--every-round", "", bool, "one column for each round"),
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    from sdtheory import model_file

    training.check_outputs(arguments, output=())
    model = model_file.load(arguments.model)

    def choose(columns: tuple[str, ...], _index: tuple[str, ...]) -> tuple[str, ...]:
        tables.match(model.inputs, columns, "DATA")
        return model.inputs

    data = tables.read(arguments.data, choose, delimiter=arguments.delimiter)
    # all predictions before any is written
    with training.progress(f"predict, {len(data)} rows"):
        if arguments.every_round:
            rounds = range(model.estimator.n_rounds_)
            header = [f"{target} round {t}" for t in rounds for target in model.targets]
            values = np.moveaxis(model.staged_predict(data), 0, 1).reshape(len(data), -1)
        else:
            header, values = list(model.targets), model.predict(data)
    if arguments.output is None:
        _write(sys.stdout, header, values)
        return 0
    from sdtheory.files import replacing

    with (
        replacing(arguments.output) as partial,
        partial.open("w", encoding="utf-8", newline="") as target,
    ):
        _write(target, header, values)
    print(f"wrote {arguments.output}")
    return 0


def _write(target: Any, header: list[str], values: Array) -> None:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(values.tolist())
    target.flush()
