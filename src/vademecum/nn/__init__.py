"""Layers, by family."""

from .norm import GroupNorm as GroupNorm
from .norm import batch_to_group_norm as batch_to_group_norm
from .norm import group_count as group_count
