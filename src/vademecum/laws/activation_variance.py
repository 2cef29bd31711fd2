"""Laws of the measurement of activations by depth."""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn

from vademecum.theory.activation_variance import (
    ActivationRow,
    ActivationVariance,
    activation_variance,
    mean_square_after,
)

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def _net(draw: Draw) -> tuple[nn.Sequential, tuple[nn.Linear, nn.Linear]]:
    layers = (nn.Linear(draw.shape[-1], 4).to(draw.dtype), nn.Linear(4, 2).to(draw.dtype))
    with torch.no_grad():
        for k, layer in enumerate(layers):
            layer.weight.copy_(draw.normal(*layer.weight.shape, name=f"weight_{k}"))
            layer.bias.copy_(draw.normal(*layer.bias.shape, name=f"bias_{k}"))
    return nn.Sequential(layers[0], nn.ReLU(), nn.Dropout(0.5), layers[1]).train(), layers


def _numbers(table) -> Tensor:
    return torch.tensor(
        [[row.mean, row.variance, row.mean_square] for row in table.rows], dtype=torch.float64
    )


def by_definition(build: Build, draw: Draw) -> Iterator[Pair]:
    net, (first, second) = _net(draw)
    x, want = draw.normal(mean=1.0), []
    hidden = x @ first.weight.detach().T + first.bias.detach()
    rectified = hidden.clamp(min=0)  # dropout lets all of it pass in evaluation
    last = rectified @ second.weight.detach().T + second.bias.detach()
    for signal in (hidden, rectified, rectified, last):
        values = signal.flatten().tolist()
        count, mean = len(values), sum(values) / len(values)
        want.append([mean, sum((v - mean) ** 2 for v in values) / count, sum(v * v for v in values) / count])
    yield _numbers(build(draw)(net, x)), torch.tensor(want, dtype=torch.float64)


def leaves_no_trace(build: Build, draw: Draw) -> Iterator[Pair]:
    (net, _), x = _net(draw), draw.normal()
    norm = nn.BatchNorm1d(2).to(draw.dtype)
    net.append(norm)
    before = torch.get_rng_state()
    build(draw)(net, x)
    yield torch.get_rng_state(), before
    yield torch.tensor([part.training for part in net]), torch.ones(5, dtype=torch.bool)
    assert norm.running_mean is not None
    yield norm.running_mean, torch.zeros(2, dtype=draw.dtype)


def each_call_has_a_row(build: Build, draw: Draw) -> Iterator[Pair]:
    doubles = nn.Linear(3, 3, bias=False).to(draw.dtype)
    with torch.no_grad():
        doubles.weight.copy_(2 * torch.eye(3))
    x = draw.normal(5, 3)
    got = _numbers(build(draw)(nn.Sequential(doubles, doubles, doubles), x))[:, 2]
    yield got, x.double().square().mean() * torch.tensor([4.0, 16.0, 64.0], dtype=torch.float64)


class _Seen:
    """A plain right measurement, for twins to spoil."""

    def __init__(self, model: nn.Module, x: Tensor, *, evaluation: bool = True, once: bool = False) -> None:
        modes = [part.training for part in model.modules()]
        seen: list[tuple[nn.Module, Tensor]] = []
        handles = [
            part.register_forward_hook(lambda part, _, y: seen.append((part, y)))
            for part in model.modules()
            if not list(part.children())
        ]
        if evaluation:
            model.eval()
        with torch.no_grad():
            model(x)
        for handle in handles:
            handle.remove()
        for part, mode in zip(model.modules(), modes):
            part.training = mode
        self.outputs = [
            (part, y) for k, (part, y) in enumerate(seen) if not once or part not in [p for p, _ in seen[:k]]
        ]

    def table(self, variance, square) -> ActivationVariance:
        return ActivationVariance(
            tuple(
                ActivationRow("", "", float(y.mean()), float(variance(y)), float(square(y)))
                for _, y in self.outputs
            )
        )


def _variance(y: Tensor) -> Tensor:
    return y.var(unbiased=False)


def _square(y: Tensor) -> Tensor:
    return y.square().mean()


def unbiased(model: nn.Module, x: Tensor) -> ActivationVariance:
    return _Seen(model, x).table(lambda y: y.var(), _square)


def variance_for_mean_square(model: nn.Module, x: Tensor) -> ActivationVariance:
    return _Seen(model, x).table(_variance, _variance)


def in_training(model: nn.Module, x: Tensor) -> ActivationVariance:
    return _Seen(model, x, evaluation=False).table(_variance, _square)


