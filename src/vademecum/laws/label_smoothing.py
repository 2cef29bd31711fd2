"""Laws of label smoothing: both targets written down class by class, and what torch makes of them."""

from collections.abc import Iterator
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.losses.label_smoothing import smoothed_target, smoothing_floor

from ._suite import Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def written(y: int, a: Arguments) -> list[float]:
    """One row of the target."""
    k, e, pad = a["num_classes"], a["label_smoothing"], a["padding_idx"]
    if pad is None:
        return [(1 - e) * (c == y) + e / k for c in range(k)]
    if y == pad:
        return [0.0] * k
    return [1 - e if c == y else 0.0 if c == pad else e / (k - 2) for c in range(k)]


def targets(draw: Draw) -> Tensor:
    return draw.integers(*draw.shape, high=draw.arguments["num_classes"], name="target")


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    target = targets(draw)
    want = torch.tensor([written(y, draw.arguments) for y in target.flatten().tolist()], dtype=torch.float64)
    yield build(draw)(target), want.reshape(*target.shape, -1)


def adds_up(build: Build, draw: Draw) -> Iterator[Pair]:
    target = targets(draw)
    padding = draw.arguments["padding_idx"]
    yield build(draw)(target).sum(-1), (target != (-1 if padding is None else padding)).double()


def as_torch_smooths(build: Build, draw: Draw) -> Iterator[Pair]:
    target = targets(draw)
    a = draw.arguments
    scores = draw.normal(*target.shape, a["num_classes"], std=2.0, name="scores").double()
    want = F.cross_entropy(scores, target, label_smoothing=a["label_smoothing"])
    yield F.cross_entropy(scores, build(draw)(target).double()), want


def padding_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    target = torch.full(draw.shape, a["padding_idx"])
    scores = draw.normal(*draw.shape, a["num_classes"], name="scores").double()
    yield F.cross_entropy(scores, build(draw)(target).double(), reduction="sum"), torch.zeros(())


def over_the_others(target, num_classes, label_smoothing=0.1, padding_idx=None):
    """The form of older code: the true class gets none of what is given away."""
    q = torch.full((*target.shape, num_classes), label_smoothing / max(1, num_classes - 1))
    return q.scatter(-1, target.unsqueeze(-1), 1 - label_smoothing)


def padding_kept(target, num_classes, label_smoothing=0.1, padding_idx=None):
    if padding_idx is None:
        return smoothed_target(target, num_classes, label_smoothing=label_smoothing)
    q = torch.full((*target.shape, num_classes), label_smoothing / (num_classes - 2))
    q.scatter_(-1, target.unsqueeze(-1), 1 - label_smoothing)
    q[..., padding_idx] = 0
    return q.where(target.unsqueeze(-1) != padding_idx, 1 / num_classes)


def spread_over_all(target, num_classes, label_smoothing=0.1, padding_idx=None):
    q = smoothed_target(target, num_classes, label_smoothing=label_smoothing)
    if padding_idx is None:
        return q
    return q.where(torch.arange(num_classes) != padding_idx, 0.0)


def added(target, num_classes, label_smoothing=0.1, padding_idx=None):
    q = F.one_hot(target, num_classes) + label_smoothing / num_classes
    return q if padding_idx is None else q.where(torch.arange(num_classes) != padding_idx, 0.0)


def plain(target, num_classes, label_smoothing=0.1, padding_idx=None):
    return F.one_hot(target, num_classes).float()


def always_a_tenth(target, num_classes, label_smoothing=0.1, padding_idx=None):
    return smoothed_target(target, num_classes, label_smoothing=0.1, padding_idx=padding_idx)


