"""From a recipe to what a run needs: data in three parts, and a model fitted to the shape of the training part."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum._torch.streams import same_streams
from vademecum.data import MinMax, Split, Standardize, TableEncoder, duplicates, sources, split

from .loop import Part, seed_of
from .nets import Rescale, build
from .objective import Objective
from .recipe import Recipe
from .run_folder import RunFolder

__all__ = ["Prepared", "load_model", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before the first step.

    Attributes:
        recipe: of the run.
        source: the data as they were found.
        split: the indices of the three parts.
        model: preprocessing, net and, in regression, rescaling; on the CPU.
        objective: what is minimized.
    """

    recipe: Recipe
    source: sources.Source
    split: Split
    model: nn.Module
    objective: Objective

    def part(self, name: str, device: torch.device | str = "cpu") -> Part:
        """Take the examples of one part.

        Args:
            name: "train", "val" or "test".
            device: where to put them.

        Returns:
            Inputs and targets.
        """
        index = getattr(self.split, name)
        return Part(self.source.x[index].to(device), self.source.y[index].to(device))

    @cached_property
    def copies(self) -> int:
        """Examples of validation and test that also stand in another part."""
        found = duplicates(self.source.x, self.split)
        return len(found.val_in_train) + len(found.test_in_train) + len(found.test_in_val)

    def facts(self) -> dict[str, Any]:
        """Say what ``run.json`` keeps of the data, the split and the model."""
        source, parts = self.source, self.split
        counts = torch.bincount(source.y, minlength=len(source.classes)).tolist() if source.classes else []
        return {
            "data": {
                "name": source.name,
                "kind": source.kind,
                "task": source.task,
                "target": source.target,
                "count": len(source),
                "shape": list(source.x.shape[1:]),
                "classes": list(source.classes),
                "class_counts": counts,
                "features": [{"name": f.name, "categories": list(f.categories)} for f in source.features],
                "notes": list(source.notes),
                "fingerprint": source.fingerprint,
                "copies_across_parts": self.copies,
            },
            "split": {
                "train": len(parts.train),
                "val": len(parts.val),
                "test": len(parts.test),
                "method": _method(source),
            },
            "model": _summary(self.recipe, self.model, source.x[parts.train[:1]]),
        }


def prepare(recipe: Recipe) -> Prepared:
    """Load and split the data, fit the statistics on the training part alone, and build the model.

    Args:
        recipe: of the run.

    Returns:
        The parts of the run; nothing is written.

    Raises:
        InputError: data or model cannot be used.
    """
    source = sources.load(
        recipe.data,
        target=recipe.target,
        group=recipe.group,
        time=recipe.time,
        image_size=None if recipe.image_size == "auto" else int(recipe.image_size),
    )
    parts = split(
        source.y,
        groups=source.groups,
        times=source.times,
        parts=source.parts,
        val_fraction=recipe.val_fraction,
        test_fraction=recipe.test_fraction,
        generator=torch.Generator().manual_seed(seed_of(recipe.seed, "split")),
    )
    x, y = source.x[parts.train], source.y[parts.train]
    preprocess = _preprocessing(recipe, source.kind, tuple(source.x.shape[1:]), source.features)
    if (fit := getattr(preprocess, "fit", None)) is not None:
        try:
            fit(x)
        except ValueError as error:
            raise InputError(str(error)) from error
    variance = 1.0 if source.classes else float(y.double().var(correction=0))
    if not variance > 0:
        raise InputError(
            f"the target must vary: {source.target} is {float(y[0]):g} in all {len(y)} training examples; "
            "choose another column by --target."
        )
    if source.classes:
        objective, rescale = Objective(len(source.classes), label_smoothing=recipe.label_smoothing), None
    else:
        objective, rescale = (
            Objective(variance=variance),
            Rescale(mean=float(y.double().mean()), std=variance**0.5),
        )
    model = _seeded_build(recipe, preprocess, x[:256], rescale, num_outputs=len(source.classes) or 1)
    return Prepared(recipe, source, parts, model, objective)


