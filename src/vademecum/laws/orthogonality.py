"""Laws of orthogonality: the squares entry by entry, what both sides share, and eigenvalues."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.orthogonality import orthogonality_penalty, spectral_isometry_penalty

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled, gradients

CONVERGED = {torch.float64: 1e-6}


def by_the_definition(rows: list[list[float]]) -> float:
    """||W W^T - I||^2 of filters as rows, or of inputs where there are fewer of those, in loops."""
    if len(rows) > len(rows[0]):
        rows = [list(column) for column in zip(*rows, strict=True)]
    total = 0.0
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            total += (sum(a * b for a, b in zip(one, other, strict=True)) - (i == j)) ** 2
    return total


def wide_and_tall(draw: Draw) -> Iterator[nn.Linear]:
    short, long = draw.shape
    yield filled(draw, nn.Linear(long, short))
    yield filled(draw, nn.Linear(short, long))


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        yield build(draw)(layer), torch.tensor(by_the_definition(layer.weight.tolist()), dtype=draw.dtype)


def orthonormal_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in (*wide_and_tall(draw), nn.Conv2d(2, 3, 2).to(draw.dtype)):
        nn.init.orthogonal_(layer.weight)
        yield build(draw)(layer), torch.zeros((), dtype=draw.dtype)
    back = nn.ConvTranspose1d(3, 2, 2).to(draw.dtype)
    with torch.no_grad():
        filters = nn.init.orthogonal_(torch.empty(2, 6, dtype=draw.dtype))
        back.weight.copy_(filters.view(2, 3, 2).transpose(0, 1))
    yield build(draw)(back), torch.zeros((), dtype=draw.dtype)


def sum_over_layers(build: Build, draw: Draw) -> Iterator[Pair]:
    layers = list(wide_and_tall(draw))
    model = nn.Sequential(layers[0], nn.LayerNorm(draw.shape[0]), layers[1]).to(draw.dtype)
    yield build(draw)(model), build(draw)(layers[0]) + build(draw)(layers[1])


def filters_of_a_convolution(build: Build, draw: Draw) -> Iterator[Pair]:
    conv = filled(draw, nn.Conv2d(2, 3, 2))
    rows = [[w for channel in f for line in channel for w in line] for f in conv.weight.tolist()]
    yield build(draw)(conv), torch.tensor(by_the_definition(rows), dtype=draw.dtype)
    back = filled(draw, nn.ConvTranspose1d(3, 2, 2))
    rows = [[w for channel in f for w in channel] for f in back.weight.transpose(0, 1).tolist()]
    yield build(draw)(back), torch.tensor(by_the_definition(rows), dtype=draw.dtype)


def groups_are_apart(build: Build, draw: Draw) -> Iterator[Pair]:
    conv = filled(draw, nn.Conv1d(4, 4, 3, groups=2))
    parts = [[[w for c in f for w in c] for f in group.tolist()] for group in conv.weight.split(2)]
    yield build(draw)(conv), torch.tensor(sum(by_the_definition(rows) for rows in parts), dtype=draw.dtype)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        w = layer.weight.detach()
        got = gradients(build(draw)(layer), layer)
        yield got[0], 4 * (w @ w.T @ w - w)


def double_is_twice_soft_and_a_constant(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        w = layer.weight.detach()
        both = [(gram - torch.eye(len(gram), dtype=w.dtype)).square().sum() for gram in (w @ w.T, w.T @ w)]
        yield build(draw)(layer, double=True), sum(both, torch.zeros(()))
        yield build(draw)(layer, double=True), 2 * build(draw)(layer) + abs(w.shape[0] - w.shape[1])


def of_matrices(function: Callable[[Tensor], Tensor]):
    """A twin: the sum of something over weights as matrices of filters, both sides the same way where asked."""

    def penalty(model: nn.Module, *, double: bool = False) -> Tensor:
        weights = [p for p in model.parameters() if p.dim() > 1]
        return (1 + double) * sum(function(w.flatten(1)) for w in weights)

    return penalty


def first_alone(model: nn.Module, *, double: bool = False) -> Tensor:
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return orthogonality_penalty(layers[0] if layers else model, double=double)


def departure(matrix: Tensor) -> Tensor:
    return matrix @ matrix.T - torch.eye(len(matrix), dtype=matrix.dtype)


def shorter(matrix: Tensor) -> Tensor:
    return departure(matrix if len(matrix) <= matrix.shape[1] else matrix.T)


def worst_eigenvalue(w: Tensor) -> Tensor:
    side = w if len(w) <= w.shape[1] else w.T
    return torch.linalg.eigvalsh(side @ side.T - torch.eye(len(side), dtype=w.dtype)).abs().max()


def start() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def comes_to_the_eigenvalue(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        got = build(draw)(layer, num_iterations=500, generator=start())
        yield got, worst_eigenvalue(layer.weight.detach())


def two_steps_by_hand(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        w = layer.weight.detach()
        m = shorter(w)
        v = torch.randn(1, len(m), 1, generator=start(), dtype=draw.dtype)[0]
        u = m @ v
        yield build(draw)(layer, num_iterations=2, generator=start()), (m @ u).norm() / u.norm()


def isometry_costs_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        nn.init.orthogonal_(layer.weight)
        yield build(draw)(layer, num_iterations=2, generator=start()), torch.zeros((), dtype=draw.dtype)


def gradient_of_the_eigenvalue(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer in wide_and_tall(draw):
        got = gradients(build(draw)(layer, num_iterations=500, generator=start()), layer)[0]
        (want,) = torch.autograd.grad(worst_eigenvalue(layer.weight), layer.weight)
        yield got, want


def spectral_twin(measure: Callable[[Tensor, Tensor], Tensor], side: Callable[[Tensor], Tensor] = shorter):
    def penalty(model: nn.Module, *, num_iterations: int = 2, generator: Any = None) -> Tensor:
        m = side(model.weight)
        v = torch.randn(1, len(m), 1, generator=generator, dtype=m.dtype)[0]
        for _ in range(num_iterations - 1):
            v = nn.functional.normalize(m @ v, dim=0)
        return measure(m, nn.functional.normalize(v, dim=0))

    return penalty


def without_identity(w: Tensor) -> Tensor:
    return w @ w.T if len(w) <= w.shape[1] else w.T @ w


SUITES = (
    Suite(
        technique="orthogonality",
        part="orthogonality_penalty",
        subjects={"orthogonality_penalty": orthogonality_penalty},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((1, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \|W W^\top - I\|_F^2 $$", definition),
            Law("orthonormal_costs_nothing", "Orthonormal rows, or columns, or filters, cost nothing.", orthonormal_costs_nothing),
            Law("sum_over_layers", "Layers add up; norms and biases do not count.", sum_over_layers),
            Law("filters_of_a_convolution", "A convolution is the matrix of its filters.", filters_of_a_convolution),
            Law("groups_are_apart", "Filters of different groups share no input.", groups_are_apart),
            Law("gradient", r"$$ 4 (W W^\top - I) W $$", gradient),
            Law("double_is_twice_soft_and_a_constant", r"$$ \|W W^\top - I\|^2 + \|W^\top W - I\|^2 = 2 \Omega + |F - G| $$", double_is_twice_soft_and_a_constant),
        ),
        twins=(
            Twin("rows_always", of_matrices(lambda w: departure(w).square().sum()), "a tall matrix cannot have orthonormal rows; take its columns."),
            Twin("without_identity", of_matrices(lambda w: (without_identity(w)).square().sum()), "you forgot the identity: rows must have length 1, not 0."),
            Twin("length", of_matrices(lambda w: shorter(w).norm()), "your norm is not squared."),
            Twin("off_diagonal", of_matrices(lambda w: (shorter(w) - shorter(w).diag().diag()).square().sum()), "you hold angles and not lengths."),
            Twin("half", of_matrices(lambda w: shorter(w).square().sum() / 2), "there is no half in the paper."),
            Twin("mean", of_matrices(lambda w: shorter(w).square().mean()), "your penalty is a mean over entries; it is a sum."),
            Twin("first_alone", first_alone, "you penalize one layer; the penalty is a sum over layers."),
            Twin("mixes_groups", of_matrices(lambda w: shorter(w).square().sum()), "you compare filters of different groups, and take the inputs of transposed convolutions for filters."),
            Twin("transposed_convolution", of_matrices(lambda w: shorter(w.reshape(w.shape[1], -1)).square().sum()), "your rows are not filters."),
        ),
    ),
    Suite(
        technique="orthogonality",
        part="spectral_isometry_penalty",
        subjects={"spectral_isometry_penalty": spectral_isometry_penalty},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 3), (3, 4)),
        laws=(
            Law("comes_to_the_eigenvalue", r"$$ \max_i |\lambda_i(W W^\top - I)| $$", comes_to_the_eigenvalue, CONVERGED),
            Law("two_steps_by_hand", r"$$ u = M v, \quad v' = M u, \quad \|v'\| / \|u\| $$", two_steps_by_hand),
            Law("isometry_costs_nothing", "Orthonormal rows, or columns, cost nothing.", isometry_costs_nothing),
            Law("gradient_of_the_eigenvalue", "Where it has converged, the gradient is that of the eigenvalue.", gradient_of_the_eigenvalue, CONVERGED),
        ),
        twins=(
            Twin("largest_not_absolute", spectral_twin(lambda m, v: (v.T @ m @ v).squeeze()), "your eigenvalue is signed; a weight that shrinks lengths is no isometry."),
            Twin("without_identity", spectral_twin(lambda m, v: (m @ v).norm(), without_identity), "you forgot the identity: that is the spectral norm."),
            Twin("rows_always", spectral_twin(lambda m, v: (m @ v).norm(), departure), "a tall matrix has the eigenvalue -1 on its longer side, whatever its columns are."),
            Twin("squared", spectral_twin(lambda m, v: (m @ v).square().sum()), "your eigenvalue is squared."),
            Twin("detached", spectral_twin(lambda m, v: (m.detach() @ v.detach()).norm() + 0 * m.sum()), "your penalty has no gradient."),
        ),
    ),
)  # fmt: skip
