"""Read losses and accuracies that a script computes without gradients, from torch's functions themselves."""

import math
import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..recording.recorder import Recorder

LOSSES = frozenset({
    F.cross_entropy, F.nll_loss, F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits, F.kl_div, F.poisson_nll_loss, F.gaussian_nll_loss,
})  # fmt: skip
"""Losses whose arguments are (prediction, target)."""

EQUAL = frozenset({torch.eq, Tensor.eq, Tensor.__eq__})
CHOICES = frozenset({torch.argmax, Tensor.argmax, torch.topk, Tensor.topk})
LARGEST = frozenset({torch.max, Tensor.max})
ROUNDS = frozenset({
    torch.round, Tensor.round, torch.gt, Tensor.gt, Tensor.__gt__, torch.ge, Tensor.ge, Tensor.__ge__,
})  # fmt: skip
"""What makes answers of scores: the place of the largest, or the side of an edge."""

REMEMBERED = 32
"""Answers that are remembered until they are compared."""


class Listener(TorchFunctionMode):
    """Tells a recorder of losses and accuracies while no gradients are recorded.

    Args:
        recorder: told of what belongs to a pass of a model.
    """

    def __init__(self, recorder: Recorder):
        super().__init__()
        self._recorder, self._process = recorder, os.getpid()
        self._answers: deque[Tensor] = deque(maxlen=REMEMBERED)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch's, and look at it where it may be a figure of an evaluation."""
        given = kwargs or {}
        result = func(*args, **given)
        if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
            return result
        recorder = self._recorder
        if not recorder.busy and os.getpid() == self._process:
            try:
                self._look(func, args, given, result)
            except Exception as error:  # the doctor never ends a user's run
                recorder.failed("losses without gradients", error)
        return result

    def _look(self, func: Any, args: Sequence[Any], given: Mapping[str, Any], result: Any) -> None:
        if func in LOSSES:
            self._loss(args, given, result)
        elif func in EQUAL and len(args) == 2 and isinstance(result, Tensor):
            self._compared(args[0], args[1], result)
        elif func in CHOICES or (func in LARGEST and isinstance(result, tuple)):
            self._remember(result)
        elif func in ROUNDS:
            if isinstance(args[0], Tensor) and args[0].is_floating_point():
                self._remember(result)
        elif isinstance(result, Tensor) and args and self._is_answer(args[0]) and _as_many(result, args[0]):
            self._remember(result)  # moved, cast or reshaped

    def _loss(self, args: Sequence[Any], given: Mapping[str, Any], result: Any) -> None:
        target = args[1] if len(args) > 1 else given.get("target")
        if not isinstance(result, Tensor) or not result.numel() or not isinstance(target, Tensor):
            return
        value = float(result.float().mean())
        if given.get("reduction") == "sum" and target.numel():
            value /= target.numel()
        self._recorder.evaluated_loss(value)
        self._recorder.evaluated_target(target)

    def _compared(self, one: Any, other: Any, result: Tensor) -> None:
        """An accuracy is a comparison of answers with something of the same size that is no answer."""
        if not (isinstance(one, Tensor) and isinstance(other, Tensor) and result.numel()):
            return
        answers = self._is_answer(one), self._is_answer(other)
        if answers[0] == answers[1] or result.numel() != max(one.numel(), other.numel()):
            return
        if one.numel() != other.numel():  # (B, 1) against (B,) would compare all with all
            return
        target = other if answers[0] else one
        self._recorder.evaluated_loss(math.nan, float(result.float().mean()))
        self._recorder.evaluated_target(target)

    def _remember(self, result: Any) -> None:
        if isinstance(result, tuple):  # (values, places)
            self._remember(result[-1])
        elif isinstance(result, Tensor):
            self._answers.append(result)

    def _is_answer(self, value: Any) -> bool:
        return any(value is answer for answer in self._answers)


def _as_many(one: Tensor, other: Tensor) -> bool:
    return one.numel() == other.numel()
