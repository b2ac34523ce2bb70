"""Plots of a distillation: fits, levels and losses by round.

Each function draws into given axes and returns nothing; it refuses data that it
cannot draw as meant. A round has the same colour and line style in every plot, from a
colour-blind-safe sequence that stays ordered in grey print. Bounds have the colour
`BOUND`, the parameters of a page the colour `CHOSEN`, and gradient flow the colour `FLOW`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import scipy
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from sdtheory.validation import Array, InvalidInputError, as_integer, as_number, as_real_array

_DASHES = ("-", (0, (6, 1.5)), (0, (3, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_MARKERS = "osD^vP"
# of the colour map, so that lines keep a contrast of about 3:1 with a white page
_LIGHTEST = 0.6
#: Points at which a curve is evaluated.
_GRID = 300
#: Rounds that a legend names, or an axis, at most.
_NAMED = 6
#: Colour of data, of reference lines and, dotted, of the true function.
INK = "0.25"
#: Colour of bounds and guarantees.
BOUND = "tab:orange"
#: Colour of what a page's parameters choose: its tolerance, and its chain among other filters.
CHOSEN = "tab:red"
#: Colour of gradient flow; a single round, against which it is compared, has `INK`.
FLOW = "tab:purple"


def canvas(
    rows: int = 1, columns: int = 1, *, height: float = 3.6, **layout: Any
) -> tuple[Figure, Array]:
    """Return a figure in the book's style and its axes, shape (rows, columns).

    Parameters
    ----------
    rows, columns : int
        Grid of panels.
    height : float
        Height of one row in inches; the width is the page's.
    **layout
        Passed to `matplotlib.pyplot.subplots`.
    """
    as_integer(rows, "rows")
    as_integer(columns, "columns")
    with sns.axes_style("ticks"), sns.plotting_context("notebook", font_scale=0.9):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(7.4, height * rows),
            squeeze=False,
            layout="constrained",
            **layout,
        )
    for panel in axes.flat:
        sns.despine(ax=panel)
    return figure, axes


def round_style(t: int, rounds: int, **changes: Any) -> dict[str, Any]:
    """Return colour, line style and marker of round t among ``rounds``, with changes."""
    as_integer(t, "t", least=0, remedy="It is the number of a round.")
    return {
        "color": plt.get_cmap("viridis")(_LIGHTEST * t / max(rounds - 1, 1)),
        "linestyle": _DASHES[t % len(_DASHES)],
        "marker": _MARKERS[t % len(_MARKERS)],
    } | changes


def draw_data(axes: Axes, x: ArrayLike, y: ArrayLike) -> None:
    """Draw labelled points."""
    at = _values(x, "x")
    axes.plot(at, _values(y, "y", like=at), "o", color=INK, markersize=6, label="data", zorder=3)


def draw_fits(axes: Axes, x: ArrayLike, fits: Sequence[ArrayLike]) -> None:
    """Draw the fit of each round as a curve.

    Parameters
    ----------
    axes : matplotlib Axes
    x : array_like of shape (m,)
        Where the fits are evaluated, ascending.
    fits : sequence of array_like of shape (m,)
        One for each round.
    """
    at = _values(x, "x")
    for t, fit in enumerate(fits):
        heights = _values(fit, f"fits[{t}]", like=at)
        style = round_style(t, len(fits), marker="")
        axes.plot(at, heights, label=f"round {t}", linewidth=2, **style)


def draw_level(
    axes: Axes,
    value: float,
    label: str = "",
    *,
    along: str = "y",
    far: bool = False,
    under: bool = False,
    color: str = INK,
    linestyle: str = "--",
) -> None:
    """Draw a line at one value of an axis, with its name on it.

    Parameters
    ----------
    axes : matplotlib Axes
    value : float
    label : str
        Written at the line: near the left end, or near the foot.
    along : {"y", "x"}
        The axis on which the value is read.
    far : bool
        Whether the label stands at the other end of the line.
    under : bool
        Whether the label stands below the line, or left of it.
    color, linestyle : str
    """
    at = as_number(value, "value")
    if along not in ("x", "y"):
        raise InvalidInputError(f"along must be 'x' or 'y', but is {along!r}.")
    level = along == "y"
    (axes.axhline if level else axes.axvline)(at, color=color, linestyle=linestyle, linewidth=1.3)
    end = 0.98 if far else 0.02
    across = "right" if (far if level else under) else "left"
    axes.annotate(
        label,
        (end, at) if level else (at, end),
        xycoords=axes.get_yaxis_transform() if level else axes.get_xaxis_transform(),
        xytext=(-3 if across == "right" else 3, -3 if (under if level else far) else 3),
        textcoords="offset points",
        color=color,
        ha=across,
        va="top" if (under if level else far) else "bottom",
        fontsize="small",
    )


def draw_tolerance(axes: Axes, epsilon: float, *, along: str = "y", label: str = "") -> None:
    """Draw the line of a tolerance, or of what plays its part.

    Parameters
    ----------
    axes : matplotlib Axes
    epsilon : float
    along : {"y", "x"}
        The axis on which it is read.
    label : str
        Written on the line: near the left end, or near the foot.
    """
    at = as_number(epsilon, "epsilon")
    draw_level(axes, at, label, along=along, color=CHOSEN, linestyle="-.")


def plain_ticks(axis: Axis) -> None:
    """Name 1, 2 and 5 in every decade of a logarithmic axis as plain numbers.

    Parameters
    ----------
    axis : matplotlib Axis
    """
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def draw_by_round(
    axes: Axes, values: ArrayLike, label: str, *, series: int = 0, of: int = 1
) -> None:
    """Draw one value for each round, joined by a line and labelled at its end.

    Parameters
    ----------
    axes : matplotlib Axes
    values : array_like of shape (T,)
    label : str
        Written beside the last value.
    series, of : int
        Which of how many such series, for the style.
    """
    heights = _values(values, "values", gaps=True) if np.size(values) else np.zeros(0)
    t = np.arange(len(heights))
    axes.plot(t, heights, label=label, linewidth=2, markersize=6, **round_style(series, of))
    if len(heights):
        place: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(label, (t[-1], heights[-1]), fontsize="small", **place)
    axes.set_xticks(t)


def draw_series(
    axes: Axes,
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    line: bool = True,
    marks: bool = True,
) -> None:
    """Draw named curves, each in the style of its place.

    Parameters
    ----------
    axes : matplotlib Axes
    series : mapping of str to pair of array_like of shape (m,)
        Name in the legend, and the two coordinates; NaN where there is no value.
    line, marks : bool
        Whether to join the points, and whether to mark them.
    """
    if not (line or marks):
        raise InvalidInputError("line and marks are both False. Pass True for one of them.")
    for k, (name, (x, y)) in enumerate(series.items()):
        hidden = ({} if line else {"linestyle": ""}) | ({} if marks else {"marker": ""})
        at = _values(x, f"x of {name}")
        heights = _values(y, f"y of {name}", like=at, gaps=True)
        style = round_style(k, len(series), **hidden)
        axes.plot(at, heights, label=name, linewidth=2, markersize=5, **style)


def legend_above(axes: Axes, *, panels: bool = False, **options: Any) -> None:
    """Put the legend above the axes on the left, where a narrow screen shows it.

    Parameters
    ----------
    axes : matplotlib Axes
    panels : bool
        Whether the legend of these axes stands above all panels of the figure.
    **options
        Passed to `matplotlib.axes.Axes.legend`, or to that of the figure.
    """
    look: dict[str, Any] = {"frameon": False, "alignment": "left", "fontsize": "small", "ncols": 2}
    above_all: dict[str, Any] = {"loc": "outside upper left"}
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
    if panels:
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles, labels, **(look | above_all | options))
    else:
        axes.legend(**(look | above | options))


def draw_band(
    axes: Axes,
    x: ArrayLike,
    samples: ArrayLike,
    label: str,
    *,
    series: int = 0,
    of: int = 1,
    level: float = 0.9,
    color: str = "",
) -> None:
    """Draw the mean over repetitions, in a band that holds most of them.

    Parameters
    ----------
    axes : matplotlib Axes
    x : array_like of shape (m,)
    samples : array_like of shape (s, m)
        One row for each repetition; NaN where it has no value.
    label : str
    series, of : int
        Which of how many such series, for the style.
    level : float
        Share of the repetitions inside the band, which runs between
        quantiles; the rest lies half above and half below.
    color : str
        In place of the series' own, such as `BOUND`.
    """
    at, values = _samples(x, samples, level, gaps=True)
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail], axis=0)
    style = round_style(series, of, **({"color": color} if color else {}))
    axes.fill_between(at, low, high, color=style["color"], alpha=0.18, linewidth=0)
    axes.plot(at, np.nanmean(values, axis=0), label=label, linewidth=2, **style)


def draw_mean(
    axes: Axes,
    x: ArrayLike,
    samples: ArrayLike,
    label: str,
    *,
    series: int = 0,
    of: int = 1,
    level: float = 0.95,
    geometric: bool = False,
) -> None:
    """Draw the mean over repetitions, with the Student interval of that mean as bars.

    Parameters
    ----------
    axes : matplotlib Axes
    x : array_like of shape (m,)
    samples : array_like of shape (s, m)
        One row for each repetition; a single one has no bars.
    label : str
    series, of : int
        Which of how many such series, for the style.
    level : float
    geometric : bool
        Whether to take mean and interval of the logarithms, for a logarithmic axis.
    """
    at, values = _samples(x, samples, level)
    if geometric and not np.all(values > 0):
        raise InvalidInputError("samples must be positive for a geometric mean.")
    values = np.log(values) if geometric else values
    mean, half = values.mean(axis=0), np.zeros(values.shape[1])
    if len(values) > 1:
        quantile = scipy.stats.t.ppf((1 + level) / 2, len(values) - 1)
        half = quantile * scipy.stats.sem(values, axis=0)
    ends = np.stack([mean - half, mean, mean + half])
    low, middle, high = np.exp(ends) if geometric else ends
    bars = np.stack([middle - low, high - middle])
    axes.errorbar(
        at, middle, yerr=bars, label=label, capsize=2, markersize=4, **round_style(series, of)
    )


def _values(value: Any, name: str, *, like: Array | None = None, gaps: bool = False) -> Array:
    """Return a row of numbers, as many as there are of x; NaN only where gaps may be."""
    array = np.asarray(value)
    missing = np.isnan(array) if gaps and array.dtype.kind == "f" else False
    numbers = as_real_array(np.where(missing, 0.0, array) if gaps else array, name, ndim=(1, 2))
    if like is not None and numbers.size != like.size:
        raise InvalidInputError(
            f"{name} is of length {numbers.size}, but x of {like.size}. Pass as many of both."
        )
    return np.ravel(np.where(missing, np.nan, numbers))


def _samples(x: Any, samples: Any, level: Any, *, gaps: bool = False) -> tuple[Array, Array]:
    at = _values(x, "x")
    if np.ndim(samples) != 2 or np.shape(samples)[1] != at.size:
        raise InvalidInputError(
            f"samples has shape {np.shape(samples)}, but x is of length {at.size}. Pass one row "
            f"for each repetition, with one column for each value of x."
        )
    if not 0 < as_number(level, "level") < 1:
        raise InvalidInputError(f"level must lie between 0 and 1, but is {level!r}.")
    return at, _values(samples, "samples", gaps=gaps).reshape(np.shape(samples))


@dataclass(frozen=True, eq=False, repr=False)
class DistillationDisplay:
    """A fitted chain in panels: multipliers, B_t over the spectrum, path of the loss, and the data.

    `from_estimator` draws it, as with scikit-learn's displays.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes, shape (3,) or (4,)
    """

    figure_: Figure
    axes_: Array

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        axes: Sequence[Axes] | None = None,
    ) -> DistillationDisplay:
        """Draw a fitted `SelfDistilledKernelRidge`, or the regression of a classifier.

        Parameters
        ----------
        estimator : SelfDistilledKernelRidge or SelfDistilledKernelRidgeClassifier
            Fitted.
        X : array_like of shape (n, p), optional
            Inputs. With them there is a panel more: the fits over the data where
            p = 1, else the last fit against the labels.
        y : array_like of shape (n,), optional
            Labels at X.
        axes : sequence of matplotlib Axes, optional
            Where to draw, three, or four with data; a new figure by default.

        Returns
        -------
        DistillationDisplay

        Raises
        ------
        InvalidInputError
            If the estimator is not a fitted one of these, or X and y do not fit
            together.
        """
        fitted = getattr(estimator, "regressor_", estimator)
        if not hasattr(fitted, "multipliers_"):
            raise InvalidInputError(
                f"estimator has no multipliers_: {estimator!r}. Pass a fitted "
                f"SelfDistilledKernelRidge."
            )
        with_data = X is not None and y is not None
        count = 4 if with_data else 3
        if axes is None:
            figure, grid = canvas(2, 2) if with_data else canvas(1, 3, height=3.2)
        elif len(axes) != count:
            raise InvalidInputError(f"axes must be {count}, but are {len(axes)}.")
        else:
            figure, grid = cast(Figure, axes[0].get_figure()), np.array(axes)
        panels = grid.ravel()
        if with_data:
            inputs = as_real_array(cast(Any, X), "X", ndim=(2,))
            labels = _values(y, "y", like=inputs[:, 0])
            _draw_data(panels[0], inputs, labels, estimator.staged_predict)
        _draw_chain(panels[-3:], fitted)
        return cls(figure, panels)


def _draw_chain(panels: Array, fitted: Any) -> None:
    multipliers, shares, losses = panels
    rounds = fitted.n_rounds_
    draw_by_round(multipliers, fitted.multipliers_, "$c_t$")
    multipliers.set(xlabel="round $t$", ylabel="multiplier")
    positive = fitted.eigenvalues_ > 0
    d = fitted.eigenvalues_[positive]
    for t, B in enumerate(fitted.shrinkage_):
        style = round_style(t, rounds, marker="")
        shares.plot(d, B[positive], label=f"round {t}", **style)
    shares.plot(d, np.zeros(len(d)), "|", color=INK, clip_on=False)
    shares.set(xlabel="eigenvalue of $G$", ylabel="diagonal entry of $B_t$", ylim=(0, 1.02))
    if len(d):
        shares.set_xscale("log")
    if 0 < rounds <= _NAMED:
        shares.legend(frameon=False, fontsize="small")
    criterion = {"gcv": "GCV", "loo": "leave-one-out"}[fitted.criterion]
    draw_by_round(losses, fitted.training_loss_, "loss", series=0, of=2)
    draw_by_round(losses, fitted.criterion_, criterion, series=1, of=2)
    losses.set(xlabel="round $t$", ylabel="mean squared error", ylim=(0, None))
    if rounds:
        multipliers.set_yscale("log")
        losses.axvline(rounds - 1, color=INK, linewidth=1, linestyle=":")
    for panel, values in ((multipliers, fitted.multipliers_), (losses, fitted.criterion_)):
        if len(values) > _NAMED:
            panel.xaxis.set_major_locator(MaxNLocator(_NAMED, integer=True))
        panel.set_xlim(-0.5, max(len(values) - 0.5, 0.5))


def _draw_data(panel: Axes, X: Array, y: Array, fits: Callable[[Array], Any]) -> None:
    if X.shape[1] == 1:
        grid = np.linspace(X.min(), X.max(), _GRID)
        drawn = list(fits(grid[:, None]))
        draw_data(panel, X, y)
        draw_fits(panel, grid, drawn)
        panel.set(xlabel="input", ylabel="label")
        if len(drawn) <= _NAMED:
            panel.legend(frameon=False, fontsize="small")
    else:
        ends = [y.min(), y.max()]
        panel.plot(ends, ends, color=INK, linewidth=1, linestyle=":")
        for fit in list(fits(X))[-1:]:
            panel.plot(y, fit, "o", color=INK, markersize=4, alpha=0.6)
        panel.set(xlabel="label", ylabel="last fit")
