"""Glorot initialization keeps activations and gradients in scale through a tanh net.

Protocol: ten hidden layers of 256 tanh units on the digits, as initialized, without training: standard
deviation of the last hidden activations over that of the first, and of the loss's gradient at the first over
that at the last; for Glorot's rule and for the heuristic that it replaces, U(-1/sqrt(n), 1/sqrt(n)).

Source: Glorot and Bengio 2010, sections 4.2.1 and 4.2.2, Figures 6 and 7.
"""

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.nn import Tanh, xavier_uniform_

from ._digits import Digits, digits, mlp, seeded
from ._outcome import Outcome

DEPTH, WIDTH = 10, 256


def ratios(net: nn.Sequential, data: Digits) -> tuple[float, float]:
    """Last over first hidden activations, and first over last gradients there, as standard deviations."""
    hidden = []
    x = data.x
    for part in net:
        x = part(x)
        if isinstance(part, Tanh):
            hidden.append(x)
    gradients = torch.autograd.grad(F.cross_entropy(x, data.y), hidden)
    return float((hidden[-1].std() / hidden[0].std()).detach()), float(
        gradients[0].std() / gradients[-1].std()
    )


def claim(seed: int) -> Outcome:
    """Measure activations and gradients of fresh nets.

    Args:
        seed: of split and initialization.

    Returns:
        Ratios of standard deviations.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name in ("glorot", "heuristic"):
            net = mlp(64, *[WIDTH] * DEPTH, 10, activation=Tanh)
            for layer in net:
                if isinstance(layer, nn.Linear):
                    bound = layer.in_features**-0.5
                    nn.init.uniform_(layer.weight, -bound, bound)
                    nn.init.zeros_(layer.bias)
                    if name == "glorot":
                        xavier_uniform_(layer.weight)
            forward, backward = ratios(net, data)
            measured[f"activations, last over first, {name}"] = forward
            measured[f"gradients, first over last, {name}"] = backward
    return Outcome(
        says="with the normalized initialization the variances of activations and of back-propagated gradients are "
        "about the same in all layers; with the old heuristic they shrink from layer to layer",
        measured=measured,
        holds=all(
            (figure > 0.25) if key.endswith("glorot") else (figure < 0.05) for key, figure in measured.items()
        ),
        expected="both ratios above 0.25 with Glorot's rule and below 0.05 with the heuristic",
    )
