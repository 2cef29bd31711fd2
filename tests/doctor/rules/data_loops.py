"""Short training loops under the doctor: what a rule says of them."""

import torch
from torch import nn

from vademecum._torch.streams import same_streams
from vademecum.doctor import checks
from vademecum.doctor.examine import examine
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.record import Site
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule


def report(loop):
    """The report on a loop, every step of which is looked at; an error that ends it is noted."""
    recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=True), find=True)
    with same_streams(), attached_to_all(recorder):
        torch.manual_seed(0)
        try:
            loop()
            recorder.record.finished = True
        except Exception as error:
            recorder.record.failure = (type(error).__name__, str(error), Site())
    recorder.ends()
    found = examine(recorder)
    broken = {rule: why for rule, why in found.not_checked.items() if "inside the doctor" in why}
    assert not broken
    return found


def told(loop):
    """Rule -> severity of all that is said of a loop, what is folded too."""

    def walk(findings):
        for finding in findings:
            yield finding.rule, finding.severity
            yield from walk(finding.folded)

    return dict(walk(report(loop).findings))


def train(
    model, loss_fn, x, y, *, epochs=3, batch=20, lr=0.05, shuffle=True, optimizer=None, val=None, steps=None
):
    """An ordinary loop over rows, with a validation pass after each epoch where rows for it are given."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    done = 0
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
        for rows in order.split(batch):
            optimizer.zero_grad()
            loss_fn(model(x[rows]), y[rows]).backward()
            optimizer.step()
            done += 1
            if done == steps:
                return
        if val is not None:
            model.eval()
            with torch.no_grad():
                model(val)


def clusters(rows=200, columns=6, classes=3, *, seed=0, noise=0.5):
    """Rows around one center a class, of about unit variance, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(classes, columns, generator=generator)
    y = torch.arange(rows) % classes
    y = y[torch.randperm(rows, generator=generator)]
    x = centers[y] + noise * torch.randn(rows, columns, generator=generator)
    return (x - x.mean(0)) / x.std(0), y


def mlp(columns=6, outputs=3, hidden=16):
    """A small network."""
    return nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
