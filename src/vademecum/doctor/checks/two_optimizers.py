"""Two optimizers for the same parameters: each undoes, or doubles, what the other does.

No equation.

Wrong:
    first = torch.optim.Adam(model.parameters())
    second = torch.optim.SGD(model.head.parameters(), lr=0.1)

Right:
    optimizer = torch.optim.Adam([{"params": body}, {"params": head, "lr": 1e-2}])

Fails where: one takes over from the other, as a quasi-Newton method does after Adam.

References:
    kingma2015adam: section 2, the moments describe the gradients of one sequence of steps.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

STEPS = 2
"""Steps that each of two optimizers must have taken."""


def two_optimizers(record: Record) -> Iterator[Finding]:
    """Look for parameters that two optimizers step.

    Args:
        record: of the run so far.

    Yields:
        "note" where there are some.

    Raises:
        NotCheckedError: no step was seen.
    """
    if not record.steps:
        raise NotCheckedError("no optimizer step was seen")
    active = [o for place, o in enumerate(record.optimizers) if record.steps_of[place] >= STEPS]
    holders: dict[int, int] = {}
    for optimizer in active:
        for key in {id(p) for group in optimizer.param_groups for p in group["params"]}:
            holders[key] = holders.get(key, 0) + 1
    shared = [record.names.get(key, "a tensor") for key, count in holders.items() if count > 1]
    if shared:
        yield Finding(
            "two-optimizers", "note",
            f"{len(shared)} parameters are stepped by more than one optimizer: {listed(sorted(shared))}.",
            cure="Give each parameter to one optimizer; groups with rates of their own do the rest.",
            where=sorted(shared)[0], evidence={"parameters": len(shared), "optimizers": len(active)},
            reference="kingma2015adam", step=0, disproof="One optimizer takes over from the other on purpose.",
        )  # fmt: skip
