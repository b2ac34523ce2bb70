"""Try tuned chains against tuned ridge regression on your data.

The trial is a nested cross-validation. The inner one chooses the kernel's width and the tolerance,
for ridge regression (one round) and for chains; for chains also the number of rounds. The outer
folds, which no choice has seen, judge both. Ridge tries all tolerances of the chains and others
between them, so that both have as many settings.

for example:
  sdtheory trial DATA.csv --target y
  sdtheory trial DATA.csv --target y --rounds 20 --repeats 10 --plot trial.svg --json trial.json
  sdtheory trial DATA.csv --target y --kernel beam --rescale unit --sample 500

The inputs are rescaled once, on all rows, without the labels. The interval covers other splits of
these data, not other samples.

exit codes: 0 done, whatever the verdict; 2 wrong usage or input, 130 interrupted
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from sdtheory.cli import training
from sdtheory.cli.options import declare
from sdtheory.validation import Array, InvalidInputError, as_integer

#: More rows than this must be asked for by --sample: some hundred eigendecompositions are made.
MOST_ROWS = 2000
#: Tolerances, as shares of what the kernel can reach of the labels.
_SHARES = (0.001, 0.7)
#: Factors on gamma that both tune, where the reader gives none.
_WIDTHS = (1 / 9, 1 / 3, 1.0, 3.0)
_OUTER, _INNER = 5, 3
#: What each side tries, ridge first: tolerances as shares, and the longest chain.
_Grids = tuple[tuple[Array, int], tuple[Array, int]]
#: Relative gain in squared error below which more rounds are not worth their trouble.
_WORTHWHILE = 0.01


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    training.add_data_options(parser)
    training.add_kernel_options(parser)
    declare(
        parser.add_argument_group("trial"),
        ("--rounds", "T", 10, "longest chain to try"),
        ("--tolerances", "N", 12, "tolerances to try"),
        ("--repeats", "N", 4, f"times {_OUTER} outer folds"),
    )
    training.add_outputs(parser, plot="draw the scores", json="write a report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code."""
    training.check_outputs(arguments)
    for name, least in (("rounds", 2), ("tolerances", 2), ("repeats", 1)):
        as_integer(getattr(arguments, name), f"--{name}", least=least)
    data = training.load(arguments, most_rows=MOST_ROWS)
    n, p = data.x.shape
    if n < 2 * _OUTER * _INNER:
        raise InvalidInputError(
            f"{arguments.data} has {n} rows, but a trial needs at least {2 * _OUTER * _INNER}. "
            f"Give it more rows, or use `sdtheory fit`."
        )
    # every (rounds + 1)-th of the ridge's tolerances is one of the chain's
    settings = (arguments.tolerances - 1) * (arguments.rounds + 1) + 1
    ridge, chain = (np.geomspace(*_SHARES, count) for count in (settings, arguments.tolerances))
    tuned = arguments.kernel in training.STATIONARY and arguments.gamma is None
    gammas = tuple(factor / p for factor in _WIDTHS) if tuned else (arguments.gamma,)
    numbers = _trial(arguments, data, gammas, ((ridge, 1), (chain, arguments.rounds)))
    stream = training.report(arguments.json, numbers, _words(numbers))
    training.write_plot(arguments.plot, lambda: _figure(numbers), stream)
    return 0


