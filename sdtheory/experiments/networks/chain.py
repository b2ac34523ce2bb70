"""Chains of rounds: each trains new networks on the outputs of the round before.

A result file grows by one round at a time. Until the last round is done, a second
file holds the targets of the next round. From it a killed run continues, with the
same numbers.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from sdtheory.experiments.networks import data, models
from sdtheory.experiments.networks.data import Images, Sample, draw_sample
from sdtheory.experiments.networks.training import (
    Settings,
    Trained,
    accuracy,
    first_targets,
    mean_loss,
    next_targets,
    train,
)
from sdtheory.experiments.results import FORMAT, MEASURES, read
from sdtheory.files import replacing
from sdtheory.validation import InvalidInputError


@dataclass(frozen=True)
class Experiment:
    """What is run: data, networks, seeds and rounds.

    Attributes
    ----------
    data : str
        One of `sdtheory.experiments.networks.data.NAMES`.
    settings : Settings
    rounds : int
        Trainings, the first one included.
    seeds : tuple of int
        Each has its own division of the images, label noise, initialisations
        and shuffles.
    label_noise : float
        See `sdtheory.experiments.networks.data.draw_sample`, also for the numbers of images.
    train, validation, test : int or None
    stack : int
        Seeds trained at once; more need more memory.
    """

    data: str = "digits"
    settings: Settings = field(default_factory=Settings)
    rounds: int = 10
    seeds: tuple[int, ...] = tuple(range(10))
    label_noise: float = 0.3
    train: int | None = None
    validation: int = 0
    test: int | None = None
    stack: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        for name, known in (("data", data.NAMES), ("arch", models.NAMES)):
            value = getattr(self if name == "data" else self.settings, name)
            if value not in known:
                raise InvalidInputError(f"{name} is {value!r}. Choose one of: {', '.join(known)}.")
        for name in ("rounds", "stack"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InvalidInputError(
                    f"{name} must be an integer of at least 1, but is {getattr(self, name)!r}."
                )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise InvalidInputError(
                f"seeds must be different non-negative integers, but are {self.seeds!r}."
            )
        if not 0 <= self.label_noise < 1:
            raise InvalidInputError(
                f"label_noise must be in [0, 1), but is {self.label_noise!r}. It is the "
                f"probability that a label is replaced by another class."
            )

    def samples(self, images: Images) -> list[Sample]:
        """Return each seed's sample."""
        return [
            draw_sample(
                images,
                seed,
                label_noise=self.label_noise,
                train=self.train,
                validation=self.validation,
                test=self.test,
            )
            for seed in self.seeds
        ]


def run(
    experiment: Experiment,
    output: Path | None = None,
    *,
    resume: bool = False,
    folder: Path | None = None,
    openml: bool = False,
    command: str = "",
    quiet: bool = False,
) -> dict[str, Any]:
    """Run a chain, or what is left of it.

    Parameters
    ----------
    experiment : Experiment
    output : Path, optional
        The result file, written after every round.
    resume : bool, default=False
        Continue the unfinished run that ``output`` belongs to; without one,
        begin.
    folder : Path, optional
        See `sdtheory.experiments.networks.data.load_images`.
    openml : bool, default=False
        The same.
    command : str
        What the reader typed, for the file.
    quiet : bool, default=False
        Show no progress.

    Returns
    -------
    dict
        The content of the result file; `sdtheory.experiments.results` reads it.

    Raises
    ------
    InvalidInputError
        If the data are missing. Also if there is an unfinished run and ``resume``
        is false, or if that run was another experiment or had other versions.
    """
    state = None if output is None else output.with_name(output.name + ".state.npz")
    result, targets = _begun(experiment, command), None
    if state is not None and state.exists():
        if not resume:
            raise InvalidInputError(
                f"{state} holds an unfinished run. Pass --resume to continue it, or remove it."
            )
        result, targets = _load(state, result)
    elif resume and output is not None and output.exists():
        done = read(output)
        if done["finished"] and _same(done, result):
            return done
    images = data.load_images(experiment.data, folder, openml=openml)
    samples = experiment.samples(images)
    result["data"] = {"provenance": images.provenance, "images": len(images.y)} | {
        name: len(getattr(samples[0], name)) for name in ("train", "validation", "test")
    }
    if targets is None:
        targets = np.stack(
            [
                first_targets(s.noisy[s.train], images.classes, experiment.settings.loss)
                for s in samples
            ]
        )
    done = len(result["rounds"])
    steps = experiment.settings.epochs * -(-len(samples) // experiment.stack)
    bar = tqdm(
        total=experiment.rounds * steps,
        initial=done * steps,
        desc=f"round {done}",
        unit="epoch",
        disable=quiet,
    )
    with bar:
        for t in range(done, experiment.rounds):
            bar.set_description(f"round {t}")
            stacks = [
                slice(k, k + experiment.stack) for k in range(0, len(samples), experiment.stack)
            ]
            parts = [
                train(
                    images,
                    samples[part],
                    targets[part],
                    experiment.settings,
                    round_=t,
                    after_epoch=bar.update,
                )
                for part in stacks
            ]
            rows = [
                _measure(images, samples[part], targets[part], trained, experiment.settings.loss)
                for part, trained in zip(stacks, parts, strict=True)
            ]
            result["rounds"].append(
                {name: list(chain.from_iterable(row[name] for row in rows)) for name in MEASURES}
            )
            result["finished"] = t + 1 == experiment.rounds
            outputs = np.concatenate([trained.outputs for trained in parts])
            targets = next_targets(outputs, experiment.settings.loss)
            if output is not None and state is not None:
                _save(state, result, targets)
                write(output, result)
    if state is not None:
        state.unlink(missing_ok=True)
    return result


def write(path: Path, result: dict[str, Any]) -> None:
    """Write a result file, whole or not at all."""
    with replacing(path) as partial:
        text = json.dumps(result, indent=1, allow_nan=False)
        partial.write_text(_short(text) + "\n", encoding="utf-8")


def describe(experiment: Any) -> dict[str, Any]:
    """Return an experiment as plain data."""
    return json.loads(json.dumps(asdict(experiment)))


def circumstances() -> dict[str, Any]:
    """Return what else the numbers may depend on."""
    packages = ("sdtheory", "jax", "jaxlib", "equinox", "optax", "numpy", "scikit-learn")
    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in packages},
        "device": jax.devices()[0].platform,
    }


