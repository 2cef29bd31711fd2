r"""Train-validation overlap: validation rows stand in the training data too.

A network is judged on rows that it was shown the answers of, so the figure is too good, and the more so the better it
learns by heart. It comes from splitting the whole data twice, from copying rare examples before the split, or from
copies in the data itself.

$$ \hat o = \frac{|\{v \in V : v \in T\}|}{|V|} \qquad\text{against}\qquad 1 - \frac{n_1}{N} $$

The second is the share of new examples that one must expect to have seen already, from the $n_1$ of N training rows
that came once; small discrete inputs repeat without any fault.

Wrong:
    x, y = oversample(x, y)
    x_train, x_val, y_train, y_val = train_test_split(x, y)

Right:
    x_train, x_val, y_train, y_val = train_test_split(x, y)
    x_train, y_train = oversample(x_train, y_train)

Fails where: training rows are augmented, so that none of them is equal to its validation copy.

References:
    hastie2009elements: section 7.10.2, the wrong way to do cross-validation.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._finding import Finding
from ..evidence.tables import Table, evaluated, train_table
from ..recording.record import NotCheckedError, Record

SHARE, ROWS = 0.01, 5
"""Share and number of validation rows in the training data from which it is told."""

OWN = 0.98
"""Share from which a set is the training data itself, evaluated for its own figure."""

PART = 0.6
"""Part of the training rows up to which what is evaluated looks like a held-out part, not like the training data."""

MOSTLY = 0.9
"""Part of a batch in training from which on it is one of training rows: where rows are drawn, some never came."""

RUN = 20
"""Rows in training data, one after another, that show a pass over the training data itself."""

LEVELS = 24
"""Different values of a column above which two rows of measurements do not agree in all columns by chance."""


def train_val_overlap(record: Record) -> Iterator[Finding]:
    """Look for rows that the model was trained on among those that it is validated on.

    Args:
        record: of the run so far.

    Yields:
        "error" where some of the validation rows are training rows; "warning" where all are, and are a part that was
        put aside; "note" where the training data itself is evaluated.

    Raises:
        NotCheckedError: nothing was evaluated, or not all data could be kept.
    """
    train, valid = train_table(record), evaluated(record)
    if valid is None:
        raise NotCheckedError("the trained model was given nothing without gradients")
    if train.full:
        raise NotCheckedError("the training data is larger than what is kept")
    found = torch.isin(valid.key, train.key)
    by_chance = 0.0 if _measured(train) else _seen_again(train)
    site = record.site("evaluation")
    cure = "Split once, before rows are copied, and remove copies across the parts."
    told, sets = False, list(_sets(valid, found))
    for count, shared in sets:
        share = shared / count
        expected = by_chance + 3 * (by_chance * (1 - by_chance) / count) ** 0.5
        if shared >= ROWS and max(SHARE, expected) < share < OWN:
            told = True
            chance = f", where {by_chance:.1%} were to be expected" if by_chance else ""
            yield Finding(
                "train-val-overlap", "error",
                f"{shared} of {count} rows that the model is validated on ({share:.1%}) stand in its training data, "
                f"value for value{chance}.",
                cure=cure, evidence={"rows": shared, "share": share, "by_chance": by_chance},
                reference="hastie2009elements", file=site.file, line=site.line, step=0,
                disproof="The set that is evaluated is not meant to be held out.",
            )  # fmt: skip
            break
    if not told and sets and all(shared >= OWN * count for count, shared in sets) and by_chance < 0.5:
        rows, known = len(valid.key.unique()), len(train.key.unique())
        part = len(sets) == 1 and rows < PART * known  # put aside as a held-out part is
        yield Finding(
            "train-val-overlap", "warning" if part else "note",
            f"All {rows} rows that the model was evaluated on stand among the {known} that it is trained on: the "
            "figure says how well they are known, not how well new ones are.",
            cure="Keep some rows out of the training, and evaluate on them.",
            evidence={"share": 1.0}, reference="hastie2009elements", file=site.file, line=site.line, step=0,
            disproof="Held-out rows are evaluated elsewhere.",
        )  # fmt: skip


def _measured(table: Table) -> bool:
    """Whether rows hold measurements fine enough that no two agree by chance."""
    if not table.dense:
        return False
    x, _ = table.distinct()
    sample = x[:: max(1, len(x) // 512), :: max(1, x.shape[1] // 64)][:512].double()
    ordered = sample.sort(0).values
    levels = 1 + (ordered[1:] != ordered[:-1]).sum(0)
    return len(sample) > LEVELS and int((levels > max(LEVELS, 0.3 * len(sample))).sum()) >= 2


def _seen_again(train: Table) -> float:
    """Share of new rows that one must expect to have seen: one less the share that came once in a pass."""
    chosen = train.key[train.epoch()]
    counts = chosen.unique(return_counts=True)[1]
    return 1 - float((counts == 1).sum()) / max(len(chosen), 1)


def _sets(valid: Table, found: Tensor) -> Iterator[tuple[int, int]]:
    """Different rows, and those among them in training, of each set that was evaluated.

    Sets are stretches between steps, cut where training rows end and others begin: a figure of the training data is
    often taken beside that of the validation data.

    Yields:
        (different rows, those in training) of one set.
    """
    seen: set[tuple[int, ...]] = set()
    for step in valid.step.unique():
        own = valid.step == step
        batches = valid.batch[own]
        inside = torch.bincount(batches - batches[0], weights=found[own].double())
        size = torch.bincount(batches - batches[0])
        pure = _runs((inside >= MOSTLY * size)[batches - batches[0]])
        for chosen in (~pure, pure):
            keys = valid.key[own][chosen].unique()
            mark = (len(keys), int(keys.sum()) if len(keys) else 0)
            if len(keys) and mark not in seen:
                seen.add(mark)
                shared = found[own][chosen] & _first_of(valid.key[own][chosen])
                yield len(keys), len(keys) if chosen is pure else int(shared.sum())


def _runs(pure: Tensor) -> Tensor:
    """(n,) bool, the rows of training batches that stand together in such a number that it is no chance."""
    number = torch.zeros(len(pure), dtype=torch.int64)
    number[1:] = (pure[1:] != pure[:-1]).cumsum(0)
    return pure & (torch.bincount(number)[number] >= RUN)


def _first_of(key: Tensor) -> Tensor:
    """(n,) bool, where a key stands first."""
    found = torch.zeros(len(key), dtype=torch.bool)
    _, inverse = key.unique(return_inverse=True)
    place = torch.full((int(inverse.max()) + 1,), len(key)).scatter_reduce(
        0, inverse, torch.arange(len(key)), "amin"
    )
    found[place] = True
    return found
