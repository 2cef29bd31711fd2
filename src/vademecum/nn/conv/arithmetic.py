r"""Convolution arithmetic: sizes, parameters, cost and receptive fields of a network, before it is trained.

A window of k cells, d apart, covers d(k - 1) + 1 of them; it is moved by the stride s over the padded input as long
as it fits. Each layer widens what one position sees of the input by d(k - 1) jumps, and multiplies the jump by its
stride. One output of a convolution costs as many multiply-accumulates (MACs) as the window has weights.

$$ o = \left\lfloor \frac{i + 2p - d(k-1) - 1}{s} \right\rfloor + 1 $$
$$ r_l = r_{l-1} + d_l (k_l - 1)\, j_{l-1}, \qquad j_l = s_l\, j_{l-1} $$
$$ \text{MACs} = C_{out} \frac{C_{in}}{g} \prod_{dim} k \prod_{dim} o $$

Also called: output-size formula, receptive-field calculator, model summary, FLOP counter.
Departures: none.
Pitfalls: a MAC is two floating-point operations, and many tools print one under the name of the other; bias,
    normalization, activations and pooling are not counted; the receptive field is the theoretical one, of which a
    trained network mostly uses the middle; torch's ``padding="same"`` refuses a stride.
Claim: none yet.
Peer: none.

References:
    dumoulin2016guide: Relationships 1 to 6; the dilation of section 5.1.
    araujo2019computing: "Single-path networks" and "Arbitrary computation graphs".
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..._torch.modes import evaluating
from ..._torch.trace import tensors
from ._field import Field, Fields

__all__ = ["Summary", "output_size", "same_padding", "summarize"]


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Compute the size of a convolution's or pooling's output along one dimension.

    Args:
        size: cells of the input.
        kernel_size: cells of the window.
        stride: cells by which the window moves.
        padding: cells added on each side.
        dilation: distance of the window's cells.

    Returns:
        Cells of the output.

    Raises:
        ValueError: an argument is out of its range, or the window does not fit.

    Example:
        >>> output_size(227, 11, stride=4), output_size(224, 11, stride=4, padding=2)
        (55, 55)
    """
    if min(kernel_size, stride, dilation) < 1 or padding < 0:
        raise ValueError(
            f"kernel_size, stride and dilation must be at least 1 and padding at least 0: they are {kernel_size}, "
            f"{stride}, {dilation} and {padding}."
        )
    free = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if free < 0:
        raise ValueError(
            f"the window must fit into the padded input: it covers {dilation * (kernel_size - 1) + 1} of "
            f"{size + 2 * padding}; take a larger input, more padding or a smaller kernel."
        )
    return free // stride + 1


