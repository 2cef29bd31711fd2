r"""Transfer plan: what to train of a network that was trained elsewhere, by how much data there is and how alike.

Use it before fine-tuning. Few examples and a like task: a linear classifier on the top features. Few and unlike: a
linear classifier on earlier features, which are more general. Many: fine-tune everything, at a lower rate below the
head; where the task is like, the lower a layer, the lower its rate.

$$ \text{small} := n < n_0, \qquad
   \text{similar} := a_{top} \ge \max_l a_l - \tau $$

with n examples a class and $a_l$ the accuracy of a linear probe of layer l (`layer_probe`). Both thresholds are rules
of thumb.

Also called: the four scenarios of transfer learning, fine-tuning quadrant.
Departures: the notes call two data sets alike by eye; here the probes say it. The head is trained alone for the first
    tenth of the epochs in both large scenarios, for its first gradients are those of random weights.
Pitfalls: the probe of the top layer can be the best on data that is unlike, and an earlier one on data that is
    like (see the claim): the plan is where to begin, and its sentences say what it rests on. A plan for features of an
    earlier layer needs the network with a head there: `linear_on`.
Claim: from a net for the digits 0 to 4 to a few of the digits 5 to 9 (like) and of patches of two photos (unlike): the
    better probe is not below fine-tuning. The rest of the table does not show at this size: on like data the middle
    layer is far above the top one, and a net that is trained from scratch is not below one that is fine-tuned.
Peer: none.

References:
    karpathy2016transfer: "When and how to fine-tune?", the four scenarios and the lower rate.
    yosinski2014how: section 4, features get more special from layer to layer.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .._torch.modes import evaluating
from .discriminative import group_parameters, layer_groups
from .gradual_unfreezing import GradualUnfreezing
from .layer_probe import LayerFeatures

__all__ = ["Plan", "Stage", "carry_out", "linear_on", "transfer_plan"]

SCENARIOS = ("small_similar", "large_similar", "small_different", "large_different")

HEAD_FIRST = 0.1
"""Share of the epochs in which the head is trained alone before everything is."""

BODY_RATE = 0.1
"""Rate of the layer below the head, as a share of the head's."""

