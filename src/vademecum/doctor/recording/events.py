"""What happens in a run, as the recorder keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor


class NotCheckedError(Exception):
    """A rule could not look; its text is the because."""


@dataclass(frozen=True)
class Site:
    """A line of the user's code; ("", 0) where it is not known."""

    file: str = ""
    line: int = 0


class Pass(NamedTuple):
    """One backward pass.

    Attributes:
        step: optimizer steps before it.
        value: of its loss, without the factor of a gradient scaler.
        site: place in the record's lines of the line that called it.
        optimizer: place in the record of the optimizer that stepped next, -1 where none has.
    """

    step: int
    value: float
    site: int = 0
    optimizer: int = -1


@dataclass
class Call:
    """One forward pass of a whole model.

    Attributes:
        model: name of the model in the record.
        step: optimizer steps before it.
        inputs: its tensors, in the order of the arguments; the caller's own, never changed.
        args: its positional arguments.
        kwargs: its keyword arguments.
        outputs: the tensors that it returned, or ().
        result: what it returned.
        training: the mode of the model's root.
        modes: of the parts that behave differently in evaluation (dropout, batch norm): path -> training.
        grad: whether gradients were recorded.
        versions: of the inputs before and after, by which a change in place shows.
        changed: places of inputs that the pass changed in place.
        figures: of the content of each input before, where it was looked at.
        site: where it was called.
    """

    model: str
    step: int
    inputs: tuple[Tensor, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    training: bool
    modes: Mapping[str, bool]
    grad: bool
    site: Site
    versions: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    figures: tuple[float, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    result: Any = None


@dataclass(frozen=True)
class Evaluation:
    """A stretch of forward passes without gradients, between two training steps.

    Attributes:
        step: optimizer steps before it.
        calls: forward passes.
        training: whether all were in training mode, by the root.
        modes: of the mode-dependent parts in the first pass.
        loss: mean of the losses that were computed in it, nan where none was seen.
        accuracy: mean of the accuracies that could be read, nan where none.
        same_data: whether its first batch is one that the last training steps used.
    """

    step: int
    calls: int
    training: bool
    modes: Mapping[str, bool]
    loss: float
    accuracy: float
    same_data: bool


@dataclass
class Kept:
    """What one forward pass in training was given, copied, so that it can be run again on a copy of the model.

    Attributes:
        step: optimizer steps before it.
        args: its positional arguments, their tensors copied.
        kwargs: its keyword arguments, their tensors copied.
        training: the mode of the model's root.
        modes: of the parts that behave differently in evaluation.
        target: (B, ...) of the loss that followed, where it was seen.
    """

    step: int
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    training: bool
    modes: Mapping[str, bool]
    target: Tensor | None = None
