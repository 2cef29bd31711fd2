"""A net that was trained with targeted dropout can be pruned of most of its weights.

Protocol: 1297 digits to train on, a net 64-256-256-10, 25 epochs of Adam; plain, and with targeted dropout of the
weights of all three layers (gamma 0.9, alpha 0.66, ramped over the first half of the steps). Then the 90 % smallest
weights of each output are set to zero.

Source: Gomez et al. 2019, section 5 (accuracy after pruning, against dropout and no regularization).
"""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.nn import prune_, set_targeted_dropout_, targeted_dropout, targeted_ramp

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome

EPOCHS, GAMMA, ALPHA = 25, 0.9, 0.66


def trained(net: nn.Module, data: Digits, *, targeted: bool) -> nn.Module:
    """Train by Adam, with the ramp where there is targeted dropout."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    batches = len(data.x) // 32
    step = 0
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(data.x)).split(32)[:batches]:
            if targeted:
                ramp = targeted_ramp(step, gamma=GAMMA, alpha=ALPHA, steps=EPOCHS * batches // 2)
                set_targeted_dropout_(net, *ramp)
            optimizer.zero_grad()
            F.cross_entropy(net(data.x[chosen]), data.y[chosen]).backward()
            optimizer.step()
            step += 1
    return net.eval()


def claim(seed: int) -> Outcome:
    """Compare what pruning leaves of both nets.

    Args:
        seed: of split, initialization, order and masks.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    for name in ("plain", "targeted"):
        with seeded(seed):
            data = digits()
            net = mlp(64, 256, 256, 10)
            if name == "targeted":
                for part in net:
                    if isinstance(part, nn.Linear):
                        targeted_dropout(part, gamma=GAMMA, alpha=ALPHA)
            trained(net, data, targeted=name == "targeted")
            for share in (0.0, 0.8, 0.9):
                pruned = deepcopy(net)
                prune_(pruned, share)
                measured[f"accuracy, {name}, {share:.0%} pruned"] = accuracy(pruned, data.test_x, data.test_y)
    targeted, plain = measured["accuracy, targeted, 90% pruned"], measured["accuracy, plain, 90% pruned"]
    return Outcome(
        says="targeted dropout makes a net robust to the pruning of its smallest weights",
        measured=measured,
        holds=targeted > 0.85 and targeted > plain + 0.15,
        expected="with 90 % pruned above 0.85, and 0.15 above the plain net",
    )
