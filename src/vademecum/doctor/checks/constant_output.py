"""Constant output: the network gives the same answer to every example.

The best answer to everything is the mean of the targets, and a network that cannot see its input ends there. Dead
units, a decay that is too strong and labels that have nothing to do with the inputs all lead to it.

No equation.

Wrong:
    x = self.norm(x) * self.gate  # a gate that is 0

Right:
    x = self.norm(x) * (1 + self.gate)

Fails where: the output has no batch dimension in front.

References:
    karpathy2019recipe: the input-independent baseline, and whether the network beats it.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import late, opened
from ..recording.record import NotCheckedError, Record

SAME = 1e-3
"""Standard deviation over the examples, of the output's size, below which all answers are one."""


def constant_output(record: Record) -> Iterator[Finding]:
    """Look whether the outputs of a run that does not learn are the same for all examples of a batch.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are.

    Raises:
        NotCheckedError: the outcome is good or not known, or there is no output with a batch to look at.
    """
    gate, seen = opened(record)
    spread = median([look.spread for look in late(seen) if look.spread == look.spread])
    if spread != spread:
        raise NotCheckedError("the output has no batch of four examples in front")
    if spread < SAME:
        yield Finding(
            "constant-output", "warning",
            f"The network gives every example the same answer: over a batch its outputs differ by {spread:.1g} of "
            f"their size, and {gate.why}.",
            cure="Feed two very different examples and follow them layer by layer to where they become the same.",
            evidence={"spread": spread}, reference="karpathy2019recipe", symptom=True, step=late(seen)[0].step,
            disproof="The same layers, freshly made, give different answers to different examples.",
        )  # fmt: skip
