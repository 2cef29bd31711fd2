"""From a recorded step to a program that can be replayed: what the loss depends on, its input and its targets."""

import inspect
import math
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.copies import plain
from vademecum._torch.graph import Graph
from vademecum._torch.streams import same_streams

from ..recording.record import NotCheckedError
from ..recording.sketches import main_input, scale
from .replay import Entry, Loss, Program, Ref, Replay

CLOSE = 1e-5
"""Relative difference up to which a replayed loss is the loss."""

MEMORY = 256 << 20
"""Bytes of data that may be kept for replays."""

TARGETS = ("target", "targets", "labels", "label", "y", "tgt", "y_true")
"""Names of arguments that are targets."""

LOOKS_AT = frozenset({"item", "tolist", "numpy", "__float__", "__int__", "__bool__", "__index__"})
"""Functions by which numbers leave torch."""


@dataclass(frozen=True)
class Step:
    """What was recorded of a step.

    Attributes:
        entries: the calls.
        values: the tensors by their numbers.
        numbers: id of a tensor -> its number.
        kept: number -> copy of a tensor as it came from outside.
        drawn: numbers of tensors that were made of nothing.
        models: the user's.
        copies: of the models, as they were before.
        memo: of the copying.
    """

    entries: tuple[Entry, ...]
    values: tuple[Tensor, ...]
    numbers: Mapping[int, int]
    kept: Mapping[int, Tensor]
    drawn: Collection[int]
    models: tuple[nn.Module, ...]
    copies: tuple[nn.Module, ...]
    memo: dict[int, Any]


@dataclass(frozen=True)
class Taken:
    """A step that can be replayed.

    Attributes:
        model: the models as one.
        x: (B, ...) main input.
        y: (B, ...) targets.
        loss: (output, y) -> () loss.
        output: of the model, once.
        rows: 0 where it works on any number of examples, else B.
        others: whether there are further inputs with a row for each example.
        summed: whether the loss adds the examples up.
    """

    model: Replay
    x: Tensor
    y: Tensor
    loss: Loss
    output: Any
    rows: int
    others: bool
    summed: bool


def replayable(step: Step, loss: Tensor) -> Taken:
    """Make a step that can be replayed of what was recorded.

    Args:
        step: as recorded.
        loss: of the step, with its graph.

    Returns:
        The step; it has been replayed once, with the same loss.

    Raises:
        NotCheckedError: it cannot be replayed, and why.
    """
    root = step.numbers[id(loss)]
    relevant = _behind(step.entries, {root}, step, frozenset())
    weights, free = _weights(step, relevant, root)
    calls = [place for place in relevant if step.entries[place].call is None]
    if not calls:
        raise NotCheckedError("the loss depends on the output of no model")
    live = _live(step, relevant, {*weights, *free})
    x = _input(step, calls, live)
    rows = len(step.values[x])
    y, inside = _target(step, relevant, calls, live, x, rows)
    if inside:
        before: list[int] = []
        after, crossing = _behind(step.entries, {root}, step, frozenset({x, y})), []
    else:
        said = {n for place in relevant if place <= calls[-1] for n in step.entries[place].out if n in live}
        after = _behind(step.entries, {root}, step, frozenset({y, *said}), since=calls[-1])
        used = {n for place in after for n in step.entries[place].given} | {root}
        own = {n for place in after for n in step.entries[place].out}
        crossing = sorted(n for n in used if n in said or ((n in weights or n in free) and n not in own))
        before = _behind(step.entries[: calls[-1] + 1], {*crossing}, step, frozenset({x}))
    constants = _constants(step, [*before, *after], {x, y, *weights, *free})
    program = Program(
        tuple(step.entries[i] for i in before), tuple(step.entries[i] for i in after), tuple(crossing), constants,
        weights, tuple(free), x, y, root, rows, scale(loss),
    )  # fmt: skip
    model = Replay(program, step.copies, [step.values[n] for n in free])
    step.memo.update({id(step.values[n]): p for n, p in zip(free, model.free)})
    given_x, given_y = _data(step, x), _data(step, y)
    output = _verify(step, model, given_x, given_y, loss)
    _no_numbers(step, relevant, _live(step, range(len(step.entries)), {*weights, *free}))
    others = any(
        n != x and n not in live and value.ndim > 0 and len(value) == rows
        for place in calls for n in step.entries[place].given for value in (step.values[n],)
        if not (inside and n == y)
    )  # fmt: skip
    fixed, summed, resize = _rows(model, given_x, given_y, others)
    model.program = replace(program, resize=resize)
    return Taken(model, given_x, given_y, Loss(model), output, rows if fixed else 0, others, summed)


