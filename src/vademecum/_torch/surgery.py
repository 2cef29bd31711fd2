"""Replace parts of a model."""

from collections.abc import Callable
from copy import deepcopy

from torch import nn


def replaced(model: nn.Module, change: Callable[[str, nn.Module], nn.Module | None]) -> nn.Module:
    """Copy a model with some of its parts replaced.

    A part that stands in several places stays one part. The copy's new parts take the mode of the old.

    Args:
        model: left as it is.
        change: gets each part's path and the part (of the copy); returns the new part, or None to keep it.

    Returns:
        The copy; the replacement itself where the model as a whole was replaced.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> replaced(model, lambda _, part: nn.Tanh() if isinstance(part, nn.ReLU) else None)
        Sequential(
          (0): Linear(in_features=2, out_features=2, bias=True)
          (1): Tanh()
        )
    """
    model = deepcopy(model)
    done: dict[nn.Module, nn.Module] = {}
    for path, part in list(model.named_modules()):
        new = change(path, part)
        if new is not None and new is not part:
            done[part] = new.train(part.training)
    if model in done:
        return done[model]
    gone: list[str] = []
    for path, part in list(model.named_modules(remove_duplicate=False)):
        if part in done and not path.startswith(tuple(gone)):
            model.set_submodule(path, done[part])
            gone.append(path + ".")
    return model
