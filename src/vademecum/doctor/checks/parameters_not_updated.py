r"""Parameters not updated: steps are taken, and the values stay bit for bit.

The update is smaller than half the distance to the next number of the weight's precision, so that adding it changes
nothing. With 8 bits in bfloat16 this begins at 1/512 of the weight, with float32 at one part in 10^7.

$$ |\Delta w| < \tfrac{\epsilon}{2} |w| \;\Rightarrow\; w + \Delta w = w $$

Wrong:
    model = Net().to(torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

Right:
    model = Net()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_fn(model(x), y)

Fails where: weights are held at a bound or under a mask on purpose.

References:
    micikevicius2018mixed: section 3.1, a master copy of the weights in single precision.
"""

from collections.abc import Iterator

import torch

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

LOOKS = 3
"""Looks at which a parameter must have stood still."""

MOST = 0.9
"""Share of a half-precision parameter's values that stand still at a step, in the middle of all looks."""

HALF = {torch.float16, torch.bfloat16}


def parameters_not_updated(record: Record) -> Iterator[Finding]:
    """Look for parameters with a gradient that no step changes.

    Args:
        record: of the run so far.

    Yields:
        "error" where the precision of a half-precision weight is too small for its updates; "warning" where most
        parameters of an optimizer stand still for another reason. A rate of 0 is another rule's.

    Raises:
        NotCheckedError: fewer looks than it takes.
    """
    looks = [look for look in record.looks if look.grad_norm and any(look.grad_norm.values())]
    if len(looks) < LOOKS:
        raise NotCheckedError(f"it takes {LOOKS} looks at steps with gradients, and there were {len(looks)}")
    for place, optimizer in enumerate(record.optimizers):
        mine = [look for look in looks if look.optimizer == place and any(look.rates)]
        if len(mine) < LOOKS:
            continue
        rates = {
            record.names.get(id(p), ""): float(group.get("lr", 1.0))
            for group in optimizer.param_groups
            for p in group["params"]
        }
        active = [name for name, rate in rates.items() if rate > 0 and all(name in k.grad_norm for k in mine)]
        still = [name for name in active if all(name in look.unchanged for look in mine)]
        half = [n for n in active if record.parameters[n].dtype in HALF and _middle(mine, n) >= MOST]
        if half and 2 * len(half) >= len([n for n in active if record.parameters[n].dtype in HALF]):
            yield _half(record, half, mine[0].step, max(rates.values()))
        elif still and 2 * len(still) >= len(active):
            yield _still(record, still, len(active), mine[0].step, max(rates.values()))


def _middle(looks: list, name: str) -> float:
    shares = sorted(look.still.get(name, 0.0) for look in looks)
    return shares[len(shares) // 2]


def _half(record: Record, names: list[str], step: int, rate: float) -> Finding:
    dtype = record.parameters[names[0]].dtype
    kind, eps = str(dtype).removeprefix("torch."), torch.finfo(dtype).eps
    return Finding(
        "parameters-not-updated", "error",
        f"The updates are too small for {kind}: at a usual step at least {MOST:.0%} of the values of "
        f"{listed(names)} stay bit for bit, because a change below {eps / 2:.2g} of a weight is lost.",
        cure=f"Keep the weights in float32 and use torch.autocast(dtype={dtype}) for the computation.",
        where=names[0], evidence={"parameters": len(names), "epsilon": eps, "rate": rate},
        reference="micikevicius2018mixed", step=step, disproof="The values change at most steps.",
    )  # fmt: skip


def _still(record: Record, names: list[str], of: int, step: int, rate: float) -> Finding:
    site = record.site("step")
    return Finding(
        "parameters-not-updated", "warning",
        f"{len(names)} of {of} parameters have a gradient and do not change by one bit at any step: {listed(names)}; "
        f"at the learning rate {rate:.3g} the update is lost in rounding, or the step does not apply it.",
        cure="Raise the learning rate, or let step() change the values in place.", where=names[0],
        evidence={"parameters": len(names), "of": of, "rate": rate}, reference="micikevicius2018mixed",
        file=site.file, line=site.line, step=step, disproof="The values change.",
    )  # fmt: skip
