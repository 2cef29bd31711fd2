"""A whole check-up: the run, its experiments, and reruns with a cure as proof."""

import math

import pytest

from vademecum.doctor import Finding, Report
from vademecum.doctor.checkup import check_up, figures_of
from vademecum.doctor.patient import patient
from vademecum.doctor.script import Ending, Evaluated, Outcome

SLOW = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(600, 6)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
for epoch in range(6):
    for rows in torch.randperm(480).split(24):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print((net(x[480:]).argmax(1) == y[480:]).float().mean())
"""


def written(tmp_path, text):
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.slow
def test_a_cause_is_proven_by_reruns_with_its_cure(tmp_path):
    report, outcome = check_up(written(tmp_path, SLOW), seconds=120, seeds=2, experiments=False)
    first = report.findings[0]
    assert (first.rule, first.severity) == ("lr-too-low", "error")
    assert first.proof.measure == "held-out accuracy"
    assert len(first.proof.before) == len(first.proof.after) == 2
    assert all(after > before + 0.2 for before, after in zip(first.proof.before, first.proof.after))
    assert outcome.evaluations
    assert outcome.ending.kind == "finished"
    # when it was open: a symptom that a longer look confirms ends where the run ends
    assert report.history["spans"]["lr-too-low"][-1][1] >= report.steps - 15


def test_without_experiments_none_is_made(tmp_path):
    script = written(tmp_path, patient("missing-zero-grad")[1])
    report, _ = check_up(script, steps=12, reruns=False, experiments=False)
    assert "experiments" not in report.history
    report, _ = check_up(script, steps=12, reruns=False)
    assert "overfit-small" in report.history["experiments"]


@pytest.mark.parametrize(
    ("history", "skill"),
    [
        ({"loss": 0.5, "guess": 2.0}, 0.75),
        ({"loss": 3.0, "guess": math.nan}, -3.0),
        ({"loss": math.nan, "guess": 2.0}, -math.inf),
    ],
)
def test_skill_is_the_part_of_a_guess_that_is_gone(history, skill):
    assert figures_of(Outcome(Report(history=history), Ending("finished"))).skill == skill


def test_held_out_figures_are_of_unknown_data():
    evaluations = (
        Evaluated(1, 2.0, 0.4, 1, False),
        Evaluated(2, 1.0, 0.8, 1, False),
        Evaluated(3, 0.1, 1.0, 1, True),
    )
    figures = figures_of(
        Outcome(Report(history={"loss": 1.0, "guess": 2.0}), Ending("finished"), (), evaluations)
    )
    assert (figures.held_out, figures.measure) == (0.8, "accuracy")


def test_a_run_that_was_too_short_or_died_is_no_success():
    report = Report(
        (Finding("lr-too-low", "warning", "..."),), history={"loss": 1.0, "guess": 2.0, "early": True}
    )
    assert figures_of(Outcome(report, Ending("enough"))).outcome == "early"
    assert (
        figures_of(Outcome(Report(history={"loss": 1.0, "guess": 2.0}), Ending("failed"))).outcome
        == "not-finite"
    )
