"""Laws of the invariance gap: the ratio by counting pairs, and labels by the nearest neighbor."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.theory.invariance_gap import InvarianceGap, invariance_gap

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled

Transforms = Mapping[str, Any]
SMALL = {torch.float64: 1e-6, torch.float32: 1e-5}


def net(draw: Draw) -> nn.Module:
    return filled(
        draw, nn.Sequential(nn.Linear(draw.shape[1], 4), nn.Tanh(), nn.Linear(4, 3))
    ).requires_grad_(False)


def length(a: list[float], b: list[float]) -> float:
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5


def halved(x: Tensor) -> Tensor:
    return x / 2


def mirrored(x: Tensor) -> Tensor:
    return -x


def ratio_of_means(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    before, after = model(x).tolist(), model(halved(x)).tolist()
    changes = [length(a, b) for a, b in zip(after, before, strict=True)]
    pairs = [length(a, b) for i, a in enumerate(before) for b in before[:i]]
    want = (sum(changes) / len(changes)) / (sum(pairs) / len(pairs))
    yield torch.tensor(build(draw)(model, {"halved": halved}, x)["halved"].gap), torch.tensor(want)


def an_invariant_model_has_none(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    row = build(draw)(lambda x: x.norm(dim=1, keepdim=True), {"mirrored": mirrored}, x)["mirrored"]
    yield torch.tensor([row.gap, row.same_answer]), torch.tensor([0.0, 1.0])


def a_model_that_says_one_thing_has_none(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield torch.tensor(build(draw)(lambda x: 0 * x, {"halved": halved}, x)["halved"].gap), torch.tensor(0.0)


def scale_of_the_scores_does_not_matter(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    one = build(draw)(model, {"halved": halved}, x)["halved"].gap
    other = build(draw)(lambda x: 7 * model(x) + 3, {"halved": halved}, x)["halved"].gap
    yield torch.tensor(other), torch.tensor(one)


def accuracies(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw), draw.normal()
    y = draw.integers(len(x), high=3)
    row = build(draw)(model, {"mirrored": mirrored}, x, y)["mirrored"]
    answers = [[scores.index(max(scores)) for scores in model(x).tolist()] for x in (x, mirrored(x))]
    right = [sum(a == b for a, b in zip(each, y.tolist(), strict=True)) / len(y) for each in answers]
    same = sum(a == b for a, b in zip(*answers, strict=True)) / len(y)
    got = [row.accuracy, row.accuracy_after, row.accuracy_drop, row.same_answer]
    yield torch.tensor(got), torch.tensor([*right, right[0] - right[1], same])


def labels_that_flip(build: Build, draw: Draw) -> Iterator[Pair]:
    """Points to the left are of one class, points to the right of the other: a mirror changes every label."""
    x = draw.uniform(8, 2, low=-0.2, high=0.2, name="points")
    x[:4, 0] += 2.0
    x[4:, 0] -= 2.0
    y = torch.tensor([1] * 4 + [0] * 4)
    report = build(draw)(
        lambda x: x, {"mirrored": mirrored, "up": lambda x: x * torch.tensor([1.0, -1.0])}, x, y
    )
    yield torch.tensor([report["mirrored"].flipped, report["up"].flipped]), torch.tensor([1.0, 0.0])


def own_original_does_not_count(build: Build, draw: Draw) -> Iterator[Pair]:
    """An example among others of another class has no label to lose, wherever it is moved."""
    x = draw.uniform(6, 2, low=-0.2, high=0.2, name="points")
    y = torch.tensor([1, 0, 0, 0, 0, 0])
    row = build(draw)(lambda x: x, {"a little": lambda x: x + 1e-6}, x, y)["a little"]
    yield torch.tensor(row.flipped), torch.tensor(0.0)


def evaluation_mode(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = nn.Dropout(0.5).train(), draw.normal()
    yield torch.tensor(build(draw)(model, {"same": lambda x: x}, x)["same"].gap), torch.tensor(0.0)
    yield torch.tensor(model.training), torch.tensor(True)


def changed(change: Any):
    """A twin: the right report with other figures in its rows."""

    def twin(model: Any, transforms: Transforms, x: Tensor, y: Tensor | None = None) -> InvarianceGap:
        report = invariance_gap(model, transforms, x, y)
        return InvarianceGap(tuple(change(row, model, transforms[row.name], x, y) for row in report.rows))

    return twin


def absolute(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, gap=float((model(transform(x)) - model(x)).flatten(1).norm(dim=1).mean()))


def beside_size(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    before = model(x).flatten(1)
    return replace(row, gap=float((model(transform(x)).flatten(1) - before).norm() / before.norm()))


def with_itself(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, gap=row.gap * len(x) / (len(x) - 1))


def squared(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, gap=row.gap**2)


def turned_round(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, accuracy=row.accuracy_after, accuracy_after=row.accuracy)


def differing(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, same_answer=1 - row.same_answer)


def never_flips(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    return replace(row, flipped=0.0)


def other_neighbors(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    if y is None:
        return row
    nearest = torch.cdist(transform(x).float(), x.float()).fill_diagonal_(torch.inf).argmin(1)
    return replace(row, flipped=float((y[nearest] != y).float().mean()))


def as_it_is(model: Any, transforms: Transforms, x: Tensor, y: Tensor | None = None) -> InvarianceGap:
    return invariance_gap(lambda x: model(x), transforms, x, y)


def leaves_evaluation(
    model: Any, transforms: Transforms, x: Tensor, y: Tensor | None = None
) -> InvarianceGap:
    return invariance_gap(model.eval() if isinstance(model, nn.Module) else model, transforms, x, y)


def nothing_over_nothing(row: Any, model: Any, transform: Any, x: Tensor, y: Any) -> Any:
    before = model(x).flatten(1)
    change = (model(transform(x)).flatten(1) - before).norm(dim=1).mean()
    return replace(row, gap=float(change / torch.pdist(before).mean()))


SUITES = (
    Suite(
        technique="invariance_gap",
        part="invariance_gap",
        subjects={"invariance_gap": invariance_gap},
        interface=Interface(kind="function", inputs=("model", "transforms", "x")),
        cases=({},),
        shapes=lambda a: ((3, 2), (6, 3)),
        laws=(
            Law("ratio_of_means", r"$$ g = \frac{\operatorname{mean}_n \|f(t(x_n)) - f(x_n)\|}{\operatorname{mean}_{n < m} \|f(x_n) - f(x_m)\|} $$", ratio_of_means, SMALL),
            Law("an_invariant_model_has_none", "A length does not see a mirror.", an_invariant_model_has_none, EXACT),
            Law("a_model_that_says_one_thing_has_none", "A constant model is invariant, and no 0 / 0.", a_model_that_says_one_thing_has_none, EXACT),
            Law("scale_of_the_scores_does_not_matter", r"$$ g(a f + b) = g(f) $$", scale_of_the_scores_does_not_matter, SMALL),
            Law("accuracies", "Before, after, and the same answers, by counting.", accuracies, SMALL),
            Law("labels_that_flip", "A mirror between two classes flips every label; one along them none.", labels_that_flip, EXACT),
            Law("own_original_does_not_count", "An example is not its own neighbor, and where its neighbor has another label already none is flipped.", own_original_does_not_count, EXACT),
            Law("evaluation_mode", "A module runs in evaluation mode and is put back.", evaluation_mode, EXACT),
        ),
        twins=(
            Twin("absolute", changed(absolute), "your gap is in units of the scores; divide by how far answers lie apart."),
            Twin("beside_size", changed(beside_size), "you divide by the size of the scores, which depends on where 0 is."),
            Twin("with_itself", changed(with_itself), "your mean over pairs counts each example with itself."),
            Twin("squared", changed(squared), "your distances are squared."),
            Twin("turned_round", changed(turned_round), "your accuracies before and after are turned round."),
            Twin("differing", changed(differing), "your share is that of the answers that change."),
            Twin("never_flips", changed(never_flips), "you do not look at labels."),
            Twin("other_neighbors", changed(other_neighbors), "you count examples that had a neighbor of another class before."),
            Twin("as_it_is", as_it_is, "your model runs in training mode: its dropout is measured."),
            Twin("leaves_evaluation", leaves_evaluation, "your model stays in evaluation mode."),
            Twin("nothing_over_nothing", changed(nothing_over_nothing), "a constant model gives 0 / 0."),
        ),
    ),
)  # fmt: skip
