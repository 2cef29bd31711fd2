"""Laws of the saliency map: slopes measured by finite differences, and what a linear model must give."""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor, nn

from vademecum.explain.saliency import saliency

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

CLASSES = 3
SLOPES = {torch.float64: 1e-6}


def network(draw: Draw) -> nn.Sequential:
    """A smooth network with parts that differ between training and evaluation, its weights drawn."""
    net = nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(draw.shape[1:]), 4),
        nn.BatchNorm1d(4),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(4, CLASSES),
    ).to(draw.dtype)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(draw.normal(*p.shape, name=name.replace(".", "_")))
    return net


def classes(draw: Draw) -> Tensor:
    return draw.integers(draw.shape[0], high=CLASSES, name="target")


def slopes(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x, target = network(draw), draw.normal(), classes(draw)
    got = build(draw)(net, x, target)
    net.eval()
    want = torch.zeros_like(x)
    with torch.no_grad():
        for place in range(x[0].numel()):
            step = torch.zeros_like(x).flatten(1)
            step[:, place] = 1e-5
            step = step.reshape(x.shape)
            rise = net(x + step) - net(x - step)
            want.flatten(1)[:, place] = rise.gather(1, target[:, None])[:, 0].abs() / 2e-5
    yield got, want


def a_linear_model_shows_its_weights(build: Build, draw: Draw) -> Iterator[Pair]:
    x, target = draw.normal(), classes(draw)
    layer = nn.Linear(x[0].numel(), CLASSES).to(draw.dtype)
    with torch.no_grad():
        layer.weight.copy_(draw.normal(*layer.weight.shape, name="weight"))
    net = nn.Sequential(nn.Flatten(), layer)
    yield build(draw)(net, x, target), layer.weight.detach()[target].abs().reshape(x.shape)


def examples_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x, target = network(draw), draw.normal(), classes(draw)
    alone = [build(draw)(net, one[None], label[None]) for one, label in zip(x, target, strict=True)]
    yield build(draw)(net, x, target), torch.cat(alone)


def leaves_the_model(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x, target = network(draw), draw.normal(), classes(draw)
    build(draw)(net, x, target)
    yield torch.tensor([float(part.training) for part in net.modules()]), torch.ones(7)
    yield torch.tensor(float(sum(p.grad is not None for p in net.parameters()))), torch.tensor(0.0)
    yield net.get_buffer("2.running_mean"), torch.zeros(4)


def works_without_gradients(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x, target = network(draw), draw.normal(), classes(draw)
    want = build(draw)(net, x, target)
    net.requires_grad_(False)
    with torch.no_grad():
        yield build(draw)(net, x, target), want


def _slope(model: nn.Module, x: Tensor, score, *, mode: bool = False) -> Tensor:
    modes = [(part, part.training) for part in model.modules()]
    model.train(mode)
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(score(model(leaf)), leaf)
    for part, training in modes:
        part.training = training
    return slope


def _picked(target: Tensor):
    return lambda scores: scores.gather(1, target[:, None]).sum()


def signed(model, x, target):
    return _slope(model, x, _picked(target))


def of_the_probability(model, x, target):
    return _slope(model, x, lambda scores: _picked(target)(scores.softmax(1))).abs()


def of_the_mean(model, x, target):
    return _slope(model, x, lambda scores: _picked(target)(scores) / len(scores)).abs()


def times_the_input(model, x, target):
    return (_slope(model, x, _picked(target)) * x).abs()


def of_the_highest(model, x, target):
    return _slope(model, x, lambda scores: scores.amax(1).sum()).abs()


def in_training(model, x, target):
    with torch.random.fork_rng(devices=[]):
        return _slope(model, x, _picked(target), mode=True).abs()


def stays_in_evaluation(model, x, target):
    model.eval()
    return saliency(model, x, target)


def fills_the_gradients(model, x, target):
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    leaf = x.detach().clone().requires_grad_()
    _picked(target)(model(leaf)).backward()
    for part, training in modes:
        part.training = training
    assert leaf.grad is not None
    return leaf.grad.abs()


SUITES = (
    Suite(
        technique="saliency",
        part="saliency",
        subjects={"saliency": saliency},
        interface=Interface(kind="function", inputs=("model", "x", "target")),
        cases=({},),
        shapes=lambda a: ((2, 3), (3, 2, 2, 2)),
        laws=(
            Law("slopes", r"$$ M = |\partial S_c / \partial x| $$, by finite differences in evaluation mode.", slopes, SLOPES),
            Law("a_linear_model_shows_its_weights", "The map of a linear model is the size of its weights.", a_linear_model_shows_its_weights),
            Law("examples_do_not_mix", "An example's map does not depend on its batch mates.", examples_do_not_mix),
            Law("leaves_the_model", "Modes, gradients and running statistics are as before.", leaves_the_model, EXACT),
            Law("works_without_gradients", "Frozen parameters and no_grad change nothing.", works_without_gradients),
        ),
        twins=(
            Twin("signed", signed, "your map has a sign; the map is the size of the slope."),
            Twin("of_the_probability", of_the_probability, "you differentiate the probability; take the score before the softmax."),
            Twin("of_the_mean", of_the_mean, "your map is divided by the batch size: sum the scores, do not average them."),
            Twin("times_the_input", times_the_input, "your map is multiplied by the input, which is another explainer."),
            Twin("of_the_highest", of_the_highest, "you explain the class said, not the class asked for."),
            Twin("in_training", in_training, "the model runs in training mode: dropout and batch statistics are on."),
            Twin("stays_in_evaluation", stays_in_evaluation, "the model stays in evaluation mode afterwards."),
            Twin("fills_the_gradients", fills_the_gradients, "you call backward(), which adds to the parameters' gradients and fails inside no_grad."),
        ),
    ),
)  # fmt: skip
