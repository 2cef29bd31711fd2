r"""Overfit a small subset: a network and a loss that work can learn a handful of examples by heart.

Do it before any long training: it takes seconds, and what fails here fails everywhere. It runs on a copy with Adam,
without dropout, augmentation and weight decay, at several rates in turn.

$$ L_{end} - L_{floor} \le \tfrac{1}{100} (L_{start} - L_{floor}) $$

and as many examples right as equal inputs allow (in regression: nearly all of the variance explained). The floor is
what free outputs, equal for equal inputs, can reach in the loss: smoothed labels, or one input with two labels, are no
fault of the network.

Also called: overfit one batch, sanity check on a tiny data set.
Departures: the usual advice is to look for a loss of 0; the floor says what 0 is for the loss at hand.
Pitfalls: labels at random are learned by heart as well, so a pass says nothing of the data. Batch normalization learns
    little from a handful of examples. The examples come as they are given: give them without augmentation.
Laws: none, because it is an experiment with a threshold; its tests hold it to floors in closed form and to faults.
Claim: twenty digits are learned by heart by a net that works, and by none of five that do not: with labels drawn
    anew in each step, a loss with the wrong sign, a dead ReLU behind the last layer, an input that does not reach the
    output, and a learning rate of nearly 0.
Peer: none. PyTorch Lightning's overfit_batches trains on few batches and leaves the judgment to the reader.

References:
    karpathy2019recipe: "overfit one batch".
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .._torch.copies import plain, training_copy

__all__ = ["OverfitSubset", "overfit_subset"]

Loss = Callable[[Tensor, Tensor], Tensor]

RATES = (1e-2, 2e-3, 1e-1)
"""Rates for Adam, tried in this order: for most networks, for deep ones, and for a single layer."""

LEFT = 0.01
"""The part of the loss above its floor that may be left."""

EXPLAINED = 0.99
"""The part of the targets' variance that must be explained in regression."""


@dataclass(frozen=True)
class OverfitSubset:
    """How far the copy came, at the first rate that was enough or else at the best.

    Attributes:
        learned: whether the examples were learned by heart.
        initial: the loss before the first step.
        final: the loss at the end.
        floor: the least loss that outputs can reach; -inf where there is none.
        score: share of right answers at the end, or of the variance explained; 1 where neither can be told.
        attainable: the best score that equal inputs allow.
        examples: how many were to be learned.
        steps: taken.
        rate: of Adam.

    Example:
        >>> x, y = torch.eye(2), torch.tensor([0, 1])
        >>> result = overfit_subset(nn.Linear(2, 2), nn.CrossEntropyLoss(), x, y, num_classes=2)
        >>> result.learned, result.score
        (True, 1.0)
    """

    learned: bool
    initial: float
    final: float
    floor: float
    score: float
    attainable: float
    examples: int
    steps: int
    rate: float

    def __str__(self) -> str:
        return (
            f"loss {self.initial:.3g} -> {self.final:.3g} with a floor of {self.floor:.2g}, "
            f"score {self.score:.3g} of {self.attainable:.3g}"
        )


@dataclass(frozen=True)
class _Task:
    """What is to be learned by heart."""

    model: nn.Module
    loss: Loss
    x: Tensor
    y: Tensor
    num_classes: int


def overfit_subset(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    *,
    num_classes: int = 0,
    examples: int = 20,
    steps: int = 200,
    rates: Sequence[float] = RATES,
    make_optimizer: Callable[[nn.Module, float], torch.optim.Optimizer] | None = None,
    scored: bool = True,
) -> OverfitSubset:
    """Train a copy on a few examples and say whether it learned them by heart.

    Args:
        model: as it will be trained; left as it is, as are its gradients and the random streams.
        loss: (output, y) -> () loss, averaged over the batch.
        x: (B, ...) inputs.
        y: (B,) or (B, ...) targets.
        num_classes: K in classification, 0 in regression.
        examples: how many to take, from the start.
        steps: taken at most at each rate.
        rates: for Adam, tried in turn until one is enough.
        make_optimizer: (model, rate) -> another optimizer for a copy.
        scored: whether right answers count; else the loss alone does.

    Returns:
        How far it came.

    Raises:
        ValueError: there is no example or no rate, or the loss is connected to no trainable parameter.

    Example:
        >>> x, y = torch.ones(2, 3), torch.tensor([0, 1])  # one input, two labels
        >>> result = overfit_subset(nn.Linear(3, 2), nn.CrossEntropyLoss(), x, y, num_classes=2)
        >>> result.learned, result.attainable, round(result.floor, 3)  # the logarithm of 2
        (True, 0.5, 0.693)
    """
    x, y = x[:examples].detach().clone(), y[:examples].detach().clone()
    if len(x) == 0 or not rates:
        raise ValueError(
            f"there must be examples and rates: x is {tuple(x.shape)}, rates={tuple(rates)}; give some of both."
        )
    with training_copy(model, len(x)) as own:
        plain(own)
        task = _Task(own, loss, x, y, num_classes)
        trained = [p for p in own.parameters() if p.requires_grad]
        if not trained or not loss(own(x), y).requires_grad:
            raise ValueError(
                "the loss must be connected to a trainable parameter: it is to none; look for detach, no_grad and "
                "parameters that are frozen."
            )
        with torch.no_grad():
            output = own(x)
        groups = torch.unique(x.flatten(1), dim=0, return_inverse=True)[1]
        floor = _floor(task, output, groups)
        attainable = _attainable(task, output, groups) if scored else 1.0
        trials = []
        for rate in rates:
            trials.append(
                _train(
                    task,
                    make_optimizer or _adam,
                    rate,
                    steps,
                    floor=floor,
                    attainable=attainable,
                    scored=scored,
                )
            )
            if trials[-1].learned:
                return trials[-1]
    return min(trials, key=lambda trial: trial.final if math.isfinite(trial.final) else math.inf)


