"""A margin in the input lets more of the digits withstand an attack that follows the gradient.

Protocol: the digits, 1297 to train on; two hidden layers of 128 ReLUs; 30 epochs of Adam at the learning rate 0.001 in
batches of 32, on cross-entropy alone, with the margin loss (margin 2, input, p = 2) added, and with it and the
gradient's norm differentiated as well. The attack takes ten steps down the gradient of the score's lead and stays
within a distance of 0.6; pixels may leave their range. Distances are first-order ones, on the test part.

Source: Elsayed et al. 2018, the experiments on adversarial perturbations. They treat the norm as a constant; at this
scale the larger gain comes from differentiating it, and that is what the claim asserts.
"""

import torch
from torch import Tensor, nn

from vademecum.losses import LargeMarginLoss, cross_entropy, margin_distance

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome


def fit(net: nn.Module, data: Digits, extra: LargeMarginLoss | None) -> None:
    """Train a net.

    Args:
        net: changed in place.
        data: the digits.
        extra: added to cross-entropy.
    """
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(30):
        for chosen in torch.randperm(len(data.x)).split(32):
            x, y = data.x[chosen], data.y[chosen]
            optimizer.zero_grad()
            loss = cross_entropy(net(x), y)
            (loss if extra is None else loss + extra(net, x, y)).backward()
            optimizer.step()


def attacked(net: nn.Module, x: Tensor, y: Tensor, *, radius: float = 0.6, steps: int = 10) -> Tensor:
    """Move images within a ball towards another class.

    Args:
        net: x -> (N, K) scores.
        x: (N, 1, 8, 8) images.
        y: (N,) classes.
        radius: how far, in Euclidean distance.
        steps: along the gradient.

    Returns:
        Images like x.
    """
    moved = torch.zeros_like(x)
    for _ in range(steps):
        moved.requires_grad_()
        scores = net(x + moved)
        lead = scores.gather(1, y[:, None])[:, 0] - scores.scatter(1, y[:, None], -torch.inf).amax(1)
        (slope,) = torch.autograd.grad(lead.sum(), moved)
        step = slope / slope.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
        moved = moved.detach() - 2.5 * radius / steps * step
        length = moved.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        moved = moved * (radius / length.clamp_min(1e-12)).clamp_max(1)
    return x + moved


def claim(seed: int) -> Outcome:
    """Train with and without a margin, and attack.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies, clean and attacked, and median distances.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, extra in (
            ("cross-entropy", None),
            ("margin, constant norm", LargeMarginLoss(margin=2.0)),
            ("margin", LargeMarginLoss(margin=2.0, stop_gradient=False)),
        ):
            net = mlp(64, 128, 128, 10)
            fit(net, data, extra)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
            moved = attacked(net, data.test_x, data.test_y)
            measured[f"attacked, {name}"] = accuracy(net, moved, data.test_y)
            distances = margin_distance(net, data.test_x, data.test_y)
            measured[f"median distance, {name}"] = float(distances.median())
    return Outcome(
        says="a large margin in the input makes a network more robust to adversarial perturbations",
        measured=measured,
        holds=measured["attacked, margin"] > measured["attacked, cross-entropy"] + 0.15
        and measured["accuracy, margin"] > measured["accuracy, cross-entropy"] - 0.05
        and measured["median distance, margin"] > measured["median distance, cross-entropy"] + 0.08,
        expected="0.15 more withstand the attack, at most 0.05 of accuracy lost, the median distance 0.08 larger",
    )
