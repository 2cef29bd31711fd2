"""A callback for the Trainer of Transformers."""

from collections.abc import Collection, Mapping
from typing import Any

from .._report import Report
from ..watch import watch


def transformers_callback(
    *,
    budget: float = 0.03,
    strict: bool = False,
    ignore: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    verbose: bool = True,
    log: bool = False,
) -> Any:
    """Make a callback that watches ``Trainer.train``; its `report` is there during the training and after it.

    The loss is read from its backward pass, not from the log, which hides what is not finite. A Trainer tells its
    callbacks nothing of an exception: after one, ``close()`` takes the doctor's hooks off.

    Args:
        budget: as for `watch`.
        strict: as for `watch`.
        ignore: as for `watch`.
        only: as for `watch`.
        verbose: as for `watch`; only the first process of several prints.
        log: whether the figures of the last look are added to what the Trainer logs.

    Returns:
        A ``transformers.TrainerCallback``.

    Example:
        ``trainer = Trainer(model, args, callbacks=[transformers_callback()])``
    """
    from transformers import TrainerCallback

    class Doctor(TrainerCallback):
        """Watches a training."""

        def __init__(self) -> None:
            self.doctor: watch | None = None

        def report(self) -> Report:
            """What was found so far."""
            return self.doctor.report() if self.doctor is not None else Report()

        def close(self, error: BaseException | None = None) -> None:
            """Stop watching, after an exception that ended the training."""
            if self.doctor is not None and self.doctor.watching:
                self.doctor.__exit__(type(error) if error is not None else None, error, None)

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any
        ) -> None:
            self.close()
            self.doctor = watch(
                model, optimizer, budget=budget, strict=strict, ignore=ignore, only=only,
                verbose=verbose and state.is_world_process_zero,
            )  # fmt: skip
            self.doctor.__enter__()

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
            if self.doctor is not None and self.doctor.watching and "eval_loss" in (metrics or {}):
                self.doctor.metric("val_loss", metrics["eval_loss"])

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if log and logs is not None and self.doctor is not None and self.doctor.watching:
                logs.update(self.doctor.scalars())

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.close()

    return Doctor()
