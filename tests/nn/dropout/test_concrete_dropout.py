from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import (
    ConcreteDropout,
    ConcreteDropoutLayer,
    concrete_dropout_penalty,
    concrete_regularizers,
    insert_concrete_dropout,
)


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 2)
    )


def test_every_layer_is_wrapped() -> None:
    model = net().eval()
    new = insert_concrete_dropout(model, num_examples=100, length_scale=0.1, p=0.2, temperature=0.5)
    layers = [part for part in new if isinstance(part, ConcreteDropoutLayer)]
    assert [layer.dropout.num_features for layer in layers] == [1, 16, 5]
    assert [layer.dropout.spatial for layer in layers] == [True, False, False]
    assert {layer.dropout.temperature for layer in layers} == {0.5}
    assert_close(torch.stack([layer.p for layer in layers]), torch.full((3,), 0.2))
    x = torch.randn(3, 1, 4, 4)
    assert_close(new(x), model(x), rtol=0, atol=0)
    assert not new.training
    assert "0.layer.weight" in new.state_dict()
    assert "0.dropout.p_logit" in new.state_dict()
    assert isinstance(model[0], nn.Conv2d)


def test_the_penalty_is_the_sum_of_all() -> None:
    model = nn.Sequential(
        ConcreteDropout(3, dropout_regularizer=0.5),
        ConcreteDropoutLayer(nn.Linear(3, 2), weight_regularizer=0.1, dropout_regularizer=0.2),
        nn.ModuleList([ConcreteDropout(2, dropout_regularizer=1.0)]),
    )
    want = model[0].penalty() + model[1].penalty() + model[2][0].penalty()
    assert_close(concrete_dropout_penalty(model), want)
    concrete_dropout_penalty(model).backward()
    assert model[0].p_logit.grad is not None
    assert model[1].layer.weight.grad is not None
    assert model[1].layer.bias.grad is None  # the prior is over weights
    assert concrete_dropout_penalty(nn.Linear(2, 2)).item() == 0


def test_it_stands_where_dropout_stands() -> None:
    model = nn.Sequential(
        nn.Linear(3, 8), nn.ReLU(), ConcreteDropout(8, dropout_regularizer=1e-3), nn.Linear(8, 2)
    )
    (model(torch.randn(5, 3)).square().mean() + concrete_dropout_penalty(model)).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_descent_on_the_entropy_goes_to_one_half() -> None:
    layer = ConcreteDropout(10, p=0.1, dropout_regularizer=1.0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        layer.penalty().backward()
        optimizer.step()
    assert_close(layer.p, torch.tensor(0.5), rtol=1e-3, atol=1e-3)


def test_a_batch_of_half_precision_and_a_draw_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = ConcreteDropout(4, p=0.3)
    for dtype in (torch.bfloat16, torch.float16):
        y = layer.to(dtype)(torch.ones(1000, 4, dtype=dtype))
        assert y.dtype == dtype
        assert_close(y.float().mean(), torch.tensor(1.0), rtol=0.1, atol=0.1)
    layer = ConcreteDropout(4, p=0.3)
    monkeypatch.setattr(torch, "rand", lambda shape, **keywords: torch.zeros(shape, **keywords))
    y = layer(torch.ones(1, 4))
    assert_close(y, torch.full((1, 4), 1 / 0.7))  # u = 0 keeps
    y.sum().backward()
    assert_close(layer.p_logit.grad, 4 * layer.p.detach() / (1 - layer.p.detach()))  # of the scale alone


def test_transposed_convolutions_and_copies() -> None:
    layer = ConcreteDropoutLayer(nn.ConvTranspose1d(3, 5, 2), p=0.4).double()
    assert layer.dropout.num_features == 3
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    torch.manual_seed(0)
    first = layer(x)
    torch.manual_seed(0)
    assert_close(deepcopy(layer)(x), first, rtol=0, atol=0)


def test_torchs_own_blocks_are_left_alone() -> None:
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(encoder, nn.Linear(8, 2)).eval()
    new = insert_concrete_dropout(model, num_examples=10)
    assert type(new[0].linear1) is nn.Linear
    x = torch.randn(1, 3, 8)
    assert_close(new(x), model(x))


def test_wrong_inputs() -> None:
    for p in (0.0, 1.0):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            ConcreteDropout(3, p=p)
    with pytest.raises(ValueError, match=r"num_features=0, temperature=0.1; the paper"):
        ConcreteDropout(0)
    with pytest.raises(ValueError, match="temperature=-1"):
        ConcreteDropout(2, temperature=-1)
    with pytest.raises(
        ValueError, match=r"dimension -1 of the input must have 3 features: the input is \(2, 4\)"
    ):
        ConcreteDropout(3)(torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"dimension 1 .* \(3,\)"):
        ConcreteDropout(3, spatial=True).eval()(torch.ones(3))
    with pytest.raises(TypeError, match="LSTM came; put a ConcreteDropout before"):
        ConcreteDropoutLayer(nn.LSTM(2, 2))
    with pytest.raises(ValueError, match="num_examples=0"):
        concrete_regularizers(0)
    with pytest.raises(ValueError, match="precision=-1"):
        concrete_regularizers(5, precision=-1)
    once = insert_concrete_dropout(net(), num_examples=10)
    for nothing in (nn.ReLU(), once):
        with pytest.raises(ValueError, match="holds none that has no concrete dropout yet"):
            insert_concrete_dropout(nothing, num_examples=10)
