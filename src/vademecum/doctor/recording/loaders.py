"""Read a user's loader without leaving a trace: no random stream moves, and no position of its own."""

import copy
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from vademecum._torch.streams import same_streams

Twister = random.Random  # noqa: S311  (a user's own)

DEPTH, WIDTH = 6, 64
"""How deep a loader is searched for random generators of its own, and how many things of a container."""


def readable(loader: Any, name: str) -> None:
    """Refuse what cannot be gone through, or only once.

    Args:
        loader: given by the user; None is fine.
        name: of the argument.

    Raises:
        TypeError: it is no such thing.

    Example:
        >>> readable([1, 2], "train")
        >>> readable(iter([1, 2]), "train")
        Traceback (most recent call last):
        TypeError: train must be batches that can be gone through again and again, such as a DataLoader or a list:
            a list_iterator came, which one pass uses up; give what it was made from.
    """
    what = "must be batches that can be gone through again and again, such as a DataLoader or a list"
    kind = type(loader).__name__
    if loader is None:
        return
    if not isinstance(loader, Iterable) or isinstance(loader, Tensor | str | bytes):
        raise TypeError(f"{name} {what}: a {kind} came; cut it into batches.")
    if hasattr(loader, "__next__"):
        raise TypeError(f"{name} {what}: a {kind} came, which one pass uses up; give what it was made from.")


def batches(loader: Iterable[Any]) -> Iterator[Any]:
    """Go through a loader once and leave it as it was; a loader with workers is read in this process.

    Args:
        loader: as `readable` takes it.

    Yields:
        Its batches.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> draw = torch.Generator().manual_seed(0)
        >>> data = DataLoader(TensorDataset(torch.arange(4)), batch_size=2, shuffle=True, generator=draw)
        >>> before = draw.get_state()
        >>> len(list(batches(data))), torch.equal(draw.get_state(), before)
        (2, True)
    """
    plain: Iterable[Any]
    if not isinstance(loader, DataLoader):
        plain = copy.copy(loader)
    elif loader.batch_sampler is None or isinstance(loader.dataset, IterableDataset):
        plain = DataLoader(
            loader.dataset, loader.batch_size, drop_last=loader.drop_last, collate_fn=loader.collate_fn
        )
    else:
        plain = DataLoader(loader.dataset, batch_sampler=loader.batch_sampler, collate_fn=loader.collate_fn)
    with same_streams(), _same_generators(loader):
        yield from plain


def inputs_and_target(batch: Any) -> tuple[Any, Any]:
    """Part a batch: (inputs, targets), or a mapping, of which the model takes all."""
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    return batch, None


@contextmanager
def _same_generators(loader: Any) -> Iterator[None]:
    """Put the random generators that a loader, its sampler and its data own back where they were."""
    found: dict[int, Any] = {}
    _search(loader, found, set(), DEPTH)
    kept = [(each, _state(each)) for each in found.values()]
    try:
        yield
    finally:
        for each, state in kept:
            if isinstance(each, torch.Generator):
                each.set_state(state)
            elif isinstance(each, Twister):
                each.setstate(state)
            elif isinstance(each, np.random.RandomState):
                each.set_state(state)
            else:
                each.bit_generator.state = state


def _state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, Twister):
        return generator.getstate()
    return (
        generator.get_state()
        if isinstance(generator, np.random.RandomState)
        else generator.bit_generator.state
    )


def _search(thing: Any, found: dict[int, Any], seen: set[int], depth: int) -> None:
    """Find the generators among the attributes of a thing, of their attributes, and so on."""
    if (
        id(thing) in seen
        or depth < 0
        or isinstance(thing, Tensor | np.ndarray | nn.Module | type | str | bytes)
    ):
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Generator | Twister | np.random.Generator | np.random.RandomState):
        found[id(thing)] = thing
        return
    inner: list[Any] = []
    if isinstance(thing, Mapping):
        inner = list(thing.values())[:WIDTH]
    elif isinstance(thing, list | tuple | set):
        inner = list(thing)[:WIDTH]
    elif hasattr(thing, "__dict__") and not isinstance(thing, type(random)):
        inner = list(vars(thing).values())
    for each in inner:
        _search(each, found, seen, depth - 1)
