r"""Detached part: no gradient of the loss reaches a part of the network, which therefore never learns.

A `detach()`, a `.data`, a step through NumPy or a `no_grad` block in the forward pass ends the graph there. Everything
in front of the cut keeps its random weights, and what stands behind it learns from random features, often not badly.

No equation.

Wrong:
    return self.head(self.body(x).detach())

Right:
    return self.head(self.body(x))

Fails where: the part is a teacher or a target network that is copied, not trained: keep such parameters out of the
    optimizer, or set their requires_grad to False.

References:
    karpathy2019recipe: follow the gradient from the output back to the weights.
"""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from .._finding import Finding
from ..evidence.cuts import Cut, cut
from ..evidence.probes import Subject, subjects
from ..recording.record import NotCheckedError, Record

REFERENCE = "karpathy2019recipe"

LOOKS = 3
"""Backward passes that must leave the part out."""

SHARE = 0.05
"""Of a model's weights: a smaller part that is left out may be an unused head."""

TEACHER = ("teacher", "target", "ema", "momentum", "frozen", "reference", "ref_")
"""Names of parts that are copied, not trained."""

SAID = {
    "no_grad": "{part} runs inside torch.no_grad()",
    "inside": "the result of {part} has no graph, although it runs with gradients",
    "behind": "the result of {part} loses its graph on the way to {into}",
}


def detached_part(record: Record) -> Iterator[Finding]:
    """Look whether trainable weights that an optimizer has were reached by no loss.

    Args:
        record: of the run so far.

    Yields:
        "error" where the cut is found and a large part is lost; "warning" where it ran without gradients; "note" for
        small parts, for parts that nothing uses, and for what is named as a teacher.

    Raises:
        NotCheckedError: too few backward passes, or a compiled graph.
    """
    if record.compiled:
        raise NotCheckedError("the graph is compiled and does not tell its leaves")
    if record.looked < min(LOOKS, max(record.backwards, 1)):
        raise NotCheckedError(f"it takes {LOOKS} looked-at backward passes, and there were {record.looked}")
    owned = {id(p) for o in record.optimizers for group in o.param_groups for p in group["params"]}
    for name in record.models:
        prefix = f"{name}." if len(record.models) > 1 else ""
        mine = {key: p for key, p in record.trainable.items() if key.startswith(prefix)}
        lost = [key for key, p in mine.items() if key not in record.reached and id(p) in owned]
        if not lost:
            continue
        if len(lost) == sum(id(p) in owned for p in mine.values()):
            yield from _whole(record, name, mine)
            continue
        share = sum(mine[key].numel() for key in lost) / sum(p.numel() for p in mine.values())
        subject = next((one for one in subjects(record, fewest=1) if one.name == name), None)
        if subject is None:
            raise NotCheckedError("no pass of the model was kept that could be run again")
        found = cut(subject, [key[len(prefix) :] for key in lost])
        yield _finding(record, subject, found, prefix, lost, share)


def _whole(record: Record, name: str, mine: Mapping[str, Tensor]) -> Iterator[Finding]:
    """A model that runs with gradients, and whose optimizer steps, although no loss reaches it."""
    ids = {id(p) for p in mine.values()}
    for place, optimizer in enumerate(record.optimizers):
        having = any(id(p) in ids for group in optimizer.param_groups for p in group["params"])
        if having and record.steps_of[place] >= LOOKS and name in record.kept and len(record.models) > 1:
            yield Finding(
                "detached-part", "error",
                f"No loss reaches the whole of {name}, although it runs with gradients and its optimizer has made "
                f"{record.steps_of[place]} steps: its output is cut off before it meets a loss.",
                cure=f"Remove the detach(), .data or numpy() on the output of {name} where its own loss is made.",
                where=name, evidence={"steps": record.steps_of[place], "looks": record.looked}, reference=REFERENCE,
                disproof="These weights get a gradient in another phase of the run.",
            )  # fmt: skip
            return


def _finding(
    record: Record, subject: Subject, found: Cut, prefix: str, lost: list[str], share: float
) -> Finding:
    part, into = prefix + found.part, prefix + found.into
    named = f"{lost[0]}, ... ({len(lost)} in all)" if len(lost) > 1 else lost[0]
    shown = found.how in SAID
    meant = share < SHARE or any(word in part.lower() for word in TEACHER) or _has_twin(subject, found.part)
    severity = "note" if meant or not shown else "warning" if found.how == "no_grad" else "error"
    if shown:
        why = SAID[found.how].format(part=part, into=into)
        cure = {
            "no_grad": f"Take {part} out of torch.no_grad(); or, if it is not to learn, set requires_grad to False.",
            "inside": f"Look in the forward of {part} for detach(), .data, numpy() or torch.tensor(...).",
            "behind": f"Remove the detach(), .data, numpy() or torch.tensor(...) between {part} and {into}.",
        }[found.how]
    else:
        why = f"{part} is never called" if found.how == "uncalled" else f"nothing uses the result of {part}"
        cure = f"Use {part}, or delete it."
    return Finding(
        "detached-part", severity,
        f"The loss reaches none of {named}, {share:.0%} of the weights: {why}. They keep the values that they began "
        "with.",
        cure=cure, where=part, evidence={"weights": len(lost), "share": share, "looks": record.looked},
        reference=REFERENCE, disproof="These weights get a gradient in another phase of the run.",
    )  # fmt: skip


def _has_twin(subject: Subject, path: str) -> bool:
    """Whether the model has another part of the same shape beside it, as a student has a teacher."""
    parts = dict(subject.model.named_modules())
    own = parts.get(path)
    if own is None or "." in path:
        return False
    return any(_shape(own) == _shape(other) for name, other in subject.model.named_children() if name != path)


def _shape(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(p.shape)) for name, p in module.named_parameters()]
