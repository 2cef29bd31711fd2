"""Run a small training loop under the recorder, in this process."""

import torch

from vademecum._torch.streams import same_streams
from vademecum.doctor import checks
from vademecum.doctor.examine import examine
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.record import NotCheckedError
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule


def recorder(loop, *, finished=True, seed=0):
    """The recorder of a loop, a function of no arguments, every step looked at."""
    watching = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=True), find=True)
    with same_streams():
        torch.manual_seed(seed)
        with attached_to_all(watching):
            loop()
    watching.record.finished = finished
    watching.ends()
    return watching


def recorded(loop, **kwargs):
    """The record of a loop."""
    return recorder(loop, **kwargs).record


def told(loop, **kwargs):
    """What the doctor says of a loop, its causes first."""
    return [
        finding.rule for finding in examine(recorder(loop, **kwargs)).findings if finding.severity != "note"
    ]


def says(rule, record):
    """What one rule says of a record; nothing where it may not speak."""
    try:
        return list(rule(record))
    except NotCheckedError:
        return []


def fit(model, optimizer, batch, loss, *, steps=220):
    """A loop: ``batch()`` gives inputs and targets, ``loss(output, target)`` what is trained."""

    def loop():
        for _ in range(steps):
            x, y = batch()
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    return loop
