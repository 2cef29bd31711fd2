"""Start from weights that were trained before: a run of ours, or anybody's safetensors file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum.train import Plan, layer_groups, layer_probe, new_parameters, transfer_plan
from vademecum.train.layer_probe import features

from .parts import head_paths
from .recipe import Recipe
from .run_folder import RunFolder

__all__ = ["PROBED", "Pretrained", "adopt", "body_and_head", "net_fields", "plan_for", "read_pretrained"]

PROBED = 1000  # examples on which the layers are probed, at most
MOST_FEATURES = 2**14  # numbers an example of a layer that is probed, at most
PREFIXES = ("", "net.", "module.", "model.", "backbone.")
"""What other trainers put before a parameter's name."""

NET_FIELDS = ("model", "norm", "activation", "dropout", "preprocess", "image_size")
"""What a run's net is made of: a new run that starts from it takes the same."""


@dataclass(frozen=True)
class Pretrained:
    """Weights from elsewhere.

    Attributes:
        origin: the path that was given.
        weights: tensors by name, of the net alone.
        preprocess: fitted statistics of the run's data; {} where a file has none.
        shape: of an example of the run's data; () where that is not known.
        classes: of the run; () where they are not known.
    """

    origin: str
    weights: Mapping[str, Tensor]
    preprocess: Mapping[str, Tensor] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()


def net_fields(path: str | Path) -> dict[str, object]:
    """Read of a run what its net was made of; nothing where the path is a file.

    Args:
        path: of a run, or of a file.

    Returns:
        Fields of a recipe.
    """
    if not Path(path).is_dir():
        return {}
    recipe = RunFolder(path).recipe
    return {name: getattr(recipe, name) for name in NET_FIELDS}


def read_pretrained(path: str | Path) -> Pretrained:
    """Read weights; nothing of a file is executed.

    Args:
        path: the folder of a finished run, or a safetensors file.

    Returns:
        The weights.

    Raises:
        InputError: there are none, or they are those of an ensemble.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    place = Path(path)
    file = place / "model.safetensors" if place.is_dir() else place
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"pretrained must be a finished run or a safetensors file: {path} cannot be read ({error}); pickled "
            "weights (.pt, .pth) are not read, convert them with safetensors.torch.save_file."
        ) from error
    if not place.is_dir():
        return Pretrained(str(path), tensors)
    folder = RunFolder(place)
    if folder.recipe.ensemble != 1:
        raise InputError(
            f"pretrained must be one network: {path} is an ensemble; train one with ensemble=1 and start from it."
        )
    net = {name.removeprefix("net."): t for name, t in tensors.items() if name.startswith("net.")}
    scale = {
        name.removeprefix("preprocess."): t for name, t in tensors.items() if name.startswith("preprocess.")
    }
    data = folder.facts["data"]
    return Pretrained(str(path), net, scale, tuple(data["shape"]), tuple(data["classes"]))


def adopt(net: nn.Module, pretrained: Pretrained, *, classes: Sequence[str]) -> tuple[str, ...]:
    """Fill a net with the weights that fit it, by name and shape; the head stays new unless its classes are the same.

    Args:
        net: changed in place.
        pretrained: what there is.
        classes: what the net is to tell apart; () in regression.

    Returns:
        The parameters that nothing has filled: those of a new head.

    Raises:
        InputError: nothing fits.
    """
    own = net.state_dict()
    same = bool(pretrained.classes) and tuple(classes) == pretrained.classes
    heads = () if same else tuple(f"{path}." for path in head_paths(net))
    fitting: dict[str, Tensor] = {}
    for prefix in PREFIXES:
        cut = {n.removeprefix(prefix): t for n, t in pretrained.weights.items() if n.startswith(prefix)}
        found = {n: t for n, t in cut.items() if n in own and own[n].shape == t.shape}
        fitting = max(fitting, found, key=len)
    fitting = {name: t for name, t in fitting.items() if not (heads and name.startswith(heads))}
    if not fitting.keys() & {name for name, _ in net.named_parameters()}:
        raise InputError(
            f"the weights must be of this net: none of the {len(pretrained.weights)} tensors of {pretrained.origin} "
            f"fits by name and shape (they are called {_some(pretrained.weights)}, those of the net {_some(own)}); "
            "give the net they belong to by --model FILE:FUNCTION."
        )
    net.load_state_dict({**own, **fitting})
    return new_parameters(net, fitting)


def body_and_head(net: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Cut a net into layers from the input up, with all that gives the scores as the last.

    Args:
        net: any.

    Returns:
        Paths, layer by layer.
    """
    heads = head_paths(net)
    body = [tuple(path for path in group if path not in heads) for group in layer_groups(net)]
    return (*(group for group in body if group), heads) if heads else tuple(body)


def plan_for(
    net: nn.Module, x: Tensor, y: Tensor, recipe: Recipe, *, num_classes: int
) -> tuple[Plan, dict[str, float]]:
    """Choose what is trained again.

    Args:
        net: with the weights from elsewhere.
        x: (N, ...) inputs of the training part, as the net takes them.
        y: (N,) targets.
        recipe: names the scenario, or leaves it to the data.
        num_classes: K; 0 in regression.

    Returns:
        The plan, and the accuracy of a linear probe of each layer where they were probed.

    Raises:
        InputError: the plan needs probes, and these examples allow none.
    """
    scores: dict[str, float] = {}
    try:
        if num_classes and recipe.scenario in {"auto", "small_different"}:
            fewest = int(y.bincount().min())
            scores = layer_probe(net, x, y[: len(x)], _feeding(net, x), cv=min(5, fewest))
        alike = scores or not recipe.scenario.endswith("different")
        return transfer_plan(len(y) / max(1, num_classes), alike, scenario=recipe.scenario), scores
    except ValueError as error:
        raise InputError(
            f"scenario={recipe.scenario} must be possible: {error} Name another by --scenario."
        ) from error


def _feeding(net: nn.Module, x: Tensor) -> list[str]:
    """What feeds each layer but the first: behind activation and pooling, where a chain shows it."""
    paths = []
    for group, following in pairwise(body_and_head(net)):
        parent, _, number = following[0].rpartition(".")
        before = f"{parent}.{int(number) - 1}".lstrip(".") if number.isdecimal() and int(number) else ""
        chain = isinstance(net.get_submodule(parent), nn.Sequential)
        paths.append(before if before and chain else group[-1])
    sizes = {path: found[0].numel() for path, found in features(net, x[:1], paths).items()}
    return [path for path in paths if sizes[path] <= MOST_FEATURES]


def _some(names: Mapping[str, Tensor]) -> str:
    return ", ".join(list(names)[:3]) + (", ..." if len(names) > 3 else "")
