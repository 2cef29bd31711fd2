"""A training step of `vade fit` against the same step written by hand, and in the loops of other libraries.

All take the same batches of the same data with the same fused AdamW. `agree` runs first: one epoch by hand must end in
our weights, bit for bit. Allowed: 1.10 times the step by hand where that takes 2 ms or more, 100 us more where it is
shorter. Rounds are interleaved, to and fro, so that a busy machine slows all alike; a figure is the median over the
rounds, and the ratio is the median of the ratios within a round.
"""

import os
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from operator import sub, truediv

import torch
from _record import record
from torch import Tensor, nn

from vademecum.data import epoch_order
from vademecum.lab import Recipe
from vademecum.lab.loop import Loop, seed_of
from vademecum.lab.parts import SCHEDULE
from vademecum.lab.prepare import Prepared, prepare
from vademecum.lab.stepper import make_optimizer

ROUNDS = 21
Epoch = Callable[[], nn.Module]
CASES = {
    "digits, mlp, batch 32": Recipe(model="mlp", learning_rate=0.003, epochs=1),
    "digits, cnn, batch 32": Recipe(learning_rate=0.003, epochs=1),
    "digits, cnn, batch 128": Recipe(learning_rate=0.003, epochs=1, batch_size=128),
}


def make_ours(recipe: Recipe, prepared: Prepared) -> Epoch:
    """Our loop."""
    from accelerate import Accelerator

    model = prepare(recipe).model
    loop = Loop(
        model, prepared.objective, prepared.part("train"), prepared.part("val"), recipe=recipe,
        rate=float(recipe.learning_rate), accelerator=Accelerator(),
    )  # fmt: skip

    def epoch() -> nn.Module:
        loop.step = 0
        for _ in loop.steps():
            pass
        return model

    return epoch


def steps(recipe: Recipe, count: int) -> list[float]:
    """The rates of an epoch."""
    (schedule,) = SCHEDULE.read(recipe.schedule)
    share = schedule.make(count)
    return [float(recipe.learning_rate) * share(i) for i in range(count)]


def batches(recipe: Recipe, count: int) -> tuple[Tensor, ...]:
    """The batches of the first epoch."""
    order = epoch_order(count, 0, seed=seed_of(recipe.seed, "order"))
    return order.tensor_split(round(count / recipe.batch_size))


def make_raw(recipe: Recipe, prepared: Prepared, *, seeded: bool = False) -> Epoch:
    """By hand. Seeds are set for the comparison of weights only: nobody pays for them in the race."""
    train, model = prepared.part("train"), prepare(recipe).model
    optimizer = make_optimizer(model, recipe, rate=float(recipe.learning_rate))

    def epoch() -> nn.Module:
        model.train()
        cut = batches(recipe, len(train))
        for i, (batch, rate) in enumerate(zip(cut, steps(recipe, len(cut)))):
            for group in optimizer.param_groups:
                group["lr"] = rate
            if seeded:
                torch.default_generator.manual_seed(seed_of(recipe.seed, "step", i, 0))
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(train.x[batch]), train.y[batch])
            loss.backward()
            optimizer.step()
        return model

    return epoch


def make_accelerate(recipe: Recipe, prepared: Prepared) -> Epoch:
    """Accelerate's own wrappers around model and optimizer."""
    from accelerate import Accelerator

    accelerator, train, model = Accelerator(), prepared.part("train"), prepare(recipe).model
    wrapped, optimizer = accelerator.prepare(
        model, make_optimizer(model, recipe, rate=float(recipe.learning_rate))
    )

    def epoch() -> nn.Module:
        wrapped.train()
        for batch in batches(recipe, len(train)):
            optimizer.zero_grad()
            accelerator.backward(nn.functional.cross_entropy(wrapped(train.x[batch]), train.y[batch]))
            optimizer.step()
        return model

    return epoch


