import copy
from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.train import LayerFeatures, carry_out, layer_probe, linear_on, transfer_plan


def net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8), nn.Linear(8, 5)
    )


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    return x[:200].float().reshape(-1, 1, 8, 8) / 16, y[:200]


def test_a_probe_finds_what_a_layer_has_lost(digits):
    x, y = digits
    model = net().train()
    with torch.no_grad():
        model[4].weight[1:] = 0  # one feature is left
    modes = [part.training for part in model.modules()]
    before = copy.deepcopy(model.state_dict())
    scores = layer_probe(model, x, y)
    assert list(scores) == ["1", "4"]
    assert scores["1"] > 0.85 > 0.6 > scores["4"]
    assert [part.training for part in model.modules()] == modes
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert layer_probe(model, x, y) == scores


def test_a_plan_from_probes_is_carried_out(digits):
    torch.manual_seed(0)  # the new layer draws from the global stream
    x, y = digits
    model = net()
    plan = transfer_plan(20, layer_probe(model, x, y, ["2", "4"]) | {"2": 0.9, "4": 0.5})
    assert (plan.scenario, plan.features) == ("small_different", "2")
    probe = linear_on(model, plan.features, 10, x)
    parameters, unfreezing = carry_out(probe, plan, 0.1, epochs=3)
    optimizer = torch.optim.SGD(parameters, momentum=0.9, weight_decay=1e-3)
    before = copy.deepcopy(probe.body.state_dict())
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(probe.train()(x), y)
        loss.backward()
        optimizer.step()
        unfreezing.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert_close(probe.body.state_dict(), before, rtol=0, atol=0)


def test_a_plan_cannot_be_changed_and_says_why():
    plan = transfer_plan(1000, {"a": 0.9, "b": 0.5}, scenario="small_similar")
    with pytest.raises(FrozenInstanceError):
        plan.scenario = "other"
    assert plan.reasons == (
        "1000 examples a class are many: no less than 100.",
        "The task is unlike the old one: the top layer 'b' gives 0.500, the layer 'a' 0.900.",
        "The scenario small_similar was asked for, where these say large_different.",
        "So the body stays frozen, and the head is trained on its top features.",
    )


def test_features_are_of_the_last_call_and_survive_copies():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x))

    model, x = Twice(), torch.randn(3, 2)
    features = LayerFeatures(model, "layer")
    assert_close(features(x), model(x))
    twin = copy.deepcopy(features)
    assert_close(twin(x), features(x))
    assert list(twin.state_dict()) == ["model.layer.weight", "model.layer.bias"]
    assert "layer='layer'" in repr(features)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.used(x)


X, Y = torch.ones(20, 2), torch.arange(20) % 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LayerFeatures(nn.Linear(2, 2), "weight"),
            "a layer must be a module: 'weight' is a parameter",
        ),
        (lambda: LayerFeatures(nn.Linear(2, 2), "body"), "a part must be the path"),
        (
            lambda: LayerFeatures(Unused(), "unused")(X),
            "a layer must give a tensor with a row for each of 20 examples",
        ),
        (lambda: layer_probe(Unused(), X, Y, ["unused"]), "'unused' gave NoneType"),
        (lambda: layer_probe(Unused(), X, Y, []), "there must be layers"),
        (lambda: layer_probe(Unused(), X, Y, ["used"], cv=1), "cv=1"),
        (
            lambda: layer_probe(Unused(), X, (torch.arange(20) > 17).long(), ["used"]),
            "the smallest class has 2 examples",
        ),
        (lambda: transfer_plan(0, True), "there must be examples and scores: 0 examples"),
        (lambda: transfer_plan(5, {}), r"similarity=\{\}"),
        (lambda: transfer_plan(5, False), "the head stands on an earlier layer: no scores say on which"),
        (lambda: transfer_plan(5, True, scenario="tiny"), 'scenario must be "auto" or one of small_similar'),
        (lambda: carry_out(net(), transfer_plan(500, True), 0.1, epochs=1), "an epoch for each of 2 stages"),
        (lambda: carry_out(net(), transfer_plan(500, True), 0.0, epochs=9), "lr=0.0"),
        (lambda: carry_out(nn.Linear(2, 2), transfer_plan(500, True), 0.1, epochs=9), "1 layers"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
