"""Laws of the table of invariances: Table 1 of the paper, and what can be said by hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from vademecum.theory.invariance import Invariances, invariances

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

CHANGES = (
    "weight_matrix_rescaled",
    "weight_matrix_recentered",
    "weight_vector_rescaled",
    "data_rescaled",
    "data_recentered",
    "single_case_rescaled",
)

TABLE_1 = {
    "batch": (1, 0, 1, 1, 1, 0),
    "weight": (1, 0, 1, 0, 0, 0),
    "layer": (1, 1, 0, 1, 0, 1),
}
"""Ba et al., Table 1, in the order of CHANGES."""

BEYOND = {
    "none": (0, 0, 0, 0, 0, 0),
    "group": (1, 1, 0, 1, 0, 1),
    "rms": (1, 0, 0, 1, 0, 1),
}
"""The plain layer; group normalization, as layer normalization; Zhang and Sennrich, Table 1."""


Norm = Callable[[Tensor], Tensor]


def verdicts(measured: Invariances) -> Tensor:
    return torch.tensor([float(measured.verdict[change]) for change in CHANGES], dtype=torch.float64)


def row(entries: tuple[int, ...]) -> Tensor:
    return torch.tensor(entries, dtype=torch.float64)


def table_1(build: Build, draw: Draw) -> Iterator[Pair]:
    yield verdicts(build(draw)()), row(TABLE_1[draw.arguments["norm"]])


def beyond_the_table(build: Build, draw: Draw) -> Iterator[Pair]:
    yield verdicts(build(draw)()), row(BEYOND[draw.arguments["norm"]])


def layer_by_hand(a: Tensor) -> Tensor:
    """Layer normalization of somebody else's, in loops."""
    rows = []
    for case in a.tolist():
        mean = sum(case) / len(case)
        std = (sum((v - mean) ** 2 for v in case) / len(case)) ** 0.5
        rows.append([(v - mean) / std for v in case])
    return torch.tensor(rows, dtype=a.dtype)


def weight_by_hand(w: Tensor) -> Tensor:
    """Weight normalization of somebody else's, in loops."""
    rows = [[v / sum(u * u for u in unit) ** 0.5 for v in unit] for unit in w.tolist()]
    return torch.tensor(rows, dtype=w.dtype)


def norms_of_others(build: Build, draw: Draw) -> Iterator[Pair]:
    yield verdicts(build(draw, norm=layer_by_hand)()), row(TABLE_1["layer"])
    yield verdicts(build(draw, norm=weight_by_hand)(acts_on="weight")), row(TABLE_1["weight"])


def epsilon_breaks_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    def with_epsilon(a: Tensor) -> Tensor:
        return torch.nn.functional.layer_norm(a, a.shape[1:], eps=1.0)

    yield verdicts(build(draw, norm=with_epsilon)()), row((0, 1, 0, 0, 0, 0))


def tolerance_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    yield verdicts(build(draw, norm="none")(tolerance=1e9)), row((1, 1, 1, 1, 1, 1))
    yield verdicts(build(draw, norm="layer")(tolerance=-1.0)), row((0, 0, 0, 0, 0, 0))


def whole_scale_of_the_plain_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    deviation = build(draw, norm="none")().deviation
    got = [deviation["weight_matrix_rescaled"], deviation["data_rescaled"]]
    yield torch.tensor(got, dtype=torch.float64), row((2, 2))  # three times as large: two more