def class_indices(y: Tensor, num_classes: int) -> Tensor:
    """Give the class of each example.

    Args:
        y: (B, ...) classes, or (B, K, ...) one-hot or soft targets.
        num_classes: K.

    Returns:
        (B, ...) int64.
    """
    if y.is_floating_point() and y.ndim > 1 and y.shape[1] == num_classes:
        return y.argmax(1)
    return y.long()


def _adam(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)


def _train(
    task: _Task, make: Callable[[nn.Module, float], torch.optim.Optimizer], rate: float, steps: int, *,
    floor: float, attainable: float, scored: bool,
) -> OverfitSubset:  # fmt: skip
    model = deepcopy(task.model)
    optimizer = make(model, rate)
    slack = 1e-6 if task.num_classes else 1 - EXPLAINED
    initial, step = math.nan, 0
    while True:
        output = model(task.x)
        loss = task.loss(output, task.y)
        final = loss.item()
        initial = final if step == 0 else initial
        score = _score(task, output.detach()) if scored else 1.0
        low = floor == -math.inf or final - floor <= LEFT * abs(initial - floor)
        learned = low and score >= attainable - slack
        if learned or step == steps or not math.isfinite(final):
            return OverfitSubset(learned, initial, final, floor, score, attainable, len(task.x), step, rate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1


def _floor(task: _Task, output: Tensor, groups: Tensor) -> float:
    """The least loss of outputs that are free but for being equal where inputs are: -inf where there is no least."""
    if not isinstance(output, Tensor) or len(output) != len(groups):
        return -math.inf
    first = torch.stack([(groups == g).nonzero()[0, 0] for g in range(int(groups.max()) + 1)])
    start = torch.zeros_like(output)
    if not task.num_classes and task.y.numel() == output.numel():
        start = task.y.to(output.dtype).reshape(output.shape)
        start = torch.stack([start[groups == g].mean(0) for g in groups])
    free = start[first].clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")
    inside = _range(task, output)
    seen: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = task.loss(inside(free)[groups], task.y)
        loss.backward()
        seen.append(loss.item())
        return loss

    optimizer.step(closure)
    least = min((value for value in seen if math.isfinite(value)), default=-math.inf)
    return least if least > -10 * max(1.0, abs(seen[0])) else -math.inf


def _range(task: _Task, output: Tensor) -> Callable[[Tensor], Tensor]:
    """What maps free numbers onto outputs such as the network's: probabilities, their logarithms, or any number."""
    if not task.num_classes:
        return lambda free: free
    if output.ndim > 1 and torch.allclose(output.logsumexp(1), output.new_zeros(()), atol=1e-4):
        return lambda free: free.log_softmax(1)
    if bool(((output >= 0) & (output <= 1)).all()):
        if output.ndim > 1 and torch.allclose(output.sum(1), output.new_ones(()), atol=1e-4):
            return lambda free: free.softmax(1)
        return torch.sigmoid
    return lambda free: free


def _said(task: _Task, output: Tensor) -> Tensor | None:
    """The class that each output stands for; None where that cannot be told."""
    if isinstance(output, Tensor) and output.ndim > 1 and output.shape[1] == task.num_classes:
        return output.argmax(1)
    return None


def _score(task: _Task, output: Tensor) -> float:
    """Accuracy, or the part of the variance explained; 1 where neither can be told."""
    if task.num_classes:
        said = _said(task, output)
        return (
            1.0 if said is None else float((said == class_indices(task.y, task.num_classes)).double().mean())
        )
    if not isinstance(output, Tensor) or output.numel() != task.y.numel():
        return 1.0
    return _explained(task.y, output.reshape(task.y.shape))


def _attainable(task: _Task, output: Tensor, groups: Tensor) -> float:
    """The best score of outputs that are equal where inputs are."""
    if task.num_classes and _said(task, output) is not None:
        y = class_indices(task.y, task.num_classes)
        best = torch.stack([y[groups == g].mode(0).values for g in groups])
        return float((best == y).double().mean())
    if not task.num_classes and isinstance(output, Tensor) and output.numel() == task.y.numel():
        return _explained(task.y, torch.stack([task.y[groups == g].mean(0) for g in groups]))
    return 1.0


def _explained(y: Tensor, said: Tensor) -> float:
    total = (y - y.mean(0)).double().square().sum()
    return float(1 - (y - said).double().square().sum() / total) if total > 0 else 1.0
