"""Fitted models as files that hold data only.

A model file is a NumPy archive (npz) of numeric arrays and one JSON text. It
is read without pickle, so that opening one runs no code; a file that was
altered, or written by an unknown version, is refused. The checksum guards
against damage, not against forgery.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.estimator import SelfDistilledKernelRidge
from sdtheory.files import replacing
from sdtheory.kernels import GREENS_FUNCTIONS, GreensFunction
from sdtheory.validation import Array, InvalidInputError, as_real_array

FORMAT = "sdtheory model"
VERSION = 1

_MANIFEST, _DIGEST = "manifest", "sha256"
#: What a fitted estimator consists of, beside its parameters.
_ARRAYS = (
    "X_fit_",
    "_duals",
    "criterion_",
    "dual_coef_",
    "eigenvalues_",
    "multipliers_",
    "shrinkage_",
    "training_loss_",
)
_NUMBERS = ("collapsed_", "epsilon_", "n_features_in_", "n_rounds_")
_OWN = ("shift", "scale", "centre")


@dataclass(frozen=True)
class Model:
    """A fitted estimator, with what was done to the columns before it was fitted.

    Attributes
    ----------
    estimator : SelfDistilledKernelRidge
        Fitted on ``(x - shift) / scale`` and ``y - centre``.
    inputs : tuple of str
        Names of the p input columns.
    targets : tuple of str
        Names of the q label columns.
    shift, scale : ndarray of shape (p,)
        Of the inputs.
    centre : ndarray of shape (q,)
        Of the labels.
    """

    estimator: SelfDistilledKernelRidge
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    shift: Array
    scale: Array
    centre: Array

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
        return self.estimator.predict(self._scaled(x)).reshape(-1, len(self.centre)) + self.centre

    def staged_predict(self, x: ArrayLike) -> Array:
        """Evaluate the fit of every round.

        Parameters
        ----------
        x : array_like of shape (m, p)

        Returns
        -------
        ndarray of shape (T, m, q)
        """
        q = len(self.centre)
        scaled = self._scaled(x)
        stages = [f.reshape(-1, q) for f in self.estimator.staged_predict(scaled)]
        return np.array(stages).reshape(-1, len(scaled), q) + self.centre

    def _scaled(self, x: ArrayLike) -> Array:
        values = as_real_array(x, "x", ndim=(2,))
        if values.shape[1] != len(self.shift):
            raise InvalidInputError(
                f"x has {values.shape[1]} column(s), but the model has {len(self.shift)}: "
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
        Replaced if it is there.

    Raises
    ------
    InvalidInputError
        If the estimator is of another class, holds a kernel that is neither a
        name nor one of this library's, or the file cannot be written.
    """
    estimator = model.estimator
    if type(estimator) is not SelfDistilledKernelRidge or not hasattr(estimator, "dual_coef_"):
        raise InvalidInputError(
            f"a model file holds a fitted SelfDistilledKernelRidge, but the estimator is "
            f"{estimator!r}. Fit it, or write another kind with joblib (a pickle: load it only "
            f"where you trust its origin)."
        )
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "parameters": {k: _plain(k, v) for k, v in estimator.get_params(deep=False).items()},
        "fitted": {name: _plain(name, getattr(estimator, name)) for name in _NUMBERS},
        "inputs": list(model.inputs),
        "targets": list(model.targets),
    }
    arrays = {name: np.asarray(getattr(estimator, name)) for name in _ARRAYS}
    arrays |= {name: np.asarray(getattr(model, name)) for name in _OWN}
    arrays[_MANIFEST] = np.frombuffer(json.dumps(manifest, allow_nan=False).encode(), np.uint8)
    arrays[_DIGEST] = _digest(arrays)
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
        If the file cannot be read, is no model, was altered, or was written
        by an unknown version.
    """
    arrays = _read(path)
    digest = arrays.pop(_DIGEST, None)
    manifest = _manifest(path, arrays)
    if digest is None or not np.array_equal(digest, _digest(arrays)):
        raise InvalidInputError(
            f"{path} was altered or damaged: its checksum does not match its content. Fit the "
            f"model again, or take another copy of the file."
        )
    parameters = {k: _parameter(k, v) for k, v in manifest["parameters"].items()}
    estimator = SelfDistilledKernelRidge(**parameters)
    for name in _NUMBERS:
        value = manifest["fitted"][name]
        setattr(estimator, name, float("nan") if value is None else value)
    for name in _ARRAYS:
        setattr(estimator, name, arrays[name])
    return Model(
        estimator,
        tuple(manifest["inputs"]),
        tuple(manifest["targets"]),
        *(arrays[name] for name in _OWN),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}). Name a file that `sdtheory fit "
            f"--save` wrote."
        ) from error
    except Exception as error:  # whatever zip, zlib and npy make of arbitrary bytes
        raise InvalidInputError(
            f"{path} is not a model file, or is damaged ({error}). Name a file that `sdtheory fit "
            f"--save` wrote."
        ) from error


def _manifest(path: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    try:
        manifest = json.loads(arrays[_MANIFEST].tobytes())
        found = manifest["format"], manifest["version"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            f"{path} is not a model file, or is damaged: it has no manifest. Name a file that "
            f"`sdtheory fit --save` wrote."
        ) from error
    if found != (FORMAT, VERSION):
        raise InvalidInputError(
            f"{path} is of format {found[0]!r}, version {found[1]!r}, but this library reads "
            f"{FORMAT!r}, version {VERSION}. Upgrade sdtheory, or fit the model again."
        )
    return manifest


def _digest(arrays: dict[str, Any]) -> Any:
    """Return the SHA-256 of names, types, shapes and contents."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        state.update(f"{name}\n{array.dtype.str}\n{array.shape}\n".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(state.digest(), np.uint8)


def _plain(name: str, value: Any) -> Any:
    """Return a parameter in terms of JSON."""
    if isinstance(value, GreensFunction):
        for known, kind in GREENS_FUNCTIONS.items():
            if type(value) is kind:
                return {"green": known, **asdict(value)}
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float) and np.isnan(value):
        return None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} = {value!r} cannot stand in a model file, which holds data only. Use a "
            f"kernel by name or one of this library's, or write the estimator with joblib (a "
            f"pickle: load it only where you trust its origin)."
        ) from error
    return value


def _parameter(name: str, value: Any) -> Any:
    if name == "kernel" and isinstance(value, dict):
        kind: Callable[..., Any] = GREENS_FUNCTIONS[value["green"]]
        return kind(**{k: v for k, v in value.items() if k != "green"})
    return value
