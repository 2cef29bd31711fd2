"""Normalization layers."""

from .group_norm import GroupNorm as GroupNorm
from .group_norm import batch_to_group_norm as batch_to_group_norm
from .group_norm import group_count as group_count
