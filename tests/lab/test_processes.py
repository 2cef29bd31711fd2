"""Two processes train as one does: real ones, started by Accelerate's launcher and by ourselves."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vademecum.lab import fit
from vademecum.lab.loop import Loop
from vademecum.lab.prepare import prepare
from vademecum.lab.surroundings import on_main

ACCELERATE = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--num_processes", "2"]
VADE = [sys.executable, "-m", "vademecum"]


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [[*ACCELERATE, "-m", "vademecum", "fit"], [*VADE, "fit", "--processes", "2"]],
    ids=["accelerate launch", "--processes"],
)
def test_two_processes_train_as_one_does(quick, tmp_path, command) -> None:
    # Without dropout and batch statistics the gradient of two processes is that of one, up to rounding.
    recipe = quick.changed(
        {"norm": "layer", "dropout": 0.0, "learning_rate": "auto", "checkpoint_seconds": 0.0}
    )
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    end = run_in(tmp_path, *command, "--recipe", "recipe.toml", "--out", "two")
    assert end.returncode == 0, end.stderr
    one = fit(recipe, out=tmp_path / "one").folder.path
    found = [
        list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
        for folder in (tmp_path / "two", one)
    ]
    assert len(found[0]) == len(found[1]) == recipe.epochs
    for two_row, one_row in zip(*found):
        for name in ("step", "learning_rate", "train_loss", "val_loss", "val_metric"):
            torch.testing.assert_close(float(two_row[name]), float(one_row[name]), rtol=1e-3, atol=1e-5)
    facts = json.loads((tmp_path / "two" / "run.json").read_text())
    assert (facts["processes"], facts["status"]) == (2, "finished")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "recipe.toml", "two"]  # one process wrote
    assert [end.stdout.count(word) for word in ("data     ", "done     ")] == [1, 1]  # and spoke


@pytest.mark.slow
def test_a_mistake_is_said_once_and_ends_both(quick, tmp_path) -> None:
    (tmp_path / "taken").mkdir()
    end = run_in(tmp_path, *VADE, "fit", "--processes", "2", "--out", "taken")
    assert end.returncode == 2
    assert end.stderr.count("the output folder must be new") == 1
    assert os.listdir(tmp_path) == ["taken"]


class Alone:
    """An accelerator of one of several processes, without the others."""

    scaler = None

    def __init__(self, rank: int, world: int) -> None:
        self.process_index, self.num_processes, self.is_main_process = rank, world, rank == 0

    def prepare(self, model):
        return model

    def backward(self, loss) -> None:
        loss.backward()


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 4, 16, 500])
def test_every_example_is_seen_once_an_epoch(quick, monkeypatch, world, batch_size) -> None:
    recipe = quick.changed({"batch_size": batch_size})
    prepared = prepare(recipe)
    train, shares, counts = prepared.part("train"), [], []
    for rank in range(world):
        loop = Loop(
            prepare(recipe).model, prepared.objective, train, prepared.part("val"), recipe=recipe, rate=0.01,
            accelerator=Alone(rank, world),
        )  # fmt: skip
        seen: list[torch.Tensor] = []
        monkeypatch.setattr(
            loop, "_take", lambda batch, loop=loop, seen=seen: seen.append(batch[loop._rank :: loop._world])
        )
        counts.append(sum(1 for _ in loop.steps()))
        shares.append(torch.cat(seen))
        assert min(map(len, seen)) >= 2  # batch normalization needs two
    assert len(set(counts)) == 1  # a process with a step less would leave the others waiting
    torch.testing.assert_close(torch.cat(shares).sort().values, torch.arange(len(train)))


def test_weighted_shares_average_to_the_gradient_of_the_whole_batch(quick) -> None:
    recipe = quick.changed({"norm": "none", "dropout": 0.0, "batch_size": 15})
    prepared = prepare(recipe)
    gradients = {}
    for world in (1, 2):
        total: dict[str, torch.Tensor] = {}
        for rank in range(world):
            model = prepare(recipe).model
            loop = Loop(
                model, prepared.objective, prepared.part("train"), prepared.part("val"), recipe=recipe, rate=0.01,
                accelerator=Alone(rank, world),
            )  # fmt: skip
            loop._take(torch.arange(15))  # an odd number: one process has an example more
            for name, p in model.named_parameters():
                total[name] = total.get(name, 0) + p.grad / world  # what DDP does
        gradients[world] = total
    torch.testing.assert_close(gradients[2], gradients[1], rtol=1e-5, atol=1e-7)


def test_alone_the_work_is_just_done() -> None:
    assert on_main(Alone(0, 1), lambda: 3) == 3
