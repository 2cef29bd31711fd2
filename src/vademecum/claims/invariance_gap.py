"""The gap under rotation ranks three ways to an invariance: architecture, then tangents, then none.

Protocol: two rings that overlap, 40 points to train on and 500 to test on; a net of two hidden layers as it is, the
same with the tangent penalty at strength 1, and the same on the radius alone; the gap for turns by a tenth, a quarter
and a half of a circle.

Source: Bishop 2006, section 5.5.3 (regularization, and invariance built into the structure).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vademecum.theory import invariance_gap

from ._digits import seeded
from ._outcome import Outcome
from ._rings import TRAIN, fit, rings


def turn(share: float) -> Callable[[Tensor], Tensor]:
    """Turn by a share of a circle.

    Args:
        share: of the circle.

    Returns:
        The transformation of (N, 2) points.
    """
    c, s = math.cos(2 * math.pi * share), math.sin(2 * math.pi * share)
    return lambda x: x @ torch.tensor([[c, s], [-s, c]])


def claim(seed: int) -> Outcome:
    """Train three nets and measure their gaps.

    Args:
        seed: of points and weights.

    Returns:
        Gaps, and shares of labels that a turn flips.
    """
    measured: dict[str, float] = {}
    transforms = {"a tenth": turn(0.1), "a quarter": turn(0.25), "half": turn(0.5)}
    with seeded(seed):
        x, y = rings(TRAIN)
        test_x, test_y = rings(500)
        for name, strength, polar in (("plain", 0.0, False), ("tangents", 1.0, False), ("polar", 0.0, True)):
            report = invariance_gap(fit(x, y, strength=strength, polar=polar), transforms, test_x, test_y)
            for row in report.rows:
                measured[f"gap, {name}, {row.name} turn"] = row.gap
            measured[f"accuracy, {name}"] = report.rows[0].accuracy or 0.0
    gaps = [measured[f"gap, {name}, a tenth turn"] for name in ("plain", "tangents", "polar")]
    return Outcome(
        says="an invariance may be asked for by a penalty or built into the structure; the structure has it exactly",
        measured=measured,
        holds=gaps[1] < 0.8 * gaps[0] and gaps[2] < 1e-4,
        expected="for a tenth of a turn, below 0.8 of the plain gap with tangents, and 0 within rounding on radii",
    )
