from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from vademecum.data import Standardize


def data(n=200, shape=(5,), seed=0):
    g = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-3, 3, shape[0], dtype=torch.float64).view(-1, *[1] * (len(shape) - 1))
    return torch.randn(n, *shape, generator=g, dtype=torch.float64) * scale + 7 * scale


def test_agrees_with_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    x, new = data(), data(seed=1)
    x[:, 2] = 0.1  # 200 times 0.1 does not sum to 20 exactly
    peer = StandardScaler().fit(x.numpy())
    ours = Standardize(5, dtype=torch.float64).fit(x)
    new[:, 2] = 0.1
    assert_close(ours(new), torch.from_numpy(peer.transform(new.numpy())), rtol=1e-10, atol=1e-10)
    assert_close(ours.std[2], torch.tensor(0.0, dtype=torch.float64), rtol=0, atol=0)


def test_by_the_definition_in_loops():
    x = data(n=13, shape=(3, 2, 2))
    ours = Standardize(3, dtype=torch.float64).fit(x)
    want = torch.empty_like(x)
    for c in range(3):
        values = x[:, c].flatten().tolist()
        mean = sum(values) / len(values)
        std = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
        want[:, c] = (x[:, c] - mean) / std
    assert_close(ours(x), want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sizes", [(200,), (1, 199), (50, 50, 100), (1,) * 200])
def test_streaming_is_batch(sizes):
    x = data() + 1e6
    whole = Standardize(5, dtype=torch.float64).fit(x)
    streamed = Standardize(5, dtype=torch.float64)
    for block in x.split(list(sizes)):
        streamed.partial_fit(block)
    assert_close(streamed.mean, whole.mean, rtol=1e-12, atol=0)
    assert_close(streamed.std, whole.std, rtol=1e-8, atol=0)
    assert int(streamed.count) == int(whole.count) == 200


def test_large_data_are_read_in_blocks(monkeypatch):
    x = data(shape=(3, 4, 4))
    whole = Standardize(3, dtype=torch.float64).fit(x)
    monkeypatch.setattr("vademecum.data._statistics.BLOCK", 100)
    assert_close(Standardize(3, dtype=torch.float64).fit(x).std, whole.std, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_features_may_stand_in_any_dimension(dim):
    x = data(shape=(5, 3))
    moved = x.movedim(1, dim)
    ours, usual = (
        Standardize(5, dim=dim, dtype=torch.float64).fit(moved),
        Standardize(5, dtype=torch.float64).fit(x),
    )
    assert_close(ours(moved), usual(x).movedim(1, dim), rtol=1e-12, atol=1e-12)


def test_constant_features_give_zero():
    x = torch.tensor([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])
    assert_close(Standardize(2).fit(x)(x)[:, 0], torch.zeros(3), rtol=0, atol=0)


def test_digits_have_three_constant_pixels():
    from vademecum.data.sources import digits

    x = digits().x.flatten(1)
    ours = Standardize(64).fit(x)
    assert int((ours.std == 0).sum()) == 3
    assert_close(ours(x)[:, ours.std == 0], torch.zeros(len(x), 3), rtol=0, atol=0)


def test_uint8_does_not_wrap_around():
    x = torch.tensor([[0, 255], [10, 245], [20, 235]], dtype=torch.uint8)
    ours = Standardize(2).fit(x)
    assert_close(ours(x), Standardize(2).fit(x.float())(x.float()), rtol=0, atol=0)
    assert_close(ours.mean, torch.tensor([10.0, 245.0]))


def test_inverse():
    x = data()
    ours = Standardize(5, dtype=torch.float64).fit(x)
    assert_close(ours.inverse(ours(x)), x, rtol=1e-12, atol=1e-12)


def test_correction_and_eps():
    x = torch.tensor([[0.0], [2.0]])
    assert_close(Standardize(1, correction=1).fit(x).std, torch.tensor([2.0**0.5]))
    assert_close(Standardize(1, eps=3.0).fit(x)(x), torch.tensor([[-0.5], [0.5]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_output_keeps_the_floating_type(dtype):
    x = torch.tensor([[1.0], [3.0]], dtype=dtype)
    assert_close(Standardize(1).fit(x)(x), torch.tensor([[-1.0], [1.0]], dtype=dtype))


def test_state_dict_carries_that_it_is_fitted_and_streaming_goes_on():
    x = data()
    first = Standardize(5, dtype=torch.float64).fit(x[:120])
    second = Standardize(5, dtype=torch.float64)
    second.load_state_dict(first.state_dict())
    assert second.fitted
    assert_close(second(x), first(x), rtol=0, atol=0)
    assert_close(
        second.partial_fit(x[120:]).std, Standardize(5, dtype=torch.float64).fit(x).std, rtol=1e-10, atol=0
    )
    empty = Standardize(5, dtype=torch.float64)
    first.load_state_dict(empty.state_dict())
    assert not first.fitted


def test_inside_a_model_and_copied():
    model = torch.nn.Sequential(
        Standardize(2).fit(torch.tensor([[0.0, 1.0], [2.0, 3.0]])), torch.nn.Linear(2, 1)
    )
    other = torch.nn.Sequential(Standardize(2), torch.nn.Linear(2, 1))
    other.load_state_dict(model.state_dict())
    x = torch.ones(1, 2)
    assert_close(other(x), model(x), rtol=0, atol=0)
    copy = deepcopy(other)
    copy.load_state_dict(torch.nn.Sequential(Standardize(2), torch.nn.Linear(2, 1)).state_dict())
    assert other[0].fitted
    assert not copy[0].fitted


def test_input_is_untouched_and_need_not_be_contiguous():
    x = data(shape=(5, 3)).transpose(1, 2).contiguous().transpose(1, 2)
    before, version = x.clone(), x._version
    ours = Standardize(5).fit(x)
    ours(x)
    assert_close(x, before, rtol=0, atol=0)
    assert x._version == version


def test_compiles_without_a_break():
    ours = Standardize(2).fit(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    explained = torch._dynamo.explain(ours)(torch.ones(3, 2))
    assert explained.graph_break_count == 0


def test_refusals():
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    fitted = Standardize(2).fit(x)
    with pytest.raises(ValueError, match="fitted before it is used"):
        Standardize(2)(x)
    with pytest.raises(ValueError, match="fitted before it is used"):
        Standardize(2).inverse(x)
    with pytest.raises(ValueError, match="fitted once"):
        fitted.fit(x)
    with pytest.raises(ValueError, match="feature 1 holds NaN"):
        Standardize(2).fit(torch.tensor([[0.0, 1.0], [2.0, torch.nan]]))
    with pytest.raises(ValueError, match="feature 0 holds NaN or infinite"):
        Standardize(2).fit(torch.tensor([[torch.inf, 1.0]]))
    with pytest.raises(ValueError, match="2 features in dimension 1"):
        Standardize(2).fit(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="2 features in dimension 1"):
        fitted(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="dimension 1 beside"):
        Standardize(2).fit(torch.zeros(4))
    with pytest.raises(ValueError, match="at least one example"):
        Standardize(2).fit(torch.zeros(0, 2))
    with pytest.raises(ValueError, match="more than 1 values"):
        Standardize(2, correction=1).fit(torch.zeros(1, 2))


def test_a_refused_block_changes_nothing():
    ours = Standardize(1).fit(torch.tensor([[0.0], [2.0]]))
    with pytest.raises(ValueError, match="finite"):
        ours.partial_fit(torch.tensor([[torch.nan]]))
    assert_close(ours.partial_fit(torch.tensor([[4.0]])).mean, torch.tensor([2.0]))


def test_empty_batch():
    ours = Standardize(2).fit(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    assert_close(ours(torch.zeros(0, 2)), torch.zeros(0, 2))
