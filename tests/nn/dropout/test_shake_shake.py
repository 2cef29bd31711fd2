from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint

from vademecum.nn import ShakeShake, shake_shake


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = seeded()
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)
    )


def stored(function, *inputs: torch.Tensor) -> int:
    """Bytes that autograd keeps for the backward pass."""
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        function(*inputs)
    return sum(t.numel() * t.element_size() for t in kept)


@pytest.mark.parametrize(("level", "numbers"), [("image", 4), ("batch", 1)])
@pytest.mark.parametrize("backward", ["shake", "even", "keep"])
def test_bytes_kept_for_backward(level: str, numbers: int, backward: str) -> None:
    x1, x2 = pair(4, 8, 5, 5)
    got = stored(lambda a, b: shake_shake(a, b, backward=backward, level=level), x1, x2)
    assert got == 8 * (1 if backward == "even" else numbers)
    assert stored(lambda a, b: shake_shake(a, b, training=False), x1, x2) == 0


@pytest.mark.parametrize(("forward", "backward"), [("shake", "keep"), ("even", "even")])
def test_where_beta_is_alpha_the_gradient_is_true(forward: str, backward: str) -> None:
    def mix(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return shake_shake(a, b, forward=forward, backward=backward, generator=seeded())

    assert torch.autograd.gradcheck(mix, pair(3, 2))
    assert torch.autograd.gradgradcheck(mix, pair(3, 2))


def test_even_is_the_plain_mean() -> None:
    x1, x2 = pair(3, 2)
    y = shake_shake(x1, x2, forward="even", backward="even")
    assert_close(y, (x1 + x2) / 2)
    assert_close(torch.autograd.grad(y.sum(), [x1, x2]), [torch.full((3, 2), 0.5, dtype=torch.float64)] * 2)


def test_the_second_derivative_is_that_of_the_backward_pass() -> None:
    x1, x2 = pair(1, 2)
    y = shake_shake(x1, x2, backward=lambda alpha: torch.full_like(alpha, 0.8), generator=seeded())
    (g,) = torch.autograd.grad((y**2).sum(), x1, create_graph=True)
    assert_close(g, 0.8 * 2 * y)
    (h,) = torch.autograd.grad(g.sum(), x1)
    assert_close(h, torch.full((1, 2), 0.8 * 2 * 0.8, dtype=torch.float64))


def test_a_rule_of_ones_own() -> None:
    x1, x2 = torch.ones(4, 1, requires_grad=True), torch.zeros(4, 1, requires_grad=True)
    y = shake_shake(x1, x2, backward=lambda alpha: 1 - alpha)
    assert_close(torch.autograd.grad(y.sum(), x1)[0], 1 - y.detach())


def test_a_generator_repeats() -> None:
    x1, x2 = pair(5, 2)
    stream = torch.get_rng_state()
    first = shake_shake(x1, x2, generator=seeded(1))
    assert_close(shake_shake(x1, x2, generator=seeded(1)), first, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), stream, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    x = torch.ones(3, 2, dtype=dtype)
    y = shake_shake(x, x)
    assert y.dtype == dtype
    assert_close(y, x)


def block() -> ShakeShake:
    torch.manual_seed(0)
    return ShakeShake(nn.Linear(3, 3), nn.Linear(3, 3))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_draws_the_same_again(reentrant: bool) -> None:
    """Torch puts its stream back for the second forward pass: output and gradients are those of the plain run."""
    gradients = []
    for run in (lambda m, x: m(x), lambda m, x: checkpoint(m, x, use_reentrant=reentrant)):
        model, x = block(), torch.ones(4, 3, requires_grad=True)
        torch.manual_seed(1)
        y = run(nn.Sequential(model, nn.Tanh()), x)
        y.square().sum().backward()
        gradients.append([y.detach(), x.grad, *(p.grad for p in model.parameters())])
    assert_close(gradients[0], gradients[1])


def test_under_vmap_and_grad() -> None:
    x1, x2 = (x.detach() for x in pair(3, 2))
    one = torch.func.vmap(lambda a, b: shake_shake(a, b), randomness="different")(x1[:, None], x2[:, None])
    low, high = torch.minimum(x1, x2), torch.maximum(x1, x2)
    assert_close(one[:, 0].clamp(low, high), one[:, 0])
    grad = torch.func.grad(lambda a: shake_shake(a, x2, backward="even").sum())(x1)
    assert_close(grad, torch.full_like(x1, 0.5))


def test_copy_and_state() -> None:
    model = block()
    copy, x = deepcopy(model), torch.ones(2, 3)
    assert_close(copy.eval()(x), model.eval()(x), rtol=0, atol=0)
    assert sorted(model.state_dict()) == ["first.bias", "first.weight", "second.bias", "second.weight"]
    assert "forward=shake, backward=shake, level=image" in repr(model)


def test_wrong_inputs() -> None:
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match=r"one shape, batch first: \(2, 3\) and \(2, 1\) came; project"):
        shake_shake(x, x[:, :1])
    with pytest.raises(ValueError, match=r"batch first: \(\) and \(\)"):
        shake_shake(x.sum(), x.sum())
    with pytest.raises(ValueError, match='"keep" says that the backward pass takes its numbers'):
        shake_shake(x, x, forward="keep")
    for options in ({"forward": "odd"}, {"backward": "odd"}, {"level": "pixel"}):
        with pytest.raises(ValueError, match="one of the paper's"):
            shake_shake(x, x, **options)
        with pytest.raises(ValueError, match="one of the paper's"):
            ShakeShake(nn.Identity(), nn.Identity(), **options)
