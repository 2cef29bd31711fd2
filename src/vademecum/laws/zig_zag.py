"""Laws of the zig-zag: signs by counting, descents by their closed form."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from vademecum.theory.zig_zag import Descent, least_squares_descent, sign_agreement

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def counted(build: Build, draw: Draw) -> Iterator[Pair]:
    gradient = draw.normal()
    want = []
    for unit in gradient.tolist():
        positive, negative = sum(g > 0 for g in unit), sum(g < 0 for g in unit)
        want.append(max(positive, negative) / (positive + negative))
    yield build(draw)(gradient), torch.tensor(want, dtype=draw.dtype)


def one_positive_example(build: Build, draw: Draw) -> Iterator[Pair]:
    units, inputs = draw.shape
    x, delta = draw.uniform(inputs, low=0.1, name="x"), draw.normal(units, name="delta")
    weight = torch.zeros(units, inputs, dtype=draw.dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad((weight @ x * delta).sum(), weight)
    yield build(draw)(gradient), torch.ones(units, dtype=draw.dtype)


def a_batch_may_disagree(build: Build, draw: Draw) -> Iterator[Pair]:
    inputs = 2 * draw.shape[1]
    weak, strong = torch.ones(inputs, dtype=draw.dtype), torch.ones(inputs, dtype=draw.dtype)
    strong[: inputs // 2] = 3.0  # both examples are positive, their errors have unlike signs
    weak[inputs // 2 :] = 3.0
    gradient = torch.outer(torch.ones(1, dtype=draw.dtype), strong) - torch.outer(
        torch.ones(1, dtype=draw.dtype), weak
    )
    yield build(draw)(gradient), torch.full((1,), 0.5, dtype=draw.dtype)


def sign_of_the_error(build: Build, draw: Draw) -> Iterator[Pair]:
    gradient = draw.normal()
    yield build(draw)(-3 * gradient), build(draw)(gradient)


def zeros_are_left_out(build: Build, draw: Draw) -> Iterator[Pair]:
    gradient = draw.normal()
    yield build(draw)(torch.cat([gradient, torch.zeros_like(gradient)], dim=1)), build(draw)(gradient)


def mean_sign(gradient: Tensor) -> Tensor:
    return gradient.sign().mean(1).abs()


def share_of_positive(gradient: Tensor) -> Tensor:
    return ((gradient > 0).sum(1) / (gradient != 0).sum(1)).to(gradient.dtype)


def zeros_count(gradient: Tensor) -> Tensor:
    return (torch.maximum((gradient > 0).sum(1), (gradient < 0).sum(1)) / gradient.shape[1]).to(
        gradient.dtype
    )


def over_all_units(gradient: Tensor) -> Tensor:
    return sign_agreement(gradient.flatten()[None]).expand(len(gradient))


def weighted(gradient: Tensor) -> Tensor:
    return (0.5 + gradient.sum(1).abs() / gradient.abs().sum(1) / 2).to(gradient.dtype)


def closed_form(build: Build, draw: Draw) -> Iterator[Pair]:
    x, goal = draw.uniform(), draw.normal(draw.shape[1], name="goal")
    way: Descent = build(draw)(x, goal)
    low, high = torch.linalg.eigvalsh(x.T @ x / len(x)).tolist()
    distances = (way.path - goal).norm(dim=1)
    shrink = ((high - low) / (high + low)) ** torch.arange(len(distances), dtype=torch.float64)
    yield distances, shrink * goal.norm()
    yield torch.tensor(way.condition), torch.tensor(high / low)


def goes_downhill(build: Build, draw: Draw) -> Iterator[Pair]:
    x, goal = draw.uniform(), draw.normal(draw.shape[1], name="goal")
    path = build(draw)(x, goal).path
    low, high = torch.linalg.eigvalsh(x.T @ x / len(x)).tolist()
    for before, after in pairwise(path):
        weight = before.clone().requires_grad_()
        (slope,) = torch.autograd.grad((x @ weight - x @ goal).square().mean() / 2, weight)
        yield after - before, -2 / (low + high) * slope


def stops_when_there(build: Build, draw: Draw) -> Iterator[Pair]:
    x, goal = draw.uniform(), draw.normal(draw.shape[1], name="goal")
    for tolerance in (1e-1, 1e-4):
        distances = (build(draw)(x, goal, tolerance=tolerance).path - goal).norm(dim=1) / goal.norm()
        there = (distances <= tolerance).to(torch.float64)
        yield there, torch.tensor([0.0] * (len(there) - 1) + [1.0], dtype=torch.float64)


def equal_curvatures_need_one_step(build: Build, draw: Draw) -> Iterator[Pair]:
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    goal = draw.normal(2, name="goal")
    yield build(draw)(corners, goal).path, torch.stack([torch.zeros_like(goal), goal])


def turns_are_counted(build: Build, draw: Draw) -> Iterator[Pair]:
    x, goal = draw.uniform(), draw.normal(draw.shape[1], name="goal")
    way = build(draw)(x, goal, tolerance=1e-6)
    moves = (way.path[1:] - way.path[:-1]).tolist()
    count = sum(sum(a * b for a, b in zip(*two, strict=True)) < 0 for two in pairwise(moves))
    yield torch.tensor(float(way.turns)), torch.tensor(float(count))


def small_steps(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    return _descend(x, goal, tolerance, lambda low, high: 1 / high)


def half_steps(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    return _descend(x, goal, tolerance, lambda low, high: 2 / (low + high) * 0.5)


def centers(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    return least_squares_descent(x - x.mean(0), goal, tolerance=tolerance)


def one_step_more(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    way = least_squares_descent(x, goal, tolerance=tolerance)
    return Descent(torch.cat([way.path, way.path[-1:]]), way.condition, way.turns)


def fixed_tolerance(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    return least_squares_descent(x, goal)


def counts_every_step(x: Tensor, goal: Tensor, *, tolerance: float = 1e-3) -> Descent:
    way = least_squares_descent(x, goal, tolerance=tolerance)
    return Descent(way.path, way.condition, way.steps)


def _descend(x: Tensor, goal: Tensor, tolerance: float, rate) -> Descent:
    curvature = x.T @ x / len(x)
    low, high = torch.linalg.eigvalsh(curvature).tolist()
    path = [torch.zeros_like(goal)]
    while (path[-1] - goal).norm() > tolerance * goal.norm():
        path.append(path[-1] - rate(low, high) * curvature @ (path[-1] - goal))
    return Descent(torch.stack(path), high / low, 0)


SUITES = (
    Suite(
        technique="zig_zag",
        part="sign_agreement",
        subjects={"sign_agreement": sign_agreement},
        interface=Interface(kind="function", inputs=("gradient",)),
        cases=({},),
        shapes=lambda a: ((2, 3), (4, 7)),
        laws=(
            Law("counted", "The share of the commoner sign, by counting.", counted),
            Law("one_positive_example", r"$$ x > 0 \Rightarrow \operatorname{sign} \partial L / \partial w_j = \operatorname{sign} \delta $$", one_positive_example, EXACT),
            Law("a_batch_may_disagree", "Two positive examples with errors of unlike sign leave the signs balanced.", a_batch_may_disagree, EXACT),
            Law("sign_of_the_error", "The sign and the size of the error do not matter.", sign_of_the_error, EXACT),
            Law("zeros_are_left_out", "A component of 0 has no sign.", zeros_are_left_out, EXACT),
        ),
        twins=(
            Twin("mean_sign", mean_sign, "your measure is the mean sign, which is 0 where the signs are balanced; a share is 1/2 there."),
            Twin("share_of_positive", share_of_positive, "your share is of the positive signs; it is of the commoner."),
            Twin("zeros_count", zeros_count, "your share counts zeros, which have no sign."),
            Twin("over_all_units", over_all_units, "your share runs over all units; each has its own error."),
            Twin("weighted", weighted, "your share weighs by size; signs are counted."),
        ),
    ),
    Suite(
        technique="zig_zag",
        part="least_squares_descent",
        subjects={"least_squares_descent": least_squares_descent},
        interface=Interface(kind="function", inputs=("x", "goal")),
        cases=({},),
        shapes=lambda a: ((3, 2), (8, 2)),
        laws=(
            Law("closed_form", r"$$ \|w_t - w^*\| = ((\kappa - 1) / (\kappa + 1))^t \|w_0 - w^*\| $$", closed_form, {torch.float64: 1e-10}),
            Law("goes_downhill", r"$$ w_{t+1} = w_t - \frac{2}{\lambda_{\min} + \lambda_{\max}} \nabla L $$", goes_downhill, {torch.float64: 1e-10}),
            Law("stops_when_there", "The last place, and none before, is within the tolerance.", stops_when_there, EXACT),
            Law("equal_curvatures_need_one_step", "With equal curvatures the first step arrives.", equal_curvatures_need_one_step, {torch.float64: 1e-12}),
            Law("turns_are_counted", "A turn is a step against the one before.", turns_are_counted, EXACT),
        ),
        twins=(
            Twin("small_steps", small_steps, "your step size is 1 / lambda_max, which is safe but not the best."),
            Twin("half_steps", half_steps, "your step size is 1 / (lambda_min + lambda_max); the best is twice that."),
            Twin("centers", centers, "your inputs are centered on the way in; that hides what is to be measured."),
            Twin("one_step_more", one_step_more, "your path goes on after it has arrived."),
            Twin("fixed_tolerance", fixed_tolerance, "your tolerance is ignored."),
            Twin("counts_every_step", counts_every_step, "your turns are all steps."),
        ),
    ),
)  # fmt: skip
