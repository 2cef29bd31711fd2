"""Any momentum beats none at one rate; no schedule of it beats the others.

Protocol: the digits, 1297 to train on; a net of two hidden layers of 64 units with ReLU; SGD at the rate 0.02, batches
of 32, 12 epochs; no momentum, 0.9, Demon from 0.9, a line from 0.95 to 0.5, Sutskever's rise (a period of 50 steps,
0.9 in the last 100) and one cycle.

Source: Sutskever et al. 2013, section 3; Chen et al. 2022; Smith 2018.
"""

import torch
from torch.nn import functional as F

from vademecum.optim import (
    SGD,
    MomentumSchedule,
    constant_momentum,
    demon,
    linear_momentum,
    one_cycle_momentum,
    sutskever_momentum,
)

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome

EPOCHS, BATCH = 12, 32
STEPS = EPOCHS * (1297 // BATCH)
SCHEDULES = {
    "none": constant_momentum(0.0),
    "0.9": constant_momentum(0.9),
    "Demon": demon(STEPS),
    "line, 0.95 to 0.5": linear_momentum(STEPS),
    "Sutskever": sutskever_momentum(STEPS, period=50, last=100),
    "one cycle": one_cycle_momentum(STEPS),
}


def trained(data: Digits, name: str) -> float:
    """Train and test."""
    model = mlp(64, 64, 64, 10).train()
    optimizer = SGD(model.parameters(), lr=0.02, momentum=0.9)
    schedule = MomentumSchedule(optimizer, SCHEDULES[name])
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(data.x)).split(BATCH):
            if len(chosen) == BATCH:
                optimizer.zero_grad()
                F.cross_entropy(model(data.x[chosen]), data.y[chosen]).backward()
                optimizer.step()
                schedule.step()
    return accuracy(model, data.test_x, data.test_y)


def claim(seed: int) -> Outcome:
    """Train once with each schedule.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    for name in SCHEDULES:
        with seeded(seed):
            measured[f"accuracy, {name}"] = trained(digits(), name)
    none = measured["accuracy, none"]
    return Outcome(
        says="at one rate any schedule of the momentum ends above no momentum",
        measured=measured,
        holds=min(value for key, value in measured.items() if key != "accuracy, none") > none + 0.1,
        expected="each more than ten points above no momentum",
    )
