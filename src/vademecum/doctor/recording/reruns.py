"""Keep one forward pass of a model, and say why a loss has no graph: what a later experiment needs of the moment."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from vademecum._torch.trace import tensors

from .record import Call, Kept, Record


def wanted(record: Record, call: Call) -> bool:
    """Whether a pass is to be kept: a model's first, and later ones at doubling distances."""
    kept = record.kept.get(call.model)
    return kept is None or call.step > 2 * kept.step


def keep(record: Record, call: Call, memory: int) -> None:
    """Copy what a pass was given, before the pass can change it, where there is room.

    Args:
        record: where it is kept.
        call: just begun, of a model that is whole.
        memory: bytes that may be used.
    """
    given = {id(x): x for x in tensors((call.args, call.kwargs))}
    if sum(x.nbytes for x in given.values() if not x.is_sparse) > memory:
        record.notes.setdefault("reruns", f"a batch is larger than the {memory >> 20} MB that may be kept")
        return
    record.kept[call.model] = Kept(
        call.step, tuple(copied(list(call.args))), copied(dict(call.kwargs)), call.training, dict(call.modes)
    )


def keep_target(record: Record, calls: Sequence[Call], target: Tensor) -> None:
    """Copy the target of the loss to the pass that it belongs to."""
    for call in calls[-1:]:
        kept = record.kept.get(call.model)
        if kept is not None and kept.step == call.step and kept.target is None:
            kept.target = target.detach().clone()


def copied(value: Any) -> Any:
    """Nested arguments with copies of their tensors; what is neither container nor tensor is passed as it is."""
    if isinstance(value, Tensor):
        copy = value.detach().clone()
        return copy.requires_grad_() if value.requires_grad else copy
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [copied(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def why_detached(record: Record, loss: Tensor, calls: Sequence[Call], idle: Sequence[Call]) -> str:
    """One clause on what cut a loss off that has no graph; "" where nothing is known."""
    if record.parameters and not record.trainable:
        return "every parameter of the model is frozen (requires_grad is False)"
    if calls:
        if any(output.requires_grad for call in calls for output in call.outputs):
            return (
                "the model's output still has a graph, so the cut lies between it and the loss: detach(), .data, "
                "item(), numpy(), argmax, a comparison, or torch.tensor(...)"
            )
        return "the model's output has no graph either, so the cut lies inside forward()"
    if idle:
        return "the forward pass ran without gradients, under torch.no_grad() or inference_mode()"
    return ""
