"""What a column of cells means: numbers, text or dates."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from vademecum._core.errors import InputError

MISSING = frozenset({"", "na", "nan", "null", "?", "none", "n/a"})
"""Cells that stand for a missing value, in lower case."""

MOSTLY = 0.9
"""Share of a column's values that tells what the column was meant to be."""

_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))"
    r"([T ]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)? ?([AaPp][Mm])? ?(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})?")
_SIGNS = re.compile(r"[$€£¥%,']")


@dataclass(frozen=True)
class Column:
    """One column, its meaning found out.

    Attributes:
        name: as in the file.
        kind: "number", "text" or "date".
        numbers: float64 (N,), NaN where missing; empty unless the kind is "number".
        texts: N cells, None where missing; empty where the kind is "number".
        whole: every number is written without a decimal point.
        note: how the cells had to be read, or "".
    """

    name: str
    kind: str
    numbers: NDArray[np.float64]
    texts: tuple[str | None, ...] = ()
    whole: bool = False
    note: str = ""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(N,) where no value stands."""
        if self.kind == "number":
            return np.isnan(self.numbers)
        return np.array([text is None for text in self.texts])


def number_column(
    name: str, numbers: NDArray[np.float64], rows: Sequence[int], *, whole: bool, note: str = ""
) -> Column:
    """Make a column of numbers.

    Args:
        name: as in the file.
        numbers: (N,) values, NaN where missing.
        rows: N row numbers, for messages.
        whole: the values are integers by type or writing.
        note: how the cells had to be read.

    Returns:
        The column.

    Raises:
        InputError: a value is infinite, or so large that float32 makes it so.
    """
    bad = np.flatnonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if len(bad):
        raise InputError(
            f"numbers must be finite and below 3.4e38: column {name!r} has {numbers[bad[0]]:g} "
            f"{where(bad, rows)}; correct the value or leave the cell empty."
        )
    return Column(name, "number", numbers, whole=whole, note=note)


def text_column(name: str, cells: Sequence[str | None]) -> Column:
    """Make a column of text or of dates.

    Args:
        name: as in the file.
        cells: N values, None where missing.

    Returns:
        The column; its kind is "date" where nine in ten values look like dates.
    """
    texts = tuple(_present(cell) for cell in cells)
    present = [text for text in texts if text is not None]
    dates = sum(1 for text in present if _DATE.fullmatch(text))
    kind = "date" if present and dates >= MOSTLY * len(present) else "text"
    return Column(name, kind, np.empty(0), texts)


def column(name: str, cells: Sequence[str], rows: Sequence[int]) -> Column:
    """Find out what a column of a text file holds.

    Args:
        name: as in the file.
        cells: N cells as written.
        rows: N row numbers, for messages.

    Returns:
        The column.

    Raises:
        InputError: the column is nearly numbers but not quite, so that either reading would be a guess.

    Example:
        >>> column("age", ["31", "NA", "17"], [2, 3, 4]).numbers
        array([31., nan, 17.])
        >>> column("city", ["Oslo", "?", "Rome"], [2, 3, 4]).texts
        ('Oslo', None, 'Rome')
    """
    texts = [_present(cell) for cell in cells]
    present = [text for text in texts if text is not None]
    values = [_number(text) for text in present]
    plain = sum(1 for value in values if value is not None)
    if plain == len(present):
        whole = not any("." in text or "e" in text.lower() for text in present)
        return number_column(name, _spread(texts, values), rows, whole=whole)
    if all(_DECIMAL_COMMA.fullmatch(text) for text in present):
        if all(_THOUSANDS.fullmatch(text) for text in present):
            raise InputError(
                f"a comma inside a number must be plain in its meaning: column {name!r} has values such as "
                f"{_first(present, ',')!r}, which may mean thousands or decimals; write the numbers without "
                "commas."
            )
        values = [_number(text.replace(",", ".")) for text in present]
        note = f"Column {name!r} has decimal commas: {_first(present, ',')!r} was read as a decimal number."
        return number_column(name, _spread(texts, values), rows, whole=False, note=note)
    if plain >= MOSTLY * len(present):
        bad = np.array([i for i, text in enumerate(texts) if text is not None and _number(text) is None])
        raise InputError(
            f"a column must hold numbers throughout or text throughout: in column {name!r} {plain} of "
            f"{len(present)} values are numbers, but {texts[bad[0]]!r} stands {where(bad, rows)}; correct "
            "it or leave the cell empty."
        )
    bare = sum(1 for text in present if _number(_SIGNS.sub("", text)) is not None)
    if bare >= MOSTLY * len(present):
        odd = next(text for text in present if _number(text) is None)
        raise InputError(
            f"numbers must be written plainly: column {name!r} has values such as {odd!r}; remove currency "
            "and percent signs and thousands separators, or remove the column."
        )
    return text_column(name, cells)


def seconds(found: Column, rows: Sequence[int]) -> NDArray[np.float64]:
    """Read the column that orders the rows in time.

    Args:
        found: numbers, or ISO dates; a date without a zone counts as UTC.
        rows: N row numbers, for messages.

    Returns:
        (N,) the numbers as they are, or seconds since 1970.

    Raises:
        InputError: a value is missing or is no ISO date.
    """
    gaps = np.flatnonzero(found.missing)
    if len(gaps):
        raise InputError(
            f"every row must have a time: column {found.name!r} has none {where(gaps, rows)}; fill or "
            "remove these rows."
        )
    if found.kind == "number":
        return found.numbers
    out = np.empty(len(found.texts))
    zoned = set()
    for i, text in enumerate(found.texts):
        try:
            moment = datetime.fromisoformat(text or "")
        except ValueError:
            raise InputError(
                "times must be numbers or ISO dates (2024-01-31 or 2024-01-31T12:00): column "
                f"{found.name!r} has {text!r} in row {rows[i]}; write it so."
            ) from None
        zoned.add(moment.tzinfo is not None)
        out[i] = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if len(zoned) > 1:
        raise InputError(
            f"times must all have a zone or all have none: column {found.name!r} mixes both, so that their "
            "order is unknown; write the zone everywhere."
        )
    return out


def where(bad: NDArray[np.int64], rows: Sequence[int], *, most: int = 5) -> str:
    """Say in which rows something stands.

    Args:
        bad: positions.
        rows: row number of every position.
        most: how many to name.

    Returns:
        The words, such as "in rows 3, 7 and 12 others".

    Example:
        >>> where(np.array([0, 2]), [2, 3, 4]), where(np.array([1]), [2, 3, 4])
        ('in rows 2, 4', 'in row 3')
    """
    named = ", ".join(str(rows[i]) for i in bad[:most])
    more = f" and {len(bad) - most} others" if len(bad) > most else ""
    return f"in row{'s' if len(bad) > 1 else ''} {named}{more}"


def _present(cell: str | None) -> str | None:
    """The cell without blanks around it; None where it stands for a missing value."""
    cell = (cell or "").strip()
    return None if cell.lower() in MISSING else cell


def _number(text: str) -> float | None:
    """The number that is written; None where none is. Python's own underscores do not count."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _spread(texts: Sequence[str | None], values: Sequence[float | None]) -> NDArray[np.float64]:
    """Put the values of the present cells at their places, NaN between."""
    numbers = np.full(len(texts), np.nan)
    numbers[[text is not None for text in texts]] = values
    return numbers


def _first(texts: Sequence[str], mark: str) -> str:
    """The first text that holds the mark."""
    return next(text for text in texts if mark in text)
