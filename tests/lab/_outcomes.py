"""Comparisons and searches whose trials have come out without training, so that what is made of them can be tested."""

from pathlib import Path
from typing import Any

from vademecum.lab.plans import Plan
from vademecum.lab.study import Study

DATA = {
    "name": "blobs.csv",
    "kind": "table",
    "task": "classification",
    "target": "kind",
    "count": 240,
    "notes": [],
}
SPLIT = {"train": 156, "val": 36, "test": 48, "method": "stratified"}


def outcome(score: float, *, seed: int = 0, **more: Any) -> dict[str, Any]:
    """What a trial writes down."""
    return {
        "score": score, "metric": "accuracy", "validation": score, "val_loss": 1 - score, "learning_rate": 0.01,
        "epochs": 3, "best_epoch": 2, "seconds": 1.5, "wall_seconds": 2.0, "memory_mib": {"resident": 400.0},
        "curves": {"train_loss": [1.0, 0.6, 0.5], "val_loss": [1.1, 0.7, 0.8], "val_metric": [0.5, score, score]},
        "parameters": 1000, "macs": 2000, "split": {**SPLIT, "test_rows": f"rows{seed}"}, "fingerprint": "f" * 64,
        "machine": "here, cpu, 1 threads", "versions": {"torch": "2.13.0"}, "worker": "one", **more,
    }  # fmt: skip


def study(kind: str, plan: Plan, outcomes: dict[str, Any], folder: Path, *, grace: float = 20.0) -> Study:
    """A study in a folder, with outcomes in its storage."""
    facts = {"command": f"vade {kind} blobs.csv", "data": DATA, "split": SPLIT, "papers": ["holm1979simple"]}
    made = Study.begin(kind, plan, data="blobs.csv", out=folder, storage="", facts=facts, grace=grace)
    for key, found in outcomes.items():
        claim = made.trials.claim(key, worker="one")
        assert claim is not None
        made.trials.record(claim, {"settings": ["a=1"], **found})
    return made
