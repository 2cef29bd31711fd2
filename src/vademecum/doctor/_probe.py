"""Experiments on a copy: nothing that a check does reaches the user's model, batch or random streams."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from .._torch.copies import training_copy
from .._torch.trace import tensors
from ..train.overfit_subset import class_indices
from ._finding import Case
from .recording.naming import attributes
from .replaying.replay import Pending, Several


@contextmanager
def copied(case: Case) -> Iterator[Case]:
    """Open a case with its own model and batch, ready for its first training step.

    Args:
        case: left as it is.

    Yields:
        The copy, its model as `training_copy` makes it; the random streams are put back when the block ends.

    Raises:
        ValueError: the batch is empty.
    """
    if len(case.x) == 0:
        raise ValueError(
            f"a case must have examples: x is {tuple(case.x.shape)}; pass a batch that is not empty."
        )
    with training_copy(case.model, len(case.x)) as model:
        yield replace(case, model=model, x=case.x.detach().clone(), y=case.y.detach().clone())


def labels(case: Case) -> Tensor:
    """The class of each example: (B, ...) int64, also from one-hot or soft targets."""
    return class_indices(case.y, case.num_classes)


def some(case: Case, places: Sequence[int]) -> Case:
    """The case with some of its examples, which come again and again where the loss works on the whole batch only."""
    rows = case.origin.rows if case.origin is not None else 0
    chosen = torch.tensor(list(places), dtype=torch.long, device=case.x.device)
    if rows:
        chosen = chosen[torch.arange(rows, device=case.x.device) % len(chosen)]
    return replace(case, x=case.x[chosen], y=case.y[chosen])


def first(case: Case, examples: int) -> Case:
    """The case with its first examples."""
    return some(case, range(min(examples, len(case.x))))


def outputs(case: Case) -> tuple[Tensor, ...]:
    """The tensors that the model says of x, also where it is given the targets."""
    output = case.model(case.x)
    if isinstance(output, Pending):
        said = output.said(case.y)
        return tuple(tensors(said)) or attributes(said)
    return output.values if isinstance(output, Several) else tuple(tensors(output))


def seconds_of_a_step(case: Case) -> float:
    """Seconds of one forward and one backward pass."""
    with copied(case) as own:
        begun = time.perf_counter()
        loss = own.loss(own.model(own.x), own.y)
        if loss.requires_grad:
            loss.backward()
        return time.perf_counter() - begun
