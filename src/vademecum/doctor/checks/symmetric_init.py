r"""Symmetric initialization: units that begin alike stay alike.

Units of one layer with the same weights get the same gradient, and so they are one unit for ever. Random weights
break the symmetry. A layer of zeros alone does not hurt where its neighbors are random: its gradients differ.

$$ w_i = w_j \;\Rightarrow\; \frac{\partial L}{\partial w_i} = \frac{\partial L}{\partial w_j} $$

Wrong:
    nn.init.constant_(layer.weight, 0.1)

Right:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

Fails where: something random, such as dropout, has drawn the units apart by a little since.

References:
    goodfellow2016deep: section 8.4, the initial parameters need to break symmetry between units.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

REFERENCE = "goodfellow2016deep"

STEPS = 5
"""Optimizer steps after which units that could differ do."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose weights are never all equal on purpose, but for 0."""


def symmetric_init(record: Record) -> Iterator[Finding]:
    """Look whether all units of a layer were alike at the start, and whether they still are.

    Args:
        record: of the run so far.

    Yields:
        "error" for each layer whose units never became different; "warning" where only the biases tell the units of
        linear layers or convolutions apart that all began with one value.

    Raises:
        NotCheckedError: too few steps.
    """
    if record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} optimizer steps, and there were {record.steps}")
    found = []
    for name, parameter in record.trainable.items():
        if name not in record.reached or parameter.ndim < 2 or len(parameter) < 2:
            continue
        rows = parameter.detach().reshape(len(parameter), -1)
        if _alike(rows) and _began_alike(record.start.get(name), rows):
            found.append(_still(record, name, rows))
    yield from found or [*_of_no_module(record), *_only_biases(record)]


def _still(record: Record, name: str, rows: Tensor) -> Finding:
    constant = bool((rows == rows[0, 0]).all())
    like = f"all have the value {float(rows[0, 0]):.3g}" if constant else "all have the same weights"
    return Finding(
        "symmetric-init", "error",
        f"The {len(rows)} units of {name.rpartition('.')[0] or name} began alike, and after {record.steps} steps they "
        f"{like}: they are one unit.",
        cure=f"Initialize {name} at random: leave torch's default, or nn.init.kaiming_normal_.", where=name,
        evidence={"units": len(rows), "steps": record.steps}, reference=REFERENCE, step=0,
        disproof="Two rows of the weight differ.",
    )  # fmt: skip


def _of_no_module(record: Record) -> Iterator[Finding]:
    """Matrices that an optimizer has and no module, all of one value to this day."""
    for optimizer in record.optimizers:
        for group in optimizer.param_groups:
            for place, matrix in enumerate(group["params"]):
                plain = matrix.ndim >= 2 and min(matrix.shape[:2]) > 1 and id(matrix) not in record.names
                if plain and matrix.requires_grad and bool((matrix == matrix.flatten()[0]).all()):
                    shape, value = tuple(matrix.shape), float(matrix.detach().flatten()[0])
                    yield Finding(
                        "symmetric-init", "error",
                        f"All entries of the weight {shape}, place {place + 1} in its optimizer, are "
                        f"{value:.3g} after {record.steps} steps: its units are one unit.",
                        cure="Initialize it at random: torch.randn(...) / fan_in ** 0.5.", where=f"weight {shape}",
                        evidence={"units": max(shape[:2]), "steps": record.steps}, reference=REFERENCE, step=0,
                        disproof="Two of its entries differ.",
                    )  # fmt: skip


def _only_biases(record: Record) -> Iterator[Finding]:
    """Layers that began with one value everywhere, of which there are several or the value is not 0."""
    layers = {
        f"{path}.weight".lstrip("."): part for path, part in record.modules() if isinstance(part, LAYERS)
    }
    values = {
        name: float(start[0])
        for name, start in record.start.items()
        if name in layers and name in record.reached and len(start) > 1 and bool((start == start[0]).all())
    }
    weights = [name for name in layers if name in record.reached]
    if len(weights) < 2 or not values or (len(values) < len(weights) and not any(values.values())):
        return
    name = next((key for key, value in values.items() if value), next(iter(values)))
    yield Finding(
        "symmetric-init", "warning",
        f"The weights of {len(values)} of {len(weights)} layers ({', '.join(list(values)[:3])}) began at one value, "
        f"{values[name]:.3g}: nothing but the biases tells their units apart.",
        cure="Initialize the weights at random: leave torch's default, or nn.init.kaiming_normal_.", where=name,
        evidence={"layers": len(values), "of": len(weights), "value": values[name]}, reference=REFERENCE, step=0,
        disproof="The units of these layers are as different after training as after a random start.",
    )  # fmt: skip


def _alike(rows: Tensor) -> bool:
    return rows.numel() > 1 and bool(torch.isfinite(rows[0]).all()) and bool((rows == rows[:1]).all())


def _began_alike(start: Tensor | None, rows: Tensor) -> bool:
    """Whether the sample from before the first step is alike in each column that it meets more than once."""
    if start is None:
        return False
    count, columns = rows.numel(), rows.shape[1]
    step = max(1, -(-count // len(start))) if count > len(start) else 1
    place = torch.arange(len(start), device=start.device) * step % columns
    first = torch.full((columns,), torch.nan, dtype=torch.float64, device=start.device)
    first[place] = start.double()
    return torch.equal(first[place], start.double())
