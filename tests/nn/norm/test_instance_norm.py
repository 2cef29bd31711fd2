"""Instance normalization: wrong inputs beside right ones, and what track_running_stats does."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.norm import instance_norm
from vademecum.nn.norm.instance_norm import ConditionalInstanceNorm2d, adaptive_instance_norm


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"])
def test_the_layers_are_torchs(name: str) -> None:
    assert getattr(instance_norm, name) is getattr(nn, name)


def test_running_statistics_change_evaluation(x: torch.Tensor) -> None:
    norm = nn.InstanceNorm2d(2, track_running_stats=True)
    assert_close(norm(x), nn.InstanceNorm2d(2)(x))
    gap = (norm.eval()(100 * x) - nn.InstanceNorm2d(2)(100 * x)).abs().max()
    assert gap > 10, "the contrast is back"


def test_conditional_starts_as_the_plain_layer(x: torch.Tensor) -> None:
    norm = ConditionalInstanceNorm2d(2, 7)
    assert_close(norm(x, torch.tensor([0, 3, 6])), nn.InstanceNorm2d(2)(x))
    assert sum(p.numel() for p in norm.parameters()) == 2 * 2 * 7


def test_conditional_keeps_half_precision(x: torch.Tensor) -> None:
    norm = ConditionalInstanceNorm2d(2, 2).bfloat16()
    y = norm(x.bfloat16(), torch.full((3, 2), 0.5))  # blending weights may stay in float32
    assert y.dtype == torch.bfloat16
    assert_close(y.float(), nn.InstanceNorm2d(2)(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    "style",
    [
        torch.tensor([0, 1]),
        torch.zeros(3, 2, dtype=torch.int64),
        torch.zeros(3),
        torch.zeros(3, 3),
        torch.zeros(2, 2),
        torch.tensor(1),
    ],
    ids=lambda style: f"{tuple(style.shape)}-{style.dtype}",
)
def test_conditional_refuses_a_wrong_style(x: torch.Tensor, style: torch.Tensor) -> None:
    with pytest.raises(
        ValueError, match=r"style must be \(3,\) integers or \(3, 2\) floating weights.*for each image"
    ):
        ConditionalInstanceNorm2d(2, 2)(x, style)


def test_conditional_refuses_wrong_images(x: torch.Tensor) -> None:
    style = torch.tensor([0, 1, 0])
    with pytest.raises(ValueError, match=r"input must be \(B, 4, H, W\): it is \(3, 2, 4, 5\)"):
        ConditionalInstanceNorm2d(4, 2)(x, style)
    with pytest.raises(ValueError, match=r"input must be \(B, 2, H, W\)"):
        ConditionalInstanceNorm2d(2, 2)(x[0], style)
    with pytest.raises(ValueError, match=r"input must have more than one pixel: it is \(3, 2, 1, 1\)"):
        ConditionalInstanceNorm2d(2, 2)(x[:, :, :1, :1], style)


def test_adaptive_leaves_both_alone_and_keeps_the_size(x: torch.Tensor) -> None:
    content, style = x.clone(), x[:, :, :2, :3].clone()
    y = adaptive_instance_norm(content, style)
    assert y.shape == x.shape
    assert_close(content, x, rtol=0, atol=0)
    assert_close(style, x[:, :, :2, :3], rtol=0, atol=0)
    assert_close(adaptive_instance_norm(x[:0], x[:0]), x[:0])


def test_adaptive_refuses(x: torch.Tensor) -> None:
    for content, style in ((x, x[:, :1]), (x, x[:2]), (x[0], x[0]), (x, x[0])):
        with pytest.raises(
            ValueError, match=r"content must be \(B, C, H, W\) and style.*same layer of the encoder"
        ):
            adaptive_instance_norm(content, style)
    with pytest.raises(ValueError, match=r"content must have more than one pixel"):
        adaptive_instance_norm(x[:, :, :1, :1], x)
