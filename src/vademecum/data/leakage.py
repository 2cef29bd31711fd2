r"""Leakage: find out whether the test part has already been seen.

Statistics, selected features, imputed values: all that is fitted must be fitted on the training part, or the
test measures something it has helped to make. The same examples on both sides have the same effect.
Say which part the examples are, and fitting on the wrong one is refused: `Split.view` marks a part, and
every ``fit`` of this package raises `LeakageError` for a view of val or test. `duplicates` finds copies across
the parts; `statistics_origin` tells from a stored mean on which data it was fitted:

$$ d_T = \lVert s - \bar x_T \rVert, \qquad d_A = \lVert s - \bar x_A \rVert, \qquad
\text{leaked} \iff d_A \le \tau \, r \;\text{ and }\; d_T > \max(\tau r, 10 \, d_A) $$

where s is the stored mean, T the training part, A all examples, and r the root mean square length of an
example.

Also called: data leakage, train-test contamination, train-test overlap.
Departures: the reference gives the principle; the rule above is ours. Only exact copies are found: near
    copies need a distance that means something for the data at hand.
Pitfalls: a plain tensor does not say where it comes from, and is fitted on. Leaked means and deviations
    hardly show in the accuracy, while features that were selected on all data can make pure noise look
    learnable. Small discrete inputs may be equal by chance.
Laws: none, because it is a tool of this package; its tests plant copies and leaks.
Claim: on pure noise with features selected on all data the nearest neighbor is right for 0.98, selected in each
    fold for a half.
Peer: none.

References:
    hastie2009elements: section 7.10.2, the wrong and the right way to do cross-validation.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from .split import Split

__all__ = ["Duplicates", "LeakageError", "duplicates", "statistics_origin"]


class LeakageError(ValueError):
    """Statistics were to be fitted on examples that are kept for validation or test.

    Example:
        >>> from vademecum.data import Standardize
        >>> parts = Split(train=torch.tensor([0, 1]), val=torch.tensor([2]), test=torch.tensor([3]))
        >>> x = torch.tensor([[1.0], [3.0], [5.0], [7.0]])
        >>> standardize = Standardize(1).fit(parts.view(x, "train"))
        >>> standardize.transform(parts.view(x, "test")).values  # the training mean is 2, the deviation 1
        tensor([[5.]])
        >>> Standardize(1).fit(parts.view(x, "test"))
        Traceback (most recent call last):
        vademecum.data.leakage.LeakageError: statistics must come from the training part: 1 examples of the test
        part came; fit on parts.view(x, "train") and only transform the others.
    """


@dataclass(frozen=True)
class Duplicates:
    """Examples of one part that also stand in another.

    Attributes:
        val_in_train: int64 (n,) indices of validation examples that stand in train.
        test_in_train: int64 (n,) indices of test examples that stand in train.
        test_in_val: int64 (n,) indices of test examples that stand in val.

    Example:
        >>> none = torch.empty(0, dtype=torch.int64)
        >>> bool(Duplicates(none, none, none)), bool(Duplicates(none, torch.tensor([3]), none))
        (False, True)
    """

    val_in_train: Tensor
    test_in_train: Tensor
    test_in_val: Tensor

    def __bool__(self) -> bool:
        return bool(len(self.val_in_train) + len(self.test_in_train) + len(self.test_in_val))


def duplicates(x: Tensor, parts: Split) -> Duplicates:
    """Find exact copies across the parts.

    Args:
        x: (N, ...) examples; equal means bit for bit, with 0 and -0 taken as equal and NaN equal to NaN.
        parts: how they were split.

    Returns:
        The examples that stand twice.

    Example:
        >>> parts = Split(train=torch.tensor([0, 1]), val=torch.tensor([2]), test=torch.tensor([3]))
        >>> duplicates(torch.tensor([[1.0], [2.0], [5.0], [1.0]]), parts).test_in_train
        tensor([3])
    """
    train, val, test = (_digests(x, index) for index in (parts.train, parts.val, parts.test))
    return Duplicates(
        val_in_train=_common(parts.val, val, set(train)),
        test_in_train=_common(parts.test, test, set(train)),
        test_in_val=_common(parts.test, test, set(val)),
    )


def _digests(x: Tensor, index: Tensor) -> list[bytes]:
    """A digest of each example."""
    found: list[bytes] = []
    for chosen in index.split(1024):
        block = x[chosen].detach().cpu().flatten(1) if x.ndim > 1 else x[chosen].detach().cpu()[:, None]
        if block.is_floating_point():
            block = block.where(~block.isnan(), torch.nan) + 0.0  # one NaN, one zero
        rows = block.contiguous().view(torch.uint8).numpy()
        found += [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]
    return found


def _common(index: Tensor, digests: list[bytes], others: set[bytes]) -> Tensor:
    return index[torch.tensor([digest in others for digest in digests], dtype=torch.bool)]


def statistics_origin(stored: Tensor, train: Tensor, everything: Tensor, *, tolerance: float = 1e-6) -> str:
    """Tell on which data a stored mean was fitted.

    Args:
        stored: (F,) the mean, as a scaler holds it.
        train: (n, F) training part.
        everything: (N, F) all examples.
        tolerance: how near a mean must be, as a share of the root mean square length of an example.

    Returns:
        "train"; "everything", which is leakage; "neither"; or "undecidable" where the two means are too
        near each other.

    Raises:
        ValueError: the shapes do not fit together.

    Example:
        >>> everything = torch.tensor([[0.0], [1.0], [5.0]])
        >>> statistics_origin(torch.tensor([0.5]), everything[:2], everything)
        'train'
        >>> statistics_origin(torch.tensor([2.0]), everything[:2], everything)
        'everything'
    """
    if (
        stored.ndim != 1
        or train.ndim != 2
        or everything.ndim != 2
        or not len(stored) == train.shape[1] == everything.shape[1]
    ):
        raise ValueError(
            f"a stored mean must have one value a feature: stored is {tuple(stored.shape)}, train "
            f"{tuple(train.shape)}, everything {tuple(everything.shape)}; flatten the examples."
        )
    stored, train, everything = stored.double(), train.double(), everything.double()
    near = tolerance * float(everything.square().mean(dim=0).sum().sqrt())
    d_train = float((stored - train.mean(dim=0)).norm())
    d_all = float((stored - everything.mean(dim=0)).norm())
    if min(d_train, d_all) > near:
        return "neither"
    if max(d_train, d_all) <= max(near, 10 * min(d_train, d_all)):
        return "undecidable"
    return "train" if d_train < d_all else "everything"
