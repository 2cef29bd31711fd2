"""Laws of the global pooling head: the average in loops, and the counts."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from vademecum.nn.conv.global_pooling_head import fc_share, replace_head_with_gap

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def net(draw: Draw, *, hidden: bool) -> nn.Sequential:
    """One convolution, then one or three linear layers."""
    size = draw.shape[-1]
    head = [nn.Linear(3 * size * size, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 5)]
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten(),
        *(head if hidden else [nn.Linear(3 * size * size, 5)]),
    ).to(draw.dtype)  # fmt: skip


def averages(model: nn.Module, x: Tensor) -> Tensor:
    """Each map's mean, value by value: (B, 3)."""
    maps = model[1](model[0](x)).detach().double()
    rows = [[sum(values := m.flatten().tolist()) / len(values) for m in example] for example in maps]
    return torch.tensor(rows, dtype=torch.float64)


def new_layer(model: nn.Module) -> nn.Linear:
    return [part for part in model.modules() if isinstance(part, nn.Linear)][-1]


def of_the_average(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    for hidden in (False, True):
        model = net(draw, hidden=hidden)
        smaller = build(draw)(model, x)
        layer = new_layer(smaller)
        w, b = layer.weight.detach().double(), layer.bias.detach().double()
        means = averages(model, x)
        want = [[b[k] + sum(w[k, c] * row[c] for c in range(3)) for k in range(5)] for row in means]
        yield smaller(x).detach(), torch.tensor(want, dtype=torch.float64)


def any_size(build: Build, draw: Draw) -> Iterator[Pair]:
    """A map that repeats itself in a larger image has the same averages."""
    x = draw.normal()
    model = net(draw, hidden=True)
    model[0] = nn.Conv2d(2, 3, 1).to(draw.dtype)
    smaller = build(draw)(model, x)
    yield smaller(x.repeat(1, 1, 2, 3)), smaller(x)


def fewer_parameters(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    for hidden in (False, True):
        smaller = build(draw)(net(draw, hidden=hidden), x)
        count = sum(p.numel() for p in smaller.parameters())
        yield torch.tensor(count), torch.tensor(3 * 2 * 9 + 3 + 3 * 5 + 5)


def the_rest_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    model = net(draw, hidden=True)
    before = deepcopy(model)
    smaller = build(draw)(model, x)
    yield smaller[0].weight, model[0].weight
    yield model(x), before(x)


def largest_instead(model, x):
    smaller = replace_head_with_gap(model, x)
    return _with(smaller, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d(1))


def _with(model, old, new):
    for name, part in list(model.named_modules()):
        if isinstance(part, old):
            model.set_submodule(name, new)
    return model


class InterleavedMaps(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, 3)).mean(1)


def interleaved(model, x):
    smaller = replace_head_with_gap(model, x)
    _with(smaller, nn.Unflatten, nn.Identity())
    _with(smaller, nn.AdaptiveAvgPool1d, InterleavedMaps())
    return smaller


def head_kept(model, x):
    return deepcopy(model)


def in_place(model, x):
    smaller = replace_head_with_gap(model, x)
    for i in range(len(model)):
        model[i] = smaller[i]
    return smaller


def fixed_size(model, x):
    smaller = replace_head_with_gap(model, x)
    return _with(smaller, nn.Unflatten, nn.Unflatten(1, (3, x.shape[-1] ** 2)))


def starts_again(model, x):
    smaller = replace_head_with_gap(model, x)
    smaller[0].reset_parameters()
    return smaller


def linear_parameters(build: Build, draw: Draw) -> Iterator[Pair]:
    for hidden in (False, True):
        model = net(draw, hidden=hidden)
        size = draw.shape[-1]
        widths = (3 * size * size, 7, 6, 5) if hidden else (3 * size * size, 5)
        linear = sum(a * b + b for a, b in pairwise(widths))
        yield number(build(draw)(model)), number(linear / (linear + 3 * 2 * 9 + 3))


def shared_counts_once(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = nn.Linear(3, 3)
    yield number(build(draw)(nn.Sequential(nn.Conv2d(1, 3, 2), layer, nn.ReLU(), layer))), number(12 / 27)
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    yield number(build(draw)(nn.Sequential(nn.Conv2d(1, 3, 2), first, second))), number(15 / 30)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def weights_alone(model):
    total = sum(p.numel() for p in model.parameters())
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear)) / total


def to_the_rest(model):
    share = fc_share(model)
    return share / (1 - share)


def counted_twice(model):
    modules = [m for _, m in model.named_modules(remove_duplicate=False)]
    counts = [sum(p.numel() for p in m.parameters(recurse=False)) for m in modules]
    linear = [n for m, n in zip(modules, counts) if isinstance(m, nn.Linear)]
    return sum(linear) / sum(counts)


SUITES = (
    Suite(
        technique="global_pooling_head",
        part="replace_head_with_gap",
        subjects={"replace_head_with_gap": replace_head_with_gap},
        interface=Interface(kind="function", inputs=("model", "x")),
        cases=({},),
        shapes=lambda a: ((2, 2, 3, 3), (3, 2, 6, 6)),
        laws=(
            Law("of_the_average", r"$$ y_k = b_k + \sum_c w_{kc} \frac{1}{HW} \sum_{hw} a_{chw} $$", of_the_average),
            Law("any_size", "Images of other sizes are taken, and only averages matter.", any_size),
            Law("fewer_parameters", "The head has CK + K parameters.", fewer_parameters, EXACT),
            Law("the_rest_stays", "The layers before keep their weights, and the model given stays as it was.", the_rest_stays, EXACT),
        ),
        twins=(
            Twin("largest_instead", largest_instead, "you take the largest value of a map; the average is wanted."),
            Twin("interleaved", interleaved, "a flattened map stands channel by channel; you take every C-th value."),
            Twin("head_kept", head_kept, "the head is as it was."),
            Twin("in_place", in_place, "you change the model that was given."),
            Twin("fixed_size", fixed_size, "your head takes maps of one size only."),
            Twin("starts_again", starts_again, "the layers before the head lose their weights."),
        ),
    ),
    Suite(
        technique="global_pooling_head",
        part="fc_share",
        subjects={"fc_share": fc_share},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 2, 3, 3), (3, 2, 6, 6)),
        laws=(
            Law("linear_parameters", "Weights and biases of linear layers over all parameters.", linear_parameters, {torch.float64: 1e-12}),
            Law("shared_counts_once", "A shared parameter counts once.", shared_counts_once, {torch.float64: 1e-12}),
        ),
        twins=(
            Twin("weights_alone", weights_alone, "the biases are missing."),
            Twin("to_the_rest", to_the_rest, "you divide by the other parameters; divide by all."),
            Twin("counted_twice", counted_twice, "a shared parameter is counted once for each layer."),
        ),
    ),
)  # fmt: skip
