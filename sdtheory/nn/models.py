"""Networks: an MLP, residual and VGG networks, small and at full size.

Each is an Equinox module that maps one image, shape (channels, height, width),
to one output per class; `jax.vmap` maps many. Where the originals use batch
normalisation, these use group normalisation (Wu and He, 2018): it has no state
and no coupling between the images of a batch, so that a model is a function of
its parameters alone, and seeds can be stacked and mapped over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from sdtheory.validation import InvalidInputError

Shape = tuple[int, int, int]


class MLP(eqx.Module):
    """Fully connected network with ReLU, without normalisation.

    Weights are drawn from N(0, 2/fan-in), those of the last layer from
    N(0, 1/fan-in); biases start at zero.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    width, depth : int
        Units in each of the hidden layers, and number of these.
    key : jax key
    """

    layers: tuple[eqx.nn.Linear, ...]

    def __init__(self, shape: Shape, classes: int, *, width: int, depth: int, key: Array) -> None:
        sizes = [shape[0] * shape[1] * shape[2], *[width] * depth]
        *inner, last = jax.random.split(key, depth + 1)
        hidden = zip(sizes[:-1], sizes[1:], inner, strict=True)
        self.layers = (
            *(_linear(m, k, 2.0, one) for m, k, one in hidden),
            _linear(sizes[-1], classes, 1.0, last),
        )

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        x = jnp.ravel(x)
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class Block(eqx.Module):
    """Convolutions with group normalisation, added to their input (He et al., 2016).

    Two of 3 x 3; or, as a bottleneck, 1 x 1, 3 x 3 and 1 x 1, the last with
    four times as many channels. Where the shape changes, the input passes a
    1 x 1 convolution.
    """

    convolutions: tuple[eqx.nn.Conv2d, ...]
    norms: tuple[eqx.nn.GroupNorm, ...]
    shortcut: tuple[eqx.nn.Conv2d, eqx.nn.GroupNorm] | None

    def __init__(
        self, channels: int, width: int, stride: int, bottleneck: bool, *, key: Array
    ) -> None:
        plan = (
            [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
            if bottleneck
            else [(width, 3, stride), (width, 3, 1)]
        )
        keys = jax.random.split(key, len(plan) + 1)
        convolutions, before = [], channels
        for (after, size, step), one in zip(plan, keys[:-1], strict=True):
            convolutions.append(_convolution(before, after, size, step, one))
            before = after
        self.convolutions = tuple(convolutions)
        self.norms = tuple(_norm(after) for after, _, _ in plan)
        self.shortcut = (
            None
            if stride == 1 and before == channels
            else (_convolution(channels, before, 1, stride, keys[-1]), _norm(before))
        )

    def __call__(self, x: Array) -> Array:
        """Return the features."""
        y = x
        for k, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolution(y if k == 0 else jax.nn.relu(y)))
        if self.shortcut is not None:
            convolution, norm = self.shortcut
            x = norm(convolution(x))
        return jax.nn.relu(x + y)


class ResNet(eqx.Module):
    """Residual network for small images: a 3 x 3 stem without pooling, then stages of blocks.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    widths, blocks : sequence of int
        Channels and number of blocks of each stage; each stage after the
        first halves height and width.
    bottleneck : bool
    key : jax key
    """

    stem: eqx.nn.Conv2d
    norm: eqx.nn.GroupNorm
    blocks: tuple[Block, ...]
    head: eqx.nn.Linear

    def __init__(
        self,
        shape: Shape,
        classes: int,
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        bottleneck: bool = False,
        key: Array,
    ) -> None:
        stem, head, *keys = jax.random.split(key, sum(blocks) + 2)
        self.stem = _convolution(shape[0], widths[0], 3, 1, stem)
        self.norm = _norm(widths[0])
        made, channels = [], widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for k in range(count):
                stride = 2 if stage and not k else 1
                made.append(Block(channels, width, stride, bottleneck, key=keys[len(made)]))
                channels = 4 * width if bottleneck else width
        self.blocks = tuple(made)
        self.head = _linear(channels, classes, 1.0, head)

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        x = jax.nn.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(jnp.mean(x, axis=(1, 2)))


class VGG(eqx.Module):
    """Stacks of 3 x 3 convolutions with 2 x 2 maximum pooling between (Simonyan and Zisserman).

    After the last stack the features are averaged over the image and pass one
    linear layer, as is common for small images; the original has three.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    widths, counts : sequence of int
        Channels and number of convolutions of each stack.
    key : jax key
    """

    stacks: tuple[tuple[tuple[eqx.nn.Conv2d, eqx.nn.GroupNorm], ...], ...]
    pool: eqx.nn.MaxPool2d
    head: eqx.nn.Linear

    def __init__(
        self,
        shape: Shape,
        classes: int,
        *,
        widths: Sequence[int],
        counts: Sequence[int],
        key: Array,
    ) -> None:
        head, *keys = jax.random.split(key, sum(counts) + 1)
        remaining, stacks, channels = iter(keys), [], shape[0]
        for width, count in zip(widths, counts, strict=True):
            stack = []
            for _ in range(count):
                stack.append((_convolution(channels, width, 3, 1, next(remaining)), _norm(width)))
                channels = width
            stacks.append(tuple(stack))
        self.stacks = tuple(stacks)
        self.pool = eqx.nn.MaxPool2d(2, 2)
        self.head = _linear(channels, classes, 1.0, head)

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        for k, stack in enumerate(self.stacks):
            if k:
                x = self.pool(x)
            for convolution, norm in stack:
                x = jax.nn.relu(norm(convolution(x)))
        return self.head(jnp.mean(x, axis=(1, 2)))


def _mlp(shape: Shape, classes: int, key: Array) -> eqx.Module:
    return MLP(shape, classes, width=128, depth=2, key=key)


def _resnet(shape: Shape, classes: int, key: Array) -> eqx.Module:
    return ResNet(shape, classes, widths=(8, 16), blocks=(1, 1), key=key)


def _vgg(shape: Shape, classes: int, key: Array) -> eqx.Module:
    return VGG(shape, classes, widths=(8, 16), counts=(2, 2), key=key)


def _resnet50(shape: Shape, classes: int, key: Array) -> eqx.Module:
    widths, blocks = (64, 128, 256, 512), (3, 4, 6, 3)
    return ResNet(shape, classes, widths=widths, blocks=blocks, bottleneck=True, key=key)


def _vgg16(shape: Shape, classes: int, key: Array) -> eqx.Module:
    widths, counts = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
    return VGG(shape, classes, widths=widths, counts=counts, key=key)


_MAKERS: dict[str, Callable[[Shape, int, Array], eqx.Module]] = {
    "mlp": _mlp,
    "resnet": _resnet,
    "vgg": _vgg,
    "resnet50": _resnet50,
    "vgg16": _vgg16,
}
NAMES = tuple(_MAKERS)


def make_model(name: str, shape: Shape, classes: int, key: Array) -> eqx.Module:
    """Return a freshly initialised network.

    Parameters
    ----------
    name : {"mlp", "resnet", "vgg", "resnet50", "vgg16"}
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    key : jax key

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the images are too small for the network.
    """
    if name not in _MAKERS:
        raise InvalidInputError(
            f"arch is {name!r}, which is not a network. Choose one of: {', '.join(NAMES)}."
        )
    if name in ("resnet50", "vgg16") and min(shape[1:]) < 16:
        raise InvalidInputError(
            f"arch {name} halves the image up to four times, but the images have only "
            f"{shape[1]} x {shape[2]} pixels. Choose resnet or vgg for them."
        )
    return _MAKERS[name](shape, classes, key)


def _linear(inputs: int, outputs: int, gain: float, key: Array) -> eqx.nn.Linear:
    layer = eqx.nn.Linear(inputs, outputs, key=key)
    weight = jnp.sqrt(gain / inputs) * jax.random.normal(key, (outputs, inputs))
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, jnp.zeros(outputs)))


def _convolution(inputs: int, outputs: int, size: int, stride: int, key: Array) -> eqx.nn.Conv2d:
    layer = eqx.nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, use_bias=False, key=key)
    weight = jax.random.normal(key, (outputs, inputs, size, size))
    return eqx.tree_at(lambda m: m.weight, layer, weight * jnp.sqrt(2 / (inputs * size**2)))


def _norm(channels: int) -> eqx.nn.GroupNorm:
    # groups of 4 channels or more, at most 32 groups
    return eqx.nn.GroupNorm(min(32, max(channels // 4, 1)), channels)
