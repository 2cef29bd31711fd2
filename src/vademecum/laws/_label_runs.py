"""Laws of the number of neighbors with equal labels: its moments by enumeration of all orders."""

from collections.abc import Iterator
from itertools import pairwise, permutations
from math import sqrt

import torch
from torch import Tensor

from vademecum.data.shuffle import AdjacentEqual, adjacent_equal, epoch_order

from ._orders import excess
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def counted(order: list[int]) -> int:
    return sum(a == b for a, b in pairwise(order))


def by_enumeration(build: Build, draw: Draw) -> Iterator[Pair]:
    """All orders of the labels, one by one."""
    y = draw.integers(*draw.shape, high=draw.arguments["num_classes"])
    counts = torch.tensor([counted(order) for order in permutations(y.tolist())]).double()
    found = build(draw)(y)
    got = torch.tensor([found.count, found.expected, found.std], dtype=torch.float64)
    yield (
        got,
        torch.stack([torch.tensor(counted(y.tolist())).double(), counts.mean(), counts.std(unbiased=False)]),
    )


def sorted_is_seen(build: Build, draw: Draw) -> Iterator[Pair]:
    y = torch.arange(200) * draw.arguments["num_classes"] // 200
    yield excess(torch.tensor(6.0 - build(draw)(y).z), 0.0)


def random_is_no_alarm(build: Build, draw: Draw) -> Iterator[Pair]:
    """None of 250 random orders lies six deviations above the mean; with the suite's cases and shapes, of 1000."""
    y = torch.arange(200) * draw.arguments["num_classes"] // 200
    z = torch.tensor([build(draw)(y[epoch_order(200, epoch)]).z for epoch in range(250)])
    yield excess(z, 6.0)


def _found(labels: Tensor, count: int, expected: float, variance: float) -> AdjacentEqual:
    return AdjacentEqual(count, expected, sqrt(variance) if variance > 0 else 0.0)


def with_replacement_expected(labels: Tensor) -> AdjacentEqual:
    right = adjacent_equal(labels)
    n = labels.unique(return_counts=True)[1].double()
    return _found(labels, right.count, float((n / n.sum()).square().sum() * (n.sum() - 1)), right.std**2)


def independent_pairs(labels: Tensor) -> AdjacentEqual:
    right = adjacent_equal(labels)
    p = right.expected / (len(labels) - 1)
    return _found(labels, right.count, right.expected, (len(labels) - 1) * p * (1 - p) * 4)


def closes_the_ring(labels: Tensor) -> AdjacentEqual:
    right = adjacent_equal(labels)
    return _found(labels, right.count + int(labels[0] == labels[-1]), right.expected, right.std**2)


def variance_for_deviation(labels: Tensor) -> AdjacentEqual:
    right = adjacent_equal(labels)
    return AdjacentEqual(right.count, right.expected, right.std**2)


def nothing_expected(labels: Tensor) -> AdjacentEqual:
    right = adjacent_equal(labels)
    return AdjacentEqual(right.count, 0.0, right.std)


ADJACENT = Suite(
    technique="shuffle",
    part="adjacent_equal",
    subjects={"adjacent_equal": adjacent_equal},
    interface=Interface("function", ("num_classes",), ("labels",), defaults={"num_classes": 2}),
    cases=({"num_classes": 2}, {"num_classes": 3}),
    shapes=lambda a: ((4,), (6,)),
    laws=(
        Law("by_enumeration", r"$$ \mathbb E[A] = \sum_k n_k (n_k - 1) / N, \text{ and Var}[A], \text{ over all orders} $$", by_enumeration),
        Law("sorted_is_seen", "Sorted labels lie six deviations above the mean.", sorted_is_seen, EXACT),
        Law("random_is_no_alarm", "Random orders do not.", random_is_no_alarm, EXACT),
    ),
    twins=(
        Twin("with_replacement_expected", with_replacement_expected, "your mean is that of labels drawn with replacement."),
        Twin("independent_pairs", independent_pairs, "you take the neighboring pairs for independent; two of them share an example."),
        Twin("closes_the_ring", closes_the_ring, "you count the last and the first as neighbors."),
        Twin("variance_for_deviation", variance_for_deviation, "you divide by the variance; divide by its square root."),
        Twin("nothing_expected", nothing_expected, "you do not subtract what a random order has."),
    ),
)  # fmt: skip
