"""Wrong parameters in the optimizer: gradients are computed for weights that no step ever changes.

An optimizer holds the tensors that it was given when it was built. Where the model is made again, wrapped or copied
afterwards, or only a part of it is given, the rest keeps its first values, whatever its gradients say.

No equation.

Wrong:
    optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-3)

Right:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

Fails where: the rest is to keep its first values; say so by ``requires_grad_(False)``, which also saves its gradients.

References:
    goodfellow2016deep: section 8.3.1, the update is of all parameters that the loss is a function of.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.initial import untrained
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

STEPS = 3
"""Steps that must have been taken before a parameter can be said to be in no optimizer."""


def optimizer_wrong_parameters(record: Record) -> Iterator[Finding]:
    """Look for parameters that gradients reach, that stand in no optimizer, and that have not moved.

    Args:
        record: of the run so far.

    Yields:
        "error" where the optimizers hold nothing that a gradient reaches, or where what they leave out still has its
        random first values; "warning" for other left-out parts; "note" where most of the model is left out and is
        no random start, as in fine-tuning.

    Raises:
        NotCheckedError: too few steps.
    """
    if record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} optimizer steps, and there were {record.steps}")
    held = {id(p) for o in record.optimizers for group in o.param_groups for p in group["params"]}
    reached = {n: p for n, p in record.trainable.items() if n in record.reached}
    missing = [n for n, p in reached.items() if id(p) not in held and not record.moved(n)]
    if not missing or any(owned for _, owned in record.strangers.values()):
        return  # what is trained is an input, as a picture in style transfer
    whole = not any(id(p) in held for p in reached.values())
    share = sum(reached[n].numel() for n in missing) / max(sum(p.numel() for p in reached.values()), 1)
    random = _random(record, set(missing))
    evidence = {"missing": len(missing), "reached": len(reached), "share": share}
    site = record.site("step")
    if whole:
        severity = "error"
        message = (
            f"The optimizer steps tensors that no gradient reaches, and none of the {len(reached)} parameters of the "
            "model that get gradients: it was built on another copy of the model."
        )
        cure = "Build the optimizer after the model has its final form, from the model that is called."
    else:
        severity = "error" if random else "note" if share > 0.5 else "warning"
        message = (
            f"{len(missing)} of {len(reached)} parameters that get gradients are in no optimizer that steps and have "
            f"not moved: {listed(missing)}" + (", still at their random first values." if random else ".")
        )
        cure = "Give them to the optimizer too, or freeze them by requires_grad_(False) if that is meant."
    yield Finding(
        "optimizer-wrong-parameters", severity, message, cure=cure, where="" if whole else missing[0],
        evidence=evidence, reference="goodfellow2016deep", file=site.file, line=site.line,
        diff="+ optimizer = torch.optim.Adam(model.parameters(), lr=...)", step=0,
        disproof="The parameters change, by a hand or an optimizer that was not seen.",
    )  # fmt: skip


def _random(record: Record, names: set[str]) -> bool:
    """Whether a weight among them still fills the law that torch draws it from."""
    mine = {id(record.parameters[name]) for name in names}
    return any(
        id(p) in mine and untrained(module, name, p)
        for _, module in record.modules()
        for name, p in module.named_parameters(recurse=False)
    )
