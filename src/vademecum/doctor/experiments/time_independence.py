"""Time independence: a model that is to say the next element must not see it.

References:
    vaswani2017attention: section 3.2.3, on masking the positions that come later.
"""

import torch
from torch import Tensor

from ..._torch.streams import same_streams
from .._finding import Case, Finding
from .._probe import copied, outputs
from ..recording.record import NotCheckedError

RULE, REFERENCE = "time-independence", "vaswani2017attention"

SHIFTED = 0.95
"""Share of the targets that must be the next inputs; the rest may be padding."""

TOLERANCE = 1e-4
"""Of the outputs' size."""


def time_independence(case: Case) -> list[Finding]:
    """Change the later inputs, and look whether earlier outputs change in evaluation mode.

    Args:
        case: left as it is.

    Returns:
        One finding, "error" or "ok".

    Raises:
        NotCheckedError: the targets are not the inputs shifted by one, or no output has a value for each position.

    Example:
        >>> from torch import nn
        >>> ids = torch.randint(50, (4, 9), generator=torch.Generator().manual_seed(0))
        >>> class Sees(nn.Embedding):
        ...     def forward(self, x):
        ...         return super().forward(x).mean(1, keepdim=True).expand(-1, x.shape[1], -1)
        >>> [f.severity for f in time_independence(Case(Sees(50, 50), ids[:, :-1], ids[:, 1:], None))]
        ['error']
    """
    x, y = case.x, case.y
    if x.ndim < 2 or x.shape != y.shape or x.shape[1] < 4:
        raise NotCheckedError("the targets are not the inputs, shifted")
    if float((x[:, 1:] == y[:, :-1]).double().mean()) < SHIFTED or torch.equal(x, y):
        raise NotCheckedError("the targets are not the inputs, shifted")
    cut = x.shape[1] // 2
    with copied(case) as own, torch.no_grad():
        own.model.eval()
        changed = own.x.clone()
        changed[:, cut:] = own.x.roll(1, 0)[:, cut:].flip(1)
        said = []
        for given in (own.x, changed):
            with same_streams():
                said.append(_by_position(outputs(_with(own, given)), x.shape))
    before, after = said
    moved = float((before[:, :cut] - after[:, :cut]).abs().max())
    size = float(before.abs().max())
    if moved <= TOLERANCE * size:
        message = "What is said at a position does not depend on later ones."
        return [Finding(RULE, "ok", message, evidence={"change": moved, "size": size}, reference=REFERENCE)]
    return [Finding(
        RULE, "error",
        f"What is said of the first {cut} positions changes by {moved:.2g} (of {size:.2g}) with later ones, among "
        "which are the targets.",
        cure="Mask attention to later positions, pad convolutions on the left only, and take no bidirectional layer.",
        evidence={"change": moved, "size": size}, reference=REFERENCE,
    )]  # fmt: skip


def _with(case: Case, x: Tensor) -> Case:
    return Case(case.model, x, case.y, case.loss, case.num_classes, case.origin)


def _by_position(said: tuple[Tensor, ...], shape: torch.Size) -> Tensor:
    """The output that has a value for each example and position."""
    for output in said:
        if output.is_floating_point() and output.ndim > 2 and output.shape[:2] == shape[:2]:
            return output
    raise NotCheckedError("no output has a value for each position")
