"""Laws of spectral normalization, from section 2 and Algorithm 1 of the paper."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from vademecum.nn.norm.spectral_norm import power_iteration

from ._subject import NotCheckableError
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

CONVERGED = {torch.float64: 1e-8, torch.float32: 1e-4}


def algorithm_1(weight: Tensor, u: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """sigma, u and v in loops over rows and columns."""
    rows, left = weight.double().tolist(), u.double().tolist()
    for _ in range(steps):
        right = [sum(row[j] * a for row, a in zip(rows, left)) for j in range(len(rows[0]))]
        right = [a / sum(b * b for b in right) ** 0.5 for a in right]
        left = [sum(a * b for a, b in zip(row, right)) for row in rows]
        left = [a / sum(b * b for b in left) ** 0.5 for a in left]
    sigma = sum(left[i] * rows[i][j] * right[j] for i in range(len(rows)) for j in range(len(right)))
    found = [torch.tensor(value, dtype=torch.float64) for value in (sigma, left, right)]
    return found[0], found[1], found[2]


def unit(draw: Draw, length: int) -> Tensor:
    u = draw.normal(length, name="u")
    return u / u.norm()


def one_step(build: Build, draw: Draw) -> Iterator[Pair]:
    weight, u = draw.normal(), unit(draw, draw.shape[0])
    got, want = build(draw)(weight, u), algorithm_1(weight, u, draw.arguments["steps"])
    yield from zip(got, want[:2], strict=True)


def finds_the_largest(build: Build, draw: Draw) -> Iterator[Pair]:
    weight, u = draw.normal(), unit(draw, draw.shape[0])
    yield build(draw, steps=500)(weight, u)[0], torch.linalg.svdvals(weight)[0]


def rate(build: Build, draw: Draw) -> Iterator[Pair]:
    values = torch.tensor([3.0, 2.0, 1.0], dtype=draw.dtype)
    u = unit(draw, 3)
    want = values ** (2 * draw.arguments["steps"]) * u
    yield build(draw)(torch.diag(values), u)[1], want / want.norm()


def sign_and_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    weight, u = draw.normal(), unit(draw, draw.shape[0])
    before, left = build(draw)(weight, u)
    after, same = build(draw)(-1000 * weight, u)
    yield from ((after / 1000, before), (same, left))


def constant_vectors(build: Build, draw: Draw) -> Iterator[Pair]:
    weight, u = draw.normal().requires_grad_(), unit(draw, draw.shape[0])
    (got,) = torch.autograd.grad(build(draw)(weight, u)[0], weight)
    _, left, right = algorithm_1(weight.detach(), u, draw.arguments["steps"])
    yield got, torch.outer(left, right)


def layer(draw: Draw, *, rows: int | None = None) -> Any:
    """A linear layer with a drawn weight."""
    shape = draw.shape if rows is None else (rows, draw.shape[1])
    linear = nn.Linear(shape[1], shape[0], bias=False).to(draw.dtype)
    with torch.no_grad():
        linear.weight.copy_(draw.normal(*shape, name="weight"))
    return linear


def effective(module: Any) -> Tensor:
    """The weight that the layer applies, by what it does to unit vectors: one forward pass."""
    return module(torch.eye(module.in_features, dtype=next(module.parameters()).dtype)).T


def converge(module: nn.Module, passes: int = 300) -> nn.Module:
    module.train()
    for _ in range(passes):
        effective(module)
    return module.eval()


def state(module: nn.Module, ending: str) -> Tensor:
    """The vector that the layer holds, by the end of its name in the state dict."""
    for name, value in module.state_dict().items():
        if name.endswith(ending):
            return value.clone()
    raise NotCheckableError(f"its state dict holds no {ending}")


def norm_is_one(build: Build, draw: Draw) -> Iterator[Pair]:
    linear = layer(draw)
    weight = linear.weight.detach().clone()
    yield effective(converge(build(draw)(linear))), weight / torch.linalg.svdvals(weight)[0]


def rows_are_outputs(build: Build, draw: Draw) -> Iterator[Pair]:
    for conv, dim in ((nn.Conv1d(3, 2, 2), 0), (nn.ConvTranspose1d(2, 3, 2), 1)):
        conv = conv.to(draw.dtype)
        with torch.no_grad():
            conv.weight.copy_(draw.normal(*conv.weight.shape, name="kernel"))
        kernel = conv.weight.detach().clone()
        rows = torch.stack([part.flatten() for part in kernel.unbind(dim)])
        conv = build(draw)(conv).train()
        for _ in range(300):
            conv(torch.ones(1, conv.in_channels, 2, dtype=draw.dtype))
        yield conv.eval().weight, kernel / torch.linalg.svdvals(rows)[0]


def each_pass_is_a_step(build: Build, draw: Draw) -> Iterator[Pair]:
    linear = layer(draw)
    weight = linear.weight.detach().clone()
    module = build(draw)(linear).train()
    u = state(module, "_u")
    for _ in range(2):
        got = effective(module)
        _, u, _ = algorithm_1(weight, u, draw.arguments["n_power_iterations"])
        held = state(module, "_u").double(), state(module, "_v").double()
        yield held[0], u
        yield got, weight / torch.linalg.multi_dot([held[0], weight.double(), held[1]])
        yield held[1] @ held[1], torch.ones((), dtype=torch.float64)


def evaluation_moves_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    module = build(draw)(layer(draw)).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first = effective(module)
    yield effective(module), first
    for name, value in module.state_dict().items():
        yield value, before[name]


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    linear = layer(draw)
    module = converge(build(draw)(linear))
    raw = next(p for p in module.parameters() if p.dim() == 2)
    upstream = draw.normal(name="upstream")
    (got,) = torch.autograd.grad((effective(module) * upstream).sum(), raw)
    left, values, right = torch.linalg.svd(raw.detach())
    sigma, u, v = values[0], left[:, 0], right[0]
    along = (upstream * raw.detach() / sigma).sum()
    yield got, (upstream - along * torch.outer(u, v)) / sigma


def scale_has_no_effect(build: Build, draw: Draw) -> Iterator[Pair]:
    module = converge(build(draw)(layer(draw)))
    before = effective(module)
    with torch.no_grad():
        next(p for p in module.parameters() if p.dim() == 2).mul_(7)
    yield effective(module), before


class Spectral(nn.Module):
    """Algorithm 1 as a parametrization, for twins."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, steps: int, dim: int) -> None:
        super().__init__()
        self.steps, self.dim = steps, dim
        rows = self.rows(weight.detach())
        self.register_buffer(
            "_u", nn.functional.normalize(torch.randn(rows.shape[0], dtype=weight.dtype), dim=0)
        )
        self.register_buffer("_v", nn.functional.normalize(rows.T @ self._u, dim=0))

    def rows(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def step(self, rows: Tensor) -> None:
        self._v = self.normalized(rows.T @ self._u)
        self._u = self.normalized(rows @ self._v)

    def normalized(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=0)

    @property
    def moves(self) -> bool:
        return self.training

    def sigma(self, rows: Tensor) -> Tensor:
        return self._u @ rows @ self._v

    def forward(self, weight: Tensor) -> Tensor:
        rows = self.rows(weight)
        if self.moves:
            with torch.no_grad():
                for _ in range(self.steps):
                    self.step(rows)
        return weight / self.sigma(rows)


class Frobenius(Spectral):
    def sigma(self, rows: Tensor) -> Tensor:
        return rows.norm()


class Eigenvalue(Spectral):
    def sigma(self, rows: Tensor) -> Tensor:
        return (rows @ self._v).square().sum()


class Stopped(Spectral):
    def sigma(self, rows: Tensor) -> Tensor:
        return super().sigma(rows).detach()


class MovesInEvaluation(Spectral):
    moves = True


class NeverMoves(Spectral):
    moves = False


class WrongRows(Spectral):
    def rows(self, weight: Tensor) -> Tensor:
        return weight.flatten(1)


class LengthNotOne(Spectral):
    def normalized(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=0) * 1.1


class StartsAnew(Spectral):
    def step(self, rows: Tensor) -> None:
        self._u = nn.functional.normalize(torch.randn_like(self._u), dim=0)
        super().step(rows)


class OneStepAlways(Spectral):
    def __init__(self, weight: Tensor, steps: int, dim: int) -> None:
        super().__init__(weight, 1, dim)


class OnlyWhenLarger(Spectral):
    def sigma(self, rows: Tensor) -> Tensor:
        return super().sigma(rows).clamp_min(1.0)


def applied(kind: type[Spectral]) -> Callable[..., nn.Module]:
    def twin(module: Any, n_power_iterations: int = 1) -> nn.Module:
        dim = int(isinstance(module, nn.ConvTranspose1d))
        register_parametrization(module, "weight", kind(module.weight, n_power_iterations, dim))
        return module

    return twin


def eigenvalue(weight, u, *, steps=1):
    sigma, u = power_iteration(weight, u, steps=steps)
    return sigma.square(), u


def frobenius(weight, u, *, steps=1):
    return weight.norm(), power_iteration(weight, u, steps=steps)[1]


def returns_v(weight, u, *, steps=1):
    sigma, u = power_iteration(weight, u, steps=steps)
    return sigma, nn.functional.normalize(weight.T @ u, dim=0)


def length_not_one(weight, u, *, steps=1):
    for _ in range(steps):
        v = weight.T @ u
        u = weight @ (v / v.norm())
    return u.detach() @ (weight @ (v / v.norm()).detach()), u


def through_the_iteration(weight, u, *, steps=1):
    for _ in range(steps):
        v = nn.functional.normalize(weight.T @ u, dim=0)
        u = nn.functional.normalize(weight @ v, dim=0)
    return u @ weight @ v, u


def largest_entry(weight, u, *, steps=1):
    for _ in range(steps):
        v = weight.T @ u
        u = weight @ (v / v.abs().max())
        u = u / u.abs().max()
    return u.norm(), u


def half_a_step(weight, u, *, steps=1):
    if steps > 1:
        _, u = power_iteration(weight, u, steps=steps - 1)
    v = nn.functional.normalize(weight.T @ u, dim=0).detach()
    return u.detach() @ weight @ v, u


SUITES = (
    Suite(
        technique="spectral_norm",
        part="spectral_norm",
        subjects={"spectral_norm": spectral_norm},
        interface=Interface(kind="function", inputs=("module",), arguments=("n_power_iterations",), defaults={"n_power_iterations": 1}),
        cases=({"n_power_iterations": 1}, {"n_power_iterations": 3}),
        shapes=lambda a: ((2, 3), (4, 3)),
        laws=(
            Law("norm_is_one", r"After enough passes: $$ \bar W = W / \sigma_1(W) $$", norm_is_one, CONVERGED),
            Law("each_pass_is_a_step", r"$$ v \leftarrow W^\top u / \|W^\top u\|, \quad u \leftarrow W v / \|W v\|, \quad \bar W = W / (u^\top W v) $$", each_pass_is_a_step),
            Law("evaluation_moves_nothing", "In evaluation the vectors and the weight stay bit for bit.", evaluation_moves_nothing, EXACT),
            Law("gradient", r"$$ \frac{\partial L}{\partial W} = \frac{1}{\sigma} \left( G - \langle G, \bar W \rangle u v^\top \right) $$", gradient, CONVERGED),
            Law("rows_are_outputs", "A convolution is the matrix with one row for each output channel, transposed or not.", rows_are_outputs, CONVERGED),
            Law("scale_has_no_effect", r"$$ \bar W(c W) = \bar W(W), \quad c > 0 $$", scale_has_no_effect, {torch.float64: 1e-10, torch.float32: 1e-5}),
        ),
        twins=(
            Twin("frobenius", applied(Frobenius), "you divide by the Frobenius norm; it is the root of the sum over all singular values."),
            Twin("eigenvalue", applied(Eigenvalue), "you divide by the eigenvalue of W^T W; the singular value is its root."),
            Twin("stopped", applied(Stopped), "your gradient takes sigma for a constant; only the vectors are."),
            Twin("moves_in_evaluation", applied(MovesInEvaluation), "your vectors move in evaluation."),
            Twin("never_moves", applied(NeverMoves), "your vectors never move: each training pass is a step of power iteration."),
            Twin("wrong_rows", applied(WrongRows), "your rows are input channels in a transposed convolution; its output channels are dimension 1."),
            Twin("length_not_one", applied(LengthNotOne), "your vectors are not of length 1."),
            Twin("starts_anew", applied(StartsAnew), "your iteration starts anew at each pass; one step is enough only because it goes on."),
            Twin("one_step_always", applied(OneStepAlways), "you take one step, however many are asked for."),
            Twin("only_when_larger", applied(OnlyWhenLarger), "you leave weights alone whose norm is below 1; spectral normalization divides always."),
        ),
    ),
    Suite(
        technique="spectral_norm",
        part="power_iteration",
        subjects={"power_iteration": power_iteration},
        interface=Interface(kind="function", inputs=("weight", "u"), arguments=("steps",), defaults={"steps": 1}),
        cases=({"steps": 1}, {"steps": 3}),
        shapes=lambda a: ((2, 3), (4, 3), (1, 2)),
        laws=(
            Law("one_step", r"$$ v \leftarrow W^\top u / \|W^\top u\|, \quad u \leftarrow W v / \|W v\|, \quad \sigma = u^\top W v $$", one_step),
            Law("finds_the_largest", r"$$ \sigma \to \sigma_1(W) $$", finds_the_largest, CONVERGED),
            Law("rate", r"Each step multiplies the share of the i-th singular vector by $$ (\sigma_i / \sigma_1)^2 $$", rate),
            Law("sign_and_scale", r"$$ \sigma(c W) = |c| \sigma(W) $$ with the same u.", sign_and_scale),
            Law("constant_vectors", r"$$ \partial \sigma / \partial W = u v^\top $$", constant_vectors),
        ),
        twins=(
            Twin("eigenvalue", eigenvalue, "you return the eigenvalue of W^T W; the singular value is its root."),
            Twin("frobenius", frobenius, "you return the Frobenius norm."),
            Twin("returns_v", returns_v, "you return the right vector, of length G; the left one is wanted."),
            Twin("length_not_one", length_not_one, "your u is not of length 1."),
            Twin("through_the_iteration", through_the_iteration, "your gradient runs through the iteration; the vectors are constants."),
            Twin("largest_entry", largest_entry, "you divide by the largest entry in place of the length."),
            Twin("half_a_step", half_a_step, "your last u is not updated before sigma is taken."),
        ),
    ),
)  # fmt: skip
