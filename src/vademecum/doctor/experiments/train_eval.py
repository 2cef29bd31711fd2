"""Train and evaluation: without dropout, and with settled statistics, both modes must say the same.

References:
    ioffe2015batch: section 3.1, on inference with the statistics of the population.
"""

import torch
from torch import Tensor, nn

from ..._torch.copies import plain
from .._finding import Case, Finding
from .._probe import copied, outputs
from ..recording.record import NotCheckedError

RULE, REFERENCE = "train-eval", "ioffe2015batch"

FAR = 0.1
"""Of the outputs' size: the variance over n in training and over n - 1 in evaluation make less."""


def train_eval(case: Case, *, passes: int = 60) -> list[Finding]:
    """Let running statistics settle on one batch, and compare what the model says in training and in evaluation mode.

    Args:
        case: left as it is.
        passes: through the model in training mode, before both are compared.

    Returns:
        Findings: "ok" where both say the same; "note" where evaluation mode is random, and where both say something
        else: either may be meant.

    Raises:
        NotCheckedError: the two modes return different things, or there is one example only.

    Example:
        >>> from torch import nn
        >>> class Forgot(nn.Linear):
        ...     def forward(self, x):
        ...         return super().forward(nn.functional.dropout(x))
        >>> case = Case(Forgot(9, 2), torch.randn(8, 9), torch.arange(8) % 2, nn.CrossEntropyLoss(), num_classes=2)
        >>> [finding.message for finding in train_eval(case)]
        ['In evaluation mode the model says something else each time that it is asked.']
    """
    if len(case.x) < 2:
        raise NotCheckedError("one example has no batch statistics")
    with copied(case) as own, torch.no_grad():
        _steady(own)
        normed = any(hasattr(part, "running_mean") for part in own.model.modules())
        for _ in range(passes if normed else 0):
            outputs(own)
        training = outputs(own)
        own.model.eval()
        one, two = outputs(own), outputs(own)
    again, apart = _change(one, two), _change(training, one)
    evidence = {"again": again, "apart": apart}
    if again > 0:
        return [Finding(
            RULE, "note", "In evaluation mode the model says something else each time that it is asked.",
            cure="Give F.dropout its training=self.training, and draw no noise in evaluation, unless it is meant.",
            evidence=evidence, reference=REFERENCE, disproof="It draws samples on purpose.",
        )]  # fmt: skip
    if apart > FAR:
        return [Finding(
            RULE, "note",
            f"With dropout off and after {passes} passes over one batch, the outputs of training and of evaluation "
            f"mode differ by {apart:.0%} of their size.",
            cure="Look at what forward does with self.training, and at the momentum of the running statistics.",
            evidence=evidence, reference=REFERENCE, disproof="The model says something else in evaluation on purpose.",
        )]  # fmt: skip
    message = (
        f"With dropout off, training and evaluation mode say the same (to {apart:.1g} of the outputs' size)."
    )
    return [Finding(RULE, "ok", message, evidence=evidence, reference=REFERENCE)]


def _steady(case: Case) -> None:
    """Switch off what is random in training: dropout, and where that is not all, the training mode of all but norms."""
    for part in case.model.modules():
        if isinstance(part, nn.RNNBase):
            part.dropout = 0.0
        elif "Dropout" in type(part).__name__:
            part.training = False
    if _change(outputs(case), outputs(case)) > 0:
        plain(case.model)


def _change(before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> float:
    """The largest relative change of a tensor."""
    if [t.shape for t in before] != [t.shape for t in after]:
        raise NotCheckedError("training and evaluation mode return different things")
    changes = [
        float((a - b).double().norm() / b.double().norm().clamp_min(1e-12))
        for a, b in zip(after, before) if b.is_floating_point() and b.numel()
    ]  # fmt: skip
    return max(changes, default=0.0)
