"""The fingerprint of a data set."""

import hashlib
import json
from collections.abc import Sequence

from torch import Tensor

from ._source import Feature


def fingerprint(x: Tensor, y: Tensor, *, classes: Sequence[str], features: Sequence[Feature]) -> str:
    """Hash the content of a data set; where it came from and when makes no difference.

    Args:
        x: (N, ...) examples.
        y: (N,) targets.
        classes: names of the classes.
        features: columns of a table.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> import torch
        >>> x, y = torch.zeros(2, 3), torch.tensor([0, 1])
        >>> first = fingerprint(x, y, classes=("a", "b"), features=())
        >>> first == fingerprint(x.clone(), y, classes=("a", "b"), features=())
        True
        >>> first == fingerprint(x, y, classes=("a", "c"), features=())
        False
    """
    names = [list(classes), [[feature.name, list(feature.categories)] for feature in features]]
    digest = hashlib.sha256(json.dumps(names).encode())
    for tensor in (x, y):
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