def same_padding(kernel_size: int, dilation: int = 1) -> tuple[int, int]:
    """Find the padding that keeps the size at a stride of 1.

    Args:
        kernel_size: cells of the window.
        dilation: distance of the window's cells.

    Returns:
        Cells before and after; the odd one, of an even window, comes after, as in torch.

    Raises:
        ValueError: an argument is below 1.

    Example:
        >>> same_padding(3), same_padding(4), same_padding(3, dilation=2)
        ((1, 1), (1, 2), (2, 2))
    """
    if min(kernel_size, dilation) < 1:
        raise ValueError(
            f"kernel_size and dilation must be at least 1: they are {kernel_size} and {dilation}."
        )
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Row:
    """One call of one part of a network, for one example.

    Attributes:
        path: where the part stands; "" is the network itself.
        type: the name of its class.
        output_shape: of its (first) output, with a batch of 1.
        parameters: its own, those of its parts left out; 0 where they were counted in a row above.
        macs: multiply-accumulates of its own.
        receptive_field: pixels of the input that one position depends on, along each dimension; empty where the
            input has no dimensions of space.
        jump: pixels of the input between two neighbouring positions; empty where there are no such.
    """

    path: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    receptive_field: tuple[int, ...]
    jump: tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    """A network in figures, for one example. Its text is a table.

    Attributes:
        rows: its parts in the order of their calls.
        parameters: of the whole network, shared ones counted once, frozen and unused ones included.
        macs: multiply-accumulates of one forward pass.
        receptive_field: of the output, in pixels of the input; empty where the input has no dimensions of space.

    Example:
        >>> summary = summarize(nn.Linear(100, 10), torch.zeros(1, 100))
        >>> summary.parameters, summary.macs, summary.flops
        (1010, 1000, 2000)
    """

    rows: tuple[Row, ...]
    parameters: int
    macs: int
    receptive_field: tuple[int, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass: two a MAC."""
        return 2 * self.macs

    def __str__(self) -> str:
        head = ("part", "type", "output", "parameters", "MACs", "field", "jump")
        body = [
            (r.path or "-", r.type, _times(r.output_shape), f"{r.parameters:,}", f"{r.macs:,}",
             _times(r.receptive_field), _times(r.jump))
            for r in self.rows
        ]  # fmt: skip
        total = ("total", "", "", f"{self.parameters:,}", f"{self.macs:,}", _times(self.receptive_field), "")
        lines = [head, *body, total]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        left = {0, 1}
        return "\n".join(
            "  ".join(
                c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))
            ).rstrip()
            for line in lines
        )


def summarize(model: nn.Module, x: Tensor) -> Summary:
    """Count a network's parameters and cost, and measure what its outputs see of the input.

    One example goes through a pass in evaluation mode; modes, buffers and gradients are then as before. Works on the
    meta device, where nothing is computed: ``model.to("meta")`` and ``x`` on it. What the network does outside of
    modules counts as well. MACs are those of convolutions and matrix products, which torch counts.

    Args:
        model: any network.
        x: (B, C, ...) inputs, of which the first example is taken.

    Returns:
        The figures. A part's row stands where it has no parts, or has parameters or costs of its own.

    Raises:
        ValueError: x holds no example.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3))
        >>> print(summarize(net, torch.zeros(1, 3, 8, 8)))
        part   type          output  parameters    MACs  field  jump
        0      Conv2d     1x8x8x8           224  13,824    3x3   1x1
        1      MaxPool2d  1x8x4x4             0       0    4x4   2x2
        2      Conv2d     1x4x2x2           292   1,152    8x8   2x2
        total                               516  14,976    8x8
    """
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"x must hold at least one example: it is {tuple(x.shape)}; pass a batch of one.")
    x = x[:1]
    counter, fields = FlopCounterMode(display=False), Fields(x)
    rows: list[Row] = []
    counted: set[nn.Parameter] = set()
    # On each open call: the count when it began, and what its parts have taken of it since.
    open_calls: list[list[int]] = []

    def begin(module: nn.Module, inputs: Any) -> None:
        open_calls.append([counter.get_total_flops(), 0])

    def end(path: str, module: nn.Module, output: Any) -> None:
        start, of_parts = open_calls.pop()
        flops = counter.get_total_flops() - start
        if open_calls:
            open_calls[-1][1] += flops
        own = {
            p
            for p in module.parameters(recurse=False)
            if not isinstance(p, nn.parameter.UninitializedParameter)
        }
        macs = (flops - of_parts) // 2
        if own or macs or next(module.children(), None) is None:
            first = next(tensors(output), None)
            field = fields.of(first) if first is not None else None
            rows.append(
                Row(
                    path=path,
                    type=type(module).__name__,
                    output_shape=() if first is None else tuple(first.shape),
                    parameters=sum(p.numel() for p in own - counted),
                    macs=macs,
                    receptive_field=field.size if field else (),
                    jump=field.jump if field and field.dims else (),
                )
            )
            counted.update(own)

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(evaluating(model))
        for path, part in model.named_modules():
            stack.callback(part.register_forward_pre_hook(begin).remove)
            finish = lambda module, inputs, output, path=path: end(path, module, output)  # noqa: E731
            stack.callback(part.register_forward_hook(finish).remove)
        with counter, fields:
            output = model(x)
    last: Field | None = next((f for f in map(fields.of, tensors(output)) if f is not None), None)
    return Summary(
        rows=tuple(rows),
        parameters=sum(p.numel() for p in set(model.parameters())),
        macs=counter.get_total_flops() // 2,
        receptive_field=last.size if last else (),
    )


def _times(sizes: tuple[float, ...]) -> str:
    return "x".join(f"{s:g}" for s in sizes) or "-"
