"""Exceptions that end a run, and processes that differ."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from under import blobs, findings, fit, mlp

from vademecum.doctor import watch

SGD = torch.optim.SGD


def failing(body):
    def program():
        model = mlp()
        body(model, *blobs())

    return next(iter(findings(program).values()))


def twice(model, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    loss.backward()


def in_place(model, x, y):
    hidden = model[0](x).exp()
    total = hidden.sum()
    hidden += 1
    (total + hidden.sum()).backward()


FAULTS = {
    "a label is 7": lambda m, x, y: F.cross_entropy(m(x), torch.full_like(y, 7)),
    "32 features and was given 6": lambda m, x, y: m[2](x),
    "used up": twice,
    "changed in place": in_place,
    "not connected": lambda m, x, y: F.cross_entropy(m(x).detach(), y).backward(),
    "one value an example": lambda m, x, y: F.cross_entropy(m(x), y, reduction="none").backward(),
    "int64": lambda m, x, y: F.cross_entropy(m(x), y.int()).backward(),
    "float64": lambda m, x, y: m(x.double()),
    "targets of shape": lambda m, x, y: F.binary_cross_entropy_with_logits(m(x), y.float()),
    "outside 0 to 1": lambda m, x, y: F.binary_cross_entropy(m(x) + 9, y[:, None].expand(-1, 3).float()),
    "embedding": lambda m, x, y: nn.Embedding(3, 2)(torch.tensor([5])),
    "channels": lambda m, x, y: nn.Conv2d(3, 2, 1)(torch.zeros(1, 8, 8, 3)),
    "was given no parameter": lambda m, x, y: SGD(nn.ReLU().parameters(), lr=0.1),
    "turned into an array": lambda m, x, y: m(x).numpy(),
    "have sizes": lambda m, x, y: m(x) + torch.zeros(7, 3),
}


BETTER = {
    "a label is 7": ("labels-out-of-range", "a target is 7"),
    "not connected": ("loss-detached", "no graph"),
    "int64": ("wrong-layout", "whole numbers of 64 bits"),
    "float64": ("wrong-layout", "type double"),
    "outside 0 to 1": ("missing-output-activation", "0 to 1"),
    "channels": ("wrong-layout", "wants 3 channels"),
}
"""What a rule of its own says of a failure, and in which words."""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_cause_is_said_with_the_users_line(fault):
    finding = failing(FAULTS[fault])
    rule, words = BETTER.get(fault, ("run-failed", fault))
    assert words in finding.message.lower()
    assert (finding.severity, finding.rule) == ("error", rule)
    assert finding.cure
    assert Path(finding.file).name == Path(__file__).name
    assert finding.line


def test_a_last_batch_of_one():
    def body(model, x, y):
        model = mlp(middle=(nn.BatchNorm1d(32),))
        fit(model, SGD(model.parameters(), lr=0.1), batch=199, data=(x, y))

    finding = failing(body)
    assert (finding.rule, finding.severity) == ("batchnorm-tiny-batch", "error")
    assert "drop_last" in finding.cure


def test_an_exception_of_the_users_is_passed_on_as_a_note():
    def body(model, x, y):
        raise LookupError("patience is over")

    assert failing(body).severity == "note"


def test_an_interrupt_is_no_failure():
    model = mlp()
    with pytest.raises(KeyboardInterrupt), watch(model) as doctor:
        raise KeyboardInterrupt
    assert not doctor.report().findings


def test_watch_keeps_the_line():
    model = mlp()
    with pytest.raises(RuntimeError), watch(model) as doctor:
        model(torch.zeros(2, 5))
    (finding,) = doctor.report().findings
    assert Path(finding.file).name == Path(__file__).name


def test_replicas_are_compared_on_request_only():
    model = mlp()
    with watch(model) as doctor, pytest.raises(RuntimeError, match="init_process_group"):
        doctor.compare_replicas()
    assert doctor.report().not_checked["replicas-disagree"] == "the run has one process"


REPLICA = """
import sys
import torch
from vademecum.doctor import watch

rank, file, same = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "True"
torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
torch.manual_seed(0 if same else rank)
with watch(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))) as doctor:
    before = doctor.report().not_checked["replicas-disagree"]
    doctor.compare_replicas()
print([finding.rule for finding in doctor.report().findings], before)
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_two_processes(same, tmp_path):
    script = tmp_path / "replica.py"
    script.write_text(REPLICA, encoding="utf-8")
    command = [sys.executable, str(script)]
    both = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store"), str(same)], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.startswith("[]" if same else "['replicas-disagree']")
        assert "compare_replicas() was not called" in said
