"""Path-SGD does not notice that a net is unbalanced; SGD does.

Protocol: the digits, 1297 to train on; a net of two hidden layers of 64 units with ReLU. Its first layer, bias
included, is multiplied by 30 and the second's weights are divided by 30: the same function. Both starts are trained for
5 epochs in batches of 32, at a rate that suits the balanced start: 0.1 for SGD, 0.01 for Path-SGD, in float64.

Source: Neyshabur et al. 2015, section 2 and Figure 1.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.optim import SGD, PathSGD

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome

OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "SGD": lambda model: SGD(model.parameters(), lr=0.1),
    "Path-SGD": lambda model: PathSGD(model, lr=0.01),
}


def trained(data: Digits, name: str, *, factor: float) -> float:
    """Train from a start with one layer scaled up and the next one down, and test."""
    model = mlp(64, 64, 64, 10).double().train()
    with torch.no_grad():
        first, second = (part for part in list(model)[1:4] if isinstance(part, nn.Linear))
        first.weight.mul_(factor)
        first.bias.mul_(factor)
        second.weight.div_(factor)
    optimizer = OPTIMIZERS[name](model)
    for _ in range(5):
        for chosen in torch.randperm(len(data.x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(data.x[chosen].double()), data.y[chosen]).backward()
            optimizer.step()
    return accuracy(model, data.test_x.double(), data.test_y)


def claim(seed: int) -> Outcome:
    """Train both from both starts.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    for name in OPTIMIZERS:
        for start, factor in (("balanced", 1.0), ("unbalanced", 30.0)):
            with seeded(seed):
                measured[f"accuracy, {name}, {start}"] = trained(digits(), name, factor=factor)
    lost = {
        name: measured[f"accuracy, {name}, balanced"] - measured[f"accuracy, {name}, unbalanced"]
        for name in OPTIMIZERS
    }
    return Outcome(
        says="Path-SGD goes the same way from a rescaled start, SGD does not",
        measured=measured,
        holds=abs(lost["Path-SGD"]) < 0.01
        and lost["SGD"] > 0.2
        and measured["accuracy, Path-SGD, balanced"] > 0.85,
        expected="Path-SGD above 0.85, within a point from both starts; SGD loses more than 20 points",
    )
