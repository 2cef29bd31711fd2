"""Layer priors: the printed exponents, what is drawn, and what is refused."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.regularize import layer_prior_penalty, sample_prior, transform_inputs_outputs


def net() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.linspace(-1, 2, parameter.numel(), dtype=torch.float64).view_as(parameter))
    return model


def test_the_exponents_printed_in_the_book_change_the_penalty() -> None:
    model, a, c = net(), 4.0, 9.0
    other = transform_inputs_outputs(model, a=a, c=c)
    before = layer_prior_penalty(model, {"0.weight": 2.0, "2.weight": 3.0})
    right = layer_prior_penalty(other, {"0.weight": 2.0 * a**2, "2.weight": 3.0 / c**2})
    printed = layer_prior_penalty(other, {"0.weight": 2.0 * a**0.5, "2.weight": 3.0 * c**-0.5})
    assert_close(right, before)
    with pytest.raises(AssertionError, match="not close"):
        assert_close(printed, before, rtol=0.5, atol=0)


def test_precisions_stand_in_the_gradient() -> None:
    model = net()
    layer_prior_penalty(model, {"0.*": 2.0}).backward()
    assert_close(model[0].bias.grad, 2.0 * model[0].bias.detach())
    assert model[2].bias.grad is None


def test_functions_follow_the_generator_and_dropout_sleeps() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.9), nn.Linear(3, 1)).train()
    x = torch.ones(4, 2)
    one, two = (
        sample_prior(model, {"*": 1.0}, x, num_samples=5, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert one.shape == (5, 4, 1)
    assert_close(one, two, rtol=0, atol=0)
    assert_close(one, one[:, :1].expand(5, 4, 1))  # equal inputs, one function
    assert model.training
    assert not one.requires_grad


def test_flattening_may_stand_around_the_layers() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1), nn.Identity()).double()
    x = torch.arange(8.0, dtype=torch.float64).view(2, 2, 2)
    assert_close(transform_inputs_outputs(model, a=2.0, b=1.0, c=-1.0)(2 * x + 1), -model(x))


def test_refusals() -> None:
    model = net()
    with pytest.raises(ValueError, match=r"'1\.weight' matches none of \['0\.weight'"):
        layer_prior_penalty(model, {"1.weight": 1.0})
    with pytest.raises(ValueError, match=r"\['0\.weight'\] have two"):
        layer_prior_penalty(model, {"0.weight": 1.0, "*.weight": 1.0})
    with pytest.raises(ValueError, match=r"at least 0: that of '0\.bias' is -1"):
        layer_prior_penalty(model, {"0.bias": -1.0})
    with pytest.raises(ValueError, match=r"\(3,\) does not fit 0\.weight, \(3, 2\)"):
        layer_prior_penalty(model, {"0.weight": torch.ones(3)})
    with pytest.raises(ValueError, match="precisions is empty"):
        layer_prior_penalty(model, {})
    with pytest.raises(ValueError, match=r"\['0\.bias', '2\.bias'\] have none"):
        sample_prior(model, {"*.weight": 1.0}, torch.ones(1, 2), num_samples=1)
    with pytest.raises(ValueError, match=r"begins and ends with nn\.Linear: it is Conv1d, Linear"):
        transform_inputs_outputs(nn.Sequential(nn.Conv1d(1, 1, 1), nn.Linear(1, 1)))
    with pytest.raises(ValueError, match="it is Linear"):
        transform_inputs_outputs(nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a must not be 0"):
        transform_inputs_outputs(model, a=torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="d is not 0"):
        transform_inputs_outputs(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False)), d=1.0)
