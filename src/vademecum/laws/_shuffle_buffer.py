"""Laws of the shuffle buffer."""

from collections.abc import Iterator
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from vademecum.data.shuffle import block_shuffle

from ._orders import SEEDS, excess, same
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def through(build: Build, draw: Draw, seed: int = 0, epoch: int = 0) -> Tensor:
    stream = iter(range(draw.shape[0]))
    return torch.tensor(list(build(draw)(stream, seed=seed, epoch=epoch)))


def nothing_is_lost(build: Build, draw: Draw) -> Iterator[Pair]:
    yield through(build, draw).sort().values, torch.arange(draw.shape[0])


def holds_no_more_than_the_buffer(build: Build, draw: Draw) -> Iterator[Pair]:
    read = [0]

    def counted() -> Iterator[int]:
        for item in range(draw.shape[0]):
            read[0] += 1
            yield item

    held = [read[0] - given for given, _ in enumerate(build(draw)(counted(), seed=0, epoch=0))]
    yield excess(torch.tensor(held).double(), draw.arguments["buffer_size"])


def the_first_is_any_of_the_buffer(build: Build, draw: Draw) -> Iterator[Pair]:
    size = min(draw.arguments["buffer_size"], draw.shape[0])
    first = torch.tensor(
        [int(next(iter(build(draw)(range(draw.shape[0]), seed=s, epoch=0)))) for s in range(SEEDS)]
    )
    share = first.bincount(minlength=size).double() / SEEDS
    yield excess((share - 1 / size).abs(), 5 * sqrt((1 / size) * (1 - 1 / size) / SEEDS))  # fmt: skip


def the_last_is_shuffled_too(build: Build, draw: Draw) -> Iterator[Pair]:
    """Who waits until the end goes out in random order: its first and its last are as often the smaller one."""
    size = min(draw.arguments["buffer_size"], draw.shape[0])
    ends = torch.stack([through(build, draw, seed=s)[-size:][[0, -1]] for s in range(SEEDS)])
    rises = (ends[:, 0] < ends[:, 1]).double().mean() if size > 1 else torch.tensor(0.5, dtype=torch.float64)
    yield excess((rises - 0.5).abs(), 5 * 0.5 / sqrt(SEEDS))


def the_seed_and_the_epoch_decide(build: Build, draw: Draw) -> Iterator[Pair]:
    yield through(build, draw, seed=3, epoch=1), through(build, draw, seed=3, epoch=1)
    if min(draw.arguments["buffer_size"], draw.shape[0]) > 5:
        yield same(through(build, draw, epoch=0), through(build, draw, epoch=1)), torch.tensor(0.0)


def _stream(seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng((seed, epoch))


def loses_the_buffer(stream, buffer_size, *, seed=0, epoch=0):
    """Gives out what the buffer pushes out, and forgets what is in it at the end."""
    rng, buffer = _stream(seed, epoch), []
    for item in stream:
        buffer.append(item)
        if len(buffer) == buffer_size:
            yield buffer.pop(rng.integers(buffer_size))


def reads_it_all(stream, buffer_size, *, seed=0, epoch=0):
    items = list(stream)
    yield from (items[i] for i in _stream(seed, epoch).permutation(len(items)))


def tail_in_order(stream, buffer_size, *, seed=0, epoch=0):
    rng, buffer = _stream(seed, epoch), []
    for item in stream:
        buffer.append(item)
        if len(buffer) == buffer_size:
            yield buffer.pop(rng.integers(buffer_size))
    yield from sorted(buffer)


def never_the_newest(stream, buffer_size, *, seed=0, epoch=0):
    rng, buffer = _stream(seed, epoch), []
    for item in stream:
        buffer.append(item)
        if len(buffer) == buffer_size:
            yield buffer.pop(rng.integers(max(1, buffer_size - 1)))
    yield from (buffer[i] for i in rng.permutation(len(buffer)))


def same_in_every_epoch(stream, buffer_size, *, seed=0, epoch=0):
    return block_shuffle(stream, buffer_size, seed=seed)


BUFFER = Suite(
    technique="shuffle",
    part="block_shuffle",
    subjects={"block_shuffle": block_shuffle},
    interface=Interface("function", ("buffer_size",), ("stream",)),
    cases=({"buffer_size": 1}, {"buffer_size": 4}, {"buffer_size": 10}),
    shapes=lambda a: ((6,), (30,)),
    laws=(
        Law("nothing_is_lost", "Each item comes out once.", nothing_is_lost, EXACT),
        Law("holds_no_more_than_the_buffer", "No more is read ahead than the buffer holds.", holds_no_more_than_the_buffer, EXACT),
        Law("the_first_is_any_of_the_buffer", r"$$ P(\text{first} = i) = 1 / B, \quad i < B $$", the_first_is_any_of_the_buffer, EXACT),
        Law("the_last_is_shuffled_too", "What is in the buffer at the end goes out in random order.", the_last_is_shuffled_too, EXACT),
        Law("the_seed_and_the_epoch_decide", "The same seed and epoch give the same order, another epoch another.", the_seed_and_the_epoch_decide, EXACT),
    ),
    twins=(
        Twin("loses_the_buffer", loses_the_buffer, "what is in the buffer when the stream ends is lost."),
        Twin("reads_it_all", reads_it_all, "you read the whole stream into memory."),
        Twin("tail_in_order", tail_in_order, "what is left in the buffer goes out in the order of the stream."),
        Twin("never_the_newest", never_the_newest, "the item that came last never goes out at once."),
        Twin("same_in_every_epoch", same_in_every_epoch, "every epoch has the same order; mix the epoch into the seed."),
    ),
)  # fmt: skip