def _behind(
    entries: Sequence[Entry], wanted: set[int], step: Step, stop: frozenset[int], since: int = -1
) -> list[int]:
    """Places of the calls that some tensors depend on, without what lies behind others up to a place."""
    needed, found = set(wanted) - stop, []
    touched = {_memory(step.values[n]) for n in wanted}
    for place in range(len(entries) - 1, -1, -1):
        entry = entries[place]
        changes = entry.changes >= 0 and _memory(step.values[entry.changes]) in touched
        if changes and entry.changes in stop and place <= since:
            continue  # what is taken has been changed already
        if changes or any(n in needed for n in entry.out):
            found.append(place)
            needed.update(n for n in entry.given if n not in stop)
            touched.update(_memory(step.values[n]) for n in entry.given)
    return found[::-1]


def _memory(value: Tensor) -> int:
    try:
        return value.untyped_storage().data_ptr() or -id(value)
    except (RuntimeError, NotImplementedError):  # sparse and other tensors have none
        return -id(value)


def _weights(step: Step, relevant: Sequence[int], root: int) -> tuple[dict[int, tuple[int, str]], list[int]]:
    """Parameters that the calls take directly: of models, and of none."""
    names = {
        id(p): (place, name)
        for place, model in enumerate(step.models)
        for name, p in model.named_parameters(remove_duplicate=False)
    }
    made = {n for place in relevant for n in step.entries[place].out}
    weights, free = {}, []
    hidden = [
        n for place in relevant if not step.entries[place].grad
        for n in step.entries[place].out if step.values[n].requires_grad and n not in step.entries[place].given
    ]  # fmt: skip
    for n in {n for place in relevant for n in step.entries[place].given} - made:
        value = step.values[n]
        if id(value) in names:
            weights[n] = names[id(value)]
        elif value.grad_fn is not None or hidden:
            raise NotCheckedError(
                "the loss takes a tensor whose graph was made out of sight: before a model was called, in one, or by "
                "an autograd.Function"
            )
        elif value.requires_grad and isinstance(value, nn.Parameter):
            free.append(n)
    return weights, free


def _live(step: Step, relevant: Sequence[int], weights: Collection[int]) -> set[int]:
    """Numbers of what depends on a model or a weight."""
    live = set(weights)
    for place in relevant:
        entry = step.entries[place]
        if (entry.call is None and entry.grad) or any(n in live for n in entry.given):
            live.update(entry.out)
            if entry.changes >= 0:
                live.add(entry.changes)
    return live


def _input(step: Step, calls: Sequence[int], live: Collection[int]) -> int:
    """The largest tensor that a model is given from outside."""
    for place in calls:
        entry = step.entries[place]
        given = {id(step.values[n]): n for n in entry.given if n not in live}
        x = main_input([step.values[n] for n in given.values()])
        if x is not None and len(x) > 1:
            return given[id(x)]
    raise NotCheckedError("the model is given no tensor with a row for each example, or one row alone")


def _target(
    step: Step, relevant: Sequence[int], calls: Sequence[int], live: Collection[int], x: int, rows: int
) -> tuple[int, bool]:
    """The number of the targets, and whether a model is given them."""
    later = [step.entries[place] for place in relevant if place > calls[-1]]
    named = [_named(entry) for entry in later]
    for number in [n for n in named if n is not None]:
        origin = _origin(step, number, rows)
        if origin is not None and number not in live:
            return origin, False
    last = step.entries[calls[-1]]
    given = _bound(step.models[last.part].forward, last)
    for name in TARGETS:
        value = given.get(name)
        if isinstance(value, Ref) and value.number != x and _has_rows(step.values[value.number], rows):
            return value.number, True
    for entry in later:
        if not any(n in live for n in entry.given):
            continue
        for number in entry.given:
            origin = None if number in live else _origin(step, number, rows)
            if origin is not None:
                return origin, False
    raise NotCheckedError("the loss compares the output with nothing that has a row for each example")


def _named(entry: Entry) -> int | None:
    """The target of one of torch's losses."""
    name = getattr(entry.call, "__name__", "")
    if not (name.endswith("loss") or name in {"cross_entropy", "kl_div"} or name.startswith("binary_cross")):
        return None
    given = _bound(entry.call, entry)
    value = next((given[key] for key in ("target", "targets") if key in given), None)
    return value.number if isinstance(value, Ref) else None


def _bound(call: Any, entry: Entry) -> dict[str, Any]:
    """Arguments by their names."""
    try:
        return dict(inspect.signature(call).bind(*entry.args, **entry.kwargs).arguments) | dict(entry.kwargs)
    except (TypeError, ValueError):
        return dict(entry.kwargs)


