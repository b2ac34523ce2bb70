r"""A network's tangent kernel at initialisation, and self-distillation of the network near it.

The network is an MLP with tanh and one output, in the parametrisation of the
tangent kernel. Its initial function is subtracted, so it starts at zero:

.. math:: f_s(x) = N_{\theta_0 + s}(x) - N_{\theta_0}(x), \qquad
          g(x, x') = \nabla N_{\theta_0}(x)^\top \nabla N_{\theta_0}(x') .

Each round of a chain meets the same tolerance on the mean squared residual.
`penalised_fit` meets it with the smallest ``||s||``, and `stopped_fit` by gradient
descent that stops there. For the linearised network ``J s``, the first is the
paper's problem with the kernel g, and the second is a filter (`stopped_filter`).
All numbers are in double precision, also those of the network.

These are experiments, not theorems: the registry of statements has none of them.

References
----------
A. Jacot, F. Gabriel and C. Hongler, "Neural tangent kernel" (2018);
J. Lee et al., "Wide neural networks of any depth evolve as linear models
under gradient descent" (2019); L. Chizat, E. Oyallon and F. Bach, "On lazy
training in differentiable programming" (2019), for the scale and the
subtraction of the initial function.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jax.flatten_util import ravel_pytree
from scipy.optimize import brentq
from tqdm import tqdm

from sdtheory.datasets import load_example
from sdtheory.experiments.networks import data
from sdtheory.files import replacing
from sdtheory.recursion import trajectory
from sdtheory.solvers.chain import most_rounds
from sdtheory.spectrum import Spectrum
from sdtheory.validation import Array, InvalidInputError, as_epsilon, as_inputs, as_labels

#: Standard deviations of a layer's weights (over the root of its inputs) and biases.
WEIGHT, BIAS = 1.5, 0.5
#: Fits with a larger defect count as not stationary.
STATIONARY = 1e-3
#: Iterations of `penalised_fit` at most.
MOST_ITERATIONS = 40

_MEMORY = 10
_MIXING = 0.5
_PRECISION = 1e-5
_MOST_STEPS = 20_000


class Network(eqx.Module):
    """MLP with tanh and one output, in the parametrisation of the tangent kernel.

    A layer with m inputs h computes ``WEIGHT W h / sqrt(m) + BIAS b``, with
    all entries of W and b drawn from N(0, 1). Make it with `make_network`.

    Parameters
    ----------
    layers : tuple of (array of shape (k, m), array of shape (k,))
        W and b of each layer.
    scale : float
        Factor of the output; the smaller, the less lazy.
    """

    layers: tuple[tuple[jax.Array, jax.Array], ...]
    scale: float = eqx.field(static=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the outputs, shape (n,), at inputs of shape (n, p)."""
        return self.with_activations(x, [jnp.zeros(())] * len(self.layers))[0]

    def with_activations(
        self, x: jax.Array, offsets: Sequence[jax.Array]
    ) -> tuple[jax.Array, list[jax.Array]]:
        """Return the outputs and each layer's inputs, with offsets added before each tanh."""
        inputs, before = [], x
        for (W, b), offset in zip(self.layers, offsets, strict=True):
            inputs.append(x)
            before = WEIGHT / np.sqrt(W.shape[1]) * (x @ W.T) + BIAS * b + offset
            x = jnp.tanh(before)
        return self.scale * before[:, 0], inputs  # the last layer has no tanh


def make_network(inputs: int, width: int, depth: int, seed: int, *, scale: float = 1.0) -> Network:
    """Draw a network.

    Parameters
    ----------
    inputs, width, depth : int
        Number of inputs, units in each hidden layer, and number of these.
    seed : int
    scale : float, default=1.0

    Returns
    -------
    Network
    """
    if min(inputs, width, depth) < 1 or not scale > 0:
        raise InvalidInputError(
            f"inputs = {inputs}, width = {width}, depth = {depth}, scale = {scale}: pass positive "
            f"numbers."
        )
    sizes = [inputs, *[width] * depth, 1]
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), 2 * (depth + 1))
        layers = tuple(
            (jax.random.normal(keys[2 * k], (b, a)), jax.random.normal(keys[2 * k + 1], (b,)))
            for k, (a, b) in enumerate(pairwise(sizes))
        )
    return Network(layers, float(scale))


