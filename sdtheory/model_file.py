"""Fitted models as files that hold data only.

A model file is a NumPy archive (npz) of numeric arrays and one JSON text. It
is read without pickle, so opening one runs no code. `load` accepts only what
`save` writes: exactly these members, types and shapes, each member as long as its
header says. It checks this before it reads an array, so it never needs more
memory than the file's size. The checksum guards against damage, not against
forgery.
"""

from __future__ import annotations

import hashlib
import json
import math
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
from sdtheory.kernels import GREENS_FUNCTIONS, GreensFunction
from sdtheory.validation import Array, InvalidInputError, as_real_array

FORMAT = "sdtheory model"
VERSION = 3

_MANIFEST, _DIGEST = "manifest", "sha256"
#: What a fitted estimator consists of, beside its parameters, and the axes of each array: points,
#: inputs, outputs (which labels in one column lack), rounds and rounds tried.
_ARRAYS = {
    "X_fit_": ("n", "p"),
    "_duals": ("T", "n", "q"),
    "criterion_": ("judged",),
    "criterion_error_": ("judged",),
    "dual_coef_": ("n", "q"),
    "eigenvalues_": ("rank",),
    "c_error_": ("T",),
    "intercept_": ("q",),
    "mixing_": ("mixed",),
    "multipliers_": ("T",),
    "roughness_": ("judged",),
    "shrinkage_": ("T", "rank"),
    "training_loss_": ("T",),
    "tried_loss_": ("tried",),
    "tried_multipliers_": ("tried",),
}
_NUMBERS = {"collapsed_": bool, "epsilon_": float, "fallbacks_": list, "n_features_in_": int,
            "n_rounds_": int, "roughness_bound_": float, "solver_": str}  # fmt: skip
#: Parameters that are of the machine, not of the model.
_LOCAL = ("memory",)
_OWN = {"shift": ("p",), "scale": ("p",)}
_AXES = _ARRAYS | _OWN
_WORDS = ("format", "version", "parameters", "fitted", "inputs", "targets")


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
        An existing file is replaced.

    Raises
    ------
    InvalidInputError
        If the estimator has another class or an unknown kernel, or the file
        cannot be written.
    """
    estimator = model.estimator
    if type(estimator) is not SelfDistilledKernelRidge or not hasattr(estimator, "dual_coef_"):
        raise InvalidInputError(
            f"a model file holds a fitted SelfDistilledKernelRidge, but the estimator is "
            f"{estimator!r}. Fit it. Write another kind with joblib, as a pickle; load it only if "
            f"you trust its origin."
        )
    if not isinstance(estimator.X_fit_, np.ndarray):
        raise InvalidInputError(
            "a model file cannot hold sparse inputs. Fit on a dense matrix, or write the estimator "
            "with joblib."
        )
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "parameters": {k: _plain(k, v) for k, v in _parameters(estimator).items()},
        "fitted": {name: _plain(name, getattr(estimator, name)) for name in _NUMBERS},
        "inputs": list(model.inputs),
        "targets": list(model.targets),
    }
    arrays = {name: np.asarray(getattr(estimator, name), "<f8") for name in _ARRAYS}
    arrays |= {name: np.asarray(getattr(model, name), "<f8") for name in _OWN}
    digest = _digest(arrays, manifest)
    arrays[_MANIFEST] = np.frombuffer(json.dumps(manifest, allow_nan=False).encode(), np.uint8)
    arrays[_DIGEST] = digest
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
    names = sorted(member.filename for member in members)
    expected = sorted(f"{name}.npy" for name in (*_AXES, _MANIFEST, _DIGEST))
    if names != expected:
        raise InvalidInputError(f"its members are {names}, not {expected}")
    arrays = {name: _array(archive, name, np.dtype("<f8")) for name in _AXES}
    digest = _array(archive, _DIGEST, np.dtype("u1"))
    if not np.array_equal(digest, _digest(arrays, manifest)):
        raise InvalidInputError("its checksum does not match its content")
    return _model(arrays, manifest)


def _array(archive: zipfile.ZipFile, name: str, kind: np.dtype) -> Any:
    """Read an array of known type, if its member is as long as its header says."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as content:
        if np.lib.format.read_magic(content) != (1, 0):
            raise InvalidInputError(f"{name} is of another version of NPY")
        shape, _, dtype = np.lib.format.read_array_header_1_0(content)
        length = content.tell() + math.prod(shape) * kind.itemsize
        if dtype != kind or length != member.file_size:
            raise InvalidInputError(
                f"{name} should hold {kind} in {member.file_size} bytes, but holds {dtype} of "
                f"shape {shape}"
            )
        content.seek(0)
        return np.lib.format.read_array(content)


