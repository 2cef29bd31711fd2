"""Train what a user's function builds: a plain loop, for those whose script is hard to run by itself."""

import runpy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

EPOCHS = 1000
"""Passes over the batches at most: the doctor stops before."""

WANTED = "a function for vade check must return (model, optimizer, loss_fn, batches)"


class BuildError(Exception):
    """What the function returned cannot be trained."""


def train_function(path: str, name: str) -> None:
    """Call a function of a file and train what it returns.

    Args:
        path: of the file.
        name: of the function, which takes no argument and returns (model, optimizer, loss_fn, batches). A batch is
            (inputs, targets), or a mapping that the model takes as keywords; loss_fn may be None where the model's
            output has a ``loss``.

    Raises:
        BuildError: there is no such function, or it returns something else.
    """
    found = runpy.run_path(path, run_name="__vademecum__").get(name)
    if not callable(found):
        raise BuildError(
            f"the file must define the function: {path} has no function {name!r}; check the name."
        )
    built = found()
    if not isinstance(built, tuple) or len(built) != 4:
        raise BuildError(f"{WANTED}: {name} returned {_kind(built)}.")
    model, optimizer, loss_fn, batches = built
    if not isinstance(model, nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        raise BuildError(f"{WANTED}: the first two of {name} are {_kind(model)} and {_kind(optimizer)}.")
    if not isinstance(batches, Iterable):
        raise BuildError(f"{WANTED}: its batches are {_kind(batches)}, and cannot be gone through.")
    for _ in range(EPOCHS):
        empty = True
        for batch in batches:
            empty = False
            loss = loss_of(model, loss_fn, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if empty:  # an iterator is used up after one pass
            return


def loss_of(model: nn.Module, loss_fn: Callable[..., Tensor] | None, batch: Any) -> Tensor:
    """The loss of a batch.

    Args:
        model: called with the inputs, or with the mapping as keywords.
        loss_fn: (output, targets) -> loss, for a mapping (output, mapping) -> loss; None for the output's own.
        batch: (inputs, targets) or a mapping.

    Returns:
        () loss.

    Raises:
        BuildError: the batch has another form, or there is no loss.

    Example:
        >>> loss_of(nn.Identity(), nn.functional.mse_loss, (torch.ones(2), torch.zeros(2)))
        tensor(1.)
    """
    if isinstance(batch, Mapping):
        output = model(**batch)
        loss = loss_fn(output, batch) if loss_fn is not None else _own_loss(output)
    elif isinstance(batch, tuple | list) and len(batch) == 2:
        output = model(batch[0])
        loss = loss_fn(output, batch[1]) if loss_fn is not None else _own_loss(output)
    else:
        raise BuildError(f"a batch must be (inputs, targets) or a mapping: {_kind(batch)} came.")
    if not isinstance(loss, Tensor):
        raise BuildError(f"there must be a loss: {_kind(loss)} came; return a loss_fn.")
    return loss


def _own_loss(output: Any) -> Any:
    return output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)


def _kind(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