FACTOR = 2.6
"""By which the rate falls from layer to layer where the task is alike."""


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        share: of the epochs.
        layers: how many layers train, counted from the head; None for all.

    Example:
        >>> Stage(share=1.0, layers=1)  # the head alone, all the time
        Stage(share=1.0, layers=1)
    """

    share: float
    layers: int | None


@dataclass(frozen=True)
class Plan:
    """What to train, when and how fast, and why.

    Attributes:
        scenario: "small_similar", "large_similar", "small_different" or "large_different".
        stages: in order; their shares sum to 1.
        features: path of the layer on which the head is to stand; None where it stays where it is.
        body_rate: rate of the layer below the head, as a share of the head's.
        factor: by which the rate falls from there on, from layer to layer.
        reasons: sentences.

    Example:
        >>> transfer_plan(20, True).stages
        (Stage(share=1.0, layers=1),)
    """

    scenario: str
    stages: tuple[Stage, ...]
    features: str | None
    body_rate: float
    factor: float
    reasons: tuple[str, ...]


def transfer_plan(
    examples: float,
    similarity: bool | Mapping[str, float],
    *,
    scenario: str = "auto",
    small: int = 100,
    tolerance: float = 0.02,
) -> Plan:
    r"""Choose one of the four scenarios, or carry out the one that is named, and say why.

    Args:
        examples: of the new data, a class.
        similarity: whether the new task is like the old one; or the accuracies of `layer_probe`, from the lowest
            layer to the top, from which that is told.
        scenario: "auto", or the one to take.
        small: fewer examples a class than this are few.
        tolerance: by how much the top layer's probe may be below the best for the tasks to be alike.

    Returns:
        The plan.

    Raises:
        ValueError: the scenario is unknown, there are no examples or scores, or the scenario needs scores to say on
            which layer the head is to stand.

    Example:
        >>> plan = transfer_plan(30, {"conv1": 0.71, "conv2": 0.84, "conv3": 0.75})
        >>> plan.scenario, plan.features
        ('small_different', 'conv2')
        >>> print(*plan.reasons, sep="\n")
        30 examples a class are few: less than 100.
        The task is unlike the old one: the top layer 'conv3' gives 0.750, the layer 'conv2' 0.840.
        So the body stays frozen, and a linear head is trained on the features of 'conv2'.
    """
    if scenario != "auto" and scenario not in SCENARIOS:
        raise ValueError(
            f'scenario must be "auto" or one of {", ".join(SCENARIOS)}: it is {scenario!r}; "auto" chooses.'
        )
    if not examples > 0 or (isinstance(similarity, Mapping) and not similarity):
        raise ValueError(
            f"there must be examples and scores: {examples} examples a class, similarity={similarity!r}; give True or "
            "False where nothing was probed."
        )
    few, how_many = _amount(examples, small)
    alike, how_alike = _likeness(similarity, tolerance)
    found = f"{'small' if few else 'large'}_{'similar' if alike else 'different'}"
    reasons = [how_many, how_alike]
    if scenario not in {"auto", found}:
        reasons.append(f"The scenario {scenario} was asked for, where these say {found}.")
    chosen = found if scenario == "auto" else scenario
    features = None
    if chosen == "small_different":
        if not isinstance(similarity, Mapping):
            raise ValueError(
                "on few and unlike examples the head stands on an earlier layer: no scores say on which; pass those "
                "of layer_probe as the similarity."
            )
        features = max(similarity, key=lambda layer: similarity[layer])
        reasons.append(
            f"So the body stays frozen, and a linear head is trained on the features of {features!r}."
        )
    elif chosen == "small_similar":
        reasons.append("So the body stays frozen, and the head is trained on its top features.")
    elif chosen == "large_similar":
        reasons.append(
            f"So the head is trained first, then everything, the body at {BODY_RATE} of the head's rate and less from "
            f"layer to layer by {FACTOR}."
        )
    else:
        reasons.append(
            f"So the head is trained first, then everything, the whole body at {BODY_RATE} of the head's rate, for "
            "its lower layers have to change too."
        )
    head_alone = (Stage(1.0, 1),)
    head_first = (Stage(HEAD_FIRST, 1), Stage(1 - HEAD_FIRST, None))
    return Plan(
        chosen,
        stages=head_alone if chosen.startswith("small") else head_first,
        features=features,
        body_rate=BODY_RATE,
        factor=FACTOR if chosen.endswith("similar") else 1.0,
        reasons=tuple(reasons),
    )


def linear_on(model: nn.Module, layer: str, num_classes: int, x: Tensor) -> nn.Sequential:
    """Put a new linear head on the features of a layer.

    Args:
        model: the trained network; it becomes the body, and is run whole.
        layer: path of the module whose output the head takes, flattened.
        num_classes: K.
        x: (B, ...) an example input, for the number of features.

    Returns:
        "body" and "head".

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 7))
        >>> linear_on(model, "1", 5, torch.zeros(1, 2)).head
        Linear(in_features=3, out_features=5, bias=True)
    """
    body = LayerFeatures(model, layer)
    with evaluating(model), torch.no_grad():
        width = body(x).shape[1]
    like = next(model.parameters(), x)
    head = nn.Linear(width, num_classes, device=like.device, dtype=like.dtype)
    return nn.Sequential(OrderedDict(body=body, head=head))


def carry_out(
    model: nn.Module,
    plan: Plan,
    lr: float,
    *,
    epochs: int,
    groups: Iterable[str | Sequence[str]] | None = None,
) -> tuple[list[dict[str, Any]], GradualUnfreezing]:
    """Prepare a training by the plan: freezes what does not train at first, in place.

    Args:
        model: body and head; for a plan with `features`, the network that `linear_on` gives.
        plan: from `transfer_plan`.
        lr: of the head.
        epochs: of the whole training.
        groups: as in `layer_groups`, the head last.

    Returns:
        Parameter groups for an optimizer, and what thaws the layers: call its `step` at the end of each epoch.

    Raises:
        ValueError: there are fewer epochs than stages, the rate is not above 0, or there is no layer below the head.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> parameters, unfreezing = carry_out(model, transfer_plan(500, True), 0.1, epochs=20)
        >>> [round(group["lr"], 3) for group in parameters], unfreezing.at  # the body from epoch 2 on
        ([0.01, 0.1], (2, 0))
    """
    layers = layer_groups(model, groups)
    if epochs < len(plan.stages) or not lr > 0 or len(layers) < 2:
        raise ValueError(
            f"there must be an epoch for each of {len(plan.stages)} stages, a rate above 0, and a layer below the "
            f"head: epochs={epochs}, lr={lr}, {len(layers)} layers; give more epochs, or the groups."
        )
    at = [math.inf] * len(layers)  # from the head down
    begin = 0.0
    for number, stage in enumerate(plan.stages):
        start = max(number, round(begin * epochs))  # each stage has an epoch
        for depth in range(len(layers) if stage.layers is None else stage.layers):
            at[depth] = min(at[depth], start)
        begin += stage.share
    parameters = []
    for depth, named in enumerate(reversed(group_parameters(model, layers))):
        rate = lr if depth == 0 else lr * plan.body_rate * plan.factor ** -(depth - 1)
        if named:
            parameters.append({"params": [p for _, p in named], "lr": rate})
    return parameters[::-1], GradualUnfreezing(model, layers, at=at)


def _amount(examples: float, small: int) -> tuple[bool, str]:
    few = examples < small
    compared = "few: less" if few else "many: no less"
    return few, f"{examples:g} examples a class are {compared} than {small}."


def _likeness(similarity: bool | Mapping[str, float], tolerance: float) -> tuple[bool, str]:
    if not isinstance(similarity, Mapping):
        return similarity, f"The task is said to be {'like' if similarity else 'unlike'} the old one."
    top, best = list(similarity)[-1], max(similarity, key=lambda layer: similarity[layer])
    alike = similarity[top] >= similarity[best] - tolerance
    return alike, (
        f"The task is {'like' if alike else 'unlike'} the old one: the top layer {top!r} gives {similarity[top]:.3f}, "
        f"the {'best' if best == top or alike else 'layer'} {best!r} {similarity[best]:.3f}."
    )
