r"""Decay groups: give weight decay to the weights, and to nothing else.

Use it wherever an optimizer takes a `weight_decay`, and to see which parameters the penalties of this package reach. A
bias or a gain is one number a unit: it fits little noise, and pulled to 0 it only biases the function. A weight that
meets many inputs is where capacity stands.

$$ \Omega(\theta) = \tfrac{\lambda}{2} \sum_{w \in \mathcal{W}} w^2, \qquad
\mathcal{W} = \{\text{weights}\} \setminus \{\text{biases, gains, vectors, embeddings}\} $$

What is decayed, each parameter once:

- a weight of a linear layer, a convolution, a recurrent or attention layer, and any other tensor with two or more
  dimensions;
- of `weight_norm` the length g and not the direction v, so that the sum of squares is that of the weight itself;
- of any other parametrization the tensor behind it, by the same rules. Behind `spectral_norm`, as before a batch
  norm, the decay leaves the function alone and holds up the effective learning rate.

What is not: biases, everything of a normalization, slopes of PReLU, other scalars and vectors (also as (1, C, 1, 1)),
embeddings and what is tied to them, frozen parameters (these stand in no group).

Also called: no-decay list, parameter groups, param_groups_weight_decay.
Departures: the first papers decayed everything; Goodfellow et al. leave biases out, He et al. (2019) gains as well.
Pitfalls: a learned position embedding that is a plain nn.Parameter of shape (1, T, F) looks like a weight: name it in
    `skip`. A class of your own counts as a normalization where its name ends in Norm, Norm1d, Norm2d or Norm3d.
Claim: none, because this is bookkeeping; the laws count every parameter.
Peer: timm's param_groups_weight_decay, not run: it leaves out what has one dimension or ends in .bias, so that g of
    weight_norm, of shape (F, 1), is decayed together with v, and so are embeddings and norms over planes.

References:
    goodfellow2016deep: section 7.1, biases are left out.
    he2019bag: section 3.1, no bias decay.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, cast

from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

__all__ = ["decay_groups", "decay_roles", "decayed_parameters"]

DECAYED = ("weight", "length of a weight")
_NORM = re.compile(r"Norm(?:[123]d)?$")
_BIAS = re.compile(r"(?:^|_)bias(?:$|_)")
_LAYERS = (
    nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention,
)  # fmt: skip


def decay_groups(
    model: nn.Module, weight_decay: float, *, skip_embeddings: bool = True, skip: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Part the trainable parameters into those that decay and those that do not.

    Args:
        model: left as it is.
        weight_decay: for the first group, as torch's optimizers take it.
        skip_embeddings: whether embeddings, and what is tied to them, go without decay.
        skip: names of further parameters that go without, as in `named_parameters`; `*` stands for anything.

    Returns:
        Two groups for any optimizer of torch, the decayed one first; either may hold no parameter.

    Raises:
        ValueError: the decay is negative, or nothing can be trained.

    Example:
        >>> model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(3))
        >>> decayed, others = decay_groups(model, 0.01)
        >>> [tuple(p.shape) for p in decayed["params"]], decayed["weight_decay"]
        ([(3, 4)], 0.01)
        >>> [tuple(p.shape) for p in others["params"]], others["weight_decay"]
        ([(5, 4), (3,), (3,), (3,)], 0.0)
    """
    if not weight_decay >= 0:
        raise ValueError(
            f"weight_decay must be at least 0: it is {weight_decay}; give the decay of the weights."
        )
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    named = dict(model.named_parameters())
    for name, role in decay_roles(model, skip_embeddings=skip_embeddings, skip=skip).items():
        if name in named and role != "frozen":
            (decayed if role in DECAYED else others).append(named[name])
    if not decayed and not others:
        raise ValueError(
            f"the model must have trainable parameters: {type(model).__name__} has none; set requires_grad on some."
        )
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def decayed_parameters(
    model: nn.Module, *, skip_embeddings: bool = True, skip: Iterable[str] = ()
) -> dict[str, nn.Parameter]:
    """Find the weights: what decays, and what the penalties on weights add up.

    Args:
        model: left as it is.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Returns:
        The parameters by name, each once.

    Raises:
        ValueError: there is none.

    Example:
        >>> list(decayed_parameters(nn.LSTM(2, 3)))
        ['weight_ih_l0', 'weight_hh_l0']
    """
    roles = decay_roles(model, skip_embeddings=skip_embeddings, skip=skip)
    found = {name: p for name, p in model.named_parameters() if roles[name] in DECAYED}
    if not found:
        raise ValueError(
            f"the model must hold a trainable weight: {type(model).__name__} has {len(roles)} parameters, none of "
            "them one; see decay_roles(model)."
        )
    return found