def floor_is_the_entropy(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    pad = 0 if a["padding"] else None
    row = written(1, {**a, "padding_idx": pad})
    yield number(build(draw)()), number(sum(-q * log(q) for q in row if q > 0))


def nothing_is_below(build: Build, draw: Draw) -> Iterator[Pair]:
    """The loss at scores ln q is the floor; a step away from it in any direction is above."""
    a = draw.arguments
    q = torch.tensor(written(1, {**a, "padding_idx": 0 if a["padding"] else None}), dtype=torch.float64)
    floor = number(build(draw)())
    best = q.clamp_min(1e-300).log()
    yield F.cross_entropy(best[None], q[None]), floor
    away = best + draw.normal(16, len(q), name="step").double()
    losses = F.cross_entropy(away, q.expand(16, -1), reduction="none")
    yield torch.minimum(losses, floor), floor.expand(16)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def floor_in_bits(num_classes, label_smoothing=0.1, padding=False):
    return smoothing_floor(num_classes, label_smoothing=label_smoothing, padding=padding) / log(2)


def floor_of_nothing(num_classes, label_smoothing=0.1, padding=False):
    return 0.0


def floor_without_padding(num_classes, label_smoothing=0.1, padding=False):
    return smoothing_floor(num_classes, label_smoothing=label_smoothing)


def floor_of_the_true_class(num_classes, label_smoothing=0.1, padding=False):
    keep = 1 - label_smoothing + (0 if padding else label_smoothing / num_classes)
    return -keep * log(keep)


FLOAT = {torch.float32: 1e-6}

SUITES = (
    Suite(
        technique="label_smoothing",
        part="smoothed_target",
        subjects={"smoothed_target": smoothed_target},
        interface=Interface(
            kind="function",
            arguments=("num_classes", "label_smoothing", "padding_idx"),
            inputs=("target",),
            defaults={"label_smoothing": 0.1, "padding_idx": None},
            aliases={
                "target": ("labels", "y"), "num_classes": ("K", "classes", "size", "vocab_size"),
                "label_smoothing": ("smoothing", "epsilon", "eps"), "padding_idx": ("ignore_index", "pad"),
            },
        ),
        cases=(
            {"num_classes": 3, "label_smoothing": 0.1, "padding_idx": None},
            {"num_classes": 5, "label_smoothing": 0.4, "padding_idx": None},
            {"num_classes": 4, "label_smoothing": 0.1, "padding_idx": 0},
            {"num_classes": 6, "label_smoothing": 0.4, "padding_idx": 2},
        ),
        shapes=lambda a: ((3,), (9,)),
        laws=(
            Law("as_written", r"$$ q_k = (1 - \epsilon) \delta_{ky} + \epsilon / K $$, or $$ \epsilon / (K - 2) $$ without truth and padding", definition, FLOAT),
            Law("adds_up", "Probabilities add up to 1, and to 0 for padding.", adds_up, FLOAT),
            Law("as_torch_smooths", "The first form is torch's label_smoothing.", as_torch_smooths, FLOAT, cases=lambda a: a["padding_idx"] is None),
            Law("padding_costs_nothing", "Padding adds nothing to the sum of the losses.", padding_costs_nothing, FLOAT, cases=lambda a: a["padding_idx"] is not None),
        ),
        twins=(
            Twin("over_the_others", over_the_others, "you spread over K - 1 classes; Szegedy's form spreads over K, the annotated one over K - 2."),
            Twin("padding_kept", padding_kept, "a padded position has a target; it must have none."),
            Twin("spread_over_all", spread_over_all, "you spread over all classes and then take padding's share away, so that the row does not add up."),
            Twin("added", added, "the probability that is given away is not taken from the true class."),
            Twin("plain", plain, "your target is not smoothed."),
            Twin("always_a_tenth", always_a_tenth, "your label_smoothing is ignored."),
        ),
    ),
    Suite(
        technique="label_smoothing",
        part="smoothing_floor",
        subjects={"smoothing_floor": smoothing_floor},
        interface=Interface(
            kind="function",
            arguments=("num_classes", "label_smoothing", "padding"),
            inputs=(),
            defaults={"label_smoothing": 0.1, "padding": False},
            aliases={"num_classes": ("K",), "label_smoothing": ("smoothing", "epsilon", "eps")},
        ),
        cases=(
            {"num_classes": 3, "label_smoothing": 0.1, "padding": False},
            {"num_classes": 10, "label_smoothing": 0.5, "padding": False},
            {"num_classes": 10, "label_smoothing": 0.1, "padding": True},
        ),
        shapes=lambda a: ((1,),),
        laws=(
            Law("the_entropy", r"$$ H(q) = -\sum_k q_k \ln q_k $$", floor_is_the_entropy, {torch.float64: 1e-12}),
            Law("nothing_is_below", r"$$ -\sum_k q_k \ln p_k \ge H(q) $$, with equality at p = q", nothing_is_below, {torch.float64: 1e-12}),
        ),
        twins=(
            Twin("in_bits", floor_in_bits, "your floor is in bits; nats are wanted."),
            Twin("no_floor", floor_of_nothing, "a smoothed loss cannot reach 0."),
            Twin("padding_forgotten", floor_without_padding, "your floor is that of the form without padding."),
            Twin("the_true_class_alone", floor_of_the_true_class, "the other classes' share belongs to the entropy as well."),
        ),
    ),
)  # fmt: skip
