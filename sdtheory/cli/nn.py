"""Self-distil neural networks on digits or CIFAR.

Train networks from scratch, round after round, each on the outputs of the one before, for many
seeds at once.

for example:
  sdtheory nn --output digits.json --plot digits.svg
  sdtheory nn --loss cross-entropy --arch resnet --learning-rate 0.005 --output digits.json
  sdtheory nn --data cifar10 --arch resnet50 --loss squared --rounds 10 --output cifar.json
  sdtheory nn --compare 8 --validation 200 --output comparison.json

To continue a run that was killed, give the same command with --resume; the numbers are the same.
CIFAR is read from the published files in the python format. If they are missing, the message names
the files and their place. For CIFAR at full size use a GPU that JAX can see. If its memory is too
small, lower --stack.

exit codes: 0 done, 2 wrong usage or input, 130 interrupted; no file is ever half written
"""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from sdtheory.cli import training
from sdtheory.cli.options import declare
from sdtheory.validation import InvalidInputError, as_integer, counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    noise = "probability of a wrong label (default: 0.3 for the digits, 0 for CIFAR)"
    compared = "instead of a chain, compare N numbers of rounds, N of epochs, and N weight decays"
    declare(
        parser.add_argument_group("data"),
        ("--data", "NAME", "digits", "digits, cifar10 or cifar100"),
        ("--data-folder", "DIR", Path, "folder of CIFAR's python version (default: data)"),
        ("--openml", "", bool, "let scikit-learn download CIFAR from OpenML"),
        ("--label-noise", "P", float, noise),
        ("--train", "N", int, "images (default: 500 digits, or all of CIFAR)"),
        ("--validation", "N", 0, "images"),
        ("--test", "N", int, "images (default: all others)"),
    )
    declare(
        parser.add_argument_group("networks"),
        ("--arch", "NAME", "mlp", "mlp, resnet, vgg, resnet50 or vgg16"),
        ("--loss", "NAME", "squared", "squared or cross-entropy"),
        ("--rounds", "N", int, "number of trainings (default: 10)"),
        ("--seeds", "N", 10, "number of seeds"),
        ("--first-seed", "S", 0, "first of the seeds"),
        ("--epochs", "N", 40, "passes over the images in each training"),
        ("--batch", "N", 50, "images in one step"),
        ("--learning-rate", "R", 0.001, "for Adam"),
        ("--weight-decay", "W", 0.0, "decoupled"),
        ("--early-stopping", "", bool, "keep the epoch of best --validation loss"),
        ("--stack", "N", int, "seeds to train at once (default: all; 1 for CIFAR)"),
        ("--compare", "N", int, compared),
    )
    result = parser.add_argument_group("result")
    result.add_argument("--output", type=Path, required=True, metavar="FILE", help="result (.json)")
    declare(
        result,
        ("--resume", "", bool, "continue a run that was killed"),
        ("--quiet", "", bool, "no progress bar"),
    )
    training.add_outputs(parser, plot="draw the result")


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    training.check_outputs(arguments, output=(".json",))
    as_integer(arguments.seeds, "--seeds")
    for option in ("resume", "rounds", "stack"):
        if arguments.compare is not None and getattr(arguments, option):
            raise InvalidInputError(
                f"--compare chooses its rounds, trains all seeds at once and cannot be resumed. "
                f"Leave out --{option}."
            )
    if arguments.data == "digits" and (arguments.data_folder or arguments.openml):
        raise InvalidInputError(
            "--data-folder and --openml say where CIFAR is; the digits are in scikit-learn. Leave "
            "them out, or name --data cifar10 or cifar100."
        )
    from sdtheory.experiments.networks import chain, comparison

    experiment = _experiment(arguments)
    source: dict[str, Any] = {
        "folder": arguments.data_folder,
        "openml": arguments.openml,
        "command": f"sdtheory {shlex.join(_typed())}",
        "quiet": arguments.quiet,
    }
    if arguments.compare is not None:
        result = comparison.compare(experiment, arguments.compare, arguments.output, **source)
        print(_comparison_words(result))
    else:
        result = chain.run(experiment, arguments.output, resume=arguments.resume, **source)
        print(_chain_words(result))
    print(f"wrote {arguments.output}")
    training.write_plot(arguments.plot, lambda: _figure(result))
    return 0


