"""Laws of Nesterov momentum, from Sutskever's Eq. 3 and 4: what x is, when the parameters are at the look-ahead."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.optim import SGD, Optimizer

from vademecum.optim.momentum import VelocitySGD, velocity
from vademecum.optim.nesterov import without_lookahead

from ._optimizers import HELD, STEPS, Gradient, Path, Problem, by, cut, joined, walk
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: list[float], gradient: Gradient, rates: list[float], mu: float) -> Path:
    """The gradient at x + mu v, the step from x."""
    v, path = [0.0] * len(x), []
    for t, rate in enumerate(rates):
        g = gradient([x[i] + mu * v[i] for i in range(len(x))], t)
        v = [mu * v[i] - rate * g[i] for i in range(len(x))]
        x = [x[i] + v[i] for i in range(len(x))]
        path.append(x)
    return path


def read(build: Build, draw: Draw, kind: Callable[..., Optimizer], rates: list[float]) -> Iterator[Pair]:
    problem, mu = Problem(draw), draw.arguments["momentum"]
    params = cut(problem.start)
    optimizer = kind(params, lr=rates[0], momentum=mu, nesterov=True)
    got = []
    for _ in walk(params, optimizer, problem.gradient, rates=rates):
        with build(draw)(optimizer):
            got.append(joined(params))
    yield torch.stack(got), by(by_the_paper(problem.start.tolist(), problem.gradient, rates, mu))


def torch_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from read(build, draw, SGD, [0.1] * STEPS)


def any_rate_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from read(build, draw, VelocitySGD, [0.1] * 30 + [0.01] * 30 + [0.05] * (STEPS - 60))


def the_lookahead_comes_back(build: Build, draw: Draw) -> Iterator[Pair]:
    problem = Problem(draw)
    params = cut(problem.start)
    optimizer = SGD(params, lr=0.1, momentum=draw.arguments["momentum"], nesterov=True)
    for place in walk(params, optimizer, problem.gradient, steps=5):
        with build(draw)(optimizer):
            pass
        yield joined(params), place


@contextmanager
def nothing(optimizer: Optimizer) -> Iterator[None]:
    yield


def reading(factor: Callable[[float], float], *, back: bool = True) -> Callable[[Optimizer], object]:
    """A reading that goes back by another share of the velocity."""

    @contextmanager
    def twin(optimizer: Optimizer) -> Iterator[None]:
        params = [(p, g["momentum"]) for g in optimizer.param_groups for p in g["params"]]
        saved = [p.detach().clone() for p, _ in params]
        with torch.no_grad():
            for p, mu in params:
                p.sub_(factor(mu) * velocity(optimizer, p))
        yield
        if back:
            with torch.no_grad():
                for (p, _), old in zip(params, saved, strict=True):
                    p.copy_(old)

    return twin


SUITES = (
    Suite(
        technique="nesterov",
        part="without_lookahead",
        subjects={"without_lookahead": without_lookahead},
        interface=Interface("function", ("momentum",), ("optimizer",), defaults={"momentum": 0.9}),
        cases=({"momentum": 0.9}, {"momentum": 0.5}),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("torch_by_the_paper", r"$$ v_{t+1} = \mu v_t - \eta \nabla L(x_t + \mu v_t), \quad x_{t+1} = x_t + v_{t+1} $$ is torch's SGD(nesterov=True) at a constant rate.", torch_by_the_paper, HELD),
            Law("any_rate_by_the_paper", "VelocitySGD(nesterov=True) is the same method at any rate.", any_rate_by_the_paper, HELD),
            Law("the_lookahead_comes_back", "After the block the parameters are what they were, bit for bit.", the_lookahead_comes_back, EXACT),
        ),
        twins=(
            Twin("nothing", nothing, "your parameters stay at the look-ahead point x + mu v."),
            Twin("the_whole_velocity", reading(lambda mu: 1.0), "you go back by the whole velocity: the look-ahead is mu times it."),
            Twin("ahead_once_more", reading(lambda mu: -mu), "you go ahead once more; x is behind the look-ahead."),
            Twin("stays", reading(lambda mu: mu, back=False), "the parameters are not put back after the block."),
        ),
    ),
)  # fmt: skip
