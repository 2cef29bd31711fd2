r"""Weight decay: half the squares of the weights, as a penalty or as a shrinkage before each step.

Use it first of all regularizers: it costs nothing and one number is to be chosen. As a penalty it is the negative log
of a Gaussian prior on the weights; in plain gradient descent it shrinks every weight by the same factor.

$$ \Omega(w) = \tfrac12 \sum_i w_i^2, \qquad
w \leftarrow w - \eta \nabla (L + \lambda \Omega) = (1 - \eta \lambda) w - \eta \nabla L $$

Three ways, with one strength $\lambda$, are the same under SGD: `strength * l2_penalty(model)` in the loss,
`SGD(decay_groups(model, strength), ...)`, and, without momentum, shrinking the weights by $1 - \eta \lambda$ beside
the step. Under Adam they differ: a penalty's gradient is divided by the root of the second moment together with the
loss's, so that weights with large gradients hardly decay. Decoupled decay shrinks beside the step; it is torch's own
`torch.optim.AdamW(decay_groups(model, strength))`, and `torch.optim.Adam(weight_decay=...)` is the penalty.

Also called: L2, ridge, Tikhonov regularization of the weights, Gaussian prior, decoupled weight decay.
Departures: biases, gains and embeddings are left out, as `decay_groups` says.
Pitfalls: the strength belongs to a loss that is a mean over the examples; with a sum over N it is N times weaker, and
    scikit-learn's Ridge, which sums, takes N times this strength as its alpha. Weights before a normalization do not
    become simpler by it, only faster to turn. AdamW multiplies by the learning rate: a schedule scales the decay too.
Claim: on 500 digits with 30 % of the labels redrawn the test error falls, and rises again, along the decay of AdamW; at
    its best it is below four fifths of that without decay.
Peer: torch's weight_decay in SGD and Adam, to which laws and tests hold the penalty; scikit-learn's Ridge in the tests.

References:
    krogh1992simple: Eq. 1 and 2, the penalty and its shrinkage.
    loshchilov2019decoupled: section 2, Propositions 1 and 2.
    bishop2006pattern: Eq. 5.112.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from ._sums import total, wide
from .decay_groups import decayed_parameters

__all__ = ["l2_penalty"]


def l2_penalty(model: nn.Module, *, skip_embeddings: bool = True, skip: Iterable[str] = ()) -> Tensor:
    """Add up half the squares of the weights.

    Args:
        model: holds the weights.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Returns:
        () half the sum, to be multiplied by a strength that means what `weight_decay` means in torch's SGD.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = nn.init.constant_(layer.weight, 3.0)
        >>> l2_penalty(layer).item()
        9.0
    """
    weights = decayed_parameters(model, skip_embeddings=skip_embeddings, skip=skip)
    return total(wide(weight).square().sum() for weight in weights.values()) / 2
