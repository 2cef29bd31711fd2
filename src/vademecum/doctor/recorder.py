"""The recorder: turns the events of a training loop into a record, and changes nothing of it."""

import math
import time
import weakref
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.graph import Graph
from vademecum._torch.trace import tensors

from . import around, intake, sketches
from ._finding import Finding
from .figures import Stat, strided
from .heads import heads
from .modes import mode_dependent
from .record import Call, Evaluation, Look, NotCheckedError, Record, Scene, Site
from .schedule import Schedule
from .sites import caller

SAMPLE = 1024
"""Values of a parameter that are kept to see it move."""

NEAR = 64
"""Operations next to a loss among which its targets are looked for."""

PATIENCE = 3
"""Failures of one part of the doctor after which it is switched off."""


def _quiet(method: Callable[..., None]) -> Callable[..., None]:
    """Keep an event's handling from reaching the user's run: no gradient, no error, its time counted."""

    @wraps(method)
    def handled(self: "Recorder", *args: Any) -> None:
        if self.busy or not self.alive:
            return
        name, begun = method.__name__, time.perf_counter()
        self.busy = True
        self.grad = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        try:
            with torch.no_grad():
                method(self, *args)
        except Exception as error:  # the doctor never ends a user's run
            self.failed(name, error)
        finally:
            self.busy = False
            self.schedule.spend(time.perf_counter() - begun)

    return handled


