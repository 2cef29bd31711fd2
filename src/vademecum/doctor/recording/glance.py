"""A glance at the moment before a backward pass: the graph is read, and the figures of the look are filled in."""

from typing import Any

from torch import Tensor

from vademecum._torch.graph import Graph

from . import intake, nonfinite, reruns, sketches
from .figures import Stat
from .heads import heads
from .record import Call, Look, Record, Scene

__all__ = ["glance"]


def glance(
    record: Record, loss: Tensor, look: Look, calls: list[Call], told: Tensor | None, memory: int
) -> tuple[Scene, list[nonfinite.Risk]]:
    """Read the graph behind a loss.

    Args:
        record: of the run so far; learns what the graph shows of the whole run.
        loss: whose backward pass is about to begin.
        look: is filled in.
        calls: forward passes since the last backward pass.
        told: the targets, where something else than the graph told them.
        memory: bytes of data that may be kept of a loop without modules.

    Returns:
        The scene, and the operations at which a gradient may become not finite.
    """
    graph = Graph(loss)
    found = heads(graph)
    output = calls[-1].outputs[0] if calls and calls[-1].outputs else None
    target = sketches.target(found, output) if told is None else told
    scene = Scene(record, loss, graph, found, calls, target, output)
    if found and not record.heads:
        record.heads = tuple(head.kind for head in found)
    if found and found[0].num_classes:
        record.num_classes = max(record.num_classes, found[0].num_classes)
    record.compiled |= any(op.kind.startswith("Compiled") for op in graph)
    record.own_backward |= any(_own_backward(op.node) for op in graph)
    record.loop.summed = record.loop.summed or sketches.summed(scene)
    record.loop.graph(record.steps, loss, len(graph))
    record.loop.inputs_learn |= any(x.requires_grad for call in calls for x in call.inputs)
    sketches.reach(scene)
    _fill(look, scene)
    intake.fill(look, scene, memory)
    return scene, nonfinite.risks(graph)


def _own_backward(node: Any) -> bool:
    """Whether a node's backward pass was written by the user."""
    made = getattr(node, "_forward_cls", None)  # of a torch.autograd.Function
    return made is not None and not str(made.__module__).startswith("torch.")


def _fill(look: Look, scene: Scene) -> None:
    """Note the figures of the tensors that a scene shows."""
    look.activations = sketches.activations(scene)
    if scene.output is not None and scene.output.is_floating_point():
        look.output = Stat.of(scene.output)
    if scene.calls:
        given = scene.calls[0].inputs
        look.inputs = tuple(Stat.of(x) for x in given if x.numel())
        first = sketches.main_input(given)
        look.examples = 0 if first is None else len(first)
    if scene.target is not None and scene.target.numel():
        look.target = Stat.of(scene.target)
        reruns.keep_target(scene.record, scene.calls, scene.target)
    look.accuracy = sketches.accuracy(scene.heads, scene.output)
