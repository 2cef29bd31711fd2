"""Laws of decay groups: who stands where, each once, and what a step of descent does to it."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from vademecum.regularize.decay_groups import decay_groups, decay_roles

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import OTHER, WEIGHT, ZOO_WEIGHTS, Zoo, filled

Groups = list[dict[str, Any]]


def places(groups: Groups, model: nn.Module) -> Tensor:
    """By parameter: how often it stands in a group that decays, and in one that does not."""
    rows = []
    for parameter in model.parameters():
        decayed = sum(p is parameter for g in groups if g["weight_decay"] > 0 for p in g["params"])
        others = sum(p is parameter for g in groups if g["weight_decay"] == 0 for p in g["params"])
        rows.append((float(decayed), float(others)))
    return torch.tensor(rows)


def expected(model: nn.Module, names: Iterable[str]) -> Tensor:
    chosen = set(names)
    return torch.tensor(
        [(WEIGHT, OTHER) if n in chosen else (OTHER, WEIGHT) for n, _ in model.named_parameters()]
    )


def weights_and_nothing_else(build: Build, draw: Draw) -> Iterator[Pair]:
    model = Zoo()
    yield places(build(draw)(model, 0.1), model), expected(model, ZOO_WEIGHTS)


def embeddings_where_asked(build: Build, draw: Draw) -> Iterator[Pair]:
    model = Zoo()
    groups = build(draw)(model, 0.1, skip_embeddings=False)
    yield places(groups, model), expected(model, ZOO_WEIGHTS | {"words.weight"})


def named_ones_are_skipped(build: Build, draw: Draw) -> Iterator[Pair]:
    model = Zoo()
    groups = build(draw)(model, 0.1, skip=["state.*"])
    yield places(groups, model), expected(model, {n for n in ZOO_WEIGHTS if not n.startswith("state")})


def tied_once(build: Build, draw: Draw) -> Iterator[Pair]:
    for order in (["words", "last"], ["last", "words"]):
        parts = {"words": nn.Embedding(5, 4), "last": nn.Linear(4, 5)}
        model = nn.ModuleDict({name: parts[name] for name in order})
        model["last"].weight = model["words"].weight
        yield places(build(draw)(model, 0.1), model), expected(model, ())


def frozen_in_no_group(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    want = torch.tensor([(0.0, 0.0), (0.0, 0.0), (WEIGHT, OTHER), (OTHER, WEIGHT)])
    yield places(build(draw)(model, 0.1), model), want


def squares_behind_weight_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    for dim, layer in ((0, nn.Linear(3, 2)), (0, nn.Conv1d(2, 3, 2)), (1, nn.ConvTranspose1d(2, 3, 2))):
        model = filled(draw, parametrizations.weight_norm(layer, dim=dim))
        decayed = [p for g in build(draw)(model, 0.1) if g["weight_decay"] > 0 for p in g["params"]]
        yield sum((p.square().sum() for p in decayed), torch.zeros(())), model.weight.square().sum()


def one_step_shrinks_weights_alone(build: Build, draw: Draw) -> Iterator[Pair]:
    model = filled(draw, nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.optim.SGD(build(draw)(model, 0.3), lr=0.5).step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        yield parameter, old * (1 - 0.5 * 0.3 if old.dim() > 1 else 1)


def with_decay(
    model: nn.Module, weight_decay: float, names: Iterable[str], *, frozen: bool = False
) -> Groups:
    chosen = set(names)
    groups: Groups = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for name, parameter in model.named_parameters():
        if frozen or parameter.requires_grad:
            groups[0 if name in chosen else 1]["params"].append(parameter)
    return groups


def _weights_of(model: nn.Module, keywords: Any) -> Iterator[str]:
    roles = decay_roles(model, **keywords)
    return (name for name, role in roles.items() if role in {"weight", "length of a weight"})


def everything(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    return with_decay(model, weight_decay, (name for name, _ in model.named_parameters()))


def by_dimension(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    return with_decay(model, weight_decay, (name for name, p in model.named_parameters() if p.dim() > 1))


def by_suffix(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    return with_decay(model, weight_decay, (n for n, _ in model.named_parameters() if not n.endswith("bias")))


def forgets_the_others(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    return decay_groups(model, weight_decay, **keywords)[:1]


def with_frozen(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    names = [n for n, p in model.named_parameters() if p.dim() > 1]
    return with_decay(model, weight_decay, names, frozen=True)


def direction_too(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    names = [
        *_weights_of(model, keywords),
        *(n for n, _ in model.named_parameters() if n.endswith("original1")),
    ]
    return with_decay(model, weight_decay, names)


def ignores_skip_embeddings(
    model: nn.Module, weight_decay: float, *, skip_embeddings: bool = True, skip=()
) -> Groups:
    return with_decay(model, weight_decay, _weights_of(model, {"skip": skip}))


def ignores_skip(model: nn.Module, weight_decay: float, *, skip_embeddings: bool = True, skip=()) -> Groups:
    return with_decay(model, weight_decay, _weights_of(model, {"skip_embeddings": skip_embeddings}))


def tied_twice(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    groups = decay_groups(model, weight_decay, **keywords)
    for _, parameter in model.named_parameters(remove_duplicate=False):
        if not any(p is parameter for p in groups[0]["params"]) and parameter.dim() > 1:
            groups[1]["params"].append(parameter)
    return groups


def half_the_decay(model: nn.Module, weight_decay: float, **keywords: Any) -> Groups:
    return decay_groups(model, weight_decay / 2, **keywords)


SUITES = (
    Suite(
        technique="decay_groups",
        part="decay_groups",
        subjects={"decay_groups": decay_groups},
        interface=Interface(kind="function", inputs=("model", "weight_decay"), aliases={"weight_decay": ("wd", "decay")}),
        cases=({},),
        shapes=lambda a: ((2, 3),),
        laws=(
            Law("weights_and_nothing_else", "Of one parameter of each kind, the weights decay; each stands in one group.", weights_and_nothing_else, EXACT),
            Law("embeddings_where_asked", "Embeddings decay where they are asked to.", embeddings_where_asked, EXACT),
            Law("named_ones_are_skipped", "What is named goes without.", named_ones_are_skipped, EXACT),
            Law("tied_once", "An embedding that is the last layer as well stands once, without decay.", tied_once, EXACT),
            Law("frozen_in_no_group", "What is frozen stands nowhere.", frozen_in_no_group, EXACT),
            Law("squares_behind_weight_norm", r"$$ \sum g^2 = \sum w^2 $$", squares_behind_weight_norm),
            Law("one_step_shrinks_weights_alone", r"$$ w \leftarrow (1 - \eta \lambda) w $$", one_step_shrinks_weights_alone),
        ),
        twins=(
            Twin("everything", everything, "your decay reaches every parameter; biases and gains go without."),
            Twin("by_dimension", by_dimension, "you tell weights by their dimensions; embeddings, and norms over planes, have two and more as well."),
            Twin("by_suffix", by_suffix, "you leave out names that end in bias; gains are no biases, and an LSTM's end in a number."),
            Twin("forgets_the_others", forgets_the_others, "what does not decay is in no group, so it is not trained at all."),
            Twin("with_frozen", with_frozen, "frozen parameters stand in your groups."),
            Twin("direction_too", direction_too, "the direction v of a weight norm decays in your groups, which does nothing to the weight."),
            Twin("ignores_skip_embeddings", ignores_skip_embeddings, "your embeddings never decay, whatever is asked."),
            Twin("ignores_skip", ignores_skip, "what is named in skip decays all the same."),
            Twin("tied_twice", tied_twice, "a tied weight stands in your groups twice."),
            Twin("half_the_decay", half_the_decay, "your decay is not the one that was given."),
        ),
    ),
)  # fmt: skip
