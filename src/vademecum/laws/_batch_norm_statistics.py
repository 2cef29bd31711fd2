"""Laws of new statistics for batch normalization, from Algorithm 2 of the paper, steps 8 to 10."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.norm.batch_norm import recalibrate

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

Norms = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def randomized(model: nn.Module, draw: Draw) -> nn.Module:
    """Give every tensor of a model, running statistics included, values between 0.5 and 1.5."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(draw.uniform(*tensor.shape, low=0.5, high=1.5, name=name))
    return model.to(draw.dtype)


def state(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def averages(batches: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The plain average of each batch's mean and unbiased variance, for (B, C) batches."""
    means, variances = [], []
    for channel in range(batches[0].shape[1]):
        moments = []
        for batch in batches:
            values = batch[:, channel].tolist()
            mean = sum(values) / len(values)
            moments.append((mean, sum((v - mean) ** 2 for v in values) / (len(values) - 1)))
        means.append(sum(mean for mean, _ in moments) / len(moments))
        variances.append(sum(variance for _, variance in moments) / len(moments))
    return torch.tensor(means, dtype=torch.float64), torch.tensor(variances, dtype=torch.float64)


def draw_batches(draw: Draw) -> list[Tensor]:
    return [draw.normal(*draw.shape, mean=mean, name="batch") for mean in (1.0, -2.0, 0.5)]


def plain_averages(build: Build, draw: Draw) -> Iterator[Pair]:
    batches = draw_batches(draw)
    norm = nn.BatchNorm1d(draw.shape[1]).to(draw.dtype)
    build(draw)(norm, batches)
    mean, variance = averages(batches)
    yield norm.running_mean, mean
    yield norm.running_var, variance


def the_past_is_forgotten(build: Build, draw: Draw) -> Iterator[Pair]:
    batches = draw_batches(draw)
    norm = nn.BatchNorm1d(draw.shape[1]).to(draw.dtype)
    norm(draw.normal(mean=7.0, std=3.0, name="earlier"))
    build(draw)(norm, batches)
    mean, variance = averages(batches)
    yield norm.running_mean, mean
    yield norm.running_var, variance


def deeper_layers_see_normalized_batches(build: Build, draw: Draw) -> Iterator[Pair]:
    batches = draw_batches(draw)
    channels = draw.shape[1]
    model = nn.Sequential(nn.BatchNorm1d(channels), nn.Tanh(), nn.BatchNorm1d(channels)).to(draw.dtype)
    build(draw)(model, batches)
    centered = [b.double() - b.double().mean(0) for b in batches]
    inner = [(c / (c.square().mean(0) + 1e-5).sqrt()).tanh() for c in centered]
    mean, variance = averages(inner)
    yield model[2].running_mean, mean
    yield model[2].running_var, variance


def dropout_is_off(build: Build, draw: Draw) -> Iterator[Pair]:
    batches = draw_batches(draw)
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(draw.shape[1])).to(draw.dtype)
    build(draw)(model, batches)
    yield model[1].running_mean, averages(batches)[0]


def nothing_else_changes(build: Build, draw: Draw) -> Iterator[Pair]:
    channels = draw.shape[1]
    norm = nn.BatchNorm1d(channels, momentum=0.3)
    model = nn.Sequential(nn.Linear(channels, channels), nn.Dropout().eval(), norm).to(draw.dtype)
    before = [parameter.clone() for parameter in model.parameters()]
    build(draw)(model, draw_batches(draw))
    yield from zip(model.parameters(), before, strict=True)
    yield torch.tensor([part.training for part in model]), torch.tensor([True, False, True])
    yield torch.tensor(-1.0 if norm.momentum is None else norm.momentum), torch.tensor(0.3)


class Branch(nn.Module):
    """A net with a norm that the forward pass does not reach in evaluation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.used, self.unused = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


def a_norm_out_of_reach_keeps_its_own(build: Build, draw: Draw) -> Iterator[Pair]:
    model = randomized(Branch(draw.shape[1]), draw)
    before = state(model.unused)
    build(draw)(model, draw_batches(draw))
    yield from zip(state(model.unused), before, strict=True)


def reestimating(
    *, momentum: float | None = None, afresh: bool = True, dropout: bool = False, restores: bool = True
) -> Callable[[nn.Module, Iterable[Tensor]], None]:
    """Write a function that estimates new statistics, right or with one thing wrong."""

    @torch.no_grad()
    def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
        norms = [part for part in model.modules() if isinstance(part, Norms)]
        before = [(norm, norm.momentum, deepcopy(norm.state_dict())) for norm in norms]
        modes = {part: part.training for part in model.modules()}
        model.train(dropout)
        for norm in norms:
            norm.num_batches_tracked.zero_()
            if afresh:
                norm.reset_running_stats()
            norm.momentum = momentum
            norm.train()
        for batch in batches:
            model(batch)
        for norm, old, statistics in before:
            norm.momentum = old if restores else norm.momentum
            if norm.num_batches_tracked == 0:
                norm.load_state_dict(statistics)
        for part, mode in modes.items():
            part.training = mode if restores else part.training

    return recalibrate


def pooling(model: nn.Module, batches: Iterable[Tensor]) -> None:
    reestimating()(model, [torch.cat(list(batches))])


def biased(model: nn.Module, batches: Sequence[Tensor]) -> None:
    reestimating()(model, batches)
    m = len(batches[0])
    for part in model.modules():
        if isinstance(part, Norms):
            part.running_var *= (m - 1) / m


def wiping(model: nn.Module, batches: Iterable[Tensor]) -> None:
    for part in model.modules():
        if isinstance(part, Norms):
            part.reset_running_stats()
    reestimating()(model, batches)


RECALIBRATE = Suite(
    technique="batch_norm",
    part="recalibrate",
    subjects={"recalibrate": recalibrate},
    interface=Interface(kind="function", inputs=("model", "batches")),
    cases=({},),
    shapes=lambda a: ((2, 1), (4, 2)),
    laws=(
        Law("plain_averages", r"$$ E[x] = E_B[\mu_B], \quad Var[x] = \frac{m}{m - 1} E_B[\sigma^2_B] $$",
            plain_averages),
        Law("the_past_is_forgotten", "What the running statistics were before does not matter.",
            the_past_is_forgotten),
        Law("deeper_layers_see_normalized_batches", "Each layer sees what training shows it: normalized batches.",
            deeper_layers_see_normalized_batches),
        Law("dropout_is_off", "The statistics are those that evaluation sees.", dropout_is_off),
        Law("nothing_else_changes", "Weights, modes and momenta stay.", nothing_else_changes, EXACT),
        Law("a_norm_out_of_reach_keeps_its_own", "A norm that no batch reaches keeps its statistics.",
            a_norm_out_of_reach_keeps_its_own, EXACT),
    ),
    twins=(
        Twin("moving_average", reestimating(momentum=0.1),
             "you average with momentum, so that the last batches count most; all count alike."),
        Twin("continues", reestimating(afresh=False, momentum=0.1),
             "you go on from the old statistics; start afresh."),
        Twin("dropout_on", reestimating(dropout=True),
             "you estimate with dropout on, but evaluation has none: the statistics do not fit it."),
        Twin("restores_nothing", reestimating(restores=False),
             "you leave modes and momenta as the estimation needed them."),
        Twin("pools", pooling, "you take one variance over all batches; the paper averages those of the batches."),
        Twin("biased", biased, "your variances are biased; multiply by m / (m - 1)."),
        Twin("wipes", wiping, "you reset norms that no batch reaches, and leave them at 0 and 1."),
    ),
)  # fmt: skip
