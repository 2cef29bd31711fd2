"""Copies to experiment on: what is done to them reaches nothing of the user's."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import nn

from .streams import same_streams


@contextmanager
def training_copy(model: nn.Module, examples: int) -> Iterator[nn.Module]:
    """Copy a model for the experiments of a block, ready for its first training step.

    The copy is in training mode: as the user left it where the model is in training mode (a frozen batch
    normalization stays frozen), and as a whole otherwise. Gradients are on and empty.

    Args:
        model: left as it is.
        examples: in the batches to come; for one, the copy is in evaluation mode, because batch normalization has
            no statistics of one example.

    Yields:
        The copy; the random streams are put back when the block ends.

    Example:
        >>> model = nn.Dropout().eval()
        >>> with training_copy(model, 8) as copy:
        ...     print(copy.training, model.training)
        True False
    """
    copy = deepcopy(model)
    if not copy.training:
        copy.train()
    if examples == 1:
        copy.eval()
    copy.zero_grad(set_to_none=True)
    with same_streams(), torch.inference_mode(False), torch.enable_grad():
        yield copy


def plain(model: nn.Module) -> None:
    """Switch off everything that is random in training, and leave batch statistics and recurrent nets working.

    Evaluation mode reaches functional dropout as well. What keeps running statistics stays in its mode, and so do
    recurrent layers, which cuDNN cannot differentiate in evaluation mode; their dropout is set to 0.

    Args:
        model: changed in place.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
        >>> plain(model)
        >>> [part.training for part in model]
        [True, False]
    """
    for part in model.modules():
        if isinstance(part, nn.RNNBase):
            part.dropout = 0.0
        elif not hasattr(part, "running_mean"):
            part.training = False
