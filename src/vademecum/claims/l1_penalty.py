"""The proximal step of L1 zeroes more and more weights as the strength rises; descent on the penalty zeroes none.

Protocol: a linear model on 1297 digits, 300 steps of gradient descent at 0.5 over the whole batch, with the proximal
step after each at strengths 0.0003, 0.001, 0.003 and 0.006; and the same descent with the penalty in the loss at 0.003.

Source: Tibshirani 1996, sections 1 and 2.
"""

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.regularize import l1_penalty, prox_l1_

from ._digits import Digits, accuracy, digits, seeded
from ._outcome import Outcome

STRENGTHS = (0.0003, 0.001, 0.003, 0.006)
RATE = 0.5


def fit(data: Digits, strength: float, *, proximal: bool) -> nn.Module:
    """Train a linear model.

    Args:
        data: the digits.
        strength: of L1.
        proximal: whether by the proximal step, or by the penalty's gradient.

    Returns:
        The model.
    """
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for _ in range(300):
        loss = F.cross_entropy(model(data.x), data.y)
        if not proximal:
            loss = loss + strength * l1_penalty(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if proximal:
            prox_l1_(model, RATE * strength)
    return model


def claim(seed: int) -> Outcome:
    """Follow the path.

    Args:
        seed: of the data and the weights.

    Returns:
        Shares of weights that are 0, and accuracies.
    """
    measured: dict[str, float] = {}
    zeros: list[float] = []
    with seeded(seed):
        data = digits()
        for strength in STRENGTHS:
            model = fit(data, strength, proximal=True)
            zeros.append(float((model[1].weight == 0).float().mean()))  # type: ignore[index]
            measured[f"zeros, strength {strength:g}"] = zeros[-1]
            measured[f"accuracy, strength {strength:g}"] = accuracy(model, data.test_x, data.test_y)
        plain = fit(data, 0.003, proximal=False)
        measured["zeros, penalty of 0.003"] = float((plain[1].weight == 0).float().mean())  # type: ignore[index]
    lost = (
        measured[f"accuracy, strength {STRENGTHS[0]:g}"] - measured[f"accuracy, strength {STRENGTHS[-1]:g}"]
    )
    return Outcome(
        says="the lasso sets some coefficients to exactly 0, and more of them the stronger it is",
        measured=measured,
        holds=zeros == sorted(set(zeros))
        and zeros[-1] > 0.5
        and lost < 0.05
        and measured["zeros, penalty of 0.003"] == 0.0,
        expected="zeros rise at every step to more than half, under 5 points of accuracy are lost, and the penalty's "
        "gradient gives no zero",
    )
