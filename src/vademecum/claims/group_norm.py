"""Group normalization computes in training what it computes in evaluation, and small batches do not change it.

Protocol: the digits, 1297 to train on; a net of two 3 by 3 convolutions (16 and 32 channels), each followed
by a norm, ReLU and pooling, then a linear layer; one epoch at the learning rate 0.02 in batches of 2. The
outputs for batches of 2 are compared between training and evaluation mode. Then, before training, the
gradient of one batch of 32 is compared with the sum over its 16 parts of 2.

Source: Wu and He 2018, sections 1 and 3 (no batch statistics; consistent in training, transfer and testing).
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn import BatchNorm2d, GroupNorm

from ._digits import Digits, digits, seeded, train
from ._outcome import Outcome

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "group norm": partial(GroupNorm, 4),
    "batch norm": BatchNorm2d,
}


def net_with(norm: Callable[[int], nn.Module]) -> nn.Module:
    """Build the net."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), norm(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), norm(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


@torch.no_grad()
def gap(net: nn.Module, data: Digits) -> float:
    """Measure how far the outputs for batches of 2 differ between the two modes, as a share of their length."""
    batches = data.x[:400].split(2)
    evaluated = torch.cat([net.eval()(x) for x in batches])
    trained = torch.cat([net.train()(x) for x in batches])
    return float((trained - evaluated).norm() / evaluated.norm())


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
        Differences of gradients and of outputs, as shares of their length.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in NORMS.items():
            net = net_with(norm)
            whole = gradient(net, data, 32)
            parts = gradient(net, data, 2)
            measured[f"difference of gradients, {name}"] = float((parts - whole).norm() / whole.norm())
            train(net, data.x, data.y, epochs=1, learning_rate=0.02, batch_size=2)
            measured[f"difference of outputs, {name}"] = gap(net, data)
    group, batch = (
        [figure for key, figure in measured.items() if key.endswith(name)]
        for name in ("group norm", "batch norm")
    )
    return Outcome(
        says="group normalization depends on no batch: training and evaluation agree, whatever the size of the batch",
        measured=measured,
        holds=max(group) < 1e-4 and min(batch) > 0.05,
        expected="both differences below 1e-4 of the length with group norm, and above 0.05 with batch norm",
    )
