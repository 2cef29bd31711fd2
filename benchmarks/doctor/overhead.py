"""What `watch` costs at its defaults: time, memory and looks, against the same loop without it.

Runs with and without it take turns, and the time is that of the process, so that a busy machine slows both alike. A
run is timed as a whole, its first looks included; the share is the median over the rounds of the ratio within a round.
Allowed: 3 % where a step takes 2 ms or more; `CAP` looks where it takes less; memory of 1 % of the parameters and
50 MB. Memory is the difference between the peaks of two fresh processes, and of what Python itself allocated.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from _record import record

from vademecum.doctor import watch

ROUNDS = int(os.environ.get("ROUNDS", "7"))
Batches = Iterator[tuple[Tensor, Tensor]]


def mlp() -> tuple[nn.Module, Tensor]:
    """One of 1.4 million weights, with dropout."""
    layers = [nn.Linear(256, 768), nn.ReLU(), nn.Dropout(0.1), nn.Linear(768, 1536), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(1536, 10)), torch.randn(64, 256)


def cnn() -> tuple[nn.Module, Tensor]:
    """Four convolutions with batch normalization."""
    layers: list[nn.Module] = []
    for inner, outer in ((3, 16), (16, 32), (32, 32), (32, 64)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10)), torch.randn(16, 3, 32, 32)


def transformer() -> tuple[nn.Module, Tensor]:
    """Four layers of width 128."""
    layer = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
    body = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    return nn.Sequential(nn.Linear(16, 128), body, nn.Flatten(), nn.Linear(128 * 16, 10)), torch.randn(
        8, 16, 16
    )


def small() -> tuple[nn.Module, Tensor]:
    """Steps far below a millisecond."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), torch.randn(32, 64)


CASES: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor]], int]] = {
    "mlp": (mlp, 300), "cnn": (cnn, 300), "transformer": (transformer, 300), "small mlp": (small, 3000),
}  # fmt: skip
"""Builders, and the steps of a run."""


def run(case: str, *, watched: bool) -> tuple[float, Any, nn.Module]:
    """Train; seconds of the process, the watch or None, and the model."""
    make, steps = CASES[case]
    torch.manual_seed(0)
    model, x = make()
    data = [(x.roll(i, 0) + 0.1 * i, torch.randint(10, (len(x),))) for i in range(16)]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    begun = time.process_time()
    with watch(model, optimizer) if watched else nullcontext() as doctor:
        for step in range(steps):
            x, y = data[step % len(data)]
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return time.process_time() - begun, doctor, model


def memory(case: str, *, watched: bool) -> dict[str, float]:
    """Peaks of this process, which must be fresh, and what Python allocated; in MB."""
    tracemalloc.start()
    *_, model = run(case, watched=watched)
    _, peak = tracemalloc.get_traced_memory()
    size = sum(p.nbytes for p in model.parameters())
    high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux
    return {"python": peak / 2**20, "process": high, "parameters": size / 2**20}


def fresh(case: str, *, watched: bool) -> dict[str, float]:
    """The same in a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, "memory", case, str(int(watched))],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(told.stdout.splitlines()[-1])


def main() -> None:
    """Measure and write down."""
    for case, (_, steps) in CASES.items():
        for watched in (False, True):
            run(case, watched=watched)
        plain, shares, looks = [], [], []
        for round_ in range(ROUNDS):
            times = {}
            for watched in (False, True)[:: 1 if round_ % 2 else -1]:
                times[watched], doctor, _ = run(case, watched=watched)
                if doctor is not None:
                    looks.append(len(doctor.looked_at))
            plain.append(times[False] / steps)
            shares.append(times[True] / times[False] - 1)
        alone, with_it = fresh(case, watched=False), fresh(case, watched=True)
        record(
            "doctor_overhead",
            what=case,
            steps=steps,
            milliseconds_a_step=round(1e3 * statistics.median(plain), 3),
            share_of_time=round(statistics.median(shares), 4),
            quartiles=[round(q, 4) for q in statistics.quantiles(shares, n=4)],
            looks=statistics.median(looks),
            megabytes_of_parameters=round(alone["parameters"], 2),
            megabytes_more_in_python=round(with_it["python"] - alone["python"], 2),
            megabytes_more_in_all=round(with_it["process"] - alone["process"], 2),
        )


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if sys.argv[1:2] == ["memory"]:
        print(json.dumps(memory(sys.argv[2], watched=sys.argv[3] == "1")))
    else:
        main()
