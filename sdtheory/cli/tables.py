"""Tables from CSV, NPY and Parquet files, with errors that name line and column."""

from __future__ import annotations

import csv
import difflib
import io
import math
import warnings
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sdtheory.validation import Array, InvalidInputError

#: Given the names of all columns, returns those wanted.
Choice = Callable[[tuple[str, ...]], Sequence[str]]

_DELIMITERS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_SHOWN = 20
_LINES_PER_STEP = 50_000


@dataclass(frozen=True)
class Table:
    """Numbers in named columns.

    Attributes
    ----------
    columns : tuple of str
    values : ndarray of shape (rows, columns)
        Finite.
    """

    columns: tuple[str, ...]
    values: Array

    def __getitem__(self, names: Sequence[str]) -> Array:
        return self.values[:, [self.columns.index(name) for name in names]]


def read(
    path: Path, choose: Choice, *, delimiter: str | None = None, most_rows: int | None = None
) -> Table:
    """Read the chosen columns.

    Parameters
    ----------
    path : Path
        CSV with a header line in UTF-8 (.csv, .tsv, .txt), a two-dimensional
        array (.npy, whose columns are called 0, 1, ...), or Parquet.
    choose : callable
        Given all columns' names, returns those wanted.
    delimiter : str, optional
        Between the cells of a CSV file; by default a comma, in .tsv a tab.
    most_rows : int, optional
        More rows than this are an error, found as soon as they are met.

    Returns
    -------
    Table

    Raises
    ------
    InvalidInputError
        If the file cannot be read as such; the message says where and what to
        do.
    """
    suffix = path.suffix.lower()
    if delimiter is not None and len(delimiter) != 1:
        raise InvalidInputError(f"--delimiter must be one character, but is {delimiter!r}.")
    try:
        if suffix == ".npy":
            table = _read_npy(path, choose)
        elif suffix in (".parquet", ".pq"):
            table = _read_parquet(path, choose)
        elif suffix in _DELIMITERS:
            return _read_csv(path, choose, delimiter or _DELIMITERS[suffix], most_rows)
        else:
            raise InvalidInputError(
                f"{path}: the suffix {suffix!r} does not tell the format. Name a .csv, .tsv, .txt, "
                f".npy or .parquet file."
            )
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}). Name a file that exists and that "
            f"you may read."
        ) from error
    _check_count(path, len(table.values), most_rows)
    return table


def match(names: Sequence[str], columns: Sequence[str], option: str) -> None:
    """Refuse names that are not among the columns, or ambiguous there.

    Raises
    ------
    InvalidInputError
        The message lists the columns, and near matches.
    """
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=3)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise InvalidInputError(
                f"{option}: there is no column {name!r}.{hint} Columns: {listed(columns)}."
            )
        if columns.count(name) > 1:
            raise InvalidInputError(
                f"{option}: {columns.count(name)} columns are called {name!r}. Rename them."
            )


