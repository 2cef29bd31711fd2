"""Initialize a whole model: each layer by what follows it, or all by one policy, and say what was done."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from vademecum._core.errors import UnknownNameError
from vademecum.nn.activation import Maxout, Maxout2d

from ._fan import LAYERS, fans
from ._following import LINEAR, RECTIFIER, Following, describe, following
from .data_dependent_init import calibrate_

POLICIES = ("auto", "data_dependent", "glorot", "he", "lecun", "orthogonal", "small", "zero")
"""What `initialize_` understands."""
NEEDS_GAIN = {"auto", "data_dependent", "he", "orthogonal"}
NOT_CALLED = replace(LINEAR, name="linear (not called)")
_SYNONYMS = {"kaiming": "he", "lsuv": "data_dependent", "xavier": "glorot"}


@dataclass(frozen=True)
class PlanRow:
    """What was done to one layer.

    Attributes:
        path: where it stands, as in ``model.get_submodule(path)``.
        layer: its class.
        activation: that follows it; "linear" where none does, "" where it does not matter.
        policy: by which its weights were drawn, or why they were left.
        distribution: "normal", "uniform", "orthogonal", "constant", or "" where it was left.
        std: the deviation of its weights now; None where it was left.
    """

    path: str
    layer: str
    activation: str
    policy: str
    distribution: str
    std: float | None


@dataclass(frozen=True)
class Plan:
    """What `initialize_` did; its text is a table.

    Attributes:
        rows: one for each part of the model that has parameters of its own.
    """

    rows: tuple[PlanRow, ...]

    def __str__(self) -> str:
        head = ("path", "layer", "activation", "policy", "distribution", "std")
        body = [
            (
                r.path or "(model)",
                r.layer,
                r.activation,
                r.policy,
                r.distribution,
                "" if r.std is None else f"{r.std:.4g}",
            )
            for r in self.rows
        ]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *body]
        )


def initialize_(
    model: nn.Module,
    policy: str = "auto",
    *,
    example: Tensor | tuple[Any, ...] | None = None,
    generator: torch.Generator | None = None,
) -> Plan:
    """Draw the weights of all linear, convolution and maxout layers anew, and set their biases to zero.

    The policies, with the fans of `fans` (groups and transposed convolutions counted right) and the gain g of the
    activation that follows the layer (`gain`):

    - ``auto``: LeCun before SELU; Glorot where nothing follows, or something bounded on both sides (tanh, sigmoid);
      He with g before everything else. Needs the example.
    - ``he``: normal, g / sqrt(fan_in). Without an example every layer is taken to stand before ReLU.
    - ``glorot``: uniform, of variance 2 / (fan_in + fan_out). ``lecun``: normal, 1 / sqrt(fan_in).
    - ``small``: normal, 0.01. ``zero``: all zero, to see it fail.
    - ``orthogonal``: times g (1 without an example).
    - ``data_dependent``: orthogonal, then `calibrate_` on the example, which should be a batch.

    Frozen weights, normalization, embeddings, recurrent and attention parameters are left as they are; the plan says
    so. A layer with a weight parametrization is set through it. Nothing is changed where an error is raised.

    Args:
        model: changed in place.
        policy: one of `POLICIES`; ``xavier``, ``kaiming`` and ``lsuv`` are understood.
        example: an input, or a tuple of positional inputs, with which the model can be run.
        generator: source of the numbers; torch's own where it is None.

    Returns:
        The plan, to be read or printed.

    Raises:
        UnknownNameError: there is no such policy.
        ValueError: the policy needs an example, or a weight cannot be set.

    Example:
        >>> model = nn.Sequential(nn.Linear(50, 200), nn.ReLU(), nn.Linear(200, 10))
        >>> print(initialize_(model, example=torch.zeros(1, 50)))
        path  layer   activation  policy  distribution  std
        0     Linear  relu        he      normal        0.2
        2     Linear  linear      glorot  uniform       0.09759
    """
    word = policy.lower().replace("-", "_").removesuffix("_init")
    word = _SYNONYMS.get(word, word)
    if word not in POLICIES:
        raise UnknownNameError("initialization policy", policy, [*POLICIES, *_SYNONYMS])
    policy = word
    inputs = example if isinstance(example, tuple) or example is None else (example,)
    if inputs is None and policy in {"auto", "data_dependent"}:
        raise ValueError(
            f"policy {policy!r} needs an example to run the model with: none came; pass example=x, a batch of inputs."
        )
    _check_weights(model)
    seen = following(model, inputs) if policy in NEEDS_GAIN and inputs is not None else None
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    try:
        rows = _apply(model, policy, seen, generator)
        if policy == "data_dependent":
            assert inputs is not None
            calibrate_(model, inputs)
            rows = [_measured(model, row) for row in rows]
    except BaseException:  # all layers or none
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(before[name])
        raise
    return Plan(tuple(rows))


def _check_weights(model: nn.Module) -> None:
    for path, layer in model.named_modules():
        if any(isinstance(p, UninitializedParameter) for p in layer.parameters(recurse=False)):
            raise ValueError(
                f"every weight must have its shape: {path!r} ({type(layer).__name__}) is lazy and has not seen an "
                "input; run the model once, then initialize it."
            )
        if isinstance(layer, LAYERS) and not _weight_parameters(layer):
            raise ValueError(
                f"a weight must be a parameter: that of {path!r} ({type(layer).__name__}) is computed by a hook; "
                "use torch.nn.utils.parametrizations in place of the older hooks."
            )


def _weight_parameters(layer: nn.Module) -> list[nn.Parameter]:
    """The parameters that a layer's weight is, or is computed from; empty where a hook computes it."""
    if parametrize.is_parametrized(layer, "weight"):
        return [p for name, p in layer.named_parameters() if name.startswith("parametrizations.weight.")]
    return [p for name, p in layer.named_parameters(recurse=False) if name == "weight"]


