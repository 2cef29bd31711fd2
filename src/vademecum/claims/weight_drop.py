"""Dropping single weights keeps a net from fitting noisy labels.

Protocol: that of the claim of dropout on noisy labels: 500 digits, 30 % of the labels drawn at random, a net
64-256-256-10, 80 epochs; without, and with half of the weights of the two hidden layers dropped in each step.

Source: Wan et al. 2013, section 6 (DropConnect regularizes large fully connected layers).
"""

from torch import nn

from vademecum.nn import WeightDrop

from ._digits import seeded
from ._noisy_digits import noisy_digits, test_error, wide
from ._outcome import Outcome


def dropped(fan_in: int, fan_out: int) -> nn.Module:
    """Build a linear layer that drops half of its weights."""
    return WeightDrop(nn.Linear(fan_in, fan_out), ["weight"], 0.5)


def claim(seed: int) -> Outcome:
    """Compare the net with weight drop and without.

    Args:
        seed: of split, label noise, initialization, order and masks.

    Returns:
        Test errors.
    """
    measured: dict[str, float] = {}
    for name, linear in (("without", nn.Linear), ("weight drop", dropped)):
        with seeded(seed):
            data = noisy_digits()
            measured[f"test error, {name}"] = test_error(wide(linear=linear), data)
    without, weight_drop = measured.values()
    return Outcome(
        says="dropping weights regularizes large fully connected layers",
        measured=measured,
        holds=weight_drop < 0.75 * without,
        expected="with weight drop less than 3/4 of the error without",
    )
