import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from vademecum.losses import LargeMarginLoss, margin_distance


class Functional(nn.Module):
    """Its activations are functions, its layers have names."""

    def __init__(self, *, in_place=False):
        super().__init__()
        self.first, self.second, self.unused = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(1, 1)
        self.in_place = in_place

    def forward(self, x):
        h = self.first(x)
        return self.second(F.relu_(h) if self.in_place else F.relu(h))


def model(**keywords):
    torch.manual_seed(0)
    return Functional(**keywords).double()


def data(n=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 4, generator=generator, dtype=torch.float64), torch.randint(
        3, (n,), generator=generator
    )


def test_functional_activations_and_a_hidden_layer():
    """In the first layer's outputs the distance is that of the rest, differentiated by hand."""
    net, (x, y) = model(), data()
    h = net.first(x).detach()
    w = net.second.weight.detach()
    scores = net(x).detach()
    rival = scores.scatter(1, y[:, None], -torch.inf).argmax(1)
    slope = (w[y] - w[rival]) * (h > 0)
    lead = scores.gather(1, y[:, None]) - scores.gather(1, rival[:, None])
    assert_close(margin_distance(net, x, y, layer="first"), lead / slope.norm(dim=1, keepdim=True))


def test_work_in_place_behind_a_layer_is_no_harm():
    net, (x, y) = model(in_place=True), data()
    assert_close(margin_distance(net, x, y, layer="first"), margin_distance(model(), x, y, layer="first"))
    loss = LargeMarginLoss(margin=5.0, layers=("input", "first"))
    assert_close(loss(net, x, y), loss(model(), x, y))


def test_the_last_layers_margin_is_one_of_scores():
    net, (x, y) = model(), data()
    scores = net(x).detach()
    lead = scores.gather(1, y[:, None]) - scores.scatter(1, y[:, None], -torch.inf).amax(1, keepdim=True)
    assert_close(margin_distance(net, x, y, layer="second"), lead / 2**0.5)
    assert_close(margin_distance(net, x, y, layer="second", p=1), lead)
    assert_close(margin_distance(net, x, y, layer="second", p=torch.inf), lead / 2)


@pytest.mark.parametrize("p", [1, 1.5, 2, torch.inf])
def test_differentiated_norm_has_the_gradient_of_finite_differences(p):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x, y = data()
    loss = LargeMarginLoss(
        margin=9.0, p=p, stop_gradient=False, layers=("input", "0"), top_k=2, aggregate="sum"
    )
    (slope,) = torch.autograd.grad(loss(net, x, y), net[0].weight)
    direction = torch.randn(6, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values = []
    for h in (1e-6, -1e-6):
        with torch.no_grad():
            net[0].weight.add_(h * direction)
        values.append(loss(net, x, y).item())
        with torch.no_grad():
            net[0].weight.sub_(h * direction)
    assert_close((values[0] - values[1]) / 2e-6, (slope * direction).sum().item(), rtol=1e-5, atol=1e-6)


def test_one_margin_a_layer():
    net, (x, y) = model(), data()
    apart = [
        LargeMarginLoss(margin=m, layers=(name,))(net, x, y) for m, name in ((5.0, "input"), (3.0, "first"))
    ]
    both = LargeMarginLoss(margin=(5.0, 3.0), layers=("input", "first"))(net, x, y)
    assert_close(both, apart[0] + apart[1])


def test_without_gradients_it_is_the_same_number():
    net, (x, y) = model(), data()
    loss = LargeMarginLoss(margin=5.0)
    with torch.no_grad():
        value = loss(net, x, y)
        distances = margin_distance(net, x, y)
    assert not value.requires_grad
    assert not distances.requires_grad
    assert_close(value, loss(net, x, y).detach())


def test_it_leaves_no_trace():
    net, (x, y) = model().train(), data()
    margin_distance(net, x, y, layer="first")
    LargeMarginLoss(layers=("first",))(net, x, y)
    assert net.training
    assert not x.requires_grad
    assert all(p.grad is None for p in net.parameters())
    assert not net.first._forward_hooks


def test_frozen_parameters_and_inputs_that_require_gradients():
    net, (x, y) = model().requires_grad_(False), data()
    assert_close(margin_distance(net, x, y), margin_distance(model(), x, y))
    assert_close(margin_distance(net, x, y, layer="second"), margin_distance(model(), x, y, layer="second"))
    x.requires_grad_()
    LargeMarginLoss(margin=9.0)(net, x, y).backward()
    assert bool((x.grad != 0).any())


def test_a_tie_is_at_distance_0_and_a_flat_score_at_infinity():
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(torch.tensor([1.0, 0.0]))
    x = torch.zeros(1, 2)
    assert_close(margin_distance(net, x, torch.tensor([0])), torch.tensor([[torch.inf]]))
    assert_close(margin_distance(net, x, torch.tensor([1])), torch.tensor([[-torch.inf]]))
    with torch.no_grad():
        net.bias.zero_()
    assert_close(margin_distance(net, x, torch.tensor([0])), torch.tensor([[0.0]]))


def test_integer_inputs_with_an_embedding():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    x, y = torch.tensor([[0, 1], [2, 3]]), torch.tensor([0, 1])
    assert margin_distance(net, x, y, layer="0").shape == (2, 1)
    with pytest.raises(TypeError, match="name the embedding instead"):
        margin_distance(net, x, y)


def test_refuses_batch_normalization_in_training_mode():
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double().train()
    x, y = data()
    with pytest.raises(ValueError, match="batch normalization is in training mode at '1'"):
        LargeMarginLoss()(net, x, y)
    assert margin_distance(net, x, y).shape == (5, 1)  # measures in evaluation mode
    net[1].eval()
    assert LargeMarginLoss()(net, x, y).shape == ()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"p": 0.5}, "p must be at least 1"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"aggregate": "mean"}, "aggregate must be"),
        ({"scores": "probabilities"}, "scores must be"),
        ({"eps": 0.0}, "eps must be positive"),
        ({"margin": 0.0}, "one positive number, or one for each of 1 layers: it is 0.0"),
        ({"margin": (1.0, 2.0)}, "one for each of 1 layers"),
        ({"layers": "first"}, "sequence of names"),
        ({"layers": ()}, "sequence of names"),
    ],
)
def test_refuses_settings(keywords, message):
    with pytest.raises(ValueError, match=message):
        LargeMarginLoss(**keywords)


def test_refuses_what_it_cannot_measure():
    net, (x, y) = model(), data()
    with pytest.raises(ValueError, match="top_k must leave out the true class: it is 3 of 3"):
        margin_distance(net, x, y, top_k=3)
    with pytest.raises(ValueError, match="called in the forward pass: 'unused' was not"):
        margin_distance(net, x, y, layer="unused")
    with pytest.raises(AttributeError, match="third"):
        margin_distance(net, x, y, layer="third")
    with pytest.raises(ValueError, match=r"\(B, K\) scores for a target \(B,\)"):
        margin_distance(net, x, y[:2])
    with pytest.raises(ValueError, match="called once and give one tensor"):
        margin_distance(
            nn.Sequential(net.second, nn.Linear(3, 8).double(), net.second), x.repeat(1, 2), y, layer="0"
        )
    cut = nn.Sequential(net.first, Cut(), net.second)
    with pytest.raises(ValueError, match="scores must depend on layer '0': no gradient reached it"):
        margin_distance(cut, x, y, layer="0")


class Cut(nn.Module):
    def forward(self, x):
        return x.detach()
