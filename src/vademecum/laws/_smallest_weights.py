"""What the laws of targeted dropout and of pruning share: which weights are the smallest, and the twins that mistake them."""

import torch
from torch import Tensor, nn

from ._suite import Arguments


def smallest(rows: list[list[float]], share: float, kind: str, per: str) -> list[list[bool]]:
    """Mark the floor(share * d) smallest, by sorting, in loops."""
    if kind == "unit":
        lengths = [sum(w * w for w in row) ** 0.5 for row in rows]
        order = sorted(range(len(rows)), key=lambda o: lengths[o])[: round(share * len(rows) - 0.5 + 1e-6)]
        return [[o in order] * len(row) for o, row in enumerate(rows)]
    groups = [[(o, i) for i in range(len(rows[0]))] for o in range(len(rows))]
    if per == "tensor":
        groups = [[place for group in groups for place in group]]
    marked = set()
    for group in groups:
        group.sort(key=lambda place: abs(rows[place[0]][place[1]]))
        marked |= set(group[: round(share * len(group) - 0.5 + 1e-6)])
    return [[(o, i) in marked for i in range(len(row))] for o, row in enumerate(rows)]


def marks(weight: Tensor, share: float, a: Arguments) -> Tensor:
    """The same for a weight with any dimension of outputs."""
    rows = weight.movedim(a.get("dim", 0), 0)
    flat = smallest(rows.flatten(1).tolist(), share, a["kind"], a["per"])
    return torch.tensor(flat).reshape(rows.shape).movedim(0, a.get("dim", 0))


class Variant(nn.Module):
    """Targeted dropout, in parts that the twins replace."""

    def __init__(
        self, gamma: float, alpha: float, kind: str = "weight", per: str = "output", dim: int = 0
    ) -> None:
        super().__init__()
        self.gamma, self.alpha, self.kind, self.per, self.dim = gamma, alpha, kind, per, dim

    def size(self, w: Tensor) -> Tensor:
        return w.detach().abs()

    def length(self, rows: Tensor) -> Tensor:
        return rows.norm(dim=1)

    def outputs(self) -> int:
        return self.dim

    def count(self, d: int) -> int:
        return int(self.gamma * d + 1e-9)

    def at_risk(self, w: Tensor) -> Tensor:
        rows = self.size(w).movedim(self.outputs(), 0)
        if self.kind == "unit":
            lengths = self.length(rows.flatten(1))
            low = torch.zeros_like(lengths, dtype=torch.bool)
            low[lengths.argsort(stable=True)[: self.count(len(lengths))]] = True
            marked = low.reshape(-1, *[1] * (rows.dim() - 1)).expand(rows.shape)
        else:
            flat = rows.reshape(1, -1) if self.per == "tensor" else rows.flatten(1)
            order = flat.argsort(1, stable=True).argsort(1)
            marked = (order < self.count(flat.shape[1])).reshape(rows.shape)
        return marked.movedim(0, self.outputs())

    def chance(self, w: Tensor) -> Tensor:
        shape = [n if self.kind == "weight" or d == self.outputs() else 1 for d, n in enumerate(w.shape)]
        return torch.rand(shape) < self.alpha

    def scale(self) -> float:
        return 1.0

    def evaluate(self, w: Tensor) -> Tensor:
        return w

    def forward(self, w: Tensor) -> Tensor:
        if not self.training:
            return self.evaluate(w)
        return torch.where(self.at_risk(w) & self.chance(w), 0.0, w * self.scale())


class Largest(Variant):
    def size(self, w: Tensor) -> Tensor:
        return -w.detach().abs()

    def length(self, rows: Tensor) -> Tensor:
        return -rows.norm(dim=1)


class Signed(Variant):
    def size(self, w: Tensor) -> Tensor:
        return w.detach()

    def length(self, rows: Tensor) -> Tensor:
        return rows.sum(1)


class SumOfMagnitudes(Variant):
    def length(self, rows: Tensor) -> Tensor:
        return rows.sum(1)


class WholeTensor(Variant):
    def __init__(self, *args: object, **keywords: object) -> None:
        super().__init__(*args, **keywords)
        self.per = "tensor" if self.per == "output" else "output"
