import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import augment_bias, fold_bias, unfold_bias


def test_any_shape_type_and_layout():
    assert augment_bias(torch.zeros(3)).shape == (4,)
    assert augment_bias(torch.zeros(0, 2)).shape == (0, 3)
    x = torch.zeros(2, 3, 4, dtype=torch.bfloat16).transpose(1, 2)
    assert_close(augment_bias(x)[..., -1], torch.ones(2, 4, dtype=torch.bfloat16))


def test_input_stays_and_gradient_passes():
    x = torch.ones(2, 3, requires_grad=True)
    augment_bias(x).sum().backward()
    assert_close(x.grad, torch.ones(2, 3))


def test_layers_keep_type_and_mode_and_need_no_random_numbers():
    linear = nn.Linear(3, 2).double().eval()
    before = torch.get_rng_state()
    folded = fold_bias(linear)
    assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    assert folded.weight.dtype == torch.float64
    assert not folded.training
    assert folded.weight.requires_grad
    assert (folded.in_features, folded.out_features, folded.bias) == (4, 2, None)
    assert_close(unfold_bias(folded).state_dict(), linear.state_dict(), rtol=0, atol=0)


def test_refuses():
    with pytest.raises(ValueError, match="it has no dimension"):
        augment_bias(torch.tensor(1.0))
    with pytest.raises(ValueError, match="must have a bias to fold"):
        fold_bias(nn.Linear(2, 2, bias=False))
    with pytest.raises(ValueError, match="a layer with a bias is unfolded already"):
        unfold_bias(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="at least two inputs"):
        unfold_bias(nn.Linear(1, 2, bias=False))
