"""A run that is killed and resumed ends in the weights of the run that was not."""

import csv
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from vademecum._core.errors import InputError
from vademecum.lab import Console, Recipe, RunFolder, fit
from vademecum.lab.checkpoint import Checkpoint

from ._runs import Nursery, files

KILLS = 10
LONG = {"epochs": 150, "patience": 0, "checkpoint_seconds": 0.05}  # most of such a run is training


def same_run(folder: Path, other: Path) -> None:
    """Weights, predictions and history agree bit for bit; times do not count."""
    assert (folder / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert (folder / "evaluation.json").read_bytes() == (other / "evaluation.json").read_bytes()
    assert history(folder) == history(other)


def history(folder: Path) -> list[dict[str, str]]:
    """What `metrics.csv` says, times left out."""
    return [
        {**row, "seconds": ""} for row in csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    ]


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.mark.slow
def test_killed_at_ten_random_instants(quick, tmp_path, nursery) -> None:
    recipe = quick.changed({**LONG, "learning_rate": "auto"}).to_toml()
    whole = tmp_path / "whole"
    nursery.run(recipe, out=tmp_path / "first")  # fills the caches, so that the next one measures a run
    seconds = nursery.run(recipe, out=whole)
    same_run(tmp_path / "first", whole)
    draw = random.Random(0)
    stages = []
    for kill in range(KILLS):
        folder = tmp_path / f"killed-{kill}"
        nursery.run(recipe, out=folder, kill_after=seconds * (kill + draw.random()) / KILLS)
        stages.append(stage(folder))
        if folder.exists():
            nursery.run(resume=folder)
        else:  # killed before there was a run: nothing to resume, and nothing in the way
            nursery.run(recipe, out=folder)
        same_run(folder, whole)
        assert (folder / "report.html").exists()
        assert not [name for name in files(folder) if name.endswith(".tmp")]
    assert stages.count("training") >= 3, f"the kills missed the training: {stages}"


def stage(folder: Path) -> str:
    """Where a kill has hit; every file with a final name must be whole."""
    if not folder.exists():
        return "before"
    run = RunFolder(folder)
    assert run.recipe.epochs == LONG["epochs"]
    for path in folder.glob("*.json"):
        run.read_json(path.name)
    if not (folder / "checkpoints" / "last.safetensors").exists():
        return "examining"
    return (
        "done"
        if Checkpoint.read(folder / "checkpoints" / "last.safetensors").progress.epoch == 12
        else "training"
    )


@pytest.mark.slow
def test_killed_again_and_again(quick, tmp_path, nursery) -> None:
    recipe = quick.changed(LONG).to_toml()
    seconds = nursery.run(recipe, out=tmp_path / "whole")
    folder, draw, stages = tmp_path / "killed", random.Random(1), []
    for _ in range(6):
        again = {"resume": folder} if folder.exists() else {"recipe": recipe, "out": folder}
        nursery.run(**again, kill_after=seconds * (0.25 + 0.25 * draw.random()))
        stages.append(stage(folder))
    assert stages.count("training") >= 2, f"the kills missed the training: {stages}"
    nursery.run(resume=folder)
    same_run(folder, tmp_path / "whole")


class Stop(Exception):
    """Stands for whatever ends a process between two steps."""


def stopped_after(recipe: Recipe, out: Path, monkeypatch, *, steps: int) -> Path:
    """Run, and stop after so many steps with a checkpoint of the last one."""
    from vademecum.lab import loop as module

    original = module.Loop.steps
    taken = 0

    def steps_(self):
        nonlocal taken
        for step in original(self):
            taken += self.member > 0  # the rehearsal before the run is none of its steps
            if taken > steps:
                raise Stop
            yield step

    monkeypatch.setattr(module.Loop, "steps", steps_)
    with pytest.raises(Stop):
        fit(recipe, out=out)
    monkeypatch.undo()
    return out


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("steps", [1, 9, 10, 23])
def test_stopped_between_any_two_steps(quick, tmp_path, monkeypatch, optimizer, steps) -> None:
    recipe = quick.changed({"checkpoint_seconds": 0.0, "optimizer": optimizer})
    whole = fit(recipe, out=tmp_path / "whole").folder.path
    folder = stopped_after(recipe, tmp_path / "stopped", monkeypatch, steps=steps)
    progress = Checkpoint.read(folder / "checkpoints" / "last.safetensors").progress
    assert progress.epoch * 10 + progress.step == steps
    fit(resume=folder)
    same_run(folder, whole)


def test_early_stopping_is_resumed_too(quick, tmp_path, monkeypatch) -> None:
    recipe = quick.changed({"epochs": 30, "patience": 2, "learning_rate": 0.1, "schedule": "constant"})
    whole = fit(recipe, out=tmp_path / "whole").folder
    assert whole.facts["training"]["stopped"] == "early"
    folder = stopped_after(recipe, tmp_path / "stopped", monkeypatch, steps=25)
    fit(resume=folder)
    same_run(folder, whole.path)


@pytest.fixture
def stopped(quick, tmp_path, monkeypatch) -> Path:
    return stopped_after(quick.changed({"checkpoint_seconds": 0.0}), tmp_path / "run", monkeypatch, steps=13)


def test_the_finished_run_says_so(quick, tmp_path, capsys) -> None:
    import sys

    result = fit(quick, out=tmp_path / "run")
    before = {name: (result.folder.path / name).stat().st_mtime_ns for name in files(result.folder.path)}
    again = fit(resume=result.folder.path, console=Console(sys.stdout))
    assert "is finished" in capsys.readouterr().out
    assert again.evaluation == result.evaluation
    assert {
        name: (result.folder.path / name).stat().st_mtime_ns for name in files(result.folder.path)
    } == before


def test_changed_data_are_refused(quick, blobs, stopped, tmp_path) -> None:
    changed = tmp_path / "blobs.csv"
    changed.write_text(blobs.read_text().replace("Oslo", "Bergen"))
    RunFolder(stopped).write("recipe.toml", quick.changed({"data": str(changed)}).to_toml())
    before = files(stopped)
    with pytest.raises(InputError, match="changed since"):
        fit(resume=stopped)
    assert files(stopped) == before


def test_a_checkpoint_of_another_model_is_refused(quick, stopped, tmp_path) -> None:
    other = fit(quick.changed({"norm": "layer"}), out=tmp_path / "other").folder.path
    (stopped / "checkpoints" / "last.safetensors").write_bytes(
        (other / "checkpoints" / "last.safetensors").read_bytes()
    )
    with pytest.raises(InputError, match="must be of this model"):
        fit(resume=stopped)
    assert not (stopped / "model.safetensors").exists()


def test_a_truncated_checkpoint_is_refused(stopped) -> None:
    path = stopped / "checkpoints" / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="whole safetensors file"):
        fit(resume=stopped)


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(quick, tmp_path, monkeypatch) -> None:
    import errno

    recipe = quick.changed({"checkpoint_seconds": 0.0})
    whole = fit(recipe, out=tmp_path / "whole").folder.path
    real, written = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written > 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(InputError, match=r"No space left on device.*--resume"):
        fit(recipe, out=tmp_path / "run")
    monkeypatch.undo()
    assert not [name for name in files(tmp_path / "run") if name.endswith(".tmp")]
    Checkpoint.read(tmp_path / "run" / "checkpoints" / "last.safetensors")
    fit(resume=tmp_path / "run")
    same_run(tmp_path / "run", whole)


def test_the_status_tells_how_it_ended(stopped) -> None:
    assert json.loads((stopped / "run.json").read_text())["status"] == "running"
    fit(resume=stopped)
    assert json.loads((stopped / "run.json").read_text())["status"] == "finished"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(quick, tmp_path, monkeypatch, number) -> None:
    from vademecum.lab import Interrupted
    from vademecum.lab import loop as module

    whole = fit(quick, out=tmp_path / "whole").folder.path
    original, taken = module.Loop.steps, 0

    def steps(self):
        nonlocal taken
        for step in original(self):
            taken += self.member > 0  # the rehearsal before the run is none of its steps
            if taken == 14:
                os.kill(os.getpid(), number)
            yield step

    before = signal.getsignal(number)
    monkeypatch.setattr(module.Loop, "steps", steps)
    with pytest.raises(Interrupted, match=r"vade fit --resume") as stop:
        fit(quick, out=tmp_path / "run")
    monkeypatch.undo()
    assert stop.value.signal == number
    assert signal.getsignal(number) is before
    assert RunFolder(tmp_path / "run").facts["status"] == "interrupted"
    fit(resume=tmp_path / "run")
    same_run(tmp_path / "run", whole)
