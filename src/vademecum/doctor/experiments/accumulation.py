r"""Accumulation: the gradients of two halves with half the loss each must add up to that of the whole batch.

$$ \nabla \tfrac{1}{2} L(B_1) + \nabla \tfrac{1}{2} L(B_2) = \nabla L(B_1 \cup B_2) $$

References:
    goyal2017accurate: section 3, on losses over several workers, and what their normalization does.
"""

import torch
from torch import Tensor

from ..._torch.copies import plain
from .._finding import Case, Finding
from .._probe import copied, some
from ..recording.record import NotCheckedError

RULE, REFERENCE = "accumulation", "goyal2017accurate"

CLOSE = 1e-3
"""Relative difference of the gradients that sums in another order may make."""


def accumulation(case: Case) -> list[Finding]:
    """Compare the gradient of the batch with that of its two halves, each with half the loss.

    Args:
        case: left as it is.

    Returns:
        One finding: "ok" where both are the same; else "note", which says why accumulating is another training.

    Raises:
        NotCheckedError: the loss works on the whole batch only, or the batch has no two equal halves.

    Example:
        >>> from torch import nn
        >>> case = Case(nn.Linear(3, 1), torch.randn(8, 3), torch.randn(8, 1), nn.MSELoss(reduction="sum"))
        >>> [(finding.severity, finding.evidence["ratio"]) for finding in accumulation(case)]
        [('note', 2.0)]
    """
    count = len(case.x) - len(case.x) % 2
    if case.origin is not None and case.origin.rows:
        raise NotCheckedError("the loss works on the whole batch only, so the batch cannot be halved")
    if count < 2:
        raise NotCheckedError("one example has no halves")
    parts = [range(count), range(count // 2), range(count // 2, count)]
    whole, one, two = (_gradient(some(case, places)) for places in parts)
    halves = (one + two) / 2
    size = float(whole.norm())
    if not size > 0:
        raise NotCheckedError("the gradient is zero or not finite")
    off, twice = float((halves - whole).norm()) / size, float((2 * halves - whole).norm()) / size
    if off <= CLOSE:
        message = "Two halves with half the loss each have the gradient of the whole batch, so accumulating is exact."
        return [Finding(RULE, "ok", message, evidence={"difference": off}, reference=REFERENCE)]
    if twice <= CLOSE:
        return [Finding(
            RULE, "note", "The loss adds the examples up: the gradient of a batch is the sum of those of its halves.",
            cure="Accumulate without dividing, and divide the rate by the number of examples where the batch grows.",
            evidence={"difference": off, "ratio": round(size / float(halves.norm()), 3)}, reference=REFERENCE,
        )]  # fmt: skip
    norms = [
        path for path, part in case.model.named_modules() if hasattr(part, "running_mean") and part.training
    ]
    why = (
        f"batch normalization ({norms[0]}) takes its statistics of each half"
        if norms else "the mean is taken over what counts (weights, a mask, padding, pairs), not over the examples"
    )  # fmt: skip
    return [Finding(
        RULE, "note",
        f"Two halves with half the loss each differ from the whole batch by {off:.1%} of its gradient: {why}.",
        cure="Where gradients are accumulated, expect another training than with the whole batch at once.",
        evidence={"difference": off}, reference=REFERENCE,
    )]  # fmt: skip


def _gradient(case: Case) -> Tensor:
    """All gradients as one vector."""
    with copied(case) as own:
        plain(own.model)
        weights = [p for p in own.model.parameters() if p.requires_grad]
        loss = own.loss(own.model(own.x), own.y)
        if not loss.requires_grad:
            raise NotCheckedError("the loss is connected to no weight")
        grads = torch.autograd.grad(loss, weights, allow_unused=True)
    dense = [torch.zeros_like(p) if g is None else g.to_dense() for g, p in zip(grads, weights)]
    return torch.cat([g.flatten().double() for g in dense])
