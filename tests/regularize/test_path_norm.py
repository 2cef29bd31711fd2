"""The path norm as a penalty, nets that it reads, and nets that it refuses."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from vademecum.regularize import balance_, l2_penalty, path_norm


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 7), nn.ReLU(), nn.Sequential(nn.Linear(7, 6), nn.ReLU()), nn.Linear(6, 3)
    ).double()


def test_only_the_shape_of_the_input_counts() -> None:
    model = net()
    one, other = (
        path_norm(model, torch.zeros(1, 5)),
        path_norm(model, torch.full((9, 5), -3.0, dtype=torch.float64)),
    )
    assert_close(one, other, rtol=0, atol=0)
    path_norm(model, torch.zeros(1, 5)).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_image_net_in_training_mode() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.5),
        nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 2),
    )  # fmt: skip
    state = deepcopy(model.state_dict())
    training = path_norm(model, torch.zeros(1, 1, 8, 8))
    assert_close(path_norm(model.eval(), torch.zeros(1, 1, 8, 8)), training, rtol=0, atol=0)
    assert_close(dict(model.state_dict()), dict(state), rtol=0, atol=0)


def test_balancing_lowers_the_squares_and_keeps_function_and_norm() -> None:
    model, x = net(), torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model[0].weight.mul_(50.0)
        model[0].bias.mul_(50.0)
        model[3].weight.div_(20.0)
    outputs, norm, squares = model(x).detach(), path_norm(model, x).detach(), l2_penalty(model).detach()
    balance_(model)
    assert_close(model(x), outputs)
    assert_close(path_norm(model, x), norm)
    assert l2_penalty(model) < 0.5 * squares
    balanced = deepcopy(model.state_dict())
    balance_(model)
    assert_close(dict(model.state_dict()), dict(balanced), rtol=1e-5, atol=1e-5)


def test_refusals() -> None:
    x = torch.zeros(1, 4)
    with pytest.raises(ValueError, match=r"p must be at least 1, and x hold an example: p=0\.5"):
        path_norm(nn.Linear(4, 1), x, p=0.5)
    with pytest.raises(ValueError, match=r"x of \(0, 4\)"):
        path_norm(nn.Linear(4, 1), x[:0])
    with pytest.raises(ValueError, match="1 is a Tanh; give a chain"):
        path_norm(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), x)
    with pytest.raises(ValueError, match="the model is a TransformerEncoderLayer"):
        path_norm(nn.TransformerEncoderLayer(4, 2), x)
    with pytest.raises(
        ValueError, match="must follow a linear layer or a convolution at once: 1 is a BatchNorm1d"
    ):
        path_norm(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), x)
    with pytest.raises(ValueError, match="keeps none; make it with track_running_stats=True"):
        path_norm(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)), x)
    for pool in (nn.AvgPool1d(2, padding=1), nn.AvgPool1d(3, ceil_mode=True), nn.AdaptiveAvgPool1d(3)):
        with pytest.raises(ValueError, match="windows of one size, without padding: 1 is a"):
            path_norm(nn.Sequential(nn.Conv1d(1, 1, 1), pool), torch.zeros(1, 1, 4))
    with pytest.raises(ValueError, match="must pass a factor on: 1 is a Sigmoid"):
        balance_(nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 1)))
    with pytest.raises(ValueError, match=r"weight of its own .*: the model is a ParametrizedLinear"):
        path_norm(parametrizations.weight_norm(nn.Linear(4, 1)), x)
    layer = nn.Linear(4, 4)
    with pytest.raises(ValueError, match="must stand once"):
        balance_(nn.Sequential(layer, nn.ReLU(), layer))
    with pytest.raises(ValueError, match="with a weight of its own"):
        balance_(nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 1)))
    with pytest.raises(RuntimeError, match="after 1 sweeps; raise max_sweeps"):
        balance_(net(), max_sweeps=1)
