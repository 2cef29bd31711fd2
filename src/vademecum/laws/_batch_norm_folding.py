"""Laws of folding batch normalization into the layer before it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_linear_bn_eval

from vademecum.nn.norm.batch_norm import fold_batch_norm, folded

from ._batch_norm_statistics import Norms, randomized, state
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def folds(
    make: Callable[[], tuple[nn.Module, Norms]], *shape: int
) -> Callable[[Build, Draw], Iterator[Pair]]:
    """The law that the folded layer computes what the pair computes in evaluation."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        layer, norm = (randomized(part, draw).eval() for part in make())
        x = draw.normal(*shape)
        yield build(draw)(layer, norm)(x), norm(layer(x))

    return check


def leaves_the_pair(build: Build, draw: Draw) -> Iterator[Pair]:
    pair = [randomized(part, draw) for part in (nn.Linear(2, 2), nn.BatchNorm1d(2))]
    before = [tensor for part in pair for tensor in state(part)]
    build(draw)(*pair)
    yield from zip([tensor for part in pair for tensor in state(part)], before, strict=True)


def folding(*, old_bias: bool = True, eps: bool = True, shift: bool = True, root: bool = True,
            groups: bool = True, transposes: bool = True, copies: bool = True, any_pair: bool = True,
            by_output: bool = True):  # fmt: skip
    """Write a function that folds, right or with one thing wrong."""

    @torch.no_grad()
    def fold(layer, norm):
        if not any_pair:
            assert layer.bias is not None
            assert norm.affine
        variance = norm.running_var + (norm.eps if eps else 0)
        gain = (norm.weight if norm.affine else 1) / (variance.sqrt() if root else variance)
        bias = (norm.bias if norm.affine and shift else 0) - gain * norm.running_mean
        if layer.bias is not None and old_bias:
            bias = bias + gain * layer.bias
        weight = layer.weight.clone()
        if transposes and "Transpose" in type(layer).__name__:
            per_group = gain.chunk(layer.groups) if groups else [gain[: weight.shape[1]]] * layer.groups
            for rows, scale in zip(weight.chunk(layer.groups), per_group, strict=True):
                rows *= scale.reshape(1, -1, *[1] * (weight.dim() - 2))
        else:
            weight *= gain.reshape(*((-1, 1) if by_output else (1, -1)), *[1] * (weight.dim() - 2))
        new = deepcopy(layer) if copies else layer
        new.weight, new.bias = nn.Parameter(weight), nn.Parameter(bias)
        return new

    return fold


FOLD = Suite(
    technique="batch_norm",
    part="fold_batch_norm",
    subjects={"fold_batch_norm": fold_batch_norm},
    interface=Interface(kind="function", inputs=("layer", "norm")),
    cases=({},),
    shapes=lambda a: ((2, 2),),
    laws=(
        Law("linear", r"$$ W' = \frac{\gamma}{\sqrt{s + \epsilon}} W, \quad b' = \gamma \frac{b - r}{\sqrt{s + \epsilon}} + \beta $$",
            folds(lambda: (nn.Linear(2, 2), nn.BatchNorm1d(2, eps=0.1)), 3, 2)),
        Law("no_bias", "A layer without a bias gets one.",
            folds(lambda: (nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3)), 3, 2)),
        Law("no_gain", "A norm without gain and bias folds as well.",
            folds(lambda: (nn.Linear(2, 3), nn.BatchNorm1d(3, affine=False)), 3, 2)),
        Law("conv1d", "In one dimension.", folds(lambda: (nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3)), 2, 2, 4)),
        Law("conv2d", "Strided, padded, in groups.",
            folds(lambda: (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(6)), 2, 4, 4, 3)),
        Law("conv3d", "In three dimensions.",
            folds(lambda: (nn.Conv3d(1, 2, 2, dilation=2), nn.BatchNorm3d(2)), 1, 1, 3, 3, 4)),
        Law("transposed", "A transposed convolution holds its output channels in the second dimension.",
            folds(lambda: (nn.ConvTranspose2d(3, 3, 2), nn.BatchNorm2d(3)), 2, 3, 2, 2)),
        Law("transposed_in_groups", "Each group of a transposed convolution has output channels of its own.",
            folds(lambda: (nn.ConvTranspose1d(4, 4, 2, groups=2), nn.BatchNorm1d(4)), 2, 4, 3)),
        Law("leaves_the_pair", "Layer and norm stay as they are.", leaves_the_pair, EXACT),
    ),
    twins=(
        Twin("forgets_the_old_bias", folding(old_bias=False), "you drop the layer's own bias; it is scaled too."),
        Twin("forgets_eps", folding(eps=False), "you leave out the norm's epsilon."),
        Twin("forgets_the_shift", folding(shift=False), "you leave out the norm's bias."),
        Twin("forgets_the_root", folding(root=False), "you divide by the variance; divide by its root."),
        Twin("by_input", folding(by_output=False), "you scale the input channels; the norm scales the output."),
        Twin("transposed_as_ordinary", folding(transposes=False),
             "you scale the first dimension of a transposed convolution's weight; its outputs are in the second."),
        Twin("forgets_groups", folding(groups=False),
             "you give each group of a transposed convolution the first group's scales."),
        Twin("in_place", folding(copies=False), "you change the layer that you were given."),
        Twin("wants_all", folding(any_pair=False), "you fail where the layer has no bias or the norm no gain."),
    ),
)  # fmt: skip


