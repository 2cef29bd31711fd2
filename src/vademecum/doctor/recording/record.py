"""What the doctor has seen of a run: plain numbers, a few kept batches, and the live model and optimizers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .events import Call as Call
from .events import Evaluation as Evaluation
from .events import Kept as Kept
from .events import NotCheckedError as NotCheckedError
from .events import Pass as Pass
from .events import Site as Site
from .figures import SAMPLE, Activation, Entry, Pool, Seen, Stat, strided
from .fits import Fit
from .heads import Head
from .loop import Loop

MANY, BLOCK = 65_536, 64
"""Figures of steps that are kept, about, and how many neighbors are kept or dropped together."""

LOOKS, NEIGHBORS = 512, 8
"""The same for looks."""


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
        unchanged: names of parameters whose sample did not move though its gradient is not zero.
        leftover: norm of the gradients of the stepped parameters that were never cleared since their last step; nan
            where no backward pass before the step was looked at.
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
        still: half-precision parameters -> share of sampled values that did not move.
        modes: models that the step is about -> whether any pass before it had the root, or a part that behaves
            differently in evaluation, in training mode.
        thrown: backward passes before the step whose gradients were cleared by the next one's begin.
        entry: what the first layer with weights was given, or None.
        hits: examples and right answers of each class, ((), ()) where there are no classes.
        own_loss: whether the loss is one known head's value and nothing else.
        fit: how well the outputs go with the targets, free of reductions, factors and penalties.
        spread: standard deviation of the output over the examples, over its root mean square.
        site: place in the record's lines of the line that called the backward pass.
        kept: share of values that the dropouts let through, multiplied over those between input and loss.
        rank: effective rank of the last nonlinearity's values over the batch, nan where there is none.
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
    still: dict[str, float] = field(default_factory=dict)
    modes: Mapping[str, bool] = field(default_factory=dict)
    thrown: int = 0
    entry: Entry | None = None
    hits: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    own_loss: bool = False
    fit: Fit = field(default_factory=Fit)
    spread: float = float("nan")
    site: int = -1
    kept: float = 1.0
    rank: float = float("nan")
    summed: bool = False


@dataclass
class Record:
    """All that was seen of a run.

    Attributes:
        models: name -> whole models, live.
        optimizers: live, in the order of their first step.
        names: id of a parameter -> its name.
        parameters: name -> parameter, live, of all models; without models, of the optimizers.
        loose: names of parameters that belong to no module, only to an optimizer.
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
        own_backward: whether the backward pass of a part of the graph was written by the user.
        scaled: whether a gradient scaler was in use.
        finished: whether the run came to its end.
        failure: exception that ended the run: (type, text, site), or None.
        nan: what is known of the first value that was not finite: "step", "loss", "origin"; or None.
        count: how often each (rule, where) was confirmed at a backward pass.
        looked: number of looks at a backward pass.
        loop: figures of the order and the timing of events.
        notes: rule or part -> because of what it was switched off.
        kept: name of a model -> one of its forward passes in training.
        copying: bytes of a model up to which it may be copied for an experiment.
        detached: one clause for each backward pass that began at a loss without a graph: what cut it off, "" unknown.
        passes: every backward pass whose loss was read, by which the losses of a loop of several are kept apart.
        lines: the lines that called a backward pass, in the order in which they were met.
        depth: name of a parameter -> its place among the parameters, from the loss backward.
        width: numbers an example at the narrowest place between two layers that all of the signal passes; 0 for none.
        seconds: of the run.
        spent: seconds of it that the doctor took.
        overwritten: one for each looked-at pass that changed what its inputs hold: whether the change outlives it.
        pool: what was found in memory of the data behind the first batch, or None.
        unfinished: shapes of the inputs of the calls whose backward pass never came, and of their outputs.
    """

    models: dict[str, nn.Module] = field(default_factory=dict)
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    parameters: dict[str, Tensor] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
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
    own_backward: bool = False
    scaled: bool = False
    finished: bool = False
    failure: tuple[str, str, Site] | None = None
    nan: Mapping[str, Any] | None = None
    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked: int = 0
    loop: Loop = field(default_factory=Loop)
    notes: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    copying: int = 50 << 20
    detached: list[str] = field(default_factory=list)
    seconds: float = 0.0
    spent: float = 0.0
    overwritten: list[bool] = field(default_factory=list)
    pool: Pool | None = None
    unfinished: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = ((), ())
    passes: list[Pass] = field(default_factory=list)
    lines: list[Site] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    width: int = 0

    def site(self, name: str) -> Site:
        """A line of the user's code."""
        return self.sites.get(name, Site())

    @property
    def epoch(self) -> int:
        """Batches of one pass over the training data, 0 where none has come back yet."""
        order = self.train.order
        return next((i for i in range(1, len(order)) if order[i] == order[0]), 0)

    @property
    def trainable(self) -> dict[str, Tensor]:
        """Parameters that require a gradient."""
        return {name: p for name, p in self.parameters.items() if p.requires_grad}

    def moved(self, name: str) -> bool:
        """Whether a parameter has other values than at the start; what is not known counts as moved."""
        start = self.start.get(name)
        now = None if start is None else strided(self.parameters[name], SAMPLE)
        return now is None or start is None or now.shape != start.shape or not torch.equal(now, start)

    def prefixed(self, model: str) -> None:
        """Put a model's name before all names so far: a second model was met."""
        for named in (self.parameters, self.start, self.depth):
            _prefix(model, named)
        self.names = {key: f"{model}.{name}" for key, name in self.names.items()}
        self.reached = {f"{model}.{name}" for name in self.reached}
        for look in self.looks:
            for figures in (look.grad_norm, look.raw_norm, look.weight_norm, look.ratio):
                _prefix(model, figures)
            look.unchanged = tuple(f"{model}.{name}" for name in look.unchanged)
            look.wiped = tuple(f"{model}.{name}" for name in look.wiped)

    def stepped_by(self, optimizer: int) -> None:
        """Note which optimizer the backward passes since the last step were for."""
        for i in range(len(self.passes) - 1, -1, -1):
            if self.passes[i].optimizer >= 0 or self.passes[i].step < self.steps:
                break
            self.passes[i] = self.passes[i]._replace(optimizer=optimizer)

    def thin(self) -> None:
        """Drop every other block of the older figures where they have become many, so that a long run stays small."""
        _thin(self.losses, MANY, BLOCK)
        _thin(self.passes, MANY, BLOCK)
        _thin(self.rates, MANY, BLOCK)
        for rates in self.loop.rates.values():
            _thin(rates, MANY, BLOCK)
        _thin(self.looks, LOOKS, NEIGHBORS)

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


def _thin(figures: list[Any], many: int, block: int) -> None:
    """Where a list is too long, drop every other block of its older half.

    Whole blocks go, so that what takes turns (the losses of two optimizers) stays together.
    """
    if len(figures) > many:
        half = len(figures) // 2
        figures[:half] = [one for i, one in enumerate(figures[:half]) if i // block % 2 == 0]


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


def _prefix(model: str, named: dict[str, Any]) -> None:
    """Put a model's name before the names of a table, in place."""
    values = {f"{model}.{name}": value for name, value in named.items()}
    named.clear()
    named.update(values)
