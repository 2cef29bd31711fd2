"""Laws of Adam (Algorithm 1), of AdamW (Algorithm 2), and of Adam without bias correction."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

from vademecum.optim.adam import UncorrectedAdam

from ._optimizers import (
    HELD,
    ONE_STEP,
    STEPS,
    WALK,
    Gradient,
    Path,
    Problem,
    Rule,
    by,
    constant,
    interface,
    interrupted,
    walked,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def by_the_paper(
    x: list[float], gradient: Gradient, lr: float, betas: tuple[float, float], eps: float,
    *, corrected: bool = True, decay: float = 0.0,
) -> Path:  # fmt: skip
    """Algorithm 1 in scalars; Algorithm 2 of AdamW where there is a decay."""
    m, v, path = [0.0] * len(x), [0.0] * len(x), []
    for t in range(STEPS):
        g = gradient(x, t)
        new = []
        for i in range(len(x)):
            m[i] = betas[0] * m[i] + (1 - betas[0]) * g[i]
            v[i] = betas[1] * v[i] + (1 - betas[1]) * g[i] ** 2
            mean = m[i] / (1 - betas[0] ** (t + 1)) if corrected else m[i]
            square = v[i] / (1 - betas[1] ** (t + 1)) if corrected else v[i]
            new.append(x[i] - lr * (mean / (square**0.5 + eps) + decay * x[i]))
        x = new
        path.append(x)
    return path


def equation(build: Build, draw: Draw, *, corrected: bool = True) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    want = by_the_paper(
        problem.start.double().tolist(), problem.gradient, a["lr"], a["betas"], a["eps"],
        corrected=corrected, decay=a.get("weight_decay", 0.0),
    )  # fmt: skip
    yield walked(build, draw, problem), by(want)


def the_first_step(build: Build, draw: Draw, *, corrected: bool = True) -> Iterator[Pair]:
    b1, b2 = draw.arguments["betas"]
    length = 1.0 if corrected else (1 - b1) / (1 - b2) ** 0.5
    for gradient in (3.0, -1e-3):
        got = constant(build, draw, gradient, steps=1, eps=0.0)
        sign = 1 if gradient > 0 else -1
        yield got, torch.tensor([-sign * length * draw.arguments["lr"]], dtype=torch.float64)


def the_scale_of_the_gradient_does_not_matter(build: Build, draw: Draw) -> Iterator[Pair]:
    noise = draw.normal(STEPS, name="gradients").tolist()
    params = []
    for scale in (1.0, 1024.0):
        problem = Problem(draw)
        problem.gradient = lambda x, t, s=scale: [s * noise[t]] * len(x)
        problem.start = torch.zeros_like(problem.start)
        params.append(walked(build, draw, problem, eps=0.0))
    yield params[1], params[0]


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    problem = Problem(draw)
    yield interrupted(build, draw, problem), walked(build, draw, problem)


def without_a_gradient_only_the_decay_is_left(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    problem.gradient = lambda x, t: [0.0] * len(x)
    factors = [(1 - a["lr"] * a["weight_decay"]) ** (t + 1) for t in range(STEPS)]
    want = torch.tensor(factors, dtype=torch.float64)[:, None] * problem.start.double()
    yield walked(build, draw, problem), want


class Variant(Rule):
    """Adam with one thing wrong."""

    corrects = (True, True)

    def __init__(
        self, params: object, lr: float = 1e-3, betas: tuple = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        b1, b2 = group["betas"]
        state["t"] = t = state.get("t", 0) + 1
        old_m, old_v = state.get("m", torch.zeros_like(p)), state.get("v", torch.zeros_like(p))
        state["m"], state["v"] = self.means(old_m, old_v, g, b1, b2)
        c1, c2 = (1 - b**t if on else 1.0 for b, on in zip((b1, b2), self.corrects, strict=True))
        self.decay(p, group)
        p.sub_(group["lr"] * (state["m"] / c1) / self.root(state["v"], c2, group["eps"]))

    def decay(self, p: Tensor, group: dict) -> None:
        p.mul_(1 - group["lr"] * group["weight_decay"])

    def means(self, m: Tensor, v: Tensor, g: Tensor, b1: float, b2: float) -> tuple[Tensor, Tensor]:
        return b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g.square()

    def root(self, v: Tensor, correction: float, eps: float) -> Tensor:
        return (v / correction).sqrt() + eps


class Uncorrected(Variant):
    corrects = (False, False)


class OnlyTheMean(Variant):
    corrects = (True, False)


class EpsInside(Variant):
    def root(self, v: Tensor, correction: float, eps: float) -> Tensor:
        return (v / correction + eps).sqrt()


class EpsFirst(Variant):
    def root(self, v: Tensor, correction: float, eps: float) -> Tensor:
        return (v.sqrt() + eps) / correction**0.5


class NoRoot(Variant):
    def root(self, v: Tensor, correction: float, eps: float) -> Tensor:
        return v / correction + eps


class UncorrectedNoRoot(NoRoot):
    corrects = (False, False)


class Swapped(Variant):
    def means(self, m: Tensor, v: Tensor, g: Tensor, b1: float, b2: float) -> tuple[Tensor, Tensor]:
        return super().means(m, v, g, b2, b1)


class SquareOfTheMean(Variant):
    def means(self, m: Tensor, v: Tensor, g: Tensor, b1: float, b2: float) -> tuple[Tensor, Tensor]:
        m = b1 * m + (1 - b1) * g
        return m, b2 * v + (1 - b2) * m.square()


class Restarts(Adam):
    def __init__(
        self, params: object, lr: float = 1e-3, betas: tuple = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr, betas, eps)

    def load_state_dict(self, state_dict: dict) -> None:
        super().load_state_dict({**state_dict, "state": {}})


class RestartsUncorrected(UncorrectedAdam):
    def load_state_dict(self, state_dict: dict) -> None:
        super().load_state_dict({**state_dict, "state": {}})


class UncorrectedEpsInside(EpsInside):
    corrects = (False, False)


class UncorrectedSwapped(Swapped):
    corrects = (False, False)


class DecayInTheGradient(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        super().update(p, g + group["weight_decay"] * p, state, {**group, "weight_decay": 0.0})


class DecayWithoutRate(Variant):
    def decay(self, p: Tensor, group: dict) -> None:
        p.mul_(1 - group["weight_decay"])


class NoDecay(Variant):
    def decay(self, p: Tensor, group: dict) -> None:
        pass


CASES = (
    {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8},
    {"lr": 0.05, "betas": (0.5, 0.9), "eps": 0.1},
)
DEFAULTS = {"betas": (0.9, 0.999), "eps": 1e-8}
SCALE = Law("the_scale_of_the_gradient_does_not_matter", r"$$ x_t(1024 g) = x_t(g), \quad \epsilon = 0 $$", the_scale_of_the_gradient_does_not_matter, HELD)  # fmt: skip
CHECKPOINT = Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped.", a_checkpoint_goes_on, EXACT)  # fmt: skip
SQUARES_THE_MEAN = Twin("squares_the_mean", SquareOfTheMean, "you average the square of the mean; average the square of the gradient.")  # fmt: skip

SUITES = (
    Suite(
        technique="adam",
        part="Adam",
        subjects={"Adam": Adam},
        interface=interface("lr", "betas", "eps", **DEFAULTS),
        cases=CASES,
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_paper", r"$$ x_t = x_{t-1} - \eta \hat m_t / (\sqrt{\hat v_t} + \epsilon) $$ over 100 steps.", equation, WALK),
            Law("the_first_step_is_the_rate", r"$$ x_1 - x_0 = -\eta \operatorname{sign} g_1 $$", the_first_step, ONE_STEP),
            SCALE,
            CHECKPOINT,
        ),
        twins=(
            Twin("uncorrected", Uncorrected, "you leave the bias corrections out, as UncorrectedAdam does; the paper has them."),
            Twin("only_the_mean", OnlyTheMean, "you correct the mean but not the mean of squares."),
            Twin("eps_inside", EpsInside, "your eps is under the root; it is added to the root."),
            Twin("eps_first", EpsFirst, "your eps is added before the correction of v, as in the paper's remark; Algorithm 1 adds it after."),
            Twin("swapped", Swapped, "your betas are swapped: the first is the mean's."),
            SQUARES_THE_MEAN,
            Twin("no_root", NoRoot, "you divide by the mean of squares; divide by its root."),
            Twin("restarts", Restarts, "a loaded state forgets the means."),
        ),
    ),
    Suite(
        technique="adam",
        part="UncorrectedAdam",
        subjects={"UncorrectedAdam": UncorrectedAdam},
        interface=interface("lr", "betas", "eps", **DEFAULTS),
        cases=CASES,
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_notes", r"$$ x_t = x_{t-1} - \eta m_t / (\sqrt{v_t} + \epsilon) $$ over 100 steps.", partial(equation, corrected=False), WALK),
            Law("the_first_step_is_longer", r"$$ |x_1 - x_0| = \eta (1 - \beta_1) / \sqrt{1 - \beta_2} $$", partial(the_first_step, corrected=False), ONE_STEP),
            SCALE,
            CHECKPOINT,
        ),
        twins=(
            Twin("corrected", Variant, "you correct the bias; this form does not."),
            Twin("only_the_mean", OnlyTheMean, "you correct the mean; this form corrects nothing."),
            Twin("eps_inside", UncorrectedEpsInside, "your eps is under the root; it is added to the root."),
            Twin("swapped", UncorrectedSwapped, "your betas are swapped: the first is the mean's."),
            SQUARES_THE_MEAN,
            Twin("no_root", UncorrectedNoRoot, "you divide by the mean of squares; divide by its root."),
            Twin("restarts", RestartsUncorrected, "a loaded state forgets the means."),
        ),
    ),
    Suite(
        technique="adam",
        part="AdamW",
        subjects={"AdamW": AdamW},
        interface=interface("lr", "betas", "eps", "weight_decay", **DEFAULTS, weight_decay=1e-2),
        cases=tuple({**case, "weight_decay": 0.2} for case in CASES),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_paper", r"$$ x_t = x_{t-1} - \eta (\hat m_t / (\sqrt{\hat v_t} + \epsilon) + w x_{t-1}) $$ over 100 steps.", equation, WALK),
            Law("without_a_gradient_only_the_decay_is_left", r"$$ x_t = (1 - \eta w)^t x_0 $$", without_a_gradient_only_the_decay_is_left, ONE_STEP),
        ),
        twins=(
            Twin("decay_in_the_gradient", DecayInTheGradient, "your decay goes into the gradient and is divided by the root: that is Adam with L2."),
            Twin("decay_without_rate", DecayWithoutRate, "your decay is not multiplied by the rate; torch's is."),
            Twin("no_decay", NoDecay, "nothing decays."),
            Twin("uncorrected", Uncorrected, "you leave the bias corrections out."),
        ),
    ),
)  # fmt: skip
