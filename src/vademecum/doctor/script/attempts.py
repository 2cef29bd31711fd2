"""The experiments of ``vade check`` on the first step that a run took."""

import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import torch

from ..evidence.gate import outcome
from ..examine import asleep
from ..experiments.accumulation import RULE as ACCUMULATES
from ..recording.record import NotCheckedError, Record
from ..recording.recorder import Recorder
from ..replaying.tape import Tape
from ..trials import EXPERIMENTS, Trials, trials

CLASSES = frozenset({"cross_entropy", "nll", "soft_cross_entropy"})
NUMBERS = frozenset({"mse", "l1", "smooth_l1", "huber"})
"""Losses whose outputs can be scored: by the largest, or by the distance."""


def attempted(tape: Tape, recorder: Recorder, *, seconds: float) -> Trials:
    """Make the experiments on what a tape has recorded.

    Args:
        tape: of the run.
        recorder: of the run; it does not see them.
        seconds: for all of them.

    Returns:
        What they came to; where the step cannot be replayed, because of what they were not made.
    """
    record = recorder.record
    try:
        _one_loss(record)
        kind = record.heads[0] if record.heads else ""
        classes = record.num_classes if kind in CLASSES else 0
        rate = max((rate for _, rate in record.rates), default=None)
        case = tape.case(num_classes=classes, scored=kind in CLASSES or kind in NUMBERS, rate=rate)
    except NotCheckedError as reason:
        return Trials(not_checked={experiment.rule: str(reason) for experiment in EXPERIMENTS})
    torch.autograd.set_detect_anomaly(False)
    with (
        open(os.devnull, "w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        asleep(recorder),
    ):
        made = trials(case, seconds=seconds)
    if record.backwards > record.steps:
        return made
    # what accumulating would do is no matter of a run that does not accumulate
    others = tuple(finding for finding in made.findings if finding.rule != ACCUMULATES)
    moot = {finding.rule: finding.message for finding in made.findings if finding.rule == ACCUMULATES}
    return replace(made, findings=others, fine={**made.fine, **moot})


def _one_loss(record: Record) -> None:
    """Refuse a loop of several losses: an experiment on one of them is none on the run."""
    lines = {each.site for each in record.passes if each.step == 0}
    if outcome(record).several or len(lines) > 1:
        raise NotCheckedError("several losses are trained in turn, and the experiments are on one")
