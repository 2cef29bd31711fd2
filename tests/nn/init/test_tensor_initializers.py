"""The initializers of one tensor: equal to torch where torch has them, wrong inputs, gains."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import init


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_torchs_are_torchs() -> None:
    for name in (
        "kaiming_normal_",
        "kaiming_uniform_",
        "orthogonal_",
        "xavier_normal_",
        "xavier_uniform_",
        "zeros_",
    ):
        assert getattr(init, name) is getattr(nn.init, name)


@pytest.mark.parametrize("shape", [(30, 20), (8, 4, 3, 3)])
def test_lecun_is_torchs_kaiming_with_a_linear_activation(shape: tuple[int, ...]) -> None:
    for ours, theirs in (
        (init.lecun_normal_, nn.init.kaiming_normal_),
        (init.lecun_uniform_, nn.init.kaiming_uniform_),
    ):
        got = ours(torch.empty(shape), generator=_seeded())
        want = theirs(torch.empty(shape), nonlinearity="linear", generator=_seeded())
        assert_close(got, want, rtol=1e-6, atol=0)


@pytest.mark.parametrize("function", [init.lecun_normal_, init.lecun_uniform_])
def test_a_bias_is_refused(function) -> None:
    with pytest.raises(ValueError, match=r"it is \(5,\); for biases use zeros_"):
        function(torch.empty(5))


def test_a_negative_deviation_is_refused() -> None:
    with pytest.raises(ValueError, match="std must not be negative: it is -1"):
        init.small_normal_(torch.empty(2, 2), std=-1.0)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_gain_agrees_with_torch_where_torch_derives_it(name: str) -> None:
    ours = init.gain("identity" if name == "linear" else name)
    assert_close(torch.tensor(ours), torch.tensor(float(nn.init.calculate_gain(name, 0.01))))


@pytest.mark.parametrize(
    ("name", "torchs", "ours"), [("tanh", 5 / 3, 1.5925), ("sigmoid", 1.0, 1.8462), ("selu", 0.75, 1.0)]
)
def test_gain_differs_from_torch_where_torch_has_a_rule_of_thumb(
    name: str, torchs: float, ours: float
) -> None:
    assert_close(torch.tensor(float(nn.init.calculate_gain(name))), torch.tensor(torchs))
    assert_close(torch.tensor(init.gain(name)), torch.tensor(ours), rtol=0, atol=1e-4)


def test_gain_leaves_the_module_as_it_was() -> None:
    unit = nn.RReLU().train()
    init.gain(nn.Sequential(unit, nn.Tanh()))
    assert unit.training


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (torch.zeros_like, "mean square must be positive and finite: .* 0.0"),
        (lambda z: z / 0, "mean square must be positive and finite"),
        (lambda z: z.sum(), "act on each number by itself: for .* it gave \\(\\)"),
        (lambda z: 3.0, "act on each number by itself: .* it gave float"),
    ],
)
def test_gain_refuses(function, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        init.gain(function)


@pytest.mark.parametrize(
    ("layer", "want"),
    [
        (nn.Linear(5, 3), (5, 3)),
        (nn.Conv1d(4, 6, 3), (12, 18)),
        (nn.Conv2d(8, 4, (3, 1), groups=2), (12, 6)),
        (nn.Conv3d(1, 2, 2), (8, 16)),
        (nn.ConvTranspose2d(4, 16, 2), (16, 64)),
        (nn.ConvTranspose2d(4, 16, 2, groups=4), (4, 16)),
    ],
)
def test_fans(layer: nn.Module, want: tuple[int, int]) -> None:
    assert init.fans(layer) == want


def test_fans_of_another_layer_are_refused() -> None:
    with pytest.raises(TypeError, match="LayerNorm is none; pass one of Linear"):
        init.fans(nn.LayerNorm(3))
