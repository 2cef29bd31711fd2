"""Short loops under the doctor, for the tests of its rules."""

import torch

from vademecum.doctor import watch


def report(model, loss_of, *, optimizer=None, steps=6):
    """The report on a loop of some steps; `loss_of(step)` is the whole of what the user writes."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer) as doctor:
        for step in range(steps):
            loss = loss_of(step)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return doctor.report()


def flat(findings):
    """All findings, the folded ones too."""
    for finding in findings:
        yield finding
        yield from flat(finding.folded)


def told(model, loss_of, **options):
    """rule -> severity of all that is said."""
    return {finding.rule: finding.severity for finding in flat(report(model, loss_of, **options).findings)}


def alarms(model, loss_of, **options):
    """The rules that give a warning or an error."""
    return sorted(
        rule for rule, level in told(model, loss_of, **options).items() if level in {"warning", "error"}
    )
