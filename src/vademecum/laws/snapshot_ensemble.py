"""Laws of snapshot ensembles, from the paper's Eq. 2."""

from collections.abc import Iterator
from math import ceil, cos, pi

import torch
from torch import nn

from vademecum.train.snapshot_ensemble import Snapshots

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_equation_two(build: Build, draw: Draw) -> Iterator[Pair]:
    steps, cycles = draw.arguments["steps"], draw.arguments["cycles"]
    snapshots = build(draw).object
    for t in range(1, steps + 1):  # the paper counts from 1
        whole = ceil(steps / cycles)
        want = 0.5 * (cos(pi * ((t - 1) % whole) / whole) + 1)
        yield (
            torch.tensor(snapshots.factor(t - 1), dtype=torch.float64),
            torch.tensor(want, dtype=torch.float64),
        )


def torch_restarts(build: Build, draw: Draw) -> Iterator[Pair]:
    steps, cycles = draw.arguments["steps"], draw.arguments["cycles"]
    snapshots = build(draw).object
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, ceil(steps / cycles))
    for t in range(steps):
        yield (
            torch.tensor(snapshots.factor(t), dtype=torch.float64),
            torch.tensor(schedule.get_last_lr()[0], dtype=torch.float64),
        )
        optimizer.step()
        schedule.step()


def walk(snapshots, draw: Draw, *, beyond: int = 0) -> tuple[nn.Module, list[int]]:
    """Set the weights to the number of the step, and note where a snapshot is taken."""
    net, taken = nn.Linear(1, 1), []
    for t in range(1, draw.arguments["steps"] + 1 + beyond):
        nn.init.constant_(net.weight, float(t))
        if snapshots.step(net):
            taken.append(t)
    return net, taken


def ends(draw: Draw) -> list[int]:
    steps, cycles = draw.arguments["steps"], draw.arguments["cycles"]
    return sorted({*range(ceil(steps / cycles), steps + 1, ceil(steps / cycles)), steps})


def taken_where_the_rate_is_least(build: Build, draw: Draw) -> Iterator[Pair]:
    yield torch.tensor(walk(build(draw).object, draw, beyond=3)[1]), torch.tensor(ends(draw))


def each_is_its_own(build: Build, draw: Draw) -> Iterator[Pair]:
    """A snapshot holds the weights of its step, whatever comes later."""
    snapshots = build(draw).object
    net, _ = walk(snapshots, draw)
    nn.init.zeros_(net.weight)
    held = [member.weight.item() for member in snapshots.ensemble(net).members]
    yield torch.tensor(held), torch.tensor([float(t) for t in ends(draw)])
    yield torch.tensor(net.weight.item()), torch.tensor(0.0)


def the_newest_are_taken(build: Build, draw: Draw) -> Iterator[Pair]:
    snapshots = build(draw).object
    net, _ = walk(snapshots, draw)
    held = [member.weight.item() for member in snapshots.ensemble(net, last=1).members]
    yield torch.tensor(held), torch.tensor([float(draw.arguments["steps"])])


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second, half = build(draw).object, build(draw).object, draw.arguments["steps"] // 2 + 1
    net = nn.Linear(1, 1)
    for t in range(1, draw.arguments["steps"] + 1):
        nn.init.constant_(net.weight, float(t))
        first.step(net)
        if t == half:
            second.load_state_dict(first.state_dict())
        elif t > half:
            second.step(net)
    held = [state["weight"].item() for state in second.taken]
    yield torch.tensor(held), torch.tensor([float(t) for t in ends(draw)])


class Late(Snapshots):
    """The rate of the next step."""

    def factor(self, step):
        return super().factor(step + 1)


class ToTheEnd(Snapshots):
    """A cycle ends at zero, by one step fewer."""

    def factor(self, step):
        return 0.5 * (cos(pi * (step % self.period) / max(1, self.period - 1)) + 1)


class OneCycle(Snapshots):
    def factor(self, step):
        return 0.5 * (cos(pi * step / self.steps) + 1)


class AtTheStart(Snapshots):
    """Keeps the network after the jump, at the high rate."""

    def step(self, model):
        self.step_count += 1
        if self.step_count % self.period == 1 % self.period and self.step_count > 1:
            self.taken.append({k: v.clone() for k, v in model.state_dict().items()})
            return True
        return False


class Views(Snapshots):
    def step(self, model):
        taken = super().step(model)
        if taken:
            self.taken[-1] = model.state_dict()
        return taken


class Oldest(Snapshots):
    def ensemble(self, model, *, last=None, combine="prob"):
        whole = super().ensemble(model)
        whole.members = whole.members[: last or len(whole.members)]
        return whole


class LoadsThemselves(Snapshots):
    """Uses the trained network itself as the last member's frame."""

    def ensemble(self, model, *, last=None, combine="prob"):
        whole = super().ensemble(model, last=last)
        model.load_state_dict(self.taken[-1])
        return whole


class Forgets(Snapshots):
    def load_state_dict(self, state):
        self.step_count = state["step_count"]


SUITES = (
    Suite(
        technique="snapshot_ensemble",
        part="Snapshots",
        subjects={"Snapshots": Snapshots},
        interface=Interface(kind="module", arguments=("steps", "cycles"), inputs=("model",),
                            aliases={"steps": ("T", "num_steps"), "cycles": ("M", "num_cycles")}),
        cases=({"steps": 6, "cycles": 2}, {"steps": 10, "cycles": 4}, {"steps": 12, "cycles": 3}),
        shapes=lambda a: ((1,),),
        laws=(
            Law("by_equation_two", r"$$ \frac{1}{2} \left( \cos \frac{\pi ((t - 1) \bmod \lceil T / M \rceil)}{\lceil T / M \rceil} + 1 \right) $$", by_equation_two),
            Law("torch_restarts", "The rates are those of torch's CosineAnnealingWarmRestarts.", torch_restarts),
            Law("taken_where_the_rate_is_least", "A snapshot at the end of each cycle and of the training, none after it.", taken_where_the_rate_is_least, EXACT),
            Law("each_is_its_own", "Members hold the weights of their steps; the trained network is left alone.", each_is_its_own, EXACT),
            Law("the_newest_are_taken", "The last m snapshots are the best trained.", the_newest_are_taken, EXACT),
            Law("a_checkpoint_goes_on", "From a saved state it goes on with the snapshots that were taken.", a_checkpoint_goes_on, EXACT),
        ),
        twins=(
            Twin("late", Late, "each step has the rate of the next one: a cycle begins with the full rate."),
            Twin("to_the_end", ToTheEnd, "the paper divides by the steps of a cycle, so that the last rate is a little above zero."),
            Twin("one_cycle", OneCycle, "the rate falls once; it is to begin anew in each cycle."),
            Twin("at_the_start", AtTheStart, "you keep the network after the rate has jumped up; keep it before."),
            Twin("views", Views, "your snapshots share memory with the network and move along with it: clone them."),
            Twin("oldest", Oldest, "you take the first snapshots; the last ones are trained longer."),
            Twin("loads_themselves", LoadsThemselves, "building the ensemble changes the trained network."),
            Twin("forgets", Forgets, "the snapshots of before the checkpoint are lost."),
        ),
    ),
)  # fmt: skip
