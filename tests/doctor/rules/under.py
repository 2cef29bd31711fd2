"""Run a loop written as a function under the doctor, every step looked at."""

from contextlib import contextmanager

import torch
from torch import nn

from vademecum.doctor import checks
from vademecum.doctor.examine import examine
from vademecum.doctor.failure import ended
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule


@contextmanager
def recording(*, thorough=True):
    """The recorder of a block, whose record ends with it."""
    recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=thorough), memory=64 << 20, find=True)
    try:
        with attached_to_all(recorder):
            yield recorder
        recorder.record.finished = True
    except Exception as error:
        recorder.record.failure = ended(error)
    recorder.ends()


def findings(program, *, finished=True):
    """rule -> finding, folded ones too, of a program that is a function."""
    torch.manual_seed(0)
    with recording() as recorder:
        program()
    recorder.record.finished &= finished
    return flat(examine(recorder).findings)


def flat(told):
    found = {}
    for finding in told:
        found.setdefault(finding.rule, finding)
        for rule, under in flat(finding.folded).items():
            found.setdefault(rule, under)
    return found


def loud(found):
    return {rule for rule, finding in found.items() if finding.severity in {"warning", "error"}}


def mlp(*, inputs=6, outputs=3, middle=()):
    return nn.Sequential(nn.Linear(inputs, 32), *middle, nn.ReLU(), nn.Linear(32, outputs))


def blobs(*, examples=200, inputs=6, classes=3):
    """Three overlapping clouds."""
    y = torch.arange(examples) % classes
    return torch.randn(examples, inputs) + 2 * nn.functional.one_hot(y, inputs).float(), y


def fit(
    model, optimizer, *, epochs=3, batch=20, before=None, after=None, loss_fn=None, data=None, each_epoch=None
):
    """An ordinary loop, with room for faults: ``before`` and ``after`` stand around the step."""
    x, y = data or blobs()
    loss_fn = loss_fn or nn.functional.cross_entropy
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            if before:
                before()
            optimizer.step()
            if after:
                after()
        if each_epoch:
            each_epoch(epoch)
