"""How a run's model is put together: preprocessing, net, and what turns its answer into the target's unit.

A `Blueprint` holds everything but the numbers that were fitted or learned, so that a run and whoever loads it build the
same.
"""

import random
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams
from vademecum.data import TableEncoder, sources
from vademecum.train import Ensemble, linear_on

from .loop import seed_of
from .nets import Rescale, Temperature, build
from .parts import scalers
from .recipe import Recipe

__all__ = ["Blueprint", "prepared", "seeded"]


@dataclass(frozen=True)
class Blueprint:
    """What a model is built from.

    Attributes:
        recipe: of the run.
        kind: of the data, "images" or "table".
        shape: of an example.
        features: of a table; () for images.
        num_classes: K; 0 in regression.
        num_examples: N, of the training part.
        net_shape: of the examples for which the net was drawn up first, where it came from another run; () otherwise.
        head_on: path of the layer on which the head stands, where it stands on an earlier one; "" otherwise.
    """

    recipe: Recipe
    kind: str
    shape: tuple[int, ...]
    features: tuple[sources.Feature, ...]
    num_classes: int
    num_examples: int
    net_shape: tuple[int, ...] = ()
    head_on: str = ""

    @classmethod
    def of_facts(cls, recipe: Recipe, facts: Mapping[str, Any]) -> "Blueprint":
        """Read a blueprint out of what ``run.json`` keeps.

        Args:
            recipe: of the run.
            facts: of the run.

        Returns:
            The blueprint.
        """
        data, transfer = facts["data"], facts.get("transfer") or {}
        return cls(
            recipe,
            data["kind"],
            tuple(data["shape"]),
            tuple(sources.Feature(f["name"], tuple(f["categories"])) for f in data["features"]),
            len(data["classes"]),
            facts["split"]["train"],
            tuple(transfer.get("net_shape", ())),
            transfer.get("head_on", ""),
        )

    def preprocessing(self) -> nn.Module:
        """Make the first part of the model, not yet fitted.

        Returns:
            A module; with a method ``fit`` where there is something to fit.

        Raises:
            InputError: it is impossible on examples of this shape.
        """
        images = self.kind == "images"
        numeric = [f for f in self.features if not f.categories]
        try:
            scale = scalers(self.recipe.preprocess, self.shape if images else (len(numeric),))
        except ValueError as error:
            smaller = " In a recipe: preprocess=zca_channels, or a smaller image_size." if images else ""
            raise InputError(
                f"preprocess={self.recipe.preprocess} must be possible: {error}{smaller}"
            ) from error
        return scale if images else TableEncoder(self.features, scale=scale)

    def net(self, preprocess: nn.Module, x: Tensor, *, seed: int, init: str = "") -> nn.Module:
        """Build the net, with weights that a seed alone decides, whatever the streams did before.

        Args:
            preprocess: fitted.
            x: (B, ...) a few examples.
            seed: of the first weights.
            init: in place of the recipe's.

        Returns:
            The net.
        """
        recipe = self.recipe.changed({"init": init}) if init else self.recipe
        example = torch.zeros(2, *self.net_shape) if self.net_shape else x
        with seeded(seed):
            return build(
                recipe, prepared(preprocess, example), num_outputs=self.num_classes or 1,
                num_examples=self.num_examples,
            )  # fmt: skip

    def model(self, preprocess: nn.Module, net: nn.Module, rescale: Rescale | None) -> nn.Sequential:
        """Put the parts together.

        Args:
            preprocess: fitted.
            net: built.
            rescale: in regression.

        Returns:
            The model, with the parts under their names.
        """
        parts = OrderedDict(preprocess=preprocess, net=net)
        if rescale is not None:
            parts["rescale"] = rescale
        elif self.recipe.temperature != 1:
            first = 1.0 if isinstance(self.recipe.temperature, str) else self.recipe.temperature
            parts["temperature"] = Temperature(first)
        return nn.Sequential(parts)

    def empty(self, weights: Mapping[str, Tensor]) -> nn.Sequential:
        """Build the model that a file of weights belongs to, for these to be loaded.

        Args:
            weights: by name, as the run saved them.

        Returns:
            The model; preprocessing is filled already, for the net's shape depends on it.
        """
        preprocess = self.preprocessing()
        own = {k.removeprefix("preprocess."): t for k, t in weights.items() if k.startswith("preprocess.")}
        preprocess.load_state_dict(own)
        example = torch.zeros(2, *self.shape)
        net = self.net(preprocess, example, seed=seed_of(self.recipe.seed, "init"), init="torch")
        if self.head_on:
            net = linear_on(net, self.head_on, self.num_classes or 1, prepared(preprocess, example))
        model = self.model(preprocess, net, None if self.num_classes else Rescale(mean=0.0, std=1.0))
        members = {k.split(".")[2] for k in weights if k.startswith("net.members.")}
        return model if self.recipe.ensemble == 1 or not members else self.ensemble(model, len(members))

    def ensemble(self, model: nn.Sequential, count: int) -> nn.Sequential:
        """Put several copies of a model's net in its place, to answer together.

        Args:
            model: with a part called ``net``; left as it is.
            count: of copies.

        Returns:
            The model, with ``net.members`` to be filled with weights.
        """
        combine = "mean"
        if self.num_classes:  # the scores of a hinge are no logarithms of probabilities
            combine = "logit" if self.recipe.loss.startswith("hinge") else "prob"
        model = deepcopy(model)
        net = model.get_submodule("net")
        model.set_submodule("net", Ensemble([deepcopy(net) for _ in range(count)], combine=combine))
        return model


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let a seed decide what is drawn inside the block, whatever the streams did before.

    Args:
        seed: of all streams that a net may draw from, a user's own included.
    """
    with same_streams():
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield


def prepared(preprocess: nn.Module, x: Tensor) -> Tensor:
    """Send examples through the first part of a model.

    Args:
        preprocess: fitted.
        x: (B, ...) examples as they came.

    Returns:
        What the net gets.
    """
    with evaluating(preprocess), torch.no_grad():
        return preprocess(x)