def listed(columns: Sequence[str]) -> str:
    """Return the names, cut where they are many."""
    rest = len(columns) - _SHOWN
    return ", ".join(columns[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _check_count(path: Path, rows: int, most_rows: int | None) -> None:
    if not rows:
        raise InvalidInputError(f"{path} has no rows of data. Give it at least one.")
    if most_rows is not None and rows > most_rows:
        raise InvalidInputError(
            f"{path} has more than {most_rows} rows: their kernel matrix would have more than "
            f"{most_rows**2:.0e} entries. Pass --sample N to use N rows drawn at random."
        )


def _read_csv(path: Path, choose: Choice, delimiter: str, most_rows: int | None) -> Table:
    with path.open("rb") as raw, _progress(path) as advance:
        lines = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            header = tuple(name.strip() for name in next(reader, ()))
            _check_header(path, header, delimiter)
            chosen = tuple(choose(header))
            places = [(header.index(name), name) for name in chosen]
            numbers = array("d")
            for row in _rows(path, reader, len(header), delimiter):
                for k, name in places:
                    value = _number(row[k])
                    if value is None or not math.isfinite(value):
                        raise InvalidInputError(
                            f"{path}, line {reader.line_num}, column {name!r}: {_unusable(row[k])}"
                        )
                    numbers.append(value)
                if most_rows is not None and len(numbers) > most_rows * len(chosen):
                    _check_count(path, most_rows + 1, most_rows)
                if reader.line_num % _LINES_PER_STEP == 0:
                    advance(raw)
        except UnicodeDecodeError as error:
            raise InvalidInputError(_not_utf8(path, error)) from error
        except csv.Error as error:
            raise InvalidInputError(
                f"{path}, line {reader.line_num}: {error}. Check the quotes and the delimiter."
            ) from error
    values = np.frombuffer(numbers, dtype=float).reshape(-1, len(chosen)) if numbers else None
    _check_count(path, 0 if values is None else len(values), most_rows)
    assert values is not None
    return Table(chosen, values)


def _check_header(path: Path, header: tuple[str, ...], delimiter: str) -> None:
    if not any(header):
        raise InvalidInputError(
            f"{path} is empty or starts with an empty line. Its first line must name the columns."
        )
    others = [other for other in ",;\t|" if other != delimiter and other in header[0]]
    if len(header) == 1 and others:
        raise InvalidInputError(
            f"{path}: with the delimiter {delimiter!r} there is one column, {header[0]!r}. "
            f"Pass --delimiter {others[0]!r}, if that is what separates the columns."
        )
    if all(_number(name) is not None for name in header):
        raise InvalidInputError(
            f"{path}: the first line holds numbers ({listed(header)}). Put a line above it that "
            f"names the columns."
        )


def _rows(path: Path, reader: Any, cells: int, delimiter: str) -> Iterator[list[str]]:
    for row in reader:
        if not row:  # a blank line
            continue
        if len(row) != cells:
            raise InvalidInputError(
                f"{path}, line {reader.line_num}: {len(row)} cell(s), but the header has {cells}. "
                f"Complete the line, or check the delimiter ({delimiter!r}) and decimal commas."
            )
        yield row


def _number(cell: str) -> float | None:
    try:
        # float takes 1_000, which no table means
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _unusable(cell: str) -> str:
    if not cell.strip():
        return "the cell is empty. Fill it, or drop the line."
    if _number(cell) is not None:
        return f"{cell!r} is not finite. Replace it, or drop the line."
    hint = " Write decimals with a point." if _number(cell.replace(",", ".", 1)) is not None else ""
    return (
        f"{cell[:60]!r} is not a number.{hint} Correct it, or leave the column out with --inputs."
    )


def _not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    with path.open("rb") as raw:
        utf16 = raw.read(2) in (b"\xff\xfe", b"\xfe\xff")
    source = "UTF-16" if utf16 else "LATIN1"
    byte = error.object[error.start]
    return (
        f"{path} is not UTF-8 (byte 0x{byte:02x}). Convert it, for example with "
        f"iconv -f {source} -t UTF-8."
    )


def _read_npy(path: Path, choose: Choice) -> Table:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers by old versions
            values = np.load(path, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # whatever NumPy makes of arbitrary bytes
        raise InvalidInputError(f"{path} is not an NPY file of numbers ({error}).") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "biuf":
        shape = getattr(values, "shape", "several arrays")
        kind = getattr(values, "dtype", "")
        raise InvalidInputError(
            f"{path} must hold a two-dimensional array of real numbers, but holds {kind} {shape}. "
            f"Save np.column_stack of inputs and labels."
        )
    columns = tuple(map(str, range(values.shape[1])))
    chosen = tuple(choose(columns))
    return _finite(path, chosen, values[:, [columns.index(name) for name in chosen]])


def _read_parquet(path: Path, choose: Choice) -> Table:
    try:
        from pyarrow import ArrowException, parquet  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InvalidInputError(
            f"{path}: Parquet needs pyarrow, which is not installed: pip install pyarrow. Or "
            f"write the table as CSV."
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            chosen = tuple(choose(tuple(file.schema_arrow.names)))
            table = file.read(columns=list(chosen))
        columns = [table.column(name).to_numpy().astype(float) for name in chosen]
    except (ArrowException, TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            f"{path} is not a Parquet file with numbers in these columns ({error})."
        ) from error
    return _finite(path, chosen, np.column_stack(columns))


def _finite(path: Path, columns: tuple[str, ...], values: Any) -> Table:
    with np.errstate(over="ignore"):
        numbers = np.array(values, dtype=float)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        raise InvalidInputError(
            f"{path}, row {row}, column {columns[column]!r}: {numbers[row, column]} is not finite. "
            f"Replace it, or drop the row."
        )
    return Table(columns, numbers)


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[BinaryIO], None]]:
    from tqdm import tqdm

    size = path.stat().st_size
    with tqdm(
        total=size, unit="B", unit_scale=True, desc=path.name, disable=None, delay=1, leave=False
    ) as bar:

        def advance(raw: BinaryIO) -> None:
            bar.update(raw.tell() - bar.n)

        yield advance
