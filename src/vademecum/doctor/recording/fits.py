"""How well a batch's outputs go with its targets, in units that no reduction, weighting or added penalty changes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .heads import Head

CELLS = 1_000_000
"""Scores of a batch that are looked at, at most: rows are taken by a stride."""


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss, "l1": F.l1_loss, "smooth_l1": F.smooth_l1_loss, "huber": F.huber_loss,
}  # fmt: skip
"""Losses of numbers, averaged."""


@dataclass(frozen=True)
class Fit:
    """Three losses of one batch, each averaged over its examples.

    Attributes:
        error: of the outputs against their own targets.
        constant: of the best constant output for the batch.
        gain: how much more the outputs lose against the targets of the other examples than against their own; near 0
            for a network whose outputs say nothing of the targets, whatever their level.
    """

    error: float = math.nan
    constant: float = math.nan
    gain: float = math.nan


def fit(heads: Sequence[Head], output: Tensor | None, target: Tensor | None) -> Fit:
    """Judge a batch at the head that is nearest to the loss.

    Args:
        heads: of the loss.
        output: of the model, for a squared error written by hand, whose graph keeps only the difference.
        target: (B, ...) of the first head, where its graph does not keep it.

    Returns:
        The fit; nan where the loss or its targets are not known.

    Example:
        >>> from vademecum._torch.graph import Graph
        >>> from vademecum.doctor.recording.heads import heads
        >>> score = torch.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
        >>> seen = fit(heads(Graph(F.cross_entropy(score, torch.tensor([0, 1])))), score, None)
        >>> f"{seen.error:.3f} {seen.constant:.3f} {seen.gain:.3f}"
        '0.693 0.693 0.000'
    """
    for head in heads:
        if head.output is None:
            continue
        if head.kind in {"cross_entropy", "nll"} and head.target is not None:
            return _classes(head)
        if head.kind == "soft_cross_entropy" and head.target is not None:
            return _shares(head.output, head.target, head.dim)
        if head.kind in {"bce", "bce_with_logits"} and head.target is not None:
            return _columns(head)
        if head.kind in {"mse", "l1", "smooth_l1", "huber"}:
            y = head.target if head.target is not None else target
            guess = head.output if head.target is not None else output
            if y is not None and guess is not None and guess.shape == y.shape and not _between(head):
                return _numbers(head.kind, guess.detach(), y.detach())
    return Fit()


def _between(head: Head) -> bool:
    """Whether both sides of a difference are learned, as in a distance of two embeddings: neither is a target."""
    if head.target is not None:
        return head.target.requires_grad
    node = head.op.node.next_functions[0][0]
    while node is not None and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    return node is not None and sum(behind is not None for behind, _ in node.next_functions) > 1


def _classes(head: Head) -> Fit:
    """Log-probabilities against class numbers."""
    scores, y = head.output, head.target
    if scores is None or y is None:
        return Fit()
    dim = head.dim if head.dim is not None else min(1, scores.ndim - 1)
    if y.is_floating_point() or scores.movedim(dim, -1).shape[:-1] != y.shape or not y.numel():
        return Fit()
    k = scores.shape[dim]
    log_p, y = scores.detach().movedim(dim, -1).reshape(-1, k), y.detach().reshape(-1)
    stride = max(1, -(-log_p.numel() // CELLS))
    log_p, y = log_p[::stride], y[::stride]
    known = (y >= 0) & (y < k) & (y != (-100 if head.ignore_index is None else head.ignore_index))
    log_p, y = log_p[known].double(), y[known]
    if not len(y):
        return Fit()
    weight = torch.ones(k, dtype=torch.float64, device=y.device)
    if head.weight is not None and head.weight.numel() == k:
        weight = head.weight.detach().double()
    w = weight[y]
    share = torch.bincount(y, w, minlength=k) / w.sum()
    error = -(w * log_p.gather(1, y[:, None])[:, 0]).sum() / w.sum()
    crossed = -(torch.where(share > 0, log_p, 0.0).mean(0) @ share)
    return _fit(error, -torch.xlogy(share, share).sum(), crossed)


def _shares(log_p: Tensor, y: Tensor, dim: int | None) -> Fit:
    """Log-probabilities against probabilities."""
    if log_p.shape != y.shape:
        return Fit()
    dim = dim if dim is not None else -1
    log_p, y = (t.detach().movedim(dim, -1).reshape(-1, t.shape[dim]).double() for t in (log_p, y))
    share = y.mean(0)
    return _fit(-(y * log_p).sum(1).mean(), -torch.xlogy(share, share).sum(), -(log_p.mean(0) @ share))


def _columns(head: Head) -> Fit:
    """Probabilities, or their log-odds, against yes and no, column by column."""
    if head.output is None or head.target is None:
        return Fit()
    if head.output.shape != head.target.shape or not head.target.numel():
        return Fit()
    p, y = (t.detach().double().reshape(len(t), -1) if t.ndim else t.detach().double().reshape(1, 1)
            for t in (head.output, head.target))  # fmt: skip
    yes, no = (
        (-F.logsigmoid(p), -F.logsigmoid(-p)) if head.kind == "bce_with_logits"
        else (-p.log().clamp_min(-100), -torch.log1p(-p).clamp_min(-100))
    )  # fmt: skip
    weight = head.op.saved("pos_weight")
    pos = weight.detach().double().reshape(-1) if weight is not None else torch.ones(1, dtype=torch.float64)
    if pos.numel() not in {1, p.shape[1]}:
        return Fit()
    yes, share = yes * pos, y.mean(0)
    a, b = pos * share, 1 - share
    best = (a / (a + b).clamp_min(1e-12)).clamp(0, 1)
    constant = -(torch.xlogy(a, best) + torch.xlogy(b, 1 - best)).mean()
    error = (y * yes + (1 - y) * no).mean()
    return _fit(error, constant, (share * yes.mean(0) + b * no.mean(0)).mean())


def _numbers(kind: str, guess: Tensor, y: Tensor) -> Fit:
    """Numbers against numbers; the others' targets are those half a batch away."""
    if y.ndim == 0 or not y.numel():
        return Fit()
    guess, y = guess.double().reshape(len(y), -1), y.double().reshape(len(y), -1)
    loss = LOSSES[kind]
    middle = y.mean(0, keepdim=True) if kind == "mse" else y.median(0, keepdim=True).values
    crossed = loss(guess, y.roll(max(1, len(y) // 2), 0))
    return _fit(loss(guess, y), loss(middle.expand_as(y), y), crossed)


def _fit(error: Tensor, constant: Tensor, crossed: Tensor) -> Fit:
    values = torch.stack([error, constant, crossed - error]).tolist()
    return Fit(values[0], values[1], values[2])
