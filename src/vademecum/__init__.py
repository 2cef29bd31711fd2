"""vademecum: deep-learning techniques that work, each held to its paper.

Sub-packages are imported when they are first used, so that ``import vademecum`` costs nothing.

Example:
    >>> import vademecum
    >>> import torch
    >>> vademecum.nn.GroupNorm is torch.nn.GroupNorm
    True
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

try:
    __version__ = version("vademecum")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_SUBPACKAGES = ("cite", "data", "doctor", "explain", "lab", "laws", "losses", "nn", "theory", "train")

__all__ = ["__version__", *_SUBPACKAGES]  # noqa: PLE0604


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return import_module(f"vademecum.{name}")
    raise AttributeError(f"module 'vademecum' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
