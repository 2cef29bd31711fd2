"""Activations by name, and what every one of them must survive."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum._core.errors import InputError, UnknownNameError
from vademecum.nn import activation as family
from vademecum.nn.activation import ACTIVATIONS, activation


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("relu", nn.ReLU),
        ("leaky_relu", nn.LeakyReLU),
        ("leaky-relu", nn.LeakyReLU),
        ("leaky", nn.LeakyReLU),
        ("GELU", nn.GELU),
        ("prelu", nn.PReLU),
        ("rrelu", nn.RReLU),
        ("tanh", nn.Tanh),
        ("sigmoid", nn.Sigmoid),
        ("sigmoid_gelu", family.SigmoidGELU),
        ("scaled_tanh", family.ScaledTanh),
    ],
)
def test_a_name_gives_its_class(name: str, kind: type) -> None:
    assert type(activation(name)) is kind


def test_arguments_are_handed_on() -> None:
    assert_close(activation("leaky_relu", negative_slope=0.5)(torch.tensor([-2.0])), torch.tensor([-1.0]))
    assert activation("prelu", num_parameters=3).weight.shape == (3,)


def test_each_call_gives_a_new_module() -> None:
    assert activation("prelu") is not activation("prelu")


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'gleu' is none; did you mean 'gelu'"):
        activation("gleu")


def test_maxout_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match="put Maxout in the place"):
        activation("maxout")


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_battery(name: str, dtype: torch.dtype) -> None:
    act = activation(name).to(dtype).eval()
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    y = act(x)
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert_close(act(x), y, rtol=0, atol=0)
    assert_close(deepcopy(act)(x), y, rtol=0, atol=0)
    turned = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert_close(act(turned), y)  # vectorized otherwise, so rounded otherwise
    assert act(x[:0]).shape == (0, 6, 3)
    twin = activation(name).to(dtype)
    twin.load_state_dict(act.state_dict())
    assert_close(twin.eval()(x), y, rtol=0, atol=0)


# PReLU's channels stand in dimension 1; torch's RReLU counts as random for vmap, in evaluation too
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"prelu", "rrelu"}))
def test_vmap_and_grad(name: str) -> None:
    act = activation(name).eval()
    x = torch.linspace(-3, 3, 12).reshape(3, 4)
    assert_close(torch.func.vmap(act)(x), act(x))
    slopes = torch.func.vmap(torch.func.grad(lambda v: act(v).sum()))(x)
    leaf = x.clone().requires_grad_()
    assert_close(slopes, torch.autograd.grad(act(leaf).sum(), leaf)[0])
