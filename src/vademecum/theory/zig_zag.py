r"""The zig-zag of inputs that are not centered: all-positive inputs tie the signs of a unit's gradients.

The gradient of a unit's weights on one example is the unit's error times the example. Where all inputs are positive
its components share one sign, so the weights of a unit can only grow or shrink together, and a direction between the
two is reached in a zig-zag. A batch mixes the signs again, yet the mean of the inputs still makes one direction of
the loss much steeper than the others. Subtracting the mean cures both.

$$ \frac{\partial L}{\partial w_j} = \delta x_j, \qquad
x > 0 \;\Rightarrow\; \operatorname{sign} \frac{\partial L}{\partial w_j} = \operatorname{sign} \delta $$

$$ \|w_t - w^*\| = \left( \frac{\kappa - 1}{\kappa + 1} \right)^t \|w_0 - w^*\|, \qquad
\kappa = \frac{\lambda_{\max}}{\lambda_{\min}} \text{ of } \frac{1}{N} \sum_n x_n x_n^T $$

the second for two weights at the best step size, $2 / (\lambda_{\max} + \lambda_{\min})$; with more weights it bounds
from above.

Also called: centering the inputs.
Departures: none.
Pitfalls: the outputs of ReLU and sigmoid are never centered; there a normalization layer does the work.
Claim: 64 inputs from the unit square take descent some six times the steps that they take centered.
Peer: none.

References:
    lecun1998efficient: section 4.3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Descent", "demonstrate", "least_squares_descent", "sign_agreement"]


def sign_agreement(gradient: Tensor) -> Tensor:
    """Measure how far the gradients of a unit's weights share one sign.

    Args:
        gradient: (H, F), of the weights of H units; that of a convolution is flattened from its second dimension.

    Returns:
        (H,) share of the nonzero components that have the commoner sign: 1 where all agree, 1/2 where they are
        balanced, NaN where all are 0.

    Raises:
        ValueError: the gradient has no dimension of units and inputs.

    Example:
        One positive example ties the signs; two examples with errors of unlike sign do not.

        >>> x, error = torch.tensor([[1.0, 4.0], [3.0, 2.0]]), torch.tensor([[1.0], [-1.0]])
        >>> sign_agreement(error[:1].T @ x[:1]), sign_agreement(error.T @ x)
        (tensor([1.]), tensor([0.5000]))
    """
    if gradient.dim() < 2:
        raise ValueError(
            f"gradient must be (H, F), units by inputs: it is {tuple(gradient.shape)}; pass the gradient of a weight."
        )
    signs = gradient.detach().flatten(1).sign()
    positive, negative = (signs > 0).sum(1), (signs < 0).sum(1)
    dtype = gradient.dtype if gradient.is_floating_point() else torch.get_default_dtype()
    return torch.maximum(positive, negative).to(dtype) / (positive + negative)


@dataclass(frozen=True)
class Descent:
    """The way of a gradient descent.

    Attributes:
        path: (T + 1, F), the weights from the start to the last step.
        condition: the largest over the smallest curvature.
        turns: steps that went against the step before, by more than a right angle.

    Example:
        >>> way = least_squares_descent(torch.eye(2), torch.tensor([1.0, 2.0]))
        >>> way.steps, way.turns, way.path[-1].tolist()
        (1, 0, [1.0, 2.0])
    """

    path: Tensor
    condition: float
    turns: int

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.path) - 1


def least_squares_descent(
    x: Tensor, goal: Tensor, *, tolerance: float = 1e-3, max_steps: int = 10_000
) -> Descent:
    """Fit a linear unit by gradient descent from 0, over the whole batch, at the best step size.

    Args:
        x: (N, F) inputs.
        goal: (F,) weights that made the targets, so that the loss at its minimum is 0.
        tolerance: of the distance to the goal, as a share of the distance at the start.
        max_steps: where to give up.

    Returns:
        The way, in float64.

    Raises:
        ValueError: shapes do not fit, the goal is 0, or the inputs leave a direction of the weights undetermined.
        RuntimeError: the steps did not suffice.

    Example:
        With the curvatures 9 and 1 each step leaves 8/10 of the distance; with equal ones the first step arrives.

        >>> least_squares_descent(torch.diag(torch.tensor([3.0, 1.0])), torch.ones(2)).steps
        31
        >>> least_squares_descent(torch.eye(2), torch.ones(2)).steps
        1
    """
    x, goal = x.detach().double(), goal.detach().double()
    if x.dim() != 2 or goal.shape != x.shape[1:]:
        raise ValueError(
            f"x must be (N, F) and goal (F,): they are {tuple(x.shape)} and {tuple(goal.shape)}; "
            "give a weight for each input."
        )
    curvature = x.T @ x / len(x)
    eigenvalues = torch.linalg.eigvalsh(curvature)
    low, high = float(eigenvalues[0]), float(eigenvalues[-1])
    if not low > 1e-12 * high or not bool(goal.any()):
        raise ValueError(
            f"the inputs must determine every weight, and the goal must differ from the start at 0: the curvatures run "
            f"from {low:.3g} to {high:.3g}, the goal is {goal.tolist()}; give more varied inputs, or another goal."
        )
    path = [torch.zeros_like(goal)]
    while (path[-1] - goal).norm() > tolerance * goal.norm():
        if len(path) > max_steps:
            raise RuntimeError(
                f"the distance must fall to {tolerance:g}: it did not in {max_steps} steps at the condition "
                f"{high / low:.3g}; raise max_steps."
            )
        path.append(path[-1] - 2 / (low + high) * curvature @ (path[-1] - goal))
    moves = torch.stack(path).diff(dim=0)
    turns = int(((moves[1:] * moves[:-1]).sum(1) < 0).sum())
    return Descent(torch.stack(path), high / low, turns)


def demonstrate() -> str:
    """Show both halves on inputs drawn from the unit square, as they are and centered.

    Returns:
        A table.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(64, 16, dtype=torch.float64, generator=generator)
    errors = torch.randn(64, 32, dtype=torch.float64, generator=generator)
    goal = torch.tensor([1.0, -0.5], dtype=torch.float64)
    lines = [f"{'inputs':<20}{'one example':>13}{'batch of 64':>13}{'condition':>11}{'steps':>7}{'turns':>7}"]
    for name, inputs in (("in (0, 1)", x), ("the same, centered", x - x.mean(0))):
        one = torch.stack(
            [sign_agreement(torch.outer(e, i)) for e, i in zip(errors, inputs, strict=True)]
        ).mean()
        batch = sign_agreement(errors.T @ inputs).mean()
        way = least_squares_descent(inputs[:, :2], goal)
        lines.append(
            f"{name:<20}{one:>13.3f}{batch:>13.3f}{way.condition:>11.2f}{way.steps:>7}{way.turns:>7}"
        )
    return "\n".join(
        [
            *lines,
            "",
            "one example, batch: share of a unit's 16 weight gradients that have the commoner sign, mean of 32 units",
            "the rest: gradient descent on a linear unit with two weights, until 1/1000 of the distance is left",
        ]
    )
