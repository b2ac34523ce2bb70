r"""Self-distil kernel ridge regression on your data.

Fit a chain of kernel ridge regressions, each on the fitted values of the one before, and say which
round to keep.

for example:
  sdtheory fit DATA.csv --target y
  sdtheory fit DATA.csv --target y --kernel beam --epsilon 0.045 --rounds auto \
      --plot out.svg --save model.npz
  sdtheory fit DATA.csv --target y --epsilon noise --criterion loo
  sdtheory fit DATA.npy --target 3 --inputs 0 1 --rounds 2 --json -
  sdtheory fit DATA.csv --target y --c 0.01 --mixing optimal --rounds 2

The first line of a CSV file names its columns; those of an .npy file are called 0, 1, ... A saved
model holds data only.

exit codes: 0 done, 2 wrong usage or input, 130 interrupted; no file is ever half written
"""

from __future__ import annotations

import argparse
from itertools import zip_longest
from typing import Any

import numpy as np

from sdtheory.cli import training
from sdtheory.cli.options import declare
from sdtheory.validation import InvalidInputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    training.add_options(parser)
    loop = parser.add_argument_group("variants of the chain")
    c = "multiplier instead of --epsilon, or one for each round, separated by commas"
    truth = "upper bound on the truth's squared norm in the kernel's space, for --rounds rougher"
    declare(loop, ("--c", "C", str, c), ("--roughness", "R", float, truth))
    loop.add_argument(
        "--mixing",
        default="0",
        metavar="A",
        help="share of the labels that each later round mixes in, from 0 to 1, or one for each, "
        "separated by commas (default: %(default)s). With --c: any number, or optimal",
    )
    training.add_outputs(
        parser, plot="draw the fit", save="write the model", json="write a report as JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    training.check_outputs(arguments)
    settings = training.settings(arguments) | _loop(arguments)
    data = training.load(arguments, training.MOST_PRODUCTS)
    model = training.estimator(settings)
    reason = model.needs_eigenvectors()
    if reason and len(data.x) > training.MOST_ROWS:
        option = "--" + reason.replace('="', " ").rstrip('"')
        option = f"--epsilon {arguments.epsilon}" if "epsilon" in option else option
        raise InvalidInputError(
            f"{arguments.data} has {len(data.x)} rows, but {option} needs the eigenvectors of "
            f"their kernel matrix. The limit for that is {training.MOST_ROWS} rows. Pass --sample "
            f"{training.MOST_ROWS}. Or pass --epsilon as a number or a share such as 0.1variance, "
            f"and no option that needs eigenvectors."
        )
    _, notes = training.run(model, data)
    numbers = _numbers(arguments, model, data, notes)
    stream = training.report(arguments.json, numbers, _words(numbers))
    if arguments.save is not None:
        from sdtheory import model_file

        columns = (data.inputs, data.targets, data.shift, data.scale)
        model_file.save(model_file.Model(model, *columns), arguments.save)
        print(f"wrote {arguments.save}", file=stream)
    # the picture last: it may fail where the numbers do not
    training.write_plot(arguments.plot, lambda: _figure(model, data), stream)
    return 0


def _numbers(arguments: argparse.Namespace, model: Any, data: Any, notes: list[str]) -> Any:
    how = arguments.criterion
    eigh = model.solver_ == "eigh"
    columns = {
        "round": range(len(model.tried_multipliers_)),
        "multiplier": model.tried_multipliers_,
        "loss": model.tried_loss_,
        how: model.criterion_,
        f"error of {how}": model.criterion_error_,
        "trace": np.sum(model.shrinkage_, axis=1) if eigh else (),
        # an error that is not known is infinite, which JSON cannot say
        "error of multiplier": [e if np.isfinite(e) else None for e in model.c_error_],
        "roughness": model.roughness_,
        "share of labels": (None, *model.mixing_)[: model.n_rounds_],
    }
    # of rounds that were only tried, and of other solvers, less is known
    rounds = [dict(zip(columns, row, strict=True)) for row in zip_longest(*columns.values())]
    return data.described | {
        "solver": model.solver_,
        "fallbacks": model.fallbacks_,
        "rank": int(np.count_nonzero(model.eigenvalues_)) if eigh else None,
        "epsilon": None if np.isnan(model.epsilon_) else model.epsilon_,
        "roughness bound": None if np.isnan(model.roughness_bound_) else model.roughness_bound_,
        "rounds asked for": arguments.rounds,
        "rounds fitted": model.n_rounds_,
        "collapsed": bool(model.collapsed_),
        "zero": not np.any(model.dual_coef_),
        "criterion": arguments.criterion,
        "intercept": np.asarray(model.intercept_).tolist(),
        "rounds": rounds,
        "notes": notes,
    }


def _loop(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the estimator that only this command has."""
    if arguments.roughness is not None and arguments.rounds != "rougher":
        raise InvalidInputError(
            f"--roughness has no effect with --rounds {arguments.rounds}. Leave it out, or pass "
            f"--rounds rougher."
        )
    optimal = arguments.mixing == "optimal"
    return {
        "c": None if arguments.c is None else _numbers_of(arguments.c, "--c"),
        "mixing": "optimal" if optimal else _numbers_of(arguments.mixing, "--mixing"),
        "roughness": arguments.roughness,
    }


def _numbers_of(text: str, option: str) -> float | list[float]:
    """Return one number, or several with commas between."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInputError(
            f"{option} is {text!r}. Pass a number, or several, separated by commas."
        ) from None
    return found if len(found) > 1 else found[0]


def _words(numbers: Any) -> str:
    rank = "" if numbers["rank"] is None else f", rank {numbers['rank']} of {numbers['rows']}"
    tolerance = "" if numbers["epsilon"] is None else f"; epsilon = {numbers['epsilon']:.6g}"
    lines = training.headed(numbers, f"solver {numbers['solver']}{rank}{tolerance}")
    lines += [f"tried before: {words}" for words in numbers["fallbacks"]]
    if np.any(numbers["intercept"]):
        lines.append("labels' mean subtracted (--no-intercept keeps it)")
    how, kept = numbers["criterion"], numbers["rounds fitted"]
    lines += ["", f"{'round':>5} {'multiplier':>12} {'loss':>12} {how:>12}"]
    for row in numbers["rounds"]:
        mark = " <- kept" if row["round"] == kept - 1 else ""
        lines.append(
            f"{row['round']:>5} {row['multiplier']:>12.5g} {row['loss']:>12.5g} "
            + (f"{'-':>12}" if row[how] is None else f"{row[how]:>12.5g}")
            + mark
        )
    lines.append("")
    if numbers["zero"]:
        lines.append("The fit is the zero function.")
    elif numbers["rounds asked for"] == "auto":
        tried = len(numbers["rounds"])
        lines.append(
            f"{how} is smallest after round {kept - 1}, of {tried} tried at this one tolerance. To "
            f"see whether more than one round pays, run `sdtheory trial`."
        )
    elif numbers["rounds asked for"] == "rougher":
        rough = sum(row["roughness"] >= numbers["roughness bound"] for row in numbers["rounds"])
        lines.append(
            f"Fits with a squared norm of at least {numbers['roughness bound']:.5g}: {rough} of "
            f"{len(numbers['rounds'])}. Rounds kept: {kept}."
        )
    else:
        lines.append(f"Rounds fitted: {kept}.")
    doubt = max((row[f"error of {how}"] or 0.0 for row in numbers["rounds"]), default=0.0)
    if doubt:
        lines.append(
            f"{how} is estimated from random probes, with a standard error of up to {doubt:.1g}."
        )
    shares = [row["share of labels"] for row in numbers["rounds"][1:kept]]
    if any(shares):
        lines.append(f"Share of the labels by round: {', '.join(f'{a:.4g}' for a in shares)}.")
    errors = [row["error of multiplier"] for row in numbers["rounds"][:kept]]
    if None in errors:
        lines.append(f"Rounding hides the multiplier of round {errors.index(None)}.")
    error = max((error for error in errors if error is not None), default=0.0)
    if error > 1e-6:
        lines.append(f"Rounding leaves multipliers a relative error of up to {error:.1g}.")
    if numbers["collapsed"] and not numbers["zero"]:
        lines.append(f"The next round, {kept}, would be the zero function.")
    return "\n".join(lines)


def _figure(model: Any, data: Any) -> Any:
    from sdtheory.plotting import DistillationDisplay

    shown = (data.x, data.y) if data.y.ndim == 1 else ()
    return DistillationDisplay.from_estimator(model, *shown).figure_
