r"""Nearest neighbors: answer with what the most similar training examples were.

No training and nothing to tune but k and the metric: the baseline that any learned classifier on the same features
must beat. All training data are kept, and every answer costs a distance to each of them, where a linear classifier
keeps one matrix.

$$ p_k(x) = \frac{1}{|N(x)|} \sum_{i \in N(x)} [y_i = k], \qquad
\|a - b\|^2 = \max\big(0,\; \|a\|^2 + \|b\|^2 - 2 a^\top b\big) $$

where N(x) are the training examples nearest to x. The right-hand form is a matrix product; it is taken around the
first training example, so that a large common offset does not cancel the difference away.

Also called: k-NN, kNN, instance-based learning, memory-based classifier.
Departures: ties are broken by rule: of equally many votes the lowest class wins, and of equally near examples the
    first in the data is taken.
Pitfalls: features must be on one scale first. Where examples are nearly as near as each other, rounding in the matrix
    product decides which is among the k; the distances that are returned are computed anew from differences.
    Distances lose their meaning in many dimensions.
Claim: on the digits one neighbor answers more than a point better than a linear classifier, and keeps a hundred times
    as many numbers.
Peer: scikit-learn's KNeighborsClassifier (brute force): equal distances and answers on the digits; equal shares but
    where several examples tie for the k-th place, of which it takes any (tests).

References:
    cover1967nearest: the rule for one neighbor, and that its error is at most twice the least possible one.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["KNearestNeighbors"]

_METRICS = ("l2", "l1", "cosine")


class KNearestNeighbors(nn.Module):
    """Keep examples, and let the k nearest vote.

    The examples are buffers: they move with `to`, and `state_dict` has them. A state dict loads into an object that
    was fitted with other data, or not at all.

    Args:
        k: how many neighbors vote.
        metric: "l2", "l1", or "cosine" (one minus the cosine; 1 where a vector is 0).
        chunk_size: distances held at once; changes memory and speed alone.

    Attributes:
        x: (N, F) examples; None before `fit`.
        target: (N,) their classes; None before `fit`.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> model = KNearestNeighbors(3).fit(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), torch.tensor([0, 0, 1, 1]))
        >>> model(torch.tensor([[0.4], [9.0]]))  # shares of the votes
        tensor([[0.6667, 0.3333],
                [0.3333, 0.6667]])
    """

    x: Tensor | None
    target: Tensor | None

    def __init__(self, k: int = 1, *, metric: str = "l2", chunk_size: int = 1 << 22) -> None:
        super().__init__()
        if k < 1 or chunk_size < 1:
            raise ValueError(f"k and chunk_size must be at least 1: they are {k} and {chunk_size}.")
        if metric not in _METRICS:
            raise ValueError(f"metric must be one of {', '.join(_METRICS)}: it is {metric!r}.")
        self.k, self.metric, self.chunk_size = k, metric, chunk_size
        self.register_buffer("x", None)
        self.register_buffer("target", None)
        self.register_load_state_dict_pre_hook(_make_room)

    def fit(self, x: Tensor, target: Tensor) -> "KNearestNeighbors":
        """Keep examples; those of an earlier call are forgotten.

        Args:
            x: (N, ...) floating-point examples, of which everything but the first dimension is flattened.
            target: (N,) int64 classes; the largest one says how many there are.

        Returns:
            The object itself.

        Raises:
            TypeError: x is not floating-point, or the target is not int64.
            ValueError: the shapes do not fit, there are fewer than k examples, or a value is not finite or negative.
        """
        if not x.is_floating_point() or target.dtype != torch.int64:
            raise TypeError(
                f"x must be floating-point and target int64: they are {x.dtype} and {target.dtype}; convert them."
            )
        if x.ndim < 2 or target.shape != x.shape[:1] or len(x) < self.k:
            raise ValueError(
                f"x must be (N, ...) and target (N,) with N at least k = {self.k}: they are {tuple(x.shape)} and "
                f"{tuple(target.shape)}; take a smaller k or more examples."
            )
        if not bool(x.isfinite().all()) or bool((target < 0).any()):
            raise ValueError(
                "x must be finite and target at least 0: some value is not; clean the data first."
            )
        self.x, self.target = x.detach().flatten(1).clone(), target.detach().clone()
        return self

    def neighbors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Find the nearest examples.

        Args:
            x: (B, ...) queries with as many values as the examples have.

        Returns:
            (B, k) distances, the least first, and (B, k) int64 places in the data.

        Raises:
            ValueError: there are no examples yet, or the queries have another number of values.
        """
        if self.x is None:
            raise ValueError("the model must be fitted before it is used: call fit(x, target) first.")
        if x.ndim < 2 or x.flatten(1).shape[1] != self.x.shape[1]:
            raise ValueError(
                f"queries must be (B, ...) with {self.x.shape[1]} values each: they are {tuple(x.shape)}; prepare them "
                "as the examples were prepared."
            )
        queries = x.detach().flatten(1).to(self.x.dtype)
        found = [
            self._nearest(block, self.x) for block in queries.split(max(1, self.chunk_size // len(self.x)))
        ]
        distances, places = zip(*found)
        return torch.cat(distances), torch.cat(places)

    def forward(self, x: Tensor) -> Tensor:
        """Let the nearest examples vote.

        Args:
            x: (B, ...) queries.

        Returns:
            (B, K) shares of the votes; ``argmax(1)`` is the answer, the lowest class where votes are equal.
        """
        _, places = self.neighbors(x)
        assert self.x is not None
        assert self.target is not None
        votes = F.one_hot(self.target[places], int(self.target.max()) + 1)  # (B, k, K)
        return votes.to(self.x.dtype).mean(1)

    def extra_repr(self) -> str:
        """Name the settings, for print.

        Returns:
            The settings, and how many examples there are.
        """
        return f"k={self.k}, metric={self.metric!r}, examples={0 if self.x is None else len(self.x)}"

    def _nearest(self, queries: Tensor, examples: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and places of the k nearest, for one block of queries."""
        # A stable sort, so that of equal distances the first stays first.
        places = _distances(queries, examples, self.metric).argsort(dim=1, stable=True)[:, : self.k]
        places = places.sort(dim=1).values
        near = examples[places]  # (b, k, F)
        if self.metric == "l2":
            exact = torch.linalg.vector_norm(near - queries.unsqueeze(1), dim=2)
        elif self.metric == "l1":
            exact = (near - queries.unsqueeze(1)).abs().sum(2)
        else:
            exact = 1 - (F.normalize(near, dim=2) * F.normalize(queries, dim=1).unsqueeze(1)).sum(2)
        distances, order = exact.clamp_min(0).sort(dim=1, stable=True)
        return distances, places.gather(1, order)


def _distances(queries: Tensor, examples: Tensor, metric: str) -> Tensor:
    """(b, N) distances, those of "l2" squared."""
    if metric == "l1":
        return torch.cdist(queries, examples, p=1)
    if metric == "cosine":
        return 1 - F.normalize(queries, dim=1) @ F.normalize(examples, dim=1).T
    a, b = queries - examples[0], examples - examples[0]
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)


def _make_room(module: KNearestNeighbors, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Before a state dict is loaded: make the buffers as large as those that come."""
    for name in ("x", "target"):
        coming, present = state.get(prefix + name), getattr(module, name)
        device = torch.device("cpu") if present is None else present.device
        setattr(module, name, None if coming is None else torch.empty_like(coming, device=device))