def bent(change: str, like: str) -> Callable[..., Invariances]:
    """A twin in which one change is in truth another."""

    def twin(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
        right = invariances(norm, acts_on=acts_on, tolerance=tolerance)
        return replace(right, deviation={**right.deviation, change: right.deviation[like]})

    return twin


def loose(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    return invariances(norm, acts_on=acts_on, tolerance=tolerance + 10.0)


def always_strict(
    norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9
) -> Invariances:
    return invariances(norm, acts_on=acts_on, tolerance=1e-9)


def wrong_axis(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    swapped = {"batch": "layer", "layer": "batch"}
    return invariances(
        swapped.get(norm, norm) if isinstance(norm, str) else norm, acts_on=acts_on, tolerance=tolerance
    )


def centerless(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    return invariances("rms" if norm == "layer" else norm, acts_on=acts_on, tolerance=tolerance)


def centered_rms(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    return invariances("layer" if norm == "rms" else norm, acts_on=acts_on, tolerance=tolerance)


def names_only(norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9) -> Invariances:
    return invariances(norm if isinstance(norm, str) else "none", acts_on=acts_on, tolerance=tolerance)


def hides_epsilon(
    norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9
) -> Invariances:
    if not isinstance(norm, str):
        given = norm
        return invariances(lambda a: given(1e9 * a), acts_on=acts_on, tolerance=tolerance)
    return invariances(norm, acts_on=acts_on, tolerance=tolerance)


def in_absolute_terms(
    norm: str | Norm, *, acts_on: str = "summed inputs", tolerance: float = 1e-9
) -> Invariances:
    right = invariances(norm, acts_on=acts_on, tolerance=tolerance)
    return replace(right, deviation={name: 5 * value for name, value in right.deviation.items()})


def named(*norms: str) -> Callable[[Arguments], bool]:
    return lambda a: a["norm"] in norms


SUITES = (
    Suite(
        technique="invariance",
        part="invariances",
        subjects={"invariances": invariances},
        interface=Interface(kind="function", arguments=("norm",), inputs=()),
        cases=tuple({"norm": norm} for norm in (*TABLE_1, *BEYOND)),
        shapes=lambda a: ((),),
        laws=(
            Law("table_1", "Batch, weight and layer normalization have the invariances of the paper's Table 1.", table_1, EXACT, named(*TABLE_1)),
            Law("beyond_the_table", "No norm has none; group normalization has those of layer normalization; RMS loses the re-centering.", beyond_the_table, EXACT, named(*BEYOND)),
            Law("norms_of_others", "A norm that is given as a function shows its row.", norms_of_others, EXACT, named("layer")),
            Law("epsilon_breaks_scale", "With a large epsilon no invariance to scale is left.", epsilon_breaks_scale, EXACT, named("layer")),
            Law("tolerance_decides", "The verdict is the deviation against the tolerance.", tolerance_decides, EXACT, named("layer")),
            Law("whole_scale_of_the_plain_layer", r"$$ |\delta W x - W x| = (\delta - 1) |W x| $$", whole_scale_of_the_plain_layer, {torch.float64: 1e-12}, named("none")),
        ),
        twins=(
            Twin("one_vector_as_the_matrix", bent("weight_vector_rescaled", "weight_matrix_rescaled"), "your weight vector's change scales the whole matrix; one unit alone is meant."),
            Twin("one_case_as_the_data", bent("single_case_rescaled", "data_rescaled"), "your single case's change scales all cases."),
            Twin("recentering_as_rescaling", bent("data_recentered", "data_rescaled"), "your re-centering scales; it adds a constant vector."),
            Twin("loose", loose, "your tolerance is so wide that everything is invariant."),
            Twin("always_strict", always_strict, "your tolerance is ignored."),
            Twin("wrong_axis", wrong_axis, "your batch and layer statistics run over each other's axis."),
            Twin("centerless_layer", centerless, "your layer norm does not subtract the mean; that is RMS normalization."),
            Twin("centered_rms", centered_rms, "your RMS norm subtracts the mean; that is layer normalization."),
            Twin("names_only", names_only, "your measure ignores a norm that is given as a function."),
            Twin("hides_epsilon", hides_epsilon, "your inputs are so large that an epsilon does not show."),
            Twin("in_absolute_terms", in_absolute_terms, "your deviation is not relative to the output."),
        ),
    ),
)  # fmt: skip