class Recorder:
    """Handles the events of a loop, whoever sends them.

    Args:
        checks: rules that look at a scene, each ``f(scene) -> Iterable[Finding]``.
        schedule: when to look.
        memory: bytes of data that may be kept.
        find: whether models and optimizers that were not named are to be taken up as they are met.
    """

    def __init__(
        self,
        checks: tuple[Callable[[Scene], Any], ...] = (),
        *,
        schedule: Schedule | None = None,
        memory: int = 32 << 20,
        find: bool = False,
    ):
        self.record = Record()
        self.checks = checks
        self.schedule = schedule or Schedule()
        self.memory = memory
        self.find = find
        self.findings: dict[tuple[str, str], Finding] = {}
        self.busy, self.alive, self.grad = False, True, True
        self._calls: list[Call] = []
        self._idle: list[Call] = []
        self._passes = 0
        self._told: list[tuple[float, float]] = []
        self._before: dict[str, Tensor] = {}
        self._look: Look | None = None
        self._backwards = 0
        self._stepped = True
        self._failures: dict[str, int] = {}
        self._given: list[weakref.ref[Tensor]] = []
        self._begun = time.perf_counter()

    # ------------------------------------------------------------------ what is watched

    def add_model(self, model: nn.Module, name: str = "") -> None:
        """Take up a model; its parameters get names."""
        record = self.record
        if any(model is known for known in record.models.values()):
            return
        name = name or _free(type(model).__name__.lower() if record.models else "model", record.models)
        record.models[name] = model
        if len(record.models) == 2:  # names so far had no prefix
            first = next(iter(record.models))
            record.parameters = {f"{first}.{key}": p for key, p in record.parameters.items()}
            record.start = {f"{first}.{key}": p for key, p in record.start.items()}
            record.names = {id(p): key for key, p in record.parameters.items()}
        prefix = f"{name}." if len(record.models) > 1 else ""
        for key, parameter in model.named_parameters():
            if isinstance(parameter, nn.parameter.UninitializedParameter) or id(parameter) in record.names:
                continue
            record.names[id(parameter)] = prefix + key
            record.parameters[prefix + key] = parameter
            record.start[prefix + key] = strided(parameter, SAMPLE).clone()

    def add_optimizer(self, optimizer: torch.optim.Optimizer) -> int:
        """Take up an optimizer and say its place."""
        for place, known in enumerate(self.record.optimizers):
            if known is optimizer:
                return place
        self.record.optimizers.append(optimizer)
        return len(self.record.optimizers) - 1

    def failed(self, part: str, error: BaseException) -> None:
        """Note a failure of the doctor's own; after some of one part, the part is switched off."""
        self._failures[part] = self._failures.get(part, 0) + 1
        self.record.notes[part] = f"it failed inside the doctor ({type(error).__name__}: {error})"

    # ------------------------------------------------------------------ events

    @_quiet
    def forward_begins(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A whole model is called."""
        if self.find and next(module.parameters(), None) is not None:
            self._take_up(module)
        name = self._name_of(module)
        if name is None:
            return
        grad = self.grad
        looking = self.schedule.looking or not grad
        given = tuple(tensors((args, kwargs)))
        modes = mode_dependent(module) if looking else {}
        versions = tuple(_version(x) for x in given)
        site = caller() if looking else Site()
        if looking and site.line:
            self.record.sites.setdefault("forward" if grad else "evaluation", site)
        looked = tuple(sketches.figure([x]) for x in given) if looking and grad else ()
        call = Call(
            name, self.record.steps, given, args, kwargs, module.training, modes, grad, site,
            versions=versions, figures=looked,
        )  # fmt: skip
        (self._calls if grad else self._idle).append(call)
        if grad:
            self._evaluated()
        del self._calls[:-64]
        if not grad:
            sketches.keep(self.record.valid, call, None, self.memory // 2)
            del self._idle[1:-1]  # the first and the last tell enough; the others only pass
            self._passes += 1

    @_quiet
    def forward_ends(self, module: nn.Module, output: Any) -> None:
        """A whole model has returned."""
        calls = self._calls if self.grad else self._idle
        if not calls:
            return
        call = calls[-1]
        call.result, call.outputs = output, tuple(tensors(output)) or _attributes(output)
        call.changed = tuple(
            i for i, (x, version) in enumerate(zip(call.inputs, call.versions)) if _version(x) != version
        )
        if call.changed and call.figures:
            self.record.overwritten += sketches.overwritten(call, self._given)
        if call.figures:
            self._given = [weakref.ref(x) for x in call.inputs]

    @_quiet
    def backward_begins(self, loss: Tensor) -> None:
        """A backward pass is about to begin at a loss."""
        record = self.record
        record.backwards += 1
        self._backwards += 1
        self._evaluated()
        cpu = loss.device.type == "cpu"
        if loss.numel() == 1 and (cpu or self.schedule.looking):
            value = float(loss)
            record.losses.append((record.steps, value))
            if not math.isfinite(value) and record.nan is None:
                record.nan = {"step": record.steps, "what": "loss", "calls": self._calls, "loss": value}
        self._data(loss)
        if not self.schedule.looking:
            return
        site = caller()
        if site.line:
            record.sites.setdefault("backward", site)
        look = self._look = Look(record.steps, backwards=self._backwards)
        look.loss = float(loss) if loss.numel() == 1 else math.nan
        if self._stepped:
            look.leftover = self._leftover()
        if loss.grad_fn is not None:
            self._scene(loss, look)

    @_quiet
    def backward_ends(self, loss: Tensor) -> None:
        """A backward pass has ended."""
        self._calls.clear()
        if self._look is not None:
            self._look.raw_norm = sketches.norms(self._gradients())
        self._stepped = False

    @_quiet
    def step_begins(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step."""
        record = self.record
        if self.find or not record.optimizers:
            place = self.add_optimizer(optimizer)
        else:
            place = next((i for i, known in enumerate(record.optimizers) if known is optimizer), -1)
        record.steps_of[place] += 1
        look = self._look
        if look is None:
            if self.schedule.looking:
                look = self._look = Look(record.steps)
            else:
                return
        site = caller()
        if site.line:
            record.sites.setdefault("step", site)
        look.optimizer = place
        look.rates = tuple(float(group["lr"]) for group in optimizer.param_groups if "lr" in group)
        mine = [p for group in optimizer.param_groups for p in group["params"]]
        known = {record.names[id(p)]: p for p in mine if id(p) in record.names}
        look.grad_norm |= sketches.norms({name: p.grad for name, p in known.items() if p.grad is not None})
        look.weight_norm |= sketches.norms(known)
        look.wiped += tuple(
            name
            for name in known
            if look.raw_norm.get(name, 0.0) > 0 and not look.grad_norm.get(name, 0.0) > 0
        )
        self._before = {name: strided(p, SAMPLE).clone() for name, p in known.items()}

    @_quiet
    def step_ends(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        record, look = self.record, self._look
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        if rates:
            record.rates.append((record.steps, max(rates)))
        if look is not None:
            after = {name: strided(record.parameters[name], SAMPLE) for name in self._before}
            moved = {name: after[name] - before for name, before in self._before.items()}
            size, change = sketches.norms(self._before), sketches.norms(moved)
            look.ratio |= {name: change[name] / size[name] for name in change if size.get(name, 0.0) > 0}
            look.unchanged += tuple(
                name for name in change if change[name] == 0 and look.grad_norm.get(name, 0.0) > 0
            )
            record.looks.append(look)
        record.steps += 1
        if record.steps == around.LATER and self.schedule.thorough:
            self._around()
        self._look, self._before = None, {}
        self._backwards, self._stepped = 0, True
        self.schedule.stepped()

    def told(self, name: str, value: float) -> None:
        """Take a figure that the user told."""
        self.record.metrics.setdefault(name, []).append((self.record.steps, float(value)))

    def evaluated_loss(self, value: float, accuracy: float = math.nan) -> None:
        """Take a loss that was computed without gradients."""
        self._told.append((value, accuracy))

    def ends(self) -> None:
        """The run is over."""
        for part in (self._evaluated, self._around):
            try:
                part()
            except Exception as error:
                self.failed(part.__name__.strip("_"), error)
        self.record.seconds = time.perf_counter() - self._begun
        self.record.spent = self.schedule.spent
        self.record.unfinished = sketches.shapes(self._calls)
        self._calls.clear()

    # ------------------------------------------------------------------ inside

    def _take_up(self, module: nn.Module) -> None:
        """Take up a model that was met, unless it is a part of one that is known."""
        if not any(_within(module, known) for known in self.record.models.values()):
            self.add_model(module)

    def _name_of(self, module: nn.Module) -> str | None:
        """The model that a module is, or is a part of."""
        models = self.record.models
        whole = next((name for name, model in models.items() if model is module), None)
        return whole or next((name for name, model in models.items() if _within(module, model)), None)

    def _gradients(self) -> dict[str, Tensor]:
        return {name: p.grad for name, p in self.record.parameters.items() if p.grad is not None}

    def _leftover(self) -> float:
        """Norm of what the last step's gradients left in the buffers, before this pass adds to them."""
        left = sketches.norms(self._gradients())
        return math.sqrt(sum(value * value for value in left.values()))

    def _scene(self, loss: Tensor, look: Look) -> None:
        """Read the graph and let the checks look at it."""
        record = self.record
        graph = Graph(loss)
        found = heads(graph)
        output = self._calls[-1].outputs[0] if self._calls and self._calls[-1].outputs else None
        target = sketches.target(found, output)
        scene = Scene(record, loss, graph, found, self._calls, target, output)
        if found and not record.heads:
            record.heads = tuple(head.kind for head in found)
        if found and found[0].num_classes:
            record.num_classes = max(record.num_classes, found[0].num_classes)
        record.compiled |= any(op.kind.startswith("Compiled") for op in graph)
        sketches.reach(scene)
        look.activations = sketches.activations(scene)
        if output is not None and output.is_floating_point():
            look.output = Stat.of(output)
        if self._calls:
            given = self._calls[0].inputs
            look.inputs = tuple(Stat.of(x) for x in given if x.numel())
            first = sketches.main_input(given)
            look.examples = 0 if first is None else len(first)
        if target is not None and target.numel():
            look.target = Stat.of(target)
        look.accuracy = sketches.accuracy(found, output)
        intake.fill(look, scene, self.memory // 2)
        record.looked += 1
        for check in self.checks:
            name = check.__name__.replace("_", "-")
            if self._failures.get(name, 0) >= PATIENCE:
                continue
            try:
                for finding in check(scene):
                    key = (finding.rule, finding.where)
                    record.count[key] += 1
                    self.findings.setdefault(key, finding)
            except NotCheckedError as reason:
                record.notes.setdefault(name, str(reason))
            except Exception as error:
                self.failed(name, error)

    def _data(self, loss: Tensor) -> None:
        """Keep the batch of the first call, with its targets where the loss shows them."""
        if not self._calls:
            return
        target = None
        if not self.record.train.full and loss.grad_fn is not None:
            output = self._calls[-1].outputs[0] if self._calls[-1].outputs else None
            target = sketches.target(heads(Graph(loss, limit=NEAR)), output)
        sole = all(call.model == self._calls[0].model for call in self._calls)
        sketches.keep(self.record.train, self._calls[0], target, self.memory // 2, sole=sole)

    def _around(self) -> None:
        """Look for the data behind the first batch, once."""
        self.record.pool = self.record.pool or around.pool(self.record)

    def _evaluated(self) -> None:
        """Close a stretch of passes without gradients."""
        calls, self._idle = self._idle, []
        if not calls:
            return
        count, self._passes = self._passes, 0
        told, self._told = self._told, []
        losses = [value for value, _ in told if math.isfinite(value)]
        right = [value for _, value in told if math.isfinite(value)]
        first = calls[0]
        self.record.evaluations.append(
            Evaluation(
                self.record.steps, count, all(call.training for call in calls), first.modes,
                sum(losses) / len(losses) if losses else math.nan,
                sum(right) / len(right) if right else math.nan,
                same_data=sketches.figure(first.inputs) in self.record.train.order[-512:],
            )
        )  # fmt: skip


def _within(module: nn.Module, model: nn.Module) -> bool:
    return module is model or any(module is part for part in model.modules())


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that is not taken."""
    return (
        name if name not in taken else next(f"{name}{i}" for i in range(2, 1000) if f"{name}{i}" not in taken)
    )


def _attributes(output: Any) -> tuple[Tensor, ...]:
    """Tensors of a dataclass-like output."""
    return tuple(tensors(list(vars(output).values()))) if hasattr(output, "__dict__") else ()
