"""Fitted models as files that hold data only.

A model file is a NumPy archive (npz) of numeric arrays and one JSON text: the
parameters of the estimator, and what `fit` sets. It is read without pickle, so opening
one runs no code, and the size of the file bounds the memory that this takes. `load`
refuses a file that is damaged, as the archive's checksums show, or whose model cannot
predict. It does not detect a forged file.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.estimator import SelfDistilledKernelRidge
from sdtheory.files import replacing
from sdtheory.kernels import GREENS_FUNCTIONS
from sdtheory.validation import Array, InvalidInputError, as_real_array

FORMAT = "sdtheory model"
VERSION = 4

_MANIFEST = "manifest"
#: What is not kept: a parameter of the machine, and names that scaled arrays do not have.
_LEFT_OUT = ("memory", "feature_names_in_")


@dataclass(frozen=True)
class Model:
    """A fitted estimator, with the names and the scaling of its columns.

    Attributes
    ----------
    estimator : SelfDistilledKernelRidge
        Fitted on ``(x - shift) / scale``.
    inputs : tuple of str
        Names of the p input columns.
    targets : tuple of str
        Names of the q label columns.
    shift, scale : ndarray of shape (p,)
        Subtracted from, and divided out of, the input columns.
    """

    estimator: SelfDistilledKernelRidge
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    shift: Array
    scale: Array

    def predict(self, x: ArrayLike) -> Array:
        """Evaluate the fit.

        Parameters
        ----------
        x : array_like of shape (m, p)
            Columns in the order of `inputs`.

        Returns
        -------
        ndarray of shape (m, q)
        """
        return self.estimator.predict(self._scaled(x)).reshape(-1, len(self.targets))

    def staged_predict(self, x: ArrayLike) -> Array:
        """Evaluate the fit of every round.

        Parameters
        ----------
        x : array_like of shape (m, p)

        Returns
        -------
        ndarray of shape (T, m, q)
        """
        q = len(self.targets)
        scaled = self._scaled(x)
        stages = [f.reshape(-1, q) for f in self.estimator.staged_predict(scaled)]
        return np.array(stages).reshape(-1, len(scaled), q)

    def _scaled(self, x: ArrayLike) -> Array:
        values = as_real_array(x, "x", ndim=(2,))
        if values.shape[1] != len(self.shift):
            raise InvalidInputError(
                f"x has shape {values.shape}. Pass one column for each input of the model: "
                f"{', '.join(self.inputs)}."
            )
        return (values - self.shift) / self.scale


def save(model: Model, path: Path) -> None:
    """Write a model, whole or not at all.

    Parameters
    ----------
    model : Model
        Fitted.
    path : Path
        An existing file is replaced.

    Raises
    ------
    InvalidInputError
        If the estimator has another class, or holds what is not data, or the file
        cannot be written.
    """
    estimator = model.estimator
    if type(estimator) is not SelfDistilledKernelRidge or not hasattr(estimator, "dual_coef_"):
        raise InvalidInputError(
            f"a model file holds a fitted SelfDistilledKernelRidge, but the estimator is "
            f"{estimator!r}. Fit it. Write another kind with joblib, as a pickle; load it only if "
            f"you trust its origin."
        )
    given = estimator.get_params(deep=False)
    state = {k: v for k, v in vars(estimator).items() if k.endswith("_") and k not in _LEFT_OUT}
    arrays = {k: v for k, v in state.items() if isinstance(v, np.ndarray)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "parameters": {k: v for k, v in given.items() if k not in _LEFT_OUT},
        "fitted": {k: v for k, v in state.items() if k not in arrays},
        "inputs": model.inputs,
        "targets": model.targets,
    }
    arrays |= {"shift": model.shift, "scale": model.scale}
    arrays = {name: np.asarray(value, "<f8") for name, value in arrays.items()}
    arrays[_MANIFEST] = np.frombuffer(json.dumps(manifest, default=_plain).encode(), np.uint8)
    with replacing(path) as partial, partial.open("wb") as target:
        np.savez(target, **arrays)  # pyright: ignore[reportArgumentType]


def load(path: Path) -> Model:
    """Read a model.

    Parameters
    ----------
    path : Path
        File that `save` wrote.

    Returns
    -------
    Model

    Raises
    ------
    InvalidInputError
        If the file cannot be read, is not a model, was altered, or was written
        by an unknown version.
    """
    try:
        with path.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            with zipfile.ZipFile(source) as archive:
                return _read(archive, size)
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}). Name a file that `sdtheory fit "
            f"--save` wrote."
        ) from error
    except Exception as error:  # whatever zip, npy and JSON make of arbitrary bytes
        raise InvalidInputError(
            f"{path} is not a model file, or was altered or damaged: {error}. Name a file that "
            f"`sdtheory fit --save` wrote, take another copy of it, or fit the model again."
        ) from error


def _read(archive: zipfile.ZipFile, size: int) -> Model:
    """Read the model, once it is known that its parts are few and no larger than the file."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > size or any(m.compress_type for m in members):
        raise InvalidInputError("its members are compressed, or overlap")
    manifest = json.loads(_array(archive, _MANIFEST, np.dtype("u1")).tobytes())
    found = manifest["format"], manifest["version"]
    if found != (FORMAT, VERSION):
        raise InvalidInputError(
            f"it is of format {found[0]!r}, version {found[1]!r}, but this library reads "
            f"{FORMAT!r}, version {VERSION}"
        )
    names = {member.filename.removesuffix(".npy") for member in members} - {_MANIFEST}
    fitted = manifest["fitted"] | {k: _array(archive, k, np.dtype("<f8")) for k in names}
    shift, scale = (as_real_array(fitted.pop(k), k, ndim=(1,)) for k in ("shift", "scale"))
    parameters = manifest["parameters"]
    if isinstance(parameters["kernel"], dict):
        green = dict(parameters["kernel"])
        kind: Callable[..., Any] = GREENS_FUNCTIONS[green.pop("green")]
        parameters["kernel"] = kind(**green)
    estimator = SelfDistilledKernelRidge(**parameters)
    estimator.check_parameters()
    for name, value in fitted.items():
        if name.startswith("_") or not name.endswith("_"):
            raise InvalidInputError(f"a fitted estimator has no {name!r}")
        setattr(estimator, name, tuple(value) if isinstance(value, list) else value)
    model = Model(estimator, tuple(manifest["inputs"]), tuple(manifest["targets"]), shift, scale)
    misfit = InvalidInputError("its numbers, names and arrays do not fit together")
    # an empty array may claim any length
    if 0 in (*estimator.X_fit_.shape, *estimator.dual_coef_.shape) or (
        not len(estimator.duals_) == len(estimator.multipliers_) == estimator.n_rounds_
    ):
        raise misfit
    # that it predicts shows that its parts fit together
    row = estimator.X_fit_[:1]
    sizes = [fit.size for fit in (estimator.predict(row), *estimator.staged_predict(row))]
    columns = {len(model.inputs), len(shift), len(scale)}
    if sizes != [len(model.targets)] * (estimator.n_rounds_ + 1) or columns != {row.shape[1]}:
        raise misfit
    return model


def _array(archive: zipfile.ZipFile, name: str, kind: np.dtype) -> Any:
    """Return an array of known type, whose member has the right checksum and length."""
    content = io.BytesIO(archive.read(f"{name}.npy"))
    np.lib.format.read_magic(content)
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(content)
    if dtype != kind:
        raise InvalidInputError(f"{name} should hold {kind}, but holds {dtype}")
    values = np.frombuffer(content.read(), kind).reshape(shape, order="F" if by_columns else "C")
    return values.copy("K")


def _plain(value: Any) -> Any:
    """Return in terms of JSON what `json` does not know."""
    for name, kind in GREENS_FUNCTIONS.items():
        if type(value) is kind:
            return {"green": name, **asdict(value)}
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidInputError(
        f"{value!r} cannot stand in a model file, which holds data only. Use dense inputs, and a "
        f"kernel by name or one of this library's. Or write the estimator with joblib, as a "
        f"pickle; load it only if you trust its origin."
    )
