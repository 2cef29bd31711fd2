"""Laws of discriminative learning rates, and of reading the layers from a network's structure."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.train.discriminative import discriminative_groups, layer_groups
from vademecum.train.freeze import freeze

from ._finetuning import small_net
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

LAYER = (0, 0, 0, 0, 1, 1, 1, 1, 2, 2)
"""Of the parameters of the small net, in their order."""


def rates(groups: list[dict], model: nn.Module) -> Tensor:
    """The rate of each parameter of the model, in its order; a parameter that is missing or doubled is NaN."""
    found: dict[int, list[float]] = {}
    for group in groups:
        for p in group["params"]:
            found.setdefault(id(p), []).append(group["lr"])
    each = [found.get(id(p), []) for p in model.parameters()]
    return torch.tensor([rate[0] if len(rate) == 1 else torch.nan for rate in each], dtype=torch.float64)


def rates_fall_from_the_head(build: Build, draw: Draw) -> Iterator[Pair]:
    model, factor = small_net(draw), draw.arguments["factor"]
    eta = {2: 0.4}
    for layer in (1, 0):
        eta[layer] = eta[layer + 1] / factor
    yield rates(build(draw)(model, 0.4), model), torch.tensor([eta[k] for k in LAYER], dtype=torch.float64)


def frozen_parameters_are_listed(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    want = rates(build(draw)(model, 0.4), model)
    freeze(model, except_=["6"])
    yield rates(build(draw)(model, 0.4), model), want


def a_schedule_keeps_the_ratios(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    optimizer = torch.optim.SGD(build(draw)(model, 0.4))
    before = rates(optimizer.param_groups, model)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    after = rates(optimizer.param_groups, model)
    yield after / after[-1], before / before[-1]


def decay_and_rate_compose(build: Build, draw: Draw) -> Iterator[Pair]:
    """Matrices with weight decay, vectors without, each at the rate of its layer."""
    model = small_net(draw)

    def split(named):
        for decay, matrix in ((0.1, True), (0.0, False)):
            yield {"params": [p for _, p in named if (p.ndim > 1) is matrix], "weight_decay": decay}

    groups = build(draw)(model, 0.4, split=split)
    yield rates(groups, model), rates(build(draw)(model, 0.4), model)
    decays = rates([{**group, "lr": group["weight_decay"]} for group in groups], model)
    want = [0.1 if p.ndim > 1 else 0.0 for p in model.parameters()]
    yield decays, torch.tensor(want, dtype=torch.float64)


def layers(groups, model: nn.Module) -> Tensor:
    """The group of each parameter of the model, in its order; -1 where there is none."""
    place = {}
    for number, group in enumerate(groups):
        for path in group:
            for name, _ in model.named_parameters():
                if name == path or name.startswith(f"{path}.") or path == "":
                    place.setdefault(name, number)
    return torch.tensor([place.get(name, -1) for name, _ in model.named_parameters()])


class Block(nn.Module):
    """A block as in transformers: parts in the order of registration, with a short chain inside."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(2), nn.Linear(2, 2)
        self.mlp = nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.Linear(4, 2))


