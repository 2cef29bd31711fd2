"""Laws of small random initialization."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.nn.init.small_init import small_normal_

from ._initializers import GENERAL_PITFALLS, SHAPES, fan_in, general_twins, moments, normal, tensor_interface
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def equal_to_torch(build: Build, draw: Draw) -> Iterator[Pair]:
    fill = build(draw)
    weight = fill(torch.empty(draw.shape), generator=torch.Generator().manual_seed(3))
    want = torch.empty(draw.shape).normal_(
        0.0, fill.arguments["std"], generator=torch.Generator().manual_seed(3)
    )
    yield weight, want


def other_default(tensor: Tensor, *, std: float = 0.01, generator=None) -> Tensor:
    return normal(tensor, std**0.5, generator)


def scaled_by_fan(tensor: Tensor, *, std: float = 0.01, generator=None) -> Tensor:
    return normal(tensor, std / fan_in(tensor) ** 0.5, generator)


def fixed(tensor: Tensor, *, std: float = 0.01, generator=None) -> Tensor:
    return normal(tensor, 0.01, generator)


def cut_off(tensor: Tensor, *, std: float = 0.01, generator=None) -> Tensor:
    filled = normal(tensor, std, generator)
    return filled.clamp_(-2 * std, 2 * std)


SUITES = (
    Suite(
        technique="small_init",
        part="small_normal_",
        subjects={"small_normal_": small_normal_},
        interface=tensor_interface("std", std=0.01),
        cases=({"std": 0.01}, {"std": 0.1}),
        shapes=lambda a: SHAPES,
        laws=(
            *moments(lambda w, a: a["std"] ** 2, r"$$ \mathrm{Var}(w) = 0.01^2 $$, whatever the layer."),
            Law("equal_to_torch", "Bit for bit the numbers of torch's normal_ with this deviation.", equal_to_torch, {torch.float32: 0.0}),
        ),
        twins=(
            Twin("deviation_for_variance", other_default, "you give the deviation where the variance is meant."),
            Twin("scaled_by_fan", scaled_by_fan, "you divide by the root of fan_in: that is another initialization."),
            Twin("fixed", fixed, "you ignore the deviation that is given."),
            Twin("cut_off", cut_off, "you cut the normal distribution off."),
            *(Twin(name, twin, GENERAL_PITFALLS[name]) for name, twin in general_twins(small_normal_).items()),
        ),
    ),
)  # fmt: skip
