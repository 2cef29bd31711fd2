"""`fit`: from a recipe to a trained, examined, explained, cited model in a folder of its own."""

import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vademecum import doctor
from vademecum._core.errors import InputError
from vademecum._torch.streams import same_streams
from vademecum.train import learning_rate_range

from .checkpoint import Checkpoint
from .console import Console
from .evaluate import Evaluation
from .finish import finish, write_report
from .loop import Loop, Part, make_optimizer, seed_of
from .prepare import Prepared, prepare
from .recipe import Recipe
from .run_folder import RunFolder
from .surroundings import catch_signals, make_accelerator, on_main, reproducible

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["Interrupted", "Result", "fit"]

LAST = "checkpoints/last.safetensors"
LOWEST = {"adamw": 1e-4, "sgd": 1e-3}  # first rate of the range test
HIGHEST = {"adamw": 0.1, "sgd": 1.0}  # last rate of the range test
PEAK = 3.0  # times the rate at which learning begins; a run reaches its peak for a moment only
USUAL = {"adamw": 1e-3, "sgd": 0.03}  # where the range test sees nothing
PROBED = 256  # examples on which the checks look


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
    recipe, model, device = prepared.recipe, prepared.model.to(accelerator.device), accelerator.device
    train, val = prepared.part("train", device), prepared.part("val", device)
    checkpoint = Checkpoint.read(folder.path / LAST) if (folder.path / LAST).exists() else None

    def examine() -> float:
        facts = prepared.facts()
        folder.note(status="running", **_circumstances(accelerator, folder.facts, command), **facts)
        console.prepared(facts)
        return checkpoint.progress.rate if checkpoint else _look_before(folder, prepared, train, console)

    rate = on_main(accelerator, examine)
    loop = Loop(model, prepared.objective, train, val, recipe=recipe, rate=rate, accelerator=accelerator)
    if checkpoint is not None:
        loop.resume(checkpoint)
        console.heading("resume", f"after {loop.epoch} epochs and {loop.step} steps")
    _train(loop, folder, prepared, accelerator, console)
    model = accelerator.unwrap_model(loop.model, keep_fp32_wrapper=False)
    model.load_state_dict(loop.best)

    def conclude() -> dict[str, Any]:
        stopped = "early" if loop.epoch < recipe.epochs else "epochs"
        training = {
            "epochs_run": loop.epoch, "epochs_allowed": recipe.epochs, "best_epoch": loop.best_epoch,
            "patience": recipe.patience, "stopped": stopped,
        }  # fmt: skip
        evaluation = finish(folder, prepared, model, prepared.part("test", device), loop.history)
        folder.note(status="finished", training=training, seconds=loop.seconds)
        written = write_report(folder) if page else folder.path
        things = "images" if prepared.source.kind == "images" else "rows"
        console.result(evaluation, things=things, facts=folder.facts, report=str(written))
        return evaluation.to_dict()

    return Result(folder, Evaluation.from_dict(on_main(accelerator, conclude)))


def _train(
    loop: Loop, folder: RunFolder, prepared: Prepared, accelerator: "Accelerator", console: Console
) -> None:
    """Take every step that is left; save after each epoch, every few seconds, and when a signal comes."""
    recipe, main, last = prepared.recipe, accelerator.is_main_process, time.monotonic()

    def save() -> None:
        nonlocal last
        if main:
            folder.write(LAST, loop.checkpoint().to_bytes())
        last = time.monotonic()

    total = recipe.epochs * loop.steps_per_epoch
    before = loop.epoch * loop.steps_per_epoch + loop.step
    with (
        catch_signals() as came,
        console.training(steps=total, done=before, metric=prepared.objective.metric),
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
                folder.write("metrics.csv", _csv(loop))
            console.epoch(row, epochs=recipe.epochs, best=loop.best_epoch == row.epoch)
            if came and main:
                raise _interrupted(folder, came[0])


def _look_before(folder: RunFolder, prepared: Prepared, train: Part, console: Console) -> float:
    """Do the cheap experiments that show a fault before hours are spent, and find the rate."""
    recipe, objective = prepared.recipe, prepared.objective
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed_of(recipe.seed, "probe")))
    order = order.to(train.x.device)
    some = order[:PROBED]
    case = doctor.Case(prepared.model, train.x[some], train.y[some], objective.loss, objective.num_classes)
    found = [finding for check in CHECKS for finding in check(case)]
    if prepared.copies:
        found.append(
            doctor.Finding(
                "copies-across-parts", "warning",
                f"{prepared.copies} examples of validation and test also stand in another part: the test is too kind.",
                cure="Remove the copies, or keep them together by --group.", evidence={"copies": prepared.copies},
            )
        )  # fmt: skip
    described = [{**asdict(finding), "evidence": dict(finding.evidence)} for finding in found]
    folder.write_json("findings.json", described)
    console.findings(described)
    if recipe.learning_rate != "auto":
        rate = float(recipe.learning_rate)
        folder.note(learning_rate=rate, range_test=None)
        return rate
    batches = [(train.x[index], train.y[index]) for index in order.split(recipe.batch_size) if len(index) > 1]
    with same_streams():
        torch.default_generator.manual_seed(seed_of(recipe.seed, "range"))
        test = learning_rate_range(
            prepared.model, objective.loss, batches,
            lambda model: make_optimizer(model, recipe, rate=USUAL[recipe.optimizer]),
            low=LOWEST[recipe.optimizer], high=HIGHEST[recipe.optimizer],
        )  # fmt: skip
    fell = test.chosen != USUAL[recipe.optimizer]
    rate = PEAK * test.chosen if fell and recipe.schedule != "constant" else test.chosen
    why = (
        f"{test.reason} The peak of the schedule is {PEAK:g} times that."
        if rate != test.chosen
        else test.reason
    )
    folder.note(learning_rate=rate, range_test={**asdict(test), "reason": why})
    console.heading("rate", f"{rate:.3g} at its peak. {why}")
    return rate


CHECKS = (doctor.initial_loss, doctor.gradients, doctor.overfit_small)


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


def _csv(loop: Loop) -> str:
    names = "epoch,step,learning_rate,train_loss,val_loss,val_metric,seconds"
    rows = (",".join(map(repr, asdict(row).values())) for row in loop.history)
    return "\n".join([names, *rows]) + "\n"
