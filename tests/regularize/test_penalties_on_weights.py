"""L1, L2 and the elastic penalty beside scikit-learn and torch's optimizers, and what is refused."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vademecum.regularize import (
    decay_groups,
    elastic_penalty,
    l1_penalty,
    l2_penalty,
    prox_elastic_,
    prox_l1_,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 6, dtype=torch.float64, generator=GENERATOR)
Y = X[:, :2].sum(1, keepdim=True) + 0.1 * torch.randn(40, 1, dtype=torch.float64, generator=GENERATOR)


def line() -> nn.Linear:
    layer = nn.Linear(6, 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(layer.weight)
    return layer


def descend(
    loss: Callable[[nn.Linear], Tensor], after: Callable[[nn.Linear], None] = lambda layer: None
) -> Tensor:
    layer = line()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(2000):
        optimizer.zero_grad()
        loss(layer).backward()
        optimizer.step()
        after(layer)
    return layer.weight.detach()


def half_mean_square(layer: nn.Linear) -> Tensor:
    return (layer(X) - Y).square().mean() / 2


def test_l2_is_ridge() -> None:
    """Ridge minimizes a sum of squares plus alpha ||w||^2: N times half the mean, and twice half the penalty."""
    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha=0.3 * len(X), fit_intercept=False, solver="cholesky").fit(X.numpy(), Y.numpy())
    found = descend(lambda layer: half_mean_square(layer) + 0.3 * l2_penalty(layer))
    assert_close(found, torch.from_numpy(np.atleast_2d(ridge.coef_)), rtol=1e-10, atol=1e-10)


def test_proximal_descent_is_the_lasso() -> None:
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=0.2, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(X.numpy(), Y[:, 0].numpy())
    found = descend(half_mean_square, lambda layer: prox_l1_(layer, 0.1 * 0.2))
    assert_close(found[0], torch.from_numpy(lasso.coef_), rtol=1e-6, atol=1e-8)
    assert (found == 0).sum() == (lasso.coef_ == 0).sum() > 0
    by_gradient = descend(lambda layer: half_mean_square(layer) + 0.2 * l1_penalty(layer))
    assert not (by_gradient == 0).any()


def test_proximal_descent_is_the_elastic_net() -> None:
    from sklearn.linear_model import ElasticNet

    net = ElasticNet(alpha=0.2, l1_ratio=0.7, fit_intercept=False, tol=1e-12, max_iter=100_000)
    net.fit(X.numpy(), Y[:, 0].numpy())
    found = descend(half_mean_square, lambda layer: prox_elastic_(layer, 0.1 * 0.2, l1_ratio=0.7))
    assert_close(found[0], torch.from_numpy(net.coef_), rtol=1e-6, atol=1e-8)


def trained(kind: type[torch.optim.Optimizer], weight_decay: float, strength: float) -> list[Tensor]:
    model = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters(), 1):
            parameter.copy_(
                torch.linspace(-1, number, parameter.numel(), dtype=torch.float64).view_as(parameter)
            )
    optimizer = kind(decay_groups(model, weight_decay), lr=0.05)
    for _ in range(5):
        loss = (model(X) - Y).square().mean() + (strength * l2_penalty(model) if strength else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def test_under_adam_the_penalty_is_the_argument_and_decoupled_decay_is_not() -> None:
    penalty = trained(torch.optim.Adam, 0.0, 0.3)
    assert_close(penalty, trained(torch.optim.Adam, 0.3, 0.0), rtol=1e-9, atol=1e-9)
    with pytest.raises(AssertionError, match="not close"):
        assert_close(penalty, trained(torch.optim.AdamW, 0.3, 0.0), rtol=1e-2, atol=1e-2)


def test_decoupled_decay_shrinks_beside_the_step() -> None:
    model = nn.Linear(6, 1).double()
    other = deepcopy(model)
    decoupled = torch.optim.AdamW(decay_groups(model, 0.3), lr=0.05)
    plain = torch.optim.Adam(other.parameters(), lr=0.05)
    for _ in range(5):
        for optimizer, one in ((decoupled, model), (plain, other)):
            optimizer.zero_grad()
            one(X).sum().backward()  # whose gradient does not depend on the weights
            if optimizer is plain:
                with torch.no_grad():
                    one.weight.mul_(1 - 0.05 * 0.3)
            optimizer.step()
    assert_close(model.weight, other.weight, rtol=1e-12, atol=1e-12)
    assert_close(model.bias, other.bias, rtol=1e-12, atol=1e-12)


def test_diffuse_weights_cost_less_under_l2_and_as_much_under_l1() -> None:
    peaked, diffuse = nn.Linear(4, 1), nn.Linear(4, 1)
    with torch.no_grad():
        peaked.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
        diffuse.weight.fill_(0.25)
    assert_close(l2_penalty(peaked), 4 * l2_penalty(diffuse))
    assert_close(l1_penalty(peaked), l1_penalty(diffuse))


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty, elastic_penalty])
def test_penalties_never_call_backward_and_are_scalars(penalty: Callable[[nn.Module], Tensor]) -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)).bfloat16()
    number = penalty(model)
    assert number.shape == ()
    assert number.dtype == torch.float32
    assert all(parameter.grad is None for parameter in model.parameters())
    number.backward()
    assert model[0].weight.grad is None
    assert penalty(model, skip_embeddings=False) > penalty(model)
    with pytest.raises(ValueError, match="trainable weight"):
        penalty(model, skip=["1.weight"])


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"threshold must be at least 0: it is -0\.1"):
        prox_l1_(line(), -0.1)
    with pytest.raises(ValueError, match=r"threshold must be at least 0"):
        prox_elastic_(line(), -0.1)
    for function in (elastic_penalty, lambda layer, l1_ratio: prox_elastic_(layer, 0.1, l1_ratio=l1_ratio)):
        with pytest.raises(ValueError, match=r"l1_ratio must lie in \[0, 1\]: it is 1\.5"):
            function(line(), l1_ratio=1.5)
