from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.testing import assert_close

from vademecum.nn import TargetedDropout, prune_, set_targeted_dropout_, targeted_dropout, targeted_ramp


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def test_on_a_layer_gradients_reach_what_is_kept() -> None:
    layer = targeted_dropout(nn.Linear(10, 3), gamma=0.5, alpha=1.0)
    layer(torch.randn(4, 10)).sum().backward()
    grad = layer.parametrizations.weight.original.grad
    assert_close((grad == 0).sum(1), torch.full((3,), 5))
    assert_close(layer.weight == 0, grad == 0)


def test_evaluation_and_removal_give_the_weights_back() -> None:
    plain = nn.Linear(10, 3)
    layer = targeted_dropout(deepcopy(plain), gamma=0.5, alpha=1.0)
    assert_close(layer.eval().weight, plain.weight, rtol=0, atol=0)
    parametrize.remove_parametrizations(layer, "weight")
    assert_close(layer.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_transposed_convolutions_rank_their_outputs() -> None:
    layer = targeted_dropout(nn.ConvTranspose2d(3, 4, 2), gamma=0.5, alpha=1.0, kind="unit")
    lengths = layer.weight.detach().movedim(1, 0).flatten(1).norm(dim=1)
    assert int((lengths == 0).sum()) == 2
    with pytest.raises(ValueError, match="groups=2 mixes"):
        targeted_dropout(nn.ConvTranspose1d(4, 4, 2, groups=2), gamma=0.5, alpha=0.5)


def test_copy_and_state() -> None:
    layer = targeted_dropout(nn.Linear(10, 3), gamma=0.5, alpha=0.5)
    x = torch.randn(2, 10)
    layer(x)
    copy = deepcopy(layer)
    assert_close(copy.eval()(x), layer.eval()(x), rtol=0, atol=0)
    other = targeted_dropout(nn.Linear(10, 3), gamma=0.1, alpha=0.1)
    other.load_state_dict(layer.state_dict())
    assert_close(other.eval()(x), layer(x), rtol=0, atol=0)


def test_half_precision_and_long_units() -> None:
    weight = torch.full((2, 4), 300.0, dtype=torch.float16)  # its squares overflow
    weight[0] = 200.0
    y = TargetedDropout(0.5, 1.0, kind="unit")(weight)
    assert_close(y[0], torch.zeros(4, dtype=torch.float16))
    assert_close(y[1], weight[1])


def test_all_targeted_dropouts_are_set() -> None:
    model = net()
    targeted_dropout(model[0], gamma=0, alpha=0)
    targeted_dropout(model[2], gamma=0, alpha=0)
    set_targeted_dropout_(model, 0.5, 0.25)
    parts = [part for part in model.modules() if isinstance(part, TargetedDropout)]
    assert [(part.gamma, part.alpha) for part in parts] == [(0.5, 0.25)] * 2
    with pytest.raises(ValueError, match="Linear holds none; call targeted_dropout"):
        set_targeted_dropout_(nn.Linear(2, 2), 0.5, 0.5)


# ---------------------------------------------------------------------------------------------- pruning


def test_pruning_keeps_targeted_dropout_and_skips() -> None:
    model = net()
    targeted_dropout(model[0], gamma=0.5, alpha=0.5)
    last = model[2].weight.detach().clone()
    masks = prune_(model, 0.5, skip=["2"])
    assert list(masks) == ["0"]
    assert_close((model.eval()[0].weight == 0).sum(1), torch.full((6,), 2))
    assert_close(model[2].weight, last, rtol=0, atol=0)
    assert parametrize.is_parametrized(model[0])


def test_masks_hold_through_further_training() -> None:
    layer = nn.Linear(8, 3)
    mask = prune_(layer, 0.75)[""]
    prune.custom_from_mask(layer, "weight", mask)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.randn(5, 8)).square().sum().backward()
    optimizer.step()
    layer(torch.randn(5, 8))
    assert_close((layer.weight != 0).sum(1), torch.full((3,), 2))


def test_nothing_and_everything() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    assert prune_(layer, 0.0)[""].all()
    assert_close(layer.weight, before, rtol=0, atol=0)
    prune_(layer, 1.0, kind="unit")
    assert_close(layer.weight, torch.zeros(2, 3))


def test_a_refused_pruning_changes_nothing() -> None:
    model = net()
    nn.utils.parametrizations.weight_norm(model[2])
    before = deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="2 computes it by a parametrization; remove that first"):
        prune_(model, 0.5)
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_wrong_inputs() -> None:
    with pytest.raises(ValueError, match=r"gamma is a share, from 0 to 1: gamma=90; for 90 percent give 0.9"):
        TargetedDropout(90, 0.5)
    with pytest.raises(ValueError, match="alpha is the probability of dropping"):
        TargetedDropout(0.5, 2)
    with pytest.raises(ValueError, match="kind='row', per='output'"):
        TargetedDropout(0.5, 0.5, kind="row")
    with pytest.raises(ValueError, match="per='input'"):
        prune_(net(), 0.5, per="input")
    with pytest.raises(ValueError, match="fraction is a share"):
        prune_(net(), 1.5)
    with pytest.raises(ValueError, match=r"Sequential has 0, 2, skip=\['1'\]"):
        prune_(net(), 0.5, skip=["1"])
    with pytest.raises(ValueError, match="ReLU has none"):
        prune_(nn.ReLU(), 0.5)
    with pytest.raises(TypeError, match=r"LSTM came; for another weight register"):
        targeted_dropout(nn.LSTM(2, 2), gamma=0.5, alpha=0.5)
    with pytest.raises(ValueError, match="step=-1, steps=40000"):
        targeted_ramp(-1, gamma=0.5, alpha=0.5)
