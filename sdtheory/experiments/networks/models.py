"""Networks: an MLP, residual and VGG networks, small and at full size.

Each is an Equinox module that maps one image, shape (channels, height, width),
to one output per class; `jax.vmap` maps many. Where the originals use batch
normalisation, these use group normalisation (Wu and He, 2018). It has no state and
does not couple the images of a batch. So a model is a function of its parameters
alone, and seeds can be stacked and mapped over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.random import Generator

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
    rng : numpy Generator
        Draws the weights.
    """

    layers: tuple[eqx.nn.Linear, ...]

    def __init__(
        self, shape: Shape, classes: int, *, width: int, depth: int, rng: Generator
    ) -> None:
        sizes = [shape[0] * shape[1] * shape[2], *[width] * depth]
        self.layers = (
            *(_linear(before, after, 2.0, rng) for before, after in pairwise(sizes)),
            _linear(sizes[-1], classes, 1.0, rng),
        )

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        x = jnp.ravel(x)
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class Convolution(eqx.nn.Conv2d):
    """The same convolution as its parent, as one product with the shifted copies of the image.

    On the CPU, XLA compiles the parent, mapped over seeds and inside a scan, into a
    plain loop. On small images this product is several times as fast. The factor in
    memory is the number of pixels of the filter.
    """

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        """Return the features, shape (channels, height, width)."""
        del key
        outputs, _, size, _ = self.weight.shape
        stride, margin = self.stride[0], size // 2
        height, width = (-(-edge // stride) for edge in x.shape[1:])
        x = jnp.pad(x, ((0, 0), (margin, margin), (margin, margin)))
        rows, columns = stride * (height - 1) + 1, stride * (width - 1) + 1
        shifted = [
            x[:, i : i + rows : stride, j : j + columns : stride]
            for i in range(size)
            for j in range(size)
        ]
        patches = jnp.concatenate(shifted).reshape(-1, height * width)
        weight = jnp.transpose(self.weight, (0, 2, 3, 1)).reshape(outputs, -1)
        return (weight @ patches).reshape(outputs, height, width)


class Block(eqx.Module):
    """Convolutions with group normalisation, added to their input (He et al., 2016).

    A block has two of 3 x 3. A bottleneck has 1 x 1, 3 x 3 and 1 x 1, the last with
    four times as many channels. Where the shape changes, the input passes a
    1 x 1 convolution.
    """

    convolutions: tuple[eqx.nn.Conv2d, ...]
    norms: tuple[eqx.nn.GroupNorm, ...]
    shortcut: tuple[eqx.nn.Conv2d, eqx.nn.GroupNorm] | None

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        *,
        bottleneck: bool,
        kind: type[eqx.nn.Conv2d],
        rng: Generator,
    ) -> None:
        plan = (
            [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
            if bottleneck
            else [(width, 3, stride), (width, 3, 1)]
        )
        convolutions, before = [], channels
        for after, size, step in plan:
            convolutions.append(_convolution(kind, before, after, size=size, stride=step, rng=rng))
            before = after
        self.convolutions = tuple(convolutions)
        self.norms = tuple(_norm(after) for after, _, _ in plan)
        self.shortcut = (
            None
            if stride == 1 and before == channels
            else (
                _convolution(kind, channels, before, size=1, stride=stride, rng=rng),
                _norm(before),
            )
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
    kind : type, default=Convolution
        `Convolution` for small images on the CPU, or `equinox.nn.Conv2d`.
    rng : numpy Generator
        Draws the weights.
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
        kind: type[eqx.nn.Conv2d] = Convolution,
        rng: Generator,
    ) -> None:
        self.stem = _convolution(kind, shape[0], widths[0], size=3, stride=1, rng=rng)
        self.norm = _norm(widths[0])
        made, channels = [], widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for k in range(count):
                stride = 2 if stage and not k else 1
                made.append(
                    Block(channels, width, stride, bottleneck=bottleneck, kind=kind, rng=rng)
                )
                channels = 4 * width if bottleneck else width
        self.blocks = tuple(made)
        self.head = _linear(channels, classes, 1.0, rng)

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        x = jax.nn.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(jnp.mean(x, axis=(1, 2)))


class VGG(eqx.Module):
    """Stacks of 3 x 3 convolutions with 2 x 2 maximum pooling between (Simonyan and Zisserman).

    After the last stack the features are averaged over the image. Then they pass one
    linear layer, as is common for small images; the original has three.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    widths, counts : sequence of int
        Channels and number of convolutions of each stack.
    kind : type, default=Convolution
        As for `ResNet`.
    rng : numpy Generator
        Draws the weights.
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
        kind: type[eqx.nn.Conv2d] = Convolution,
        rng: Generator,
    ) -> None:
        stacks, channels = [], shape[0]
        for width, count in zip(widths, counts, strict=True):
            stack = []
            for _ in range(count):
                one = _convolution(kind, channels, width, size=3, stride=1, rng=rng)
                stack.append((one, _norm(width)))
                channels = width
            stacks.append(tuple(stack))
        self.stacks = tuple(stacks)
        self.pool = eqx.nn.MaxPool2d(2, 2)
        self.head = _linear(channels, classes, 1.0, rng)

    def __call__(self, x: Array) -> Array:
        """Return the outputs, shape (classes,)."""
        for k, stack in enumerate(self.stacks):
            if k:
                x = self.pool(x)
            for convolution, norm in stack:
                x = jax.nn.relu(norm(convolution(x)))
        return self.head(jnp.mean(x, axis=(1, 2)))


def _mlp(shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    return MLP(shape, classes, width=128, depth=2, rng=rng)


def _resnet(shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    return ResNet(shape, classes, widths=(8, 16), blocks=(1, 1), rng=rng)


def _vgg(shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    return VGG(shape, classes, widths=(8, 16), counts=(2, 2), rng=rng)


def _resnet50(shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    widths, blocks = (64, 128, 256, 512), (3, 4, 6, 3)
    return ResNet(
        shape,
        classes,
        widths=widths,
        blocks=blocks,
        bottleneck=True,
        kind=eqx.nn.Conv2d,
        rng=rng,
    )


def _vgg16(shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    widths, counts = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
    return VGG(shape, classes, widths=widths, counts=counts, kind=eqx.nn.Conv2d, rng=rng)


_MAKERS: dict[str, Callable[[Shape, int, Generator], eqx.Module]] = {
    "mlp": _mlp,
    "resnet": _resnet,
    "vgg": _vgg,
    "resnet50": _resnet50,
    "vgg16": _vgg16,
}
NAMES = tuple(_MAKERS)


def make_model(name: str, shape: Shape, classes: int, rng: Generator) -> eqx.Module:
    """Return a freshly initialised network.

    Parameters
    ----------
    name : {"mlp", "resnet", "vgg", "resnet50", "vgg16"}
    shape : tuple of int
        (channels, height, width) of an image.
    classes : int
    rng : numpy Generator
        Draws the weights.

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
    return _MAKERS[name](shape, classes, rng)


# the layers' own draws would be compiled one by one, and thrown away
_UNDRAWN = jax.eval_shape(lambda: jax.random.key(0))


def _linear(inputs: int, outputs: int, gain: float, rng: Generator) -> eqx.nn.Linear:
    layer = eqx.filter_eval_shape(eqx.nn.Linear, inputs, outputs, key=_UNDRAWN)
    drawn = _normal((outputs, inputs), gain / inputs, rng), np.zeros(outputs, np.float32)
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, drawn)


def _convolution(
    kind: type[eqx.nn.Conv2d],
    inputs: int,
    outputs: int,
    *,
    size: int,
    stride: int,
    rng: Generator,
) -> eqx.nn.Conv2d:
    layer = eqx.filter_eval_shape(
        kind,
        inputs,
        outputs,
        size,
        stride,
        padding=size // 2,
        use_bias=False,
        key=_UNDRAWN,
    )
    drawn = _normal((outputs, inputs, size, size), 2 / (inputs * size**2), rng)
    return eqx.tree_at(lambda m: m.weight, layer, drawn)


def _normal(shape: tuple[int, ...], variance: float, rng: Generator) -> np.ndarray:
    return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(variance))


def _norm(channels: int) -> eqx.nn.GroupNorm:
    # groups of 4 channels or more, at most 32 groups
    return eqx.nn.GroupNorm(min(32, max(channels // 4, 1)), channels)
