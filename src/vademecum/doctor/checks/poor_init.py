r"""Poor start: the weights begin so large or so small that the first answers are absurd, or all alike.

With weights of variance one over the number of inputs the signal keeps its size through the layers, and a classifier
begins at the loss of a guess. Weights that are ten times too large make a sure and wrong answer of every example;
weights that are much too small leave nothing of the signal after some layers, and nothing of the gradient.

$$ \operatorname{std}(W) = \sqrt{2 / n_{\text{in}}} $$

Wrong:
    nn.init.normal_(layer.weight)

Right:
    nn.init.kaiming_normal_(layer.weight)

Fails where: the weights were trained before; they may have any size.

References:
    glorot2010understanding: Eq. 12 and 16, weights that keep the signal's and the gradient's variance.
    he2015delving: Eq. 10, the same for ReLU.
"""

import math
from collections.abc import Iterator, Mapping

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import POOR, layers, opened
from ..recording.record import Look, Record

FAR = 3.0
"""Times the loss of a guess from which on a first loss is absurd; of the targets' size, a first output."""

LARGE, SMALL = 4.0, 0.05
"""Standard deviation of the weights times the square root of the inputs: torch's own start has 0.58, He's 1.4."""

FADED, WEAK = 1e-2, 0.35
"""Of the first hidden layer's signal, what arrives at the last, where the weights are smaller than the second."""


def poor_init(record: Record) -> Iterator[Finding]:
    """Look whether the first step of a run that does not learn began with weights far too large or too small.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it did.
    """
    gate, seen = opened(record, poor=POOR)
    first, gains = seen[0], _gains(record)
    if not gains:
        return
    worst = max(gains, key=lambda name: gains[name])
    middle = median(list(gains.values()))
    signal = [a.std for a in first.activations if not a.gate and not a.next_is_output]
    faded = signal[-1] / signal[0] if len(signal) >= 2 and signal[0] > 0 else 1.0
    state = gate.why or f"the loss is still {gate.left:.2g} times a guess"
    evidence = {
        "gain": gains[worst],
        "median_gain": middle,
        "loss": first.fit.error,
        "guess": first.fit.constant,
    }
    if gains[worst] > LARGE and (_absurd(first) or gate.open):
        absurd = (
            f"; the first loss is {first.fit.error:.3g}, where a guess has {first.fit.constant:.3g}"
            if _absurd(first) else ""
        )  # fmt: skip
        yield Finding(
            "poor-init", "warning",
            f"The weights begin too large: {worst} has {gains[worst]:.2g} / sqrt(inputs) as standard deviation, where "
            f"0.6 to 1.4 is usual{absurd}, and {state}.",
            cure=f"Leave the start of {worst} to torch, or use nn.init.kaiming_normal_.", where=worst,
            evidence=evidence, reference="he2015delving", symptom=True, step=first.step,
            disproof="From torch's own start the run ends no better.",
        )  # fmt: skip
    elif gate.open and (0 < middle < SMALL or (faded < FADED and 0 < middle < WEAK)):
        yield Finding(
            "poor-init", "warning",
            f"The weights begin too small: half of the layers have less than {middle:.2g} / sqrt(inputs) as standard "
            f"deviation, where 0.6 to 1.4 is usual, {faded:.1g} of the first hidden layer's signal arrives at the "
            f"last, and {state}.",
            cure="Leave the start to torch, or use nn.init.kaiming_normal_.", evidence=evidence | {"faded": faded},
            reference="he2015delving", symptom=True, step=first.step,
            disproof="From torch's own start the run ends no better.",
        )  # fmt: skip


def _gains(record: Record) -> Mapping[str, float]:
    """Layer -> standard deviation of its weights before the first step, in units of one over the root of its inputs."""
    stds = {
        name: float(record.start[name].double().std(correction=0)) * math.sqrt(inputs)
        for name, inputs in layers(record).items() if name in record.start
    }  # fmt: skip
    return {name: gain for name, gain in stds.items() if gain > 0}


def _absurd(look: Look) -> bool:
    """Whether the first loss is far from a guess's, and not for the targets' sake."""
    fit, y, output = look.fit, look.target, look.output
    if not (math.isfinite(fit.error) and fit.error > FAR * max(fit.constant, 1e-12)):
        return False
    numbers = y is not None and y.dtype.is_floating_point and output is not None and y.high - y.low > 1
    return not numbers or output is None or y is None or output.std > FAR * max(y.std, abs(y.mean))