def _typed() -> list[str]:
    """Return the arguments as typed, less those that change no number."""
    return [word for word in sys.argv[1:] if word not in ("--resume", "--quiet")]


def _experiment(arguments: argparse.Namespace) -> Any:
    from sdtheory.experiments.networks.chain import Experiment
    from sdtheory.experiments.networks.training import Settings

    defaults: dict[str, Any] = {"label_noise": 0.0, "train": None, "stack": 1}
    if arguments.data == "digits":
        defaults = {"label_noise": 0.3, "train": 500, "stack": arguments.seeds}
    given = {k: v for k in defaults if (v := getattr(arguments, k)) is not None}
    return Experiment(
        data=arguments.data,
        settings=Settings(**{f.name: getattr(arguments, f.name) for f in fields(Settings)}),
        rounds=10 if arguments.rounds is None else arguments.rounds,
        seeds=tuple(range(arguments.first_seed, arguments.first_seed + arguments.seeds)),
        validation=arguments.validation,
        test=arguments.test,
        **(defaults | given),
    )


def _chain_words(result: Any) -> str:
    from sdtheory.experiments.results import by_seed, interval

    names = {"train_original": "train, true", "train_noisy": "train, given", "test": "test"}
    lines = [
        f"{'round':>5} " + " ".join(f"{name:>18}" for name in names.values()) + f" {'loss':>9}"
    ]
    for t in range(len(result["rounds"])):
        cells = [interval(by_seed(result, measure)[:, t]) for measure in names]
        loss = by_seed(result, "loss")[:, t].mean()
        words = " ".join(f"{f'{mean:.3f} +- {half:.3f}':>18}" for mean, half in cells)
        lines.append(f"{t:>5} {words} {loss:>9.4f}")
    seeds = len(result["experiment"]["seeds"])
    lines.append(
        f"Accuracies: mean over {counted(seeds, 'seed')}, with 95 % intervals of the mean."
    )
    return "\n".join(lines)


def _comparison_words(result: Any) -> str:
    from sdtheory.experiments.results import chosen, interval, methods

    lines = []
    test = {method: values for method, (_, values) in chosen(result).items()}
    for method, (values, _, _) in methods(result).items():
        mean, half = interval(test[method])
        lines.append(f"{method:>12}: test accuracy {mean:.3f} +- {half:.3f}, tuned over {values}")
    for other in ("epochs", "weight decay"):
        mean, half = interval(test["rounds"] - test[other])
        lines.append(f"rounds - {other}: {mean:+.3f} +- {half:.3f} (paired, 95 %)")
    return "\n".join(lines)


def _figure(result: Any) -> Any:
    from sdtheory.experiments.results import by_seed, methods
    from sdtheory.plotting import canvas, draw_mean

    if result["kind"] == "chain":
        figure, axes = canvas()
        measures = {
            "train_original": "training, true labels",
            "train_noisy": "training, given labels",
            "test": "test",
        }
        for series, (measure, label) in enumerate(measures.items()):
            values = by_seed(result, measure)
            draw_mean(axes[0, 0], range(values.shape[1]), values, label, series=series, of=3)
        axes[0, 0].set(xlabel="round $t$", ylabel="accuracy")
        axes[0, 0].legend(frameon=False, fontsize="small")
    else:
        found = methods(result)
        figure, axes = canvas(1, len(found), height=3.2, sharey=True)
        for panel, (method, (values, validation, test)) in zip(axes[0], found.items(), strict=True):
            draw_mean(panel, range(len(values)), validation.T, "validation", series=0, of=2)
            draw_mean(panel, range(len(values)), test.T, "test", series=1, of=2)
            panel.set(xlabel=method, xticks=range(len(values)))
            panel.set_xticklabels([f"{value:.3g}" for value in values], rotation=60)
        axes[0, 0].set_ylabel("accuracy")
        axes[0, 0].legend(frameon=False, fontsize="small")
    return figure