class Wired(nn.Module):
    """A net of linear layers and norms, all of width 2, with a forward pass of its own."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.wiring = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.wiring(x, **dict(self.named_children()))


def lin() -> nn.Linear:
    return nn.Linear(2, 2)


def bn() -> nn.BatchNorm1d:
    return nn.BatchNorm1d(2)


def same_in_evaluation(*makes: Callable[[], nn.Module]) -> Callable[[Build, Draw], Iterator[Pair]]:
    """The law that the copy computes what the model computes in evaluation."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        for make in makes:
            model = randomized(make(), draw)
            x = draw.normal(3, 2)
            want = deepcopy(model).eval()(x)
            yield build(draw)(model)(x), want

    return check


def sequence() -> nn.Module:
    return nn.Sequential(lin(), bn(), nn.ReLU(), nn.Sequential(lin(), bn()))


def no_norm_is_left(build: Build, draw: Draw) -> Iterator[Pair]:
    copy = build(draw)(randomized(sequence(), draw))
    yield torch.tensor(sum(isinstance(part, Norms) for part in copy.modules())), torch.tensor(0)


def leaves_the_model(build: Build, draw: Draw) -> Iterator[Pair]:
    model = randomized(sequence(), draw).train()
    before = state(model)
    build(draw)(model)
    yield from zip(state(model), before, strict=True)
    yield torch.tensor([part.training for part in model]), torch.tensor([True] * 4)


def neighbors(model: nn.Module) -> nn.Module:
    """Fold what is defined side by side."""
    model = deepcopy(model).eval()
    places = [(path, part) for path, part in model.named_modules() if isinstance(part, nn.Linear | Norms)]
    for (path, part), (after, norm) in pairwise(places):
        if isinstance(part, nn.Linear) and isinstance(norm, Norms):
            model.set_submodule(path, fuse_linear_bn_eval(part, norm))
            model.set_submodule(after, nn.Identity())
    return model


def dropped(model: nn.Module) -> nn.Module:
    """Take the norms out and leave the layers as they are."""
    copy, model = neighbors(model), deepcopy(model).eval()
    for path, part in copy.named_modules():
        if isinstance(part, nn.Identity):
            model.set_submodule(path, part)
    return model


def in_place(model: nn.Module) -> nn.Module:
    copy = neighbors(model)
    for (_, part), (_, new) in zip(list(model.named_modules()), list(copy.named_modules())):
        if isinstance(part, nn.Linear):
            part.load_state_dict(new.state_dict())
    return copy


def unfolded(model: nn.Module) -> nn.Module:
    return deepcopy(model).eval()


FOLDED = Suite(
    technique="batch_norm",
    part="folded",
    subjects={"folded": folded},
    interface=Interface(kind="function", inputs=("model",)),
    cases=({},),
    shapes=lambda a: ((2, 2),),
    laws=(
        Law("chain", "Through nested chains, the copy computes what the model does.", same_in_evaluation(sequence)),
        Law("no_norm_is_left", "In a plain chain every norm is folded.", no_norm_is_left, EXACT),
        Law("data_flow", "What feeds a norm is the layer whose output it gets, wherever it is defined.",
            same_in_evaluation(
                lambda: Wired(lambda x, a, b, p, q: q(b(p(a(x)))), a=lin(), q=bn(), b=lin(), p=bn()),
                lambda: Wired(lambda x, a, p, b, q: x + p(a(x).relu()) + q(b(x)), a=lin(), p=bn(), b=lin(), q=bn()),
            )),
        Law("read_elsewhere", "A layer whose output somebody else reads stays.",
            same_in_evaluation(
                lambda: Wired(lambda x, a, p, b, q: q(b(p(h := a(x)))) + h, a=lin(), p=bn(), b=lin(), q=bn()))),
        Law("used_twice", "A layer or a norm in use twice stays.",
            same_in_evaluation(
                lambda: Wired(lambda x, a, p, b, q: q(b(p(a(a(x))))), a=lin(), p=bn(), b=lin(), q=bn()),
                lambda: Wired(lambda x, a, p, b, q: q(b(p(p(a(x))))), a=lin(), p=bn(), b=lin(), q=bn()),
                lambda: Wired(lambda x, a, p, b, q: q(b(p(a(x)))) @ a.weight, a=lin(), p=bn(), b=lin(), q=bn()),
            )),
        Law("leaves_the_model", "The model stays as it is.", leaves_the_model, EXACT),
    ),
    twins=(
        Twin("neighbors", neighbors, "you pair by the order of definition; follow the data."),
        Twin("dropped", dropped, "you take the norms out without folding them in."),
        Twin("in_place", in_place, "you change the model that you were given."),
        Twin("nothing_folded", unfolded, "you fold nothing."),
    ),
)  # fmt: skip
