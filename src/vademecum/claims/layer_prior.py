"""In other units a net fits the same function where its first precision goes along, and another where it stays.

Protocol: 30 noisy points of a sine, ten tanh units, half the sum of squared errors and a precision for each layer's
weights, minimized by L-BFGS in float64. Then the inputs are multiplied by 10, the weights rewritten for them and
optimized again, with the first precision times 100, and as it was.

Source: Bishop 2006, section 5.5.1.
"""

import torch
from torch import Tensor, nn

from vademecum.regularize import layer_prior_penalty, transform_inputs_outputs

from ._digits import seeded
from ._outcome import Outcome

FACTOR = 10.0
FIRST, LAST = 0.05, 0.05


def minimize(model: nn.Module, x: Tensor, y: Tensor, first: float) -> None:
    """Run L-BFGS until nothing moves.

    Args:
        model: changed in place.
        x: (N, 1) inputs.
        y: (N, 1) targets.
        first: precision of the first layer's weights.
    """
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=1000, max_eval=2000, history_size=20, tolerance_grad=1e-9,
        tolerance_change=1e-14, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        error = (model(x) - y).square().sum() / 2
        loss = error + layer_prior_penalty(model, {"0.weight": first, "2.weight": LAST})
        loss.backward()
        return loss

    optimizer.step(closure)


def claim(seed: int) -> Outcome:
    """Fit, change the units, fit again.

    Args:
        seed: of data and weights.

    Returns:
        Changes of the fitted function.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
        y = torch.sin(3 * x) + 0.1 * torch.randn_like(x)
        model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1)).double()
        minimize(model, x, y, FIRST)
        fitted = model(x).detach()
        for name, first in (("precision goes along", FACTOR**2 * FIRST), ("precision stays", FIRST)):
            other = transform_inputs_outputs(model, a=FACTOR)
            minimize(other, FACTOR * x, y, first)
            change = (other(FACTOR * x).detach() - fitted).abs().max() / y.std()
            measured[f"change over deviation of targets, {name}"] = float(change)
    along, stays = measured.values()
    return Outcome(
        says="one precision a layer, rescaled with the units, prefers the same functions; an unchanged one does not",
        measured=measured,
        holds=along < 1e-4 and stays > 0.02,
        expected="below 1e-4 where the precision goes along, above 0.02 where it stays",
    )
