import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F
from torch.testing import assert_close

from vademecum.nn import activation_evaluations, activation_pool_pairs, pool_before_activation


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def vgg16_maps():
    layers, channels = [], 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def test_what_vgg16_saves():
    with torch.device("meta"):
        net, x = vgg16_maps(), torch.empty(1, 3, 224, 224)
    before, after = activation_evaluations(net, x), activation_evaluations(pool_before_activation(net), x)
    assert before == 13_547_520
    assert before - after == 4_591_104


class Net(nn.Module):
    """Functions and modules, a branch, and dropout that knows its mode by itself."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.slope, self.drop, self.pool = nn.PReLU(4), nn.Dropout(0.5), nn.MaxPool2d(2)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        y = self.pool(self.slope(self.second(x)))
        return self.last(self.drop(y).flatten(1))


def test_a_traced_net_has_its_state_and_its_modes():
    torch.manual_seed(0)
    net, x = Net(), images(2, 1, 8, 8)
    swapped = pool_before_activation(net)
    assert isinstance(swapped, fx.GraphModule)
    assert swapped.training
    assert_close(swapped.state_dict(), net.state_dict(), rtol=0, atol=0)
    assert_close(swapped.eval()(x), net.eval()(x), rtol=0, atol=0)
    assert activation_evaluations(swapped, x) * 4 == activation_evaluations(net, x)


class Branching(nn.Module):
    """Its forward pass depends on the input: no graph."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))

    def forward(self, x):
        x = self.maps(x)
        return F.max_pool2d(torch.tanh(x), 2) if x.sum() > 0 else x


def test_without_a_graph_its_chains_are_changed():
    net, x = Branching(), images(2, 1, 8, 8)
    swapped = pool_before_activation(net)
    assert type(swapped) is Branching
    assert [type(part) for part in swapped.maps] == [nn.Conv2d, nn.MaxPool2d, nn.ReLU]
    assert_close(swapped(x), net(x), rtol=0, atol=0)
    assert_close(swapped.state_dict(), net.state_dict(), rtol=0, atol=0)


class ByMode(nn.Module):
    def forward(self, x):
        return F.dropout(F.max_pool2d(F.relu(x), 2), 0.5, self.training)


def test_a_pass_that_depends_on_the_mode_is_not_frozen_into_a_graph():
    assert activation_pool_pairs(ByMode()) == ()
    with pytest.raises(ValueError, match="ByMode has no such pair"):
        pool_before_activation(ByMode())


def test_names_of_parameters_stay_in_a_chain():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(2), nn.MaxPool2d(2), nn.Conv2d(2, 2, 1))
    swapped = pool_before_activation(net)
    assert list(swapped.state_dict()) == ["0.weight", "0.bias", "1.weight", "3.weight", "3.bias"]
    again = nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(2), nn.MaxPool2d(2), nn.Conv2d(2, 2, 1))
    again.load_state_dict(swapped.state_dict())
    x = images(2, 1, 7, 7)
    assert_close(again(x), swapped(x), rtol=0, atol=0)


def test_several_activations_move_behind_several_poolings():
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.MaxPool2d(2), nn.MaxPool2d(2))
    swapped = pool_before_activation(net)
    assert [type(part) for part in swapped] == [nn.MaxPool2d, nn.MaxPool2d, nn.ReLU, nn.Tanh]
    x = images(1, 1, 8, 8)
    assert_close(swapped(x), net(x))


def test_one_activation_object_in_several_places():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Conv2d(1, 2, 3), relu, nn.MaxPool2d(2), nn.Conv2d(2, 2, 1), relu, nn.MaxPool2d(2))
    swapped = pool_before_activation(net)
    x = images(2, 1, 10, 10)
    assert_close(swapped(x), net(x), rtol=0, atol=0)
    assert activation_evaluations(swapped, x) * 4 == activation_evaluations(net, x)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_all_dimensions_and_adaptive_maxima(dim):
    for pool in (getattr(nn, f"MaxPool{dim}d")(2), getattr(nn, f"AdaptiveMaxPool{dim}d")(2)):
        net = nn.Sequential(nn.ReLU(), pool)
        x = images(2, 3, *[4] * dim)
        assert_close(pool_before_activation(net)(x), net(x), rtol=0, atol=0)


class Both(nn.Module):
    """Uses the activation's output twice."""

    def forward(self, x):
        y = torch.relu(x)
        return F.max_pool2d(y, 2).sum() + y.sum()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Sequential(nn.GELU(), nn.MaxPool2d(2)), "GELU falls before it rises"),
        (nn.Sequential(nn.SiLU(), nn.MaxPool2d(2)), "SiLU falls before it rises"),
        (nn.Sequential(nn.Mish(), nn.MaxPool2d(2)), "Mish falls before it rises"),
        (nn.Sequential(nn.RReLU(), nn.MaxPool2d(2)), "draws its slopes at random in training"),
        (nn.Sequential(nn.PReLU(init=-0.5), nn.MaxPool2d(2)), "PReLU has a negative slope"),
        (nn.Sequential(nn.LeakyReLU(-0.1), nn.MaxPool2d(2)), "LeakyReLU has a negative slope"),
        (nn.Sequential(nn.ReLU(), nn.AvgPool2d(2)), "AvgPool2d is no maximum"),
        (
            nn.Sequential(nn.ReLU(), nn.MaxPool2d(2, return_indices=True)),
            "indices of equal values may change",
        ),
        (
            nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            "works in place on a value that others may use",
        ),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(1), nn.MaxPool2d(2)), "no pair at all"),
        (Both(), "no pair at all"),
        (nn.Linear(1, 1), "no pair at all"),
    ],
)
def test_refuses_with_the_reason(model, reason):
    with pytest.raises(ValueError, match=reason):
        pool_before_activation(model)


@pytest.mark.parametrize("make", [nn.GELU, nn.SiLU, nn.Mish, lambda: nn.PReLU(init=-0.5)])
def test_what_is_refused_is_not_equal(make):
    activation, pool = make(), nn.MaxPool2d(2)
    x = -images(1, 1, 8, 8).abs() - 1.3  # where all of them fall
    assert not torch.allclose(activation(pool(x)), pool(activation(x)))
