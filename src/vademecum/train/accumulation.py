r"""Gradient accumulation: the gradient of a batch that does not fit, from its parts.

Use it where memory holds only part of the batch that is wanted. Each part's mean loss is weighted by what it counts, so
that the sum is the full batch's mean, and its gradient the full batch's gradient, also where the parts are unequal.

$$ \nabla L = \sum_i \frac{n_i}{n} \nabla L_i, \qquad n = \sum_i n_i $$

with $L_i$ the mean over the $n_i$ examples, or the $n_i$ tokens that are no padding, of part i.

Also called: micro-batching, gradient accumulation steps.
Departures: none.
Pitfalls: dividing each loss by the number of parts is right only where they count the same; with padded text they do
    not. A clip of the gradient belongs after the last part. Batch normalization in training mode sees the part
    and not the batch, so the gradient is another one: it is refused by name. Dropout draws a mask a part, as it does
    for each example anyway. A loss that contrasts the examples of a batch with each other has no such parts.
Claim: none, because it is exact: the laws hold it to the full batch's gradient.
Peer: none.

References:
    ott2018scaling: larger batches, by the gradients of several backward passes before each update.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from ..nn.norm.batch_norm import BatchNorm
from .freeze import is_held

__all__ = ["accumulate"]


def accumulate(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    weight: str = "example",
    ignore_index: int = -100,
) -> Tensor:
    """Add the gradient of a whole batch to the parameters, part by part.

    Args:
        model: its gradients are added to, as by ``backward``.
        loss: (output, y) -> () loss, averaged over the examples or over the tokens that count.
        batches: the parts (x, y) of one batch, such as ``zip(x.split(8), y.split(8))``; gone through once.
        weight: "example" where the loss is a mean over the examples, "token" where it is one over the targets that
            are not `ignore_index`.
        ignore_index: target of what does not count; a part without anything that counts is passed over.

    Returns:
        () the loss of the whole batch, without gradient.

    Raises:
        ValueError: the weight is unknown, nothing counts, the loss of a part is not one number, or a batch
            normalization would see the part in place of the batch.

    Example:
        >>> model, x, y = nn.Linear(1, 1, bias=False), torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3, 1)
        >>> _ = nn.init.ones_(model.weight)
        >>> accumulate(model, nn.functional.mse_loss, zip(x.split(2), y.split(2)))  # (1 + 4 + 9) / 3
        tensor(4.6667)
        >>> model.weight.grad  # twice that
        tensor([[9.3333]])
    """
    if weight not in {"example", "token"}:
        raise ValueError(
            f'weight must be "example" or "token": it is {weight!r}; "token" is for means over targets that count.'
        )
    for path, part in model.named_modules():
        live = part.training and not is_held(part)
        if isinstance(part, BatchNorm) and (live or part.running_mean is None):
            raise ValueError(
                f"a part must give what the whole batch gives: the batch normalization {path!r} takes its statistics "
                "from the part; freeze it, or take a norm that does not depend on the batch."
            )
    parts = [(x, y, int((y != ignore_index).sum()) if weight == "token" else len(y)) for x, y in batches]
    total = sum(count for _, _, count in parts)
    if total == 0:
        raise ValueError(
            f"something must count: {len(parts)} parts came, with nothing in them but targets of {ignore_index}; "
            "pass the parts of one batch."
        )
    whole = torch.zeros(())
    for x, y, count in parts:
        if count == 0:  # its mean would be 0 / 0
            continue
        value = loss(model(x), y)
        if value.ndim:
            raise ValueError(
                f'the loss must be one number, a mean: it is {tuple(value.shape)}; take reduction="mean".'
            )
        (value * (count / total)).backward()
        whole = whole.to(value) + value.detach() * (count / total)
    return whole
