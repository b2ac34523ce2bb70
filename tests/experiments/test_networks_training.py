"""Networks and their training."""

import numpy as np
import pytest

from sdtheory.validation import InvalidInputError


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Imported when a test runs: JAX takes seconds to load, and collection does not need it."""
    global eqx, jax, models, draw_sample, load_images, Settings, accuracy  # noqa: PLW0603
    global first_targets, mean_loss, next_targets, train  # noqa: PLW0603
    global DIGITS, SAMPLES, TARGETS, SHORT  # noqa: PLW0603
    import equinox as eqx
    import jax

    from sdtheory.experiments.networks import models
    from sdtheory.experiments.networks.data import draw_sample, load_images
    from sdtheory.experiments.networks.training import (
        Settings,
        accuracy,
        first_targets,
        mean_loss,
        next_targets,
        train,
    )

    DIGITS = load_images("digits")
    SAMPLES = [
        draw_sample(DIGITS, seed, label_noise=0.2, train=100, validation=50, test=100)
        for seed in range(3)
    ]
    TARGETS = first_targets(np.stack([s.noisy[s.train] for s in SAMPLES]), 10, "squared")
    SHORT = Settings(epochs=6, batch=20, learning_rate=0.003)


def size(model):
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array)))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("filter_size", [1, 3])
def test_the_convolution_is_its_parents(stride, filter_size):
    rng = np.random.default_rng(0)
    both = [
        models._convolution(
            kind, 3, 5, size=filter_size, stride=stride, rng=np.random.default_rng(1)
        )
        for kind in (models.Convolution, eqx.nn.Conv2d)
    ]
    for edge in (7, 8):
        x = rng.standard_normal((3, edge, edge), np.float32)
        own, parent = (np.asarray(layer(x)) for layer in both)
        assert np.allclose(own, parent, atol=1e-5)
        assert not np.allclose(own, np.asarray(both[1](x[:, ::-1])), atol=1e-2)


@pytest.mark.parametrize("name", ["mlp", "resnet", "vgg"])
def test_small_networks_map_one_image_and_depend_on_the_draw(name):
    a, b = (models.make_model(name, (1, 8, 8), 10, np.random.default_rng(seed)) for seed in (0, 1))
    outputs = np.asarray(jax.vmap(a)(DIGITS.x[:4]))
    assert outputs.shape == (4, 10)
    assert np.allclose(outputs[2], np.asarray(a(DIGITS.x[2])), atol=1e-4)
    assert not np.allclose(outputs[2], np.asarray(b(DIGITS.x[2])), atol=1e-2)


# what the common adaptations to CIFAR have, less the biases of VGG's 13 convolutions
@pytest.mark.parametrize(("name", "count"), [("resnet50", 23_520_842), ("vgg16", 14_724_042)])
def test_full_networks_have_their_known_size(name, count):
    model = models.make_model(name, (3, 32, 32), 10, np.random.default_rng(0))
    assert size(model) == count
    shape = eqx.filter_eval_shape(model, jax.ShapeDtypeStruct((3, 32, 32), np.float32)).shape
    assert shape == (10,)


def test_networks_that_do_not_exist_or_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInputError, match="Choose one of: mlp"):
        models.make_model("transformer", (1, 8, 8), 10, rng)
    with pytest.raises(InvalidInputError, match="only 8 x 8 pixels"):
        models.make_model("resnet50", (1, 8, 8), 10, rng)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"loss": "hinge"}, "Choose one of: squared"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch": 0}, "batch must be"),
        ({"learning_rate": 0.0}, "learning_rate must be"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
    ],
)
def test_settings_that_cannot_train_are_refused(wrong, says):
    with pytest.raises(InvalidInputError, match=says):
        Settings(**wrong)


def test_targets():
    labels = np.array([[2, 0]])
    assert np.allclose(first_targets(labels, 4, "squared").sum(axis=-1), 0)
    assert first_targets(labels, 4, "cross-entropy")[0, 0].tolist() == [0, 0, 1, 0]
    outputs = np.array([[[1.0, 2.0, 3.0]]], dtype=np.float32)
    assert next_targets(outputs, "squared") is outputs
    expected = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    assert np.allclose(next_targets(outputs, "cross-entropy"), expected)
    # the uniform distribution costs log 3 against any target
    uniform = float(
        mean_loss(np.zeros((1, 1, 3)), next_targets(outputs, "cross-entropy"), "cross-entropy")[0]
    )
    assert abs(uniform - np.log(3)) < 1e-6
    assert float(mean_loss(outputs, outputs + 1, "squared")[0]) == 3


@pytest.fixture(scope="module")
def trained():
    return train(DIGITS, SAMPLES, TARGETS, SHORT, follow=True)


def test_training_learns(trained):
    assert np.all(trained.loss[:, -1] < 0.8 * trained.loss[:, 0])
    truth = np.stack([DIGITS.y[s.test] for s in SAMPLES])
    assert np.all(accuracy(trained.test_outputs, truth) > 0.4)
    assert np.allclose(accuracy(trained.test_outputs, truth), trained.test_accuracy[:, -1])


def test_training_is_repeated_bit_for_bit_and_each_round_is_new(trained):
    again = train(DIGITS, SAMPLES, TARGETS, SHORT)
    assert np.array_equal(again.outputs, trained.outputs)
    other = train(DIGITS, SAMPLES, TARGETS, SHORT, round_=1)
    assert not np.allclose(other.outputs, trained.outputs, atol=0.05)


def test_a_seed_does_not_depend_on_its_neighbours(trained):
    swapped = train(DIGITS, SAMPLES[::-1], TARGETS[::-1], SHORT)
    assert np.allclose(swapped.outputs[::-1], trained.outputs, atol=1e-3)
    assert not np.allclose(swapped.outputs, trained.outputs, atol=0.05)


def test_weight_decay_shrinks_the_outputs(trained):
    decayed = train(
        DIGITS,
        SAMPLES,
        TARGETS,
        Settings(epochs=6, batch=20, learning_rate=0.003, weight_decay=20.0),
    )
    assert np.linalg.norm(decayed.outputs) < 0.9 * np.linalg.norm(trained.outputs)


def test_early_stopping_keeps_the_epoch_of_least_validation_loss():
    settings = Settings(epochs=8, batch=20, learning_rate=0.01, early_stopping=True)
    stopped = train(DIGITS, SAMPLES, TARGETS, settings)
    assert np.array_equal(stopped.kept, np.argmin(stopped.validation_loss, axis=1))
    assert np.any(stopped.kept < 7)  # else nothing is tested
    truth = np.stack([DIGITS.y[s.test] for s in SAMPLES])
    kept = stopped.test_accuracy[np.arange(3), stopped.kept]
    assert np.allclose(accuracy(stopped.test_outputs, truth), kept)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(InvalidInputError, match="larger than the 100 training images"):
        train(DIGITS, SAMPLES, TARGETS, Settings(batch=101))
    bare = [draw_sample(DIGITS, 0, label_noise=0.0, train=100)]
    with pytest.raises(InvalidInputError, match="needs validation images"):
        train(DIGITS, bare, TARGETS[:1], Settings(early_stopping=True))


@pytest.mark.parametrize("rate", [1e30, 1e6])
def test_a_training_that_diverges_is_refused(rate):
    settings = Settings(epochs=2, batch=20, learning_rate=rate, weight_decay=1.0)
    with pytest.raises(InvalidInputError, match=r"in round 2 the training of seed 0 diverged"):
        train(DIGITS, SAMPLES, TARGETS, settings, round_=2)
