import re
from dataclasses import replace
from html.parser import HTMLParser

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.doctor import Finding, Proof, Report, checks
from vademecum.doctor.history import history, spans, until
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule
from vademecum.lab.findings_page import findings_page

VOID = {"meta", "input", "link", "br", "path", "use", "img", "hr"}


class Balanced(HTMLParser):
    """Counts open elements and refuses what a page may not have."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        assert tag != "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def record():
    recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=True), find=True)
    torch.manual_seed(0)
    x, y = torch.randn(64, 6), torch.arange(64) % 3
    with attached_to_all(recorder):
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                model(x[:8])
    recorder.ends()
    return recorder.record


def page(**more):
    seen = record()
    first = Finding(
        "missing-zero-grad", "error", "The gradients <never> go.", cure="Clear them.", diff="+ optimizer.zero_grad()",
        file="train.py", line=7, evidence={"leftover_norm": 0.25}, reference="goodfellow2016deep", step=3,
        proof=Proof("held-out accuracy", (0.4, 0.5), (0.9, 0.95), 0.3, 0.6, 0.9, "with cleared gradients"),
        folded=(Finding("lr-too-high", "warning", "The loss rose."),), disproof="They are kept on purpose.",
    )  # fmt: skip
    report = Report(
        (first,), ("a", "b"), {"label-shift": "no language model"}, steps=30, history=history(seen)
    )
    return findings_page(replace(report, **more), title="train.py")


def test_the_page_tells_cause_cure_proof_and_what_was_not_checked():
    text = page()
    for said in (
        "The gradients &lt;never&gt; go.", "+ optimizer.zero_grad()", "train.py:7", "The loss rose.",
        "Wrong if: They are kept on purpose.", "with cleared gradients", "0.45 before, 0.925 after", "no language model",
        "Goodfellow",
    ):  # fmt: skip
        assert said in text, said
    parser = Balanced()
    parser.feed(text)
    assert not parser.open
    assert not re.search(r'(?:src|href)="(?!#)(?!https://(?:doi|arxiv)\.org)', text)
    assert text.count("<svg") == text.count("</svg>") == 1


def test_maps_have_a_row_a_weight_and_a_cell_a_look():
    figures = history(record())
    assert list(figures["update_ratio"]["rows"]) == ["0.weight", "2.weight", "4.weight"]
    assert all(len(row) == 30 for row in figures["update_ratio"]["rows"].values())
    assert [name.partition(": ")[2] for name in figures["units"]["rows"]] == ["relu", "tanh"]
    assert len(figures["losses"]) == 30


def test_a_healthy_run_says_so():
    assert "Nothing wrong was found" in page(findings=())


def test_spans_are_stretches_of_steps_in_which_a_rule_speaks():
    def ask(seen):
        return (
            [Finding("early", "warning", "...")] if seen.steps < 12 else [Finding("late", "warning", "...")]
        )

    found = spans(record(), ask, moments=30)
    assert found == {"early": [[0, 10]], "late": [[11, 29]]}


def test_the_past_of_a_record_knows_nothing_of_its_future():
    past = until(record(), 9)
    assert past.steps == 10
    assert len(past.losses) == len(past.train.order) == len(past.looks) == 10
    assert all(e.step <= 9 for e in past.evaluations)
