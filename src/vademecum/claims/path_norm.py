"""A net that fits random labels needs a larger path norm, for its margin, than one that fits the right ones.

Protocol: 300 digits; 64-256-10 with ReLU, SGD at 0.05 with momentum 0.9 in batches of 50 until every training example
is right, and 50 epochs more; the path norm over the margin that all but a twentieth of the examples have, with the
right labels, and with labels drawn at random.

Source: Neyshabur et al. 2017, Figure 1 (norms over margins of nets trained with right and random labels).
"""

import torch
from torch import Tensor, nn

from vademecum.regularize import path_norm

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


@torch.no_grad()
def margin(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Measure the margin between the right score and the best of the others.

    Args:
        model: gives scores.
        x: (N, ...) inputs.
        y: (N,) classes.

    Returns:
        The twentieth part from below.
    """
    scores = model(x)
    right = scores.gather(1, y[:, None])[:, 0]
    others = scores.scatter(1, y[:, None], -torch.inf).amax(1)
    return float((right - others).quantile(0.05))


def claim(seed: int) -> Outcome:
    """Fit both kinds of labels.

    Args:
        seed: of the data, the labels and the weights.

    Returns:
        Norms over margins, and accuracies in training.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits(300)
        for name, y in (("right", data.y), ("random", torch.randint(10, data.y.shape))):
            model = mlp(64, 256, 10)
            for _ in range(20):
                train(model, data.x, y, epochs=50, learning_rate=0.05, momentum=0.9, batch_size=50)
                if accuracy(model, data.x, y) == 1.0:
                    break
            train(model, data.x, y, epochs=50, learning_rate=0.05, momentum=0.9, batch_size=50)
            norm = float(path_norm(model, data.x).detach())
            measured[f"training accuracy, {name} labels"] = accuracy(model, data.x, y)
            measured[f"path norm over margin, {name} labels"] = norm / margin(model, data.x, y)
    right, random = (measured[f"path norm over margin, {name} labels"] for name in ("right", "random"))
    fitted = min(measured[f"training accuracy, {name} labels"] for name in ("right", "random"))
    return Outcome(
        says="the norm that is needed to fit random labels is larger than for right ones, as a capacity should be",
        measured=measured,
        holds=fitted == 1.0 and random > 2 * right > 0,
        expected="both fitted, and more than twice the path norm for the margin with random labels",
    )
