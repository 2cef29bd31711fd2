"""scikit-learn's handwritten digits: 1797 images of 8 by 8 pixels that need no download."""

import torch

from ._identity import fingerprint
from ._source import Source


def digits() -> Source:
    """Load the digits.

    Returns:
        Gray images float32 (1797, 1, 8, 8), each pixel a whole number from 0 to 16; ten classes.

    Example:
        >>> source = digits()
        >>> source.x.shape, source.classes[3], source.items[0]
        (torch.Size([1797, 1, 8, 8]), '3', 'digit 0')
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.from_numpy(found.images).float().unsqueeze(1)
    y = torch.from_numpy(found.target).long()
    classes = tuple(str(name) for name in found.target_names)
    return Source(
        name="digits",
        kind="images",
        task="classification",
        x=x,
        y=y,
        classes=classes,
        features=(),
        target="digit",
        items=tuple(f"digit {i}" for i in range(len(y))),
        groups=None,
        times=None,
        parts=None,
        notes=("1797 handwritten digits that come with scikit-learn: 8 by 8 pixels, values 0 to 16.",),
        fingerprint=fingerprint(x, y, classes=classes, features=()),
    )
