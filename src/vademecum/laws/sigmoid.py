"""Laws of the logistic sigmoid."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._activations import (
    EDGES,
    ELEMENTWISE,
    SHAPES,
    derivative_law,
    edge_twins,
    limits_law,
    logistic,
    slope,
    values_law,
)
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def symmetry(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal(std=3.0)
    yield act(-x), 1 - act(x)


def inverse_is_the_log_odds(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal()
    yield torch.log(act(x) / (1 - act(x))), x


def derivative_from_the_value(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal(std=3.0)
    y = act(x).detach()
    yield slope(act, x), y * (1 - y)


def steepest_at_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.linspace(-4, 4, 81, dtype=draw.dtype)
    yield slope(build(draw), x).max(), torch.tensor(0.25, dtype=draw.dtype)


def overflows(x: Tensor) -> Tensor:
    return x.exp() / (1 + x.exp())


def tanh_for_sigmoid(x: Tensor) -> Tensor:
    return torch.tanh(x)


def half_steep(x: Tensor) -> Tensor:
    return (1 + torch.tanh(x)) / 2


def minus_forgotten(x: Tensor) -> Tensor:
    return 1 / (1 + x.exp())


def no_gradient(x: Tensor) -> Tensor:
    return torch.sigmoid(x.detach()) + 0.25 * (x - x.detach())


SUITES = (
    Suite(
        technique="sigmoid",
        part="Sigmoid",
        subjects={"Sigmoid": nn.Sigmoid, "sigmoid": torch.sigmoid, "functional.sigmoid": F.sigmoid},
        interface=ELEMENTWISE,
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(lambda x, a: logistic(x), r"$$ \sigma(x) = 1 / (1 + e^{-x}) $$"),
            derivative_law(lambda x, a: logistic(x) * logistic(-x), r"$$ \sigma'(x) = \sigma(x) \sigma(-x) $$"),
            Law("derivative_from_the_value", r"$$ \sigma' = \sigma (1 - \sigma) $$", derivative_from_the_value),
            Law("steepest_at_zero", r"$$ \max \sigma' = \tfrac14 $$", steepest_at_zero),
            Law("symmetry", r"$$ \sigma(-x) = 1 - \sigma(x) $$", symmetry),
            Law("inverse_is_the_log_odds", r"$$ \log(\sigma / (1 - \sigma)) = x $$", inverse_is_the_log_odds),
            limits_law(lambda x, a: float(x > 0), lambda x, a: 0.0),
            *EDGES,
        ),
        twins=(
            Twin("overflows", overflows, "you compute e^x / (1 + e^x), which is inf / inf at large inputs."),
            Twin("tanh", tanh_for_sigmoid, "your function runs from -1 to 1: that is tanh."),
            Twin("too_steep", half_steep, "you forgot the half: sigma(x) = (1 + tanh(x / 2)) / 2."),
            Twin("minus_forgotten", minus_forgotten, "you forgot the minus in the exponent: your function falls."),
            Twin("constant_gradient", no_gradient, "your gradient does not fall where the unit saturates."),
            *edge_twins(F.sigmoid),
        ),
    ),
)  # fmt: skip
