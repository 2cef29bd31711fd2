r"""Stale statistics: batch normalization evaluates with figures that are not those of the data.

In training a batch is normalized by its own mean and variance; in evaluation by running averages. Where those are
still close to the 0 and 1 that they began with, training goes well and evaluation does not. The usual reason is the
momentum: torch's is the weight of the new batch, that of other frameworks the weight of the old average.

$$ \hat\mu \leftarrow (1 - m)\, \hat\mu + m\, \mu_B, \qquad \text{left of the start: } (1 - m)^n $$

Wrong:
    nn.BatchNorm2d(64, momentum=0.001)

Right:
    nn.BatchNorm2d(64, momentum=0.1)

Fails where: one layer normalizes two kinds of data in turn, so that neither fits the average of both.

References:
    ioffe2015batch: section 3.1, inference normalizes with the statistics of the population.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .._finding import Finding
from ..evidence.probes import Subject, subjects
from ..recording.record import NotCheckedError, Record

REFERENCE = "ioffe2015batch"

UPDATES, ENOUGH = 100, 16
"""Updates after which the averages should fit, and values of a channel that give a figure worth comparing."""

SHARE = 0.25
"""Of the channels that must be off."""

OFF, RATIO = 3.0, 10.0
"""Standard deviations of the mean, and ratio of the variances, beyond which a channel is off."""

START = 0.1
"""Share of the start in the averages from which on the start is the reason, and half of the above is enough."""

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def batchnorm_stale_statistics(record: Record) -> Iterator[Finding]:
    """Compare the running averages of batch normalization with a kept batch, under the weights as they are now.

    Args:
        record: of the run so far.

    Yields:
        "warning" for the layers whose averages are off; "note" where several optimizers train, for a critic sees two
        kinds of data.

    Raises:
        NotCheckedError: too few updates or values.
    """
    waiting = ""
    for subject in subjects(record, fewest=2):
        figures = _figures(subject)
        told: list[tuple[str, float, float]] = []
        for path, part in subject.model.named_modules():
            if not isinstance(part, NORMS) or path not in figures or not subject.kept.modes.get(path, False):
                continue
            mean, variance, count = figures[path]
            updates = int(part.num_batches_tracked) if part.num_batches_tracked is not None else 0
            if part.running_mean is None or part.running_var is None:
                continue
            if updates < UPDATES or count < ENOUGH:
                waiting = f"it takes {UPDATES} updates and {ENOUGH} values a channel: {path} has {updates} and {count}"
                continue
            start = (1 - part.momentum) ** updates if part.momentum else 0.0
            share = _share_off(part, mean, variance, 2.0 if start > START else 1.0)
            if share > SHARE:
                told.append((path, share, start))
        if told:
            yield _finding(record, subject, told)
    if waiting:
        raise NotCheckedError(waiting)


def _share_off(part: nn.Module, mean: Tensor, variance: Tensor, strict: float) -> float:
    """Share of channels whose running figures are not those of the batch."""
    running_mean, running_var = (
        part.get_buffer("running_mean").double(),
        part.get_buffer("running_var").double(),
    )
    eps = float(getattr(part, "eps", 1e-5))
    off = (running_mean - mean).abs() / (variance + eps).sqrt() > OFF / strict
    ratio = (running_var + eps) / (variance + eps)
    wide = (ratio > RATIO / strict**2) | (ratio < strict**2 / RATIO)
    return float((off | wide).double().mean())


def _figures(subject: Subject) -> dict[str, tuple[Tensor, Tensor, int]]:
    """Mean and variance of each channel of what each batch normalization is given, and values a channel."""
    found: dict[str, tuple[Tensor, Tensor, int]] = {}

    def attach(copy: nn.Module) -> None:
        for path, part in copy.named_modules():
            if isinstance(part, NORMS):

                def note(module: nn.Module, args: tuple[Tensor, ...], *, path: str = path) -> None:
                    by_channel = args[0].detach().double().movedim(1, 0).flatten(1)
                    variance, mean = torch.var_mean(by_channel, dim=1, correction=0)
                    found[path] = (mean, variance, by_channel.shape[1])

                part.register_forward_pre_hook(note)

    subject.run(training=True, watch=attach)
    return found


def _finding(record: Record, subject: Subject, told: list[tuple[str, float, float]]) -> Finding:
    path, share, start = max(told, key=lambda one: one[1])
    momentum = getattr(subject.model.get_submodule(path), "momentum", None) or 0.1
    why, cure = (
        "",
        "Let the averages follow: more updates in training mode, or a larger momentum (by default 0.1).",
    )
    if start > START:
        why = (
            f" With momentum = {momentum:g}, {start:.0%} of them are still the 0 and 1 that they began with."
        )
        cure = "Leave the default momentum=0.1: torch's momentum is the weight of the new batch."
    return Finding(
        "batchnorm-stale-statistics", "note" if len(record.optimizers) > 1 else "warning",
        f"The running mean and variance of {len(told)} batch normalizations ({path}, ...) are not those of the data: "
        f"{share:.0%} of its channels are off. Evaluation normalizes by them.{why}",
        cure=cure, where=path, evidence={"channels_off": share, "start_left": start, "layers": len(told)},
        reference=REFERENCE, disproof="Loss and accuracy on a training batch are the same in both modes.",
    )  # fmt: skip
