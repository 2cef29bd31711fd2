"""Group normalization computes in training what it computes in evaluation, and small batches do not change it.

Protocol: the digits, 1297 to train on; a net of two 3 by 3 convolutions (16 and 32 channels), each followed by a norm,
ReLU and pooling, then a linear layer; 2 epochs at the learning rate 0.02 in batches of 2 and of 32. The loss over the
training data is measured in training mode, in batches of the size trained with, and in evaluation mode. Then, at the
start of training, the gradient of one batch of 32 is compared with the sum over its 16 parts of 2.

Source: Wu and He 2018, sections 1 and 3 (no batch statistics; consistent in training, transfer and testing).
"""
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn import BatchNorm2d, GroupNorm

from ._digits import Digits, digits, loss, seeded, train
from ._outcome import Outcome

NORMS: dict[str, Callable[[int], nn.Module]] = {"group norm": partial(GroupNorm, 4), "batch norm": BatchNorm2d}


def net_with(norm: Callable[[int], nn.Module]) -> nn.Module:
    """Build the net."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), norm(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), norm(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def gap(net: nn.Module, data: Digits, batch_size: int) -> float:
    """Measure by how many nats the loss in evaluation mode differs from that in training mode."""
    parts = range(0, len(data.x) - batch_size + 1, batch_size)
    chosen = [slice(i, i + batch_size) for i in parts]
    evaluated = sum(loss(net.eval(), data.x[i], data.y[i]) for i in chosen) / len(chosen)
    trained = sum(loss(net.train(), data.x[i], data.y[i]) for i in chosen) / len(chosen)
    return abs(evaluated - trained)


def gradient(net: nn.Module, data: Digits, batch_size: int) -> Tensor:
    """Sum the gradients of the first 32 examples over batches of a size."""
    net.zero_grad()
    for x, y in zip(data.x[:32].split(batch_size), data.y[:32].split(batch_size), strict=True):
        (F.cross_entropy(net.train()(x), y, reduction="sum") / 32).backward()
    return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])


def claim(seed: int) -> Outcome:
    """Compare the two modes, and one large batch with many small ones.

    Args:
        seed: of split, initialization and order.

    Returns:
        Differences of losses in nats, and of gradients relative to their length.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in NORMS.items():
            net = net_with(norm)
            whole = gradient(net, data, 32)
            parts = gradient(net, data, 2)
            measured[f"difference of gradients, {name}"] = float((parts - whole).norm() / whole.norm())
            for size in (2, 32):
                net = net_with(norm)
                train(net, data.x, data.y, epochs=2, learning_rate=0.02, batch_size=size)
                measured[f"difference of losses, batches of {size}, {name}"] = gap(net, data, size)
    group, batch = (
        [figure for key, figure in measured.items() if key.endswith(name)] for name in ("group norm", "batch norm")
    )
    return Outcome(
        says="group normalization depends on no batch: training and evaluation agree, whatever the size of the batch",
        measured=measured,
        holds=max(group) < 1e-4 and batch[0] > 0.1 and batch[1] > 0.05,
        expected="with group norm all differences below 1e-4; with batch norm gradients differ by more than 0.1 of "
        "their length, and losses by more than 0.05 nats after training in batches of 2",
    )
