"""Laws of early stopping as ridge: the closed form against the loop, and ridge against its equation."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.theory.early_stopping_as_ridge import StoppedDescent, early_stopping_ridge

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

RATE, STEPS = 0.05, 17


def valley(draw: Draw) -> tuple[Tensor, Tensor]:
    """A Hessian with eigenvalues up to 8, and a minimum."""
    x = draw.normal()
    hessian = x.T @ x
    return 8 * hessian / torch.linalg.eigvalsh(hessian)[-1], draw.normal(draw.shape[1], name="goal")


def loop(build: Build, draw: Draw) -> Iterator[Pair]:
    hessian, goal = valley(draw)
    w = torch.zeros_like(goal)
    for _ in range(STEPS):
        w = w - RATE * hessian @ (w - goal)
    yield build(draw)(hessian, goal, rate=RATE, steps=STEPS).stopped, w


def ridge(build: Build, draw: Draw) -> Iterator[Pair]:
    hessian, goal = valley(draw)
    strength = 1 / (RATE * STEPS)
    want = torch.linalg.solve(hessian + strength * torch.eye(len(goal), dtype=goal.dtype), hessian @ goal)
    found: StoppedDescent = build(draw)(hessian, goal, rate=RATE, steps=STEPS)
    yield found.ridge, want
    yield (
        torch.tensor(found.distance, dtype=torch.float64),
        (found.stopped - found.ridge).norm() / goal.norm(),
    )


def shares_by_direction(build: Build, draw: Draw) -> Iterator[Pair]:
    hessian, goal = valley(draw)
    found: StoppedDescent = build(draw)(hessian, goal, rate=RATE, steps=STEPS)
    curvatures = torch.linalg.eigvalsh(hessian).clamp_min(0).tolist()
    yield found.kept, torch.tensor([1 - (1 - RATE * c) ** STEPS for c in curvatures], dtype=goal.dtype)
    want = [c / (c + 1 / (RATE * STEPS)) for c in curvatures]
    yield found.kept_by_ridge, torch.tensor(want, dtype=goal.dtype)


def the_end_is_the_goal(build: Build, draw: Draw) -> Iterator[Pair]:
    goal = draw.normal(draw.shape[1], name="goal")
    hessian = 2.0 * torch.eye(len(goal), dtype=goal.dtype)
    yield build(draw)(hessian, goal, rate=0.3, steps=200).stopped, goal


def alike_where_both_are_small(build: Build, draw: Draw) -> Iterator[Pair]:
    """Rate * curvature and curvature / strength both small: descent and ridge agree to first order."""
    hessian, goal = valley(draw)
    found: StoppedDescent = build(draw)(1e-6 * hessian, goal, rate=RATE, steps=STEPS)
    yield found.stopped / 1e-6, found.ridge / 1e-6


def changed(**wrong):
    """A twin: other records, in terms of rate, steps and curvatures."""

    def twin(hessian: Tensor, w_star: Tensor, *, rate: float, steps: int) -> StoppedDescent:
        right = early_stopping_ridge(hessian, w_star, rate=rate, steps=steps)
        c = right.curvatures
        _, directions = torch.linalg.eigh(hessian)
        along = directions.T @ w_star
        strength = wrong["strength"](rate, steps) if "strength" in wrong else right.strength
        kept = wrong["kept"](c, rate, steps) if "kept" in wrong else right.kept
        by_ridge = c / (c + strength)
        stopped, ridge = directions @ (kept * along), directions @ (by_ridge * along)
        distance = float((stopped - ridge).norm() / w_star.norm())
        return StoppedDescent(c, kept, by_ridge, stopped, ridge, strength, distance)

    return twin


SUITES = (
    Suite(
        technique="early_stopping_as_ridge",
        part="early_stopping_ridge",
        subjects={"early_stopping_ridge": early_stopping_ridge},
        interface=Interface(kind="function", inputs=("hessian", "w_star", "rate", "steps")),
        cases=({},),
        shapes=lambda a: ((3, 2), (2, 3)),
        laws=(
            Law("loop", r"$$ w \leftarrow w - \rho H (w - w^*), \quad \tau \text{ times from } 0 $$", loop, {torch.float64: 1e-10}),
            Law("ridge", r"$$ (H + \alpha I) w = H w^*, \quad \alpha = 1 / (\rho \tau) $$", ridge, {torch.float64: 1e-10}),
            Law("shares_by_direction", r"$$ 1 - (1 - \rho \eta_j)^\tau \quad \text{and} \quad \eta_j / (\eta_j + \alpha) $$", shares_by_direction, {torch.float64: 1e-10}),
            Law("the_end_is_the_goal", "After many steps descent is at the minimum.", the_end_is_the_goal, {torch.float64: 1e-10}),
            Law("alike_where_both_are_small", "Where rate and curvature are small, the two agree.", alike_where_both_are_small, {torch.float64: 1e-3}),
        ),
        twins=(
            Twin("one_step_less", changed(kept=lambda c, rate, steps: 1 - (1 - rate * c) ** (steps - 1)), "your descent is one step behind."),
            Twin("exponential", changed(kept=lambda c, rate, steps: 1 - torch.exp(-rate * c * steps)), "your descent runs in continuous time."),
            Twin("what_is_left", changed(kept=lambda c, rate, steps: (1 - rate * c) ** steps), "your share is what is left to go."),
            Twin("strength_upside_down", changed(strength=lambda rate, steps: rate * steps), "your strength grows with the steps; the longer descent goes on, the weaker the decay."),
            Twin("strength_of_steps", changed(strength=lambda rate, steps: 1 / steps), "your strength lacks the rate."),
        ),
    ),
)  # fmt: skip
