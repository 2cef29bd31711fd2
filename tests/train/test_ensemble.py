import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import recalibrate
from vademecum.train import AveragedModel, Ensemble, Snapshots, disagreement, stacked_outputs


def members(count=3, outputs=4, norm=False):
    middle = nn.BatchNorm1d if norm else nn.Identity
    return [nn.Sequential(nn.Linear(2, 5), middle(5), nn.Tanh(), nn.Linear(5, outputs)) for _ in range(count)]


def test_saved_as_one_safetensors_file(tmp_path):
    from safetensors.torch import load_file, save_file

    x = torch.randn(6, 2)
    first = Ensemble(members(norm=True), weights=[1, 2, 3]).eval()
    save_file(first.state_dict(), tmp_path / "ensemble.safetensors")
    second = Ensemble([copy.deepcopy(m).apply(reset) for m in first.members]).eval()
    assert not torch.equal(second(x), first(x))
    second.load_state_dict(load_file(tmp_path / "ensemble.safetensors"))
    assert_close(second(x), first(x), rtol=0, atol=0)


def reset(part):
    if hasattr(part, "reset_parameters"):
        part.reset_parameters()


@pytest.mark.parametrize("combine", ["prob", "logit", "geometric", "vote"])
def test_dense_outputs_copies_and_precisions(combine):
    model = Ensemble([nn.Conv2d(3, 4, 1) for _ in range(3)], combine=combine).eval()
    x = torch.randn(2, 3, 5, 6)
    assert model(x).shape == (2, 4, 5, 6)
    assert_close(model(x)[:, :, 2, 3], model(x[:, :, 2:3, 3:4])[:, :, 0, 0])
    assert_close(copy.deepcopy(model)(x), model(x), rtol=0, atol=0)
    assert model(x[:0]).shape == (0, 4, 5, 6)
    assert copy.deepcopy(model).to(torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert_close(torch.func.functional_call(model, state, (x,)), model(x))


def test_cross_entropy_trains_all_members():
    model = Ensemble(members())
    nn.functional.cross_entropy(model(torch.randn(6, 2)), torch.arange(6) % 4).backward()
    assert all(bool(p.grad.any()) for p in model.parameters())


def test_a_weight_of_zero_silences_a_member():
    first, second = members(2)
    x = torch.randn(6, 2)
    model = Ensemble([first, second], weights=[1.0, 0.0])
    assert_close(model(x), first(x).log_softmax(1))
    model(x).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in first.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_vectorized_is_the_loop(training):
    nets = members()
    slow, fast = Ensemble(nets).train(training), Ensemble(nets, vectorized=True).train(training)
    x = torch.randn(6, 2)
    assert_close(fast(x), slow(x))


def test_vectorized_dropout_draws_for_each_member():
    nets = [nn.Sequential(nn.Linear(2, 500), nn.Dropout()).train()] * 2
    first, second = stacked_outputs(nets, torch.ones(1, 2))
    assert not torch.equal(first == 0, second == 0)


def test_snapshots_of_a_net_with_norms_bring_their_statistics():
    net = members(1, norm=True)[0]
    snapshots = Snapshots(steps=4, cycles=2)
    wanted = []
    for _ in range(4):
        net.train()(torch.randn(8, 2))
        if snapshots.step(net):
            wanted.append(net[1].running_mean.clone())
    together = snapshots.ensemble(net, combine="logit")
    assert (together.combine, together.training) == ("logit", False)
    assert_close([member[1].running_mean for member in together.members], wanted, rtol=0, atol=0)


def test_an_averaged_net_has_its_statistics_estimated_anew():
    net = members(1, norm=True)[0]
    averaged = AveragedModel(net)
    averaged.update_parameters(net)
    x = torch.randn(40, 2)
    recalibrate(averaged, [x])
    assert_close(averaged.module[1].running_mean, net[0](x).mean(0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Ensemble([]), "there must be a member: none came"),
        (lambda: Ensemble(members(), combine="median"), "combine must be one of prob, logit"),
        (lambda: Ensemble(members(), combine="vote", weights=[1, 2, 3]), "a vote counts every member once"),
        (lambda: Ensemble(members(), weights=[1, 2]), "weights must be 3 numbers of at least 0"),
        (lambda: Ensemble(members(), weights=[1, 1, -1]), "of at least 0"),
        (lambda: Ensemble(members(), weights=[0, 0, 0]), "one of them above"),
        (lambda: Ensemble([nn.Flatten(0)] * 2)(torch.ones(3)), "needs scores of classes"),
        (
            lambda: stacked_outputs([nn.Linear(2, 2), nn.Linear(2, 3)], torch.ones(1, 2)),
            "members of one structure: these 2 are not",
        ),
        (
            lambda: stacked_outputs(members(norm=True), torch.ones(1, 2)),
            "in evaluation mode where they keep buffers",
        ),
        (lambda: stacked_outputs([nn.Linear(2, 2), nn.Linear(2, 2).eval()], torch.ones(1, 2)), "in one mode"),
        (lambda: disagreement(torch.ones(1, 3, 2)), r"at least two members: they are \(1, 3, 2\)"),
        (lambda: disagreement(torch.ones(2, 0, 2)), r"\(2, 0, 2\)"),
        (lambda: Snapshots(steps=2, cycles=3), "at least one step a cycle: steps=2, cycles=3"),
        (lambda: Snapshots(steps=2, cycles=0), "cycles=0"),
        (lambda: Snapshots(steps=2, cycles=1).ensemble(nn.Linear(1, 2)), "0 are wanted and 0 taken"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
