"""Tables from CSV, NPY and Parquet files, with errors that name line and column."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import warnings
from array import array
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np

from sdtheory.validation import EXACT, Array, InvalidInputError, counted, inexact

#: Given the names of all columns, and of those that pandas wrote as the rows' index, returns those
#: wanted.
Choice = Callable[[tuple[str, ...], tuple[str, ...]], Sequence[str]]

_DELIMITERS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_SHOWN = 20
#: What pandas calls the index in a CSV file, which it writes first, and on reading it back.
_INDEX = ("", "Unnamed: 0")


def read(
    path: Path, choose: Choice, *, delimiter: str | None = None, most_rows: int | None = None
) -> Array:
    """Return finite numbers of shape (rows, columns), with the columns in the order of the choice.

    The file is CSV with a header line in UTF-8 (.csv, .tsv, .txt), a two-dimensional array (.npy,
    whose columns are called 0, 1, ...), or Parquet. More than `most_rows` are refused as soon as
    they are met; each refusal tells where in the file, and what to do.
    """
    suffix = path.suffix.lower()
    if delimiter is not None and len(delimiter) != 1:
        raise InvalidInputError(f"--delimiter must be one character, but is {delimiter!r}.")
    try:
        if suffix == ".npy":
            return _read_npy(path, choose, most_rows)
        if suffix in (".parquet", ".pq"):
            return _read_parquet(path, choose, most_rows)
        if suffix in _DELIMITERS:
            return _read_csv(path, choose, delimiter or _DELIMITERS[suffix], most_rows)
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}). Name a file that exists and that "
            f"you may read."
        ) from error
    raise InvalidInputError(
        f"{path}: the suffix {suffix!r} does not tell the format. Name a .csv, .tsv, .txt, .npy or "
        f".parquet file."
    )


def match(names: Sequence[str], columns: Sequence[str], option: str) -> None:
    """Refuse names that are not among the columns, or ambiguous there, with near matches."""
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
            f"{path} has more than {most_rows} rows, the limit here. Pass --sample N to use N rows "
            f"drawn at random. `sdtheory fit` takes up to a million rows if --epsilon is a number "
            f"or a share such as 0.1variance."
        )


def _read_csv(path: Path, choose: Choice, delimiter: str, most_rows: int | None) -> Array:
    from tqdm import tqdm

    shown: Any = {"desc": path.name, "disable": None, "delay": 1, "leave": False}
    with (
        path.open("rb", buffering=0) as raw,
        tqdm.wrapattr(raw, "read", total=path.stat().st_size, **shown) as watched,
    ):
        lines = io.TextIOWrapper(cast(Any, watched), encoding="utf-8-sig", newline="")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            header = tuple(name.strip() for name in next(reader, ()))
            _check_header(path, header, delimiter)
            index = header[:1] if header[0] in _INDEX else ()
            chosen = tuple(choose(header, index))
            places = [(header.index(name), name) for name in chosen]
            numbers = array("d")
            for row in _rows(path, reader, len(header), delimiter):
                for k, name in places:
                    value = _number(row[k])
                    if value is None or not math.isfinite(value) or _rounded(row[k], value):
                        raise InvalidInputError(
                            f"{path}, line {reader.line_num}, column {name!r}: {_unusable(row[k])}"
                        )
                    numbers.append(value)
                if most_rows is not None and len(numbers) > most_rows * len(chosen):
                    _check_count(path, most_rows + 1, most_rows)
        except UnicodeDecodeError as error:
            raise InvalidInputError(_not_utf8(path, error)) from error
        except csv.Error as error:
            raise InvalidInputError(
                f"{path}, line {reader.line_num}: {error}. Check the quotes and the delimiter."
            ) from error
    _check_count(path, len(numbers), None)
    return np.frombuffer(numbers, dtype=float).reshape(-1, len(chosen))


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
                f"{path}, line {reader.line_num}: {counted(len(row), 'cell')}, but the header has "
                f"{cells}. Complete the line, or check the delimiter ({delimiter!r}) and decimal "
                f"commas."
            )
        yield row


def _number(cell: str) -> float | None:
    try:
        # float takes 1_000, which no table means
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _rounded(cell: str, value: float) -> bool:
    """Return whether a float cannot hold this integer."""
    digits = cell.strip().lstrip("+-")
    # a Decimal may have any number of digits, an int of a text not
    return abs(value) >= EXACT and digits.isdecimal() and Decimal(digits) != abs(value)


def _unusable(cell: str) -> str:
    if not cell.strip():
        return "the cell is empty. Fill it, or drop the line."
    value = _number(cell)
    if value is not None:
        if math.isfinite(value):
            return f"a float cannot hold all digits of {cell}. Subtract a constant, or scale it."
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


def _read_npy(path: Path, choose: Choice, most_rows: int | None) -> Array:
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
    chosen = tuple(choose(columns, ()))
    _check_count(path, len(values), most_rows)
    return np.column_stack([_finite(path, k, values[:, columns.index(k)]) for k in chosen])


def _read_parquet(path: Path, choose: Choice, most_rows: int | None) -> Array:
    try:
        from pyarrow import ArrowException, parquet, types  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InvalidInputError(
            f"{path}: Parquet needs pyarrow, which is not installed: pip install pyarrow. Or "
            f"write the table as CSV."
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            of_pandas = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
            # a mere range of rows is described, not stored
            index = [name for name in of_pandas.get("index_columns", []) if isinstance(name, str)]
            chosen = tuple(choose(tuple(schema.names), tuple(index)))
            _check_count(path, file.metadata.num_rows, most_rows)
            table = file.read(columns=list(chosen))
        columns = []
        for name in chosen:
            column = table.column(name)
            kind = column.type
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise InvalidInputError(
                    f"{path}, column {name!r} holds {kind}, not numbers. Convert it to numbers in "
                    f"a unit of your choice, or leave the column out with --inputs."
                )
            if column.null_count:
                row = column.is_null().to_numpy().argmax()
                raise InvalidInputError(
                    f"{path}, row {row}, column {name!r}: the value is missing. Fill it, or drop "
                    f"the row."
                )
            columns.append(_finite(path, name, column.to_numpy()))
    except InvalidInputError:
        raise
    except (ArrowException, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path} is not a Parquet file of columns ({error}).") from error
    return np.column_stack(columns)


def _finite(path: Path, name: str, values: Any) -> Array:
    with np.errstate(over="ignore"):
        numbers = np.asarray(values).astype(float)
    for bad, reason in (
        (~np.isfinite(numbers), "is not finite. Replace it, or drop the row."),
        (inexact(values, numbers), "does not fit a float. Subtract a constant, or scale it."),
    ):
        if np.any(bad):
            row = int(np.argmax(bad))
            raise InvalidInputError(f"{path}, row {row}, column {name!r}: {values[row]} {reason}")
    return numbers
