r"""Gradient check: along a direction of all weights, the loss must change as its gradient says.

$$ \frac{L(\theta + h d) - L(\theta - h d)}{2 h} \approx \nabla L(\theta) \cdot d $$

References:
    rumelhart1986learning: the gradient of a network by the chain rule.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..._torch.copies import plain
from ..._torch.graph import Graph
from ..._torch.streams import same_streams
from .._finding import Case, Finding
from .._probe import copied, first
from ..recording.record import NotCheckedError

RULE, REFERENCE = "gradient-check", "rumelhart1986learning"

H = 1e-6
"""Step along a direction as long as the weights, in double precision."""

AGREE, WRONG = 1e-3, 1e-2
"""Relative difference up to which two step sizes agree, so that there is no kink between; and from which the gradient
is another."""

BATCH = 32
"""Examples at most."""


def gradient_check(case: Case, *, directions: int = 3) -> list[Finding]:
    """Compare the gradient of the whole loss with differences, in double precision and without what is random.

    Args:
        case: left as it is.
        directions: random ones that are tried.

    Returns:
        One finding: "ok", or where it is another gradient "warning" with an autograd.Function of the user's in the
        graph, else "note": a detached part, as in a target network or a straight-through estimate, may be meant.

    Raises:
        NotCheckedError: the step does not run in double precision, or the loss has a kink in every direction.

    Example:
        >>> from torch import nn
        >>> case = Case(nn.Linear(3, 2), torch.randn(8, 3), torch.arange(8) % 2, nn.CrossEntropyLoss(), num_classes=2)
        >>> [finding.severity for finding in gradient_check(case)]
        ['ok']
    """
    generator = torch.Generator().manual_seed(0)
    with copied(first(case, BATCH)) as own:
        plain(own.model)
        own.model.double()
        x, y = (v.double() if v.is_floating_point() else v for v in (own.x, own.y))
        weights = [p for p in own.model.parameters() if p.requires_grad]

        def loss() -> Tensor:
            with same_streams():
                return own.loss(own.model(x), y)

        try:
            value = loss()
        except (RuntimeError, TypeError) as error:
            raise NotCheckedError(f"the step does not run in double precision ({error})") from None
        if value.dtype != torch.float64 or not value.requires_grad:
            raise NotCheckedError("the loss is not in double precision, though its weights are")
        custom = sorted({op.kind for op in Graph(value) if op.custom})
        grads = torch.autograd.grad(value, weights, allow_unused=True)
        worst, seen = (0.0, 0.0, 0.0), 0
        for _ in range(directions):
            along = [
                torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device) * _size(p)
                for p in weights
            ]
            for row in _unlearned(own.model, weights, along):
                row.zero_()
            got = float(sum((g * d).sum() for g, d in zip(grads, along) if g is not None))
            slopes = [_slope(loss, weights, along, h) for h in (H, H / 2)]
            size = max(abs(slopes[1]), abs(got))
            if size < 1e-6 * max(1.0, abs(value.item())) or abs(slopes[0] - slopes[1]) > AGREE * size:
                continue
            seen += 1
            worst = max(worst, (abs(slopes[1] - got) / size, slopes[1], got))
    if not seen:
        raise NotCheckedError("the loss is flat, or jumps or bends, along every direction that was tried")
    return [_said(*worst, seen, custom)]


def _said(off: float, slope: float, got: float, seen: int, custom: list[str]) -> Finding:
    evidence = {"difference": off, "slope": slope, "backward": got}
    if off <= WRONG:
        message = (
            f"Along {seen} random directions the loss changes as its gradient says, to {max(off, 1e-12):.0e}."
        )
        return Finding(RULE, "ok", message, evidence=evidence, reference=REFERENCE)
    named = f", and {', '.join(custom)} has a backward of its own" if custom else ""
    return Finding(
        RULE, "warning" if custom else "note",
        f"Along a direction of all weights the loss has the slope {slope:.4g} by differences and {got:.4g} by its "
        f"gradient{named}.",
        cure="If no other gradient is meant, look for detach(), .data, no_grad or torch.tensor(...) on the way to the "
        "loss, and derive each backward of an autograd.Function again.",
        evidence=evidence, reference=REFERENCE,
        disproof="A part is detached, or has another gradient, on purpose.",
    )  # fmt: skip


def _size(weight: Tensor) -> float:
    """The usual size of a weight's values; that of a bias which starts at zero is small."""
    return max(float(weight.detach().square().mean().sqrt()), 1e-2) if weight.numel() else 0.0


def _unlearned(model: nn.Module, weights: Sequence[Tensor], along: Sequence[Tensor]) -> Iterator[Tensor]:
    """Rows of a direction that no gradient is due: an embedding's padding."""
    places = {id(p): place for place, p in enumerate(weights)}
    for part in model.modules():
        padding = getattr(part, "padding_idx", None)
        weight = getattr(part, "weight", None)
        if isinstance(padding, int) and id(weight) in places:
            yield along[places[id(weight)]][padding]


def _slope(loss: Callable[[], Tensor], weights: Sequence[Tensor], along: Sequence[Tensor], h: float) -> float:
    """The difference quotient along a direction; the weights are put back."""
    before = [p.detach().clone() for p in weights]
    sides = []
    with torch.no_grad():
        for sign in (1, -1):
            for p, start, d in zip(weights, before, along):
                p.copy_(start + sign * h * d)
            sides.append(float(loss()))
        for p, start in zip(weights, before):
            p.copy_(start)
    return (sides[0] - sides[1]) / (2 * h)
