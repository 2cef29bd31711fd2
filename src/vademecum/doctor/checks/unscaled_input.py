r"""Unscaled input: the first layer is given numbers far from 1, or columns of very different size.

The default initialization expects inputs of about unit variance. Where they are larger, the first layer's outputs are
as many times too large, tanh and softmax are in their flat ends from the start, and one learning rate cannot fit the
weights of a column of thousands and of a column of tenths.

$$ \operatorname{Var}[w^\top x] = \operatorname{Var}[w] \sum_j \overline{x_j^2} $$

Wrong:
    loss = loss_fn(model(x), y)

Right:
    mean, std = x_train.mean(0), x_train.std(0)
    loss = loss_fn(model((x - mean) / std), y)

Fails where: the model normalizes its input itself with layers that learn; it is silent then.

References:
    lecun1998efficient: section 4.3, normalizing the inputs.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.scales import Scales, input_scales
from ..evidence.starts import start
from ..recording.record import NotCheckedError, Record

LARGE = 5.0
"""Root mean square of the inputs from which the first layer starts several times too large."""

OFFSET = 5.0
"""A column whose mean is so many of its deviations tells the first layer little but its mean."""

SPREAD = 1000.0
"""Largest over smallest deviation of a column from which one learning rate does not fit both."""


def unscaled_input(record: Record) -> Iterator[Finding]:
    """Look at the size of what the first layer is given.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it is far from 1 and the run goes badly or began far above a guess, else "note".

    Raises:
        NotCheckedError: the first layer with weights is not given data.
    """
    scales = input_scales(record)
    if scales is None:
        raise NotCheckedError("the model begins with a layer that embeds or normalizes its input")
    seen = _seen(scales)
    if not seen:
        return
    begun, gate = start(record), outcome(record)
    harm = ""
    if begun is not None and begun.exploded:
        harm = f"; the loss began at {begun.loss:.3g}, where a guess costs {begun.guess:.3g}"
    elif gate.open:
        harm = f"; {gate.why}"
    site = record.site("forward")
    yield Finding(
        "unscaled-input", "warning" if harm else "note", f"The inputs are not scaled: {seen}{harm}.",
        cure="Subtract from each column its mean on the training data and divide by its deviation there.",
        where=scales.layer, reference="lecun1998efficient", file=site.file, line=site.line, symptom=True, step=0,
        evidence={"rms": scales.rms, "peak": scales.peak, "widest": scales.widest, "narrowest": scales.narrowest},
        disproof="The same run with standardized inputs is no better.",
    )  # fmt: skip


def _seen(scales: Scales) -> str:
    """What is remarkable about the inputs, "" where nothing is."""
    if scales.rms > LARGE:
        return f"the first layer is given values of size {scales.rms:.3g} (up to {scales.peak:.3g}), where about 1 fits"
    if scales.widest > SPREAD * scales.narrowest > 0 and scales.widest > 1:
        return f"one column deviates by {scales.widest:.3g}, another by {scales.narrowest:.3g} from its mean"
    if scales.offset > OFFSET and scales.rms > 1:
        return f"half of the columns lie at {scales.offset:.3g} of their deviations from 0 or further"
    return ""
