"""Tables: CSV, TSV and Parquet files, one example a row."""

from collections import Counter
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vademecum._core.errors import InputError, UnknownNameError

from ._cells import Column, seconds, where
from ._identity import fingerprint
from ._read import PARQUET_SUFFIXES, TEXT_SUFFIXES, read
from ._source import Feature, Source
from ._words import some

SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)
MOST_CLASSES = 20
ROWS_A_CLASS = 10
FEWEST_A_CLASS = 3
MOST_NAMES = 10


def table(path: str | PathLike[str], *, target: str = "", group: str = "", time: str = "") -> Source:
    """Read a table.

    *Columns.* Where every value is a number the column is numeric, else each distinct text is a category.
    Empty cells and NA, NaN, null, ?, None, N/A (in any case) are missing values. A text column with more than
    ten distinct values, more than half as many as it has rows with a value, is a name, a key or free text: no
    category would come back in new rows, so the column is left out and a note says so. A column of dates is
    refused, because there is no one right way to make numbers of it; the column named by ``time`` may hold
    dates.

    *Task.* Text, truth values, or numbers with two distinct values are classes. So are whole numbers (written
    without a decimal point; in Parquet: of an integer type) with at most twenty distinct values that occur
    ten times each or more on average. Everything else is regression. A note says what was chosen, and how to
    choose otherwise.

    Args:
        path: a file that ends in .csv, .tsv, .tab, .txt, .parquet or .pq. Text is UTF-8; the first line names
            the columns; the delimiter (comma, semicolon, tab, vertical bar) is found out.
        target: the column to predict.
        group: the column whose equal values must stay in one part; no feature.
        time: the column by which the parts follow one another, numbers or ISO dates; no feature.

    Returns:
        The data: numbers as they are, a category as its index, NaN where a value is missing.

    Raises:
        InputError: the table cannot be used; the message names the row (its line in the file) or the column.
    """
    path = Path(path)
    found = read(path)
    rows = found.rows
    columns = {column.name: column for column in found.columns}
    _require_columns(columns, path, target=target, group=group, time=time)
    for column in found.columns:
        if column.missing.all():
            raise InputError(
                f"a column must have values: column {column.name!r} of {path} has none; remove it."
            )
    y, classes, said = _target(columns[target], rows, path)
    notes = [*found.notes, said]
    groups = _groups(columns[group], rows) if group else None
    times = torch.from_numpy(seconds(columns[time], rows)) if time else None
    inputs = [column for column in found.columns if column.name not in {target, group, time}]
    x, features, more = _features(inputs, path)
    return Source(
        name=path.name,
        kind="table",
        task="classification" if classes else "regression",
        x=x,
        y=y,
        classes=classes,
        features=features,
        target=target,
        items=tuple(f"row {row}" for row in rows),
        groups=groups,
        times=times,
        parts=None,
        notes=(*notes, *more),
        fingerprint=fingerprint(x, y, classes=classes, features=features),
    )


def _require_columns(columns: dict[str, Column], path: Path, **named: str) -> None:
    """Refuse columns that do not exist, and one that is to serve twice."""
    if not named["target"]:
        raise InputError(
            f"a table needs a target, the column to predict: {path} has the columns "
            f"{some(map(repr, columns), most=20)}; name one."
        )
    for role, name in named.items():
        if name and name not in columns:
            raise UnknownNameError(f"{role} column of {path}", name, columns)
    chosen = [name for name in named.values() if name]
    if len(set(chosen)) < len(chosen):
        raise InputError(
            f"target, group and time must be different columns: target={named['target']!r}, "
            f"group={named['group']!r}, time={named['time']!r}; name another or leave one out."
        )


def _target(column: Column, rows: Sequence[int], path: Path) -> tuple[Tensor, tuple[str, ...], str]:
    """The targets, the names of the classes (none in regression) and a note on the choice."""
    gaps = np.flatnonzero(column.missing)
    if len(gaps):
        raise InputError(
            f"every row must have a target: column {column.name!r} of {path} has none {where(gaps, rows)} "
            f"({len(gaps)} of {len(rows)}); fill or remove these rows."
        )
    _refuse_dates(column)
    what = f"Target {column.name!r} has"
    if column.kind == "text":
        names, codes = _coded([str(text) for text in column.texts])
        return _classes(column, names, codes), tuple(names), f"{what} {len(names)} classes (text)."
    values, numbers = np.unique(column.numbers, return_inverse=True)
    few = column.whole and len(values) <= min(MOST_CLASSES, len(rows) / ROWS_A_CLASS)
    if len(values) == 1:
        raise InputError(
            f"the target must have at least two values: column {column.name!r} of {path} is {values[0]:g} "
            "in every row; name another target."
        )
    if len(values) == 2 or few:
        names = [f"{value:.15g}" for value in values]
        how = (
            "" if len(values) == 2 else f"; write them with a decimal point ({names[0]}.0) to have regression"
        )
        return (
            _classes(column, names, numbers),
            tuple(names),
            f"{what} {len(values)} distinct numbers, taken as classes{how}.",
        )
    how = "; write words in their place to have classes" if column.whole else ""
    return (
        torch.from_numpy(column.numbers).float(),
        (),
        f"{what} {len(values)} distinct numbers: regression{how}.",
    )


