from copy import deepcopy
from itertools import product

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import Dropout, Dropout1d, Dropout2d, Dropout3d, PlainDropout, fold_plain_dropout


def test_they_are_torchs() -> None:
    assert Dropout is torch.nn.Dropout
    assert (Dropout1d, Dropout2d, Dropout3d) == (torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_plain_drops_what_torch_drops(dtype: torch.dtype) -> None:
    x = torch.rand(4, 3, 50).to(dtype).transpose(0, 1) + 1
    torch.manual_seed(0)
    inverted = nn.Dropout(0.3)(x)
    torch.manual_seed(0)
    plain = PlainDropout(0.3)(x)
    assert_close(plain != 0, inverted != 0, rtol=0, atol=0)
    assert_close(plain, torch.where(inverted != 0, x, 0), rtol=0, atol=0)
    assert plain.dtype == dtype


def test_plain_at_the_ends() -> None:
    x = torch.tensor([1.0, float("inf")])
    assert_close(PlainDropout(0.0)(x), x)
    assert_close(PlainDropout(1.0)(x), torch.zeros(2))  # infinity times 0 would be no number
    assert_close(PlainDropout(1.0).eval()(x[:1]), torch.zeros(1))


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_is_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match=r"p is the probability of dropping.*take 1 minus it"):
        PlainDropout(p)


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"floating-point numbers: torch.int64 of shape \(2,\)"):
        PlainDropout()(torch.tensor([1, 2]))
    with pytest.raises(TypeError, match="takes a tensor: list came"):
        PlainDropout()([1.0])


def test_through_two_layers_the_geometric_mean_is_an_approximation() -> None:
    """What holds for a softmax after the dropout fails where a nonlinear layer stands between."""
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    x = torch.randn(4, generator=generator, dtype=torch.float64)

    def gap(net) -> float:
        logs = [net(2 * torch.tensor(mask) * x).log_softmax(0) for mask in product([0.0, 1.0], repeat=4)]
        return float(((sum(logs) / 16).softmax(0) - net(x).softmax(0)).abs().max())

    assert gap(lambda h: first @ h) < 1e-12
    assert gap(lambda h: second @ (first @ h).relu()) > 0.01


# ---------------------------------------------------------------------------------------------- folding


class Branching(nn.Module):
    """A dropout that two layers read, one of them through functions."""

    def __init__(self, *, adds: bool = False) -> None:
        super().__init__()
        self.drop, self.a, self.b, self.adds = PlainDropout(0.25), nn.Linear(4, 3), nn.Linear(4, 3), adds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.drop(x)
        z = nn.functional.relu(torch.flatten(y, 1))
        return self.a(y) + self.b(z) + (y.sum() if self.adds else 0)


def test_each_reader_is_scaled_and_the_mode_is_kept() -> None:
    model = Branching().eval()
    new = fold_plain_dropout(model)
    assert not new.training
    assert_close(new.a.weight, 0.75 * model.a.weight)
    assert_close(new.b.weight, 0.75 * model.b.weight)
    assert_close(new.a.bias, model.a.bias)
    x = torch.randn(5, 4)
    assert_close(new(x), model(x))
    assert isinstance(model.drop, PlainDropout)
    deepcopy(new).load_state_dict(model.state_dict())


def test_frozen_weights_stay_frozen() -> None:
    model = nn.Sequential(PlainDropout(), nn.Linear(2, 2).requires_grad_(False))
    assert not fold_plain_dropout(model)[1].weight.requires_grad


def test_what_cannot_be_folded_is_refused() -> None:
    shared = nn.Linear(2, 2)
    for model, words in [
        (nn.Linear(2, 2), "calls none; use it as it is"),
        (nn.Sequential(PlainDropout(), nn.Sigmoid(), nn.Linear(2, 2)), r"1 \(Sigmoid\) stands between"),
        (nn.Sequential(nn.Linear(2, 2), PlainDropout()), "the output stands between"),
        (Branching(adds=True), "sum stands between"),
        (nn.Sequential(PlainDropout(), shared, shared), "called more than once"),
        (
            nn.Sequential(PlainDropout(), nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))),
            "is parametrized",
        ),
    ]:
        with pytest.raises(ValueError, match=words):
            fold_plain_dropout(model)


def test_a_model_that_cannot_be_traced_is_refused() -> None:
    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match=r"traceable by torch.fx.*Asks.*scale the weights"):
        fold_plain_dropout(Asks())