def make_fabric(recipe: Recipe, prepared: Prepared) -> Epoch:
    """Lightning Fabric."""
    from lightning_fabric import Fabric

    fabric, train, model = Fabric(accelerator="cpu", devices=1), prepared.part("train"), prepare(recipe).model
    wrapped, optimizer = fabric.setup(model, make_optimizer(model, recipe, rate=float(recipe.learning_rate)))

    def epoch() -> nn.Module:
        wrapped.train()
        for batch in batches(recipe, len(train)):
            optimizer.zero_grad()
            fabric.backward(nn.functional.cross_entropy(wrapped(train.x[batch]), train.y[batch]))
            optimizer.step()
        return model

    return epoch


def make_ignite(recipe: Recipe, prepared: Prepared) -> Epoch:
    """PyTorch Ignite's supervised trainer."""
    from ignite.engine import create_supervised_trainer

    train, model = prepared.part("train"), prepare(recipe).model
    optimizer = make_optimizer(model, recipe, rate=float(recipe.learning_rate))
    trainer = create_supervised_trainer(model, optimizer, nn.functional.cross_entropy)

    def epoch() -> nn.Module:
        trainer.run([(train.x[b], train.y[b]) for b in batches(recipe, len(train))], max_epochs=1)
        return model

    return epoch


def make_lightning(recipe: Recipe, prepared: Prepared) -> Epoch:
    """Lightning's Trainer without bar, logger and checkpoints; many epochs a call, so that its start does not count."""
    import logging
    import warnings

    from lightning.pytorch import LightningModule, Trainer
    from torch.utils.data import DataLoader

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    train, model = prepared.part("train"), prepare(recipe).model
    pairs = [(train.x[batch], train.y[batch]) for batch in batches(recipe, len(train))]

    class Net(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return make_optimizer(model, recipe, rate=float(recipe.learning_rate))

    net = Net()

    def epoch() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trainer(
                max_epochs=EPOCHS["lightning"], accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
                enable_progress_bar=False, enable_model_summary=False,
            ).fit(net, DataLoader(pairs, batch_size=None))  # fmt: skip
        return model

    return epoch


EPOCHS = {"lightning": 5}
"""Epochs in one call, where a call has a start of its own; 1 elsewhere."""

PEERS = {
    "by hand": ("torch", make_raw),
    "accelerate": ("accelerate", make_accelerate),
    "fabric": ("lightning_fabric", make_fabric),
    "ignite": ("ignite", make_ignite),
    "lightning": ("lightning", make_lightning),
}


def agree(recipe: Recipe, prepared: Prepared) -> None:
    """One epoch by hand ends in our weights."""
    ours, raw = make_ours(recipe, prepared)(), make_raw(recipe, prepared, seeded=True)()
    torch.testing.assert_close(ours.state_dict(), raw.state_dict(), rtol=0, atol=0)


def main() -> None:
    """Measure and write down."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for name, recipe in CASES.items():
        prepared = prepare(recipe)
        agree(recipe, prepared)
        runs = {"ours": make_ours(recipe, prepared)}
        runs |= {
            peer: make(recipe, prepared) for peer, (package, make) in PEERS.items() if find_spec(package)
        }
        count = len(batches(recipe, len(prepared.split.train)))
        times: dict[str, list[float]] = {runner: [] for runner in runs}
        for round_ in range(ROUNDS + 1):
            for runner, epoch in list(runs.items())[:: 1 if round_ % 2 else -1]:
                start = time.process_time()
                epoch()
                if round_:
                    done = count * EPOCHS.get(runner, 1)
                    times[runner].append((time.process_time() - start) / done * 1e6)
        step = {runner: statistics.median(values) for runner, values in times.items()}
        quartiles = {
            runner: [round(q, 1) for q in statistics.quantiles(v, n=4)] for runner, v in times.items()
        }
        record(
            "fit_step",
            what=name,
            cpu_microseconds_a_step={runner: round(value, 1) for runner, value in step.items()},
            quartiles=quartiles,
            ratio_to_by_hand=round(statistics.median(map(truediv, times["ours"], times["by hand"])), 3),
            microseconds_beyond_by_hand=round(
                statistics.median(map(sub, times["ours"], times["by hand"])), 1
            ),
        )


if __name__ == "__main__":
    main()
