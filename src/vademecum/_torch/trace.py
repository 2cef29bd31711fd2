"""Record what passes through a model's parts, and leave no hook behind."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """One call of one part of a model.

    Attributes:
        path: where the part stands, as in ``model.get_submodule(path)``; "" is the model itself.
        module: the part.
        inputs: the positional arguments.
        keywords: the keyword arguments.
        output: what the part returned.
    """

    path: str
    module: nn.Module
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any

    @property
    def is_leaf(self) -> bool:
        """Whether the part has no parts of its own."""
        return next(self.module.children(), None) is None


@contextmanager
def tracing(model: nn.Module) -> Iterator[list[Call]]:
    """Record every call of every part while the block runs.

    The calls stand in the order in which they end: the parts of a block before the block, the model last. A part
    that is called twice is recorded twice, one that stands in two places under its first path. Where a forward
    pass fails, what ended before the failure is in the list. The records keep their tensors alive.

    Args:
        model: any module; its hooks are as before when the block ends, however it ends.

    Yields:
        The list, which grows as the model runs.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        >>> with tracing(model) as seen:
        ...     _ = model(torch.ones(1, 3))
        >>> [(call.path, tuple(call.output.shape)) for call in seen]
        [('0', (1, 2)), ('1', (1, 2)), ('', (1, 2))]
    """
    seen: list[Call] = []
    with ExitStack() as stack:
        for path, part in model.named_modules():

            def record(
                module: nn.Module,
                inputs: tuple[Any, ...],
                keywords: dict[str, Any],
                output: Any,
                *,
                path: str = path,
            ) -> None:
                seen.append(Call(path, module, inputs, keywords, output))

            stack.callback(part.register_forward_hook(record, with_kwargs=True).remove)
        yield seen


def calls(model: nn.Module, *inputs: Any, **keywords: Any) -> list[Call]:
    """Run a model once and list the calls of its parts.

    The model runs in the mode, and with or without gradients, as the caller has set it.

    Args:
        model: any module.
        *inputs: its positional arguments.
        **keywords: its keyword arguments.

    Returns:
        The calls, in the order of `tracing`.

    Example:
        >>> import torch
        >>> [call.path for call in calls(nn.Sequential(nn.ReLU(), nn.Tanh()), torch.ones(1)) if call.is_leaf]
        ['0', '1']
    """
    with tracing(model) as seen:
        model(*inputs, **keywords)
    return seen


def tensors(value: object) -> Iterator[Tensor]:
    """Walk over the tensors in what a part was given or returned.

    Args:
        value: a tensor, or lists, tuples and mappings with tensors somewhere in them.

    Yields:
        The tensors, in order.

    Example:
        >>> import torch
        >>> [t.item() for t in tensors((torch.tensor(1), {"state": [torch.tensor(2), None]}))]
        [1, 2]
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
