r"""Squared error on class numbers: the numbers of classes have no distance.

A network that is to say 0, 1 or 2 by one number must pass 1 on the way from 0 to 2, and an answer between two classes
is the mean of both. Where the numbers are names, a score for each class and the cross-entropy say what is meant.

$$ \arg\min_c \mathbb{E} (y - c)^2 = \mathbb{E}\,y $$

Wrong:
    loss = F.mse_loss(model(x).squeeze(1), y.float())

Right:
    loss = F.cross_entropy(model(x), y)  # one output a class

Fails where: the numbers are counts, ratings or ranks: then a distance is right.

References:
    bishop2006pattern: section 4.1.3, least squares for classification.
"""

from collections.abc import Iterator

import torch

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

REFERENCE = "bishop2006pattern"

FEWEST, MOST = 3, 20
"""Classes between which whole numbers look like names; two are a yes and a no, which a squared error may take."""

EACH = 10
"""Targets that there must be for each class."""


def mse_on_classes(record: Record) -> Iterator[Finding]:
    """Look whether a distance is taken to targets that are the whole numbers from 0 to K - 1.

    Args:
        record: of the run so far.

    Yields:
        "note" where it is: only its author knows whether the numbers are names.

    Raises:
        NotCheckedError: the targets are not known.
    """
    if not record.heads or record.heads[0] not in {"mse", "l1", "smooth_l1", "huber"}:
        return
    y = record.train.y()
    if y is None:
        raise NotCheckedError("the targets of the loss were not seen")
    flat = y.reshape(len(y), -1).double()
    if flat.shape[1] != 1:
        return
    values = flat.unique()
    classes = len(values)
    if not FEWEST <= classes <= MOST or len(flat) < EACH * classes:
        return
    if not torch.equal(values, torch.arange(classes, dtype=torch.float64)):
        return
    site = record.site("backward")
    yield Finding(
        "mse-on-classes", "note",
        f"The targets are the whole numbers 0 to {classes - 1}, and the loss takes their distance: if they are names "
        "of classes, one number cannot say which.",
        cure=f"If they are classes: give the network {classes} outputs and use cross_entropy.",
        evidence={"classes": classes}, reference=REFERENCE, file=site.file,
        disproof="The numbers are counts, ratings or ranks.",
    )  # fmt: skip
