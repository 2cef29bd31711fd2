"""What must hold of any right implementation of a technique.

Example:
    >>> import torch
    >>> bool(conform(torch.nn.GroupNorm, "group_norm"))
    True
"""

from ._conform import Conformance as Conformance
from ._conform import conform as conform
from ._conform import explain as explain
from ._conform import suite_of as suite_of
from ._conform import suites as suites
from ._suite import EXACT as EXACT
from ._suite import IDENTITY as IDENTITY
from ._suite import Draw as Draw
from ._suite import Interface as Interface
from ._suite import Law as Law
from ._suite import Suite as Suite
from ._suite import Twin as Twin

__all__ = [
    "EXACT", "IDENTITY", "Conformance", "Draw", "Interface", "Law", "Suite", "Twin",
    "conform", "explain", "suite_of", "suites",
]  # fmt: skip
