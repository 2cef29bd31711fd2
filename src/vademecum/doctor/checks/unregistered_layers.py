r"""Unregistered layers: layers in a plain list are no part of the module.

A module knows the layers that are its attributes. Those in a Python list or dict it does not find, nor tensors that
are no parameters: `parameters()` leaves them out, so no optimizer moves them, `to()` leaves them where they are, and
`state_dict()` does not save them.

No equation.

Wrong:
    self.layers = [nn.Linear(64, 64) for _ in range(3)]

Right:
    self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))

Fails where: the layers are hidden from the module on purpose, such as a teacher that is not to be trained.

References:
    karpathy2019recipe: a network that is wired wrongly trains all the same, a bit worse.
"""

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor, nn

from .._finding import Finding
from ..recording.record import Scene

REFERENCE = "karpathy2019recipe"


def unregistered_layers(scene: Scene) -> Iterator[Finding]:
    """Look whether the loss reaches weights that a module holds without knowing them.

    Args:
        scene: before a backward pass.

    Yields:
        "error" for each attribute that holds such weights, where no optimizer has them.
    """
    record = scene.record
    if not record.optimizers:
        return
    owned = {id(p) for o in record.optimizers for group in o.param_groups for p in group["params"]}
    leaves = {id(leaf) for leaf in scene.graph.leaves} - set(record.names) - owned
    leaves -= {id(x) for call in scene.calls for x in call.inputs}
    if not leaves:
        return
    own = vars(nn.Module())
    for path, part in record.modules():
        for name, held in vars(part).items():
            if name in own:
                continue
            hidden = [tensor for tensor in _held(held) if id(tensor) in leaves]
            if not hidden:
                continue
            where = f"{path}.{name}".lstrip(".")
            count = sum(tensor.numel() for tensor in hidden)
            raw = isinstance(held, Tensor)
            cure = (
                "nn.Parameter" if raw else "nn.ModuleDict" if isinstance(held, Mapping) else "nn.ModuleList"
            )
            kind = "tensor" if raw else type(held).__name__
            yield Finding(
                "unregistered-layers", "error",
                f"The loss reaches {len(hidden)} weights ({count:,} numbers) in the {kind} {where}, which the module "
                "does not know: parameters() leaves them out, and no optimizer has them.",
                cure=f"Make it an {cure}: self.{name} = {cure}(...).", where=where,
                evidence={"weights": len(hidden), "numbers": count}, reference=REFERENCE,
                diff=f"- self.{name} = ...\n+ self.{name} = {cure}(...)",
                disproof="These weights move from step to step.",
            )  # fmt: skip


def _held(value: object, depth: int = 0) -> Iterator[Tensor]:
    """The tensors in an attribute: its own, in containers, and in modules that stand in containers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif depth < 3:
        inside: Iterable[object] = ()
        if isinstance(value, Mapping):
            inside = value.values()
        elif isinstance(value, (list, tuple, set)):
            inside = value
        for item in inside:
            yield from _held(item, depth + 1)
