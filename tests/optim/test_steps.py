"""Our own optimizers beyond their laws: closures, groups, kernels, copies, and what they refuse."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.optim import NTASGD, SGD, PathSGD, UncorrectedAdam, VelocitySGD, path_coefficients, velocity

KINDS = {
    "VelocitySGD": lambda model, **k: VelocitySGD(model.parameters(), 0.1, **k),
    "VelocitySGD, nesterov": lambda model, **k: VelocitySGD(model.parameters(), 0.1, nesterov=True, **k),
    "UncorrectedAdam": lambda model, **k: UncorrectedAdam(model.parameters(), 0.01, **k),
    "NTASGD": lambda model, **k: NTASGD(model.parameters(), 0.1, **k),
    "PathSGD": lambda model, **k: PathSGD(model, 0.01, **k),
}
each = pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))


def net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()


def data():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 3, generator=generator, dtype=torch.float64)


def train(model, optimizer, steps=7):
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 / (1 + step)
        optimizer.zero_grad()
        (model(data()) - 1).square().mean().backward()
        optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


@each
def test_all_kernels_agree(make):
    ends = []
    for kernel in ({}, {"foreach": True}, {"foreach": False}, {"fused": True}):
        model = net()
        ends.append(train(model, make(model, **kernel)))
    for end in ends[1:]:
        assert_close(end, ends[0], rtol=1e-12, atol=1e-12)


@each
def test_a_closure_is_called_with_gradients_and_its_loss_returned(make):
    model = net()
    optimizer = make(model)

    def closure():
        optimizer.zero_grad()
        loss = model(data()).square().mean()
        loss.backward()
        return loss

    before = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        loss = optimizer.step(closure)
    assert loss.requires_grad
    for old, new in zip(before, model.parameters(), strict=True):
        assert not torch.equal(old, new)
    assert make(model).step() is None


@each
def test_hooks_run_once_a_step(make):
    model = net()
    optimizer = make(model)
    calls = []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    train(model, optimizer, steps=2)
    assert calls == ["before", "after"] * 2


@each
def test_a_copy_of_both_goes_the_same_way(make):
    model = net()
    optimizer = make(model)
    train(model, optimizer, steps=3)
    other, its = deepcopy((model, optimizer))
    assert_close(train(other, its), train(model, optimizer), rtol=0, atol=0)


@each
def test_a_parameter_without_a_gradient_stays(make):
    model = net()
    optimizer = make(model)
    (model(data()) - 1).square().mean().backward()
    model[0].bias.grad = None
    before = model[0].bias.detach().clone()
    optimizer.step()
    assert_close(model[0].bias.detach(), before, rtol=0, atol=0)


@each
def test_a_state_dict_goes_through_torch_save(make, tmp_path):
    model = net()
    optimizer = make(model)
    train(model, optimizer, steps=3)
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    copy = deepcopy(model)
    other = make(copy)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert_close(train(copy, other), train(model, optimizer), rtol=0, atol=0)


@pytest.mark.parametrize(
    "make",
    [lambda p: VelocitySGD(p, 0.1), UncorrectedAdam, lambda p: NTASGD(p, 0.1)],
    ids=["VelocitySGD", "UncorrectedAdam", "NTASGD"],
)
def test_sparse_gradients_are_refused_in_words(make):
    embedding = nn.Embedding(4, 2, sparse=True)
    optimizer = make(embedding.parameters())
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match=r"takes dense gradients: one of shape \(4, 2\) is sparse"):
        optimizer.step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: VelocitySGD(p, -0.1), "lr must be at least 0: it is -0.1"),
        (lambda p: VelocitySGD(p, 0.1, 1.0), "momentum must be at least 0 and below 1: it is 1.0"),
        (lambda p: VelocitySGD(p, 0.1, weight_decay=-1), "weight_decay must be at least 0"),
        (lambda p: UncorrectedAdam(p, float("nan")), "lr must be at least 0: it is nan"),
        (lambda p: UncorrectedAdam(p, betas=(0.9, 1.0)), "beta2 must be at least 0 and below 1"),
        (lambda p: UncorrectedAdam(p, eps=-1e-8), "eps must be at least 0"),
        (lambda p: NTASGD(p, 0.1, n=0), "n must be at least 1: it is 0"),
        (lambda p: NTASGD(p, -1.0), "lr must be at least 0"),
        (lambda p: PathSGD(nn.Linear(1, 1), -1.0), "lr must be at least 0"),
        (lambda p: PathSGD(nn.Linear(1, 1), 0.1, p=0.5), "p must be at least 1: it is 0.5"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make([torch.zeros(1, requires_grad=True)])


def test_groups_have_numbers_of_their_own():
    a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    optimizer = VelocitySGD(
        [{"params": [a], "lr": 1.0}, {"params": [b], "momentum": 0.0}], lr=0.5, momentum=0.5
    )
    for _ in range(2):
        a.grad, b.grad = torch.ones(1), torch.ones(1)
        optimizer.step()
    assert_close([a.item(), b.item()], [-2.5, -1.0])


def test_a_parameter_that_sat_out_a_drop_keeps_its_velocity():
    """Each parameter's velocity is at the rate of its own last step."""
    a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    optimizer = VelocitySGD([a, b], lr=1.0, momentum=0.5)
    a.grad, b.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.1
    b.grad = None
    optimizer.step()
    b.grad = torch.ones(1)
    optimizer.step()
    assert_close([velocity(optimizer, a).item(), velocity(optimizer, b).item()], [-0.4, -0.6])


