"""The loss before training, against what a guess would cost."""

import math
from dataclasses import dataclass

from ...losses.softmax_cross_entropy import expected_initial_loss
from ..recording.record import Record
from .gate import guess


@dataclass(frozen=True)
class Start:
    """The first loss, an average over examples.

    Attributes:
        loss: before the first step.
        guess: what a guess costs: a uniform one among classes, always the mean in a regression.
        informed: what a guess costs that knows the shares of the classes; in a regression the same.
        classes: K, 0 in a regression.
    """

    loss: float
    guess: float
    informed: float
    classes: int

    @property
    def high(self) -> bool:
        """Whether the loss is far above a guess.

        He-initialized networks, whose last layer gives scores of variance 2, came up to 1.2 nats above it with 10
        classes and 0.9 with 2, and are healthy; a regression is far off at ten times its targets' variance.
        """
        return self.loss > (1.5 * self.guess + 0.75 if self.classes else 10 * self.guess)

    @property
    def exploded(self) -> bool:
        """Whether the loss is so far above a guess that no healthy initialization gives it."""
        return self.loss > (4 * self.guess + 1 if self.classes else 10 * self.guess)


def start(record: Record) -> Start | None:
    """Read the first loss of a run.

    Args:
        record: of the run so far.

    Returns:
        The loss and the guess; None where the first step was not seen, or the loss is more than one known term.
    """
    first = next((look for look in record.looks if look.step == 0), None)
    if first is None or not first.own_loss or not math.isfinite(first.loss) or not first.examples:
        return None
    informed, kind = guess(record), (record.heads or ("",))[0]
    if kind in {"cross_entropy", "soft_cross_entropy", "nll"} and record.num_classes > 1:
        uniform, classes = expected_initial_loss(record.num_classes), record.num_classes
    elif kind in {"bce", "bce_with_logits"}:
        uniform, classes = math.log(2), 2
    else:
        uniform, classes = informed, 0
    if not math.isfinite(informed) or uniform <= 0:
        return None
    loss = first.loss
    if first.examples > 3 and loss > 0.5 * first.examples * uniform and first.summed:
        loss /= first.examples
    return Start(loss, uniform, min(informed, uniform) if classes else informed, classes)
