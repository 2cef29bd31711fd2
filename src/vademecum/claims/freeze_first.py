"""Freezing the body for the first steps keeps more of what it knew; it does not make the new task more accurate.

Protocol: a net 64-64-64 with a head is trained on the digits 0 to 4 (10 epochs at the learning rate 0.05, momentum
0.9), then gets a second head for 5 to 9 and ten examples of each, all in every step: 120 steps at the learning rate
0.03, momentum 0.9, with the body trained from the start, frozen for 40 steps first, or frozen throughout. Accuracies on
the held-out digits: of 0 to 4 by the old head (what is kept), and of 5 to 9. Means over five draws of the ten examples.

Source: the practitioner's advice to freeze the old layers for one or two epochs; Kumar et al. 2022, section 3.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.train.freeze_first import freeze_first

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

DRAWS, STEPS, EACH = 5, 120, 10

RUNS = {"body from the start": 0, "body frozen first": 40, "body frozen throughout": STEPS}


def adapt(body: nn.Module, x: Tensor, y: Tensor, *, frozen: int) -> nn.Sequential:
    """Train a copy of the body with a new head, the body frozen for so many steps first."""
    net = nn.Sequential(deepcopy(body), nn.Linear(64, 5)).train()
    unfreezing = freeze_first(net, "1", epochs=frozen) if frozen else None
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        if unfreezing is not None:
            unfreezing.step()
    return net


def claim(seed: int) -> Outcome:
    """Adapt a trained net with its body frozen at first, and without.

    Args:
        seed: of split, initialization, order and the examples drawn.

    Returns:
        Accuracies on the old and on the new digits.
    """
    measured = {f"accuracy, {what}, {name}": 0.0 for name in RUNS for what in ("kept", "new")}
    with seeded(seed):
        data = digits()
        old, new = data.y < 5, data.y >= 5
        test_old, test_new = data.test_y < 5, data.test_y >= 5
        net = mlp(64, 64, 64, 5)
        train(net, data.x[old], data.y[old], epochs=10, learning_rate=0.05, momentum=0.9)
        body, head = net[:-1], net[-1]
        for _ in range(DRAWS):
            order = torch.randperm(len(data.y))
            few = torch.cat([order[new[order] & (data.y[order] == k)][:EACH] for k in range(5, 10)])
            for name, frozen in RUNS.items():
                adapted = adapt(body, data.x[few], data.y[few] - 5, frozen=frozen)
                kept = accuracy(nn.Sequential(adapted[0], head), data.test_x[test_old], data.test_y[test_old])
                reached = accuracy(adapted, data.test_x[test_new], data.test_y[test_new] - 5)
                measured[f"accuracy, kept, {name}"] += kept / DRAWS
                measured[f"accuracy, new, {name}"] += reached / DRAWS
    more = measured["accuracy, kept, body frozen first"] - measured["accuracy, kept, body from the start"]
    better = measured["accuracy, new, body frozen first"] - measured["accuracy, new, body from the start"]
    return Outcome(
        says="full fine-tuning from the start with a random head may destroy what the body has learned",
        measured=measured,
        holds=more > 0.01 and abs(better) < 0.03,
        expected="frozen first, the old digits are better by more than 0.01, and the new ones as good within 0.03",
    )
