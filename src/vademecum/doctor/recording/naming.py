"""Names of what is met, and small questions about modules and tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from vademecum._torch.trace import tensors

COPIED = 50_000_000
"""Parameters of a model up to which it is copied, about 200 megabytes."""


def within(module: nn.Module, model: nn.Module) -> bool:
    """Whether a module is a model, or a part of it."""
    return module is model or any(module is part for part in model.modules())


def small(model: nn.Module) -> bool:
    """Whether a model may be copied for a probe without a thought for memory."""
    return sum(p.numel() for p in model.parameters()) <= COPIED


def version(tensor: Tensor) -> int:
    """How often a tensor was changed in place, or -1 where torch does not count it."""
    return -1 if tensor.is_inference() else tensor._version


def free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that is not taken."""
    return (
        name if name not in taken else next(f"{name}{i}" for i in range(2, 1000) if f"{name}{i}" not in taken)
    )


def attributes(output: Any) -> tuple[Tensor, ...]:
    """Tensors of a dataclass-like output."""
    return tuple(tensors(list(vars(output).values()))) if hasattr(output, "__dict__") else ()


def listed(names: Sequence[str], limit: int = 4) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
