"""Training from scratch, of many seeds at once.

Parameters, targets and shuffles of all seeds are stacked and mapped over, so
that one compiled step trains them all. A seed's result depends on the seeds
beside it by rounding only, and not at all between two runs of the same stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from sdtheory.experiments.networks.data import Images, Sample
from sdtheory.experiments.networks.models import make_model
from sdtheory.validation import InvalidInputError

LOSSES = ("squared", "cross-entropy")
# images per step where only outputs are wanted; bounds the memory
_AT_ONCE = 250


@dataclass(frozen=True)
class Settings:
    """How one network is trained.

    Attributes
    ----------
    arch : str
        One of `sdtheory.experiments.networks.models.NAMES`.
    loss : {"squared", "cross-entropy"}
        Mean over the images of the squared distance to the targets, or of the
        cross-entropy of the softmax outputs against the targets.
    epochs : int
    batch : int
        Images in a step. Each epoch shuffles anew and leaves out the images
        that do not fill a last batch.
    learning_rate : float
        Of Adam, constant.
    weight_decay : float
        Decoupled (AdamW), of the weights; biases and the scales of the
        normalisation do not decay.
    early_stopping : bool
        Whether to keep the epoch of least validation loss, against the noisy
        labels, instead of the last.
    """

    arch: str = "mlp"
    loss: str = "squared"
    epochs: int = 30
    batch: int = 50
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    early_stopping: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.loss not in LOSSES:
            raise InvalidInputError(
                f"loss is {self.loss!r}, which is not a loss. Choose one of: {', '.join(LOSSES)}."
            )
        for name in ("epochs", "batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InvalidInputError(
                    f"{name} must be an integer of at least 1, but is {value!r}."
                )
        if not 0 < self.learning_rate < np.inf:
            raise InvalidInputError(
                f"learning_rate must be positive and finite, but is {self.learning_rate!r}. "
                f"0.001 is usual for Adam."
            )
        if not 0 <= self.weight_decay < np.inf:
            raise InvalidInputError(
                f"weight_decay must be non-negative and finite, but is {self.weight_decay!r}. "
                f"0 means none."
            )


@dataclass(frozen=True)
class Trained:
    """Networks of several seeds after training.

    Attributes
    ----------
    outputs : ndarray of shape (seeds, n_train, classes)
        On the training images, before any softmax.
    test_outputs : ndarray of shape (seeds, n_test, classes)
    loss : ndarray of shape (seeds, epochs)
        Mean over the batches of each epoch.
    validation_loss, validation_accuracy : ndarray of shape (seeds, epochs)
        After each epoch, against the noisy labels; NaN without validation
        images, and where nobody looked.
    test_accuracy : ndarray of shape (seeds, epochs)
        The same. No choice is made by it.
    kept : ndarray of int, shape (seeds,)
        Epoch whose parameters gave the outputs.
    """

    outputs: np.ndarray
    test_outputs: np.ndarray
    loss: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    test_accuracy: np.ndarray
    kept: np.ndarray


def first_targets(labels: np.ndarray, classes: int, loss: str) -> np.ndarray:
    """Return what round 0 is trained on: one-hot labels, less 1/classes for the squared loss."""
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    return one_hot - np.float32(1 / classes) if loss == "squared" else one_hot


def next_targets(outputs: np.ndarray, loss: str) -> np.ndarray:
    """Return what the next round is trained on: the outputs, or their softmax probabilities."""
    return outputs if loss == "squared" else np.asarray(jax.nn.softmax(outputs))


def train(
    images: Images,
    samples: Sequence[Sample],
    targets: np.ndarray,
    settings: Settings,
    *,
    round_: int = 0,
    follow: bool = False,
    after_epoch: Callable[[], object] = lambda: None,
) -> Trained:
    """Train one network for each sample, from its own initialisation.

    Initialisation and shuffles are drawn from the sample's seed and the number
    of the round, so that every round starts from scratch.

    Parameters
    ----------
    images : Images
    samples : sequence of Sample
        One for each seed, with equally many images in each part.
    targets : ndarray of shape (seeds, n_train, classes)
    settings : Settings
    round_ : int, default=0
    follow : bool, default=False
        Whether to judge the networks after each epoch, and not only after the
        last; early stopping always does.
    after_epoch : callable
        Called after each epoch.

    Returns
    -------
    Trained

    Raises
    ------
    InvalidInputError
        If a batch is larger than the training part, or early stopping has no
        validation part. Also if a network's outputs, or their squares, overflow.
    """
    n = len(samples[0].train)
    if settings.batch > n:
        raise InvalidInputError(
            f"batch = {settings.batch} is larger than the {n} training images. Choose at most {n}."
        )
    if settings.early_stopping and not len(samples[0].validation):
        raise InvalidInputError(
            "early_stopping needs validation images, but there are none. Set their number "
            "(validation) above 0."
        )
    streams = [np.random.default_rng([sample.seed, 1, round_]) for sample in samples]
    shape = images.x.shape[1:]
    parameters, static = _stack(
        [make_model(settings.arch, shape, images.classes, rng) for rng in streams]
    )
    state = jax.vmap(_ADAM.init)(parameters)
    rate, decay = jnp.float32(settings.learning_rate), jnp.float32(settings.weight_decay)

    x = jnp.asarray(images.x)
    learnt = jnp.asarray(np.stack([sample.train for sample in samples]))
    judged = jnp.asarray(np.stack([np.append(s.validation, s.test) for s in samples]))
    m = len(samples[0].validation)
    noisy = np.stack([sample.noisy[sample.validation] for sample in samples])
    outputs = partial(_outputs, static)
    given = jnp.asarray(targets)
    wanted = first_targets(noisy, images.classes, settings.loss)
    truth = np.stack([images.y[sample.test] for sample in samples])

    kept, kept_parameters = np.zeros(len(samples), dtype=int), parameters
    history: dict[str, list[np.ndarray]] = {
        name: [] for name in ("loss", "validation_loss", "validation_accuracy", "test_accuracy")
    }
    for epoch in range(settings.epochs):
        order = np.stack([rng.permutation(n)[: n - n % settings.batch] for rng in streams])
        (parameters, state), loss = _epoch(
            static,
            loss=settings.loss,
            rate=rate,
            decay=decay,
            x=x,
            carry=(parameters, state),
            order=jnp.asarray(order.reshape(len(samples), -1, settings.batch)),
            numbers=learnt,
            targets=given,
        )
        history["loss"].append(np.asarray(loss))
        for name in history.keys() - {"loss"}:
            history[name].append(np.full(len(samples), np.nan))
        if follow or settings.early_stopping or epoch + 1 == settings.epochs:
            found = np.asarray(outputs(parameters, x, judged))
            history["test_accuracy"][-1] = accuracy(found[:, m:], truth)
            if m:
                value = mean_loss(found[:, :m], wanted, settings.loss)
                history["validation_loss"][-1] = np.asarray(value)
                history["validation_accuracy"][-1] = accuracy(found[:, :m], noisy)
        losses = np.array(history["validation_loss"])
        better = losses[-1] < losses[kept, np.arange(len(samples))]
        if not settings.early_stopping or epoch == 0:
            better = np.ones(len(samples), dtype=bool)
        kept = np.where(better, epoch, kept)
        kept_parameters = (
            parameters if better.all() else _choose(better, parameters, kept_parameters)
        )
        after_epoch()
    learned = np.asarray(outputs(kept_parameters, x, learnt))
    tested = np.asarray(outputs(kept_parameters, x, judged))[:, m:]
    with np.errstate(all="ignore"):  # what is not finite is refused
        sizes = np.array([np.sum(part * part, axis=(1, 2)) for part in (learned, tested)])
    for k in np.flatnonzero(~np.all(np.isfinite(sizes), axis=0))[:1]:
        raise InvalidInputError(
            f"learning_rate = {settings.learning_rate:g}, weight_decay = "
            f"{settings.weight_decay:g}: in round {round_} the training of seed {samples[k].seed} "
            f"diverged, its outputs overflow. Choose smaller ones."
        )
    return Trained(
        outputs=learned,
        test_outputs=tested,
        kept=kept,
        **{name: np.stack(values, axis=1) for name, values in history.items()},
    )


def accuracy(outputs: Any, labels: np.ndarray) -> np.ndarray:
    """Return the share of images whose largest output is that of the label, shape (seeds,)."""
    return np.mean(np.argmax(np.asarray(outputs), axis=-1) == labels, axis=-1)


def mean_loss(outputs: Any, targets: Any, loss: str) -> Array:
    """Return the loss, averaged over all images but not over seeds."""
    if loss == "squared":
        return jnp.mean(jnp.sum((outputs - targets) ** 2, axis=-1), axis=-1)
    return jnp.mean(optax.softmax_cross_entropy(outputs, targets), axis=-1)


def _stack(models: Sequence[eqx.Module]) -> tuple[Any, Any]:
    """Return the parameters of all models, stacked leaf by leaf, and what they share."""
    parameters, static = zip(
        *(eqx.partition(model, eqx.is_inexact_array) for model in models), strict=True
    )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parameters), static[0]


def _choose(first: np.ndarray, one: Any, other: Any) -> Any:
    """Return the parameters of ``one`` for the seeds where ``first``, else of ``other``."""

    def leaf(a: Array, b: Array) -> Array:
        return jnp.where(first.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(leaf, one, other)


#: Its step size and the decay are arguments of the compiled epoch, which serves them all.
_ADAM = optax.scale_by_adam()


@eqx.filter_jit
def _outputs(static: Any, parameters: Any, x: Array, numbers: Array) -> Array:
    """Return the outputs of all seeds on the images of these numbers, shape (seeds, m, classes)."""

    def one(parameters: Any, numbers: Array) -> Array:
        model = eqx.combine(parameters, static)
        return jax.lax.map(lambda k: model(x[k]), numbers, batch_size=_AT_ONCE)

    return jax.vmap(one)(parameters, numbers)


@eqx.filter_jit
def _epoch(
    static: Any,
    *,
    loss: str,
    rate: Array,
    decay: Array,
    x: Array,
    carry: tuple[Any, Any],
    order: Array,
    numbers: Array,
    targets: Array,
) -> tuple[tuple[Any, Any], Array]:
    """Train all seeds for one epoch: a scan over the batches that ``order`` lists for each."""

    def objective(parameters: Any, x: Array, targets: Array) -> Array:
        return mean_loss(jax.vmap(eqx.combine(parameters, static))(x), targets, loss)

    def one(
        carry: tuple[Any, Any], order: Array, numbers: Array, targets: Array
    ) -> tuple[tuple[Any, Any], Array]:
        def step(carry: tuple[Any, Any], rows: Array) -> tuple[tuple[Any, Any], Array]:
            parameters, state = carry
            value, gradient = jax.value_and_grad(objective)(
                parameters, x[numbers[rows]], targets[rows]
            )
            direction, state = _ADAM.update(gradient, state)
            change = jax.tree.map(
                lambda d, p: -rate * (d + decay * p if p.ndim > 1 else d), direction, parameters
            )
            return (optax.apply_updates(parameters, change), state), value

        carry, values = jax.lax.scan(step, carry, order)
        return carry, jnp.mean(values)

    return jax.vmap(one)(carry, order, numbers, targets)
