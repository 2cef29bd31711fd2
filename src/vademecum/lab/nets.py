"""Networks for a recipe: a small MLP, a small CNN, or the user's own, with its preprocessing as first part.

The saved model takes data as they came (pixels, cells of a table) and speaks the target's unit.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError, nearest
from vademecum._core.objects import from_file
from vademecum._torch.modes import evaluating
from vademecum.losses import temperature_scaled
from vademecum.nn.activation import activation
from vademecum.nn.init import initialize_
from vademecum.nn.norm import group_count, init_weight_norm_, weight_norm

from .parts import Dropping, dropping
from .recipe import Recipe

__all__ = ["Rescale", "SkipMLP", "Temperature", "build", "cnn", "mlp"]

CNN_WIDTH = 32  # channels of the first stage; each further stage has twice as many
CNN_MOST = 256
MLP_LEAST, MLP_MOST = 64, 256  # units of a hidden layer
HEAD_GAIN = 0.1
_BIASED = ("none", "weight")  # norms that leave room for a bias


class Rescale(nn.Module):
    """Turn a network's standardized answer into the target's unit; the last part of a regression.

    Args:
        mean: of the training targets.
        std: of the training targets.

    Example:
        >>> Rescale(mean=100.0, std=5.0)(torch.tensor([[0.0], [2.0]]))
        tensor([100., 110.])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))

    def forward(self, z: Tensor) -> Tensor:
        """Rescale.

        Args:
            z: (B, 1) answers in standard deviations.

        Returns:
            (B,) answers in units of the target.
        """
        return z.squeeze(1) * self.std + self.mean


def build(recipe: Recipe, inputs: Tensor, *, num_outputs: int, num_examples: int = 1) -> nn.Module:
    """Build the net of a recipe.

    Args:
        recipe: names the net and its parts.
        inputs: (B, ...) a few inputs as the net gets them, on which it is tried.
        num_outputs: K, or 1 in regression.
        num_examples: N, of the training part, for what depends on how much there is to learn from.

    Returns:
        (B, ...) -> (B, num_outputs).

    Raises:
        InputError: the net does not fit the data, or is not what the recipe says.
    """
    shape = tuple(inputs.shape[1:])
    kind = {3: "cnn", 1: "mlp"}[len(shape)] if recipe.model == "auto" else recipe.model
    net: nn.Module
    heads: list[nn.Linear]
    if kind == "mlp":
        net = both = mlp(shape, num_outputs, recipe=recipe, num_examples=num_examples)
        heads = [both.head, both.skip]
    elif kind == "cnn":
        net = layers = cnn(shape, num_outputs, recipe=recipe, num_examples=num_examples)
        heads = [cast(nn.Linear, layers[-1])]
    elif ":" in kind:
        net, heads = _own(kind, shape, num_outputs), []
    else:
        near = nearest(kind, ["mlp", "cnn"])
        hint = f"did you mean {near[0]!r}?" if near else "write for example my_nets.py:make_net."
        raise InputError(f"model must be mlp, cnn or FILE:FUNCTION: {kind!r} is none of them; {hint}")
    if heads:
        _initialize(net, heads, recipe, inputs)
        _equip(net, heads, dropping(recipe.dropout, num_examples))
        if recipe.norm == "weight":
            _normalize_weights(net, heads, None if recipe.init == "torch" else inputs)
    _try(net, inputs, num_outputs, name=recipe.model)
    return net


class Temperature(nn.Module):
    """Divide scores by a number; the last part of a classifier whose probabilities are calibrated.

    Args:
        temperature: above 0; 1 changes nothing.

    Example:
        >>> Temperature(2.0)(torch.tensor([[4.0, 0.0]]))
        tensor([[2., 0.]])
    """

    temperature: Tensor

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, scores: Tensor) -> Tensor:
        """Scale.

        Args:
            scores: (B, K).

        Returns:
            (B, K) scores.
        """
        return temperature_scaled(scores, self.temperature)


