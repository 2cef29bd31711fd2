"""Evaluation mode in training: dropout is off and batch normalization uses old statistics while the weights move.

``model.eval()`` stays in force until ``model.train()`` is called. After a validation in the first epoch, all later
epochs are trained without regularization and with statistics that are never refreshed.

No equation.

Wrong:
    model.train()
    for epoch in range(epochs):
        train_one_epoch(model)
        validate(model)  # calls model.eval()

Right:
    for epoch in range(epochs):
        model.train()
        train_one_epoch(model)
        validate(model)

Fails where: a part of the user's own asks for ``self.training``; only known layers are looked at.

References:
    ioffe2015batch: section 3.1, training uses the statistics of the minibatch, inference those of the population.
    srivastava2014dropout: section 4, units are dropped in training only.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from .._finding import Finding
from ..recording.modes import mode_dependent
from ..recording.record import NotCheckedError, Record

LOOKS = 3
"""Looks in a row, up to the last, at which a model must have been trained in evaluation mode."""


def eval_mode_in_training(record: Record) -> Iterator[Finding]:
    """Look whether the steps follow passes in evaluation mode.

    A model counts only where its root and all its parts are in evaluation mode: frozen batch normalization in a
    model in training mode is meant.

    Args:
        record: of the run so far.

    Yields:
        "error" where training mode was lost during the run; "warning" where it never was on and the model is no
        trained one; "note" where it never was on and the running statistics come from elsewhere.

    Raises:
        NotCheckedError: no model has parts for which it matters, or too few looks.
    """
    names = {name for look in record.looks for name in look.modes if _has_modes(record, name)}
    if not names:
        raise NotCheckedError("no model that is trained is known to work differently in evaluation")
    for name in sorted(names):
        modes = [(look.step, look.modes[name]) for look in record.looks if name in look.modes]
        if len(modes) < LOOKS:
            raise NotCheckedError(f"it takes {LOOKS} looks, and there were {len(modes)}")
        if any(on for _, on in modes[-LOOKS:]):
            continue
        lost = next((step for step, on in reversed(modes) if on), -1)
        since = next(step for step, on in modes if step > lost and not on)
        parts = list(mode_dependent(record.models[name]))
        loaded = lost < 0 and _loaded(record.models[name])
        tested = any(lost < e.step <= since for e in record.evaluations)
        site = record.site("forward")
        yield Finding(
            "eval-mode-in-training", "error" if lost >= 0 else "note" if loaded else "warning",
            (
                f"The model was in training mode until step {lost} and is trained in evaluation mode since step "
                f"{since}" + (", after an evaluation" if tested else "")
                if lost >= 0
                else "The model is trained in evaluation mode from the first step on"
            )
            + f": {_named(record.models[name], parts)} works as in evaluation.",
            cure="Call model.train() at the start of every epoch.",
            where=parts[0] if parts and len(names) == 1 else name,
            evidence={"since_step": since, "parts": len(parts)}, reference="ioffe2015batch",
            file=site.file, line=site.line, diff="  for epoch in range(epochs):\n+     model.train()", step=since,
            disproof="The model is fine-tuned in evaluation mode on purpose.",
        )  # fmt: skip


def _loaded(model: nn.Module) -> bool:
    """Whether running statistics are not those of a new layer: then the model comes from elsewhere."""
    means = [part.running_mean for part in model.modules() if getattr(part, "running_mean", None) is not None]
    return any(isinstance(mean, Tensor) and bool(mean.any()) for mean in means)


def _named(model: nn.Module, paths: list[str]) -> str:
    kinds = sorted({type(model.get_submodule(path)).__name__ for path in paths})
    return " and ".join(kinds) or "what asks for its mode"


def _has_modes(record: Record, name: str) -> bool:
    """Whether evaluation is different for a model: by its parts, or as a repetition has shown."""
    return bool(mode_dependent(record.models[name])) or record.loop.matters.get(name, False)
