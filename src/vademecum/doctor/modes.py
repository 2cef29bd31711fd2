"""Parts that do something else in training than in evaluation."""

from collections.abc import Mapping

from torch import nn


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
