import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.train import GradualUnfreezing, discriminative_groups, freeze_first, layer_groups


def net():
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3), nn.Linear(3, 2))


def test_layers_of_torch_own_transformer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.ModuleDict(
        {"embed": nn.Embedding(5, 4), "encoder": nn.TransformerEncoder(layer, 3), "head": nn.Linear(4, 2)}
    )
    assert layer_groups(model) == (
        ("embed",), ("encoder.layers.0",), ("encoder.layers.1",), ("encoder.layers.2",), ("head",),
    )  # fmt: skip


def test_one_layer_is_one_group():
    assert layer_groups(nn.Linear(2, 2)) == (("",),)
    assert layer_groups(nn.LayerNorm(2)) == (("",),)


def test_groups_that_are_given_are_taken():
    assert layer_groups(net(), ["0", ("1", "3"), "4.weight"]) == (("0",), ("1", "3"), ("4.weight",))


def test_buffers_go_with_a_layer():
    model = nn.Sequential(nn.BatchNorm1d(2, affine=False), nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))
    assert layer_groups(model) == (("0", "1", "2"),)


def test_rates_of_given_groups():
    groups = discriminative_groups(net(), 1.0, factor=2.0, groups=[("0", "1", "3"), "4"])
    assert [(len(group["params"]), group["lr"]) for group in groups] == [(6, 0.5), (2, 1.0)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_groups(net(), ["0", "0"]), r"a path must stand in one group: \['0'\]"),
        (lambda: layer_groups(net(), ["body"]), "a part must be the path"),
        (lambda: layer_groups(net(), []), "there must be a group"),
        (lambda: layer_groups(nn.ReLU()), "there must be parameters to group: ReLU has none"),
        (lambda: discriminative_groups(net(), 0.0), "rate and factor must be above 0: lr=0.0"),
        (lambda: discriminative_groups(net(), 1.0, factor=0.0), "factor=0.0"),
        (
            lambda: discriminative_groups(net(), 1.0, groups=["0"]),
            "the groups must hold every parameter: 1.weight",
        ),
        (lambda: GradualUnfreezing(net(), every=0), "every must be at least 1: it is 0"),
        (lambda: GradualUnfreezing(net(), at=[0, 1]), "at must name an epoch for each of the 3 groups"),
        (lambda: GradualUnfreezing(net(), at=[1, 2, 3]), "one of them 0"),
        (lambda: freeze_first(net(), epochs=0), "epochs must be at least 1"),
        (lambda: freeze_first(net(), then="slowly"), 'then must be "all" or "gradual"'),
        (lambda: freeze_first(net(), ""), "something must be left to freeze"),
        (lambda: freeze_first(net(), "head"), "a part must be the path"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_stands_in_no_group_is_left_alone():
    model = net()
    model[0].weight.requires_grad_(False)
    unfreezing = GradualUnfreezing(model, ["3", "4"])
    for _ in range(3):
        assert not model[0].weight.requires_grad
        assert model[0].bias.requires_grad
        unfreezing.step()


def test_trained_names_the_groups():
    unfreezing = GradualUnfreezing(net(), at=[0, 0, math.inf])
    assert unfreezing.trained == (1, 2)


def test_the_optimizer_that_was_built_first_trains_what_is_thawed():
    model = net()
    optimizer = torch.optim.AdamW(discriminative_groups(model, 0.1))
    unfreezing = GradualUnfreezing(model)
    x, before = torch.randn(8, 2), model[0].weight.clone()
    for epoch in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        assert torch.equal(model[0].weight, before) is (epoch < 2)
        unfreezing.step()
    assert len(optimizer.state) == 8


def test_updated_statistics_if_asked():
    model = net()
    GradualUnfreezing(model, norm_stats="update")
    model.train()(torch.randn(8, 2))
    assert_close(model[1].num_batches_tracked, torch.tensor(1))


def test_a_stack_of_layers_is_seen_in_a_chain_of_the_same_length():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.Sequential(nn.Embedding(5, 4), nn.TransformerEncoder(layer, 3), nn.Linear(4, 2))
    assert [group[0] for group in layer_groups(model)] == ["0", "1.layers.0", "1.layers.1", "1.layers.2", "2"]
