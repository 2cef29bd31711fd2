"""Laws of maxout, of linear functions and of convolutions."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.activation.maxout import Maxout, Maxout2d

from ._suite import EXACT, IDENTITY, Build, Draw, Interface, Law, Pair, Suite, Twin


def _filled(build: Build, draw: Draw, **changed: object):
    layer = build(draw, **changed)
    with torch.no_grad():
        for name in ("weight", "bias"):
            layer[name].copy_(draw.normal(*layer[name].shape, name=name))
    return layer


def _linear_by_the_paper(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """h_i(x) = max_j x^T W_ij + b_ij, one number at a time."""
    rows = [
        [max(float(w @ row + b) for w, b in zip(pieces, offsets)) for pieces, offsets in zip(weight, bias)]
        for row in x.flatten(0, -2)
    ]
    return torch.tensor(rows, dtype=x.dtype).reshape(*x.shape[:-1], weight.shape[0])


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    x = draw.normal()
    yield (
        layer(x),
        _linear_by_the_paper(x.double(), layer["weight"].detach().double(), layer["bias"].detach().double()),
    )


def one_piece_is_linear(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw, pieces=1)
    x = draw.normal()
    yield layer(x), F.linear(x, layer["weight"].flatten(0, 1), layer["bias"].flatten())


def zero_piece_is_relu(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw, pieces=2)
    with torch.no_grad():
        layer["weight"][:, 1].zero_()
        layer["bias"][:, 1].zero_()
    x = draw.normal()
    yield layer(x), F.linear(x, layer["weight"][:, 0], layer["bias"][:, 0]).relu()


def opposite_pieces_are_the_absolute_value(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw, pieces=2)
    with torch.no_grad():
        layer["weight"][:, 1] = -layer["weight"][:, 0]
        layer["bias"][:, 1] = -layer["bias"][:, 0]
    x = draw.normal()
    yield layer(x), F.linear(x, layer["weight"][:, 0], layer["bias"][:, 0]).abs()


def midpoint_convexity(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    x, y = draw.normal(std=3.0), draw.normal(std=3.0, name="other")
    excess = layer((x + y) / 2) - (layer(x) + layer(y)) / 2
    yield excess.clamp(min=0), torch.zeros_like(excess)


def gradient_only_to_the_winner(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    x = draw.normal(1, draw.arguments["in_features"]).requires_grad_()
    weight, bias = layer["weight"], layer["bias"]
    got = torch.autograd.grad(layer(x).sum(), [weight, bias, x])
    won = F.one_hot((weight.detach() @ x.detach()[0] + bias.detach()).argmax(-1), weight.shape[1]).to(
        x
    )  # (out, pieces)
    yield from zip(
        got,
        (won[:, :, None] * x.detach()[0], won, (won[:, :, None] * weight.detach()).sum((0, 1))[None]),
        strict=True,
    )


def a_tie_has_one_winner(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    with torch.no_grad():
        layer["weight"].zero_()
        layer["bias"].zero_()
    (got,) = torch.autograd.grad(layer(draw.normal(1, draw.arguments["in_features"])).sum(), [layer["bias"]])
    yield got.amax(1), torch.ones_like(got[:, 0])


def parameter_count(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw)
    a = layer.arguments
    got = sum(p.numel() for p in layer.object.parameters())
    yield torch.tensor(got), torch.tensor(a["pieces"] * a["out_features"] * (a["in_features"] + 1))


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, draw.arguments["in_features"], dtype=draw.dtype)
    yield build(draw)(x), torch.zeros(0, draw.arguments["out_features"], dtype=draw.dtype)


class Variant(nn.Module):
    """Maxout with one thing wrong."""

    def __init__(self, in_features: int, out_features: int, pieces: int = 2) -> None:
        super().__init__()
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        self.weight = nn.Parameter(torch.randn(out_features, pieces, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features, self.biases))

    @property
    def biases(self) -> int:
        return self.pieces

    def offsets(self) -> Tensor:
        return self.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.join(torch.einsum("...f,gkf->...gk", x, self.weight) + self.offsets())

    def join(self, lines: Tensor) -> Tensor:
        return lines.max(-1).values


class Smallest(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.min(-1).values


class Average(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.mean(-1)


class Largest(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.gather(-1, lines.abs().argmax(-1, keepdim=True))[..., 0]


class Smooth(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.logsumexp(-1)


class SharedGradient(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.amax(-1)


class OverUnits(Variant):
    def join(self, lines: Tensor) -> Tensor:
        mixed = lines.transpose(-1, -2).reshape(*lines.shape[:-2], self.out_features, self.pieces)
        return mixed.max(-1).values


class SharedBias(Variant):
    def offsets(self) -> Tensor:
        return self.bias[:, :1]


class OneBiasParameter(Variant):
    def __init__(self, in_features: int, out_features: int, pieces: int = 2) -> None:
        super().__init__(in_features, out_features, pieces)
        self.extra = nn.Parameter(torch.zeros(out_features))


class Rectified(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.max(-1).values.relu()


class RefusesEmpty(Variant):
    def join(self, lines: Tensor) -> Tensor:
        return lines.max(-1).values * (len(lines) / len(lines))


def _maps_by_the_paper(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """The largest of the pieces' cross-correlations, one number at a time."""
    x = F.pad(x, [padding] * 4)
    height, width = weight.shape[-2:]
    rows, columns = ((x.shape[2 + d] - weight.shape[3 + d]) // stride + 1 for d in (0, 1))
    y = x.new_empty(len(x), len(weight), rows, columns)
    for n, i, r, c in product(*map(range, y.shape)):
        patch = x[n, :, r * stride : r * stride + height, c * stride : c * stride + width]
        y[n, i, r, c] = max(float((w * patch).sum() + b) for w, b in zip(weight[i], bias[i]))
    return y


def maps_equation(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    x = draw.normal()
    a = layer.arguments
    weight, bias = layer["weight"].detach().double(), layer["bias"].detach().double()
    yield layer(x), _maps_by_the_paper(x.double(), weight, bias, a["stride"], a["padding"])


def one_piece_is_a_convolution(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw, pieces=1)
    x = draw.normal()
    a = layer.arguments
    yield (
        layer(x),
        F.conv2d(x, layer["weight"].flatten(0, 1), layer["bias"].flatten(), a["stride"], a["padding"]),
    )


def places_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    """A kernel that sees one number at each place is maxout of the channels there."""
    layer = _filled(build, draw, kernel_size=1, stride=1, padding=0)
    x = draw.normal()
    by_place = _linear_by_the_paper(
        x.movedim(1, -1).double(),
        layer["weight"].detach().double().flatten(2),
        layer["bias"].detach().double(),
    )
    yield layer(x), by_place.movedim(-1, 1)


def winner_at_each_place(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = _filled(build, draw)
    x = draw.normal()
    y = layer(x)
    (got,) = torch.autograd.grad(y.sum(), [layer["bias"]])
    yield got.sum(1), torch.full_like(got[:, 0], y.numel() / y.shape[1])  # each place has one winner
    yield got, got.round()


class MapVariant(nn.Module):
    """Convolutional maxout with one thing wrong."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        pieces: int = 2,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, pieces, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels, pieces))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        maps = F.conv2d(x, self.weight.flatten(0, 1), self.bias.flatten(), self.stride, self.padding)
        return self.join(maps.unflatten(1, self.bias.shape))

    def join(self, maps: Tensor) -> Tensor:
        return maps.max(2).values


class SmallestMap(MapVariant):
    def join(self, maps: Tensor) -> Tensor:
        return maps.min(2).values


class AverageMap(MapVariant):
    def join(self, maps: Tensor) -> Tensor:
        return maps.mean(2)


class MixedMaps(MapVariant):
    def join(self, maps: Tensor) -> Tensor:
        return maps.transpose(1, 2).reshape(maps.shape).max(2).values


class OneWinner(MapVariant):
    def join(self, maps: Tensor) -> Tensor:
        best = maps.sum((3, 4), keepdim=True).argmax(2, keepdim=True)
        return maps.gather(2, best.expand(-1, -1, 1, *maps.shape[3:]))[:, :, 0]


class TieShared(MapVariant):
    def join(self, maps: Tensor) -> Tensor:
        return maps.max(2).values * 0.5 + maps.max(2).values.detach() * 0.5


class FlippedKernel(MapVariant):
    def forward(self, x: Tensor) -> Tensor:
        maps = F.conv2d(
            x, self.weight.flip(-1, -2).flatten(0, 1), self.bias.flatten(), self.stride, self.padding
        )
        return self.join(maps.unflatten(1, self.bias.shape))


SUITES = (
    Suite(
        technique="maxout",
        part="Maxout",
        subjects={"Maxout": Maxout},
        interface=Interface(
            kind="module",
            arguments=("in_features", "out_features", "pieces"),
            parameters={
                "weight": lambda a: (a["out_features"], a["pieces"], a["in_features"]),
                "bias": lambda a: (a["out_features"], a["pieces"]),
            },
            aliases={"pieces": ("k", "num_pieces", "pool_size"), "in_features": ("d", "input_size"), "out_features": ("m", "output_size")},
        ),
        cases=(
            {"in_features": 2, "out_features": 1, "pieces": 2},
            {"in_features": 3, "out_features": 2, "pieces": 3},
            {"in_features": 4, "out_features": 3, "pieces": 2},
        ),
        shapes=lambda a: ((1, a["in_features"]), (2, 3, a["in_features"])),
        laws=(
            Law("by_the_paper", r"$$ h_i(x) = \max_j (W_{ij} \cdot x + b_{ij}) $$", equation),
            Law("one_piece_is_linear", "With one piece it is a linear layer.", one_piece_is_linear),
            Law("zero_piece_is_relu", "With a second piece of zeros it is the rectifier of the first.", zero_piece_is_relu),
            Law("opposite_pieces_are_the_absolute_value", "With two opposite pieces it is the absolute value.", opposite_pieces_are_the_absolute_value),
            Law("midpoint_convexity", r"$$ h(\tfrac{x + y}{2}) \le \tfrac{h(x) + h(y)}{2} $$", midpoint_convexity),
            Law("gradient_only_to_the_winner", "Only the piece that is largest gets a gradient.", gradient_only_to_the_winner),
            Law("a_tie_has_one_winner", "Of equal pieces one gets the whole gradient.", a_tie_has_one_winner, EXACT),
            Law("parameter_count", r"$$ k\,G\,(F + 1) $$", parameter_count, EXACT),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
        ),
        twins=(
            Twin("smallest", Smallest, "you take the smallest piece."),
            Twin("average", Average, "you average the pieces: that is one linear layer."),
            Twin("largest_magnitude", Largest, "you take the piece that is largest in magnitude; the sign counts."),
            Twin("smooth", Smooth, "you take the log of the sum of exponentials, which is above the maximum."),
            Twin("shared_gradient", SharedGradient, "you share the gradient among equal pieces (amax); they never part then."),
            Twin("over_units", OverUnits, "your maximum runs over other units' pieces: the axes are mixed up."),
            Twin("shared_bias", SharedBias, "your pieces share one bias."),
            Twin("further_parameters", OneBiasParameter, "your layer has parameters that the equation has not."),
            Twin("rectified", Rectified, "you rectify the maximum; maxout may be negative."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
        ),
    ),
    Suite(
        technique="maxout",
        part="Maxout2d",
        subjects={"Maxout2d": Maxout2d},
        interface=Interface(
            kind="module",
            arguments=("in_channels", "out_channels", "kernel_size", "pieces", "stride", "padding"),
            parameters={
                "weight": lambda a: (a["out_channels"], a["pieces"], a["in_channels"], a["kernel_size"], a["kernel_size"]),
                "bias": lambda a: (a["out_channels"], a["pieces"]),
            },
            defaults={"stride": 1, "padding": 0},
        ),
        cases=(
            {"in_channels": 1, "out_channels": 2, "kernel_size": 2, "pieces": 3, "stride": 1, "padding": 0},
            {"in_channels": 2, "out_channels": 2, "kernel_size": 3, "pieces": 2, "stride": 2, "padding": 1},
        ),
        shapes=lambda a: ((2, a["in_channels"], 3, 4),),
        laws=(
            Law("by_the_paper", r"$$ h_i(x) = \max_j (W_{ij} * x + b_{ij}) $$ at each place.", maps_equation),
            Law("one_piece_is_a_convolution", "With one piece it is a convolution.", one_piece_is_a_convolution),
            Law("kernel_of_one_is_maxout", "With a kernel of one it is maxout of the channels at each place.", places_do_not_mix),
            Law("winner_at_each_place", "At each place one piece gets the whole gradient.", winner_at_each_place, {torch.float64: IDENTITY[torch.float64]}),
        ),
        twins=(
            Twin("smallest", SmallestMap, "you take the smallest map."),
            Twin("average", AverageMap, "you average the maps."),
            Twin("mixed_maps", MixedMaps, "your maximum runs over other units' maps: the axes are mixed up."),
            Twin("one_winner", OneWinner, "you choose one map for the whole image; each place has its own winner."),
            Twin("half_gradient", TieShared, "your winner gets part of the gradient only."),
            Twin("flipped_kernel", FlippedKernel, "you flip the kernel."),
        ),
    ),
)  # fmt: skip
