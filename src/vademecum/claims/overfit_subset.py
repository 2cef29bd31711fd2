"""Twenty digits are learned by heart by what works, and not by what is broken.

Protocol: `overfit_subset` on 20 digits with a net of 64 hidden units, 200 steps at most at each of its rates: as it is,
then with one fault each: the loss with the wrong sign, labels drawn anew in each step, a dead ReLU behind the last
layer, an output that does not depend on the input, and a learning rate of 1e-5.

Source: Karpathy 2019, "overfit one batch".
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.train.overfit_subset import overfit_subset

from ._digits import digits, mlp, seeded
from ._outcome import Outcome

Loss = Callable[[Tensor, Tensor], Tensor]


class Blind(nn.Module):
    """The same scores for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(10))

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores.

        Args:
            x: (B, ...) anything.

        Returns:
            (B, 10) the same row again and again.
        """
        return self.scores.expand(len(x), 10)


def wrong_sign(output: Tensor, y: Tensor) -> Tensor:
    """Reward errors."""
    return -F.cross_entropy(output, y)


def shuffled(output: Tensor, y: Tensor) -> Tensor:
    """Compare with other labels in each step."""
    return F.cross_entropy(output, y[torch.randperm(len(y))])


def claim(seed: int) -> Outcome:
    """Try a right and five wrong set-ups.

    Args:
        seed: of the examples and the initialization.

    Returns:
        For each whether it learned the examples by heart, 1 or 0, and the steps of the right one.
    """
    with seeded(seed):
        data = digits()
        dead = nn.Sequential(mlp(64, 64, 10), nn.Threshold(1e9, 0.0))
        setups: dict[str, tuple[nn.Module, Loss, tuple[float, ...]]] = {
            "right": (mlp(64, 64, 10), F.cross_entropy, (1e-2,)),
            "wrong sign": (mlp(64, 64, 10), wrong_sign, (1e-2, 2e-3, 1e-1)),
            "labels drawn anew": (mlp(64, 64, 10), shuffled, (1e-2, 2e-3, 1e-1)),
            "dead output": (dead, F.cross_entropy, (1e-2, 2e-3, 1e-1)),
            "blind": (Blind(), F.cross_entropy, (1e-2, 2e-3, 1e-1)),
            "rate of 1e-5": (mlp(64, 64, 10), F.cross_entropy, (1e-5,)),
        }
        results = {
            name: overfit_subset(net, loss, data.x, data.y, num_classes=10, rates=rates)
            for name, (net, loss, rates) in setups.items()
        }
    measured = {f"learned, {name}": float(result.learned) for name, result in results.items()}
    measured["steps, right"] = results["right"].steps
    return Outcome(
        says="a network and a loss that work can overfit a handful of examples; failing at it means a fault",
        measured=measured,
        holds=[result.learned for result in results.values()] == [True] + [False] * 5,
        expected="the right set-up learns the examples by heart, none of the five others does",
    )
