"""Inputs that are all positive tie the signs of a unit's gradients and slow descent down; centered ones do not.

Protocol: 64 inputs drawn from the unit square, as they are and with their mean subtracted. The gradients of a
linear unit's two weights are looked at one example at a time; then the unit is fitted by descent at the best
step size until a thousandth of the distance is left. Median over twenty draws.

Source: LeCun et al. 1998, section 4.3.
"""

import torch

from vademecum.theory import least_squares_descent, sign_agreement

from ._digits import seeded
from ._outcome import Outcome

DRAWS = 20


def claim(seed: int) -> Outcome:
    """Descend with inputs as they are and centered.

    Args:
        seed: of the inputs.

    Returns:
        Shares of gradients that have one sign, and numbers of steps.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        draws = torch.rand(DRAWS, 64, 2, dtype=torch.float64)
        goal = torch.tensor([1.0, -0.5], dtype=torch.float64)
        for name, inputs in (("positive", draws), ("centered", draws - draws.mean(1, keepdim=True))):
            one_by_one = sign_agreement(-inputs.flatten(0, 1))  # the error's sign does not matter
            measured[f"share of one sign, {name}"] = float(one_by_one.mean())
            steps = torch.tensor([least_squares_descent(x, goal).steps for x in inputs])
            measured[f"steps, {name}"] = float(steps.median())
    return Outcome(
        says="with inputs of one sign the weights of a unit can only grow or shrink together, which makes a zig-zag",
        measured=measured,
        holds=measured["share of one sign, positive"] == 1.0
        and measured["share of one sign, centered"] < 0.9
        and measured["steps, positive"] > 2.5 * measured["steps, centered"],
        expected="all gradients of one sign and more than 2.5 times the steps where inputs are positive",
    )
