"""Soft weight sharing: its start, what it learns, its state, and what is refused."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.regularize import SoftWeightSharing


def clustered() -> nn.Linear:
    layer = nn.Linear(100, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(
            torch.tensor([[-1.0], [0.0], [1.0]]) + 0.05 * torch.randn(3, 100, generator=generator)
        )
    return layer


def test_components_start_evenly_over_the_weights() -> None:
    layer = clustered()
    prior = SoftWeightSharing(layer, num_components=5)
    assert_close(prior.mean[[0, -1]].detach(), torch.stack([layer.weight.min(), layer.weight.max()]).detach())
    assert_close(prior.mean.diff(), (prior.mean[1] - prior.mean[0]).expand(4))
    assert_close(prior.log_variance.detach().exp().sqrt(), (prior.mean[1] - prior.mean[0]).detach().expand(6))
    assert [tuple(p.shape) for p in prior.parameters()] == [(5,), (6,), (5,)]


def test_the_mixture_finds_the_clusters() -> None:
    layer = clustered()
    prior = SoftWeightSharing(layer, num_components=2, zero_share=1 / 3)
    nn.init.constant_(prior.log_variance, -4.0)  # as wide as the range, both would come to rest in the middle
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.05)
    before = prior(layer).detach()
    for _ in range(200):
        optimizer.zero_grad()
        prior(layer).backward()
        optimizer.step()
    assert prior(layer) < before
    assert_close(prior.mean.detach(), torch.tensor([-1.0, 1.0]), rtol=0, atol=0.02)
    assert_close(prior.log_variance.detach().exp().sqrt(), torch.full((3,), 0.05), rtol=0, atol=0.01)
    size = prior.quantize_(layer)
    assert (size.num_values, round(size.share_of_zeros, 3)) == (3, 0.333)
    assert_close(layer.weight[1].detach(), torch.zeros(100), rtol=0, atol=0)


def test_state_goes_into_another() -> None:
    layer = clustered()
    prior = SoftWeightSharing(layer, num_components=3)
    nn.init.normal_(prior.logits, generator=torch.Generator().manual_seed(1))
    other = SoftWeightSharing(nn.Linear(2, 2), num_components=3)
    other.load_state_dict(prior.state_dict())
    assert_close(other(layer), prior(layer), rtol=0, atol=0)
    assert_close(deepcopy(prior)(layer), prior(layer), rtol=0, atol=0)
    assert_close(prior.double()(layer.double()).float(), other(clustered()), rtol=1e-4, atol=1e-4)


def test_the_model_is_not_kept_and_biases_stay() -> None:
    model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 3), nn.LayerNorm(3))
    prior = SoftWeightSharing(model, num_components=2)
    assert list(dict(prior.named_modules())) == [""]
    before = {name: p.detach().clone() for name, p in model.named_parameters() if name != "1.weight"}
    assert prior.quantize_(model).num_weights == 6
    after = {name: p.detach() for name, p in model.named_parameters() if name != "1.weight"}
    assert_close(after, before, rtol=0, atol=0)
    assert "num_components=2" in repr(prior)


def test_equal_weights_have_a_finite_start() -> None:
    layer = nn.Linear(3, 3)
    nn.init.zeros_(layer.weight)
    assert SoftWeightSharing(layer)(layer).isfinite()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="num_components=0"):
        SoftWeightSharing(nn.Linear(2, 2), num_components=0)
    with pytest.raises(ValueError, match=r"zero_share=1\.0; zero_share=None leaves it out"):
        SoftWeightSharing(nn.Linear(2, 2), zero_share=1.0)
    with pytest.raises(ValueError, match=r"precision_prior=\(0\.0, 1\.0\)"):
        SoftWeightSharing(nn.Linear(2, 2), precision_prior=(0.0, 1.0))
