"""Read the files of tables: text with a delimiter, and Parquet."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vademecum._core.errors import InputError

from ._cells import Column, column, number_column, text_column
from ._memory import require

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")

_BYTES_PER_BYTE = 10
"""Memory taken for each byte of a text file while it is read: every cell is a Python string for a while."""


@dataclass(frozen=True)
class Rows:
    """A table as it stands in its file.

    Attributes:
        columns: each of N cells.
        rows: N row numbers: lines of a text file, counted from 1; rows of a Parquet file.
        notes: how the file had to be read.
    """

    columns: tuple[Column, ...]
    rows: tuple[int, ...]
    notes: tuple[str, ...]


def read(path: Path) -> Rows:
    """Read a table.

    Args:
        path: its ending tells the format.

    Returns:
        The columns, each with its meaning.

    Raises:
        InputError: the file cannot be read as a table.
    """
    if not path.is_file():
        raise InputError(f"the table must be a file: there is none at {str(path)!r}; correct the path.")
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return _read_parquet(path)
    return _read_text(path)


def _read_text(path: Path) -> Rows:
    require(
        _BYTES_PER_BYTE * path.stat().st_size,
        str(path),
        "save it as Parquet, which is read with less, or take fewer rows",
    )
    text = _decode(path)
    delimiter = _delimiter(text, "\t" if path.suffix.lower() in {".tsv", ".tab"} else ",")
    notes = []
    if delimiter != {".csv": ",", ".tsv": "\t", ".tab": "\t"}.get(path.suffix.lower()):
        notes.append(f"The columns are separated by a {DELIMITERS[delimiter]}.")
    records = _records(text, delimiter, path)
    try:
        _, header = next(records)
    except StopIteration:
        raise InputError(f"the table must have a line of column names and rows: {path} is empty.") from None
    names, more = _names(header, path)
    notes += more
    rows: list[int] = []
    cells: list[list[str]] = [[] for _ in names]
    for line, record in records:
        if len(record) != len(names):
            raise InputError(
                f"every row must have as many cells as the header: {path} row {line} has {len(record)}, the "
                f"header {len(names)}; correct the row, and put quotes around cells that hold a "
                f"{DELIMITERS[delimiter]}."
            )
        rows.append(line)
        for place, cell in zip(cells, record):
            place.append(cell)
    if not rows:
        raise InputError(f"the table must have rows: {path} has only the line of column names.")
    columns = tuple(column(name, place, rows) for name, place in zip(names, cells))
    return Rows(columns, tuple(rows), (*notes, *(found.note for found in columns if found.note)))


def _decode(path: Path) -> str:
    """Bytes to text, UTF-8 with or without a byte order mark."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the table must be readable: {path} is not ({error.strerror}); see to its rights."
        ) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            f"text must be UTF-8: {path} is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {path} > new.csv"
        )
    if b"\0" in raw:
        at = raw.index(b"\0")
        raise InputError(
            f"a text file must hold no NUL byte: {path} has one at byte {at} (row {_row(raw, at)}); it is "
            "damaged or no text file, so save it again as CSV."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
        raise InputError(
            f"text must be UTF-8: {path} has the byte 0x{raw[at]:02x} at byte {at} (row {_row(raw, at)}); "
            f"convert it, for instance: iconv -f WINDOWS-1252 -t UTF-8 {path} > new.csv"
        ) from None


def _row(raw: bytes, at: int) -> int:
    """The line on which a byte stands."""
    return raw.count(b"\n", 0, at) + 1


def _delimiter(text: str, usual: str) -> str:
    """The delimiter that cuts the first lines into the most columns, the same number in each."""

    def fields(delimiter: str) -> tuple[bool, int]:
        try:
            lines = list(
                islice(csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True), 20)
            )
        except csv.Error:
            return False, 0
        counts = [len(line) for line in lines if line]
        header = counts[0] if counts else 0
        return header > 1 and len(set(counts)) == 1, header

    return max((usual, *(d for d in DELIMITERS if d != usual)), key=fields)


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Walk over the rows that are not blank, with the line on which each begins."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line = 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record) or len(record) > 1:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error) or "field larger" in str(error):
            raise InputError(
                f"every quote must be closed: in {path} a quoted cell begins in row {line} and does not "
                "end; close it, or double the quotes inside a quoted cell."
            ) from None
        raise InputError(
            f"the file must be a table: {path} row {line} cannot be read ({error}); correct the row."
        ) from None


def _names(header: Sequence[str], path: Path) -> tuple[list[str], list[str]]:
    """The names of the columns, and a note where one had none."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(header, 1)]
    if all(re.fullmatch(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?", name) for name in names):
        raise InputError(
            f"the first line must hold the names of the columns: in {path} it holds numbers "
            f"({', '.join(names[:5])}); add a line of names."
        )
    _refuse_twins(names, path)
    return names, [
        f"Column {i} has no name and is called {n!r}."
        for i, (h, n) in enumerate(zip(header, names), 1)
        if not h.strip()
    ]


def _refuse_twins(names: Sequence[str], path: Path) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(
            f"every column must have its own name: {path} has {', '.join(map(repr, twins))} more than once; "
            "rename them."
        )


def _read_parquet(path: Path) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(
            f"reading Parquet needs pyarrow: it is not installed, and {path} is Parquet; pip install "
            "'vademecum[parquet]'"
        ) from None
    try:
        found = parquet.ParquetFile(path)
        names = found.schema_arrow.names
        _refuse_twins(names, path)
        require(16 * found.metadata.num_rows * max(len(names), 1), str(path), "take fewer rows or columns")
        content = found.read()
    except (ArrowException, OSError) as error:
        raise InputError(
            f"the file must be Parquet: {path} cannot be read ({error}); save it again."
        ) from None
    if content.num_rows == 0 or not names:
        raise InputError(
            f"the table must have rows: {path} has {content.num_rows} rows and {len(names)} columns."
        )
    rows = tuple(range(1, content.num_rows + 1))
    return Rows(tuple(_from_arrow(name, content.column(name), rows, path) for name in names), rows, ())


def _from_arrow(name: str, values: Any, rows: Sequence[int], path: Path) -> Column:
    """The column that an Arrow array holds: its type says what it means."""
    from pyarrow import types

    kind = values.type.value_type if types.is_dictionary(values.type) else values.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = (
            values.cast(kind).cast("float64", safe=False).to_numpy().copy()
        )  # Arrow's own memory is read-only
        return number_column(name, numbers, rows, whole=types.is_integer(kind))
    if types.is_boolean(kind):
        return text_column(name, [None if value is None else str(value) for value in values.to_pylist()])
    if types.is_string(kind) or types.is_large_string(kind):
        return text_column(name, values.to_pylist())
    if types.is_date(kind) or types.is_timestamp(kind):
        return text_column(
            name, [None if value is None else value.isoformat() for value in values.to_pylist()]
        )
    if types.is_null(kind):
        return number_column(name, np.full(len(rows), np.nan), rows, whole=False)
    raise InputError(
        f"a column must hold numbers, text, truth values or dates: column {name!r} of {path} holds {kind}; "
        "turn it into columns of numbers or remove it."
    )
