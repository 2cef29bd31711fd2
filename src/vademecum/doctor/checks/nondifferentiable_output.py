r"""Nondifferentiable output: a step stands between the weights and the loss, so the gradient is 0.

Rounding, signs and thresholds are flat between their jumps. Where all ways from the loss to a weight lead through
one, the weight's gradient is exactly 0 and it never learns.

$$ \frac{d}{dz} \operatorname{round}(z) = 0 $$

Wrong:
    loss = F.mse_loss(model(x).round(), y)

Right:
    loss = F.mse_loss(model(x), y)  # round only to report

Fails where: the step is in a compiled region, or in a function of your own that has a gradient of its own.

References:
    goodfellow2016deep: section 8.1.2, the loss that is wanted may have no useful gradient, so another is minimized.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vademecum._torch.graph import Graph, Op

from .._finding import Finding
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"

FLAT = {
    "Round": "round", "Sign": "sign", "Sgn": "sign", "Floor": "floor", "Ceil": "ceil", "Trunc": "trunc", "Fix": "trunc",
}  # fmt: skip
"""Operations whose derivative is 0 everywhere, and what they are called."""


def nondifferentiable_output(scene: Scene) -> Iterator[Finding]:
    """Look whether weights are reached only through operations without a gradient.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where all are, "warning" where some are.
    """
    graph = scene.graph
    yield from _restarted(scene)
    steps = graph.of(*FLAT)
    if not steps:
        return
    names = scene.record.names
    learned = {id(leaf): names[id(leaf)] for leaf in graph.leaves if id(leaf) in names}
    reached = _reached(graph)
    lost = [name for key, name in learned.items() if key not in reached]
    if not lost:
        return
    step = steps[0]
    file, line = step.site
    whole = len(lost) == len(learned)
    what = "every weight" if whole else f"{len(lost)} of {len(learned)} weights ({lost[0]}, ...)"
    yield Finding(
        "nondifferentiable-output", "error" if whole else "warning",
        f"The loss reaches {what} only through {FLAT[step.kind]}(), whose derivative is 0 everywhere: the gradient is "
        "exactly 0.",
        cure=f"Compute the loss before {FLAT[step.kind]}(), and use it only to report; or pass the gradient straight "
        "through: z + (z.round() - z).detach().",
        where="" if whole else lost[0].rpartition(".")[0], evidence={"lost": len(lost), "learned": len(learned)},
        reference=REFERENCE, file=file, line=line, disproof="A gradient that is not 0.",
    )  # fmt: skip


def _restarted(scene: Scene) -> Iterator[Finding]:
    """A graph that begins anew at a choice made from the model's output."""
    names = scene.record.names
    if any(id(leaf) in names for leaf in scene.graph.leaves):
        return
    for leaf in scene.graph.leaves:
        how = next((how for call in scene.calls for out in call.outputs if (how := _made(leaf, out))), "")
        if how:
            yield Finding(
                "nondifferentiable-output", "error",
                f"The loss is computed from {how} of the model's output, which has no gradient; requires_grad on the "
                "result does not lead back to the model.",
                cure=f"Compute the loss from the output itself, and use {how} only to report.",
                evidence={"lost": len(names), "learned": len(names)}, reference=REFERENCE,
                disproof="A gradient that is not 0.",
            )  # fmt: skip
            return


def _made(leaf: Tensor, output: Tensor) -> str:
    """What a tensor is of an output: its argmax, it rounded or compared with 0, or ""."""
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "the argmax": lambda out: out.argmax(-1 if out.ndim < 3 else 1), "a rounding": torch.round,
        "the sign": torch.sign, "a comparison": lambda out: out > 0, "a threshold": lambda out: out > 0.5,
    }  # fmt: skip
    for how, way in ways.items():
        if output.is_floating_point() and output.ndim and leaf.numel() > 1:
            made = way(output.detach())
            if made.numel() == leaf.numel() and torch.equal(
                made.flatten().to(leaf.dtype), leaf.detach().flatten()
            ):
                return how
    return ""


def _reached(graph: Graph) -> set[int]:
    """Ids of the leaves that a gradient other than 0 can reach."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting: list[Op] = graph.ops[:1]
    while waiting:
        op = waiting.pop()
        if op.index in seen or op.kind in FLAT:
            continue
        seen.add(op.index)
        if op.variable is not None:
            found.add(id(op.variable))
        waiting.extend(graph.inputs(op))
    return found
