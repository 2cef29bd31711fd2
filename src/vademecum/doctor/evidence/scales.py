"""How large the inputs of the first layer are, column by column."""

from dataclasses import dataclass
from statistics import median

import torch

from ..recording.record import NotCheckedError, Record
from .tables import train_table


@dataclass(frozen=True)
class Scales:
    """Sizes of what the first layer with weights is given.

    Attributes:
        layer: its path.
        rms: root mean square of all values.
        peak: largest absolute value.
        widest: largest standard deviation of a column (of a channel in images).
        narrowest: smallest of one that is not constant.
        offset: median over the columns of the mean's size in standard deviations.
    """

    layer: str
    rms: float
    peak: float
    widest: float
    narrowest: float
    offset: float


def input_scales(record: Record) -> Scales | None:
    """Measure the inputs.

    Args:
        record: of the run so far.

    Returns:
        Sizes, from all kept rows where the first layer is given them as they came, else from the looks; None where
        no layer with weights is given data.
    """
    entries = [look.entry for look in record.looks if look.entry is not None]
    if not entries:
        return None
    layer = entries[0].layer
    entries = [entry for entry in entries if entry.layer == layer and len(entry.mean) == len(entries[0].mean)]
    mean = torch.tensor([entry.mean for entry in entries], dtype=torch.float64)
    std = torch.tensor([entry.std for entry in entries], dtype=torch.float64)
    square = (mean.square() + std.square()).mean(0)
    mean = mean.mean(0)
    std = (square - mean.square()).clamp_min(0).sqrt()
    peak = max(entry.peak for entry in entries)
    if all(entry.raw for entry in entries):
        try:
            table = train_table(record)
        except NotCheckedError:
            table = None
        if table is not None and table.dense and len(table.shape) == 1 and table.x.shape[1] == len(mean):
            own = table.x.double()
            std, mean = torch.std_mean(own, 0, correction=0)
            square, peak = mean.square() + std.square(), float(own.abs().max())
    if not bool(square.isfinite().all()):
        return None
    alive = std > 1e-9 * square.sqrt().clamp_min(1e-30)
    widths = std[alive].tolist()
    if not widths:
        return None
    offset = median((mean[alive].abs() / std[alive]).tolist())
    return Scales(layer, float(square.mean().sqrt()), peak, max(widths), min(widths), offset)
