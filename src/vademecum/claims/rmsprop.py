"""RMSProp recovers when the gradients become a hundred times smaller; Adagrad does not.

Protocol: one coordinate, gradients drawn from a normal distribution: 300 of deviation 1, then 300 of deviation 1/100,
500 coordinates at once for the mean. The length of a step is its root mean square over the coordinates. RMSProp takes
alpha = 0.9; both take the rate 1.

Source: Tieleman and Hinton 2012, lecture 6.5.
"""

import torch

from vademecum.optim import Adagrad, RMSprop

from ._digits import seeded
from ._outcome import Outcome

BEFORE, AFTER = 300, 300


def lengths(optimizer: torch.optim.Optimizer, x: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The length of each step."""
    found = []
    for gradient in gradients:
        before = x.detach().clone()
        x.grad = gradient
        optimizer.step()
        found.append((x.detach() - before).square().mean().sqrt())
    return torch.stack(found)


def claim(seed: int) -> Outcome:
    """Follow the steps of both through the change.

    Args:
        seed: of the gradients.

    Returns:
        Steps to recover, and the shares that the steps have of their former length.
    """
    with seeded(seed):
        gradients = torch.randn(BEFORE + AFTER, 500)
        gradients[BEFORE:] /= 100
    measured: dict[str, float] = {}
    for name, kind in (("RMSProp", RMSprop), ("Adagrad", Adagrad)):
        x = torch.zeros(500, requires_grad=True)
        arguments = {"alpha": 0.9} if kind is RMSprop else {}
        steps = lengths(kind([x], lr=1.0, **arguments), x, gradients)  # type: ignore[arg-type]
        share = steps[BEFORE:] / steps[BEFORE - 20 : BEFORE].mean()
        if name == "RMSProp":
            back = (share >= 0.9).nonzero()
            measured["steps to 9/10 of the former step, RMSProp"] = (
                float(back[0] + 1) if len(back) else float("inf")
            )
        measured[f"share of the former step after 120 steps, {name}"] = float(share[110:130].mean())
    return Outcome(
        says="a running mean forgets large gradients, a sum does not",
        measured=measured,
        holds=measured["steps to 9/10 of the former step, RMSProp"] <= 120
        and measured["share of the former step after 120 steps, Adagrad"] < 0.05,
        expected="RMSProp back at 9/10 within 120 steps, Adagrad below 1/20 then",
    )
