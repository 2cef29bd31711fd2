"""Input baseline: a network that is given its inputs must learn them better than one that is given zeros.

References:
    karpathy2019recipe: "input-independent baseline".
"""

import math
from collections.abc import Iterator
from copy import deepcopy

import torch

from ..._torch.copies import plain
from .._finding import Case, Finding
from .._probe import copied, first
from ..recording.record import NotCheckedError

RULE, REFERENCE = "input-baseline", "karpathy2019recipe"

RATES = (2e-3, 2e-2)
"""For Adam; the second is tried where the first shows nothing."""

BATCH = 64
"""Examples at most."""

EVERY = 20
"""Steps after which the two are compared."""

AHEAD = 0.05
"""Of the loss that the zeros have lost or kept, the part by which the real inputs must be ahead."""


def input_baseline(case: Case, *, steps: int = 200) -> list[Finding]:
    """Train two copies on one batch, one with its inputs and one with zeros in their place, without what is random.

    Args:
        case: left as it is.
        steps: of each copy at most, at each of two rates of Adam.

    Returns:
        One finding: "ok" as soon as the real inputs are clearly ahead; "warning" where they never are.

    Raises:
        NotCheckedError: the model has other inputs, or draws noise besides dropout, or neither copy learns anything.

    Example:
        >>> from torch import nn
        >>> x, y = torch.eye(6), torch.arange(6) % 3
        >>> [f.severity for f in input_baseline(Case(nn.Linear(6, 3), x, y, nn.CrossEntropyLoss(), num_classes=3))]
        ['ok']
    """
    if case.origin is not None and case.origin.others:
        raise NotCheckedError("the model has further inputs, which zeros in the first do not take away")
    own = first(case, BATCH)
    if bool((own.x == own.x[:1]).all()) or bool((own.y == own.y[:1]).all()):
        raise NotCheckedError("the inputs, or the targets, of the batch are all the same")
    _refuse_noise(own)
    start = real = zeros = math.nan
    for rate in RATES:
        both = zip(_losses(own, rate, zeroed=False), _losses(own, rate, zeroed=True))
        for step, (real, zeros) in enumerate(both):
            start = start if math.isfinite(start) else max(real, zeros)
            if (
                step % EVERY == 0
                and step
                and zeros - real > AHEAD * max(abs(start - zeros), abs(zeros), 1e-6)
            ):
                return [_ahead(real, zeros, start, step)]
            if step >= steps or not (math.isfinite(real) and math.isfinite(zeros)):
                break
    if not min(real, zeros) < start - 0.01 * abs(start):
        raise NotCheckedError(f"the loss of the batch falls with neither (from {start:.3g} to {real:.3g})")
    return [Finding(
        RULE, "warning",
        f"With zeros in place of the inputs the batch is learned as well (loss {zeros:.3g}) as with the inputs "
        f"({real:.3g}, from {start:.3g}).",
        cure="Look whether the input reaches the output, and whether the targets have to do with it.",
        evidence={"real": real, "zeros": zeros, "start": start}, reference=REFERENCE,
        disproof="The inputs are such that this model needs far more steps to make use of them.",
    )]  # fmt: skip


def _ahead(real: float, zeros: float, start: float, step: int) -> Finding:
    return Finding(
        RULE, "ok", f"After {step} steps the loss of a batch is {real:.3g} with its inputs and {zeros:.3g} with zeros.",
        evidence={"real": real, "zeros": zeros, "start": start}, reference=REFERENCE,
    )  # fmt: skip


def _refuse_noise(case: Case) -> None:
    """A model that draws noise, as a VAE, may need long to see its inputs behind it."""
    with copied(case) as opened, torch.no_grad():
        plain(opened.model)
        one, two = (float(opened.loss(opened.model(opened.x), opened.y)) for _ in range(2))
    if one != two and not any(hasattr(part, "running_mean") for part in case.model.modules()):
        raise NotCheckedError("the model draws noise, behind which its inputs may come late")


def _losses(case: Case, rate: float, *, zeroed: bool) -> Iterator[float]:
    """Train a copy, and give the loss before each step."""
    with copied(case) as opened:
        model, x, y = deepcopy(opened.model), opened.x, opened.y
    plain(model)
    x = torch.zeros_like(x) if zeroed else x
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    while True:
        with torch.enable_grad():
            loss = case.loss(model(x), y)
            yield loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
