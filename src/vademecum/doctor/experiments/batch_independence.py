"""Batch independence: in evaluation, what is said of one example must not depend on its batch mates.

References:
    karpathy2019recipe: "use backprop to chart dependencies".
"""

from dataclasses import replace

import torch

from ..._torch.streams import same_streams
from .._finding import Case, Finding
from .._probe import copied, outputs

RULE, REFERENCE = "batch-independence", "karpathy2019recipe"

TOLERANCE = 1e-3
"""Of the outputs' size; the order of a sum in float32 costs about 1e-6."""


def batch_independence(case: Case) -> list[Finding]:
    """Exchange the batch mates of the first example and look whether its output changes in evaluation mode.

    Args:
        case: left as it is.

    Returns:
        One finding, "error" or "ok"; none for a batch of one, and where there is no row an example in the output.

    Example:
        >>> from torch import nn
        >>> class Mixes(nn.Linear):
        ...     def forward(self, x):
        ...         return super().forward(x - x.mean(0))
        >>> case = Case(Mixes(3, 2), torch.randn(8, 3), torch.zeros(8).long(), nn.CrossEntropyLoss(), num_classes=2)
        >>> [finding.severity for finding in batch_independence(case)]
        ['error']
    """
    if len(case.x) < 2:
        return []
    with copied(case) as own, torch.no_grad():
        own.model.eval()
        said = []
        for x in (own.x, own.x[:1].expand_as(own.x)):
            with same_streams():  # what is random in evaluation is the same for both
                said.append(next(iter(outputs(replace(own, x=x.clone()))), None))
        first, second = said
        if first is None or second is None or first.ndim == 0 or len(first) != len(case.x):
            return []
        change = float((first[0] - second[0]).abs().max())
        size = float(first[0].abs().max())
    evidence = {"change": change, "size": size}
    if change <= TOLERANCE * size:
        return [
            Finding(
                RULE,
                "ok",
                "An example's output does not depend on its batch mates.",
                evidence=evidence,
                reference=REFERENCE,
            )
        ]
    return [
        Finding(
            RULE, "error",
            f"In evaluation the first example's output changes by {change:.2g} (of {size:.2g}) with its batch mates.",
            cure="Look for a view or reshape that mixes the batch with another dimension, a softmax or a mean over "
            "dimension 0, and batch statistics that stay on in evaluation.",
            evidence=evidence, reference=REFERENCE,
        )
    ]  # fmt: skip
