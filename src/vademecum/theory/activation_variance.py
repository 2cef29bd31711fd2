r"""Activation variance by depth: what an initialization does to the signal, layer by layer.

Each layer multiplies the mean square of the signal by the number of its inputs times the variance of its weights times
what the activation passes on. A factor other than one, raised to the depth, ends the signal or blows it up long before
training begins. `activation_variance` measures a model of yours on a batch of yours; `mean_square_after` measures the
textbook net.

$$ E[x_{l+1}^2] = n\,\mathrm{Var}(w)\,E[f(z)^2]\,E[x_l^2], \qquad
E[x_L^2] = \left(n\,\mathrm{Var}(w)\,E[f(z)^2]\right)^L E[x_0^2] $$

with $E[f(z)^2] = 1$ for linear layers and $1/2$ for ReLU, z standard normal.

Also called: signal propagation, activation statistics, vanishing and exploding activations.
Departures: none.
Pitfalls: the products of finite matrices scatter about this mean, the more the deeper and the narrower the net. What
    multiplies is the mean square; the variance alone is smaller wherever the mean is not zero, as behind ReLU.
Claim: none; those of he_init and lecun_init are measured with it.
Peer: none.

References:
    glorot2010understanding: section 4.2.1.
    he2015delving: Eq. 7 to 10.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams
from vademecum._torch.trace import calls

__all__ = ["ActivationRow", "ActivationVariance", "activation_variance", "demonstrate", "mean_square_after"]


@dataclass(frozen=True)
class ActivationRow:
    """The output of one call of one part, over a batch.

    Attributes:
        path: of the part, as in ``model.get_submodule(path)``.
        layer: its class.
        mean: of all numbers that came out.
        variance: of them, biased.
        mean_square: of them: variance plus the mean's square.

    Example:
        >>> row = activation_variance(nn.Identity(), torch.tensor([1.0, 3.0])).rows[0]
        >>> row.mean, row.variance, row.mean_square
        (2.0, 1.0, 5.0)
    """

    path: str
    layer: str
    mean: float
    variance: float
    mean_square: float


@dataclass(frozen=True)
class ActivationVariance:
    """The signal by depth; its text is a table.

    Attributes:
        rows: one for each call of a part without parts, in order.

    Example:
        >>> print(activation_variance(nn.Sequential(nn.ReLU()), torch.tensor([-4.0, 4.0])))
        path  layer        mean    variance  mean square
        0     ReLU            2           4            8
    """

    rows: tuple[ActivationRow, ...]

    def __str__(self) -> str:
        width = max([len(row.path) for row in self.rows] + [4])
        kind = max([len(row.layer) for row in self.rows] + [5])
        lines = [f"{'path':<{width}}  {'layer':<{kind}}  {'mean':>10}  {'variance':>10}  mean square"]
        for row in self.rows:
            numbers = f"{row.mean:>10.3g}  {row.variance:>10.3g}  {row.mean_square:>11.3g}"
            lines.append(f"{row.path:<{width}}  {row.layer:<{kind}}  {numbers}")
        return "\n".join(lines)


@torch.no_grad()
def activation_variance(model: nn.Module, x: Tensor | tuple[Any, ...]) -> ActivationVariance:
    """Measure the signal behind every part of a model on one batch.

    The model runs in evaluation mode; its mode and the random streams are as before afterwards.

    Args:
        model: any module.
        x: its input, or a tuple of its positional inputs.

    Returns:
        One row for each call of a part that has no parts of its own and gives a tensor of floating-point numbers.

    Raises:
        ValueError: nothing in the model gives such a tensor on this input.

    Example:
        >>> doubles = nn.Linear(2, 2, bias=False)
        >>> with torch.no_grad():
        ...     _ = doubles.weight.copy_(2 * torch.eye(2))
        >>> model = nn.Sequential(doubles, nn.ReLU(), doubles)
        >>> print(activation_variance(model, torch.tensor([[1.0, -1.0], [-1.0, 1.0]])))
        path  layer         mean    variance  mean square
        0     Linear           0           4            4
        1     ReLU             1           1            2
        0     Linear           2           4            8
    """
    inputs = x if isinstance(x, tuple) else (x,)
    with same_streams(), evaluating(model):
        outputs = [
            (call.path, type(call.module).__name__, call.output)
            for call in calls(model, *inputs)
            if call.is_leaf
        ]
    rows = []
    for path, layer, output in outputs:
        if isinstance(output, Tensor) and output.is_floating_point() and output.numel():
            wide = output.double()
            mean, square = float(wide.mean()), float(wide.square().mean())
            rows.append(ActivationRow(path, layer, mean, float(wide.var(unbiased=False)), square))
    if not rows:
        raise ValueError(
            f"a part of the model must give floating-point numbers: {type(model).__name__} gives none for this input; "
            "pass a batch that is not empty."
        )
    return ActivationVariance(tuple(rows))


def mean_square_after(
    depth: int,
    *,
    width: int,
    std: float,
    activation: Callable[[Tensor], Tensor] | None = None,
    examples: int = 256,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Send standard normal inputs through a deep net with normal weights, and measure the mean square.

    Args:
        depth: layers.
        width: numbers in each layer.
        std: deviation of the weights.
        activation: behind each layer; none where it is None.
        examples: how many inputs.
        generator: source of inputs and weights; torch's own where it is None.

    Returns:
        (depth + 1,) mean square of the input and behind each layer, in float64; that of the input is 1.

    Raises:
        ValueError: a size is not positive.

    Example:
        >>> after = mean_square_after(2, width=400, std=0.1, generator=torch.Generator().manual_seed(0))
        >>> [round(float(value)) for value in after]  # each layer multiplies by 400 * 0.1^2 = 4
        [1, 4, 16]
    """
    if min(depth, width, examples) < 1:
        raise ValueError(
            f"sizes must be positive: depth={depth}, width={width}, examples={examples}; give at least 1 of each."
        )
    device = generator.device if generator else None
    x = torch.randn(examples, width, generator=generator, dtype=torch.float64, device=device)
    x /= x.square().mean().sqrt()
    found = [x.square().mean()]
    for _ in range(depth):
        x = x @ (std * torch.randn(width, width, generator=generator, dtype=torch.float64, device=device))
        x = x if activation is None else activation(x)
        found.append(x.square().mean())
    return torch.stack(found)


def demonstrate() -> str:
    """Print the mean square after 20 layers of width 256, for three initializations and two activations.

    Returns:
        A table: measured, and the equation's value in parentheses.
    """
    depth, width = 20, 256
    rules = {"std 0.01": 0.01, "1 / sqrt(n)": 1 / sqrt(width), "sqrt(2 / n)": sqrt(2 / width)}
    lines = [f"mean square after {depth} layers of width {width}, from 1; by the equation in parentheses", ""]
    lines.append(f"{'weights':<12}  {'linear':>20}  {'ReLU':>20}")
    for name, std in rules.items():
        cells = []
        for activation, passed in ((None, 1.0), (torch.relu, 0.5)):
            generator = torch.Generator().manual_seed(0)
            measured = mean_square_after(
                depth, width=width, std=std, activation=activation, generator=generator
            )[-1]
            cells.append(f"{float(measured):.2g} ({(width * std**2 * passed) ** depth:.2g})")
        lines.append(f"{name:<12}  {cells[0]:>20}  {cells[1]:>20}")
    return "\n".join(lines)
