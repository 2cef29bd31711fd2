r"""Global pooling head: average each map and classify the averages, instead of connecting every pixel to every unit.

Classic networks flatten their last maps into layers that hold most of their parameters. One average a map, and one
linear layer on it, costs H times W times fewer, has little to overfit with, and takes images of any size that the
rest takes.

$$ y_k = b_k + \sum_{c} w_{kc}\, \frac{1}{HW} \sum_{h, w} a_{chw}, \qquad
\text{weights: } C K \text{ instead of } H W C K \text{ and more} $$

`fc_share` says what share of a network's parameters stands in linear layers; `replace_head_with_gap` changes the head.

Also called: GAP, global average pooling, network in network.
Departures: the paper averages one map a class and has no linear layer behind; as in later networks one follows here.
Pitfalls: the average forgets where a feature was: for classification, not for boxes. The new layer knows nothing
    and must be trained; a network that was trained with its old head is changed by more than its head.
Claim: none, because the shares are counts, and held by tests at the sizes of the papers' networks.
Peer: none as a conversion; timm's models take the pooling as an argument (not compared).

References:
    lin2014network: section 3.2, global average pooling.
    iandola2016squeezenet: the architecture, which ends in it and has no linear layer.
"""

import torch
from torch import Tensor, nn

from ..._torch.modes import evaluating
from ..._torch.surgery import replaced
from ..._torch.trace import tracing

__all__ = ["fc_share", "replace_head_with_gap"]


def fc_share(model: nn.Module) -> float:
    """Compute the share of a model's parameters that stands in linear layers.

    Args:
        model: any network, on any device, the meta device included.

    Returns:
        From 0 to 1; a shared parameter counts once.

    Raises:
        ValueError: the model has no parameter.

    Example:
        >>> fc_share(nn.Sequential(nn.Conv2d(1, 9, 3), nn.Flatten(), nn.Linear(9, 1)))  # 10 of 100
        0.1
    """
    total = sum(p.numel() for p in set(model.parameters()))
    if not total:
        raise ValueError(f"the model must have parameters: {type(model).__name__} has none.")
    linear = {p for part in model.modules() if isinstance(part, nn.Linear) for p in part.parameters()}
    return sum(p.numel() for p in linear) / total


def replace_head_with_gap(model: nn.Module, x: Tensor, *, num_classes: int | None = None) -> nn.Module:
    """Copy a model with its fully connected head replaced by global average pooling and one linear layer.

    The first linear layer that sees a flattened map gives way to the average, the last one to a new layer (C, K), and
    those between to nothing; what stands between them, activations and dropout, stays. The model's forward pass stays
    as it is, so that it may flatten where it likes.

    Args:
        model: left as it is.
        x: (B, C, H, W) example of its inputs, on which it runs once in evaluation mode.
        num_classes: K; that of the old head where it is None.

    Returns:
        The copy, whose new layer is freshly initialized, on the device and in the type of the old one.

    Raises:
        ValueError: the head is no chain of linear layers on a flattened map, or pools globally already.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
        >>> smaller = replace_head_with_gap(net, torch.zeros(1, 1, 8, 8))
        >>> smaller(torch.zeros(1, 1, 8, 8)).shape, smaller(torch.zeros(1, 1, 20, 20)).shape
        (torch.Size([1, 10]), torch.Size([1, 10]))
        >>> round(fc_share(net), 2), round(fc_share(smaller), 2)
        (0.97, 0.53)
    """
    with torch.no_grad(), evaluating(model), tracing(model) as calls:
        output = model(x)
    channels, head = 0, []
    for call in calls:
        if isinstance(call.module, nn.Linear):
            head.append(call)
        elif call.is_leaf and isinstance(call.output, Tensor) and call.output.ndim == 4:
            channels, head = call.output.shape[1], []
    if not channels or not head or any(call.output.ndim != 2 for call in head):
        raise ValueError(
            f"the model must end in linear layers on a flattened map: {type(model).__name__} calls "
            f"{len(head)} of them behind its last map of {channels} channels; put the pooling into its definition."
        )
    first, last = head[0].module, head[-1].module
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    positions, rest = divmod(first.in_features, channels)
    if rest or positions < 2:
        raise ValueError(
            f"the first linear layer must see several positions of {channels} channels: it sees {first.in_features} "
            f"values; {'it pools globally already' if positions == 1 and not rest else 'it mixes in something else'}."
        )
    names = [call.path for call in head]
    if len(set(names)) < len(names):
        raise ValueError(
            f"each linear layer of the head must be called once: the calls are {', '.join(names)}."
        )
    copy = _with_head(model, names, channels, last, num_classes or last.out_features)
    with torch.no_grad(), evaluating(copy):
        try:
            shape = copy(x).shape
        except RuntimeError as error:
            raise ValueError(
                f"the parts between the linear layers must take {channels} values an example: {error}; a normalization "
                "of the old width is the usual reason, take it out first."
            ) from error
    assert shape[:-1] == output.shape[:-1]
    return copy


def _with_head(
    model: nn.Module, names: list[str], channels: int, last: nn.Linear, num_classes: int
) -> nn.Module:
    new: nn.Module = nn.Linear(channels, num_classes, device=last.weight.device, dtype=last.weight.dtype)
    # The map comes flattened, channel by channel, whatever its size: (B, C * H * W) -> (B, C).
    average = [nn.Unflatten(1, (channels, -1)), nn.AdaptiveAvgPool1d(1), nn.Flatten(1)]
    parts: dict[str, nn.Module] = {name: nn.Identity() for name in names[1:-1]}
    if len(names) == 1:
        parts[names[0]] = nn.Sequential(*average, new)
    else:
        parts |= {names[0]: nn.Sequential(*average), names[-1]: new}
    return replaced(model, lambda path, _: parts.get(path))
