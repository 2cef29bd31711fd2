r"""Missing causal mask: the network sees the tokens that it is to predict.

A model of the next token may look back and not ahead. Where the mask is missing, or a recurrence runs both ways, the
answer stands in the input one place on: the loss falls close to 0, and what is generated is noise.

$$ p(x_{t+1} \mid x_1, \dots, x_t), \qquad \frac{\partial f(x)_t}{\partial x_s} = 0 \quad (s > t) $$

Wrong:
    y = F.scaled_dot_product_attention(q, k, v)

Right:
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)

Fails where: the targets are not the inputs moved by one place; such a network may look where it likes.

References:
    vaswani2017attention: section 3.2.3, positions are kept from attending to subsequent positions.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from .._finding import Finding
from ..evidence.probes import Subject, Trace, moved, outputs, shifted_axis, subjects, tolerance
from ..recording.record import Record

REFERENCE = "vaswani2017attention"


def missing_causal_mask(record: Record) -> Iterator[Finding]:
    """Change what comes after a place, and look whether the outputs up to it move.

    Args:
        record: of the run so far.

    Yields:
        "error" where they do, although the targets are the inputs moved by one place.
    """
    for subject in subjects(record, fewest=1):
        axis = shifted_axis(subject.main, subject.kept.target)
        if axis < 0:
            continue
        x = subject.main if axis == 1 else subject.main.transpose(0, 1)
        result = subject.run()
        before = _by_place(result, x, axis)
        if before is None:
            continue
        length, worst, where = x.shape[1], 0.0, ""
        for place in sorted({length // 4, length // 2, 3 * length // 4}):
            after = _by_place(
                subject.run(partial(_after, main=subject.main, place=place, axis=axis)), x, axis
            )
            if after is None or after.shape != before.shape:
                continue
            change = float(moved(before[:, : place + 1], after[:, : place + 1]).max())
            if change > tolerance(outputs(result)[0]) and not where:
                where = _place(subject, place, axis)
            worst = max(worst, change)
        if worst > tolerance(outputs(result)[0]):
            yield Finding(
                "missing-causal-mask", "error",
                "The targets are the inputs moved by one place, and the outputs depend on what comes later: they "
                f"change by {worst:.2g} of their size. The network can read its targets"
                + (f"; the first part that looks ahead is {where}." if where else "."),
                cure="Give the attention a causal mask (is_causal=True), or let the recurrence run one way.",
                where=where, evidence={"change": worst, "length": length}, reference=REFERENCE,
                disproof="Outputs do not change when later inputs do.",
            )  # fmt: skip


def _by_place(result: object, x: Tensor, axis: int) -> Tensor | None:
    """(B, T, features) the first output with a row for each place, batch first; None without one."""
    batch, length = x.shape[:2]
    lead = (batch, length) if axis == 1 else (length, batch)
    for out in outputs(result):
        if tuple(out.shape[:2]) != lead and out.ndim == 3 and out.shape[::2] == lead:
            out = out.transpose(1, 2)
        elif out.ndim == 2 and tuple(out.shape) != lead and len(out) == batch * length:
            out = out.reshape(*lead, -1)
        if out.ndim >= 2 and tuple(out.shape[:2]) == lead and out.numel() >= batch * length:
            out = out.reshape(*lead, -1)
            return out if axis == 1 else out.transpose(0, 1)
    return None


def _after(given: Tensor, main: Tensor, place: int, axis: int) -> Tensor:
    """The input with everything after a place taken from elsewhere; other tensors as they are."""
    if given.shape != main.shape or not torch.equal(given.detach(), main.detach()):
        return given
    other = given.detach().clone()
    count = given.shape[axis] - place - 1
    tail = given.detach().narrow(axis, place + 1, count)
    rolled = tail.roll(1, 1 - axis) if given.shape[1 - axis] > 1 else tail.flip(axis)
    other.narrow(axis, place + 1, count).copy_(rolled)
    return other


def _place(subject: Subject, place: int, axis: int) -> str:
    """Path of the first module whose results up to a place change with what comes after it."""
    sizes = tuple(subject.main.shape[:2])
    before, after = Trace([]), Trace([])
    subject.run(watch=lambda copy: before.attach(copy, sizes))
    subject.run(
        partial(_after, main=subject.main, place=place, axis=axis),
        watch=lambda copy: after.attach(copy, sizes),
    )

    def differs(mine: Tensor, its: Tensor) -> bool:
        return bool(moved(mine.narrow(axis, 0, place + 1), its.narrow(axis, 0, place + 1)).max() > 1e-4)

    return before.first(after, differs)
