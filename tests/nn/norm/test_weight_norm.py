import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.norm.mean_only_batch_norm import MeanOnlyBatchNorm1d
from vademecum.nn.norm.weight_norm import init_weight_norm_, weight_norm


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net() -> nn.Sequential:
    return nn.Sequential(weight_norm(nn.Linear(3, 4)), nn.ReLU(), nn.Dropout(), weight_norm(nn.Linear(4, 2)))


def batch(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded())


def test_it_is_torchs() -> None:
    assert weight_norm is torch.nn.utils.parametrizations.weight_norm


def test_old_checkpoints_load() -> None:
    layer = weight_norm(nn.Linear(3, 2))
    old = {"weight_g": torch.tensor([[2.0], [3.0]]), "weight_v": torch.eye(2, 3), "bias": torch.zeros(2)}
    assert_close(list(layer.load_state_dict(old)), [[], []])
    assert_close(layer.weight, torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))


def test_dim_minus_one_is_one_length_for_all() -> None:
    layer = weight_norm(nn.Linear(3, 2), dim=-1)
    assert layer.parametrizations.weight.original0.shape == ()


def test_start_names_the_layers_in_order_and_leaves_the_rest_as_it_was() -> None:
    model = net().train()
    model[2].eval()
    x = batch(16, 3)
    before, stream = x.clone(), torch.get_rng_state()
    assert init_weight_norm_(model, x, generator=seeded()) == ("0", "3")
    assert_close(x, before, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), stream, rtol=0, atol=0)
    assert [part.training for part in model] == [True, True, False, True]
    assert [parameter.grad for parameter in model.parameters()] == [None] * 6
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_start_is_repeatable_by_its_generator() -> None:
    first, second, third = net(), net(), net()
    for model, seed in ((first, 1), (second, 1), (third, 2)):
        init_weight_norm_(model, batch(16, 3), generator=seeded(seed))
    assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first[0].weight, third[0].weight)


def test_std_none_keeps_v() -> None:
    model = net()
    before = model[0].parametrizations.weight.original1.clone()
    init_weight_norm_(model, batch(16, 3), std=None)
    assert_close(model[0].parametrizations.weight.original1, before, rtol=0, atol=0)
    assert_close(model[0](batch(16, 3)).std(0, correction=0), torch.ones(4))


def test_a_layer_without_bias_keeps_its_mean_and_mean_only_batch_norm_takes_it() -> None:
    model = nn.Sequential(
        weight_norm(nn.Linear(3, 4, bias=False)), MeanOnlyBatchNorm1d(4), weight_norm(nn.Linear(4, 2))
    )
    x = batch(32, 3) + 1
    init_weight_norm_(model, x)
    assert_close(model[1].running_mean, model[0](x).mean(0))
    assert_close(model.eval()(x), model.train()(x), rtol=1e-4, atol=1e-5)
    assert_close(model(x).std(0, correction=0), torch.ones(2))


def test_a_shared_layer_is_set_by_its_first_call() -> None:
    layer = weight_norm(nn.Linear(3, 3))
    x = batch(16, 3)
    assert init_weight_norm_(nn.Sequential(layer, nn.Tanh(), layer), x) == ("0",)
    assert_close(layer(x).std(0, correction=0), torch.ones(3))


def test_several_inputs_and_custom_modules() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = weight_norm(nn.Linear(3, 2)), weight_norm(nn.Linear(4, 2))

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.b(y) * self.a(x)

    assert init_weight_norm_(Two(), (batch(8, 3), batch(8, 4))) == ("b", "a")


def test_a_layer_out_of_reach_is_named_and_kept() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = weight_norm(nn.Linear(3, 2)), weight_norm(nn.Linear(3, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)

    model = Spare()
    before = copy.deepcopy(model.spare)
    with pytest.warns(RuntimeWarning, match=r"not reached.*'spare'"):
        init_weight_norm_(model, batch(8, 3))
    assert_close(
        model.spare.parametrizations.weight.original0,
        before.parametrizations.weight.original0,
        rtol=0,
        atol=0,
    )
    assert_close(model.spare.bias, before.bias, rtol=0, atol=0)


def test_a_dead_input_is_refused_by_name() -> None:
    x = batch(8, 3)
    init_weight_norm_(net(), x)
    with pytest.raises(ValueError, match=r"4 of the 4 units of 0 \(ParametrizedLinear\).*larger batch"):
        init_weight_norm_(net(), x[:1])
    with pytest.raises(ValueError, match=r"every unit must vary"):
        init_weight_norm_(net(), torch.full((8, 3), 0.3))


def test_a_model_without_weight_norm_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"Linear holds none; call torch.nn.utils.parametrizations.weight_norm"
    ):
        init_weight_norm_(nn.Linear(3, 2), batch(8, 3))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: weight_norm(nn.Linear(3, 2), dim=1), r"2 output units.*\(1, 3\).*dim=0"),
        (lambda: weight_norm(nn.Linear(3, 2), dim=None), r"2 output units.*\(\)"),
        (lambda: weight_norm(nn.ConvTranspose1d(2, 3, 2)), r"3 output units.*\(2, 1, 1\).*dim=1"),
        (lambda: weight_norm(nn.ConvTranspose1d(2, 4, 2, groups=2), dim=1), r"without groups"),
        (lambda: weight_norm(nn.Bilinear(2, 2, 2)), r"ParametrizedBilinear\) has weight_norm on weight"),
        (lambda: weight_norm(nn.LSTM(2, 2), "weight_hh_l0"), r"weight_hh_l0; add it after"),
        (
            lambda: nn.utils.parametrizations.spectral_norm(weight_norm(nn.Linear(3, 2))),
            r"no other parametrization",
        ),
    ],
)
def test_layers_that_cannot_be_started_are_refused(layer, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        init_weight_norm_(nn.Sequential(layer()), batch(8, 3))


def test_transposed_convolutions_start_with_dim_one() -> None:
    conv = weight_norm(nn.ConvTranspose2d(2, 3, 2, stride=2), dim=1)
    x = batch(4, 2, 3, 3)
    init_weight_norm_(conv, x)
    assert_close(conv(x).std((0, 2, 3), correction=0), torch.ones(3))
