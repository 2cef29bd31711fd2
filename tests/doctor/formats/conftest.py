import pytest

from vademecum.doctor._finding import Finding, Proof
from vademecum.doctor._report import Report


@pytest.fixture
def cause():
    return Finding(
        "redundant-softmax",
        "error",
        "The softmax is taken twice: with 10 classes the loss cannot fall below 1.461.",
        cure="Drop the softmax.",
        where="net.act",
        evidence={"classes": 10.0, "lowest_loss": 1.4612},
        reference="bridle1990probabilistic",
        file="train.py",
        line=3,
        diff="- return self.act(x)\n+ return x",
        disproof="The rows do not sum to 1.",
        step=0,
        folded=(Finding("lr-too-low", "warning", "The loss hardly moves.", where="loss"),),
        proof=Proof(
            "held-out accuracy",
            (0.40, 0.41, 0.42),
            (0.94, 0.95, 0.96),
            0.51,
            0.57,
            0.9,
            "the softmax was left out.",
        ),
    )


@pytest.fixture
def report(cause):
    note = Finding("missing-seed", "note", "No random stream is given a seed.")
    return Report(
        findings=(cause, note),
        checked=("redundant-softmax", "missing-seed", "lr-zero"),
        not_checked={"label-shift": "no tokens", "missing-causal-mask": "no tokens", "train-val-overlap": "no loader"},
        silenced=((Finding("frozen-by-mistake", "warning", "Layer 0 is frozen.", file="a.py", line=1), "on purpose"),),
        steps=200,
        spent=0.0137,
        history={"loss": [2.3, 2.2], "rate": (0.1, 0.1)},
    )  # fmt: skip
