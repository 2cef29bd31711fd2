"""Laws of convolution arithmetic: count the windows instead of dividing."""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.nn.conv.arithmetic import output_size, same_padding

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def windows(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    """Move the window over the padded cells and count how often it fits."""
    cells, start, count = size + 2 * padding, 0, 0
    while start + dilation * (kernel_size - 1) < cells:
        count += 1
        start += stride
    return count


def number(value: object) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def counting(build: Build, draw: Draw) -> Iterator[Pair]:
    for size in range(draw.shape[0], draw.shape[0] + 4):
        yield number(build(draw)(size)), number(windows(size, **draw.arguments))


def as_convolved(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    x, weight = torch.zeros(1, 1, draw.shape[0]), torch.zeros(1, 1, a["kernel_size"])
    made = F.conv1d(x, weight, stride=a["stride"], padding=a["padding"], dilation=a["dilation"])
    yield number(build(draw)(draw.shape[0])), number(made.shape[-1])


def rounded_up(size, kernel_size, stride=1, padding=0, dilation=1):
    return ceil((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1


def halved(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // 2 + 1


def without_one(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride


def padded_once(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + padding - dilation * (kernel_size - 1) - 1) // stride + 1


def undilated(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - kernel_size) // stride + 1


def dilated_whole(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


def keeps_the_size(build: Build, draw: Draw) -> Iterator[Pair]:
    before, after = build(draw)()
    size, a = draw.shape[0], draw.arguments
    yield number(windows(size + before + after, a["kernel_size"], 1, 0, a["dilation"])), number(size)


def the_odd_cell_comes_after(build: Build, draw: Draw) -> Iterator[Pair]:
    before, after = build(draw)()
    yield number(after - before), number(draw.arguments["dilation"] * (draw.arguments["kernel_size"] - 1) % 2)


def half_the_kernel(kernel_size, dilation=1):
    return kernel_size // 2, kernel_size // 2


def rounded_down(kernel_size, dilation=1):
    return dilation * (kernel_size - 1) // 2, dilation * (kernel_size - 1) // 2


def odd_before(kernel_size, dilation=1):
    before, after = same_padding(kernel_size, dilation)
    return after, before


def one_sided(kernel_size, dilation=1):
    return 0, dilation * (kernel_size - 1)


SUITES = (
    Suite(
        technique="arithmetic",
        part="output_size",
        subjects={"output_size": output_size},
        interface=Interface(
            kind="function",
            arguments=("kernel_size", "stride", "padding", "dilation"),
            inputs=("size",),
            defaults={"stride": 1, "padding": 0, "dilation": 1},
            aliases={
                "size": ("input_size", "n", "w", "h", "i"), "kernel_size": ("kernel", "k", "ks", "filter_size"),
                "stride": ("s",), "padding": ("p", "pad"), "dilation": ("d",),
            },
        ),
        cases=(
            {"kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1},
            {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1},
            {"kernel_size": 2, "stride": 3, "padding": 0, "dilation": 2},
            {"kernel_size": 4, "stride": 2, "padding": 2, "dilation": 3},
        ),
        shapes=lambda a: ((7,), (10,), (27,)),
        laws=(
            Law("counting", "It is the number of places in which the window fits.", counting, EXACT),
            Law("as_convolved", "It is the size of a convolution's output.", as_convolved, EXACT),
        ),
        twins=(
            Twin("rounded_up", rounded_up, "you round up; a window that does not fit is dropped."),
            Twin("halved", halved, "you divide by 2, which is right for a stride of 2 only: divide by the stride."),
            Twin("without_one", without_one, "the first window is missing: add 1."),
            Twin("padded_once", padded_once, "you add the padding once; it stands on both sides."),
            Twin("undilated", undilated, "you leave out the dilation."),
            Twin("dilated_whole", dilated_whole, "a dilated window covers d(k - 1) + 1 cells, not dk."),
        ),
    ),
    Suite(
        technique="arithmetic",
        part="same_padding",
        subjects={"same_padding": same_padding},
        interface=Interface(
            kind="function",
            arguments=("kernel_size", "dilation"),
            inputs=(),
            defaults={"dilation": 1},
            aliases={"kernel_size": ("kernel", "k"), "dilation": ("d",)},
        ),
        cases=(
            {"kernel_size": 3, "dilation": 1},
            {"kernel_size": 4, "dilation": 1},
            {"kernel_size": 3, "dilation": 2},
            {"kernel_size": 2, "dilation": 3},
        ),
        shapes=lambda a: ((12,),),
        laws=(
            Law("keeps_the_size", "A stride of 1 gives as many cells as came in.", keeps_the_size, EXACT),
            Law("the_odd_cell_comes_after", "Both sides are equal, or the side after has one more, as in torch.", the_odd_cell_comes_after, EXACT),
        ),
        twins=(
            Twin("half_the_kernel", half_the_kernel, "half the kernel on both sides is right for odd windows without dilation only."),
            Twin("rounded_down", rounded_down, "an even window needs one cell more on one side."),
            Twin("odd_before", odd_before, "your odd cell comes before; torch has it after."),
            Twin("one_sided", one_sided, "all of your padding is on one side, which shifts the map."),
        ),
    ),
)  # fmt: skip
