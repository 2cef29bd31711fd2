"""vademecum: deep-learning techniques that work, each held to its paper.

Sub-packages are imported when they are first used, so that ``import vademecum`` costs nothing.

Example:
    >>> import vademecum
    >>> import torch
    >>> vademecum.nn.GroupNorm is torch.nn.GroupNorm
    True
"""

from importlib import import_module
from types import ModuleType

_SUBPACKAGES = (
    "cite",
    "claims",
    "data",
    "doctor",
    "explain",
    "lab",
    "laws",
    "losses",
    "models",
    "nn",
    "optim",
    "regularize",
    "search",
    "theory",
    "train",
)

__all__ = ["__version__", *_SUBPACKAGES]  # noqa: F822 - found by __getattr__


def __getattr__(name: str) -> ModuleType | str:
    if name in _SUBPACKAGES:
        return import_module(f"vademecum.{name}")
    if name == "__version__":
        from importlib.metadata import version  # 60 ms that `vade list` need not pay

        return version("vademecum")
    raise AttributeError(f"module 'vademecum' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
