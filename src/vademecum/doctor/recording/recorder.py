"""The recorder: turns the events of a training loop into a record, and changes nothing of it."""

import math
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.graph import Graph
from vademecum._torch.trace import tensors

from .._finding import Finding
from . import around, census, nonfinite, reruns, sketches, strides
from .closer import closer
from .figures import SAMPLE, Seen, strided
from .glance import glance
from .heads import heads
from .loop import UNSTEPPED, idle_optimizers, schedulers
from .modes import mode_dependent
from .naming import attributes, version
from .quiet import quiet
from .record import Call, Look, NotCheckedError, Pass, Record, Scene, Site
from .schedule import Schedule
from .sites import caller, line

OFTEN = 8
"""Looks that are all shown to the rules; of later ones, for graphs hardly change, those at powers of two."""

NEAR = 64
"""Operations next to a loss among which its targets are looked for."""

OLD = 4096
"""Steps after which old figures are thinned out."""

PATIENCE = 3
"""Failures of one part of the doctor after which it is switched off."""


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
        if find:  # a run of its own may wait for a copy of a larger model
            self.record.copying = 2 << 30
        self.findings: dict[tuple[str, str], Finding] = {}
        self.target: Tensor | None = None
        self.told_loss: Callable[[], Tensor | None] = lambda: None
        self.busy, self.alive, self.grad = False, True, True
        self._calls: list[Call] = []
        self._idle: list[Call] = []
        self._passes = 0
        self._told: list[tuple[float, float]] = []
        self._before: dict[str, Tensor] = {}
        self._felt: set[str] = set()
        self._modes: dict[str, bool] = {}
        self._left: dict[str, float] = {}
        self._risks: list[nonfinite.Risk] = []
        self._thrown = 0
        self._look: Look | None = None
        self._backwards = self._scenes = 0
        self._stepped, self._by_hand = True, False
        self._failures: dict[str, int] = {}
        self._given: list[weakref.ref[Tensor]] = []
        self.begun = time.perf_counter()

    def add_model(self, model: nn.Module, name: str = "") -> None:
        """Take up a model; its parameters get names."""
        census.add_model(self.record, model, name)

    def add_optimizer(self, optimizer: torch.optim.Optimizer) -> int:
        """Take up an optimizer and say its place."""
        return census.add_optimizer(self.record, optimizer)

    def failed(self, part: str, error: BaseException) -> None:
        """Note a failure of the doctor's own; after some of one part, the part is switched off."""
        self._failures[part] = self._failures.get(part, 0) + 1
        self.record.notes[part] = f"it failed inside the doctor ({type(error).__name__}: {error})"

    @quiet
    def forward_begins(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A whole model is called."""
        if self.find and next(module.parameters(), None) is not None:
            census.take_up(self.record, module)
        name = census.name_of(self.record, module)
        if name is None:
            return
        grad = self.grad
        looking = self.schedule.looking if grad else not self._idle
        given = tuple(tensors((args, kwargs)))
        modes = mode_dependent(module) if looking else {}
        versions = tuple(version(x) for x in given)
        site = caller() if looking else Site()
        if looking and site.line:
            self.record.sites.setdefault("forward" if grad else "evaluation", site)
        looked = tuple(sketches.figure([x]) for x in given) if looking and grad else ()
        call = Call(
            name, self.record.steps, given, args, kwargs, module.training, modes, grad, site,
            versions=versions, figures=looked,
        )  # fmt: skip
        if grad:
            self.record.loop.pass_begins(self._own_time(), idle=bool(self._idle))
            self._modes[name] = self._modes.get(name, False) or module.training or any(modes.values())
        (self._calls if grad else self._idle).append(call)
        if grad and looking and module is self.record.models.get(name) and reruns.wanted(self.record, call):
            reruns.keep(self.record, call, self.memory // 4)
        if grad and self._idle:
            self._evaluated()
        for old in self._calls[1:-2]:  # a loop that never goes backward would keep graph after graph alive
            old.outputs, old.result = (), None
        del self._calls[1:-64]
        if not grad:
            self._keep(self.record.valid, call, None)
            del self._idle[1:-1]  # the first and the last tell enough; the others only pass
            self._passes += 1

    @quiet
    def forward_ends(self, module: nn.Module, output: Any) -> None:
        """A whole model has returned."""
        calls = self._calls if self.grad else self._idle
        if not calls or census.name_of(self.record, module) != calls[-1].model:
            return
        call = calls[-1]
        call.result, call.outputs = output, tuple(tensors(output)) or attributes(output)
        self.record.loop.modes(call, module, look=not self.grad, size=self.record.copying)
        call.changed = tuple(
            i for i, (x, before) in enumerate(zip(call.inputs, call.versions)) if version(x) != before
        )
        if call.changed and call.figures:
            self.record.overwritten += sketches.overwritten(call, self._given)
        if call.figures:
            self._given = [weakref.ref(x) for x in call.inputs]

    @quiet
    def backward_begins(self, loss: Tensor) -> None:
        """A backward pass is about to begin at a loss."""
        record = self.record
        record.backwards += 1
        self._backwards += 1
        if loss.grad_fn is None and id(loss) not in record.names and len(record.detached) < PATIENCE:
            record.detached.append(reruns.why_detached(record, loss, self._calls, self._idle))
        if self._idle:
            self._evaluated()
        if record.backwards == UNSTEPPED and not record.steps:
            record.loop.idle = len(idle_optimizers(record.parameters))
        cpu = loss.device.type == "cpu"
        here = line(record)
        if loss.numel() == 1 and (cpu or self.schedule.looking):
            value = float(loss.detach())
            record.losses.append((record.steps, value))
            record.passes.append(Pass(record.steps, value / sketches.scale(loss), here))
            if not math.isfinite(value) and record.nan is None:
                record.nan = nonfinite.told(nonfinite.locate(record, loss, self._calls))
        if self._calls:
            self._keep(self.record.train, self._calls[0], loss)
        if not self.schedule.looking:
            return
        if record.lines[here].line:
            record.sites.setdefault("backward", record.lines[here])
        before, left = self._look, sketches.norms(self._gradients())
        # a closure's passes belong to the step that calls it
        look = self._look = before if before is not None and self._before else Look(record.steps)
        look.backwards, look.site = self._backwards, here
        look.loss = float(loss) if loss.numel() == 1 else math.nan
        for name in record.parameters:
            self._left[name] = min(self._left.get(name, math.inf), left.get(name, 0.0))
        if (
            not self._stepped
            and before is not None
            and not any(left.values())
            and any(before.raw_norm.values())
        ):
            self._thrown += 1
        look.thrown = self._thrown
        if loss.grad_fn is not None:
            self._scene(loss, look)

    @quiet
    def backward_ends(self, loss: Tensor) -> None:
        """A backward pass has ended."""
        self._calls.clear()
        self.target = None
        if self._look is not None:
            self._look.raw_norm = sketches.norms(self._gradients())
            if self._by_hand:
                self._remember({name: p for name, p in self.record.parameters.items() if p.grad is not None})
        self._stepped = False

    def loss_told(self, loss: Tensor) -> None:
        """The user tells a loss; whether and how it goes backward is not known yet."""
        self.backward_begins(loss)
        self._left.clear()  # the gradients may be cleared after this
        self._calls.clear()
        self.target, self._stepped = None, False
        self.told_loss = weakref.ref(loss)

    @quiet
    def told_goes_backward(self) -> None:
        """A backward pass is about to begin at the loss that was told."""
        if self._look is not None:
            left = sketches.norms(self._gradients())
            self._left = {name: left.get(name, 0.0) for name in self.record.parameters}

    @quiet
    def step_begins(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step."""
        record = self.record
        if self.find or not record.optimizers:
            place = self.add_optimizer(optimizer)
        else:
            place = next((i for i, known in enumerate(record.optimizers) if known is optimizer), -1)
        record.steps_of[place] += 1
        if not record.steps and any("initial_lr" in group for group in optimizer.param_groups):
            record.loop.schedulers = [(type(s).__name__, int(s.last_epoch)) for s in schedulers(optimizer)]
        if record.nan is None and not record.loop.finite(place, optimizer, looking=self.schedule.looking):
            record.nan = nonfinite.told(nonfinite.of_gradient(record, self._risks))
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
        if self.find and not record.models:
            sketches.adopt(record, optimizer)
        mine = [p for group in optimizer.param_groups for p in group["params"]]
        known = {record.names[id(p)]: p for p in mine if id(p) in record.names}
        strides.begins(look, optimizer, known, self._left)
        if record.nan is None and not all(math.isfinite(value) for value in look.grad_norm.values()):
            record.nan = nonfinite.told(nonfinite.of_gradient(record, self._risks))
        look.modes = {name: on for name, on in self._modes.items() if sketches.holds(record, name, mine)}
        self._remember(known)

    @quiet
    def step_ends(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        self._over(optimizer)

    @quiet
    def stepped_by_hand(self) -> None:
        """The user's own code has changed the weights, with the gradients of the last backward pass."""
        record, look = self.record, self._look
        self._by_hand = True
        if look is not None:
            look.optimizer = -1
            if self._left:
                look.leftover = math.hypot(*self._left.values())
                self._left.clear()
            look.grad_norm, look.weight_norm = dict(look.raw_norm), sketches.norms(record.parameters)
        self._over(None)

    def _remember(self, parameters: Mapping[str, Tensor]) -> None:
        """Keep samples of parameters, to see after the step how they have moved."""
        self._before = {name: strided(p, SAMPLE).clone() for name, p in parameters.items()}
        self._felt = {name for name, p in parameters.items() if sketches.felt(p.grad, SAMPLE)}

    def _over(self, optimizer: torch.optim.Optimizer | None) -> None:
        """A step is over."""
        record, look = self.record, self._look
        place = next((i for i, known in enumerate(record.optimizers) if known is optimizer), -1)
        record.stepped_by(place)
        groups = [] if optimizer is None else optimizer.param_groups
        rates = [float(group["lr"]) for group in groups if "lr" in group]
        if rates:
            record.rates.append((record.steps, max(rates)))
            record.loop.rate(place, record.steps, rates)
        record.loop.step_ends(self._own_time())
        if look is not None and (self._before or look.backwards):
            strides.ends(look, record.parameters, self._before, self._felt)
            record.looks.append(look)
        record.steps += 1
        if record.steps == around.LATER and self.schedule.thorough:
            self._around()
        self._look, self._before, self._risks = None, {}, []
        self._backwards, self._stepped, self._thrown = 0, True, 0
        self._modes.clear()
        if look is None:
            self._left.clear()
        if record.steps % OLD == 0:
            record.thin()
        self.schedule.stepped()

    def told(self, name: str, value: float) -> None:
        """Take a figure that the user told."""
        self.record.metrics.setdefault(name, []).append((self.record.steps, float(value)))

    def evaluated_loss(self, value: float, accuracy: float = math.nan) -> None:
        """Take a loss, an accuracy, or both, that were computed without gradients, for the last pass without them."""
        if self._idle:  # else it belongs to a training step, as an accuracy of its batch does
            self._told.append((value, accuracy))

    def evaluated_target(self, target: Tensor) -> None:
        """Take the targets of the last pass without gradients."""
        if self._idle:
            sketches.aim(self.record.valid, target)

    def ends(self) -> None:
        """The run is over."""
        for part in (self._evaluated, self._around):
            try:
                part()
            except Exception as error:
                self.failed(part.__name__.strip("_"), error)
        self.record.loop.listening.close()
        for seen in (self.record.train, self.record.valid):
            seen.settle()
        self.record.seconds = time.perf_counter() - self.begun
        self.record.spent = self.schedule.spent
        self.record.unfinished = sketches.shapes(self._calls)
        self._calls.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Recorder":
        return self  # a copy of a watched model carries the hooks along

    def _own_time(self) -> float:
        """Seconds of the run, without the doctor's."""
        return time.perf_counter() - self.schedule.spent

    def _gradients(self) -> dict[str, Tensor]:
        return {name: p.grad for name, p in self.record.parameters.items() if p.grad is not None}

    def _scene(self, loss: Tensor, look: Look) -> None:
        """Read the graph and let the checks look at it."""
        record = self.record
        scene, self._risks = glance(record, loss, look, self._calls, self.target, self.memory // 2)
        try:
            closer(scene, look)
        except Exception as error:  # the other rules need none of it
            self.failed("figures for symptoms", error)
        self._scenes += 1
        if not self.schedule.thorough and self._scenes > OFTEN and self._scenes & (self._scenes - 1):
            return
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

    def _keep(self, seen: Seen, call: Call, loss: Tensor | None) -> None:
        """Count a batch; keep its rows as well, with the targets that the loss shows, where the schedule has time."""
        if seen.full or not self.schedule.affords(seen.passed):
            sketches.count(seen, call)
            return
        begun, target, sole = time.perf_counter(), None, True
        with torch.no_grad():
            if loss is not None:
                sole = all(each.model == call.model for each in self._calls)
                target = self.target
                if target is None and loss.grad_fn is not None:
                    output = self._calls[-1].outputs[0] if self._calls[-1].outputs else None
                    target = sketches.target(heads(Graph(loss, limit=NEAR)), output)
            seen.settle()
            sketches.keep(seen, call, target, self.memory // 2, sole=sole)
        self.schedule.data += time.perf_counter() - begun

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
        self.record.evaluations.append(sketches.evaluation(self.record, calls, count, told))