class SkipMLP(nn.Module):
    """Hidden layers beside a linear path: what is linear need not be learned through the hidden layers.

    On small tables the linear path alone is hard to beat; the hidden layers add to it what they find.

    Args:
        deep: (B, F) -> (B, K), through hidden layers.
        skip: (B, F) -> (B, K), linear.
    """

    def __init__(self, deep: nn.Sequential, skip: nn.Linear) -> None:
        super().__init__()
        self.deep, self.skip = deep, skip

    @property
    def head(self) -> nn.Linear:
        """The layer that gives the scores of what the hidden layers found."""
        return cast(nn.Linear, self.deep[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Add the two paths.

        Args:
            x: (B, ...) inputs, flattened here.

        Returns:
            (B, K) scores.
        """
        x = x.flatten(1)
        return self.deep(x) + self.skip(x)


def mlp(input_shape: tuple[int, ...], num_outputs: int, *, recipe: Recipe, num_examples: int = 1) -> SkipMLP:
    """Build two hidden layers, as wide as the input is rich, beside a linear path.

    Args:
        input_shape: of one example; anything but a vector is flattened.
        num_outputs: K, or 1.
        recipe: norm, activation, init and dropout.
        num_examples: N, of the training part.

    Returns:
        (B, *input_shape) -> (B, num_outputs).

    Raises:
        InputError: the norm or the dropout works on images only.

    Example:
        >>> net = mlp((13,), 3, recipe=Recipe())
        >>> net(torch.zeros(2, 13)).shape
        torch.Size([2, 3])
    """
    features = torch.Size(input_shape).numel()
    width = min(max(MLP_LEAST, 2 ** (2 * features - 1).bit_length()), MLP_MOST)
    if recipe.norm == "instance":
        raise InputError(
            "norm must suit the net: instance normalization needs images, and the mlp has none inside; "
            "take norm=layer or norm=batch."
        )
    drop = dropping(recipe.dropout, num_examples)
    if drop.maps is not None:
        raise InputError(
            f"dropout must suit the net: dropout={recipe.dropout} drops maps, and the mlp has none; take "
            "dropout=inverted."
        )
    parts: list[nn.Module] = []
    for before in (features, width):
        parts += [nn.Linear(before, width, bias=recipe.norm in _BIASED)]
        parts += [*_norm(recipe.norm, width, images=False), activation(recipe.activation)]
        parts += [] if drop.units is None else [drop.units(width)]
    head = nn.Linear(width, num_outputs)
    return SkipMLP(nn.Sequential(*parts, head), nn.Linear(features, num_outputs))


def cnn(
    input_shape: tuple[int, ...], num_outputs: int, *, recipe: Recipe, num_examples: int = 1
) -> nn.Sequential:
    """Build stages of two 3x3 convolutions, each at half the resolution of the last, and average over space.

    Images above 64 pixels are first reduced by a convolution with a stride.

    Args:
        input_shape: (C, H, W) of one example.
        num_outputs: K, or 1.
        recipe: norm, activation, init and dropout.
        num_examples: N, of the training part.

    Returns:
        (B, C, H, W) -> (B, num_outputs).

    Raises:
        InputError: the examples are no images.

    Example:
        >>> net = cnn((1, 8, 8), 10, recipe=Recipe())
        >>> net(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    if len(input_shape) != 3:
        raise InputError(
            f"model=cnn needs images of shape (C, H, W): an example has {tuple(input_shape)}; take model=mlp."
        )
    channels, side = input_shape[0], min(input_shape[1:])
    stride = max(1, 2 ** ((side // 64).bit_length() - 1)) if side > 64 else 1
    stages = min(max(1, (side // stride).bit_length() - 2), 4)
    drop = dropping(recipe.dropout, num_examples)
    parts: list[nn.Module] = []
    for stage in range(stages):
        width = min(CNN_WIDTH * 2**stage, CNN_MOST)
        parts += [nn.MaxPool2d(2)] if stage else []
        for _ in range(2):
            step = stride if not parts else 1
            parts += [nn.Conv2d(channels, width, 3, stride=step, padding=1, bias=recipe.norm in _BIASED)]
            parts += [*_norm(recipe.norm, width, images=True), activation(recipe.activation)]
            channels = width
        parts += [] if drop.maps is None else [drop.maps(width)]
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    parts += [] if drop.units is None else [drop.units(channels)]
    return nn.Sequential(*parts, nn.Linear(channels, num_outputs))


def _norm(name: str, width: int, *, images: bool) -> list[nn.Module]:
    """The layer of a norm's slug. Over images, layer norm is group norm with one group: all units of an example."""
    if name in _BIASED:
        return []
    if name == "batch":
        return [nn.BatchNorm2d(width) if images else nn.BatchNorm1d(width)]
    if name == "instance":
        return [nn.InstanceNorm2d(width, affine=True)]
    if name == "layer":
        return [nn.GroupNorm(1, width) if images else nn.LayerNorm(width)]
    return [nn.GroupNorm(group_count(width, at_most=min(32, width // 4)), width)]


def _normalize_weights(net: nn.Module, heads: Sequence[nn.Module], inputs: Tensor | None) -> None:
    """Give the hidden layers weight normalization, and its start from data where there are some."""
    for path, part in list(net.named_modules()):
        if isinstance(part, nn.Linear | nn.Conv2d) and part not in heads:
            net.set_submodule(path, weight_norm(part))
    if inputs is not None:
        init_weight_norm_(net, inputs, std=None)


def _equip(net: nn.Module, heads: Sequence[nn.Module], drop: Dropping) -> None:
    """Give the hidden layers what drops their weights, once these are drawn."""
    if drop.layer is not None:
        for path, part in list(net.named_modules()):
            if isinstance(part, nn.Linear | nn.Conv2d) and part not in heads:
                net.set_submodule(path, drop.layer(part))


def _initialize(net: nn.Module, heads: Sequence[nn.Linear], recipe: Recipe, inputs: Tensor) -> None:
    """Draw the weights from the global stream, which the caller has seeded. The heads start small.

    A head of small weights gives every class about the same score, so that the first loss is that of a guess.
    """
    if recipe.init != "torch":
        initialize_(net, recipe.init, example=inputs)
        with torch.no_grad():
            for head in heads:
                head.weight.mul_(HEAD_GAIN)


def _own(spec: str, input_shape: tuple[int, ...], num_outputs: int) -> nn.Module:
    """Call the user's function, by keyword, with as much as it accepts of input_shape and num_outputs."""
    function = _function(spec)
    offered = {"input_shape": input_shape, "num_outputs": num_outputs}
    try:
        accepted = inspect.signature(function).parameters
    except (TypeError, ValueError):
        accepted = inspect.signature(lambda: None).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values())
    given = {name: value for name, value in offered.items() if takes_all or name in accepted}
    try:
        net = function(**given)
    except Exception as error:
        raise InputError(
            f"{spec} must make a network from {', '.join(given) or 'no arguments'}: it raised "
            f"{type(error).__name__}: {error}; a function may take input_shape and num_outputs, and nothing else "
            "without a default."
        ) from error
    if not isinstance(net, nn.Module):
        raise InputError(
            f"{spec} must return a torch.nn.Module: it returned {type(net).__name__}; return the network itself."
        )
    return net


def _function(spec: str) -> Callable[..., object]:
    """Run the user's file and take the function out of it."""
    function = from_file(spec)
    if not callable(function):
        raise InputError(
            f"model must name a function or a class: {spec} is {type(function).__name__}; name what makes the network."
        )
    return function


def _try(net: nn.Module, inputs: Tensor, num_outputs: int, *, name: str) -> None:
    """Send a few examples through the net before anything is written."""
    try:
        with evaluating(net), torch.no_grad():
            output = net(inputs)
    except Exception as error:
        raise InputError(
            f"model {name} must run on inputs of shape {tuple(inputs.shape)}: it raised {type(error).__name__}: "
            f"{error}; build it for input_shape={tuple(inputs.shape[1:])}."
        ) from error
    wanted = (len(inputs), num_outputs)
    if not isinstance(output, Tensor) or tuple(output.shape) != wanted:
        came = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(
            f"model {name} must give one score for each of {num_outputs} outputs: expected {wanted} from inputs of "
            f"shape {tuple(inputs.shape)}, found {came}; end it with {num_outputs} outputs."
        )
