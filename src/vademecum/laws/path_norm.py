"""Laws of the path norm: all paths one by one, what rescaling leaves, and balanced nets."""

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from vademecum.regularize.path_norm import balance_, path_norm

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled


def net(draw: Draw, *, bias: bool = True) -> nn.Sequential:
    """Three layers on the features of the draw's shape."""
    f = draw.shape[1]
    parts = (
        nn.Linear(f, 3, bias=bias),
        nn.ReLU(),
        nn.Linear(3, 4, bias=bias),
        nn.ReLU(),
        nn.Linear(4, 2, bias=bias),
    )
    return filled(draw, nn.Sequential(*parts))


def every_path(model: nn.Sequential, p: float) -> float:
    """Sum over all choices of a unit in each layer, and over those that begin at a bias."""
    layers = [part for part in model if isinstance(part, nn.Linear)]
    matrices = [layer.weight.tolist() for layer in layers]
    result = 0.0
    for start in range(-1, len(layers)):  # -1: at an input; k: at the bias of layer k
        if start >= 0 and layers[start].bias is None:
            continue
        sizes = [layer.out_features for layer in layers[max(start, 0) :]]
        feet = range(layers[0].in_features) if start < 0 else (None,)
        for foot in feet:
            for units in product(*map(range, sizes)):
                weight, below = 1.0, foot
                for layer, unit in enumerate(units, max(start, 0)):
                    weight *= (
                        layers[layer].bias[unit].item() if below is None else matrices[layer][unit][below]
                    )
                    below = unit
                result += abs(weight) ** p
    return result ** (1 / p)


def all_paths(build: Build, draw: Draw) -> Iterator[Pair]:
    for bias in (False, True):
        model, x = net(draw, bias=bias), draw.normal()
        yield build(draw)(model, x), torch.tensor(every_path(model, draw.arguments["p"]), dtype=draw.dtype)


def rescaled(model: Any) -> Any:
    """The same function: each hidden unit's incoming weights times a factor, the outgoing ones divided by it."""
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    factors = torch.tensor([0.1, 3.0, 20.0], dtype=state["0.weight"].dtype)
    state["0.weight"] *= factors[:, None]
    state["0.bias"] *= factors
    state["2.weight"] /= factors
    return state


def rescaling_changes_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    before, outputs = build(draw)(model, x), model(x)
    model.load_state_dict(rescaled(model))
    yield build(draw)(model, x), before
    yield model(x), outputs


