r"""Train, validation and test split: three parts that share nothing, cut by what the data are.

The training part fits, the validation part chooses, the test part is looked at once. What a fair cut is
depends on the data. Classes are stratified, so that each part has the same mix. Examples that belong together
(one patient, one document) stay in one part, or the test measures memory. Data that are to predict the
future are cut in time. Parts that came with the data are kept. A view, ``parts.view(x, "train")``, is a part
that says which it is: what is fitted takes the training part's view and refuses the others (see `leakage`).

$$ \{1, \dots, N\} = T \cup V \cup S, \qquad T \cap V = T \cap S = V \cap S = \emptyset, \qquad
\frac{|S_k|}{|S|} \approx \frac{N_k}{N} $$

where $S_k$ are the test examples of class k, and V is cut in the same way.

Also called: holdout, stratified split, grouped split, temporal split, train/val/test.
Departures: Kohavi compares accuracy estimates of one holdout and of cross-validation; this is the holdout,
    with a third part to choose by.
Pitfalls: with groups the mix of classes is as near as the groups allow. In time the last class to appear may
    be missing from the training part. Oversampling or augmenting before the split puts copies on both sides.
    With few examples the test figure is uncertain: report its interval.
Claim: none yet.
Peer: none; scikit-learn's train_test_split, GroupShuffleSplit and StratifiedGroupKFold each do a part of it.

References:
    kohavi1995study: section 2.1, holdout; section 2.2, stratification.
    hastie2009elements: section 7.2, the three parts; section 7.10.2, what must be kept apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vademecum._core.errors import InputError

__all__ = ["Split", "View", "split"]

TRAIN, VAL, TEST = 0, 1, 2
NAMES = ("train", "val", "test")


@dataclass(frozen=True)
class View:
    """The examples of one part, with the part's name.

    Attributes:
        values: (n, ...) the examples.
        part: "train", "val" or "test".
        index: int64 (n,) where they stand among all examples.

    Example:
        >>> parts = Split(train=torch.tensor([0, 2]), val=torch.tensor([1]), test=torch.tensor([3]))
        >>> parts.view(torch.tensor([10, 11, 12, 13]), "train")
        View(values=tensor([10, 12]), part='train', index=tensor([0, 2]))
    """

    values: Tensor
    part: str
    index: Tensor


@dataclass(frozen=True)
class Split:
    """Indices of the three parts.

    Attributes:
        train: int64 (n,) examples to fit on, ascending.
        val: int64 (n,) examples to choose by.
        test: int64 (n,) examples to look at once.

    Example:
        >>> parts = split(torch.arange(6.0), times=torch.tensor([3, 1, 2, 6, 5, 4]))
        >>> parts.train, parts.val, parts.test  # the times 1 to 4, then 5, then 6
        (tensor([0, 1, 2, 5]), tensor([4]), tensor([3]))
    """

    train: Tensor
    val: Tensor
    test: Tensor

    def view(self, x: Tensor, part: str) -> View:
        """Take the examples of one part and mark them as such.

        Args:
            x: (N, ...) all examples that were split: inputs, targets, or anything in their order.
            part: "train", "val" or "test".

        Returns:
            The examples, which every ``fit`` takes if they are the training part and refuses if not.

        Raises:
            ValueError: there is no such part, or x is too short to be what was split.
        """
        if part not in NAMES:
            raise ValueError(f"a part must be one of {', '.join(NAMES)}: it is {part!r}.")
        indices = torch.cat([self.train, self.val, self.test])
        if len(indices) and len(x) <= int(indices.max()):
            raise ValueError(
                f"x must hold all examples that were split, {int(indices.max()) + 1} at least: it has "
                f"{len(x)}; pass the whole data, not a part of them."
            )
        index = getattr(self, part)
        return View(x[index.to(x.device)], part, index)


def split(
    y: Tensor,
    *,
    groups: Tensor | None = None,
    times: Tensor | None = None,
    parts: Tensor | None = None,
    val_fraction: float = 0.15,
    test_fraction: float = 0.2,
    generator: torch.Generator | None = None,
) -> Split:
    """Cut a data set into train, val and test.

    Args:
        y: (N,) targets. Whole numbers are classes and are stratified: each class has its share in each part,
            and at least one example where it has three or more. Floating targets are only shuffled.
        groups: (N,) codes; examples of one group stay in one part.
        times: (N,) numbers; train is the earliest part, test the latest, and equal times stay in one part.
        parts: (N,) 0 train, 1 val, 2 test, -1 not said. Parts that are there are kept; a part that is not is
            cut out of what is train or not said, of which it takes its fraction.
        val_fraction: share of the examples to validate with.
        test_fraction: share of the examples to test with.
        generator: source of the shuffle; None: a fresh one with seed 0, so that the same data are always cut
            alike.

    Returns:
        The indices of each part, none of them empty.

    Raises:
        InputError: lengths differ, the fractions leave nothing to train on, or there are too few examples,
            groups or times.

    Example:
        >>> y = torch.tensor([0, 1] * 10)
        >>> parts = split(y)
        >>> [len(part) for part in (parts.train, parts.val, parts.test)]
        [13, 3, 4]
        >>> y[parts.test].bincount()
        tensor([2, 2])
    """
    if not (val_fraction > 0 and test_fraction > 0 and val_fraction + test_fraction < 1):
        raise InputError(
            "val_fraction and test_fraction must be positive and leave something to train on: they are "
            f"{val_fraction} and {test_fraction}; try 0.15 and 0.2."
        )
    for name, along in (("groups", groups), ("times", times), ("parts", parts)):
        if along is not None and along.shape != y.shape[:1]:
            raise InputError(
                f"{name} must have one entry for each example: y is {tuple(y.shape)}, {name} "
                f"{tuple(along.shape)}."
            )
    if times is not None and not bool(times.isfinite().all()):
        raise InputError(
            "times must be finite: some are NaN or infinite; remove these examples or fill them in."
        )
    found = torch.full(y.shape[:1], -1) if parts is None else parts.cpu().long()
    there = set(found.unique().tolist())
    if not there <= {-1, TRAIN, VAL, TEST}:
        raise InputError(
            f"parts must be 0 (train), 1 (val), 2 (test) or -1 (not said): they hold {sorted(there)}."
        )
    shares = {
        part: share for part, share in ((VAL, val_fraction), (TEST, test_fraction)) if part not in there
    }
    pool = (found <= TRAIN).nonzero().flatten()
    if len(pool) < 1 + len(shares):
        raise InputError(
            f"each part needs an example: {len(pool)} are there to be cut into train"
            + "".join(f" and {NAMES[part]}" for part in shares)
            + "; add examples."
        )
    generator = generator or torch.Generator().manual_seed(0)
    if times is not None:
        cut = _in_time(times.cpu()[pool], shares)
    elif groups is not None:
        cut = _grouped(y.cpu()[pool], groups.cpu()[pool], shares, generator)
    else:
        cut = _stratified(y.cpu()[pool], shares, generator)
    code = found.index_copy(0, pool, cut)
    if groups is not None:
        _refuse_straddling(groups.cpu(), code)
    return Split(*((code == part).nonzero().flatten() for part in (TRAIN, VAL, TEST)))


def _classes(y: Tensor) -> Tensor:
    """(N,) class codes from 0; one class for all where the targets are floating."""
    if y.is_floating_point():
        return torch.zeros(len(y), dtype=torch.int64)
    return y.unique(return_inverse=True)[1]


def _stratified(y: Tensor, shares: Mapping[int, float], generator: torch.Generator) -> Tensor:
    """Cut each class by itself; remainders pass on to the next class, so that the totals are right too."""
    code = torch.full((len(y),), TRAIN)
    classes = _classes(y)
    before = 0
    for k in range(int(classes.max()) + 1):
        members = (classes == k).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        after = before + len(members)
        start = 0
        for part, share in sorted(shares.items(), reverse=True):
            count = round(after * share) - round(before * share)
            still = sum(1 for other in shares if other < part)  # parts to come, beside train
            room = len(members) - start - 1 - still
            count = max(min(count, room), 1 if room > 0 else 0)
            code[members[start : start + count]] = part
            start += count
        before = after
    for part in shares:
        if not bool((code == part).any()):
            raise InputError(
                f"a class needs {1 + len(shares)} examples to be in each part: no class has as many, and "
                f"{NAMES[part]} would be empty; add examples or merge classes."
            )
    return code


def _grouped(y: Tensor, groups: Tensor, shares: Mapping[int, float], generator: torch.Generator) -> Tensor:
    """Give each group, largest first, to the part that lacks its classes most."""
    classes = _classes(y)
    member = groups.unique(return_inverse=True)[1]
    num_groups, num_classes = int(member.max()) + 1, int(classes.max()) + 1
    parts = [TRAIN, *sorted(shares)]
    if num_groups < len(parts):
        raise InputError(
            f"each part needs a group of its own: there are {num_groups} groups for {len(parts)} parts "
            f"({', '.join(NAMES[part] for part in parts)}); add groups, or leave the grouping out."
        )
    holds = torch.bincount(member * num_classes + classes, minlength=num_groups * num_classes)
    holds = holds.view(num_groups, num_classes).double()  # (G, K)
    total = holds.sum(dim=0)  # (K,)
    share = torch.tensor(
        [1 - sum(shares.values()), *(shares[part] for part in parts[1:])], dtype=torch.float64
    )
    lacks = share[:, None] * total  # (parts, K)
    order = torch.randperm(num_groups, generator=generator)
    order = order[holds[order].sum(dim=1).argsort(descending=True, stable=True)]
    given = torch.empty(num_groups, dtype=torch.int64)
    empty = torch.ones(len(parts), dtype=torch.bool)
    for place, group in enumerate(order.tolist()):
        # Of squared lack, the group removes 2 h.lack - h.h; the last term is the same for every part.
        gain = (holds[group] * lacks / total).sum(dim=1)
        if int(empty.sum()) == num_groups - place:  # as many empty parts as groups are left
            gain[~empty] = -torch.inf
        best = int(gain.argmax())
        lacks[best] -= holds[group]
        empty[best] = False
        given[group] = parts[best]
    return given[member]


def _in_time(times: Tensor, shares: Mapping[int, float]) -> Tensor:
    """Cut where the time changes, as near to the fractions as equal times allow."""
    order = times.argsort(stable=True)
    edges = (times[order].diff() > 0).nonzero().flatten() + 1  # places where a new time begins
    parts = sorted(shares)
    if len(edges) < len(parts):
        raise InputError(
            f"each part needs a time of its own: there are {len(edges) + 1} distinct times for "
            f"{len(parts) + 1} parts; give a finer time, or leave it out."
        )
    code = torch.full((len(times),), TRAIN)
    first = 0  # of the edges that may still be taken
    for i, part in enumerate(parts):
        wanted = len(times) * (1 - sum(shares[later] for later in parts[i:]))
        last = len(edges) - (len(parts) - 1 - i)  # leave an edge for each part to come
        nearest = first + int((edges[first:last] - wanted).abs().argmin())
        code[order[int(edges[nearest]) :]] = part
        first = nearest + 1
    return code


def _refuse_straddling(groups: Tensor, code: Tensor) -> None:
    """Refuse groups that the given parts, or the times, put on two sides."""
    pairs = torch.stack([groups, code], dim=1).unique(dim=0)
    straddling = int((pairs[:, 0].unique(return_counts=True)[1] > 1).sum())
    if straddling:
        raise InputError(
            f"a group must stay in one part: {straddling} groups stand in two, as the given parts or times "
            "cut through them; leave out the grouping, or the parts or times."
        )
