"""Laws of triggered averaging: the rule, the mean, and plain descent in all else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import SGD

from vademecum.optim.averaged_sgd import NTASGD

from ._optimizers import STEPS, Problem, cut, interface, joined, walk
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

MEAN = {torch.float64: 1e-10, torch.float32: 1e-5}


def trigger_by_the_rule(losses: list[float], n: int) -> int:
    """The first check t with t > n whose loss exceeds the least of checks 0 .. t - n - 1; -1 if none does."""
    for t in range(len(losses)):
        if t > n and any(losses[t] > losses[i] for i in range(t - n)):
            return t
    return -1


def triggered_at(build: Build, draw: Draw, losses: list[float]) -> Tensor:
    optimizer = build(draw, params=cut(torch.zeros(1, dtype=draw.dtype))).object
    said = [t for t, loss in enumerate(losses) if optimizer.observe(loss)]
    return torch.tensor(said if said else [-1])


def the_trigger(build: Build, draw: Draw) -> Iterator[Pair]:
    n = draw.arguments["n"]
    falling = [1 / (t + 1) for t in range(20)]
    noisy = [1 / (t + 1) + 0.3 * abs(e) for t, e in enumerate(draw.normal(40, name="losses").tolist())]
    spike = [5.0, 4.0, *[9.0] * n, 3.0, 2.9]  # a rise within the last n alone is forgiven
    dip = [5.0, 1.0, *[0.9 + 0.01 * t for t in range(3 * n)]]
    for losses in (falling, noisy, spike, dip, [1.0] * 20):
        yield triggered_at(build, draw, losses), torch.tensor([trigger_by_the_rule(losses, n)])


def plain(draw: Draw, problem: Problem) -> list[Tensor]:
    params = cut(problem.start)
    optimizer = SGD(params, lr=draw.arguments["lr"], weight_decay=draw.arguments["weight_decay"])
    return list(walk(params, optimizer, problem.gradient))


def fire(optimizer: NTASGD, n: int) -> None:
    """Losses that trigger it."""
    for loss in range(n + 2):
        optimizer.observe(float(loss))


def the_steps_are_plain_descent(build: Build, draw: Draw) -> Iterator[Pair]:
    """Before the trigger and after."""
    problem = Problem(draw)
    params = cut(problem.start)
    optimizer = build(draw, params=params).object
    got = []
    for t, place in enumerate(walk(params, optimizer, problem.gradient)):
        got.append(place)
        if t == STEPS // 2:
            fire(optimizer, draw.arguments["n"])
    yield torch.stack(got), torch.stack(plain(draw, problem))


def the_mean_of_all_since_the_trigger(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, begin = Problem(draw), 40
    params = cut(problem.start)
    optimizer = build(draw, params=params).object
    places = plain(draw, problem)
    for t, place in enumerate(walk(params, optimizer, problem.gradient)):
        if t >= begin:
            if t == begin:
                fire(optimizer, draw.arguments["n"])
            with optimizer.averaged():
                yield joined(params), torch.stack(places[begin : t + 1]).double().mean(0)
        yield joined(params), place


def before_the_trigger_it_is_the_last(build: Build, draw: Draw) -> Iterator[Pair]:
    problem = Problem(draw)
    params = cut(problem.start)
    optimizer = build(draw, params=params).object
    for place in walk(params, optimizer, problem.gradient, steps=3):
        with optimizer.averaged():
            yield joined(params), place


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    """Saved before the trigger, and again after it."""
    problem, n = Problem(draw), draw.arguments["n"]
    ends = []
    for saved in ((), (20, 60)):
        params = cut(problem.start)
        optimizer = build(draw, params=params).object
        for t in range(STEPS):
            if t in saved:
                state, optimizer = optimizer.state_dict(), build(draw, params=params).object
                optimizer.load_state_dict(state)
            if 18 <= t < 18 + n + 2:
                optimizer.observe(float(t))
            list(walk(params, optimizer, problem.gradient, steps=1, first=t))
        with optimizer.averaged():
            ends.append(joined(params))
    yield ends[1], ends[0]


class LastN(NTASGD):
    def observe(self, loss: float) -> bool:
        losses, n = self.param_groups[0]["losses"], self.param_groups[0]["n"]
        now = not self.triggered and len(losses) > n and loss > min(losses[-n:])
        for group in self.param_groups:
            group["losses"] = (-1e9,) * (n + 1) if now else (1e9,) * (n + 1)
        super().observe(0.0)
        for group in self.param_groups:
            group["losses"] = (*losses, loss)
        return now


class AllButNone(NTASGD):
    def observe(self, loss: float) -> bool:
        losses, n = self.param_groups[0]["losses"], self.param_groups[0]["n"]
        padded = (*losses, *[float("inf")] * n) if len(losses) > n else losses
        for group in self.param_groups:
            group["losses"] = padded
        now = super().observe(loss)
        for group in self.param_groups:
            group["losses"] = (*losses, loss)
        return now


class OneTooEarly(NTASGD):
    def observe(self, loss: float) -> bool:
        for group in self.param_groups:
            group["n"] -= 1
        now = super().observe(loss)
        for group in self.param_groups:
            group["n"] += 1
        return now


class LeavesTheFirstOut(NTASGD):
    """As torch's ASGD: the first place never enters the mean."""

    @torch.no_grad()
    def step(self, closure: object = None) -> object:
        first = self.param_groups[0]["num_averaged"] == 1 and not hasattr(self, "began")
        result = super().step(closure)
        if first:
            self.began = True
            for group in self.param_groups:
                group["num_averaged"] = 1
                for p in group["params"]:
                    self.state[p]["average"].copy_(p)
        return result