def load_model(path: str | Path) -> nn.Module:
    """Build the model of a finished run again, with its weights.

    Args:
        path: the run's folder.

    Returns:
        The model in evaluation mode: data as they came -> logits (B, K), or values (B,) in the target's unit.

    Raises:
        InputError: the run is not finished, or its recipe and weights do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = RunFolder(path)
    weights_path = folder.path / "model.safetensors"
    if not weights_path.exists():
        raise InputError(
            f"the run must be finished: {path} has no model.safetensors; go on with --resume {path}."
        )
    recipe, data = folder.recipe, folder.facts["data"]
    try:
        weights = load_file(weights_path)
        features = [sources.Feature(f["name"], tuple(f["categories"])) for f in data["features"]]
        preprocess = _preprocessing(recipe, data["kind"], tuple(data["shape"]), features)
        own = {k.removeprefix("preprocess."): t for k, t in weights.items() if k.startswith("preprocess.")}
        preprocess.load_state_dict(own)
        example = torch.zeros(2, *data["shape"])
        rescale = None if data["classes"] else Rescale(mean=0.0, std=1.0)
        # The weights are read from the file: drawing them by a policy would be for nothing.
        model = _seeded_build(
            recipe.changed({"init": "torch"}),
            preprocess,
            example,
            rescale,
            num_outputs=len(data["classes"]) or 1,
        )
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise InputError(
            f"the files of a run must belong together: {path} cannot be loaded ({error}); repeat it by "
            f"--recipe {folder.path / 'recipe.toml'}."
        ) from error
    return model.eval()


class _AsFloat(nn.Module):
    """Whole-number pixels as floating numbers, and nothing else: what preprocess=none means for images."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.is_floating_point() else x.float()


def _preprocessing(
    recipe: Recipe, kind: str, shape: Sequence[int], features: Sequence[sources.Feature]
) -> nn.Module:
    """The first part of the model, not yet fitted."""
    images = kind == "images"
    numeric = shape[0] if images else sum(not f.categories for f in features)
    scale: nn.Module
    if recipe.preprocess == "standardize":
        scale = Standardize(numeric)
    elif recipe.preprocess == "min_max":
        scale = MinMax(numeric)
    else:
        scale = _AsFloat()
    return scale if images else TableEncoder(features, scale=scale)


def _seeded_build(
    recipe: Recipe, preprocess: nn.Module, x: Tensor, rescale: Rescale | None, *, num_outputs: int
) -> nn.Module:
    """Build the model with weights that the recipe's seed alone decides, whatever the streams did before."""
    seed = seed_of(recipe.seed, "init")
    with same_streams():
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)  # the user's own net may draw from these two
        random.seed(seed)
        return build(recipe, preprocess, x, num_outputs=num_outputs, rescale=rescale)


def _method(source: sources.Source) -> str:
    """How the parts were cut, in a word or two."""
    if source.times is not None:
        return "in time"
    if source.groups is not None:
        return "by group"
    if source.parts is not None and bool((source.parts >= 0).any()):
        return "as given"
    return "stratified" if source.classes else "at random"


def _summary(recipe: Recipe, model: nn.Module, x: Tensor) -> Mapping[str, Any]:
    """Cost and receptive field, and a row for each layer."""
    from vademecum.nn.conv import summarize

    found = summarize(model, x)
    name = recipe.model
    if name == "auto":
        name = "cnn" if x.ndim == 4 else "mlp"
    return {
        "name": name,
        "parameters": found.parameters,
        "macs": found.macs,
        "receptive_field": list(found.receptive_field),
        "layers": [
            {
                "path": row.path,
                "type": row.type,
                "output": list(row.output_shape[1:]),
                "parameters": row.parameters,
                "macs": row.macs,
                "receptive_field": list(row.receptive_field),
            }
            for row in found.rows
        ],
    }
