"""Leave the random streams as they were found."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def same_streams() -> Iterator[None]:
    """Put the global random streams of torch, NumPy and Python back when the block ends.

    Example:
        >>> before = torch.get_rng_state()
        >>> with same_streams():
        ...     _ = torch.rand(5)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
