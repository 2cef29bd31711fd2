"""What the experiments on augmentation share: train on few digits with and without changes, test on both kinds."""

import torch
from torch import nn
from torch.nn import functional as F

from ._digits import Digits, accuracy, digits, seeded


def trained(data: Digits, augment: nn.Module) -> nn.Module:
    """Train a net of two convolutions on digits that are changed anew in every step.

    Args:
        data: of which the training part is used.
        augment: changes a batch.

    Returns:
        The net.
    """
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    for _ in range(60):
        for chosen in torch.randperm(len(data.x)).split(30):
            optimizer.zero_grad()
            F.cross_entropy(net(augment(data.x[chosen])), data.y[chosen]).backward()
            optimizer.step()
    return net


def measure(seed: int, augment: nn.Module, *, what: str) -> dict[str, float]:
    """Train on 300 digits as they are and on changed ones; test both nets on both kinds.

    Args:
        seed: of split, initialization, order and changes.
        augment: the change, in training mode.
        what: a changed digit's name for the figures.

    Returns:
        Test accuracies, and what the changes gained.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits(train=300)
        changed = augment(data.test_x)
        moved = (changed != data.test_x).flatten(1).any(1)
        for name, used in (("plain", nn.Identity()), ("augmented", augment)):
            net = trained(data, used)
            measured[f"accuracy, clean, {name}"] = accuracy(net, data.test_x, data.test_y)
            measured[f"accuracy, {what}, {name}"] = accuracy(net, changed[moved], data.test_y[moved])
    for kind in (what, "clean"):
        measured[f"gain, {kind}"] = (
            measured[f"accuracy, {kind}, augmented"] - measured[f"accuracy, {kind}, plain"]
        )
    return measured
