"""Double softmax: probabilities given to a loss that takes the softmax itself.

References:
    bridle1990probabilistic: the softmax belongs to the likelihood, once.
"""

import torch

from .._finding import Case, Finding
from .._probe import copied

RULE, REFERENCE = "double-softmax", "bridle1990probabilistic"


def double_softmax(case: Case) -> list[Finding]:
    """Look whether the network ends in a softmax that the loss takes again.

    It does where the outputs are probabilities, and the loss does not see a constant added to all of an example's
    outputs, which is how a loss behaves that takes the softmax.

    Args:
        case: left as it is.

    Returns:
        One finding, "error" or "ok"; none in regression and for outputs that are not one score a class.

    Example:
        >>> from torch import nn
        >>> x, y = torch.randn(8, 3), torch.arange(8) % 4
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim=1))
        >>> [finding.severity for finding in double_softmax(Case(model, x, y, nn.CrossEntropyLoss(), num_classes=4))]
        ['error']
    """
    with copied(case) as own, torch.no_grad():
        output = own.model(own.x)
        if not isinstance(output, torch.Tensor) or output.ndim < 2 or output.shape[1] != case.num_classes:
            return []
        total = output.sum(1)
        probabilities = bool((output >= 0).all()) and torch.allclose(total, torch.ones_like(total), atol=1e-4)
        takes_softmax = probabilities and torch.allclose(
            own.loss(output + 3, own.y), own.loss(output, own.y), rtol=1e-4
        )
    if not takes_softmax:
        return [Finding(RULE, "ok", "The softmax is taken once.", reference=REFERENCE)]
    return [
        Finding(
            RULE, "error", "The network ends in a softmax, and the loss takes the softmax again.",
            cure="Drop the softmax from the network: the loss wants raw scores.",
            evidence={"largest_output": float(output.max())}, reference=REFERENCE,
        )
    ]  # fmt: skip