def _classes(column: Column, names: Sequence[str], codes: NDArray[np.int64]) -> Tensor:
    """The class indices, once there is enough of each class to train, validate and test."""
    if len(names) == 1:
        raise InputError(
            f"classification needs at least two classes: target {column.name!r} is {names[0]!r} in every "
            "row; name another."
        )
    if len(names) > len(codes) / 2:
        raise InputError(
            f"a class must occur more than once: target {column.name!r} has {len(names)} distinct values in "
            f"{len(codes)} rows; name another target, or write numbers for regression."
        )
    counts = np.bincount(codes, minlength=len(names))
    rare = [f"{name!r} ({count})" for name, count in zip(names, counts) if count < FEWEST_A_CLASS]
    if rare:
        raise InputError(
            f"every class must have at least {FEWEST_A_CLASS} rows, one each to train, validate and test: "
            f"target {column.name!r} has fewer for {some(rare)}; add rows, merge these classes or remove "
            "them."
        )
    return torch.from_numpy(codes.astype(np.int64))


def _groups(column: Column, rows: Sequence[int]) -> Tensor:
    """(N,) codes of the groups."""
    gaps = np.flatnonzero(column.missing)
    if len(gaps):
        raise InputError(
            f"every row must have a group: column {column.name!r} has none {where(gaps, rows)}; fill or "
            "remove these rows."
        )
    values = column.numbers if column.kind == "number" else np.array(column.texts, dtype=str)
    return torch.from_numpy(np.unique(values, return_inverse=True)[1].astype(np.int64))


def _features(columns: Sequence[Column], path: Path) -> tuple[Tensor, tuple[Feature, ...], list[str]]:
    """The columns to predict from, and what was odd about them."""
    features: list[Feature] = []
    values: list[NDArray[np.float32]] = []
    left_out: list[str] = []
    merged: list[str] = []
    counting: list[str] = []
    for column in columns:
        _refuse_dates(column)
        if column.kind == "number":
            features.append(Feature(column.name))
            values.append(column.numbers.astype(np.float32))
            present = column.numbers[~column.missing]
            if len(np.unique(values[-1][~column.missing])) < len(np.unique(present)):
                merged.append(column.name)
            if column.whole and len(present) > MOST_NAMES and np.all(np.diff(present) == 1):
                counting.append(column.name)
            continue
        distinct = {text for text in column.texts if text is not None}
        if len(distinct) > max(MOST_NAMES, (~column.missing).sum() / 2):
            left_out.append(f"{column.name!r} ({len(distinct)} distinct values)")
            continue
        names, codes = _coded([text for text in column.texts if text is not None])
        indices = np.full(len(column.texts), np.nan, dtype=np.float32)
        indices[~column.missing] = codes
        features.append(Feature(column.name, tuple(names)))
        values.append(indices)
    if not features:
        why = f" apart from {some(left_out)}, which are names or free text" if left_out else ""
        raise InputError(
            f"a table needs columns to predict from: {path} has none beside target, group and time{why}; "
            "add some."
        )
    x = np.stack(values, axis=1)
    return (
        torch.from_numpy(x),
        tuple(features),
        _notes(x, features, left_out=left_out, merged=merged, counting=counting),
    )


def _notes(
    x: NDArray[np.float32],
    features: Sequence[Feature],
    *,
    left_out: list[str],
    merged: list[str],
    counting: list[str],
) -> list[str]:
    """What was found in the columns, one sentence each."""
    numeric = sum(1 for feature in features if not feature.categories)
    gaps = np.isnan(x).sum(axis=0)
    missing = [f"{feature.name!r} ({count})" for feature, count in zip(features, gaps) if count]
    constant = [
        repr(f.name) for f, column in zip(features, x.T) if len(np.unique(column[~np.isnan(column)])) == 1
    ]
    notes = [f"{len(x)} rows with {numeric} numeric and {len(features) - numeric} categorical columns."]
    if left_out:
        notes.append(
            f"Left out as names, keys or free text, whose values hardly come back: {some(left_out)}."
        )
    if missing:
        notes.append(f"Missing values in {some(missing)}.")
    if constant:
        notes.append(f"Only one value, which tells nothing, in {some(constant)}.")
    if counting:
        notes.append(
            f"Kept as a number, though it only counts the rows: {some(map(repr, counting))}; remove it if "
            "it is a key."
        )
    if merged:
        notes.append(
            f"Rounded to float32, so that some values fall together: {some(map(repr, merged))}; subtract an "
            "offset."
        )
    return notes


def _refuse_dates(column: Column) -> None:
    if column.kind == "date":
        example = next(text for text in column.texts if text is not None)
        raise InputError(
            f"dates must be turned into numbers: column {column.name!r} looks like dates ({example!r}); "
            "name it as the time column (--time), by which the rows are ordered, or turn it into numbers "
            "or remove it."
        )


def _coded(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts, sorted, and the index of each text among them."""
    names = sorted(Counter(texts))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[text] for text in texts], dtype=np.int64)
