import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.norm.spectral_norm import power_iteration, spectral_norm


def test_it_is_torchs() -> None:
    assert spectral_norm is torch.nn.utils.parametrizations.spectral_norm


def test_torch_starts_with_fifteen_steps_which_may_not_be_enough() -> None:
    linear = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        linear.weight.copy_(torch.diag(torch.tensor([1.0, 0.99])))  # each step shrinks the second by 2 % alone
        u, v = nn.functional.normalize(torch.randn(2).double(), dim=0), nn.functional.normalize(torch.randn(2).double(), dim=0)
        torch.manual_seed(0)
        module = spectral_norm(linear).eval()
        del u, v
    largest = torch.linalg.svdvals(module.weight.detach())[0]
    assert 1.0005 < float(largest) < 1.01  # the pitfall: not at most 1
