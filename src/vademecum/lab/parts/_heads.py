"""Which layer of a net gives the scores."""

from torch import nn

__all__ = ["head_of"]


def head_of(model: nn.Module) -> nn.Linear | None:
    """Find the layer that gives the scores.

    Args:
        model: where it has a part with a ``head`` that is linear, that is it.

    Returns:
        Otherwise the last linear layer; None where there is none.
    """
    parts = list(model.modules())
    named = (head for part in parts if isinstance(head := getattr(part, "head", None), nn.Linear))
    return next(named, next((part for part in reversed(parts) if isinstance(part, nn.Linear)), None))
