"""Replicas disagree: processes that should hold the same model hold different ones.

Gradients are averaged over the processes; weights are not. Where processes begin with different values, or step by
different gradients, each trains another model and the average means nothing.

No equation.

Wrong:
    model = Net()  # a seed of its own in every process, and gradients averaged by hand

Right:
    model = nn.parallel.DistributedDataParallel(Net())  # broadcasts the weights of the first process

Fails where: the weights are divided over the processes on purpose, as in sharded training.

References:
    goyal2017accurate: section 3, all workers apply the same update to the same weights.
"""

from collections.abc import Iterator

import torch

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

OFF = 1e-5
"""Relative difference of a sum over a tensor that the order of additions does not make."""


def replicas_disagree(record: Record) -> Iterator[Finding]:
    """Look whether the processes of a run hold the same values.

    A comparison needs every process, so it is made where the user says so: ``doctor.compare_replicas()``.

    Args:
        record: of the run so far.

    Yields:
        "error" where they do not.

    Raises:
        NotCheckedError: there is one process, or nothing was compared.
    """
    if not record.loop.compared:
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        raise NotCheckedError(
            "doctor.compare_replicas() was not called, by all processes, inside the watched block"
            if several and torch.distributed.get_world_size() > 1
            else "the run has one process"
        )
    wrong = sorted((name for name, off in record.loop.replicas.items() if not off <= OFF), key=str)
    if wrong:
        off = max(record.loop.replicas.values())
        yield Finding(
            "replicas-disagree", "error",
            f"The processes hold different values in {len(wrong)} of {len(record.loop.replicas)} tensors, by up to "
            f"{off:.2g} of their size: {listed(wrong)}.",
            cure="Wrap the model in DistributedDataParallel, or broadcast its state from one process before training "
            "and average all gradients before each step.",
            where=wrong[0], evidence={"tensors": len(wrong), "difference": off}, reference="goyal2017accurate",
            step=record.steps, disproof="The model is divided over the processes on purpose.",
        )  # fmt: skip
