"""Laws of the bias trick: the two forms are one."""

from collections.abc import Iterator

import torch
from torch import nn

from vademecum.nn.linear.bias_trick import augment_bias, fold_bias, unfold_bias

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

OUTPUTS = 4


def layer(draw: Draw, inputs: int, *, bias: bool = True) -> nn.Linear:
    made = nn.Linear(inputs, OUTPUTS, bias=bias).to(draw.dtype)
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            tensor.copy_(draw.normal(*tensor.shape, name=name))
    return made


def one_behind(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    got = build(draw)(x)
    yield got[..., :-1], x
    yield got[..., -1], torch.ones(x.shape[:-1])


def one_in_front(x):
    return torch.cat([torch.ones_like(x[..., :1]), x], -1)


def zero_behind(x):
    return torch.cat([x, torch.zeros_like(x[..., :1])], -1)


def folded(build: Build, draw: Draw) -> Iterator[Pair]:
    x, linear = draw.normal(), layer(draw, draw.shape[-1])
    w, b = linear.weight.detach().double(), linear.bias.detach().double()
    rows = [
        [b[k] + sum(w[k, f] * row[f] for f in range(len(row))) for k in range(OUTPUTS)] for row in x.double()
    ]
    yield build(draw)(linear)(augment_bias(x)).detach(), torch.tensor(rows, dtype=torch.float64)


def last_column_learns_as_the_bias(build: Build, draw: Draw) -> Iterator[Pair]:
    x, linear = draw.normal(), layer(draw, draw.shape[-1])
    upstream = draw.normal(len(x), OUTPUTS, name="upstream")
    one = build(draw)(linear)
    (joined,) = torch.autograd.grad((one(augment_bias(x)) * upstream).sum(), one.weight)
    apart = torch.autograd.grad((linear(x) * upstream).sum(), [linear.weight, linear.bias])
    yield joined[:, :-1], apart[0]
    yield joined[:, -1], apart[1]


def own_weights(build: Build, draw: Draw) -> Iterator[Pair]:
    """The layer that was given does not change with the new one."""
    linear = layer(draw, draw.shape[-1] + 1, bias=draw.arguments["bias"])
    before = linear.weight.detach().clone()
    new = build(draw)(linear)
    with torch.no_grad():
        new.weight.add_(1)
    yield linear.weight.detach(), before


def in_front(linear):
    new = fold_bias(linear)
    new.weight.data = new.weight.data.roll(1, dims=1)
    return new


def bias_forgotten(linear):
    new = fold_bias(linear)
    new.weight.data[:, -1] = 0
    return new


def column_frozen(linear):
    new = fold_bias(linear)
    new.weight.register_hook(lambda g: g * (torch.arange(g.shape[1]) < g.shape[1] - 1))
    return new


def unfolded(build: Build, draw: Draw) -> Iterator[Pair]:
    x, linear = draw.normal(), layer(draw, draw.shape[-1] + 1, bias=False)
    yield build(draw)(linear)(x), linear(augment_bias(x))


def undoes(build: Build, draw: Draw) -> Iterator[Pair]:
    linear = layer(draw, draw.shape[-1])
    again = build(draw)(fold_bias(linear))
    yield again.weight, linear.weight
    yield again.bias, linear.bias


def first_column(linear):
    weight = linear.weight.detach()
    new = nn.Linear(weight.shape[1] - 1, len(weight)).to(weight.dtype)
    new.weight, new.bias = nn.Parameter(weight[:, 1:].clone()), nn.Parameter(weight[:, 0].clone())
    return new


def negative_bias(linear):
    new = unfold_bias(linear)
    new.bias.data.neg_()
    return new


def view_of_it(linear):
    new = unfold_bias(linear)
    new.weight = nn.Parameter(linear.weight.detach()[:, :-1])
    return new


def view_of_the_weight(linear):
    """Writes into the layer it was given."""
    linear.weight.data = fold_bias(linear).weight.data
    new = nn.Linear(linear.in_features + 1, linear.out_features, bias=False)
    new.weight = nn.Parameter(linear.weight.data)
    linear.weight.data = linear.weight.data[:, :-1]
    return new


def suite(part: str, subject, laws, twins, *, bias: bool | None = None) -> Suite:
    return Suite(
        technique="bias_trick",
        part=part,
        subjects={part: subject},
        interface=Interface(kind="function", inputs=("x",) if bias is None else ("linear",)),
        cases=({"bias": bias},),
        shapes=lambda a: ((2, 1), (5, 3)),
        laws=laws,
        twins=twins,
    )


SUITES = (
    suite("augment_bias", augment_bias,
        (Law("one_behind", "The inputs, and a one behind each.", one_behind, EXACT),),
        (
            Twin("one_in_front", one_in_front, "your one stands in front; here it stands behind."),
            Twin("zero_behind", zero_behind, "a zero gives the bias no say."),
        ),
    ),
    suite("fold_bias", fold_bias,
        (
            Law("folded", r"$$ [W \; b] [x; 1] = W x + b $$", folded),
            Law("last_column_learns_as_the_bias", "The gradient of the last column is that of the bias.", last_column_learns_as_the_bias),
            Law("own_weights", "The layer that was given stays as it was.", own_weights, EXACT),
        ),
        (
            Twin("in_front", in_front, "your bias is the first column; the one stands last."),
            Twin("bias_forgotten", bias_forgotten, "the bias is lost."),
            Twin("column_frozen", column_frozen, "the bias's column does not learn."),
            Twin("view_of_the_weight", view_of_the_weight, "the new layer and the old one share their weights."),
        ),
        bias=True,
    ),
    suite("unfold_bias", unfold_bias,
        (
            Law("unfolded", r"$$ W x + b = [W \; b] [x; 1] $$", unfolded),
            Law("undoes", "It undoes fold_bias.", undoes, EXACT),
            Law("own_weights", "The layer that was given stays as it was.", own_weights, EXACT),
        ),
        (
            Twin("first_column", first_column, "you take the first column for the bias; it is the last."),
            Twin("negative_bias", negative_bias, "the sign of the bias is turned."),
            Twin("view_of_it", view_of_it, "the new layer and the old one share their weights."),
        ),
        bias=False,
    ),
)  # fmt: skip
