"""The training loop, on Accelerate: any number of processes, any device, and the same bits after any interruption.

Every random number is drawn from a seed that is a function of (recipe's seed, epoch, step, process). Each epoch one
permutation of the training part is cut into nearly equal batches, of which process r of R takes every R-th example.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum.data import epoch_order
from vademecum.nn import ConcreteDropout, concrete_dropout_penalty
from vademecum.train import EarlyStopping, Snapshots

from .augmenting import Augmenting
from .averaging import Averaging
from .checkpoint import (
    Checkpoint,
    Progress,
    Row,
    detached,
    load_optimizer,
    named,
    numbered,
    optimizer_settings,
    optimizer_tensors,
    same_shapes,
)
from .examples import Part, summed
from .objective import Objective
from .parts import ENSEMBLE, REGULARIZE, dropping
from .recipe import Recipe
from .stages import Stages
from .stepper import Stepper

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["Loop", "seed_of"]


def seed_of(seed: int, *place: str | int) -> int:
    """Derive the seed of one place in a run; places have unrelated streams.

    Args:
        seed: of the recipe.
        place: what is drawn, and when: "order", 3.

    Returns:
        A whole number below 2^63.

    Example:
        >>> seed_of(0, "order", 1) == seed_of(0, "order", 1), seed_of(0, "order", 1) == seed_of(0, "order", 2)
        (True, False)
    """
    name = "/".join(map(str, (seed, *place)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1


class Loop:
    """Trains a model epoch by epoch, and can be stopped and taken up again between any two steps.

    Args:
        model: preprocessing included; trained in place.
        objective: what is minimized.
        train: the training part.
        val: the validation part; it steers early stopping.
        recipe: of the run.
        rate: the peak learning rate.
        accelerator: of this process.
        stages: which parts of the model train when, where it starts from trained weights.
        member: of an ensemble, counted from 1.
        seconds: spent before, on other members.

    Attributes:
        model: the bare model.
        epoch: epochs that are complete.
        step: steps done in the epoch under way.
        history: one row for each complete epoch.
        best: the weights of the best epoch so far, on the CPU.

    Raises:
        InputError: there are fewer training examples than processes.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        train: Part,
        val: Part,
        *,
        recipe: Recipe,
        rate: float,
        accelerator: "Accelerator",
        stages: Stages | None = None,
        member: int = 1,
        seconds: float = 0.0,
    ) -> None:
        self.model, self.recipe, self.rate, self.member = model, recipe, rate, member
        self._objective, self._train, self._val, self._accelerator = objective, train, val, accelerator
        self._rank, self._world = accelerator.process_index, accelerator.num_processes
        self._wrapped = accelerator.prepare(model)
        least = self._world * (2 if any(isinstance(m, _BATCH_NORMS) for m in model.modules()) else 1)
        if len(train) < least:
            raise InputError(
                f"the training part must hold {least} examples for {self._world} processes: it holds {len(train)}; "
                "start fewer processes or give more data."
            )
        # Where a batch would leave a process without examples, batches merge.
        self.steps_per_epoch = max(1, min(round(len(train) / recipe.batch_size), len(train) // least))
        total = recipe.epochs * self.steps_per_epoch
        self._stages = stages
        self._regularizers = [choice.make(model) for choice in REGULARIZE.read(recipe.regularize)]
        self._penalties = [r.penalty for r in self._regularizers if r.penalty is not None]
        if any(isinstance(part, ConcreteDropout) for part in model.modules()):
            self._penalties.append(lambda model, x, output: concrete_dropout_penalty(model))
        self._learned = nn.ModuleList([objective.loss_of.learned, *(r.learned for r in self._regularizers)])
        self._learned.to(train.y.device)
        self._snapshots: Snapshots | None = None
        if isinstance(recipe.ensemble, str):
            (choice,) = ENSEMBLE.read(recipe.ensemble)
            self._snapshots = choice.make(total)
        self._stepper = Stepper(
            model, recipe, rate=rate, total_steps=total, regularizers=self._regularizers,
            learned=self._learned.parameters(), groups=stages.groups if stages else None,
            factor=self._snapshots.factor if self._snapshots else None,
            ramp=dropping(recipe.dropout, len(train)).ramp, accelerator=accelerator,
        )  # fmt: skip
        self._averaging = Averaging(model, recipe, total_steps=total, steps_per_epoch=self.steps_per_epoch)
        self._augment = Augmenting(model, recipe, train.x)
        # Each cycle of snapshots ends in a minimum: there is no one best epoch to stop after.
        patience = 0 if self._snapshots is not None else recipe.patience
        self._stopping = EarlyStopping(patience or recipe.epochs + 1)
        self.epoch = self.step = self._seen = 0
        self.history: tuple[Row, ...] = ()
        self.best: dict[str, Tensor] = {}
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=train.y.device)
        self._before, self._since = seconds, time.monotonic()

    @property
    def done(self) -> bool:
        """Whether no step is left to take."""
        return self.epoch >= self.recipe.epochs or self._stopping.stop

    @property
    def best_epoch(self) -> int:
        """The epoch that gave `best`, counted from 1; 0 before the first."""
        return self._stopping.best_step + 1

    @property
    def seconds(self) -> float:
        """Time spent in all, interruptions excluded."""
        return self._before + time.monotonic() - self._since

    def steps(self) -> Iterator[int]:
        """Take the steps that are left in the epoch under way.

        Yields:
            The number of steps done in this epoch, after each step. Between two of them the loop may be saved.
        """
        if self._stages is not None and self._stages.enter(self.epoch):
            self._wrapped = self._accelerator.prepare(
                self.model
            )  # DDP knows what trains from when it is made
        self._wrapped.train()
        order = epoch_order(
            len(self._train), self.epoch, seed=seed_of(self.recipe.seed, "order"), mode=self.recipe.order,
            y=self._train.y.cpu() if self.recipe.order == "stratified" else None,
        ).to(self._train.x.device)  # fmt: skip
        for batch in order.tensor_split(self.steps_per_epoch)[self.step :]:
            self._take(batch)
            self.step += 1
            yield self.step

    def _take(self, batch: Tensor) -> None:
        """One step on this process's share of a batch."""
        done = self.epoch * self.steps_per_epoch + self.step
        self._stepper.prepare(done)
        _seed(seed_of(self.recipe.seed, "step", done, self._rank), batch.device)
        mine = batch[self._rank :: self._world]
        self._stepper.optimizer.zero_grad()
        # Few examples make few micro-batches; batch normalization needs two examples in each.
        for part in mine.tensor_split(min(self.recipe.accumulate, max(1, len(mine) // 2))):
            # Micro-batches add up, and processes average their gradients: each share is weighted, so that the
            # result is the gradient of the mean over the whole batch.
            self._backward(part, share=len(part) * self._world / len(batch), step=done)
        self._stepper.take()
        self._averaging.step(self.model, done + 1)
        if self._snapshots is not None:
            self._snapshots.step(self.model)
        self._seen += len(mine)

    def _backward(self, part: Tensor, *, share: float, step: int) -> None:
        """Add the gradient of some examples."""
        x, y = self._train.x.index_select(0, part), self._train.y.index_select(0, part)
        if self._augment.policy is not None:
            x = self._augment(x, seed_of(self.recipe.seed, "augment", step, self._rank, int(part[0])))
        output, loss = self._objective.train(self._wrapped, x, y)
        self._loss_sum.add_(loss.detach(), alpha=len(part))
        for penalty in self._penalties:
            loss = loss + penalty(self.model, x, output)
        self._accelerator.backward(loss if share == 1 else loss * share)

    def end_epoch(self) -> Row:
        """Validate after the last step of an epoch, and remember the weights if they are the best.

        A loss that is not finite any more is an InputError.

        Returns:
            The epoch's figures, the same on every process.
        """
        if self._world > 1:  # each process has seen other batches; the statistics of the first one count
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, 0)
        train_loss, count = self._total(torch.stack([self._loss_sum, self._loss_sum.new_tensor(self._seen)]))
        size = min(self.recipe.batch_size, len(self._train))
        self._averaging.refresh(x for x in self._train.x.split(size) if len(x) == size)
        with self._shown() as model:
            val_loss, metric = self._validate(model)
            self.epoch += 1
            row = Row(
                epoch=self.epoch,
                step=self.epoch * self.steps_per_epoch,
                learning_rate=float(self._stepper.optimizer.param_groups[0]["lr"]),
                train_loss=train_loss / count,
                val_loss=val_loss,
                val_metric=metric,
                seconds=self.seconds,
                member=self.member,
            )
            self._refuse_if_diverged(row.train_loss + row.val_loss)
            if self._stopping.step(row.val_loss):
                self.best = detached(model.state_dict())
        self._stepper.observe(row.val_loss)
        self.step = self._seen = 0
        self._loss_sum.zero_()
        self.history = (*self.history, row)
        return row

    @contextmanager
    def _shown(self) -> Iterator[nn.Module]:
        """The model that is judged and kept: with averaged weights where there are any."""
        if (averaged := self._averaging.model) is not None:
            yield averaged
        else:
            with self._stepper.averaged():
                yield self.model

    def _validate(self, model: nn.Module) -> tuple[float, float]:
        """Mean loss and metric over the validation part."""
        mine = Part(self._val.x[self._rank :: self._world], self._val.y[self._rank :: self._world])
        loss, metric, count = self._total(summed(model, self._objective, mine))
        return loss / count, metric / count

    def close(self) -> None:
        """Leave the model as it was but for its weights: take out what was hung into it."""
        for handle in (*self._augment.handles, *(h for r in self._regularizers for h in r.handles)):
            handle.remove()

    def checkpoint(self) -> Checkpoint:
        """Describe this instant, so that `resume` can go on from it.

        A loss that is not finite any more is an InputError: nobody wants to go on from there.

        Returns:
            Copies of everything, on the CPU.
        """
        loss_sum = float(self._loss_sum)
        self._refuse_if_diverged(loss_sum)
        progress = Progress(
            rate=self.rate,
            epoch=self.epoch,
            step=self.step,
            # With several processes this is the share of the first one, and so is `seen`: their ratio, a figure
            # for people, is then the mean over that share.
            loss_sum=loss_sum,
            seen=self._seen,
            seconds=self.seconds,
            stopping=self._stopping.state_dict(),
            history=self.history,
            member=self.member,
            groups=optimizer_settings(self._stepper.optimizer),
        )
        return Checkpoint(
            progress,
            model=detached(self.model.state_dict()),
            best=self.best,
            optimizer=optimizer_tensors(self._stepper.optimizer),
            average=self._averaging.tensors(),
            learned=detached(self._learned.state_dict()),
            snapshots=detached(named(self._snapshots.taken if self._snapshots else ())),
        )

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint.

        A checkpoint of another model is an InputError, and changes nothing.

        Args:
            checkpoint: of a run with the same recipe and data.
        """
        expected = {name: t.to("cpu") for name, t in self.model.state_dict().items()}
        same_shapes(checkpoint.model, expected, what="a checkpoint")
        if checkpoint.progress.epoch:
            same_shapes(checkpoint.best, expected, what="a checkpoint")
        load_optimizer(self._stepper.optimizer, checkpoint.optimizer, checkpoint.progress.groups)
        self._averaging.load(checkpoint.average)
        same_shapes(checkpoint.learned, detached(self._learned.state_dict()), what="a checkpoint")
        self._learned.load_state_dict(dict(checkpoint.learned))
        self.model.load_state_dict(dict(checkpoint.model))
        progress = checkpoint.progress
        self.epoch, self.step, self.history = progress.epoch, progress.step, progress.history
        if self._rank == 0:
            self._seen = progress.seen
            self._loss_sum.fill_(progress.loss_sum)
        self.best = dict(checkpoint.best)
        if self._snapshots is not None:
            taken = list(numbered(checkpoint.snapshots).values())
            done = self.epoch * self.steps_per_epoch + self.step
            self._snapshots.load_state_dict({"taken": taken, "step_count": done})
        self._stopping.load_state_dict(progress.stopping)
        self._before, self._since = progress.seconds, time.monotonic()

    def _total(self, sums: Tensor) -> list[float]:
        """Sums over all processes, the same bits on each."""
        if self._world > 1:
            sums = self._accelerator.gather(sums[None]).sum(0)
        return sums.tolist()

    def _refuse_if_diverged(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"the loss must stay finite: it became {loss} in epoch {max(self.epoch, 1)} at a peak learning rate "
                f"of {self.rate:.3g}; start again with a tenth of it, --set learning_rate={self.rate / 10:.1g}."
            )


def _seed(seed: int, device: torch.device) -> None:
    """Set the streams from which dropout and other random layers draw; the caller puts them back in the end."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
