"""Laws of the canonical links, from the likelihoods of the three kinds of targets."""

from collections.abc import Iterator
from functools import partial
from math import exp, log

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.losses.canonical_link import canonical, output_hessian

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def prediction(row: list[float], task: str) -> list[float]:
    """The output function, in scalars."""
    if task == "regression":
        return row
    if task == "multiclass":
        total = sum(exp(a) for a in row)
        return [exp(a) / total for a in row]
    return [1 / (1 + exp(-a)) for a in row]


def error(row: list[float], target: list[float], task: str) -> float:
    """The negative log-likelihood, the Gaussian's constant left out, in scalars."""
    y = prediction(row, task)
    if task == "regression":
        return sum((a - t) ** 2 for a, t in zip(y, target)) / 2
    if task == "multiclass":
        return -sum(t * log(p) for p, t in zip(y, target))
    return -sum(t * log(p) + (1 - t) * log(1 - p) for p, t in zip(y, target))


def drawn(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Activations, targets as the loss takes them, and targets as rows of numbers."""
    a = draw.normal(std=2.0, name="activation")
    task, (batch, width) = draw.arguments["task"], draw.shape
    if task == "multiclass":
        y = draw.integers(batch, high=width, name="target")
        return a, y, F.one_hot(y, width).double()
    if task == "regression":
        t = draw.normal(name="target")
    else:
        t = draw.integers(batch, width, high=2, name="target").to(draw.dtype)
    return a, t, t.double()


def links(build: Build, draw: Draw) -> Iterator[Pair]:
    a, _, _ = drawn(draw)
    link, _ = build(draw)()
    rows = [prediction(row, draw.arguments["task"]) for row in a.double().tolist()]
    yield link(a), torch.tensor(rows, dtype=torch.float64)


def losses(build: Build, draw: Draw) -> Iterator[Pair]:
    a, t, written = drawn(draw)
    _, loss = build(draw)()
    pairs = zip(a.double().tolist(), written.tolist())
    total = sum(error(row, target, draw.arguments["task"]) for row, target in pairs)
    yield loss(a, t), torch.tensor(total, dtype=torch.float64)


def prediction_minus_target(build: Build, draw: Draw) -> Iterator[Pair]:
    a, t, written = drawn(draw)
    link, loss = build(draw)()
    a.requires_grad_()
    yield torch.autograd.grad(loss(a, t), a)[0], link(a.detach()).double() - written


def finite_far_out(build: Build, draw: Draw) -> Iterator[Pair]:
    """A sure mistake at activations of +-1e4 costs what it should, and has a gradient of 1."""
    _, _, written = drawn(draw)
    task = draw.arguments["task"]
    signs = 1 - 2 * written if task != "regression" else torch.ones(draw.shape).double()
    wrong = (1e4 * signs).to(draw.dtype).requires_grad_()
    target = written.to(draw.dtype) if task != "multiclass" else written.argmax(1)
    link, loss = build(draw)()
    value = loss(wrong, target)
    if task == "regression":
        want = 0.5 * (wrong.detach().double() - written).square().sum()
    elif task == "multiclass":  # the others share the softmax
        want = torch.tensor(draw.shape[0] * (2e4 + log(draw.shape[1] - 1)), dtype=torch.float64)
    else:
        want = torch.tensor(1e4 * written.numel(), dtype=torch.float64)
    yield value, want
    yield torch.autograd.grad(value, wrong)[0], link(wrong.detach()).double() - written


SOFTMAX = partial(torch.softmax, dim=-1)
CROSS_ENTROPY = partial(F.cross_entropy, reduction="sum")
BINARY = partial(F.binary_cross_entropy_with_logits, reduction="sum")


def but(changed):
    """The right pairs, with those of some tasks changed."""

    def twin(task):
        return changed[task] if task in changed else canonical(task)

    return twin


whole_square = but({"regression": (lambda a: a, partial(F.mse_loss, reduction="sum"))})
averaged = but({
    "regression": (lambda a: a, lambda a, t: 0.5 * F.mse_loss(a, t)),
    "binary": (torch.sigmoid, F.binary_cross_entropy_with_logits),
    "multilabel": (torch.sigmoid, F.binary_cross_entropy_with_logits),
    "multiclass": (SOFTMAX, F.cross_entropy),
})  # fmt: skip
over_the_batch = but({"multiclass": (partial(torch.softmax, dim=0), CROSS_ENTROPY)})
softmax_twice = but({"multiclass": (SOFTMAX, lambda a, t: CROSS_ENTROPY(a.softmax(-1), t))})
squared_sigmoid = but({
    task: (torch.sigmoid, lambda a, t: 0.5 * (a.sigmoid() - t).square().sum()) for task in ("binary", "multilabel")
})  # fmt: skip
clamped = but({
    task: (torch.sigmoid, lambda a, t: F.binary_cross_entropy(a.sigmoid().clamp(1e-12, 1 - 1e-12), t, reduction="sum"))
    for task in ("binary", "multilabel")
})  # fmt: skip
saturated_softmax = but({
    "multiclass": (SOFTMAX, lambda a, t: F.nll_loss((a.exp() / a.exp().sum(-1, keepdim=True)).log(), t, reduction="sum")),
})  # fmt: skip
exclusive_labels = but({"multilabel": (SOFTMAX, lambda a, t: -(t * a.log_softmax(-1)).sum())})


def by_differentiating(build: Build, draw: Draw) -> Iterator[Pair]:
    a, t, _ = drawn(draw)
    task = draw.arguments["task"]
    _, loss = canonical(task)
    wants = [
        torch.autograd.functional.hessian(lambda row, y=y: loss(row[None], y[None]), x)
        for x, y in zip(a.double(), double(t))
    ]
    yield build(draw)(a), torch.stack(wants)


def double(t: Tensor) -> Tensor:
    return t.double() if t.is_floating_point() else t


def curves_upward(build: Build, draw: Draw) -> Iterator[Pair]:
    eigenvalues = torch.linalg.eigvalsh(build(draw)(draw.normal(std=3.0)).double())
    yield eigenvalues.clamp_max(0), torch.zeros_like(eigenvalues)


def flat_hessian(activation, task):
    y = canonical(task)[0](activation)
    return (y * (1 - y)).diag_embed() if task != "regression" else torch.ones_like(y).diag_embed()


def without_diagonal_probability(activation, task):
    if task != "multiclass":
        return output_hessian(activation, task)
    y = activation.softmax(-1)
    return torch.ones_like(y).diag_embed() - y.unsqueeze(-1) * y.unsqueeze(-2)


def negated(activation, task):
    return -output_hessian(activation, task)


def identity_always(activation, task):
    return torch.ones_like(activation).diag_embed()


TASKS = tuple({"task": task} for task in ("regression", "binary", "multilabel", "multiclass"))

SUITES = (
    Suite(
        technique="canonical_link",
        part="canonical",
        subjects={"canonical": canonical},
        interface=Interface(kind="function", arguments=("task",), inputs=(), aliases={"task": ("kind",)}),
        cases=TASKS,
        shapes=lambda a: ((2, 3), (5, 4)),
        laws=(
            Law("links", "Identity, sigmoid, softmax over the classes.", links),
            Law("losses", "Half the squared error, or the negative logarithm of the target's probability, summed.", losses),
            Law("prediction_minus_target", r"$$ \partial E / \partial a_k = y_k - t_k $$", prediction_minus_target),
            Law("finite_far_out", "Activations of ten thousand on the wrong side cost what they should.", finite_far_out),
        ),
        twins=(
            Twin("whole_square", whole_square, "the squared error has no factor of a half, so its gradient is twice y - t."),
            Twin("averaged", averaged, "your loss is a mean; the sum is wanted."),
            Twin("over_the_batch", over_the_batch, "your softmax runs over the batch."),
            Twin("softmax_twice", softmax_twice, "your loss takes predictions for activations: the softmax is applied twice."),
            Twin("squared_sigmoid", squared_sigmoid, "squared error behind a sigmoid is no canonical pair: a sure mistake is flat."),
            Twin("clamped", clamped, "you clip the prediction, so that a sure mistake has no gradient: use the loss with logits."),
            Twin("overflows", saturated_softmax, "the exponential overflows: use the loss that takes logits."),
            Twin("exclusive_labels", exclusive_labels, "several labels may hold at once: each has a sigmoid of its own."),
        ),
    ),
    Suite(
        technique="canonical_link",
        part="output_hessian",
        subjects={"output_hessian": output_hessian},
        interface=Interface(kind="function", arguments=("task",), inputs=("activation",), aliases={"task": ("kind",), "activation": ("logits", "a")}),
        cases=TASKS,
        shapes=lambda a: ((2, 3), (5, 4)),
        laws=(
            Law("by_differentiating", r"$$ I, \; \text{diag}(y_k (1 - y_k)), \; \text{diag}(y) - y y^\top $$", by_differentiating),
            Law("curves_upward", "It has no negative eigenvalue.", curves_upward),
        ),
        twins=(
            Twin("without_correlation", flat_hessian, "the softmax ties the classes together: the off-diagonal -y_j y_k is missing."),
            Twin("ones_on_the_diagonal", without_diagonal_probability, "the diagonal starts from y, not from 1."),
            Twin("negated", negated, "the sign is turned."),
            Twin("identity_always", identity_always, "the identity is that of regression alone."),
        ),
    ),
)  # fmt: skip