def _model(arrays: dict[str, Any], manifest: dict[str, Any]) -> Model:
    """Put the parts together, if they fit together."""
    words, numbers = manifest["parameters"], manifest["fitted"]
    estimator = SelfDistilledKernelRidge()
    if set(manifest) != set(_WORDS) or set(words) != set(_parameters(estimator)):
        raise InvalidInputError("its manifest has other keys than a model's")
    estimator.set_params(**{name: _parameter(name, value) for name, value in words.items()})
    estimator.check_parameters()
    sizes = {"p": len(manifest["inputs"])}
    if set(numbers) != set(_NUMBERS):
        raise InvalidInputError("its numbers are not those of a model")
    for name, kind in _NUMBERS.items():
        value = numbers[name]
        if type(value) is not kind and not (kind is float and value is None):
            raise InvalidInputError(f"{name} is {value!r}")
        value = tuple(map(str, value)) if isinstance(value, list) else value
        setattr(estimator, name, float("nan") if value is None else value)
    for name in ("inputs", "targets"):
        if not all(isinstance(word, str) for word in manifest[name]):
            raise InvalidInputError(f"{name} are {manifest[name]!r}")
    for name, axes in _AXES.items():
        shape = arrays[name].shape
        # labels in one column have no axis of outputs
        named = axes[: len(shape)] if axes[-1] == "q" else axes
        # an error that is not known is infinite
        unknown = (arrays[name] == np.inf) & (name == "c_error_")
        if len(named) != len(shape) or not np.all(np.isfinite(arrays[name]) | unknown):
            raise InvalidInputError(f"{name} has shape {shape}, or is not finite")
        pairs = zip(named, shape, strict=True)
        if not all(sizes.setdefault(axis, length) == length for axis, length in pairs):
            raise InvalidInputError(f"{name} has shape {shape}, which does not fit the others")
    if (sizes["T"], sizes["p"]) != (numbers["n_rounds_"], numbers["n_features_in_"]) or (
        sizes.get("q", 1) != len(manifest["targets"])
    ):
        raise InvalidInputError("its numbers and its arrays do not fit together")
    for name in _ARRAYS:
        setattr(estimator, name, arrays[name])
    own = (arrays[name] for name in _OWN)
    return Model(estimator, tuple(manifest["inputs"]), tuple(manifest["targets"]), *own)


def _digest(arrays: dict[str, Any], manifest: dict[str, Any]) -> Any:
    """Return the SHA-256 of the manifest, and of names, types, shapes and contents."""
    state = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        state.update(f"{name}\n{array.dtype.str}\n{array.shape}\n".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(state.digest(), np.uint8)


def _parameters(estimator: SelfDistilledKernelRidge) -> dict[str, Any]:
    given = estimator.get_params(deep=False)
    return {name: value for name, value in given.items() if name not in _LOCAL}


def _plain(name: str, value: Any) -> Any:
    """Return a parameter in terms of JSON."""
    if isinstance(value, GreensFunction):
        for known, kind in GREENS_FUNCTIONS.items():
            if type(value) is kind:
                return {"green": known, **{k: _plain(k, v) for k, v in asdict(value).items()}}
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, dict):
        value = {k: _plain(f"{name}[{k!r}]", v) for k, v in value.items()}
    if isinstance(value, float) and np.isnan(value):
        return None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} = {value!r} cannot stand in a model file, which holds data only. Use a "
            f"kernel by name or one of this library's. Or write the estimator with joblib, as a "
            f"pickle; load it only if you trust its origin."
        ) from error
    return value


def _parameter(name: str, value: Any) -> Any:
    if name == "kernel" and isinstance(value, dict):
        kind: Callable[..., Any] = GREENS_FUNCTIONS[value["green"]]
        return kind(**{k: v for k, v in value.items() if k != "green"})
    return value
