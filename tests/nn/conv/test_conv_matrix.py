import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import LocallyConnected2d, conv_as_matrix


@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (nn.Conv1d(2, 4, 3, padding=1, padding_mode="reflect"), (2, 5)),
        (nn.Conv2d(2, 4, (3, 2), stride=2, groups=2, padding_mode="replicate", padding=1), (2, 5, 4)),
        (nn.Conv2d(2, 3, 3, padding="same", dilation=2), (2, 5, 4)),
        (nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
        (nn.ConvTranspose1d(2, 3, 3, stride=2), (2, 4)),
        (nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2, output_padding=1), (2, 3, 3)),
        (nn.ConvTranspose3d(1, 2, 2, bias=False), (1, 2, 2, 2)),
    ],
)
def test_every_convolution_of_torch(conv, shape):
    conv.double()
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = conv(x)
    bias = 0 if conv.bias is None else conv.bias.view(-1, *[1] * (y.ndim - 2)).expand(y.shape[1:]).flatten()
    assert_close(x.flatten(1) @ conv_as_matrix(conv, shape).T + bias, y.flatten(1))


def test_the_transposed_convolution_is_the_transposed_matrix():
    conv = nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False).double()
    back = nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1, bias=False).double()
    back.weight = conv.weight
    assert_close(conv_as_matrix(back, (2, 3, 3)), conv_as_matrix(conv, (1, 5, 5)).T, rtol=0, atol=0)


def test_it_is_differentiable_in_the_weight_and_leaves_the_layer_alone():
    conv = nn.Conv2d(1, 1, 2)
    bias = conv.bias.detach().clone()
    conv_as_matrix(conv, (1, 3, 3)).sum().backward()
    assert_close(conv.weight.grad, torch.full((1, 1, 2, 2), 4.0))  # each weight stands in four rows
    assert_close(conv.bias.detach(), bias, rtol=0, atol=0)


@pytest.mark.parametrize("shift", [1, 3])
def test_circular_convolutions_follow_a_shift_exactly(shift):
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"), nn.ReLU(),
        nn.Conv2d(4, 2, 5, padding=2, padding_mode="circular"),
    ).double()  # fmt: skip
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shifts = {"shifts": (shift, shift), "dims": (2, 3)}
    assert_close(net(torch.roll(x, **shifts)), torch.roll(net(x), **shifts), rtol=0, atol=1e-15)
    for layer in net[::2]:
        layer.padding_mode = "zeros"
    assert float((net(torch.roll(x, **shifts)) - torch.roll(net(x), **shifts)).detach().abs().max()) > 0.05


@pytest.mark.parametrize(("stride", "padding", "bias"), [(1, 0, True), (2, 1, False), ((2, 1), (0, 2), True)])
def test_a_copy_for_each_position_computes_the_same(stride, padding, bias):
    conv = nn.Conv2d(2, 3, (3, 2), stride=stride, padding=padding, bias=bias).double()
    local = LocallyConnected2d.from_conv(conv, (6, 5))
    x = torch.randn(2, 2, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_close(local(x), conv(x))
    assert local.weight.dtype == torch.float64
    assert (local.bias is not None) is bias
    assert local.weight.numel() == conv.weight.numel() * local.output_size[0] * local.output_size[1]


def test_it_starts_as_a_convolution_does():
    torch.manual_seed(0)
    local = LocallyConnected2d(4, 8, 12, 3)
    bound = (4 * 9) ** -0.5
    assert_close(local.weight.detach().abs().max(), torch.tensor(bound), rtol=0.01, atol=0)
    assert_close(local.weight.detach().std(), torch.tensor(bound / 3**0.5), rtol=0.02, atol=0)
    assert "input_size=(12, 12)" in repr(local)


def test_refuses():
    with pytest.raises(TypeError, match="one of torch's convolutions: it is Linear"):
        conv_as_matrix(nn.Linear(1, 1), (1,))
    with pytest.raises(ValueError, match=r"2 channels and 2 sizes, without the batch: it is \(1, 2, 5, 5\)"):
        conv_as_matrix(nn.Conv2d(2, 1, 3), (1, 2, 5, 5))
    with pytest.raises(ValueError, match="2 channels and 2 sizes"):
        conv_as_matrix(nn.Conv2d(2, 1, 3), (3, 5, 5))
    with pytest.raises(ValueError, match="window must fit"):
        LocallyConnected2d(1, 1, 2, 3)
    with pytest.raises(ValueError, match="must be at least 1"):
        LocallyConnected2d(1, 1, 4, 3, stride=0)
    with pytest.raises(
        ValueError, match=r"input must be \(B, 1, 4, 4\), the size that the layer was built for"
    ):
        LocallyConnected2d(1, 1, 4, 3)(torch.zeros(1, 1, 5, 5))
    for conv in (
        nn.Conv2d(2, 2, 3, groups=2),
        nn.Conv2d(1, 1, 3, dilation=2),
        nn.Conv2d(1, 1, 3, padding="same"),
    ):
        with pytest.raises(ValueError, match="one group, no dilation"):
            LocallyConnected2d.from_conv(conv, 8)
