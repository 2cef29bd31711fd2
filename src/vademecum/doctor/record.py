"""What the doctor has seen of a run: plain numbers, a few kept batches, and the live model and optimizers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .figures import Activation, Entry, Pool, Seen, Stat
from .heads import Head


class NotCheckedError(Exception):
    """A rule could not look; its text is the because."""


@dataclass(frozen=True)
class Site:
    """A line of the user's code; ("", 0) where it is not known."""

    file: str = ""
    line: int = 0


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


@dataclass
class Look:
    """What was seen at one optimizer step that was looked at.

    Attributes:
        step: optimizer steps before it.
        loss: value, of the last backward pass before the step.
        grad_norm: of each parameter as the step used it; missing where it had no gradient.
        raw_norm: the same after backward, before the user's code touched it (clipping), where it was seen.
        weight_norm: of each parameter before the step.
        ratio: norm of the update over norm of the weight, from a strided sample; missing where nothing was updated.
        unchanged: names of parameters with a gradient that is not zero and a sample that did not move.
        leftover: norm of the gradients that stood before backward, after the last step; nan where not seen.
        wiped: names of parameters whose gradient was not zero after backward and zero or None at the step.
        backwards: backward passes since the last step.
        activations: of the last forward pass.
        output: of the model.
        inputs: one for each tensor that the model was given.
        target: of the loss.
        accuracy: of the batch, nan where it is no classification.
        rates: learning rate of each parameter group.
        optimizer: place of the optimizer in the record.
        examples: in the batch.
        entry: what the first layer with weights was given, or None.
        hits: examples and right answers of each class, ((), ()) where there are no classes.
        own_loss: whether the loss is one known head's value and nothing else.
        summed: whether it is a sum over the batch.
    """

    step: int
    loss: float = float("nan")
    grad_norm: dict[str, float] = field(default_factory=dict)
    raw_norm: dict[str, float] = field(default_factory=dict)
    weight_norm: dict[str, float] = field(default_factory=dict)
    ratio: dict[str, float] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()
    leftover: float = float("nan")
    wiped: tuple[str, ...] = ()
    backwards: int = 0
    activations: tuple[Activation, ...] = ()
    output: Stat | None = None
    inputs: tuple[Stat, ...] = ()
    target: Stat | None = None
    accuracy: float = float("nan")
    rates: tuple[float, ...] = ()
    optimizer: int = 0
    examples: int = 0
    entry: Entry | None = None
    hits: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    own_loss: bool = False
    summed: bool = False


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
class Record:
    """All that was seen of a run.

    Attributes:
        models: name -> whole models, live.
        optimizers: live, in the order of their first step.
        names: id of a parameter -> its name.
        parameters: name -> parameter, live, of all models.
        start: name -> (up to 1024,) strided sample of its value before the first step.
        looks: inspected steps.
        losses: (step, value) of every backward pass whose loss was read.
        rates: (step, largest learning rate of all groups) of every step.
        heads: kinds of the loss's heads at the first look that had any.
        num_classes: K, 0 where it is no classification.
        train: data that the model was given for training.
        valid: data that it was given without gradients.
        evaluations: stretches without gradients.
        metrics: name -> (step, value) that the user told.
        reached: names of parameters that a gradient has reached in any look.
        strangers: leaf tensors with gradients that belong to no model: (shape, in an optimizer).
        unused: names of trainable parameters in no look reached.
        backwards: in all.
        steps: optimizer steps in all.
        steps_of: steps of each optimizer.
        epoch: steps of one pass over the data, 0 where no batch has come back yet.
        sites: "backward", "step", "forward", "loss" -> line of the user's code.
        compiled: whether a part of the graph is compiled and cannot be read.
        scaled: whether a gradient scaler was in use.
        finished: whether the run came to its end.
        failure: exception that ended the run: (type, text, site), or None.
        nan: what is known of the first value that was not finite, or None.
        count: how often each (rule, where) was confirmed at a backward pass.
        looked: number of looks at a backward pass.
        notes: rule or part -> because of what it was switched off.
        seconds: of the run.
        spent: seconds of it that the doctor took.
        overwritten: one for each looked-at pass that changed what its inputs hold: whether the change outlives it.
        pool: what was found in memory of the data behind the first batch, or None.
        unfinished: shapes of the inputs of the calls whose backward pass never came, and of their outputs.
    """

    models: dict[str, nn.Module] = field(default_factory=dict)
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    start: dict[str, Tensor] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    losses: list[tuple[int, float]] = field(default_factory=list)
    rates: list[tuple[int, float]] = field(default_factory=list)
    heads: tuple[str, ...] = ()
    num_classes: int = 0
    train: Seen = field(default_factory=Seen)
    valid: Seen = field(default_factory=Seen)
    evaluations: list[Evaluation] = field(default_factory=list)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    strangers: dict[int, tuple[tuple[int, ...], bool]] = field(default_factory=dict)
    backwards: int = 0
    steps: int = 0
    steps_of: Counter[int] = field(default_factory=Counter)
    sites: dict[str, Site] = field(default_factory=dict)
    compiled: bool = False
    scaled: bool = False
    finished: bool = False
    failure: tuple[str, str, Site] | None = None
    nan: Mapping[str, Any] | None = None
    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    spent: float = 0.0
    overwritten: list[bool] = field(default_factory=list)
    pool: Pool | None = None
    unfinished: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = ((), ())

    def site(self, name: str) -> Site:
        """A line of the user's code."""
        return self.sites.get(name, Site())

    @property
    def epoch(self) -> int:
        """Batches of one pass over the training data, 0 where none has come back yet."""
        order = self.train.order
        return next((i for i in range(1, len(order)) if order[i] == order[0]), 0)

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        """Parameters that require a gradient."""
        return {name: p for name, p in self.parameters.items() if p.requires_grad}

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """All parts of all models with their paths."""
        for name, model in self.models.items():
            prefix = f"{name}." if len(self.models) > 1 else ""
            for path, part in model.named_modules():
                yield (prefix + path).rstrip("."), part

    def smoothed(self, window: int = 20) -> list[float]:
        """Running medians of the losses."""
        values = [value for _, value in self.losses]
        half = window // 2
        return [
            sorted(values[max(0, i - half) : i + half + 1])[len(values[max(0, i - half) : i + half + 1]) // 2]
            for i in range(len(values))
        ]


@dataclass
class Scene:
    """The moment before a backward pass of an inspected step: the graph is whole and the tensors are live.

    A check of a scene keeps none of it.

    Attributes:
        record: so far.
        loss: () tensor.
        graph: behind the loss.
        heads: of it, nearest to the loss first.
        calls: forward passes with gradients since the last backward pass.
        target: (B, ...) of the first head, where it is known, also where the graph itself does not hold it.
        output: main output of the last call, or None.
    """

    record: Record
    loss: Tensor
    graph: Any
    heads: list[Head]
    calls: list[Call]
    target: Tensor | None
    output: Tensor | None

    def layer(self, op: Any) -> str:
        """Path of the nearest layer with weights behind an operation, or ""."""
        waiting, seen = [op], set()
        while waiting:
            now = waiting.pop(0)
            for behind in self.graph.inputs(now):
                if behind.variable is not None:
                    name = self.record.names.get(id(behind.variable), "")
                    if name:
                        return name.rpartition(".")[0] or name
                if behind.index not in seen:
                    seen.add(behind.index)
                    waiting.append(behind)
        return ""
