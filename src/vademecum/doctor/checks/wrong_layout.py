r"""Wrong layout: the axes or the type of a tensor are not what the layer takes.

Torch's images are (B, C, H, W), its classes are whole numbers of shape (B,), its weights are float32. Arrays from NumPy
are (H, W, C), bytes or float64. Most mix-ups end the run with an error about something else; an image of as many rows
as the layer has channels runs, and is convolved along the wrong axes.

No equation.

Wrong:
    x = torch.from_numpy(images)  # (B, H, W, C) bytes

Right:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255

Fails where: the axes have been mixed by a view, which leaves the shape right.

References:
    dumoulin2016guide: chapter 1, the axes of a convolution.
"""

import re
from collections.abc import Iterator

from torch import nn

from .._finding import Finding
from ..recording.record import Record

REFERENCE = "dumoulin2016guide"

CHANNELS = 4
"""Channels that a picture has at most."""

SENTENCES: tuple[tuple[str, str, str], ...] = (
    (
        r"expected input\[(?P<shape>[\d, ]+)\] to have (?P<wanted>\d+) channels?, but got (?P<got>\d+) channels?",
        "a convolution wants {wanted} channels on axis 1 and was given ({shape})",
        "",
    ),
    (
        r"(?:must have the same dtype, but got|RNN input dtype|Input type|[Ee]xpected scalar type|Found dtype).*?"
        r"(?P<type>[Bb]yte|unsigned char|[Dd]ouble|float64|[Ll]ong|int64|[Ii]nt\b|Half)",
        "the values are of the type {type}, and the weights of another",
        "Cast once, where the tensor is made: torch.tensor(x, dtype=torch.float32) (and bytes / 255).",
    ),
    (
        r"expected target dtype to be Long or Byte, but got (?P<type>\w+)",
        "the classes are of the type {type}, and must be whole numbers of 64 bits",
        "Make the classes with y.long().",
    ),
    (
        r"0D or 1D target tensor expected, multi-target not supported",
        "the classes have an axis too many",
        "Give the classes as (B,): y.squeeze(1).",
    ),
)
"""What torch says -> what it means -> what to do."""


def wrong_layout(record: Record) -> Iterator[Finding]:
    """Look for pictures with their channels last, and for errors about types and axes that ended the run.

    Args:
        record: of the run so far.

    Yields:
        "error" where the run ended so; "note" where channels seem to stand last and the run went on.
    """
    if record.failure is not None:
        _, text, site = record.failure
        for sentence, meaning, cure in SENTENCES:
            said = re.search(sentence, text)
            if said is None:
                continue
            found = said.groupdict()
            shape = [int(size) for size in found["shape"].split(",")] if "shape" in found else []
            if shape and shape[-1] == int(found["wanted"]):
                cure = "Bring the channels to the front: x.permute(0, 3, 1, 2)."
            elif shape:
                cure = f"Give the layer in_channels={found['got']}, or look at how the axes of the input are made."
            yield Finding(
                "wrong-layout", "error", f"The run ended because {meaning.format(**found)}.", cure=cure,
                reference=REFERENCE, file=site.file, line=site.line, step=record.steps,
                evidence={"steps": record.steps}, disproof="The layer was meant for other data.",
            )  # fmt: skip
            return
    first = next((part for _, part in record.modules() if isinstance(part, nn.Conv2d)), None)
    shapes = [look.inputs[0].shape for look in record.looks if look.inputs and len(look.inputs[0].shape) == 4]
    if first is None or not shapes:
        return
    _, rows, columns, last = shapes[0]
    if first.in_channels == rows and last in {1, 3, CHANNELS} and rows > CHANNELS and columns > CHANNELS:
        site = record.site("forward")
        yield Finding(
            "wrong-layout", "note",
            f"The pictures are {tuple(shapes[0])}, and the first convolution takes axis 1, of {rows}, for the "
            f"channels: do the {last} channels stand last?",
            cure="Bring the channels to the front: x.permute(0, 3, 1, 2), and give the layer that number of channels.",
            evidence={"axis_1": rows, "last_axis": last}, reference=REFERENCE, file=site.file, line=site.line, step=0,
            diff="- model(x)\n+ model(x.permute(0, 3, 1, 2))", disproof="Axis 1 holds the channels.",
        )  # fmt: skip
