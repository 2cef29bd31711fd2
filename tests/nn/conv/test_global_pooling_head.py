import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from vademecum.nn import fc_share, replace_head_with_gap


def vgg16():
    layers, channels = [], 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Dropout(), nn.Linear(4096, 1000),
    )  # fmt: skip


def alexnet():
    """The sizes of the one-column network, as in torchvision."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(),
        nn.Linear(256 * 36, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("build", "parameters", "share"), [(vgg16, 138_357_544, 0.894), (alexnet, 61_100_840, 0.960)]
)
def test_shares_of_the_papers_networks(build, parameters, share):
    with torch.device("meta"):
        net, x = build(), torch.empty(1, 3, 224, 224)
        assert sum(p.numel() for p in net.parameters()) == parameters
        assert_close(fc_share(net), share, rtol=0, atol=5e-4)
        smaller = replace_head_with_gap(net, x)
        assert smaller(x).shape == (1, 1000)
    channels = next(p for p in reversed(list(net.parameters())) if p.ndim == 4).shape[0]
    head = sum(
        p.numel() for part in smaller.modules() if isinstance(part, nn.Linear) for p in part.parameters()
    )
    assert head == channels * 1000 + 1000


class Functional(nn.Module):
    """Pools, activates and flattens in its forward pass."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.first, self.second = nn.Linear(6 * 16, 20), nn.Linear(20, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.second(F.relu(self.first(x.reshape(len(x), -1))))


def test_a_net_with_functions_in_its_forward_pass():
    torch.manual_seed(0)
    net, x = Functional(), torch.randn(3, 1, 8, 8)
    statistics = net.norm.running_mean.clone()
    smaller = replace_head_with_gap(net, x, num_classes=7)
    assert smaller.training
    assert_close(net.norm.running_mean, statistics, rtol=0, atol=0)
    maps = F.max_pool2d(F.relu(net.eval().norm(net.conv(x))), 2)
    assert_close(smaller.eval()(x), smaller.second(maps.mean((2, 3))))
    assert smaller.second.out_features == 7
    assert smaller(torch.randn(2, 1, 20, 12)).shape == (2, 7)


def test_type_and_gradients():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 3)).double()
    smaller = replace_head_with_gap(net, torch.zeros(1, 1, 6, 6, dtype=torch.float64))
    smaller(torch.ones(1, 1, 6, 6, dtype=torch.float64)).sum().backward()
    assert all(p.dtype == torch.float64 and p.grad is not None for p in smaller.parameters())


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), "must end in linear layers on a flattened map"),
        (nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), "0 channels"),
        (nn.Sequential(nn.Conv2d(1, 2, 6), nn.Flatten(), nn.Linear(2, 3)), "it pools globally already"),
        (
            nn.Sequential(
                nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)
            ),
            "the parts between the linear layers must take 2 values an example",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 5, 3), nn.Flatten(), nn.ConstantPad1d((0, 1), 0.0), nn.Linear(81, 3)),
            "mixes in",
        ),
    ],
)
def test_refuses(net, message):
    with pytest.raises(ValueError, match=message):
        replace_head_with_gap(net, torch.zeros(2, 1, 6, 6))


def test_refuses_a_layer_that_is_called_twice():
    layer = nn.Linear(32, 32)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), layer, layer)
    with pytest.raises(ValueError, match="called once: the calls are 2, 2"):
        replace_head_with_gap(net, torch.zeros(2, 1, 6, 6))


def test_a_share_needs_parameters():
    with pytest.raises(ValueError, match="must have parameters: ReLU has none"):
        fc_share(nn.ReLU())
    assert fc_share(nn.Conv2d(1, 1, 1)) == 0.0


def test_the_new_parts_take_the_mode_of_the_old():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    assert not any(part.training for part in replace_head_with_gap(net, torch.zeros(2, 1, 6, 6)).modules())
