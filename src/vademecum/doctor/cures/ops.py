"""Interventions at single operations: by function, and by the line of the user's code that calls them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, IterableDataset

from ..recording.recorder import Recorder
from ..recording.sites import caller
from .modes import Running

Replacement = Callable[..., Any]

FAMILIES: Mapping[str, frozenset[Any]] = {
    "softmax": frozenset({torch.softmax, functional.softmax, Tensor.softmax}),
    "log_softmax": frozenset({torch.log_softmax, functional.log_softmax, Tensor.log_softmax}),
    "sigmoid": frozenset({torch.sigmoid, functional.sigmoid, Tensor.sigmoid, torch.special.expit}),
    "tanh": frozenset((torch.tanh, functional.tanh, Tensor.tanh)),
    "relu": frozenset({torch.relu, functional.relu, Tensor.relu, torch.relu_, functional.relu6}),
    "detach": frozenset({torch.detach, Tensor.detach}),
    "round": frozenset({torch.round, Tensor.round}),
}  # fmt: skip

REGRESSIONS = frozenset({
    functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss,
})  # fmt: skip

DIFFERENCES = frozenset({
    torch.sub, Tensor.sub, Tensor.__sub__, Tensor.__rsub__, torch.subtract, Tensor.subtract,
}) | REGRESSIONS  # fmt: skip


class _Replacing(TorchFunctionMode):
    """Calls a replacement in place of some functions of torch."""

    def __init__(self, table: Mapping[Any, Replacement]):
        super().__init__()
        self.table = table

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        replacement = self.table.get(func)
        if replacement is None:
            return func(*args, **(kwargs or {}))
        return replacement(func, *args, **(kwargs or {}))


@contextmanager
def replaced(table: Mapping[Any, Replacement]) -> Iterator[None]:
    """Call ``replacement(own, *args, **kwargs)`` in place of functions of torch."""
    with _Replacing(table):
        yield


def _at(file: str, line: int) -> bool:
    """Whether the running line of the user's code is the wanted one; any line where none is wanted."""
    site = caller()
    return not line or (site.line == line and site.file == file)


