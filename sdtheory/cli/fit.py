"""``sdtheory fit``: self-distil the reader's own data."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sdtheory.cli import training

_EXAMPLES = """\
examples:
  sdtheory fit DATA.csv --target y
  sdtheory fit DATA.csv --target y --kernel beam --epsilon 0.045 --rounds auto \\
      --plot out.svg --save model.npz
  sdtheory fit DATA.csv --target y --rescale standard --centre --epsilon noise --criterion loo
  sdtheory fit DATA.npy --target 3 --inputs 0 1 --rounds 2 --json -

The first line of a CSV file names its columns; those of an .npy file are called 0, 1, ... A model
saved as .npz holds data only; one saved as .joblib is a pickle, which can run code when loaded.

exit codes: 0 done, 2 wrong usage or input, 130 interrupted; no file is ever half written
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "fit",
        help="self-distil kernel ridge regression on your data",
        description="Fit a chain of kernel ridge regressions, each on the fitted values of the "
        "one before, and say which round to keep.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    training.add_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--plot", type=Path, metavar="FILE", help="draw it (.svg, .png or .pdf)")
    output.add_argument("--save", type=Path, metavar="FILE", help="the model (.npz or .joblib)")
    output.add_argument(
        "--json", type=Path, metavar="FILE", help="the numbers; - for stdout instead of the table"
    )
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    training.check_suffix(arguments.plot, "--plot", (".svg", ".png", ".pdf"))
    training.check_suffix(arguments.save, "--save", (".npz", ".joblib"))
    training.check_outputs(arguments, "plot", "save", "json")
    model = training.estimator(arguments)
    data = training.load(arguments)
    notes = training.fit(model, data)
    numbers = _numbers(arguments, model, data, notes)
    if str(arguments.json) == "-":
        print(json.dumps(numbers, indent=1, allow_nan=False))
    else:
        print(_words(numbers))
        for note in notes:
            print(f"sdtheory: note: {note}", file=sys.stderr)
    said = sys.stderr if str(arguments.json) == "-" else sys.stdout
    # the picture last: it may fail where the numbers do not
    for path, write in ((arguments.save, _save), (arguments.json, _json), (arguments.plot, _plot)):
        if path is not None and str(path) != "-":
            write(path, model, data, numbers)
            print(f"wrote {path}", file=said)
    return 0


def _numbers(arguments: argparse.Namespace, model: Any, data: Any, notes: list[str]) -> Any:
    fitted = zip(model.multipliers_, model.training_loss_, model.shrinkage_, strict=True)
    rounds = [
        {"round": t, "multiplier": float(c), "loss": float(loss), "trace": float(np.sum(B))}
        for t, (c, loss, B) in enumerate(fitted)
    ]
    return {
        "data": str(arguments.data),
        "rows": len(data.x),
        "inputs": data.inputs,
        "targets": data.targets,
        "kernel": arguments.kernel,
        "rank": int(np.count_nonzero(model.eigenvalues_)),
        "epsilon": model.epsilon_,
        "rounds asked for": arguments.rounds,
        "rounds fitted": model.n_rounds_,
        "collapsed": bool(model.collapsed_),
        "zero": not np.any(model.dual_coef_),
        "criterion": arguments.criterion,
        "criterion by round": model.criterion_.tolist(),
        "rounds": rounds,
        "notes": notes,
    }


def _words(numbers: Any) -> str:
    lines = [
        f"{numbers['data']}: {numbers['rows']} rows; inputs: {', '.join(numbers['inputs'])}; "
        f"target: {', '.join(numbers['targets'])}",
        f"kernel {numbers['kernel']}: {numbers['rank']} non-zero eigenvalue(s) of "
        f"{numbers['rows']}; epsilon = {numbers['epsilon']:.6g}",
        "",
        f"{'round':>5} {'multiplier':>12} {'loss':>12} {'trace of B':>12} "
        f"{numbers['criterion']:>12}",
    ]
    for row, criterion in zip(numbers["rounds"], numbers["criterion by round"], strict=False):
        lines.append(
            f"{row['round']:>5} {row['multiplier']:>12.5g} {row['loss']:>12.5g} "
            f"{row['trace']:>12.5g} {criterion:>12.5g}"
        )
    kept, tried = numbers["rounds fitted"], len(numbers["criterion by round"])
    lines.append("")
    if numbers["zero"]:
        lines.append("The fit is the zero function.")
    elif numbers["rounds asked for"] == "auto":
        how = numbers["criterion"]
        advice = "do not self-distil" if kept == 1 else f"{kept} rounds, of {tried} tried"
        lines.append(f"Smallest {how} at round {kept - 1}: {advice}.")
    else:
        lines.append(f"{kept} round(s) fitted.")
    if numbers["collapsed"] and not numbers["zero"]:
        lines.append(f"The next round, {kept}, would be the zero function.")
    return "\n".join(lines)


def _plot(path: Path, model: Any, data: Any, _numbers: Any) -> None:
    from sdtheory.plotting import DistillationDisplay

    shown = (data.x, data.y) if data.y.ndim == 1 else ()
    training.write_plot(path, lambda: DistillationDisplay.from_estimator(model, *shown).figure_)


def _save(path: Path, model: Any, data: Any, _numbers: Any) -> None:
    from sdtheory import model_file

    whole = model_file.Model(model, data.inputs, data.targets, data.shift, data.scale, data.centre)
    if path.suffix.lower() == ".npz":
        model_file.save(whole, path)
        return
    import joblib

    from sdtheory.files import replacing

    print(
        f"sdtheory: note: {path} is a pickle, which can run code when it is loaded. Give it only "
        f"to people who trust you; a model saved as .npz holds data only.",
        file=sys.stderr,
    )
    with replacing(path) as partial:
        joblib.dump(whole, partial)


def _json(path: Path, _model: Any, _data: Any, numbers: Any) -> None:
    training.write_json(path, numbers)
