"""Laws of accumulation: the sum over the parts is the gradient of the whole batch."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.train.accumulation import accumulate

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

TIGHT = {torch.float64: 1e-12}
K, PAD = 3, -100


def net(draw: Draw) -> nn.Module:
    model = nn.Sequential(nn.Linear(draw.shape[-1], 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, K)).to(
        draw.dtype
    )
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(draw.normal(*p.shape, name=name))
    return model


def batch(draw: Draw) -> tuple[Tensor, Tensor]:
    """Sequences of unequal length, padded; the last two are padding alone."""
    x = draw.normal()
    y = draw.integers(*x.shape[:2], high=K)
    lengths = draw.integers(len(x), high=x.shape[1] + 1, name="lengths")
    lengths[0], lengths[-2:] = x.shape[1], 0
    for row, length in enumerate(lengths.tolist()):
        y[row, length:] = PAD
    return x, y


def token_loss(output: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(output.transpose(1, 2), y, ignore_index=PAD)


def example_loss(output: Tensor, y: Tensor) -> Tensor:
    return (output.mean((1, 2)) - y).square().mean()


def asked(draw: Draw):
    """Loss, inputs and targets of the case."""
    if draw.arguments["weight"] == "token":
        return token_loss, *batch(draw)
    x = draw.normal()
    return example_loss, x, draw.normal(len(x), name="y")


def gradient(model: nn.Module) -> Tensor:
    return torch.cat(
        [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in model.parameters()]
    )


def the_full_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    """With parts of equal and of unequal size."""
    loss, x, y = asked(draw)
    model = net(draw)
    whole = deepcopy(model)
    loss(whole(x), y).backward()
    for sizes in ([2] * (len(x) // 2) + [len(x) % 2] * (len(x) % 2), [1, len(x) - 3, 2], [len(x)]):
        model.zero_grad()
        build(draw)(model, loss, list(zip(x.split(sizes), y.split(sizes))))
        yield gradient(model), gradient(whole)


def the_whole_loss(build: Build, draw: Draw) -> Iterator[Pair]:
    loss, x, y = asked(draw)
    model = net(draw)
    got = build(draw)(model, loss, iter(zip(x.split(2), y.split(2))))
    yield got, loss(model(x), y)
    yield torch.tensor(got.requires_grad), torch.tensor(False)


def adds_to_what_is_there(build: Build, draw: Draw) -> Iterator[Pair]:
    loss, x, y = asked(draw)
    model = net(draw)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    build(draw)(model, loss, list(zip(x.split(2), y.split(2))))
    got = gradient(model)
    model.zero_grad()
    loss(model(x), y).backward()
    yield got, gradient(model) + 1


def writes(weigh, *, resets=False, total=None):
    """An accumulation with weights `weigh(counts)`."""

    def twin(model, loss, batches, weight="example"):
        batches = list(batches)
        if resets:
            model.zero_grad()
        counts = [int((y != PAD).sum()) if weight == "token" else len(y) for _, y in batches]
        kept = [(x, y, count) for (x, y), count in zip(batches, counts) if count]
        shares = weigh([count for *_, count in kept], [len(y) for _, y, _ in kept])
        values = []
        for (x, y, _), share in zip(kept, shares):
            value = loss(model(x), y) * share
            value.backward()
            values.append(value.detach() if total is None else value.detach() / share / len(kept))
        return sum(values)

    return twin


def exact(counts, rows):
    return [count / sum(counts) for count in counts]


def with_empty_parts(model, loss, batches, weight="example"):
    batches = list(batches)
    total = sum(len(y) for _, y in batches)
    for x, y in batches:
        (loss(model(x), y) * len(y) / total).backward()
    return torch.zeros((), dtype=torch.float64)


SUITES = (
    Suite(
        technique="accumulation",
        part="accumulate",
        subjects={"accumulate": accumulate},
        interface=Interface(kind="function", arguments=("weight",), inputs=("model", "loss", "batches"), defaults={"weight": "example"}),
        cases=({"weight": "example"}, {"weight": "token"}),
        shapes=lambda a: ((5, 3, 2), (9, 6, 3)),
        laws=(
            Law("the_full_batch", r"$$ \sum_i \frac{n_i}{n} \nabla L_i = \nabla L $$", the_full_batch, TIGHT),
            Law("the_whole_loss", "What is returned is the loss of the whole batch, without gradient.", the_whole_loss, TIGHT),
            Law("adds_to_what_is_there", "As backward does, it adds to the gradients that are there.", adds_to_what_is_there, TIGHT),
        ),
        twins=(
            Twin("by_the_number_of_parts", writes(lambda c, r: [1 / len(c)] * len(c)), "you divide by the number of parts: parts of unequal size count alike."),
            Twin("by_rows", writes(lambda c, r: [n / sum(r) for n in r]), "you weight by examples though the loss is a mean over tokens."),
            Twin("adds_up", writes(lambda c, r: [1.0] * len(c)), "the parts' losses are added, not averaged: the step is as many times too long."),
            Twin("empty_parts", with_empty_parts, "a part of padding alone has the mean 0 / 0, and the gradient becomes NaN."),
            Twin("resets", writes(exact, resets=True), "you set the gradients to zero first; what was there is lost."),
            Twin("mean_of_means", writes(exact, total="mean"), "the gradient is right, but the loss that is returned is the mean of the parts' means."),
        ),
    ),
)  # fmt: skip