def _origin(step: Step, number: int, rows: int) -> int | None:
    """The tensor with a row for each example that a value was made of, the farthest back; None where there is none."""
    makers = {n: entry for entry in step.entries for n in entry.out}
    best, seen = None, set()
    while number not in seen and number not in step.drawn:
        seen.add(number)
        if _has_rows(step.values[number], rows):
            best = number
        elif best is not None:
            break
        maker = makers.get(number)
        if maker is None or not maker.given or maker.call is None:
            break
        number = maker.given[0]
    return best


def _has_rows(value: Tensor, rows: int) -> bool:
    return value.ndim > 0 and len(value) == rows


def _constants(step: Step, places: Sequence[int], without: Collection[int]) -> dict[int, Tensor]:
    """What the calls take from outside."""
    made = set(without)
    wanted: set[int] = set()
    for place in places:
        wanted.update(n for n in step.entries[place].given if n not in made)
        made.update(step.entries[place].out)  # some return what they were given
    size = sum(step.values[n].nbytes for n in wanted)
    if size > MEMORY:
        raise NotCheckedError(f"the step takes {size >> 20} MB of data, and {MEMORY >> 20} MB may be kept")
    return {n: _data(step, n) for n in wanted}


def _data(step: Step, number: int) -> Tensor:
    value = step.kept.get(number)
    return step.values[number].detach().clone() if value is None else value


def _verify(step: Step, model: Replay, x: Tensor, y: Tensor, loss: Tensor) -> Any:
    """Replay the step as it was; gives the output."""
    copy = deepcopy(model)
    copy.exact = True
    try:
        with same_streams(), torch.enable_grad():
            output = copy(x.clone())
            again = Loss(copy)(output, y.clone())
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise NotCheckedError(f"a replay of the step fails ({type(error).__name__}: {text})") from None
    was, now = float(loss.detach()) / model.program.scale, float(again.detach())
    if not math.isfinite(was):
        raise NotCheckedError("the loss of the first step is not finite")
    if not math.isclose(was, now, rel_tol=CLOSE, abs_tol=1e-7):
        raise NotCheckedError(f"a replay of the step gives another loss ({now:.6g} in place of {was:.6g})")
    if again.grad_fn is None:
        raise NotCheckedError("the loss has no graph")
    own = {id(p) for part in step.models for p in part.parameters()}
    reached = {id(p) for p in Graph(again).leaves}
    learned = {id(p) for p in Graph(loss).leaves} & own
    if own & reached or len(reached & {id(p) for p in copy.parameters()}) < len(learned):
        raise NotCheckedError("a replay of the step uses the weights of the run itself, not those of a copy")
    return output


def _no_numbers(step: Step, relevant: Sequence[int], live: Collection[int]) -> None:
    """Refuse a loss into which numbers read off the output have gone."""
    looked = [
        place for place, entry in enumerate(step.entries)
        if getattr(entry.call, "__name__", "") in LOOKS_AT and any(n in live for n in entry.given)
    ]  # fmt: skip
    if not looked:
        return
    for place in relevant:
        entry = step.entries[place]
        long = any(
            isinstance(a, float) and len(repr(abs(a)).strip("0.").replace(".", "")) > 6 for a in entry.args
        )
        if place > looked[0] and entry.call is not None and long:
            raise NotCheckedError("the loss is made with numbers that were read off the output")


def _rows(model: Replay, x: Tensor, y: Tensor, others: bool) -> tuple[bool, bool, bool]:
    """Whether the loss works on the whole batch only, adds the examples up, and needs its numbers changed.

    Half of the examples must cost as much as a whole batch in which they stand twice, or half as much.

    Returns:
        (fixed, summed, resize)
    """
    half = len(x) // 2
    if half < 1 or len(x) % 2:
        return True, False, True
    twice = torch.arange(len(x), device=x.device) % half
    for resize in (True, False):
        copy = deepcopy(model)
        copy.program = replace(model.program, resize=resize)
        plain(copy)
        one = _loss(copy, x[:half], y[:half])
        two = _loss(copy, x[twice], y[twice])
        if not math.isfinite(one):
            continue
        if others or math.isclose(one, two, rel_tol=1e-3, abs_tol=1e-6):
            return False, False, resize
        if math.isclose(2 * one, two, rel_tol=1e-3, abs_tol=1e-6):
            return False, True, resize
    return True, False, True


def _loss(model: Replay, x: Tensor, y: Tensor) -> float:
    """The loss of some examples; nan where it cannot be taken of so many."""
    try:
        with same_streams(), torch.no_grad():
            return float(Loss(model)(model(x.clone()), y.clone()))
    except Exception:  # what a user's code raises on another number of rows can be anything
        return math.nan
