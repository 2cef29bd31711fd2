"""Nets for the laws of what is done to weights: filled from the draw, and one that holds a parameter of each kind."""

import torch
from torch import Tensor, nn

from ._suite import Draw

WEIGHT, OTHER = 1.0, 0.0


def filled(draw: Draw, model: nn.Module) -> nn.Module:
    """Draw every parameter anew; in the draw's precision."""
    model = model.to(draw.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape) or (1,)
            parameter.copy_(draw.normal(*shape, name=name).reshape(parameter.shape))
    return model


def perceptron(draw: Draw, *, hidden: int = 3, outputs: int = 2) -> nn.Sequential:
    """Two layers on the features of the draw's shape."""
    inputs = draw.shape[1]
    return filled(draw, nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs)))


def weights(model: nn.Module) -> list[Tensor]:
    """Of a plain chain: what has two dimensions or more."""
    return [parameter for parameter in model.parameters() if parameter.dim() > 1]


def entries(model: nn.Module) -> list[float]:
    """All of these, one by one."""
    return [value for weight in weights(model) for value in weight.detach().double().flatten().tolist()]


def gradients(number: Tensor, model: nn.Module) -> list[Tensor]:
    """Of a scalar, zeros where it does not reach a parameter."""
    parameters = list(model.parameters())
    found = torch.autograd.grad(number, parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


class Zoo(nn.Module):
    """One of each kind of parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.slope = nn.PReLU(4)
        self.gain = nn.Parameter(torch.ones(1, 4, 1, 1))
        self.plane = nn.LayerNorm([4, 2, 2])
        self.state = nn.LSTM(4, 3)
        self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
        self.single = nn.Linear(4, 1)
        self.back = nn.ConvTranspose1d(1, 1, 3)


ZOO_WEIGHTS = {
    "conv.weight", "state.weight_ih_l0", "state.weight_hh_l0", "attention.in_proj_weight", "attention.out_proj.weight",
    "single.weight", "back.weight",
}  # fmt: skip