@contextmanager
def identity(recorder: Recorder, *, family: str, file: str = "", line: int = 0) -> Iterator[None]:
    """Leave out an operation."""

    def leave_out(own: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return x if not recorder.busy and _at(file, line) else own(x, *args, **kwargs)

    with replaced(dict.fromkeys(FAMILIES[family], leave_out)):
        yield


@contextmanager
def last_dim(recorder: Recorder, *, file: str = "", line: int = 0) -> Iterator[None]:
    """Take a softmax over the classes."""

    def over_classes(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if recorder.busy or not _at(file, line):
            return own(x, *args, **kwargs)
        kwargs.pop("dim", None)
        return own(x, dim=1 if x.ndim in {2, 4} else -1, **kwargs)

    with replaced({own: over_classes for family in ("softmax", "log_softmax") for own in FAMILIES[family]}):
        yield


@contextmanager
def same_shape(recorder: Recorder) -> Iterator[None]:
    """Give prediction and target one shape where they would be broadcast to a matrix."""

    def fitted(own: Any, a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            isinstance(a, Tensor)
            and isinstance(b, Tensor)
            and a.shape != b.shape
            and a.numel() == b.numel() > 1
        ):
            if b.requires_grad and not a.requires_grad:
                a = a.reshape(b.shape)
            else:
                b = b.reshape(a.shape)
        return own(a, b, *args, **kwargs)

    with replaced(dict.fromkeys(DIFFERENCES, fitted)):
        yield


@contextmanager
def shuffle(recorder: Recorder) -> Iterator[None]:
    """Let every loader of a data set with indices draw in a random order."""
    own = DataLoader.__init__

    @wraps(own)
    def init(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
        plain = not isinstance(dataset, IterableDataset) and len(args) < 2
        if plain and not any(kwargs.get(name) for name in ("sampler", "batch_sampler")):
            kwargs["shuffle"] = True
        own(self, dataset, *args, **kwargs)

    DataLoader.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataLoader.__init__ = own  # type: ignore[method-assign]


@contextmanager
def causal(recorder: Recorder) -> Iterator[None]:
    """Let attention look back only."""

    def attention(
        own: Any, q: Tensor, k: Tensor, v: Tensor, attn_mask: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if attn_mask is None and not args and q.shape[-2] == k.shape[-2]:
            kwargs["is_causal"] = True
        return own(q, k, v, attn_mask, *args, **kwargs)

    def multi_head(own: Any, query: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("attn_mask") is None:
            size = len(query)
            kwargs["attn_mask"] = torch.ones(size, size, dtype=torch.bool, device=query.device).triu(1)
            kwargs["is_causal"] = False
        return own(query, *args, **kwargs)

    table: dict[Any, Replacement] = {
        functional.scaled_dot_product_attention: attention,
        functional.multi_head_attention_forward: multi_head,
    }
    with replaced(table):
        yield


@contextmanager
def guarded(recorder: Recorder, *, eps: float = 1e-6) -> Iterator[None]:
    """Keep logarithms, roots and divisors away from 0, and exponents from overflow."""

    def log(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return own(x.clamp_min(eps), *args, **kwargs)

    def exp(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return own(x.clamp_max(30.0), *args, **kwargs)

    def divided(own: Any, x: Any, by: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(by, Tensor) and by.is_floating_point():
            by = torch.where(by.abs() < eps, torch.full_like(by, eps), by)
        return own(x, by, *args, **kwargs)

    table: dict[Any, Replacement] = dict.fromkeys((torch.log, Tensor.log, torch.sqrt, Tensor.sqrt), log)
    table |= dict.fromkeys((torch.exp, Tensor.exp), exp)
    table |= dict.fromkeys((torch.div, Tensor.div, Tensor.__truediv__, Tensor.true_divide), divided)
    with replaced(table):
        yield


@contextmanager
def leaky(recorder: Recorder) -> Iterator[None]:
    """Let every ReLU pass a tenth of what is below 0."""
    with replaced({own: lambda own, x, *a, **k: functional.leaky_relu(x, 0.1) for own in FAMILIES["relu"]}):
        yield


@contextmanager
def rectified(recorder: Recorder) -> Iterator[None]:
    """Put a ReLU in place of the sigmoids and tanhs between layers; at an output they stay."""

    def relu(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return torch.relu(x) if not recorder.busy and x.requires_grad and x.shape[-1] > 16 else own(x)

    with replaced({own: relu for family in ("sigmoid", "tanh") for own in FAMILIES[family]}):
        yield


@contextmanager
def class_weights(recorder: Recorder) -> Iterator[None]:
    """Weight each class by the inverse of its share so far."""
    counts: dict[int, Tensor] = {}

    def weighted(
        own: Any, input: Tensor, target: Tensor, weight: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if not target.is_floating_point() and input.ndim > 1:
            classes = input.shape[1]
            if torch.is_grad_enabled():
                seen = torch.bincount(target.flatten().clamp(0, classes - 1), minlength=classes)
                counts[classes] = counts.get(classes, torch.zeros_like(seen)) + seen
                total = counts[classes].float().clamp_min(1)
                weight = (total.sum() / (classes * total)).to(input.dtype)
        return own(input, target, weight, *args, **kwargs)

    with replaced({functional.cross_entropy: weighted, functional.nll_loss: weighted}):
        yield


@contextmanager
def standardize_targets(recorder: Recorder) -> Iterator[None]:
    """Give regression losses targets of mean 0 and variance 1, by what has passed in training."""
    running = Running()

    def standard(own: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not target.requires_grad:
            if torch.is_grad_enabled() or not running.count:
                with torch.no_grad():
                    running.add(target.reshape(len(target), -1))
            target = running.standardized(target.reshape(len(target), -1)).reshape(target.shape)
        return own(input, target, *args, **kwargs)

    with replaced(dict.fromkeys(REGRESSIONS, standard)):
        yield


@contextmanager
def log_softmax(recorder: Recorder) -> Iterator[None]:
    """Give the negative log-likelihood log-probabilities."""

    def logged(own: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        total = input.detach().exp().sum(1)
        if torch.allclose(total, torch.ones_like(total), atol=1e-3):
            return own(input, *args, **kwargs)
        raw = input.detach()
        share = bool((raw >= 0).all()) and torch.allclose(raw.sum(1), raw.new_ones(()), atol=1e-3)
        return own(input.clamp_min(1e-12).log() if share else input.log_softmax(1), *args, **kwargs)

    with replaced({functional.nll_loss: logged}):
        yield


@contextmanager
def with_logits(recorder: Recorder) -> Iterator[None]:
    """Take the binary cross-entropy of scores as of scores."""

    def scored(own: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
        raw = input.detach()
        if bool(((raw >= 0) & (raw <= 1)).all()):
            return own(input, target, *args, **kwargs)
        return functional.binary_cross_entropy_with_logits(input, target)

    with replaced({functional.binary_cross_entropy: scored}):
        yield
