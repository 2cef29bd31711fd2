"""Which layer of a model feeds which: a trace by torch.fx, read by the tools that move or insert dropout."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

LINEAR = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
RELUS = (F.relu, F.relu_, torch.relu, torch.relu_)
RESHAPES = (torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze)
RESHAPING_METHODS = {"flatten", "reshape", "view", "squeeze", "unsqueeze", "contiguous"}


class _Tracer(fx.Tracer):
    """Takes our own layers whole, as torch's are."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) or type(m).__module__.startswith(
            "vademecum.nn."
        )


class Flow:
    """A traced model.

    Attributes:
        model: the model, which the trace leaves as it is.
        nodes: the operations, in order.
        uses: how often each part is called, by its path.
    """

    def __init__(self, model: nn.Module, *, instead: str) -> None:
        self.model = model
        try:
            graph = _Tracer().trace(model)
        except Exception as error:
            raise ValueError(
                f"the model must be traceable by torch.fx, to see which layer feeds which: {type(model).__name__} "
                f"is not ({type(error).__name__}: {error}); {instead}"
            ) from error
        self.nodes = list(graph.nodes)
        self.uses = Counter(str(node.target) for node in self.nodes if node.op == "call_module")

    def part(self, node: fx.Node) -> nn.Module | None:
        """The part that an operation calls; None where it calls none."""
        return self.model.get_submodule(str(node.target)) if node.op == "call_module" else None

    def calls(self, kinds: tuple[type[nn.Module], ...]) -> Iterator[tuple[fx.Node, Any]]:
        """The calls of parts of some kinds, in order."""
        for node in self.nodes:
            part = self.part(node)
            if isinstance(part, kinds):
                yield node, part

    def name(self, node: fx.Node) -> str:
        """Say what an operation is, to a person."""
        if node.op == "output":
            return "the output"
        part = self.part(node)
        if part is not None:
            return f"{node.target} ({type(part).__name__})"
        return getattr(node.target, "__name__", str(node.target))


def is_relu(node: fx.Node, part: nn.Module | None) -> bool:
    """Whether an operation is a rectifier, as a part, a function or a method."""
    return isinstance(part, nn.ReLU) or node.target in (*RELUS, "relu", "relu_")


def is_reshape(node: fx.Node, part: nn.Module | None) -> bool:
    """Whether an operation moves values and changes none."""
    if isinstance(part, nn.Flatten | nn.Unflatten | nn.Identity):
        return True
    return (node.op == "call_function" and node.target in RESHAPES) or (
        node.op == "call_method" and node.target in RESHAPING_METHODS
    )
