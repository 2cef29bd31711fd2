"""Laws of shuffling: the orders of epochs and a rank's share of them; the buffer and the runs have files of their own."""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor

from vademecum.data.shuffle import EpochSampler, epoch_order

from ._label_runs import ADJACENT
from ._orders import SEEDS, excess, same
from ._shuffle_buffer import BUFFER
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

# ---------------------------------------------------------------------------------------- the order of an epoch


def labels(draw: Draw) -> Tensor:
    """Three classes, sorted, one of them rare."""
    n = draw.shape[0]
    return torch.tensor([0] * (n // 2) + [1] * (n - n // 2 - n // 8) + [2] * (n // 8))


def order(build: Build, draw: Draw, epoch: int = 0, seed: int = 0) -> Tensor:
    named = {"y": labels(draw)} if draw.arguments["mode"] == "stratified" else {}
    return build(draw)(draw.shape[0], epoch, seed=seed, **named)


def random_each_epoch(a: dict[str, str]) -> bool:
    return a["mode"] in {"reshuffle", "stratified"}


def a_permutation(build: Build, draw: Draw) -> Iterator[Pair]:
    for epoch in range(3):
        yield order(build, draw, epoch).sort().values, torch.arange(draw.shape[0])


def the_seed_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    yield order(build, draw, 2, seed=5), order(build, draw, 2, seed=5)


def epochs_differ(build: Build, draw: Draw) -> Iterator[Pair]:
    differ = float(random_each_epoch(draw.arguments))
    yield same(order(build, draw, 0), order(build, draw, 1)), torch.tensor(1.0 - differ)


def seeds_do_not_meet(build: Build, draw: Draw) -> Iterator[Pair]:
    yield same(order(build, draw, epoch=0, seed=1), order(build, draw, epoch=1, seed=0)), torch.tensor(0.0)


def every_place_is_as_likely(build: Build, draw: Draw) -> Iterator[Pair]:
    n = draw.shape[0]
    places = torch.stack([order(build, draw, seed=seed).argsort() for seed in range(SEEDS)]).double()
    yield excess((places.mean(0) - (n - 1) / 2).abs(), 5 * sqrt((n * n - 1) / 12 / SEEDS))


def neighbors_part(build: Build, draw: Draw) -> Iterator[Pair]:
    """The number of i that i + 1 follows has the mean (n - 1) / n and a variance of nearly 1."""
    n = draw.shape[0]
    steps = torch.stack([order(build, draw, seed=seed).diff() for seed in range(SEEDS)])
    follow = (steps == 1).sum(1).double().mean()
    yield excess((follow - (n - 1) / n).abs(), 5 / sqrt(SEEDS))


def each_stretch_has_the_shares(build: Build, draw: Draw) -> Iterator[Pair]:
    """In place t of a continuous order, each class counts n_k t +- 1; summed over K classes, K more."""
    y, n = labels(draw), draw.shape[0]
    one = y[order(build, draw)]
    for k in range(3):
        share = float((y == k).double().mean())
        counts = (one == k).double().cumsum(0)
        yield excess((counts - share * torch.arange(1, n + 1)).abs(), 1 + 3 * share)


def left_as_it_is(build: Build, draw: Draw) -> Iterator[Pair]:
    yield order(build, draw), torch.arange(draw.shape[0])


def with_replacement(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return torch.randint(n, (n,), generator=torch.Generator().manual_seed(1000 * seed + epoch))


def ignores_the_epoch(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return epoch_order(n, 0, seed=seed, mode=mode, y=y)


def once_is_forgotten(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return epoch_order(n, epoch, seed=seed, mode="reshuffle" if mode == "once" else mode, y=y)


def seed_plus_epoch(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return epoch_order(n, 0 if mode == "once" else seed + epoch, mode=mode, y=y)


def global_stream(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return torch.randperm(n)


def not_stratified(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return epoch_order(n, epoch, seed=seed, mode="reshuffle" if mode == "stratified" else mode)


def sorted_within_classes(n, epoch, *, seed=0, mode="reshuffle", y=None):
    right = epoch_order(n, epoch, seed=seed, mode=mode, y=y)
    if y is not None:
        for k in y.unique():
            right[y[right] == k] = (y == k).nonzero().flatten()
    return right


def always_shuffles(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return epoch_order(n, epoch, seed=seed, mode="reshuffle" if mode == "none" else mode, y=y)


def rotates(n, epoch, *, seed=0, mode="reshuffle", y=None):
    return (torch.arange(n) + 7 * seed + 3 * epoch) % n if mode == "reshuffle" else epoch_order(n, epoch, seed=seed, mode=mode, y=y)  # fmt: skip


ORDER = Suite(
    technique="shuffle",
    part="epoch_order",
    subjects={"epoch_order": epoch_order},
    interface=Interface("function", ("mode",), ("num_examples", "epoch"), defaults={"mode": "reshuffle"}),
    cases=tuple({"mode": mode} for mode in ("reshuffle", "once", "none", "stratified")),
    shapes=lambda a: ((16,), (101,)),
    laws=(
        Law("a_permutation", "Each example comes once in each epoch.", a_permutation, EXACT),
        Law("the_seed_decides", "The same seed and epoch give the same order.", the_seed_decides, EXACT),
        Law("epochs_differ", "Two epochs have two orders, or one where one is asked for.", epochs_differ, EXACT),
        Law("seeds_do_not_meet", "Seed 1 in epoch 0 is not seed 0 in epoch 1.", seeds_do_not_meet, EXACT, random_each_epoch),
        Law("every_place_is_as_likely", r"$$ \mathbb E[\text{place of } i] = (N - 1) / 2 $$", every_place_is_as_likely, EXACT, lambda a: a["mode"] != "none"),
        Law("neighbors_part", r"$$ \mathbb E[\#\{i : i + 1 \text{ follows } i\}] = (N - 1) / N $$", neighbors_part, EXACT, lambda a: a["mode"] in {"reshuffle", "once"}),
        Law("each_stretch_has_the_shares", r"$$ | \#\{j \le r : y_j = k\} - r n_k / N | \le 1 + K n_k / N $$", each_stretch_has_the_shares, EXACT, lambda a: a["mode"] == "stratified"),
        Law("left_as_it_is", 'With mode="none" the order is 0 .. N - 1.', left_as_it_is, EXACT, lambda a: a["mode"] == "none"),
    ),
    twins=(
        Twin("with_replacement", with_replacement, "you draw with replacement: a third of the examples is missed in each epoch."),
        Twin("ignores_the_epoch", ignores_the_epoch, "every epoch has the same order; call set_epoch, or mix the epoch into the seed."),
        Twin("once_is_forgotten", once_is_forgotten, "you shuffle again where one order for all epochs is asked for."),
        Twin("seed_plus_epoch", seed_plus_epoch, "you add seed and epoch, so that neighboring seeds share all their orders but one."),
        Twin("global_stream", global_stream, "you draw from the global random stream, so that the order depends on what was drawn before."),
        Twin("not_stratified", not_stratified, "your order is not stratified."),
        Twin("sorted_within_classes", sorted_within_classes, "within a class the examples always come in the same order."),
        Twin("always_shuffles", always_shuffles, "you shuffle where the order is to be kept."),
        Twin("rotates", rotates, "you only rotate the order, so that neighbors stay neighbors."),
    ),
)  # fmt: skip


# ---------------------------------------------------------------------------------------- the ranks


def world(build: Build, draw: Draw, n: int, **named: int) -> list[list[int]]:
    samplers = [build(draw, num_examples=n, rank=rank).object for rank in range(draw.arguments["world_size"])]
    for sampler in samplers:
        sampler.set_epoch(3, **named)
    return [list(sampler) for sampler in samplers]


def interleaved(ranks: list[list[int]]) -> Tensor:
    """The common order that the ranks' shares were taken from."""
    longest = max(len(rank) for rank in ranks)
    return torch.tensor([rank[i] for i in range(longest) for rank in ranks if i < len(rank)])


def ranks_share_one_order(build: Build, draw: Draw) -> Iterator[Pair]:
    n, world_size = draw.shape[0], draw.arguments["world_size"]
    common = epoch_order(n, 3)
    wanted = {"keep": n, "drop": n - n % world_size, "pad": n + (-n) % world_size}[draw.arguments["uneven"]]
    yield interleaved(world(build, draw, n)), common.repeat(world_size)[:wanted]


def equal_lengths(build: Build, draw: Draw) -> Iterator[Pair]:
    lengths = torch.tensor([len(rank) for rank in world(build, draw, draw.shape[0])])
    yield lengths, lengths[:1].expand_as(lengths)


def the_length_is_told(build: Build, draw: Draw) -> Iterator[Pair]:
    for rank in range(draw.arguments["world_size"]):
        sampler = build(draw, num_examples=draw.shape[0], rank=rank).object
        yield torch.tensor(len(sampler)), torch.tensor(len(list(sampler)))


def goes_on_in_mid_epoch(build: Build, draw: Draw) -> Iterator[Pair]:
    n = draw.shape[0]
    for whole, rest in zip(world(build, draw, n), world(build, draw, n, start=2), strict=True):
        yield torch.tensor(rest), torch.tensor(whole[2:])


class InOrder(EpochSampler):
    """Takes a share, and forgets to shuffle."""

    def __iter__(self) -> Iterator[int]:
        mine = torch.arange(self.start, self._length()) * self.world_size + self.rank
        yield from (mine % self.num_examples).tolist()


class OwnSeed(EpochSampler):
    """Each rank draws an order of its own."""

    def __iter__(self) -> Iterator[int]:
        self.seed = self.rank
        yield from super().__iter__()


class NoEpoch(EpochSampler):
    def set_epoch(self, epoch: int, start: int = 0) -> None:
        super().set_epoch(0, start)


class EveryRankAll(EpochSampler):
    def __iter__(self) -> Iterator[int]:
        yield from epoch_order(self.num_examples, self.epoch, seed=self.seed).tolist()[self.start :]


class KeepsTheRest(EpochSampler):
    def _length(self) -> int:
        return len(range(self.rank, self.num_examples, self.world_size))


class StartsAnew(EpochSampler):
    def set_epoch(self, epoch: int, start: int = 0) -> None:
        super().set_epoch(epoch)


SAMPLER = Suite(
    technique="shuffle",
    part="EpochSampler",
    subjects={"EpochSampler": EpochSampler},
    interface=Interface(
        "function",
        ("num_examples", "rank", "world_size", "uneven"),
        ("num_examples",),
        defaults={"num_examples": 0, "rank": 0, "uneven": "pad"},
        aliases={"world_size": ("num_replicas",)},
    ),
    cases=tuple(
        {"num_examples": 0, "rank": 0, "world_size": world_size, "uneven": uneven}
        for world_size, uneven in ((1, "drop"), (3, "pad"), (3, "drop"), (3, "keep"))
    ),
    shapes=lambda a: ((8,), (9,), (40,)),
    laws=(
        Law("ranks_share_one_order", "Interleaved, the shares of the ranks are the order of the epoch.", ranks_share_one_order, EXACT),
        Law("equal_lengths", "All ranks get equally many examples.", equal_lengths, EXACT, lambda a: a["uneven"] != "keep"),
        Law("the_length_is_told", "len says how many come.", the_length_is_told, EXACT),
        Law("goes_on_in_mid_epoch", "From a position on it gives what was left.", goes_on_in_mid_epoch, EXACT),
    ),
    twins=(
        Twin("in_order", InOrder, "you take a share of 0 .. N - 1 without shuffling."),
        Twin("own_seed", OwnSeed, "each rank shuffles by a seed of its own, so that shares overlap."),
        Twin("no_epoch", NoEpoch, "your set_epoch does nothing: every epoch has the same order."),
        Twin("every_rank_all", EveryRankAll, "every rank gets all examples."),
        Twin("keeps_the_rest", KeepsTheRest, "some ranks get one example more; the others will wait for them for ever."),
        Twin("starts_anew", StartsAnew, "you start the epoch anew after an interruption: its first examples are seen twice."),
    ),
)  # fmt: skip

SUITES = (ORDER, SAMPLER, BUFFER, ADJACENT)
