"""A callback for Lightning's Trainer."""

import sys
from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from .._report import Report
from ..watch import watch


def lightning_callback(
    *,
    budget: float = 0.03,
    strict: bool = False,
    ignore: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    verbose: bool = True,
    log: bool = False,
) -> Any:
    """Make a callback that watches ``Trainer.fit``; its `report` is there during the fit and after it.

    Args:
        budget: as for `watch`.
        strict: as for `watch`.
        ignore: as for `watch`.
        only: as for `watch`.
        verbose: as for `watch`; only the first process of several prints.
        log: whether the figures of each look are logged through the module's ``log_dict``.

    Returns:
        A ``lightning.pytorch.Callback``, or one of ``pytorch_lightning`` where only that is in use.

    Example:
        ``trainer = lightning.Trainer(callbacks=[lightning_callback()])``
    """

    class Doctor(_callback_class()):  # type: ignore[misc]
        """Watches a fit."""

        def __init__(self) -> None:
            self.doctor: watch | None = None
            self._told = 0

        def report(self) -> Report:
            """What was found so far."""
            return self.doctor.report() if self.doctor is not None else Report()

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self.doctor = watch(
                _models(pl_module), trainer.optimizers, budget=budget, strict=strict, ignore=ignore, only=only,
                verbose=verbose and trainer.is_global_zero,
            )  # fmt: skip
            self._told = 0
            self.doctor.__enter__()

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if log and self.doctor is not None and len(self.doctor.looked_at) != self._told:
                self._told = len(self.doctor.looked_at)
                pl_module.log_dict(dict(self.doctor.scalars()))

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if self.doctor is not None and not trainer.sanity_checking:
                for name, value in trainer.callback_metrics.items():
                    if "val" in name and getattr(value, "numel", lambda: 1)() == 1:
                        self.doctor.metric(name, float(value))

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self._closed(None)

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self._closed(exception)

        def _closed(self, error: BaseException | None) -> None:
            if self.doctor is not None and self.doctor.watching:
                self.doctor.__exit__(type(error) if error is not None else None, error, None)

    return Doctor()


def _callback_class() -> Any:
    """The class of the package that the user's Trainer comes from."""
    if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
        from pytorch_lightning import Callback
    else:
        try:
            from lightning.pytorch import Callback
        except ModuleNotFoundError:
            from pytorch_lightning import Callback
    return Callback


def _models(module: nn.Module) -> list[nn.Module]:
    """The module itself where it has a forward pass of its own, else its parts, which ``training_step`` calls."""
    forward = type(module).forward
    if not forward.__module__.startswith(("lightning.", "pytorch_lightning.", "torch.")):
        return [module]
    return [part for part in module.children() if next(part.parameters(), None) is not None] or [module]
