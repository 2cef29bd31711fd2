r"""Input ignored: the output does not change with the input.

A variable that is overwritten, a gate that is zero, a state that is read before the layer has run: the network says
the same of every example, and the loss stays where a constant answer has it.

$$ f(x_i) = f(x_j) \quad \text{for all } i, j $$

Wrong:
    _, state = self.lstm(x); return self.head(initial_state)

Right:
    _, state = self.lstm(x); return self.head(state[0][-1])

Fails where: a constant answer is right; or the network has died on the way, which another finding then tells.

References:
    karpathy2019recipe: the input-independent baseline must be worse than the network.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from vademecum._torch.trace import tensors

from .._finding import Finding
from ..evidence.probes import Subject, Trace, by_example, moved, outputs, subjects
from ..recording.record import NotCheckedError, Record

REFERENCE = "karpathy2019recipe"

STEPS = 5
"""Optimizer steps after which a layer that began at zero says something."""

NOTHING = 1e-7
"""Of the output's size: a change below it is none, in single precision."""


def input_ignored(record: Record) -> Iterator[Finding]:
    """Give each example the input of another, and look whether any output changes, in evaluation mode.

    Args:
        record: of the run so far.

    Yields:
        "error" where none does; "note" for one of several inputs that changes nothing.

    Raises:
        NotCheckedError: no pass can be run again, too few steps, or all examples are alike.
    """
    if record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} optimizer steps, and there were {record.steps}")
    for subject in subjects(record, fewest=2):
        size = len(subject.main)
        given = [x for x in tensors((subject.kept.args, subject.kept.kwargs)) if x.ndim and len(x) == size]
        given = [x for x in given if not _is_constant(x) and not _is_target(x, subject.kept.target)]
        if not given:
            raise NotCheckedError("all examples of the kept batch are alike")
        before = _compared(subject.run(), subject.main)
        if before is None:
            raise NotCheckedError("the model returns nothing that could change with its inputs")
        if _changes(subject, before, given) <= NOTHING:
            yield _finding(subject, size, given)
            continue
        for place, x in enumerate(given):
            if len(given) > 1 and _changes(subject, before, [x]) <= NOTHING:
                yield Finding(
                    "input-ignored", "note",
                    f"The input of shape {tuple(x.shape)} (place {place + 1} of {len(given)}) changes nothing in the "
                    "output.",
                    cure="If it is meant to be used, look where the forward pass drops it.",
                    where=f"{subject.name} input {place + 1}", reference=REFERENCE,
                    disproof="The output changes with this input.",
                )  # fmt: skip


def _finding(subject: Subject, size: int, given: list[Tensor]) -> Finding:
    before, after = Trace([]), Trace([])
    subject.run(watch=lambda copy: before.attach(copy, (size,)))
    subject.run(partial(_rolled, given=given), watch=lambda copy: after.attach(copy, (size,)))
    pairs = list(zip(before.figures, after.figures))
    alive = [i for i, ((_, mine), (_, its)) in enumerate(pairs) if bool(moved(mine, its).max() > NOTHING)]
    after_all = [path for (path, _), _ in pairs[alive[-1] + 1 :] if path] if alive else []
    where = after_all[0] if after_all else ""
    if not alive:
        lost = "no layer's result changes either"
    else:
        lost = f"the last result that changes is that of {pairs[alive[-1]][0][0]}"
    return Finding(
        "input-ignored", "error",
        f"The output does not depend on the input: {size} examples were given one another's inputs, and no output "
        f"changed; {lost}.",
        cure=f"Look at what {where or 'the forward pass'} is given: a variable that is overwritten, a product with "
        "zero, a layer that always answers 0.",
        where=where, evidence={"examples": size}, reference=REFERENCE, disproof="Two examples get different outputs.",
    )  # fmt: skip


def _rolled(x: Tensor, given: list[Tensor]) -> Tensor:
    """Each example with the values of the one before it, where a tensor is one of those that are given."""
    named = any(x.shape == other.shape and torch.equal(x.detach(), other.detach()) for other in given)
    return x.detach().roll(1, 0) if named else x


def _changes(subject: Subject, before: Tensor, given: list[Tensor]) -> float:
    """The largest relative change of the output when these inputs are exchanged among the examples."""
    after = _compared(subject.run(partial(_rolled, given=given)), subject.main)
    if after is None or after.shape != before.shape:
        return float("inf")
    return float(moved(before, after).max())


def _compared(result: object, main: Tensor) -> Tensor | None:
    """What is compared: the output by example, else all outputs as one row, a loss among them."""
    rows = by_example(result, main)
    if rows is not None:
        return rows
    found = outputs(result)
    return torch.cat([out.flatten().float() for out in found])[None] if found else None


def _is_constant(x: Tensor) -> bool:
    return bool((x == x[:1]).all())


def _is_target(x: Tensor, target: Tensor | None) -> bool:
    return (
        target is not None
        and x.numel() == target.numel()
        and torch.equal(x.flatten().float(), target.flatten().float())
    )
