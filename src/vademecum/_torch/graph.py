"""Read the autograd graph behind a tensor: what was done to it, whatever code did it."""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from torch import Tensor

MOVES = frozenset({
    "View", "UnsafeView", "ReshapeAlias", "Alias", "Transpose", "T", "Permute", "Squeeze", "Unsqueeze", "Expand",
    "Clone", "ToCopy", "Contiguous", "Select", "Slice", "Index", "AsStrided", "Flatten", "Unbind", "Split", "Detach",
    "MaskedSelect", "Gather", "Cat", "Stack", "Movedim", "Copy", "CopySlices", "Repeat", "Roll", "Flip", "Swapaxes",
})  # fmt: skip
"""Operations that move, choose, copy or cast values and compute nothing."""

_ENDING = re.compile(r"Backward\d*$")


@dataclass(frozen=True)
class Op:
    """One operation of a graph.

    Attributes:
        index: its place in the graph; the operation that made the tensor is 0.
        kind: its name without "Backward0", such as "Addmm", "Relu", "LogSoftmax"; a leaf is "AccumulateGrad".
        node: the autograd node.
        inputs: places of the operations that it got gradients for, in the order of its arguments.
        variable: the leaf tensor of an "AccumulateGrad", else None.
    """

    index: int
    kind: str
    node: Any
    inputs: tuple[int | None, ...]
    variable: Tensor | None

    def saved(self, name: str) -> Any:
        """What the operation kept for its backward pass under a name; None where it kept nothing."""
        try:
            return getattr(self.node, f"_saved_{name}", None)
        except RuntimeError:  # freed by an earlier backward pass, or changed in place since
            return None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the operation's first result, where the node tells it."""
        described = getattr(self.node, "_input_metadata", None)
        try:
            return tuple(int(size) for size in described[0].shape) if described else None
        except (AttributeError, IndexError, TypeError, RuntimeError):
            return None

    @property
    def custom(self) -> bool:
        """Whether it is an ``autograd.Function`` of a user."""
        return hasattr(self.node, "saved_tensors") and not self.kind.startswith("Compiled")

    @property
    def site(self) -> tuple[str, int]:
        """File and line of the user's code that called it, where anomaly detection was on; else ("", 0)."""
        return user_line(self.node.metadata.get("traceback_") or ())


def user_line(traceback: Collection[str]) -> tuple[str, int]:
    """Find the innermost line outside installed packages in a formatted stack."""
    for entry in reversed(list(traceback)):
        found = re.match(r'\s*File "([^"]+)", line (\d+)', entry)
        if found and not is_installed(found[1]):
            return found[1], int(found[2])
    return "", 0


@lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Whether a file is part of an installed package, of Python, or of this package."""
    return "site-packages" in file or "dist-packages" in file or file.startswith(("<", _PYTHON, _OWN))


_OWN = __file__[: -len("_torch/graph.py")]
_PYTHON = re.__file__[: -len("re/__init__.py")]


class Graph:
    """The operations behind a tensor, from it down to the leaves, each before what it was computed from.

    Args:
        root: a tensor that requires a gradient.
        limit: operations read at most.

    Example:
        >>> import torch
        >>> w = torch.ones(2, requires_grad=True)
        >>> [op.kind for op in Graph((2 * w).relu().sum())]
        ['Sum', 'Relu', 'Mul', 'AccumulateGrad']
    """

    def __init__(self, root: Tensor, *, limit: int = 200_000):
        self.ops: list[Op] = []
        self.whole = True
        order: dict[Any, int] = {}
        found: list[Any] = []
        waiting = deque([root.grad_fn] if root.grad_fn is not None else [])
        if waiting:
            order[root.grad_fn] = 0
            found.append(root.grad_fn)
        while waiting:
            for node, _ in waiting.popleft().next_functions:
                if node is not None and node not in order:
                    if len(found) >= limit:
                        self.whole = False
                        continue
                    order[node] = len(found)
                    found.append(node)
                    waiting.append(node)
        for index, node in enumerate(found):
            name = node.name().rpartition("::")[2]
            inputs = tuple(order.get(parent) for parent, _ in node.next_functions)
            self.ops.append(Op(index, _ENDING.sub("", name), node, inputs, getattr(node, "variable", None)))

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __len__(self) -> int:
        return len(self.ops)

    def of(self, *kinds: str) -> list[Op]:
        """All operations of some kinds, those near the root first."""
        return [op for op in self.ops if op.kind in kinds]

    def inputs(self, op: Op) -> list[Op]:
        """The operations behind an operation, without the arguments that need no gradient."""
        return [self.ops[index] for index in op.inputs if index is not None]

    def source(self, op: Op, argument: int = 0, *, through: Collection[str] = MOVES) -> Op | None:
        """The operation that computed an argument, seen through views, copies and casts.

        Args:
            op: an operation.
            argument: which of its inputs.
            through: kinds that are passed by their first input.

        Returns:
            The operation, or None where the argument needs no gradient.
        """
        index = op.inputs[argument] if argument < len(op.inputs) else None
        while index is not None:
            behind = self.ops[index]
            if behind.kind not in through:
                return behind
            index = next((i for i in behind.inputs if i is not None), None)
        return None

    def behind(self, op: Op, *, stop: Callable[[Op], bool] = lambda op: False) -> list[Op]:
        """All operations that an operation was computed from, nearest first.

        Args:
            op: where to begin; not in the list.
            stop: operations that are listed and not passed.

        Returns:
            The operations.
        """
        seen, waiting, found = {op.index}, deque(self.inputs(op)), []
        while waiting:
            behind = waiting.popleft()
            if behind.index in seen:
                continue
            seen.add(behind.index)
            found.append(behind)
            if not stop(behind):
                waiting.extend(self.inputs(behind))
        return found

    @cached_property
    def consumers(self) -> dict[int, list[Op]]:
        """The operations that took the result of each operation, by its place."""
        above: dict[int, list[Op]] = {}
        for op in self.ops:
            for index in dict.fromkeys(op.inputs):
                if index is not None:
                    above.setdefault(index, []).append(op)
        return above

    @property
    def leaves(self) -> list[Tensor]:
        """The leaf tensors that a gradient reaches."""
        return [op.variable for op in self.ops if op.variable is not None]
