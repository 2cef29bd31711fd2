import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum.doctor import Finding, Report
from vademecum.doctor.cures import changed
from vademecum.doctor.cures.table import CURES, SEARCHED, cures
from vademecum.doctor.differential import Figures, diagnose, helps, interval
from vademecum.doctor.evidence.gate import outcome
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule


def rerun_of(loop):
    """Reruns of a loop in this process, one at a time."""
    made = []

    def rerun(asked):
        return [one(*each) for each in asked]

    def one(changes, seed):
        made.append((tuple(changes), seed))
        torch.manual_seed(seed)
        recorder = Recorder(schedule=Schedule(thorough=True), find=True)
        with attached_to_all(recorder), changed(changes, recorder):
            loop()
        recorder.record.finished = True
        recorder.ends()
        gate = outcome(recorder.record)
        return Figures(gate.kind, 1 - gate.loss / gate.guess if gate.guess > 0 else -gate.loss)

    return rerun, made


def learn(*, lr=0.1, scale=1.0, decay=0.0, dropout=0.0, steps=80):
    def loop():
        x = torch.randn(200, 6)
        y = (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 0).long()
        model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=decay, momentum=0.9)
        for step in range(steps):
            rows = torch.arange(step * 20, step * 20 + 20) % 200
            loss = F.cross_entropy(model(scale * x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return loop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "rule"),
    [
        (learn(lr=1e-5), "lr-too-low"),
        (learn(decay=2.0), "weight-decay-too-large"),
        (learn(dropout=0.99), "dropout-too-strong"),
    ],
    ids=["low", "decay", "dropout"],
)
def test_a_cause_that_nothing_tells_of_shows_by_its_cure(loop, rule):
    rerun, _ = rerun_of(loop)
    report = diagnose(Report((Finding("not-learning", "warning", "...", symptom=True),)), rerun)
    first = report.findings[0]
    assert (first.rule, first.severity) == (rule, "error")
    assert [f.rule for f in first.folded] == ["not-learning"]
    assert len(first.proof.before) == 3
    assert first.proof.low > 0
    assert all(after > before for before, after in zip(first.proof.before, first.proof.after))


def test_a_symptom_is_put_under_the_cause_that_is_proven():
    rerun, _ = rerun_of(learn(decay=2.0))
    told = (
        Finding("lr-too-low", "warning", "...", symptom=True),
        Finding("weight-decay-too-large", "warning", "...", symptom=True),
    )
    report = diagnose(Report(told), rerun)
    assert [f.rule for f in report.findings] == ["weight-decay-too-large"]
    assert [f.rule for f in report.findings[0].folded] == ["lr-too-low"]


def test_a_healthy_run_is_not_searched():
    rerun, made = rerun_of(learn())
    report = Report((Finding("bias-before-norm", "note", "..."),))
    assert diagnose(report, rerun) is report
    assert len(made) == 1


def test_without_time_for_a_rerun_the_report_stays():
    report = Report((Finding("lr-too-low", "warning", "...", symptom=True),))
    assert diagnose(report, lambda asked: [None] * len(asked)) is report


UNSURE = Finding("labels-mismatched", "note", "Does it belong together?", symptom=True)


def told_of(figures):
    """Reruns of which the figures are known: by the first change, else those of the run as it is."""
    return lambda asked: [figures.get(changes[0].do if changes else "", figures[""]) for changes, _ in asked]


def test_where_nothing_lets_it_learn_the_data_are_doubted():
    report = diagnose(Report((UNSURE,)), told_of({"": Figures("not-learning", 0.0)}))
    [finding] = report.findings
    assert (finding.rule, finding.severity) == ("labels-mismatched", "warning")
    assert "changes of the training that were tried, none lets it learn" in finding.message
    halted = diagnose(
        Report((UNSURE,)), lambda asked: [Figures("not-learning", 0.0) if not c else None for c, _ in asked]
    )
    assert halted.findings == (UNSURE,)


def test_a_change_that_is_worse_on_held_out_data_is_no_cure():
    base = Figures("not-learning", 0.0, 0.5, "accuracy")
    learned = {"": base, "mean_loss": Figures("", 0.6, 0.4, "accuracy")}
    report = diagnose(Report((UNSURE,)), told_of(learned))
    assert [f.rule for f in report.findings] == ["labels-mismatched"]
    learned["mean_loss"] = Figures("", 0.6, 0.8, "accuracy")
    assert diagnose(Report((UNSURE,)), told_of(learned)).findings[0].rule == "loss-reduction-sum"


def test_a_search_is_no_finding_above_a_symptom_whose_cure_did_nothing():
    told = Report((Finding("unscaled-input", "warning", "The inputs are large.", symptom=True),))
    learned = {"": Figures("not-learning", 0.0), "rate": Figures("", 0.6)}
    found = diagnose(told, told_of(learned)).findings
    assert [(f.rule, f.severity) for f in found] == [
        ("unscaled-input", "warning"),
        ("lr-too-high", "warning"),
    ]
    learned["standardize_inputs"] = Figures("not-learning", 0.01)  # it changed the run, and did not help
    found = diagnose(told, told_of(learned)).findings
    assert [(f.rule, f.severity) for f in found] == [("lr-too-high", "error")]


def test_where_the_backward_pass_is_the_users_own_nothing_is_searched():
    asked = []
    report = Report((UNSURE,), history={"own_backward": True})
    assert diagnose(report, lambda each: asked.extend(each) or [Figures("not-learning", 0.0)]) is report
    assert asked == [((), 0)]


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        (Figures("not-finite", -math.inf), Figures("", 0.4), True),
        (Figures("not-finite", -math.inf), Figures("not-learning", 0.0), False),
        (Figures("", 0.2), Figures("", 0.9), True),
        (Figures("", 0.8), Figures("", 0.85), False),
        (Figures("", 0.8, 0.5, "accuracy"), Figures("", 0.8, 0.9, "accuracy"), True),
        (Figures("", 0.8, 0.5, "accuracy"), Figures("", 0.2, 0.9, "accuracy"), False),
        (Figures("not-learning", 0.0), Figures("diverging", 0.9), False),
        (Figures("not-learning", -8.0), Figures("worse-than-guess", -0.5), False),
    ],
)
def test_what_helps(before, after, better):
    assert helps(before, after) is better


def test_the_interval_is_students():
    # mean 2, standard error 1/sqrt(3) * 1, t(0.95, 2) = 2.919986
    low, high = interval([1.0, 2.0, 3.0])
    torch.testing.assert_close([low, high], [2 - 2.919986 / 3**0.5, 2 + 2.919986 / 3**0.5], rtol=1e-5, atol=0)
    assert all(math.isnan(end) for end in interval([1.0]))


def test_what_is_searched_has_cures():
    assert set(SEARCHED) <= set(CURES)
    for rule in CURES:
        assert all(change.says for change in cures(Finding(rule, "error", "a relu")))
