"""Maxout: options, and wrong inputs beside right ones."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.activation import Maxout, Maxout2d


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0, 3), "in_features"), ((3, 0), "out_features"), ((3, 3, 0), "pieces")],
)
def test_counts_must_be_positive(arguments: tuple[int, ...], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be positive: it is 0"):
        Maxout(*arguments)


def test_kernel_must_be_positive() -> None:
    with pytest.raises(ValueError, match="kernel_size must be positive"):
        Maxout2d(1, 1, (3, 0))


def test_no_bias() -> None:
    layer = Maxout(3, 4, bias=False)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert_close(layer(torch.zeros(2, 3)), torch.zeros(2, 4))
    assert_close(Maxout2d(1, 2, 3, bias=False)(torch.zeros(1, 1, 3, 3)), torch.zeros(1, 2, 1, 1))


def test_one_piece_starts_as_a_linear_layer_does() -> None:
    bound = 10_000**-0.5
    weights = Maxout(10_000, 10, pieces=1).weight
    assert_close(weights.abs().max().detach(), torch.tensor(bound), rtol=1e-3, atol=0)
    assert_close(weights.std().detach(), nn.Linear(10_000, 10).weight.std().detach(), rtol=0.03, atol=0)


@pytest.mark.parametrize(
    ("layer", "fan_in"), [(Maxout(50, 300, pieces=4), 50), (Maxout2d(8, 100, 5, pieces=3), 200)]
)
def test_pieces_do_not_count_as_inputs(layer: nn.Module, fan_in: int) -> None:
    assert_close(layer.weight.abs().max().detach(), torch.tensor(fan_in**-0.5), rtol=1e-2, atol=0)


def test_kernel_that_is_not_square() -> None:
    layer = Maxout2d(2, 3, (1, 3), stride=(1, 2), padding=(0, 1), pieces=4)
    assert layer(torch.zeros(5, 2, 4, 6)).shape == (5, 3, 4, 3)
    assert layer(torch.zeros(0, 2, 4, 6)).shape == (0, 3, 4, 3)
