"""Layer normalization: what the laws do not ask of the classes."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.laws import conform
from vademecum.nn.norm.layer_norm import (
    LayerNorm,
    LayerNorm2d,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LayerNormRNNCell,
)

CELLS = [LayerNormRNNCell, LayerNormGRUCell, LayerNormLSTMCell]
TORCH = {LayerNormRNNCell: nn.RNNCell, LayerNormGRUCell: nn.GRUCell, LayerNormLSTMCell: nn.LSTMCell}


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def first(new: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    return new if isinstance(new, torch.Tensor) else new[0]


def test_layer_norm_is_torchs() -> None:
    assert LayerNorm is nn.LayerNorm


def test_over_channels_and_space_it_is_group_norm_with_one_group(generator: torch.Generator) -> None:
    x = torch.randn(2, 3, 4, 5, generator=generator)
    assert_close(LayerNorm([3, 4, 5], elementwise_affine=False)(x), nn.GroupNorm(1, 3, affine=False)(x))
    gap = (LayerNorm2d(3)(x) - nn.GroupNorm(1, 3)(x)).abs().max()
    assert gap > 0.5, "per pixel is another function"


def test_2d_reads_torchs_state(generator: torch.Generator) -> None:
    other = nn.LayerNorm(3)
    nn.init.uniform_(other.weight, generator=generator)
    norm = LayerNorm2d(3)
    norm.load_state_dict(other.state_dict())
    x = torch.randn(2, 3, 4, 5, generator=generator)
    assert_close(norm(x), other(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    assert_close(norm(x[0]), norm(x)[0])


def test_2d_without_parameters() -> None:
    assert list(LayerNorm2d(3, elementwise_affine=False).parameters()) == []
    assert [name for name, _ in LayerNorm2d(3, bias=False).named_parameters()] == ["weight"]


@pytest.mark.parametrize("shape", [(2, 4, 5, 5), (2, 3), (1, 2, 3, 4, 5)])
def test_2d_refuses(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"input must be \(B, 3, H, W\).*build the layer with"):
        LayerNorm2d(3)(torch.zeros(shape))


def test_a_lone_unit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"num_channels must be at least 2: it is 1"):
        LayerNorm2d(1)
    for cell in CELLS:
        with pytest.raises(ValueError, match=r"hidden_size must be at least 2: it is 1"):
            cell(3, 1)


@pytest.mark.parametrize("cell", CELLS)
def test_weights_and_biases_have_torchs_names_and_shapes(cell: type[nn.Module]) -> None:
    ours = {name: p.shape for name, p in cell(3, 4).named_parameters()}
    theirs = {name: p.shape for name, p in TORCH[cell](3, 4).named_parameters()}
    if cell is LayerNormRNNCell:  # one sum, one shift
        del theirs["bias_ih"]
    assert {name: ours[name] for name in theirs} == theirs


def test_lstm_parameter_count() -> None:
    features, units = 3, 5
    want = 4 * units * (features + units) + 2 * (2 * 4 * units + units)
    assert sum(p.numel() for p in LayerNormLSTMCell(features, units).parameters()) == want


@pytest.mark.parametrize("cell", CELLS)
def test_start(cell: type[nn.Module]) -> None:
    parameters = dict(cell(3, 16).named_parameters())
    for name, parameter in parameters.items():
        if name.startswith("gain"):
            assert_close(parameter, torch.ones_like(parameter))
        elif name.startswith("bias"):
            assert_close(parameter, torch.zeros_like(parameter))
        else:
            assert 0.2 < parameter.abs().max() <= 0.25, "uniform up to 1 / sqrt(16)"


@pytest.mark.parametrize("cell", CELLS)
def test_without_bias_nothing_shifts(cell: type[nn.Module]) -> None:
    built = cell(3, 4, bias=False)
    assert not [name for name, _ in built.named_parameters() if name.startswith("bias")]
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    other = cell(3, 4)
    other.load_state_dict(built.state_dict(), strict=False)
    assert_close(first(built(x)), first(other(x)))


@pytest.mark.parametrize("cell", CELLS)
def test_one_example_without_a_batch(cell: type[nn.Module], generator: torch.Generator) -> None:
    built = cell(3, 4)
    x = torch.randn(2, 3, generator=generator)
    assert_close(first(built(x[0])), first(built(x))[0])


@pytest.mark.parametrize("cell", CELLS)
def test_cells_refuse(cell: type[nn.Module]) -> None:
    built = cell(3, 4)

    def state(*shape: int) -> object:
        h = torch.zeros(shape)
        return (h, h) if cell is LayerNormLSTMCell else h

    for x in (torch.zeros(2, 5), torch.zeros(7, 2, 3)):
        with pytest.raises(ValueError, match=r"input must be \(B, 3\) or \(3,\).*one time step"):
            built(x)
    for wrong in (state(1, 4), state(2, 3), state(4)):
        with pytest.raises(ValueError, match=r"must be \(2, 4\) for an input of \(2, 3\).*start from 0"):
            built(torch.zeros(2, 3), wrong)


def test_padding_does_not_reach_what_comes_before(generator: torch.Generator) -> None:
    cell = LayerNormLSTMCell(3, 4)
    x = torch.randn(5, 2, 3, generator=generator)
    padded = torch.cat([x[:3], torch.full((2, 2, 3), 1e6)])
    for sequence in (x, padded):
        state = None
        states = []
        for step in sequence:
            state = cell(step, state)
            states.append(state[0])
        assert torch.stack(states).isfinite().all()
        if sequence is x:
            want = torch.stack(states)
    assert_close(torch.stack(states)[:3], want[:3], rtol=0, atol=0)


def test_conform_names_the_pitfall() -> None:
    class RootMeanSquare(nn.Module):
        def __init__(self, dim: int, epsilon: float = 1e-5) -> None:
            super().__init__()
            self.epsilon = epsilon
            self.gamma, self.beta = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / (x.square().mean(-1, keepdim=True) + self.epsilon).sqrt() * self.gamma + self.beta

    assert "that is RMS normalization" in str(conform(RootMeanSquare, "layer_norm"))
    assert conform(nn.LayerNorm(6), "layer_norm")
    assert not conform(nn.GroupNorm(1, 3), "layer_norm.LayerNorm2d")


def test_conform_refuses_the_plain_cells() -> None:
    for cell in CELLS:
        assert not conform(TORCH[cell], f"layer_norm.{cell.__name__}")
