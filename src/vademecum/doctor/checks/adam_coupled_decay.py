r"""Weight decay inside Adam: it is divided by the size of the gradients, so it is no decay at a fixed rate.

$$ \text{Adam: } \Delta w = -\eta \frac{m(g + \lambda w)}{\sqrt{v(g + \lambda w)}}, \qquad
   \text{AdamW: } \Delta w = -\eta \frac{m(g)}{\sqrt{v(g)}} - \eta \lambda w $$

Wrong:
    torch.optim.Adam(model.parameters(), weight_decay=1e-2)

Right:
    torch.optim.AdamW(model.parameters(), weight_decay=1e-2)

Fails where: a penalty on the loss is meant; it is never an alarm.

References:
    loshchilov2019decoupled: section 2.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record


def adam_coupled_decay(record: Record) -> Iterator[Finding]:
    """Look for Adam and its kin with a weight decay that goes through the moments.

    Args:
        record: of the run so far.

    Yields:
        "note" where there is one.

    Raises:
        NotCheckedError: no optimizer was seen.
    """
    if not record.optimizers:
        raise NotCheckedError("no optimizer was seen")
    for optimizer in record.optimizers:
        for group in optimizer.param_groups:
            decay = float(group.get("weight_decay", 0.0) or 0.0)
            apart = group.get(
                "decoupled_weight_decay", type(optimizer).__name__ not in {"Adam", "NAdam", "Adamax"}
            )
            if decay > 0 and not apart:
                yield Finding(
                    "adam-coupled-decay", "note",
                    f"The weight decay {decay:.3g} of {type(optimizer).__name__} is divided by the size of the "
                    "gradients, so weights with large gradients hardly decay.",
                    cure="Use torch.optim.AdamW, or decoupled_weight_decay=True.", evidence={"weight_decay": decay},
                    reference="loshchilov2019decoupled",
                    diff="- torch.optim.Adam(\n+ torch.optim.AdamW(", disproof="A penalty on the loss is meant.",
                )  # fmt: skip
                break
