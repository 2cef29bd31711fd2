"""Where a part of a network is cut off from its output: seen by running the pass again on a copy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.trace import tensors

from .probes import Subject


@dataclass(frozen=True)
class Cut:
    """Where a part's results lose their graph.

    Attributes:
        part: path of the module whose results are cut off.
        how: "no_grad" where it ran without gradients, "inside" where its own results have no graph although it ran
            with gradients, "behind" where they lose it on the way to another module, "unused" where no other module
            takes them without their graph, "uncalled" where it never ran.
        into: path of the module that takes them without their graph, or "".
    """

    part: str
    how: str
    into: str = ""


@dataclass
class _Visit:
    """One call of one module of the copy."""

    path: str
    grad: bool
    given: list[Tensor]
    made: list[Tensor]


def cut(subject: Subject, lost: Iterable[str]) -> Cut:
    """Find where a part is cut off.

    Args:
        subject: the model and a pass.
        lost: names of the parameters, within the model, that no gradient reaches.

    Returns:
        The cut nearest to the output that can be shown, of those of the outermost parts that are wholly lost.
    """
    visits: list[_Visit] = []
    subject.run(training=True, grad=True, watch=lambda copy: _attach(copy, visits))
    parts = outermost(subject.model, set(lost))
    order = [visit for visit in visits if visit.path in parts]
    for visit in reversed(order):
        if visit.made and not any(made.requires_grad for made in visit.made):
            return Cut(visit.path, "inside" if visit.grad else "no_grad")
        if visit.grad and (into := _behind(visit, visits)) is not None:
            return Cut(visit.path, "behind", into)
    called = [visit.path for visit in order]
    return Cut(called[-1], "unused") if called else Cut(next(iter(parts), ""), "uncalled")


def outermost(model: nn.Module, lost: set[str]) -> list[str]:
    """Paths of the outermost modules all of whose trainable parameters are lost, in the order of the model."""
    found: list[str] = []
    for path, part in model.named_modules():
        if not path or any(path.startswith(known + ".") for known in found):
            continue
        own = [f"{path}.{name}" for name, p in part.named_parameters() if p.requires_grad]
        if own and all(name in lost for name in own):
            found.append(path)
    return found


def _attach(copy: nn.Module, visits: list[_Visit]) -> None:
    """Let every module of the copy note its calls; the copy is thrown away with the hooks."""
    for path, part in copy.named_modules():

        def note(module: nn.Module, args: Any, kwargs: Any, output: Any, *, path: str = path) -> None:
            made = _floating(output)
            visits.append(_Visit(path, torch.is_grad_enabled(), _floating((args, kwargs)), made))

        part.register_forward_hook(note, with_kwargs=True)


def _floating(value: Any) -> list[Tensor]:
    found = list(tensors(value)) or list(tensors(list(getattr(value, "__dict__", {}).values())))
    return [t for t in found if t.is_floating_point()]


def _behind(visit: _Visit, visits: list[_Visit]) -> str | None:
    """Path of the module that was given a part's result without its graph."""
    inside = visit.path + "."
    for other in visits[visits.index(visit) + 1 :]:
        if other.path.startswith(inside) or visit.path.startswith(other.path + ".") or not other.path:
            continue
        for given in other.given:
            if not given.requires_grad and any(_same(given, made) for made in visit.made):
                return other.path
    return None


def _same(given: Tensor, made: Tensor) -> bool:
    """Whether a tensor holds what another holds, itself or copied."""
    return given.numel() == made.numel() and torch.equal(given.detach().flatten(), made.detach().flatten())
