"""Experiments on a copy: nothing that a check does reaches the user's model, batch or random streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from .._torch.streams import same_streams
from ._finding import Case


@contextmanager
def copied(case: Case) -> Iterator[Case]:
    """Open a case with its own model and batch, ready for its first training step.

    The copy is in training mode: as the user left it where the model is in training mode (a frozen batch
    normalization stays frozen), and as a whole otherwise. Gradients are on and empty.

    Args:
        case: left as it is.

    Yields:
        The copy; the random streams are put back when the block ends.

    Raises:
        ValueError: the batch is empty.
    """
    if len(case.x) == 0:
        raise ValueError(
            f"a case must have examples: x is {tuple(case.x.shape)}; pass a batch that is not empty."
        )
    model = deepcopy(case.model)
    if not model.training:
        model.train()
    if len(case.x) == 1:
        model.eval()  # batch normalization has no statistics of one example
    model.zero_grad(set_to_none=True)
    with same_streams(), torch.inference_mode(False), torch.enable_grad():
        yield replace(case, model=model, x=case.x.detach().clone(), y=case.y.detach().clone())


def plain(model: nn.Module) -> None:
    """Switch off everything that is random in training, and leave batch statistics and recurrent nets working.

    Evaluation mode reaches functional dropout as well. What keeps running statistics stays in its mode, and so do
    recurrent layers, which cuDNN cannot differentiate in evaluation mode; their dropout is set to 0.
    """
    for part in model.modules():
        if isinstance(part, nn.RNNBase):
            part.dropout = 0.0
        elif not hasattr(part, "running_mean"):
            part.training = False


def labels(case: Case) -> Tensor:
    """The class of each example: (B, ...) int64, also from one-hot or soft targets."""
    y = case.y
    if y.is_floating_point() and y.ndim > 1 and y.shape[1] == case.num_classes:
        return y.argmax(1)
    return y.long()
