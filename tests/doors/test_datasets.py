"""The paper's example, as the data file holds it."""

from importlib.resources import files

import numpy as np

from sdtheory.datasets import load_example


def test_the_example_is_what_its_provenance_says():
    data = load_example()
    assert np.array_equal(data.x, np.arange(11) / 10)
    assert data.y.shape == data.x.shape
    assert data.epsilon == 0.045
    assert str(data.epsilon) in data.provenance
    for words in ("Mobahi, Farajtabar and Bartlett (2020)", "11 equispaced", "sin(2 pi x)"):
        assert words in data.provenance
    # noise of standard deviation 0.5: its sum of squares is 0.25 chi^2 with 11 degrees of
    # freedom, which lies in [1.8, 33] but for one draw in a thousand; shuffled labels do not
    chi2 = np.sum((data.y - np.sin(2 * np.pi * data.x)) ** 2) / 0.25
    assert 1.8 < chi2 < 33
    assert not np.sum((data.y[::-1] - np.sin(2 * np.pi * data.x)) ** 2) / 0.25 < 33


def test_the_labels_are_those_of_the_file_to_the_last_digit():
    text = files("sdtheory").joinpath("data/mobahi2020_example.csv").read_text(encoding="utf-8")
    header, *rows = text.split()
    data = load_example()
    assert header == "x,y"
    assert [f"{x!r},{y!r}" for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True)] == rows


def test_each_call_returns_arrays_of_its_own():
    load_example().y[:] = 0
    assert np.all(load_example().y != 0)
