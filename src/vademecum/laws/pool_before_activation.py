"""Laws of the swap: nothing else changes, and the activation works on what the pooling leaves."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.conv.pool_before_activation import activation_evaluations, pool_before_activation

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

RISING = {
    "relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.2), "prelu": lambda: nn.PReLU(3), "elu": nn.ELU, "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid, "relu6": nn.ReLU6, "selu": nn.SELU, "softplus": nn.Softplus,
}  # fmt: skip
FALLING = {
    "gelu": nn.GELU, "silu": nn.SiLU, "mish": nn.Mish, "hardswish": nn.Hardswish,
    "falling_leaky": lambda: nn.LeakyReLU(-0.2), "falling_prelu": lambda: nn.PReLU(3, init=-0.5),
}  # fmt: skip
SMOOTH = {torch.float64: 1e-14, torch.float32: 1e-6}
"""Vectorized tanh and its like may round one value differently in two places."""


def sample(draw: Draw) -> Tensor:
    """Half of the maps are negative throughout, where a curve that falls before it rises shows itself."""
    x = draw.normal(std=2.0)
    return torch.cat([x, -x.abs() - 0.1])


def chain(activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Identity(), activation, nn.MaxPool2d(2))


def same(build: Build, draw: Draw, models) -> Iterator[Pair]:
    x = sample(draw)
    for make in models.values():
        model = chain(make()).to(draw.dtype)
        swapped = build(draw)(model)
        yield swapped(x), model(x)
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        upstream = draw.normal(*model(x).shape, name="upstream")
        (got,) = torch.autograd.grad((swapped(a) * upstream).sum(), a)
        (want,) = torch.autograd.grad((model(b) * upstream).sum(), b)
        yield got, want


def same_numbers(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from same(build, draw, {name: RISING[name] for name in ("relu", "leaky", "prelu")})


def same_up_to_rounding(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from same(build, draw, RISING)


def fewer_evaluations(build: Build, draw: Draw) -> Iterator[Pair]:
    x = sample(draw)
    for make in RISING.values():
        model = chain(make()).to(draw.dtype)
        got = activation_evaluations(build(draw)(model), x)
        yield number(got), number(F.max_pool2d(x, 2).numel())


def what_falls_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    """One pair may be swapped, so nothing is refused; the pair of a falling activation stays as it is."""
    x = sample(draw)
    for make in FALLING.values():
        model = nn.Sequential(chain(nn.ReLU()), nn.BatchNorm2d(3, affine=False), make(), nn.MaxPool2d(1, 1))
        model[3] = nn.MaxPool2d(2, ceil_mode=True)
        model = model.to(draw.dtype).eval()
        with torch.no_grad():
            model[1].running_mean.fill_(3.0)  # all values below 0
        yield build(draw)(model)(x), model(x)


def averages_stay(build: Build, draw: Draw) -> Iterator[Pair]:
    x = sample(draw)
    model = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Tanh(), nn.AvgPool2d(2, ceil_mode=True)).to(
        draw.dtype
    )
    yield build(draw)(model)(x), model(x)


class Functional(nn.Module):
    """Functions in the place of modules, and a map that two branches use."""

    def forward(self, x):
        y = F.max_pool2d(F.relu(x), 2)
        z = torch.relu(y - 1)
        return F.max_pool2d(z, 2, ceil_mode=True).sum() + z + F.max_pool2d(torch.tanh(y), 1)


def functions_too(build: Build, draw: Draw) -> Iterator[Pair]:
    x = sample(draw)
    model = Functional()
    swapped = build(draw)(model)
    yield swapped(x), model(x)
    y = F.max_pool2d(x, 2)
    yield number(activation_evaluations(swapped, x)), number(y.numel() * 3)


def the_model_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    model = chain(nn.ReLU())
    build(draw)(model)
    yield number([isinstance(part, nn.ReLU) for part in model]), number([False, True, False])


def number(value: object) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def swapped_where(model: nn.Module, when, *, copy: bool = True) -> nn.Module:
    """Swap in every chain of modules where a rule says so."""
    model = deepcopy(model) if copy else model
    for part in model.modules():
        if isinstance(part, nn.Sequential):
            for i in range(len(part) - 1):
                if when(part[i], part[i + 1]):
                    part[i], part[i + 1] = part[i + 1], part[i]
    return model


RISING_KINDS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Tanh, nn.Sigmoid, nn.ReLU6, nn.SELU, nn.Softplus)
FALLING_KINDS = (nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish)


def rises(a: nn.Module) -> bool:
    slope = getattr(a, "negative_slope", None)
    weight = getattr(a, "weight", None)
    return isinstance(a, RISING_KINDS) and not (slope is not None and slope < 0) and not (
        isinstance(weight, Tensor) and bool((weight < 0).any())
    )  # fmt: skip


def swaps_all(model):
    return swapped_where(
        model, lambda a, b: isinstance(a, RISING_KINDS + FALLING_KINDS) and isinstance(b, nn.MaxPool2d)
    )


def looks_at_no_slope(model):
    return swapped_where(model, lambda a, b: isinstance(a, RISING_KINDS) and isinstance(b, nn.MaxPool2d))


def swaps_averages(model):
    return swapped_where(model, lambda a, b: rises(a) and isinstance(b, nn.MaxPool2d | nn.AvgPool2d))


def does_nothing(model):
    return deepcopy(model)


def in_place(model):
    return swapped_where(model, lambda a, b: rises(a) and isinstance(b, nn.MaxPool2d), copy=False)


def modules_alone(model):
    return swapped_where(model, lambda a, b: rises(a) and isinstance(b, nn.MaxPool2d))


def drops_the_activation(model):
    swapped = pool_before_activation(model)
    for part in swapped.modules():
        if isinstance(part, nn.Sequential):
            for i, child in enumerate(part):
                if isinstance(child, nn.PReLU):
                    part[i] = nn.ReLU()
    return swapped


SUITES = (
    Suite(
        technique="pool_before_activation",
        part="pool_before_activation",
        subjects={"pool_before_activation": pool_before_activation},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((1, 3, 4, 4), (2, 3, 8, 6)),
        laws=(
            Law("same_numbers", "Piecewise linear activations: outputs and gradients are equal to the last bit.", same_numbers, EXACT),
            Law("same_up_to_rounding", r"$$ \max_i f(a_i) = f(\max_i a_i) $$", same_up_to_rounding, SMOOTH),
            Law("fewer_evaluations", "The activation works on the pooled maps.", fewer_evaluations, EXACT),
            Law("what_falls_stays", "Activations that fall somewhere stay before the pooling.", what_falls_stays, EXACT),
            Law("averages_stay", "Average pooling stays behind its activation.", averages_stay, EXACT),
            Law("functions_too", "Functions are found in the traced graph, and a map that two branches use stays.", functions_too, EXACT),
            Law("the_model_stays", "The model that was given is as it was.", the_model_stays, EXACT),
        ),
        twins=(
            Twin("swaps_all", swaps_all, "GELU, SiLU and Mish fall before they rise: they must stay before the pooling."),
            Twin("looks_at_no_slope", looks_at_no_slope, "a leaky slope may be negative: look at it."),
            Twin("swaps_averages", swaps_averages, "an average of activations is not the activation of the average."),
            Twin("does_nothing", does_nothing, "nothing is swapped."),
            Twin("in_place", in_place, "you change the model that was given."),
            Twin("modules_alone", modules_alone, "functions in a forward pass are not found: trace it."),
            Twin("forgets_slopes", drops_the_activation, "the parametric ReLU loses its slopes."),
        ),
    ),
)  # fmt: skip