def _apply(
    model: nn.Module, policy: str, seen: Mapping[str, Following] | None, generator: torch.Generator | None
) -> list[PlanRow]:
    rows: list[PlanRow] = []
    owners: dict[nn.Parameter, str] = {}
    for path, layer in reversed(list(model.named_modules())):  # the first place wins
        if isinstance(layer, LAYERS):
            owners.update(dict.fromkeys(_weight_parameters(layer), path))
    for path, layer in model.named_modules():
        if "parametrizations" in path.split("."):  # the row of the layer that it belongs to says it
            continue
        kind = type(layer).__name__.removeprefix("Parametrized")
        if isinstance(layer, LAYERS):
            parameters = _weight_parameters(layer)
        elif not (parameters := list(layer.parameters(recurse=False))):
            continue
        owner = next((owners[p] for p in parameters if p in owners), path)
        if owner != path:
            rows.append(PlanRow(path, kind, "", f"shared with {owner}", "", None))
        elif not isinstance(layer, LAYERS):
            rows.append(PlanRow(path, kind, "", "left", "", None))
        elif not all(p.requires_grad for p in parameters):
            rows.append(PlanRow(path, kind, "", "left: frozen", "", None))
        else:
            act = _taken(layer, policy) if seen is None else seen.get(path, NOT_CALLED)
            rule, distribution, std = _rule(layer, policy, act)
            _set(path, layer, _draw(layer, distribution, std, generator))
            shown = act.name if policy in NEEDS_GAIN else ""
            rows.append(_measured(model, PlanRow(path, kind, shown, rule, distribution, std)))
    return rows


def _taken(layer: nn.Module, policy: str) -> Following:
    """What is taken to follow a layer where no example shows it."""
    if isinstance(layer, Maxout | Maxout2d):
        return describe(layer)
    taken = RECTIFIER if policy == "he" else LINEAR
    return replace(taken, name=f"{taken.name} (taken)")


def _rule(layer: nn.Module, policy: str, act: Following) -> tuple[str, str, float]:
    """The policy for this layer, the distribution, and the deviation (the gain, of an orthogonal weight)."""
    fan_in, fan_out = (max(fan, 1) for fan in fans(layer))  # an empty weight has no deviation
    if policy == "auto":
        policy = "lecun" if act.name == "selu" else "glorot" if act.symmetric else "he"
    return {
        "zero": (policy, "constant", 0.0),
        "small": (policy, "normal", 0.01),
        "lecun": (policy, "normal", 1 / sqrt(fan_in)),
        "glorot": (policy, "uniform", sqrt(2 / (fan_in + fan_out))),
        "he": (policy, "normal", act.gain / sqrt(fan_in)),
        "orthogonal": (policy, "orthogonal", act.gain),
        "data_dependent": (policy, "orthogonal", act.gain),
    }[policy]


def _draw(layer: nn.Module, distribution: str, std: float, generator: torch.Generator | None) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    new = torch.empty_like(
        weight, device=generator.device if generator else weight.device, requires_grad=False
    )
    if distribution == "normal":
        nn.init.normal_(new, 0.0, std, generator=generator)
    elif distribution == "uniform":
        nn.init.uniform_(new, -sqrt(3) * std, sqrt(3) * std, generator=generator)
    elif distribution == "orthogonal":
        pieces = getattr(layer, "pieces", None)
        wide = new.float() if new.dtype in {torch.bfloat16, torch.float16} else new
        flat = wide.flatten(0, 1) if pieces else wide  # (out, pieces, ...) -> a row for each piece
        new = nn.init.orthogonal_(flat.contiguous(), std, generator=generator).reshape(weight.shape)
    else:
        nn.init.zeros_(new)
    return new.to(weight)


def _set(path: str, layer: nn.Module, new: Tensor) -> None:
    with torch.no_grad():
        if not parametrize.is_parametrized(layer, "weight"):
            assert isinstance(layer.weight, Tensor)
            layer.weight.copy_(new)
        else:
            try:
                layer.weight = new
            except (ValueError, NotImplementedError, RuntimeError) as error:
                raise ValueError(
                    f"a parametrized weight must be free to be set: that of {path!r} ({type(layer).__name__}) refuses "
                    f"({error}); initialize the model first and add the parametrization afterwards."
                ) from error
        bias = getattr(layer, "bias", None)
        if isinstance(bias, nn.Parameter):
            bias.zero_()
        elif isinstance(bias, Tensor):  # parametrized
            layer.bias = torch.zeros_like(bias)


def _measured(model: nn.Module, row: PlanRow) -> PlanRow:
    """Put the deviation of the weights as they are where the rule's is not theirs."""
    if row.std is None:
        return row
    layer = model.get_submodule(row.path)
    if row.distribution != "orthogonal" and not parametrize.is_parametrized(layer, "weight"):
        return row
    weight = deepcopy(layer).weight  # a copy: reading a spectral norm in training moves its vectors
    assert isinstance(weight, Tensor)
    std = float(weight.detach().double().square().mean().sqrt())
    return replace(row, std=std)
