r"""Initial loss: before training, a network should do about as well as a guess.

It knows nothing, so its loss is that of a uniform guess among the classes, or of always saying the mean. Far more
means that it is sure and wrong from the start; far less, that the answer stands in the input or that it is no fresh
network.

$$ L_0 \approx \ln K $$

Wrong:
    model[-1].weight.data.mul_(30)

Right:
    nn.init.normal_(model[-1].weight, std=0.01)

Fails where: the loss has terms beside the one whose guess is known; it is silent then.

References:
    karpathy2019recipe: "verify loss @ init".
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.starts import start
from ..recording.record import NotCheckedError, Record

LOW = 0.3
"""Below this part of what knowing the class shares would give, the network knows something."""

KNOWN = 0.1
"""The same in a regression, where one batch's errors vary more."""


def initial_loss(record: Record) -> Iterator[Finding]:
    """Compare the first loss with that of a guess.

    Args:
        record: of the run so far.

    Yields:
        "warning" for one that is far too high in a run that goes badly, else "note"; "note" for one that is low.

    Raises:
        NotCheckedError: the first step or its guess is not known.
    """
    begun = start(record)
    if begun is None:
        raise NotCheckedError("the first loss is not that of one known term with known targets")
    guess = (
        f"a uniform guess costs {begun.guess:.3g}"
        if begun.classes
        else f"always saying the mean costs {begun.guess:.3g}"
    )
    evidence, site = {"initial": begun.loss, "guess": begun.guess}, record.site("backward")
    if begun.high:
        gate = outcome(record)
        yield Finding(
            "initial-loss", "warning" if gate.open else "note",
            f"The first loss is {begun.loss:.3g}, while {guess}: the network is sure and wrong before it has learned.",
            cure="Scale inputs and targets to unit variance; if they are, start the last layer with smaller weights.",
            evidence=evidence, reference="karpathy2019recipe", file=site.file, line=site.line, symptom=True, step=0,
            disproof="The loss is a sum over more terms than the guess has.",
        )  # fmt: skip
    elif begun.loss < (LOW * begun.informed if begun.classes else KNOWN * begun.guess):
        yield Finding(
            "initial-loss", "note",
            f"The first loss is {begun.loss:.3g}, while {guess}: the network already knows the answer.",
            cure="Unless it was trained before, look for the target among the inputs.",
            evidence=evidence, reference="karpathy2019recipe", file=site.file, line=site.line, symptom=True, step=0,
            disproof="The weights were loaded from an earlier run.",
        )  # fmt: skip
