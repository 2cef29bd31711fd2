"""Copies to experiment on: what is done to them reaches nothing of the user's."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import nn

from .streams import same_streams
from .trace import tensors


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


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Where a module keeps what is called around its passes."""


def bare_copy(model: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """Copy a model without its user's hooks.

    What a hook has collected is neither copied nor added to. The hooks of torch itself stay, for spectral and weight
    normalization live in them. A compiled or a distributed model is copied as the model that it wraps.

    Args:
        model: left as it is.
        memo: of `deepcopy`, added to: models copied with the same one share in the copies what they share.

    Returns:
        The copy, in the modes of the model, with empty gradients.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> _ = model.register_forward_hook(lambda module, args, output: print("called"))
        >>> _ = bare_copy(model)(torch.zeros(1))
    """
    while isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
        model = inner
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    memo = {} if memo is None else memo
    for part in model.modules():
        for name in HOOKS:
            hooks = getattr(part, name)
            memo[id(hooks)] = OrderedDict((key, hook) for key, hook in hooks.items() if _is_torch(hook))
        for parameter in part.parameters(recurse=False):
            if parameter.grad is not None:
                memo[id(parameter.grad)] = None
        for held in tensors(dict(vars(part))):  # results that a forward pass has left in attributes
            if held.grad_fn is not None:
                memo[id(held)] = held.detach().clone()
    copy = deepcopy(model, memo)
    copy.zero_grad(set_to_none=True)
    return copy


def _is_torch(hook: Callable[..., Any]) -> bool:
    """Whether a hook is torch's own."""
    module = getattr(hook, "__module__", None) or type(hook).__module__
    return module.startswith("torch.") and not isinstance(hook, partial)


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
