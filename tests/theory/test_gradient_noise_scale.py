import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.theory import NoiseScale, gradient_noise_scale, noise_scale_of


def mean(output, target):
    return (output - target).square().mean()


def setting():
    generator = torch.Generator().manual_seed(0)
    return nn.Linear(3, 1), torch.randn(50, 3, generator=generator), torch.randn(50, 1, generator=generator)


def test_no_signal_is_an_infinite_scale():
    assert NoiseScale(squared_gradient=-0.1, trace=1.0).batch == math.inf
    assert NoiseScale(squared_gradient=0.1, trace=-1.0).batch == 0.0


def test_the_same_generator_gives_the_same_figure():
    model, x, y = setting()
    found = [
        gradient_noise_scale(model, mean, x, y, generator=torch.Generator().manual_seed(3), repeats=2)
        for _ in range(2)
    ]
    assert found[0] == found[1]


def test_the_loss_may_be_scaled():
    model, x, y = setting()
    found = [
        gradient_noise_scale(
            model,
            lambda a, b, s=s: s * mean(a, b),
            x,
            y,
            generator=torch.Generator().manual_seed(3),
            repeats=2,
        ).batch
        for s in (1.0, 8.0)
    ]
    assert_close(found[0], found[1])


def test_parameters_that_do_not_take_part_count_nothing():
    model, x, y = setting()
    wide = nn.Sequential(model)
    wide.spare = nn.Parameter(torch.ones(3))
    wide.forward = lambda x: model(x)
    found = [
        gradient_noise_scale(m, mean, x, y, generator=torch.Generator().manual_seed(3), repeats=2)
        for m in (model, wide)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"small": 16, "big": 16}, "big must be a multiple of small, and larger: small=16, big=16"),
        ({"small": 3, "big": 16}, "big must be a multiple"),
        ({"repeats": 0}, "repeats must be at least 1"),
    ],
)
def test_sizes_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        gradient_noise_scale(*(lambda m, x, y: (m, mean, x, y))(*setting()), **arguments)


def test_data_and_model_are_checked():
    model, x, y = setting()
    with pytest.raises(ValueError, match="they have 50 and 49"):
        gradient_noise_scale(model, mean, x, y[1:])
    with pytest.raises(ValueError, match="none requires a gradient"):
        gradient_noise_scale(model.requires_grad_(False), mean, x, y)
    with pytest.raises(ValueError, match="the batches must be of two sizes"):
        noise_scale_of(1.0, 1.0, small=8, big=8)
