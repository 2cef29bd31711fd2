"""Figures of tensors, and the batches that are kept."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

SAMPLE = 1024
"""Values of a parameter that are kept to see it move."""

ROWS = 4096
"""Columns of a row that are kept at most, by a fixed stride."""


@dataclass(frozen=True)
class Stat:
    """Figures of a tensor, from a strided sample of it.

    Attributes:
        shape: of the whole tensor.
        dtype: of it.
        low: smallest finite value.
        high: largest finite value.
        mean: of the finite values.
        std: of the finite values, with N below.
        zeros: share of exact zeros.
        finite: share of finite values.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    low: float
    high: float
    mean: float
    std: float
    zeros: float
    finite: float

    @staticmethod
    def of(tensor: Tensor, *, sample: int = 4096) -> "Stat":
        """Look at a tensor."""
        values = strided(tensor, sample).detach().float()
        finite = values[values.isfinite()]
        share = finite.numel() / max(values.numel(), 1)
        shape, nan = tuple(tensor.shape), float("nan")
        if not finite.numel():
            return Stat(shape, tensor.dtype, nan, nan, nan, nan, 0.0, share)
        std, mean = torch.std_mean(finite, correction=0)
        low, high = torch.aminmax(finite)
        packed = torch.stack([low, high, mean, std, (finite == 0).float().mean()]).tolist()
        return Stat(shape, tensor.dtype, packed[0], packed[1], packed[2], packed[3], packed[4], share)


def strided(tensor: Tensor, sample: int) -> Tensor:
    """At most so many values of a tensor, evenly spread, flat; a view where that is possible."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, -(-flat.numel() // sample))] if flat.numel() > sample else flat


@dataclass(frozen=True)
class Activation:
    """What one nonlinearity did in one pass, read from the autograd graph.

    Attributes:
        kind: "relu", "tanh", "sigmoid", "gelu", ...
        place: path of the layer before it.
        depth: its place from the input on, 0 first.
        units: number of units: channels of an image, else features.
        active: (units,) bool, whether a unit was above 0 for any example (for a ReLU); None elsewhere.
        saturated: share of values in the flat ends (|tanh| > 0.97, sigmoid outside 0.02 to 0.98), else 0.
        zeros: share of values that are exactly 0.
        std: of the values.
        next_is_output: whether no weight layer stands between it and the loss.
        gate: whether it is multiplied with something, as the gates of recurrent cells and of attention are.
    """

    kind: str
    place: str
    depth: int
    units: int
    active: Tensor | None
    saturated: float
    zeros: float
    std: float
    next_is_output: bool
    gate: bool = False


@dataclass(frozen=True)
class Entry:
    """What the first layer with weights was given in one pass.

    Attributes:
        layer: its path.
        raw: whether these are the model's inputs as they came.
        mean: of each column or channel.
        std: of each column or channel.
        peak: largest absolute value.
    """

    layer: str
    raw: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    peak: float


@dataclass(frozen=True)
class Pool:
    """What was found in memory of the data behind a batch.

    Attributes:
        rows: of the largest tensor that the batch is a part of; 0 where there is none.
        loader: examples of the largest loader with the batch's size; 0 where there is none.
        scalers: of scikit-learn: name, rows that it was fitted on, columns.
        mean: (columns,) of that tensor, or None.
        std: (columns,) of it.
        low: (columns,) of it.
        high: (columns,) of it.
    """

    rows: int = 0
    loader: int = 0
    scalers: tuple[tuple[str, int, int], ...] = ()
    mean: Tensor | None = None
    std: Tensor | None = None
    low: Tensor | None = None
    high: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """A batch that the model was given.

    Attributes:
        step: optimizer steps before it.
        x: (B, up to ROWS) its main input, columns by a fixed stride, on the CPU; the caller's values, copied.
        y: (B, ...) its targets where they were seen, on the CPU, copied; else None.
        rows: (B,) float64, a figure for the content of each row of all inputs; equal rows have equal figures.
        shape: of the main input.
        model: name of the model.
        sole: whether no other model was called before the loss, so that the targets are this one's.
        tensors: number of tensors with a row for each example that the model was given.
    """

    step: int
    x: Tensor
    y: Tensor | None
    rows: Tensor
    shape: tuple[int, ...]
    model: str = ""
    sole: bool = True
    tensors: int = 1


@dataclass
class Seen:
    """The data of training, or of validation, as far as they were kept.

    Attributes:
        batches: the kept ones, in order.
        passed: batches that went by, kept or not.
        examples: that went by.
        order: (first figure of the batch) of every batch that went by, by which a repetition shows.
        waiting: () figures that come next in order, still on their device.
        full: whether the memory allowed for it was used up before the end.
        bytes: used of it.
        made: what the rules made of the batches, once for all of them.
    """

    batches: list[Batch] = field(default_factory=list)
    passed: int = 0
    examples: int = 0
    order: list[float] = field(default_factory=list)
    waiting: list[Tensor] = field(default_factory=list)
    full: bool = False
    bytes: int = 0
    made: Any = None

    def passes(self, figure: float | Tensor) -> None:
        """Take the figure of a batch; one of another device waits, for fetching it would hold the run up."""
        if isinstance(figure, float) or figure.is_cpu:
            self.settle()
            self.order.append(float(figure))
        else:
            self.waiting.append(figure)

    def settle(self) -> None:
        """Fetch what waits, in one copy for each device."""
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            here = waiting[0].device
            self.order += torch.stack([figure.to(here) for figure in waiting]).tolist()

    def x(self) -> Tensor | None:
        """(N, columns) all kept rows of one width, or None."""
        same = [batch.x for batch in self.batches if batch.x.shape[1:] == self.batches[0].x.shape[1:]]
        return torch.cat(same) if same else None

    def y(self) -> Tensor | None:
        """(N, ...) their targets where all were seen and fit together, or None."""
        kept = [batch for batch in self.batches if batch.x.shape[1:] == self.batches[0].x.shape[1:]]
        known = [batch.y for batch in kept if batch.y is not None]
        if not known or len(known) != len(kept):
            return None
        if any(len(y) != len(b.x) or y.shape[1:] != known[0].shape[1:] for y, b in zip(known, kept)):
            return None
        return torch.cat(known)

    def rows(self) -> Tensor:
        """(N,) figures of all kept rows."""
        return torch.cat([batch.rows for batch in self.batches]) if self.batches else torch.empty(0)
