"""At a large learning rate the longest weight vector grows far beyond the ball; with the projection it cannot.

Protocol: 64-128-10 with ReLU on the digits, ten epochs of descent at a learning rate of 0.5 with momentum 0.9 in
batches of 32, as it is and projected to c = 2 after every step; the longest incoming weight vector after every step.

Source: Srivastava et al. 2014, section 5.1 (weights cannot blow up, even at a large learning rate).
"""

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.regularize import project_max_norm_

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome

C = 2.0


def fit(data: Digits, c: float | None) -> tuple[nn.Module, float]:
    """Train, and watch the longest weight vector.

    Args:
        data: the digits.
        c: where to project to; None for no projection.

    Returns:
        The net and the largest length that a unit's weights ever had.
    """
    model = mlp(64, 128, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    longest = 0.0
    for _ in range(10):
        for chosen in torch.randperm(len(data.x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(data.x[chosen]), data.y[chosen]).backward()
            optimizer.step()
            if c is not None:
                project_max_norm_(model, c)
            with torch.no_grad():
                longest = max(
                    longest, *(float(w.norm(dim=1).max()) for w in model.parameters() if w.dim() > 1)
                )
    return model, longest


def claim(seed: int) -> Outcome:
    """Train with and without the projection.

    Args:
        seed: of the data and the weights.

    Returns:
        Lengths and accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, c in (("plain", None), ("projected", C)):
            model, longest = fit(data, c)
            measured[f"longest weight vector, {name}"] = longest
            measured[f"accuracy, {name}"] = accuracy(model, data.test_x, data.test_y)
    return Outcome(
        says="with the projection weights cannot blow up, whatever the learning rate",
        measured=measured,
        holds=measured["longest weight vector, projected"] <= C * (1 + 1e-6)
        and measured["longest weight vector, plain"] > 3 * C,
        expected=f"never longer than {C:g} with the projection, at some time longer than {3 * C:g} without",
    )
