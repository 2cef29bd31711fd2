"""Gaussian, locked, embedding and weight dropout: what their laws do not reach."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import EmbeddingDropout, GaussianDropout, LockedDropout, WeightDrop


def test_gaussian_refuses_one_and_integers() -> None:
    for p in (1.0, -0.5):
        with pytest.raises(ValueError, match="below 1"):
            GaussianDropout(p)
    with pytest.raises(TypeError, match="GaussianDropout takes floating-point"):
        GaussianDropout()(torch.tensor([1]))
    assert repr(GaussianDropout(0.25)) == "GaussianDropout(p=0.25)"


def test_locked_refuses_what_has_no_time() -> None:
    with pytest.raises(ValueError, match=r"\(T, B, ...\) with features: it is \(3, 2\)"):
        LockedDropout()(torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"\(B, T, ...\)"):
        LockedDropout(batch_first=True).eval()(torch.ones(3, 2))
    packed = nn.utils.rnn.pack_sequence([torch.ones(2, 3)])
    with pytest.raises(TypeError, match="PackedSequence came; pack after it"):
        LockedDropout()(packed)
    with pytest.raises(ValueError, match="probability"):
        LockedDropout(2.0)


def test_locked_takes_more_dimensions() -> None:
    y = LockedDropout(0.5)(torch.ones(4, 2, 3, 5))
    assert_close(y, y[:1].expand_as(y), rtol=0, atol=0)


# ---------------------------------------------------------------------------------------------- embedding


def test_embedding_takes_embeddings_alone() -> None:
    with pytest.raises(TypeError, match=r"must be a torch.nn.Embedding: Linear came"):
        EmbeddingDropout(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="probability"):
        EmbeddingDropout(nn.Embedding(3, 2), p=-1)


def test_embedding_at_one_is_zero() -> None:
    layer = EmbeddingDropout(nn.Embedding(3, 2), p=1.0)
    assert_close(layer(torch.tensor([[0, 1, 2]])), torch.zeros(1, 3, 2))


@pytest.mark.parametrize("sparse", [False, True])
def test_embedding_shares_its_table(sparse: bool) -> None:
    table = nn.Embedding(6, 3, padding_idx=2, sparse=sparse)
    layer = EmbeddingDropout(table, p=0.5)
    assert layer.embedding.weight is table.weight
    torch.manual_seed(0)
    y = layer(torch.tensor([0, 1, 2, 2, 5]))
    assert_close(y[2:4], torch.zeros(2, 3))
    y.sum().backward()
    grad = table.weight.grad.to_dense() if sparse else table.weight.grad
    assert_close(grad[2], torch.zeros(3))
    assert set(grad.flatten().tolist()) <= {0.0, 2.0}


# ---------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_by_hand(kind: type[nn.RNNBase]) -> None:
    """One mask serves all steps: the same as the layer with its masked weights written into it."""
    torch.manual_seed(0)
    inner = kind(3, 4, num_layers=2)
    layer = WeightDrop(inner, p=0.5)
    assert layer.names == ("weight_hh_l0", "weight_hh_l1")
    x = torch.randn(6, 2, 3)
    torch.manual_seed(1)
    got, _ = layer(x)
    torch.manual_seed(1)
    by_hand = deepcopy(inner)
    with torch.no_grad():
        for name in layer.names:
            by_hand.get_parameter(name).copy_(nn.functional.dropout(inner.get_parameter(name), 0.5))
    assert_close(got, by_hand(x)[0])
    assert_close(layer.eval()(x)[0], inner(x)[0], rtol=0, atol=0)


def test_recurrence_is_that_of_one_weight() -> None:
    """From the unit vectors a linear recurrence goes to W~, and to W~ W~ in the next step."""
    inner = nn.RNN(3, 3, nonlinearity="relu", bias=False)
    nn.init.eye_(inner.weight_ih_l0)
    nn.init.uniform_(inner.weight_hh_l0, 1, 2)
    x = torch.zeros(3, 3, 3)
    x[0] = torch.eye(3)
    torch.manual_seed(0)
    y, _ = WeightDrop(inner, p=0.5)(x)
    dropped = y[1].T
    assert 0 < int((dropped == 0).sum()) < 9
    assert_close(y[2].T, dropped @ dropped)


def test_gradients_reach_what_is_kept() -> None:
    torch.manual_seed(0)
    inner = nn.LSTM(3, 4)
    layer = WeightDrop(inner, p=0.5)
    layer(torch.randn(5, 2, 3))[0].sum().backward()
    grad = inner.weight_hh_l0.grad
    assert 0 < int((grad == 0).sum()) < grad.numel()
    assert all(p.grad is not None for p in layer.parameters())


def test_copy_and_state_after_a_training_pass() -> None:
    layer = WeightDrop(nn.LSTM(3, 4), p=0.5)
    x = torch.randn(5, 2, 3)
    layer(x)
    copy = deepcopy(layer)
    assert_close(copy.eval()(x)[0], layer.eval()(x)[0], rtol=0, atol=0)
    assert not {id(p) for p in copy.parameters()} & {id(p) for p in layer.parameters()}
    assert sorted(layer.state_dict()) == sorted(f"module.{name}" for name in nn.LSTM(3, 4).state_dict())
    other = WeightDrop(nn.LSTM(3, 4), p=0.5)
    other.load_state_dict(layer.state_dict())
    assert_close(other.eval()(x)[0], layer(x)[0], rtol=0, atol=0)


def test_nested_names_and_state() -> None:
    layer = WeightDrop(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), ["2.weight"], p=1.0)
    assert_close(layer(torch.randn(3, 2)), layer.module[2].bias.expand(3, 2))
    hidden = torch.zeros(1, 2, 4)
    y, last = WeightDrop(nn.GRU(3, 4), p=0.5)(torch.randn(5, 2, 3), hidden)
    assert (y.shape, last.shape) == ((5, 2, 4), (1, 2, 4))


def test_names_are_checked() -> None:
    with pytest.raises(ValueError, match="Linear has weight, bias, wieght came"):
        WeightDrop(nn.Linear(2, 2), ["wieght"])
    for names in (None, []):
        with pytest.raises(ValueError, match="no name came; name the weights"):
            WeightDrop(nn.Linear(2, 2), names)
    with pytest.raises(ValueError, match="probability"):
        WeightDrop(nn.Linear(2, 2), "weight", 1.1)
    assert WeightDrop(nn.Linear(2, 2), "weight").names == ("weight",)
