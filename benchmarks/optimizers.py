"""A step of our optimizers against torch's nearest ones, fused, foreach and tensor by tensor.

`agree` runs first: each pair starts from the same weights, takes the same gradients, and must end in the same weights.
Where torch has no equal (unit-wise clipping, Path-SGD) the nearest thing is timed and the line says that it is none.
Allowed: 1.05 times torch's step. Rounds are interleaved, to and fro, so that a busy machine slows all alike; a figure
is the median over the rounds of the CPU time of the process, and a ratio the median of the ratios within a round. With
OMP_NUM_THREADS=2 the machine must be idle: threads that wait for one another count as busy.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from operator import truediv

import torch
from _record import record
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_swa_multi_avg_fn

from vademecum.optim import (
    NTASGD,
    PathSGD,
    UncorrectedAdam,
    VelocitySGD,
    adaptive_clip_gradients_,
    clip_grad_norm_,
    normalize_gradients_,
)  # fmt: skip

ROUNDS = 31
STEPS = 40
Step = Callable[[], object]
Make = Callable[[nn.Module, dict[str, bool]], Step]
KERNELS: dict[str, dict[str, bool]] = {
    "fused": {"fused": True},
    "foreach": {"foreach": True},
    "tensor by tensor": {"foreach": False},
}


def mlp() -> nn.Sequential:
    """784-512-512-10: 6 tensors, 0.67 million parameters."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn() -> nn.Sequential:
    """Convolutions of 16 to 64 channels with batch norm, as in a ResNet-20: 59 tensors, 0.27 million parameters."""
    widths = [3, *[16] * 7, *[32] * 6, *[64] * 6]
    blocks = [nn.Sequential(nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b)) for a, b in pairwise(widths)]
    return nn.Sequential(*blocks, nn.Linear(64, 10))


@dataclass(frozen=True)
class Race:
    """Ours against torch's.

    Attributes:
        ours: makes our step.
        peer: makes torch's.
        equal: whether both must end in the same weights.
        in_agreement: makes the step with which ours must agree, where it is not the one that is timed.
        kernels: by which both are run.
        nets: on which both are run.
    """

    ours: Make
    peer: Make
    equal: bool = True
    in_agreement: Make | None = None
    kernels: tuple[str, ...] = tuple(KERNELS)
    nets: tuple[str, ...] = ("mlp", "cnn")


def optimizer(kind: Callable[..., torch.optim.Optimizer], **arguments: object) -> Make:
    """The step of an optimizer of the parameters."""
    return lambda net, kernel: kind(net.parameters(), **arguments, **kernel).step


def triggered(net: nn.Module, kernel: dict[str, bool]) -> Step:
    """NT-ASGD once it averages."""
    made = NTASGD(net.parameters(), 1e-3, n=1, **kernel)
    for loss in (1.0, 2.0, 3.0):
        made.observe(loss)
    return made.step


def with_average(net: nn.Module, kernel: dict[str, bool]) -> Step:
    """SGD and torch's own running mean of the weights."""
    made = torch.optim.SGD(net.parameters(), 1e-3, **kernel)
    mean = AveragedModel(net, multi_avg_fn=get_swa_multi_avg_fn())
    mean.update_parameters(net)

    def step() -> None:
        made.step()
        mean.update_parameters(net)

    return step


class Faded(torch.optim.Adam):
    """Torch's Adam told that so many steps have passed that its corrections are 1; for `agree` only."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["step"] = torch.tensor(1e8)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)


RACES = {
    "VelocitySGD to SGD(momentum)": Race(
        optimizer(VelocitySGD, lr=1e-3), optimizer(torch.optim.SGD, lr=1e-3, momentum=0.9)
    ),
    "VelocitySGD to SGD(nesterov)": Race(
        optimizer(VelocitySGD, lr=1e-3, nesterov=True),
        optimizer(torch.optim.SGD, lr=1e-3, momentum=0.9, nesterov=True),
    ),
    "UncorrectedAdam to Adam": Race(
        optimizer(UncorrectedAdam), optimizer(torch.optim.Adam), in_agreement=optimizer(Faded)
    ),
    "NTASGD to SGD": Race(optimizer(NTASGD, lr=1e-3), optimizer(torch.optim.SGD, lr=1e-3)),
    "NTASGD, triggered, to SGD and AveragedModel": Race(triggered, with_average),
    "PathSGD to SGD (not equal)": Race(
        lambda net, kernel: PathSGD(net, 1e-3, **kernel).step,
        optimizer(torch.optim.SGD, lr=1e-3),
        equal=False,
        kernels=("fused",),
        nets=("mlp",),
    ),
    "adaptive_clip_gradients_ to clip_grad_norm_ (not equal)": Race(
        lambda net, _: lambda: adaptive_clip_gradients_(net.parameters()),
        lambda net, _: lambda: clip_grad_norm_(net.parameters(), 1.0),
        equal=False,
        kernels=("foreach",),
    ),
    "normalize_gradients_ to clip_grad_norm_ (not equal)": Race(
        lambda net, _: lambda: normalize_gradients_(net.parameters()),
        lambda net, _: lambda: clip_grad_norm_(net.parameters(), 1.0),
        equal=False,
        kernels=("foreach",),
    ),
}


def prepared(build: Callable[[], nn.Module]) -> nn.Module:
    """A net with gradients, the same each time."""
    torch.manual_seed(0)
    net = build()
    for p in net.parameters():
        p.grad = torch.randn_like(p)
    return net


def agree(race: Race, build: Callable[[], nn.Module], kernel: dict[str, bool]) -> None:
    """Five steps end in the same weights."""
    ends: list[list[Tensor]] = []
    for make in (race.ours, race.in_agreement or race.peer):
        net = prepared(build)
        step = make(net, kernel)
        for _ in range(5):
            step()
        ends.append(list(net.parameters()))
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-7)


def main() -> None:
    """Measure and write down the races whose names hold one of the given words; all without a word."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    wanted = sys.argv[1:] or [""]
    for name, race in RACES.items():
        if any(word in name for word in wanted):
            for net in race.nets:
                for kernel in race.kernels:
                    run(name, race, net, kernel)


def run(name: str, race: Race, net: str, kernel: str) -> None:
    """One race."""
    build = {"mlp": mlp, "cnn": cnn}[net]
    if race.equal:
        agree(race, build, KERNELS[kernel])
    steps = {"ours": race.ours(prepared(build), KERNELS[kernel])}
    steps["torch"] = race.peer(prepared(build), KERNELS[kernel])
    times: dict[str, list[float]] = {runner: [] for runner in steps}
    for round_ in range(ROUNDS + 1):
        for runner, step in list(steps.items())[:: 1 if round_ % 2 else -1]:
            start = time.process_time()
            for _ in range(STEPS):
                step()
            if round_:
                times[runner].append((time.process_time() - start) / STEPS * 1e6)
    record(
        "optimizers",
        what=f"{name}, {net}, {kernel}",
        cpu_microseconds_a_step={r: round(statistics.median(v), 1) for r, v in times.items()},
        quartiles={r: [round(q, 1) for q in statistics.quantiles(v, n=4)] for r, v in times.items()},
        ratio=round(statistics.median(map(truediv, times["ours"], times["torch"])), 3),
    )


if __name__ == "__main__":
    main()
