"""Laws of averaged weights, from the recursions of the papers."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.train.weight_averaging import AveragedModel, get_ema_avg_fn

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def net(draw: Draw) -> nn.Module:
    return nn.Sequential(nn.Linear(draw.shape[1], 2), nn.BatchNorm1d(2)).to(draw.dtype)


def wander(model: nn.Module, draw: Draw) -> None:
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(draw.normal(*p.shape, name=name))


def plain_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    averaged, seen = build(draw)(model), []
    for _ in range(draw.shape[0]):
        wander(model, draw)
        seen.append([p.detach().clone() for p in model.parameters()])
        averaged.update_parameters(model)
    for k, p in enumerate(averaged.module.parameters()):
        total = torch.zeros_like(p)
        for weights in seen:
            total = total + weights[k] / len(seen)
        yield p, total


def the_start_does_not_count(build: Build, draw: Draw) -> Iterator[Pair]:
    """The average is of the weights at the updates, not of those at construction."""
    model = net(draw)
    averaged = build(draw)(model)
    wander(model, draw)
    averaged.update_parameters(model)
    yield from zip(averaged.module.parameters(), model.parameters())


def the_model_is_left_alone(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    averaged = build(draw)(model)
    for _ in range(2):
        wander(model, draw)
        before = [p.detach().clone() for p in model.parameters()]
        averaged.update_parameters(model)
        yield from zip([p.detach().clone() for p in model.parameters()], before)


def statistics_are_the_last_ones(build: Build, draw: Draw) -> Iterator[Pair]:
    """Torch copies buffers: they belong to the last weights, and must be estimated anew."""
    model = net(draw)
    averaged = build(draw)(model)
    for _ in range(2):
        model(draw.normal(4, draw.shape[1]))
        averaged.update_parameters(model)
    for name, buffer in model.named_buffers():
        yield averaged.module.get_buffer(name), buffer


def saved_with_its_count(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    first = build(draw)(model)
    for _ in range(3):
        wander(model, draw)
        first.update_parameters(model)
    second = build(draw)(net(draw))
    second.load_state_dict(first.state_dict())
    wander(model, draw)
    for averaged in (first, second):
        averaged.update_parameters(model)
    yield from zip(second.module.parameters(), first.module.parameters())


def one_update(build: Build, draw: Draw) -> Iterator[Pair]:
    old, new, beta = draw.normal(name="old"), draw.normal(name="new"), draw.arguments["decay"]
    yield build(draw).object(old, new, 1), beta * old + (1 - beta) * new


def closed_form(build: Build, draw: Draw) -> Iterator[Pair]:
    """From the first weights on: geometric weights, the newest counts most."""
    beta, count = draw.arguments["decay"], 6
    seen = [draw.normal(name=f"weights_{k}") for k in range(count)]
    averaged, update = seen[0], build(draw).object
    for k, weights in enumerate(seen[1:], start=1):
        averaged = update(averaged, weights, k)
    want = beta ** (count - 1) * seen[0]
    for k in range(1, count):
        want = want + (1 - beta) * beta ** (count - 1 - k) * seen[k]
    yield averaged, want


class Frame(nn.Module):
    """Right, or with one thing wrong."""

    counts_the_start, alias, running, keeps_buffers, writes_back, count_saved = (
        False,
        False,
        False,
        False,
        False,
        True,
    )

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.module = model if self.alias else deepcopy(model)
        self.register_buffer("n", torch.tensor(int(self.counts_the_start)), persistent=self.count_saved)

    def update_parameters(self, model: nn.Module) -> None:
        with torch.no_grad():
            for p, q in zip(self.module.parameters(), model.parameters()):
                share = 0.5 if self.running and self.n else 1 / (int(self.n) + 1)
                p.add_(share * (q - p))
            if not self.keeps_buffers:
                for p, q in zip(self.module.buffers(), model.buffers()):
                    p.copy_(q)
        self.n += 1
        if self.writes_back:
            model.load_state_dict(self.module.state_dict())


def with_(**wrong):
    cls = type("Twin", (Frame,), wrong)
    return lambda model: cls(model)


def swapped(decay=0.999):
    return lambda old, new, n: (1 - decay) * old + decay * new


def as_a_mean(decay=0.999):
    return lambda old, new, n: old + (new - old) / (n + 1)


def warmed_up(decay=0.999):
    def update(old: Tensor, new: Tensor, n: int) -> Tensor:
        beta = min(decay, (1 + n) / (10 + n))
        return beta * old + (1 - beta) * new

    return update


SUITES = (
    Suite(
        technique="weight_averaging",
        part="AveragedModel",
        subjects={"torch.optim.swa_utils.AveragedModel": lambda model: AveragedModel(model)},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 1), (7, 3)),
        laws=(
            Law("plain_mean", r"$$ \theta_{SWA} = \frac{1}{n} \sum_i \theta_i $$", plain_mean),
            Law("the_start_does_not_count", r"$$ n = 1: \ \theta_{SWA} = \theta_1 $$", the_start_does_not_count, EXACT),
            Law("the_model_is_left_alone", "Training goes on with its own weights.", the_model_is_left_alone, EXACT),
            Law("statistics_are_the_last_ones", "Buffers are copied and not averaged.", statistics_are_the_last_ones, EXACT),
            Law("saved_with_its_count", "A loaded average goes on with the right weight.", saved_with_its_count, EXACT),
        ),
        twins=(
            Twin("counts_the_start", with_(counts_the_start=True), "the weights at construction are averaged in."),
            Twin("alias", with_(alias=True), "the average and the trained network are one: copy it."),
            Twin("writes_back", with_(writes_back=True), "training goes on from the average; it is to go on from its own weights."),
            Twin("running", with_(running=True), "you halve the distance in each update: the last weights count half."),
            Twin("keeps_buffers", with_(keeps_buffers=True), "the buffers stay as they were at construction."),
            Twin("count_not_saved", with_(count_saved=False), "the count is not in the state dict: after loading, the next weights replace the average."),
        ),
    ),
    Suite(
        technique="weight_averaging",
        part="get_ema_avg_fn",
        subjects={"torch.optim.swa_utils.get_ema_avg_fn": get_ema_avg_fn},
        interface=Interface(kind="module", arguments=("decay",), inputs=(), defaults={"decay": 0.999}, aliases={"decay": ("beta", "momentum")}),
        cases=({"decay": 0.9}, {"decay": 0.5}),
        shapes=lambda a: ((2, 3),),
        laws=(
            Law("one_update", r"$$ \beta \theta_{EMA} + (1 - \beta) \theta $$", one_update),
            Law("closed_form", r"$$ \beta^n \theta_0 + (1 - \beta) \sum_{i=1}^n \beta^{n-i} \theta_i $$", closed_form),
        ),
        twins=(
            Twin("swapped", swapped, "the decay is the weight of the old average, not of the new weights."),
            Twin("as_a_mean", as_a_mean, "you take the plain mean of all weights."),
            Twin("warmed_up", warmed_up, "your decay grows with the updates: a warm-up has its own argument."),
        ),
    ),
)  # fmt: skip