class MeanOfTwo(NTASGD):
    @torch.no_grad()
    def step(self, closure: object = None) -> object:
        for group in self.param_groups:
            group["num_averaged"] = min(group["num_averaged"], 1)
        return super().step(closure)


class NotPutBack(NTASGD):
    @contextmanager
    def averaged(self) -> Iterator[None]:
        with torch.no_grad():
            for p in self.state:
                if "average" in self.state[p]:
                    p.copy_(self.state[p]["average"])
        yield


class NeverTheMean(NTASGD):
    @contextmanager
    def averaged(self) -> Iterator[None]:
        yield


class ZeroBefore(NTASGD):
    @contextmanager
    def averaged(self) -> Iterator[None]:
        saved = [p.detach().clone() for group in self.param_groups for p in group["params"]]
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.copy_(self.state[p].get("average", torch.zeros_like(p)))
        yield
        with torch.no_grad():
            for p, old in zip(
                (p for group in self.param_groups for p in group["params"]), saved, strict=True
            ):
                p.copy_(old)


class GoesOnFromTheMean(NTASGD):
    def observe(self, loss: float) -> bool:
        now = super().observe(loss)
        if now:
            for group in self.param_groups:
                group["lr"] /= 2
        return now


class ForgetsTheLosses(NTASGD):
    def load_state_dict(self, state_dict: dict) -> None:
        groups = [{**group, "losses": ()} for group in state_dict["param_groups"]]
        super().load_state_dict({**state_dict, "param_groups": groups})


SUITES = (
    Suite(
        technique="averaged_sgd",
        part="NTASGD",
        subjects={"NTASGD": NTASGD},
        interface=interface("lr", "n", "weight_decay", n=5, weight_decay=0.0),
        cases=(
            {"lr": 0.3, "n": 1, "weight_decay": 0.0},
            {"lr": 0.1, "n": 5, "weight_decay": 0.1},
        ),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("the_trigger", r"$$ t > n \land v_t > \min_{l \le t - n - 1} v_l $$", the_trigger, EXACT),
            Law("the_steps_are_plain_descent", "Each step is that of torch's SGD, bit for bit, before the trigger and after.", the_steps_are_plain_descent, {**EXACT, torch.float32: 0.0}),
            Law("the_mean_of_all_since_the_trigger", r"$$ \bar w_K = \frac{1}{K - T + 1} \sum_{i=T}^K w_i $$ inside averaged(), the last weights outside.", the_mean_of_all_since_the_trigger, MEAN),
            Law("before_the_trigger_it_is_the_last", "Before the trigger averaged() changes nothing.", before_the_trigger_it_is_the_last, EXACT),
            Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped, before the switch and after.", a_checkpoint_goes_on, EXACT),
        ),
        twins=(
            Twin("the_last_n", LastN, "you compare with the last n checks; compare with all but the last n."),
            Twin("all_checks", AllButNone, "you compare with all checks; leave the last n out."),
            Twin("one_too_early", OneTooEarly, "you leave n - 1 checks out; leave n out."),
            Twin("leaves_the_first_out", LeavesTheFirstOut, "the weights at the trigger do not enter your mean, as in torch's ASGD."),
            Twin("mean_of_two", MeanOfTwo, "your mean forgets: each place counts the same."),
            Twin("not_put_back", NotPutBack, "after the block the parameters are still the mean."),
            Twin("never_the_mean", NeverTheMean, "your block shows the last weights, not the mean."),
            Twin("zero_before", ZeroBefore, "before the trigger your block shows an average that there is not."),
            Twin("halves_the_rate", GoesOnFromTheMean, "your trigger changes the rate; the steps go on as before."),
            Twin("forgets_the_losses", ForgetsTheLosses, "a loaded state forgets the losses, and the trigger comes late or never."),
        ),
    ),
)  # fmt: skip
