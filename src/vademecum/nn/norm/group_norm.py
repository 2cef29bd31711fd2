r"""Group normalization: normalize each example over groups of its channels.

Use it where batches are small, as in detection or video: no statistic crosses from one example to
another, so training and evaluation compute the same thing and accumulated gradients equal those of one
large batch. With one group it is layer normalization over channels and space; with as many groups as
channels it is instance normalization.

$$ y_{bchw} = \gamma_c \frac{x_{bchw} - \mu_{bg}}{\sqrt{\sigma^2_{bg} + \epsilon}} + \beta_c,
\qquad g = \lfloor c G / C \rfloor $$

where $\mu_{bg}$ and $\sigma^2_{bg}$ are mean and biased variance of example b over the C/G channels of
group g and over space.

Also called: GN.
Departures: torch has no default for the number of groups; the paper takes 32, and so does the conversion.
Pitfalls: the channels must be divisible by the groups. A pre-trained net whose batch normalization is
    replaced must be trained again: the running statistics are gone.
Claim: training and evaluation give equal outputs, and 16 batches of 2 the gradient of one of 32; with batch
    normalization they differ, by more than a tenth.
Peer: torch (ours is torch's class); labml-nn's GroupNorm, whose variance cancels at a large mean.

References:
    wu2018group: Eq. 7 and 8; 32 groups in section 4.
"""

from math import gcd

from torch import nn
from torch.nn import GroupNorm as GroupNorm

from vademecum._torch.surgery import replaced

__all__ = ["GroupNorm", "batch_to_group_norm", "group_count"]


def group_count(num_channels: int, *, at_most: int = 32) -> int:
    """Choose the number of groups: the largest common divisor of the channels and the wish.

    Args:
        num_channels: C.
        at_most: the wish; 32 in the paper.

    Returns:
        A divisor of C, no larger than the wish.

    Raises:
        ValueError: one of the two is not positive.

    Example:
        >>> group_count(64), group_count(48), group_count(10, at_most=4)
        (32, 16, 2)
    """
    if num_channels < 1 or at_most < 1:
        raise ValueError(
            f"channels and groups must be positive: num_channels={num_channels}, at_most={at_most}; "
            "give at least 1 of each."
        )
    return gcd(num_channels, at_most)


def batch_to_group_norm(model: nn.Module, *, num_groups: int = 32) -> nn.Module:
    """Copy a model with every batch normalization replaced by group normalization.

    Gain and bias are carried over; running statistics have no place in a group norm and are dropped, so
    the copy must be trained before it is of use.

    Args:
        model: left as it is.
        num_groups: wish for the number of groups; `group_count` fits it to each layer's channels.

    Returns:
        The copy.

    Raises:
        ValueError: there is no batch normalization in the model.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 48, 3), nn.BatchNorm2d(48))
        >>> batch_to_group_norm(model)[1].num_groups
        16
    """
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    if not any(isinstance(part, kinds) for part in model.modules()):
        raise ValueError(
            f"the model must hold a batch normalization to convert: {type(model).__name__} holds none; "
            "use GroupNorm in its definition instead."
        )

    def convert(_: str, part: nn.Module) -> nn.Module | None:
        if not isinstance(part, kinds):
            return None
        groups = group_count(part.num_features, at_most=num_groups)
        new = GroupNorm(groups, part.num_features, eps=part.eps, affine=part.affine)
        if part.affine:
            new.weight, new.bias = part.weight, part.bias
        return new

    return replaced(model, convert)
