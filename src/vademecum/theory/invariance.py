r"""Invariances of normalization: what may happen to weights and data without changing a layer's output.

Use it to choose a norm for what varies in your data, or to see which of these invariances your own norm has. A layer
is run before and after each change, in float64, and the change of its output is measured.

$$ a = W x, \qquad W' = \delta W, \quad W' = W + 1 \gamma^T, \quad w_1' = \delta w_1, \quad
x_n' = \delta x_n, \quad x_n' = x_n + \gamma, \quad x_1' = \delta x_1 $$

As measured (`--run` measures it again; "same" is a change below 1e-9 of the largest output):

| changed                   | none    | batch   | weight  | layer   | group   | rms     |
|---------------------------|---------|---------|---------|---------|---------|---------|
| weight matrix rescaled    | changes | same    | same    | same    | same    | same    |
| weight matrix recentered  | changes | changes | changes | same    | same    | changes |
| weight vector rescaled    | changes | same    | same    | changes | changes | changes |
| data rescaled             | changes | same    | changes | same    | same    | same    |
| data recentered           | changes | same    | changes | changes | changes | changes |
| single case rescaled      | changes | changes | changes | same    | same    | same    |

Where the output does not depend on the scale of W, larger weights only lower the effective learning rate.

Also called: re-scaling invariance, re-centering invariance.
Departures: RMS and group normalization stand beside the paper's three, and the plain layer.
Pitfalls: an epsilon breaks the invariances to scale, the more the smaller the scale; the named norms have none here.
    A bias before the norm breaks the invariances to scale as well; the layer here has none.
Claim: none; the laws hold every entry of the table.
Peer: none.

References:
    ba2016layer: Table 1 and section 5.1.
    zhang2019root: the row of RMS normalization, in Table 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Invariances", "demonstrate", "invariances"]

UNITS, INPUTS, CASES = 6, 5, 8
FACTOR = 3.0

Norm = Callable[[Tensor], Tensor]


def _standardized(a: Tensor, dim: int) -> Tensor:
    variance, mean = torch.var_mean(a, dim, correction=0, keepdim=True)
    return (a - mean) / variance.sqrt()


NORMS: Mapping[str, tuple[str, Norm]] = {
    "none": ("summed inputs", lambda a: a),
    "batch": ("summed inputs", lambda a: _standardized(a, 0)),
    "weight": ("weight", lambda w: w / w.norm(dim=1, keepdim=True)),
    "layer": ("summed inputs", lambda a: _standardized(a, 1)),
    "group": ("summed inputs", lambda a: _standardized(a.unflatten(1, (2, -1)), 2).flatten(1)),
    "rms": ("summed inputs", lambda a: a / a.square().mean(1, keepdim=True).sqrt()),
}
"""What each norm acts on, and the norm, without gain, bias and epsilon; group: two groups."""


@dataclass(frozen=True)
class Invariances:
    """What changes a layer's output, as measured; its text is the table.

    Attributes:
        norm: the norm's name.
        deviation: by change: the largest change of an output, as a share of the largest output.
        tolerance: up to which deviation the layer counts as invariant.

    Example:
        >>> Invariances("mine", {"data_rescaled": 1e-16, "data_recentered": 0.5}, tolerance=1e-9).verdict
        {'data_rescaled': True, 'data_recentered': False}
    """

    norm: str
    deviation: Mapping[str, float]
    tolerance: float

    @property
    def verdict(self) -> Mapping[str, bool]:
        """By change: whether the layer is invariant."""
        return {name: deviation <= self.tolerance for name, deviation in self.deviation.items()}

    def __str__(self) -> str:
        lines = [f"{'layer with ' + self.norm + ' norm':<28}{'deviation':>10}  verdict"]
        for name, deviation in self.deviation.items():
            verdict = "invariant" if self.verdict[name] else "no"
            lines.append(f"{name.replace('_', ' '):<28}{deviation:>10.1e}  {verdict}")
        return "\n".join(lines)


def invariances(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    """Measure which of the paper's six changes leave a small linear layer's output as it is.

    Args:
        norm: "none", "batch", "weight", "layer", "group", "rms", or any function or module of a float64 (N, 6) tensor
            of summed inputs (6 units) in training; of a (6, 5) weight matrix where `acts_on` says so.
        acts_on: "summed inputs" or "weight"; the named norms know it.
        tolerance: up to which deviation the layer counts as invariant. A norm with an epsilon needs more than the
            default, or an epsilon of 0.

    Returns:
        The deviations and verdicts.

    Raises:
        ValueError: there is no such norm, no such thing to act on, or the norm changes the shape.

    Example:
        >>> [name for name, holds in invariances("layer").verdict.items() if holds]
        ['weight_matrix_rescaled', 'weight_matrix_recentered', 'data_rescaled', 'single_case_rescaled']
        >>> invariances("none").deviation["data_rescaled"]  # three times the data, three times the output
        2.0
    """
    label = norm if isinstance(norm, str) else getattr(norm, "__name__", type(norm).__name__)
    if isinstance(norm, str):
        if norm not in NORMS:
            raise ValueError(
                f"norm must be one of {', '.join(NORMS)}, or a function: it is {norm!r}; pass your own norm as one."
            )
        acts_on, norm = NORMS[norm]
    if acts_on not in {"summed inputs", "weight"}:
        raise ValueError(
            f"acts_on must be 'summed inputs' or 'weight': it is {acts_on!r}; say what the norm is given."
        )

    def apply(tensor: Tensor) -> Tensor:
        with torch.no_grad():
            result = norm(tensor)
        if result.shape != tensor.shape:
            raise ValueError(
                f"a norm must keep the shape: {tuple(tensor.shape)} became {tuple(result.shape)}; "
                f"it is given the {acts_on}."
            )
        return result

    def layer(x: Tensor, weight: Tensor) -> Tensor:
        return apply(x @ weight.T) if acts_on == "summed inputs" else x @ apply(weight).T

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(CASES, INPUTS, dtype=torch.float64, generator=generator)
    weight = torch.randn(UNITS, INPUTS, dtype=torch.float64, generator=generator)
    shift = torch.randn(INPUTS, dtype=torch.float64, generator=generator)
    first_unit = torch.ones(UNITS, 1, dtype=torch.float64).index_fill(0, torch.tensor([0]), FACTOR)
    first_case = torch.ones(CASES, 1, dtype=torch.float64).index_fill(0, torch.tensor([0]), FACTOR)
    changes = {
        "weight_matrix_rescaled": (x, FACTOR * weight),
        "weight_matrix_recentered": (x, weight + shift),
        "weight_vector_rescaled": (x, first_unit * weight),
        "data_rescaled": (FACTOR * x, weight),
        "data_recentered": (x + shift, weight),
        "single_case_rescaled": (first_case * x, weight),
    }
    before = layer(x, weight)
    largest = before.abs().max()
    deviation = {
        name: float((layer(*changed) - before).abs().max() / largest) for name, changed in changes.items()
    }
    return Invariances(label, deviation, tolerance)


def demonstrate() -> str:
    """Measure every named norm.

    Returns:
        Two tables in one: the deviations, and a mark where the layer is invariant.
    """
    rows = [invariances(norm) for norm in NORMS]
    lines = [f"{'':<26}" + "".join(f"{row.norm:>10}" for row in rows)]
    for change in rows[0].deviation:
        cells = (f"{row.deviation[change]:.0e} {'=' if row.verdict[change] else ' '}" for row in rows)
        lines.append(f"{change.replace('_', ' '):<26}" + "".join(f"{cell:>10}" for cell in cells))
    lines += ["", "largest change of an output, as a share of the largest output; '=' marks an invariance"]
    return "\n".join(lines)
