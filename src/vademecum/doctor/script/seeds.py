"""Seeds: the same script with other random numbers."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
import torch


@contextmanager
def moved_seeds(seed: int) -> Iterator[None]:
    """Add a number to every seed that is set for a global random stream while the block runs.

    The streams start from that number, so that a script that sets no seed does the same each time too. Generators of a
    script's own are left alone: what they draw, such as a split of the data, stays the same.

    Args:
        seed: added.

    Yields:
        Nothing; the functions are as before when the block ends, the streams are not.

    Example:
        >>> state = torch.get_rng_state()
        >>> with moved_seeds(3):
        ...     _ = torch.manual_seed(4)
        >>> torch.initial_seed()
        7
        >>> torch.set_rng_state(state)
    """
    python, numpy = random.seed, np.random.seed
    of_torch, of_cuda = torch.manual_seed, torch.cuda.manual_seed_all
    python(seed)
    numpy(seed % 2**32)
    of_torch(seed)
    random.seed = _moved(python, seed)
    np.random.seed = _moved(numpy, seed, 2**32)
    torch.manual_seed = _moved(of_torch, seed)
    torch.cuda.manual_seed_all = _moved(of_cuda, seed)
    try:
        yield
    finally:
        random.seed, np.random.seed = python, numpy
        torch.manual_seed, torch.cuda.manual_seed_all = of_torch, of_cuda


def _moved(function: Callable[..., Any], by: int, limit: int = 2**63) -> Any:
    @wraps(function)
    def moved(*args: Any, **kwargs: Any) -> Any:
        given = next(iter((*args, *kwargs.values())), None)
        if given is None:
            return function(by % limit)
        if not isinstance(given, int | np.integer):
            return function(*args, **kwargs)
        return function((int(given) + by) % limit if int(given) >= 0 else int(given) + by)

    return moved
