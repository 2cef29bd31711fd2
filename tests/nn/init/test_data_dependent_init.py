"""Calibration: what it reports, what it refuses, what it leaves alone."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.init import calibrate_


def test_it_reports_what_it_found() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(2.0)
        model[2].weight.fill_(3.0)
    found = calibrate_(model, torch.tensor([[-1.0], [1.0]]))
    assert list(found) == ["0", "2"]
    assert_close(
        torch.tensor(list(found.values())), torch.tensor([2.0, 1.5])
    )  # relu of -1 and 1 deviates by 1/2


def test_a_constant_output_is_refused_and_nothing_changes() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.zero_()
    before = model[0].weight.clone()
    with pytest.raises(
        ValueError, match=r"'1' .Linear. gives .* with deviation .* larger, standardized batch"
    ):
        calibrate_(model, torch.randn(10, 2, generator=torch.Generator().manual_seed(0)) * 7)
    assert_close(model[0].weight, before, rtol=0, atol=0)
    assert all(part._forward_hooks == {} for part in model.modules())


def test_a_layer_in_two_places_is_scaled_once() -> None:
    layer = nn.Linear(3, 3, bias=False)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    found = calibrate_(nn.Sequential(layer, nn.Tanh(), layer), x)
    assert list(found) == ["0"]
    assert_close(layer(x).detach().std(unbiased=False), torch.tensor(1.0), rtol=0.01, atol=0)


def test_modes_and_buffers_stay() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout().eval())
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    calibrate_(model, x)
    assert [part.training for part in model] == [True, True, False]
    assert_close(model[1].running_mean, torch.zeros(3))


def test_weight_norm_is_scaled_through() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 5, bias=False))
    x = 9 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    calibrate_(layer, x)
    assert_close(layer(x).detach().std(unbiased=False), torch.tensor(1.0), rtol=0.01, atol=0)
