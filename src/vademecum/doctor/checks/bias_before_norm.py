r"""Bias before batch normalization: the mean that is taken away takes the bias with it.

$$ (Wx + b) - \mathrm{mean}(Wx + b) = Wx - \mathrm{mean}(Wx) $$

Wrong:
    nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))

Right:
    nn.Sequential(nn.Conv2d(3, 64, 3, bias=False), nn.BatchNorm2d(64))

Fails where: nothing is lost but memory; it is never an alarm.

References:
    ioffe2015batch: section 3.2, the bias can be left out.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import Scene

KINDS = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"}
WEIGHTED = {"Convolution", "MkldnnConvolution", "Addmm"}


def bias_before_norm(scene: Scene) -> Iterator[Finding]:
    """Look for layers with a bias whose output goes straight into batch normalization.

    Args:
        scene: before a backward pass.

    Yields:
        One "note" for all of them.
    """
    found = []
    for op in scene.graph:
        before = scene.graph.source(op, through=()) if op.kind in KINDS and op.saved("training") else None
        if before is None or before.kind not in WEIGHTED:
            continue
        for behind in scene.graph.inputs(before):
            name = scene.record.names.get(id(behind.variable), "") if behind.variable is not None else ""
            if name.endswith("bias"):
                found.append(name)
    if found:
        yield Finding(
            "bias-before-norm", "note",
            f"The bias of {len(found)} layers is taken away again by the batch normalization behind: "
            f"{listed(found[::-1])}.",
            cure="Build these layers with bias=False.", evidence={"layers": len(found)}, reference="ioffe2015batch",
            disproof="The output changes when the bias does.",
        )  # fmt: skip
