"""What a check says, and what it looks at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

SEVERITIES = ("ok", "note", "warning", "error")


@dataclass(frozen=True)
class Finding:
    """One thing seen in a training set-up.

    Attributes:
        rule: stable id of the check, in kebab case.
        severity: "ok", "note", "warning" or "error".
        message: one sentence in the user's terms: what was seen, what was expected.
        cure: one thing to try; "" where nothing is wrong.
        where: module path, parameter or column; "" where the whole run is meant.
        evidence: the numbers behind the message.
        reference: a key of ``refs.bib``, or "".
    """

    rule: str
    severity: str
    message: str
    cure: str = ""
    where: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""


@dataclass(frozen=True)
class Case:
    """What the checks look at: a model, one batch and the loss.

    Attributes:
        model: the network, as it will be trained.
        x: (B, ...) inputs.
        y: (B,) or (B, ...) targets.
        loss: (output, y) -> () loss, averaged over the batch.
        num_classes: K in classification, 0 in regression.
    """

    model: nn.Module
    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    num_classes: int = 0
