"""What the plots refuse to draw."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sdtheory import InvalidInputError, plotting

NAN = float("nan")
WRONG = {
    "rows": (lambda _: plotting.canvas(0), "rows must be an integer of at least 1"),
    "round": (lambda _: plotting.round_style(-1, 3), "t must be an integer of at least 0"),
    "data apart": (
        lambda a: plotting.draw_data(a, [1, 2], [1]),
        "y is of length 1, but x of 2",
    ),
    "data NaN": (lambda a: plotting.draw_data(a, [1, NAN], [1, 2]), "x holds 1 NaN"),
    "fit apart": (
        lambda a: plotting.draw_fits(a, [1, 2], [[1, 2], [1]]),
        r"fits\[1\] is of length 1",
    ),
    "infinite": (lambda a: plotting.draw_by_round(a, [1, np.inf], "l"), "values holds 1 NaN"),
    "samples": (lambda a: plotting.draw_band(a, [1, 2], [[1, 2, 3]], "l"), "samples has shape"),
    "axis": (lambda a: plotting.draw_tolerance(a, 0.1, along="z"), "along must be 'x' or 'y'"),
    "level": (lambda a: plotting.draw_band(a, [1], [[1]], "l", level=1), "level must lie between"),
    "geometric": (
        lambda a: plotting.draw_mean(a, [1], [[0], [1]], "l", geometric=True),
        "positive",
    ),
    "nothing to draw": (
        lambda a: plotting.draw_series(a, {"s": ([1], [1])}, line=False, marks=False),
        "line and marks are both False",
    ),
    "series apart": (
        lambda a: plotting.draw_series(a, {"s": ([1, 2], [1])}),
        "y of s is of length 1",
    ),
    "mean of NaN": (lambda a: plotting.draw_mean(a, [1], [[NAN], [1]], "l"), "samples holds 1 NaN"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_drawn_is_refused(case):
    call, message = WRONG[case]
    figure, axes = plt.subplots()
    with pytest.raises(InvalidInputError, match=message):
        call(axes)
    plt.close(figure)


def test_a_band_may_have_gaps():
    figure, axes = plt.subplots()
    plotting.draw_band(axes, [0, 1], [[1.0, 2.0], [NAN, 4.0]], "l")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1.0, 3.0])
    plt.close(figure)


def test_a_geometric_mean_is_that_of_the_logarithms():
    figure, axes = plt.subplots()
    plotting.draw_mean(axes, [1], [[1.0], [100.0]], "l", geometric=True)
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), float), [10.0])
    plt.close(figure)


def test_a_legend_of_all_panels_stands_above_them_on_the_left():
    figure, axes = plotting.canvas(1, 2)
    axes[0, 0].plot([0, 1], [0, 1], label="a line")
    plotting.legend_above(axes[0, 0], panels=True)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box, panels = legend.get_window_extent(), [a.get_window_extent() for a in axes.flat]
    assert box.y0 >= max(panel.y1 for panel in panels)
    assert box.x1 < panels[1].x0
    plt.close(figure)
