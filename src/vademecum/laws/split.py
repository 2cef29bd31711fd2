"""Laws of the split into train, val and test."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.split import Split, split

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

CLASSES = 3


def labels(draw: Draw) -> Tensor:
    """Classes in order, as in many files: a cut without a shuffle shows."""
    return draw.integers(*draw.shape, high=CLASSES).sort().values


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def cut(build: Build, draw: Draw, y: Tensor, **named: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    parts = build(draw)(y, **named, generator=seeded())
    train, val, test = (parts.train, parts.val, parts.test) if hasattr(parts, "train") else parts
    return train, val, test


def nothing(like: Tensor) -> Pair:
    """What is counted here must be none."""
    return like, torch.zeros_like(like)


def a_partition(build: Build, draw: Draw) -> Iterator[Pair]:
    y = labels(draw)
    for named in ({}, {"groups": torch.arange(len(y)) // 2}, {"times": torch.arange(len(y)).double() // 2}):
        parts = cut(build, draw, y, **named)
        yield torch.cat(parts).sort().values, torch.arange(len(y))


def sizes(build: Build, draw: Draw) -> Iterator[Pair]:
    y = draw.normal(name="y")
    shares = draw.arguments["val_fraction"], draw.arguments["test_fraction"]
    _, val, test = cut(build, draw, y)
    for part, share in zip((val, test), shares, strict=True):
        yield torch.tensor(len(part)), torch.tensor(round(share * len(y)))


def classes_keep_their_share(build: Build, draw: Draw) -> Iterator[Pair]:
    y = labels(draw)
    shares = draw.arguments["val_fraction"], draw.arguments["test_fraction"]
    _, val, test = cut(build, draw, y)
    for part, share in zip((val, test), shares, strict=True):
        off = y[part].bincount(minlength=CLASSES) - share * y.bincount(minlength=CLASSES)
        yield nothing((off.abs() - 1.5).clamp_min(0.0))  # rounding, and the remainder of the class before


def groups_stay_together(build: Build, draw: Draw) -> Iterator[Pair]:
    y = labels(draw)
    groups = draw.integers(len(y), high=10, name="groups")
    held = [set(groups[part].tolist()) for part in cut(build, draw, y, groups=groups)]
    yield nothing(
        torch.tensor(sum(len(a & b) for a, b in ((held[0], held[1]), (held[0], held[2]), (held[1], held[2]))))
    )


def time_runs_forward(build: Build, draw: Draw) -> Iterator[Pair]:
    y = labels(draw)
    times = draw.integers(len(y), high=10, name="times").double()
    train, val, test = cut(build, draw, y, times=times)
    early = (times[train][:, None] >= times[val]).sum() + (times[val][:, None] >= times[test]).sum()
    yield nothing(early)  # pairs in the wrong order, or at the same time


def the_generator_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    y = labels(draw)
    yield from zip(cut(build, draw, y), cut(build, draw, y), strict=True)


def _shuffled(
    y: Tensor, val_fraction: float, test_fraction: float, generator: torch.Generator | None
) -> Split:
    order = torch.randperm(len(y), generator=generator)
    test, val = round(test_fraction * len(y)), round(val_fraction * len(y))
    return Split(order[test + val :], order[test : test + val], order[:test])


def without_strata(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    return split(
        y.double(),
        groups=groups,
        times=times,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        generator=generator,
    )


def without_groups(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    return split(y, times=times, val_fraction=val_fraction, test_fraction=test_fraction, generator=generator)


def without_times(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    return split(
        y, groups=groups, val_fraction=val_fraction, test_fraction=test_fraction, generator=generator
    )


def times_cut_anywhere(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    if times is None:
        return split(
            y, groups=groups, val_fraction=val_fraction, test_fraction=test_fraction, generator=generator
        )
    order = times.argsort(stable=True)
    test, val = round(test_fraction * len(y)), round(val_fraction * len(y))
    return Split(order[: -test - val], order[-test - val : -test], order[-test:])


def val_from_test(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    parts = split(
        y,
        groups=groups,
        times=times,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        generator=generator,
    )
    return Split(parts.train, parts.test[: len(parts.val)], parts.test)


def fractions_of_the_rest(
    y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None
):
    val = val_fraction * (1 - test_fraction)
    return split(
        y, groups=groups, times=times, val_fraction=val, test_fraction=test_fraction, generator=generator
    )


def own_randomness(y, *, groups=None, times=None, val_fraction=0.15, test_fraction=0.2, generator=None):
    if groups is None and times is None:
        return _shuffled(y, val_fraction, test_fraction, None)
    return split(y, groups=groups, times=times, val_fraction=val_fraction, test_fraction=test_fraction)


SUITES = (
    Suite(
        technique="split",
        part="split",
        subjects={"split": split},
        interface=Interface(
            kind="function",
            arguments=("val_fraction", "test_fraction"),
            inputs=("y",),
            defaults={"val_fraction": 0.15, "test_fraction": 0.2},
            aliases={"val_fraction": ("val_size", "validation_fraction"), "test_fraction": ("test_size",)},
        ),
        cases=({"val_fraction": 0.15, "test_fraction": 0.2}, {"val_fraction": 0.3, "test_fraction": 0.1}),
        shapes=lambda a: ((40,), (101,)),
        laws=(
            Law("a_partition", r"$$ T \cup V \cup S = \{1, \dots, N\}, \text{ each example once} $$", a_partition, EXACT),
            Law("sizes", r"$$ |S| = \operatorname{round}(s N) $$", sizes, EXACT),
            Law("classes_keep_their_share", r"$$ | |S_k| - s N_k | \le 3/2 $$", classes_keep_their_share, EXACT),
            Law("groups_stay_together", "No group stands in two parts.", groups_stay_together, EXACT),
            Law("time_runs_forward", "Train is earlier than val, val than test, and equal times are in one part.", time_runs_forward, EXACT),
            Law("the_generator_decides", "The same generator gives the same split.", the_generator_decides, EXACT),
        ),
        twins=(
            Twin("without_strata", without_strata, "your cut is not stratified: a class may be missing from a part."),
            Twin("without_groups", without_groups, "a group stands in two parts, so the test measures memory."),
            Twin("without_times", without_times, "you shuffle data that are ordered in time: the past is predicted from the future."),
            Twin("times_cut_anywhere", times_cut_anywhere, "you cut between examples of the same time."),
            Twin("val_from_test", val_from_test, "you validate with test examples: what is chosen is chosen on the test."),
            Twin("fractions_of_the_rest", fractions_of_the_rest, "your second fraction is taken of the rest, not of all examples."),
            Twin("own_randomness", own_randomness, "you draw from the global random stream; draw from the generator given."),
        ),
    ),
)  # fmt: skip
