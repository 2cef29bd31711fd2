"""What a page of a run shows: figures over steps, as plain numbers and lists."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ._finding import Finding
from .recording.record import Look, Record

POINTS, ROWS, COLUMNS, MOMENTS = 400, 48, 80, 12
"""Points of a curve, rows and columns of a map, and moments at which the rules are asked again; at most."""


def history(record: Record) -> dict[str, Any]:
    """Gather the figures of a run over its steps.

    Args:
        record: of the run.

    Returns:
        "losses" and "rates": [step, value]; "evaluations": [step, loss, accuracy]; "update_ratio": rows of log10 of
        the update over the weight, a row a weight, a column a look, None where nothing was seen; "units": rows of the
        share of dead or saturated units, a row a nonlinearity; both with their "steps"; "own_backward": whether the
        backward pass of a part of the graph was written by the user.
    """
    looks = _thinned(record.looks, COLUMNS)
    return {
        "losses": [[step, _number(value)] for step, value in _thinned(record.losses, POINTS)],
        "rates": [[step, value] for step, value in _thinned(record.rates, POINTS)],
        "evaluations": [
            [e.step, _number(e.loss), _number(e.accuracy)] for e in _thinned(record.evaluations, POINTS)
        ],
        "update_ratio": _map(looks, _ratios(record, looks)),
        "units": _map(looks, _units(looks)),
        "own_backward": record.own_backward,
    }


def spans(
    record: Record, ask: Callable[[Record], Iterable[Finding]], *, moments: int = MOMENTS
) -> dict[str, list[list[int]]]:
    """Say from which step to which each rule would have spoken, by asking at moments of the run.

    Args:
        record: of the whole run; left as it is.
        ask: the findings on a record.
        moments: how many.

    Returns:
        rule -> [first step, last step] of each stretch.
    """
    steps = [look.step for look in _thinned(record.looks, moments)]
    told: dict[str, list[list[int]]] = {}
    open_now: set[str] = set()
    for step in steps:
        rules = {finding.rule for finding in ask(until(record, step))}
        for rule in rules:
            if rule in open_now:
                told[rule][-1][1] = step
            else:
                told.setdefault(rule, []).append([step, step])
        open_now = rules
    return told


def until(record: Record, step: int) -> Record:
    """The record as it was after a step."""
    train = replace(
        record.train,
        batches=[batch for batch in record.train.batches if batch.step <= step],
        order=record.train.order[: sum(1 for at, _ in record.losses if at <= step)],
    )
    return replace(
        record, train=train, finished=record.finished and step >= record.steps - 1, steps=step + 1,
        looks=[look for look in record.looks if look.step <= step],
        losses=[pair for pair in record.losses if pair[0] <= step],
        passes=[each for each in record.passes if each.step <= step],
        rates=[pair for pair in record.rates if pair[0] <= step],
        evaluations=[e for e in record.evaluations if e.step <= step],
        nan=record.nan if record.nan is not None and record.nan["step"] <= step else None,
    )  # fmt: skip


def _ratios(record: Record, looks: Sequence[Look]) -> dict[str, list[float | None]]:
    """log10 of the update ratio of each weight with two dimensions or more."""
    weights = [name for name, p in record.parameters.items() if p.ndim > 1][:ROWS]
    return {
        name: [
            round(math.log10(ratio), 2) if (ratio := look.ratio.get(name, 0.0)) > 0 else None
            for look in looks
        ]
        for name in weights
    }


def _units(looks: Sequence[Look]) -> dict[str, list[float | None]]:
    """Share of the units of each nonlinearity that are dead or saturated, as its kind has it."""
    rows: dict[str, list[float | None]] = {}
    for column, look in enumerate(looks):
        for seen in look.activations:
            share = seen.saturated if seen.active is None else 1 - float(seen.active.float().mean())
            name = f"{seen.place or 'input'}: {seen.kind}"
            rows.setdefault(name, [None] * len(looks))[column] = round(share, 3)
    return dict(list(rows.items())[:ROWS])


def _map(looks: Sequence[Look], rows: Mapping[str, list[float | None]]) -> dict[str, Any]:
    return {"steps": [look.step for look in looks], "rows": dict(rows)}


def _thinned(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many of a list, evenly spread, the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
