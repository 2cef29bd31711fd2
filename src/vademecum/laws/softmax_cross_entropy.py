"""Laws of softmax cross-entropy, from its definition."""

from collections.abc import Iterator
from math import exp, log

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.losses.softmax_cross_entropy import cross_entropy

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_definition(scores: Tensor, target: Tensor) -> Tensor:
    """The mean of -log(e^s_y / sum_k e^s_k), in scalars."""
    losses = [
        -log(exp(row[y]) / sum(exp(s) for s in row))
        for row, y in zip(scores.tolist(), target.tolist(), strict=True)
    ]
    return torch.tensor(sum(losses) / len(losses), dtype=torch.float64)


def drawn(draw: Draw) -> tuple[Tensor, Tensor]:
    batch, classes = draw.shape
    return draw.normal(std=2.0, name="input"), draw.integers(batch, high=classes, name="target")


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    yield build(draw)(scores, target), by_the_definition(scores.double(), target)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    scores.requires_grad_()
    (got,) = torch.autograd.grad(build(draw)(scores, target), scores)
    hot = F.one_hot(target, draw.shape[1])
    want = torch.stack(
        [torch.stack([s.exp() for s in row]) / sum(s.exp() for s in row) for row in scores.detach().double()]
    )
    yield got, (want - hot) / draw.shape[0]


def a_shift_changes_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    shifted = scores + 1e4
    yield build(draw)(shifted, target), build(draw)(shifted - 1e4, target)


def a_sure_mistake_costs_its_margin(build: Build, draw: Draw) -> Iterator[Pair]:
    _, target = drawn(draw)
    scores = torch.zeros(draw.shape, dtype=draw.dtype)
    scores[torch.arange(len(target)), (target + 1) % draw.shape[1]] = 1e3
    yield build(draw)(scores, target), torch.tensor(1e3, dtype=torch.float64)


def a_guess_costs_the_logarithm(build: Build, draw: Draw) -> Iterator[Pair]:
    _, target = drawn(draw)
    yield (
        build(draw)(torch.zeros(draw.shape, dtype=draw.dtype), target),
        torch.tensor(log(draw.shape[1]), dtype=torch.float64),
    )


def underflows(input: Tensor, target: Tensor) -> Tensor:
    return F.nll_loss(torch.log(torch.exp(input) / torch.exp(input).sum(1, keepdim=True)), target)


def softmax_twice(input: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(input.softmax(1), target)


def in_bits(input: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(input, target) / log(2)


def summed(input: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(input, target, reduction="sum")


def over_the_batch(input: Tensor, target: Tensor) -> Tensor:
    return F.nll_loss(input.log_softmax(0), target)


def no_logarithm(input: Tensor, target: Tensor) -> Tensor:
    return F.nll_loss(input.softmax(1), target)


def cut_normalizer(input: Tensor, target: Tensor) -> Tensor:
    return F.nll_loss(input - input.logsumexp(1, keepdim=True).detach(), target)


def clipped(input: Tensor, target: Tensor) -> Tensor:
    return F.nll_loss(input.softmax(1).clamp_min(1e-12).log(), target)


SUITES = (
    Suite(
        technique="softmax_cross_entropy",
        part="cross_entropy",
        subjects={"cross_entropy": cross_entropy, "CrossEntropyLoss": torch.nn.CrossEntropyLoss},
        interface=Interface(
            kind="function",
            inputs=("input", "target"),
            aliases={"input": ("logits", "scores", "output", "x"), "target": ("labels", "y")},
        ),
        cases=({},),
        shapes=lambda a: ((2, 3), (5, 10)),
        laws=(
            Law("by_the_definition", r"$$ L = -\frac{1}{B} \sum_i \log (e^{s_{i y_i}} / \sum_k e^{s_{ik}}) $$", definition),
            Law("gradient", r"$$ \partial L / \partial s = (\text{softmax}(s) - \text{onehot}(y)) / B $$", gradient),
            Law("a_shift_changes_nothing", r"$$ L(s + 10^4) = L(s) $$", a_shift_changes_nothing),
            Law("a_sure_mistake_costs_its_margin", "A wrong score that is 1000 higher costs 1000 nats.", a_sure_mistake_costs_its_margin),
            Law("a_guess_costs_the_logarithm", "Equal scores cost $$ \\ln K $$ nats.", a_guess_costs_the_logarithm),
        ),
        twins=(
            Twin("underflows", underflows, "you take the logarithm of a softmax that overflows: subtract the largest score first, or use logsumexp."),
            Twin("softmax_twice", softmax_twice, "a softmax stands in front of a loss that takes it: give it raw scores."),
            Twin("in_bits", in_bits, "your loss is in bits; nats are wanted."),
            Twin("summed", summed, "your loss is the sum over the batch; the mean is wanted."),
            Twin("over_the_batch", over_the_batch, "your softmax runs over the batch; it belongs over the classes."),
            Twin("no_logarithm", no_logarithm, "you give probabilities to a loss that wants their logarithms."),
            Twin("cut_normalizer", cut_normalizer, "the sum over the classes is cut off from the gradient."),
            Twin("clipped", clipped, "you clip the probability, so a sure mistake has no gradient: work with log-probabilities."),
        ),
    ),
)  # fmt: skip