def once_a_part(model: nn.Module, x: Tensor) -> ActivationVariance:
    return _Seen(model, x, once=True).table(_variance, _square)


DEPTH, WIDTH = 10, 128
STDS = (0.01, 1 / sqrt(WIDTH), sqrt(2 / WIDTH))


def follows_the_equation(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    width, std = of.arguments["width"], of.arguments["std"]
    for activation, passed in ((None, 1.0), (torch.relu, 0.5)):
        got = of(DEPTH, activation=activation, generator=torch.Generator().manual_seed(2))
        want = (width * std**2 * passed) ** torch.arange(DEPTH + 1, dtype=torch.float64)
        yield (got / want).log2(), torch.zeros_like(want)


def starts_at_one(build: Build, draw: Draw) -> Iterator[Pair]:
    got = build(draw)(2, generator=torch.Generator().manual_seed(0))
    yield got[0], torch.ones((), dtype=torch.float64)


def reproducible(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second = (build(draw)(2, generator=torch.Generator().manual_seed(0)) for _ in range(2))
    yield first, second


FACTOR_OF_THREE = {torch.float64: 1.6}
"""In powers of two."""


def _after(depth, *, width, std, activation, generator, scale=1.0, start=1.0, first=True):
    x = torch.randn(256, width, generator=generator, dtype=torch.float64)
    x = start * x / x.square().mean().sqrt()
    found = [x.square().mean()]
    for _ in range(depth):
        x = x @ (std * scale * torch.randn(width, width, generator=generator, dtype=torch.float64))
        x = activation(x) if activation is not None and first else x
        found.append(x.square().mean())
    return torch.stack(found)


def forgets_the_activation(depth, *, width, std, activation=None, examples=256, generator=None):
    return _after(depth, width=width, std=std, activation=activation, generator=generator, first=False)


def root_of_the_deviation(depth, *, width, std, activation=None, examples=256, generator=None):
    return _after(depth, width=width, std=std, activation=activation, generator=generator, scale=std)


def other_start(depth, *, width, std, activation=None, examples=256, generator=None):
    return _after(depth, width=width, std=std, activation=activation, generator=generator, start=1.2)


def deaf(depth, *, width, std, activation=None, examples=256, generator=None):
    return _after(depth, width=width, std=std, activation=activation, generator=None)


SUITES = (
    Suite(
        technique="activation_variance",
        part="activation_variance",
        subjects={"activation_variance": activation_variance},
        interface=Interface(kind="function", inputs=("model", "x")),
        cases=({},),
        shapes=lambda a: ((3, 2), (6, 3)),
        laws=(
            Law("by_definition", "Mean, biased variance and mean square of every part's output, number by number.", by_definition),
            Law("leaves_no_trace", "Modes, buffers and random streams are as before.", leaves_no_trace, EXACT),
            Law("each_call_has_a_row", "A part that is called three times has three rows.", each_call_has_a_row),
        ),
        twins=(
            Twin("unbiased", unbiased, "your variance is the unbiased one."),
            Twin("variance_for_mean_square", variance_for_mean_square, "you give the variance for the mean square; behind ReLU they differ."),
            Twin("in_training", in_training, "you measure in training mode: dropout is on, and batch statistics move."),
            Twin("once_a_part", once_a_part, "you give a part that is called several times one row."),
        ),
    ),
    Suite(
        technique="activation_variance",
        part="mean_square_after",
        subjects={"mean_square_after": mean_square_after},
        interface=Interface(kind="function", arguments=("width", "std"), inputs=("depth",)),
        cases=tuple({"width": WIDTH, "std": std} for std in STDS),
        shapes=lambda a: ((1,),),
        laws=(
            Law("follows_the_equation", r"$$ E[x_l^2] = (n \mathrm{Var}(w) E[f(z)^2])^l $$ within a factor of three.", follows_the_equation, FACTOR_OF_THREE),
            Law("starts_at_one", r"$$ E[x_0^2] = 1 $$", starts_at_one, {torch.float64: 1e-12}),
            Law("reproducible", "The same generator gives the same figures.", reproducible, EXACT),
        ),
        twins=(
            Twin("forgets_the_activation", forgets_the_activation, "you leave the activation out."),
            Twin("deviation_squared", root_of_the_deviation, "you take the variance for the deviation."),
            Twin("other_start", other_start, "your input's mean square is not 1."),
            Twin("deaf", deaf, "you ignore the generator."),
        ),
    ),
)  # fmt: skip
