"""What a script's process says, as JSON: no pickle is read. Reports are written and read by `formats`."""

from collections.abc import Mapping
from typing import Any

from .outcome import Ending, Evaluated


def ending_from_json(values: Mapping[str, Any]) -> Ending:
    """Read how a run ended."""
    return Ending(**{**values, "stack": tuple(values["stack"])})


def evaluated_from_json(values: Mapping[str, Any]) -> Evaluated:
    """Read the figures of an evaluation."""
    return Evaluated(**values)


def plain(value: Any) -> Any:
    """Turn tuples, mappings, tensors of one value and NumPy's numbers into what JSON knows."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)