def test_a_rate_of_zero_before_the_first_step_moves_nothing():
    x = torch.ones(1, requires_grad=True)
    optimizer = VelocitySGD([x], lr=0.0, weight_decay=0.1)
    x.grad = torch.ones(1)
    optimizer.step()
    assert_close(x.item(), 1.0)
    assert_close(velocity(optimizer, x), torch.zeros(1))


def test_velocity_refuses_others():
    x = torch.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match=r"must be a VelocitySGD or a torch\.optim\.SGD: it is a Adam"):
        velocity(torch.optim.Adam([x]), x)
    with pytest.raises(ValueError, match="the parameter must be one of the optimizer's"):
        velocity(SGD([x], momentum=0.9), torch.zeros(2))


@each
def test_two_kernels_are_refused(make):
    with pytest.raises(ValueError, match="foreach and fused cannot both be True"):
        make(net(), foreach=True, fused=True)


def test_parameters_that_come_after_the_trigger_are_averaged_from_then_on():
    x, y = (torch.zeros(1, requires_grad=True) for _ in range(2))
    optimizer = NTASGD([x], 1.0, n=1)
    for loss in (1.0, 2.0, 3.0):
        optimizer.observe(loss)
    for late in (False, True):
        if late:
            optimizer.add_param_group({"params": [y]})
        x.grad, y.grad = torch.ones(1), torch.ones(1)
        optimizer.step()
    with optimizer.averaged():
        assert_close([x.item(), y.item()], [-1.0, -0.5])
    assert_close([x.item(), y.item()], [-2.0, -1.0])


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="the loss must be a number"):
        NTASGD([torch.zeros(1)], 0.1).observe(float("nan"))


def test_the_weights_come_back_after_an_error():
    x = torch.tensor([4.0], requires_grad=True)
    optimizer = NTASGD([x], 1.0, n=1)
    for loss in (1.0, 2.0, 3.0):
        optimizer.observe(loss)
    x.grad = torch.tensor([2.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match="inside"), optimizer.averaged():
        raise RuntimeError("inside")
    assert_close(x.item(), 2.0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "'1' is a Tanh"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "fold normalization"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(2, 1)), "3 features meet 2"),
        (nn.ModuleList([nn.Linear(2, 2)]), "must be a chain"),
        (nn.Sequential(nn.ReLU()), "must hold a linear layer"),
        (nn.Sequential(nn.Linear(2, 2), nn.PReLU()), "'1' is a PReLU"),
        (nn.Sequential(*[nn.Linear(2, 2)] * 2), "no weight may be shared"),
    ],
)
def test_nets_whose_paths_cannot_be_read_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        path_coefficients(model)


def test_path_sgd_takes_no_other_parameters():
    with pytest.raises(ValueError, match="the parameters of its model and no others"):
        PathSGD(net(), 0.1).add_param_group({"params": [torch.zeros(1)]})


def test_plain_descent_does_not_commute_with_rescaling():
    """What Path-SGD's law says is not true of SGD: the two nets are the same function before the step, not after."""
    ends = []
    for factor in (1.0, 10.0):
        model = net()
        with torch.no_grad():
            model[0].weight.mul_(factor)
            model[0].bias.mul_(factor)
            model[2].weight.div_(factor)
        optimizer = SGD(model.parameters(), lr=0.05)
        (model(data()) - 1).square().mean().backward()
        optimizer.step()
        ends.append(model(data()).detach())
    assert float((ends[0] - ends[1]).abs().max()) > 0.1
