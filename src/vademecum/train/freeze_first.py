r"""Freeze the body first: train the new parts alone for an epoch or two, then everything.

Use it where a trained body gets a new head. In the first steps the head is random, and so is the gradient that it sends
into the body: its size is that of the head's weights, whatever the body is worth.

$$ \frac{\partial L}{\partial h} = W^\top (p - y), \qquad \theta_{body}(t) = \theta_{body}(0) \text{ for } t < T_f $$

Also called: freeze the pretrained layers for the first epochs, warm up the head, LP-FT (linear probing, then
    fine-tuning).
Departures: the body's running statistics rest with its weights.
Pitfalls: build the optimizer over all parameters. At a rate at which full fine-tuning is stable there is little to gain
    on the new data; what is gained is that the old are forgotten less.
Claim: from the digits 0 to 4 to ten examples each of 5 to 9: the net that is frozen first forgets less of the old ones
    than one that is trained in full from the start, and is about as accurate on the new ones, not more. At rates so
    high that training in full collapses it does not help: then only a body that stays frozen is stable.
Peer: none. fastai's fine_tune does the same, with its own trainer.

References:
    kumar2022fine: section 3, why a random head distorts features, and section 3.4, linear probing before fine-tuning.
    howard2018universal: section 3.3, on forgetting.
"""

from torch import nn

from .discriminative import layer_groups
from .freeze import named_part
from .gradual_unfreezing import GradualUnfreezing

__all__ = ["freeze_first"]


def freeze_first(
    model: nn.Module, *new: str, epochs: int = 1, then: str = "all", norm_stats: str = "freeze"
) -> GradualUnfreezing:
    """Freeze all but the new parts for some epochs.

    Args:
        model: changed in place.
        *new: paths of the parts that are new, such as `new_parameters` gives; the last of `layer_groups` where there
            is none.
        epochs: after which the body is thawed.
        then: "all" thaws it at once, "gradual" one layer an epoch, from the head down.
        norm_stats: as in `freeze`.

    Returns:
        What thaws the body: call its `step` at the end of each epoch.

    Raises:
        ValueError: epochs is below 1, `then` is unknown, or nothing is left to freeze.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1))
        >>> unfreezing = freeze_first(model, "2", epochs=2)
        >>> for epoch in range(3):
        ...     print([layer.weight.requires_grad for layer in model])
        ...     unfreezing.step()
        [False, False, True]
        [False, False, True]
        [True, True, True]
    """
    if epochs < 1:
        raise ValueError(
            f"epochs must be at least 1: it is {epochs}; without a frozen epoch just train everything."
        )
    if then not in {"all", "gradual"}:
        raise ValueError(
            f'then must be "all" or "gradual": it is {then!r}; "all" thaws the whole body at once.'
        )
    layers = layer_groups(model)
    head = new or layers[-1]
    fresh = {id(p) for path in head for p in _parameters(named_part(model, path))}
    body = []
    for layer in layers:
        kept = tuple(path for path in layer if not _holds(named_part(model, path), fresh))
        mixed = [path for path in layer if path not in kept]
        for path in mixed:  # a part that is new in places: its other parameters one by one
            part = named_part(model, path)
            if isinstance(part, nn.Module):
                kept += tuple(
                    f"{path}.{name}" if path else name
                    for name, p in part.named_parameters()
                    if id(p) not in fresh
                )
        if kept:
            body.append(kept)
    if not body:
        raise ValueError(
            f"something must be left to freeze: {', '.join(head)} hold all parameters; name the new parts alone."
        )
    gap = 0 if then == "all" else 1
    at = [0, *(epochs + gap * depth for depth in range(len(body)))]
    return GradualUnfreezing(model, [*body, head], at=at, norm_stats=norm_stats)


def _parameters(part: nn.Module | nn.Parameter) -> list[nn.Parameter]:
    return [part] if isinstance(part, nn.Parameter) else list(part.parameters())


def _holds(part: nn.Module | nn.Parameter, ids: set[int]) -> bool:
    return any(id(p) in ids for p in _parameters(part))
