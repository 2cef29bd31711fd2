"""Local response normalization: how far torch's class is from the paper."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.laws import conform
from vademecum.nn.norm.response_norm import LocalResponseNorm, alexnet_response_norm


def test_the_class_is_torchs() -> None:
    assert LocalResponseNorm is nn.LocalResponseNorm


def test_the_defaults_are_the_papers() -> None:
    layer = alexnet_response_norm()
    assert (layer.size, layer.beta, layer.k) == (5, 0.75, 2.0)
    x = torch.full((1, 9, 1, 1), 100.0, dtype=torch.float64)
    middle = 100 / (2 + 1e-4 * 5 * 100**2) ** 0.75
    assert_close(float(layer(x)[0, 4, 0, 0]), middle)


def test_torchs_alpha_has_a_fifth_of_the_effect() -> None:
    x = torch.ones(1, 9, 1, 1, dtype=torch.float64)
    paper = alexnet_response_norm(alpha=1.0, beta=1.0, k=0.0)(x)
    torchs = LocalResponseNorm(5, alpha=1.0, beta=1.0, k=0.0)(x)
    assert_close(torchs, 5 * paper)


def test_torchs_even_window_lies_askew() -> None:
    x = torch.zeros(1, 9, 1, dtype=torch.float64)
    x[0, 4] = 1.0
    damped_by = LocalResponseNorm(4, alpha=4.0, beta=1.0, k=1.0)
    probe = 1e-3 * torch.ones_like(x) + x
    ratio = (probe / damped_by(probe)).flatten().round(decimals=3)
    assert_close(ratio, torch.tensor([1, 1, 1, 2, 2, 2, 2, 1, 1], dtype=torch.float64), rtol=0, atol=0.01)


@pytest.mark.parametrize(("size", "near"), [(4, "take 3 or 5"), (0, "take 1 or 1"), (-3, "take 1")])
def test_refuses_a_window_without_a_middle(size: int, near: str) -> None:
    with pytest.raises(ValueError, match=rf"size must be odd.*{near}"):
        alexnet_response_norm(size)


def test_conform_tells_the_readings_of_alpha_apart() -> None:
    assert conform(alexnet_response_norm, "response_norm")
    assert "your alpha is divided by the window's size" in str(conform(nn.LocalResponseNorm, "response_norm"))
    assert conform(nn.LocalResponseNorm, "response_norm.LocalResponseNorm")


def test_conform_takes_a_plain_function() -> None:
    def right(x: torch.Tensor, size: int, alpha: float, beta: float, k: float) -> torch.Tensor:
        return nn.functional.local_response_norm(x, size, alpha * size, beta, k)

    assert conform(right, "response_norm")
    assert not conform(nn.functional.local_response_norm, "response_norm")
