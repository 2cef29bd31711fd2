r"""Tiny input: the values are scaled down so far that the first layer hardly sees them.

Bytes divided by 255 twice, or a column divided by its variance in place of its deviation, leave inputs of a hundredth.
The first layer's outputs are then little more than its bias, and its weights learn a hundred times too slowly, since
their gradient is proportional to the input.

$$ \frac{\partial L}{\partial W} = \delta \, x^\top $$

Wrong:
    x = bytes / 255 / 255

Right:
    x = bytes / 255

Fails where: the model scales its input up itself with layers that learn; it is silent then.

References:
    lecun1998efficient: section 4.3, normalizing the inputs.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.scales import input_scales
from ..recording.record import NotCheckedError, Record

SIZE, PEAK = 0.03, 0.15
"""Root mean square and largest value below which inputs are tiny: bytes over 255 have 0.1 and 1 or more."""


def tiny_input(record: Record) -> Iterator[Finding]:
    """Look whether all that the first layer is given is near 0.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it is and the run goes badly, else "note".

    Raises:
        NotCheckedError: the first layer with weights is not given data.
    """
    scales = input_scales(record)
    if scales is None:
        raise NotCheckedError("the model begins with a layer that embeds or normalizes its input")
    if scales.rms < SIZE and scales.peak < PEAK:
        gate, site = outcome(record), record.site("forward")
        yield Finding(
            "tiny-input", "warning" if gate.open else "note",
            f"The inputs are tiny: the first layer is given values of size {scales.rms:.2g} and at most "
            f"{scales.peak:.2g}, where about 1 fits" + (f"; {gate.why}." if gate.open else "."),
            cure="Scale the inputs once, to a mean of 0 and a deviation of 1.", where=scales.layer,
            evidence={"rms": scales.rms, "peak": scales.peak}, reference="lecun1998efficient", file=site.file,
            line=site.line, symptom=True, step=0, disproof="The same run with standardized inputs is no better.",
        )  # fmt: skip
