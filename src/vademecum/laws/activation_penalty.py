"""Laws of activation regularization (AR and TAR): means of squares, in loops."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.regularize.activation_penalty import activation_penalty, temporal_activation_penalty

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def mean_of_squares(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal()
    values = h.flatten().tolist()
    want = draw.arguments["alpha"] * sum(v * v for v in values) / len(values)
    yield build(draw)(h), torch.tensor(want, dtype=draw.dtype)


def counts_what_was_dropped(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal()
    dropped = torch.cat([2 * h, torch.zeros_like(h)])  # half of the units dropped, the others doubled
    yield build(draw)(dropped), 2 * build(draw)(h)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal().requires_grad_()
    (got,) = torch.autograd.grad(build(draw)(h), h)
    yield got, 2 * draw.arguments["alpha"] * h / h.numel()


def mean_of_squared_changes(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal()
    steps, batch, features = h.shape
    squares = [
        float(h[t + 1, b, f] - h[t, b, f]) ** 2
        for t in range(steps - 1)
        for b in range(batch)
        for f in range(features)
    ]
    want = draw.arguments["beta"] * sum(squares) / len(squares)
    yield build(draw)(h), torch.tensor(want, dtype=draw.dtype)


def time_may_stand_elsewhere(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal()
    yield build(draw)(h.transpose(0, 1), dim=1), build(draw)(h)


def a_constant_state_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    h = draw.normal()
    yield build(draw)(h + 3.0), build(draw)(h)
    yield build(draw)(h[:1].expand_as(h)), torch.zeros((), dtype=draw.dtype)


def one_step_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    yield build(draw)(draw.normal()[:1]), torch.zeros((), dtype=draw.dtype)


def of_changes(function):
    """A twin of TAR: a function of the differences."""

    def penalty(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
        if raw.shape[dim] == 1:
            return raw.new_zeros(())
        return beta * function(raw.diff(dim=dim))

    return penalty


def wraps_around(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
    return beta * (raw.roll(-1, dim) - raw).square().mean()


def fixed_dim(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
    return temporal_activation_penalty(raw, beta)


def fails_on_one(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
    return beta * raw.diff(dim=dim).square().mean()


def of_states(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
    return beta * raw.square().mean()


SUITES = (
    Suite(
        technique="activation_penalty",
        part="activation_penalty",
        subjects={"activation_penalty": activation_penalty},
        interface=Interface(kind="function", arguments=("alpha",), inputs=("dropped",)),
        cases=({"alpha": 2.0}, {"alpha": 0.5}),
        shapes=lambda a: ((2, 1, 2), (4, 3, 5)),
        laws=(
            Law("mean_of_squares", r"$$ \alpha \frac{1}{TBF} \sum (m \odot h)^2 $$", mean_of_squares),
            Law("counts_what_was_dropped", "What was dropped counts as 0 in the mean.", counts_what_was_dropped),
            Law("gradient", r"$$ \partial / \partial h = 2 \alpha h / (TBF) $$", gradient),
        ),
        twins=(
            Twin("sum", lambda dropped, alpha=2.0: alpha * dropped.square().sum(), "your penalty is a sum; it is a mean."),
            Twin("length", lambda dropped, alpha=2.0: alpha * dropped.norm(dim=-1).mean(), "your penalty is a mean of lengths; the code of the paper takes squares."),
            Twin("without_strength", lambda dropped, alpha=2.0: dropped.square().mean(), "your strength is ignored."),
            Twin("half", lambda dropped, alpha=2.0: alpha * dropped.square().mean() / 2, "there is no half in the paper's code."),
            Twin("of_the_kept", lambda dropped, alpha=2.0: alpha * dropped[dropped != 0].square().mean(), "your mean leaves out what was dropped."),
            Twin("detached", lambda dropped, alpha=2.0: alpha * dropped.detach().square().mean() + 0 * dropped.sum(), "your penalty has no gradient."),
        ),
    ),
    Suite(
        technique="activation_penalty",
        part="temporal_activation_penalty",
        subjects={"temporal_activation_penalty": temporal_activation_penalty},
        interface=Interface(kind="function", arguments=("beta",), inputs=("raw",)),
        cases=({"beta": 1.0}, {"beta": 3.0}),
        shapes=lambda a: ((3, 1, 2), (4, 3, 5)),
        laws=(
            Law("mean_of_squared_changes", r"$$ \beta \frac{1}{(T - 1) B F} \sum_t (h_{t+1} - h_t)^2 $$", mean_of_squared_changes),
            Law("time_may_stand_elsewhere", "Time may be any dimension.", time_may_stand_elsewhere),
            Law("a_constant_state_costs_nothing", "What does not change costs nothing.", a_constant_state_costs_nothing),
            Law("one_step_costs_nothing", "One step has no change.", one_step_costs_nothing, EXACT),
        ),
        twins=(
            Twin("sum", of_changes(lambda d: d.square().sum()), "your penalty is a sum; it is a mean."),
            Twin("length", of_changes(lambda d: d.norm(dim=-1).mean()), "your penalty is a mean of lengths; the code of the paper takes squares."),
            Twin("absolute", of_changes(lambda d: d.abs().mean()), "your changes are not squared."),
            Twin("wraps_around", wraps_around, "your last step is compared with the first."),
            Twin("fixed_dim", fixed_dim, "your time is always dimension 0."),
            Twin("fails_on_one", fails_on_one, "a single step gives the mean of nothing, NaN."),
            Twin("of_states", of_states, "your penalty is on the states; this one is on their changes."),
        ),
    ),
)  # fmt: skip
