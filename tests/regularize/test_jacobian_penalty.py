"""The Jacobian penalty beside training with noise, and what is refused."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.regularize import jacobian_penalty


def test_noise_on_the_inputs_is_ridge_on_a_linear_model() -> None:
    """For half the sum of squares of N examples the strength is N sigma^2; here a mean over them, so sigma^2."""
    torch.manual_seed(0)
    x, y = torch.randn(50, 3, dtype=torch.float64), torch.randn(50, 2, dtype=torch.float64)
    model = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    penalty = jacobian_penalty(model, x, num_projections=None)
    assert_close(penalty, model.weight.square().sum() / 2)
    sigma2 = 0.3
    ridge = torch.linalg.solve(x.T @ x + 50 * sigma2 * torch.eye(3, dtype=torch.float64), x.T @ y).T
    with torch.no_grad():
        model.weight.copy_(ridge)
    loss = (model(x) - y).square().sum() / (2 * 50) + sigma2 * jacobian_penalty(
        model, x, num_projections=None
    )
    (slope,) = torch.autograd.grad(loss, model.weight)
    assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-12)


def test_images_and_one_score() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0))
    x = torch.ones(3, 1, 4, 4)
    number = jacobian_penalty(model, x)
    assert number.shape == ()
    number.backward()
    assert model[0].weight.grad is not None
    assert x.grad is None
    assert not x.requires_grad


def test_signs_come_from_the_generator() -> None:
    model, x = nn.Linear(2, 5), torch.ones(3, 2)
    state = torch.get_rng_state()
    jacobian_penalty(model, x, generator=torch.Generator().manual_seed(0))
    assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


def test_refusals() -> None:
    model, x = nn.Linear(2, 5), torch.ones(3, 2)
    with pytest.raises(ValueError, match="at least 1: it is 0"):
        jacobian_penalty(model, x, num_projections=0)
    with pytest.raises(ValueError, match=r"\(3, 2\) became \(\)"):
        jacobian_penalty(
            nn.Sequential(model, nn.Flatten(0), nn.Softmax(0), nn.Unflatten(0, (15, 1)), Sum()), x
        )
    with pytest.raises(ValueError, match=r"\(0, 2\) became \(0, 5\)"):
        jacobian_penalty(model, x[:0])


class Sum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()
