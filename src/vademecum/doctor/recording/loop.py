"""What the order and the timing of a loop's events tell, kept as plain numbers; each function notes one of them."""

import gc
import math
import weakref
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .modes import mode_dependent, mode_matters

FAR, RECENT = 64, 2
"""Looks back that are asked for their graph, and steps whose graph may be there by right."""

MOST = 100_000
"""Steps whose rates are kept."""

UNSTEPPED = 16
"""Backward passes without a step after which idle optimizers are looked for."""


class Token:
    """A thing that lives as long as the graph that holds it."""

    __slots__ = ("__weakref__",)


@dataclass
class Loop:
    """Figures of a training loop.

    Attributes:
        rates: for each optimizer, by its place: (step, smallest rate, largest rate) of its groups at each step.
        idle: optimizers that hold parameters and had not stepped after many backward passes.
        matters: models without known parts for which it matters -> whether their output depends on the mode.
        heard: functions of the user's -> the first arguments that they were called with.
        listening: ends the listening for those arguments.
        kept: (step, operations of its graph, reference that is dead when the graph is gone) of each look.
        alive: most graphs of earlier looks, steps just before left out, that were in memory at once.
        summed: examples over which the first loss is a sum that nothing divides, or 0.
        cycles: steps whose waiting was measured: from the end of a step to the next training pass.
        waited: seconds of it, in all.
        lasted: seconds of those cycles, in all.
        inputs_learn: whether a gradient with respect to a model's input was asked for.
        schedulers: (kind, times it was stepped before the first optimizer step) of each scheduler.
        replicas: names of parameters and buffers -> largest relative difference over the processes, once compared.
        compared: whether they were.
    """

    rates: dict[int, list[tuple[int, float, float]]] = field(default_factory=dict)
    idle: int = 0
    matters: dict[str, bool] = field(default_factory=dict)
    heard: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    listening: ExitStack = field(default_factory=ExitStack)
    kept: list[tuple[int, int, "weakref.ref[Token]"]] = field(default_factory=list)
    alive: int = 0
    summed: int = 0
    cycles: int = 0
    waited: float = 0.0
    lasted: float = 0.0
    inputs_learn: bool = False
    schedulers: list[tuple[str, int]] = field(default_factory=list)
    replicas: dict[str, float] = field(default_factory=dict)
    compared: bool = False
    _ended: float = math.nan
    _began: float = math.nan
    _watched: dict[int, Tensor] = field(default_factory=dict)

    def pass_begins(self, now: float, *, idle: bool) -> None:
        """A training pass begins; idle says whether passes without gradients came before it."""
        if idle:
            self._ended = math.nan
        elif math.isnan(self._began):
            self._began = now

    def step_ends(self, now: float) -> None:
        """A step has ended; both times are those of the run alone."""
        if self._began >= self._ended:
            self.cycles += 1
            self.waited += self._began - self._ended
            self.lasted += now - self._ended
        self._ended, self._began = now, math.nan

    def modes(self, call: Any, module: nn.Module, *, look: bool, size: int) -> None:
        """Find out once, at a pass without gradients, whether a model with no part of a known kind has two modes.

        It takes a copy of the model, which is made of those up to a size in bytes.
        """
        if look and call.model not in self.matters and not mode_dependent(module):
            if sum(t.nbytes for t in (*module.parameters(), *module.buffers())) > size:
                self.matters[call.model] = False
                return
            self.matters[call.model] = mode_matters(module, call.args, call.kwargs)

    def rate(self, place: int, step: int, rates: Iterable[float]) -> None:
        """Note the rates of an optimizer at a step."""
        values = [rate for rate in rates if not math.isnan(rate)]
        if values and len(self.rates.get(place, ())) < MOST:
            self.rates.setdefault(place, []).append((step, min(values), max(values)))

    def graph(self, step: int, loss: Tensor, size: int) -> None:
        """Follow the graph of a looked-at loss, by a token that lives as long as it."""
        token = Token()
        if loss.grad_fn is not None and len(self.kept) < 4096:
            metadata: Any = loss.grad_fn.metadata  # torch types the property as a method
            metadata["vademecum"] = token
            self.kept.append((step, size, weakref.ref(token)))
            older = [ref for at, _, ref in self.kept[-FAR:] if at < step - RECENT]
            self.alive = max(self.alive, sum(ref() is not None for ref in older))

    def finite(self, place: int, optimizer: torch.optim.Optimizer, *, looking: bool) -> bool:
        """Whether the gradient of one small tensor is finite, at the input, where what is not finite ends up."""
        watched = self._watched.get(place)
        if watched is None or watched.grad is None:
            first = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None][:2]
            if not first:
                return True
            watched = self._watched[place] = min(first, key=lambda p: p.numel())
        grad = watched.grad
        if grad is None or not (looking or grad.device.type == "cpu"):  # elsewhere asking costs
            return True
        return math.isfinite(float((grad.coalesce().values() if grad.is_sparse else grad.detach()).sum()))


def schedulers(optimizer: torch.optim.Optimizer) -> list[Any]:
    """The learning-rate schedulers of an optimizer that are alive; looks through all objects once."""
    kind = torch.optim.lr_scheduler.LRScheduler
    return [
        each
        for each in gc.get_objects()
        if issubclass(type(each), kind) and getattr(each, "optimizer", None) is optimizer
    ]


def idle_optimizers(parameters: Mapping[str, Tensor]) -> list[torch.optim.Optimizer]:
    """The optimizers alive that hold one of these parameters; looks through all objects once."""
    mine = {id(p) for p in parameters.values()}
    return [
        each
        for each in gc.get_objects()
        if issubclass(type(each), torch.optim.Optimizer)
        and any(id(p) in mine for group in each.param_groups for p in group["params"])
    ]