def _trial(
    arguments: argparse.Namespace, data: Any, gammas: tuple[float | None, ...], grids: _Grids
) -> dict[str, Any]:
    from tqdm import tqdm

    from sdtheory.estimator import SelfDistilledKernelRidge
    from sdtheory.estimator.inputs import real_labels

    real_labels(data.y)
    unfitted = [
        SelfDistilledKernelRidge(
            arguments.kernel, gamma=gamma, degree=arguments.degree, coef0=arguments.coef0
        )
        for gamma in gammas
    ]
    unfitted[0].check_parameters()
    # for each width, once
    kernels = np.array([model.kernel_matrix(data.x, data.x) for model in unfitted])
    y = data.y.reshape(len(data.y), -1)
    outer, chosen, everything = [], [], np.arange(len(y))
    splits = arguments.repeats * _OUTER * (_INNER + 1) + _OUTER
    with tqdm(
        total=splits * len(kernels), unit=" fits", desc="trial", disable=None, leave=False
    ) as bar:
        for seed in range(arguments.seed, arguments.seed + arguments.repeats):
            for train, test in _folds(len(y), _OUTER, seed):
                inner = _scores(kernels, y, train, _folds(len(train), _INNER, seed), grids, bar=bar)
                judged = _scores(kernels, y, everything, iter([(train, test)]), grids, bar=bar)
                best = [np.unravel_index(np.argmin(risk), risk.shape) for risk in inner]
                outer.append([float(risk[at]) for risk, at in zip(judged, best, strict=True)])
                chosen.append(int(best[1][2]) + 1)
        scores = _scores(
            kernels, y, everything, _folds(len(y), _OUTER, arguments.seed), grids, bar=bar
        )
    if np.ptp([*scores[0].flat, *scores[1].flat]) == 0:
        raise InvalidInputError(
            f"--kernel {arguments.kernel}: every setting predicts the mean of the labels, because "
            f"the kernel fits no part of them, or is zero between any two rows. Choose another "
            f"kernel or --gamma."
        )
    errors = np.array(outer)
    difference = (errors[:, 0] - errors[:, 1]) / np.mean(errors[:, 0])
    mean, half = _interval(difference)
    return data.described | {
        "gammas": gammas,
        "ridge tolerances": grids[0][0].tolist(),
        "chain tolerances": grids[1][0].tolist(),
        "ridge scores": scores[0][..., 0].tolist(),
        "chain scores": scores[1].tolist(),
        "outer errors": outer,
        "rounds chosen": chosen,
        "gain": mean,
        "interval": [mean - half, mean + half],
        "verdict": _verdict(mean, half),
    }


