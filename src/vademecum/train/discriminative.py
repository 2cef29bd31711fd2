r"""Discriminative learning rates: the lower the layer, the smaller its learning rate.

Use them where a network that was trained elsewhere is trained on: lower layers hold what is general and should move
least. The rates are torch's parameter groups, so any optimizer takes them, and any schedule that multiplies rates
keeps their ratios.

$$ \theta^l_t = \theta^l_{t-1} - \eta^l \nabla_{\theta^l} J, \qquad \eta^{l-1} = \eta^l / f $$

The layers are found in the network's structure (`layer_groups`): the children of a `Sequential` or `ModuleList`, of
the longest such chain where it lies deeper, and of whatever holds that chain. Parts that hold no weight matrix, such
as norms, go with the layer before them; the last group is the head.

Also called: layer-wise learning rate decay, LLRD, layer-wise rates.
Departures: the paper's groups are the layers of its LSTM; here they are read from the order in which the parts were
    registered, which need not be the order in which they run: look at `layer_groups(model)` once, or give the groups.
Pitfalls: a schedule that sets one rate for all groups wipes the ratios out; those of torch multiply each group's own.
    In a deep network the lowest rates are next to nothing: with twelve groups and the paper's factor the lowest is some
    forty thousand times smaller than the highest. A tied weight belongs to the first group that holds it.
Claim: none, because its share has not been measured here apart from that of the schedule and the unfreezing, with which
    the paper uses it.
Peer: none.

References:
    howard2018universal: section 3.2, discriminative fine-tuning.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from torch import nn

from .freeze import named_part

__all__ = ["discriminative_groups", "layer_groups"]

Groups = tuple[tuple[str, ...], ...]
"""Paths of modules and parameters, group by group, from the input to the head."""

Named = list[tuple[str, nn.Parameter]]

Chain = nn.Sequential | nn.ModuleList
"""What holds its parts in the order in which they run, by custom."""


def layer_groups(model: nn.Module, groups: Iterable[str | Sequence[str]] | None = None) -> Groups:
    """Cut a model into layers, from the input to the head.

    Args:
        model: any module.
        groups: paths of modules or parameters, one or several a group, in order; read from the structure where None.

    Returns:
        Paths, group by group, the head last. `freeze` and `thaw` take them.

    Raises:
        ValueError: a path stands in two groups, or there is nothing to group.

    Example:
        >>> body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU())
        >>> layer_groups(nn.Sequential(body, nn.Flatten(), nn.Linear(128, 10)))
        (('0.0', '0.1'), ('0.3',), ('2',))
    """
    if groups is not None:
        given = tuple((group,) if isinstance(group, str) else tuple(group) for group in groups)
        paths = [path for group in given for path in group]
        for path in paths:
            named_part(model, path)
        if len(set(paths)) < len(paths):
            twice = sorted({path for path in paths if paths.count(path) > 1})
            raise ValueError(f"a path must stand in one group: {twice} stand in two; take them out of one.")
        if not paths:
            raise ValueError("there must be a group: none came; leave groups out to have them read.")
        return given
    found: list[tuple[str, ...]] = []
    waiting: tuple[str, ...] = ()  # small parts before the first layer
    seen: set[int] = set()
    for path, part in _units(model, "", _opened(model)):
        tensors = [part] if isinstance(part, nn.Parameter) else [*part.parameters(), *part.buffers()]
        if {id(tensor) for tensor in tensors} <= seen:  # tied to what came before
            continue
        seen |= {id(tensor) for tensor in tensors}
        if isinstance(part, nn.Module) and _holds_matrix(part):
            found.append((*waiting, path))
            waiting = ()
        elif found:
            found[-1] = (*found[-1], path)
        else:
            waiting = (*waiting, path)
    if waiting:
        found.append(waiting)
    if not found:
        raise ValueError(
            f"there must be parameters to group: {type(model).__name__} has none; pass the network itself."
        )
    return tuple(found)


def discriminative_groups(
    model: nn.Module,
    lr: float,
    *,
    factor: float = 2.6,
    groups: Iterable[str | Sequence[str]] | None = None,
    split: Callable[[Named], Iterable[dict[str, Any]]] | None = None,
) -> list[dict[str, Any]]:
    """Make parameter groups whose rates fall from the head to the input.

    Parameters that are frozen now are among them, so that they can be thawed later; an optimizer passes over what
    has no gradient.

    Args:
        model: any module.
        lr: rate of the last group, the head.
        factor: by which the rate falls from a group to the one below it.
        groups: as in `layer_groups`; together they must hold every parameter.
        split: takes the named parameters of a layer and gives its parameter groups without rates, for instance one
            with weight decay and one without.

    Returns:
        For an optimizer: each parameter once, the layers from the input to the head.

    Raises:
        ValueError: a rate or the factor is not above 0, or a parameter stands in no group.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> optimizer = torch.optim.SGD(discriminative_groups(model, 0.4, factor=2.0))
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.2, 0.4]
    """
    if not lr > 0 or not factor > 0:
        raise ValueError(
            f"rate and factor must be above 0: lr={lr}, factor={factor}; the paper takes a factor of 2.6."
        )
    layers = group_parameters(model, layer_groups(model, groups))
    covered = {name for layer in layers for name, _ in layer}
    left = [name for name, _ in model.named_parameters() if name not in covered]
    if left:
        raise ValueError(
            f"the groups must hold every parameter: {', '.join(left[:4])} and {max(0, len(left) - 4)} more stand in "
            "none; name their parts too."
        )
    made = []
    for depth, layer in enumerate(reversed(layers)):
        parts = [{"params": [p for _, p in layer]}] if split is None else split(layer)
        made.append([{**part, "lr": lr * factor**-depth} for part in parts if layer and part["params"]])
    return [part for parts in reversed(made) for part in parts]


def group_parameters(model: nn.Module, groups: Groups) -> list[Named]:
    """List the parameters of each group by name, each parameter in the first group that holds it.

    Args:
        model: to which the paths belong.
        groups: from `layer_groups`.

    Returns:
        Named parameters, group by group.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    layers: list[Named] = []
    for group in groups:
        layers.append([])
        for path in group:
            part = named_part(model, path)
            for parameter in [part] if isinstance(part, nn.Parameter) else part.parameters():
                if (name := names.pop(id(parameter), None)) is not None:
                    layers[-1].append((name, parameter))
    return layers


