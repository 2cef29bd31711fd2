r"""Elastic penalty: a blend of L1 and L2, sparse but kind to weights that act together.

Use it in place of L1 where inputs are correlated: L1 alone keeps one of a group and drops the others.

$$ \Omega(w) = r \sum_i |w_i| + \tfrac{1 - r}{2} \sum_i w_i^2, \qquad
\operatorname{prox}_{t \lambda \Omega}(w)
= \frac{\operatorname{sign}(w) \max(|w| - t \lambda r, 0)}{1 + t \lambda (1 - r)} $$

Add `strength * elastic_penalty(model)` to a loss that is a mean over the examples; or leave it out there, and call
`prox_elastic_(model, learning_rate * strength)` after each step of plain gradient descent. The conventions are those of
scikit-learn's ElasticNet, whose alpha is the strength here.

Also called: elastic net.
Departures: this is what the paper calls the naive elastic net, without its factor after the fit. Biases, gains and
    embeddings are left out, as `decay_groups` says.
Pitfalls: do not do both; and see `l1_penalty` on Adam and on losses that are sums.
Claim: none, because the laws and the peer hold all that it promises: it is one line between two cards that make claims.
Peer: scikit-learn's ElasticNet: equal weights where proximal descent has converged.

References:
    zou2005regularization: section 2, the naive elastic net and the grouping of correlated inputs.
    parikh2014proximal: section 6.5, the proximal step.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._sums import total, wide
from .decay_groups import decayed_parameters

__all__ = ["elastic_penalty", "prox_elastic_"]


def elastic_penalty(
    model: nn.Module, *, l1_ratio: float = 0.5, skip_embeddings: bool = True, skip: Iterable[str] = ()
) -> Tensor:
    """Blend the sum of absolute values of the weights with half their sum of squares.

    Args:
        model: holds the weights.
        l1_ratio: the share of L1, from 0 to 1.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Returns:
        () the blend, to be multiplied by a strength.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> _ = nn.init.constant_(layer.weight, -4.0)
        >>> elastic_penalty(layer, l1_ratio=0.5).item()  # half of 4, and half of 8
        6.0
    """
    _check_ratio(l1_ratio)
    found = decayed_parameters(model, skip_embeddings=skip_embeddings, skip=skip)
    weights = [wide(weight) for weight in found.values()]
    return total(l1_ratio * w.abs().sum() + (1 - l1_ratio) / 2 * w.square().sum() for w in weights)


@torch.no_grad()
def prox_elastic_(
    model: nn.Module,
    threshold: float,
    *,
    l1_ratio: float = 0.5,
    skip_embeddings: bool = True,
    skip: Iterable[str] = (),
) -> None:
    """Take the proximal step: shrink by the share of L1, then divide by the share of L2.

    Args:
        model: its weights are changed in place, after the optimizer's step.
        threshold: learning rate times strength.
        l1_ratio: the share of L1, from 0 to 1.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Raises:
        ValueError: the threshold is negative.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[4.0, -0.5]]))
        >>> prox_elastic_(layer, 2.0)  # (4 - 1) / (1 + 1)
        >>> layer.weight.data
        tensor([[1.5000, 0.0000]])
    """
    _check_ratio(l1_ratio)
    if not threshold >= 0:
        raise ValueError(
            f"threshold must be at least 0: it is {threshold}; give the learning rate times the strength."
        )
    for weight in decayed_parameters(model, skip_embeddings=skip_embeddings, skip=skip).values():
        shrunk = F.softshrink(weight, threshold * l1_ratio) + 0.0  # without the sign of -0
        weight.copy_(shrunk / (1 + threshold * (1 - l1_ratio)))


def _check_ratio(l1_ratio: float) -> None:
    if not 0 <= l1_ratio <= 1:
        raise ValueError(
            f"l1_ratio must lie in [0, 1]: it is {l1_ratio}; 1 is L1 alone, 0 half the squares alone."
        )
