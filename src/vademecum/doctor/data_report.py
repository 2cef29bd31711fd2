"""A short table of the data that a run was trained on."""

import math
from typing import Any

import torch
from torch import Tensor

from .evidence.tables import Table, evaluated, labels, train_table
from .recording.record import NotCheckedError, Record

CLASSES = 20
"""Classes whose shares are told."""


def data_report(record: Record) -> dict[str, Any]:
    """Say what the data are like.

    Args:
        record: of the run.

    Returns:
        "rows" (different ones), "duplicates" (rows of the first pass that came before), "columns", "shape", "kept" and
        "passed" (batches), "whole" (whether all rows were seen), "scale" (of measurements: mean, deviation, least and
        largest), "classes" (class -> rows), "target" (mean, deviation, least and largest of numbers), "valid" (rows
        without gradients, and how many of them were trained on); empty where nothing was kept.

    Example:
        >>> data_report(Record())
        {}
    """
    try:
        table = train_table(record)
    except NotCheckedError:
        return {}
    x, y = table.distinct()
    report: dict[str, Any] = {
        "rows": len(x), "duplicates": int((~table.first[table.epoch()]).sum()), "columns": math.prod(table.shape),
        "shape": list(table.shape), "kept": table.batches, "passed": record.train.passed, "whole": table.settled,
    }  # fmt: skip
    if table.dense and x.numel():
        report["scale"] = _figures(x)
    try:
        classes = labels(record, table)
        classes = classes[table.first] if len(classes) == len(table.first) else classes
        values, counts = classes.unique(return_counts=True)
        order = counts.argsort(descending=True)[:CLASSES].sort().values
        report["classes"] = {str(int(values[i])): int(counts[i]) for i in order}
    except NotCheckedError:
        if y is not None and y.is_floating_point() and y.numel():
            report["target"] = _figures(y)
    return {**report, **_valid(record, table)}


def _figures(values: Tensor) -> dict[str, float]:
    flat = values.double().flatten()
    flat = flat[torch.isfinite(flat)]
    if not len(flat):
        return {}
    deviation = flat.std(correction=0)
    return {
        "mean": float(flat.mean()), "deviation": float(deviation), "least": float(flat.min()),
        "largest": float(flat.max()),
    }  # fmt: skip


def _valid(record: Record, train: Table) -> dict[str, Any]:
    table = evaluated(record)
    if table is None:
        return {}
    own = table.key[table.first]
    return {"valid": {"rows": len(own), "trained": int(torch.isin(own, train.key).sum())}}
