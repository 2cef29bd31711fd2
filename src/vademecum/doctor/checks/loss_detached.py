r"""Loss detached: the loss has no way back to any weight.

A backward pass follows the graph that the operations have recorded. Numbers that left it - by `item()`, `detach()`,
NumPy, an argmax, a new tensor - have none: torch raises an error, or, where the new tensor "requires grad" itself, the
run goes on and nothing learns.

No equation.

Wrong:
    loss = torch.tensor(criterion(model(x), y).item(), requires_grad=True)

Right:
    loss = criterion(model(x), y)

Fails where: the backward pass is meant for something that is not part of the model.

References:
    karpathy2019recipe: a network that is wired wrongly may still run without an error.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import Record, Scene

REFERENCE = "karpathy2019recipe"

CURE = (
    "Compute the loss from the model's output with torch operations alone, outside torch.no_grad(), and call "
    "item() or detach() only on what is reported."
)


def loss_detached(seen: Scene | Record) -> Iterator[Finding]:
    """Look whether a backward pass can reach any weight.

    Args:
        seen: a scene before a backward pass, or the record of a run with a loss that has no graph.

    Yields:
        "error" where it cannot.
    """
    if isinstance(seen, Scene):
        yield from _elsewhere(seen)
        return
    if not seen.detached:
        return
    site, why = seen.site("backward"), next((text for text in seen.detached if text), "")
    if seen.failure is not None and not site.line:
        site = seen.failure[2]
    yield Finding(
        "loss-detached", "error",
        "The loss has no graph, so its backward pass reaches no weight and nothing can learn"
        + (f": {why}." if why else "."),
        cure="Set requires_grad to True for what is to learn." if "frozen" in why else CURE,
        evidence={"passes": len(seen.detached)}, reference=REFERENCE, file=site.file, line=site.line,
        disproof="loss.grad_fn is not None.",
    )  # fmt: skip


def _elsewhere(scene: Scene) -> Iterator[Finding]:
    """A graph that ends at nothing that learns."""
    record = scene.record
    owned = {id(p) for o in record.optimizers for group in o.param_groups for p in group["params"]}
    given = {id(x) for call in scene.calls for x in call.inputs}
    leaves = {id(leaf) for leaf in scene.graph.leaves}
    if not scene.calls or not record.trainable or record.compiled or not scene.graph.whole:
        return
    if leaves & (set(record.names) | owned | given) or any(op.custom for op in scene.graph):
        return
    if record.reached:
        return  # other losses of this run do reach it
    yield Finding(
        "loss-detached", "error",
        f"The graph of the loss ends at {len(leaves)} tensors that are no weights of the model: its backward pass "
        "reaches none of them, and nothing can learn.",
        cure=CURE, evidence={"leaves": len(leaves)}, reference=REFERENCE,
        disproof="The backward pass is meant for these tensors.",
    )  # fmt: skip