def _begun(experiment: Experiment, command: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "chain",
        "experiment": describe(experiment),
        "command": command,
        **circumstances(),
        "data": {},
        "finished": False,
        "rounds": [],
    }


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one.get(k) == other[k] for k in ("kind", "experiment", "versions", "device"))


def _measure(
    images: Images,
    samples: Sequence[Sample],
    targets: np.ndarray,
    trained: Trained,
    loss: str,
) -> dict[str, list[Any]]:
    original = np.stack([images.y[s.train] for s in samples])
    noisy = np.stack([s.noisy[s.train] for s in samples])
    truth = np.stack([images.y[s.test] for s in samples])
    neutral = 0.0 if loss == "squared" else 1 / images.classes
    after = next_targets(trained.outputs, loss) - neutral
    seeds = np.arange(len(samples))
    validation = trained.validation_accuracy[seeds, trained.kept]
    found = {
        "train_original": accuracy(trained.outputs, original),
        "train_noisy": accuracy(trained.outputs, noisy),
        "test": accuracy(trained.test_outputs, truth),
        "loss": np.asarray(mean_loss(trained.outputs, targets, loss)),
        "size": np.sqrt(np.mean(np.sum(after**2, axis=-1), axis=-1)),
    }
    rounded = {name: [round(float(v), 6) for v in values] for name, values in found.items()}
    return rounded | {
        "validation": [None if np.isnan(v) else round(float(v), 6) for v in validation],
        "epoch": [int(k) + 1 for k in trained.kept],
    }


def _save(state: Path, result: dict[str, Any], targets: np.ndarray) -> None:
    with replacing(state) as partial, partial.open("wb") as file:
        np.savez(file, result=np.array(json.dumps(result)), targets=targets)


def _load(state: Path, expected: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
    try:
        with np.load(state, allow_pickle=False) as file:
            result, targets = json.loads(str(file["result"])), file["targets"]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(
            f"{state} cannot be read ({error}). Remove it and begin again without --resume."
        ) from error
    for key, words in (
        ("experiment", "another experiment"),
        ("versions", "other versions"),
        ("device", "another device"),
    ):
        if result.get(key) != expected[key]:
            raise InvalidInputError(
                f"{state} was begun with {words}: {_difference(result.get(key), expected[key])}. "
                f"Use the same as then, or remove the file and begin again."
            )
    return result, targets


def _difference(before: Any, now: Any) -> str:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return f"{before!r} then, {now!r} now"
    return "; ".join(
        f"{key}: {_difference(before.get(key), now.get(key))}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    )


def _short(text: str) -> str:
    """Put innermost lists on one line."""
    lines, inside = [], False
    for line in text.splitlines():
        if inside:
            lines[-1] += line.strip() + (" " if line.endswith(",") else "")
            inside = not line.strip().startswith("]")
        else:
            lines.append(line)
            inside = line.endswith("[") and '"rounds"' not in line and '"trials"' not in line
    return "\n".join(lines)
