"""What a symptom needs to know of a look: figures of its outputs, its dropouts and its last hidden layer."""

import math

import torch
from torch import Tensor

from vademecum._torch.graph import Graph

from .fits import fit
from .masks import kept
from .narrow import bottleneck
from .record import Look, Scene
from .sketches import WEIGHTED


def closer(scene: Scene, look: Look) -> None:
    """Note what the symptoms need to know of an inspected step.

    Args:
        scene: before its backward pass.
        look: is filled in.
    """
    look.fit = fit(scene.heads, scene.output, scene.target)
    look.spread = _spread(scene.output)
    look.kept = kept(scene.graph)
    look.rank = _rank(scene.graph)
    if not scene.record.looked:
        scene.record.width = bottleneck(scene.graph)


def _spread(output: Tensor | None) -> float:
    """How much an output differs between examples: its standard deviation over its root mean square."""
    if output is None or not output.is_floating_point() or output.ndim < 2 or len(output) < 4:
        return math.nan
    values = output.detach().reshape(len(output), -1)
    values = values[:, :: max(1, -(-values.numel() // 65536))].float()
    size = values.square().mean().sqrt()
    return float(values.std(0, correction=0).square().mean().sqrt() / size.clamp_min(1e-30))


def _rank(graph: Graph) -> float:
    """Effective rank over the batch of the last nonlinearity in front of a layer: the exponential of an entropy."""
    seen = False
    for op in graph:
        seen = seen or op.kind in WEIGHTED
        value = op.saved("result") if seen and op.kind in {"Relu", "Tanh", "Sigmoid", "Elu", "Selu"} else None
        if value is not None and value.ndim == 2 and len(value) >= 8:
            rows = value.detach()[:64, :256].float()
            if not bool(rows.isfinite().all()):
                return math.nan
            rows = rows / rows.abs().max().clamp_min(1e-30)
            share = torch.linalg.svdvals(rows - rows.mean(0)).square()
            share = share / share.sum().clamp_min(1e-30)
            return float(torch.exp(-torch.xlogy(share, share).sum()))
    return math.nan