def _folds(n: int, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    parts = np.array_split(np.random.default_rng(seed).permutation(n), count)
    for k, part in enumerate(parts):
        yield np.concatenate(parts[:k] + parts[k + 1 :]), part


def _scores(
    kernels: Array,
    y: Array,
    rows: Any,
    folds: Iterator[tuple[Any, Any]],
    grids: _Grids,
    *,
    bar: Any,
) -> tuple[Array, Array]:
    """Return the mean squared errors over folds, of ridge and of chains; count them on the bar.

    Returns
    -------
    ndarray of shape (widths, M, 1), ndarray of shape (widths, N, rounds)
    """
    found = []
    for train, test in folds:
        found.append([])
        for kernel in kernels:
            found[-1].append(_errors(kernel, y, rows[train], rows[test], grids))
            bar.update()
    ridge, chain = (np.mean([[e[k] for e in fold] for fold in found], axis=0) for k in (0, 1))
    return ridge, chain


def _errors(kernel: Array, y: Array, train: Any, test: Any, grids: _Grids) -> list[Array]:
    """Return the squared error on the test rows by tolerance and number of rounds, for each grid.

    The labels' mean is subtracted; after a collapse it alone is left. So it is
    where all labels of the training rows agree, or the kernel reaches none.
    """
    from sdtheory.estimator import split_energy
    from sdtheory.recursion import trajectory
    from sdtheory.spectrum import Spectrum

    n = len(train)
    centre = y[train].mean(axis=0)
    spectrum = Spectrum.from_gram(kernel[np.ix_(train, train)] / n, tolerance=1e-13)
    z = spectrum.to_eigenbasis(y[train] - centre)
    unreachable, reachable = split_energy(spectrum, y[train] - centre)
    onto = spectrum.V @ kernel[np.ix_(train, test)] / n
    found = []
    for shares, rounds in grids:
        result = np.full((len(shares), rounds), np.mean(np.sum((y[test] - centre) ** 2, axis=1)))
        found.append(result)
        if not reachable:
            continue
        epsilon = unreachable + shares * reachable
        labels = np.broadcast_to(z, (len(shares), *z.shape))
        path = trajectory(spectrum.d, labels, epsilon, rounds, outputs=True)
        filters = (spectrum.d > 0) / (path.c[..., None] + spectrum.d)
        fits = filters[..., None] * path.z[:, :-1]
        residual = (y[test] - centre) - np.einsum("nm,etnq->etmq", onto, fits, optimize=True)
        result[:, : residual.shape[1]] = np.mean(np.sum(residual**2, axis=-1), axis=-1)
    return found


def _interval(difference: Array) -> tuple[float, float]:
    """Return the mean over folds, and half of its 95 % interval.

    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52
    (2003), give the variance of a mean over folds that share rows.
    """
    from scipy.special import stdtrit

    folds = len(difference)
    variance = (1 / folds + 1 / (_OUTER - 1)) * np.var(difference, ddof=1)
    return float(np.mean(difference)), float(stdtrit(folds - 1, 0.975) * np.sqrt(variance))


def _verdict(mean: float, half: float) -> str:
    low, high = 100 * (mean - half), 100 * (mean + half)
    found = f"{100 * mean:+.1f} % of the squared error (95 % interval {low:+.1f} to {high:+.1f} %)"
    level = f"{100 * _WORTHWHILE:g} %"
    if mean - half > _WORTHWHILE:
        return f"Self-distil: chains gain more than {level}. Their gain is {found}."
    if mean + half < 0:
        return f"Keep ridge: chains are worse. Their gain is {found}."
    if mean + half < _WORTHWHILE:
        return f"Keep ridge: chains gain less than {level}. Their gain is {found}."
    return f"Undecided whether chains gain {level}; keep ridge. Their gain is {found}."


def _words(numbers: dict[str, Any]) -> str:
    ridge, chain = np.array(numbers["ridge scores"]), np.array(numbers["chain scores"])
    width, at = np.unravel_index(np.argmin(ridge), ridge.shape)
    best = np.unravel_index(np.argmin(chain), chain.shape)
    gammas, rounds = numbers["gammas"], chain.shape[2]

    def gamma(k: Any) -> str:
        return "" if gammas[k] is None else f" --gamma {gammas[k]:.4g}"

    shown = [t for t in range(rounds) if t < 6 or t == rounds - 1]
    at_width = gamma(best[0]) and f", at{gamma(best[0])}"
    tried = f"tried {ridge.size} ridges and {chain.size} chains"
    lines = [
        *training.headed(numbers, f"{tried} in {len(numbers['outer errors'])} outer folds"),
        "",
        f"Cross-validated squared error of chains, by tolerance and number of rounds{at_width}:",
        f"{'tolerance':>10}" + "".join(f"{t + 1:>10}" for t in shown),
    ]
    for share, row in zip(numbers["chain tolerances"], chain[best[0]], strict=True):
        lines.append(f"{100 * share:>8.3g} %" + "".join(f"{row[t]:>10.4g}" for t in shown))
    ridge_at, chain_at = numbers["ridge tolerances"][at], numbers["chain tolerances"][best[1]]
    errors, folds = np.mean(numbers["outer errors"], axis=0), numbers["rounds chosen"]
    many = sum(t > 1 for t in folds)
    lines += [
        "",
        f"best ridge: {ridge.min():.5g} at --rounds 1 --epsilon {100 * ridge_at:.3g}%"
        f"{gamma(width)}",
        f"best chain: {chain.min():.5g} at --rounds {best[2] + 1} --epsilon {100 * chain_at:.3g}%"
        f"{gamma(best[0])}",
        f"Squared error on held-out rows: tuned ridge {errors[0]:.5g}, tuned chain "
        f"{errors[1]:.5g}. The chain has more than one round in {many} of {len(folds)} folds.",
        "",
        numbers["verdict"],
    ]
    return "\n".join(lines)


def _figure(numbers: dict[str, Any]) -> Any:
    from sdtheory.plotting import INK, canvas, round_style

    ridge, chain = np.array(numbers["ridge scores"]), np.array(numbers["chain scores"])
    figure, ((left, right),) = canvas(1, 2, height=3.6)
    rounds = chain.shape[2]
    for t in range(rounds):
        style: dict[str, Any] = round_style(t, rounds)
        label = f"rounds: {t + 1}" if t in (0, rounds - 1) else None
        left.plot(numbers["chain tolerances"], chain[..., t].min(axis=0), label=label, **style)
    left.plot(numbers["ridge tolerances"], ridge.min(axis=0), color=INK, linewidth=1, label="ridge")
    left.set(xscale="log", xlabel="tolerance, share of the labels", ylabel="cross-validated error")
    left.legend(frameon=False, fontsize="small")
    errors = np.array(numbers["outer errors"])
    gains = 100 * (errors[:, 0] - errors[:, 1]) / np.mean(errors[:, 0])
    right.plot(gains, np.arange(len(gains)), "o", color=INK, markersize=4, label="outer fold")
    right.axvspan(*(100 * np.array(numbers["interval"])), alpha=0.2, color=INK, linewidth=0)
    right.axvline(100 * numbers["gain"], color=INK, label="mean and 95 % interval")
    right.axvline(0, color=INK, linewidth=1, linestyle=":")
    right.set(xlabel="gain of tuned chains, %", yticks=[])
    right.legend(frameon=False, fontsize="small")
    return figure
