"""Gradients: every parameter that should learn must be reached by a finite gradient that is not always zero.

References:
    goodfellow2016deep: section 11.5, on watching the gradients of a training run.
"""

import math
from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..._torch.trace import Call, tensors, tracing
from .._finding import Case, Finding
from .._probe import copied

RULE, REFERENCE = "gradients", "goodfellow2016deep"

STEPS, RATE = 3, 1e-3
"""A gradient that is zero is looked at again after so many steps, each by the gradient's sign: behind a layer that
starts at zero (a gate, a residual branch, an adapter) all gradients are zero at the first step only."""

NAMED = 4
"""Parameters named in a message; the rest is counted."""


def gradients(case: Case) -> list[Finding]:
    """Send a gradient through the network and name the parameters that it does not reach.

    Args:
        case: left as it is.

    Returns:
        One finding for each highest part of the network in which all parameters have the same fault, with the
        part's path: "error" for an activation or a gradient that is not finite, and where nothing learns at all;
        "warning" for parameters with no gradient or with one that stays exactly zero. One "ok" where there is no
        fault.

    Example:
        >>> class Detached(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body, self.head = nn.Linear(3, 4), nn.Linear(4, 2)
        ...     def forward(self, x):
        ...         return self.head(self.body(x).detach())
        >>> case = Case(Detached(), torch.ones(2, 3), torch.tensor([0, 1]), nn.CrossEntropyLoss(), num_classes=2)
        >>> [(finding.where, finding.severity) for finding in gradients(case)]
        [('body', 'warning')]
    """
    with copied(case) as own:
        learned = {name: p for name, p in own.model.named_parameters() if p.requires_grad}
        with tracing(own.model) as calls:
            loss = own.loss(own.model(own.x), own.y)
        if not bool(loss.isfinite()):
            return [_not_finite(own, calls)]
        del calls
        if not learned or not loss.requires_grad:
            return [_nothing_learns(frozen=not learned)]
        loss.backward()
        grads = {name: p.grad for name, p in learned.items()}
        missing = {name for name, grad in grads.items() if grad is None}
        infinite = {
            name
            for name, grad in grads.items()
            if grad is not None and not bool(_values(grad).isfinite().all())
        }
        zero = {name for name, grad in grads.items() if grad is not None and not bool(_values(grad).any())}
        norm = math.sqrt(
            sum(float(_values(grad).double().square().sum()) for grad in grads.values() if grad is not None)
        )
        if len(missing) == len(learned):
            return [_nothing_learns(frozen=False)]
        if zero and not infinite:
            zero &= _zero_later(own, learned)
        found = [
            _fault(fault, path, gathered)
            for fault, names in (("infinite", infinite), ("missing", missing), ("zero", zero))
            for path, gathered in _gathered(own.model, names)
        ]
    return found or [
        Finding(
            RULE, "ok", f"A finite gradient reaches all {len(learned)} trainable parameters.",
            evidence={"parameters": len(learned), "norm": norm}, reference=REFERENCE,
        )
    ]  # fmt: skip


def _values(grad: Tensor) -> Tensor:
    return grad.coalesce().values() if grad.is_sparse else grad


def _zero_later(case: Case, learned: dict[str, nn.Parameter]) -> set[str]:
    """Take a few steps and name the parameters whose gradient is still zero in each."""
    zero = set(learned)
    for _ in range(STEPS):
        with torch.no_grad():
            for p in learned.values():
                if p.grad is not None:
                    p.sub_(RATE * p.grad.to_dense().sign())
        case.model.zero_grad()
        case.loss(case.model(case.x), case.y).backward()
        zero = {
            name
            for name in zero
            if (grad := learned[name].grad) is not None and not bool(_values(grad).any())
        }
    return zero


def _not_finite(case: Case, calls: Sequence[Call]) -> Finding:
    """Find the first part that made numbers of finite ones that are not finite."""
    cure = "Look there for a division by 0, the logarithm or root of a negative number, or overflow in half precision."
    if not _all_finite(case.x):
        message, where = "The inputs hold values that are not finite.", ""
        cure = "Fill or drop the missing values before training."
    else:
        guilty = next(
            (c for c in calls if _all_finite((c.inputs, c.keywords)) and not _all_finite(c.output)), None
        )
        where = guilty.path if guilty else ""
        if guilty is None:
            message = "The loss is not finite, though every output of the network is."
        else:
            name = f"{where or 'the network'} ({type(guilty.module).__name__})"
            message = (
                f"The loss is not finite; the first output that is not, of finite inputs, is that of {name}."
            )
    return Finding(RULE, "error", message, cure=cure, where=where, reference=REFERENCE)


def _all_finite(value: object) -> bool:
    return all(bool(t.isfinite().all()) for t in tensors(value) if t.is_floating_point())


def _nothing_learns(*, frozen: bool) -> Finding:
    if frozen:
        message = "Nothing can learn: no parameter of the network requires a gradient."
        cure = "Call requires_grad_() on the part that is to be trained."
    else:
        message = "Nothing can learn: the loss is cut off from every parameter."
        cure = (
            "Look for detach(), .data, .item(), .numpy(), argmax or no_grad between the network and the loss."
        )
    return Finding(RULE, "error", message, cure=cure, reference=REFERENCE)


def _gathered(model: nn.Module, names: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Gather parameters under the highest part in which every trainable one is among them."""
    left = set(names)
    for path, part in model.named_modules():
        prefix = f"{path}." if path else ""
        inside = [prefix + name for name, p in part.named_parameters() if p.requires_grad]
        if inside and left.issuperset(inside):
            yield path, inside
            left.difference_update(inside)
    for name in sorted(left):
        yield name, [name]


def _fault(fault: str, path: str, names: Sequence[str]) -> Finding:
    """Put one fault of some parameters into words."""
    said = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    severity = "error" if fault == "infinite" else "warning"
    message, cure = {
        "infinite": (
            f"The gradient of {said} is not finite, though the loss is.",
            "Look behind it for a root or a norm at 0, or a where() with a branch that is not finite.",
        ),
        "missing": (
            f"No gradient reaches {said}.",
            "Look for detach(), .data or no_grad behind it, and whether it is called; if it is meant, freeze it.",
        ),
        "zero": (
            f"The gradient of {said} is exactly zero, and still is after {STEPS} steps.",
            "Look for units that are never active, a rounding or argmax, or a factor of 0 behind it.",
        ),
    }[fault]
    return Finding(
        RULE,
        severity,
        message,
        cure=cure,
        where=path,
        evidence={"parameters": len(names)},
        reference=REFERENCE,
    )
