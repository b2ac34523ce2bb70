"""More rounds against fewer epochs and against weight decay, each tuned with as many settings.

All three start from the same training, and one thing is varied at a time. For
each seed, the same validation images, with their noisy labels, choose the setting.
The test images judge the choice.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from sdtheory.experiments.networks import data
from sdtheory.experiments.networks.chain import Experiment, circumstances, describe, write
from sdtheory.experiments.networks.training import accuracy, first_targets, next_targets, train
from sdtheory.experiments.results import FORMAT
from sdtheory.validation import InvalidInputError

#: Weight decays tried besides that of the experiment, from the smallest to the largest.
DECAYS = (0.1, 10.0)


def compare(
    experiment: Experiment,
    count: int,
    output: Path | None = None,
    *,
    folder: Path | None = None,
    openml: bool = False,
    command: str = "",
    quiet: bool = False,
) -> dict[str, Any]:
    """Try ``count`` numbers of rounds, of epochs, and weight decays.

    Parameters
    ----------
    experiment : Experiment
        The common training; its ``rounds`` and ``stack`` are not used.
    count : int
        Settings of each method. The first number of rounds, the last number of
        epochs and the first decay are the common training itself.
    output : Path, optional
        The result file.
    folder, openml
        See `sdtheory.experiments.networks.data.load_images`.
    command : str
        What the reader typed, for the file.
    quiet : bool, default=False
        Show no progress.

    Returns
    -------
    dict
        The content of the result file; `sdtheory.experiments.results.chosen` reads it.

    Raises
    ------
    InvalidInputError
        If there are no validation images, fewer than two settings, fewer
        epochs than settings, or the data are missing.
    """
    settings = experiment.settings
    if experiment.validation < 1 or settings.early_stopping:
        raise InvalidInputError(
            f"a comparison needs validation images and no early stopping of its own, but "
            f"validation = {experiment.validation}, early_stopping = {settings.early_stopping}. "
            f"Set a number of validation images."
        )
    if not 2 <= count <= settings.epochs:
        raise InvalidInputError(
            f"count must be from 2 to the number of epochs, {settings.epochs}, but is {count!r}. "
            f"It is the number of settings that each method tries."
        )
    images = data.load_images(experiment.data, folder, openml=openml)
    samples = experiment.samples(images)
    truth = np.stack([images.y[s.test] for s in samples])
    noisy = np.stack([s.noisy[s.train] for s in samples])
    first = first_targets(noisy, images.classes, settings.loss)
    epochs = [settings.epochs * k // count for k in range(1, count + 1)]
    decays = [settings.weight_decay, *np.geomspace(*DECAYS, count - 1).round(4).tolist()]
    tried: dict[str, list[Any]] = {"rounds": [], "epochs": [], "weight decay": []}
    bar = tqdm(total=(2 * count - 1) * settings.epochs, unit="epoch", disable=quiet)
    with bar:
        targets = first
        for t in range(count):
            bar.set_description(f"round {t}")
            found = train(
                images, samples, targets, settings, round_=t, follow=not t, after_epoch=bar.update
            )
            tried["rounds"].append((found.validation_accuracy[:, -1], found.test_accuracy[:, -1]))
            if not t:
                tried["epochs"] = [
                    (found.validation_accuracy[:, k - 1], found.test_accuracy[:, k - 1])
                    for k in epochs
                ]
                tried["weight decay"] = tried["rounds"][:]
            targets = next_targets(found.outputs, settings.loss)
        for decay in decays[1:]:
            bar.set_description(f"decay {decay:.3g}")
            other = replace(settings, weight_decay=decay)
            found = train(images, samples, first, other, after_epoch=bar.update)
            tried["weight decay"].append(
                (found.validation_accuracy[:, -1], accuracy(found.test_outputs, truth))
            )
    values = {"rounds": list(range(1, count + 1)), "epochs": epochs, "weight decay": decays}
    result = {
        "format": FORMAT,
        "kind": "comparison",
        "experiment": describe(experiment),
        "command": command,
        **circumstances(),
        "data": {"provenance": images.provenance, "images": len(images.y)}
        | {name: len(getattr(samples[0], name)) for name in ("train", "validation", "test")},
        "finished": True,
        "trials": [
            {
                "method": method,
                "value": value,
                "validation": [round(float(v), 6) for v in validation],
                "test": [round(float(v), 6) for v in test],
            }
            for method, parts in tried.items()
            for value, (validation, test) in zip(values[method], parts, strict=True)
        ],
    }
    if output is not None:
        write(output, result)
    return result
