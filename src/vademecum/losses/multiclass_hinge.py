r"""Multiclass hinge: the true class's score must stand a margin above the others.

The support vector machine's loss on top of any scores. Once the margin is kept, an example has no loss and no
gradient, so scores stop growing, where cross-entropy would push on for ever. The scores are no log-probabilities:
take cross-entropy where probabilities are wanted.

With $m_{ij} = \Delta + s_{ij} - s_{i y_i}$ the three forms are, for one example i,

$$ L_i^{WW} = \sum_{j \ne y_i} \max(0, m_{ij})^p, \qquad L_i^{CS} = \max_{j \ne y_i} \max(0, m_{ij})^p, \qquad
L_i^{OvR} = \sum_{k} \max(0, \Delta - z_{ik} s_{ik})^p $$

where $z_{ik}$ is 1 for the true class and -1 for the others. Under Weston and Watkins's form with p = 1 the gradient
of a wrong class's score is 1 where its margin is violated, and that of the true class minus the number of violations.

Also called: multiclass SVM, Weston-Watkins, Crammer-Singer, one-vs-all, squared hinge, L2-SVM, MultiMarginLoss.
Departures: the margin is 1, as in most courses, where Weston and Watkins have 2: the scores' scale makes up for it.
    torch's `multi_margin_loss` divides the sum over the classes by their number; here, as in the papers, nothing
    does. The penalty on the weights, the other half of a support vector machine, is the optimizer's weight decay.
Pitfalls: at equal scores the gradient is K times that of cross-entropy, so the learning rate must be K times smaller.
    Counting the true class among the others adds the margin to every loss.
Claim: on the digits a linear layer under the hinge tests within two points of one under cross-entropy; a net of two
    hidden layers learns at a tenth of cross-entropy's learning rate and fails at the same rate.
Peer: torch's MultiMarginLoss, K times which is the first form (a law); scikit-learn's LinearSVC with
    crammer_singer, compared in the tests.

References:
    weston1999support: the primal problem of the k-class machine; its margin is 2.
    crammer2001algorithmic: the objective with the maximum over the classes; crammer_singer.
    rifkin2004defense: the one-vs-all scheme; one_vs_rest.
    tang2013deep: the squared hinge (p = 2) on top of a deep network.
"""

import torch
from torch import Tensor, nn

__all__ = ["MulticlassHingeLoss", "multiclass_hinge"]

_KINDS = ("weston_watkins", "crammer_singer", "one_vs_rest")


def multiclass_hinge(
    input: Tensor,  # noqa: A002 - torch's name
    target: Tensor,
    *,
    margin: float = 1.0,
    p: int = 1,
    kind: str = "weston_watkins",
    reduction: str = "mean",
) -> Tensor:
    """Measure by how much the margins are violated.

    Args:
        input: (B, K) scores of at least two classes.
        target: (B,) int64, the true classes.
        margin: how far the true score must stand above the others, or from 0 in "one_vs_rest"; in units of scores.
        p: 1, or 2 for the squared hinge.
        kind: "weston_watkins" sums over the wrong classes, "crammer_singer" takes the worst of them,
            "one_vs_rest" asks each class for the sign of its own score.
        reduction: "mean" over the batch, "sum", or "none".

    Returns:
        () loss, or (B,) with "none".

    Raises:
        ValueError: the shapes do not fit, or an argument is out of its range.
        TypeError: the target is not int64.

    Example:
        >>> scores = torch.tensor([[3.2, 5.1, -1.7]])
        >>> multiclass_hinge(scores, torch.tensor([0]))  # 1 + 5.1 - 3.2, and nothing from the last class
        tensor(2.9000)
        >>> multiclass_hinge(torch.zeros(1, 10), torch.tensor([4]))  # one margin for each wrong class
        tensor(9.)
    """
    _check(margin, p, kind, reduction)
    if input.ndim != 2 or input.shape[1] < 2 or target.shape != input.shape[:1]:
        raise ValueError(
            f"input must be (B, K) scores of two classes or more and target (B,): they are {tuple(input.shape)} and "
            f"{tuple(target.shape)}; give one row of scores and one class an example."
        )
    if target.dtype != torch.int64:
        raise TypeError(f"target must be int64 classes: it is {target.dtype}; pass target.long().")
    hot = torch.zeros_like(input, dtype=torch.bool).scatter(1, target[:, None], True)
    if kind == "one_vs_rest":
        losses = (margin - torch.where(hot, input, -input)).relu().pow(p).sum(1)
    else:
        violations = (margin + input - input.gather(1, target[:, None])).relu().masked_fill(hot, 0)
        losses = violations.pow(p).sum(1) if kind == "weston_watkins" else violations.amax(1).pow(p)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


class MulticlassHingeLoss(nn.Module):
    """`multiclass_hinge` as a module.

    Args:
        margin: how far the true score must stand above the others; in units of scores.
        p: 1, or 2 for the squared hinge.
        kind: "weston_watkins", "crammer_singer" or "one_vs_rest".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> loss = MulticlassHingeLoss(kind="crammer_singer")
        >>> loss(torch.tensor([[0.0, 0.5, 2.0]]), torch.tensor([0]))  # 1 + 2 - 0: the worst class alone
        tensor(3.)
    """

    def __init__(
        self, *, margin: float = 1.0, p: int = 1, kind: str = "weston_watkins", reduction: str = "mean"
    ) -> None:
        super().__init__()
        _check(margin, p, kind, reduction)
        self.margin, self.p, self.kind, self.reduction = margin, p, kind, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Measure by how much the margins are violated.

        Args:
            input: (B, K) scores.
            target: (B,) int64, the true classes.

        Returns:
            () loss, or (B,) with the reduction "none".
        """
        return multiclass_hinge(
            input, target, margin=self.margin, p=self.p, kind=self.kind, reduction=self.reduction
        )

    def extra_repr(self) -> str:
        """Name the settings, for print.

        Returns:
            The settings as they are written in a call.
        """
        return f"margin={self.margin}, p={self.p}, kind={self.kind!r}, reduction={self.reduction!r}"


def _check(margin: float, p: int, kind: str, reduction: str) -> None:
    if not margin > 0:
        raise ValueError(f"margin must be positive: it is {margin}; 1 is usual.")
    if p not in {1, 2}:
        raise ValueError(f"p must be 1 or 2: it is {p}; take 2 for the squared hinge.")
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}: it is {kind!r}.")
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError(f'reduction must be "mean", "sum" or "none": it is {reduction!r}.')
