"""Laws of where dropout goes: after large hidden layers and their activation, whole maps in maps, never after the last."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.dropout_placement import insert_dropout

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
Inserted = tuple[nn.Sequential, tuple[str, ...]]


def chain(draw: Draw, *widths: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        parts += [nn.Linear(fan_in, fan_out), nn.Sigmoid()]
    return nn.Sequential(*parts[:-1]).to(draw.dtype).eval()


def flags(model: nn.Module) -> Tensor:
    """For each part but the containers: 0, or which dropout it is."""
    leaves = [part for part in model.modules() if next(part.children(), None) is None]
    return torch.tensor(
        [1.0 + DROPOUTS.index(type(part)) if isinstance(part, DROPOUTS) else 0.0 for part in leaves]
    )


def evaluation_is_unchanged(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["min_width"]
    model, x = chain(draw, 3, size, size, size), draw.normal(4, 3)
    yield build(draw)(model)[0].eval()(x), model(x)


def after_large_hidden_layers(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["min_width"]
    model = chain(draw, 3, size, size - 1, size + 1, size)  # the last is large, and the last
    new, places = build(draw)(model)
    want = torch.tensor([0.0, 0, 1, 0, 0, 0, 0, 1, 0])
    yield flags(new), want
    yield torch.tensor(len(places)), torch.tensor(2)


def after_the_activation(build: Build, draw: Draw) -> Iterator[Pair]:
    """A sigmoid is nowhere 0: what the next layer sees is 0 where the dropout came after it."""
    size = draw.arguments["min_width"]
    new, _ = build(draw)(chain(draw, 3, size, 2))
    seen: list[Tensor] = []
    last = [part for part in new.modules() if isinstance(part, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    new.train()(draw.normal(2000, 3))
    kept = (seen[0] != 0).double().mean()
    yield kept, torch.tensor(1 - draw.arguments["p"], dtype=torch.float64)


def whole_maps(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["min_width"]
    for dims, conv in enumerate((nn.Conv1d, nn.Conv2d, nn.Conv3d), start=1):
        model = nn.Sequential(conv(1, size, 1), nn.ReLU(), conv(size, 2, 1)).to(draw.dtype)
        yield flags(build(draw)(model)[0]), torch.tensor([0.0, 0, 1 + dims, 0])


def twice_is_once(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["min_width"]
    once, _ = build(draw)(chain(draw, 3, size, 2))
    again, places = build(draw)(once)
    yield flags(again), flags(once)
    yield torch.tensor(len(places)), torch.tensor(0)


def model_is_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    model = chain(draw, 3, draw.arguments["min_width"], 2)
    before = flags(model)
    build(draw)(model)
    yield flags(model), before


def inserting(
    *,
    large: Callable[[nn.Module, int], bool] = lambda layer, size: layer.weight.shape[0] >= size,
    last: bool = False,
    before: bool = False,
    maps: bool = True,
    again: bool = False,
    copy: bool = True,
    noise: float = 0.0,
) -> Callable[..., Inserted]:
    """Insert into a flat chain, with something wrong."""

    def insert(model: nn.Sequential, p: float, min_width: int) -> Inserted:
        parts = list(deepcopy(model))
        layers = [i for i, part in enumerate(parts) if hasattr(part, "weight")]
        places: list[str] = []
        for i in reversed(layers if last else layers[:-1]):
            after = i + 1 if before or i == len(parts) - 1 else i + 2
            taken = after < len(parts) and isinstance(parts[after], DROPOUTS)
            if large(parts[i], min_width) and (again or not taken):
                parts.insert(after, DROPOUTS[parts[i].weight.dim() - 2 if maps else 0](p))
                places.append(str(after - 1))
        if noise:
            parts[0].weight.data.mul_(1 + noise)
        new = nn.Sequential(*parts)
        if not copy:
            model._modules = new._modules
        return new, tuple(places)

    return insert


SUITES = (
    Suite(
        technique="dropout_placement",
        part="insert_dropout",
        subjects={"insert_dropout": insert_dropout},
        interface=Interface(kind="function", inputs=("model",), arguments=("p", "min_width"), defaults={"p": 0.5}),
        cases=({"p": 0.5, "min_width": 8}, {"p": 0.25, "min_width": 16}),
        shapes=lambda a: ((1,),),
        laws=(
            Law("evaluation_is_unchanged", "In evaluation the copy computes what the model computes.", evaluation_is_unchanged, EXACT),
            Law("after_large_hidden_layers", "After each layer of at least min_width outputs but the last, and nowhere else.", after_large_hidden_layers, EXACT),
            Law("after_the_activation", "The next layer sees zeros, in a share of p.", after_the_activation, {torch.float64: 0.02}),
            Law("whole_maps", "After a convolution whole maps are dropped.", whole_maps, EXACT),
            Law("twice_is_once", "Where there is dropout, none is put.", twice_is_once, EXACT),
            Law("model_is_untouched", "The model is left as it is.", model_is_untouched, EXACT),
        ),
        twins=(
            Twin("counts_weights", inserting(large=lambda layer, size: layer.weight.numel() >= size), "you count weights; what counts is the width."),
            Twin("after_the_last", inserting(last=True), "you drop outputs of the net."),
            Twin("before_the_activation", inserting(before=True), "you drop before the activation, which turns 0 into something else."),
            Twin("single_values", inserting(maps=False), "you drop single values of maps; their neighbors tell what they were."),
            Twin("again", inserting(again=True), "you put dropout where there is some already."),
            Twin("in_place", inserting(copy=False), "you change the model that was given."),
            Twin("scales", inserting(noise=1.0), "your copy computes something else in evaluation."),
        ),
    ),
)  # fmt: skip
