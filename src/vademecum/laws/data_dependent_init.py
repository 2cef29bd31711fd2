"""Laws of data-dependent initialization: each layer's output has unit variance on the batch."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.init.data_dependent_init import calibrate_

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

UNIT = {torch.float64: 0.02}
"""Of the deviation; Algorithm 1 of the paper stops within 0.1 of the variance."""


def _net(draw: Draw, bias: float = 0.0) -> nn.Sequential:
    """Four layers of the scales 1.5, 0.1, 3, 0.5, rectified between: inputs of later layers are not centered."""
    sizes = [draw.shape[-1], 6, 5, 4, 3]
    net = nn.Sequential()
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layer = nn.Linear(fan_in, fan_out).to(draw.dtype)
        with torch.no_grad():
            layer.weight.copy_(draw.normal(fan_out, fan_in, std=(1.5, 0.1, 3.0, 0.5)[k], name=f"weight_{k}"))
            layer.bias.copy_(bias * draw.normal(fan_out, name=f"bias_{k}"))
        net.extend([layer, nn.LeakyReLU(0.2)])
    return net


def _layers(net: nn.Sequential) -> list[nn.Linear]:
    return [part for part in net if isinstance(part, nn.Linear)]


def _deviations(net: nn.Sequential, x: Tensor) -> Tensor:
    found = []
    with torch.no_grad():
        for part in net:
            x = part(x)
            if not isinstance(part, nn.LeakyReLU):
                found.append(x.std(unbiased=False))
    return torch.stack(found)


def unit_variance(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x = _net(draw), draw.normal(mean=1.0)
    build(draw)(net, x)
    got = _deviations(net, x)
    yield got, torch.ones_like(got)


def unit_variance_with_biases(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x = _net(draw, bias=0.3), draw.normal(mean=1.0)
    build(draw)(net, x)
    got = _deviations(net, x)
    yield got, torch.ones_like(got)


def unit_variance_of_maps(build: Build, draw: Draw) -> Iterator[Pair]:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(4, 4, 1, groups=2, bias=False)
    ).to(draw.dtype)
    x = draw.normal(8, 2, 5, 5, std=3.0)
    build(draw)(net, x)
    got = _deviations(net, x)
    yield got, torch.ones_like(got)


def by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    """Algorithm 1, layer by layer: W <- W / sqrt(Var(B)), with one division, which is exact without biases."""
    net, x = _net(draw), draw.normal(mean=1.0)
    want = []
    signal = x
    for layer in _layers(net):
        y = signal @ layer.weight.detach().T
        deviation = (y - y.mean()).square().mean().sqrt()
        want.append(layer.weight.detach() / deviation)
        signal = F.leaky_relu(y / deviation, 0.2)
    build(draw)(net, x)
    yield from zip([layer.weight for layer in _layers(net)], want, strict=True)


def biases_are_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    net = _net(draw, bias=0.3)
    before = [layer.bias.detach().clone() for layer in _layers(net)]
    build(draw)(net, draw.normal())
    yield from zip([layer.bias for layer in _layers(net)], before, strict=True)


def twice_is_once(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x = _net(draw), draw.normal()
    build(draw)(net, x)
    once = [layer.weight.detach().clone() for layer in _layers(net)]
    build(draw)(net, x)
    yield from zip([layer.weight for layer in _layers(net)], once, strict=True)


@torch.no_grad()
def _calibrate(model: nn.Module, batch: Tensor, measure, *, replace: bool = True, times: int = 10) -> None:
    """A plain right form for twins: hooks that divide and compute the output again."""
    handles = []
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):

            def hook(layer, inputs, output):
                for _ in range(times):
                    layer.weight.div_(measure(output, layer))
                    if replace:
                        output = layer.forward(*inputs)
                return output

            handles.append(layer.register_forward_hook(hook))
    model(batch)
    for handle in handles:
        handle.remove()


def deviation(output: Tensor, layer: nn.Module) -> Tensor:
    return output.std(unbiased=False)


def uncalibrated_inputs(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, deviation, replace=False, times=1)


def divides_by_variance(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, lambda y, _: y.var(unbiased=False), times=1)


def mean_square(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, lambda y, _: y.square().mean().sqrt())


def unit_weights(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, lambda _, layer: layer.weight.norm() / len(layer.weight) ** 0.5)


def each_unit(model: nn.Module, batch: Tensor) -> None:
    def measure(y: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
        channels = y.movedim(1, 0).flatten(1).std(1, unbiased=False).clamp(min=1e-6)
        return channels.reshape(-1, *[1] * (layer.weight.dim() - 1))

    _calibrate(model, batch, measure)


def one_division(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, deviation, times=1)


def linear_alone(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, lambda y, layer: deviation(y, layer) if y.dim() == 2 else y.new_ones(()))


def zeroes_biases(model: nn.Module, batch: Tensor) -> None:
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.bias.zero_()
    _calibrate(model, batch, deviation)


def halfway(model: nn.Module, batch: Tensor) -> None:
    _calibrate(model, batch, lambda y, _: y.std(unbiased=False).sqrt(), times=2)


SUITES = (
    Suite(
        technique="data_dependent_init",
        part="calibrate_",
        subjects={"calibrate_": calibrate_},
        interface=Interface(kind="function", inputs=("model", "batch")),
        cases=({},),
        shapes=lambda a: ((8, 3), (50, 7)),
        laws=(
            Law("unit_variance", r"$$ \mathrm{Var}(W_l x_l) = 1 $$ on the batch, for every layer.", unit_variance, UNIT),
            Law("unit_variance_with_biases", r"$$ \mathrm{Var}(W_l x_l + b_l) = 1 $$ where there are biases.", unit_variance_with_biases, UNIT),
            Law("unit_variance_of_maps", "The variance of a convolution's output runs over examples, channels and places.", unit_variance_of_maps, UNIT),
            Law("by_the_paper", "Algorithm 1: each layer is divided by the deviation of its output, in order.", by_the_paper, {torch.float64: 0.01}),
            Law("biases_are_untouched", "Only weights are scaled.", biases_are_untouched, EXACT),
            Law("twice_is_once", "A calibrated net is left as it is.", twice_is_once, EXACT),
        ),
        twins=(
            Twin("uncalibrated_inputs", uncalibrated_inputs, "you measure all layers before changing any: later layers then see other inputs."),
            Twin("divides_by_variance", divides_by_variance, "you divide by the variance; the deviation is its root."),
            Twin("mean_square", mean_square, "you take the mean square for the variance: they differ where the output is not centered."),
            Twin("unit_weights", unit_weights, "you normalize the weights, not the output."),
            Twin("each_unit", each_unit, "you scale each unit by itself; the paper scales the layer."),
            Twin("one_division", one_division, "you divide once, which is not enough where there are biases."),
            Twin("linear_alone", linear_alone, "you leave the convolutions out."),
            Twin("zeroes_biases", zeroes_biases, "you change the biases."),
            Twin("halfway", halfway, "you stop before unit variance is reached."),
        ),
    ),
)  # fmt: skip
