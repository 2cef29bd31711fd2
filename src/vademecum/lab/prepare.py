"""From a recipe to what a run needs: data in three parts, and a model fitted to the shape of the training part."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum.data import Split, View, duplicates, sources, split
from vademecum.train import Plan, linear_on

from .assemble import Blueprint, prepared, seeded
from .examples import Part
from .loop import seed_of
from .nets import Rescale
from .objective import Objective
from .pretrained import PROBED, Pretrained, adopt, plan_for, read_pretrained
from .recipe import Recipe
from .run_folder import RunFolder
from .stages import Stages

__all__ = ["Member", "Prepared", "load_model", "prepare"]

TRIED = 256  # examples on which a new net is tried


@dataclass(frozen=True)
class Transfer:
    """How a run starts from trained weights.

    Attributes:
        pretrained: the weights.
        plan: what is trained again.
        scores: accuracy of a linear probe of each layer, where they were probed.
        new: parameters that the weights did not fill.
    """

    pretrained: Pretrained
    plan: Plan
    scores: Mapping[str, float]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """One network of a run; the only one, where it makes no ensemble.

    Attributes:
        recipe: the run's, with the member's own seed.
        model: preprocessing, net and, in regression, rescaling.
        objective: what it minimizes; what the loss learns is the member's own.
        stages: which parts of it train when, where it starts from trained weights.
    """

    recipe: Recipe
    model: nn.Sequential
    objective: Objective
    stages: Stages | None


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before the first step.

    Attributes:
        recipe: of the run.
        source: the data as they were found.
        split: the indices of the three parts.
        blueprint: what the model is built from.
        preprocess: fitted on the training part.
        rescale: last part of the model, in regression.
        objective: what is minimized.
        transfer: how it starts from trained weights, where it does not start from scratch.
    """

    recipe: Recipe
    source: sources.Source
    split: Split
    blueprint: Blueprint
    preprocess: nn.Module
    rescale: Rescale | None
    objective: Objective
    transfer: Transfer | None = None

    @cached_property
    def first(self) -> Member:
        """The first network, or the only one; on the CPU at first."""
        return self._member(self.recipe, self.objective)

    @property
    def model(self) -> nn.Sequential:
        """The model of the first member: preprocessing, net and, in regression, rescaling."""
        return self.first.model

    @property
    def members(self) -> int:
        """How many networks are trained, one after the other."""
        return self.recipe.ensemble if isinstance(self.recipe.ensemble, int) else 1

    def member(self, number: int) -> Member:
        """Make one of the networks: equal but for the seed of its first weights and of its order of examples.

        Args:
            number: from 0.

        Returns:
            The network, and how it is trained.
        """
        if number == 0:
            return self.first
        seed = seed_of(self.recipe.seed, "member", number)
        return self._member(
            self.recipe.changed({"seed": seed, "ensemble": 1}), self.objective.anew(self.recipe)
        )

    def _member(self, recipe: Recipe, objective: Objective) -> Member:
        model, stages = self._built(recipe), None
        if self.transfer is not None:
            net = model.get_submodule("net")
            stages = Stages(net, self.transfer.plan, epochs=recipe.epochs, weight_decay=recipe.weight_decay)
        return Member(recipe, model, objective, stages)

    def _built(self, recipe: Recipe) -> nn.Sequential:
        """Build a model, and start it from trained weights where there are some."""
        x = self.source.x[self.split.train[:TRIED]]
        seed = seed_of(recipe.seed, "init")
        net = self.blueprint.net(self.preprocess, x, seed=seed)
        if self.transfer is not None:
            adopt(net, self.transfer.pretrained, classes=self.source.classes)
            if on := self.transfer.plan.features:
                with seeded(seed):
                    net = linear_on(net, on, self.blueprint.num_classes or 1, prepared(self.preprocess, x))
        return self.blueprint.model(self.preprocess, net, self.rescale)

    def combined(self, states: Sequence[Mapping[str, Tensor]]) -> nn.Sequential:
        """Make the model that the run leaves behind.

        Args:
            states: of the networks that make it up, one or several.

        Returns:
            One model that takes data as they came, on the CPU.
        """
        model = deepcopy(self.model).cpu()
        if len(states) == 1:
            model.load_state_dict(dict(states[0]))
            return model
        model = self.blueprint.ensemble(model, len(states))
        members = model.get_submodule("net.members")
        for member, state in zip(members.children(), states):
            own = {n.removeprefix("net."): t for n, t in state.items() if n.startswith("net.")}
            member.load_state_dict(own)
        return model

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
            "transfer": self._transfer_facts(),
        }

    def _transfer_facts(self) -> dict[str, Any] | None:
        if self.transfer is None:
            return None
        plan, pretrained = self.transfer.plan, self.transfer.pretrained
        return {
            "origin": pretrained.origin,
            "net_shape": list(self.blueprint.net_shape),
            "scenario": plan.scenario,
            "head_on": plan.features or "",
            "reasons": list(plan.reasons),
            "scores": dict(self.transfer.scores),
            "new": list(self.transfer.new),
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
    y = source.y[parts.train]
    variance = 1.0 if source.classes else float(y.double().var(correction=0))
    if not variance > 0:
        raise InputError(
            f"the target must vary: {source.target} is {float(y[0]):g} in all {len(y)} training examples; "
            "choose another column by --target."
        )
    pretrained = read_pretrained(recipe.pretrained) if recipe.pretrained else None
    blueprint = Blueprint(
        recipe, source.kind, tuple(source.x.shape[1:]), source.features, len(source.classes), len(y),
        net_shape=pretrained.shape if pretrained else (),
    )  # fmt: skip
    preprocess = blueprint.preprocessing()
    _fit(preprocess, parts.view(source.x, "train"), pretrained)
    rescale = None if source.classes else Rescale(mean=float(y.double().mean()), std=variance**0.5)
    objective = Objective.of(recipe, num_classes=len(source.classes), variance=variance)
    found = Prepared(recipe, source, parts, blueprint, preprocess, rescale, objective)
    return found if pretrained is None else _begun(found, pretrained)


def _fit(preprocess: nn.Module, x: View, pretrained: Pretrained | None) -> None:
    """Fit the statistics on the training part, or take those with which the pretrained net has learned to live."""
    if pretrained is not None and pretrained.preprocess:
        try:
            preprocess.load_state_dict(dict(pretrained.preprocess))
        except RuntimeError as error:
            raise InputError(
                f"the data must be like those of the pretrained net: its preprocessing does not fit ({error}); give "
                "examples with the same channels or columns."
            ) from error
    elif (fit := getattr(preprocess, "fit", None)) is not None:
        try:
            fit(x)
        except ValueError as error:
            raise InputError(str(error)) from error


def _begun(found: Prepared, pretrained: Pretrained) -> Prepared:
    """Fill a net with the weights that there are, and choose what is trained again."""
    part, recipe, classes = found.part("train"), found.recipe, found.blueprint.num_classes
    net = found.blueprint.net(found.preprocess, part.x[:TRIED], seed=seed_of(recipe.seed, "init"))
    new = adopt(net, pretrained, classes=found.source.classes)
    plan, scores = plan_for(
        net, prepared(found.preprocess, part.x[:PROBED]), part.y, recipe, num_classes=classes
    )
    blueprint = replace(found.blueprint, head_on=plan.features or "")
    return replace(found, blueprint=blueprint, transfer=Transfer(pretrained, plan, scores, new))


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
    try:
        weights = load_file(weights_path)
        model = Blueprint.of_facts(folder.recipe, folder.facts).empty(weights)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise InputError(
            f"the files of a run must belong together: {path} cannot be loaded ({error}); repeat it by "
            f"--recipe {folder.path / 'recipe.toml'}."
        ) from error
    return model.eval()


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
