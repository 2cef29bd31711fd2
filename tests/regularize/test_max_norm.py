"""The max-norm projection in models, in half precision, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from vademecum.regularize import project_max_norm_


def test_never_longer_than_c_after_a_step() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(32, 8)).square().sum().backward()
        optimizer.step()
        project_max_norm_(model, 0.5)
        longest = torch.stack([layer.weight.detach().norm(dim=1).max() for layer in (model[0], model[2])])
        assert_close(longest.clamp_min(0.5), torch.full((2,), 0.5), rtol=1e-6, atol=0)


def test_recurrent_layers_row_by_row() -> None:
    lstm = nn.LSTM(3, 2)
    nn.init.constant_(lstm.weight_hh_l0, 2.0)
    project_max_norm_(lstm, 1.0)
    assert_close(lstm.weight_hh_l0.detach(), torch.full((8, 2), 0.5**0.5))


def test_tied_weights_and_frozen_ones() -> None:
    model = nn.ModuleDict({"words": nn.Embedding(5, 4), "last": nn.Linear(4, 5)})
    model["last"].weight = model["words"].weight
    nn.init.constant_(model["words"].weight, 1.0)
    project_max_norm_(model, 1.0)
    assert_close(model["last"].weight.detach(), torch.full((5, 4), 0.5))
    frozen = nn.Linear(4, 2).requires_grad_(False)
    nn.init.constant_(frozen.weight, 9.0)
    project_max_norm_(nn.Sequential(frozen, nn.Linear(2, 1)), 1.0)
    assert_close(frozen.weight, torch.full((2, 4), 9.0), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precisions(dtype: torch.dtype) -> None:
    weight = torch.full((2, 300), 20.0, dtype=dtype)  # whose squares leave float16
    project_max_norm_(weight, 3.0)
    assert_close(weight.float().norm(dim=1), torch.full((2,), 3.0), rtol=0.01, atol=0)
    once = weight.clone()
    project_max_norm_(weight, 3.0)
    assert_close(weight, once, rtol=0, atol=0)


def test_autograd_does_not_record_it() -> None:
    layer = nn.Linear(3, 2)
    project_max_norm_(layer, 0.1)
    assert layer.weight.is_leaf
    assert layer.weight.requires_grad


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_refusals() -> None:
    with pytest.raises(ValueError, match="c must be positive: it is 0"):
        project_max_norm_(nn.Linear(2, 2), 0.0)
    with pytest.raises(ValueError, match=r"it is \(3,\); leave vectors"):
        project_max_norm_(torch.ones(3))
    for wrap in (parametrizations.weight_norm, torch.nn.utils.weight_norm):
        with pytest.raises(ValueError, match=r"1 \(\w*Linear\) is parametrized"):
            project_max_norm_(nn.Sequential(nn.ReLU(), wrap(nn.Linear(2, 2))))
