"""Bounds on Lipschitz constants: what is known, what is refused, what is left alone."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.testing import assert_close

from vademecum.theory.lipschitz import lipschitz_bound, lipschitz_lower_bound


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def x(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_the_factors_go_by_path_and_the_value_is_their_product() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.MaxPool2d(2), nn.Flatten()),
        nn.Linear(16, 2),
    )
    image = x(2, 1, 6, 6)
    before = image.clone()
    bound = lipschitz_bound(model, image)
    assert list(bound.factors) == ["0", "1", "2.0", "2.1", "3"]
    assert_close(bound.value, torch.tensor(list(bound.factors.values()), dtype=torch.float64).prod().item())
    assert_close(max(bound.value, lipschitz_lower_bound(model, image)), bound.value)
    assert_close(image, before, rtol=0, atol=0)


def test_a_part_that_works_in_place_leaves_the_examples_alone() -> None:
    model, data = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)), x(4, 3)
    before = data.clone()
    lipschitz_bound(model, data), lipschitz_lower_bound(model, data)
    assert_close(data, before, rtol=0, atol=0)
    assert [parameter.grad for parameter in model.parameters()] == [None, None]


def test_what_is_unknown_is_refused_by_name_and_may_be_given() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Residual())
    with pytest.raises(ValueError, match=r"1 \(Residual\).*\(4, 3\).*constants=\{'1': ...\}.*nn.Sequential"):
        lipschitz_bound(model, x(4, 3))
    bound = lipschitz_bound(model, x(4, 3), constants={"1": 2.0})
    assert bound.factors["1"] == 2.0
    with pytest.raises(ValueError, match=r"\['7'\] are none; take from \['0', '1'\]"):
        lipschitz_bound(model, x(4, 3), constants={"1": 2.0, "7": 1.0})


@pytest.mark.parametrize(
    ("part", "shape"),
    [
        (nn.LayerNorm(3), (2, 3)),
        (nn.BatchNorm1d(3, track_running_stats=False), (2, 3)),
        (nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect"), (2, 1, 5)),
        (nn.AdaptiveAvgPool1d(2), (2, 1, 5)),
        (Residual(), (2, 3)),
    ],
)
def test_parts_without_a_useful_constant_are_refused(part: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"0 \({type(part).__name__}\)"):
        lipschitz_bound(nn.Sequential(part), x(*shape))
    assert lipschitz_bound(nn.Sequential(part), x(*shape), constants={"0": 3.0}).value == 3.0


def test_a_layer_with_a_forward_pass_of_its_own_is_not_taken_for_its_parent() -> None:
    class Doubled(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    with pytest.raises(ValueError, match="Doubled"):
        lipschitz_bound(Doubled(3, 2), x(2, 3))


def test_spectral_normalization_holds_a_chain_near_one() -> None:
    model = nn.Sequential(spectral_norm(nn.Linear(5, 5)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(5, 1)))
    for _ in range(200):
        model(x(2, 5))
    held = {name: value.clone() for name, value in model.state_dict().items()}
    assert_close(lipschitz_bound(model, x(2, 5)).value, 1.0, rtol=1e-3, atol=0)
    assert_close(model.state_dict(), held, rtol=0, atol=0)
    assert model[0].training


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool1d(3, stride=1, padding=1),
        nn.AvgPool1d(3, stride=2, ceil_mode=True),
        nn.AvgPool2d(2, divisor_override=1),
        nn.AvgPool2d((3, 2), stride=(1, 2)),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.AvgPool3d(2),
    ],
)
def test_means_are_bounded(pool: nn.Module) -> None:
    size = (6,) * int(type(pool).__name__[-2])
    pixels = torch.eye(6 ** len(size)).reshape(-1, 1, *size)
    norm = torch.linalg.matrix_norm(pool(pixels).flatten(1), 2).item()
    bound = lipschitz_bound(pool, pixels[:1]).value
    assert_close(max(norm, bound + 1e-6), bound + 1e-6)
    if pool.__class__ is nn.AdaptiveAvgPool2d or getattr(pool, "stride", 0) == getattr(
        pool, "kernel_size", 1
    ):
        assert_close(bound, norm)


def test_any_module_has_a_lower_bound_and_a_repeatable_one() -> None:
    model, data = Residual(), x(3, 3)
    want = torch.linalg.matrix_norm(torch.eye(3) + model.inner.weight.detach(), 2).item()
    assert_close(lipschitz_lower_bound(model, data, steps=300), want, rtol=1e-4, atol=0)
    first, second = (
        lipschitz_lower_bound(model, data, steps=1, generator=torch.Generator().manual_seed(3)) for _ in "ab"
    )
    assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(("data", "steps"), [(torch.zeros(0, 3), 5), (torch.zeros(2, 3), 0)])
def test_no_examples_or_no_steps_are_refused(data: Tensor, steps: int) -> None:
    with pytest.raises(ValueError, match=r"give at least 1 of each"):
        lipschitz_lower_bound(nn.Linear(3, 2), data, steps=steps)
