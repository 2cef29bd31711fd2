r"""Batch normalization of a tiny batch: mean and variance of a handful of numbers.

The statistics of n numbers are off by about one part in the square root of n. With two, every output is one of two
values, whatever the input.

$$ \hat x = \frac{x - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}, \qquad n = 2 \Rightarrow \hat x = \pm 1 $$

Wrong:
    nn.BatchNorm1d(64)  # and batches of 2

Right:
    nn.LayerNorm(64)

Fails where: the small batches are few, as the last of an epoch.

References:
    wu2018group: section 1, the error of batch normalization grows as the batch gets smaller.
    ioffe2015batch: Algorithm 1.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from .._finding import Finding
from ..recording.record import Scene

TINY, SMALL = 4, 16
"""Numbers a channel up to which the statistics mean nothing, and below which they are rough."""

USUAL = 0.5
"""Share of the looks so far that a small batch must be, to be no exception."""

KINDS = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"}

LAYERS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def batchnorm_tiny_batch(scene: Scene) -> Iterator[Finding]:
    """Count the numbers that each channel's statistics are taken over.

    Args:
        scene: before a backward pass.

    Yields:
        "warning" up to 4 numbers, "note" below 16.
    """
    sizes = {part.num_features for _, part in scene.record.modules() if isinstance(part, LAYERS)}
    for op in scene.graph:
        given = op.saved("input") if op.kind in KINDS else None
        if not isinstance(given, Tensor) or given.ndim < 2 or op.saved("training") is False:
            continue
        count = given.numel() // max(given.shape[1], 1)
        if count >= SMALL or given.shape[1] not in sizes:
            continue
        where = next(
            (
                scene.record.names.get(id(i.variable), "")
                for i in scene.graph.inputs(op)
                if i.variable is not None
            ),
            "",
        ).rpartition(".")[0]
        confirmed = scene.record.count["batchnorm-tiny-batch", where] + 1
        if confirmed < USUAL * scene.record.looked:
            continue  # the last batch of an epoch may be small
        file, line = op.site
        yield Finding(
            "batchnorm-tiny-batch", "warning" if count <= TINY else "note",
            f"Batch normalization takes the mean and variance of each channel over {count} numbers "
            f"(a batch of {len(given)}).",
            cure="Use larger batches, or GroupNorm or LayerNorm, which do not look across the batch.", where=where,
            evidence={"numbers": count, "batch": len(given)}, reference="wu2018group", file=file, line=line,
            step=scene.record.steps, disproof="Larger batches train no better.",
        )  # fmt: skip
