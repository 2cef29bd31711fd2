import math
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.testing import assert_close

from vademecum import losses
from vademecum.losses import GaussianPrecisionLoss, fit_precision, gaussian_nll


def drawn(*shape):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(2))


def test_is_torchs_own():
    assert losses.GaussianNLLLoss is nn.GaussianNLLLoss


def test_is_the_log_probability_of_torchs_normal():
    y, t = drawn(4, 3)
    want = -Normal(y, 0.5).log_prob(t)
    assert_close(gaussian_nll(y, t, precision=4.0, reduction="none"), want, rtol=1e-12, atol=1e-12)
    assert_close(gaussian_nll(y, t, precision=4.0, reduction="sum"), want.sum(), rtol=1e-12, atol=1e-12)
    assert_close(gaussian_nll(y, t, precision=4.0), want.mean(), rtol=1e-12, atol=1e-12)


def test_a_precision_for_each_output():
    y, t = drawn(5, 2)
    beta = torch.tensor([4.0, 0.25], dtype=torch.float64, requires_grad=True)
    want = nn.GaussianNLLLoss(full=True)(y, t, (1 / beta).expand(5, 2))
    assert_close(gaussian_nll(y, t, precision=beta), want, rtol=1e-12, atol=1e-12)
    gaussian_nll(y, t, precision=beta).backward()
    assert_close(beta.grad, torch.autograd.grad(want, beta)[0], rtol=1e-12, atol=1e-12)


def test_learned_beside_the_weights_reaches_the_closed_form():
    y, t = drawn(50)
    loss = GaussianPrecisionLoss().double()
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        loss(y, t).backward()
        optimizer.step()
    assert_close(loss.precision.detach(), fit_precision(y, t), rtol=1e-9, atol=0)


def test_state_goes_into_a_twin():
    loss, other = GaussianPrecisionLoss(precision=9.0), GaussianPrecisionLoss()
    other.load_state_dict(loss.state_dict())
    assert_close(other.precision, torch.tensor(9.0))
    assert_close(deepcopy(loss).precision, torch.tensor(9.0))
    assert_close(loss.log_precision.detach(), torch.tensor(math.log(9.0)))


def test_fitting_is_no_part_of_the_gradient():
    y, t = drawn(3)
    assert not fit_precision(y.requires_grad_(), t).requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    y, t = (v.to(dtype) for v in drawn(20))
    assert gaussian_nll(y, t, precision=4.0).dtype == dtype
    assert_close(
        gaussian_nll(y, t, precision=4.0).float(),
        gaussian_nll(y.float(), t.float(), precision=4.0),
        rtol=0.02,
        atol=0.02,
    )


@pytest.mark.parametrize("function", [gaussian_nll, fit_precision, GaussianPrecisionLoss()])
def test_refuses_to_broadcast(function):
    with pytest.raises(ValueError, match=r"one shape: they are \(3, 1\) and \(3,\)"):
        function(torch.zeros(3, 1), torch.zeros(3))


def test_refuses():
    y, t = torch.zeros(2), torch.ones(2)
    with pytest.raises(ValueError, match="precision must be positive: it is 0"):
        gaussian_nll(y, t, precision=0.0)
    with pytest.raises(ValueError, match="precision must be positive: it is -1"):
        GaussianPrecisionLoss(precision=-1.0)
    with pytest.raises(ValueError, match="reduction must be"):
        gaussian_nll(y, t, reduction="batch")
    with pytest.raises(ValueError, match="a mean needs at least one value"):
        gaussian_nll(y[:0], t[:0])
    with pytest.raises(ValueError, match="residuals must not all be 0: 2 values"):
        fit_precision(t, t)
    with pytest.raises(ValueError, match="residuals must not all be 0: 0 values"):
        fit_precision(y[:0], t[:0])
