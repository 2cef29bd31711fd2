r"""Dropout active in evaluation: the network drops units when it is asked, too.

`F.dropout` has `training=True` by default, and a layer that is made anew in every forward pass, or stands in a plain
list, never hears of `eval()`. Predictions are then noisy and worse than they need be, and differ from call to call.

$$ \text{training: } h \odot m / (1 - p), \qquad \text{evaluation: } h $$

Wrong:
    x = F.dropout(x, 0.5)

Right:
    x = F.dropout(x, 0.5, training=self.training)

Fails where: the noise is wanted, as for Monte Carlo estimates of the uncertainty.

References:
    srivastava2014dropout: section 1, at test time a single network without dropout is used.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from .._finding import Finding
from ..evidence.probes import moved, outputs, subjects
from ..recording.record import Record, Site
from ..recording.sites import caller

REFERENCE = "srivastava2014dropout"

DROPOUTS = {
    functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d, functional.alpha_dropout,
    functional.feature_alpha_dropout, torch.dropout, torch.feature_dropout, torch.alpha_dropout,
}  # fmt: skip
"""Functions (input, p, training)."""


def dropout_active_in_eval(record: Record) -> Iterator[Finding]:
    """Run a kept pass in evaluation mode, and look whether a dropout function is called that is active.

    Args:
        record: of the run so far.

    Yields:
        "warning" for each place that does so, with the share by which two passes differ.
    """
    for subject in subjects(record, fewest=1):
        seen: dict[Site, float] = {}
        with _Dropouts(seen):
            first = outputs(subject.run())
        if not seen:
            continue
        second = outputs(subject.run(seed=1))
        change = max(
            (float(moved(a[None], b[None]).max()) for a, b in zip(first, second) if a.shape == b.shape),
            default=0.0,
        )
        for site, p in seen.items():
            if change == 0:
                continue
            yield Finding(
                "dropout-active-in-eval", "warning",
                f"A dropout with p = {p:g} stays on in evaluation mode: two passes over the same batch differ by "
                f"{change:.0%} of the output's size.",
                cure="Pass training=self.training to the function, or make nn.Dropout an attribute of the module.",
                where=subject.name if len(record.models) > 1 else "", evidence={"p": p, "change": change},
                reference=REFERENCE, file=site.file, line=site.line, diff="- F.dropout(x, p)\n"
                "+ F.dropout(x, p, training=self.training)",
                disproof="The noise is wanted, for a Monte Carlo estimate.",
            )  # fmt: skip


class _Dropouts(TorchFunctionMode):
    """Note where a dropout function is called that is active."""

    def __init__(self, seen: dict[Site, float]):
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        p = 0.0
        if func in DROPOUTS:
            p = float(args[1] if len(args) > 1 else given.get("p", 0.5))
            on = args[2] if len(args) > 2 else given.get("training", given.get("train", True))
            p = p if on else 0.0
        elif func is functional.scaled_dot_product_attention:
            p = float(args[4] if len(args) > 4 else given.get("dropout_p", 0.0))
        if p > 0:
            self.seen.setdefault(caller(), p)
        return func(*args, **given)
