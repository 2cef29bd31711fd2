"""Augmentation inside a run: of images as they came, of tables as the net gets them.

Noise on the cells of a table would mean nothing: a category stands there as its index, and columns have units of their
own.
"""

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vademecum.data import Policy

from .recipe import Recipe

__all__ = ["Augmenting"]


class Augmenting:
    """Changes the examples of a training step by the recipe's policy.

    Args:
        model: of the run; for a table its net gets what the policy has changed, in training.
        recipe: of the run.
        x: (N, ...) inputs of the training part, from which some steps take statistics.

    Attributes:
        handles: of what was hung into the model.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, x: Tensor) -> None:
        self.policy: Policy | None = None
        self._generator = torch.Generator()
        self._images = x.ndim == 4
        self.handles: list[RemovableHandle] = []
        if recipe.augment == "none":
            return
        if self._images:
            top = float(x.max()) if x.is_floating_point() else None
            self.policy = Policy.parse(recipe.augment, max_value=top).fit(x)
            return
        with torch.no_grad():
            self.policy = Policy.parse(recipe.augment).fit(model.get_submodule("preprocess")(x))
        self.handles.append(model.get_submodule("net").register_forward_pre_hook(self._before_net))

    def __call__(self, x: Tensor, seed: int) -> Tensor:
        """Change a batch, or let the net do so.

        Args:
            x: (B, ...) inputs as they came.
            seed: of what is drawn.

        Returns:
            The inputs of the model.
        """
        if self.policy is None:
            return x
        self._generator.manual_seed(seed)
        return self.policy(x, generator=self._generator) if self._images else x

    def _before_net(self, net: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if not net.training or self.policy is None:
            return None
        return (self.policy(inputs[0], generator=self._generator),)
