"""A linear layer under the hinge tests like one under cross-entropy, and a deeper net needs a tenth of the rate.

Protocol: the digits, 1297 to train on; 20 epochs of plain descent in batches of 32, with Weston and Watkins's hinge
(margin 1, p = 1) and with cross-entropy; a linear layer, then two hidden layers of 64 ReLUs. Cross-entropy's
learning rate is 0.5, the hinge's 0.05, because at the start its gradient is 10 times as large; the deeper net is
also trained under the hinge at 0.5.

Source: Weston and Watkins 1999 for the loss; that its gradient at equal scores is K times that of cross-entropy
follows from the two formulas and is a law.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vademecum.losses import cross_entropy, multiclass_hinge

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome


def fitted(net: nn.Module, data: Digits, loss: Callable[[Tensor, Tensor], Tensor], rate: float) -> float:
    """Train a net under a loss.

    Args:
        net: changed in place.
        data: the digits.
        loss: (scores, target) -> ().
        rate: the learning rate.

    Returns:
        Test accuracy.
    """
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for _ in range(20):
        for chosen in torch.randperm(len(data.x)).split(32):
            optimizer.zero_grad()
            loss(net(data.x[chosen]), data.y[chosen]).backward()
            optimizer.step()
    return accuracy(net, data.test_x, data.test_y)


def claim(seed: int) -> Outcome:
    """Train under both losses.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    runs: tuple[tuple[str, Callable[[Tensor, Tensor], Tensor], float], ...] = (
        ("cross-entropy at 0.5", cross_entropy, 0.5),
        ("hinge at 0.05", multiclass_hinge, 0.05),
        ("hinge at 0.5", multiclass_hinge, 0.5),
    )
    with seeded(seed):
        data = digits()
        for name, loss, rate in runs:
            if name != "hinge at 0.5":  # a linear layer has no unit to lose
                measured[f"linear, {name}"] = fitted(mlp(64, 10), data, loss, rate)
            measured[f"two hidden layers, {name}"] = fitted(mlp(64, 64, 64, 10), data, loss, rate)
    gap = measured["linear, hinge at 0.05"] - measured["linear, cross-entropy at 0.5"]
    return Outcome(
        says="as accurate as softmax; the sum over the classes asks for a learning rate K times smaller",
        measured=measured,
        holds=abs(gap) <= 0.02
        and measured["two hidden layers, cross-entropy at 0.5"] > 0.9
        and measured["two hidden layers, hinge at 0.05"] > 0.85
        and measured["two hidden layers, hinge at 0.5"] < 0.5,
        expected="linear layers within 0.02; deep above 0.9 and 0.85 at the two rates, below 0.5 for the hinge at 0.5",
    )
