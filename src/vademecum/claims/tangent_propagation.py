"""Tangents of rotation make a net on two rings answer less to rotation, and more right.

Protocol: two rings that overlap, 40 points to train on and 2000 to test on; two hidden layers of 64 tanh units, 400
steps of Adam at 0.01 over the whole batch, with the tangent penalty at strengths 0 and 1. Mean over three draws.

Source: Simard et al. 1992, section 4 (fewer examples are needed).
"""

import torch

from vademecum.regularize import tangent_penalty

from ._digits import accuracy, seeded
from ._outcome import Outcome
from ._rings import TEST, TRAIN, fit, rings, turns

DRAWS = 3


def claim(seed: int) -> Outcome:
    """Train with and without the tangents.

    Args:
        seed: of points and weights.

    Returns:
        Accuracies, and penalties on test points.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        sets = [(*rings(TRAIN), *rings(TEST)) for _ in range(DRAWS)]
        for strength in (0.0, 1.0):
            right, answer = 0.0, 0.0
            for number, (x, y, test_x, test_y) in enumerate(sets):
                torch.manual_seed(1000 * seed + number)
                model = fit(x, y, strength=strength)
                right += accuracy(model, test_x, test_y) / DRAWS
                answer += float(tangent_penalty(model, test_x, turns(test_x)).detach()) / DRAWS
            measured[f"accuracy, strength {strength}"] = right
            measured[f"answer to rotation, strength {strength}"] = answer
    return Outcome(
        says="a penalty on derivatives along tangents makes a net locally invariant, and fewer examples do",
        measured=measured,
        holds=measured["answer to rotation, strength 1.0"]
        < 0.5 * measured["answer to rotation, strength 0.0"]
        and measured["accuracy, strength 1.0"] > measured["accuracy, strength 0.0"] + 0.01,
        expected="at strength 1 less than half the answer to rotation, and accuracy higher by more than a point",
    )
