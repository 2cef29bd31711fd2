"""The rate that one range test proposes trains nearly as well as the best of a sweep.

Protocol: a net with 64 hidden units on 1297 digits, AdamW, 25 epochs in batches of 64: at the rate that
`learning_rate_range` proposes, and at 1e-4, 1e-3, 1e-2 and 1e-1. Accuracy on the held-out digits.

Source: Smith 2017, section 3.3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.train.learning_rate_range import learning_rate_range

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome

SWEEP = (1e-4, 1e-3, 1e-2, 1e-1)


def adamw(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Make the optimizer."""
    return torch.optim.AdamW(model.parameters(), lr=lr)


def epoch(data: Digits) -> list[tuple[Tensor, Tensor]]:
    """Shuffle the digits into batches."""
    return [(data.x[rows], data.y[rows]) for rows in torch.randperm(len(data.x)).split(64)]


def reached(data: Digits, rate: float, seed: int) -> float:
    """Train at a rate, from the same start and in the same order for all."""
    with seeded(seed):
        model = mlp(64, 64, 10)
        optimizer = adamw(model, rate)
        for _ in range(25):
            for x, y in epoch(data):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
    return accuracy(model, data.test_x, data.test_y)


def claim(seed: int) -> Outcome:
    """Compare the proposed rate with a sweep.

    Args:
        seed: of split, initialization and order.

    Returns:
        The proposed rate, and accuracies.
    """
    with seeded(seed):
        data = digits()
        chosen = learning_rate_range(mlp(64, 64, 10), F.cross_entropy, epoch(data), adamw).chosen
    measured = {"rate, proposed": chosen, "accuracy, proposed": reached(data, chosen, seed)}
    sweep = {f"accuracy, {rate:g}": reached(data, rate, seed) for rate in SWEEP}
    return Outcome(
        says="one short run with a rising rate is enough to find a good learning rate",
        measured=measured | sweep,
        holds=measured["accuracy, proposed"] > max(sweep.values()) - 0.02
        and max(sweep.values()) - min(sweep.values()) > 0.05,
        expected="accuracy within 0.02 of the best of the sweep, whose best and worst are 0.05 apart",
    )
