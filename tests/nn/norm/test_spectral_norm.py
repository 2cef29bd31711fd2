"""Spectral normalization: what torch does beside the paper, and wrong inputs."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from vademecum.nn.norm.spectral_norm import power_iteration, spectral_norm


def test_it_is_torchs() -> None:
    assert spectral_norm is torch.nn.utils.parametrizations.spectral_norm


def test_torch_starts_with_sixteen_steps_and_its_norm_is_above_one() -> None:
    weight = torch.diag(torch.tensor([1.0, 0.99]))
    linear = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(weight)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, v = torch.empty(2).normal_(), F.normalize(torch.empty(2).normal_(), dim=0)
        torch.manual_seed(0)
        module = spectral_norm(linear).eval()
    for _ in range(15 + 1):  # fifteen at construction, one at registration; u first, then v
        u = F.normalize(weight @ v, dim=0)
        v = F.normalize(weight.T @ u, dim=0)
    assert_close(module.weight, weight / (u @ weight @ v))
    assert module.weight.max() > 1.0002


def test_each_access_in_training_mode_is_a_step() -> None:
    linear = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.diag(torch.tensor([1.0, 0.99])))
    module = spectral_norm(linear)
    norms = torch.stack([torch.linalg.matrix_norm(module.weight.detach(), 2) for _ in range(5)])
    assert_close(norms, norms.sort(descending=True).values, rtol=0, atol=0)
    assert len(norms.unique()) == 5


def test_a_weight_of_zeros_gives_zero() -> None:
    sigma, u = power_iteration(torch.zeros(2, 3), torch.tensor([1.0, 0.0]))
    assert_close((sigma, u), (torch.zeros(()), torch.zeros(2)))


def test_kernels_count_as_matrices() -> None:
    kernel = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    u = torch.tensor([0.6, 0.8])
    assert_close(power_iteration(kernel, u), power_iteration(kernel.reshape(2, 12), u))


@pytest.mark.parametrize(
    ("weight", "u", "steps", "words"),
    [
        ((3,), (3,), 1, r"at least two dimensions.*weight is \(3,\)"),
        ((3, 2), (2,), 1, r"weight is \(3, 2\), u is \(2,\); start from"),
        ((3, 2), (3,), 0, r"steps=0; give at least 1"),
    ],
)
def test_wrong_inputs_are_refused(
    weight: tuple[int, ...], u: tuple[int, ...], steps: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        power_iteration(torch.ones(weight), torch.ones(u), steps=steps)