def _carries(part: nn.Module) -> bool:
    return any(True for tensors in (part.parameters(), part.buffers()) for _ in tensors)


def _holds_matrix(part: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in part.parameters())


def _layers_in(part: nn.Module) -> int:
    return sum(_holds_matrix(child) for child in part.children())


def _opened(model: nn.Module) -> set[str]:
    """Paths of the parts that are looked into: those that hold the longest chains, and single wrappers."""
    chains = {path: part for path, part in model.named_modules() if isinstance(part, Chain)}
    length = max(map(_layers_in, chains.values()), default=0)
    ties = [path for path, part in chains.items() if _layers_in(part) == length > 1]
    lists = [
        path for path in ties if isinstance(chains[path], nn.ModuleList)
    ]  # the custom for a stack of layers
    opened, longest = {""}, list[str]()
    for path in lists or ties:
        if not any(not above or path.startswith(f"{above}.") for above in longest):
            longest.append(path)
            steps = path.split(".")
            opened |= {".".join(steps[:depth]) for depth in range(1, len(steps) + 1)}
    path, part = "", model
    while len(inner := [(name, child) for name, child in part.named_children() if _carries(child)]) == 1:
        name, part = inner[0]
        path = f"{path}.{name}" if path else name
        opened.add(path)
    return opened


def _units(part: nn.Module, path: str, opened: set[str]) -> Iterator[tuple[str, nn.Module | nn.Parameter]]:
    """Walk over what is grouped as a whole, with its path."""
    inner = [(name, child) for name, child in part.named_children() if _carries(child)]
    if not inner:
        if _carries(part):
            yield path, part
        return
    for name, parameter in part.named_parameters(recurse=False):
        yield (f"{path}.{name}" if path else name), parameter
    for name, child in inner:
        below = f"{path}.{name}" if path else name
        if below in opened or (isinstance(child, Chain) and _layers_in(child) > 1):
            yield from _units(child, below, opened)
        else:
            yield below, child
