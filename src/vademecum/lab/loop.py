"""The training loop, on Accelerate: any number of processes, any device, and the same bits after any interruption.

Every random number is drawn from a seed that is a function of (recipe's seed, epoch, step, process). Each epoch one
permutation of the training part is cut into nearly equal batches, of which process r of R takes every R-th example.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum._torch.modes import evaluating
from vademecum.train import EarlyStopping

from .checkpoint import Checkpoint, Progress, Row, detached, load_optimizer, optimizer_tensors, same_shapes
from .objective import Objective
from .recipe import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["SCHEDULES", "Loop", "Part", "make_optimizer", "predict", "seed_of"]

WARM_UP = 0.25  # of a one-cycle run; the rate starts and ends at the 25th part of the peak, or at 0
LEAST_SHARE = 0.04


@dataclass(frozen=True)
class Part:
    """Examples in memory, on the device that trains.

    Attributes:
        x: (N, ...) inputs as the source gave them; the model's first part scales them.
        y: (N,) targets.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


def _constant(_: float) -> float:
    return 1.0


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _one_cycle(done: float) -> float:
    if done < WARM_UP:
        return LEAST_SHARE + (1 - LEAST_SHARE) * (1 - _cosine(done / WARM_UP))
    return _cosine((done - WARM_UP) / (1 - WARM_UP))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}
"""Share of the peak rate, by the share of the steps that are done."""


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


def make_optimizer(model: nn.Module, recipe: Recipe, *, rate: float) -> torch.optim.Optimizer:
    """Make the optimizer of a recipe.

    Gains, biases and other vectors are not decayed: decay is meant for matrices and kernels.

    Args:
        model: on its device already.
        recipe: names the optimizer and its numbers.
        rate: peak learning rate.

    Returns:
        The optimizer.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    # One fused kernel for all parameters instead of several operations for each; CPU and CUDA have it.
    fused = all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in parameters)
    if recipe.optimizer == "sgd":
        nesterov = recipe.momentum > 0
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=nesterov, fused=fused)
    return torch.optim.AdamW(groups, lr=rate, betas=(recipe.momentum, 0.999), fused=fused)


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
    ) -> None:
        self.model, self.recipe, self.rate = model, recipe, rate
        self._objective, self._train, self._val, self._accelerator = objective, train, val, accelerator
        self._rank, self._world = accelerator.process_index, accelerator.num_processes
        self._wrapped = accelerator.prepare(model)
        self._optimizer = make_optimizer(model, recipe, rate=rate)
        self._share = SCHEDULES[recipe.schedule]
        least = self._world * (2 if any(isinstance(m, _BATCH_NORMS) for m in model.modules()) else 1)
        if len(train) < least:
            raise InputError(
                f"the training part must hold {least} examples for {self._world} processes: it holds {len(train)}; "
                "start fewer processes or give more data."
            )
        # Where a batch would leave a process without examples, batches merge.
        self.steps_per_epoch = max(1, min(round(len(train) / recipe.batch_size), len(train) // least))
        self._stopping = EarlyStopping(recipe.patience or recipe.epochs + 1)
        self.epoch = self.step = self._seen = 0
        self.history: tuple[Row, ...] = ()
        self.best: dict[str, Tensor] = {}
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=train.y.device)
        self._before, self._since = 0.0, time.monotonic()

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
        self._wrapped.train()
        order = torch.randperm(
            len(self._train),
            generator=torch.Generator().manual_seed(seed_of(self.recipe.seed, "order", self.epoch)),
        ).to(self._train.x.device)
        for batch in order.tensor_split(self.steps_per_epoch)[self.step :]:
            self._take(batch)
            self.step += 1
            yield self.step

    def _take(self, batch: Tensor) -> None:
        """One step on this process's share of a batch."""
        done = self.epoch * self.steps_per_epoch + self.step
        rate = self.rate * self._share(done / (self.recipe.epochs * self.steps_per_epoch))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        _seed(seed_of(self.recipe.seed, "step", done, self._rank), batch.device)
        mine = batch[self._rank :: self._world]
        x, y = self._train.x.index_select(0, mine), self._train.y.index_select(0, mine)
        self._optimizer.zero_grad()
        loss = self._objective.loss(self._wrapped(x), y)
        # Processes average their gradients; shares that differ by one example are weighted, so that the average
        # is the gradient of the mean over the whole batch.
        whole = loss if self._world == 1 else loss * (len(mine) * self._world / len(batch))
        self._accelerator.backward(whole)
        if (scaler := self._accelerator.scaler) is None:
            self._optimizer.step()
        else:
            scaler.step(self._optimizer)
            scaler.update()
        self._loss_sum.add_(loss.detach(), alpha=len(mine))
        self._seen += len(mine)

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
        sums = self._loss_sum.new_zeros(3)
        mine = Part(self._val.x[self._rank :: self._world], self._val.y[self._rank :: self._world])
        with evaluating(self.model), torch.no_grad():
            for x, y in zip(mine.x.split(_EVALUATED), mine.y.split(_EVALUATED)):
                sums += self._objective.sums(self.model(x), y)
        val_loss, metric, val_count = self._total(sums)
        self.epoch += 1
        row = Row(
            epoch=self.epoch,
            step=self.epoch * self.steps_per_epoch,
            learning_rate=float(self._optimizer.param_groups[0]["lr"]),
            train_loss=train_loss / count,
            val_loss=val_loss / val_count,
            val_metric=metric / val_count,
            seconds=self.seconds,
        )
        self._refuse_if_diverged(row.train_loss + row.val_loss)
        self.step = self._seen = 0
        self._loss_sum.zero_()
        self.history = (*self.history, row)
        if self._stopping.step(row.val_loss):
            self.best = detached(self.model.state_dict())
        return row

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
        )
        return Checkpoint(
            progress, detached(self.model.state_dict()), self.best, optimizer_tensors(self._optimizer)
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
        load_optimizer(self._optimizer, checkpoint.optimizer)
        self.model.load_state_dict(dict(checkpoint.model))
        progress = checkpoint.progress
        self.epoch, self.step, self.history = progress.epoch, progress.step, progress.history
        if self._rank == 0:
            self._seen = progress.seen
            self._loss_sum.fill_(progress.loss_sum)
        self.best = dict(checkpoint.best)
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


def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Run a model over many inputs in evaluation mode.

    Args:
        model: left in the mode in which it was.
        x: (N, ...) inputs, on the model's device.

    Returns:
        (N, ...) outputs on the CPU, float32.
    """
    with evaluating(model), torch.no_grad():
        return torch.cat([model(part).float().cpu() for part in x.split(_EVALUATED)])


def _seed(seed: int, device: torch.device) -> None:
    """Set the streams from which dropout and other random layers draw; the caller puts them back in the end."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


_EVALUATED = 512  # examples at a time where no gradient is kept
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
