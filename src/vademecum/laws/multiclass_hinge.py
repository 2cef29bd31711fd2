"""Laws of the multiclass hinge, from the three papers' objectives."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.losses.multiclass_hinge import MulticlassHingeLoss, multiclass_hinge

from ._suite import Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def one(scores: list[float], y: int, margin: float, p: int, kind: str) -> float:
    """The loss of one example, in scalars."""
    if kind == "one_vs_rest":
        return sum(max(0.0, margin - (s if k == y else -s)) ** p for k, s in enumerate(scores))
    violations = [max(0.0, margin + s - scores[y]) ** p for j, s in enumerate(scores) if j != y]
    return sum(violations) if kind == "weston_watkins" else max(violations)


def by_the_papers(scores: Tensor, target: Tensor, a: Arguments) -> Tensor:
    losses = [one(row, y, a["margin"], a["p"], a["kind"]) for row, y in zip(scores.tolist(), target.tolist())]
    return torch.tensor(sum(losses) / len(losses), dtype=torch.float64)


def slopes(scores: list[float], y: int, margin: float, p: int, kind: str) -> list[float]:
    """The derivatives of one example's loss: counts of violated margins where p is 1."""
    d = [0.0] * len(scores)
    if kind == "one_vs_rest":
        for k, s in enumerate(scores):
            z = 1 if k == y else -1
            d[k] = -z * p * max(0.0, margin - z * s) ** (p - 1) * (margin > z * s)
        return d
    wrong = [j for j in range(len(scores)) if j != y]
    if kind == "crammer_singer":
        wrong = [max(wrong, key=lambda j: scores[j])]
    for j in wrong:
        violation = margin + scores[j] - scores[y]
        if violation > 0:
            d[j] = p * violation ** (p - 1)
            d[y] -= d[j]
    return d


def drawn(draw: Draw) -> tuple[Tensor, Tensor]:
    batch, classes = draw.shape
    return draw.normal(std=2.0, name="input"), draw.integers(batch, high=classes, name="target")


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    loss = build(draw)
    yield loss(scores, target), by_the_papers(scores.double(), target, loss.arguments)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    scores.requires_grad_()
    loss = build(draw)
    a = loss.arguments
    (got,) = torch.autograd.grad(loss(scores, target), scores)
    rows = zip(scores.detach().double().tolist(), target.tolist())
    want = torch.tensor(
        [slopes(row, y, a["margin"], a["p"], a["kind"]) for row, y in rows], dtype=torch.float64
    )
    yield got, want / len(target)


def at_equal_scores(build: Build, draw: Draw) -> Iterator[Pair]:
    _, target = drawn(draw)
    loss = build(draw)
    a, k = loss.arguments, draw.shape[1]
    margins = {"weston_watkins": k - 1, "crammer_singer": 1, "one_vs_rest": k}[a["kind"]]
    want = torch.tensor(margins * a["margin"] ** a["p"], dtype=torch.float64)
    yield loss(torch.zeros(draw.shape, dtype=draw.dtype), target), want


def a_shift_changes_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    yield build(draw)(scores + 7.0, target), build(draw)((scores + 7.0) - 7.0, target)


