"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sdtheory.validation import InvalidInputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a partial file, which takes the place of ``path`` when the block succeeds.

    Parameters
    ----------
    path : Path
        A file that is there keeps its content until then, and for good if the
        block raises or is interrupted.

    Yields
    ------
    Path
        In the same folder.

    Raises
    ------
    InvalidInputError
        If the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that "
            f"exists and that you may write to."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
