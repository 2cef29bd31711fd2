"""Laws of the Gaussian error linear unit, in its three forms."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.activation.gelu import SigmoidGELU

from ._activations import (
    EDGES,
    ELEMENTWISE,
    SHAPES,
    Phi,
    derivative_law,
    each,
    edge_twins,
    limits_law,
    logistic,
    odd_part_is_half,
    phi,
    slope,
    values_law,
)
from ._suite import Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

ROOT = math.sqrt(2 / math.pi)


def by_the_paper(x: float, a: Arguments) -> float:
    if a.get("approximate") == "tanh":
        return 0.5 * x * (1 + math.tanh(ROOT * (x + 0.044715 * x**3)))
    return x * Phi(x)


def derivative(x: float, a: Arguments) -> float:
    if a.get("approximate") == "tanh":
        t = math.tanh(ROOT * (x + 0.044715 * x**3))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT * (1 + 3 * 0.044715 * x * x)
    return Phi(x) + x * phi(x)


def sigmoid_form(x: float, a: Arguments) -> float:
    return x * logistic(1.702 * x)


def sigmoid_derivative(x: float, a: Arguments) -> float:
    s = logistic(1.702 * x)
    return s + 1.702 * x * s * (1 - s)


GRID = torch.linspace(-6, 6, 12_001, dtype=torch.float64)


def _largest_gap(act, reference: Tensor) -> Tensor:
    return (act(GRID) - reference).abs().max()


def distance_of_the_tanh_form(build: Build, draw: Draw) -> Iterator[Pair]:
    exact = each(lambda v, _: v * Phi(v), GRID, {})
    yield _largest_gap(build(draw, approximate="tanh"), exact), torch.tensor(4.732e-4, dtype=torch.float64)


def distance_of_the_sigmoid_form(build: Build, draw: Draw) -> Iterator[Pair]:
    exact = each(lambda v, _: v * Phi(v), GRID, {})
    yield _largest_gap(build(draw), exact), torch.tensor(2.0335e-2, dtype=torch.float64)


def minimum(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = torch.tensor([-0.7517915], dtype=draw.dtype)
    yield act(x), torch.tensor([-0.16997121], dtype=draw.dtype)
    yield slope(act, x), torch.zeros_like(x)


def exact(x: Tensor, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


def always_tanh(x: Tensor, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate="tanh")


def always_exact(x: Tensor, approximate: str = "none") -> Tensor:
    return F.gelu(x)


def no_root_two(x: Tensor, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate="tanh") if approximate == "tanh" else x / 2 * (1 + torch.erf(x))


def slipped_digit(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return F.gelu(x)
    return x / 2 * (1 + torch.tanh(ROOT * (x + 0.0044715 * x**3)))


def distribution_alone(x: Tensor, approximate: str = "none") -> Tensor:
    return torch.special.ndtr(x)


def constant_gate(x: Tensor, approximate: str = "none") -> Tensor:
    return x * (F.gelu(x.detach(), approximate=approximate) / x.detach().where(x != 0, torch.ones_like(x)))


def overflows(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return F.gelu(x)
    inner = 2 * ROOT * (x + 0.044715 * x**3)
    return x * inner.exp() / (1 + inner.exp())


def sigmoid_form_right(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def factor_outside(x: Tensor) -> Tensor:
    return 1.702 * x * torch.sigmoid(x)


def sigmoid_overflows(x: Tensor) -> Tensor:
    return x * (1.702 * x).exp() / (1 + (1.702 * x).exp())


def sigmoid_constant_gate(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x.detach())


SUITES = (
    Suite(
        technique="gelu",
        part="GELU",
        subjects={"GELU": nn.GELU, "functional.gelu": F.gelu},
        interface=Interface(kind="function", arguments=("approximate",), defaults={"approximate": "none"}),
        cases=({"approximate": "none"}, {"approximate": "tanh"}),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(by_the_paper, r"$$ f(x) = x \Phi(x) $$ or, as tanh form, $$ \tfrac{x}{2}(1 + \tanh(\sqrt{2/\pi}(x + 0.044715 x^3))) $$"),
            derivative_law(derivative, r"$$ f'(x) = \Phi(x) + x \varphi(x) $$ or the tanh form's."),
            Law("odd_part_is_half", r"$$ f(x) - f(-x) = x $$", odd_part_is_half),
            Law("minimum", r"The exact form's minimum is -0.16997121 at x = -0.75179.", minimum, {torch.float64: 1e-7},
                cases=lambda a: a["approximate"] == "none"),
            Law("distance_of_the_tanh_form", r"$$ \max_x |f_{tanh}(x) - x\Phi(x)| = 4.732 \cdot 10^{-4} $$", distance_of_the_tanh_form,
                {torch.float64: 2e-7}, cases=lambda a: a["approximate"] == "tanh"),
            limits_law(lambda x, a: max(0.0, x), lambda x, a: float(x > 0)),
            *EDGES,
        ),
        twins=(
            Twin("tanh_for_exact", always_tanh, "your exact form is the tanh form: 4.7e-4 off, in every layer."),
            Twin("exact_for_tanh", always_exact, "your tanh form is the exact one: weights trained with the tanh form expect the other."),
            Twin("no_root_two", no_root_two, "your error function lacks the root of two: Phi(x) = (1 + erf(x / sqrt 2)) / 2."),
            Twin("slipped_digit", slipped_digit, "the cubic's coefficient is 0.044715."),
            Twin("distribution_alone", distribution_alone, "you return Phi(x), the gate, without the input that it weighs."),
            Twin("constant_gate", constant_gate, "your gradient lacks the gate's part, x * phi(x)."),
            Twin("overflows", overflows, "your tanh form overflows at large inputs: write it with tanh."),
            *edge_twins(exact),
        ),
    ),
    Suite(
        technique="gelu",
        part="SigmoidGELU",
        subjects={"SigmoidGELU": SigmoidGELU},
        interface=ELEMENTWISE,
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(sigmoid_form, r"$$ f(x) = x\,\sigma(1.702 x) $$"),
            derivative_law(sigmoid_derivative, r"$$ f' = s + 1.702\,x\,s(1 - s),\ s = \sigma(1.702 x) $$"),
            Law("odd_part_is_half", r"$$ f(x) - f(-x) = x $$", odd_part_is_half),
            Law("distance_to_the_exact_form", r"$$ \max_x |f(x) - x\Phi(x)| = 2.0335 \cdot 10^{-2} $$", distance_of_the_sigmoid_form,
                {torch.float64: 1e-6}),
            limits_law(lambda x, a: max(0.0, x), lambda x, a: float(x > 0)),
            *EDGES,
        ),
        twins=(
            Twin("silu", silu, "your sigmoid lacks the 1.702: that is SiLU."),
            Twin("factor_outside", factor_outside, "your 1.702 stands outside the sigmoid."),
            Twin("overflows", sigmoid_overflows, "your sigmoid overflows at large inputs."),
            Twin("constant_gate", sigmoid_constant_gate, "your gradient lacks the gate's part."),
            *edge_twins(sigmoid_form_right),
        ),
    ),
)  # fmt: skip
