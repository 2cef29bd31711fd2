import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.optim import adaptive_clip_gradients_, clip_grad_norm_, normalize_gradients_


def with_gradient(*shape, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    p = torch.ones(shape, requires_grad=True)
    p.grad = scale * torch.randn(shape, generator=generator)
    return p


def test_nothing_to_normalize():
    assert_close(normalize_gradients_([torch.zeros(2, requires_grad=True)]), torch.tensor(0.0))
    adaptive_clip_gradients_([torch.zeros(2, requires_grad=True)])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    p = torch.ones(3, 4, dtype=dtype, requires_grad=True)
    p.grad = torch.full((3, 4), 10.0, dtype=dtype)
    adaptive_clip_gradients_(p)
    assert_close(p.grad.float().norm(dim=1), torch.full((3,), 0.02), rtol=1e-2, atol=0)
    normalize_gradients_(p)
    assert p.grad.dtype == dtype
    assert_close(p.grad.float().norm(), torch.tensor(1.0), rtol=1e-2, atol=0)


def test_channels_last_kernels_are_clipped_alike():
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    conv(torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    plain = torch.nn.Parameter(conv.weight.detach().contiguous().clone())
    plain.grad = conv.weight.grad.contiguous().clone()
    adaptive_clip_gradients_([conv.weight, plain])
    assert_close(conv.weight.grad, plain.grad)


def test_the_weights_are_not_touched():
    p = with_gradient(3, 2, scale=100.0)
    version = p._version
    adaptive_clip_gradients_(p)
    normalize_gradients_(p)
    assert p._version == version


def test_a_millionth_is_lost_to_torchs_eps():
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor([2.0], dtype=torch.float64)
    clip_grad_norm_(p, 1.0)
    assert_close(p.grad, torch.tensor([1 / (1 + 5e-7)], dtype=torch.float64), rtol=1e-14, atol=0)
    tiny = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    tiny.grad = torch.tensor([1e-6], dtype=torch.float64)
    clip_grad_norm_(tiny, 1e-6)
    assert_close(tiny.grad, torch.tensor([5e-7], dtype=torch.float64))


def test_what_is_clipped_twice_is_clipped_once():
    p = with_gradient(4, 3, scale=10.0)
    adaptive_clip_gradients_(p)
    once = p.grad.clone()
    adaptive_clip_gradients_(p)
    assert_close(p.grad, once)


@pytest.mark.parametrize("arguments", [{"clipping": 0.0}, {"eps": 0.0}, {"clipping": float("nan")}])
def test_thresholds_must_be_positive(arguments):
    with pytest.raises(ValueError, match="clipping and eps must be positive"):
        adaptive_clip_gradients_(with_gradient(2), **arguments)


@pytest.mark.parametrize("function", [adaptive_clip_gradients_, normalize_gradients_])
def test_sparse_gradients_are_refused(function):
    embedding = nn.Embedding(4, 2, sparse=True)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="gradients must be dense"):
        function(embedding.parameters())
