"""What the laws of fine-tuning share: a net with norms and a head, a few steps of training, and what moved."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from ._suite import Draw

HEAD = "6"
BODY = ("0", "1", "3", "4")


def small_net(draw: Draw) -> nn.Sequential:
    """Two layers with batch normalization, and a head."""
    width = draw.shape[1]
    net = nn.Sequential(
        nn.Linear(width, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2),
    ).to(draw.dtype)  # fmt: skip
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(draw.normal(*p.shape, std=0.5, name=name))
    return net


def optimizers(model: nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    """With momentum and weight decay, coupled and decoupled."""
    every = list(model.parameters())
    return (
        torch.optim.SGD(every, lr=0.1, momentum=0.9, weight_decay=0.1),
        torch.optim.AdamW(every, lr=0.1, weight_decay=0.1),
    )


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, *, count: int = 2) -> None:
    """Train; gradients are set to zero and not dropped, so that one that was left behind shows."""
    for _ in range(count):
        optimizer.zero_grad(set_to_none=False)
        model(x).square().mean().backward()
        optimizer.step()


def state(model: nn.Module, *paths: str) -> dict[str, Tensor]:
    """A copy of what some parts hold; all of it where none is named."""
    return {
        name: value.clone()
        for name, value in deepcopy(model.state_dict()).items()
        if not paths or name.rpartition(".")[0] in paths
    }


def moved(model: nn.Module, before: dict[str, Tensor]) -> Tensor:
    """For each tensor, 1 where it moved."""
    now = model.state_dict()
    return torch.tensor([float(not torch.equal(now[name], value)) for name, value in before.items()])
