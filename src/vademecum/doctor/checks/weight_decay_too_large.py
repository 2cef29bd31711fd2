r"""Weight decay too large: the decay, not the data, decides where the weights go.

Decay pulls each weight to zero with a force in proportion to it. Where that force is stronger than the gradient of the
data, the weights shrink until the outputs are the same for every example.

$$ \lambda \lVert W \rVert > \lVert \nabla_W L \rVert $$

Wrong:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=10)

Right:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

Fails where: the penalty is a term of the loss; then only the shrinking weights show it.

References:
    krogh1992simple: a decay chooses the smallest weights that solve the problem, where it is weak.
    loshchilov2019decoupled: decay apart from the gradient, and how it depends on the learning rate.
"""

from collections.abc import Iterator, Mapping

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import POOR, opened, taught, total
from ..recording.record import Look, Record

STRONGER = 2.0
"""Times the gradient of the data that the pull of the decay must have."""

SHARE = 0.5
"""Of an update that a decay apart from the gradient makes, to be called too large."""

LOOKS = 5
"""Looks at the start at which the pull is measured: later the shrunken weights balance it."""

SHRUNK, GONE = 0.7, 0.1
"""Of their size at the start: the weights have shrunk, or are gone whatever made them so."""


def weight_decay_too_large(record: Record) -> Iterator[Finding]:
    """Look whether weights that shrink are pulled to zero harder than the data pull them anywhere.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are.
    """
    gate, seen = opened(record, poor=POOR)
    names = [name for name in taught(record, seen) if seen[0].weight_norm.get(name, 0.0) > 0]
    left = median([seen[-1].weight_norm.get(name, 0.0) / seen[0].weight_norm[name] for name in names])
    decays = {name: decay for name, decay in _decays(record).items() if name in names}
    pull = median([_pull(look, decays) for look in seen[:LOOKS]]) if decays else 0.0
    decay = max((value for value, _, _ in decays.values()), default=0.0)
    state = gate.why or f"the loss is still {gate.left:.0%} of a guess"
    if decays and pull > 1 and left < SHRUNK:
        yield Finding(
            "weight-decay-too-large", "warning",
            f"The weight decay of {decay:g} pulls the weights {pull:.2g} times as hard as is sound: they shrank to "
            f"{left:.2g} of their size at the start, and {state}.",
            cure=f"Set weight_decay to about {1e-2 if _apart(decays) else 1e-4:g}.",
            evidence={"decay": decay, "pull": pull, "size_left": left}, reference="krogh1992simple", symptom=True,
            step=seen[0].step, diff=f"- weight_decay={decay:g}\n+ weight_decay={1e-2 if _apart(decays) else 1e-4:g}",
            disproof="Without the decay the run ends no better.",
        )  # fmt: skip
    elif gate.open and gate.kind != "not-finite" and names and left < GONE:
        yield Finding(
            "weight-decay-too-large", "warning",
            f"The weights shrank to {left:.2g} of their size at the start, as under a penalty stronger than the data, "
            f"and {state}.",
            cure="Weaken the penalty on the weights, in the optimizer or in the loss.",
            evidence={"decay": decay, "size_left": left}, reference="krogh1992simple", symptom=True, step=seen[0].step,
            disproof="Without any penalty the weights shrink as well.",
        )  # fmt: skip


def _decays(record: Record) -> dict[str, tuple[float, float, bool]]:
    """Name of a parameter -> its decay, its group's rate, and whether the decay stands apart from the gradient."""
    found = {}
    for optimizer in record.optimizers:
        for group in optimizer.param_groups:
            decay = float(group.get("weight_decay") or 0.0)
            apart = bool(group.get("decoupled_weight_decay")) or "W" in type(optimizer).__name__
            for p in group["params"] if decay > 0 else ():
                if id(p) in record.names:
                    found[record.names[id(p)]] = decay, float(group.get("lr") or 0.0), apart
    return found


def _apart(decays: Mapping[str, tuple[float, float, bool]]) -> bool:
    return any(apart for _, _, apart in decays.values())


def _pull(look: Look, decays: Mapping[str, tuple[float, float, bool]]) -> float:
    """How many times too strong the decay is at a look: over the gradient, or by its share of the update."""
    rate = max(look.rates, default=0.0)
    if _apart(decays):
        moved = total(look.ratio.get(name, 0.0) * look.weight_norm.get(name, 0.0) for name in decays)
        pulled = total(
            rate * decay * look.weight_norm.get(name, 0.0) for name, (decay, _, _) in decays.items()
        )
        return pulled / (SHARE * moved) if moved > 0 else 0.0
    pulled = total(decay * look.weight_norm.get(name, 0.0) for name, (decay, _, _) in decays.items())
    gradient = total(look.grad_norm.get(name, 0.0) for name in decays)
    return pulled / (STRONGER * gradient) if gradient > 0 else 0.0
