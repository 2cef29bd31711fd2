"""Orthogonality through descent and parametrizations, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from vademecum.regularize import orthogonality_penalty, spectral_isometry_penalty


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_descent_reaches_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(*shape)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    for _ in range(500):
        optimizer.zero_grad()
        orthogonality_penalty(layer).backward()
        optimizer.step()
    assert_close(torch.linalg.svdvals(layer.weight.detach()), torch.ones(4), rtol=1e-4, atol=1e-4)


def test_the_weight_that_the_layer_uses() -> None:
    plain = nn.Linear(4, 3)
    wrapped = parametrizations.weight_norm(nn.Linear(4, 3))
    wrapped.weight = plain.weight.detach()
    for penalty in (
        orthogonality_penalty,
        lambda layer: spectral_isometry_penalty(layer, generator=seeded()),
    ):
        assert_close(penalty(nn.Sequential(wrapped)), penalty(plain))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_two_iterations_are_no_more_than_many() -> None:
    layer = nn.Linear(20, 30)
    two = spectral_isometry_penalty(layer, generator=seeded())
    many = spectral_isometry_penalty(layer, num_iterations=200, generator=seeded())
    assert_close(torch.maximum(two, many), many)


def test_depthwise_filters_are_held_to_length_one() -> None:
    conv = nn.Conv2d(5, 5, 3, groups=5)
    with torch.no_grad():
        conv.weight.div_(conv.weight.flatten(1).norm(dim=1).view(5, 1, 1, 1))
    assert_close(orthogonality_penalty(conv), torch.tensor(0.0), rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_refusals() -> None:
    with pytest.raises(ValueError, match="at least 1: it is 0"):
        spectral_isometry_penalty(nn.Linear(2, 2), num_iterations=0)
    with pytest.raises(ValueError, match=r"weight_g is of torch's older weight_norm"):
        orthogonality_penalty(torch.nn.utils.weight_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="must hold a trainable weight"):
        orthogonality_penalty(nn.LayerNorm(3))
