"""`fit`: from a recipe to a trained, examined, explained, cited model in a folder of its own."""

import os
import platform
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vademecum._core.errors import InputError

from .before import look_before
from .checkpoint import Checkpoint, Row, numbered
from .console import Console
from .during import watched
from .evaluate import Evaluation
from .examples import judged
from .finish import calibrate, finish, write_report
from .loop import Loop
from .prepare import Prepared, prepare
from .recipe import Recipe
from .rehearsal import rehearse
from .run_folder import RunFolder
from .surroundings import catch_signals, make_accelerator, on_main, reproducible

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["Interrupted", "Result", "fit"]

LAST = "checkpoints/last.safetensors"
MEMBER = "checkpoints/member-{}.safetensors"


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        folder: every file of the run.
        evaluation: of the test part, which was looked at once.
    """

    folder: RunFolder
    evaluation: Evaluation

    @property
    def report(self) -> Path:
        """The page that tells it all."""
        return self.folder.path / "report.html"


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The run was stopped by a signal; what it had done is saved.

    Attributes:
        signal: its number.
    """

    def __init__(self, message: str, *, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def fit(
    recipe: Recipe | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    console: Console | None = None,
    command: str = "",
    page: bool = True,
) -> Result:
    """Train a network by a recipe, test it once, and write all of it into a folder.

    The same recipe gives the same weights, bit for bit, on one machine and number of threads; so does a run that
    was killed at any instant and resumed. Under ``accelerate launch`` or ``torchrun`` the first of the processes
    writes and speaks. The random streams and torch's settings are afterwards as they were.

    Args:
        recipe: what to do; scikit-learn's digits by default.
        out: a new folder; the first free ``runs/<data>-<n>`` by default.
        resume: the folder of a run to go on with, in place of a recipe and a new folder.
        console: who tells people what happens; nobody by default.
        command: as typed, for the report.
        page: whether to write the report; where many runs are compared nobody reads the single one.

    Returns:
        The folder and the evaluation.

    A signal to stop raises `Interrupted` after what was done is saved.

    Raises:
        InputError: data, recipe or folder cannot be used, the loss is not finite any more, or the disk is full.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     result = fit(Recipe(epochs=1, learning_rate=0.003), out=Path(place) / "first")
        ...     sorted(path.name for path in result.folder.path.glob("*.safetensors"))
        ['model.safetensors']
        >>> result.evaluation.count
        359
    """
    if resume is not None and (recipe is not None or out is not None):
        raise InputError(
            "resume takes recipe and folder from the run: another recipe or out was given; leave them out."
        )
    if out is not None and os.path.lexists(out):
        raise InputError(
            f"the output folder must be new: {str(out)!r} exists; name another one, or --resume it."
        )
    console = console or Console()
    earlier = None if resume is None else RunFolder(resume)
    if earlier is not None and earlier.facts.get("status") == "finished":
        evaluation = Evaluation.from_dict(earlier.read_json("evaluation.json"))
        if not (earlier.path / "report.html").exists():  # killed between its last two files
            write_report(earlier)
        console.say(f"{earlier.path} is finished: nothing is left to do; see {earlier.path / 'report.html'}.")
        return Result(earlier, evaluation)
    recipe = (recipe or Recipe()) if earlier is None else earlier.recipe
    accelerator = make_accelerator()
    if not accelerator.is_main_process:
        console = Console()
    with reproducible():
        prepared = prepare(recipe)
        if earlier is not None:
            _refuse_other_data(earlier, prepared)
        else:
            rehearse(prepared)
        folder = RunFolder(on_main(accelerator, lambda: _open(earlier, recipe, out)))
        with _closing(folder, accelerator, console):
            return _run(folder, prepared, accelerator, console, command, page=page)


def _run(
    folder: RunFolder,
    prepared: Prepared,
    accelerator: "Accelerator",
    console: Console,
    command: str,
    *,
    page: bool,
) -> Result:
    device = accelerator.device
    train, val = prepared.part("train", device), prepared.part("val", device)
    checkpoint = _read(folder, LAST)
    done = [_read(folder, MEMBER.format(number + 1)) for number in range(prepared.members)]

    def examine() -> float:
        facts = prepared.facts()
        folder.note(status="running", **_circumstances(accelerator, folder.facts, command), **facts)
        console.prepared(facts)
        console.transferred(facts["transfer"])
        return checkpoint.progress.rate if checkpoint else look_before(folder, prepared, train, console)

    prepared.model.to(device)
    rate = on_main(accelerator, examine)
    kept: list[Mapping[str, Tensor]] = []
    history: tuple[Row, ...] = ()
    for number, earlier in enumerate(done):
        if earlier is None:
            member = prepared.member(number)
            loop = Loop(
                member.model.to(device), member.objective, train, val, recipe=member.recipe, rate=rate,
                accelerator=accelerator, stages=member.stages, member=number + 1,
                seconds=history[-1].seconds if history else 0.0,
            )  # fmt: skip
            if prepared.members > 1:
                console.heading("member", f"{number + 1} of {prepared.members}")
            if checkpoint is not None and checkpoint.progress.member == loop.member:
                loop.resume(checkpoint)
                console.heading("resume", f"after {loop.epoch} epochs and {loop.step} steps")
            with watched(loop.model, folder, console, main=accelerator.is_main_process):
                _train(loop, folder, prepared, accelerator, console, before=history)
            loop.close()
            earlier = loop.checkpoint()
            if prepared.members > 1 and accelerator.is_main_process:
                folder.write(MEMBER.format(loop.member), replace(earlier, optimizer={}).to_bytes())
        kept += numbered(earlier.snapshots).values() if earlier.snapshots else [earlier.best]
        history += earlier.progress.history
    model = prepared.combined(kept).to(device)

    def conclude() -> dict[str, Any]:
        if calibrated := calibrate(model, prepared, val):
            folder.note(**calibrated)
            console.calibrated(calibrated)
        evaluation = finish(folder, prepared, model, prepared.part("test", device), history)
        val_loss, val_metric = judged(model, prepared.objective, val)
        training = {**_training(prepared.recipe, history), "val_loss": val_loss, "val_metric": val_metric}
        folder.note(status="finished", training=training, seconds=history[-1].seconds)
        written = write_report(folder) if page else folder.path
        things = "images" if prepared.source.kind == "images" else "rows"
        console.result(evaluation, things=things, facts=folder.facts, report=str(written))
        return evaluation.to_dict()

    return Result(folder, Evaluation.from_dict(on_main(accelerator, conclude)))


def _read(folder: RunFolder, name: str) -> Checkpoint | None:
    return Checkpoint.read(folder.path / name) if (folder.path / name).exists() else None


def _training(recipe: Recipe, history: Sequence[Row]) -> dict[str, Any]:
    """What became of the epochs, of each member where there are several."""
    members = []
    for number in sorted({row.member for row in history}):
        rows = [row for row in history if row.member == number]
        best = min(rows, key=lambda row: row.val_loss)
        members.append(
            {
                "epochs_run": len(rows), "best_epoch": best.epoch, "val_loss": best.val_loss,
                "val_metric": best.val_metric,
            }
        )  # fmt: skip
    first = members[0]
    return {
        "epochs_run": sum(member["epochs_run"] for member in members),
        "epochs_allowed": recipe.epochs,
        "best_epoch": first["best_epoch"],
        "patience": recipe.patience,
        "stopped": "early" if first["epochs_run"] < recipe.epochs else "epochs",
        "members": members if len(members) > 1 else [],
    }


def _train(
    loop: Loop,
    folder: RunFolder,
    prepared: Prepared,
    accelerator: "Accelerator",
    console: Console,
    *,
    before: tuple[Row, ...],
) -> None:
    """Take every step that is left; save after each epoch, every few seconds, and when a signal comes."""
    recipe, main, last = prepared.recipe, accelerator.is_main_process, time.monotonic()

    def save() -> None:
        nonlocal last
        if main:
            folder.write(LAST, loop.checkpoint().to_bytes())
        last = time.monotonic()

    total = recipe.epochs * loop.steps_per_epoch
    done = loop.epoch * loop.steps_per_epoch + loop.step
    with (
        catch_signals() as came,
        console.training(steps=total, done=done, metric=prepared.objective.metric),
    ):
        while not loop.done:
            try:
                for step in loop.steps():
                    console.step(loop.epoch * loop.steps_per_epoch + step)
                    if came and main:
                        save()
                        raise _interrupted(folder, came[0])
                    if time.monotonic() - last > recipe.checkpoint_seconds:
                        save()
                row = loop.end_epoch()
            except RuntimeError:
                if came and not main:  # the first process has saved the run and gone
                    raise _interrupted(folder, came[0]) from None
                raise
            save()
            if main:
                folder.write("metrics.csv", _csv((*before, *loop.history)))
            console.epoch(row, epochs=recipe.epochs, best=loop.best_epoch == row.epoch)
            if came and main:
                raise _interrupted(folder, came[0])


@contextmanager
def _closing(folder: RunFolder, accelerator: "Accelerator", console: Console) -> Iterator[None]:
    """Write down how the run ended where it did not reach its end; a full disk must not hide why."""

    def note(**facts: Any) -> None:
        if accelerator.is_main_process:
            with suppress(InputError):
                folder.note(**facts)

    try:
        yield
    except Interrupted:
        note(status="interrupted")
        raise
    except KeyboardInterrupt:
        note(status="interrupted")
        raise _interrupted(folder, signal.SIGINT) from None
    except InputError as error:
        note(status="failed", reason=str(error))
        raise


def _interrupted(folder: RunFolder, number: int) -> Interrupted:
    return Interrupted(
        f"stopped by {signal.Signals(number).name}; go on with: vade fit --resume {folder.path}",
        signal=int(number),
    )


def _open(earlier: RunFolder | None, recipe: Recipe, out: str | Path | None) -> Path:
    """The path of the folder to write into; that of an earlier run is swept of what a kill has left."""
    if earlier is not None:
        earlier.sweep()
        return earlier.path
    here = {}
    if recipe.data != "digits":
        here["data"] = os.path.abspath(recipe.data)  # the recipe must serve from anywhere
    if ":" in recipe.model:
        here["model"] = os.path.abspath(recipe.model)
    if recipe.pretrained:
        here["pretrained"] = os.path.abspath(recipe.pretrained)
    return RunFolder.create(out, recipe.changed(here)).path


def _refuse_other_data(earlier: RunFolder, prepared: Prepared) -> None:
    before = earlier.facts.get("data", {}).get("fingerprint")
    if before is not None and before != prepared.source.fingerprint:
        raise InputError(
            f"a run must go on with its own data: {prepared.recipe.data} has changed since {earlier.path} began; put "
            "the data back, or start anew from its recipe."
        )


def _circumstances(accelerator: "Accelerator", known: dict[str, Any], command: str) -> dict[str, Any]:
    """Machine and versions; what the run wrote before an interruption is kept."""
    now = {
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": torch.get_num_threads(),
        "processes": accelerator.num_processes,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("vademecum", "torch", "numpy", "accelerate", "safetensors")},
        },
        "machine": {
            "system": f"{platform.system()} {platform.machine()}", "device": str(accelerator.device),
            "precision": accelerator.mixed_precision, "cores": os.cpu_count(),
        },
    }  # fmt: skip
    return {name: known.get(name, value) for name, value in now.items()}


def _csv(history: Sequence[Row]) -> str:
    rows = (",".join(map(repr, asdict(row).values())) for row in history)
    return "\n".join([",".join(f.name for f in fields(Row)), *rows]) + "\n"
