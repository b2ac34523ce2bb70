"""What a kernel sees of the reader's machine: places and the processor, and no settings."""

import os

from sdtheory.book.kernel import ENVIRONMENT, isolated


def test_settings_stay_outside_and_the_rest_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("SOME_PLACE", "here")
    foreign = ("PYTHONPATH", "JAX_ENABLE_X64", "MATPLOTLIBRC", "LANGUAGE", "OPENBLAS_VERBOSE")
    for name in foreign:
        monkeypatch.setenv(name, "1")
    before = dict(os.environ)
    with isolated(tmp_path):
        inside = dict(os.environ)
    assert dict(os.environ) == before
    assert not set(foreign) & set(inside)
    assert ENVIRONMENT.items() <= inside.items()
    assert inside["PATH"] == before["PATH"]
    assert (inside["SOME_PLACE"], inside["OPENBLAS_CORETYPE"]) == ("here", "Haswell")
