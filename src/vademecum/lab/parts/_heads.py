"""Which layer of a net gives the scores."""

from torch import nn

__all__ = ["head_of", "head_paths"]


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


def head_paths(model: nn.Module) -> tuple[str, ...]:
    """Find the layers that give the scores, by their paths.

    Args:
        model: any.

    Returns:
        Paths of the head, and of a ``skip`` beside it, whose answers are added up; () where there is no linear layer.
    """
    head = head_of(model)
    owner = next((part for part in model.modules() if getattr(part, "head", None) is head), None)
    skip = getattr(owner, "skip", None)
    return tuple(
        path for path, part in model.named_modules() if part is head or (part is skip and skip is not None)
    )