def k_times_torch(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    a = draw.arguments
    yield (
        build(draw)(scores, target),
        draw.shape[1] * F.multi_margin_loss(scores.double(), target, p=a["p"], margin=a["margin"]),
    )


def k_times_cross_entropy_at_the_start(build: Build, draw: Draw) -> Iterator[Pair]:
    """Why the learning rate must shrink."""
    _, target = drawn(draw)
    zeros = torch.zeros(draw.shape, dtype=draw.dtype, requires_grad=True)
    (got,) = torch.autograd.grad(build(draw)(zeros, target), zeros)
    (other,) = torch.autograd.grad(F.cross_entropy(zeros, target), zeros)
    yield got, draw.shape[1] * other


def kept_margins_cost_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    _, target = drawn(draw)
    scores = (2 * F.one_hot(target, draw.shape[1]) - 1) * 1.5 * draw.arguments["margin"]
    scores = scores.to(draw.dtype).requires_grad_()
    loss = build(draw)(scores, target)
    yield loss, torch.zeros((), dtype=torch.float64)
    yield torch.autograd.grad(loss, scores)[0], torch.zeros(draw.shape)


def rows(input: Tensor, target: Tensor, margin: float, kind: str) -> Tensor:
    """Every class's violation, (B, K)."""
    hot = F.one_hot(target, input.shape[1]).bool()
    if kind == "one_vs_rest":
        return (margin - torch.where(hot, input, -input)).relu()
    return (margin + input - input.gather(1, target[:, None])).relu().masked_fill(hot, 0)


def joined(violations: Tensor, kind: str) -> Tensor:
    return (violations.amax(1) if kind == "crammer_singer" else violations.sum(1)).mean()


def counts_the_true_class(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    if kind == "one_vs_rest":
        return joined(rows(input, target, margin, kind).pow(p), kind)
    return joined((margin + input - input.gather(1, target[:, None])).relu().pow(p), kind)


def divides_by_classes(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return joined(rows(input, target, margin, kind).pow(p), kind) / input.shape[1]


def not_squared(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return joined(rows(input, target, margin, kind), kind)


def half_the_square(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return joined(rows(input, target, margin, kind).pow(p), kind) / p


def margin_of_one(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return joined(rows(input, target, 1.0, kind).pow(p), kind)


def always_summed(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return rows(input, target, margin, kind).pow(p).sum(1).mean()


def summed_over_the_batch(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    return joined(rows(input, target, margin, kind).pow(p), kind) * len(target)


def never_satisfied(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    smooth = F.softplus(10 * (rows(input, target, margin, kind))) / 10
    return joined(smooth.pow(p), kind)


def against_the_whole_score(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    """One against the rest, whatever was asked."""
    return rows(input, target, margin, "one_vs_rest").pow(p).sum(1).mean()


def true_score_cut(input, target, *, margin=1.0, p=1, kind="weston_watkins"):
    if kind == "one_vs_rest":
        return joined(rows(input, target, margin, kind).pow(p), kind)
    hot = F.one_hot(target, input.shape[1]).bool()
    true = input.gather(1, target[:, None]).detach()
    return joined((margin + input - true).relu().masked_fill(hot, 0).pow(p), kind)


CASES = tuple(
    {"margin": margin, "p": p, "kind": kind}
    for kind in ("weston_watkins", "crammer_singer", "one_vs_rest")
    for margin, p in ((1.0, 1), (0.5, 2))
)

SUITES = (
    Suite(
        technique="multiclass_hinge",
        part="multiclass_hinge",
        subjects={"multiclass_hinge": multiclass_hinge, "MulticlassHingeLoss": MulticlassHingeLoss},
        interface=Interface(
            kind="function",
            arguments=("margin", "p", "kind"),
            inputs=("input", "target"),
            defaults={"margin": 1.0, "p": 1, "kind": "weston_watkins"},
            aliases={
                "input": ("scores", "logits", "output", "x"), "target": ("labels", "y"), "margin": ("delta", "Delta"),
            },
        ),
        cases=CASES,
        shapes=lambda a: ((2, 3), (5, 10)),
        laws=(
            Law("by_the_papers", r"$$ L_i = \sum_{j \ne y_i} \max(0, \Delta + s_{ij} - s_{i y_i})^p $$, its maximum, or $$ \sum_k \max(0, \Delta - z_{ik} s_{ik})^p $$", definition),
            Law("gradient", "With p = 1 the slopes count violated margins.", gradient),
            Law("at_equal_scores", r"$$ (K - 1) \Delta^p $$, $$ \Delta^p $$ or $$ K \Delta^p $$", at_equal_scores),
            Law("a_shift_changes_nothing", r"$$ L(s + c) = L(s) $$ where scores are compared with each other.", a_shift_changes_nothing, cases=lambda a: a["kind"] != "one_vs_rest"),
            Law("k_times_torch", "torch divides by the number of classes.", k_times_torch, cases=lambda a: a["kind"] == "weston_watkins"),
            Law("k_times_cross_entropy_at_the_start", "At equal scores the gradient is K times that of cross-entropy.", k_times_cross_entropy_at_the_start, cases=lambda a: a["kind"] == "weston_watkins" and a["p"] == 1),
            Law("kept_margins_cost_nothing", "No loss and no gradient once every margin is kept.", kept_margins_cost_nothing),
        ),
        twins=(
            Twin("counts_the_true_class", counts_the_true_class, "the true class is counted among the others, which adds the margin to every loss."),
            Twin("divides_by_classes", divides_by_classes, "you divide by the number of classes, as torch does; the papers do not."),
            Twin("not_squared", not_squared, "your p is ignored: with 2 the violation is squared."),
            Twin("half_the_square", half_the_square, "half of the square is wanted nowhere: the squared hinge has no factor."),
            Twin("margin_of_one", margin_of_one, "your margin is always 1."),
            Twin("always_summed", always_summed, "you sum over the classes; Crammer and Singer take the worst."),
            Twin("summed_over_the_batch", summed_over_the_batch, "your loss is the sum over the batch; the mean is wanted."),
            Twin("never_satisfied", never_satisfied, "your loss is never 0: it is a smooth hinge."),
            Twin("against_the_whole_score", against_the_whole_score, "you ask each score for its sign; compare it with the true class's score."),
            Twin("true_score_cut", true_score_cut, "the true class's score is cut off from the gradient."),
        ),
    ),
)  # fmt: skip
