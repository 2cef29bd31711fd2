"""Laws of tangent propagation: the penalty by the whole Jacobian, and tangents of images in closed form."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.regularize.tangent_propagation import (
    KINDS,
    finite_difference_tangent,
    image_tangents,
    tangent_penalty,
)

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import gradients, perceptron


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """(B, K, F), an example at a time."""
    rows = [torch.autograd.functional.jacobian(model, one[None], create_graph=True) for one in x]
    return torch.stack([row.flatten(2)[0, :, :] if row.dim() == 3 else row[0, :, 0] for row in rows])


def by_the_jacobian(model: nn.Module, x: Tensor, tangents: Tensor) -> Tensor:
    """Half the sum over tangents and outputs of (sum_i J_ki tau_i)^2, mean over examples, in loops."""
    whole = jacobian(model, x)
    result = torch.zeros((), dtype=x.dtype)
    for n in range(len(x)):
        for tangent in tangents[n]:
            for k in range(whole.shape[1]):
                result = result + sum(whole[n, k, i] * tangent[i] for i in range(len(tangent))) ** 2
    return result / (2 * len(x))


def tangents_of(draw: Draw, count: int = 2) -> Tensor:
    return draw.normal(draw.shape[0], count, draw.shape[1], name="tangents")


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, tangents = perceptron(draw), draw.normal(), tangents_of(draw)
    yield build(draw)(model, x, tangents), by_the_jacobian(model, x, tangents)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, tangents = perceptron(draw), draw.normal(), tangents_of(draw)
    got = gradients(build(draw)(model, x, tangents), model)
    yield from zip(got, gradients(by_the_jacobian(model, x, tangents), model), strict=True)


class Radius(nn.Module):
    """Invariant to rotation."""

    def forward(self, x: Tensor) -> Tensor:
        return x.norm(dim=1, keepdim=True)


def an_invariant_net_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(4, 2, name="points")
    rotation = torch.stack([-x[:, 1], x[:, 0]], dim=1)[:, None]
    yield build(draw)(Radius(), x, rotation), torch.zeros((), dtype=draw.dtype)
    yield build(draw)(Radius(), x, x[:, None]), x.square().sum() / (2 * len(x))


def twice_the_tangent_is_four_times(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, tangents = perceptron(draw), draw.normal(), tangents_of(draw, 1)
    yield build(draw)(model, x, 2 * tangents), 4 * build(draw)(model, x, tangents)


def along_the_transformation(build: Build, draw: Draw) -> Iterator[Pair]:
    """Against the change of the output over a small rotation of the input."""
    model, step = perceptron(draw), 1e-5
    x = draw.normal()
    turned = []
    for angle in (step, -step):
        moved = x.clone()
        moved[:, 0] = math.cos(angle) * x[:, 0] - math.sin(angle) * x[:, 1]
        moved[:, 1] = math.sin(angle) * x[:, 0] + math.cos(angle) * x[:, 1]
        turned.append(model(moved))
    tangent = torch.zeros_like(x)
    tangent[:, 0], tangent[:, 1] = -x[:, 1], x[:, 0]
    want = ((turned[0] - turned[1]) / (2 * step)).square().sum() / (2 * len(x))
    yield build(draw)(model, x, tangent[:, None]), want


def buffers_stay(build: Build, draw: Draw) -> Iterator[Pair]:
    x, tangents = draw.normal(3, 2, name="x"), draw.normal(3, 1, 2, name="tangents")
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).to(draw.dtype)
    build(draw)(model, x, tangents)
    yield model[1].running_mean, torch.zeros(3, dtype=draw.dtype)


def twin(
    *,
    mean: bool = True,
    half: float = 0.5,
    power: int = 2,
    output: Any = None,
    detach: bool = False,
    add=False,
):
    """The equation with one thing wrong."""

    def penalty(model: nn.Module, x: Tensor, tangents: Tensor) -> Tensor:
        whole = jacobian(model if output is None else nn.Sequential(model, output), x)
        moved = torch.einsum("nki,nsi->nsk", whole, tangents.sum(1, keepdim=True) if add else tangents)
        result = half * moved.abs().pow(power).sum() / (len(x) if mean else 1)
        return result.detach() + 0 * sum(p.sum() for p in model.parameters()) if detach else result

    return penalty


def whole_jacobian(model: nn.Module, x: Tensor, tangents: Tensor) -> Tensor:
    return jacobian(model, x).square().sum() * tangents.square().sum() / (2 * len(x))


def moves_buffers(model: nn.Module, x: Tensor, tangents: Tensor) -> Tensor:
    model(x)
    return tangent_penalty(model, x, tangents)


SIZE, CENTER, WIDTH, HEIGHT = (25, 29), (1.5, -2.0), 2.0, 20.0
"""A round blob beside the middle of an image: (H, W), its place (x, y), its deviation and its brightness."""


def blob(sigma: float, generator: Any = None, xi: float = 0.0) -> Tensor:
    """The blob smoothed by a Gaussian, which is again a blob, seen through a map of the plane."""
    rows = []
    spread = WIDTH**2 + sigma**2
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            px, py = column - (SIZE[1] - 1) / 2, row - (SIZE[0] - 1) / 2
            qx, qy = (px, py) if generator is None else generator(px, py, -xi)  # where the pixel comes from
            r2 = (qx - CENTER[0]) ** 2 + (qy - CENTER[1]) ** 2
            rows.append(HEIGHT * WIDTH**2 / spread * math.exp(-r2 / (2 * spread)))
    return torch.tensor(rows, dtype=torch.float64).reshape(1, 1, *SIZE)


def rotated(x: float, y: float, xi: float) -> tuple[float, float]:
    return math.cos(xi) * x - math.sin(xi) * y, math.sin(xi) * x + math.cos(xi) * y


FLOWS = {
    "move_x": lambda x, y, xi: (x + xi, y),
    "move_y": lambda x, y, xi: (x, y + xi),
    "rotate": rotated,
    "scale": lambda x, y, xi: (x * math.exp(xi), y * math.exp(xi)),
    "stretch": lambda x, y, xi: (x * math.exp(xi), y * math.exp(-xi)),
    "shear": lambda x, y, xi: (x * math.cosh(xi) + y * math.sinh(xi), x * math.sinh(xi) + y * math.cosh(xi)),
}
"""Each point of the plane moved by a parameter, exactly."""


def flows_of_a_blob(build: Build, draw: Draw) -> Iterator[Pair]:
    sigma, step = draw.arguments["sigma"], 1e-4
    got = build(draw)(blob(0.0), list(FLOWS))
    for number, flow in enumerate(FLOWS.values()):
        want = (blob(sigma, flow, step) - blob(sigma, flow, -step)) / (2 * step)
        yield got[:, number] / want.abs().max(), want / want.abs().max()


def thickens_by_the_slope(build: Build, draw: Draw) -> Iterator[Pair]:
    tangents = build(draw)(draw.normal(2, 3, 6, 5, name="images"), ["move_x", "move_y", "thicken"])
    yield tangents[:, 2], tangents[:, 0].square() + tangents[:, 1].square()


def exact_on_a_ramp(build: Build, draw: Draw) -> Iterator[Pair]:
    ramp = torch.arange(21, dtype=draw.dtype).expand(1, 1, 21, 21)
    middle = build(draw)(ramp, ["move_x", "move_y"])[0, :, 0, 8:13, 8:13]
    yield middle, torch.tensor([-1.0, 0.0], dtype=draw.dtype).reshape(2, 1, 1).expand(2, 5, 5)


def a_constant_image_has_none(build: Build, draw: Draw) -> Iterator[Pair]:
    image = torch.full((1, 2, 6, 7), 3.0, dtype=draw.dtype)
    yield build(draw)(image, KINDS), torch.zeros(1, len(KINDS), 2, 6, 7, dtype=draw.dtype)


def channels_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    images = draw.normal(2, 3, 6, 5, name="images")
    got = build(draw)(images, ["rotate"])
    for channel in range(3):
        yield got[:, :, channel : channel + 1], build(draw)(images[:, channel : channel + 1], ["rotate"])


def changed(change: Any):
    def tangents(x: Tensor, kinds: Any = KINDS[:4], *, sigma: float = 0.9) -> Tensor:
        return change(x, list(kinds), sigma)

    return tangents


def unsmoothed(x: Tensor, kinds: list[str], sigma: float) -> Tensor:
    return image_tangents(x, kinds, sigma=0.3)


def zero_border(x: Tensor, kinds: list[str], sigma: float) -> Tensor:
    return image_tangents(F.pad(x, [9] * 4), kinds, sigma=sigma)[..., 9:-9, 9:-9]


def from_the_corner(x: Tensor, kinds: list[str], sigma: float) -> Tensor:
    wide = F.pad(x, [x.shape[3], 0, x.shape[2], 0], mode="replicate" if x.shape[2] > 2 else "constant")
    return image_tangents(wide, kinds, sigma=sigma)[..., x.shape[2] :, x.shape[3] :]


def over_channels(x: Tensor, kinds: list[str], sigma: float) -> Tensor:
    return image_tangents(x.mean(1, keepdim=True).expand_as(x), kinds, sigma=sigma)


def twice_as_thick(x: Tensor, kinds: list[str], sigma: float) -> Tensor:
    factors = torch.tensor([2.0 if kind == "thicken" else 1.0 for kind in kinds], dtype=x.dtype)
    return factors.reshape(1, -1, 1, 1, 1) * image_tangents(x, kinds, sigma=sigma)


def polynomial(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw)(lambda x, xi: x * (1 + xi) + 5 * xi**2, x), x


def turned_points(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(4, 2, name="points")

    def turn(x: Tensor, angle: float) -> Tensor:
        return torch.stack([torch.tensor(rotated(*row, angle), dtype=x.dtype) for row in x.tolist()])

    yield build(draw)(turn, x), torch.stack([-x[:, 1], x[:, 0]], dim=1)


SUITES = (
    Suite(
        technique="tangent_propagation",
        part="tangent_penalty",
        subjects={"tangent_penalty": tangent_penalty},
        interface=Interface(kind="function", inputs=("model", "x", "tangents")),
        cases=({},),
        shapes=lambda a: ((1, 2), (2, 3)),
        laws=(
            Law("equation", r"$$ \Omega = \frac{1}{2B} \sum_n \sum_s \sum_k \Big(\sum_i J_{nki} \tau_{nsi}\Big)^2 $$", equation),
            Law("gradient", "The gradient reaches the parameters through the derivative.", gradient),
            Law("an_invariant_net_costs_nothing", "A radius does not answer to rotation, and with slope 1 to scaling.", an_invariant_net_costs_nothing),
            Law("twice_the_tangent_is_four_times", r"$$ \Omega(2 \tau) = 4 \Omega(\tau) $$", twice_the_tangent_is_four_times),
            Law("along_the_transformation", "It is the output's change along a small rotation.", along_the_transformation, {torch.float64: 1e-7}),
            Law("buffers_stay", "Running statistics do not move.", buffers_stay, EXACT),
        ),
        twins=(
            Twin("sum_over_examples", twin(mean=False), "your penalty is a sum over examples; it is a mean."),
            Twin("without_half", twin(half=1.0), "your penalty lacks the half."),
            Twin("not_squared", twin(power=1), "your derivatives are not squared."),
            Twin("of_probabilities", twin(output=nn.Softmax(1)), "you differentiate probabilities, which vanish where the net is sure; take scores."),
            Twin("detached", twin(detach=True), "your penalty has no gradient."),
            Twin("adds_tangents_first", twin(add=True), "you add the tangents and differentiate once; each has its own square."),
            Twin("whole_jacobian", whole_jacobian, "your penalty is on all directions; it is along the tangents alone."),
            Twin("moves_buffers", moves_buffers, "the passes of the penalty move the running statistics."),
        ),
    ),
    Suite(
        technique="tangent_propagation",
        part="image_tangents",
        subjects={"image_tangents": image_tangents},
        interface=Interface(kind="function", arguments=("sigma",), inputs=("x", "kinds"), defaults={"sigma": 0.9}),
        cases=({"sigma": 0.9}, {"sigma": 1.5}),
        shapes=lambda a: ((1, 1, 3, 3),),
        laws=(
            Law("flows_of_a_blob", r"$$ \tau = \left.\frac{\partial}{\partial \xi} (G * f)(\phi_{-\xi}(x, y))\right|_0 $$", flows_of_a_blob, {torch.float64: 0.01}),
            Law("thickens_by_the_slope", r"$$ \tau = \|\nabla f\|^2 $$", thickens_by_the_slope),
            Law("exact_on_a_ramp", "A ramp of slope 1 has the tangent -1 exactly.", exact_on_a_ramp),
            Law("a_constant_image_has_none", "A constant image has no tangent, at the border neither.", a_constant_image_has_none),
            Law("channels_do_not_mix", "Each channel has its own.", channels_do_not_mix),
        ),
        twins=(
            Twin("unsmoothed", changed(unsmoothed), "your images are hardly smoothed, whatever sigma says."),
            Twin("backward", changed(lambda x, kinds, sigma: -image_tangents(x, kinds, sigma=sigma)), "your tangents point backward: an image that moves to the right gets darker where it rises to the right."),
            Twin("turned", changed(lambda x, kinds, sigma: image_tangents(x.mT, kinds, sigma=sigma).mT), "your x runs down; it runs to the right."),
            Twin("zero_border", changed(zero_border), "beyond the border your image is 0, which is an edge."),
            Twin("from_the_corner", changed(from_the_corner), "your rotation is about a corner; it is about the middle."),
            Twin("over_channels", changed(over_channels), "your channels are mixed."),
            Twin("twice_as_thick", changed(twice_as_thick), "your thickening is not the squared slope."),
        ),
    ),
    Suite(
        technique="tangent_propagation",
        part="finite_difference_tangent",
        subjects={"finite_difference_tangent": finite_difference_tangent},
        interface=Interface(kind="function", inputs=("transform", "x")),
        cases=({},),
        shapes=lambda a: ((1, 2), (3, 4)),
        laws=(
            Law("polynomial", r"$$ t(x, \xi) = (1 + \xi) x + 5 \xi^2 \Rightarrow \tau = x $$", polynomial, {torch.float64: 1e-9}),
            Law("turned_points", r"$$ \tau = (-y, x) $$", turned_points, {torch.float64: 1e-6}),
        ),
        twins=(
            Twin("one_sided", lambda transform, x: (transform(x, 1e-3) - transform(x, 0.0)) / 1e-3, "your difference is one-sided: its error is of the first order."),
            Twin("without_two", lambda transform, x: (transform(x, 1e-3) - transform(x, -1e-3)) / 1e-3, "the two places lie two steps apart."),
            Twin("backward", lambda transform, x: (transform(x, -1e-3) - transform(x, 1e-3)) / 2e-3, "your sign is turned round."),
        ),
    ),
)  # fmt: skip