@jax.jit
def _kernel(network: Network, x: jax.Array, x_new: jax.Array) -> jax.Array:
    def factors(points: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        zeros = [jnp.zeros((len(points), len(b))) for _, b in network.layers]
        _, pull, inputs = jax.vjp(
            lambda offsets: network.with_activations(points, offsets), zeros, has_aux=True
        )
        return inputs, pull(jnp.ones(len(points)))[0]

    total = jnp.zeros((len(x_new), len(x)))
    for h, delta, h_new, delta_new in zip(*factors(x), *factors(x_new), strict=True):
        # the gradient by a layer's W is an outer product, so that inner products factor
        total += (WEIGHT**2 / h.shape[1] * (h_new @ h.T) + BIAS**2) * (delta_new @ delta.T)
    return total


def tangent_kernel(network: Network, x: Array, x_new: Array | None = None) -> Array:
    r"""Return the network's tangent kernel, not divided by n.

    The Jacobian is contracted layer by layer and never formed. Its row for W is the
    outer product of the layer's output gradient and its input.

    Parameters
    ----------
    network : Network
    x : array_like of shape (n, p)
    x_new : array_like of shape (m, p), optional
        x by default.

    Returns
    -------
    ndarray of shape (m, n)
        ``J(x_new) J(x)^T`` over all parameters; exactly symmetric without x_new.
    """
    x = as_inputs(x)
    with jax.enable_x64(True):
        K = np.asarray(_kernel(network, x, x if x_new is None else as_inputs(x_new, "x_new")))
    return (K + K.T) / 2 if x_new is None else K


@jax.jit
def _values(network: Network, shift: jax.Array, x: jax.Array) -> jax.Array:
    return _shifted(network, shift)(x) - network(x)


@jax.jit
def _linearised(network: Network, shift: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return f_s and J(theta_0 + s) s."""
    unravel = ravel_pytree(network)[1]
    f, Js = jax.jvp(lambda s: unravel(s)(x), (ravel_pytree(network)[0] + shift,), (shift,))
    return f - network(x), Js


@jax.jit
def _pulled(network: Network, shift: jax.Array, x: jax.Array, alpha: jax.Array) -> jax.Array:
    """Return J(theta_0 + s)^T alpha."""
    return jax.vjp(lambda s: _shifted(network, s)(x), shift)[1](alpha)[0]


def _shifted(network: Network, shift: jax.Array) -> Network:
    flat, unravel = ravel_pytree(network)
    return unravel(flat + shift)


@partial(jax.jit, static_argnums=0)
def _descend(
    limit: int, network: Network, x: jax.Array, y: jax.Array, *, epsilon: float, rate: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    flat, unravel = ravel_pytree(network)
    start = network(x)

    def outputs(shift: jax.Array) -> jax.Array:
        return unravel(flat + shift)(x) - start

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        k, shift, _, _ = state
        f, pull = jax.vjp(outputs, shift)
        direction = rate / len(y) * pull(y - f)[0]
        ahead = shift + direction
        return k + 1, ahead, direction, jnp.mean((y - outputs(ahead)) ** 2)

    zero = jnp.zeros_like(flat)
    count, shift, last, _ = jax.lax.while_loop(
        lambda state: (state[3] > epsilon) & (state[0] < limit),
        step,
        (0, zero, zero, jnp.mean(y**2)),
    )
    return count, shift - last, last


@dataclass(frozen=True)
class Fit:
    """One round of the network.

    Attributes
    ----------
    shift : ndarray of shape (P,)
        s, the change of all parameters in one vector.
    values : ndarray of shape (n,)
        f_s at the inputs.
    c : float
        Multiplier of the penalty; 1 over the training time for `stopped_fit`.
    defect : float
        Error of the fit. It is the relative error of the residual or, if larger and
        for `penalised_fit`, the next Gauss-Newton step relative to ``||s||``. The step is
        ``-(c I + J_s^T J_s / n)^{-1}`` times half the gradient of the
        penalised loss, so that both are zero at the same points.
    iterations : int
    """

    shift: Array
    values: Array
    c: float
    defect: float
    iterations: int


def penalised_fit(network: Network, x: Array, y: Array, epsilon: float) -> Fit:
    r"""Train the network to the tolerance with the smallest change of its parameters.

    The result is a stationary point of ``mean((y - f_s)^2) + c ||s||^2`` with
    mean squared residual epsilon. At such a point

    .. math:: s = \tfrac1n J_s^\top (cI + G_s)^{-1} (y - f_s + J_s s),

    with the Jacobian J_s and the tangent kernel's Gram matrix G_s *there*. It is one
    round of the paper's problem for shifted labels; its secular equation gives c.
    The equation is iterated (Gauss-Newton), with Anderson's acceleration, from
    s = 0, where the first iterate is the linearised network.

    Parameters
    ----------
    network : Network
    x : array_like of shape (n, p)
    y : array_like of shape (n,)
    epsilon : float

    Returns
    -------
    Fit
        The iterate with the smallest defect; the caller decides whether it
        will do. The zero function, with infinite c, if epsilon allows it.
    """
    x, y, epsilon = _problem(x, y, epsilon)
    n = len(y)
    with jax.enable_x64(True):
        s: Array = np.zeros(ravel_pytree(network)[0].size)
        best = Fit(s, np.zeros(n), np.inf, 0.0 if np.mean(y**2) <= epsilon else np.inf, 0)
        points: list[Array] = []
        steps: list[Array] = []
        for iteration in range(MOST_ITERATIONS):
            if best.defect < _PRECISION:
                break
            f, Js = map(np.asarray, _linearised(network, s, x))
            spectrum = Spectrum.from_gram(tangent_kernel(_shifted(network, jnp.asarray(s)), x) / n)
            z = spectrum.to_eigenbasis(y - f + Js)
            c = float(np.append(trajectory(spectrum.d, z, epsilon, 1).c, np.inf)[0])
            dual = spectrum.V.T @ np.where(spectrum.d > 0, z / (c + spectrum.d), 0.0)
            step = np.asarray(_pulled(network, s, x, dual / n)) - s
            size = float(np.linalg.norm(s))
            defect = max(
                float(np.linalg.norm(step)) / size if size else np.inf,
                abs(float(np.mean((y - f) ** 2)) / epsilon - 1),
            )
            if defect < best.defect:
                best = Fit(s, f, c, defect, iteration)
            points, steps = [*points[-_MEMORY:], s], [*steps[-_MEMORY:], step]
            s = _anderson(points, steps)
    return best


def _anderson(points: list[Array], steps: list[Array]) -> Array:
    """Return the next iterate of a fixed-point iteration (D. G. Anderson, 1965)."""
    if len(points) == 1:
        return points[0] + steps[0]
    S, R = np.diff(points, axis=0).T, np.diff(steps, axis=0).T
    weights = np.linalg.lstsq(R.T @ R, R.T @ steps[-1], rcond=1e-14)[0]
    return points[-1] + _MIXING * steps[-1] - (S + _MIXING * R) @ weights


def stopped_fit(network: Network, x: Array, y: Array, epsilon: float, rate: float) -> Fit:
    """Train the network by gradient descent on half the mean squared residual, to the tolerance.

    The last step is shortened so that the residual meets epsilon.

    Parameters
    ----------
    network : Network
    x : array_like of shape (n, p)
    y : array_like of shape (n,)
    epsilon : float
    rate : float
        Step size; below ``2 / d_max`` for the linearised network.

    Returns
    -------
    Fit
        With ``1 / (rate * steps)`` for c.
    """
    x, y, epsilon = _problem(x, y, epsilon)
    with jax.enable_x64(True):
        steps, before, last = map(
            np.asarray, _descend(_MOST_STEPS, network, x, y, epsilon=epsilon, rate=float(rate))
        )

        def excess(share: float) -> float:
            f = np.asarray(_values(network, before + share * last, x))
            return float(np.mean((y - f) ** 2)) / epsilon - 1

        share = _share_of_step(excess) if steps else 0.0
        shift = before + share * last
        f = np.asarray(_values(network, shift, x))
    taken = float(steps) - 1 + share if steps else 0.0
    trivial = not steps
    return Fit(
        shift,
        f,
        1 / (rate * taken) if taken else np.inf,
        0.0 if trivial else abs(float(np.mean((y - f) ** 2)) / epsilon - 1),
        int(steps),
    )


def stopped_filter(d: Array, z: Array, epsilon: float, rate: float) -> tuple[Array, float]:
    r"""Return what `stopped_fit` does to the linearised network's eigencomponents.

    .. math:: \phi(d) = 1 - (1 - \eta d)^k (1 - \sigma \eta d)

    with the rate eta, k whole steps and a share sigma of one more. As eta
    falls it tends to the filter of gradient flow, `sdtheory.formulas.filters.gradient_flow`.

    Parameters
    ----------
    d : ndarray of shape (n,)
        Eigenvalues of G.
    z : ndarray of shape (n,)
        Labels in the eigenbasis.
    epsilon : float
    rate : float

    Returns
    -------
    filter : ndarray of shape (n,)
    c : float
        One over the training time.
    """
    n = len(d)
    if np.mean(z**2) <= epsilon:
        return np.zeros(n), np.inf
    factor = 1 - rate * d
    left = np.ones(n)
    for k in range(_MOST_STEPS):
        ahead = left * factor
        if np.mean((ahead * z) ** 2) <= epsilon:

            def excess(share: float, left: Array = left) -> float:
                return float(np.mean((left * (1 - share * rate * d) * z) ** 2)) / epsilon - 1

            share = _share_of_step(excess)
            return 1 - left * (1 - share * rate * d), 1 / (rate * (k + share))
        left = ahead
    raise InvalidInputError(
        f"epsilon = {epsilon:.3g} is not met within {_MOST_STEPS} steps at rate = {rate:.3g}. "
        f"Choose a larger epsilon, or a rate nearer to 2 / d_max = {2 / d[-1]:.3g}."
    )


def _share_of_step(excess: Callable[[float], float]) -> float:
    """Return where on the last step the excess changes its sign."""
    if excess(1.0) >= 0:
        return 1.0
    return float(brentq(excess, 0.0, 1.0, xtol=1e-12, rtol=1e-12))  # pyright: ignore[reportArgumentType]


def _problem(x: Array, y: Array, epsilon: float) -> tuple[Array, Array, float]:
    x = as_inputs(x)
    y = as_labels(y, len(x))
    if y.ndim != 1:
        raise InvalidInputError(f"y has shape {y.shape}. Pass one label for each input.")
    return x, y, as_epsilon(epsilon)


def network_values(network: Network, shift: Array, x: Array) -> Array:
    """Return f_s at inputs of shape (n, p)."""
    with jax.enable_x64(True):
        return np.asarray(_values(network, shift, as_inputs(x)))


def linear_values(network: Network, shift: Array, x: Array) -> Array:
    """Return the linearised network ``J s`` at inputs of shape (n, p), by a Jacobian product."""
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(network)
        point = as_inputs(x)
        return np.asarray(jax.jvp(lambda s: unravel(s)(point), (flat,), (jnp.asarray(shift),))[1])


def linear_shift(network: Network, x: Array, alpha: Array) -> Array:
    """Return ``J^T alpha``, the change of parameters with dual coefficients alpha."""
    with jax.enable_x64(True):
        zero = jnp.zeros_like(ravel_pytree(network)[0])
        return np.asarray(_pulled(network, zero, as_inputs(x), jnp.asarray(alpha)))


@dataclass(frozen=True)
class Problem:
    """What one seed trains on.

    Attributes
    ----------
    x, y, clean : ndarray of shape (n, p), (n,), (n,)
        Inputs, labels and labels without noise.
    x_test, y_test : ndarray of shape (m, p), (m,)
        For judging; the labels have no noise.
    """

    x: Array
    y: Array
    clean: Array
    x_test: Array
    y_test: Array


def digits_problem(seed: int, *, train: int = 120, test: int = 200, noise: float = 0.2) -> Problem:
    """Draw threes and eights of the digits, with labels +1 and -1 of which a share is flipped.

    Parameters
    ----------
    seed : int
    train, test : int
    noise : float
        Probability that a label is flipped.

    Returns
    -------
    Problem
        With 64 inputs: the training images' mean is subtracted, then each image scaled to
        mean square 1.
    """
    images = data.load_images("digits")
    chosen = np.flatnonzero(np.isin(images.y, (3, 8)))
    images = replace(
        images, x=images.x[chosen], y=(images.y[chosen] == 8).astype(np.int32), classes=2
    )
    sample = data.draw_sample(images, seed, label_noise=noise, train=train, test=test)
    x = images.x.reshape(len(images.x), -1).astype(np.float64)
    x -= x[sample.train].mean(axis=0)
    x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    noisy, clean = (np.where(labels == 1, 1.0, -1.0) for labels in (sample.noisy, images.y))
    return Problem(
        x[sample.train],
        noisy[sample.train],
        clean[sample.train],
        x[sample.test],
        clean[sample.test],
    )


def example_problem() -> Problem:
    """Return the paper's example, with inputs scaled from [0, 1] to [-2, 2]."""
    example = load_example()
    grid = np.linspace(0, 1, 101)
    return Problem(
        4 * (example.x[:, None] - 0.5),
        example.y,
        np.sin(2 * np.pi * example.x),
        4 * (grid[:, None] - 0.5),
        np.sin(2 * np.pi * grid),
    )


def dyadic_groups(n: int) -> list[slice]:
    """Return groups of eigenvalues, the largest first: 1, 1, 2, 4, 8, ... of n ascending ones."""
    ends = [0, 1]
    while ends[-1] < n:
        ends.append(min(2 * ends[-1], n))
    return [slice(n - b, n - a) for a, b in pairwise(ends)]


def retained(V: Array, y_t: Array, y_0: Array) -> Array:
    """Return the share of the labels that is left in each of the `dyadic_groups` of eigenvectors.

    Parameters
    ----------
    V : ndarray of shape (n, n)
        Eigenvectors in rows, eigenvalues ascending.
    y_t, y_0 : ndarray of shape (n,)
        Labels of a round, and the data.

    Returns
    -------
    ndarray of shape (groups,)
        ``<P y_t, P y_0> / ||P y_0||^2`` for the projection P onto the group;
        for the kernel's own chain a weighted mean of the entries of B_{t-1}.
    """
    now, start = V @ y_t, V @ y_0
    return np.array([now[g] @ start[g] / (start[g] @ start[g]) for g in dyadic_groups(len(y_0))])


METHODS = ("penalised", "stopped")


def compare(problem: Problem, network: Network, epsilon: float, method: str) -> dict[str, Any]:
    """Run the chain of the kernel and that of the network, and compare them round by round.

    Both chains start from the same labels and then train on their own outputs, until
    the tolerance allows zero. The network always starts from the same parameters.

    Parameters
    ----------
    problem : Problem
    network : Network
    epsilon : float
    method : {"penalised", "stopped"}

    Returns
    -------
    dict
        Lists by round. With the suffix ``_kernel`` or ``_network``: `rounds` to the
        collapse, `r`, multiplier `c`, `retained` shares, `accuracy` on test points.
        `norm` is that of the function in the kernel's space, and that of the change
        of parameters. ``gap`` is the relative distance of the labels after each round
        from the chain of the network's own kernel. ``gap_unrelated`` is the same for
        an unrelated kernel: the same matrix with its points shuffled. In the
        eigenvectors of that one, the network has the shares ``retained_unrelated``.
        ``moved`` is the relative change of the tangent kernel, and ``defect`` the error
        of each fit.
    """
    if method not in METHODS:
        raise InvalidInputError(f"method is {method!r}. Choose one of: {', '.join(METHODS)}.")
    x, y = problem.x, problem.y
    n = len(y)
    K = tangent_kernel(network, x)
    spectrum = Spectrum.from_gram(K / n)
    shuffled = np.random.default_rng(0).permutation(n)
    unrelated = Spectrum(spectrum.d, spectrum.V[:, shuffled], spectrum.tolerance)
    rate = 1 / spectrum.d[-1]
    expected, c, norms = kernel_chain(spectrum, y, epsilon, method, rate)
    control, _, _ = kernel_chain(unrelated, y, epsilon, method, rate)
    tests = tangent_kernel(network, x, problem.x_test) / n
    inverse = spectrum.V.T @ (spectrum.V / np.where(spectrum.d > 0, spectrum.d, np.inf)[:, None])

    found: dict[str, Any] = {
        "d": spectrum.d[[0, n // 2, -1]],
        "rounds_kernel": len(c),
        "c_kernel": c,
        "norm_kernel": norms,
        "r_kernel": [_size(row, epsilon) for row in expected],
        "retained_kernel": [retained(spectrum.V, row, y) for row in expected[1:]],
        "accuracy_kernel": [_accuracy(tests @ inverse @ row, problem) for row in expected[1:]],
        "mean_d": [float(np.exp(np.mean(np.log(spectrum.d[g])))) for g in dyadic_groups(n)],
    }
    by_round: dict[str, list[Any]] = {
        name: []
        for name in (
            *("c_network", "norm_network", "retained_network", "retained_unrelated"),
            *("accuracy_network", "gap", "gap_unrelated", "moved", "defect"),
        )
    }
    rows = [y]
    while np.mean(rows[-1] ** 2) > epsilon and len(rows) <= len(c) + 5:
        if method == "penalised":
            fit = penalised_fit(network, x, rows[-1], epsilon)
        else:
            fit = stopped_fit(network, x, rows[-1], epsilon, rate)
        t = len(rows)
        rows.append(fit.values)
        moved = tangent_kernel(shifted(network, fit.shift), x) - K
        one = {
            "c_network": fit.c,
            "norm_network": float(np.linalg.norm(fit.shift)),
            "retained_network": retained(spectrum.V, fit.values, y),
            "retained_unrelated": retained(unrelated.V, fit.values, y),
            "accuracy_network": _accuracy(
                network_values(network, fit.shift, problem.x_test), problem
            ),
            "moved": float(np.linalg.norm(moved) / np.linalg.norm(K)),
            "defect": fit.defect,
        }
        for name, chain in (("gap", expected), ("gap_unrelated", control)):
            target = chain[t] if t < len(chain) else np.zeros(n)
            size = float(np.linalg.norm(target))
            one[name] = float(np.linalg.norm(fit.values - target)) / size if size else np.inf
        for name, value in one.items():
            by_round[name].append(value)
    return (
        found
        | by_round
        | {
            "rounds_network": len(rows) - 1,
            "r_network": [_size(row, epsilon) for row in rows],
        }
    )


def shifted(network: Network, shift: Array) -> Network:
    """Return the network with parameters theta_0 + s."""
    with jax.enable_x64(True):
        return _shifted(network, jnp.asarray(shift))


def kernel_chain(
    spectrum: Spectrum, y: Array, epsilon: float, method: str, rate: float
) -> tuple[Array, Array, Array]:
    """Run the chain of the linearised network in the eigenbasis.

    Parameters
    ----------
    spectrum : Spectrum
    y : ndarray of shape (n,)
    epsilon : float
    method : {"penalised", "stopped"}
    rate : float
        Of gradient descent, for the second.

    Returns
    -------
    y : ndarray of shape (T+1, n)
        Labels of each round; row 0 is the data.
    c : ndarray of shape (T,)
    norms : ndarray of shape (T,)
        Of each round's function in the kernel's space, which is that of the
        change of parameters.
    """
    if method == "penalised":
        limit = most_rounds(_size(y, epsilon))
        chain = trajectory(spectrum.d, spectrum.to_eigenbasis(y), epsilon, limit)
        z, multipliers = chain.z, list(chain.c)
    else:
        rows, multipliers = [spectrum.to_eigenbasis(y)], []
        while np.mean(rows[-1] ** 2) > epsilon:
            phi, c = stopped_filter(spectrum.d, rows[-1], epsilon, rate)
            rows.append(phi * rows[-1])
            multipliers.append(c)
        z = np.array(rows)
    energies = z[1:] ** 2 / np.where(spectrum.d > 0, spectrum.d, np.inf)
    norms = np.sqrt(np.mean(energies, axis=1)) if multipliers else np.zeros(0)
    return np.concatenate([y[None], z[1:] @ spectrum.V]), np.array(multipliers), norms


def _size(row: Array, epsilon: float) -> float:
    return float(np.sqrt(np.mean(row**2) / epsilon))


def _accuracy(values: Array, problem: Problem) -> float:
    return float(np.mean(np.sign(values) == np.sign(problem.y_test)))


@dataclass(frozen=True)
class Unit:
    """One cell of a sweep."""

    data: str
    method: str
    depth: int
    width: int
    scale: float
    seed: int

    def __str__(self) -> str:
        return (
            f"{self.data} {self.method} depth={self.depth} width={self.width} "
            f"scale={self.scale:g} seed={self.seed}"
        )


#: Tolerance for each data set.
EPSILON = {"digits": 0.05, "example": 0.045}


def run_unit(unit: Unit) -> dict[str, Any]:
    """Run one cell: draw data and network by the seed, and `compare`."""
    if unit.data not in EPSILON:
        raise InvalidInputError(f"data is {unit.data!r}. Choose one of: {', '.join(EPSILON)}.")
    problem = digits_problem(unit.seed) if unit.data == "digits" else example_problem()
    network = make_network(problem.x.shape[1], unit.width, unit.depth, unit.seed, scale=unit.scale)
    return asdict(unit) | compare(problem, network, EPSILON[unit.data], unit.method)


def committed_units() -> Iterator[Unit]:
    """Yield the cells of the committed sweep: ten seeds, five for two hidden layers."""
    widths = (64, 128, 256, 512, 1024, 2048, 4096)
    for name in ("digits", "example"):
        for width in widths:
            for seed in range(10):
                yield Unit(name, "penalised", 1, width, 1.0, seed)
    for scale in (0.125, 0.25, 0.5, 2.0, 4.0):
        for seed in range(10):
            yield Unit("digits", "penalised", 1, 256, scale, seed)
    for width in widths[:5]:
        for seed in range(10):
            yield Unit("digits", "stopped", 1, width, 1.0, seed)
    for width in widths[:4]:
        for seed in range(5):
            yield Unit("digits", "penalised", 2, width, 1.0, seed)


def by_width(
    cells: Iterable[dict[str, Any]],
    data: str = "digits",
    method: str = "penalised",
    depth: int = 1,
    scale: float = 1.0,
) -> dict[int, list[dict[str, Any]]]:
    """Return the cells of one configuration of a sweep, one list over seeds for each width.

    Parameters
    ----------
    cells : iterable of dict
        Of `run_unit`.
    data, method, depth, scale
        As in `Unit`.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for cell in cells:
        if (cell["data"], cell["method"], cell["depth"], cell["scale"]) == (
            data,
            method,
            depth,
            scale,
        ):
            found.setdefault(cell["width"], []).append(cell)
    return dict(sorted(found.items()))


def by_seed(runs: Iterable[dict[str, Any]], name: str, rounds: int) -> Array:
    """Return what `compare` lists by round, for the first rounds, shape (seeds, rounds, ...)."""
    return np.array([run[name][:rounds] for run in runs], dtype=float)


def sweep(units: Sequence[Unit], path: Path, *, progress: bool = True) -> dict[str, Any]:
    """Run cells and keep each one's result in a file as soon as it is there.

    Parameters
    ----------
    units : sequence of Unit
    path : Path
        JSON. Cells that it holds already are not run again, so that a sweep
        that was cut off goes on where it was.
    progress : bool, default=True

    Returns
    -------
    dict
        What the file holds: ``configuration``, the number ``planned`` of cells,
        and ``units``, by name.

    Raises
    ------
    InvalidInputError
        If the file was made with another configuration, or is none of these.
    """
    configuration = {
        "command": "python -m sdtheory.experiments.networks.tangent",
        "epsilon": EPSILON,
        "weight": WEIGHT,
        "bias": BIAS,
        "activation": "tanh",
        "precision": "float64",
        "versions": {"jax": jax.__version__, "numpy": np.__version__, "scipy": scipy.__version__},
    }
    content: dict[str, Any] = {"configuration": configuration, "planned": 0, "units": {}}
    if path.exists():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            before = content["configuration"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(f"{path} is not a result file of this command.") from error
        if before != configuration:
            raise InvalidInputError(
                f"{path} was made with another configuration ({before}, now {configuration}). Name "
                f"another file."
            )
    missing = [unit for unit in units if str(unit) not in content["units"]]
    names = [str(unit) for unit in units]
    planned = len(dict.fromkeys(names + list(content["units"])))
    if content.get("planned") != planned:
        content["planned"] = planned
        _write(content, path)
    for unit in tqdm(missing, disable=not progress, unit="cell"):
        found = content["units"] | {str(unit): _rounded(run_unit(unit))}
        # in the order of the cells, however often the sweep was cut off
        order = dict.fromkeys([name for name in names if name in found] + list(found))
        content["units"] = {name: found[name] for name in order}
        _write(content, path)
    return content


def _rounded(value: Any) -> Any:
    """Return plain containers with five digits; infinity becomes None."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_rounded(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value


def _write(content: dict[str, Any], path: Path) -> None:
    """Write JSON with one cell a line."""
    cells = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(cell, separators=(',', ':'))}"
        for name, cell in content["units"].items()
    )
    head = f'"configuration": {json.dumps(content["configuration"])}'
    with replacing(path) as partial_file:
        partial_file.write_text(
            f'{{{head},\n"planned": {content["planned"]},\n"units": {{\n{cells}\n}}}}\n',
            encoding="utf-8",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the committed sweep from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sdtheory.experiments.networks.tangent",
        description="Compare chains of self-distillation of a network with its tangent kernel's. "
        "A run that was cut off goes on where it was.",
    )
    parser.add_argument("--output", type=Path, default=Path("book/results/tangent_width.json"))
    arguments = parser.parse_args(argv)
    sweep(list(committed_units()), arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
