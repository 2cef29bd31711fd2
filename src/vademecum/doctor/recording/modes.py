"""Parts that do something else in training than in evaluation."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from vademecum._torch.streams import same_streams
from vademecum._torch.trace import tensors


def mode_dependent(model: nn.Module) -> Mapping[str, bool]:
    """Say in which mode the parts are for which it matters.

    Those are the dropouts with p above 0 and what keeps running statistics. A part of the user's own that asks for
    ``self.training`` is not known here.

    Args:
        model: any module.

    Returns:
        path -> whether the part is in training mode.

    Example:
        >>> mode_dependent(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.BatchNorm1d(2).eval()))
        {'1': True, '2': False}
    """
    found = {}
    for path, part in model.named_modules():
        if (
            getattr(part, "running_mean", None) is not None
            or ("Dropout" in type(part).__name__ and getattr(part, "p", 0) > 0)
            or (isinstance(part, nn.RNNBase) and part.dropout > 0)
        ):
            found[path] = part.training
    return found


def mode_matters(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Say whether a copy of a model answers differently in training mode than in evaluation, with the same noise.

    Args:
        model: any module; left as it is.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        False also where the model cannot be copied or repeated.

    Example:
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return nn.functional.dropout(x, 0.5, training=self.training)
        >>> mode_matters(Net(), (torch.ones(99),), {}), mode_matters(nn.Identity(), (torch.ones(99),), {})
        (True, False)
    """
    try:
        with torch.no_grad():
            answers, copy = [], deepcopy(model)
            for training in (True, False):
                with same_streams():
                    answers.append(list(tensors(copy.train(training)(*args, **kwargs))))
    except Exception:  # a probe is a help, never a condition
        return False
    return any(not torch.equal(a, b) for a, b in zip(*answers) if a.shape == b.shape)
