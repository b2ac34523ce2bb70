"""Writes files whole or not at all, and refuses to overwrite an input or another output."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sdtheory.validation import InvalidInputError

#: Characters of the name that a partial file keeps: a name has at most 255 bytes.
_KEPT = 40


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a partial file, which replaces ``path`` when the block succeeds.

    An existing file keeps its mode, and keeps its content if the block raises or is interrupted.
    Links are followed. A named pipe or a device is written into.

    Raises
    ------
    InvalidInputError
        If the file cannot be written.
    """
    try:
        with _piped(path) if _is_special(path) else _swapped(path.resolve()) as partial:
            yield partial
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that "
            f"exists and that you may write to."
        ) from error


def check_outputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Refuse, before any work, an output that cannot be written, is an input, or is named twice.

    Both map options, which the message names, to files. None and ``-`` do not count as files.
    """
    seen = {name: path for name, path in inputs.items() if path is not None}
    for name, path in outputs.items():
        if path is None or str(path) == "-":
            continue
        if path.is_dir() or not path.resolve().parent.is_dir():
            what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise InvalidInputError(f"{name} {path}: {what}. Name a file in a folder that exists.")
        for other, known in seen.items():
            if _same(path, known):
                raise InvalidInputError(
                    f"{name} {path} is also {other}. Name another file, or one would be lost."
                )
        seen[name] = path


def _same(a: Path, b: Path) -> bool:
    if a.exists() and b.exists():
        return a.samefile(b)
    return a.resolve() == b.resolve()


def _is_special(path: Path) -> bool:
    # the standard streams, among others: behind /dev/stdout there may be any file
    return path.absolute().parts[:2] == (os.sep, "dev") or (path.exists() and not path.is_file())


@contextmanager
def _piped(path: Path) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        whole.touch()
        yield whole
        with whole.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)


@contextmanager
def _swapped(path: Path) -> Iterator[Path]:
    before = path.stat() if path.exists() else None
    if before is not None and not os.access(path, os.W_OK):
        raise PermissionError(0, "it is write-protected")
    partial = path.with_name(f".{path.name[:_KEPT]}.{secrets.token_hex(8)}.partial")
    try:
        # private until it has the mode of the file that it replaces
        mode = 0o666 if before is None else 0o600
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        yield partial
        if before is not None:
            if hasattr(os, "chown"):
                with suppress(PermissionError):  # only the superuser gives files away
                    os.chown(partial, before.st_uid, before.st_gid)
            partial.chmod(stat.S_IMODE(before.st_mode))
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
