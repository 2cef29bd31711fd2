"""Names and shapes that an author gave to what the laws know by torch's: taken by elimination, and said.

A parameter that starts at ones can only be the gain, one that starts at zeros only the shift; the one required
argument that is left can only be the one that the laws have left. A parameter of another shape, such as (1, C, 1, 1),
is shown to the laws in theirs.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ._suite import Arguments, Interface


class Reshaped(nn.Module):
    """A parametrization that keeps a parameter in the laws' shape and gives it to its module in the author's."""

    def __init__(self, theirs: tuple[int, ...], ours: tuple[int, ...]) -> None:
        super().__init__()
        self.theirs, self.ours = theirs, ours

    def forward(self, kept: Tensor) -> Tensor:
        """From the laws' shape to the author's."""
        return kept.reshape(self.theirs)

    def right_inverse(self, given: Tensor) -> Tensor:
        """From the author's shape to the laws'."""
        return given.reshape(self.ours)


def starts(interface: Interface, arguments: Arguments) -> dict[str, Tensor]:
    """What each tensor that the laws know holds before training, in the laws' shape."""
    found = {
        name: torch.full(shape(arguments), 0.0 if name == "bias" else 1.0)
        for name, shape in interface.parameters.items()
    }
    return found | {name: start(arguments) for name, start in interface.buffers.items()}


def guess_tensors(
    built: object, known: Mapping[str, str], interface: Interface, arguments: Arguments
) -> dict[str, str]:
    """Find the tensors that bear no known name by what they hold at the start.

    Args:
        built: the object under test, as built.
        known: the laws' names that are found already, with the author's.
        interface: says what the laws know of.
        arguments: with which the object was built.

    Returns:
        The laws' names with the author's, of those that only one tensor can be.
    """
    if not isinstance(built, nn.Module):
        return {}
    learned = dict(built.named_parameters(recurse=False))
    kept = dict(built.named_buffers(recurse=False)) | {
        n: t for n, t in vars(built).items() if isinstance(t, Tensor)
    }
    guesses: dict[str, str] = {}
    learned_names = set(interface.parameters)
    for name, start in starts(interface, arguments).items():
        if name in known:
            continue
        pool = learned if name in learned_names else kept
        same = [
            theirs
            for theirs, tensor in pool.items()
            if theirs not in known.values()
            and tensor.numel() == start.numel()
            and torch.equal(tensor.detach().double().flatten(), start.double().flatten())
        ]
        if len(same) == 1:
            guesses[name] = same[0]
    return guesses


def in_our_shape(built: nn.Module, theirs: str, shape: tuple[int, ...]) -> str:
    """Keep a parameter in the laws' shape.

    Args:
        built: the module, changed in place where the shapes differ.
        theirs: the parameter's name.
        shape: the laws' shape.

    Returns:
        The name under which the laws find it.
    """
    parameter = getattr(built, theirs)
    if (
        not isinstance(parameter, nn.Parameter)
        or tuple(parameter.shape) == shape
        or parameter.numel() != prod(shape)
    ):
        return theirs
    parametrize.register_parametrization(built, theirs, Reshaped(tuple(parameter.shape), shape))
    return f"parametrizations.{theirs}.original"


def required(function: Callable[..., object]) -> Iterator[str]:
    """Names of the arguments that must be given.

    Args:
        function: a class's ``__init__``, or a function.

    Yields:
        The names, without ``self``.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin shows no signature
        return
    for name, parameter in parameters.items():
        several = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        if name != "self" and parameter.default is parameter.empty and not several:
            yield name