class Deep(nn.Module):
    """A stem with a parameter of its own, a chain two levels down, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 2))
        self.stem, self.encoder = nn.Linear(2, 2), nn.Module()
        self.encoder.blocks = nn.ModuleList([Block() for _ in range(3)])
        self.encoder.norm, self.head = nn.LayerNorm(2), nn.Linear(2, 2)


def norms_go_with_the_layer_before(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    yield layers(build(draw)(model), model), torch.tensor(LAYER)


def the_longest_chain_is_opened(build: Build, draw: Draw) -> Iterator[Pair]:
    """Token and stem, three whole blocks with the last norm in the third, head."""
    model = Deep()
    want = []
    for name, _ in model.named_parameters():
        first, *rest = name.split(".")
        if first == "encoder":
            want.append(1 + int(rest[1]) if rest[0] == "blocks" else 3)
        else:
            want.append(4 if first == "head" else 0)
    yield layers(build(draw)(model), model), torch.tensor(want)


def wrappers_are_seen_through(build: Build, draw: Draw) -> Iterator[Pair]:
    inner = small_net(draw)
    model = nn.Sequential(nn.Sequential(inner))
    yield layers(build(draw)(model), model), torch.tensor(LAYER)


def a_tied_weight_stands_in_its_first_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    yield layers(build(draw)(model), model), torch.tensor([0, 0, 1, 1, 2])  # 2.bias is the head's


def multiplies(model, lr, factor=2.6, split=None):
    return discriminative_groups(model, lr, factor=1 / factor, split=split)


def one_step_too_low(model, lr, factor=2.6, split=None):
    return discriminative_groups(model, lr / factor, factor=factor, split=split)


def linear_fall(model, lr, factor=2.6, split=None):
    groups = discriminative_groups(model, lr, factor=factor)
    return [{**group, "lr": lr / (1 + (factor - 1) * k)} for k, group in enumerate(reversed(groups))][::-1]


def trainable_alone(model, lr, factor=2.6, split=None):
    groups = discriminative_groups(model, lr, factor=factor, split=split)
    kept = [{**group, "params": [p for p in group["params"] if p.requires_grad]} for group in groups]
    return [group for group in kept if group["params"]]


def no_norms(model, lr, factor=2.6, split=None):
    groups = discriminative_groups(model, lr, factor=factor, split=split)
    return [{**group, "params": [p for p in group["params"] if p.ndim > 1]} for group in groups]


def ignores_split(model, lr, factor=2.6, split=None):
    return [{**group, "weight_decay": 0.1} for group in discriminative_groups(model, lr, factor=factor)]


def children(model, groups=None):
    return tuple((name,) for name, child in model.named_children() if any(True for _ in child.parameters()))


def leaves(model, groups=None):
    return tuple(
        (name,)
        for name, part in model.named_modules()
        if not list(part.children()) and list(part.parameters())
    )


def head_first(model, groups=None):
    return layer_groups(model)[::-1]


def modules_alone(model, groups=None):
    modules = dict(model.named_modules())
    return tuple(tuple(path for path in group if path in modules) for group in layer_groups(model))


def tied_to_the_last(model, groups=None):
    """Each parameter in the last group in which it stands."""
    found = layer_groups(model)
    last = {
        id(p): number
        for number, group in enumerate(found)
        for name, p in model.named_parameters(remove_duplicate=False)
        if any(name == path or name.startswith(f"{path}.") for path in group)
    }
    return tuple(
        tuple(name for name, p in model.named_parameters() if last[id(p)] == number)
        for number in range(len(found))
    )


SUITES = (
    Suite(
        technique="discriminative",
        part="discriminative_groups",
        subjects={"discriminative_groups": discriminative_groups},
        interface=Interface(kind="function", arguments=("factor",), inputs=("model", "lr"), defaults={"factor": 2.6},
                            aliases={"factor": ("decay", "ratio")}),
        cases=({"factor": 2.6}, {"factor": 2.0}),
        shapes=lambda a: ((3, 2),),
        laws=(
            Law("rates_fall_from_the_head", r"$$ \eta^{l-1} = \eta^l / f $$ and each parameter once.", rates_fall_from_the_head),
            Law("frozen_parameters_are_listed", "What is frozen now has its rate for later.", frozen_parameters_are_listed),
            Law("a_schedule_keeps_the_ratios", r"$$ \eta^{l-1}_t / \eta^l_t = 1 / f $$", a_schedule_keeps_the_ratios,
                no_twin="what wipes ratios out is a schedule that sets one rate, not the groups; torch's multiply"),
            Law("decay_and_rate_compose", "Groups with and without weight decay, each at its layer's rate.", decay_and_rate_compose),
        ),
        twins=(
            Twin("multiplies", multiplies, "your rates rise towards the input; divide by the factor."),
            Twin("one_step_too_low", one_step_too_low, "the head itself is divided by the factor already; it has the full rate."),
            Twin("linear_fall", linear_fall, "your rates fall linearly; each is the one above divided by the factor."),
            Twin("trainable_alone", trainable_alone, "frozen parameters are left out: after the thaw the optimizer does not know them."),
            Twin("no_norms", no_norms, "vectors are left out: biases and norms train too."),
            Twin("ignores_split", ignores_split, "weight decay falls on everything: use the split that is given."),
        ),
    ),
    Suite(
        technique="discriminative",
        part="layer_groups",
        subjects={"layer_groups": layer_groups},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((3, 2),),
        laws=(
            Law("norms_go_with_the_layer_before", "What holds no matrix belongs to the layer before it; the head is last.", norms_go_with_the_layer_before, EXACT),
            Law("the_longest_chain_is_opened", "A stem, the blocks of the longest chain one by one and whole, a head.", the_longest_chain_is_opened, EXACT),
            Law("wrappers_are_seen_through", "A module around the net changes nothing.", wrappers_are_seen_through, EXACT),
            Law("a_tied_weight_stands_in_its_first_layer", "A weight that stands twice belongs to the lower layer.", a_tied_weight_stands_in_its_first_layer, EXACT),
        ),
        twins=(
            Twin("children", children, "you take the children of the model, so an encoder is one layer."),
            Twin("leaves", leaves, "you take every leaf: a norm is no layer, and a block is one."),
            Twin("head_first", head_first, "your order is from the head down; the head is to be last."),
            Twin("modules_alone", modules_alone, "parameters that stand on the model itself belong to no group."),
            Twin("tied_to_the_last", tied_to_the_last, "a tied weight stands in the last layer that uses it, at the head's rate."),
        ),
    ),
)  # fmt: skip