def as_a_matrix(layer: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A linear map of images as a matrix and a bias, column by column."""
    size = torch.zeros(shape).numel()
    nothing = layer(torch.zeros(1, *shape, dtype=dtype)).flatten()
    columns = [
        layer(torch.eye(size, dtype=dtype)[i].reshape(1, *shape)).flatten() - nothing for i in range(size)
    ]
    return torch.stack(columns, 1).detach(), nothing.detach()


def unrolled(model: nn.Sequential, shape: tuple[int, ...], p: float, dtype: torch.dtype) -> Tensor:
    """Each linear part as a matrix of its edges, whose powers are multiplied."""
    sums = torch.ones(shape, dtype=dtype)
    for part in model:
        if isinstance(part, nn.MaxPool2d | nn.Flatten):
            sums = part(sums[None])[0]
        elif not isinstance(part, nn.ReLU | nn.Dropout):
            matrix, bias = as_a_matrix(part, tuple(sums.shape), dtype)
            after = part(sums[None]).shape[1:]
            sums = (matrix.abs() ** p @ sums.flatten() + bias.abs() ** p).reshape(after)
    return sums.sum() ** (1 / p)


def convolutions_and_pooling(build: Build, draw: Draw) -> Iterator[Pair]:
    conv, last = nn.Conv2d(2, 4, 2, stride=1, groups=2), nn.Linear(3, 2)
    for middle in (nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.MaxPool2d(2)):
        back = nn.ConvTranspose2d(4, 3, 1, bias=False)
        parts = (
            conv,
            nn.ReLU(),
            middle,
            back,
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(),
            last,
        )
        model = filled(draw, nn.Sequential(*parts))
        want = unrolled(model, (2, 5, 5), draw.arguments["p"], draw.dtype)
        yield build(draw)(model, torch.zeros(1, 2, 5, 5, dtype=draw.dtype)), want


def norms_are_folded(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(4, 2, 3, 3, name="images")
    first, norm = nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)
    last, other = nn.Linear(12, 3, bias=False), nn.BatchNorm1d(3)
    model = filled(draw, nn.Sequential(first, norm, nn.ReLU(), nn.Flatten(), last, other))
    model(x)  # moves the running statistics
    model.eval()
    folded = nn.Sequential(
        fuse_conv_bn_eval(first, norm), nn.ReLU(), nn.Flatten(), fuse_linear_bn_eval(last, other)
    )
    yield build(draw)(model.train(), x), build(draw)(folded, x)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    got = torch.autograd.grad(build(draw)(model, x), list(model.parameters()))
    for parameter, slope in zip(model.parameters(), got, strict=True):
        for index in ([0] * parameter.dim(), [-1] * parameter.dim()):
            with torch.no_grad():
                at, step = parameter[tuple(index)].clone(), 1e-6
                ends = []
                for sign in (1, -1):
                    parameter[tuple(index)] = at + sign * step
                    ends.append(every_path(model, draw.arguments["p"]))
                parameter[tuple(index)] = at
            yield slope[tuple(index)], torch.tensor((ends[0] - ends[1]) / (2 * step), dtype=draw.dtype)


Measure = Callable[..., Tensor]


def pass_of(
    power: Callable[[Tensor, float], Tensor], end: Callable[[Tensor, float], Tensor] | None = None
) -> Measure:
    """One forward pass with something else for the weights, or at the end."""

    def measure(model: nn.Module, x: Tensor, *, p: float = 2.0) -> Tensor:
        tensors = {name: power(w, p) for name, w in model.named_parameters()}
        sums = functional_call(model.eval(), tensors, (torch.ones_like(x[:1]),))
        return (end or (lambda s, p: s.sum() ** (1 / p)))(sums, p)

    return measure


def plain(w: Tensor, p: float) -> Tensor:
    return w.abs() ** p


def product_of_norms(model: nn.Module, x: Tensor, *, p: float = 2.0) -> Tensor:
    weights = [w for w in model.parameters() if w.dim() > 1]
    return torch.stack([w.abs().pow(p).sum() ** (1 / p) for w in weights]).prod()


def without_bias(model: nn.Module, x: Tensor, *, p: float = 2.0) -> Tensor:
    tensors = {name: plain(w, p) if w.dim() > 1 else 0 * w for name, w in model.named_parameters()}
    return functional_call(model, tensors, (torch.ones_like(x[:1]),)).sum() ** (1 / p)


def detached(model: nn.Module, x: Tensor, *, p: float = 2.0) -> Tensor:
    return path_norm(model, x, p=p).detach() + 0 * sum(w.sum() for w in model.parameters())


def hidden(model: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Lengths of what comes into and goes out of each hidden unit."""
    layers = [part for part in model if isinstance(part, nn.Linear)]
    for first, second in pairwise(layers):
        bias = 0 if first.bias is None else first.bias.square()
        yield (first.weight.square().sum(1) + bias).sqrt(), second.weight.norm(dim=0)


def as_before(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    outputs, norm = model(x).detach(), path_norm(model, x).detach()
    build(draw)(model)
    yield model(x), outputs
    yield path_norm(model, x), norm


def equally_long(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    build(draw)(model)
    yield from hidden(model)


def two_layers_in_closed_form(build: Build, draw: Draw) -> Iterator[Pair]:
    model = filled(draw, nn.Sequential(nn.Linear(draw.shape[1], 3), nn.ReLU(), nn.Linear(3, 2, bias=False)))
    ((incoming, outgoing),) = hidden(model)
    want = (incoming * outgoing).sum().detach()
    build(draw)(model)
    yield sum(w.square().sum() for w in model.parameters()) / 2, want


def images_as_before(build: Build, draw: Draw) -> Iterator[Pair]:
    parts = (
        nn.Conv2d(2, 4, 2),
        nn.ReLU(),
        nn.Conv2d(4, 4, 2, groups=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 2),
    )
    model, x = filled(draw, nn.Sequential(*parts)), draw.normal(2, 2, 6, 6, name="images")
    outputs = model(x).detach()
    build(draw)(model)
    yield model(x), outputs
    units = (model[0].weight.flatten(1).square().sum(1) + model[0].bias.square()).sqrt()
    yield units, model[2].weight.unflatten(0, (2, 2)).transpose(1, 2).flatten(0, 1).flatten(1).norm(dim=1)
    last = (model[2].weight.flatten(1).square().sum(1) + model[2].bias.square()).sqrt()
    yield last, model[5].weight.unflatten(1, (4, 4)).transpose(0, 1).flatten(1).norm(dim=1)


def a_dead_unit_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    with torch.no_grad():
        model[2].weight[:, 0] = 0.0
    outputs = model(x).detach()
    build(draw)(model)
    yield model(x), outputs


def scaled(
    factor: Callable[[Tensor, Tensor], Tensor], *, biases: bool = True, out: bool = True
) -> Callable[[Any], None]:
    """One sweep with another factor."""

    def balance(model: Any) -> None:
        layers = [part for part in model if isinstance(part, nn.Linear)]
        with torch.no_grad():
            for _ in range(200):
                for number, (first, second) in enumerate(pairwise(layers)):
                    incoming, outgoing = list(hidden(model))[number]
                    f = factor(incoming, outgoing)
                    first.weight.mul_(f[:, None])
                    if first.bias is not None and biases:
                        first.bias.mul_(f)
                    if out:
                        second.weight.div_(f)

    return balance


def half_way(model: Any) -> None:
    balance_(model, tolerance=1e3)


SUITES = (
    Suite(
        technique="path_norm",
        part="path_norm",
        subjects={"path_norm": path_norm},
        interface=Interface(kind="function", arguments=("p",), inputs=("model", "x")),
        cases=({"p": 2.0}, {"p": 1.0}, {"p": 3.0}),
        shapes=lambda a: ((1, 2), (2, 3)),
        laws=(
            Law("all_paths", r"$$ \phi_p = \Big(\sum_{\text{paths}} \prod_e |w_e|^p\Big)^{1/p} $$", all_paths),
            Law("rescaling_changes_nothing", r"$$ \phi(c\, u_h, v_h / c) = \phi(u_h, v_h) $$", rescaling_changes_nothing),
            Law("convolutions_and_pooling", "Convolutions and averages are matrices of edges; a maximum takes the largest sum.", convolutions_and_pooling),
            Law("norms_are_folded", "A batch norm is folded into the layer before it, as torch folds it.", norms_are_folded),
            Law("gradient", "The gradient reaches every weight.", gradient, {torch.float64: 1e-6}),
        ),
        twins=(
            Twin("signed", pass_of(lambda w, p: w**p if p != 1 else w), "your weights keep their signs, so that paths cancel."),
            Twin("not_raised", pass_of(lambda w, p: w.abs()), "your weights are not raised to the power p."),
            Twin("without_root", pass_of(plain, lambda s, p: s.sum()), "your sum lacks its root."),
            Twin("largest_output", pass_of(plain, lambda s, p: s.amax() ** (1 / p)), "you take the largest output; all outputs count."),
            Twin("averages_not_raised", pass_of(plain), "the edges of an average, and of a norm, are weights too."),
            Twin("product_of_norms", product_of_norms, "a product of the layers' norms counts paths that do not meet."),
            Twin("without_bias", without_bias, "your biases are left out; here each is an edge from a constant."),
            Twin("detached", detached, "your norm has no gradient."),
        ),
    ),
    Suite(
        technique="path_norm",
        part="balance_",
        subjects={"balance_": balance_},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 2), (2, 3)),
        laws=(
            Law("as_before", "The function, and the path norm, stay.", as_before),
            Law("equally_long", r"$$ \|u_h\| = \|v_h\| $$", equally_long, {torch.float64: 1e-5}),
            Law("two_layers_in_closed_form", r"$$ \tfrac12 \sum_h (\|u_h\|^2 + \|v_h\|^2) = \sum_h \|u_h\| \|v_h\| $$", two_layers_in_closed_form),
            Law("images_as_before", "Channels are units, in groups and through flattening.", images_as_before, {torch.float64: 1e-5}),
            Law("a_dead_unit_stays", "A unit that nothing listens to is left alone.", a_dead_unit_stays),
        ),
        twins=(
            Twin("does_nothing", lambda model: None, "your net is not balanced."),
            Twin("one_sweep", half_way, "one sweep disturbs what it has balanced before; go on until nothing changes."),
            Twin("whole_layers", scaled(lambda i, o: (o.norm() / i.norm()).sqrt().expand_as(i)), "you balance layers; each unit has its own factor."),
            Twin("biases_stay", scaled(lambda i, o: (o / i).sqrt(), biases=False), "your biases are not rescaled, so the function changes."),
            Twin("one_side", scaled(lambda i, o: o / i, out=False), "your outgoing weights are not divided, so the function changes."),
            Twin("by_the_square", scaled(lambda i, o: (o / i).square().clamp(0.1, 10.0)), "your factor is the square of the ratio; it is its root."),
            Twin("kills_the_dead", scaled(lambda i, o: (o / i).sqrt()), "a unit with nothing going out gets the factor 0, and 0 / 0."),
        ),
    ),
)  # fmt: skip
