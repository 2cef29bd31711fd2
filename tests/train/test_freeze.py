import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.train import drift, freeze, frozen, new_parameters, thaw
from vademecum.train.freeze import is_held


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def trained(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


def step(model):
    model.train()(torch.randn(8, 2, generator=torch.Generator().manual_seed(0))).sum().backward()


@pytest.mark.parametrize(
    "pick", [lambda m: "0", lambda m: m[0], lambda m: m[0].weight], ids=["path", "module", "parameter"]
)
def test_parts_are_named_by_path_or_given(pick):
    model = net()
    names = freeze(model, pick(model))
    assert names in {("0.weight", "0.bias"), ("0.weight",)}
    assert set(trained(model)) == {name for name, _ in model.named_parameters()} - set(names)


def test_a_norm_whose_weight_is_excepted_is_not_held():
    model = net()
    freeze(model, except_=["1.weight"])
    assert trained(model) == ["1.weight"]
    assert not is_held(model[1])


def test_update_leaves_the_statistics_to_the_mode_and_releases_what_was_held():
    model = net()
    freeze(model)
    freeze(model, norm_stats="update")
    before = model[1].running_mean.clone()
    model.train()(torch.randn(8, 2))
    assert not torch.equal(model[1].running_mean, before)
    assert trained(model) == []


def test_freezing_twice_and_thawing_once_leaves_no_hook():
    model = net()
    freeze(model)
    freeze(model)
    thaw(model)
    before = model[1].running_mean.clone()
    step(model)
    assert not torch.equal(model[1].running_mean, before)
    assert not is_held(model[1])


def test_spectral_normalization_rests_bit_for_bit():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Linear(4, 1))
    freeze(model, "0")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(3):
        model.train()(torch.randn(8, 4)).sum().backward()
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_pass_that_fails_leaves_the_mode():
    model = net()
    freeze(model, "1")
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        model[1].train()(torch.randn(3))
    assert model[1].training


def test_dropout_of_a_frozen_part_stays_on():
    model = nn.Sequential(nn.Linear(2, 64), nn.Dropout(), nn.Linear(64, 1))
    freeze(model)
    model.train()
    assert bool((model[:2](torch.ones(1, 2)) == 0).any())


def test_frozen_puts_everything_back_also_after_an_error():
    model = net()
    freeze(model, "0", "1")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), frozen(model) as same:
        same(torch.ones(1, 9))
    assert trained(model) == ["2.weight", "2.bias"]
    assert is_held(model[1])
    with frozen(model, "2"):
        pass
    assert trained(model) == ["2.weight", "2.bias"]
    thaw(model)
    with frozen(model):
        assert is_held(model[1])
    assert not is_held(model[1])


def test_a_frozen_norm_works_in_functional_calls():
    model = net()
    freeze(model)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    x = torch.randn(5, 2)
    assert_close(torch.func.functional_call(model.train(), state, (x,)), model.eval()(x), rtol=0, atol=0)


def test_drift_counts_buffers_that_are_no_floats():
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(torch.randn(4, 2))
    model(torch.randn(4, 2))
    moved = drift(model, before)
    assert moved["1.num_batches_tracked"] == float("inf")
    assert moved["0.weight"] == 0


def test_new_parameters_with_a_checkpoint_of_the_same_net_are_none():
    model = net()
    assert new_parameters(model, model.state_dict()) == ()
    assert new_parameters(model, {}) == tuple(name for name, _ in model.named_parameters())
    freeze(model, except_=new_parameters(model, {"0.weight": model[0].weight}))
    assert "0.weight" not in trained(model)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: freeze(m, "bdy"), "a part must be the path of a module or parameter"),
        (lambda m: freeze(m, "0.wight"), "there is 0.weight"),
        (lambda m: freeze(m, nn.Linear(2, 2)), "the parts must stand in the model"),
        (lambda m: freeze(m, norm_stats="stop"), 'norm_stats must be "freeze" or "update"'),
        (lambda m: thaw(m, "9"), "a part must be the path"),
        (lambda m: drift(m, {}), "the reference must hold each tensor of the model: 0.weight"),
        (lambda m: drift(m, {"0.weight": torch.zeros(1)}), r"is \(3, 2\) there and \(1,\) here"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call(net())
