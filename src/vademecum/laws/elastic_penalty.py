"""Laws of the elastic penalty and of its proximal step."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.regularize.elastic_penalty import elastic_penalty, prox_elastic_
from vademecum.regularize.l1_penalty import l1_penalty
from vademecum.regularize.weight_decay import l2_penalty

from ._proximal import between, keeps_biases, of_nothing_is_nothing, on_weights, reaches_the_minimum
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import entries, gradients, perceptron, weights


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    model, r = perceptron(draw), draw.arguments["l1_ratio"]
    want = sum(r * abs(w) + (1 - r) / 2 * w * w for w in entries(model))
    yield build(draw)(model), torch.tensor(want, dtype=draw.dtype)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    model, r = perceptron(draw), draw.arguments["l1_ratio"]
    for got, p in zip(gradients(build(draw)(model), model), model.parameters(), strict=True):
        yield got, r * p.sign() + (1 - r) * p if p.dim() > 1 else torch.zeros_like(p)


def ends_are_l1_and_l2(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    yield build(draw, l1_ratio=1.0)(model), l1_penalty(model)
    yield build(draw, l1_ratio=0.0)(model), l2_penalty(model)


def minimum(build: Build, draw: Draw) -> Iterator[Pair]:
    r = draw.arguments["l1_ratio"]
    yield from reaches_the_minimum(build(draw), draw, lambda w: r * abs(w) + (1 - r) / 2 * w * w)


def exact_zeros(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from between(build(draw), draw, lambda w: abs(w) <= 0.5 * draw.arguments["l1_ratio"])


def biases(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from keeps_biases(build(draw), draw)


def nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from of_nothing_is_nothing(build(draw), draw)


def without_half(model: nn.Module, *, l1_ratio: float = 0.5) -> Tensor:
    return sum(l1_ratio * w.abs().sum() + (1 - l1_ratio) * w.square().sum() for w in weights(model))


def both_full(model: nn.Module, *, l1_ratio: float = 0.5) -> Tensor:
    return sum(w.abs().sum() + w.square().sum() / 2 for w in weights(model))


def turned_round(model: nn.Module, *, l1_ratio: float = 0.5) -> Tensor:
    return elastic_penalty(model, l1_ratio=1 - l1_ratio)


def everything(model: nn.Module, *, l1_ratio: float = 0.5) -> Tensor:
    return sum(l1_ratio * p.abs().sum() + (1 - l1_ratio) / 2 * p.square().sum() for p in model.parameters())


def without_division(w: Tensor, t: float, l1_ratio: float = 0.5) -> Tensor:
    return F.softshrink(w, t * l1_ratio)


def full_threshold(w: Tensor, t: float, l1_ratio: float = 0.5) -> Tensor:
    return F.softshrink(w, t) / (1 + t * (1 - l1_ratio))


def division_first(w: Tensor, t: float, l1_ratio: float = 0.5) -> Tensor:
    return F.softshrink(w / (1 + t * (1 - l1_ratio)), t * l1_ratio)


def everything_(model: nn.Module, threshold: float, *, l1_ratio: float = 0.5) -> None:
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(F.softshrink(p, threshold * l1_ratio) / (1 + threshold * (1 - l1_ratio)))


def shrinks_without_a_threshold(w: Tensor, t: float, l1_ratio: float = 0.5) -> Tensor:
    return F.softshrink(w, t * l1_ratio) / (1 + max(t, 0.1) * (1 - l1_ratio))


CASES = ({"l1_ratio": 0.5}, {"l1_ratio": 0.2})

SUITES = (
    Suite(
        technique="elastic_penalty",
        part="elastic_penalty",
        subjects={"elastic_penalty": elastic_penalty},
        interface=Interface(kind="function", arguments=("l1_ratio",), inputs=("model",)),
        cases=CASES,
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \Omega = r \sum_i |w_i| + \tfrac{1 - r}{2} \sum_i w_i^2 $$", definition),
            Law("gradient", r"$$ \partial \Omega / \partial w_i = r \operatorname{sign} w_i + (1 - r) w_i $$", gradient),
            Law("ends_are_l1_and_l2", "At 1 it is L1, at 0 half the squares.", ends_are_l1_and_l2),
        ),
        twins=(
            Twin("without_half", without_half, "your squares lack the half."),
            Twin("both_full", both_full, "both of your parts are whole; the ratio parts one strength."),
            Twin("turned_round", turned_round, "your ratio is the share of L2; it is that of L1."),
            Twin("everything", everything, "your penalty holds biases down as well."),
        ),
    ),
    Suite(
        technique="elastic_penalty",
        part="prox_elastic_",
        subjects={"prox_elastic_": prox_elastic_},
        interface=Interface(kind="function", arguments=("l1_ratio",), inputs=("model", "threshold")),
        cases=CASES,
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("reaches_the_minimum", r"$$ \arg\min_v \tfrac12 (v - w)^2 + t \left(r |v| + \tfrac{1 - r}{2} v^2\right) $$", minimum, {torch.float64: 1e-3}),
            Law("exact_zeros", "What lies within the share of L1 is 0, to the bit; nothing else is.", exact_zeros, EXACT),
            Law("keeps_biases", "Biases stay.", biases, EXACT),
            Law("of_nothing_is_nothing", "A threshold of 0 changes nothing.", nothing, EXACT),
        ),
        twins=(
            Twin("without_division", on_weights(without_division), "your step lacks the division by the share of the squares."),
            Twin("full_threshold", on_weights(full_threshold), "your threshold is the whole strength; L1 has a share of it."),
            Twin("division_first", on_weights(division_first), "you divide before you shrink; shrink first."),
            Twin("everything", everything_, "you shrink biases as well."),
            Twin("never_without", on_weights(shrinks_without_a_threshold), "your threshold is never 0."),
        ),
    ),
)  # fmt: skip