def decay_roles(
    model: nn.Module, *, skip_embeddings: bool = True, skip: Iterable[str] = ()
) -> dict[str, str]:
    """Say of each parameter why it decays or not.

    Args:
        model: left as it is.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Returns:
        By name, in the model's order: "weight" and "length of a weight", which decay; "bias", "normalization",
        "vector", "embedding", "direction of a weight", "skipped" and "frozen", which do not; and "same as ..." for
        further names of a tensor that is tied.

    Raises:
        ValueError: a name in `skip` matches nothing, or a lazy layer has no shape yet.

    Example:
        >>> for name, role in decay_roles(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.PReLU())).items():
        ...     print(f"{name:<10}{role}")
        0.weight  weight
        0.bias    bias
        1.weight  normalization
        1.bias    normalization
        2.weight  vector
    """
    patterns = [skip] if isinstance(skip, str) else list(skip)
    owners = {
        steps: (part, local)
        for part in model.modules()
        if is_parametrized(part)
        for local, steps in cast(nn.ModuleDict, part.parametrizations).items()
    }
    first: dict[nn.Parameter, str] = {}
    roles: dict[str, str] = {}
    hit: set[str] = set()
    for path, part in model.named_modules(remove_duplicate=False):
        for local, parameter in part.named_parameters(recurse=False, remove_duplicate=False):
            name = f"{path}.{local}" if path else local
            if isinstance(parameter, UninitializedParameter):
                raise ValueError(
                    f"every parameter must have its shape: {name} of a lazy layer has none yet; run a batch first."
                )
            role = _role(part, local, parameter, owners.get(part, (part, local)))
            if role == "embedding" and not skip_embeddings:
                role = "weight"
            if matching := [pattern for pattern in patterns if fnmatchcase(name, pattern)]:
                hit.update(matching)
                role = "skipped"
            known = first.setdefault(parameter, name)
            roles[name] = role if known == name else f"same as {known}"
            # One place that must not decay keeps the tensor from it: an embedding that is the last layer as well.
            if roles[known] in DECAYED:
                roles[known] = role
    for parameter, name in first.items():
        if not parameter.requires_grad:
            roles[name] = "frozen"
    if missed := [pattern for pattern in patterns if pattern not in hit]:
        raise ValueError(
            f"each name in skip must match a parameter: {missed} match none of {list(roles)}; take names from these."
        )
    return roles


def _role(part: nn.Module, name: str, parameter: nn.Parameter, place: tuple[nn.Module, str]) -> str:
    """What one parameter is; its place is the layer that uses it, and the name there, through parametrizations."""
    layer, seen_as = place
    if _NORM.search(type(layer).__name__):
        return "normalization"
    if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
        return "embedding"
    if isinstance(part, ParametrizationList) and any(isinstance(step, _weight_norm()) for step in part):
        return "length of a weight" if name == "original0" else "direction of a weight"
    stem, _, letter = name.rpartition("_")
    siblings = {local for local, _ in part.named_parameters(recurse=False)}
    if letter in {"g", "v"} and {f"{stem}_g", f"{stem}_v"} <= siblings:  # of torch's older weight_norm
        return "length of a weight" if letter == "g" else "direction of a weight"
    if _BIAS.search(seen_as):
        return "bias"
    wide = sum(size > 1 for size in parameter.shape)
    if parameter.dim() < 2 or (parameter.dim() > 2 and wide < 2 and not isinstance(layer, _LAYERS)):
        return "vector"
    return "weight"


@cache
def _weight_norm() -> type[nn.Module]:
    """The class behind weight_norm, which torch does not name in public."""
    layer = weight_norm(nn.Linear(1, 1, device="meta"))
    return type(cast(ParametrizationList, cast(nn.ModuleDict, layer.parametrizations)["weight"])[0])
