"""What the names of variables say of their data."""

import re

_HELD_OUT = re.compile(r"(?:^|_)(?:val|valid|validation|test|dev|holdout)(?:_|$|(?=[A-Z0-9]))", re.IGNORECASE)
_TRAIN = re.compile(r"(?:^|_)(?:train|training|tr)(?:_|$|(?=[A-Z0-9]))", re.IGNORECASE)


def held_out(name: str) -> bool:
    """Whether a name says that its data are kept from training."""
    return bool(_HELD_OUT.search(name)) and not _TRAIN.search(name)


def is_train(name: str) -> bool:
    """Whether a name says that its data are for training."""
    return bool(_TRAIN.search(name)) and not _HELD_OUT.search(name)
