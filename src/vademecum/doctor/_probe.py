"""Experiments on a copy: nothing that a check does reaches the user's model, batch or random streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor

from .._torch.copies import training_copy
from ..train.overfit_subset import class_indices
from ._finding import Case


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
