"""A snapshot ensemble has a lower cross-entropy than its last member.

Protocol: a net with two layers of 32 units on 300 digits, 1000 steps of 32 examples at a first learning rate of 0.1,
momentum 0.9, in five cycles; all five snapshots against the last, and against the same training in one cycle. Accuracy
and cross-entropy on the other digits.

Source: Huang et al. 2017, section 3.
"""

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.train.ensemble import disagreement
from vademecum.train.snapshot_ensemble import Snapshots

from ._digits import Digits, accuracy, digits, loss, mlp, seeded
from ._outcome import Outcome

STEPS, CYCLES = 1000, 5


def cycled(data: Digits, cycles: int) -> tuple[nn.Module, Snapshots]:
    """Train a net in so many cycles."""
    net, snapshots = mlp(64, 32, 32, 10), Snapshots(STEPS, cycles)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, snapshots.factor)
    for _ in range(STEPS):
        chosen = torch.randperm(len(data.x))[:32]
        optimizer.zero_grad()
        F.cross_entropy(net(data.x[chosen]), data.y[chosen]).backward()
        optimizer.step()
        schedule.step()
        snapshots.step(net)
    return net.eval(), snapshots


def claim(seed: int) -> Outcome:
    """Train in five cycles and in one.

    Args:
        seed: of split, initialization and order.

    Returns:
        Accuracies, cross-entropies in nats, and the snapshots' disagreement.
    """
    with seeded(seed):
        data = digits(300)
        one, _ = cycled(data, 1)
        last, snapshots = cycled(data, CYCLES)
    together = snapshots.ensemble(last)
    nets = {"ensemble": together, "last snapshot": last, "one cycle": one}
    test = data.test_x, data.test_y
    measured = {f"cross-entropy, {name}": loss(net, *test) for name, net in nets.items()}
    measured |= {f"accuracy, {name}": accuracy(net, *test) for name, net in nets.items()}
    measured["disagreement of two snapshots"] = float(disagreement(together.outputs(data.test_x)))
    return Outcome(
        says="the networks at the ends of the cycles are diverse enough for their ensemble to be better than the last",
        measured=measured,
        holds=measured["cross-entropy, ensemble"] < 0.93 * measured["cross-entropy, last snapshot"]
        and measured["accuracy, ensemble"] > measured["accuracy, last snapshot"] - 0.01,
        expected="cross-entropy 7 % below the last snapshot's, accuracy not lower by 0.01",
    )
