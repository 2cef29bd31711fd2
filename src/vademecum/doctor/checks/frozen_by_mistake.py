"""Frozen by mistake: weights that were never trained are held at their random first values.

Freezing saves what was learned. A layer that still fills the law from which torch draws first values has learned
nothing: the freezing took the wrong layers, or the trained weights were never loaded.

No equation.

Wrong:
    for p in model.parameters():
        p.requires_grad_(False)

Right:
    for p in model.backbone.parameters():
        p.requires_grad_(False)

Fails where: random features are meant. A single frozen layer is therefore only asked about.

References:
    yosinski2014how: what is frozen is worth what it was trained for.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from .._finding import Finding
from ..evidence.initial import untrained
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

STEPS = 3
"""Steps after which a freezing counts as settled."""

DEEP = 2
"""Frozen random layers in one model that are no mere random features."""


def frozen_by_mistake(record: Record) -> Iterator[Finding]:
    """Look for frozen weights at torch's random first values, in models of which something else is trained.

    Args:
        record: of the run so far.

    Yields:
        "warning" where several layers are, where one is that the optimizer was given all the same, or where the
        output layer is; "note" for a single other layer, which may be random features.

    Raises:
        NotCheckedError: too few steps.
    """
    if record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} optimizer steps, and there were {record.steps}")
    held = {id(p) for o in record.optimizers for group in o.param_groups for p in group["params"]}
    seen: set[int] = set()
    for title, model in record.models.items():
        weights = [
            (f"{path}.{n}".lstrip("."), m, n, p) for path, m, n, p in _weights(model) if id(p) not in seen
        ]
        seen |= {id(p) for *_, p in weights}
        if not any(record.names.get(id(p)) in record.reached for *_, p in weights):
            continue  # a teacher, a target network, a discriminator held still
        frozen = [
            (name, p)
            for name, module, own, p in weights
            if not p.requires_grad
            and untrained(module, own, p)
            and not _copied(record, p)
            and not _moved(record, p)
        ]
        if not frozen:
            continue
        prefix = f"{title}." if len(record.models) > 1 else ""
        names = [prefix + name for name, _ in frozen]
        last = weights[-1][0] in [name for name, _ in frozen]
        given = any(id(p) in held for _, p in frozen)
        sure = len(frozen) >= DEEP or given or last
        share = sum(p.numel() for _, p in frozen) / max(sum(p.numel() for *_, p in weights), 1)
        yield Finding(
            "frozen-by-mistake", "warning" if sure else "note",
            f"{listed(names)} {'are' if len(names) > 1 else 'is'} frozen at the random values that torch drew: "
            f"{share:.0%} of the model's weights were never trained and never will be."
            + (" The output layer is among them." if last else ""),
            cure="Load the trained weights before freezing, or leave these layers trainable.", where=names[0],
            evidence={"layers": len(names), "share": share}, reference="yosinski2014how",
            diff=f"- {names[0]}.requires_grad_(False)", step=0, disproof="Random features are meant.",
        )  # fmt: skip


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """Weight matrices and filters with their owners, in the order in which the model holds them."""
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim >= 2 and not isinstance(parameter, nn.parameter.UninitializedParameter):
                yield path, module, name, parameter


def _copied(record: Record, parameter: Tensor) -> bool:
    """Whether another parameter began with the same values: a target network or an average of weights."""
    name = record.names.get(id(parameter), "")
    start = record.start.get(name)
    return start is not None and any(
        other != name and values.shape == start.shape and values.equal(start)
        for other, values in record.start.items()
    )


def _moved(record: Record, parameter: Tensor) -> bool:
    name = record.names.get(id(parameter))
    return name is not None and record.moved(name)
