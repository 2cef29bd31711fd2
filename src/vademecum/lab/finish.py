"""After the training: the weights, the test part looked at once, the mistakes explained, papers and report."""

import io
import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vademecum import cite, data, losses, train
from vademecum._core import refs
from vademecum._core.cards import all_cards
from vademecum.data import Policy
from vademecum.explain import saliency

from . import figures, report
from .checkpoint import Row, detached
from .evaluate import Evaluation, evaluate
from .examples import Part, predict
from .prepare import Prepared
from .run_folder import RunFolder, write_whole

__all__ = ["calibrate", "finish"]


def calibrate(model: nn.Module, prepared: Prepared, val: Part) -> dict[str, Any]:
    """Fit the temperature on the validation part, where the recipe leaves it to that.

    Args:
        model: with the best weights; its temperature is set.
        prepared: what the run was made of.
        val: the validation part, on the model's device.

    Returns:
        What ``run.json`` keeps of it: the temperature, and why it is 1 where none could be fitted.
    """
    if prepared.recipe.temperature != "auto":
        return {}
    try:
        found = losses.fit_temperature(predict(model, val.x), val.y.cpu())
    except ValueError as error:
        return {"temperature": 1.0, "temperature_reason": str(error)}
    model.get_buffer("temperature.temperature").fill_(found)
    return {"temperature": found}


def finish(
    folder: RunFolder, prepared: Prepared, model: nn.Module, test: Part, history: tuple[Row, ...]
) -> Evaluation:
    """Write everything that a finished run holds beside its recipe and its history.

    Args:
        folder: of the run.
        prepared: what the run was made of.
        model: with the best weights.
        test: the test part, on the model's device.
        history: one row for each epoch.

    Returns:
        The evaluation of the test part.
    """
    from safetensors.torch import save

    folder.write("model.safetensors", save(detached(model.state_dict()), metadata={"format": "pt"}))
    scores = predict(model, test.x)
    source, index = prepared.source, prepared.split.test
    evaluation = evaluate(
        scores,
        test.y,
        task=source.task,
        classes=source.classes,
        items=[source.items[i] for i in index.tolist()],
        train_target=source.y[prepared.split.train],
    )
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays, index=index.numpy(), target=test.y.cpu().numpy(), scores=scores.numpy(), allow_pickle=False
    )
    folder.write("predictions.npz", arrays.getvalue())
    folder.write_json("evaluation.json", evaluation.to_dict())
    if source.kind == "images":
        _explain_mistakes(folder, model, test, scores, evaluation)
    folder.write("refs.bib", refs.bibtex(papers(prepared, model, images=source.kind == "images")))
    _write_events(folder, history, metric=prepared.objective.metric)
    return evaluation


def write_report(folder: RunFolder) -> Path:
    """Write the page of a run from the files that are there.

    Args:
        folder: of the run.

    Returns:
        The path of the page.
    """
    return report.write(folder.path)


def _explain_mistakes(
    folder: RunFolder, model: nn.Module, test: Part, scores: Tensor, evaluation: Evaluation
) -> None:
    """A picture of each of the worst mistakes: what did the model look at when it said the wrong thing?"""
    shutil.rmtree(folder.path / "mistakes", ignore_errors=True)  # of an earlier end that was killed
    where = torch.tensor([mistake.index for mistake in evaluation.mistakes], dtype=torch.int64)
    if not len(where):
        return
    x = test.x[where.to(test.x.device)].float()
    said = scores[where].argmax(1).to(x.device) if evaluation.classes else None
    heat = saliency(model, x, said)
    for number, (image, its_heat) in enumerate(zip(x.cpu(), heat.cpu()), 1):
        folder.write(f"mistakes/{number:02d}.png", figures.saliency_png(image, its_heat))


def papers(prepared: Prepared, model: nn.Module, *, images: bool) -> tuple[str, ...]:
    """The papers of the net, of its parts, and of what was done to train and examine it."""
    recipe, objective = prepared.recipe, prepared.objective
    used: list[object] = [*model.modules(), data.split, data.duplicates, train.EarlyStopping]
    used += [nn.CrossEntropyLoss] if objective.num_classes else [nn.MSELoss]
    used += [train.learning_rate_range] if recipe.learning_rate == "auto" else []
    used += [train.transfer_plan] if prepared.transfer is not None else []
    used += [losses.fit_temperature] if recipe.temperature == "auto" else []
    used += [saliency] if images else []
    used += (
        [] if recipe.augment == "none" else [type(step) for step in Policy.parse(recipe.augment).modules()]
    )
    cards = all_cards()
    slugs = [choice.part.slug for choice in recipe.chosen() if choice.part.slug]
    keys = {reference.key for slug in slugs for reference in cards[slug].references}
    return tuple(sorted(keys | set(cite.papers(used))))


def _write_events(folder: RunFolder, history: tuple[Row, ...], *, metric: str) -> None:
    """The history for TensorBoard, where it is installed. Its own writer appends, so it writes somewhere else."""
    if find_spec("tensorboard") is None:
        return
    from torch.utils.tensorboard import SummaryWriter

    for old in folder.path.glob("events.out.tfevents.*"):
        old.unlink()
    hidden = folder.path / f".events.{os.getpid()}.tmp"
    now = time.time() - (history[-1].seconds if history else 0)
    try:
        with SummaryWriter(str(hidden)) as writer:
            for row in history:
                for name, value in (
                    ("loss/train", row.train_loss), ("loss/validation", row.val_loss),
                    (f"{metric}/validation", row.val_metric), ("learning_rate", row.learning_rate),
                ):  # fmt: skip
                    writer.add_scalar(name, value, row.step, walltime=now + row.seconds)
        for file in hidden.iterdir():
            write_whole(folder.path / file.name, file.read_bytes())
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
