"""Laws of the max-norm projection: the ball, its edge, and which dimension counts units."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.regularize.max_norm import project_max_norm_

from ._suite import EXACT, IDENTITY, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled

C = 1.5


def by_the_formula(weight: Tensor, c: float, dim: int) -> Tensor:
    """w_i min(1, c / ||w_i||), unit by unit, in loops."""
    after = weight.clone().double()
    for i in range(weight.shape[dim]):
        row = after.select(dim, i)
        length = sum(w * w for w in row.flatten().tolist()) ** 0.5
        row.mul_(min(1.0, c / length) if length > 0 else 1.0)
    return after


def formula(build: Build, draw: Draw) -> Iterator[Pair]:
    for dim in (0, 1):
        weight = draw.normal()
        want = by_the_formula(weight, C, dim)
        build(draw)(weight, C, dim=dim)
        yield weight, want


def renorm(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = draw.normal()
    want = torch.renorm(weight, p=2, dim=0, maxnorm=C)
    build(draw)(weight, C)
    yield weight, want


def inside_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = draw.normal()
    weight[0] = weight[0] * (C * 0.999 / weight[0].norm())
    before = weight[0].clone()
    build(draw)(weight, C)
    yield weight[0], before


def twice_is_once(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = draw.normal(40, 33, name="many")
    build(draw)(weight, C)
    once = weight.clone()
    build(draw)(weight, C)
    yield weight, once


def zero_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = torch.zeros(draw.shape, dtype=draw.dtype)
    build(draw)(weight, C)
    yield weight, torch.zeros_like(weight)


def layers_know_their_units(build: Build, draw: Draw) -> Iterator[Pair]:
    for layer, dim in (
        (nn.Linear(3, 2), 0),
        (nn.Conv2d(2, 3, 2), 0),
        (nn.Conv1d(4, 2, 3, groups=2), 0),
        (nn.ConvTranspose1d(3, 2, 2), 1),
        (nn.Embedding(3, 4), 0),
    ):
        layer = filled(draw, layer)
        want = by_the_formula(layer.weight.detach(), C, dim)
        build(draw)(nn.Sequential(layer), C)
        yield layer.weight, want


def groups_of_a_transposed_convolution(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = filled(draw, nn.ConvTranspose1d(4, 6, 2, groups=2))
    parts = [by_the_formula(part, C, 1) for part in layer.weight.detach().split(2)]
    build(draw)(layer, C)
    yield layer.weight, torch.cat(parts)


def biases_and_norms_stay(build: Build, draw: Draw) -> Iterator[Pair]:
    model = filled(draw, nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(10)
    before = [p.detach().clone() for p in model.parameters() if p.dim() == 1]
    build(draw)(model, C)
    yield from zip([p for p in model.parameters() if p.dim() == 1], before, strict=True)


def parts_of(target: nn.Module | Tensor) -> list[Tensor]:
    return [target] if isinstance(target, Tensor) else [p for p in target.parameters() if p.dim() > 1]


def lengths(weight: Tensor, dim: int) -> Tensor:
    inside = [d for d in range(weight.dim()) if d != dim % weight.dim()]
    return torch.linalg.vector_norm(weight, dim=inside, keepdim=True)


def twin(factor):
    """Multiply each weight by what a function of its lengths says."""

    def project(target: nn.Module | Tensor, c: float = 3.0, *, dim: int = 0) -> None:
        with torch.no_grad():
            for weight in parts_of(target):
                weight.mul_(factor(weight, c, dim))

    return project


def on_the_sphere(weight: Tensor, c: float, dim: int) -> Tensor:
    return c / lengths(weight, dim)


def whole(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / weight.norm()).clamp(max=1.0)


def other_dim(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / lengths(weight, 1 - dim)).clamp(max=1.0)


def entries(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / weight.abs()).clamp(max=1.0)


def with_epsilon(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / (lengths(weight, dim) + 1e-3)).clamp(max=1.0)


def squared(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / lengths(weight, dim).square()).clamp(max=1.0)


def rescales_all(weight: Tensor, c: float, dim: int) -> Tensor:
    return (c / lengths(weight, dim)).clamp(max=1.0) * (1 - 1e-12)


def biases_as_well(target: nn.Module | Tensor, c: float = 3.0, *, dim: int = 0) -> None:
    project_max_norm_(target, c, dim=dim)
    if isinstance(target, nn.Module):
        with torch.no_grad():
            for parameter in target.parameters():
                if parameter.dim() == 1:
                    parameter.clamp_(-c, c)


def first_dim_always(target: nn.Module | Tensor, c: float = 3.0, *, dim: int = 0) -> None:
    for weight in parts_of(target):
        project_max_norm_(weight, c)


def ignores_groups(target: nn.Module | Tensor, c: float = 3.0, *, dim: int = 0) -> None:
    if isinstance(target, nn.ConvTranspose1d):
        project_max_norm_(target.weight, c, dim=1)
    else:
        project_max_norm_(target, c, dim=dim)


def divides_zero(weight: Tensor, c: float, dim: int) -> Tensor:
    size = lengths(weight, dim)
    return torch.minimum(size, torch.full_like(size, c)) / size


SUITES = (
    Suite(
        technique="max_norm",
        part="project_max_norm_",
        subjects={"project_max_norm_": project_max_norm_},
        interface=Interface(kind="function", inputs=("target", "c")),
        cases=({},),
        shapes=lambda a: ((2, 3), (5, 4)),
        laws=(
            Law("formula", r"$$ w_i \leftarrow w_i \min(1, c / \|w_i\|) $$", formula),
            Law("renorm", "It is torch.renorm, within its epsilon.", renorm, {torch.float64: 1e-6, torch.float32: 1e-6}),
            Law("inside_untouched", "Inside the ball nothing changes, to the bit.", inside_untouched, {torch.float64: 0.0, torch.float32: 0.0}),
            Law("twice_is_once", "Projecting again changes nothing, to the bit.", twice_is_once, {torch.float64: 0.0, torch.float32: 0.0}),
            Law("zero_stays", "A unit without weights stays so.", zero_stays, EXACT),
            Law("layers_know_their_units", "Filters, rows of embeddings, and the second dimension of transposed convolutions.", layers_know_their_units, IDENTITY),
            Law("groups_of_a_transposed_convolution", "Each group has units of its own.", groups_of_a_transposed_convolution, IDENTITY),
            Law("biases_and_norms_stay", "Biases and gains stay.", biases_and_norms_stay, EXACT),
        ),
        twins=(
            Twin("on_the_sphere", twin(on_the_sphere), "you bring every unit to the length c, short ones too."),
            Twin("whole", twin(whole), "your length is that of the whole weight; each unit has its own."),
            Twin("other_dim", twin(other_dim), "your lengths run over units; they run over inputs."),
            Twin("entries", twin(entries), "you clamp entries; the length of a unit's weights is bounded."),
            Twin("with_epsilon", twin(with_epsilon), "your epsilon shortens units more than to c."),
            Twin("squared", twin(squared), "you divide by the squared length."),
            Twin("rescales_all", twin(rescales_all), "you multiply every unit, by a factor near 1 where none is needed."),
            Twin("divides_zero", twin(divides_zero), "a unit without weights divides 0 by 0."),
            Twin("first_dim_always", first_dim_always, "you take dimension 0 for units everywhere; in a transposed convolution it is 1."),
            Twin("ignores_groups", ignores_groups, "you take units of different groups for one."),
            Twin("biases_as_well", biases_as_well, "you bound biases and gains as well."),
        ),
    ),
)  # fmt: skip
