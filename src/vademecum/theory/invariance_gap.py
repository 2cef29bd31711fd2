r"""Invariance gap: how much a model's answer moves when its input is transformed, beside how answers differ anyway.

Use it before and after you build an invariance in, by augmentation, tangents, preparation or architecture, and to see
whether a transformation may be built in at all: a 6 turned upside down is a 9.

$$ g = \frac{\mathbb{E}_x \|f(t(x)) - f(x)\|}{\mathbb{E}_{x \ne x'} \|f(x) - f(x')\|} $$

0 is invariance; at 1 the transformation moves the answer as far as taking another example would.

Also called: transformation sensitivity, invariance report.
Departures: Goodfellow et al. measure single units by how often they fire; this measures the outputs as a whole, and
    beside them accuracy and labels.
Pitfalls: give scores, not probabilities, whose distances vanish where the model is sure. A large gap with the same
    accuracy is no harm: scores may move and keep their order. The flipped labels are guessed from nearest neighbors in
    the inputs: where examples are few, or neighbors mean nothing, look at the examples.
Claim: on two rings with 40 points the gap under rotation ranks the ways to learn it: polar radius as the input at 0,
    then tangent propagation, then the plain net.
Peer: none.

References:
    bishop2006pattern: section 5.5.3, four ways to an invariance.
    goodfellow2009measuring: a unit's firing under transformation, beside how often it fires at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vademecum._torch.modes import evaluating

__all__ = ["InvarianceGap", "InvarianceRow", "invariance_gap"]


@dataclass(frozen=True)
class InvarianceRow:
    """What one transformation does.

    Attributes:
        name: of the transformation.
        gap: the mean change of the output, as a share of the mean distance between outputs of different examples.
        same_answer: share of examples whose highest score stays where it is.
        accuracy: before; None where labels were not given.
        accuracy_after: after.
        flipped: share of examples whose nearest neighbor among the others has their label before the transformation
            and another one after it; None where labels were not given.

    Example:
        >>> InvarianceRow("half turn", 0.4, 0.9, accuracy=0.9, accuracy_after=0.7, flipped=0.1).accuracy_drop
        0.2...
    """

    name: str
    gap: float
    same_answer: float
    accuracy: float | None = None
    accuracy_after: float | None = None
    flipped: float | None = None

    @property
    def accuracy_drop(self) -> float | None:
        """By how much the accuracy falls."""
        if self.accuracy is None or self.accuracy_after is None:
            return None
        return self.accuracy - self.accuracy_after


@dataclass(frozen=True)
class InvarianceGap:
    """What several transformations do; its text is a table.

    Attributes:
        rows: one for each transformation.
        flips_at: from which share of flipped labels on a transformation is flagged in the text.

    Example:
        >>> print(InvarianceGap((InvarianceRow("half turn", 0.4, 0.9, 0.9, 0.7, 0.1),)))
        transformation       gap  same answer  accuracy   after  flipped
        half turn         0.4000        0.900     0.900   0.700    0.100  changes the label: do not build it in
    """

    rows: tuple[InvarianceRow, ...]
    flips_at: float = 0.05

    def __getitem__(self, name: str) -> InvarianceRow:
        return {row.name: row for row in self.rows}[name]

    def __str__(self) -> str:
        lines = [
            f"{'transformation':<16}{'gap':>8}{'same answer':>13}{'accuracy':>10}{'after':>8}{'flipped':>9}"
        ]
        for row in self.rows:
            figures = "".join(
                f"{'' if figure is None else format(figure, '.3f'):>{width}}"
                for figure, width in ((row.accuracy, 10), (row.accuracy_after, 8), (row.flipped, 9))
            )
            flag = row.flipped is not None and row.flipped >= self.flips_at
            note = "  changes the label: do not build it in" if flag else ""
            lines.append(f"{row.name:<16}{row.gap:>8.4f}{row.same_answer:>13.3f}{figures}{note}".rstrip())
        return "\n".join(lines)


@torch.no_grad()
def invariance_gap(
    model: nn.Module | Callable[[Tensor], Tensor],
    transforms: Mapping[str, Callable[[Tensor], Tensor]],
    x: Tensor,
    y: Tensor | None = None,
) -> InvarianceGap:
    """Measure what transformations of the inputs do to a model's outputs.

    Args:
        model: from (B, ...) to (B, ...) outputs; a module runs in evaluation mode.
        transforms: by name, each from (B, ...) to the same shape.
        x: (B, ...) at least two inputs, all run at once.
        y: (B,) classes, for the accuracies and the flipped labels.

    Returns:
        The figures for each transformation.

    Raises:
        ValueError: there are fewer than two inputs, no transformation, labels of another number, or a transformation
            changes the shape.

    Example:
        A model that looks at lengths does not see a half turn; one that looks at the first coordinate does.

        >>> x = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
        >>> turn = {"half turn": lambda x: -x}
        >>> invariance_gap(lambda x: x.norm(dim=1, keepdim=True), turn, x)["half turn"].gap
        0.0
        >>> invariance_gap(lambda x: x[:, :1], turn, x)["half turn"].gap  # 2 and 6, beside 2
        2.0
    """
    if len(x) < 2 or not transforms or (y is not None and y.shape != (len(x),)):
        labels = None if y is None else tuple(y.shape)
        raise ValueError(
            f"there must be two inputs, a transformation, and a class for each input or none: x is {tuple(x.shape)}, "
            f"{len(transforms)} transformations, y {labels}; give more."
        )
    if isinstance(model, nn.Module):
        with evaluating(model):
            return _measure(model, transforms, x, y)
    return _measure(model, transforms, x, y)


def _measure(
    model: Callable[[Tensor], Tensor],
    transforms: Mapping[str, Callable[[Tensor], Tensor]],
    x: Tensor,
    y: Tensor | None,
) -> InvarianceGap:
    before = model(x).flatten(1)
    typical = torch.pdist(before).mean()
    inputs = x.flatten(1).float()
    rows = []
    for name, transform in transforms.items():
        moved = transform(x)
        if moved.shape != x.shape:
            raise ValueError(
                f"a transformation must keep the shape: {name!r} made {tuple(moved.shape)} of {tuple(x.shape)}; "
                "pad or crop inside it."
            )
        after = model(moved).flatten(1)
        change = (after - before).norm(dim=1).mean()
        gap = 0.0 if float(change) == 0 else float(change / typical)
        same = float((after.argmax(1) == before.argmax(1)).float().mean())
        if y is None:
            rows.append(InvarianceRow(name, gap, same))
            continue
        here, there = (y[_neighbors(points, inputs)] for points in (inputs, moved.flatten(1).float()))
        rows.append(
            InvarianceRow(
                name,
                gap,
                same,
                accuracy=float((before.argmax(1) == y).float().mean()),
                accuracy_after=float((after.argmax(1) == y).float().mean()),
                flipped=float(((here == y) & (there != y)).float().mean()),
            )
        )
    return InvarianceGap(tuple(rows))


def _neighbors(points: Tensor, inputs: Tensor) -> Tensor:
    """The nearest input to each point, its own original left out."""
    distances = torch.cdist(points, inputs)
    return distances.fill_diagonal_(torch.inf).argmin(1)
