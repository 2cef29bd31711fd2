import pytest
import torch
from torch import nn

from vademecum.explain import saliency


@pytest.fixture
def net():
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Tanh(),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    )
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.5)
    return net.double()


@pytest.fixture
def x():
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_is_the_size_of_the_slope_by_finite_differences(net, x):
    got = saliency(net, x, torch.tensor([3, 1]))
    net.eval()
    with torch.no_grad():
        for example, c, i, j in [(0, 0, 2, 2), (1, 2, 5, 0), (0, 1, 3, 4)]:
            step = torch.zeros_like(x)
            step[example, c, i, j] = 1e-6
            label = [3, 1][example]
            slope = (net(x + step) - net(x - step))[example, label] / 2e-6
            torch.testing.assert_close(got[example, c, i, j], slope.abs(), rtol=1e-6, atol=1e-8)


def test_takes_the_highest_score_where_no_class_is_named(net, x):
    net.eval()
    said = net(x).argmax(1)
    torch.testing.assert_close(saliency(net, x), saliency(net, x, said))
    other = (said + 1) % 5
    assert (saliency(net, x) - saliency(net, x, other)).abs().max() > 1e-3


def test_examples_do_not_mix(net, x):
    torch.testing.assert_close(saliency(net, x, 2), torch.cat([saliency(net, one[None], 2) for one in x]))


def test_maximum_over_the_channels(net, x):
    torch.testing.assert_close(saliency(net, x, 0, reduce="max"), saliency(net, x, 0).amax(1, keepdim=True))


def test_a_single_value_is_its_own_score():
    line = nn.Linear(3, 1, bias=False)
    x = torch.ones(2, 3)
    torch.testing.assert_close(saliency(line, x), line.weight.detach().abs().expand(2, 3))
    torch.testing.assert_close(
        saliency(nn.Sequential(line, nn.Flatten(0)), x), line.weight.detach().abs().expand(2, 3)
    )


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("frozen", [True, False])
def test_works_anywhere_and_leaves_everything(net, x, around, frozen):
    wanted = saliency(net, x, 1)
    net.requires_grad_(not frozen).train()
    net[1].eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    kept, version = x.clone(), x._version
    with around():
        got = saliency(net, x.clone(), 1)
    torch.testing.assert_close(got, wanted)
    assert not got.requires_grad
    torch.testing.assert_close(dict(net.state_dict()), state, rtol=0, atol=0)
    assert [part.training for part in net] == [True, False, True, True, True, True, True]
    assert all(p.requires_grad is not frozen for p in net.parameters())
    torch.testing.assert_close(net[0].weight.grad, torch.ones_like(net[0].weight), rtol=0, atol=0)
    assert net[6].weight.grad is None
    torch.testing.assert_close(x, kept, rtol=0, atol=0)
    assert x._version == version


def test_the_first_layer_may_work_in_place(x):
    x = x.clone()
    kept = x.clone()
    saliency(nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(108, 2).double()), x)
    torch.testing.assert_close(x, kept, rtol=0, atol=0)


def test_refuses_by_name(net, x):
    with pytest.raises(TypeError, match=r"x must be floating-point to have a gradient: it is torch\.uint8"):
        saliency(net, torch.zeros(1, 3, 6, 6, dtype=torch.uint8))
    with pytest.raises(ValueError, match="target must be classes from 0 to 4"):
        saliency(net, x, 5)
    with pytest.raises(ValueError, match="target must be classes"):
        saliency(net, x, torch.tensor([0.5, 1.0]))
    with pytest.raises(ValueError, match='reduce must be None or "max"'):
        saliency(net, x, reduce="mean")
    with pytest.raises(ValueError, match="must have channels"):
        saliency(nn.Linear(3, 2), torch.ones(1, 3), reduce="max")
    with pytest.raises(ValueError, match="one row of scores an example"):
        saliency(net[:3], x)
    with pytest.raises(ValueError, match="the score must depend on x"):
        saliency(nn.Sequential(nn.Flatten(), _Cut(), nn.Linear(108, 2).double()), x)


class _Cut(nn.Module):
    def forward(self, x):
        return x.detach()
